package compute

import (
	"cmp"
	"context"
	"fmt"
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
	var dirty map[string][]stretch
	if !fresh {
		var err error
		if dirty, err = c.dirty(ctx, done); err != nil || len(dirty) == 0 {
			return 0, err
		}
	}
	before, err := c.countPoints(ctx)
	if err != nil {
		return 0, err
	}
	all, err := c.everything(ctx)
	if err != nil || all.from.IsZero() {
		return 0, err
	}
	todo, span := c.todo(all, dirty, fresh)
	if len(todo) == 0 {
		return 0, nil
	}
	published, err := c.publishedMetrics(ctx)
	if err != nil {
		return 0, err
	}
	run := rand.Uint64()
	if err := c.timed("what is not shown", func() error { return c.suppress(ctx, run, span) }); err != nil {
		return 0, err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, p := range todo {
		p.generation, p.run, p.first, p.at = generation, run, !published[versioned{p.def.Name, uint16(p.def.Version)}], c.now()
		publish := c.appendPoints
		if p.def.Fold != nil {
			publish = c.foldPoints
		}
		group.Go(func() error {
			return c.timed(p.def.Name, func() error { return publish(groupCtx, p) })
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	if err := c.store.Exec(ctx, fmt.Sprintf("ALTER TABLE payoff_private.suppressed DROP PARTITION %d", run)); err != nil {
		return 0, fmt.Errorf("dropping what was not shown: %w", err)
	}
	after, err := c.countPoints(ctx)
	return after - before, err
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
		out = append(out, publication{def: d, over: c.over(d.Grains, touched)})
	}
	// What looks furthest back takes longest: it begins first.
	slices.SortStableFunc(out, func(a, b publication) int { return cmp.Compare(b.def.Trailing, a.def.Trailing) })
	return out, span
}

// suppress finds what is not shown in any window of a span of time. That it is
// found of more windows than are computed does no harm.
func (c *Computer) suppress(ctx context.Context, run uint64, span stretch) error {
	err := c.store.Exec(ctx, `
		INSERT INTO payoff_private.suppressed (run, grain, window_start, service, team)
		SELECT {run:UInt64}, grain, window_start, service, team FROM (`+metric.Suppressed(c.over(metric.Grains, []stretch{span}))+`)`,
		store.Param("run", run))
	if err != nil {
		return fmt.Errorf("finding what is not shown: %w", err)
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
	generation uint64
	run        uint64 // names what is not shown in the windows
	first      bool   // nothing of the metric is published yet
	at         time.Time
}

// versioned names a metric by its definition.
type versioned struct {
	metric  string
	version uint16
}

// publishedMetrics lists the metrics that have points.
func (c *Computer) publishedMetrics(ctx context.Context) (map[versioned]bool, error) {
	out := make(map[versioned]bool)
	err := c.each(ctx, "which metrics have points", `SELECT DISTINCT toString(metric), version FROM payoff.metric_point_log`, func(rows store.Rows) error {
		var v versioned
		err := rows.Scan(&v.metric, &v.version)
		out[v] = true
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
func (c *Computer) over(grains []metric.Grain, dirty []stretch) metric.Over {
	for len(dirty) > maxStretches {
		var joined []stretch
		for i := 0; i < len(dirty); i += 2 {
			joined = append(joined, stretch{dirty[i].from, dirty[min(i+1, len(dirty)-1)].to})
		}
		dirty = joined
	}
	o := metric.Over{Grains: grains}
	var parts []string
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
		}
	}
	o.Where = "(" + strings.Join(parts, " OR ") + ")"
	return o
}

const pointColumns = `metric, version, grain, window_start, window_end, service, team, unit, dims, value, numerator, denominator, n, ci_low, ci_high, quality, generation, computed_at`

// appendPoints computes one metric over windows and appends what differs from the
// published points of those windows. A point whose facts are gone is published as
// null, never left standing and never 0.
func (c *Computer) appendPoints(ctx context.Context, p publication) error {
	d := p.def
	sql := `
		SELECT {metric:String}, {version:UInt16}, if(c.here, c.grain, o.grain),
			if(c.here, c.window_start, o.window_start), if(c.here, c.window_end, o.window_end), if(c.here, c.service, o.service), if(c.here, c.team, o.team),
			if(c.here, c.unit, o.unit), if(c.here, c.dims, o.dims), c.value, c.numerator, c.denominator, c.n, c.ci_low, c.ci_high,
			if(c.here, c.quality, 'no_data'), {generation:UInt64}, {now:DateTime64(6)}
		FROM (SELECT *, true AS here FROM (` + d.Batch(p.over) + `)) AS c
		FULL OUTER JOIN
		(
			SELECT *, true AS here FROM payoff.metric_points
			WHERE metric = {metric:String} AND version = {version:UInt16} AND ` + p.over.Where + `
		) AS o
		ON c.grain = o.grain AND c.window_start = o.window_start AND c.service = o.service AND c.team = o.team AND c.unit = o.unit AND c.dims = o.dims
		WHERE NOT (c.here AND o.here AND c.value <=> o.value AND c.numerator <=> o.numerator AND c.denominator <=> o.denominator AND c.n = o.n
				AND c.ci_low <=> o.ci_low AND c.ci_high <=> o.ci_high AND c.quality = o.quality AND c.window_end = o.window_end)
			AND NOT (NOT c.here AND o.quality = 'no_data')
		SETTINGS join_use_nulls = 0, max_query_size = 4194304`
	if p.first { // there is nothing to differ from
		sql = `
		SELECT {metric:String}, {version:UInt16}, grain, window_start, window_end, service, team, unit, dims, value, numerator, denominator, n, ci_low, ci_high,
			quality, {generation:UInt64}, {now:DateTime64(6)}
		FROM (` + d.Batch(p.over) + `)
		SETTINGS max_query_size = 4194304`
	}
	err := c.store.Exec(ctx, "INSERT INTO payoff.metric_point_log ("+pointColumns+")"+sql,
		store.Param("metric", d.Name), store.Param("version", uint16(d.Version)),
		store.Param("generation", p.generation), store.Param("run", p.run), store.Micros("now", p.at))
	if err != nil {
		return fmt.Errorf("computing %s: %w", d.Name, err)
	}
	return nil
}
