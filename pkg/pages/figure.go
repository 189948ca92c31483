package pages

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"slices"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/chart"
	"github.com/payoff-metrics/payoff/pkg/metric"
)

// A figure is one metric as pages show it: what it is, its last complete value,
// how that compares, its guardrails, its course.
type figure struct {
	ID       string // unique in the page
	Href     string // of the metric's page
	Title    string
	Question string
	Class    string
	Last     *reading // nil: there is no complete value
	Change   string   // against the window before; "" when that is not complete
	Running  string   // a partial value after the last complete one
	Reason   string   // why there is no complete value
	Remedy   string   // the command that would bring one; may be empty
	Stats    []glance // beside the last complete value
	Beside   []glance // the guardrails in the same window
	Chart    template.HTML
	Spark    template.HTML // in place of the chart, where there is little room
	Table    table
}

// A reading is one point in words.
type reading struct {
	Period   string
	Value    string
	Interval string // "" when there is none
	N        uint64
	Facts    string // n with what it counts: "3 shipped changes"
	Over     string // what a rate is divided by; may be empty
	Low      bool   // from few facts
}

// A glance is a number in a line of its own.
type glance struct {
	Title, Href string // Href may be empty
	Text        string
}

// A table is a series for reading, the latest window first.
type table struct {
	Caption string
	More    string // what is left out; "" for nothing
	Facts   string
	Stats   []string // names of the figures beside the main one
	Rows    []row
}

type row struct {
	Period, Value, Interval string
	N                       uint64
	Stats                   []string
	Quality                 string
}

// figures makes the figures of a board, in its order.
func (p *pages) figures(b board) []figure {
	var out []figure
	for _, s := range b.series {
		out = append(out, p.figure(b, s))
	}
	return out
}

func (p *pages) figure(b board, s series) figure {
	d := s.def
	f := figure{ID: elementID(d.Name), Href: metricHref(d.Name, b.grain), Title: d.Title, Question: d.Question, Class: string(d.Class)}
	i := s.last()
	if i < 0 {
		f.Reason, f.Remedy = whyNone(b, s)
	} else {
		f.Last = p.reading(d, s.main[i])
		f.Stats = s.beside(i)
		if i > 0 && complete(s.main[i-1]) {
			f.Change = comparison(d, s.main[i], s.main[i-1], p.label(s.main[i-1]))
		}
	}
	if n := len(s.main); n > 0 && i < n-1 && s.main[n-1].Value != nil {
		pt := s.main[n-1]
		f.Running = p.label(pt) + " so far: " + d.Unit.Format(pt.Value) + " (" + evidence(d, pt) + "). Partial, so it is not compared."
	}
	f.Beside = p.guardrails(b, s, i)
	if s.known() {
		f.Chart = p.line(b, s).SVG()
		f.Table = p.table(b, s)
	}
	return f
}

// Rows of a table on a page of many.
const (
	rowsOfAim     = 8
	rowsOfWatched = 4
)

// split makes the figures of a board: those of what bets aim at, with their
// charts, and those that are read beside them, without.
func (p *pages) split(b board) (aims, watched []figure) {
	for _, s := range b.series {
		f := p.figure(b, s)
		if s.def.Class == metric.Impact {
			f.Table.cut(rowsOfAim)
			aims = append(aims, f)
			continue
		}
		f.Chart = ""
		if s.known() {
			f.Spark = p.strip(s)
		}
		f.Table.cut(rowsOfWatched)
		watched = append(watched, f)
	}
	return aims, watched
}

// cut keeps the latest rows and says that there are more.
func (t *table) cut(rows int) {
	if len(t.Rows) > rows {
		t.More = fmt.Sprintf("The latest %d of %d; the metric's page has all of them as CSV.", rows, len(t.Rows))
		t.Rows = t.Rows[:rows]
	}
}

// line is the chart of a series.
func (p *pages) line(b board, s series) chart.Line {
	return chart.Line{ID: elementID(s.def.Name) + "-chart", Title: s.def.Title + " " + b.of.words() + " by " + string(b.grain), Unit: s.def.Unit,
		Points: s.main, Location: p.Location, Step: s.def.Unit == metric.PerDay || s.def.Unit == metric.PerWeek}
}

// known reports whether any window has a value.
func (s series) known() bool {
	for _, pt := range s.main {
		if pt.Value != nil {
			return true
		}
	}
	return false
}

func whyNone(b board, s series) (sentence, remedy string) {
	switch {
	case s.known():
		return "No period is wholly known yet: numbers of partial ones are drawn hollow, and not compared.", ""
	case b.of.level() == "" && !slices.Contains(s.def.Dimensions, ""):
		return "It is published by " + strings.Join(s.def.Dimensions, ", ") + ", not for the whole.", ""
	case !slices.Contains(s.def.Grains, b.grain):
		return "It is not computed by " + string(b.grain) + ".", ""
	}
	return reason(s.def)
}

func (p *pages) reading(d metric.Def, pt metric.Point) *reading {
	r := &reading{Period: p.label(pt), Value: d.Unit.Format(pt.Value), Interval: interval(d.Unit, pt), N: pt.N, Facts: metric.Counted(pt.N, fact(d), facts(d)), Low: pt.Quality == metric.LowN}
	if (d.Unit == metric.PerDay || d.Unit == metric.PerWeek) && pt.Denominator != nil {
		r.Over = "in " + metric.Counted(int64(math.Round(*pt.Denominator)), "service-day", "service-days")
	}
	return r
}

// beside are the further figures of window i.
func (s series) beside(i int) []glance {
	var out []glance
	for _, st := range s.def.Stats {
		out = append(out, glance{Title: st.Title, Text: st.Unit.Format(s.stat(st, s.main[i]))})
	}
	return out
}

// stat is the value of a further figure in the window of a point.
func (s series) stat(st metric.Stat, pt metric.Point) *float64 {
	return s.stats[`{"stat":"`+st.Name+`"}`][pt.Start.UTC()].Value
}

// guardrails are what must be read together with window i of a series.
func (p *pages) guardrails(b board, s series, i int) []glance {
	var out []glance
	for _, name := range s.def.Guardrails {
		g := glance{Title: name, Text: "not computed: the metric is not in the catalogue"}
		if d, ok := p.defs[name]; ok {
			g.Title, g.Href, g.Text = d.Title, metricHref(name, b.grain), "no data"
		}
		if o, ok := b.find(name); ok {
			g.Text = p.sameWindow(o, i)
		}
		out = append(out, g)
	}
	return out
}

// sameWindow is what a guardrail says of window i; where that is -1, because the
// metric it guards has no complete window, its own last complete one.
func (p *pages) sameWindow(s series, i int) string {
	in := ""
	if i < 0 {
		if i = s.last(); i < 0 {
			return "no data"
		}
		in = " in " + p.label(s.main[i])
	}
	pt := s.main[i]
	if pt.Value == nil {
		return "no data"
	}
	text := s.def.Unit.Format(pt.Value) + in + " (" + evidence(s.def, pt) + ")"
	if pt.Quality != metric.OK {
		text += ", " + quality(pt.Quality)
	}
	return text
}

func (p *pages) table(b board, s series) table {
	t := table{Caption: s.def.Title + " " + b.of.words() + " by " + string(b.grain), Facts: facts(s.def)}
	for _, st := range s.def.Stats {
		t.Stats = append(t.Stats, st.Title)
	}
	for i := len(s.main) - 1; i >= 0; i-- {
		pt := s.main[i]
		r := row{Period: p.label(pt), Value: s.def.Unit.Format(pt.Value), Interval: interval(s.def.Unit, pt), N: pt.N, Quality: quality(pt.Quality)}
		if r.Interval == "" {
			r.Interval = "–"
		}
		for _, st := range s.def.Stats {
			r.Stats = append(r.Stats, st.Unit.Format(s.stat(st, pt)))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// strip draws the last windows of a series in little room.
func (p *pages) strip(s series) template.HTML {
	ps := s.main[max(0, len(s.main)-stripWindows):]
	return chart.Strip{Name: metric.Counted(len(ps), string(ps[0].Grain), string(ps[0].Grain)+"s"), Unit: s.def.Unit, Points: ps, Location: p.Location}.SVG()
}

func (p *pages) label(pt metric.Point) string {
	return metric.Window{Grain: pt.Grain, Start: pt.Start, End: pt.End}.Label(p.Location)
}

// elementID is a metric's name as the id of an element.
func elementID(name string) string { return strings.NewReplacer(".", "-", "_", "-").Replace(name) }

func metricHref(name string, g metric.Grain) string {
	return "/metric/" + url.PathEscape(name) + "?grain=" + string(g)
}

// A choice is one of several ways to see a page.
type choice struct {
	Text, Href string
	Current    bool
}

func grainChoices(path string, current metric.Grain) []choice {
	var out []choice
	for _, g := range shownGrains {
		out = append(out, choice{Text: strings.ToUpper(string(g[:1])) + string(g[1:]), Href: path + "?grain=" + string(g), Current: g == current})
	}
	return out
}

// withGuardrails lists the named metrics and all that must be shown with them.
func (p *pages) withGuardrails(names ...string) []metric.Def {
	var out []metric.Def
	seen := make(map[string]bool)
	for len(names) > 0 {
		name := names[0]
		names = names[1:]
		d, ok := p.defs[name]
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		out = append(out, d)
		if d.Class == metric.Impact {
			names = append(names, d.Guardrails...)
		}
	}
	return out
}
