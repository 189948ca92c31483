package review

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A state is what a chart can say of the week.
type state int

const (
	silent      state = iota // no complete value in the week
	young                    // too few complete weeks for limits
	rare                     // varies too rarely for weekly limits
	overlapping              // each point looks back further than its week
	judged
)

// falseDiscoveries is the share of the signals shown that chance alone is
// expected to give.
const falseDiscoveries = 0.05

// A verdict is what the chart of one metric of one subject says of the week.
type verdict struct {
	key
	state    state
	weeks    int // complete ones so far
	chart    *stat.Chart
	at       int           // position of the week judged: the review's, or if late the one before
	late     bool          // the week before, as it was complete only after its own review
	rules    []stat.Signal // met in the week
	p        float64       // see weigh
	adjusted float64       // for the false discovery rate over the page
	since    int           // first week of the unbroken row of signals on the same side
	twin     bool          // the same facts are judged at a narrower subject
	points   []metric.Point
}

func (v verdict) point() stat.ChartPoint { return v.chart.Points[v.at] }

func (v verdict) news() bool {
	return v.state == judged && len(v.rules) > 0 && v.adjusted <= falseDiscoveries
}

// told reports whether the verdict is to be told among the signals.
func (v verdict) told() bool { return v.news() && !v.twin }

// byLevel reports whether a metric is shown, and so judged, for units, teams and
// services, too; those that are only watched are shown for the whole.
func byLevel(d metric.Def) bool { return d.Class != metric.Health }

// judge looks at every number of the page, and adjusts what it finds for how many it
// looked at. Charts with the same points (a team of one service, an organisation
// of one team) are looked at once, at the narrowest subject.
func (b *builder) judge() (map[key]verdict, error) {
	out := make(map[key]verdict)
	var family []key
	var ps []float64
	first := make(map[string]int) // of the family, by what was charted
	same := make(map[key]int)
	for _, k := range slices.SortedFunc(maps.Keys(b.all), narrowFirst) {
		d, ok := b.find(k.metric)
		if !ok || k.grain != metric.Week || k.of != (Subject{}) && !byLevel(d) {
			continue
		}
		v, err := b.verdict(d, k)
		if err != nil {
			return nil, fmt.Errorf("judging %s of %s: %w", d.Name, k.of, err)
		}
		if v.state == judged {
			print := v.fingerprint()
			same[k], v.twin = first[print]
			if !v.twin {
				first[print], same[k] = len(family), len(family)
				family, ps = append(family, k), append(ps, v.p)
			}
		}
		out[k] = v
	}
	adjusted := stat.BenjaminiHochberg(ps)
	for k, i := range same {
		v := out[k]
		v.adjusted = adjusted[i]
		out[k] = v
	}
	return out, nil
}

func narrowFirst(a, b key) int {
	return cmp.Or(cmp.Compare(a.of.level(), b.of.level()), a.compare(b))
}

// fingerprint is the same for series that are the same facts.
func (v verdict) fingerprint() string {
	var b strings.Builder
	b.WriteString(v.metric)
	for _, p := range v.points {
		if p.Value != nil {
			fmt.Fprintf(&b, "|%d %x %d", p.Start.Unix(), math.Float64bits(*p.Value), p.N)
		}
	}
	return b.String()
}

// verdict charts a series from its first value to the week. The baseline is the
// first 20 complete weeks there are, so it does not move from review to review.
func (b *builder) verdict(d metric.Def, k key) (verdict, error) {
	v := verdict{key: k, p: math.NaN()}
	first := slices.IndexFunc(b.all[k], complete)
	if first < 0 || !b.all[k][first].Start.Before(b.Week.End) {
		return v, nil
	}
	v.points = b.between(d, metric.Week, k.of, b.all[k][first].Start, b.Week.End)
	v.at = len(v.points) - 1
	for _, p := range v.points {
		if complete(p) {
			v.weeks++
		}
	}
	if d.Unit == metric.Score {
		v.state = overlapping
		return v, nil
	}
	var err error
	if v.chart, err = draw(d, v.points); err != nil {
		return v, err
	}
	seg := v.chart.Segments[0]
	if v.points[v.at].Quality == metric.Partial && v.at > 0 && complete(v.points[v.at-1]) {
		// Some numbers are never complete on the Monday after, such as those that
		// wait a day for incidents: they are judged a week late rather than never.
		v.at, v.late = v.at-1, true
	}
	switch {
	case !complete(v.points[v.at]):
		return v, nil
	case seg.UseRare:
		v.state = rare
		return v, nil
	case seg.Baseline == 0 || math.IsNaN(v.point().Z):
		v.state = young
		return v, nil
	}
	v.state = judged
	v.p = weigh(v.chart, v.at)
	if v.chart.Kind == "XmR" {
		v.p = max(v.p, weighRoots(v.points, v.at))
	}
	v.rules, v.since = met(v.chart, v.at)
	return v, nil
}

// weighRoots is weigh on the scale of square roots, on which counts spread alike
// at any level; 0 where it says nothing. Few counts lie far above their mean more
// often than the chart of the counts allows for.
func weighRoots(ps []metric.Point, at int) float64 {
	roots := make([]float64, len(ps))
	for i, p := range ps {
		roots[i] = math.NaN()
		if complete(p) {
			roots[i] = math.Sqrt(*p.Value) // NaN, a missing week, below 0
		}
	}
	c, err := stat.XmR(roots, stat.ChartOptions{})
	if err != nil || c.Segments[0].UseRare || math.IsNaN(c.Points[at].Z) {
		return 0
	}
	return weigh(c, at)
}

// complete reports whether a point may be judged and compared.
func complete(p metric.Point) bool {
	return p.Value != nil && p.Quality != metric.Partial && p.Quality != metric.NoData
}

// draw makes the chart that fits the metric: of the logarithm for durations, p′
// for shares, of the values themselves for the rest. Weeks that are missing or
// partial break it.
func draw(d metric.Def, ps []metric.Point) (*stat.Chart, error) {
	n := len(ps)
	x, num, den := make([]float64, n), make([]float64, n), make([]float64, n)
	positive, shares := true, d.Unit == metric.Ratio
	for i, p := range ps {
		x[i], num[i], den[i] = math.NaN(), math.NaN(), math.NaN()
		if !complete(p) {
			continue
		}
		x[i] = *p.Value
		positive = positive && x[i] > 0
		if p.Numerator == nil || p.Denominator == nil {
			shares = false
			continue
		}
		num[i], den[i] = *p.Numerator, *p.Denominator
	}
	switch {
	case shares:
		return stat.PPrime(num, den, stat.ChartOptions{})
	case d.Unit == metric.Milliseconds && positive:
		return stat.LogXmR(x, stat.ChartOptions{})
	default:
		return stat.XmR(x, stat.ChartOptions{})
	}
}

// met lists the rules met in week at, and the first week of the unbroken row of
// weeks with a signal on the same side that ends with it.
func met(c *stat.Chart, at int) (rules []stat.Signal, since int) {
	side := make(map[int]bool)
	for _, s := range c.Signals {
		if s.Week == at {
			rules = append(rules, s)
		}
	}
	if len(rules) == 0 {
		return nil, at
	}
	for _, s := range c.Signals {
		side[s.Week] = side[s.Week] || s.High == rules[0].High
	}
	for since = at; since > 0 && side[since-1]; {
		since--
	}
	return rules, since
}

// weigh is the chance of a week at least as unusual as week at while nothing has
// changed: the smallest over the three rules, times three. The chances allow for
// limits that are themselves estimates from few weeks. With the normal chance of
// the distance alone, every page of 800 charts of pure noise had a false signal.
func weigh(c *stat.Chart, at int) float64 {
	seg := c.Segments[0]
	// 0.62(n−1): degrees of freedom of a mean moving range of n weeks (Wheeler,
	// Advanced Topics in Statistical Process Control).
	t := distuv.StudentsT{Sigma: 1, Nu: 0.62 * float64(seg.Baseline-1)}
	spread := math.Sqrt(1 + 1/float64(seg.Baseline))
	p := 2 * t.CDF(-math.Abs(c.Points[at].Z)/spread)
	for _, s := range c.Signals {
		if s.Week != at {
			continue
		}
		switch s.Rule {
		case stat.RunOfEight:
			p = min(p, 2*runChance(c, at))
		case stat.ThreeOfFour:
			beyond := t.CDF(-1.5 / spread)
			p = min(p, 2*beyond*(3*beyond*beyond*(1-beyond)+beyond*beyond*beyond))
		}
	}
	return min(1, 3*p)
}

// runChance is how likely the run on one side of the centre that ends with week
// at is, given on which side the baseline's weeks lay: the chance that the next
// weeks all lie there, predicted with a uniform prior (Laplace's rule of
// succession, week by week). It allows for a centre that is only estimated, and
// for values that lie more often on one side of their mean.
func runChance(c *stat.Chart, at int) float64 {
	side := func(i int) int { return cmp.Compare(c.Points[i].Value, c.Points[i].Center) }
	length := 0
	for i := at; i >= 0 && !math.IsNaN(c.Points[i].Value) && side(i) == side(at); i-- {
		length++
	}
	same, all := 1.0, 2.0
	for i, left := 0, c.Segments[0].Baseline; left > 0; i++ {
		if math.IsNaN(c.Points[i].Value) {
			continue
		}
		left--
		if all++; side(i) == side(at) {
			same++
		}
	}
	p := 1.0
	for range length {
		p *= same / all
		same, all = same+1, all+1
	}
	return p
}

// news are the signals to be told, what is new before what goes on, then by how
// little chance explains them.
func (b *builder) news() []verdict {
	var out []verdict
	for _, v := range b.verdicts {
		if v.told() {
			out = append(out, v)
		}
	}
	goesOn := func(v verdict) int {
		if v.since < v.at {
			return 1
		}
		return 0
	}
	slices.SortFunc(out, func(a, b verdict) int {
		return cmp.Or(cmp.Compare(goesOn(a), goesOn(b)), cmp.Compare(a.p, b.p), a.key.compare(b.key))
	})
	return out[:min(len(out), maxSignals)]
}
