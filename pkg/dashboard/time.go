package dashboard

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Time runs every query of the dashboards as a reader until the time is up, and
// each at least once: in turn, so that all are timed under the same conditions, by
// the next bucket and choice each round. It compares nothing, so that what is timed
// is what Grafana waits for.
func (c Checker) Time(ctx context.Context, boards []Dashboard, budget time.Duration) ([]Timing, error) {
	type timed struct {
		Timing
		asked
		views []View
	}
	var list []timed
	for _, d := range boards {
		views, err := c.views(ctx, d)
		if err != nil {
			return nil, err
		}
		for _, a := range queries(d) {
			list = append(list, timed{Timing{Dashboard: deref(d.Uid), Panel: a.where}, a, views})
		}
	}
	for began, round := c.Now(), 0; ; round++ {
		for i := range list {
			t, at := &list[i], c.Now()
			spent := at.Sub(began)
			if c.Progress != nil {
				c.Progress(int(min(spent, budget)/time.Second), int(budget/time.Second))
			}
			if round > 0 && spent >= budget {
				out := make([]Timing, len(list))
				for i := range list {
					out[i] = list[i].sum()
				}
				return out, nil
			}
			f, err := c.run(ctx, t.asked, t.views[round%len(t.views)])
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", t.Dashboard, t.Panel, err)
			}
			t.Rows, t.took = len(f.rows), append(t.took, c.Now().Sub(at))
		}
	}
}

// sum fills in what follows from how long each run took.
func (t Timing) sum() Timing {
	slices.Sort(t.took)
	t.Runs, t.P50, t.P95 = len(t.took), quantile(t.took, 0.50), quantile(t.took, 0.95)
	return t
}

// Slowest are the n queries that took longest at the 95th percentile.
func Slowest(list []Timing, n int) []Timing {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Timing) int { return int(b.P95 - a.P95) })
	return list[:min(n, len(list))]
}
