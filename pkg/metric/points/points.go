// Package points reads published points: the one way from the store to whoever
// shows a number (command line, pages, review, OKRs).
package points

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// An Ask says which points are wanted. Empty fields do not restrict.
type Ask struct {
	Metric   metric.Def
	More     []metric.Def // further metrics, in the same query
	Grain    metric.Grain
	From, To time.Time // windows that begin in [From, To); zero: no bound
	AsOf     time.Time // what was published then; zero: now
	Services []string  // of these services; with Teams and Units empty, too: the whole
	Teams    []string
	Units    []string
	All      bool // every service, team and unit, and the whole
	Main     bool // without the figures beside the main one
}

const columns = `metric, version, grain, window_start, window_end, service, team, unit, dims, value, numerator, denominator, n, ci_low, ci_high, quality, computed_at`

// Read returns the points in the order of window, service, team, unit, figure and,
// where more are asked for, metric.
func Read(ctx context.Context, s *store.Store, a Ask) ([]metric.Point, error) {
	sql, args := a.sql()
	rows, err := s.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading points of %s: %w", a.Metric.Name, err)
	}
	defer rows.Close()
	versions := map[string]int{a.Metric.Name: a.Metric.Version}
	for _, d := range a.More {
		versions[d.Name] = d.Version
	}
	var out []metric.Point
	for rows.Next() {
		var p metric.Point
		var version uint16
		var grain string
		if err := rows.Scan(&p.Metric, &version, &grain, &p.Start, &p.End, &p.Service, &p.Team, &p.Unit, &p.Dims, &p.Value, &p.Numerator, &p.Denominator,
			&p.N, &p.CILow, &p.CIHigh, &p.Quality, &p.ComputedAt); err != nil {
			return nil, fmt.Errorf("reading a point of %s: %w", a.Metric.Name, err)
		}
		p.Version, p.Grain = int(version), metric.Grain(grain)
		if p.Version == versions[p.Metric] {
			out = append(out, p)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading points of %s: %w", a.Metric.Name, err)
	}
	return out, nil
}

func (a Ask) sql() (string, []any) {
	names := []string{a.Metric.Name}
	for _, d := range a.More {
		names = append(names, d.Name)
	}
	where := []string{"metric IN {metrics:Array(String)}", "grain = {grain:String}"}
	args := []any{store.Param("metrics", names), store.Param("grain", string(a.Grain))}
	if !a.From.IsZero() {
		where, args = append(where, "window_start >= {from:DateTime64(3)}"), append(args, store.Millis("from", a.From))
	}
	if !a.To.IsZero() {
		where, args = append(where, "window_start < {to:DateTime64(3)}"), append(args, store.Millis("to", a.To))
	}
	if a.Main {
		where = append(where, "dims = ''")
	}
	if !a.All {
		subjects := []string{}
		for _, l := range []struct {
			column string
			names  []string
		}{{"service", a.Services}, {"team", a.Teams}, {"unit", a.Units}} {
			if len(l.names) > 0 {
				subjects = append(subjects, fmt.Sprintf("has({%ss:Array(String)}, %s)", l.column, l.column))
				args = append(args, store.Param(l.column+"s", l.names))
			}
		}
		if len(subjects) == 0 {
			subjects = []string{"service = '' AND team = '' AND unit = ''"}
		}
		where = append(where, "("+strings.Join(subjects, " OR ")+")")
	}
	from := "payoff.metric_points"
	if !a.AsOf.IsZero() {
		args = append(args, store.Micros("as_of", a.AsOf))
		from = `(
			SELECT ` + columns + ` FROM payoff.metric_point_log WHERE computed_at <= {as_of:DateTime64(6)} AND ` + strings.Join(where, " AND ") + `
			ORDER BY generation DESC, computed_at DESC LIMIT 1 BY metric, version, grain, window_start, service, team, unit, dims
		)`
	}
	return `SELECT ` + columns + ` FROM ` + from + ` WHERE ` + strings.Join(where, " AND ") +
		` ORDER BY window_start, service, team, unit, dims, metric`, args
}
