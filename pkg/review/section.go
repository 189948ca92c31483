package review

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/chart"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A Drawing is inline SVG.
type Drawing = template.HTML

// titles of the domains; a domain that is not here is titled by its name.
var titles = map[string]string{"dora": "Delivery", "oncall": "On-call", "support": "Support", "adoption": "Adoption", "opinion": "Opinion"}

func domainOf(d metric.Def) string {
	domain, _, _ := strings.Cut(d.Name, ".")
	return domain
}

// domains lists them in the order of the titles above, delivery first.
func (b *builder) domains() []string {
	out := []string{"dora", "oncall", "support", "adoption", "opinion"}
	for _, d := range b.Metrics {
		if !slices.Contains(out, domainOf(d)) {
			out = append(out, domainOf(d))
		}
	}
	return out
}

func (b *builder) section(domain string) Section {
	s := Section{ID: id("section", domain), Title: titles[domain]}
	if s.Title == "" {
		s.Title = strings.ToUpper(domain[:1]) + domain[1:]
	}
	var main []metric.Def // what tables by level show
	for _, d := range b.Metrics {
		if domainOf(d) != domain {
			continue
		}
		if f, ok := b.figure(d); ok {
			s.Figures = append(s.Figures, f)
		}
		if byLevel(d) {
			main = append(main, d)
		}
	}
	for _, l := range []struct {
		title string
		level int
	}{{"Units", 2}, {"Teams", 1}, {"Services", 0}} {
		if t := b.level(l.title, l.level, main); len(t.Rows) > 0 || t.Note != "" {
			s.Levels = append(s.Levels, t)
		}
	}
	return s
}

// figure is one metric of the whole; false when none of the shown windows has a
// value.
func (b *builder) figure(d metric.Def) (Figure, bool) {
	weeks := b.windows(d, metric.Week, Subject{}, shownWeeks)
	months := b.windows(d, metric.Month, Subject{}, shownMonths)
	year := b.windows(d, metric.Week, Subject{}, chartedWeeks)
	if !known(year) && !known(months) {
		return Figure{}, false
	}
	now := weeks[len(weeks)-1]
	v := b.verdicts[key{d.Name, metric.Week, Subject{}}]
	f := Figure{
		ID: id(d.Name), Title: d.Title, Name: d.Name, Question: d.Question, Class: string(d.Class),
		Value: d.Unit.Format(now.Value), Verdict: b.says(d, now, v), Beside: b.guardrails(d, Subject{}, now), Facts: facts(d),
		Weeks: b.rows(d, weeks), Months: b.rows(d, months),
	}
	if now.Value != nil {
		f.Evidence = evidence(d, now)
	}
	before := b.between(d, metric.Week, Subject{}, b.yearBefore().Start, b.yearBefore().End)
	if before[0].Value != nil {
		row := b.rows(d, before)[0]
		row.Quality += ", a year before"
		f.Weeks = append(f.Weeks, row)
	}
	f.Chart = b.chart(f.ID+"-chart", d, Subject{}, year, v)
	return f, true
}

// yearBefore is the week 52 weeks before.
func (b *builder) yearBefore() metric.Window {
	return metric.At(metric.Week, b.Week.Start.In(b.Location).AddDate(0, 0, -52*7).Add(12*60*60e9), b.Location)
}

func known(ps []metric.Point) bool {
	return slices.ContainsFunc(ps, func(p metric.Point) bool { return p.Value != nil })
}

// rows are points in words, the latest first.
func (b *builder) rows(d metric.Def, ps []metric.Point) []Row {
	var out []Row
	for _, p := range slices.Backward(ps) {
		out = append(out, Row{Period: b.label(p), Value: d.Unit.Format(p.Value), Interval: interval(d, p), N: p.N, Quality: quality(p.Quality)})
	}
	return out
}

func (b *builder) label(p metric.Point) string {
	return metric.Window{Grain: p.Grain, Start: p.Start, End: p.End}.Label(b.Location)
}

// chart draws the last year of a series, with the limits of its chart for the
// week where there are any.
func (b *builder) chart(id string, d metric.Def, of Subject, ps []metric.Point, v verdict) Drawing {
	l := chart.Line{ID: id, Title: d.Title + " of " + whom(of) + " by week", Unit: d.Unit, Points: ps, Location: b.Location, Step: d.Unit == metric.PerDay}
	if v.state == judged {
		p := v.point()
		l.Limits = &chart.Limits{Center: p.Center, Low: math.Max(0, p.Lower), High: p.Upper}
		if d.Unit == metric.Ratio {
			l.Limits.High = math.Min(1, p.Upper)
		}
		for _, s := range v.chart.Signals {
			l.Limits.Signals = append(l.Limits.Signals, v.points[s.Week].Start)
		}
		if since := v.points[v.since]; len(v.rules) > 0 && v.since < v.at {
			l.Marks = []chart.Mark{{At: since.Start, Label: "since " + b.label(since)}}
		}
	}
	return l.SVG()
}

// guardrails are what a metric must be read with, of the same subject in the
// week of a point.
func (b *builder) guardrails(d metric.Def, of Subject, in metric.Point) []Beside {
	var out []Beside
	for _, name := range d.Guardrails {
		g, ok := b.find(name)
		if !ok {
			out = append(out, Beside{name, "not computed"})
			continue
		}
		p := b.between(g, metric.Week, of, in.Start, in.End)[0]
		text := "no data"
		if p.Value != nil {
			text = g.Unit.Format(p.Value) + " (" + evidence(g, p) + ")"
			if p.Quality != metric.OK {
				text += ", " + quality(p.Quality)
			}
			if v := b.verdicts[key{name, metric.Week, of}]; v.news() && v.points[v.at].Start.Equal(p.Start) {
				text += "; a signal itself"
			}
		}
		out = append(out, Beside{g.Title, text})
	}
	return out
}

// level is the table of all subjects of one level.
func (b *builder) level(title string, level int, defs []metric.Def) Level {
	t := Level{Title: title}
	defs = slices.Clone(defs)
	ofLevel := b.subjects(level, defs)
	defs = slices.DeleteFunc(defs, func(d metric.Def) bool {
		return !slices.ContainsFunc(ofLevel, func(s Subject) bool { return len(b.all[key{d.Name, metric.Week, s}]) > 0 })
	})
	for _, d := range defs {
		t.Columns = append(t.Columns, d.Title)
	}
	b.cells += len(ofLevel) * len(defs)
	if b.cells > mostCells {
		t.Note = fmt.Sprintf("There are %d of them, too many for one document: each has its numbers on its page.", len(ofLevel))
		return t
	}
	for _, of := range ofLevel {
		r := LevelRow{Name: of.Service + of.Team + of.Unit}
		for _, d := range defs {
			r.Cells = append(r.Cells, b.cell(d, of, b.cells <= mostDrawn))
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// cell is the week of one subject, with its last weeks if drawn.
func (b *builder) cell(d metric.Def, of Subject, drawn bool) Cell {
	weeks := b.windows(d, metric.Week, of, shownWeeks)
	p := weeks[len(weeks)-1]
	c := Cell{Value: d.Unit.Format(p.Value)}
	if drawn {
		c.Weeks = chart.Strip{Name: fmt.Sprintf("%d weeks", shownWeeks), Unit: d.Unit, Points: weeks, Location: b.Location}.SVG()
	}
	if p.Value != nil {
		c.Evidence = evidence(d, p)
	}
	switch p.Quality {
	case metric.Partial:
		c.Note = "partial"
	case metric.LowN:
		c.Note = "few facts"
	}
	if v := b.verdicts[key{d.Name, metric.Week, of}]; v.news() && !v.late {
		c.Note = strings.TrimPrefix(c.Note+", signal", ", ")
	}
	if drawn && of.Unit != "" {
		months := b.windows(d, metric.Month, of, shownMonths)
		c.Months = chart.Strip{Name: fmt.Sprintf("%d months", shownMonths), Unit: d.Unit, Points: months, Location: b.Location}.SVG()
	}
	return c
}

// signal is news in words.
func (b *builder) signal(rank int, v verdict) Signal {
	d, _ := b.find(v.metric)
	p := v.points[v.at]
	s := Signal{
		ID: id("signal", fmt.Sprint(rank)), Title: d.Title, Name: d.Name, Subject: whom(v.of), Value: d.Unit.Format(p.Value), Evidence: evidence(d, p),
		Says: b.says(d, p, v), Better: better(d, v.rules[0]), Beside: b.guardrails(d, v.of, p), Happened: b.whatHappened(v.of, namedBeside),
		Chance: "Adjusted for all charts of this page: " + probability(v.adjusted) + ".",
	}
	if v.late {
		s.Happened = nil // it is told of the review's week only
	}
	year := b.windows(d, metric.Week, v.of, chartedWeeks)
	s.Chart = b.chart(s.ID+"-chart", d, v.of, year, v)
	return s
}

// says is what the chart of a metric says of a point: that of the review's week,
// or the one that is judged.
func (b *builder) says(d metric.Def, p metric.Point, v verdict) string {
	switch {
	case p.Value == nil:
		return "No data in this week."
	case p.Quality == metric.Partial && v.late:
		return "The week is only partly known, so it is not judged. " + b.says(d, v.points[v.at], v)
	case p.Quality == metric.Partial:
		return "The week is only partly known, so it is not judged."
	case v.state == overlapping:
		return "Each value looks back over many weeks, so single weeks are not judged."
	case v.state == young:
		return fmt.Sprintf("No limits yet: they need 12 complete weeks, and there are %d.", v.weeks)
	case v.state == rare:
		return "It varies too rarely for weekly limits."
	case v.state != judged:
		return "Not judged."
	}
	at := v.point()
	low, high := math.Max(0, at.Lower), at.Upper
	usual := fmt.Sprintf("usual is %s, limits %s to %s", d.Unit.Format(&at.Center), d.Unit.Format(&low), d.Unit.Format(&high))
	if v.chart.Segments[0].Provisional {
		usual += fmt.Sprintf(", provisional from %d weeks", v.chart.Segments[0].Baseline)
	}
	begin := ""
	if v.late {
		begin = "In " + b.label(p) + ", complete only after its own review: "
	}
	if len(v.rules) == 0 {
		return sentence(begin + "within what is usual: " + usual + ".")
	}
	var met []string
	for _, r := range v.rules {
		met = append(met, rule(r))
	}
	out := sentence(begin + strings.Join(met, ", and ") + ": " + usual + ".")
	if v.since < v.at {
		out += " So since " + b.label(v.points[v.since]) + "."
	}
	if !v.news() {
		out += " Among so many charts that may be chance."
	}
	return out
}

// judgement says how much was looked at.
func (b *builder) judgement() string {
	count := make(map[state]int)
	news := 0
	for _, v := range b.verdicts {
		if v.twin {
			continue
		}
		count[v.state]++
		if v.told() {
			news++
		}
	}
	if count[judged] == 0 {
		return fmt.Sprintf("No chart could be judged: limits need %d complete weeks.", 12)
	}
	s := fmt.Sprintf("%s judged, %s", plural(count[judged], "chart was", "charts were"), plural(news, "signal", "signals"))
	if news == 0 {
		s = fmt.Sprintf("%s judged, no signal", plural(count[judged], "chart was", "charts were"))
	}
	s += fmt.Sprintf(". With the false discovery rate held at %.0f %%, at most one signal in %.0f is expected to be chance.", 100*falseDiscoveries, 1/falseDiscoveries)
	if news > maxSignals {
		s += fmt.Sprintf(" The %d that chance explains least are told, new ones first.", maxSignals)
	}
	if n := count[young]; n > 0 {
		s += " " + plural(n, "chart has", "charts have") + " too few complete weeks for limits yet."
	}
	if n := count[rare]; n > 0 {
		s += " " + plural(n, "varies", "vary") + " too rarely for weekly limits."
	}
	return s
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
