package pages

import (
	"context"
	"fmt"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// A restatement is a number that was published after its window had ended, and
// was corrected since.
type restatement struct {
	Metric   string    `ch:"metric"`
	Grain    string    `ch:"grain"`
	Start    time.Time `ch:"window_start"`
	End      time.Time `ch:"window_end"`
	Service  string    `ch:"service"`
	Team     string    `ch:"team"`
	Unit     string    `ch:"unit"`
	Before   *float64  `ch:"previous_value"`
	Now      *float64  `ch:"value"`
	BeforeN  uint64    `ch:"previous_n"`
	N        uint64    `ch:"n"`
	Computed time.Time `ch:"computed_at"`
	Total    uint64    `ch:"total"`  // all there are
	Lately   uint64    `ch:"lately"` // since a later time
}

// A restatedRow is one for reading.
type restatedRow struct {
	Title, Href, Period, Subject, Before, Now, When, Stamp string
}

// restatements are the latest of a metric by a grain, or of all metrics when none
// is named, since a time; each says how many there are, and how many of them since a
// later time. Running windows change by themselves and are left out.
func (p *pages) restatements(ctx context.Context, name string, g metric.Grain, since, lately time.Time, limit int) ([]restatement, error) {
	var out []restatement
	err := p.Store.Select(ctx, &out, `
		SELECT toString(metric) AS metric, toString(grain) AS grain, window_start, window_end, toString(service) AS service, toString(team) AS team,
			toString(unit) AS unit, previous_value, value, previous_n, n, computed_at,
			count() OVER () AS total, countIf(computed_at >= {lately:DateTime64(6)}) OVER () AS lately
		FROM payoff.restatements
		WHERE dims = '' AND grain = {grain:String} AND ({metric:String} = '' OR metric = {metric:String})
			AND computed_at >= {since:DateTime64(6)} AND previous_computed_at >= window_end
			AND ((previous_value IS NULL) != (value IS NULL) OR previous_value != value)
		ORDER BY computed_at DESC, metric, window_start, service, team, unit LIMIT {limit:UInt32}`,
		store.Param("metric", name), store.Param("grain", string(g)), store.Micros("since", since), store.Micros("lately", lately), store.Param("limit", uint32(limit)))
	if err != nil {
		return nil, fmt.Errorf("reading restatements: %w", err)
	}
	return out, nil
}

func (p *pages) restatedRows(rs []restatement) []restatedRow {
	var out []restatedRow
	for _, r := range rs {
		d := p.defs[r.Metric]
		pt := metric.Point{Grain: metric.Grain(r.Grain), Start: r.Start, End: r.End, Service: r.Service, Team: r.Team, Unit: r.Unit}
		say := func(v *float64, n uint64) string { return fmt.Sprintf("%s (n\u00a0%d)", d.Unit.Format(v), n) }
		out = append(out, restatedRow{Title: d.Title, Href: metricHref(r.Metric, pt.Grain), Period: p.label(pt), Subject: pt.Subject(),
			Before: say(r.Before, r.BeforeN), Now: say(r.Now, r.N), When: p.time(r.Computed), Stamp: stamp(r.Computed)})
	}
	return out
}
