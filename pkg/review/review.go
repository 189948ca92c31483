// Package review writes the weekly operational review: what changed beyond noise,
// then the numbers of every domain for the whole, units, teams and services.
//
// It stands at the end of the flow and reads published points only:
//
//	metric_points, week's facts ──gather──▶ Input ──Build──▶ Review ──▶ Markdown, HTML
//	                                                                       │
//	                                        payoff.reviews ◀──Publish──────┘
//
// Build, Markdown and HTML are pure: the same points and facts, in any order and
// any number of times, give the same bytes. A review that was published is kept
// as it was; Desk gives it again, or says what it would say today.
//
// A number is news only when a process-behaviour chart says so and the false
// discovery rate over all charts of the page allows it (package behaviour). Partial weeks
// are labelled, never judged and never compared; teams and services stand in the
// order of their names.
package review

import (
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric"
)

// Input is everything a review is made from. The order of Points and Facts, and
// repeats among them, do not matter.
type Input struct {
	Week         metric.Window
	Location     *time.Location // of the organisation's calendar
	Organisation string         // its name; may be empty
	AsOf         time.Time      // when this was all that was known
	KnownTo      time.Time      // end of the last day of which anything was known then; zero: AsOf
	Metrics      []metric.Def   // the catalogue, in the order of sections
	// Points are the main figures by week, from the first there is to Week, by month,
	// of at least the last 12, and of the quarter and the year of Week.
	Points  []metric.Point
	Changes []metric.Change // of processes, as recorded
	Facts   []Fact          // of the week
	// FactsLater says that Facts are known later than AsOf.
	FactsLater bool
	// Hidden are services that are not shown by themselves in the week: their facts are
	// counted, and not named.
	Hidden []string
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
	KnownTo      string    `json:"known_to"`      // "15 November 2026", the last day with data
	Running      bool      `json:"running"`       // the week was not over
	Partial      bool      `json:"partial"`       // it was over, and some number was only partly known
	Judgement    string    `json:"judgement"`     // what was looked at, and what chance gives
	Signals      []Signal  `json:"signals"`       // at most behaviour.MaxNews
	Happened     []string  `json:"what_happened"` // in the whole organisation
	Sections     []Section `json:"sections"`      // those with data, by domain
}

// A Signal is news: a number that its process-behaviour chart does not explain.
type Signal struct {
	ID       string             `json:"-"`
	Title    string             `json:"metric"`
	Name     string             `json:"name"` // of the metric
	Subject  string             `json:"subject"`
	Value    string             `json:"value"`
	Evidence string             `json:"evidence"` // interval and n
	Says     string             `json:"says"`     // which rule, against which limits
	Better   string             `json:"better"`   // which way is better
	Chance   string             `json:"chance"`
	Beside   []behaviour.Beside `json:"read_with"` // guardrails in the same week
	Happened []string           `json:"what_happened"`
	Chart    Drawing            `json:"-"`
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
	ID       string             `json:"-"`
	Title    string             `json:"metric"`
	Name     string             `json:"name"`
	Question string             `json:"question"`
	Class    string             `json:"class"`
	Value    string             `json:"value"`
	Evidence string             `json:"evidence"`
	Verdict  string             `json:"verdict"` // of its chart
	Beside   []behaviour.Beside `json:"read_with"`
	Facts    string             `json:"facts"`   // what n counts
	Weeks    []Row              `json:"weeks"`   // the last 6, the latest first, and the same week a year before
	Months   []Row              `json:"months"`  // the last 12, the latest first
	ToDate   []Row              `json:"to_date"` // month, quarter and year of the week
	Chart    Drawing            `json:"-"`
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
			if q := f.Weeks[0].Quality; q == behaviour.Quality(metric.OK) || q == behaviour.Quality(metric.LowN) {
				return true
			}
		}
	}
	return false
}

// Build makes the review. It returns an error for points that cannot be charted.
func Build(in Input) (Review, error) {
	page, err := behaviour.Judge(behaviour.Input{Week: in.Week, Location: in.Location, AsOf: in.AsOf, Metrics: in.Metrics, Points: in.Points, Changes: in.Changes})
	if err != nil {
		return Review{}, err
	}
	if in.KnownTo.IsZero() || in.KnownTo.After(in.AsOf) {
		in.KnownTo = in.AsOf
	}
	b := builder{Page: page, in: in, happened: tally(in)}
	r := Review{
		Organisation: in.Organisation,
		Week:         in.Week.Label(in.Location),
		Days:         in.Week.Days(in.Location),
		AsOf:         in.AsOf.In(in.Location).Format("2 January 2006, 15:04 MST"),
		KnownTo:      b.lastDay().Format("2 January 2006"),
		Running:      in.AsOf.Before(in.Week.End),
		Judgement:    b.Judgement(),
		Happened:     b.whatHappened(behaviour.Subject{}, namedInAll),
	}
	for i, v := range b.News() {
		r.Signals = append(r.Signals, b.signal(i+1, v))
	}
	for _, domain := range b.domains() {
		if s := b.section(domain); len(s.Figures)+len(s.Levels) > 0 {
			r.Sections = append(r.Sections, s)
		}
	}
	for _, d := range in.Metrics {
		r.Partial = r.Partial || !r.Running && b.Windows(d, metric.Week, behaviour.Subject{}, 1)[0].Quality == metric.Partial
	}
	return r, nil
}

// A builder is a review in the making.
type builder struct {
	*behaviour.Page
	in       Input
	happened happenings
	cells    int // of tables so far
}

// lastDay is a time of the last day of which anything is known.
func (b *builder) lastDay() time.Time { return b.in.KnownTo.Add(-time.Millisecond).In(b.Location) }

// id makes the id of an element from a name.
func id(parts ...string) string {
	return strings.NewReplacer(".", "-", "_", "-", " ", "-").Replace(strings.ToLower(strings.Join(parts, "-")))
}
