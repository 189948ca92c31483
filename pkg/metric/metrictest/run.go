package metrictest

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"path"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// Run runs every script that matches glob against the store that open gives,
// already migrated and used by nothing else. Each case begins with an empty
// store.
func Run(t *testing.T, fsys fs.FS, glob string, metrics []metric.Def, open func(testing.TB) *store.Store) {
	names, err := fs.Glob(fsys, glob)
	if err != nil || len(names) == 0 {
		t.Fatalf("no scripts match %s: %v", glob, err)
	}
	s := open(t)
	for _, name := range names {
		t.Run(strings.TrimSuffix(path.Base(name), ".test"), func(t *testing.T) {
			f, err := fsys.Open(name)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			cases, err := parse(f)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) {
					r := &runner{t: t, store: s, metrics: metrics, file: name, c: c, now: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
					r.run()
				})
			}
		})
	}
}

// A runner runs one case.
type runner struct {
	t       *testing.T
	store   *store.Store
	metrics []metric.Def
	file    string
	c       scenario
	now     time.Time
	offset  int64
	imports uint64 // blocks of the organisation so far: which says something later
}

// Clear empties every table but those that are the same for all cases.
func Clear(ctx context.Context, s *store.Store) error {
	var tables []string
	err := s.Conn().QueryRow(ctx, `
		SELECT groupArray(concat(database, '.', name)) FROM system.tables
		WHERE database IN ('payoff', 'payoff_private') AND endsWith(engine, 'MergeTree') AND total_rows > 0 AND name NOT IN ('schema_migrations', 'calendar', 'organisation', 'metrics')`).Scan(&tables)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if err := s.Exec(ctx, "TRUNCATE TABLE "+table); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) run() {
	if err := Clear(r.t.Context(), r.store); err != nil {
		r.t.Fatal(err)
	}
	for _, s := range r.c.steps {
		var err error
		switch s.verb {
		case "load":
			err = r.load(s)
		case "org":
			err = r.org(s)
		case "eval":
			err = r.eval(s)
		case "rows":
			err = r.rows(s)
		}
		if err != nil {
			r.t.Errorf("%s:%d: %v", r.file, s.line, err)
			return
		}
	}
}

func (r *runner) load(s step) error {
	var evs []events.Event
	for _, line := range s.lines {
		e, err := event(line)
		if err != nil {
			return err
		}
		evs = append(evs, e)
	}
	return r.take(evs)
}

// org declares entities of the organisation; a later block is a later import.
func (r *runner) org(s step) error {
	drafts, err := declared(s.lines)
	if err != nil {
		return err
	}
	var evs []events.Event
	for _, d := range drafts {
		r.imports++
		d.Sequence = r.imports
		e, err := events.New(d)
		if err != nil {
			return err
		}
		evs = append(evs, e)
	}
	return r.take(evs)
}

// take stores events and computes.
func (r *runner) take(evs []events.Event) error {
	if err := Load(r.t.Context(), r.store, evs, &r.offset, r.now); err != nil {
		return err
	}
	c := compute.New(compute.Options{
		Store: r.store, Metrics: r.evaluated(), Logger: slog.New(slog.DiscardHandler),
		Rules: compute.Rules{Location: r.c.zone, Tier: tierOf, Parts: r.c.parts, Windows: r.c.windowsOf, Digest: "test"},
		Now:   func() time.Time { r.now = r.now.Add(time.Millisecond); return r.now },
	})
	_, err := c.Run(r.t.Context())
	return err
}

// tierOf: scripts name environments after their tier, with an optional suffix.
func tierOf(environment string) string {
	tier, _, _ := strings.Cut(environment, "-")
	switch tier {
	case "production", "staging", "testing", "development":
		return tier
	}
	return "unknown"
}

// Load stores events as the loader does, from the offset on, without Kafka.
func Load(ctx context.Context, s *store.Store, evs []events.Event, offset *int64, now time.Time) error {
	b := events.NewBuilder(memory.DefaultAllocator)
	defer b.Release()
	first := *offset
	for _, e := range evs {
		row, err := events.NewRow(e)
		if err != nil {
			return err
		}
		row.LogEpoch, row.Topic, row.Offset, row.LoadedAt = 1, "payoff.events", *offset, now
		*offset++
		b.Append(&row)
	}
	rec := b.Record()
	defer rec.Release()
	if err := s.InsertEvents(ctx, rec); err != nil {
		return err
	}
	p := store.Partition{Epoch: 1, Topic: "payoff.events"}
	if err := s.FillEvents(ctx, store.Span{Partition: p, First: first, Last: *offset - 1}); err != nil {
		return err
	}
	return s.Record(ctx, []store.Entry{{Partition: p, First: first, Last: *offset - 1, Rows: uint64(len(evs)), Loader: "test", LoadedAt: now}})
}

func (r *runner) def(name string) (metric.Def, error) {
	for _, d := range r.metrics {
		if d.Name == name {
			return d, nil
		}
	}
	return metric.Def{}, fmt.Errorf("%q is not in the catalogue", name)
}

// eval compares points with what the lines expect.
func (r *runner) eval(s step) error {
	if len(s.args) < 3 {
		return fmt.Errorf("eval METRIC GRAIN LABEL, or eval METRIC range FROM TO [services=…]")
	}
	d, err := r.def(s.args[0])
	if err != nil {
		return err
	}
	if s.args[1] == "range" {
		got, err := r.asked(d, s.args[2:])
		if err != nil {
			return err
		}
		return compare(s.lines, got, d)
	}
	w, err := metric.ParseWindow(s.args[2], r.c.zone)
	if err != nil {
		return err
	}
	if string(w.Grain) != s.args[1] {
		return fmt.Errorf("%s is a %s, not a %s", s.args[2], w.Grain, s.args[1])
	}
	got, err := r.points(d, w)
	if err != nil {
		return err
	}
	if err := compare(s.lines, got, d); err != nil || d.Fold != nil {
		return err
	}
	view, err := r.asked(d, []string{w.Start.Format(time.RFC3339Nano), w.End.Format(time.RFC3339Nano)})
	if err != nil {
		return err
	}
	return agree(got, view)
}

// figures are one point by the names scripts use; nil values do not exist.
type figures map[string]any

const columns = `service, team, unit, dims, value, numerator, denominator, n, ci_low, ci_high, quality`

func (r *runner) points(d metric.Def, w metric.Window) (map[string]figures, error) {
	return r.query(`SELECT `+columns+` FROM payoff.metric_points WHERE metric = {metric:String} AND grain = {grain:String} AND window_start = {start:DateTime64(3)}`,
		store.Param("metric", d.Name), store.Param("grain", string(w.Grain)), store.Millis("start", w.Start))
}

func (r *runner) asked(d metric.Def, args []string) (map[string]figures, error) {
	lists := map[string]string{"services": "[]", "teams": "[]", "units": "[]"}
	var ends []string
	for _, a := range args {
		if k, v, ok := strings.Cut(a, "="); ok {
			if _, known := lists[k]; !known {
				return nil, fmt.Errorf("%q is not services, teams or units", k)
			}
			lists[k] = "['" + strings.ReplaceAll(v, ",", "','") + "']"
			continue
		}
		t, err := parseTime(a)
		if err != nil {
			return nil, err
		}
		ends = append(ends, t.UTC().Format("2006-01-02 15:04:05.000"))
	}
	if len(ends) != 2 {
		return nil, fmt.Errorf("a range has a start and an end")
	}
	return r.query(fmt.Sprintf(`SELECT %s FROM payoff.%s(from='%s', to='%s', services=%s, teams=%s, units=%s)`,
		columns, d.View(), ends[0], ends[1], lists["services"], lists["teams"], lists["units"]))
}

func (r *runner) query(sql string, args ...any) (map[string]figures, error) {
	rows, err := r.store.Query(r.t.Context(), sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := make(map[string]figures)
	for rows.Next() {
		var service, team, unit, dims, quality string
		var n uint64
		var value, num, den, low, high *float64
		if err := rows.Scan(&service, &team, &unit, &dims, &value, &num, &den, &n, &low, &high, &quality); err != nil {
			return nil, err
		}
		out[subject(service, team, unit, dims)] = figures{"value": value, "numerator": num, "denominator": den, "n": n, "ci_low": low, "ci_high": high, "quality": quality}
	}
	return out, rows.Err()
}

func subject(service, team, unit, dims string) string {
	s := "-"
	switch {
	case service != "":
		s = service
	case team != "":
		s = "team:" + team
	case unit != "":
		s = "unit:" + unit
	}
	if stat, ok := strings.CutPrefix(dims, `{"stat":"`); ok {
		s += "/" + strings.TrimSuffix(stat, `"}`)
	} else if dims != "" {
		s += "/" + dims
	}
	return s
}

// compare checks the lines against the points. Figures beside the main one need
// no line; main figures do.
func compare(lines []row, got map[string]figures, d metric.Def) error {
	var wrong []string
	named := make(map[string]bool)
	for _, l := range lines {
		if l.fields[0] == "none" {
			if len(got) != 0 {
				return fmt.Errorf("line %d: expected no points, got %s", l.line, show(got))
			}
			return nil
		}
		named[l.fields[0]] = true
		f, ok := got[l.fields[0]]
		if !ok {
			wrong = append(wrong, fmt.Sprintf("line %d: no point for %s", l.line, l.fields[0]))
			continue
		}
		for _, kv := range l.fields[1:] {
			k, want, _ := strings.Cut(kv, "=")
			if g, known := f[k]; !known || !equal(g, want, d.Unit) {
				wrong = append(wrong, fmt.Sprintf("line %d: %s %s is %s, want %s", l.line, l.fields[0], k, text(g), want))
			}
		}
	}
	for s, f := range got {
		if !named[s] && !strings.Contains(s, "/") {
			wrong = append(wrong, fmt.Sprintf("no line for %s, which is %s", s, text(f["value"])))
		}
	}
	if wrong != nil {
		return fmt.Errorf("%s\n  points: %s", strings.Join(wrong, "\n  "), show(got))
	}
	return nil
}

// agree checks that the stored points and the view say the same; a stored null
// point without facts is what the view leaves out.
func agree(points, view map[string]figures) error {
	for s, p := range points {
		v, ok := view[s]
		if !ok && p["quality"] == metric.NoData {
			continue
		}
		for k := range p {
			if text(p[k]) != text(v[k]) {
				return fmt.Errorf("%s: the point says %s=%s, the view %s", s, k, text(p[k]), text(v[k]))
			}
		}
	}
	for s := range view {
		if _, ok := points[s]; !ok {
			return fmt.Errorf("%s: the view has a figure and there is no point", s)
		}
	}
	return nil
}

func text(v any) string {
	switch v := v.(type) {
	case *float64:
		if v == nil {
			return "null"
		}
		return strconv.FormatFloat(*v, 'g', -1, 64)
	case nil:
		return "absent"
	default:
		return fmt.Sprint(v)
	}
}

// equal compares a figure with the text of a script: a number to 12 digits, a
// duration, a fraction a/b, null or a word.
func equal(got any, want string, unit metric.Unit) bool {
	f, isFloat := got.(*float64)
	if !isFloat || f == nil || want == "null" {
		return text(got) == want
	}
	w, err := number(want, unit)
	return err == nil && math.Abs(*f-w) <= 1e-12*math.Max(1, math.Abs(w))
}

func number(s string, unit metric.Unit) (float64, error) {
	if a, b, ok := strings.Cut(s, "/"); ok {
		x, err := strconv.ParseFloat(a, 64)
		if err != nil {
			return 0, err
		}
		y, err := strconv.ParseFloat(b, 64)
		return x / y, err
	}
	if unit == metric.Milliseconds {
		if d, err := time.ParseDuration(s); err == nil {
			return float64(d) / float64(time.Millisecond), nil
		}
	}
	return strconv.ParseFloat(s, 64)
}

func show(got map[string]figures) string {
	var parts []string
	for s, f := range got {
		parts = append(parts, fmt.Sprintf("%s{value=%s numerator=%s denominator=%s n=%s ci=%s..%s quality=%s}", s, text(f["value"]), text(f["numerator"]),
			text(f["denominator"]), text(f["n"]), text(f["ci_low"]), text(f["ci_high"]), text(f["quality"])))
	}
	return strings.Join(parts, " ")
}
