package impact

import (
	"math"
	"slices"
)

// UniformCritical returns the number c for which all of estimate ± c·SE hold
// together with probability 1−alpha. The influences are multiplied, cluster by
// cluster, with Mammen's two points, draws times; c is the 1−alpha quantile of
// the largest |t|. It is NaN when no estimate has an error.
//
// Source: Callaway and Sant'Anna (2021), theorem 3; multiplier of R did.
func (gt *GroupTimes) UniformCritical(es []Estimate, alpha float64, draws int, seed uint64) float64 {
	var psi [][]float64
	n := float64(len(gt.Panel.Units))
	for _, e := range es {
		if e.SE <= 0 {
			continue
		}
		c := e.psi
		if gt.Panel.Clustered {
			c = gt.Panel.byCluster(e.psi)
		}
		scaled := make([]float64, len(c))
		for i, v := range c {
			scaled[i] = v / (n * e.SE)
		}
		psi = append(psi, scaled)
	}
	if len(psi) == 0 || draws < 1 {
		return math.NaN()
	}
	largest := make([]float64, draws)
	parallel(draws, func(b int) {
		v := mammen(len(psi[0]), seed, b)
		for _, x := range psi {
			largest[b] = max(largest[b], math.Abs(dot(x, v)))
		}
	})
	slices.Sort(largest)
	return largest[int(math.Ceil((1-alpha)*float64(draws)))-1]
}

// mammen draws n multipliers with mean 0, variance 1 and third moment 1.
func mammen(n int, seed uint64, draw int) []float64 {
	low, high := (1-math.Sqrt(5))/2, (1+math.Sqrt(5))/2
	share := high / math.Sqrt(5)
	rng := stream(seed, draw)
	v := make([]float64, n)
	for i := range v {
		v[i] = high
		if rng.Float64() < share {
			v[i] = low
		}
	}
	return v
}
