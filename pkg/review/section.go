package review

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/chart"
	"github.com/payoff-metrics/payoff/pkg/metric"
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
	for _, d := range byClass(b.Metrics) {
		if domainOf(d) != domain {
			continue
		}
		if f, ok := b.figure(d); ok {
			s.Figures = append(s.Figures, f)
		}
		if behaviour.ByLevel(d) {
			main = append(main, d)
		}
	}
	for _, l := range []struct {
		title string
		level behaviour.Level
	}{{"Units", behaviour.Unit}, {"Teams", behaviour.Team}, {"Services", behaviour.Service}} {
		if t := b.level(l.title, l.level, main); len(t.Rows) > 0 || t.Note != "" {
			s.Levels = append(s.Levels, t)
		}
	}
	return s
}

// byClass puts what bets aim at first, then what must not get worse, then the rest.
func byClass(defs []metric.Def) []metric.Def {
	order := []metric.Class{metric.Impact, metric.Guardrail, metric.Health}
	defs = slices.Clone(defs)
	slices.SortStableFunc(defs, func(a, b metric.Def) int { return slices.Index(order, a.Class) - slices.Index(order, b.Class) })
	return defs
}

// figure is one metric of the whole; false when none of the shown windows has a
// value.
func (b *builder) figure(d metric.Def) (Figure, bool) {
	whole := behaviour.Subject{}
	weeks := b.Windows(d, metric.Week, whole, shownWeeks)
	months := b.Windows(d, metric.Month, whole, shownMonths)
	year := b.Windows(d, metric.Week, whole, chartedWeeks)
	if !known(year) && !known(months) {
		return Figure{}, false
	}
	now := weeks[len(weeks)-1]
	v := b.Verdict(d, whole)
	f := Figure{
		ID: id(d.Name), Title: d.Title, Name: d.Name, Question: d.Question, Class: string(d.Class),
		Value: d.Unit.Format(now.Value), Verdict: b.Says(d, now, v), Beside: b.Guardrails(d, whole, now), Facts: facts(d),
		Weeks: b.rows(d, weeks), Months: b.rows(d, months), ToDate: b.toDate(d),
	}
	if now.Value != nil {
		f.Evidence = behaviour.Evidence(d, now)
	}
	before := b.Between(d, metric.Week, whole, b.yearBefore().Start, b.yearBefore().End)
	if before[0].Value != nil {
		row := b.rows(d, before)[0]
		row.Quality += ", a year before"
		f.Weeks = append(f.Weeks, row)
	}
	f.Chart = b.chart(f.ID+"-chart", d, whole, year, v)
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
		out = append(out, Row{Period: b.Label(p), Value: d.Unit.Format(p.Value), Interval: behaviour.Interval(d, p), N: p.N, Quality: behaviour.Quality(p.Quality)})
	}
	return out
}

// level is the table of all subjects of one level.
func (b *builder) level(title string, level behaviour.Level, defs []metric.Def) Level {
	t := Level{Title: title}
	defs = slices.Clone(defs)
	ofLevel := b.Subjects(level, defs)
	defs = slices.DeleteFunc(defs, func(d metric.Def) bool {
		return !slices.ContainsFunc(ofLevel, func(s behaviour.Subject) bool { return b.Has(d, s) })
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
func (b *builder) cell(d metric.Def, of behaviour.Subject, drawn bool) Cell {
	weeks := b.Windows(d, metric.Week, of, shownWeeks)
	p := weeks[len(weeks)-1]
	c := Cell{Value: d.Unit.Format(p.Value)}
	if drawn {
		c.Weeks = chart.Strip{Name: fmt.Sprintf("%d weeks", shownWeeks), Unit: d.Unit, Points: weeks, Location: b.Location}.SVG()
	}
	if p.Value != nil {
		c.Evidence = behaviour.Evidence(d, p)
	}
	switch p.Quality {
	case metric.Partial:
		c.Note = "partial"
	case metric.LowN:
		c.Note = "few facts"
	}
	if v := b.Verdict(d, of); v.News() && !v.Late {
		c.Note = strings.TrimPrefix(c.Note+", signal", ", ")
	}
	if drawn && of.Unit != "" {
		months := b.Windows(d, metric.Month, of, shownMonths)
		c.Months = chart.Strip{Name: fmt.Sprintf("%d months", shownMonths), Unit: d.Unit, Points: months, Location: b.Location}.SVG()
	}
	return c
}

// signal is news in words.
func (b *builder) signal(rank int, v behaviour.Verdict) Signal {
	d, _ := b.Find(v.Metric)
	p := v.Points[v.At]
	s := Signal{
		ID: id("signal", fmt.Sprint(rank)), Title: d.Title, Name: d.Name, Subject: v.Of.Whom(), Value: d.Unit.Format(p.Value), Evidence: behaviour.Evidence(d, p),
		Says: b.Says(d, p, v), Better: behaviour.Better(d, v.Rules[0]), Beside: b.Guardrails(d, v.Of, p), Happened: b.whatHappened(v.Of, namedBesideSignal(v.Of)), Chance: v.Chance(),
	}
	if v.Late {
		s.Happened = nil // it is told of the review's week only
	}
	s.Chart = b.chart(s.ID+"-chart", d, v.Of, b.Windows(d, metric.Week, v.Of, chartedWeeks), v)
	return s
}

// chart draws the last year of a series.
func (b *builder) chart(id string, d metric.Def, of behaviour.Subject, ps []metric.Point, v behaviour.Verdict) Drawing {
	return v.Line(id, d.Title+" of "+of.Whom()+" by week", d, ps, b.Location).SVG()
}

// toDate are the month, the quarter and the year that the week ends in, as far as
// they are known. They grow from review to review and are compared with nothing.
func (b *builder) toDate(d metric.Def) []Row {
	var out []Row
	for _, g := range []metric.Grain{metric.Month, metric.Quarter, metric.Year} {
		p := b.Windows(d, g, behaviour.Subject{}, 1)[0]
		if p.Value == nil {
			continue
		}
		row := b.rows(d, []metric.Point{p})[0]
		if p.End.After(b.AsOf) {
			row.Period += " to date"
			row.Quality = "partial, until " + b.lastDay().Format("2 Jan 2006")
		}
		out = append(out, row)
	}
	return out
}

// facts is what n counts: "shipped changes".
func facts(d metric.Def) string { return strings.ReplaceAll(d.Facts[0], "_", " ") }
