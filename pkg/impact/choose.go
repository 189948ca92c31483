package impact

import (
	"fmt"
	"math"
)

// Method names an estimator.
type Method string

// The methods that Estimate knows.
const (
	Auto          Method = "auto"       // Choose decides
	CS            Method = "cs"         // Callaway and Sant'Anna
	SA            Method = "sa"         // Sun and Abraham
	Impute        Method = "imputation" // Borusyak, Jaravel and Spiess
	StaticTWFE    Method = "twfe"       // static two-way fixed effects
	SDID          Method = "sdid"       // synthetic difference-in-differences
	SyntheticCtrl Method = "sc"         // synthetic control
	ITS           Method = "its"        // interrupted time series
	Counts        Method = "poisson"    // quasi-Poisson difference-in-differences
)

// Inference names where p and the interval come from.
type Inference string

// The ways of inference.
const (
	Analytic   Inference = "analytic" // the estimator's standard error
	Wild       Inference = "wild"     // wild cluster restricted bootstrap; twfe only
	Randomised Inference = "ri"       // randomisation inference; cs, and twfe without covariates
	Placebos   Inference = "placebo"  // placebo in space; sdid and sc
)

// The limits of the table of situations.
const (
	fewTreated   = 5  // below, a synthetic comparison if there are donors enough
	manyControls = 10 // from here on, the usual comparison
	donorsNeeded = 15 // for a synthetic comparison
	preNeeded    = 20 // periods before, for a synthetic comparison
	fewInArm     = 6  // below, p only if the design can reach attainable
)

// attainable is the p that a design must be able to reach to be given one.
const attainable = 0.05

// A Shape is what decides on the estimator: how many are treated and when, not
// what happened to them.
type Shape struct {
	Treated    int // units treated within the panel
	Controls   int // units that are a control for some cohort: never treated, or treated after the first cohort
	Donors     int // units that are never treated
	Cohorts    int // treatment dates
	Periods    int
	PrePeriods int // before the first treatment date
}

// A Choice is a path through the table of situations, and why it was taken.
type Choice struct {
	Method     Method // empty when the shape cannot be identified
	Inference  Inference
	Control    Control
	SmallArms  bool // fewer than six units in an arm: p only if 0.05 can be reached
	Situation  string
	Because    string
	Identified bool
}

// ShapeOf describes a panel.
func ShapeOf(p *Panel) Shape {
	s := Shape{Treated: p.Treated(), Periods: p.Periods(), Cohorts: len(p.Cohorts())}
	if s.Cohorts > 0 {
		s.PrePeriods = p.Cohorts()[0]
	}
	for _, g := range p.Cohort {
		if g == Never {
			s.Donors++
		}
		if s.Cohorts > 0 && g > p.Cohorts()[0] {
			s.Controls++
		}
	}
	return s
}

// Choose returns the one path for a shape; rows are tried in order and the
// last takes what is left, so every shape has exactly one.
//
//	one period, nobody treated, or no control    NOT_IDENTIFIED
//	≥ 5 treated, ≥ 10 controls                   Callaway-Sant'Anna, randomisation inference
//	1-4 treated, ≥ 15 donors, ≥ 20 periods before   synthetic DiD, placebo in space
//	≥ 5 treated, 2-9 controls                    Callaway-Sant'Anna, randomisation inference
//	anything else                                Callaway-Sant'Anna, p only if 0.05 is attainable
//
// Choose never returns an interrupted series: it is weak and only on request.
// Randomisation inference stands in every row of Callaway-Sant'Anna because the
// analytic errors reject too often with few units (docs/coverage.md).
func Choose(s Shape) Choice {
	c := Choice{Method: CS, Inference: Randomised, Control: NotYet, Identified: true, SmallArms: min(s.Treated, s.Controls) < fewInArm}
	switch {
	case s.Periods < 2:
		return Choice{Situation: "one period", Because: "a change needs a period before and a period after"}
	case s.Treated == 0:
		return Choice{Situation: "nobody treated", Because: "no unit is treated within the panel"}
	case s.PrePeriods < 1:
		return Choice{Situation: "no period before", Because: "nobody was seen untreated"}
	case s.Controls == 0:
		return Choice{Situation: "everybody treated at once", Because: "all units are treated in the same period, so nobody shows what would have happened without it; an interrupted time series (its) can be asked for and is weak"}
	case s.Treated >= fewTreated && s.Controls >= manyControls:
		c.Situation = "5 or more treated, 10 or more not yet or never treated"
		c.Because = fmt.Sprintf("%d units treated over %d dates and %d not yet or never treated: Callaway-Sant'Anna with not yet treated controls, p from redrawing the dates over the units", s.Treated, s.Cohorts, s.Controls)
	case s.Treated < fewTreated && s.Donors >= donorsNeeded && s.PrePeriods >= preNeeded:
		c.Method, c.Inference, c.Control = SDID, Placebos, NeverTreated
		c.SmallArms = true
		c.Situation = "1-4 treated, 15 or more donors, 20 or more periods before"
		c.Because = fmt.Sprintf("only %d treated, but %d never treated donors and %d periods before: synthetic difference-in-differences, p from placebos in space", s.Treated, s.Donors, s.PrePeriods)
	case s.Treated >= fewTreated && s.Controls >= 2:
		c.Situation = "5 or more treated, 2-9 controls"
		c.Because = fmt.Sprintf("%d units treated and only %d controls: Callaway-Sant'Anna, p from redrawing the dates over the units", s.Treated, s.Controls)
	default:
		c.SmallArms = true
		c.Situation = "fewer than 6 units in an arm"
		c.Because = fmt.Sprintf("%d treated, %d controls, %d periods before: too few for more than a comparison; p only if the smallest attainable one is at most 0.05", s.Treated, s.Controls, s.PrePeriods)
	}
	return c
}

// A PValue is what auto says of chance, and by which path.
type PValue struct {
	Choice   Choice
	P        float64 // NaN where the path gives none
	Smallest float64 // the smallest P the design could give
}

// QuickP takes the path that Choose chooses and returns its p alone, without
// the checks and pictures of Run: it is what self-audits call thousands of
// times. It equals Run's p.
//
// It returns ErrNotIdentified where Run does.
func QuickP(p *Panel, draws int, seed uint64) (PValue, error) {
	c := Choose(ShapeOf(p))
	if !c.Identified {
		return PValue{}, notIdentified("%s", c.Because)
	}
	out := PValue{Choice: c}
	if c.Method == SDID {
		pl, _, err := placeboP(p, SyntheticOptions{}, draws, seed)
		if err != nil {
			return PValue{}, err
		}
		out.P, out.Smallest = pl.P, pl.Smallest
	} else {
		o := CSOptions{Control: c.Control}
		gt, err := CallawaySantAnna(p, o)
		if err != nil {
			return PValue{}, err
		}
		out.P, out.Smallest, err = gt.randomisedP(o, draws, seed)
		if err != nil {
			return PValue{}, err
		}
	}
	if out.Smallest > attainable {
		out.P = math.NaN()
	}
	return out, nil
}
