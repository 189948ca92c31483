package pages

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
)

// perPage is how many services one page lists.
const perPage = 12

// stripWindows is how many windows the smallest charts show.
const stripWindows = 8

// startPage is what `/` shows.
type startPage struct {
	layout
	Sources  []sourceRow
	Known    string   // until when something is known; "" before the first fact
	Services []string // all; empty: there is nothing to measure yet
	Changed  *changed
	Grain    metric.Grain
	Grains   []choice
	Figures  []figure // what bets aim at
	Watched  []figure // what is read beside them
	List     serviceList
}

type sourceRow struct {
	Name                         string
	HappenedAgo, HappenedAt      string
	ReceivedAgo, ReceivedAt      string
	HappenedStamp, ReceivedStamp string
	Facts                        uint64
}

// A serviceList is one page of the services, by name: it is no ranking.
type serviceList struct {
	Query          string
	Found          int
	Columns        []string
	Rows           []serviceRow
	Page, Pages    int
	Previous, Next string // addresses, or empty
}

type serviceRow struct {
	Name, Href string
	Hidden     bool // it is shown only inside its unit
	Cells      []cell
	Deployed   string // version of the last deployment
	When       string
}

// A cell is the last complete value of one metric of one service.
type cell struct {
	Last  *reading
	Note  string
	Spark template.HTML
}

func (p *pages) start(r *http.Request) (answer, error) {
	ctx := r.Context()
	grain, err := grainOf(r)
	if err != nil {
		return answer{}, err
	}
	page := startPage{layout: p.layout("Overview", "overview")}
	var news *changed
	err = together(ctx,
		func(ctx context.Context) error {
			sources, err := p.sources(ctx)
			page.addSources(p, sources)
			return err
		},
		func(ctx context.Context) (err error) { news, err = p.changed(ctx); return err },
		func(ctx context.Context) error { return p.readStart(ctx, &page, grain, r.URL.Query()) })
	if err != nil {
		return answer{}, err
	}
	if len(page.Services) > 0 {
		page.Changed = news
	}
	return p.render("start", page)
}

func (page *startPage) addSources(p *pages, list []source) {
	var known time.Time
	for _, s := range list {
		if s.Happened.After(known) {
			known, page.Known = s.Happened, p.time(s.Happened)+", "+ago(s.Happened, p.Now())
		}
		page.Sources = append(page.Sources, p.sourceRow(s))
	}
}

// readStart reads the numbers of the whole and the list of services, by the grain
// that the whole is shown by.
func (p *pages) readStart(ctx context.Context, page *startPage, grain metric.Grain, q url.Values) (err error) {
	if page.Services, err = p.services(ctx); err != nil || len(page.Services) == 0 {
		return err
	}
	b, err := p.board(ctx, grain, whole, p.delivery(""))
	if err != nil {
		return err
	}
	page.Grain, page.Grains = b.grain, grainChoices("/", b.grain)
	page.Figures, page.Watched = p.split(b)
	page.List, err = p.serviceList(ctx, q, page.Services, b.grain)
	return err
}

func (p *pages) sourceRow(s source) sourceRow {
	row := sourceRow{Name: s.Name, Facts: s.Facts, HappenedAgo: "unknown"}
	if !s.Happened.IsZero() {
		row.HappenedAgo, row.HappenedAt, row.HappenedStamp = ago(s.Happened, p.Now()), p.time(s.Happened), stamp(s.Happened)
	}
	row.ReceivedAgo, row.ReceivedAt, row.ReceivedStamp = ago(s.Received, p.Now()), p.time(s.Received), stamp(s.Received)
	return row
}

func (p *pages) time(t time.Time) string { return t.In(p.Location).Format("2006-01-02 15:04") }

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// serviceList reads the page of services that the query asks for.
func (p *pages) serviceList(ctx context.Context, q url.Values, all []string, g metric.Grain) (serviceList, error) {
	l := serviceList{Query: q.Get("q"), Page: 1}
	names := matching(all, l.Query)
	l.Found, l.Pages = len(names), max(1, (len(names)+perPage-1)/perPage)
	if s := q.Get("page"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > l.Pages {
			return l, badRequest("The services fill " + metric.Counted(l.Pages, "page", "pages") + "; there is no page “" + clip(s) + "”.")
		}
		l.Page = n
	}
	names = names[(l.Page-1)*perPage : min(l.Page*perPage, len(names))]
	to := func(page int) string {
		v := url.Values{"grain": {string(g)}, "page": {strconv.Itoa(page)}}
		if l.Query != "" {
			v.Set("q", l.Query)
		}
		return "/?" + v.Encode() + "#services"
	}
	if l.Page > 1 {
		l.Previous = to(l.Page - 1)
	}
	if l.Page < l.Pages {
		l.Next = to(l.Page + 1)
	}
	if len(names) == 0 {
		return l, nil // no restriction would be all services
	}
	return l, p.serviceRows(ctx, &l, names, g)
}

func matching(all []string, q string) []string {
	if q == "" {
		return all
	}
	var out []string
	for _, n := range all {
		if strings.Contains(strings.ToLower(n), strings.ToLower(q)) {
			out = append(out, n)
		}
	}
	return out
}

// serviceRows reads frequency and lead time, with whatever must be shown beside
// them, of the named services.
func (p *pages) serviceRows(ctx context.Context, l *serviceList, names []string, g metric.Grain) error {
	defs := p.withGuardrails("dora.deployment_frequency", "dora.change_lead_time")
	if len(defs) == 0 {
		return nil
	}
	var ps []metric.Point
	var deployed []string
	var last map[string]deployment
	err := together(ctx,
		func(ctx context.Context) (err error) {
			ps, err = points.Read(ctx, p.Store, points.Ask{Metric: defs[0], More: defs[1:], Grain: g, Services: names, Main: true})
			return err
		},
		func(ctx context.Context) (err error) { deployed, err = p.inProduction(ctx, names); return err },
		func(ctx context.Context) (err error) { last, err = p.lastDeployments(ctx, names); return err })
	if err != nil {
		return err
	}
	type of struct{ metric, service string }
	by := make(map[of][]metric.Point)
	for _, pt := range ps {
		by[of{pt.Metric, pt.Service}] = append(by[of{pt.Metric, pt.Service}], pt)
	}
	for _, d := range defs {
		l.Columns = append(l.Columns, d.Title)
	}
	ws := p.windows(g, ps)
	hidden := points.Hidden(names, ps)
	for _, name := range names {
		row := serviceRow{Name: name, Href: subject{Service: name}.href(g)}
		for _, d := range defs {
			row.Cells = append(row.Cells, p.cell(newSeries(d, by[of{d.Name, name}], ws)))
		}
		switch d, ok := last[name]; {
		case slices.Contains(hidden, name) && slices.Contains(deployed, name):
			row.Hidden = true
		case ok:
			row.Deployed, row.When = d.Version, p.time(d.Ended)
		}
		l.Rows = append(l.Rows, row)
	}
	return nil
}

func (p *pages) cell(s series) cell {
	i := s.last()
	if i < 0 {
		if s.known() {
			return cell{Note: "only partial periods"}
		}
		return cell{Note: "no data"}
	}
	c := cell{Last: p.reading(s.def, s.main[i])}
	if c.Last.Low {
		c.Note = "few facts"
	}
	c.Spark = p.strip(s)
	return c
}
