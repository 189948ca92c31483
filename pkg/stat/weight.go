package stat

import (
	"fmt"
	"math"
	"slices"
)

// A Margin is one known distribution of the population: by tenure, by site.
type Margin struct {
	Name   string
	Cell   []string           // the cell of each respondent
	Target map[string]float64 // the population of each cell, in people or shares
}

// Weights are the result of raking.
type Weights struct {
	Weight     []float64 // per respondent; they sum to the margins' total
	EffectiveN float64   // see [EffectiveN]
	Rounds     int       // of proportional fitting, the last time
	Trimmed    int       // respondents whose weight was cut or raised; 0 without trimming
	Extreme    [2]float64
}

const (
	rakeTolerance = 1e-9
	rakeRounds    = 10_000
	trimRounds    = 50
)

// Rake weights respondents so that each margin's cells sum to their targets, by
// iterative proportional fitting (Deming and Stephan 1940) from the base
// weights (nil: all 1), until no cell is off by more than 1e-9 of its target.
// Weights.Extreme is the least and greatest weight divided by the mean.
//
// It returns an error that names the margin and cell when a target has no
// respondent, a respondent no target, the margins' totals differ, or no
// weights meet all margins.
func Rake(base []float64, margins []Margin) (*Weights, error) {
	w, err := rakeStart(base, margins)
	if err != nil {
		return nil, fmt.Errorf("raking: %w", err)
	}
	rounds, err := rake(w, margins)
	if err != nil {
		return nil, fmt.Errorf("raking: %w", err)
	}
	return describe(w, rounds, 0), nil
}

// RakeTrimmed rakes, trims the weights to [low, high] times their mean (0.2 and
// 5 are the project's) and rakes again, until the margins hold and no weight
// is outside by more than one in a million. When the margins cannot be met
// within the limits it stops after 50 rounds with the margins met; Extreme then
// shows by how much the limits are not.
func RakeTrimmed(base []float64, margins []Margin, low, high float64) (*Weights, error) {
	if !(low >= 0 && low < 1 && high > 1) {
		return nil, fmt.Errorf("raking: limits %v and %v must lie below and above 1", low, high)
	}
	w, err := rakeStart(base, margins)
	if err != nil {
		return nil, fmt.Errorf("raking: %w", err)
	}
	touched := make([]bool, len(w))
	for round := 0; ; round++ {
		rounds, err := rake(w, margins)
		if err != nil {
			return nil, fmt.Errorf("raking: %w", err)
		}
		mean := Mean(w)
		least, most := low*mean, high*mean
		outside := false
		for _, v := range w {
			outside = outside || v < least*(1-1e-6) || v > most*(1+1e-6)
		}
		if !outside || round == trimRounds {
			count := 0
			for _, t := range touched {
				if t {
					count++
				}
			}
			return describe(w, rounds, count), nil
		}
		for i, v := range w {
			w[i] = min(max(v, least), most)
			touched[i] = touched[i] || w[i] != v
		}
	}
}

func describe(w []float64, rounds, trimmed int) *Weights {
	mean := Mean(w)
	return &Weights{
		Weight: w, EffectiveN: EffectiveN(w), Rounds: rounds, Trimmed: trimmed,
		Extreme: [2]float64{slices.Min(w) / mean, slices.Max(w) / mean},
	}
}

// rakeStart checks the margins and returns the weights to start from.
func rakeStart(base []float64, margins []Margin) ([]float64, error) {
	if len(margins) == 0 || len(margins[0].Cell) == 0 {
		return nil, fmt.Errorf("there are no respondents or no margins")
	}
	n := len(margins[0].Cell)
	if base == nil {
		base = Intercept(n).Values
	}
	if len(base) != n {
		return nil, fmt.Errorf("there are %d base weights for %d respondents", len(base), n)
	}
	for i, b := range base {
		if !(b > 0) || math.IsInf(b, 0) {
			return nil, fmt.Errorf("the base weight of respondent %d is %v", i, b)
		}
	}
	total := math.NaN()
	for _, m := range margins {
		if len(m.Cell) != n {
			return nil, fmt.Errorf("margin %s has %d respondents, not %d", m.Name, len(m.Cell), n)
		}
		count := map[string]int{}
		for i, c := range m.Cell {
			if !(m.Target[c] > 0) {
				return nil, fmt.Errorf("margin %s: respondent %d is in cell %q, which has no target", m.Name, i, c)
			}
			count[c]++
		}
		var targets []float64
		for _, c := range cells(m) {
			t := m.Target[c]
			if !(t >= 0) || math.IsInf(t, 0) {
				return nil, fmt.Errorf("margin %s: the target of cell %q is %v", m.Name, c, t)
			}
			if t > 0 && count[c] == 0 {
				return nil, fmt.Errorf("margin %s: cell %q has a target of %v and no respondent; merge it with another", m.Name, c, t)
			}
			targets = append(targets, t)
		}
		sum := Sum(targets)
		if math.Abs(sum-total) > rakeTolerance*sum {
			return nil, fmt.Errorf("margin %s sums to %v, %s to %v", m.Name, sum, margins[0].Name, total)
		}
		if math.IsNaN(total) {
			total = sum
		}
	}
	return slices.Clone(base), nil
}

// cells lists a margin's cells in a fixed order.
func cells(m Margin) []string {
	names := make([]string, 0, len(m.Target))
	for c := range m.Target {
		names = append(names, c)
	}
	slices.Sort(names)
	return names
}

// rake fits w to the margins in place.
func rake(w []float64, margins []Margin) (rounds int, err error) {
	groups := make([]*grouping, len(margins))
	targets := make([][]float64, len(margins))
	for i, m := range margins {
		code, labels := Levels(m.Cell)
		groups[i] = newGrouping(code, nil)
		for _, l := range labels {
			targets[i] = append(targets[i], m.Target[l])
		}
	}
	for rounds = 1; ; rounds++ {
		for k, g := range groups {
			have := g.add(w)
			for i := range w {
				w[i] *= targets[k][g.code[i]] / have[g.code[i]]
			}
		}
		worst, where := 0.0, ""
		for k, g := range groups {
			_, labels := Levels(margins[k].Cell)
			for c, have := range g.add(w) {
				off := math.Abs(have/targets[k][c] - 1)
				if math.IsNaN(off) || off > worst {
					worst, where = off, fmt.Sprintf("cell %q of %s", labels[c], margins[k].Name)
				}
			}
		}
		if worst < rakeTolerance {
			return rounds, nil
		}
		if math.IsNaN(worst) || rounds == rakeRounds {
			return 0, fmt.Errorf("the margins contradict each other for these respondents: %s is off by %.2g after %d rounds", where, worst, rounds)
		}
	}
}

// EffectiveN returns (Σw)²/Σw², the size of an unweighted sample that says as
// much (Kish 1965). NaN without a positive weight or with a negative one.
func EffectiveN(w []float64) float64 {
	for _, v := range w {
		if !(v >= 0) {
			return math.NaN()
		}
	}
	s := Sum(w)
	if !(s > 0) {
		return math.NaN()
	}
	return s * s / dot(w, w)
}

// WeightedShare returns the weighted share of respondents for whom hit is true,
// the effective n, and the Wilson interval with that n.
func WeightedShare(hit []bool, w []float64, level float64) (share, n float64, interval Interval) {
	n = EffectiveN(w)
	if len(hit) != len(w) || math.IsNaN(n) {
		return math.NaN(), math.NaN(), noInterval
	}
	var yes []float64
	for i, h := range hit {
		if h {
			yes = append(yes, w[i])
		}
	}
	share = min(Sum(yes)/Sum(w), 1)
	return share, n, Wilson(min(share*n, n), n, level)
}
