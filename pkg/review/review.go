// Package review writes the weekly operational review: what changed beyond noise,
// then the numbers of every domain for the whole, units, teams and services.
//
// It stands at the end of the flow and reads published points only:
//
//	metric_points, week's facts ──Gather──▶ Input ──Build──▶ Review ──▶ Markdown, HTML
//	                                                                       │
//	                                        payoff.reviews ◀──Publish──────┘
//
// Build, Markdown and HTML are pure: the same points and facts, in any order and
// any number of times, give the same bytes. A review that was published is kept
// as it was; Desk gives it again, or says what it would say today.
//
// A number is news only when a process-behaviour chart says so and the false
// discovery rate over all charts of the page allows it (see judge). Partial weeks
// are labelled, never judged and never compared; teams and services stand in the
// order of their names.
package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// Input is everything a review is made from. The order of Points and Facts, and
// repeats among them, do not matter.
type Input struct {
	Week         metric.Window
	Location     *time.Location // of the organisation's calendar
	Organisation string         // its name; may be empty
	AsOf         time.Time      // when this was all that was known
	Metrics      []metric.Def   // the catalogue, in the order of sections
	// Points are the main figures by week, from the first there is to Week, and by
	// month, of at least the last 12.
	Points []metric.Point
	Facts  []Fact // of the week
	// FactsLater says that Facts are known later than AsOf.
	FactsLater bool
	// Restated is how many earlier numbers were corrected during the week, and
	// RestatedWeeks in how many weeks.
	Restated, RestatedWeeks uint64
}

// A Review is a review in words and drawings, ready for rendering.
type Review struct {
	Organisation string    `json:"organisation,omitempty"`
	Week         string    `json:"week"`          // "2026-W46"
	Days         string    `json:"days"`          // "9 to 15 November 2026"
	AsOf         string    `json:"as_of"`         // "16 November 2026, 06:00 CET"
	Running      bool      `json:"running"`       // the week was not over
	Partial      bool      `json:"partial"`       // it was over, and some number was only partly known
	Judgement    string    `json:"judgement"`     // what was looked at, and what chance gives
	Signals      []Signal  `json:"signals"`       // at most maxSignals
	Happened     []string  `json:"what_happened"` // in the whole organisation
	Sections     []Section `json:"sections"`      // those with data, by domain
}

// A Signal is news: a number that its process-behaviour chart does not explain.
type Signal struct {
	ID       string   `json:"-"`
	Title    string   `json:"metric"`
	Name     string   `json:"name"` // of the metric
	Subject  string   `json:"subject"`
	Value    string   `json:"value"`
	Evidence string   `json:"evidence"` // interval and n
	Says     string   `json:"says"`     // which rule, against which limits
	Better   string   `json:"better"`   // which way is better
	Chance   string   `json:"chance"`
	Beside   []Beside `json:"read_with"` // guardrails in the same week
	Happened []string `json:"what_happened"`
	Chart    Drawing  `json:"-"`
}

// A Beside is a number that another must be read with.
type Beside struct {
	Title string `json:"metric"`
	Text  string `json:"text"`
}

// A Section is what is known of one domain.
type Section struct {
	ID      string   `json:"-"`
	Title   string   `json:"title"`
	Figures []Figure `json:"figures"` // of the whole
	Levels  []Level  `json:"levels"`  // units, teams, services
}

// A Figure is one metric of the whole.
type Figure struct {
	ID       string   `json:"-"`
	Title    string   `json:"metric"`
	Name     string   `json:"name"`
	Question string   `json:"question"`
	Class    string   `json:"class"`
	Value    string   `json:"value"`
	Evidence string   `json:"evidence"`
	Verdict  string   `json:"verdict"` // of its chart
	Beside   []Beside `json:"read_with"`
	Facts    string   `json:"facts"`  // what n counts
	Weeks    []Row    `json:"weeks"`  // the last 6, the latest first, and the same week a year before
	Months   []Row    `json:"months"` // the last 12, the latest first
	Chart    Drawing  `json:"-"`
}

// A Row is one window.
type Row struct {
	Period   string `json:"period"`
	Value    string `json:"value"`
	Interval string `json:"interval"`
	N        uint64 `json:"n"`
	Quality  string `json:"quality"`
}

// A Level is a table of units, teams or services, in the order of their names.
type Level struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"` // metrics
	Note    string     `json:"note,omitempty"`
	Rows    []LevelRow `json:"rows"`
}

// A LevelRow is one unit, team or service.
type LevelRow struct {
	Name  string `json:"name"`
	Cells []Cell `json:"cells"`
}

// A Cell is one metric of one subject.
type Cell struct {
	Value    string  `json:"value"`
	Evidence string  `json:"evidence,omitempty"`
	Note     string  `json:"note,omitempty"`
	Weeks    Drawing `json:"-"` // the last 6
	Months   Drawing `json:"-"` // the last 12; units only
}

// Spans of a review.
const (
	shownWeeks   = 6
	shownMonths  = 12
	chartedWeeks = 52
	maxSignals   = 10
)

// Cells of all tables by level that fit a document of a megabyte, and how many of
// them may be drawn.
const (
	mostCells = 4000
	mostDrawn = 1600
)

// Empty reports whether there is nothing to review: no number of any week shown.
func (r Review) Empty() bool { return len(r.Sections) == 0 }

// ready reports whether some number of the whole covers the whole week.
func (r Review) ready() bool {
	for _, s := range r.Sections {
		for _, f := range s.Figures {
			if q := f.Weeks[0].Quality; q == quality(metric.OK) || q == quality(metric.LowN) {
				return true
			}
		}
	}
	return false
}

// Build makes the review. It returns an error for points that cannot be charted:
// a share above 1, a value that is infinite.
func Build(in Input) (Review, error) {
	b := builder{Input: in, all: index(in.Points), happened: tally(in)}
	verdicts, err := b.judge()
	if err != nil {
		return Review{}, err
	}
	b.verdicts = verdicts
	r := Review{
		Organisation: in.Organisation,
		Week:         in.Week.Label(in.Location),
		Days:         days(in.Week, in.Location),
		AsOf:         in.AsOf.In(in.Location).Format("2 January 2006, 15:04 MST"),
		Running:      in.AsOf.Before(in.Week.End),
		Judgement:    b.judgement(),
		Happened:     b.whatHappened(Subject{}, namedInAll),
	}
	for i, v := range b.news() {
		r.Signals = append(r.Signals, b.signal(i+1, v))
	}
	for _, domain := range b.domains() {
		if s := b.section(domain); len(s.Figures)+len(s.Levels) > 0 {
			r.Sections = append(r.Sections, s)
		}
	}
	for _, d := range in.Metrics {
		r.Partial = r.Partial || !r.Running && b.windows(d, metric.Week, Subject{}, 1)[0].Quality == metric.Partial
	}
	return r, nil
}

// A builder is a review in the making.
type builder struct {
	Input
	all      map[key][]metric.Point
	happened happenings
	verdicts map[key]verdict
	cells    int // of tables so far
}

// A Subject is whose number it is; all empty: the whole.
type Subject struct{ Service, Team, Unit string }

func (s Subject) String() string {
	return metric.Point{Service: s.Service, Team: s.Team, Unit: s.Unit}.Subject()
}

// level orders subjects from the narrowest to the widest.
func (s Subject) level() int {
	switch {
	case s.Service != "":
		return 0
	case s.Team != "":
		return 1
	case s.Unit != "":
		return 2
	}
	return 3
}

func (s Subject) compare(o Subject) int {
	return cmp.Or(cmp.Compare(o.level(), s.level()), cmp.Compare(s.Unit, o.Unit), cmp.Compare(s.Team, o.Team), cmp.Compare(s.Service, o.Service))
}

// A key names one series.
type key struct {
	metric string
	grain  metric.Grain
	of     Subject
}

func (k key) compare(o key) int {
	return cmp.Or(cmp.Compare(k.metric, o.metric), cmp.Compare(k.grain, o.grain), k.of.compare(o.of))
}

// index sorts main figures into series by time, one point a window: of repeats
// the last computed.
func index(ps []metric.Point) map[key][]metric.Point {
	out := make(map[key][]metric.Point)
	for _, p := range ps {
		if p.Dims == "" {
			k := key{p.Metric, p.Grain, Subject{p.Service, p.Team, p.Unit}}
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

// windows are the points of a series for n consecutive windows of grain g that
// end with the one that contains the review's week's last instant; a window
// without a point has one without a value.
func (b *builder) windows(d metric.Def, g metric.Grain, of Subject, n int) []metric.Point {
	last := metric.At(g, b.Week.End.Add(-time.Millisecond), b.Location)
	from := last.Start
	for range n - 1 {
		from = metric.At(g, from.Add(-time.Millisecond), b.Location).Start
	}
	return b.between(d, g, of, from, last.End)
}

func (b *builder) between(d metric.Def, g metric.Grain, of Subject, from, to time.Time) []metric.Point {
	known := make(map[time.Time]metric.Point)
	for _, p := range b.all[key{d.Name, g, of}] {
		if p.Version == d.Version {
			known[p.Start.UTC()] = p
		}
	}
	var out []metric.Point
	for _, w := range metric.Between(g, from, to, b.Location) {
		p, ok := known[w.Start.UTC()]
		if !ok || p.Quality == metric.NoData {
			p = metric.Point{Metric: d.Name, Version: d.Version, Grain: g, Service: of.Service, Team: of.Team, Unit: of.Unit, Quality: metric.NoData}
		}
		p.Start, p.End = w.Start, w.End
		if p.Value != nil && (w.End.After(b.Week.End) || w.End.After(b.AsOf)) {
			p.Quality = metric.Partial // a month that goes on after the week, a week that is not over
		}
		out = append(out, p)
	}
	return out
}

func (b *builder) find(name string) (metric.Def, bool) {
	i := slices.IndexFunc(b.Metrics, func(d metric.Def) bool { return d.Name == name })
	if i < 0 {
		return metric.Def{}, false
	}
	return b.Metrics[i], true
}

// subjects lists those of a level that have a value in the last year, by name.
func (b *builder) subjects(level int, defs []metric.Def) []Subject {
	since := metric.At(metric.Week, b.Week.Start.AddDate(-1, 0, 0), b.Location).Start
	seen := make(map[Subject]bool)
	var out []Subject
	for k, s := range b.all {
		if k.of.level() != level || seen[k.of] || !slices.ContainsFunc(defs, func(d metric.Def) bool { return d.Name == k.metric }) {
			continue
		}
		if slices.ContainsFunc(s, func(p metric.Point) bool { return p.Value != nil && p.Start.After(since) && p.Start.Before(b.Week.End) }) {
			seen[k.of] = true
			out = append(out, k.of)
		}
	}
	slices.SortFunc(out, Subject.compare)
	return out
}

func days(w metric.Window, loc *time.Location) string {
	from, to := w.Start.In(loc), w.End.In(loc).Add(-time.Millisecond)
	switch {
	case from.Year() != to.Year():
		return from.Format("2 January 2006") + " to " + to.Format("2 January 2006")
	case from.Month() != to.Month():
		return from.Format("2 January") + " to " + to.Format("2 January 2006")
	}
	return fmt.Sprintf("%d to %s", from.Day(), to.Format("2 January 2006"))
}

// id makes the id of an element from a name.
func id(parts ...string) string {
	return strings.NewReplacer(".", "-", "_", "-", " ", "-").Replace(strings.ToLower(strings.Join(parts, "-")))
}
