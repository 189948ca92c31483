package impact

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Complier is the effect on units that adopt because they were offered to.
type Complier struct {
	Offer     Estimate // intent to treat: of the offer on the outcome, in its unit
	Adoption  Estimate // of the offer on adoption, a share
	ATT       float64  // Offer ÷ Adoption
	Low, High float64  // Anderson-Rubin interval; an end is ±Inf where the data do not bound it
	Disjoint  bool     // the set is everything but (Low, High): adoption hardly follows the offer
}

// LATE divides the effect of an offer on the outcome by its effect on adoption:
// for adoption by choice, where adopters cannot be compared with the rest. The
// panel's cohorts are the offer dates; adopted is 1 where a unit had adopted, by
// unit and period in the panel's order. The Anderson-Rubin interval holds the
// effects τ for which the offer does not move outcome − τ·adoption; unlike the
// ratio's own error it is right when adoption hardly follows the offer.
//
// It returns ErrInvalid if adopted has another shape, and ErrNotIdentified where
// CallawaySantAnna does or if the offer moved adoption by nothing.
//
// Source: Angrist, Imbens and Rubin (1996); Anderson and Rubin (1949).
func LATE(p *Panel, adopted [][]float64, o CSOptions, alpha float64) (Complier, error) {
	if len(adopted) != len(p.Units) {
		return Complier{}, fmt.Errorf("%w: adoption of %d units, want %d", ErrInvalid, len(adopted), len(p.Units))
	}
	for i, a := range adopted {
		if len(a) != p.Periods() {
			return Complier{}, fmt.Errorf("%w: adoption of unit %q has %d periods, want %d", ErrInvalid, p.Units[i], len(a), p.Periods())
		}
	}
	outcome, err := CallawaySantAnna(p, o)
	if err != nil {
		return Complier{}, err
	}
	uptake, err := CallawaySantAnna(p.with(adopted, p.Cohort), o)
	if err != nil {
		return Complier{}, fmt.Errorf("adoption: %w", err)
	}
	var c Complier
	c.Offer, _ = outcome.Aggregate(Simple)
	c.Adoption, _ = uptake.Aggregate(Simple)
	if c.Adoption.ATT == 0 {
		return Complier{}, notIdentified("the offer moved adoption by nothing")
	}
	c.ATT = c.Offer.ATT / c.Adoption.ATT
	q := outcome.Panel
	c.andersonRubin(q.covariance(c.Offer.psi, c.Adoption.psi), alpha)
	return c, nil
}

// andersonRubin solves (y − τd)² ≤ z²·Var(y − τd) for τ.
func (c *Complier) andersonRubin(cov, alpha float64) {
	z := distuv.UnitNormal.Quantile(1 - alpha/2)
	y, d := c.Offer, c.Adoption
	a := d.ATT*d.ATT - z*z*d.SE*d.SE
	b := y.ATT*d.ATT - z*z*cov
	k := y.ATT*y.ATT - z*z*y.SE*y.SE
	root := b*b - a*k
	switch {
	case root < 0 || a == 0: // a < 0 then: no effect is rejected
		c.Low, c.High = math.Inf(-1), math.Inf(1)
	default:
		r1, r2 := (b-math.Sqrt(root))/a, (b+math.Sqrt(root))/a
		c.Low, c.High = min(r1, r2), max(r1, r2)
		c.Disjoint = a < 0
	}
}
