package review

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric"
)

// TestRecordedChange: a process that somebody said to have changed is judged by
// what came after, and says so; one that changed by itself is news for ever.
func TestRecordedChange(t *testing.T) {
	of := behaviour.Subject{Team: "notifications"}
	cleaned := func(n int, r *rand.Rand) float64 {
		if v := 30 + 4*r.NormFloat64(); n < 40 {
			return max(0, v)
		}
		return max(0, 8+2*r.NormFloat64())
	}
	ps := series(pages, of, 70, 3, cleaned)
	at := week(40).Start
	change := metric.Change{At: at, What: "Dead alerts thrown out", Metrics: []string{pages.Name}, Team: "notifications"}
	change2 := func(with func(*metric.Change)) metric.Change {
		c := change
		with(&c)
		return c
	}
	for _, c := range []struct {
		name    string
		week    int
		changes []metric.Change
		news    bool
		says    string
	}{
		{"not recorded", 69, nil, true, "usual is 29.7"},
		{"recorded", 69, []metric.Change{change}, false, "usual since the recorded change of 11 May 2026 (Dead alerts thrown out) is 7.74"},
		{"of everybody", 69, []metric.Change{change2(func(c *metric.Change) { c.Team, c.Metrics = "", nil })}, false, "since the recorded change"},
		{"of others", 69, []metric.Change{change2(func(c *metric.Change) { c.Team = "search" })}, true, "usual is 29.7"},
		{"of another metric", 69, []metric.Change{change2(func(c *metric.Change) { c.Metrics = []string{"dora.score"} })}, true, "usual is 29.7"},
		{"in the middle of its week", 69, []metric.Change{change2(func(c *metric.Change) { c.At = at.Add(-3 * 24 * time.Hour) })}, false, "8 May 2026"},
		{"provisional at first", 52, []metric.Change{change}, false, "provisional from 13 weeks"},
		{"without limits in the beginning", 45, []metric.Change{change}, false, "No limits yet: they need 12 complete weeks, and there are 6 since the recorded change of 11 May 2026"},
		{"before anything was known", 69, []metric.Change{change2(func(c *metric.Change) { c.At = week(-9).Start })}, true, "usual is 29.7"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := input(ps[:c.week+1], c.week, pages)
			in.Changes = c.changes
			page, err := behaviour.Judge(behaviour.Input{Week: in.Week, Location: berlin, AsOf: in.AsOf, Metrics: in.Metrics, Points: in.Points, Changes: c.changes})
			if err != nil {
				t.Fatal(err)
			}
			v := page.Verdict(pages, of)
			if says := page.Says(pages, v.Points[v.At], v); !strings.Contains(says, c.says) {
				t.Errorf("it says %q, want %q", says, c.says)
			}
			if got := len(build(t, in).Signals) > 0; got != c.news {
				t.Errorf("news: %t, want %t", got, c.news)
			}
		})
	}

	// The change stands in the drawing, and the limits begin with it.
	in := input(append(slices.Clone(ps), series(pages, behaviour.Subject{}, 70, 3, cleaned)...), 69, pages)
	in.Changes = []metric.Change{change2(func(c *metric.Change) { c.Team = "" })}
	svg := string(build(t, in).Sections[0].Figures[0].Chart)
	if !strings.Contains(svg, ">Dead alerts thrown out</text>") || !strings.Contains(svg, "Usual since 11 May 2026 between") {
		t.Errorf("the drawing does not tell of the change: %s", svg)
	}
}

// TestRareEvents: what happens in few weeks is judged by the weeks between.
func TestRareEvents(t *testing.T) {
	// Every fourth week, about.
	seldom := func(to int) valueOf {
		return func(n int, r *rand.Rand) float64 {
			if hit := r.Float64() < 0.25; n < to && hit {
				return 1
			}
			return 0
		}
	}
	says := func(weeks int, f valueOf) (string, []string) {
		r := build(t, input(series(pages, behaviour.Subject{}, weeks, 11, f), weeks-1, pages))
		return r.Sections[0].Figures[0].Verdict, said(r)
	}
	if v, news := says(100, seldom(100)); !strings.HasPrefix(v, "Rare, and within what is usual: ") || news != nil {
		t.Errorf("as ever: %q, news %v", v, news)
	}
	v, news := says(130, seldom(100))
	if !strings.HasPrefix(v, "Longer without than the limit: ") || !strings.Contains(v, "weeks without since the last; usual is 4, limit 18.") {
		t.Errorf("never again: %q", v)
	}
	if diff := cmp.Diff([]string{"oncall.pages of all services"}, news); diff != "" {
		t.Errorf("never again (-want +got):\n%s", diff)
	}
	// From week 100 on every week has one.
	v, news = says(115, func(n int, r *rand.Rand) float64 {
		if n >= 100 {
			return 1
		}
		return seldom(100)(n, r)
	})
	if !strings.HasPrefix(v, "At least eight times in a row sooner again than usual: 0 weeks without before this one") || news == nil {
		t.Errorf("every week now: %q, news %v", v, news)
	}
	// A page of rare events in which nothing changed is quiet.
	loud := 0
	for seed := range uint64(10) {
		var ps []metric.Point
		for i := range uint64(100) {
			ps = append(ps, series(pages, behaviour.Subject{Service: string(rune('a'+i%26)) + string(rune('a'+i/26))}, 104, 5000*seed+i, seldom(104))...)
		}
		if r := build(t, input(ps, 103, pages)); len(r.Signals) > 0 {
			loud++
		}
	}
	if loud > 2 {
		t.Errorf("%d of 10 pages of nothing new have a signal", loud)
	}
}

// TestToDate: month, quarter and year so far stand beside weeks and months; what is
// not over says until when the data is known, whatever the clock says.
func TestToDate(t *testing.T) {
	in := acme() // the week ends on 8 November 2026
	ask := func() (got []string) {
		t.Helper()
		for _, r := range build(t, in).Sections[0].Figures[0].ToDate {
			got = append(got, r.Period+": "+r.Quality)
		}
		return got
	}
	said := func(until string) []string {
		return []string{"2026-11 to date: partial, until " + until, "2026-Q4 to date: partial, until " + until, "2026 to date: partial, until " + until}
	}
	in.KnownTo = time.Time{}
	if diff := cmp.Diff(said("9 Nov 2026"), ask()); diff != "" {
		t.Errorf("where nobody knows until when (-want +got):\n%s", diff)
	}
	in.KnownTo = time.Date(2026, 11, 8, 0, 0, 0, 0, berlin)
	if diff := cmp.Diff(said("7 Nov 2026"), ask()); diff != "" {
		t.Errorf("known to the end of Saturday (-want +got):\n%s", diff)
	}
	if md, page := render(t, build(t, in)); !strings.Contains(md, "06:00 CET, from data until 7 November 2026.") || !strings.Contains(page, "06:00 CET, from data until 7 November 2026.") {
		t.Errorf("the review does not say until when its data goes:\n%.300s", md)
	}
	// Asked for later, a month that is over is not "to date", and still no number of
	// the week's.
	in.AsOf = time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC)
	if r := build(t, in).Sections[0].Figures[0].ToDate[0]; r.Period != "2026-11" || r.Quality != "partial, not compared" {
		t.Errorf("later: %+v", r)
	}
}

// TestFewCases: one failure of five deployments is no news, though five times the
// usual share; twenty of a hundred are.
func TestFewCases(t *testing.T) {
	of := behaviour.Subject{Service: "notifications-worker"}
	shares := func(cases uint64, usual, last func(*rand.Rand) float64) []string {
		r := rand.New(rand.NewPCG(8, 8))
		var ps []metric.Point
		for n := range 60 {
			share := usual(r)
			if n == 59 {
				share = last(r)
			}
			ps = append(ps, point(failRate, week(n), of, share, cases))
		}
		return said(build(t, input(ps, 59, failRate)))
	}
	seldom := func(r *rand.Rand) float64 {
		if r.Float64() < 0.15 {
			return 0.2
		}
		return 0
	}
	if got := shares(5, seldom, func(*rand.Rand) float64 { return 0.2 }); got != nil {
		t.Errorf("one of five: %v", got)
	}
	often := func(r *rand.Rand) float64 { return 0.02 + 0.03*r.Float64() }
	if got := shares(100, often, func(*rand.Rand) float64 { return 0.2 }); len(got) != 1 {
		t.Errorf("twenty of a hundred: %v", got)
	}
}
