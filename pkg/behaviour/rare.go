package behaviour

import (
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A Rare is a g chart: of the weeks without an event between weeks with one. It
// takes the place of limits about a value that is 0 in most weeks. A week with
// several events is one.
type Rare struct {
	Chart    *stat.Chart // one value for each week with an event after the first
	Events   int         // weeks with one, of the process
	Gap      int         // weeks without, before this one or until now
	Running  bool        // there was none this week: the gap goes on, and is the last value
	baseline int         // gaps that the limit rests on
	without  int         // weeks in them
}

// runLength is how many gaps in a row make a run.
const runLength = 8

// judgeRare judges the week by the gaps between events.
func (v *Verdict) judgeRare() {
	v.State = Still
	seg := v.segment()
	gaps, with, zeros, known := []float64{}, 0, 0, 0
	gap := math.NaN() // since when is unknown before the first
	for _, p := range v.Points[seg.Start : v.At+1] {
		switch {
		case !Complete(p):
			gap = math.NaN() // nobody knows whether there was one
			continue
		case *p.Value == 0:
			gap++
			zeros++
		default:
			if with++; with > 1 {
				gaps = append(gaps, gap)
			}
			gap = 0
		}
		known++
	}
	if 2*zeros <= known {
		return // what it hardly ever leaves is not 0
	}
	r := &Rare{Events: with, Running: *v.Points[v.At].Value == 0}
	v.State, v.Rare, v.Since = Young, r, v.At
	var o stat.ChartOptions
	if r.Running {
		o.Exclude = []int{len(gaps)}
		gaps = append(gaps, gap)
	}
	last := len(gaps) - 1
	if last < 0 || math.IsNaN(gaps[last]) {
		return
	}
	r.Gap = int(gaps[last])
	c, err := stat.GChart(gaps, o)
	if err != nil || c.Segments[0].Baseline == 0 {
		return
	}
	v.State, r.Chart = Judged, c
	for i, g := range gaps {
		if r.baseline < c.Segments[0].Baseline && !math.IsNaN(g) && (!r.Running || i < last) {
			r.baseline++
			r.without += int(g)
		}
	}
	v.P = r.chance(len(c.Points))
	for _, s := range c.Signals {
		// More weeks without are fewer events: the other side.
		if s.Week == last && (s.Rule == stat.Outside || s.Rule == stat.RunOfEight && !r.Running) {
			v.Rules = append(v.Rules, stat.Signal{Week: v.At, Rule: s.Rule, High: !s.High})
		}
	}
	if upper := c.Points[last].Upper; r.Running && float64(r.Gap) > upper {
		v.Since = v.At - (r.Gap - int(math.Floor(upper)) - 1)
	}
}

// chance is that of a gap as long as the last, or of as many events in as many
// weeks as the last eight gaps took or more, or fewer, while nothing has changed:
// the smallest of the three, times three. It is predicted from the baseline with a
// uniform prior of how likely a week has an event.
func (r *Rare) chance(n int) float64 {
	a, b := 1+float64(r.baseline), 1+float64(r.without)
	p := math.Exp(mathext.Lbeta(a, b+float64(r.Gap)) - mathext.Lbeta(a, b))
	if n >= runLength && !r.Running {
		weeks := runLength
		for _, g := range r.Chart.Points[n-runLength:] {
			if math.IsNaN(g.Value) {
				return min(1, 3*p)
			}
			weeks += int(g.Value)
		}
		fewer, more := tails(runLength, weeks, a, b)
		p = min(p, fewer, more)
	}
	return min(1, 3*p)
}

// tails are the chances of hits or fewer of n, and of hits or more, where each has
// a chance drawn from Beta(a, b).
func tails(hits, n int, a, b float64) (fewer, more float64) {
	at := betaBinomial(hits, n, a, b)
	for k := range hits {
		fewer += betaBinomial(k, n, a, b)
	}
	return min(1, fewer+at), min(1, max(0, 1-fewer))
}

// betaBinomial is the chance of k of n, where each has a chance drawn from
// Beta(a, b).
func betaBinomial(k, n int, a, b float64) float64 {
	x, m := float64(k), float64(n)
	return math.Exp(-math.Log(m+1) - mathext.Lbeta(m-x+1, x+1) + mathext.Lbeta(x+a, m-x+b) - mathext.Lbeta(a, b))
}
