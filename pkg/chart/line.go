package chart

import (
	"html/template"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// A Line is one metric over consecutive windows of one grain.
type Line struct {
	ID       string         // unique in its page
	Title    string         // what is drawn, of whom
	Unit     metric.Unit    // of the values
	Points   []metric.Point // one per window, in order; a nil Value is a gap
	Location *time.Location // of the calendar
	Step     bool           // hold each value for its window, for amounts rather than trends
	Marks    []Mark         // events worth knowing while reading
	Limits   *Limits        // of a process-behaviour chart
}

// A Mark is a moment with a name, drawn as a vertical line.
type Mark struct {
	At    time.Time
	Label string
}

// Limits are those of a process-behaviour chart, in the unit of the values.
type Limits struct {
	Center, Low, High float64
	From              time.Time   // since when they hold; zero: all that is drawn
	Signals           []time.Time // starts of the windows with which news begins
}

// SVG draws the line; nothing when there are no points.
func (l Line) SVG() template.HTML {
	if len(l.Points) == 0 {
		return ""
	}
	low, high := l.extent()
	marks, rows := l.marks()
	f := newFrame(l.Points, newValueAxis(l.Unit, low, high), rows)
	var s svg
	s.open(l.ID, "chart-line", width, f.height(), l.Title, Describe(l.Points, l.Unit, l.Location)+l.describeLimits())
	f.axes(&s, l.Points[0].Grain, l.Location)
	l.drawBand(&s, f)
	l.drawLimits(&s, f)
	for _, m := range marks {
		m.draw(&s, f)
	}
	l.drawValues(&s, f)
	l.drawSignals(&s, f)
	f.slots(&s, l.Points, l.Unit, l.Location)
	return s.close()
}

// extent is the range of all that is drawn. A wide interval may take up no more
// than twice the height of the values: it is cut at the edge of the plot, and the
// values stay readable.
func (l Line) extent() (low, high float64) {
	var ciLow, ciHigh float64
	for _, p := range l.Points {
		if p.Value != nil {
			low, high = math.Min(low, *p.Value), math.Max(high, *p.Value)
		}
		if p.CILow != nil && p.CIHigh != nil {
			ciLow, ciHigh = math.Min(ciLow, *p.CILow), math.Max(ciHigh, *p.CIHigh)
		}
	}
	if l.Limits != nil {
		low, high = math.Min(low, l.Limits.Low), math.Max(high, l.Limits.High)
	}
	if high == 0 && low == 0 {
		return ciLow, ciHigh
	}
	return math.Max(math.Min(low, ciLow), 2*low), math.Min(math.Max(high, ciHigh), 2*high)
}

// xs are the places where a point's value is drawn: its window's middle or, for
// steps, both ends.
func (l Line) xs(f frame, p metric.Point) []float64 {
	if l.Step {
		return []float64{f.x(p.Start), f.x(p.End)}
	}
	return []float64{f.middle(p)}
}

// drawBand draws the interval of neighbouring complete values as one area, that
// of a value on its own as a whisker.
func (l Line) drawBand(s *svg, f frame) {
	area, whiskers := "", ""
	var run []metric.Point
	flush := func() {
		if len(run) > 1 || len(run) == 1 && l.Step {
			area += l.area(f, run)
		} else if len(run) == 1 {
			whiskers += whisker(f, run[0])
		}
		run = nil
	}
	for _, p := range l.Points {
		switch {
		case p.Value == nil || p.CILow == nil || p.CIHigh == nil:
			flush()
		case p.Quality == metric.Partial:
			flush()
			whiskers += whisker(f, p)
		default:
			run = append(run, p)
		}
	}
	flush()
	s.fill("band", area, `fill-opacity=".15"`)
	s.stroke("whisker", whiskers, `stroke-opacity=".4"`)
}

func (l Line) area(f frame, run []metric.Point) string {
	upper, lower, command := "", "", "M"
	for _, p := range run {
		for _, x := range l.xs(f, p) {
			upper += at(command, x, f.y(*p.CIHigh))
			lower = at("L", x, f.y(*p.CILow)) + lower
			command = "L"
		}
	}
	return upper + lower + "Z"
}

func whisker(f frame, p metric.Point) string {
	return at("M", f.middle(p), f.y(*p.CILow)) + "V" + num(f.y(*p.CIHigh))
}

func (l Line) drawLimits(s *svg, f frame) {
	if l.Limits == nil {
		return
	}
	left := f.left
	if l.Limits.From.After(f.from) {
		left = f.x(l.Limits.From)
	}
	across := func(v float64) string { return at("M", left, f.y(v)) + "H" + num(f.right) }
	s.stroke("center", across(l.Limits.Center), `stroke-opacity=".5"`)
	s.stroke("limit", across(l.Limits.Low)+across(l.Limits.High), `stroke-opacity=".5" stroke-dasharray="2 3"`)
	l.nameLimits(s, f)
}

// nameLimits says what the dotted lines are in the line of the axis' caption: in the
// plot it would stand on the data.
func (l Line) nameLimits(s *svg, f frame) {
	label := "upper limit " + l.Unit.Format(&l.Limits.High)
	if f.y(l.Limits.Low) < f.bottom { // a limit at 0 is the base line
		label = "limits " + l.Unit.Format(&l.Limits.Low) + " and " + l.Unit.Format(&l.Limits.High)
	}
	const sample, gap = 18.0, 5.0
	x := f.right - textWidth(label)
	s.stroke("limit", at("M", x-gap-sample, captionLine-5)+"h"+num(sample), `stroke-opacity=".5" stroke-dasharray="2 3"`)
	s.text("limit-label", x, captionLine, "start", label)
}

// drawSignals puts a diamond around each value that is news: a form of its own,
// so that it needs no colour to be told from other values.
func (l Line) drawSignals(s *svg, f frame) {
	const r = 7
	diamonds := ""
	for _, p := range l.signals() {
		x, y := f.middle(p), f.y(*p.Value)
		diamonds += at("M", x-r, y) + at("L", x, y-r) + at("L", x+r, y) + at("L", x, y+r) + "Z"
	}
	s.stroke("signal", diamonds, `stroke-width="1.5"`)
}

// signals are the points that are news.
func (l Line) signals() []metric.Point {
	if l.Limits == nil {
		return nil
	}
	var out []metric.Point
	for _, p := range l.Points {
		if p.Value != nil && slices.ContainsFunc(l.Limits.Signals, p.Start.Equal) {
			out = append(out, p)
		}
	}
	return out
}

// describeLimits says in words what limits and signals show.
func (l Line) describeLimits() string {
	if l.Limits == nil {
		return ""
	}
	text := " Usual"
	if l.Limits.From.After(l.Points[0].Start) {
		text += " since " + l.Limits.From.In(l.Location).Format("2 January 2006")
	}
	text += " between " + l.Unit.Format(&l.Limits.Low) + " and " + l.Unit.Format(&l.Limits.High) + "."
	var at []string
	for _, p := range l.signals() {
		at = append(at, window(p).Label(l.Location))
	}
	if len(at) == 0 {
		return text + " No signal."
	}
	return text + " Signals in " + strings.Join(at, ", ") + "."
}

// mostDots is how many windows are still told apart when each has its dot; in
// longer series only values that are hollow or follow a gap have one.
const mostDots = 40

// drawValues draws the line, broken where a value is missing and dashed where it
// touches a partial one, then the values themselves.
func (l Line) drawValues(s *svg, f frame) {
	solid, dashed, dots, rings := "", "", "", ""
	var last *metric.Point
	for i := range l.Points {
		p := &l.Points[i]
		if p.Value == nil {
			last = nil
			continue
		}
		xs, y := l.xs(f, *p), f.y(*p.Value)
		piece := at("M", xs[0], y)
		if last != nil {
			before := l.xs(f, *last)
			piece = at("M", before[len(before)-1], f.y(*last.Value)) + at("L", xs[0], y)
		}
		if len(xs) > 1 {
			piece += "H" + num(xs[1])
		}
		switch {
		case last == nil && len(xs) == 1: // its dot is all there is to draw
		case p.Quality == metric.Partial || last != nil && last.Quality == metric.Partial:
			dashed += piece
		default:
			solid += piece
		}
		switch {
		case p.Quality != metric.OK:
			rings += dot(f.middle(*p), y)
		case len(l.Points) <= mostDots || last == nil:
			dots += dot(f.middle(*p), y)
		}
		last = p
	}
	s.stroke("line", solid, `stroke-width="2" stroke-linejoin="round" stroke-linecap="round"`)
	s.stroke("dashed", dashed, `stroke-width="1.5" stroke-dasharray="3 4"`)
	s.dots(dots, rings)
}

// dots draws solid and hollow ones.
func (s *svg) dots(solid, hollow string) {
	s.stroke("dot", solid, `stroke-width="6" stroke-linecap="round"`)
	s.stroke("ring", hollow, `stroke-width="8" stroke-linecap="round"`)
	if hollow != "" {
		s.b.WriteString(`<path class="hole" d="` + hollow + `" stroke="Canvas" stroke-width="4.5" stroke-linecap="round" vector-effect="non-scaling-stroke"/>` + "\n")
	}
}
