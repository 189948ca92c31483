package impact

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// A World is a rollout to simulate: what the coverage table and tests draw
// panels from.
type World struct {
	Units, Periods int
	Treated        int     // units treated in the end
	Cohorts        int     // dates over which they are treated, from the first on
	First          int     // period of the first date
	Step           int     // periods between dates
	Rho            float64 // autocorrelation within a unit
	Trend          float64 // common change over the whole panel
	Effect         float64 // added to every treated observation, in standard deviations of the noise
}

// Simulate draws a panel: a level per unit, a common trend, stationary AR(1)
// noise with variance 1, and the effect.
func (w World) Simulate(rng *rand.Rand) *Panel {
	p := &Panel{Clusters: w.Units}
	for t := range w.Periods {
		p.Times = append(p.Times, int64(t))
	}
	for i := range w.Units {
		g := Never
		if i < w.Treated {
			g = w.First + i%w.Cohorts*w.Step
		}
		y := make([]float64, w.Periods)
		level, e := 3*rng.NormFloat64(), rng.NormFloat64()
		for t := range y {
			y[t] = level + w.Trend*float64(t)/float64(w.Periods) + e
			if t >= g {
				y[t] += w.Effect
			}
			e = w.Rho*e + math.Sqrt(1-w.Rho*w.Rho)*rng.NormFloat64()
		}
		p.Units = append(p.Units, fmt.Sprintf("unit%03d", i))
		p.Cohort = append(p.Cohort, g)
		p.Cluster = append(p.Cluster, i)
		p.Y = append(p.Y, y)
	}
	return p
}
