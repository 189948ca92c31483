package compute

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// prepareCalendar fills the calendar for the organisation's time zone, unless it
// is filled for it already.
func (c *Computer) prepareCalendar(ctx context.Context) error {
	zone := c.rules.Location.String()
	var have string
	var windows uint64
	err := c.store.Conn().QueryRow(ctx, `
		SELECT ifNull((SELECT max(value) FROM payoff.organisation FINAL WHERE key = 'timezone'), ''), (SELECT count() FROM payoff.calendar)`).Scan(&have, &windows)
	if err != nil {
		return fmt.Errorf("reading the organisation's time zone: %w", err)
	}
	all := calendar(c.rules)
	if have == zone && windows == uint64(len(all)) {
		return nil
	}
	if err := c.store.Exec(ctx, `TRUNCATE TABLE payoff.calendar`); err != nil {
		return fmt.Errorf("emptying the calendar: %w", err)
	}
	err = c.store.Insert(ctx, "payoff.calendar", []string{"grain", "window_start", "window_end", "label"}, len(all), func(i int) []any {
		w := all[i]
		return []any{string(w.Grain), w.Start, w.End, w.Label(c.rules.Location)}
	})
	if err != nil {
		return fmt.Errorf("filling the calendar: %w", err)
	}
	err = c.store.Insert(ctx, "payoff.organisation", []string{"key", "value", "set_at"}, 1, func(int) []any {
		return []any{"timezone", zone, c.now()}
	})
	if err != nil {
		return fmt.Errorf("writing the organisation's time zone: %w", err)
	}
	return nil
}

// calendars are kept by time zone, for making one takes longer than a small run.
var calendars sync.Map

func calendar(r Rules) []metric.Window {
	zone := r.Location.String()
	if known, ok := calendars.Load(zone); ok {
		return known.([]metric.Window)
	}
	var all []metric.Window
	for _, g := range metric.Grains {
		all = append(all, metric.Between(g, at(firstYear), at(lastYear), r.Location)...)
	}
	calendars.Store(zone, all)
	return all
}

// between are the calendar's windows of a grain that begin in a stretch of time.
func between(r Rules, g metric.Grain, s stretch) []metric.Window {
	all := calendar(r)
	first := func(from time.Time) int {
		i, _ := slices.BinarySearchFunc(all, metric.Window{Grain: g, Start: from}, func(a, b metric.Window) int {
			return cmp.Or(cmp.Compare(slices.Index(metric.Grains, a.Grain), slices.Index(metric.Grains, b.Grain)), a.Start.Compare(b.Start))
		})
		return i
	}
	return all[first(s.from):first(s.to)]
}
