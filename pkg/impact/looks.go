package impact

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// maxLooks is the number of decision dates that may be registered.
const maxLooks = 4

// A Look is what may be spent at one decision date.
type Look struct {
	Fraction float64 // of the information at the last look, (0, 1]
	Spent    float64 // two-sided error spent up to and with this look
	Z        float64 // reject where |z| is at least this
	Level    float64 // the two-sided nominal level of Z: use an interval at 1 − Level
}

// Looks spends alpha over decision dates as O'Brien and Fleming would,
// α(t) = 2 − 2Φ(z_{α/2}/√t), and solves for the boundary of each look with the
// correlation of the looks taken into account.
//
// It returns ErrInvalid unless there are one to four fractions, ascending in
// (0, 1] and ending at 1, and 0 < alpha < 1.
//
// Source: Lan and DeMets (1983); Armitage, McPherson and Rowe (1969) on the
// recursion.
func Looks(fractions []float64, alpha float64) ([]Look, error) {
	if len(fractions) == 0 || len(fractions) > maxLooks {
		return nil, fmt.Errorf("%w: %d looks; register one to %d decision dates", ErrInvalid, len(fractions), maxLooks)
	}
	if !(alpha > 0 && alpha < 1) {
		return nil, fmt.Errorf("%w: the level %v is not between 0 and 1", ErrInvalid, alpha)
	}
	before := 0.0
	for _, f := range fractions {
		if !(f > before && f <= 1) {
			return nil, fmt.Errorf("%w: information fractions %v; they ascend from above 0 to 1", ErrInvalid, fractions)
		}
		before = f
	}
	if before != 1 {
		return nil, fmt.Errorf("%w: the last information fraction is %v, want 1", ErrInvalid, before)
	}
	spent := make([]float64, len(fractions))
	z := distuv.UnitNormal.Quantile(1 - alpha/2)
	for i, f := range fractions {
		spent[i] = 2 * distuv.UnitNormal.Survival(z/math.Sqrt(f))
	}
	looks := make([]Look, len(fractions))
	for i, c := range boundaries(fractions, spent) {
		looks[i] = Look{Fraction: fractions[i], Spent: spent[i], Z: c, Level: 2 * distuv.UnitNormal.Survival(c)}
	}
	return looks, nil
}

// boundaries solves for the |z| at each look that spends what is to be spent.
// The density of the Brownian motion B(t) = z√t that has not crossed yet is
// kept on a grid.
func boundaries(fractions, spent []float64) []float64 {
	const nodes = 801
	out := make([]float64, len(fractions))
	var grid, mass []float64 // nodes, and density times Simpson weight
	before, used := 0.0, 0.0
	for k, t := range fractions {
		sd := math.Sqrt(t - before)
		crossing := func(c float64) float64 {
			bound := c * math.Sqrt(t)
			if grid == nil {
				return 2 * distuv.UnitNormal.Survival(bound/sd)
			}
			p := 0.0
			for i, b := range grid {
				p += mass[i] * (distuv.UnitNormal.Survival((bound-b)/sd) + distuv.UnitNormal.Survival((bound+b)/sd))
			}
			return p
		}
		low, high := 0.0, 40.0
		for range 200 {
			mid := (low + high) / 2
			if crossing(mid) > spent[k]-used {
				low = mid
			} else {
				high = mid
			}
		}
		out[k] = (low + high) / 2
		bound := out[k] * math.Sqrt(t)
		grid, mass = propagate(grid, mass, bound, sd, nodes)
		before, used = t, spent[k]
	}
	return out
}

// propagate moves the density to the next look and cuts it at ±bound.
func propagate(grid, mass []float64, bound, sd float64, nodes int) (next, nextMass []float64) {
	next, nextMass = make([]float64, nodes), make([]float64, nodes)
	step := 2 * bound / float64(nodes-1)
	for j := range next {
		next[j] = -bound + float64(j)*step
		density := 0.0
		if grid == nil {
			density = distuv.UnitNormal.Prob(next[j]/sd) / sd
		}
		for i, b := range grid {
			density += mass[i] * distuv.UnitNormal.Prob((next[j]-b)/sd) / sd
		}
		weight := 2.0
		switch {
		case j == 0 || j == nodes-1:
			weight = 1
		case j%2 == 1:
			weight = 4
		}
		nextMass[j] = density * weight * step / 3
	}
	return next, nextMass
}
