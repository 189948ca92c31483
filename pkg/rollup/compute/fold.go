package compute

import (
	"context"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// fold gathers the samples of every service, team, unit and the whole, and folds
// each.
func (c *Computer) fold(ctx context.Context, p publication) ([]point, error) {
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
	var out []point
	concerned := append([]string{""}, p.kin.services...)
	for k, all := range samples {
		if len(p.kin.services) > 0 && !slices.Contains(concerned, k.service) {
			continue
		}
		for _, f := range d.Fold(all) {
			k.dims = ""
			if f.Stat != "" {
				k.dims = `{"stat":"` + f.Stat + `"}`
			}
			out = append(out, point{
				metric: d.Name, grain: k.grain, start: time.UnixMilli(k.start).UTC(), end: ends[pointKey{grain: k.grain, start: k.start, service: k.service, team: k.team, unit: k.unit}],
				service: k.service, team: k.team, unit: k.unit, dims: k.dims, value: f.Value, low: f.Low, high: f.High, n: f.N, quality: f.Quality,
			})
		}
	}
	return out, nil
}
