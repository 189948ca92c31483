package behaviour

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A State is what a chart can say of the week.
type State int

// The states.
const (
	Silent      State = iota // no complete value in the week
	Young                    // too few complete weeks for limits
	Still                    // hardly varies, and not about 0: no chart fits
	Overlapping              // each point looks back further than its week
	Judged
)

// FalseDiscoveries is the share of the signals told that chance alone is
// expected to give.
const FalseDiscoveries = 0.05

// A Verdict is what the chart of one metric of one subject says of the week.
type Verdict struct {
	Key
	State    State
	Weeks    int // complete ones of the process so far
	Chart    *stat.Chart
	At       int            // position of the week judged: the page's, or if late the one before
	Late     bool           // the week before, as it was complete only after its own review
	Change   *metric.Change // the recorded one that the process began with
	Rare     *Rare          // in place of Chart's limits, where events are rare
	Rules    []stat.Signal  // met in the week
	P        float64        // see weigh
	Adjusted float64        // for the false discovery rate over the page
	Since    int            // first week of the unbroken row of signals on the same side
	Points   []metric.Point
	twin     bool // the same facts are judged at a narrower subject
}

func (v Verdict) point() stat.ChartPoint { return v.Chart.Points[v.At] }

// segment is the process of week at.
func (v Verdict) segment() stat.Segment { return segmentOf(v.Chart, v.At) }

func segmentOf(c *stat.Chart, at int) stat.Segment {
	for _, s := range c.Segments {
		if at < s.End {
			return s
		}
	}
	return c.Segments[len(c.Segments)-1]
}

// News reports whether the week is news on its page.
func (v Verdict) News() bool {
	return v.State == Judged && len(v.Rules) > 0 && v.Adjusted <= FalseDiscoveries
}

// told reports whether the verdict is to be told among the signals.
func (v Verdict) told() bool { return v.News() && !v.twin }

// ByLevel reports whether a metric is shown, and so judged, for units, teams and
// services, too; those that are only watched are shown for the whole.
func ByLevel(d metric.Def) bool { return d.Class != metric.Health }

// Judge looks at every number of the page, and adjusts what it finds for how many it
// looked at. Charts with the same points (a team of one service, an organisation
// of one team) are looked at once, at the narrowest subject. It returns an error for
// points that cannot be charted: a share above 1, a value that is infinite.
func Judge(in Input) (*Page, error) {
	p := &Page{Input: in, all: index(in.Points), verdicts: make(map[Key]Verdict)}
	var family []Key
	var ps []float64
	first := make(map[string]int) // of the family, by what was charted
	same := make(map[Key]int)
	for _, k := range slices.SortedFunc(maps.Keys(p.all), narrowFirst) {
		d, ok := p.Find(k.Metric)
		if !ok || k.Grain != metric.Week || k.Of != (Subject{}) && !ByLevel(d) {
			continue
		}
		v, err := p.verdict(d, k)
		if err != nil {
			return nil, fmt.Errorf("judging %s of %s: %w", d.Name, k.Of, err)
		}
		if v.State == Judged {
			print := v.fingerprint()
			same[k], v.twin = first[print]
			if !v.twin {
				first[print], same[k] = len(family), len(family)
				family, ps = append(family, k), append(ps, v.P)
			}
		}
		p.verdicts[k] = v
	}
	adjusted := stat.BenjaminiHochberg(ps)
	for k, i := range same {
		v := p.verdicts[k]
		v.Adjusted = adjusted[i]
		p.verdicts[k] = v
	}
	return p, nil
}

func narrowFirst(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Of.Level(), b.Of.Level()), a.compare(b))
}

// fingerprint is the same for series that are the same facts.
func (v Verdict) fingerprint() string {
	var b strings.Builder
	b.WriteString(v.Metric)
	for _, p := range v.Points {
		if p.Value != nil {
			fmt.Fprintf(&b, "|%d %x %d", p.Start.Unix(), math.Float64bits(*p.Value), p.N)
		}
	}
	return b.String()
}

// verdict charts a series from its first value to the week.
func (p *Page) verdict(d metric.Def, k Key) (Verdict, error) {
	first := slices.IndexFunc(p.all[k], Complete)
	if first < 0 || !p.all[k][first].Start.Before(p.Week.End) {
		return Verdict{Key: k, P: math.NaN()}, nil
	}
	v, err := Of(d, p.Between(d, metric.Week, k.Of, p.all[k][first].Start, p.Week.End), p.Changes)
	v.Key = k
	return v, err
}

// Of judges the last week of a series: points of consecutive weeks from the first
// there is. The baseline is the first 20 complete weeks since the last recorded
// change of the process, so it does not move from review to review. What only a
// page knows, Adjusted, is not set.
func Of(d metric.Def, ps []metric.Point, changes []metric.Change) (Verdict, error) {
	v := Verdict{P: math.NaN(), Points: ps, At: len(ps) - 1}
	if d.Unit == metric.Score {
		v.State = Overlapping
		return v, nil
	}
	splits, begun := processes(d, ps, changes)
	var err error
	if v.Chart, err = draw(d, ps, splits); err != nil {
		return v, err
	}
	if ps[v.At].Quality == metric.Partial && v.At > 0 && Complete(ps[v.At-1]) {
		// Some numbers are never complete on the Monday after, such as those that
		// wait a day for incidents: they are judged a week late rather than never.
		v.At, v.Late = v.At-1, true
	}
	seg := v.segment()
	if c, ok := begun[seg.Start]; ok {
		v.Change = &c
	}
	for _, p := range ps[seg.Start:min(seg.End, len(ps))] {
		if Complete(p) {
			v.Weeks++
		}
	}
	switch {
	case !Complete(ps[v.At]):
		return v, nil
	case seg.UseRare || v.Chart.Kind == "p'" && rareShare(ps, splits, v.At):
		v.judgeRare()
	case seg.Baseline == 0 || math.IsNaN(v.point().Z):
		v.State = Young
	default:
		v.State = Judged
		v.P = weigh(v.Chart, v.At)
		switch v.Chart.Kind {
		case "XmR":
			v.P = max(v.P, weighRoots(ps, splits, v.At))
		case "p'":
			v.P = max(v.P, v.weighHits())
		}
		v.Rules, v.Since = met(v.Chart, v.At)
	}
	return v, nil
}

// processes are the positions at which a recorded change begins another process:
// the first week that begins with or after it. The week it falls into is of neither
// alone and stays with the old. Of several changes before one week the last is told.
func processes(d metric.Def, ps []metric.Point, changes []metric.Change) (splits []int, begun map[int]metric.Change) {
	begun = make(map[int]metric.Change)
	changes = slices.Clone(changes)
	slices.SortStableFunc(changes, func(a, b metric.Change) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.What, b.What)) })
	for _, c := range changes {
		if !c.Touches(d.Name, ps[0].Service, ps[0].Team, ps[0].Unit) {
			continue
		}
		i := slices.IndexFunc(ps, func(p metric.Point) bool { return !p.Start.Before(c.At) })
		if i <= 0 {
			continue
		}
		begun[i] = c
		if !slices.Contains(splits, i) {
			splits = append(splits, i)
		}
	}
	return splits, begun
}

// weighRoots is weigh on the scale of square roots, on which counts spread alike
// at any level; 0 where it says nothing. Few counts lie far above their mean more
// often than the chart of the counts allows for.
func weighRoots(ps []metric.Point, splits []int, at int) float64 {
	roots := make([]float64, len(ps))
	for i, p := range ps {
		roots[i] = math.NaN()
		if Complete(p) {
			roots[i] = math.Sqrt(*p.Value) // NaN, a missing week, below 0
		}
	}
	c, err := stat.XmR(roots, stat.ChartOptions{Splits: splits})
	if err != nil || segmentOf(c, at).UseRare || math.IsNaN(c.Points[at].Z) {
		return 0
	}
	return weigh(c, at)
}

// rareShare reports whether a share hardly varies: p′ limits are no good for one
// that is the same in most neighbouring weeks, whatever its denominators.
func rareShare(ps []metric.Point, splits []int, at int) bool {
	x := make([]float64, len(ps))
	for i, p := range ps {
		x[i] = math.NaN()
		if Complete(p) {
			x[i] = *p.Value
		}
	}
	c, err := stat.XmR(x, stat.ChartOptions{Splits: splits})
	return err == nil && segmentOf(c, at).UseRare
}

// mostCases is up to how many cases of a week p′ limits are held against the exact
// chance; beyond, a share is as good as normal.
const mostCases = 10_000

// weighHits is the chance of as many hits among the week's cases, or more, or fewer,
// predicted from the baseline's with a uniform prior; 0 where the week itself broke
// no limit. One hit of five cases is far from a small share, and no news.
func (v Verdict) weighHits() float64 {
	outside := slices.ContainsFunc(v.Chart.Signals, func(s stat.Signal) bool { return s.Week == v.At && s.Rule == stat.Outside })
	if !outside {
		return 0
	}
	seg, a, b := v.segment(), 1.0, 1.0
	for i, left := seg.Start, seg.Baseline; left > 0; i++ {
		if p := v.Points[i]; Complete(p) {
			left--
			a, b = a+*p.Numerator, b+*p.Denominator-*p.Numerator
		}
	}
	hits, n := int(*v.Points[v.At].Numerator), int(*v.Points[v.At].Denominator)
	if n > mostCases {
		return 0
	}
	fewer, more := tails(hits, n, a, b)
	return min(1, 3*2*min(fewer, more))
}

// Complete reports whether a point may be judged and compared.
func Complete(p metric.Point) bool {
	return p.Value != nil && p.Quality != metric.Partial && p.Quality != metric.NoData
}

// draw makes the chart that fits the metric: of the logarithm for durations, p′
// for shares, of the values themselves for the rest. Weeks that are missing or
// partial break it.
func draw(d metric.Def, ps []metric.Point, splits []int) (*stat.Chart, error) {
	n := len(ps)
	x, num, den := make([]float64, n), make([]float64, n), make([]float64, n)
	positive, shares := true, d.Unit == metric.Ratio
	for i, p := range ps {
		x[i], num[i], den[i] = math.NaN(), math.NaN(), math.NaN()
		if !Complete(p) {
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
	o := stat.ChartOptions{Splits: splits}
	switch {
	case shares:
		return stat.PPrime(num, den, o)
	case d.Unit == metric.Milliseconds && positive:
		return stat.LogXmR(x, o)
	default:
		return stat.XmR(x, o)
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
	for since = at; since > segmentOf(c, at).Start && side[since-1]; {
		since--
	}
	return rules, since
}

// A Run is consecutive weeks that are news on the same side: a rule that goes on
// being met is no further news.
type Run struct {
	From stat.Signal
	To   int // last week
}

// Runs are those of the chart in the order of weeks.
func (v Verdict) Runs() []Run { return runs(v.Chart.Signals) }

func runs(signals []stat.Signal) []Run {
	var out []Run
	open := map[bool]int{} // by side, the run in out; absent before the first
	for _, s := range signals {
		if i, ok := open[s.High]; ok && s.Week <= out[i].To+1 {
			out[i].To = s.Week
			continue
		}
		open[s.High] = len(out)
		out = append(out, Run{s, s.Week})
	}
	return out
}

// weigh is the chance of a week at least as unusual as week at while nothing has
// changed: the smallest over the three rules, times three. The chances allow for
// limits that are themselves estimates from few weeks. With the normal chance of
// the distance alone, every page of 800 charts of pure noise had a false signal.
func weigh(c *stat.Chart, at int) float64 {
	seg := segmentOf(c, at)
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
	seg := segmentOf(c, at)
	side := func(i int) int { return cmp.Compare(c.Points[i].Value, c.Points[i].Center) }
	length := 0
	for i := at; i >= seg.Start && !math.IsNaN(c.Points[i].Value) && side(i) == side(at); i-- {
		length++
	}
	same, all := 1.0, 2.0
	for i, left := seg.Start, seg.Baseline; left > 0; i++ {
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

// MaxNews is how many signals a page tells.
const MaxNews = 10

// News are the signals to be told, what is new before what goes on, then by how
// little chance explains them.
func (p *Page) News() []Verdict {
	var out []Verdict
	for _, v := range p.verdicts {
		if v.told() {
			out = append(out, v)
		}
	}
	goesOn := func(v Verdict) int {
		if v.Since < v.At {
			return 1
		}
		return 0
	}
	slices.SortFunc(out, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(goesOn(a), goesOn(b)), cmp.Compare(a.P, b.P), a.Key.compare(b.Key))
	})
	return out[:min(len(out), MaxNews)]
}

// LastWeek is the last week that is over.
func LastWeek(now time.Time, loc *time.Location) metric.Window {
	running := metric.At(metric.Week, now, loc)
	return metric.At(metric.Week, running.Start.Add(-time.Millisecond), loc)
}
