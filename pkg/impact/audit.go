package impact

import (
	"fmt"
	"math"
)

// An Audit is what auto finds where there is nothing to find.
type Audit struct {
	Panels   int // fake rollouts tried
	WithP    int // of those, with a p
	Rejected int // of those, with p ≤ 0.05
}

// Rate is the false-positive rate at 5 %; NaN if no fake rollout had a p.
func (a Audit) Rate() float64 {
	if a.WithP == 0 {
		return math.NaN()
	}
	return float64(a.Rejected) / float64(a.WithP)
}

// SelfAudit deals a rollout's dates to random units of the organisation's own
// history, times over, and counts how often the path that auto chooses finds an
// effect. history has outcomes from before the rollout; its own cohorts are not
// used. dates has, for every unit, an index into history.Times or Never.
//
// It returns ErrInvalid if dates do not fit the units, and ErrNotIdentified if
// a rollout of this shape cannot be estimated at all.
//
// Source: Bertrand, Duflo and Mullainathan (2004), placebo laws.
func SelfAudit(history *Panel, dates []int, times, draws int, seed uint64) (Audit, error) {
	if len(dates) != len(history.Units) {
		return Audit{}, fmt.Errorf("%w: %d dates for %d units", ErrInvalid, len(dates), len(history.Units))
	}
	p := make([]float64, times)
	errs := make([]error, times)
	parallel(times, func(i int) {
		fake := make([]int, len(dates))
		for k, j := range stream(seed, i).Perm(len(dates)) {
			fake[k] = dates[j]
		}
		var v PValue
		v, errs[i] = QuickP(history.with(history.Y, fake), draws, seed+uint64(i))
		p[i] = v.P
	})
	a := Audit{Panels: times}
	for i := range p {
		switch {
		case errs[i] != nil:
			return Audit{}, fmt.Errorf("fake rollout %d: %w", i+1, errs[i])
		case math.IsNaN(p[i]):
		case p[i] <= attainable:
			a.Rejected++
			fallthrough
		default:
			a.WithP++
		}
	}
	return a, nil
}
