package compute

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// points computes the points of every dirty window and appends those that differ
// from what is published. It returns how many it appended.
func (c *Computer) points(ctx context.Context, done, generation uint64, fresh bool) (uint64, error) {
	var all stretch
	var dirty map[string][]stretch
	var err error
	if fresh {
		all, err = c.everything(ctx)
	} else {
		dirty, err = c.dirty(ctx, done)
	}
	if err != nil || all.from.IsZero() && len(dirty) == 0 {
		return 0, err
	}
	todo, span := c.todo(all, dirty, fresh)
	if len(todo) == 0 {
		return 0, nil
	}
	run := rand.Uint64()
	many := slices.ContainsFunc(todo, func(p publication) bool { return len(p.windows) > fewWindows })
	var published map[string]uint64
	var related kin
	var hidden unshown
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return c.timed("what is not shown", func() (err error) { hidden, err = c.suppress(groupCtx, run, span, many); return err })
	})
	group.Go(func() (err error) { related, err = c.kin(groupCtx, done, dirty); return err })
	group.Go(func() (err error) { published, err = c.publishedMetrics(groupCtx); return err })
	group.Go(func() error { return c.writePieces(groupCtx, run, todo) })
	if err := group.Wait(); err != nil {
		return 0, err
	}
	for i := range todo {
		p := &todo[i]
		p.generation, p.run, p.hidden, p.first, p.at = generation, run, hidden, published[p.def.Name] == 0, c.now()
		if p.here() {
			p.kin = related
		}
		if p.here() && p.ofKin() {
			p.over.Services = related.services
		}
	}
	todo, err = c.withFacts(ctx, todo)
	if err != nil {
		return 0, err
	}
	inStore := slices.ContainsFunc(todo, func(p publication) bool { return !p.here() })
	if inStore && !many {
		if err := c.writeUnshown(ctx, run, hidden); err != nil {
			return 0, err
		}
	}
	if err := c.publish(ctx, todo); err != nil {
		return 0, err
	}
	var after uint64
	group, groupCtx = errgroup.WithContext(ctx)
	used := []string{"payoff_private.window_pieces"}
	if inStore || many {
		used = append(used, "payoff_private.suppressed")
	}
	for _, table := range used {
		group.Go(func() error {
			if err := c.store.Exec(groupCtx, fmt.Sprintf("ALTER TABLE %s DROP PARTITION %d", table, run)); err != nil {
				return fmt.Errorf("dropping what a run of computing kept in %s: %w", table, err)
			}
			return nil
		})
	}
	group.Go(func() (err error) { after, err = c.countPoints(groupCtx); return err })
	err = group.Wait()
	for _, before := range published {
		after -= before
	}
	return after, err
}

// todo lists the metrics to compute with their windows, and the time that all of
// these lie in.
func (c *Computer) todo(all stretch, dirty map[string][]stretch, fresh bool) ([]publication, stretch) {
	var out []publication
	var span stretch
	for _, d := range c.metrics {
		touched := []stretch{all}
		if !fresh {
			touched = reach(d, dirty)
		}
		if len(touched) == 0 {
			continue
		}
		if len(out) == 0 {
			span = touched[0]
		}
		span = stretch{earlier(span.from, touched[0].from), later(span.to, touched[len(touched)-1].to)}
		over, windows := c.over(d.Grains, touched)
		out = append(out, publication{def: d, over: over, windows: windows})
	}
	// What looks furthest back takes longest: it begins first.
	slices.SortStableFunc(out, func(a, b publication) int { return cmp.Compare(b.def.Trailing, a.def.Trailing) })
	return out, span
}

// withFacts leaves out the metrics of which nothing is published and that have no facts
// to be told of: for those that a company has no source for, a statement would be
// analysed and find nothing.
func (c *Computer) withFacts(ctx context.Context, todo []publication) ([]publication, error) {
	var tables []string
	for _, p := range todo {
		if p.first && p.def.OfFacts {
			tables = append(tables, p.def.Facts[0])
		}
	}
	if len(tables) == 0 {
		return todo, nil
	}
	var asks []string
	for _, table := range sorted(tables) {
		asks = append(asks, fmt.Sprintf("(SELECT '%[1]s' AS name FROM payoff_private.%[1]s LIMIT 1)", table))
	}
	var filled []string
	err := c.store.Conn().QueryRow(ctx, "SELECT groupArray(name) FROM ("+strings.Join(asks, " UNION ALL ")+")").Scan(&filled)
	if err != nil {
		return nil, fmt.Errorf("asking which facts there are: %w", err)
	}
	return slices.DeleteFunc(todo, func(p publication) bool {
		return p.first && p.def.OfFacts && !slices.Contains(filled, p.def.Facts[0])
	}), nil
}

// unshown are services in windows in which they are not shown by themselves: keys of
// points of theirs, without dims.
type unshown map[pointKey]struct{}

func (u unshown) names(p point) bool {
	_, ok := u[pointKey{grain: p.grain, start: p.start.UnixMilli(), service: p.service}]
	return ok
}

// suppress finds what is not shown in any window of a span of time. That it is found
// of more windows than are computed does no harm. Of many windows it is kept in the
// store, too: what is computed there is compared there.
func (c *Computer) suppress(ctx context.Context, run uint64, span stretch, many bool) (unshown, error) {
	over, _ := c.over(metric.Grains, []stretch{span})
	ask := metric.Suppressed(over)
	if many {
		err := c.store.Exec(ctx, `
			INSERT INTO payoff_private.suppressed (run, grain, window_start, service)
			SELECT {run:UInt64}, grain, window_start, service FROM (`+ask+`)
			SETTINGS `+notCompiled,
			store.Param("run", run))
		if err != nil {
			return nil, fmt.Errorf("finding what is not shown: %w", err)
		}
		ask = `SELECT grain, window_start, toString(service) FROM payoff_private.suppressed WHERE run = {run:UInt64}`
	}
	out := make(unshown)
	err := c.each(ctx, "what is not shown", ask+" SETTINGS "+notCompiled, func(rows store.Rows) error {
		var k pointKey
		var start time.Time
		if err := rows.Scan(&k.grain, &start, &k.service); err != nil {
			return err
		}
		k.start = start.UnixMilli()
		out[k] = struct{}{}
		return nil
	}, store.Param("run", run))
	return out, err
}

// writeUnshown keeps it in the store where that was not foreseen: of a metric of which
// nothing is published yet few windows are computed there as well.
func (c *Computer) writeUnshown(ctx context.Context, run uint64, u unshown) error {
	keys := slices.Collect(maps.Keys(u))
	err := c.store.Insert(ctx, "payoff_private.suppressed", []string{"run", "grain", "window_start", "service"}, len(keys), func(i int) []any {
		return []any{run, keys[i].grain, time.UnixMilli(keys[i].start).UTC(), keys[i].service}
	})
	if err != nil {
		return fmt.Errorf("writing what is not shown: %w", err)
	}
	return nil
}

// writePieces stores the pieces of the windows to compute, once for metrics that are
// computed over the same windows, and names them to each.
func (c *Computer) writePieces(ctx context.Context, run uint64, todo []publication) error {
	type row struct {
		asked uint16
		metric.Piece
	}
	var rows []row
	known := make(map[string]uint16)
	for i := range todo {
		o := &todo[i].over
		asked, ok := known[o.Where]
		if !ok {
			asked = uint16(len(known))
			known[o.Where] = asked
			for _, p := range metric.Pieces(o.Grains, todo[i].windows) {
				rows = append(rows, row{asked, p})
			}
		}
		o.Asked = asked
	}
	err := c.store.Insert(ctx, "payoff_private.window_pieces", []string{"run", "asked", "piece", "number", "window_start", "window_end"}, len(rows), func(i int) []any {
		r := rows[i]
		return []any{run, r.asked, r.From, r.Number, r.Window.Start, r.Window.End}
	})
	if err != nil {
		return fmt.Errorf("writing the windows to compute: %w", err)
	}
	return nil
}

// atOnce is how many statements that write are run at once: one reads with all cores
// and writes with one.
const atOnce = 2

// A publication is one metric's points to be computed and published.
type publication struct {
	def        metric.Def
	over       metric.Over
	windows    []metric.Window // that over names
	generation uint64
	run        uint64  // names the pieces of the windows, and in the store what is not shown in them
	hidden     unshown // the same, for what is compared here
	kin        kin     // whose points may differ, beside those of the whole; of none: all
	first      bool    // nothing of the metric is published yet
	at         time.Time
}

// publishedMetrics says how many points there are of each metric that has any.
func (c *Computer) publishedMetrics(ctx context.Context) (map[string]uint64, error) {
	out := make(map[string]uint64)
	err := c.each(ctx, "which metrics have points", `SELECT toString(metric), count() FROM payoff.metric_point_log GROUP BY metric`, func(rows store.Rows) error {
		var name string
		var n uint64
		err := rows.Scan(&name, &n)
		out[name] = n
		return err
	})
	return out, err
}

// everything is the time in which there are facts or points: the calendar is much
// longer, and windows without either have no points. It is zero if there are none.
func (c *Computer) everything(ctx context.Context) (stretch, error) {
	var s stretch
	from, to := into(&s.from), into(&s.to)
	err := c.store.Conn().QueryRow(ctx, `
		SELECT min(t), max(t) + INTERVAL 1 YEAR FROM
		(
			SELECT arrayJoin([min(first_at), max(known_to)]) AS t FROM payoff_private.service_coverage HAVING count() > 0
			UNION ALL SELECT arrayJoin([min(began_at), max(created_at)]) FROM payoff_private.incidents HAVING count() > 0
			UNION ALL SELECT min(merged_at) FROM payoff_private.waiting_changes HAVING count() > 0
			UNION ALL SELECT min(merged_at) FROM payoff_private.shipped_changes HAVING count(merged_at) > 0
			UNION ALL SELECT arrayJoin([min(window_start), max(window_end)]) FROM payoff.metric_point_log HAVING count() > 0
		)`).Scan(&from.from, &to.from)
	if err != nil {
		return s, fmt.Errorf("finding the time there are facts of: %w", err)
	}
	put(from, to)
	return s, nil
}

// reach is the time whose windows the changed facts of a metric count in.
func reach(d metric.Def, dirty map[string][]stretch) []stretch {
	var all []stretch
	for _, fact := range slices.Concat(d.Facts, metric.SuppressedBy) {
		for _, s := range dirty[fact] {
			all = append(all, stretch{s.from, s.to.Add(d.Trailing)})
		}
	}
	return merge(all)
}

func (c *Computer) countPoints(ctx context.Context) (uint64, error) {
	var n uint64
	if err := c.store.Conn().QueryRow(ctx, `SELECT count() FROM payoff.metric_point_log`).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting points: %w", err)
	}
	return n, nil
}

// maxStretches bounds the condition's length; beyond it stretches are joined with
// the gaps between them, which costs work but never a wrong point.
const maxStretches = 500

// over are the calendar's windows of some grains that share an instant with any of the
// stretches, which are in order and apart. The condition names windows by their
// starts, which points are found by.
func (c *Computer) over(grains []metric.Grain, dirty []stretch) (metric.Over, []metric.Window) {
	for len(dirty) > maxStretches {
		var joined []stretch
		for i := 0; i < len(dirty); i += 2 {
			joined = append(joined, stretch{dirty[i].from, dirty[min(i+1, len(dirty)-1)].to})
		}
		dirty = joined
	}
	o := metric.Over{Grains: grains, Zone: c.rules.Location.String()}
	var parts []string
	var windows []metric.Window
	for _, g := range grains {
		var held []stretch // from the first window's start to the last one's end
		for _, s := range dirty {
			held = append(held, stretch{metric.At(g, s.from, c.rules.Location).Start, metric.At(g, s.to.Add(-time.Millisecond), c.rules.Location).End})
		}
		for _, s := range merge(held) {
			if len(parts) == 0 {
				o.From, o.To = s.from, s.to
			}
			o.From, o.To = earlier(o.From, s.from), later(o.To, s.to)
			parts = append(parts, fmt.Sprintf("grain = '%s' AND window_start >= fromUnixTimestamp64Milli(%d, 'UTC') AND window_start < fromUnixTimestamp64Milli(%d, 'UTC')",
				g, s.from.UnixMilli(), s.to.UnixMilli()))
			windows = append(windows, between(c.rules, g, s)...)
		}
	}
	o.Where = "(" + strings.Join(parts, " OR ") + ")"
	return o, windows
}
