package stat

import (
	"fmt"
	"math"
	"slices"
)

// Shewhart's factors for moving ranges of two, unrounded from the tabled
// constants d₂ = 1.128 and d₄ = 0.954 (Wheeler, Understanding Variation).
const (
	d2               = 1.128
	d4               = 0.954
	rangeFactor      = 3.267 // upper limit of the range, from its mean
	rangeFactorMed   = 3.865 // the same, from its median
	tPower           = 1 / 3.6
	defaultBaseline  = 20
	defaultProvision = 12
)

// ChartOptions selects the baseline and the rules. The zero value is the
// project's: the first 20 complete weeks of each process, none left out, limits
// frozen from then on, provisional from 12 weeks on.
type ChartOptions struct {
	Baseline int    // complete weeks in the baseline; 0: 20
	Minimum  int    // complete weeks for provisional limits; 0: 12
	Splits   []int  // positions of the first week of a new process, recorded as such; never found from the data
	Exclude  []int  // weeks left out of the baseline for a cause that is on record; the project excludes none
	Rules    []Rule // nil: Outside, RunOfEight, ThreeOfFour
}

// A Chart is a process-behaviour chart: the voice of the process, its limits
// and what it signals. Positions are those of the input. A week that is NaN, or
// has no denominator, is missing: it has no point, and it breaks moving ranges,
// runs and trends. The functions that make charts return an error for a value
// that is infinite or that the chart cannot hold (a count below 0, a share above
// 1), for lists of different length, and for a split outside the weeks.
type Chart struct {
	Kind     string
	Points   []ChartPoint
	Segments []Segment // one, and one more per split
	Signals  []Signal  // in the order of weeks, then of rules
	// RangeSignals are the weeks whose moving range is above its limit.
	RangeSignals []int
}

// A ChartPoint is one week, in the unit of the data. What does not exist (a
// missing week's value, limits without a baseline) is NaN. Limits are as
// computed: show those below zero, or a share's above one, as zero or one.
// Where a transformed limit lies below zero its back-transform is 0.
type ChartPoint struct {
	Value, Center, Lower, Upper float64
	Range, RangeUpper           float64 // moving range and its limit, on the scale the limits were made on; only individuals charts have a limit
	Z                           float64 // distance from the centre, a third of the distance to the limit being 1
}

// P returns the two-sided normal probability of a distance of |Z| or more: a
// way to rank a page of many charts, or for [BenjaminiHochberg] over it.
func (p ChartPoint) P() float64 {
	if math.IsNaN(p.Z) {
		return math.NaN()
	}
	return twoSided(p.Z)
}

// A Segment is one process, between recorded changes: weeks [Start, End).
type Segment struct {
	Start, End  int
	Baseline    int     // weeks the limits rest on; 0: there are none
	Provisional bool    // fewer than asked for
	Center      float64 // on the scale the limits were made on
	MeanRange   float64 // mean (or median) moving range of the baseline, on that scale; for p′ and u′ of the z scores
	UseRare     bool    // no limits, as the baseline hardly varies: use a [GChart] or [TChart]
	Runs        Runs
}

// Runs tests a segment for non-randomness with the rules of Anhøj (2014):
// points on the centre are left out, ties do not count as either side.
type Runs struct {
	Useful       int // points not on the centre
	Longest      int // run on one side
	LongestMax   int // the longest to be expected: round(log₂ n)+3
	Crossings    int // of the centre
	CrossingsMin int // the fewest to be expected: 5 % quantile of Bin(n−1, ½)
}

// NonRandom says whether either is beyond what chance gives.
func (r Runs) NonRandom() bool {
	return r.Useful > 0 && (r.Longest > r.LongestMax || r.Crossings < r.CrossingsMin)
}

// XmR charts individual values: x̄ ± 3/1.128·mR̄, ranges up to 3.267·mR̄
// (Wheeler and Chambers 1992). When mR̄ is 0, or over half of the baseline's
// moving ranges are, there are no limits and Segment.UseRare is set.
func XmR(x []float64, o ChartOptions) (*Chart, error) {
	return individuals("XmR", x, o, identity, identity, false)
}

// MedianXmR is [XmR] with the median as centre and the median moving range:
// x̃ ± 3/0.954·mR̃, ranges up to 3.865·mR̃. A few wild weeks in the baseline do
// not widen its limits.
func MedianXmR(x []float64, o ChartOptions) (*Chart, error) {
	return individuals("XmR (median)", x, o, identity, identity, true)
}

// LogXmR is [XmR] of the logarithm, with limits transformed back: for lead times
// and other positive values that spread by factors. The centre is the
// geometric mean. A value that is 0 or less is an error.
func LogXmR(x []float64, o ChartOptions) (*Chart, error) {
	for i, v := range x {
		if v <= 0 {
			return nil, fmt.Errorf("charting XmR (log): the value of week %d is %v; a logarithm needs one above 0", i, v)
		}
	}
	return individuals("XmR (log)", x, o, math.Log, math.Exp, false)
}

// TChart charts the time between rare events as [XmR] of y^(1/3.6), transformed
// back (Nelson 1994). A time below 0 is an error.
func TChart(times []float64, o ChartOptions) (*Chart, error) {
	for i, v := range times {
		if v < 0 {
			return nil, fmt.Errorf("charting t: the time before event %d is %v", i, v)
		}
	}
	there := func(v float64) float64 { return math.Pow(v, tPower) }
	back := func(v float64) float64 { return math.Pow(max(v, 0), 1/tPower) }
	return individuals("t", times, o, there, back, false)
}

func identity(v float64) float64 { return v }

// GChart charts the number of cases between rare events (Benneyan 2001): mean
// ± 3√(x̄(x̄+1)). Runs are judged about the baseline's median, because most
// counts of this kind lie below their mean.
func GChart(between []float64, o ChartOptions) (*Chart, error) {
	return shewhart("g", between, nil, o, func(b baseline) limits {
		m := Mean(b.x)
		return limits{center: m, line: Median(b.x), sigma: func(int) float64 { return math.Sqrt(m * (m + 1)) }}
	})
}

// CChart charts counts over equal opportunity: c̄ ± 3√c̄.
func CChart(counts []float64, o ChartOptions) (*Chart, error) {
	return shewhart("c", counts, nil, o, func(b baseline) limits {
		m := Mean(b.x)
		return limits{center: m, line: m, sigma: func(int) float64 { return math.Sqrt(m) }}
	})
}

// UChart charts rates counts[i]/exposure[i]: ū ± 3√(ū/n), ū the ratio of sums.
func UChart(counts, exposure []float64, o ChartOptions) (*Chart, error) {
	return ratioChart("u", counts, exposure, o, math.Inf(1), false)
}

// UPrime is [UChart] with Laney's correction for rates that vary more (or less)
// than Poisson counts: ū ± 3σ_z√(ū/n) (Laney 2002).
func UPrime(counts, exposure []float64, o ChartOptions) (*Chart, error) {
	return ratioChart("u'", counts, exposure, o, math.Inf(1), true)
}

// PChart charts shares x[i]/n[i]: p̄ ± 3√(p̄(1−p̄)/n), p̄ the ratio of sums.
func PChart(x, n []float64, o ChartOptions) (*Chart, error) {
	return ratioChart("p", x, n, o, 1, false)
}

// PPrime is [PChart] with Laney's correction for shares that vary more (or
// less) than a binomial, as those with large denominators do:
// p̄ ± 3σ_z√(p̄(1−p̄)/n), σ_z = mR̄(z)/1.128 (Laney 2002).
func PPrime(x, n []float64, o ChartOptions) (*Chart, error) {
	return ratioChart("p'", x, n, o, 1, true)
}

// ratioChart is a p or u chart; most is the greatest ratio there can be.
func ratioChart(kind string, x, n []float64, o ChartOptions, most float64, laney bool) (*Chart, error) {
	if len(x) != len(n) {
		return nil, fmt.Errorf("charting %s: %d numerators and %d denominators", kind, len(x), len(n))
	}
	for i := range n {
		if n[i] < 0 || x[i] > most*n[i] {
			return nil, fmt.Errorf("charting %s: week %d is %v of %v", kind, i, x[i], n[i])
		}
	}
	return shewhart(kind, x, n, o, func(b baseline) limits {
		m := Sum(b.x) / Sum(b.n)
		spread := m
		if most == 1 {
			spread = m * (1 - m)
		}
		sigma := func(i int) float64 { return math.Sqrt(spread / n[i]) }
		l := limits{center: m, line: m, sigma: sigma, meanRange: math.NaN()}
		if !laney || !(spread > 0) {
			return l
		}
		var z []float64
		for k, i := range b.rows {
			z = append(z, (b.x[k]/b.n[k]-m)/sigma(i))
		}
		ranges := movingRanges(b.rows, z)
		l.meanRange = Mean(ranges)
		l.sigma = func(i int) float64 { return sigma(i) * l.meanRange / d2 }
		return l
	})
}

// A baseline is the weeks that limits rest on.
type baseline struct {
	rows []int     // positions in the series
	x, n []float64 // their values (numerators) and denominators
}

// limits are what a baseline gives: centre ± 3σ, and the line runs are judged
// about.
type limits struct {
	center, line float64
	sigma        func(i int) float64
	meanRange    float64
	rangeUpper   float64
	rare         bool
}

// shewhart charts counts, or ratios if n is given, whose σ follows from the
// centre. Where σ is 0 there are no limits.
func shewhart(kind string, x, n []float64, o ChartOptions, of func(baseline) limits) (*Chart, error) {
	values := slices.Clone(x)
	for i, v := range x {
		if v < 0 {
			return nil, fmt.Errorf("charting %s: the count of week %d is %v", kind, i, v)
		}
		if n != nil {
			values[i] = math.NaN()
			if n[i] > 0 {
				values[i] = v / n[i]
			}
		}
	}
	return draw(kind, values, o, identity, identity, func(b baseline) limits {
		for k, i := range b.rows {
			b.x[k] = x[i]
			if n != nil {
				b.n = append(b.n, n[i])
			}
		}
		l := of(b)
		l.rangeUpper = math.NaN()
		if n == nil {
			l.meanRange = math.NaN()
		}
		l.rare = !(l.sigma(b.rows[0]) > 0)
		return l
	})
}

// individuals charts single values on the scale there(x).
func individuals(kind string, x []float64, o ChartOptions, there, back func(float64) float64, median bool) (*Chart, error) {
	return draw(kind, x, o, there, back, func(b baseline) limits {
		ranges := movingRanges(b.rows, b.x)
		l := limits{center: Mean(b.x), meanRange: Mean(ranges)}
		l.rangeUpper = rangeFactor * l.meanRange
		sigma := l.meanRange / d2
		if median {
			l.center, l.meanRange = Median(b.x), Median(ranges)
			l.rangeUpper = rangeFactorMed * l.meanRange
			sigma = l.meanRange / d4
		}
		l.line = l.center
		l.sigma = func(int) float64 { return sigma }
		zeros := 0
		for _, r := range ranges {
			if r == 0 {
				zeros++
			}
		}
		l.rare = !(l.meanRange > 0) || 2*zeros > len(ranges)
		return l
	})
}

// movingRanges returns |xₖ−xₖ₋₁| where the rows are neighbours.
func movingRanges(rows []int, x []float64) []float64 {
	var out []float64
	for k := 1; k < len(rows); k++ {
		if rows[k] == rows[k-1]+1 {
			out = append(out, math.Abs(x[k]-x[k-1]))
		}
	}
	return out
}

// draw makes the chart: limits for each segment from its baseline, rules on the
// scale the limits were made on, then everything in the unit of the data.
func draw(kind string, values []float64, o ChartOptions, there, back func(float64) float64, of func(baseline) limits) (*Chart, error) {
	for i, v := range values {
		if math.IsInf(v, 0) {
			return nil, fmt.Errorf("charting %s: the value of week %d is %v", kind, i, v)
		}
	}
	bounds, err := segmentBounds(len(values), o.Splits)
	if err != nil {
		return nil, fmt.Errorf("charting %s: %w", kind, err)
	}
	c := &Chart{Kind: kind, Points: make([]ChartPoint, len(values))}
	x := make([]float64, len(values))
	for i, v := range values {
		x[i] = there(v)
	}
	s := newScale(x)
	for k := 1; k < len(bounds); k++ {
		seg := Segment{Start: bounds[k-1], End: bounds[k], Center: math.NaN(), MeanRange: math.NaN()}
		b := pickBaseline(x, seg, o)
		if len(b.rows) > 0 {
			l := of(b)
			seg.Center, seg.MeanRange, seg.UseRare = l.center, l.meanRange, l.rare
			if !l.rare {
				seg.Baseline = len(b.rows)
				seg.Provisional = len(b.rows) < o.baseline()
				s.set(seg, l)
			}
		}
		seg.Runs = s.runs(seg)
		c.Segments = append(c.Segments, seg)
	}
	s.signal(c, o)
	for i, v := range values {
		p := &c.Points[i]
		p.Value, p.Center, p.Lower, p.Upper = v, back(s.center[i]), back(s.lower[i]), back(s.upper[i])
		p.Range, p.RangeUpper = s.ranges[i], s.rangeUpper[i]
		p.Z = 3 * (x[i] - s.center[i]) / (s.upper[i] - s.center[i])
	}
	return c, nil
}

func (o ChartOptions) baseline() int {
	if o.Baseline > 0 {
		return o.Baseline
	}
	return defaultBaseline
}

func (o ChartOptions) minimum() int {
	if o.Minimum > 0 {
		return o.Minimum
	}
	return min(defaultProvision, o.baseline())
}

// segmentBounds is 0, the splits in order, n.
func segmentBounds(n int, splits []int) ([]int, error) {
	b := append([]int{0}, splits...)
	slices.Sort(b)
	for _, s := range splits {
		if s <= 0 || s >= n {
			return nil, fmt.Errorf("the split at %d is not inside the %d weeks", s, n)
		}
	}
	return append(slices.Compact(b), n), nil
}

// pickBaseline takes the first complete weeks of a segment; none when there are
// fewer than the minimum.
func pickBaseline(x []float64, seg Segment, o ChartOptions) baseline {
	var b baseline
	for i := seg.Start; i < seg.End && len(b.rows) < o.baseline(); i++ {
		if !math.IsNaN(x[i]) && !slices.Contains(o.Exclude, i) {
			b.rows = append(b.rows, i)
			b.x = append(b.x, x[i])
		}
	}
	if len(b.rows) < o.minimum() {
		return baseline{}
	}
	return b
}
