package pages

import (
	"context"
	"slices"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A course is what the process-behaviour chart of a weekly series says.
type course struct {
	Says string     // of the last complete week, and what the limits rest on
	News []weekNews // of the weeks shown, the latest first; nil without Limits, too

	Limits bool // there are some
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
	for _, r := range slices.Backward(v.Runs()) {
		first, last := s.all[r.From.Week], s.all[r.To]
		if r.To < len(s.all)-len(s.main) {
			continue
		}
		n := weekNews{p.label(first), s.def.Unit.Format(first.Value), r.From.Rule.String() + side(r.From)}
		if r.To > r.From.Week {
			n.Period += " to " + p.label(last)
			n.Value += " to " + s.def.Unit.Format(last.Value)
		}
		c.News = append(c.News, n)
	}
	return c
}

func side(s stat.Signal) string {
	if s.High {
		return ", above"
	}
	return ", below"
}
