package stat

import (
	"cmp"
	"math"
	"slices"
)

// A Rule says what counts as a signal. A signal belongs to the week of its last
// point; a rule that goes on being met signals again each week. No rule looks
// across a missing week or a split.
type Rule int

const (
	// Outside: a point beyond a limit; on it is inside.
	Outside Rule = iota
	// RunOfEight: eight points in a row on one side of the centre. A point on
	// the centre breaks the run.
	RunOfEight
	// ThreeOfFour: the point and at least two of the three before it lie beyond
	// the middle between centre and limit, on the same side; on it is not beyond.
	ThreeOfFour
	// TrendOfSix: six points in a row, each above (or each below) the one
	// before (Nelson 1984). Two equal neighbours break the trend. Not among the
	// project's rules.
	TrendOfSix
)

func (r Rule) String() string {
	switch r {
	case Outside:
		return "one point outside the limits"
	case RunOfEight:
		return "eight points in a row on one side of the centre"
	case ThreeOfFour:
		return "three of four points nearer to a limit than to the centre"
	case TrendOfSix:
		return "six points in a row, all rising or all falling"
	}
	return "unknown rule"
}

// A Signal is one week's news.
type Signal struct {
	Week int // position in the input
	Rule Rule
	High bool // above the centre, or rising
}

var defaultRules = []Rule{Outside, RunOfEight, ThreeOfFour}

// A scale holds a series and its limits as they were made, before any
// transformation back. NaN marks what is not there.
type scale struct {
	x, center, line, lower, upper []float64
	ranges, rangeUpper            []float64
	first                         []bool // first of its segment
}

func newScale(x []float64) *scale {
	s := &scale{x: x, first: make([]bool, len(x))}
	for _, f := range []*[]float64{&s.center, &s.line, &s.lower, &s.upper, &s.ranges, &s.rangeUpper} {
		*f = make([]float64, len(x))
		for i := range *f {
			(*f)[i] = math.NaN()
		}
	}
	return s
}

// set draws a segment's limits. Where a week has none (no denominator) its σ is
// infinite or NaN and so are they.
func (s *scale) set(seg Segment, l limits) {
	for i := seg.Start; i < seg.End; i++ {
		sigma := l.sigma(i)
		s.center[i], s.line[i], s.rangeUpper[i] = l.center, l.line, l.rangeUpper
		if !math.IsInf(sigma, 0) {
			s.lower[i], s.upper[i] = l.center-3*sigma, l.center+3*sigma
		}
	}
}

// side is +1 above, −1 below and 0 on a line, on it meaning within the rounding
// of a mean; 0 too if either is NaN.
func side(v, line float64) int {
	gap := v - line
	if !(math.Abs(gap) > 1e-15*max(math.Abs(v), math.Abs(line))) {
		return 0
	}
	if gap > 0 {
		return 1
	}
	return -1
}

// signal applies the rules to every week.
func (s *scale) signal(c *Chart, o ChartOptions) {
	rules := o.Rules
	if rules == nil {
		rules = defaultRules
	}
	for _, seg := range c.Segments {
		s.first[seg.Start] = true
	}
	run, trend := 0, 0           // signed lengths, this week's point included
	last := [4]int{}             // the side of the last four points beyond a middle
	before := func(i int) bool { // this week's point follows one
		return i > 0 && !s.first[i] && !math.IsNaN(s.x[i-1])
	}
	for i, v := range s.x {
		if math.IsNaN(v) {
			run, trend, last = 0, 0, [4]int{}
			continue
		}
		if before(i) {
			s.ranges[i] = math.Abs(v - s.x[i-1])
			if side(s.ranges[i], s.rangeUpper[i]) > 0 {
				c.RangeSignals = append(c.RangeSignals, i)
			}
			trend = grow(trend, side(v, s.x[i-1]))
		} else {
			run, trend, last = 0, 0, [4]int{}
		}
		run = grow(run, side(v, s.line[i]))
		copy(last[:], last[1:])
		last[3] = s.beyondMiddle(i)
		for _, r := range rules {
			if at := s.met(r, i, run, trend, last); at != 0 {
				c.Signals = append(c.Signals, Signal{i, r, at > 0})
			}
		}
	}
	slices.SortStableFunc(c.Signals, func(a, b Signal) int {
		return cmp.Or(cmp.Compare(a.Week, b.Week), cmp.Compare(a.Rule, b.Rule))
	})
}

// met is the side on which a rule is met in week i, 0 if it is not.
func (s *scale) met(r Rule, i, run, trend int, last [4]int) int {
	switch r {
	case Outside:
		if side(s.x[i], s.upper[i]) > 0 {
			return 1
		}
		if side(s.x[i], s.lower[i]) < 0 {
			return -1
		}
	case RunOfEight:
		if run >= 8 || run <= -8 {
			return run
		}
	case ThreeOfFour:
		same := 0
		for _, l := range last {
			if l == last[3] {
				same++
			}
		}
		if same >= 3 {
			return last[3]
		}
	case TrendOfSix:
		if trend >= 5 || trend <= -5 { // six points make five steps
			return trend
		}
	}
	return 0
}

// beyondMiddle is the side on which week i lies beyond the middle between
// centre and limit, 0 if it does not.
func (s *scale) beyondMiddle(i int) int {
	if side(s.x[i], (s.center[i]+s.upper[i])/2) > 0 {
		return 1
	}
	if side(s.x[i], (s.center[i]+s.lower[i])/2) < 0 {
		return -1
	}
	return 0
}

// grow extends a signed run by one step, or starts anew.
func grow(run, step int) int {
	if step == 0 {
		return 0
	}
	if run*step < 0 {
		return step
	}
	return run + step
}

// runs counts a segment's runs about its line.
func (s *scale) runs(seg Segment) Runs {
	var r Runs
	run, previous := 0, 0
	for i := seg.Start; i < seg.End; i++ {
		at := side(s.x[i], s.line[i])
		if at == 0 {
			continue
		}
		r.Useful++
		if previous != 0 && at != previous {
			r.Crossings++
			run = 0
		}
		run++
		previous = at
		r.Longest = max(r.Longest, run)
	}
	if r.Useful > 0 {
		r.LongestMax = int(math.Round(math.Log2(float64(r.Useful)))) + 3
		r.CrossingsMin = binomialQuantile(0.05, r.Useful-1, 0.5)
	}
	return r
}
