package stat

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// A Lifetime is how long one unit was followed, from becoming eligible to the
// event or to the end of what is known.
type Lifetime struct {
	Time  float64 // ≥ 0, in any one unit
	Event bool    // false: right-censored, without the event so far
}

// A Band selects how the interval of a survival curve is made.
type Band int

const (
	LogLog Band = iota // on log(−log S): the project's; stays within [0, 1] and covers best in small samples
	Log                // on log S: the default of R's survfit
	Plain              // S ± z·SE, clipped to [0, 1]
)

// A Curve is a Kaplan-Meier estimate: one entry per distinct time, in order.
type Curve struct {
	Time     []float64
	AtRisk   []int // just before the time
	Events   []int
	Censored []int
	Survival []float64  // share without the event just after the time
	SE       []float64  // Greenwood's standard error of Survival; NaN where it is 0
	Interval []Interval // pointwise; none where Survival is 0, nor at 1 except by Log and Plain
}

// KaplanMeier estimates the share still without the event (Kaplan and Meier
// 1958), with pointwise intervals from Greenwood's variance. A unit censored at
// a time is at risk at it. It returns an error for no units and for a time that
// is negative or not finite.
func KaplanMeier(units []Lifetime, band Band, level float64) (*Curve, error) {
	if err := checkLifetimes(units); err != nil {
		return nil, fmt.Errorf("estimating a survival curve: %w", err)
	}
	s := slices.Clone(units)
	slices.SortFunc(s, func(a, b Lifetime) int { return cmp.Compare(a.Time, b.Time) })
	c := &Curve{}
	survival, greenwood := 1.0, 0.0
	for i := 0; i < len(s); {
		j, events := i, 0
		for ; j < len(s) && s[j].Time == s[i].Time; j++ {
			if s[j].Event {
				events++
			}
		}
		risk := len(s) - i
		survival *= float64(risk-events) / float64(risk)
		greenwood += float64(events) / (float64(risk) * float64(risk-events)) // +Inf or NaN when none is left
		c.Time = append(c.Time, s[i].Time)
		c.AtRisk = append(c.AtRisk, risk)
		c.Events = append(c.Events, events)
		c.Censored = append(c.Censored, j-i-events)
		c.Survival = append(c.Survival, survival)
		se := math.Sqrt(greenwood)
		c.SE = append(c.SE, survival*se)
		c.Interval = append(c.Interval, bandAt(survival, se, critical(level), band))
		i = j
	}
	return c, nil
}

func checkLifetimes(units []Lifetime) error {
	if len(units) == 0 {
		return fmt.Errorf("there are no units")
	}
	for i, u := range units {
		if !(u.Time >= 0) || math.IsInf(u.Time, 0) {
			return fmt.Errorf("the time of unit %d is %v", i, u.Time)
		}
	}
	return nil
}

// bandAt is the interval around s; se is the error of log s.
func bandAt(s, se, z float64, band Band) Interval {
	if s == 0 || math.IsNaN(se) || math.IsNaN(z) || band == LogLog && s == 1 {
		return noInterval
	}
	switch band {
	case LogLog:
		l := math.Log(s)
		half := z * se / math.Abs(l)
		return Interval{math.Exp(l * math.Exp(half)), math.Exp(l * math.Exp(-half))}
	case Log:
		return Interval{s * math.Exp(-z*se), min(s*math.Exp(z*se), 1)}
	default:
		return around(s, z*se*s).clip(0, 1)
	}
}

// At returns the share without the event at time t and its interval; NaN for a
// t before 0, and after the last time unless the curve has reached 0: nobody
// was followed that long.
func (c *Curve) At(t float64) (survival float64, interval Interval) {
	i, found := slices.BinarySearch(c.Time, t)
	if !found {
		i--
	}
	last := len(c.Time) - 1
	switch {
	case !(t >= 0), t > c.Time[last] && c.Survival[last] > 0:
		return math.NaN(), noInterval
	case i < 0:
		return 1, noInterval
	}
	return c.Survival[i], c.Interval[i]
}

// Median returns the time by which half have had the event, and its interval:
// see [Curve.Quantile].
func (c *Curve) Median() (time float64, interval Interval) { return c.Quantile(0.5) }

// Quantile returns the time by which the share p have had the event: the first
// at which the curve is at or below 1−p, or the middle of its step where it
// lies exactly at 1−p, as R's survfit has it. NaN if the curve does not come
// down so far. The interval is where the curve's own interval crosses 1−p
// (Brookmeyer and Crowley 1982); its high end is +Inf when the upper one never
// does, and it does not exist when the lower one does not either.
func (c *Curve) Quantile(p float64) (time float64, interval Interval) {
	if !(p > 0 && p < 1) {
		return math.NaN(), noInterval
	}
	low, high := make([]float64, len(c.Time)), make([]float64, len(c.Time))
	for i, v := range c.Interval {
		low[i], high[i] = v.Low, v.High
	}
	time = c.crossing(c.Survival, 1-p)
	interval = Interval{c.crossing(low, 1-p), c.crossing(high, 1-p)}
	if math.IsNaN(interval.Low) {
		return time, noInterval
	}
	if math.IsNaN(interval.High) {
		interval.High = math.Inf(1)
	}
	return time, interval
}

// crossing is the time at which a falling step curve meets the height h.
func (c *Curve) crossing(curve []float64, h float64) float64 {
	const tolerance = 1e-9
	for i, v := range curve {
		if !(v <= h+tolerance) {
			continue
		}
		if v >= h-tolerance {
			for j := i + 1; j < len(curve); j++ {
				if curve[j] < h-tolerance || math.IsNaN(curve[j]) && c.Survival[j] < h-tolerance {
					return (c.Time[i] + c.Time[j]) / 2
				}
			}
		}
		return c.Time[i]
	}
	return math.NaN()
}

// A LogRankTest compares the survival of groups.
type LogRankTest struct {
	Observed  []float64 // events per group
	Expected  []float64 // events per group if there were no difference
	Variance  [][]float64
	ChiSquare float64
	DF        int
	P         float64
}

// LogRank tests whether groups have one survival curve (Mantel 1966; R's
// survdiff with rho = 0). Groups nobody of whom could have had an event are
// left out of the degrees of freedom. The statistics are NaN when fewer than
// two groups remain; an error means a bad time or fewer than two groups given.
func LogRank(groups ...[]Lifetime) (*LogRankTest, error) {
	if len(groups) < 2 {
		return nil, fmt.Errorf("comparing survival: %d groups, at least 2 are needed", len(groups))
	}
	var times []float64
	for g, units := range groups {
		if err := checkLifetimes(units); err != nil {
			return nil, fmt.Errorf("comparing survival: group %d: %w", g, err)
		}
		for _, u := range units {
			if u.Event {
				times = append(times, u.Time)
			}
		}
	}
	slices.Sort(times)
	times = slices.Compact(times)
	k := len(groups)
	t := &LogRankTest{Observed: make([]float64, k), Expected: make([]float64, k), Variance: make([][]float64, k), ChiSquare: math.NaN(), P: math.NaN()}
	for i := range t.Variance {
		t.Variance[i] = make([]float64, k)
	}
	tables := make([]riskTable, k)
	for g, units := range groups {
		tables[g] = newRiskTable(units)
	}
	for _, at := range times {
		t.add(tables, at)
	}
	t.solve()
	return t, nil
}

// add counts the events at one time.
func (t *LogRankTest) add(tables []riskTable, at float64) {
	risk, events := make([]float64, len(tables)), make([]float64, len(tables))
	var n, d float64
	for g := range tables {
		risk[g], events[g] = tables[g].at(at)
		n, d = n+risk[g], d+events[g]
	}
	for g := range tables {
		t.Observed[g] += events[g]
		t.Expected[g] += d * risk[g] / n
		if n <= 1 {
			continue
		}
		for h := range tables {
			same := 0.0
			if g == h {
				same = 1
			}
			t.Variance[g][h] += d * (n - d) / (n - 1) * risk[g] / n * (same - risk[h]/n)
		}
	}
}

// solve computes (O−E)′V⁻¹(O−E) over all groups with expected events but one.
func (t *LogRankTest) solve() {
	var use []int
	for g, e := range t.Expected {
		if e > 0 {
			use = append(use, g)
		}
	}
	t.DF = len(use) - 1
	if t.DF < 1 {
		t.DF = 0
		return
	}
	v := mat.NewSymDense(t.DF, nil)
	gap := mat.NewVecDense(t.DF, nil)
	for i, g := range use[:t.DF] {
		gap.SetVec(i, t.Observed[g]-t.Expected[g])
		for j, h := range use[:t.DF] {
			v.SetSym(i, j, t.Variance[g][h])
		}
	}
	var chol mat.Cholesky
	var solved mat.VecDense
	if !chol.Factorize(v) || chol.SolveVecTo(&solved, gap) != nil {
		return
	}
	t.ChiSquare = mat.Dot(gap, &solved)
	t.P = chi2Tail(t.ChiSquare, float64(t.DF))
}

// A riskTable answers how many are at risk, and have the event, at a time.
type riskTable struct {
	times, events []float64 // sorted
}

func newRiskTable(units []Lifetime) riskTable {
	var r riskTable
	for _, u := range units {
		r.times = append(r.times, u.Time)
		if u.Event {
			r.events = append(r.events, u.Time)
		}
	}
	slices.Sort(r.times)
	slices.Sort(r.events)
	return r
}

func (r riskTable) at(t float64) (risk, events float64) {
	before, _ := slices.BinarySearch(r.times, t)
	from, _ := slices.BinarySearch(r.events, t)
	to, _ := slices.BinarySearch(r.events, math.Nextafter(t, math.Inf(1)))
	return float64(len(r.times) - before), float64(to - from)
}
