package dora

import (
	"math"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// foldWaits is the Kaplan-Meier median of how long merged changes waited, with its
// interval (Brookmeyer and Crowley 1982), and how many of them still do.
func foldWaits(samples []metric.Sample) []metric.Figure {
	units := make([]stat.Lifetime, len(samples))
	cut, waiting := true, 0.0
	for i, s := range samples {
		units[i] = stat.Lifetime{Time: float64(s.MS), Event: s.Event}
		cut = cut && s.Cut
		if !s.Event {
			waiting++
		}
	}
	curve, err := stat.KaplanMeier(units, stat.LogLog, 0.95)
	if err != nil {
		return nil // times are not negative: the SQL takes none
	}
	n := uint64(len(units))
	quality := metric.OK
	switch {
	case cut:
		quality = metric.Partial
	case n < metric.MinN:
		quality = metric.LowN
	}
	median, interval := curve.Median()
	return []metric.Figure{
		{Value: finite(median), Low: finite(interval.Low), High: finite(interval.High), N: n, Quality: quality},
		{Stat: "waiting", Value: &waiting, N: n, Quality: quality},
	}
}

// finite is nil for what does not exist: a median that is not reached, an interval
// that is not bounded.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
