package review

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// hermit is a service whose changes are all of one person, and that fails in the
// reviewed week; pair is a team of two, owner of twofold.
func hermit(t *testing.T) []events.Event {
	t.Helper()
	var out []events.Event
	add := func(kind events.Kind, subject, actor string, at time.Time, content, custom events.Fields) {
		e, err := events.New(events.Draft{Source: "test", Kind: kind, Subject: subject, Time: at, Received: at.Add(time.Minute), Mapping: 1,
			ActorKind: events.Human, Actor: actor, Natural: []string{string(kind), subject, at.String()}, Content: content, Custom: custom})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	production := &events.Ref{ID: "production"}
	for i, service := range []string{"hermit", "twofold"} {
		repository := &events.Ref{ID: "acme/" + service}
		parent := ""
		for k := range 30 {
			at := monday.AddDate(0, 0, k-30)
			commit := fmt.Sprintf("%038x%d%d", k+1, 7, i)
			content := events.Fields{Repository: repository, AuthorTime: events.FormatTime(at)}
			if parent != "" {
				content.Parents = []string{parent}
			}
			parent = commit
			by := "ada"
			if i == 1 && k%2 == 0 {
				by = "bob"
			}
			add(events.CommitRecorded, commit, by, at, content, events.Fields{})
			add(events.ServiceDeployed, service, "", at.Add(time.Hour), events.Fields{Environment: production},
				events.Fields{Version: fmt.Sprintf("%s-v%d", service, k), Commit: commit, Repository: repository, Attempt: fmt.Sprint(service, k)})
		}
		began := monday.AddDate(0, 0, -3)
		about := events.Fields{Environment: production, Service: &events.Ref{ID: service}}
		add(events.IncidentDetected, "INC-"+service, "", began.Add(2*time.Hour), events.Fields{}, about)
		add(events.IncidentResolved, "INC-"+service, "", began.Add(4*time.Hour), events.Fields{}, about)
	}
	declare := func(subject string, d events.Declared) {
		add(events.OrgDeclared, subject, "", monday.AddDate(-1, 0, 0), events.Fields{Rows: []events.Declared{d}}, events.Fields{})
	}
	declare("unit/shop", events.Declared{})
	for team, members := range map[string]int{"pair": 2, "crowd": 4} {
		declare("team/"+team, events.Declared{Unit: "shop"})
		for i := range members {
			declare(fmt.Sprintf("person/%s-%d", team, i), events.Declared{Person: fmt.Sprint(team, i), Team: team})
		}
	}
	declare("service/hermit", events.Declared{Team: "crowd"})
	declare("service/twofold", events.Declared{Team: "pair"})
	return out
}

// TestHiddenIsNotNamed: what is not shown by itself is in no table of the review, and
// what happened to it is counted and not named.
func TestHiddenIsNotNamed(t *testing.T) {
	s := storetest.Open(t)
	desk := Desk{Store: s, Location: berlin, Metrics: catalogue.All(), Now: func() time.Time { return monday }}
	var offset int64
	loadAndCompute(t, s, append(history(t), hermit(t)...), &offset, monday)
	e, err := desk.Weekly(t.Context(), desk.LastWeek(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"page": string(e.HTML), "text": string(e.Markdown)} {
		for _, hidden := range []string{"hermit", ">pair<", "| pair |"} {
			if strings.Contains(text, hidden) {
				t.Errorf("the %s of the review names %s", name, hidden)
			}
		}
		for _, shown := range []string{"shop", "crowd", "twofold", "2 incidents", "INC-twofold", "And 1 more."} {
			if !strings.Contains(text, shown) {
				t.Errorf("the %s of the review does not say %q", name, shown)
			}
		}
	}
	if t.Failed() {
		t.Logf("%s", e.Markdown)
	}
}
