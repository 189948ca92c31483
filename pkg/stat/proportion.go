package stat

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// A proportion below is x successes among n trials. Both are float64 so that a
// weighted share can be given with its effective n ([EffectiveN]); an interval
// does not exist unless n > 0 and 0 ≤ x ≤ n.
func isProportion(x, n float64) bool {
	return n > 0 && x >= 0 && x <= n && !math.IsInf(n, 0)
}

// Wilson returns the score interval of a proportion (Wilson 1927), as a share.
// It ends exactly at 0 for x = 0 and at 1 for x = n.
func Wilson(x, n, level float64) Interval {
	z := critical(level)
	if !isProportion(x, n) || math.IsNaN(z) {
		return noInterval
	}
	p, z2 := x/n, z*z
	center := (p + z2/(2*n)) / (1 + z2/n)
	half := z / (1 + z2/n) * math.Sqrt(p*(1-p)/n+z2/(4*n*n))
	return exactEnds(Interval{center - half, center + half}, x, n)
}

// WilsonContinuity returns the score interval with continuity correction
// (Newcombe 1998, method 4; R's prop.test), as a share.
func WilsonContinuity(x, n, level float64) Interval {
	z := critical(level)
	if !isProportion(x, n) || math.IsNaN(z) {
		return noInterval
	}
	p, z2 := x/n, z*z
	q := 1 - p
	low := (2*n*p + z2 - 1 - z*math.Sqrt(z2-2-1/n+4*p*(n*q+1))) / (2 * (n + z2))
	high := (2*n*p + z2 + 1 + z*math.Sqrt(z2+2-1/n+4*p*(n*q-1))) / (2 * (n + z2))
	return exactEnds(Interval{low, high}, x, n)
}

// exactEnds clips to [0, 1] and sets the end that is known.
func exactEnds(i Interval, x, n float64) Interval {
	if x == 0 {
		i.Low = 0
	}
	if x == n {
		i.High = 1
	}
	return i.clip(0, 1)
}

// ClopperPearson returns the exact interval of a proportion from quantiles of
// the beta distribution (Clopper and Pearson 1934), as a share.
func ClopperPearson(x, n, level float64) Interval {
	if !isProportion(x, n) || !(level > 0 && level < 1) {
		return noInterval
	}
	tail := (1 - level) / 2
	i := Interval{0, 1}
	if x > 0 {
		i.Low = betaQuantile(tail, x, n-x+1)
	}
	if x < n {
		i.High = 1 - betaQuantile(tail, n-x, x+1)
	}
	return i
}

// WilsonFinite returns the Wilson interval for a random sample of n drawn from
// a population of size population: n* = n(N−1)/(N−n) stands for n, and a full
// census gives [p, p]. It is for drawn samples only and says nothing of
// non-response. NaN if n > population.
func WilsonFinite(x, n, population, level float64) Interval {
	if !isProportion(x, n) || !(population >= n) || !(level > 0 && level < 1) {
		return noInterval
	}
	p := x / n
	if n == population {
		return Interval{p, p}
	}
	star := n * (population - 1) / (population - n)
	if x == n {
		return Wilson(star, star, level)
	}
	return Wilson(p*star, star, level)
}

// FinitePopulationFactor returns √((N−n)/(N−1)), by which the standard error
// of a random sample of n out of N = population shrinks (Cochran 1977, 2.6); 0
// for a census. NaN unless 1 ≤ n ≤ N.
func FinitePopulationFactor(n, population float64) float64 {
	switch {
	case !(n >= 1) || !(population >= n):
		return math.NaN()
	case n == population:
		return 0
	}
	return math.Sqrt((population - n) / (population - 1))
}

// SampleSize returns how many answers a drawn sample needs so that the interval
// of a share near one half is at most ± margin (a share) at the level, in a
// population of the given size (infinite allowed): n₀/(1+(n₀−1)/N), n₀ =
// (z/2margin)², rounded up. NaN for a margin, level or population that is none.
func SampleSize(margin, level, population float64) float64 {
	z := critical(level)
	if !(margin > 0) || !(population >= 1) || math.IsNaN(z) {
		return math.NaN()
	}
	n0 := z * z / (4 * margin * margin)
	return min(math.Ceil(n0/(1+(n0-1)/population)), population)
}

// A Difference compares two estimates, first less second, in their unit.
// Fields that do not exist are NaN.
type Difference struct {
	Estimate float64
	SE       float64
	Z        float64 // Estimate ÷ SE; NaN if SE is 0
	P        float64 // two-sided, normal
}

// difference fills in what follows from an estimate and its error.
func difference(estimate, se float64) Difference {
	d := Difference{estimate, se, math.NaN(), math.NaN()}
	if se > 0 {
		d.Z = estimate / se
		d.P = twoSided(d.Z)
	}
	return d
}

// Interval returns the normal interval Estimate ± z·SE; none if SE is 0.
func (d Difference) Interval(level float64) Interval {
	if !(d.SE > 0) {
		return noInterval
	}
	return around(d.Estimate, critical(level)*d.SE)
}

// NewcombeDifference returns the interval of p₁−p₂ for independent samples
// from the two Wilson intervals (Newcombe 1998, method 10), as shares.
func NewcombeDifference(x1, n1, x2, n2, level float64) Interval {
	a, b := Wilson(x1, n1, level), Wilson(x2, n2, level)
	if !a.Exists() || !b.Exists() {
		return noInterval
	}
	p1, p2 := x1/n1, x2/n2
	return Interval{
		p1 - p2 - math.Hypot(p1-a.Low, b.High-p2),
		p1 - p2 + math.Hypot(a.High-p1, p2-b.Low),
	}.clip(-1, 1)
}

// TwoProportions tests p₁ = p₂ for independent samples with the pooled z test
// (z² is R's prop.test without correction). SE is the pooled one, of the null
// hypothesis; for an interval see [NewcombeDifference]. Z and P are NaN when
// all or none of both samples are successes.
func TwoProportions(x1, n1, x2, n2 float64) Difference {
	if !isProportion(x1, n1) || !isProportion(x2, n2) {
		return difference(math.NaN(), math.NaN())
	}
	p := (x1 + x2) / (n1 + n2)
	return difference(x1/n1-x2/n2, math.Sqrt(p*(1-p)*(1/n1+1/n2)))
}

// A McNemarTest compares the same people's yes/no answers in two waves.
// Fields that do not exist (nobody changed) are NaN.
type McNemarTest struct {
	ChiSquared          float64 // (b−c)²/(b+c), 1 degree of freedom
	P                   float64
	CorrectedChiSquared float64 // (|b−c|−1)²/(b+c): R's mcnemar.test
	CorrectedP          float64
	ExactP              float64 // two-sided binomial; use it when b+c < 25
}

// McNemar tests whether as many changed from yes to no (b) as from no to yes
// (c) (McNemar 1947).
func McNemar(b, c int) McNemarTest {
	nan := math.NaN()
	if b < 0 || c < 0 || b+c == 0 {
		return McNemarTest{nan, nan, nan, nan, nan}
	}
	gap, n := math.Abs(float64(b-c)), float64(b+c)
	t := McNemarTest{ChiSquared: gap * gap / n, CorrectedChiSquared: math.Pow(max(gap-1, 0), 2) / n}
	t.P = chi2Tail(t.ChiSquared, 1)
	t.CorrectedP = chi2Tail(t.CorrectedChiSquared, 1)
	t.ExactP = min(1, 2*binomialCDF(min(b, c), b+c, 0.5))
	return t
}

// binomialCDF is P(X ≤ k) for X ~ Bin(n, p).
func binomialCDF(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n:
		return 1
	}
	return mathext.RegIncBeta(float64(n-k), float64(k+1), 1-p)
}

// binomialQuantile is the smallest k with P(X ≤ k) ≥ q.
func binomialQuantile(q float64, n int, p float64) int {
	low, high := 0, n
	for low < high {
		if mid := (low + high) / 2; binomialCDF(mid, n, p) >= q {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}
