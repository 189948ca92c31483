package impact

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"
)

// Options ask for an estimate.
type Options struct {
	Method    Method    // default Auto
	Control   Control   // default NotYet; cs only
	Base      Base      // default Varying; cs only
	Adjust    Adjust    // default Robust; cs with covariates
	Aggregate Aggregate // of the headline; default Simple; cs only
	Inference Inference // default: what Choose says for Auto, else the method's own
	Draws     int       // of bootstraps, redraws and placebos; default 999
	Seed      uint64    // of every draw; default 1
	Alpha     float64   // error level of intervals, two-sided; default 0.05
}

func (o Options) withDefaults() Options {
	o.Method = cmp.Or(o.Method, Auto)
	o.Control = cmp.Or(o.Control, NotYet)
	o.Base = cmp.Or(o.Base, Varying)
	o.Adjust = cmp.Or(o.Adjust, Robust)
	o.Aggregate = cmp.Or(o.Aggregate, Simple)
	o.Draws = cmp.Or(o.Draws, 999)
	o.Seed = cmp.Or(o.Seed, 1)
	o.Alpha = cmp.Or(o.Alpha, 0.05)
	return o
}

// A Result is one estimate with its uncertainty, its checks and its reasons.
// ATT and its errors are in units of the outcome (logs of rate ratios for
// counts). A number that does not exist is NaN.
type Result struct {
	Method        Method
	ChosenBecause string
	Control       Control // empty unless the method is cs
	Base          Base
	Aggregate     Aggregate

	ATT, SE   float64
	Low, High float64
	P         float64
	PKind     string  // where P comes from, in words; empty without P
	Smallest  float64 // the smallest P the design could give; NaN unless it is discrete
	Level     float64 // of the interval, 0.95
	Draws     int
	Seed      uint64

	Units, Treated, Periods int
	Clusters                int
	First, Last             string // periods

	EventStudy    []BandPoint
	BandKind      string // "uniform" or "pointwise"
	Cells         []GroupTime
	Groups        []Point
	Aggregates    map[Aggregate]Estimate
	Pretest       *Pretest
	Breakdown     float64
	TWFE          *TWFE
	Decomposition []Comparison
	Agreement     []Check
	Synthetic     *Synthetic
	Series        *InterruptedSeries
	Count         *CountEffect
	Path          []Path
	Panel         *Panel // the panel the estimate is for

	Warnings     []string
	NotEstimable []string
}

// A BandPoint is one event time of an event study.
type BandPoint struct {
	Event     int
	ATT, SE   float64
	Low, High float64
	Reference bool
}

// A Check is the same question asked of another estimator.
type Check struct {
	Method  Method
	ATT, SE float64
}

// Run answers what the treatment did, by the method asked for.
//
// It returns ErrInvalid for a request that does not fit, and ErrNotIdentified
// with the reason if the panel cannot answer; the Result then carries method,
// counts and warnings, and NaN for every number.
func Run(p *Panel, o Options) (*Result, error) {
	o = o.withDefaults()
	r := newResult(p, o)
	choice := Choice{Method: o.Method, Inference: o.Inference, Identified: true, SmallArms: false}
	if o.Method == Auto {
		choice = Choose(ShapeOf(p))
		choice.Inference = cmp.Or(o.Inference, choice.Inference)
		r.Method, r.ChosenBecause = choice.Method, choice.Because
		if !choice.Identified {
			r.Method = Auto
			return r, notIdentified("%s", choice.Because)
		}
	} else {
		r.ChosenBecause = fmt.Sprintf("method %s was asked for", o.Method)
	}
	if err := checkRequest(p, r.Method, choice.Inference); err != nil {
		return r, err
	}
	var err error
	switch r.Method {
	case CS:
		err = r.callawaySantAnna(p, o, choice)
	case SA:
		err = r.study(p, o, SunAbraham)
	case Impute:
		err = r.study(p, o, Imputation)
	case StaticTWFE:
		err = r.twoWay(p, o, choice)
	case SDID, SyntheticCtrl:
		err = r.synthetic(p, o, choice)
	case ITS:
		err = r.series(p, o)
	case Counts:
		err = r.counts(p, o)
	}
	if err != nil {
		r.clear()
		return r, err
	}
	r.limitP(choice)
	r.refuseUnusable()
	return r, nil
}

func newResult(p *Panel, o Options) *Result {
	nan := math.NaN()
	return &Result{
		Method: o.Method, ATT: nan, SE: nan, Low: nan, High: nan, P: nan, Smallest: nan, Breakdown: nan,
		Level: 1 - o.Alpha, Seed: o.Seed, Draws: o.Draws,
		Units: len(p.Units), Treated: p.Treated(), Periods: p.Periods(), Clusters: p.Clusters,
		First: p.label(0), Last: p.label(p.Periods() - 1),
		Warnings: slices.Clone(p.Warnings), Panel: p,
	}
}

// clear takes back every number after an error half way.
func (r *Result) clear() {
	nan := math.NaN()
	r.ATT, r.SE, r.Low, r.High, r.P, r.PKind = nan, nan, nan, nan, nan, ""
	r.EventStudy, r.Cells, r.Groups, r.Aggregates, r.Path = nil, nil, nil, nil, nil
}

// fits lists the inferences of each method, its default first.
var fits = map[Method][]Inference{
	CS:            {Analytic, Randomised},
	SA:            {Analytic},
	Impute:        {Analytic},
	StaticTWFE:    {Analytic, Wild, Randomised},
	SDID:          {Placebos},
	SyntheticCtrl: {Placebos},
	ITS:           {Analytic},
	Counts:        {Analytic},
}

func checkRequest(p *Panel, m Method, inf Inference) error {
	allowed, ok := fits[m]
	if !ok {
		return fmt.Errorf("%w: there is no method %q; methods are auto, cs, sa, imputation, twfe, sdid, sc, its, poisson", ErrInvalid, m)
	}
	if inf == "" {
		return nil
	}
	if !slices.Contains(allowed, inf) {
		var words []string
		for _, a := range allowed {
			words = append(words, string(a))
		}
		return fmt.Errorf("%w: inference %q does not fit method %s; it takes %s", ErrInvalid, inf, m, strings.Join(words, " or "))
	}
	if p.X != nil && (inf == Wild || inf == Randomised && m == StaticTWFE) {
		return fmt.Errorf("%w: inference %q of two-way fixed effects is for estimates without covariates; leave the covariates out or use analytic", ErrInvalid, inf)
	}
	return nil
}

// callawaySantAnna fills in the headline and everything shown beside it.
func (r *Result) callawaySantAnna(p *Panel, o Options, c Choice) error {
	cs := CSOptions{Control: o.Control, Base: o.Base, Adjust: o.Adjust}
	gt, err := CallawaySantAnna(p, cs)
	if err != nil {
		return err
	}
	r.Control, r.Base, r.Aggregate = o.Control, o.Base, o.Aggregate
	r.Panel, r.Periods, r.Last = gt.Panel, gt.Panel.Periods(), gt.Panel.label(gt.Panel.Periods()-1)
	r.Warnings = slices.Clone(gt.Panel.Warnings)
	r.NotEstimable = append(r.NotEstimable, gt.Missing...)
	r.Cells = gt.Cells
	r.Aggregates = map[Aggregate]Estimate{}
	var events []Point
	for _, a := range Aggregates {
		e, parts := gt.Aggregate(a)
		r.Aggregates[a] = e
		switch a {
		case Dynamic:
			events = parts
		case ByGroup:
			r.Groups = parts
		}
	}
	r.uniformBands(gt, events, o)
	if pre, err := gt.Pretest(); err != nil {
		r.NotEstimable = append(r.NotEstimable, fmt.Sprintf("pre-test: %v", err))
	} else {
		r.Pretest = &pre
		if r.Clusters < 10*pre.DF {
			r.Warnings = append(r.Warnings, fmt.Sprintf("the pre-test of %d effects from %d independent units rejects too often", pre.DF, r.Clusters))
		}
	}
	head := r.Aggregates[o.Aggregate]
	r.ATT, r.SE = head.ATT, head.SE
	r.normal(o.Alpha, "normal, influence functions")
	if c.Inference == Randomised {
		ri, err := gt.Randomise(o.Aggregate, cs, o.Alpha, o.Draws, o.Seed)
		if err != nil {
			return err
		}
		r.randomised(ri)
	} else {
		r.warnFew(p, "ri")
	}
	r.Breakdown = breakdown(r.ATT, r.SE, events, o)
	r.Path = gt.path(cs)
	r.agree(p)
	return nil
}

// uniformBands fills in the event study.
func (r *Result) uniformBands(gt *GroupTimes, events []Point, o Options) {
	var es []Estimate
	for _, e := range events {
		es = append(es, e.Estimate)
	}
	c := gt.UniformCritical(es, o.Alpha, o.Draws, o.Seed)
	r.BandKind = "uniform"
	for _, e := range events {
		r.EventStudy = append(r.EventStudy, bandPoint(e, c))
	}
}

func bandPoint(e Point, c float64) BandPoint {
	b := BandPoint{Event: e.Key, ATT: e.ATT, SE: e.SE, Low: e.ATT - c*e.SE, High: e.ATT + c*e.SE}
	if !(e.SE > 0) {
		b.SE, b.Low, b.High = math.NaN(), math.NaN(), math.NaN()
		b.Reference = e.ATT == 0
	}
	return b
}

// normal sets p and interval from the standard error.
func (r *Result) normal(alpha float64, kind string) {
	if !(r.SE > 0) {
		return
	}
	z := distuv.UnitNormal.Quantile(1 - alpha/2)
	r.P, r.PKind = tTest(Estimate{ATT: r.ATT, SE: r.SE}, 0), kind
	r.Low, r.High = r.ATT-z*r.SE, r.ATT+z*r.SE
}

// student is normal with degrees of freedom.
func (r *Result) student(df, alpha float64, kind string) {
	if !(r.SE > 0) || !(df > 0) {
		return
	}
	q := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Quantile(1 - alpha/2)
	r.P, r.PKind = tTest(Estimate{ATT: r.ATT, SE: r.SE}, df), kind
	r.Low, r.High = r.ATT-q*r.SE, r.ATT+q*r.SE
}

func (r *Result) randomised(ri Randomisation) {
	r.P, r.Smallest, r.Low, r.High = ri.P, ri.Smallest, ri.Low, ri.High
	r.Draws = ri.Assignments
	r.PKind = fmt.Sprintf("randomisation inference, %d drawn assignments", ri.Assignments)
	if ri.Enumerated {
		r.PKind = fmt.Sprintf("randomisation inference, all %d assignments", ri.Assignments)
	}
}

// warnFew says when an analytic p rejects too often.
func (r *Result) warnFew(p *Panel, instead string) {
	if n := min(p.Treated(), len(p.Units)-p.Treated()); n < 20 || r.Clusters < 40 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("an analytic p with %d units in the smaller arm and %d clusters rejects too often (docs/coverage.md); ask for inference %s", n, r.Clusters, instead))
	}
}

// limitP takes p away where the design cannot give one that means anything.
func (r *Result) limitP(c Choice) {
	if math.IsNaN(r.Smallest) {
		return
	}
	if r.Smallest > attainable {
		r.P, r.PKind, r.Low, r.High = math.NaN(), "", math.NaN(), math.NaN()
		r.Warnings = append(r.Warnings, fmt.Sprintf("no p: the smallest this design could give is %.3g, above 0.05; look at the counterfactual plot", r.Smallest))
	} else if c.SmallArms {
		r.Warnings = append(r.Warnings, fmt.Sprintf("few units: the smallest p this design could give is %.3g", r.Smallest))
	}
}

// refuseUnusable warns of an estimate without any error to hold it against.
func (r *Result) refuseUnusable() {
	if r.SE == 0 {
		r.SE, r.P, r.PKind, r.Low, r.High = math.NaN(), math.NaN(), "", math.NaN(), math.NaN()
		r.Warnings = append(r.Warnings, "no standard error: no unit differs from its group, so nothing measures the uncertainty")
	}
}

// agree asks the other estimators, whose failure is a warning here.
func (r *Result) agree(p *Panel) {
	for _, other := range []struct {
		m Method
		f func(*Panel) (Study, error)
	}{{SA, SunAbraham}, {Impute, Imputation}} {
		s, err := other.f(p)
		if err != nil {
			r.Warnings = append(r.Warnings, fmt.Sprintf("agreement check %s was not made: %v", other.m, reason(err)))
			continue
		}
		r.Agreement = append(r.Agreement, Check{other.m, s.ATT, s.SE})
	}
	if fit, err := TwoWayFixedEffects(p); err != nil {
		r.Warnings = append(r.Warnings, fmt.Sprintf("two-way fixed effects were not fitted: %v", reason(err)))
	} else {
		r.TWFE = &fit
	}
}

// reason is the error without the word that classes it.
func reason(err error) string {
	s := err.Error()
	for _, class := range []error{ErrInvalid, ErrNotIdentified} {
		s = strings.TrimPrefix(s, class.Error()+": ")
	}
	return s
}

// study fills in a regression estimate.
func (r *Result) study(p *Panel, o Options, f func(*Panel) (Study, error)) error {
	s, err := f(p)
	if err != nil {
		return err
	}
	r.ATT, r.SE = s.ATT, s.SE
	z := distuv.UnitNormal.Quantile(1 - o.Alpha/2)
	if s.DF > 0 {
		r.student(s.DF, o.Alpha, fmt.Sprintf("t with %.0f degrees of freedom, clustered", s.DF))
		z = distuv.StudentsT{Mu: 0, Sigma: 1, Nu: s.DF}.Quantile(1 - o.Alpha/2)
	} else {
		r.normal(o.Alpha, "normal, clustered")
	}
	r.BandKind = "pointwise"
	for _, e := range s.Events {
		r.EventStudy = append(r.EventStudy, bandPoint(e, z))
	}
	r.Cells = s.Cells
	r.Warnings = append(r.Warnings, s.Notes...)
	r.warnFew(p, "ri of method cs")
	return nil
}

func (r *Result) twoWay(p *Panel, o Options, c Choice) error {
	fit, err := TwoWayFixedEffects(p)
	if err != nil {
		return err
	}
	r.ATT, r.SE, r.TWFE = fit.ATT, fit.SE, &fit
	r.Warnings = append(r.Warnings, absorbedNote(fit.Dropped)...)
	if r.Decomposition, err = Decompose(p); err != nil {
		return err
	}
	switch c.Inference {
	case Wild:
		w, err := WildClusterBootstrap(p, o.Alpha, o.Draws, o.Seed)
		if err != nil {
			return err
		}
		r.P, r.Low, r.High, r.Smallest, r.Draws = w.P, w.Low, w.High, w.Smallest, w.Draws
		r.PKind = fmt.Sprintf("wild cluster restricted bootstrap, %s, %d draws", w.Weights, w.Draws)
		if w.Enumerated {
			r.PKind = fmt.Sprintf("wild cluster restricted bootstrap, %s, all %d patterns", w.Weights, w.Draws)
		}
	case Randomised:
		ri, err := p.Randomise(o.Alpha, o.Draws, o.Seed)
		if err != nil {
			return err
		}
		r.randomised(ri)
	default:
		r.student(fit.DF, o.Alpha, fmt.Sprintf("t with %.0f degrees of freedom, clustered", fit.DF))
		r.warnFew(p, "wild or ri")
	}
	if fit.Negative > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("two-way fixed effects weigh %d of %d treated observations negatively; use cs", fit.Negative, fit.Negative+fit.Positive))
	}
	return nil
}

func (r *Result) synthetic(p *Panel, o Options, c Choice) error {
	so := SyntheticOptions{Control: r.Method == SyntheticCtrl}
	s, err := SyntheticDID(p, so)
	if err != nil {
		return err
	}
	if p.X != nil {
		r.Warnings = append(r.Warnings, "covariates are not used by synthetic comparisons")
	}
	r.ATT, r.Synthetic, r.Path = s.ATT, &s, s.Path
	for _, e := range s.Events {
		r.EventStudy = append(r.EventStudy, bandPoint(e, math.NaN()))
	}
	pl, err := PlaceboInSpace(p, so, o.Alpha, o.Draws, o.Seed)
	if errors.Is(err, ErrNotIdentified) {
		r.Warnings = append(r.Warnings, "no p: "+reason(err))
		return nil
	}
	if err != nil {
		return err
	}
	r.SE, r.P, r.Smallest, r.Low, r.High, r.Draws = pl.SE, pl.P, pl.Smallest, pl.Low, pl.High, pl.Placebos
	r.PKind = fmt.Sprintf("placebo in space, %d placebos", pl.Placebos)
	return nil
}

func (r *Result) series(p *Panel, o Options) error {
	s, err := InterruptedTimeSeries(p, o.Seed)
	if err != nil {
		return err
	}
	r.ATT, r.SE, r.Series, r.Path = s.ATT, s.SE, &s, s.Path
	r.Warnings = append(r.Warnings,
		"weak: an interrupted time series has no controls; anything else that changed at that time is part of the effect",
		fmt.Sprintf("no p: at autocorrelation %.2f a nominal 5 %% test on %d periods rejects %.1f %% of series without any effect", s.Rho, p.Periods(), 100*s.Size))
	return nil
}

func (r *Result) counts(p *Panel, o Options) error {
	c, err := QuasiPoisson(p)
	if err != nil {
		return err
	}
	r.ATT, r.SE, r.Count = c.ATT, c.SE, &c
	r.student(c.DF, o.Alpha, fmt.Sprintf("t with %.0f degrees of freedom, clustered", c.DF))
	r.Warnings = append(r.Warnings, c.Notes...)
	return nil
}

// breakdown is the largest M̄ for which the effect stays on its side of zero:
// if trends after treatment may depart, per period, by M̄ times the largest
// change between neighbouring event times before it, the mean effect may be off
// by that times the mean number of periods since. NaN without two event times
// before treatment, or when no such change was seen.
//
// Source: Rambachan and Roth (2023), relative magnitudes, with the largest
// change taken as known.
func breakdown(att, se float64, events []Point, o Options) float64 {
	largest, before, periods, n := 0.0, 0.0, 0.0, 0.0
	for i, e := range events {
		switch {
		case e.Key >= 0:
			periods += float64(e.Key + 1)
			n++
		case o.Base == Varying: // effects before treatment are changes already
			largest = max(largest, math.Abs(e.ATT))
		case i > 0:
			largest = max(largest, math.Abs(e.ATT-before))
		}
		before = e.ATT
	}
	if largest == 0 || n == 0 {
		return math.NaN()
	}
	margin := math.Abs(att) - distuv.UnitNormal.Quantile(1-o.Alpha/2)*se
	return max(0, margin) / (largest * periods / n)
}

// path returns the largest cohort's mean and what it would have been: its last
// period before treatment plus what the controls changed since.
func (gt *GroupTimes) path(o CSOptions) []Path {
	p := gt.Panel
	if p.X != nil {
		return nil
	}
	largest, size := -1, p.cohortSizes()
	for _, g := range p.Cohorts() {
		if largest < 0 || size[g] > size[largest] {
			largest = g
		}
	}
	y, level := p.treatedMean(largest)
	var out []Path
	for t := range p.Times {
		r, n1, n0 := p.roles(largest, t, largest-1, o.withDefaults().Control)
		if n0 == 0 {
			continue
		}
		dy := make([]float64, len(p.Units))
		for i, v := range p.Y {
			dy[i] = v[t] - v[largest-1]
		}
		gap, _ := meanDifference(dy, r, n1, n0)
		out = append(out, Path{Time: t, Treated: y[t] + level, Counterfactual: y[t] + level - gap})
	}
	return out
}
