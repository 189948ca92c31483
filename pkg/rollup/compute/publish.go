package compute

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// A point is one number of a metric, as the store keeps it.
type point struct {
	metric, grain                            string
	start, end                               time.Time
	service, team, unit, dims                string
	value, numerator, denominator, low, high *float64
	n                                        uint64
	quality                                  string
}

// A pointKey names a point of one metric.
type pointKey struct {
	grain                     string
	start                     int64 // milliseconds
	service, team, unit, dims string
}

func (p *point) key() pointKey {
	return pointKey{p.grain, p.start.UnixMilli(), p.service, p.team, p.unit, p.dims}
}

func (p *point) same(q *point) bool {
	equal := func(a, b *float64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }
	return p.end.Equal(q.end) && equal(p.value, q.value) && equal(p.numerator, q.numerator) && equal(p.denominator, q.denominator) &&
		equal(p.low, q.low) && equal(p.high, q.high) && p.n == q.n && p.quality == q.quality
}

var pointFields = []store.Field[point]{
	store.Text("metric", func(p *point) *string { return &p.metric }),
	store.Text("grain", func(p *point) *string { return &p.grain }),
	store.Time("window_start", func(p *point) *time.Time { return &p.start }),
	store.Time("window_end", func(p *point) *time.Time { return &p.end }),
	store.Text("service", func(p *point) *string { return &p.service }),
	store.Text("team", func(p *point) *string { return &p.team }),
	store.Text("unit", func(p *point) *string { return &p.unit }),
	store.Text("dims", func(p *point) *string { return &p.dims }),
	store.FloatOrNull("value", func(p *point) **float64 { return &p.value }),
	store.FloatOrNull("numerator", func(p *point) **float64 { return &p.numerator }),
	store.FloatOrNull("denominator", func(p *point) **float64 { return &p.denominator }),
	store.Total("n", func(p *point) *uint64 { return &p.n }),
	store.FloatOrNull("ci_low", func(p *point) **float64 { return &p.low }),
	store.FloatOrNull("ci_high", func(p *point) **float64 { return &p.high }),
	store.Text("quality", func(p *point) *string { return &p.quality }),
}

const pointColumns = `metric, version, grain, window_start, window_end, service, team, unit, dims, value, numerator, denominator, n, ci_low, ci_high, quality, generation, computed_at`

// fewWindows is up to how many windows of a metric are compared here, where a row costs
// a microsecond and the statement nothing. In the store a row costs a fifth of that,
// but a statement that joins what is computed with what is published takes longer to
// be analysed than a late event's points to be computed.
const fewWindows = 64

func (p publication) here() bool {
	return p.def.Fold != nil || !p.first && len(p.windows) <= fewWindows
}

// ofKin reports whether the metric may be computed of the kin alone.
func (p publication) ofKin() bool { return p.def.Fold == nil && p.def.OfServices() }

// concerned is the condition on points that they may differ: those of the kin, and those
// that are told of more than services where the metric has such.
func (p publication) concerned() string {
	switch {
	case len(p.kin.services) == 0:
		return "true"
	case !p.ofKin():
		return "(service = '' OR service IN " + metric.Literals(p.kin.services) + ")"
	case len(p.kin.units) == 0:
		return "service IN " + metric.Literals(p.kin.services)
	}
	return "(service IN " + metric.Literals(p.kin.services) + " OR unit IN " + metric.Literals(p.kin.units) + ")"
}

// notCompiled keeps the engine from compiling expressions to machine code, which it does
// when it meets one for the third time: it takes longer than a statement over few windows,
// and over all windows of a large company nothing is won by it.
const notCompiled = `compile_expressions = 0, compile_aggregate_expressions = 0, compile_sort_description = 0`

// publish computes the metrics and appends what differs from the published points of
// their windows. A point whose facts are gone is published as null, never left standing
// and never 0.
func (c *Computer) publish(ctx context.Context, todo []publication) error {
	threads, err := c.threads(ctx, todo)
	if err != nil {
		return err
	}
	var published map[string][]point
	computed := make([][]point, len(todo))
	limit := atOnce
	if threads == 0 { // none writes: of those that read, half are being analysed, which one core does
		limit = 2 * atOnce
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(limit)
	group.Go(func() (err error) { published, err = c.published(groupCtx, todo); return err })
	for i, p := range todo {
		group.Go(func() error {
			return c.timed(p.def.Name, func() (err error) {
				if !p.here() {
					return c.appendPoints(groupCtx, p, threads)
				}
				if computed[i], err = c.compute(groupCtx, p); err != nil {
					return fmt.Errorf("computing %s: %w", p.def.Name, err)
				}
				computed[i] = slices.DeleteFunc(computed[i], p.hidden.names)
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	var news []newPoint
	for i, p := range todo {
		if p.here() {
			news = append(news, p.differing(published[p.def.Name], computed[i])...)
		}
	}
	err = c.store.Insert(ctx, "payoff.metric_point_log", strings.Split(pointColumns, ", "), len(news), func(i int) []any {
		p := news[i]
		return []any{p.metric, uint16(p.of.def.Version), p.grain, p.start, p.end, p.service, p.team, p.unit, p.dims,
			p.value, p.numerator, p.denominator, p.n, p.low, p.high, p.quality, p.of.generation, p.of.at}
	})
	if err != nil {
		return fmt.Errorf("publishing %d points: %w", len(news), err)
	}
	return nil
}

// threads is each statement's share of the engine's, where any computes in the store:
// of several threads that group into about as many points as there are rows each makes
// much the same table, and then they are merged, which takes a tenth more.
func (c *Computer) threads(ctx context.Context, todo []publication) (n uint64, err error) {
	if !slices.ContainsFunc(todo, func(p publication) bool { return !p.here() }) {
		return 0, nil
	}
	if err := c.store.Conn().QueryRow(ctx, fmt.Sprintf(`SELECT toUInt64(greatest(1, intDiv(getSetting('max_threads'), %d)))`, atOnce)).Scan(&n); err != nil {
		return 0, fmt.Errorf("asking how many threads the engine has: %w", err)
	}
	return n, nil
}

// A newPoint is a point to be published.
type newPoint struct {
	point
	of *publication
}

// differing lists what must be published so that the published points are those
// computed.
func (p publication) differing(published, computed []point) []newPoint {
	d := differ(published, computed, (*point).key, (*point).same)
	var out []newPoint
	for _, n := range d.put {
		out = append(out, newPoint{n, &p})
	}
	for _, gone := range d.drop {
		if gone.quality != metric.NoData {
			none := point{metric: gone.metric, grain: gone.grain, start: gone.start, end: gone.end, service: gone.service, team: gone.team, unit: gone.unit, dims: gone.dims, quality: metric.NoData}
			out = append(out, newPoint{none, &p})
		}
	}
	return out
}

// compute computes the points of one metric over its windows.
func (c *Computer) compute(ctx context.Context, p publication) ([]point, error) {
	if p.def.Fold != nil {
		return c.fold(ctx, p)
	}
	return store.ReadFields(ctx, c.store, pointFields, `
		SELECT {metric:String}, grain, window_start, window_end, service, team, unit, dims, value, numerator, denominator, n, ci_low, ci_high, quality
		FROM (`+p.def.Batch(p.over)+`)
		WHERE `+p.concerned()+`
		SETTINGS max_query_size = 4194304, `+notCompiled, store.Param("metric", p.def.Name), store.Param("run", p.run))
}

// published reads, by metric, the points of the windows that are compared here.
func (c *Computer) published(ctx context.Context, todo []publication) (map[string][]point, error) {
	alike := make(map[string][]string) // metrics by what else is asked of their points
	for _, p := range todo {
		if p.here() && !p.first {
			rest := fmt.Sprintf("version = %d AND %s AND %s", p.def.Version, p.over.Where, p.concerned())
			alike[rest] = append(alike[rest], p.def.Name)
		}
	}
	if len(alike) == 0 {
		return nil, nil
	}
	var conditions []string
	for _, rest := range slices.Sorted(maps.Keys(alike)) {
		conditions = append(conditions, fmt.Sprintf("(metric IN %s AND %s)", metric.Literals(alike[rest]), rest))
	}
	all, err := store.ReadFields(ctx, c.store, pointFields, store.Select(pointFields)+" FROM payoff.metric_points WHERE "+strings.Join(conditions, " OR ")+" SETTINGS max_query_size = 4194304")
	if err != nil {
		return nil, fmt.Errorf("reading the published points: %w", err)
	}
	out := make(map[string][]point)
	for _, p := range all {
		out[p.metric] = append(out[p.metric], p)
	}
	return out, nil
}

// appendPoints does the same for one metric of many windows, in the store.
func (c *Computer) appendPoints(ctx context.Context, p publication, threads uint64) error {
	d := p.def
	sql := `
		SELECT {metric:String}, {version:UInt16}, if(c.here, c.grain, o.grain),
			if(c.here, c.window_start, o.window_start), if(c.here, c.window_end, o.window_end), if(c.here, c.service, o.service), if(c.here, c.team, o.team),
			if(c.here, c.unit, o.unit), if(c.here, c.dims, o.dims), c.value, c.numerator, c.denominator, c.n, c.ci_low, c.ci_high,
			if(c.here, c.quality, 'no_data'), {generation:UInt64}, {now:DateTime64(6)}
		FROM (SELECT *, true AS here FROM (` + d.ShownBatch(p.over) + `)) AS c
		FULL OUTER JOIN
		(
			SELECT *, true AS here FROM payoff.metric_points
			WHERE metric = {metric:String} AND version = {version:UInt16} AND ` + p.over.Where + `
		) AS o
		ON c.grain = o.grain AND c.window_start = o.window_start AND c.service = o.service AND c.team = o.team AND c.unit = o.unit AND c.dims = o.dims
		WHERE NOT (c.here AND o.here AND c.value <=> o.value AND c.numerator <=> o.numerator AND c.denominator <=> o.denominator AND c.n = o.n
				AND c.ci_low <=> o.ci_low AND c.ci_high <=> o.ci_high AND c.quality = o.quality AND c.window_end = o.window_end)
			AND NOT (NOT c.here AND o.quality = 'no_data')`
	if p.first { // there is nothing to differ from
		sql = `
		SELECT {metric:String}, {version:UInt16}, grain, window_start, window_end, service, team, unit, dims, value, numerator, denominator, n, ci_low, ci_high,
			quality, {generation:UInt64}, {now:DateTime64(6)}
		FROM (` + d.ShownBatch(p.over) + `)`
	}
	err := c.store.Exec(ctx, "INSERT INTO payoff.metric_point_log ("+pointColumns+")"+sql+fmt.Sprintf(`
		SETTINGS join_use_nulls = 0, max_query_size = 4194304, max_threads = %d, %s`, threads, notCompiled),
		store.Param("metric", d.Name), store.Param("version", uint16(d.Version)),
		store.Param("generation", p.generation), store.Param("run", p.run), store.Micros("now", p.at))
	if err != nil {
		return fmt.Errorf("computing %s: %w", d.Name, err)
	}
	return nil
}
