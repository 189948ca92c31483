package stat

import (
	"math"
	"slices"
)

// Quantile returns the p quantile of x by Hyndman and Fan's type 7, h = (n−1)p
// with linear interpolation: R's default and ClickHouse's
// quantileExactInclusive. x need not be sorted. NaN for no values, for a NaN
// among them and for p outside [0, 1].
func Quantile(x []float64, p float64) float64 {
	return quantileSorted(sorted(x), p)
}

// Quantiles returns the type 7 quantiles at each p, sorting x once.
func Quantiles(x []float64, ps ...float64) []float64 {
	s := sorted(x)
	out := make([]float64, len(ps))
	for i, p := range ps {
		out[i] = quantileSorted(s, p)
	}
	return out
}

// Median returns the type 7 median.
func Median(x []float64) float64 { return Quantile(x, 0.5) }

func quantileSorted(s []float64, p float64) float64 {
	if len(s) == 0 || !(p >= 0 && p <= 1) || math.IsNaN(s[0]) {
		return math.NaN()
	}
	h := p * float64(len(s)-1)
	i := int(h)
	if i == len(s)-1 || s[i] == s[i+1] {
		return s[i]
	}
	return s[i] + (h-float64(i))*(s[i+1]-s[i])
}

// QuantileInterval returns the distribution-free interval of the p quantile
// between two order statistics, whose coverage is at least level whatever the
// distribution (Hahn and Meeker 1991, 5.2): with X ~ Bin(n, p), the ranks are
// the (1−level)/2 quantile of X and one above its (1+level)/2 quantile. With
// too few values an end is infinite: the sample does not bound that side. If
// it bounds neither, or x or p is none, there is no interval.
func QuantileInterval(x []float64, p, level float64) Interval {
	s := sorted(x)
	n := len(s)
	if n == 0 || math.IsNaN(s[0]) || !(p > 0 && p < 1) || !(level > 0 && level < 1) {
		return noInterval
	}
	tail := (1 - level) / 2
	low := binomialQuantile(tail, n, p)
	high := binomialQuantile(1-tail, n, p) + 1
	i := Interval{math.Inf(-1), math.Inf(1)}
	if low >= 1 {
		i.Low = s[low-1]
	}
	if high <= n {
		i.High = s[high-1]
	}
	if math.IsInf(i.Low, -1) && math.IsInf(i.High, 1) {
		return noInterval
	}
	return i
}

// sorted returns a sorted copy; NaNs come first.
func sorted(x []float64) []float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	return s
}
