package compute

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// withOthers adds the coverage of the services that were not linked: it moves
// with the horizons of their sources.
func (c *Computer) withOthers(stored, linked []dora.Coverage, services []string, h horizons) []dora.Coverage {
	isLinked := make(map[string]bool, len(services))
	for _, s := range services {
		isLinked[s] = true
	}
	for _, v := range stored {
		if !isLinked[v.Service] {
			v.Until(h.of)
			linked = append(linked, v)
		}
	}
	for i := range linked {
		linked[i].Midnight = metric.At(metric.Day, linked[i].KnownTo, c.rules.Location).Start
	}
	return linked
}

// coverageDirt marks the time by which coverages grew or shrank. Metrics see a
// coverage's days, and whether it reaches a window's end, which is a midnight: a
// horizon that moves within a day changes no point. It returns the services that
// are known to another day than before.
func (c *Computer) coverageDirt(d diff[dora.Coverage], r dirt) []string {
	old := make(map[coverageKey]dora.Coverage)
	for _, v := range append(slices.Clone(d.old), d.drop...) {
		old[coverageTable.key(&v)] = v
	}
	mark := func(v dora.Coverage, fact string, from, to time.Time) {
		if from.Before(to) {
			r.add(fact, from, to)
			r.touch(v.Service)
		}
	}
	for _, v := range d.drop {
		mark(v, "service_coverage", v.First, v.KnownTo)
	}
	var moved []string
	for _, v := range d.put {
		o, ok := old[coverageTable.key(&v)]
		if !ok || o.Window != v.Window {
			mark(v, "service_coverage", v.First, v.KnownTo)
			moved = append(moved, v.Service)
			continue
		}
		mark(v, "service_coverage", earlier(o.First, v.First), later(o.First, v.First))
		for _, ends := range [][2]time.Time{{o.To, v.To}, {o.KnownTo, v.KnownTo}, {o.KnownTo.Add(-v.Window), v.KnownTo.Add(-v.Window)}} {
			if c.day(ends[0]) != c.day(ends[1]) || c.day(ends[0].Add(-time.Millisecond)) != c.day(ends[1].Add(-time.Millisecond)) {
				mark(v, "service_coverage", earlier(ends[0], ends[1]).Add(-time.Millisecond), later(ends[0], ends[1]))
			}
		}
		if c.day(o.KnownTo) != c.day(v.KnownTo) {
			mark(v, "merged_changes", earlier(o.KnownTo, v.KnownTo).Add(-24*time.Hour), later(o.KnownTo, v.KnownTo))
			moved = append(moved, v.Service)
		}
	}
	return moved
}

// day names a day of the organisation's calendar.
func (c *Computer) day(t time.Time) string { return t.In(c.rules.Location).Format(time.DateOnly) }

// waitingDirt marks the merges of what still waits in services that are known to
// another day than before: it waits longer now.
func (c *Computer) waitingDirt(ctx context.Context, services []string, r dirt) error {
	if len(services) == 0 {
		return nil
	}
	rows, err := c.store.Query(ctx, `
		SELECT DISTINCT toStartOfFifteenMinutes(merged_at) FROM payoff_private.waiting_changes FINAL WHERE service IN {services:Array(String)}`,
		store.Param("services", services))
	if err != nil {
		return fmt.Errorf("reading what waits: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var t time.Time
		if err := rows.Scan(&t); err != nil {
			return fmt.Errorf("reading what waits: %w", err)
		}
		r.instant("merged_changes", t)
	}
	return rows.Err()
}

// A firstMerges marks the time by which the first merges that are known of services
// moved: from there on, nothing waiting is 0. It writes nothing.
type firstMerges struct{ was, now map[string]time.Time }

func newFirstMerges(was written, linked dora.Linked) firstMerges {
	return firstMerges{firstMerge(was.shipped, was.waiting), firstMerge(linked.Shipped, linked.Waiting)}
}

func firstMerge(shipped []dora.Shipped, waiting []dora.Waiting) map[string]time.Time {
	out := make(map[string]time.Time)
	see := func(service, tier, actor string, t time.Time) {
		if first, ok := out[service]; tier == "production" && actor != string(events.Bot) && (!ok || t.Before(first)) {
			out[service] = t
		}
	}
	for i := range shipped {
		if s := &shipped[i]; !s.Baseline && !s.Merged.IsZero() {
			see(s.Service, s.Tier, s.ActorKind, s.Merged)
		}
	}
	for i := range waiting {
		see(waiting[i].Service, waiting[i].Tier, waiting[i].ActorKind, waiting[i].Merged)
	}
	return out
}

func (f firstMerges) mark(d dirt) {
	for _, side := range [][2]map[string]time.Time{{f.was, f.now}, {f.now, f.was}} {
		for service, t := range side[0] {
			other, ok := side[1][service]
			if !ok {
				other = d.now
			}
			d.add("merged_changes", t, other) // nothing if t is the later one
		}
	}
}

func (f firstMerges) write(context.Context, *Computer, uint64) error { return nil }
func (f firstMerges) size() int                                      { return 0 }
