package org_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/org"
)

func month(n int) string {
	return events.FormatTime(time.Date(2026, time.Month(n), 1, 0, 0, 0, 0, time.UTC))
}

func TestResolve(t *testing.T) {
	got := org.Resolve([]org.Entity{
		{Subject: "unit/commerce", Rows: []events.Declared{{}}},
		{Subject: "team/payments", Rows: []events.Declared{{Unit: "commerce", To: month(3)}, {Unit: "platform", From: month(3)}}},
		{Subject: "service/cart", Rows: []events.Declared{{Repository: "acme/shop"}, {Team: "payments", From: month(2), To: month(5)}}},
		{Subject: "person/1", Rows: []events.Declared{{Person: "p1", Team: "payments"}, {Person: "p1", Alias: "p9", To: month(4)}}},
		{Subject: "person/2", Rows: []events.Declared{{Person: "p2", Team: "payments", From: month(2)}, {Person: "p2", Team: "payments", From: month(3)}}},
	})
	var owned, sizes, aliases []string
	for _, o := range got.Ownerships {
		owned = append(owned, fmt.Sprintf("%s %s/%s %s", o.Service, o.Unit, o.Team, o.Period))
	}
	for _, s := range got.Sizes {
		sizes = append(sizes, fmt.Sprintf("%s %d %s", s.Team, s.Members, s.Period))
	}
	for _, a := range got.Aliases {
		aliases = append(aliases, fmt.Sprintf("%s is %s %s", a.Alias, a.Person, a.Period))
	}
	for _, c := range []struct{ got, want []string }{
		{owned, []string{"cart / from ever to 2026-02-01", "cart commerce/payments from 2026-02-01 to 2026-03-01", "cart platform/payments from 2026-03-01 to 2026-05-01", "cart / from 2026-05-01 to now on"}},
		{sizes, []string{"payments 1 from ever to 2026-02-01", "payments 2 from 2026-02-01 to now on"}},
		{aliases, []string{"p9 is p1 from ever to 2026-04-01"}},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestShown: whose a service is shown as follows its team's size, and a team of one
// takes another along only while it is its unit's only small one.
func TestShown(t *testing.T) {
	team := func(name string, members ...events.Declared) []org.Entity {
		out := []org.Entity{{Subject: "team/" + name, Rows: []events.Declared{{Unit: "u"}}}, {Subject: "service/of-" + name, Rows: []events.Declared{{Team: name}}}}
		for i, m := range members {
			m.Team, m.Person = name, fmt.Sprintf("%s-%d", name, i)
			out = append(out, org.Entity{Subject: "person/" + m.Person, Rows: []events.Declared{m}})
		}
		return out
	}
	always, until := events.Declared{}, func(n int) events.Declared { return events.Declared{To: month(n)} }
	got := org.Resolve(slices.Concat(
		team("big", always, always, always),
		team("one", always, until(2), until(3)),
		team("other", always, until(4), until(4)),
		[]org.Entity{{Subject: "service/nobodys", Rows: []events.Declared{{Repository: "acme/nobodys"}}}},
	))
	var shown []string
	for _, s := range got.Shown {
		hidden := map[bool]string{true: " hidden"}[s.Hidden]
		shown = append(shown, fmt.Sprintf("%s %s/%s%s %s", s.Service, s.Unit, s.Team, hidden, s.Period))
	}
	want := []string{
		"of-big u/big from ever to 2026-03-01",
		"of-big u/ hidden from 2026-03-01 to 2026-04-01", // the team of one is the only small one
		"of-big u/big from 2026-04-01 to now on",         // there are two: neither is what is left
		"of-one u/one from ever to 2026-02-01",
		"of-one u/ from 2026-02-01 to 2026-03-01", // of two
		"of-one u/ hidden from 2026-03-01 to now on",
		"of-other u/other from ever to 2026-04-01",
		"of-other u/ hidden from 2026-04-01 to now on",
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSizesAreUnknownWithoutMembers(t *testing.T) {
	got := org.Resolve([]org.Entity{{Subject: "team/payments", Rows: []events.Declared{{Unit: "commerce"}}}})
	if len(got.Sizes) != 0 {
		t.Errorf("a team of unknown size has the sizes %v", got.Sizes)
	}
}

// TestResolveIsTotal: contradictions of several sources, in any order, resolve to
// one answer that covers all time.
func TestResolveIsTotal(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	some := func(n int, format string) string { return fmt.Sprintf(format, rng.IntN(n)) }
	for range 300 {
		var entities []org.Entity
		for range 12 {
			e := org.Entity{Subject: []string{some(3, "team/t%d"), some(3, "service/s%d"), some(4, "person/%d")}[rng.IntN(3)]}
			for range rng.IntN(4) {
				row := events.Declared{Unit: some(2, "u%d"), Team: some(3, "t%d"), Person: some(4, "p%d")}
				if rng.IntN(3) > 0 {
					row.From = month(1 + rng.IntN(12))
				}
				if rng.IntN(3) > 0 {
					row.To = month(1 + rng.IntN(12))
				}
				e.Rows = append(e.Rows, row)
			}
			entities = append(entities, e)
		}
		got := org.Resolve(entities)
		checkResolved(t, got)
		slices.Reverse(entities)
		if diff := cmp.Diff(got, org.Resolve(entities)); diff != "" {
			t.Fatalf("the order of entities matters:\n%s", diff)
		}
	}
}

func TestNewsIsWhatDiffers(t *testing.T) {
	fact := func(at int64, rows ...events.Declared) events.Event {
		e, err := events.New(events.Draft{Source: org.Source, Kind: events.OrgDeclared, Natural: []string{"team/a"}, Subject: "team/a", Time: events.Earliest,
			Sequence: uint64(at), Mapping: org.Mapping, Content: events.Fields{Rows: rows}})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	first := fact(1, events.Declared{Unit: "u"})
	known := map[string]events.Version{"team/a": first.Version}
	if got := org.News([]events.Event{fact(2, events.Declared{Unit: "u"})}, known); len(got) != 0 {
		t.Errorf("the same said later is news: %v", got)
	}
	if got := org.News([]events.Event{fact(2, events.Declared{Unit: "v"})}, known); len(got) != 1 {
		t.Errorf("something else is no news: %v", got)
	}
	if got := org.News([]events.Event{first}, nil); len(got) != 1 {
		t.Errorf("what the store does not know is no news: %v", got)
	}
}
