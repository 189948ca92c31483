package impact

import (
	"math"

	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A Coefficient is one number of a regression and its standard error.
type Coefficient struct {
	Name     string
	Estimate float64
	SE       float64
}

// A HorizonEffect is the effect some periods after the start.
type HorizonEffect struct {
	Horizon int // periods after the first treated one
	Estimate
}

// An InterruptedSeries is the weakest answer there is: one series, before and
// after, without controls.
type InterruptedSeries struct {
	Estimate                   // mean effect over the treated periods; Newey-West error
	Coefficients []Coefficient // b0 level, b1 slope before, b2 step, b3 change of slope; per period
	Effects      []HorizonEffect
	Lag          int     // of the Bartlett weights
	Rho          float64 // first autocorrelation of the residuals
	Size         float64 // how often Newey-West rejects at 5 % with no effect, simulated with Rho
	Path         []Path
}

// sizeDraws is the number of series that measure the size.
const sizeDraws = 999

// InterruptedTimeSeries fits y = b0 + b1·t + b2·post + b3·(t−T0)·post to the
// mean of the treated units, with Newey-West errors (Bartlett weights, the
// usual lag, factor n/(n−k)). There is no p: Size says how much it would lie,
// measured on series of the same length with the same autocorrelation. Effects
// are given 4, 13 and 26 periods after the start where the panel reaches that
// far.
//
// It returns ErrNotIdentified with several treatment dates, or fewer than three
// periods before or after.
//
// Source: Bernal, Cummins and Gasparrini (2017); Newey and West (1987).
func InterruptedTimeSeries(p *Panel, seed uint64) (InterruptedSeries, error) {
	cohorts := p.Cohorts()
	switch {
	case len(cohorts) != 1:
		return InterruptedSeries{}, notIdentified("%d treatment dates; an interrupted series needs one", len(cohorts))
	case p.constant():
		return InterruptedSeries{}, notIdentified("the outcome is %v in every row; nothing can be learnt from a constant", p.Y[0][0])
	}
	g, n := cohorts[0], p.Periods()
	if g < 3 || n-g < 3 {
		return InterruptedSeries{}, notIdentified("%d periods before and %d after; an interrupted series needs three of each", g, n-g)
	}
	y, level := p.treatedMean(g)
	x := segmented(n, g)
	fit, err := stat.OLS(y, x)
	if err != nil {
		return InterruptedSeries{}, notIdentified("%v", err)
	}
	lag := stat.NeweyWestLag(n)
	nw := fit.NeweyWest(lag, true)
	out := InterruptedSeries{Lag: lag, Rho: firstAutocorrelation(fit.Residuals)}
	for j, name := range nw.Names {
		c := Coefficient{Name: name, Estimate: nw.Coef[j], SE: nw.SE(j)}
		if j == 0 {
			c.Estimate += level
		}
		out.Coefficients = append(out.Coefficients, c)
	}
	at := func(h float64) Estimate {
		att, se := nw.Combination([]float64{0, 0, 1, h})
		return Estimate{ATT: att, SE: se}
	}
	out.Estimate = at(float64(n-g-1) / 2)
	for _, h := range []int{4, 13, 26} {
		if g+h < n {
			out.Effects = append(out.Effects, HorizonEffect{h, at(float64(h))})
		}
	}
	out.Size = measuredSize(n, g, out.Rho, seed)
	for t, v := range y {
		b := fit.Coef
		out.Path = append(out.Path, Path{Time: t, Treated: v + level, Counterfactual: level + b[0] + b[1]*float64(t)})
	}
	return out, nil
}

// treatedMean returns the mean outcome of a cohort by period, less its level.
func (p *Panel) treatedMean(g int) (y []float64, level float64) {
	members := p.members(g)
	level = p.Y[members[0]][0]
	y = make([]float64, p.Periods())
	for _, i := range members {
		for t, v := range p.Y[i] {
			y[t] += (v - level) / float64(len(members))
		}
	}
	return y, level
}

// segmented returns the columns of the interrupted series; t counts periods
// from the first.
func segmented(n, g int) []stat.Column {
	trend, post, slope := make([]float64, n), make([]float64, n), make([]float64, n)
	for t := range n {
		trend[t] = float64(t)
		if t >= g {
			post[t], slope[t] = 1, float64(t-g)
		}
	}
	one := stat.Intercept(n)
	one.Name = "b0"
	return []stat.Column{one, {Name: "b1", Values: trend}, {Name: "b2", Values: post}, {Name: "b3", Values: slope}}
}

func firstAutocorrelation(e []float64) float64 {
	num, den := 0.0, 0.0
	for t, v := range e {
		den += v * v
		if t > 0 {
			num += v * e[t-1]
		}
	}
	if den == 0 {
		return 0
	}
	return num / den
}

// measuredSize is the share of simulated AR(1) series without an effect in
// which the mean effect differs from 0 at 5 %.
func measuredSize(n, g int, rho float64, seed uint64) float64 {
	rho = min(max(rho, 0), 0.99)
	x := segmented(n, g)
	rejected := make([]bool, sizeDraws)
	parallel(sizeDraws, func(b int) {
		rng := stream(seed, b)
		e := make([]float64, n)
		e[0] = rng.NormFloat64() / math.Sqrt(1-rho*rho)
		for t := 1; t < n; t++ {
			e[t] = rho*e[t-1] + rng.NormFloat64()
		}
		fit, err := stat.OLS(e, x)
		if err != nil {
			return
		}
		nw := fit.NeweyWest(stat.NeweyWestLag(n), true)
		att, se := nw.Combination([]float64{0, 0, 1, float64(n-g-1) / 2})
		rejected[b] = tTest(Estimate{ATT: att, SE: se}, nw.DF) <= 0.05
	})
	share := 0.0
	for _, r := range rejected {
		if r {
			share++
		}
	}
	return share / sizeDraws
}
