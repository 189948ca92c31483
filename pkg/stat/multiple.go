package stat

import (
	"math"
	"slices"
)

// BenjaminiHochberg returns the p values adjusted for the false discovery rate
// over all of them (Benjamini and Hochberg 1995; R's p.adjust "BH"): compare
// each with the rate wanted. A NaN is no test: it stays NaN and is not counted.
func BenjaminiHochberg(p []float64) []float64 { return stepUp(p, 1) }

// BenjaminiYekutieli is [BenjaminiHochberg] for tests that depend on each other
// in any way, larger by Σ1/i (Benjamini and Yekutieli 2001).
func BenjaminiYekutieli(p []float64) []float64 {
	sum, m := 0.0, 0
	for _, v := range p {
		if !math.IsNaN(v) {
			m++
			sum += 1 / float64(m)
		}
	}
	return stepUp(p, sum)
}

func stepUp(p []float64, factor float64) []float64 {
	out := slices.Clone(p)
	var order []int
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if p[a] > p[b] {
			return -1
		}
		if p[a] < p[b] {
			return 1
		}
		return 0
	})
	m := float64(len(order))
	least := 1.0
	for i, k := range order {
		least = min(least, factor*m/(m-float64(i))*p[k])
		out[k] = least
	}
	return out
}
