package stat

import "math"

// Interval is a two-sided interval in the unit of the estimate it belongs to.
// Both ends are NaN when the interval does not exist. An end may be infinite
// where the data bound only one side.
type Interval struct {
	Low, High float64
}

// noInterval is the interval that does not exist.
var noInterval = Interval{math.NaN(), math.NaN()}

// Exists says whether the interval exists.
func (i Interval) Exists() bool { return !math.IsNaN(i.Low) && !math.IsNaN(i.High) }

// Contains says whether v lies in the closed interval; never for an interval
// that does not exist.
func (i Interval) Contains(v float64) bool { return i.Low <= v && v <= i.High }

// clip limits the interval to [low, high]; NaN ends stay NaN.
func (i Interval) clip(low, high float64) Interval {
	return Interval{min(max(i.Low, low), high), min(max(i.High, low), high)}
}

// Sum returns the sum of x, correctly rounded, so that it does not depend on
// the order of x (Shewchuk 1997, "Adaptive precision floating-point
// arithmetic", as in Python's math.fsum). The sum of nothing is 0. An overflow
// of an intermediate result, an infinity or a NaN falls back on plain addition.
func Sum(x []float64) float64 {
	var a accumulator
	for _, v := range x {
		a.add(v)
	}
	return a.sum()
}

// An accumulator adds numbers without rounding: its parts do not overlap and
// their sum is the exact sum so far.
type accumulator struct {
	parts []float64
	plain float64 // the ordinary sum, for what is not finite
}

func (a *accumulator) add(v float64) {
	a.plain += v
	n := 0
	for _, p := range a.parts {
		if math.Abs(v) < math.Abs(p) {
			v, p = p, v
		}
		hi := v + p
		if lo := p - (hi - v); lo != 0 {
			a.parts[n] = lo
			n++
		}
		v = hi
	}
	a.parts = append(a.parts[:n], v)
}

func (a *accumulator) sum() float64 {
	n := len(a.parts)
	if n == 0 {
		return 0
	}
	if math.IsNaN(a.plain) || math.IsInf(a.plain, 0) {
		return a.plain
	}
	n--
	hi, lo := a.parts[n], 0.0
	for n > 0 && lo == 0 {
		n--
		x, y := hi, a.parts[n]
		hi = x + y
		lo = y - (hi - x)
	}
	// Rounding half to even looks at one part only; the next one decides a tie.
	if n > 0 && (lo < 0) == (a.parts[n-1] < 0) && lo != 0 {
		y := lo * 2
		if x := hi + y; y == x-hi {
			hi = x
		}
	}
	return hi
}

// Mean returns the arithmetic mean, NaN for no values. It is exact to the last
// digit or two and does not depend on the order of x.
func Mean(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return Sum(x) / float64(len(x))
}

// Variance returns the sample variance (divisor n−1), in squared units of x,
// by two passes with a correction for the rounding of the mean (Chan, Golub
// and LeVeque 1983). NaN for fewer than two values; exactly 0 for a constant.
func Variance(x []float64) float64 {
	if len(x) < 2 {
		return math.NaN()
	}
	return sumSquares(x) / float64(len(x)-1)
}

// SD returns the sample standard deviation, the root of [Variance].
func SD(x []float64) float64 { return math.Sqrt(Variance(x)) }

// sumSquares is the sum of squared deviations from the mean.
func sumSquares(x []float64) float64 { return sumProducts(x, x) }

// sumProducts is Σ(x−x̄)(y−ȳ), exact in its summation; 0 if either is constant.
func sumProducts(x, y []float64) float64 {
	if isConstant(x) || isConstant(y) {
		if hasNaN(x) || hasNaN(y) {
			return math.NaN()
		}
		return 0
	}
	mx, my := Mean(x), Mean(y)
	var xy, dx, dy accumulator
	for i := range x {
		a, b := x[i]-mx, y[i]-my
		xy.add(float64(a * b))
		dx.add(a)
		dy.add(b)
	}
	return xy.sum() - dx.sum()*dy.sum()/float64(len(x))
}

// isConstant says whether all values are the same number.
func isConstant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

// dot is Σ x·y, independent of the order of the pairs.
func dot(x, y []float64) float64 {
	var a accumulator
	for i := range x {
		a.add(float64(x[i] * y[i]))
	}
	return a.sum()
}

// hasNaN says whether a value is not a number or not finite.
func hasNaN(x []float64) bool {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return true
		}
	}
	return false
}
