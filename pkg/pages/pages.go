// Package pages serves what Payoff knows as HTML that needs no script.
//
// It stands at the end of the flow, behind the pages listener of `payoff up`, and
// only reads: points through package points, facts through the analysts' views.
//
//	metric_points ──▶ points.Read ──▶ figure (headline, change, chart, rows) ──▶ templates
//	                       └──▶ behaviour.Judge ──▶ what changed ─────────────────────▲
//	freshness, deployments, service_coverage ──────────────────────────────────────▲
//
// Every number is written by metric.Unit.Format of a published point, with its n
// and its interval. An impact metric is never shown without its guardrails
// beside it, and what is not known is said to be not known, with what to do.
package pages

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// Options of the pages.
type Options struct {
	Store        *store.Store     // opened as a reader; used, not closed
	Location     *time.Location   // of the organisation's calendar; UTC when nil
	Organisation string           // its name; may be empty
	Metrics      []metric.Def     // the catalogue
	AllowedHosts []string         // Host headers served beside loopback names
	Logger       *slog.Logger     // may be nil
	Now          func() time.Time // time.Now when nil
	Reviews      *Reviews         // nil: there are none
}

// pages is the handler's state: but for what is remembered nothing changes after New.
type pages struct {
	Options
	defs map[string]metric.Def

	news    memo[*changed]
	heard   memo[[]source]
	doubted memo[doubts]
}

// New returns the handler of all pages:
//
//	/                    what changed, delivery of the whole, services, sources
//	/service/{name}      one service: its metrics over time, what failed, what waits
//	/teams/              units and teams by name
//	/team/{name}         one team, and the services it owns
//	/unit/{name}         one unit, its teams and services
//	/change/{repository}/{hash}  one change, from commit to production
//	/health              how fresh and how certain the data is, and what was corrected
//	/metric/             the catalogue
//	/metric/{name}       one metric: definition, SQL, values of the whole
//	/metric/{name}.csv   its points for the whole and for every service, team and unit
//	/review/{week}       the weekly review; /review/ is that of the last week
//	/static/…            stylesheet and icon, under names that change with their content
//
// It answers GET and HEAD, to loopback names and AllowedHosts, and only to
// requests that no proxy has forwarded: there are no accounts, so whoever can
// reach it reads all of it.
func New(o Options) *Handler {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &pages{Options: o, defs: make(map[string]metric.Def, len(o.Metrics))}
	for _, d := range o.Metrics {
		p.defs[d.Name] = d
	}
	mux := http.NewServeMux()
	mux.Handle("/{$}", p.page(p.start, "grain", "q", "page"))
	mux.Handle("/service/{name}", p.page(p.service, "grain"))
	mux.Handle("/team/{name}", p.page(p.team, "grain"))
	mux.Handle("/unit/{name}", p.page(p.unit, "grain"))
	mux.Handle("/teams/{$}", p.page(p.teams))
	mux.Handle("/change/{change...}", p.page(p.change))
	mux.Handle("/health", p.page(p.health))
	mux.Handle("/metric/{$}", p.page(p.catalogue))
	mux.Handle("/metric/{name}", p.page(p.metricOrCSV, "grain"))
	mux.HandleFunc("/static/{file}", p.static)
	if o.Reviews != nil {
		mux.Handle("/review/", p.reviews())
	}
	mux.Handle("/", p.page(func(*http.Request) (answer, error) {
		return answer{}, notFound("There is no page at this address.")
	}))
	return &Handler{p.guard(mux), p}
}

// A Handler serves the pages.
type Handler struct {
	http.Handler
	pages *pages
}

// Warm makes what the first readers would wait for: what is remembered, and in the
// engine what it keeps in memory.
func (h *Handler) Warm(ctx context.Context) error {
	var errs []error
	for _, page := range []func(*http.Request) (answer, error){h.pages.start, h.pages.health} {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
		if err == nil {
			_, err = page(r)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// find returns the metric of that name.
func (p *pages) find(name string) (metric.Def, error) {
	if d, ok := p.defs[name]; ok {
		return d, nil
	}
	names := make([]string, 0, len(p.Metrics))
	for _, d := range p.Metrics {
		names = append(names, d.Name)
	}
	e := notFound("There is no metric named “" + clip(name) + "”.")
	e.links = linksTo("/metric/", nearest(name, names))
	return metric.Def{}, e
}

// delivery lists the delivery metrics of a level, the score left out: it has a
// block of its own.
func (p *pages) delivery(level string) []metric.Def {
	return slices.DeleteFunc(p.ofDomain("dora", level), func(d metric.Def) bool { return d.Unit == metric.Score })
}

// ofDomain lists the metrics of a domain that are published for a level: service,
// team, unit or "" for the whole.
func (p *pages) ofDomain(domain, level string) []metric.Def {
	var out []metric.Def
	for _, d := range p.Metrics {
		if strings.HasPrefix(d.Name, domain+".") && slices.Contains(d.Dimensions, level) {
			out = append(out, d)
		}
	}
	return out
}
