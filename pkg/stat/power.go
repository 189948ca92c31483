package stat

import "math"

// TwoSampleTPower returns the power of the two-sided pooled t test of samples
// of n1 and n2 when the means differ by d standard deviations, from the
// noncentral t distribution (Cohen 1988; R's power.t.test, strict). NaN unless
// both samples are positive, there is a degree of freedom and 0 < alpha < 1.
func TwoSampleTPower(d, n1, n2, alpha float64) float64 {
	df := n1 + n2 - 2
	if !(n1 >= 1) || !(n2 >= 1) || !(df > 0) || !(alpha > 0 && alpha < 1) || math.IsNaN(d) {
		return math.NaN()
	}
	t := tQuantile(1-alpha/2, df)
	shift := d * math.Sqrt(n1*n2/(n1+n2))
	return min(1, noncentralTTail(t, df, shift)+noncentralTTail(t, df, -shift))
}

// TwoSampleSize returns the smallest number in each of two equal samples that
// gives the power for a difference of d standard deviations; NaN if there is
// none below a million, or an argument is none.
func TwoSampleSize(d, alpha, power float64) float64 {
	enough := func(n float64) bool { return TwoSampleTPower(d, n, n, alpha) >= power }
	low, high := 1.0, 1e6
	if !(power > 0 && power < 1) || !enough(high) {
		return math.NaN()
	}
	for high-low > 1 {
		if mid := math.Floor((low + high) / 2); enough(mid) {
			high = mid
		} else {
			low = mid
		}
	}
	return high
}

// noncentralTTail is P(T > t) for (Z+shift)/√(χ²/df): the mean of Φ(shift−ts)
// over s = √(χ²/df), by composite Gauss-Legendre quadrature.
func noncentralTTail(t, df, shift float64) float64 {
	lg, _ := math.Lgamma(df / 2)
	logScale := math.Ln2 + df/2*math.Log(df/2) - lg
	density := func(s float64) float64 {
		return math.Exp(logScale + (df-1)*math.Log(s) - df*s*s/2)
	}
	width := 12 / math.Sqrt(2*df)
	low, high := max(1-width, 0), 1+max(width, 1)
	const parts = 200
	h := (high - low) / parts
	var sum accumulator
	for i := range parts {
		middle := low + (float64(i)+0.5)*h
		for j, x := range gaussNodes {
			s := middle + x*h/2
			sum.add(gaussWeights[j] * h / 2 * density(s) * normalCDF(shift-t*s))
		}
	}
	return sum.sum()
}

// Gauss-Legendre nodes and weights of order 5 on [−1, 1].
var (
	gaussNodes   = [5]float64{-0.9061798459386640, -0.5384693101056831, 0, 0.5384693101056831, 0.9061798459386640}
	gaussWeights = [5]float64{0.2369268850561891, 0.4786286704993665, 0.5688888888888889, 0.4786286704993665, 0.2369268850561891}
)

// AR1MeanVariance returns the variance of the mean of m weeks of an AR(1)
// series with standard deviation sigma and autocorrelation rho:
// σ²/m²·[m+2Σ(m−k)ρᵏ]. NaN unless m ≥ 1, sigma ≥ 0 and |rho| < 1.
func AR1MeanVariance(sigma, rho float64, m int) float64 {
	if m < 1 || !(sigma >= 0) || !(math.Abs(rho) < 1) {
		return math.NaN()
	}
	sum, power := float64(m), 1.0
	for k := 1; k < m; k++ {
		power *= rho
		sum += 2 * float64(m-k) * power
	}
	return sigma * sigma / float64(m) / float64(m) * sum
}

// AR1ChangeVariance returns the variance of one unit's change, the mean of the
// after weeks less the mean of the before weeks just preceding them, of an
// AR(1) series: V(after)+V(before)−2Cov. NaN as [AR1MeanVariance].
func AR1ChangeVariance(sigma, rho float64, before, after int) float64 {
	v := AR1MeanVariance(sigma, rho, before) + AR1MeanVariance(sigma, rho, after)
	if math.IsNaN(v) {
		return v
	}
	// Lag k = 1 … before+after−1 occurs once for each pair so far apart.
	sum, power := 0.0, 1.0
	for k := 1; k < before+after; k++ {
		power *= rho
		sum += power * float64(min(k, before, after, before+after-k))
	}
	return v - 2*sigma*sigma*sum/float64(before)/float64(after)
}

// A Design is a planned comparison of the changes of treated units with those
// of controls, before and after one date.
type Design struct {
	Treated, Controls int
	Before, After     int     // weeks
	Sigma             float64 // standard deviation of a unit's weekly values around its level
	Rho               float64 // their autocorrelation from week to week; see AR1
	Alpha, Power      float64 // 0.05 and 0.8 are usual
}

// MinimumDetectableEffect returns (t_{1−α/2}+t_power)·√(V(Δ)(1/G₁+1/G₀)), with
// G₁+G₀−2 degrees of freedom, in the unit of Sigma (Bloom 1995). NaN when the
// design has none: fewer than one unit in an arm or three in all, no weeks.
func (d Design) MinimumDetectableEffect() float64 {
	df := float64(d.Treated + d.Controls - 2)
	if d.Treated < 1 || d.Controls < 1 || df < 1 || !(d.Alpha > 0 && d.Alpha < 1) || !(d.Power > 0 && d.Power < 1) {
		return math.NaN()
	}
	v := AR1ChangeVariance(d.Sigma, d.Rho, d.Before, d.After)
	units := 1/float64(d.Treated) + 1/float64(d.Controls)
	return (tQuantile(1-d.Alpha/2, df) + tQuantile(d.Power, df)) * math.Sqrt(v*units)
}

// WeeksToDetect returns the fewest weeks after the date (d.After is ignored)
// from which the minimum detectable effect is, and stays up to limit weeks, no
// larger than effect. ok is false if it is not so within limit.
func (d Design) WeeksToDetect(effect float64, limit int) (weeks int, ok bool) {
	for w := limit; w >= 1; w-- {
		d.After = w
		if !(d.MinimumDetectableEffect() <= effect) {
			break
		}
		weeks, ok = w, true
	}
	return weeks, ok
}

// AR1 estimates the autocorrelation from week to week and the standard
// deviation of units' weekly values around their own level, pooled over the
// units' histories. Both are corrected for the bias of short series (Kendall
// 1954: E[r] ≈ ρ−(1+4ρ)/n), without which a design looks stronger than it is;
// rho is limited to [−0.99, 0.99]. A NaN is a missing week and pairs with
// none. NaN when no unit has five weeks or nothing varies.
func AR1(series ...[]float64) (rho, sigma float64) {
	var products, squares accumulator
	pairs, values, units := 0, 0, 0
	for _, x := range series {
		var known []float64
		for _, v := range x {
			if !math.IsNaN(v) {
				known = append(known, v)
			}
		}
		if len(known) < 5 {
			continue
		}
		mean := Mean(known)
		units++
		values += len(known)
		for i, v := range x {
			if math.IsNaN(v) {
				continue
			}
			squares.add((v - mean) * (v - mean))
			if i > 0 && !math.IsNaN(x[i-1]) {
				products.add((v - mean) * (x[i-1] - mean))
				pairs++
			}
		}
	}
	if units == 0 || pairs == 0 || !(squares.sum() > 0) {
		return math.NaN(), math.NaN()
	}
	n := float64(values) / float64(units)
	// Sums to means, so that gaps do not look like independence.
	raw := products.sum() / squares.sum() * (float64(values-units) / float64(pairs))
	rho = min(max((n*raw+1)/(n-4), -0.99), 0.99)
	// The values vary around their own mean, which takes a share of σ².
	lost := AR1MeanVariance(1, rho, int(math.Round(n)))
	sigma = math.Sqrt(squares.sum() / float64(values) / max(1-lost, 0.01))
	return rho, sigma
}
