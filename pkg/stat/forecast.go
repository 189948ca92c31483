package stat

import (
	"fmt"
	"math"
)

const (
	minThroughput = 6  // weeks; fewer say too little of how weeks differ
	maxThroughput = 12 // weeks; older ones say too little of today
)

// A Completion is the distribution of the week in which the work is done.
type Completion struct {
	Weeks  int       // how many of the throughputs were resampled
	Paths  int       // simulated
	Seed   uint64    // of the simulation, to be stored with the result
	ByWeek []float64 // share of paths done by the end of week 1, 2, …, horizon
}

// ForecastCompletion simulates when remaining units will be done by drawing
// each coming week from the last 6-12 weekly throughputs, with replacement
// (bootstrap of throughput; Magennis 2011). throughput is in the order of time
// and may hold more: the last 12 that are not NaN count. Work added to the
// scope is not throughput; it is a forecast of its own. Usual: 10 000 paths,
// a horizon of 520 weeks. It returns an error for fewer than six complete
// weeks, a negative number, or paths or horizon below 1.
func ForecastCompletion(remaining float64, throughput []float64, paths, horizon int, seed uint64) (*Completion, error) {
	var recent []float64
	for i := len(throughput) - 1; i >= 0 && len(recent) < maxThroughput; i-- {
		v := throughput[i]
		if v < 0 || math.IsInf(v, 0) {
			return nil, fmt.Errorf("forecasting completion: the throughput of week %d is %v", i, v)
		}
		if !math.IsNaN(v) {
			recent = append(recent, v)
		}
	}
	switch {
	case len(recent) < minThroughput:
		return nil, fmt.Errorf("forecasting completion: %d complete weeks, at least %d are needed", len(recent), minThroughput)
	case !(remaining >= 0) || math.IsInf(remaining, 0):
		return nil, fmt.Errorf("forecasting completion: %v units remain", remaining)
	case paths < 1 || horizon < 1:
		return nil, fmt.Errorf("forecasting completion: %d paths over %d weeks", paths, horizon)
	}
	// Which weeks count depends on their order, what they say does not.
	recent = sorted(recent)
	done := make([]int, horizon+1)
	r := NewRand(seed)
	for range paths {
		left, week := remaining, 0
		for left > 0 && week < horizon {
			left -= recent[r.IntN(len(recent))]
			week++
		}
		if left <= 0 {
			done[week]++
		}
	}
	c := &Completion{Weeks: len(recent), Paths: paths, Seed: seed, ByWeek: make([]float64, horizon)}
	sum := done[0]
	for w := 1; w <= horizon; w++ {
		sum += done[w]
		c.ByWeek[w-1] = float64(sum) / float64(paths)
	}
	return c, nil
}

// Quantile returns the first week, 1 being the next, by whose end at least the
// share p of the paths are done: 0.5, 0.85, 0.95. ok is false when that lies
// beyond the horizon, or p outside (0, 1].
func (c *Completion) Quantile(p float64) (week int, ok bool) {
	if !(p > 0 && p <= 1) {
		return 0, false
	}
	for w, share := range c.ByWeek {
		if share >= p {
			return w + 1, true
		}
	}
	return 0, false
}
