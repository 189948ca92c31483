package pages

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// metricPage is what `/metric/{name}` shows.
type metricPage struct {
	layout
	Def        metric.Def
	Grain      metric.Grain
	Grains     []choice
	Figure     figure
	Guardrails []figure
	Better     string
	Behaviour  *course // of weekly numbers
	Weekly     string  // address of the same page by week
	Restated   []restatedRow
	Call       string // of the parameterised view; "" when it has none
	CSV        string // address
}

// cataloguePage is what `/metric/` shows.
type cataloguePage struct {
	layout
	Metrics []catalogueRow
}

type catalogueRow struct {
	metric.Def
	Href string
}

func (p *pages) catalogue(*http.Request) (answer, error) {
	page := cataloguePage{layout: p.layout("Definitions", "catalogue")}
	for _, d := range p.Metrics {
		page.Metrics = append(page.Metrics, catalogueRow{d, linksTo("/metric/", []string{d.Name})[0].Href})
	}
	return p.render("catalogue", page)
}

func (p *pages) metricOrCSV(r *http.Request) (answer, error) {
	if name, ok := strings.CutSuffix(r.PathValue("name"), ".csv"); ok {
		return p.csv(r, name)
	}
	return p.metric(r)
}

func (p *pages) metric(r *http.Request) (answer, error) {
	d, grain, err := p.askedMetric(r, r.PathValue("name"))
	if err != nil {
		return answer{}, err
	}
	b, err := p.board(r.Context(), grain, whole, p.withGuardrails(d.Name))
	if err != nil {
		return answer{}, err
	}
	fs, path := p.figures(b), linksTo("/metric/", []string{d.Name})[0].Href
	page := metricPage{
		layout: p.layout(d.Title, ""), Def: d, Grain: b.grain, Grains: grainChoices(path, b.grain), Figure: fs[0], Guardrails: fs[1:],
		Better: map[metric.Direction]string{metric.Higher: "higher", metric.Lower: "lower"}[d.Direction],
		Call:   p.call(d), CSV: path + ".csv?grain=" + string(b.grain), Weekly: metricHref(d.Name, metric.Week),
	}
	if s := b.series[0]; b.grain == metric.Week && lastComplete(s.all) >= 0 {
		v, err := p.judge(r.Context(), s)
		if err != nil {
			return answer{}, fmt.Errorf("charting %s: %w", d.Name, err)
		}
		h, l := p.course(s, v), p.line(b, s)
		l = v.Line(l.ID, l.Title, d, l.Points, l.Location)
		page.Behaviour, page.Figure.Chart = &h, l.SVG()
	}
	rs, err := p.restatements(r.Context(), d.Name, b.grain, time.Unix(0, 0), time.Unix(0, 0), shownRestatements)
	if err != nil {
		return answer{}, err
	}
	page.Restated = p.restatedRows(rs)
	return p.render("metric", page)
}

func (p *pages) askedMetric(r *http.Request, name string) (metric.Def, metric.Grain, error) {
	grain, err := grainOf(r)
	if err != nil {
		return metric.Def{}, "", err
	}
	d, err := p.find(name)
	return d, grain, err
}

// call is a query of the metric's view over the quarter that contains now; "" when
// it has none.
func (p *pages) call(d metric.Def) string {
	if d.Fold != nil {
		return "" // it has no view
	}
	w := metric.At(metric.Quarter, p.Now(), p.Location)
	const layout = "2006-01-02 15:04:05"
	return fmt.Sprintf("SELECT service, team, unit, dims, value, n, ci_low, ci_high, quality\nFROM payoff.%s(\n    from = '%s', to = '%s',\n    services = [], teams = [], units = [])",
		d.View(), w.Start.UTC().Format(layout), w.End.UTC().Format(layout))
}
