package behaviour

import (
	"cmp"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// Input is what a page of charts is made from. The order of Points, and repeats
// among them, do not matter.
type Input struct {
	Week     metric.Window  // that is judged
	Location *time.Location // of the organisation's calendar
	AsOf     time.Time      // when this was all that was known
	Metrics  []metric.Def   // the catalogue
	// Points are the main figures by week, from the first there is to Week; of other
	// grains what Windows is asked for.
	Points  []metric.Point
	Changes []metric.Change // of processes, as recorded
}

// A Page is every number of a page, and what its chart says of the week.
type Page struct {
	Input
	all      map[Key][]metric.Point
	verdicts map[Key]Verdict
}

// A Subject is whose number it is; all empty: the whole.
type Subject struct{ Service, Team, Unit string }

func (s Subject) String() string {
	return metric.Point{Service: s.Service, Team: s.Team, Unit: s.Unit}.Subject()
}

// Whom is the subject in a sentence.
func (s Subject) Whom() string {
	if s == (Subject{}) {
		return "all services"
	}
	return s.String()
}

// A Level is how wide a subject is.
type Level int

// The levels, from the narrowest.
const (
	Service Level = iota
	Team
	Unit
	Whole
)

// Level is how wide the subject is.
func (s Subject) Level() Level {
	switch {
	case s.Service != "":
		return Service
	case s.Team != "":
		return Team
	case s.Unit != "":
		return Unit
	}
	return Whole
}

func (s Subject) compare(o Subject) int {
	return cmp.Or(cmp.Compare(o.Level(), s.Level()), cmp.Compare(s.Unit, o.Unit), cmp.Compare(s.Team, o.Team), cmp.Compare(s.Service, o.Service))
}

// A Key names one series.
type Key struct {
	Metric string
	Grain  metric.Grain
	Of     Subject
}

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Metric, o.Metric), cmp.Compare(k.Grain, o.Grain), k.Of.compare(o.Of))
}

// index sorts main figures into series by time, one point a window: of repeats
// the last computed.
func index(ps []metric.Point) map[Key][]metric.Point {
	out := make(map[Key][]metric.Point)
	for _, p := range ps {
		if p.Dims == "" {
			k := Key{p.Metric, p.Grain, Subject{p.Service, p.Team, p.Unit}}
			out[k] = append(out[k], p)
		}
	}
	for k, s := range out {
		slices.SortFunc(s, func(a, b metric.Point) int {
			return cmp.Or(a.Start.Compare(b.Start), b.ComputedAt.Compare(a.ComputedAt))
		})
		out[k] = slices.CompactFunc(s, func(a, b metric.Point) bool { return a.Start.Equal(b.Start) })
	}
	return out
}

// Windows are the points of a series for n consecutive windows of grain g that
// end with the one that contains the page's week's last instant; a window without
// a point has one without a value.
func (p *Page) Windows(d metric.Def, g metric.Grain, of Subject, n int) []metric.Point {
	last := metric.At(g, p.Week.End.Add(-time.Millisecond), p.Location)
	from := last.Start
	for range n - 1 {
		from = metric.At(g, from.Add(-time.Millisecond), p.Location).Start
	}
	return p.Between(d, g, of, from, last.End)
}

// Between is Windows for those that intersect [from, to).
func (p *Page) Between(d metric.Def, g metric.Grain, of Subject, from, to time.Time) []metric.Point {
	known := make(map[time.Time]metric.Point)
	for _, pt := range p.all[Key{d.Name, g, of}] {
		if pt.Version == d.Version {
			known[pt.Start.UTC()] = pt
		}
	}
	var out []metric.Point
	for _, w := range metric.Between(g, from, to, p.Location) {
		pt, ok := known[w.Start.UTC()]
		if !ok || pt.Quality == metric.NoData {
			pt = metric.Point{Metric: d.Name, Version: d.Version, Grain: g, Service: of.Service, Team: of.Team, Unit: of.Unit, Quality: metric.NoData}
		}
		pt.Start, pt.End = w.Start, w.End
		if pt.Value != nil && (w.End.After(p.Week.End) || w.End.After(p.AsOf)) {
			pt.Quality = metric.Partial // a month that goes on after the week, a week that is not over
		}
		out = append(out, pt)
	}
	return out
}

// Has reports whether anything was ever published by week of the metric of a subject.
func (p *Page) Has(d metric.Def, of Subject) bool {
	return len(p.all[Key{d.Name, metric.Week, of}]) > 0
}

// Find is the metric of a name.
func (p *Page) Find(name string) (metric.Def, bool) {
	i := slices.IndexFunc(p.Metrics, func(d metric.Def) bool { return d.Name == name })
	if i < 0 {
		return metric.Def{}, false
	}
	return p.Metrics[i], true
}

// Subjects lists those of a level that have a value in the last year, by name.
func (p *Page) Subjects(level Level, defs []metric.Def) []Subject {
	since := metric.At(metric.Week, p.Week.Start.AddDate(-1, 0, 0), p.Location).Start
	seen := make(map[Subject]bool)
	var out []Subject
	for k, s := range p.all {
		if k.Of.Level() != level || seen[k.Of] || !slices.ContainsFunc(defs, func(d metric.Def) bool { return d.Name == k.Metric }) {
			continue
		}
		if slices.ContainsFunc(s, func(pt metric.Point) bool {
			return pt.Value != nil && pt.Start.After(since) && pt.Start.Before(p.Week.End)
		}) {
			seen[k.Of] = true
			out = append(out, k.Of)
		}
	}
	slices.SortFunc(out, Subject.compare)
	return out
}

// Verdict is what the chart of a metric of a subject says of the week.
func (p *Page) Verdict(d metric.Def, of Subject) Verdict {
	return p.verdicts[Key{d.Name, metric.Week, of}]
}

// Label names the window of a point.
func (p *Page) Label(pt metric.Point) string { return label(pt, p.Location) }

func label(pt metric.Point, loc *time.Location) string {
	return metric.Window{Grain: pt.Grain, Start: pt.Start, End: pt.End}.Label(loc)
}
