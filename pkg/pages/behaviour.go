package pages

import (
	"fmt"
	"math"
	"slices"

	"github.com/payoff-metrics/payoff/pkg/chart"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A behaviour is what the process-behaviour chart of a weekly series says.
type behaviour struct {
	Limits  *chart.Limits // nil: there are none, and Basis says why
	Basis   string        // what the limits rest on
	Signals []weekNews    // of the weeks shown, the latest first
}

// A weekNews is a week that a rule calls news while the week before it was none on
// that side, and the weeks in a row that go on from there.
type weekNews struct{ Period, Value, Rule string }

// behaviour charts all complete weeks of a series; the limits are those of the
// last one. Scores have none: each looks back over further weeks than its own.
func (p *pages) behaviour(s series) (behaviour, error) {
	i := lastComplete(s.all)
	if i < 0 || s.def.Unit == metric.Score {
		return behaviour{Basis: "It has no process-behaviour limits."}, nil
	}
	c, err := behaviourChart(s.def, s.all)
	if err != nil {
		return behaviour{}, fmt.Errorf("charting %s: %w", s.def.Name, err)
	}
	seg, at := c.Segments[0], c.Points[i]
	switch {
	case seg.UseRare:
		return behaviour{Basis: "It varies too rarely for weekly limits: most neighbouring weeks are alike."}, nil
	case seg.Baseline == 0 || math.IsNaN(at.Upper):
		return behaviour{Basis: "Limits need 12 complete weeks."}, nil
	}
	b := behaviour{Limits: limits(s.def, at), Basis: fmt.Sprintf("The limits (%s) rest on the first %d complete weeks.", c.Kind, seg.Baseline)}
	if seg.Provisional {
		b.Basis += " They are provisional until there are 20."
	}
	for _, r := range slices.Backward(runs(c.Signals)) {
		first, last := s.all[r.from.Week], s.all[r.to]
		b.Limits.Signals = append(b.Limits.Signals, first.Start)
		if r.to < len(s.all)-len(s.main) {
			continue
		}
		n := weekNews{p.label(first), s.def.Unit.Format(first.Value), r.from.Rule.String() + side(r.from)}
		if r.to > r.from.Week {
			n.Period += " to " + p.label(last)
			n.Value += " to " + s.def.Unit.Format(last.Value)
		}
		b.Signals = append(b.Signals, n)
	}
	return b, nil
}

// A run is consecutive weeks that are news on the same side: a rule that goes on
// being met is no further news.
type run struct {
	from stat.Signal
	to   int // last week
}

// runs are those of signals in the order of weeks.
func runs(signals []stat.Signal) []run {
	var out []run
	open := map[bool]int{} // by side, the run in out; absent before the first
	for _, s := range signals {
		if i, ok := open[s.High]; ok && s.Week <= out[i].to+1 {
			out[i].to = s.Week
			continue
		}
		open[s.High] = len(out)
		out = append(out, run{s, s.Week})
	}
	return out
}

func side(s stat.Signal) string {
	if s.High {
		return ", above"
	}
	return ", below"
}

// limits are drawn no lower than 0 and, of a share, no higher than 1.
func limits(d metric.Def, at stat.ChartPoint) *chart.Limits {
	l := &chart.Limits{Center: at.Center, Low: math.Max(0, at.Lower), High: at.Upper}
	if d.Unit == metric.Ratio {
		l.High = math.Min(1, l.High)
	}
	return l
}

// behaviourChart is the chart that fits the metric: of the logarithm for durations,
// p′ for shares, of the values themselves for the rest. Weeks that are missing or
// partial break it.
func behaviourChart(d metric.Def, ps []metric.Point) (*stat.Chart, error) {
	x, hits, of := make([]float64, len(ps)), make([]float64, len(ps)), make([]float64, len(ps))
	positive, shares := true, d.Unit == metric.Ratio
	for i, pt := range ps {
		x[i], hits[i], of[i] = math.NaN(), math.NaN(), math.NaN()
		if !complete(pt) {
			continue
		}
		x[i] = *pt.Value
		positive = positive && x[i] > 0
		if pt.Numerator == nil || pt.Denominator == nil {
			shares = false
			continue
		}
		hits[i], of[i] = *pt.Numerator, *pt.Denominator
	}
	switch {
	case shares:
		return stat.PPrime(hits, of, stat.ChartOptions{})
	case d.Unit == metric.Milliseconds && positive:
		return stat.LogXmR(x, stat.ChartOptions{})
	default:
		return stat.XmR(x, stat.ChartOptions{})
	}
}
