package behaviour

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/chart"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// minimum is how many complete weeks provisional limits rest on.
const minimum = 12

// Quality says in words how far a point can be trusted.
func Quality(q string) string {
	switch q {
	case metric.OK:
		return "complete"
	case metric.Partial:
		return "partial, not compared"
	case metric.LowN:
		return "few facts"
	default:
		return "no data"
	}
}

// Interval is the interval of a point; – when it has none.
func Interval(d metric.Def, p metric.Point) string {
	if p.CILow == nil || p.CIHigh == nil {
		return "–"
	}
	return d.Unit.Format(p.CILow) + " – " + d.Unit.Format(p.CIHigh)
}

// Evidence is what a number rests on.
func Evidence(d metric.Def, p metric.Point) string {
	n := fmt.Sprintf("n\u00a0%d", p.N) // not to be broken at the end of a line
	if p.CILow == nil || p.CIHigh == nil {
		return "no interval, " + n
	}
	return Interval(d, p) + ", " + n
}

// A Beside is a number that another must be read with.
type Beside struct {
	Title string `json:"metric"`
	Text  string `json:"text"`
}

// Guardrails are what a metric must be read with, of the same subject in the week
// of a point.
func (p *Page) Guardrails(d metric.Def, of Subject, in metric.Point) []Beside {
	var out []Beside
	for _, name := range d.Guardrails {
		g, ok := p.Find(name)
		if !ok {
			out = append(out, Beside{name, "not computed"})
			continue
		}
		pt := p.Between(g, metric.Week, of, in.Start, in.End)[0]
		text := "no data"
		if pt.Value != nil {
			text = g.Unit.Format(pt.Value) + " (" + Evidence(g, pt) + ")"
			if pt.Quality != metric.OK {
				text += ", " + Quality(pt.Quality)
			}
			if v := p.Verdict(g, of); v.News() && v.Points[v.At].Start.Equal(pt.Start) {
				text += "; a signal itself"
			}
		}
		out = append(out, Beside{g.Title, text})
	}
	return out
}

// Better says which way is better, and whether the signal goes that way.
func Better(d metric.Def, s stat.Signal) string {
	switch {
	case d.Direction == metric.Neither:
		return ""
	case (d.Direction == metric.Higher) == s.High:
		return "For the better: " + string(d.Direction) + " is better."
	}
	return "For the worse: " + string(d.Direction) + " is better."
}

// Chance says how well chance explains a signal.
func (v Verdict) Chance() string {
	p := "p = " + strconv.FormatFloat(v.Adjusted, 'f', 4, 64)
	if v.Adjusted < 0.0001 {
		p = "p < 0.0001"
	}
	return "Adjusted for all charts of this page: " + p + "."
}

// Says is what the chart of a metric says of a point: that of the page's week, or
// the one that is judged.
func (p *Page) Says(d metric.Def, pt metric.Point, v Verdict) string {
	switch {
	case pt.Value == nil:
		return "No data in this week."
	case pt.Quality == metric.Partial && v.Late:
		return "The week is only partly known, so it is not judged. " + p.Says(d, v.Points[v.At], v)
	case pt.Quality == metric.Partial:
		return "The week is only partly known, so it is not judged."
	}
	begin := ""
	if v.Late {
		begin = "In " + p.Label(pt) + ", complete only after its own review: "
	}
	s := begin + v.Says(d, p.Location)
	if v.State == Judged && len(v.Rules) > 0 && !v.News() {
		s += " Among so many charts that may be chance."
	}
	return sentence(s)
}

// Says is what the chart says of its week, beginning in lower case.
func (v Verdict) Says(d metric.Def, loc *time.Location) string {
	since := ""
	if v.Change != nil {
		since = fmt.Sprintf(" since the recorded change of %s (%s)", v.Change.At.In(loc).Format("2 January 2006"), v.Change.What)
	}
	switch {
	case v.State == Overlapping:
		return "each value looks back over many weeks, so single weeks are not judged."
	case v.Rare != nil:
		return v.saysRare(since)
	case v.State == Young:
		return fmt.Sprintf("no limits yet: they need %d complete weeks, and there are %d%s.", minimum, v.Weeks, since)
	case v.State == Still:
		return "it varies too rarely for weekly limits."
	case v.State != Judged:
		return "not judged."
	}
	at := v.point()
	low, high := math.Max(0, at.Lower), at.Upper
	usual := fmt.Sprintf("usual%s is %s, limits %s to %s", since, d.Unit.Format(&at.Center), d.Unit.Format(&low), d.Unit.Format(&high))
	if seg := v.segment(); seg.Provisional {
		usual += fmt.Sprintf(", provisional from %d weeks", seg.Baseline)
	}
	if len(v.Rules) == 0 {
		return "within what is usual: " + usual + "."
	}
	return v.met(rule) + ": " + usual + "." + v.ongoing(loc)
}

// met are the rules met, in words.
func (v Verdict) met(say func(stat.Signal) string) string {
	var met []string
	for _, r := range v.Rules {
		met = append(met, say(r))
	}
	return strings.Join(met, ", and ")
}

func (v Verdict) ongoing(loc *time.Location) string {
	if v.Since == v.At {
		return ""
	}
	return " So since " + label(v.Points[v.Since], loc) + "."
}

// saysRare tells of the weeks between events.
func (v Verdict) saysRare(since string) string {
	r := v.Rare
	if v.State != Judged {
		return fmt.Sprintf("too rare for weekly limits, and too few for limits on the weeks between: %d of %s%s had any.", r.Events, metric.Counted(v.Weeks, "complete week", "complete weeks"), since)
	}
	last := r.Chart.Points[len(r.Chart.Points)-1]
	gap := fmt.Sprintf("%s without since the last", metric.Counted(r.Gap, "week", "weeks"))
	if !r.Running {
		gap = fmt.Sprintf("%s without before this one", metric.Counted(r.Gap, "week", "weeks"))
	}
	usual := fmt.Sprintf("%s; usual%s is %.0f, limit %.0f", gap, since, last.Center, math.Floor(last.Upper))
	if len(v.Rules) == 0 {
		return "rare, and within what is usual: " + usual + "."
	}
	return v.met(rareRule) + ": " + usual + "."
}

// rule is a signal in words.
func rule(s stat.Signal) string {
	side := map[bool]string{true: "above", false: "below"}[s.High]
	switch s.Rule {
	case stat.Outside:
		return map[bool]string{true: "above the upper limit", false: "below the lower limit"}[s.High]
	case stat.RunOfEight:
		return "at least eight weeks in a row " + side + " what is usual"
	default:
		return "three of four weeks far " + side + " what is usual"
	}
}

// rareRule is a signal of the weeks between events.
func rareRule(s stat.Signal) string {
	switch {
	case s.Rule == stat.Outside:
		return "longer without than the limit"
	case s.High:
		return "at least eight times in a row sooner again than usual"
	default:
		return "at least eight times in a row later again than usual"
	}
}

// Judgement says how much was looked at, and what chance gives.
func (p *Page) Judgement() string {
	count := make(map[State]int)
	news := 0
	for _, v := range p.verdicts {
		if v.twin {
			continue
		}
		count[v.State]++
		if v.told() {
			news++
		}
	}
	if count[Judged] == 0 {
		return fmt.Sprintf("No chart could be judged: limits need %d complete weeks.", minimum)
	}
	s := fmt.Sprintf("%s judged, %s", metric.Counted(count[Judged], "chart was", "charts were"), metric.Counted(news, "signal", "signals"))
	if news == 0 {
		s = fmt.Sprintf("%s judged, no signal", metric.Counted(count[Judged], "chart was", "charts were"))
	}
	s += fmt.Sprintf(". With the false discovery rate held at %.0f %%, at most one signal in %.0f is expected to be chance.", 100*FalseDiscoveries, 1/FalseDiscoveries)
	if news > MaxNews {
		s += fmt.Sprintf(" The %d that chance explains least are told, new ones first.", MaxNews)
	}
	if n := count[Young]; n > 0 {
		s += " " + metric.Counted(n, "chart has", "charts have") + " too few complete weeks or events for limits yet."
	}
	if n := count[Still]; n > 0 {
		s += " " + metric.Counted(n, "varies", "vary") + " too rarely for weekly limits."
	}
	return s
}

// Limits are those of the chart, for drawing; nil where it has none. They are drawn
// no lower than 0 and, of a share, no higher than 1. Each process has its own; drawn
// are those of the week judged, and the weeks with which news begins.
func (v Verdict) Limits(d metric.Def) *chart.Limits {
	if v.State != Judged || v.Rare != nil {
		return nil
	}
	p := v.point()
	l := &chart.Limits{Center: p.Center, Low: math.Max(0, p.Lower), High: p.Upper}
	if seg := v.segment(); seg.Start > 0 {
		l.From = v.Points[seg.Start].Start
	}
	if d.Unit == metric.Ratio {
		l.High = math.Min(1, l.High)
	}
	for _, r := range v.Runs() {
		l.Signals = append(l.Signals, v.Points[r.From.Week].Start)
	}
	return l
}

// Line is the chart of consecutive points of the series, with its limits and what
// is to know of it.
func (v Verdict) Line(id, title string, d metric.Def, ps []metric.Point, loc *time.Location) chart.Line {
	l := chart.Line{ID: id, Title: title, Unit: d.Unit, Points: ps, Location: loc, Step: d.Unit == metric.PerDay || d.Unit == metric.PerWeek, Limits: v.Limits(d)}
	if v.Change != nil {
		l.Marks = append(l.Marks, chart.Mark{At: v.Change.At, Label: clip(v.Change.What)})
	}
	if l.Limits != nil && len(v.Rules) > 0 && v.Since < v.At {
		since := v.Points[v.Since]
		l.Marks = append(l.Marks, chart.Mark{At: since.Start, Label: "since " + label(since, loc)})
	}
	return l
}

// clip keeps the label of a mark short enough for the narrowest chart.
func clip(s string) string {
	const most = 28
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// sentence begins with a capital.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
