package stat

import (
	"math"
	"slices"
)

// A Trend is a test for a steady rise (Z > 0) or fall of a share.
type Trend struct {
	Z float64
	P float64 // two-sided, normal
}

// CochranArmitage tests for a linear trend of the shares x[i]/n[i] in the
// scores of the waves (nil: 1, 2, 3, …) (Armitage 1955; Z² is R's
// prop.trend.test). NaN when lengths differ, a wave has no answers, the scores
// are all alike, or the pooled share is 0 or 1.
func CochranArmitage(x, n, scores []float64) Trend {
	none := Trend{math.NaN(), math.NaN()}
	if scores == nil {
		for i := range x {
			scores = append(scores, float64(i+1))
		}
	}
	if len(x) != len(n) || len(x) != len(scores) || len(x) < 2 {
		return none
	}
	for i := range x {
		if !isProportion(x[i], n[i]) {
			return none
		}
	}
	total := Sum(n)
	p := Sum(x) / total
	mean := dot(n, scores) / total
	var t, spread accumulator
	for i := range x {
		d := scores[i] - mean
		t.add(float64(d * (x[i] - n[i]*p)))
		spread.add(float64(n[i] * d * d))
	}
	variance := p * (1 - p) * spread.sum()
	if !(variance > 0) {
		return none
	}
	z := t.sum() / math.Sqrt(variance)
	return Trend{z, twoSided(z)}
}

// A Correlation is a rank correlation with its interval; NaN where none exists.
type Correlation struct {
	Rho      float64
	Interval Interval
	P        float64 // two-sided against 0
}

// spearmanExact is the largest n whose n! permutations are enumerated.
const spearmanExact = 9

// Spearman returns the rank correlation of x and y with mid-ranks for ties.
// The interval is Fisher's z with Bonett and Wright's error √((1+ρ²/2)/(n−3))
// (2000); it needs n > 3 and |ρ| < 1. P is exact over all permutations for
// n ≤ 9, else by t with n−2 degrees of freedom. NaN for fewer than three
// pairs, different lengths or a constant.
func Spearman(x, y []float64, level float64) Correlation {
	c := Correlation{math.NaN(), noInterval, math.NaN()}
	n := len(x)
	if n != len(y) || n < 3 || hasNaN(x) || hasNaN(y) {
		return c
	}
	rx, ry := Ranks(x), Ranks(y)
	c.Rho = pearson(rx, ry)
	if math.IsNaN(c.Rho) {
		return c
	}
	rest := 1 - c.Rho*c.Rho
	if n > 3 && rest > 1e-14 {
		half := critical(level) * math.Sqrt((1+c.Rho*c.Rho/2)/float64(n-3))
		z := math.Atanh(c.Rho)
		if !math.IsNaN(half) {
			c.Interval = Interval{math.Tanh(z - half), math.Tanh(z + half)}
		}
	}
	if n <= spearmanExact {
		c.P = permutationP(rx, ry)
		return c
	}
	c.P = 0
	if rest > 1e-14 {
		c.P = tTwoSided(c.Rho*math.Sqrt(float64(n-2)/rest), float64(n-2))
	}
	return c
}

// permutationP is the share of permutations of y whose Σxy is at least as far
// from its mean as the one seen.
func permutationP(x, y []float64) float64 {
	n := len(x)
	middle := Sum(x) * Sum(y) / float64(n)
	far := math.Abs(dot(x, y)-middle) - 1e-9
	perm := slices.Clone(y)
	hits, all := 0, 0
	var walk func(k int, sum float64)
	walk = func(k int, sum float64) {
		if k == n {
			all++
			if math.Abs(sum-middle) >= far {
				hits++
			}
			return
		}
		for i := k; i < n; i++ {
			perm[k], perm[i] = perm[i], perm[k]
			walk(k+1, sum+x[k]*perm[k])
			perm[k], perm[i] = perm[i], perm[k]
		}
	}
	walk(0, 0)
	return float64(hits) / float64(all)
}

// Ranks returns the rank of each value, 1 for the least, ties sharing the mean
// of theirs. All NaN if a value is.
func Ranks(x []float64) []float64 {
	out := make([]float64, len(x))
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
		out[i] = math.NaN()
	}
	if slices.ContainsFunc(x, math.IsNaN) {
		return out
	}
	slices.SortFunc(order, func(a, b int) int {
		if x[a] < x[b] {
			return -1
		}
		if x[a] > x[b] {
			return 1
		}
		return 0
	})
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, r := range order[i:j] {
			out[r] = float64(i+j+1) / 2
		}
		i = j
	}
	return out
}

// A SlopeFit is a robust straight line y = Intercept + Slope·x.
type SlopeFit struct {
	Slope     float64
	Interval  Interval // of the slope
	Intercept float64  // the median of y − Slope·x
	Spread    float64  // 1.4826 · median |residual|, a standard deviation
	slopeSE   float64
	centre    float64
}

// TheilSen fits the median of the slopes of all pairs with different x (Theil
// 1950), with Sen's interval from the variance of Kendall's score, corrected
// for ties (Sen 1968; scipy's theilslopes). Everything is NaN for fewer than
// two different x, different lengths or a NaN; drop missing weeks before.
func TheilSen(x, y []float64, level float64) SlopeFit {
	nan := math.NaN()
	f := SlopeFit{nan, noInterval, nan, nan, nan, nan}
	if len(x) != len(y) || hasNaN(x) || hasNaN(y) {
		return f
	}
	var slopes []float64
	for i := range x {
		for j := range i {
			if x[i] != x[j] {
				slopes = append(slopes, (y[i]-y[j])/(x[i]-x[j]))
			}
		}
	}
	if len(slopes) == 0 {
		return f
	}
	slices.Sort(slopes)
	f.Slope = quantileSorted(slopes, 0.5)
	rest := make([]float64, len(x))
	for i := range x {
		rest[i] = y[i] - f.Slope*x[i]
	}
	f.Intercept = Median(rest)
	for i := range rest {
		rest[i] = math.Abs(rest[i] - f.Intercept)
	}
	f.Spread = 1.4826 * Median(rest)
	f.centre = Median(x)
	f.Interval = senInterval(slopes, x, y, level)
	if band := senInterval(slopes, x, y, 0.6826894921370859); band.Exists() {
		f.slopeSE = (band.High - band.Low) / 2
	}
	return f
}

// senInterval takes the order statistics of the slopes that Kendall's score
// leaves at the level; none when they lie outside the slopes there are.
func senInterval(slopes, x, y []float64, level float64) Interval {
	z := critical(level)
	n := float64(len(x))
	variance := (n*(n-1)*(2*n+5) - tieTerm(x) - tieTerm(y)) / 18
	if math.IsNaN(z) || !(variance > 0) {
		return noInterval
	}
	count := float64(len(slopes))
	half := z * math.Sqrt(variance)
	high := int(math.RoundToEven((count + half) / 2))
	low := int(math.RoundToEven((count-half)/2)) - 1
	if low < 0 || high > len(slopes)-1 {
		return noInterval
	}
	return Interval{slopes[low], slopes[high]}
}

// tieTerm is Σ t(t−1)(2t+5) over the groups of equal values.
func tieTerm(x []float64) float64 {
	s := sorted(x)
	sum := 0.0
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j] == s[i] {
			j++
		}
		t := float64(j - i)
		sum += t * (t - 1) * (2*t + 5)
		i = j
	}
	return sum
}

// Forecast returns the line's value at x and the interval in which an
// observation there is expected: a normal one from the error of the slope,
// growing with the distance from the middle of the data, and the spread of the
// residuals. This approximation is ours; it takes the weeks as independent.
func (f SlopeFit) Forecast(x, level float64) (value float64, interval Interval) {
	value = f.Intercept + f.Slope*x
	return value, around(value, critical(level)*f.forecastSE(x))
}

// ReachProbability returns the probability, under the same approximation as
// [SlopeFit.Forecast], that the observation at x is at least target. NaN when
// the forecast has no spread.
func (f SlopeFit) ReachProbability(x, target float64) float64 {
	se := f.forecastSE(x)
	if !(se > 0) {
		return math.NaN()
	}
	return normalCDF((f.Intercept + f.Slope*x - target) / se)
}

func (f SlopeFit) forecastSE(x float64) float64 {
	return math.Hypot(f.slopeSE*(x-f.centre), f.Spread)
}
