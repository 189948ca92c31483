package pages

import (
	"context"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A course is what the process-behaviour chart of a weekly series says.
type course struct {
	Says string     // of the last complete week, and what the limits rest on
	News []weekNews // of the weeks shown, the latest first; nil without Limits, too

	Limits bool        // there are some
	begun  []time.Time // weeks with which news begins
}

// A weekNews is a week that a rule calls news while the week before it was none on
// that side, and the weeks in a row that go on from there.
type weekNews struct{ Period, Value, Rule string }

// judge judges the last complete week of a series.
func (p *pages) judge(ctx context.Context, s series) (behaviour.Verdict, error) {
	changes, err := points.Changes(ctx, p.Store, p.Now())
	if err != nil {
		return behaviour.Verdict{}, err
	}
	return behaviour.Of(s.def, s.all[:lastComplete(s.all)+1], changes)
}

// course tells the news of the weeks shown: those whose process is the last one's.
func (p *pages) course(s series, v behaviour.Verdict) course {
	c := course{Says: v.Says(s.def, p.Location)}
	if v.State != behaviour.Judged || v.Rare != nil {
		return c
	}
	c.Limits = true
	for _, r := range slices.Backward(runs(v.Chart.Signals)) {
		first, last := s.all[r.from.Week], s.all[r.to]
		c.begun = append(c.begun, first.Start)
		if r.to < len(s.all)-len(s.main) {
			continue
		}
		n := weekNews{p.label(first), s.def.Unit.Format(first.Value), r.from.Rule.String() + side(r.from)}
		if r.to > r.from.Week {
			n.Period += " to " + p.label(last)
			n.Value += " to " + s.def.Unit.Format(last.Value)
		}
		c.News = append(c.News, n)
	}
	return c
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
