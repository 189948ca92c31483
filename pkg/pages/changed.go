package pages

import (
	"context"
	"fmt"
	"slices"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
)

// changed is what is news of the last week that is over, of the whole and its
// units, judged as the weekly review judges. The review looks at teams and services,
// too.
type changed struct {
	Week, Href string    // Href is that of its review; may be empty
	Days       string    // "9 to 15 November 2026"
	Judgement  string    // what was looked at, and what chance gives
	New, Older []newsRow // that began in the week, and before
}

type newsRow struct {
	Title, Href, Subject, SubjectHref, Value, Evidence, Says, Better string
	Beside                                                           []behaviour.Beside
}

// changed reads and judges the weekly points; again only when something is new.
func (p *pages) changed(ctx context.Context) (*changed, error) {
	week := behaviour.LastWeek(p.Now(), p.Location)
	return remember(ctx, p, &p.news, week.String(), func() (*changed, error) {
		ps, err := p.weekly(ctx, week)
		if err != nil {
			return nil, err
		}
		changes, err := points.Changes(ctx, p.Store, p.Now())
		if err != nil {
			return nil, err
		}
		judged, err := behaviour.Judge(behaviour.Input{Week: week, Location: p.Location, AsOf: p.Now(), Metrics: p.Metrics, Points: ps, Changes: changes})
		if err != nil {
			return nil, fmt.Errorf("judging %s: %w", week.Label(p.Location), err)
		}
		return p.changedIn(week, judged), nil
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

func (p *pages) changedIn(week metric.Window, judged *behaviour.Page) *changed {
	c := &changed{Week: week.Label(p.Location), Days: week.Days(p.Location), Judgement: judged.Judgement()}
	if p.Reviews != nil {
		c.Href = "/review/" + c.Week
	}
	for _, v := range judged.News() {
		d, pt := p.defs[v.Metric], v.Points[v.At]
		row := newsRow{Title: d.Title, Href: metricHref(d.Name, metric.Week), Subject: v.Of.Whom(), Value: d.Unit.Format(pt.Value), Evidence: behaviour.Evidence(d, pt),
			Says: judged.Says(d, pt, v), Better: behaviour.Better(d, v.Rules[0]), Beside: judged.Guardrails(d, v.Of, pt)}
		if v.Of.Unit != "" {
			row.SubjectHref = subject{Unit: v.Of.Unit}.href(metric.Week)
		}
		if v.Since < v.At {
			c.Older = append(c.Older, row)
			continue
		}
		c.New = append(c.New, row)
	}
	return c
}
