package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat/distuv"
)

// A Shrinkage pulls the estimates of many small units towards the mean of all,
// the more so the less each knows (empirical Bayes; Efron and Morris 1975). It
// is for comparing units; the number to show for a unit is its own.
type Shrinkage struct {
	Mean   float64 // of the units, the organisation's typical unit
	Spread float64 // standard deviation of the units' true values; 0: no more than chance
	Units  []Shrunk
}

// Shrunk is one unit's posterior; NaN for a unit without a usable estimate.
type Shrunk struct {
	Estimate float64
	Interval Interval // of the unit's true value
	P        float64  // two-sided, that the unit is the mean; adjust over all units
}

var noShrunk = Shrunk{math.NaN(), noInterval, math.NaN()}

// ShrinkMeans shrinks estimates with known standard errors under a normal
// distribution of true values, its variance by Paule and Mandel (1982). The
// interval allows for the error of the mean. Units with an estimate that is
// not finite or an error that is not positive are left out and NaN; with fewer
// than three usable ones everything is.
func ShrinkMeans(estimate, se []float64, level float64) Shrinkage {
	s := Shrinkage{Mean: math.NaN(), Spread: math.NaN(), Units: make([]Shrunk, len(estimate))}
	var x, v []float64
	usable := make([]bool, len(estimate))
	for i := range estimate {
		s.Units[i] = noShrunk
		usable[i] = i < len(se) && se[i] > 0 && !hasNaN([]float64{estimate[i], se[i]})
		if usable[i] {
			x, v = append(x, estimate[i]), append(v, se[i]*se[i])
		}
	}
	if len(x) < 3 {
		return s
	}
	tau2 := pauleMandel(x, v)
	var meanVariance float64
	s.Mean, meanVariance, _ = precisionMean(x, v, tau2)
	s.Spread = math.Sqrt(tau2)
	for i, ok := range usable {
		if !ok {
			continue
		}
		own := se[i] * se[i]
		b := own / (own + tau2)
		u := Shrunk{Estimate: b*s.Mean + (1-b)*estimate[i], P: 1}
		u.Interval = around(u.Estimate, critical(level)*math.Sqrt((1-b)*own+b*b*meanVariance))
		if tau2 > 0 {
			u.P = twoSided(math.Sqrt(1-b) * (estimate[i] - s.Mean) / se[i])
		}
		s.Units[i] = u
	}
	return s
}

// precisionMean is the mean weighted by 1/(v+τ²), its variance, and Cochran's Q
// around it.
func precisionMean(x, v []float64, tau2 float64) (mean, variance, q float64) {
	w := make([]float64, len(x))
	for i := range w {
		w[i] = 1 / (v[i] + tau2)
	}
	mean = dot(w, x) / Sum(w)
	var a accumulator
	for i := range x {
		d := x[i] - mean
		a.add(float64(w[i] * d * d))
	}
	return mean, 1 / Sum(w), a.sum()
}

// pauleMandel is the τ² at which Q equals its expectation, 0 if Q never does.
func pauleMandel(x, v []float64) float64 {
	excess := func(tau2 float64) float64 {
		_, _, q := precisionMean(x, v, tau2)
		return q - float64(len(x)-1)
	}
	if excess(0) <= 0 {
		return 0
	}
	low, high := 0.0, Variance(x)
	for excess(high) > 0 {
		high *= 2
	}
	for range 200 {
		mid := low + (high-low)/2
		if mid == low || mid == high {
			break
		}
		if excess(mid) > 0 {
			low = mid
		} else {
			high = mid
		}
	}
	return high
}

// ShrinkProportions shrinks shares x[i]/n[i] under a beta distribution of true
// shares, fitted by maximum likelihood (beta-binomial). When the shares differ
// no more than chance would, all units get the pooled share with its Jeffreys
// interval and P = 1. Units that are no proportion are NaN; everything is with
// fewer than three usable ones, or when every unit is all or nothing.
func ShrinkProportions(x, n []float64, level float64) Shrinkage {
	s := Shrinkage{Mean: math.NaN(), Spread: math.NaN(), Units: make([]Shrunk, len(x))}
	var hits, trials []float64
	usable := make([]bool, len(x))
	for i := range x {
		s.Units[i] = noShrunk
		usable[i] = i < len(n) && isProportion(x[i], n[i])
		if usable[i] {
			hits, trials = append(hits, x[i]), append(trials, n[i])
		}
	}
	total := Sum(trials)
	pooled := Sum(hits) / total
	if len(hits) < 3 || pooled == 0 || pooled == 1 || !(level > 0 && level < 1) {
		return s
	}
	tail := (1 - level) / 2
	alpha, beta := betaBinomial(hits, trials)
	if math.IsNaN(alpha) {
		return s
	}
	if math.IsInf(alpha, 1) {
		a, b := Sum(hits)+0.5, total-Sum(hits)+0.5
		s.Mean, s.Spread = pooled, 0
		for i := range x {
			if usable[i] {
				s.Units[i] = Shrunk{pooled, Interval{betaQuantile(tail, a, b), betaQuantile(1-tail, a, b)}, 1}
			}
		}
		return s
	}
	s.Mean = alpha / (alpha + beta)
	s.Spread = math.Sqrt(s.Mean * (1 - s.Mean) / (alpha + beta + 1))
	for i := range x {
		if !usable[i] {
			continue
		}
		a, b := alpha+x[i], beta+n[i]-x[i]
		below := distuv.Beta{Alpha: a, Beta: b}.CDF(s.Mean)
		s.Units[i] = Shrunk{
			Estimate: a / (a + b),
			Interval: Interval{betaQuantile(tail, a, b), betaQuantile(1-tail, a, b)},
			P:        min(1, 2*min(below, 1-below)),
		}
	}
	return s
}

// A fitted beta distribution with α+β above mostAlike is taken for a point, one
// below leastAlike for two points at 0 and 1, where the likelihood has no top.
const (
	mostAlike  = 1e6
	leastAlike = 1e-3
)

// betaBinomial fits α and β by maximum likelihood: +Inf when the shares vary no
// more than a binomial's would, NaN when there is no maximum.
func betaBinomial(x, n []float64) (alpha, beta float64) {
	p := Sum(x) / Sum(n)
	var chi accumulator
	for i := range x {
		d := x[i] - n[i]*p
		chi.add(d * d / (n[i] * p * (1 - p)))
	}
	if chi.sum() <= float64(len(x)-1) {
		return math.Inf(1), math.Inf(1)
	}
	problem := optimize.Problem{
		Func: func(t []float64) float64 {
			a, b := math.Exp(t[0]), math.Exp(t[1])
			var sum accumulator
			for i := range x {
				sum.add(mathext.Lbeta(a, b) - mathext.Lbeta(a+x[i], b+n[i]-x[i]))
			}
			return sum.sum()
		},
		Grad: func(grad, t []float64) {
			a, b := math.Exp(t[0]), math.Exp(t[1])
			var ga, gb accumulator
			for i := range x {
				all := mathext.Digamma(a+b) - mathext.Digamma(a+b+n[i])
				ga.add(mathext.Digamma(a) - mathext.Digamma(a+x[i]) - all)
				gb.add(mathext.Digamma(b) - mathext.Digamma(b+n[i]-x[i]) - all)
			}
			grad[0], grad[1] = ga.sum()*a, gb.sum()*b
		},
	}
	start := []float64{math.Log(10 * p), math.Log(10 * (1 - p))}
	// An error here is a line search that cannot improve on the last digits.
	result, _ := optimize.Minimize(problem, start, &optimize.Settings{GradientThreshold: 1e-9, MajorIterations: 1000}, &optimize.BFGS{})
	if result == nil {
		return math.NaN(), math.NaN()
	}
	alpha, beta = math.Exp(result.X[0]), math.Exp(result.X[1])
	switch {
	case alpha+beta > mostAlike:
		return math.Inf(1), math.Inf(1)
	case !(alpha+beta > leastAlike):
		return math.NaN(), math.NaN()
	}
	return alpha, beta
}
