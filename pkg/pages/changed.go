package pages

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/review"
)

// changed is what is news of the last week that is over, of the whole and its
// units, judged as the weekly review judges. The review looks at teams and services,
// too.
type changed struct {
	Week, Href string // Href is that of its review; may be empty
	Judgement  string // what was looked at, and what chance gives
	News       []newsRow
}

type newsRow struct {
	Title, Href, Subject, SubjectHref, Value, Evidence, Says, Better string
	Beside                                                           []review.Beside
}

// changed reads and judges the weekly points; again only when something is new.
func (p *pages) changed(ctx context.Context) (*changed, error) {
	week := review.Desk{Location: p.Location, Now: p.Now}.LastWeek()
	return remember(ctx, p, &p.news, week.String(), func() (*changed, error) {
		ps, err := p.weekly(ctx, week)
		if err != nil {
			return nil, err
		}
		r, err := review.Build(review.Input{Week: week, Location: p.Location, Organisation: p.Organisation, AsOf: p.Now(), Metrics: p.Metrics, Points: ps})
		if err != nil {
			return nil, fmt.Errorf("judging %s: %w", week.Label(p.Location), err)
		}
		return p.changedIn(week, r), nil
	})
}

// weekly are the weekly points of the whole and of its units, from the first there
// are, as the baselines of charts are the first weeks.
func (p *pages) weekly(ctx context.Context, week metric.Window) ([]metric.Point, error) {
	if len(p.Metrics) == 0 {
		return nil, nil
	}
	ask := points.Ask{Metric: p.Metrics[0], More: p.Metrics[1:], Grain: metric.Week, To: week.End, Main: true}
	ps, err := points.Read(ctx, p.Store, ask)
	if err != nil {
		return nil, err
	}
	teams, err := p.organisation(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range teams {
		if t.Unit != "" && !slices.Contains(ask.Units, t.Unit) {
			ask.Units = append(ask.Units, t.Unit)
		}
	}
	if len(ask.Units) == 0 {
		return ps, nil
	}
	ofUnits, err := points.Read(ctx, p.Store, ask)
	return append(ps, ofUnits...), err
}

func (p *pages) changedIn(week metric.Window, r review.Review) *changed {
	c := &changed{Week: week.Label(p.Location), Judgement: r.Judgement}
	if p.Reviews != nil {
		c.Href = "/review/" + c.Week
	}
	for _, s := range r.Signals {
		row := newsRow{Title: s.Title, Href: metricHref(s.Name, metric.Week), Subject: s.Subject, Value: s.Value, Evidence: s.Evidence, Says: s.Says, Better: s.Better, Beside: s.Beside}
		if unit, ok := strings.CutPrefix(s.Subject, "unit "); ok {
			row.SubjectHref = subject{Unit: unit}.href(metric.Week)
		}
		c.News = append(c.News, row)
	}
	return c
}
