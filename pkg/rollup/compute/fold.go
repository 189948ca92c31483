package compute

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// A pointKey names a point of one metric.
type pointKey struct {
	grain                     string
	start                     int64 // milliseconds
	service, team, unit, dims string
}

// A foldedPoint is a point as the store keeps it.
type foldedPoint struct {
	end time.Time
	metric.Figure
}

// foldPoints does for a metric that Go folds what appendPoints does in SQL.
func (c *Computer) foldPoints(ctx context.Context, p publication) error {
	d := p.def
	computed, err := c.fold(ctx, p)
	if err != nil {
		return err
	}
	published, err := c.published(ctx, d, p.over.Where)
	if err != nil {
		return err
	}
	var keys []pointKey
	for k, f := range computed {
		if o, ok := published[k]; !ok || !o.same(f) {
			keys = append(keys, k)
		}
	}
	for k, o := range published {
		if _, ok := computed[k]; !ok && o.Quality != metric.NoData {
			keys = append(keys, k)
			computed[k] = foldedPoint{end: o.end, Figure: metric.Figure{Quality: metric.NoData}}
		}
	}
	err = c.store.Insert(ctx, "payoff.metric_point_log", []string{"metric", "version", "grain", "window_start", "window_end", "service", "team", "unit", "dims",
		"value", "numerator", "denominator", "n", "ci_low", "ci_high", "quality", "generation", "computed_at"}, len(keys), func(i int) []any {
		k, f := keys[i], computed[keys[i]]
		return []any{d.Name, uint16(d.Version), k.grain, time.UnixMilli(k.start).UTC(), f.end, k.service, k.team, k.unit, k.dims,
			f.Value, nil, nil, f.N, f.Low, f.High, f.Quality, p.generation, p.at}
	})
	if err != nil {
		return fmt.Errorf("publishing %d points of %s: %w", len(keys), d.Name, err)
	}
	return nil
}

func (p foldedPoint) same(q foldedPoint) bool {
	equal := func(a, b *float64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
	return p.end.Equal(q.end) && equal(p.Value, q.Value) && equal(p.Low, q.Low) && equal(p.High, q.High) && p.N == q.N && p.Quality == q.Quality
}

// fold gathers the samples of every service, team, unit and the whole, and folds
// each.
func (c *Computer) fold(ctx context.Context, p publication) (map[pointKey]foldedPoint, error) {
	d := p.def
	samples := make(map[pointKey][]metric.Sample)
	ends := make(map[pointKey]time.Time)
	err := c.each(ctx, "what "+d.Name+" is made of", "SELECT grain, window_start, window_end, service, team, unit, ms, event, cut FROM ("+d.Batch(p.over)+")",
		func(rows store.Rows) error {
			var grain, service, team, unit string
			var start, end time.Time
			var s metric.Sample
			if err := rows.Scan(&grain, &start, &end, &service, &team, &unit, &s.MS, &s.Event, &s.Cut); err != nil {
				return err
			}
			of := []pointKey{{service: service}, {}}
			if team != "" {
				of = append(of, pointKey{team: team})
			}
			if unit != "" {
				of = append(of, pointKey{unit: unit})
			}
			for _, k := range of {
				k.grain, k.start = grain, start.UnixMilli()
				samples[k] = append(samples[k], s)
				ends[k] = end
			}
			return nil
		}, store.Param("run", p.run))
	if err != nil {
		return nil, err
	}
	if err := c.dropSuppressed(ctx, p, samples); err != nil {
		return nil, err
	}
	out := make(map[pointKey]foldedPoint)
	for _, k := range slices.Collect(maps.Keys(samples)) {
		end := ends[k]
		for _, f := range d.Fold(samples[k]) {
			k.dims = ""
			if f.Stat != "" {
				k.dims = `{"stat":"` + f.Stat + `"}`
			}
			out[k] = foldedPoint{end, f}
		}
	}
	return out, nil
}

// dropSuppressed takes away the samples of what is not shown by itself.
func (c *Computer) dropSuppressed(ctx context.Context, p publication, samples map[pointKey][]metric.Sample) error {
	return c.each(ctx, "what is not shown", `SELECT grain, window_start, toString(service), toString(team) FROM payoff_private.suppressed WHERE run = {run:UInt64}`,
		func(rows store.Rows) error {
			var k pointKey
			var start time.Time
			if err := rows.Scan(&k.grain, &start, &k.service, &k.team); err != nil {
				return err
			}
			k.start = start.UnixMilli()
			delete(samples, k)
			return nil
		}, store.Param("run", p.run))
}

func (c *Computer) published(ctx context.Context, d metric.Def, where string) (map[pointKey]foldedPoint, error) {
	out := make(map[pointKey]foldedPoint)
	err := c.each(ctx, "points of "+d.Name, `
		SELECT grain, window_start, window_end, service, team, unit, dims, value, ci_low, ci_high, n, quality FROM payoff.metric_points
		WHERE metric = {metric:String} AND version = {version:UInt16} AND `+where,
		func(rows store.Rows) error {
			var k pointKey
			var p foldedPoint
			var start time.Time
			if err := rows.Scan(&k.grain, &start, &p.end, &k.service, &k.team, &k.unit, &k.dims, &p.Value, &p.Low, &p.High, &p.N, &p.Quality); err != nil {
				return err
			}
			k.start = start.UnixMilli()
			out[k] = p
			return nil
		}, store.Param("metric", d.Name), store.Param("version", uint16(d.Version)))
	return out, err
}
