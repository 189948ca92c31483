package acme_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/examples/acme"
	"github.com/payoff-metrics/payoff/pkg/events"
)

const week = 7 * 24 * time.Hour

// A tally is what the stories are read from: as little of the events as will do,
// and none of the product's own counting, so that a story is told twice by ways
// that share nothing.
type tally struct {
	world    *acme.World
	services map[string]*acme.Service
	authored map[string]time.Time // by commit
	of       map[string]string    // service by commit
	merges   []merge
	shipped  map[string][]shipment // by service, in the order of time
	uses     map[string][]use      // by capability
	pages    []paged
	tickets  map[string][]time.Time // opened, by category
	changes  []change
	n        int
}

// A merge is a change of a person or bot that came to the default branch.
type merge struct {
	commits []string // of its branch, or the one it made
	actor   string
	at      time.Time
	service string    // once all commits are known
	first   time.Time // author time of its first commit
	out     time.Time // end of the deployment that shipped it; zero if none did
}

type shipment struct {
	start, end time.Time
	remedy     bool // puts back, or is marked as a hotfix
}

type use struct {
	team, unit string
	at         time.Time
	value      bool
}

// A change of a process, of everybody's when it names no team.
type change struct {
	at   time.Time
	team string
}

type paged struct {
	key, rotation string
	at            time.Time
	label         string
}

func newTally(t *testing.T, o acme.Options) *tally {
	t.Helper()
	w, err := acme.Build(o)
	if err != nil {
		t.Fatal(err)
	}
	y := &tally{world: w, services: map[string]*acme.Service{}, authored: map[string]time.Time{}, of: map[string]string{}, shipped: map[string][]shipment{},
		uses: map[string][]use{}, tickets: map[string][]time.Time{}}
	for _, s := range w.Services {
		y.services[s.Name] = s
	}
	if err := w.Tell(func(e *acme.Event) error { y.take(e); return nil }); err != nil {
		t.Fatal(err)
	}
	y.link()
	return y
}

func parse(text string) time.Time {
	t, err := events.ParseTime(text)
	if err != nil {
		panic(err)
	}
	return t
}

func (y *tally) take(e *acme.Event) {
	y.n++
	switch e.Kind {
	case events.CommitRecorded:
		y.authored[e.Subject], y.of[e.Subject] = parse(e.Content.AuthorTime), serviceOf(e)
	case events.ChangeMerged:
		y.merges = append(y.merges, merge{commits: append(slices.Clone(e.Custom.Commits), e.Custom.MergeCommit), actor: e.Actor, at: e.Time})
	case events.ServiceDeployed, events.ServiceRolledBack:
		if env := e.Content.Environment.ID; env == "production" || env == "production-eu" {
			y.shipped[e.Subject] = append(y.shipped[e.Subject], shipment{parse(e.Custom.StartedAt), e.Time, e.Custom.Hotfix || e.Kind == events.ServiceRolledBack})
		}
	case events.UsageRecorded:
		c := e.Content
		y.uses[c.Capability] = append(y.uses[c.Capability], use{c.Team, c.Unit, e.Time, c.Value})
	case events.PageTriggered:
		y.pages = append(y.pages, paged{key: e.Content.Key, rotation: e.Content.Rotation, at: e.Time})
	case events.PageLabelled:
		y.label(e.Content.Key, e.Content.Label)
	case events.ProcessChanged:
		y.changes = append(y.changes, change{e.Time, e.Content.Team})
	case events.TicketCreated:
		y.tickets[e.Custom.Category] = append(y.tickets[e.Custom.Category], e.Time)
	}
}

// label finds the page among the latest: streams are in the order of time.
func (y *tally) label(key, label string) {
	for i := len(y.pages) - 1; i >= 0; i-- {
		if y.pages[i].key == key {
			y.pages[i].label = label
			return
		}
	}
}

// serviceOf is the service whose files a commit touches.
func serviceOf(e *acme.Event) string {
	for _, p := range e.Content.Paths {
		if rest, ok := strings.CutPrefix(p, "services/"); ok {
			name, _, _ := strings.Cut(rest, "/")
			return name
		}
	}
	return strings.TrimSuffix(strings.TrimPrefix(e.Content.Repository.ID, "acme/"), "-screens")
}

// link finds each change's service, its beginning, and the deployment that shipped
// it.
func (y *tally) link() {
	for _, s := range y.shipped {
		slices.SortFunc(s, func(a, b shipment) int { return a.start.Compare(b.start) })
	}
	for i := range y.merges {
		m := &y.merges[i]
		m.service, m.first = y.of[m.commits[0]], y.authored[m.commits[0]]
		after := y.shipped[m.service]
		k, _ := slices.BinarySearchFunc(after, m.at, func(s shipment, at time.Time) int { return s.start.Compare(at) })
		for k < len(after) && after[k].remedy {
			k++
		}
		if k < len(after) {
			m.out = after[k].end
		}
	}
}

func isBot(actor string) bool { return strings.HasSuffix(actor, "[bot]") }

// leads are the lead times in hours of people's changes that were shipped in
// [from, to) and that the condition holds for.
func (y *tally) leads(from, to time.Time, holds func(t *acme.Team, m *merge) bool) (out []float64) {
	for i := range y.merges {
		m := &y.merges[i]
		s := y.services[m.service]
		if m.out.IsZero() || isBot(m.actor) || s == nil || m.out.Before(from) || !m.out.Before(to) {
			continue
		}
		if holds(s.Team(m.at), m) {
			out = append(out, m.out.Sub(m.first).Hours())
		}
	}
	return out
}

// median is of type 7, as everywhere in Payoff.
func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	h := float64(len(x)-1) / 2
	return (x[int(h)] + x[int(h+0.5)]) / 2
}

// shipments counts deployments, remedies left out, and remedies, of the services
// the condition holds for, in [from, to).
func (y *tally) shipments(from, to time.Time, holds func(*acme.Service) bool) (n, remedies float64) {
	for name, list := range y.shipped {
		if !holds(y.services[name]) {
			continue
		}
		for _, s := range list {
			switch {
			case s.end.Before(from) || !s.end.Before(to):
			case s.remedy:
				remedies++
			default:
				n++
			}
		}
	}
	return n, remedies
}

func all[T any](T) bool { return true }

// between counts the times in [from, to).
func between(times []time.Time, from, to time.Time) (n float64) {
	for _, t := range times {
		if !t.Before(from) && t.Before(to) {
			n++
		}
	}
	return n
}

// using are the lines of teams that used a capability in [from, to).
func (y *tally) using(capability string, from, to time.Time) map[string]bool {
	out := map[string]bool{}
	for _, u := range y.uses[capability] {
		if !u.at.Before(from) && u.at.Before(to) {
			out[y.world.Team(u.team).Line()] = true
		}
	}
	return out
}

// share is of the lines of teams there are.
func (y *tally) share(lines map[string]bool) float64 {
	n := 0
	for _, t := range y.world.Teams {
		if t.Continues == nil {
			n++
		}
	}
	return float64(len(lines)) / float64(n)
}
