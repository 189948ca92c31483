package impact

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Control says which units a cohort is compared with.
type Control string

// The comparison groups of Callaway and Sant'Anna (2021).
const (
	NotYet       Control = "notyet" // never treated, or treated only after both periods of the comparison
	NeverTreated Control = "never"  // never treated within the panel
)

// Base says which period an effect is measured from before treatment. After
// it, both measure from the last period before treatment.
type Base string

// The base periods of R did.
const (
	Varying   Base = "varying"   // the period before
	Universal Base = "universal" // the last period before treatment
)

// Adjust says how covariates enter.
type Adjust string

// The adjustments of Sant'Anna and Zhao (2020), as R DRDID names them.
const (
	Regression Adjust = "reg" // outcome regression among the controls
	Weighting  Adjust = "ipw" // inverse probability weighting, normalised
	Robust     Adjust = "dr"  // doubly robust: either model may be wrong
)

// CSOptions choose the comparison of CallawaySantAnna.
type CSOptions struct {
	Control Control // default NotYet
	Base    Base    // default Varying
	Adjust  Adjust  // default Robust; only with covariates
}

func (o CSOptions) withDefaults() CSOptions {
	o.Control = cmp.Or(o.Control, NotYet)
	o.Base = cmp.Or(o.Base, Varying)
	o.Adjust = cmp.Or(o.Adjust, Robust)
	return o
}

// A GroupTime is the average effect on one cohort in one period.
type GroupTime struct {
	Group, Time int     // indices into Panel.Times
	Post        bool    // Time is not before Group
	Reference   bool    // the universal base period: zero by definition, without error
	ATT, SE     float64 // SE is 0 if Reference

	psi []float64 // influence of each unit, mean zero; SE = √Σψ²/n
}

// GroupTimes are the building blocks of Callaway and Sant'Anna: every cohort
// in every period, and the influence of every unit on each of them.
type GroupTimes struct {
	Panel   *Panel      // the panel the estimates are for; it may be shorter than the one given
	Cells   []GroupTime // by group, then time
	Missing []string    // what could not be estimated, and why, in words
}

// CallawaySantAnna estimates ATT(g,t), the mean effect on the units first
// treated in g, in period t, in units of the outcome.
//
// With base b (the last period before g if t ≥ g, else see Base),
// ATT = mean_g(Y_t−Y_b) − mean_C(Y_t−Y_b); with covariates, their conditional
// versions at the values of the base period. Where nobody is never treated the
// last cohort serves as control only and the panel ends before its start, as
// in R did.
//
// It returns ErrNotIdentified if there is no second period, no treated cohort
// or no control; a single cell that cannot be estimated is in Missing.
//
// Source: Callaway and Sant'Anna (2021), Sant'Anna and Zhao (2020); conventions
// of R did and DRDID.
func CallawaySantAnna(p *Panel, o CSOptions) (*GroupTimes, error) {
	o = o.withDefaults()
	p, groups, err := comparable(p, o.Control)
	if err != nil {
		return nil, err
	}
	gt := &GroupTimes{Panel: p}
	cov, err := newDesign(p)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		for t := range p.Times {
			b, ok := basePeriod(g, t, o.Base)
			if !ok {
				continue
			}
			if t == b {
				gt.Cells = append(gt.Cells, GroupTime{Group: g, Time: t, Reference: true, psi: make([]float64, len(p.Units))})
				continue
			}
			c, err := p.cell(g, t, b, o, cov)
			if err != nil {
				gt.Missing = append(gt.Missing, fmt.Sprintf("ATT(%s, %s): %v", p.label(g), p.label(t), err))
				continue
			}
			gt.Cells = append(gt.Cells, c)
		}
	}
	if !slices.ContainsFunc(gt.Cells, func(c GroupTime) bool { return c.Post }) {
		return nil, fmt.Errorf("%w: no effect after treatment can be compared with a control: %s", ErrNotIdentified, listSome(gt.Missing))
	}
	return gt, nil
}

// comparable returns the part of the panel in which there are controls and the
// cohorts that can be compared with them.
func comparable(p *Panel, control Control) (*Panel, []int, error) {
	if p.Periods() < 2 {
		return nil, nil, fmt.Errorf("%w: the panel has one period; a change needs a before and an after", ErrNotIdentified)
	}
	if p.constant() {
		return nil, nil, fmt.Errorf("%w: the outcome is %v in every row; nothing can be learnt from a constant", ErrNotIdentified, p.Y[0][0])
	}
	groups := p.Cohorts()
	if len(groups) == 0 {
		return nil, nil, fmt.Errorf("%w: no unit is treated within the panel", ErrNotIdentified)
	}
	if slices.Contains(p.Cohort, Never) {
		return p, groups, nil
	}
	last := groups[len(groups)-1]
	switch {
	case len(groups) == 1:
		return nil, nil, fmt.Errorf("%w: all %d units are first treated in %s, so nobody shows what would have happened without it", ErrNotIdentified, len(p.Units), p.label(last))
	case control == NeverTreated:
		return nil, nil, fmt.Errorf("%w: no unit is never treated; compare with the not yet treated instead", ErrNotIdentified)
	}
	short := p.untilPeriod(last)
	short.Warnings = append(slices.Clone(p.Warnings), fmt.Sprintf("every unit is treated in the end: the last cohort (%s) serves as control only and periods from %s on are not used", p.label(last), p.label(last)))
	if short.Periods() < 2 {
		return nil, nil, fmt.Errorf("%w: one period is left before the last cohort is treated", ErrNotIdentified)
	}
	return short, groups[:len(groups)-1], nil
}

// basePeriod returns the period that t is compared with; false if there is none.
func basePeriod(g, t int, base Base) (int, bool) {
	if t >= g || base == Universal {
		return g - 1, g >= 1
	}
	return t - 1, t >= 1
}

// A role is what a unit is in one comparison.
type role uint8

const (
	outside role = iota
	treated
	control
)

// roles sorts the units of the comparison of g in t with base b.
func (p *Panel) roles(g, t, b int, c Control) (r []role, n1, n0 int) {
	r = make([]role, len(p.Units))
	for i, h := range p.Cohort {
		switch {
		case h == g:
			r[i] = treated
			n1++
		case h == Never || c == NotYet && h > max(t, b):
			r[i] = control
			n0++
		}
	}
	return r, n1, n0
}

// cell estimates one ATT(g,t). Its error says, in words, why it does not exist.
func (p *Panel) cell(g, t, b int, o CSOptions, cov *design) (GroupTime, error) {
	r, n1, n0 := p.roles(g, t, b, o.Control)
	if n0 == 0 {
		return GroupTime{}, fmt.Errorf("no control is left")
	}
	c := GroupTime{Group: g, Time: t, Post: t >= g}
	dy := make([]float64, len(p.Units))
	for i, y := range p.Y {
		dy[i] = y[t] - y[b]
	}
	if cov == nil {
		c.ATT, c.psi = meanDifference(dy, r, n1, n0)
	} else {
		var err error
		if c.ATT, c.psi, err = cov.adjusted(dy, r, b, o.Adjust); err != nil {
			return GroupTime{}, err
		}
	}
	c.SE = p.standardError(c.psi)
	return c, nil
}

// meanDifference is the unconditional comparison: the difference of means and
// ψ_i = (n/n_g)·1{g}(Δ_i−mean_g) − (n/n_C)·1{C}(Δ_i−mean_C).
func meanDifference(dy []float64, r []role, n1, n0 int) (float64, []float64) {
	var m1, m0 float64
	for i, d := range dy {
		switch r[i] {
		case treated:
			m1 += d / float64(n1)
		case control:
			m0 += d / float64(n0)
		}
	}
	n := float64(len(dy))
	psi := make([]float64, len(dy))
	for i, d := range dy {
		switch r[i] {
		case treated:
			psi[i] = n / float64(n1) * (d - m1)
		case control:
			psi[i] = -n / float64(n0) * (d - m0)
		}
	}
	return m1 - m0, psi
}

// standardError is √Σψ²/n with ψ summed within each cluster first.
func (p *Panel) standardError(psi []float64) float64 {
	return math.Sqrt(p.covariance(psi, psi))
}

// covariance of two estimates from their influences.
func (p *Panel) covariance(a, b []float64) float64 {
	n := float64(len(a))
	s := 0.0
	if !p.Clustered {
		for i := range a {
			s += a[i] * b[i]
		}
		return s / (n * n)
	}
	sa, sb := p.byCluster(a), p.byCluster(b)
	for i := range sa {
		s += sa[i] * sb[i]
	}
	return s / (n * n)
}

// byCluster sums over the units of each cluster.
func (p *Panel) byCluster(x []float64) []float64 {
	s := make([]float64, p.Clusters)
	for i, v := range x {
		s[p.Cluster[i]] += v
	}
	return s
}
