package dashboard

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// A Checker runs every query of a dashboard as Grafana would, as a reader.
type Checker struct {
	Store *store.Store // as a reader
	Defs  []metric.Def
	// From and To are the range. Runs is how often each query is timed; 1 when zero.
	From, To time.Time
	Runs     int
	Now      func() time.Time // of the stop-watch
	// Progress, when set, is told after each query.
	Progress func(done, total int)
}

// LastPoint is the end of the latest day that is published, or now if that is
// earlier or nothing is: a history that ended long ago is checked where it ended.
func (c Checker) LastPoint(ctx context.Context, now time.Time) (time.Time, error) {
	f, err := c.query(ctx, "SELECT maxOrNull(window_end) FROM payoff.metric_point_log WHERE grain = 'day' AND value IS NOT NULL")
	if err != nil {
		return now, fmt.Errorf("asking for the latest point: %w", err)
	}
	if last, ok := f.rows[0][0].(time.Time); ok && last.Before(now) {
		return last, nil
	}
	return now, nil
}

// A Timing is how long one query took.
type Timing struct {
	Dashboard string        `json:"dashboard"`
	Panel     string        `json:"panel"`
	Runs      int           `json:"runs"`
	Rows      int           `json:"rows"` // of its last run
	P50       time.Duration `json:"p50_ns"`
	P95       time.Duration `json:"p95_ns"`

	took []time.Duration // of every run, the shortest first
}

// Overall is how long queries took at the 50th and 95th percentile, over every run
// of every one.
func Overall(list []Timing) (p50, p95 time.Duration) {
	var all []time.Duration
	for _, t := range list {
		all = append(all, t.took...)
	}
	if all == nil {
		return 0, 0
	}
	slices.Sort(all)
	return quantile(all, 0.50), quantile(all, 0.95)
}

// A Report is what a check found.
type Report struct {
	Timings  []Timing `json:"timings"`
	Compared int      `json:"compared"` // numbers that were held against the published points
	Faults   []string `json:"faults"`
}

// asked is one query and where it stands.
type asked struct {
	where string
	sql   string
	kind  string // panel, variable, annotation
	query Query
}

// Check runs every query of the dashboard: by every bucket, for the whole and for
// one service, team and unit each, as far as there are any.
func (c Checker) Check(ctx context.Context, d Dashboard) (Report, error) {
	r := Report{Faults: Lint(d)}
	views, err := c.views(ctx, d)
	if err != nil {
		return r, err
	}
	kept := make(shelf)
	list := queries(d)
	for i, a := range list {
		t := Timing{Dashboard: deref(d.Uid), Panel: a.where}
		for n := range max(1, c.Runs) * len(views) {
			v := views[n%len(views)]
			at := c.Now()
			rows, fault := c.run(ctx, a, v)
			t.took = append(t.took, c.Now().Sub(at))
			if ctx.Err() != nil {
				return r, ctx.Err()
			}
			if fault == nil {
				t.Rows = len(rows.rows)
				var same int
				same, fault = c.compare(ctx, kept, a, v, rows)
				r.Compared += same
			}
			if fault != nil {
				r.Faults = appendNew(r.Faults, fmt.Sprintf("%s, %s, by %s: %v", t.Dashboard, a.where, v.Bucket, fault))
			}
		}
		r.Timings = append(r.Timings, t.sum())
		if c.Progress != nil {
			c.Progress(i+1, len(list))
		}
	}
	return r, nil
}

// quantile is the smallest of sorted durations that a share p of them do not exceed.
func quantile(sorted []time.Duration, p float64) time.Duration {
	return sorted[int(math.Ceil(p*float64(len(sorted))))-1]
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// queries lists what a dashboard asks: variables, annotations, panels.
func queries(d Dashboard) []asked {
	var out []asked
	for _, v := range d.Templating.List {
		if sql := variableSQL(v); sql != "" {
			out = append(out, asked{"variable " + v.Name, sql, "variable", Query{}})
		}
	}
	for _, n := range d.Annotations.List {
		if q, ok := n.Target.(Query); ok {
			out = append(out, asked{"annotation " + n.Name, q.RawSQL, "annotation", q})
		}
	}
	for p := range panelsOf(d) {
		for _, t := range p.Targets {
			if q, ok := t.(Query); ok {
				out = append(out, asked{deref(p.Title), q.RawSQL, "panel", q})
			}
		}
	}
	return out
}

func variableSQL(v sdk.VariableModel) string {
	if v.Query == nil || v.Type != sdk.VariableTypeQuery {
		return ""
	}
	sql, _ := v.Query.Map["rawSql"].(string)
	return sql
}

// views are the choices a dashboard is checked with.
func (c Checker) views(ctx context.Context, d Dashboard) ([]View, error) {
	base := View{From: c.From, To: c.To, Interval: time.Hour}
	for _, v := range d.Templating.List {
		sql := variableSQL(v)
		if sql == "" {
			continue
		}
		t, err := c.query(ctx, sql)
		if err != nil {
			return nil, fmt.Errorf("asking for the values of the variable %s: %w", v.Name, err)
		}
		names := []string{}
		for _, row := range t.rows {
			names = append(names, fmt.Sprint(row[0]))
		}
		switch v.Name {
		case "service":
			base.Options.Services = names
		case "team":
			base.Options.Teams = names
		case "unit":
			base.Options.Units = names
		}
	}
	var out []View
	for _, b := range buckets {
		v := base
		v.Bucket = b
		out = append(out, v)
		v.Services, v.Teams, v.Units = first(v.Options.Services), first(v.Options.Teams), first(v.Options.Units)
		if v.Services != nil || v.Teams != nil || v.Units != nil {
			out = append(out, v)
		}
	}
	return out, nil
}

// first returns the first two names, so that lists of several are tried, too.
func first(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	return names[:min(2, len(names))]
}

// A frame is the answer to a query.
type frame struct {
	columns []string
	types   []string // as ClickHouse names them
	rows    [][]any
}

func (c Checker) run(ctx context.Context, a asked, v View) (frame, error) {
	sql, err := v.Expand(a.sql)
	if err != nil {
		return frame{}, fmt.Errorf("expanding the query: %w", err)
	}
	f, err := c.query(ctx, sql)
	if err != nil {
		return frame{}, err
	}
	return f, f.fits(a)
}

func (c Checker) query(ctx context.Context, sql string) (frame, error) {
	rows, err := c.Store.Query(ctx, sql)
	if err != nil {
		return frame{}, err
	}
	return read(rows)
}

// read takes all rows of an answer and closes it.
func read(rows store.Rows) (frame, error) {
	defer rows.Close()
	f := frame{columns: rows.Columns()}
	kinds := rows.ColumnTypes()
	for _, k := range kinds {
		f.types = append(f.types, k.DatabaseTypeName())
	}
	for rows.Next() {
		cells := make([]any, len(kinds))
		for i, k := range kinds {
			cells[i] = reflect.New(k.ScanType()).Interface()
		}
		if err := rows.Scan(cells...); err != nil {
			return f, err
		}
		for i := range cells {
			cells[i] = plain(reflect.ValueOf(cells[i]))
		}
		f.rows = append(f.rows, cells)
	}
	return f, rows.Err()
}

// plain follows pointers; a null is nil.
func plain(v reflect.Value) any {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	return v.Interface()
}

// exact is the greatest integer up to which a browser's numbers are.
const exact = 1 << 53

// fits checks what the data source and the browser make of an answer.
func (f frame) fits(a asked) error {
	if len(f.rows) == 0 && len(f.columns) == 0 {
		return nil // ClickHouse's Native format has no columns without rows
	}
	for i, name := range f.columns {
		if slices.Contains(f.columns[:i], name) {
			return fmt.Errorf("two columns are called %s", name)
		}
		for _, row := range f.rows {
			if n, ok := row[i].(uint64); ok && n > exact {
				return fmt.Errorf("column %s holds %d, which a browser cannot keep", name, n)
			}
		}
	}
	switch {
	case a.kind == "variable":
		if len(f.columns) > 2 || !strings.Contains(f.types[0], "String") {
			return fmt.Errorf("a variable takes one or two columns of text, not %s", strings.Join(f.types, ", "))
		}
	case a.kind == "annotation":
		if !slices.Equal(f.columns, []string{"time", "text", "tags"}) {
			return fmt.Errorf("an annotation has the columns time, text and tags, not %s", strings.Join(f.columns, ", "))
		}
	case a.query.Format == Series:
		return f.series()
	}
	return nil
}

// series checks what turns long rows into one column per series: time first and
// ascending, one row for each time and series, and a number beside them.
func (f frame) series() error {
	if f.columns[0] != "time" || !strings.HasPrefix(f.types[0], "Date") {
		return fmt.Errorf("the first column is %s %s, not the time", f.columns[0], f.types[0])
	}
	if !slices.ContainsFunc(f.types, func(t string) bool { return strings.Contains(t, "Int") || strings.Contains(t, "Float") }) {
		return fmt.Errorf("no column is a number: %s", strings.Join(f.types, ", "))
	}
	seen := make(map[string]bool)
	var before time.Time
	for _, row := range f.rows {
		at, ok := row[0].(time.Time)
		if !ok || at.Before(before) {
			return fmt.Errorf("time is not ascending at %v", row[0])
		}
		before = at
		key := at.String()
		for i, t := range f.types {
			if strings.Contains(t, "String") {
				key += "\x00" + fmt.Sprint(row[i])
			}
		}
		if seen[key] {
			return fmt.Errorf("two rows for %s", strings.ReplaceAll(key, "\x00", " "))
		}
		seen[key] = true
	}
	return nil
}
