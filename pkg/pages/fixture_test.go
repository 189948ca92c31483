package pages

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/metric/metrictest"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// Names that sources may send and pages must only ever show.
const (
	hostile = `<script>alert("1")</script>'&`
	formula = `=HYPERLINK("http://x")`
	slashed = "inventory/eu"
)

var (
	berlin = func() *time.Location {
		l, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			panic(err)
		}
		return l
	}()
	now = time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC)
)

// A recorder makes events as sources would.
type recorder struct {
	t   *testing.T
	out []events.Event
}

func (r *recorder) add(kind events.Kind, subject, actor string, at time.Time, content, custom events.Fields) {
	r.t.Helper()
	e, err := events.New(events.Draft{Source: "test", Kind: kind, Subject: subject, Time: at, Received: at.Add(time.Minute), Mapping: 1,
		ActorKind: events.Human, Actor: actor, Natural: []string{string(kind), subject, at.String()}, Content: content, Custom: custom})
	if err != nil {
		r.t.Fatal(err)
	}
	r.out = append(r.out, e)
}

func (r *recorder) deploy(service, environment, version, commit string, at time.Time) {
	r.t.Helper()
	r.add(events.ServiceDeployed, service, "", at, events.Fields{Environment: &events.Ref{ID: environment}},
		events.Fields{Version: version, Commit: commit, Attempt: service + version, Repository: &events.Ref{ID: "acme/" + service}})
}

// history is two years of payments, with a month of silence, and a deployment or
// two of many other services.
func history(t *testing.T) []events.Event {
	t.Helper()
	r := &recorder{t: t}
	parent := ""
	at := time.Date(2024, 11, 4, 9, 0, 0, 0, time.UTC)
	for i := range 140 {
		if at = at.Add(time.Duration(70+i*37%60) * time.Hour); at.Month() == time.August {
			continue
		}
		commit := fmt.Sprintf("%040x", i+1)
		content := events.Fields{Repository: &events.Ref{ID: "acme/payments"}, AuthorTime: events.FormatTime(at)}
		if parent != "" {
			content.Parents = []string{parent}
		}
		r.add(events.CommitRecorded, commit, "", at, content, events.Fields{})
		if parent = commit; i%3 == 0 {
			r.deploy("payments", "production", fmt.Sprintf("v1.%d.0", i), commit, at.Add(time.Duration(5+i*13%90)*time.Hour))
		}
	}
	for i, name := range []string{hostile, formula, slashed} {
		r.deploy(name, "production", "v1", "", at.AddDate(0, -4, i))
		r.deploy(name, "production", "v2", "", at.AddDate(0, -1, i))
	}
	for i := range 30 {
		r.deploy(fmt.Sprintf("service-%02d", i), "production", "v1", "", at.AddDate(0, -3, i))
	}
	r.deploy("only-staging", "staging", "v1", "", at)
	return r.out
}

// Commits of the cart.
var (
	cartFirst  = "c0" + strings.Repeat("0", 38)
	cartChange = "a1" + strings.Repeat("0", 38)
	cartMerge  = "a2" + strings.Repeat("0", 38)
	cartRevert = "a1" + strings.Repeat("f", 38)
	cartWaits  = "d1" + strings.Repeat("0", 38)
)

// cart is the story of one service: a reviewed change that fails and is reverted,
// an incident of no deployment, a change that waits; and the organisation around it.
func cart(t *testing.T) []events.Event {
	t.Helper()
	r := &recorder{t: t}
	on := func(day, hour int) time.Time { return time.Date(2026, 10, day, hour, 0, 0, 0, time.UTC) }
	repository := &events.Ref{ID: "acme/cart"}
	commit := func(hash, by string, at time.Time, f events.Fields) {
		f.Repository, f.AuthorTime = repository, events.FormatTime(at)
		r.add(events.CommitRecorded, hash, by, at, f, events.Fields{})
	}
	pull := func(kind events.Kind, by string, at time.Time, f events.Fields) {
		f.Repository = repository
		r.add(kind, "acme/cart#7", by, at, events.Fields{}, f)
	}
	incident := func(kind events.Kind, id string, at time.Time, f events.Fields) {
		f.Service, f.Environment = &events.Ref{ID: "cart"}, &events.Ref{ID: "production"}
		r.add(kind, id, "", at, events.Fields{}, f)
	}
	commit(cartFirst, "ada", on(1, 9), events.Fields{})
	r.deploy("cart", "production", "v1", cartFirst, on(2, 9))
	commit(cartChange, "bob", on(5, 8), events.Fields{Parents: []string{cartFirst}})
	pull(events.ChangeCreated, "bob", on(5, 9), events.Fields{})
	pull(events.ChangeUpdated, "bob", on(5, 10), events.Fields{ReadyAt: events.FormatTime(on(5, 10))})
	pull(events.ChangeReviewed, "ada", on(5, 15), events.Fields{})
	commit(cartMerge, "bob", on(6, 9), events.Fields{Parents: []string{cartFirst, cartChange}})
	pull(events.ChangeMerged, "bob", on(6, 9), events.Fields{MergeCommit: cartMerge, Commits: []string{cartChange}, DefaultBranch: true})
	r.deploy("cart", "production", "v2", cartMerge, on(7, 9))
	incident(events.IncidentDetected, "INC-1", on(7, 11), events.Fields{Deployment: "cartv2", Severity: "SEV2"})
	incident(events.IncidentResolved, "INC-1", on(7, 14), events.Fields{})
	commit(cartRevert, "ada", on(7, 12), events.Fields{Parents: []string{cartMerge}, Reverts: []string{cartChange}})
	r.deploy("cart", "production", "v3", cartRevert, on(7, 13))
	incident(events.IncidentDetected, "INC-2", on(20, 9), events.Fields{Severity: "SEV3"})
	commit(cartWaits, "ada", on(21, 9), events.Fields{Parents: []string{cartRevert}})
	r.add(events.BranchPushed, "refs/heads/main", "ada", on(21, 10),
		events.Fields{Repository: repository, Ref: "refs/heads/main", DefaultBranch: true, Before: cartRevert, Commit: cartWaits, Commits: []string{cartWaits}}, events.Fields{})
	for i, by := range []string{"eve", "eve", "eve"} { // lone has one committer
		commit, at := fmt.Sprintf("e%039x", i+1), on(5+7*i, 9)
		f := events.Fields{Repository: &events.Ref{ID: "acme/lone"}, AuthorTime: events.FormatTime(at)}
		if i > 0 {
			f.Parents = []string{fmt.Sprintf("e%039x", i)}
		}
		r.add(events.CommitRecorded, commit, by, at, f, events.Fields{})
		r.deploy("lone", "production", fmt.Sprintf("v77.%d", i), commit, at.Add(3*time.Hour))
	}
	r.add(events.IncidentDetected, "INC-77", "", on(12, 13), events.Fields{}, events.Fields{Service: &events.Ref{ID: "lone"}, Environment: &events.Ref{ID: "production"}})
	for i, at := range []time.Time{time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), time.Date(2026, 6, 10, 9, 0, 0, 0, time.UTC), time.Date(2026, 9, 9, 9, 0, 0, 0, time.UTC)} {
		r.deploy("shrinking", "production", fmt.Sprintf("v88.%d", i), "", at)
	}
	declare(r)
	return r.out
}

// declare is the organisation: bakery and checkout have three members, solo one, for
// which bakery stands in, pair two, small three until August and one since.
func declare(r *recorder) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	say := func(subject string, d events.Declared) {
		r.add(events.OrgDeclared, subject, "", at, events.Fields{Rows: []events.Declared{d}}, events.Fields{})
	}
	say("unit/commerce", events.Declared{})
	say("unit/logistics", events.Declared{})
	say("team/pair", events.Declared{Unit: "logistics"})
	say("service/service-03", events.Declared{Team: "pair"})
	say("team/small", events.Declared{Unit: "logistics"})
	say("service/shrinking", events.Declared{Team: "small"})
	for i, until := range []string{"", "2026-08-02T22:00:00Z", "2026-08-02T22:00:00Z"} {
		say(fmt.Sprintf("person/small-%d", i), events.Declared{Person: fmt.Sprintf("s%d", i), Team: "small", To: until})
	}
	say("service/lone", events.Declared{Team: "checkout"})
	say("team/bakery", events.Declared{Unit: "commerce"})
	say("team/checkout", events.Declared{Unit: "commerce"})
	say("team/solo", events.Declared{Unit: "commerce"})
	say("team/"+hostile, events.Declared{From: "2026-01-01T00:00:00Z"})
	say("service/service-02", events.Declared{Team: "bakery", From: "2026-01-01T00:00:00Z"})
	say("service/cart", events.Declared{Team: "checkout", From: "2026-01-01T00:00:00Z"})
	say("service/service-00", events.Declared{Team: "solo"})
	for i, team := range []string{"checkout", "checkout", "checkout", "solo", "bakery", "bakery", "bakery", "pair", "pair"} {
		say(fmt.Sprintf("person/%d", i), events.Declared{Person: fmt.Sprintf("p%d", i), Team: team})
	}
}

// openStores starts one engine; the reader is what the pages get.
func openStores(t *testing.T) (owner, reader *store.Store) {
	t.Helper()
	e := storetest.Start(t)
	owner = storetest.On(t, e)
	reader, err := store.Open(t.Context(), store.Options{DialContext: e.DialContext, User: engine.ReaderUser, Password: enginetest.ReaderPassword})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := reader.Close(); err != nil {
			t.Errorf("closing the reader's store: %v", err)
		}
	})
	return owner, reader
}

func loadAndCompute(t *testing.T, s *store.Store, evs []events.Event) {
	t.Helper()
	var offset int64
	if err := metrictest.Load(t.Context(), s, evs, &offset, now); err != nil {
		t.Fatal(err)
	}
	c := compute.New(compute.Options{Store: s, Metrics: catalogue.All(), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		Rules: compute.Rules{Location: berlin, Tier: strings.ToLower, Digest: "test"}})
	if _, err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}
