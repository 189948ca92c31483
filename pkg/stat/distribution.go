package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
	"gonum.org/v1/gonum/stat/distuv"
)

// normalQuantile is Φ⁻¹(p).
func normalQuantile(p float64) float64 { return mathext.NormalQuantile(p) }

// normalTail is P(Z > z).
func normalTail(z float64) float64 { return math.Erfc(z/math.Sqrt2) / 2 }

// normalCDF is Φ(z).
func normalCDF(z float64) float64 { return normalTail(-z) }

// twoSided is the two-sided p value of a standard normal z.
func twoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// critical is the two-sided critical value z of a confidence level; NaN for a
// level outside (0, 1).
func critical(level float64) float64 {
	if !(level > 0 && level < 1) {
		return math.NaN()
	}
	return normalQuantile(1 - (1-level)/2)
}

// tTwoSided is the two-sided p value of t with df degrees of freedom; NaN
// unless df > 0. An infinite df is the normal distribution.
func tTwoSided(t, df float64) float64 {
	switch {
	case !(df > 0) || math.IsNaN(t):
		return math.NaN()
	case math.IsInf(df, 1):
		return twoSided(t)
	}
	return 2 * tTail(math.Abs(t), df)
}

// tTail is P(T > t) for t ≥ 0, through the form of the incomplete beta function
// that keeps its digits: one in the tail, the other near 0.
func tTail(t, df float64) float64 {
	if math.IsInf(t, 1) {
		return 0
	}
	if t < 1 {
		return 0.5 - mathext.RegIncBeta(0.5, df/2, t*t/(df+t*t))/2
	}
	return mathext.RegIncBeta(df/2, 0.5, df/(df+t*t)) / 2
}

// tCritical is the two-sided critical value of Student's t at a confidence
// level; NaN when either does not exist.
func tCritical(level, df float64) float64 {
	if !(level > 0 && level < 1) || !(df > 0) {
		return math.NaN()
	}
	return tQuantile(1-(1-level)/2, df)
}

// tQuantile is the p quantile of Student's t, gonum's value polished by
// Newton's method to the last digits.
func tQuantile(p, df float64) float64 {
	if math.IsInf(df, 1) {
		return normalQuantile(p)
	}
	if p < 0.5 {
		return -tQuantile(1-p, df)
	}
	d := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}
	t := d.Quantile(p)
	for range 3 {
		step := (tTail(t, df) - (1 - p)) / d.Prob(t)
		if math.IsNaN(step) || math.IsInf(step, 0) {
			break
		}
		t += step
	}
	return t
}

// chi2Tail is P(χ² > x) with df degrees of freedom; NaN unless df > 0.
func chi2Tail(x, df float64) float64 {
	if !(df > 0) || math.IsNaN(x) {
		return math.NaN()
	}
	if x <= 0 {
		return 1
	}
	return mathext.GammaIncRegComp(df/2, x/2)
}

// chi2Quantile is the p quantile of χ² with df degrees of freedom.
func chi2Quantile(p, df float64) float64 {
	d := distuv.ChiSquared{K: df}
	return polish(d.Quantile(p), p, d.CDF, d.Prob)
}

// betaQuantile is the p quantile of Beta(a, b).
func betaQuantile(p, a, b float64) float64 {
	d := distuv.Beta{Alpha: a, Beta: b}
	return polish(mathext.InvRegIncBeta(a, b, p), p, d.CDF, d.Prob)
}

// polish takes Newton steps from a good start x towards cdf(x) = p, keeping
// only steps that bring it nearer.
func polish(x, p float64, cdf, density func(float64) float64) float64 {
	miss := math.Abs(cdf(x) - p)
	for range 4 {
		next := x - (cdf(x)-p)/density(x)
		m := math.Abs(cdf(next) - p)
		if !(m < miss) {
			break
		}
		x, miss = next, m
	}
	return x
}
