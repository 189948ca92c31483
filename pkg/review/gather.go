package review

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// gather reads what a review of the week is made from: points as they were
// published at asOf, the week's facts as they are known now.
func (d Desk) gather(ctx context.Context, w metric.Window, asOf time.Time, latest bool) (Input, error) {
	in := Input{Week: w, Location: d.Location, Organisation: d.Organisation, AsOf: asOf, Metrics: d.Metrics, FactsLater: !latest && d.Now().Sub(asOf) > time.Minute}
	published := asOf
	if latest {
		published = time.Time{} // the current points are quicker to find
	}
	var err error
	if in.Points, err = d.points(ctx, w, published); err != nil {
		return in, err
	}
	if in.Changes, err = points.Changes(ctx, d.Store, asOf); err != nil {
		return in, err
	}
	if in.Facts, err = d.facts(ctx, w, asOf); err != nil {
		return in, fmt.Errorf("reading what happened in %s: %w", w.Label(d.Location), err)
	}
	if in.KnownTo, err = d.knownTo(ctx, asOf); err != nil {
		return in, err
	}
	if in.Hidden, err = d.hidden(ctx, w, in.Points); err != nil {
		return in, err
	}
	var restated []struct {
		Numbers uint64 `ch:"numbers"`
		Weeks   uint64 `ch:"weeks"`
	}
	until := w.End
	if asOf.Before(until) {
		until = asOf
	}
	if err := d.Store.Select(ctx, &restated, `
		SELECT uniqExact(metric, window_start, service, team, unit) AS numbers, uniqExact(window_start) AS weeks
		FROM payoff.restatements
		WHERE grain = 'week' AND dims = '' AND window_end <= {start:DateTime64(3)} AND computed_at >= {start:DateTime64(3)} AND computed_at < {until:DateTime64(6)}`,
		store.Millis("start", w.Start), store.Micros("until", until)); err != nil {
		return in, fmt.Errorf("counting the numbers restated in %s: %w", w.Label(d.Location), err)
	}
	in.Restated, in.RestatedWeeks = restated[0].Numbers, restated[0].Weeks
	return in, nil
}

// points reads all weeks up to w of what the review shows, as the baselines of the
// charts are the first there are, the last twelve months, and the quarter and year
// that the week is in: a question each, at once. Of quarters, years and what is only
// watched the whole is shown alone.
func (d Desk) points(ctx context.Context, w metric.Window, asOf time.Time) ([]metric.Point, error) {
	last := w.End.Add(-time.Millisecond)
	of := func(g metric.Grain, from time.Time, all bool) points.Ask {
		return points.Ask{Grain: g, From: from, To: w.End, AsOf: asOf, All: all, Main: true}
	}
	year := w.Start.AddDate(-1, -1, 0)
	asks := []points.Ask{of(metric.Week, time.Time{}, true), of(metric.Week, time.Time{}, false), of(metric.Month, year, true), of(metric.Month, year, false),
		of(metric.Quarter, metric.At(metric.Quarter, last, d.Location).Start, false), of(metric.Year, metric.At(metric.Year, last, d.Location).Start, false)}
	lists := make([][]metric.Point, len(asks))
	g, ctx := errgroup.WithContext(ctx)
	for i, ask := range asks {
		aboveMonth := ask.Grain == metric.Quarter || ask.Grain == metric.Year
		for _, m := range d.Metrics {
			if (aboveMonth || behaviour.ByLevel(m) == ask.All) && slices.Contains(m.Grains, ask.Grain) {
				ask.More = append(ask.More, m)
			}
		}
		if len(ask.More) == 0 {
			continue
		}
		ask.Metric, ask.More = ask.More[0], ask.More[1:]
		g.Go(func() (err error) {
			lists[i], err = points.Read(ctx, d.Store, ask)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.Concat(lists...), nil
}

// knownTo is the end of the last day of which a number was published until then: the
// clock goes on when a source falls silent. It is zero while there is none.
func (d Desk) knownTo(ctx context.Context, asOf time.Time) (time.Time, error) {
	var last []struct {
		End *time.Time `ch:"end"`
	}
	if err := d.Store.Select(ctx, &last, `
		SELECT maxOrNull(window_end) AS end FROM payoff.metric_point_log
		WHERE grain = 'day' AND service = '' AND team = '' AND unit = '' AND dims = '' AND value IS NOT NULL AND computed_at <= {as_of:DateTime64(6)}`,
		store.Micros("as_of", asOf)); err != nil {
		return time.Time{}, fmt.Errorf("asking until when data is known: %w", err)
	}
	if last[0].End == nil {
		return time.Time{}, nil
	}
	return *last[0].End, nil
}

// hidden are the services that had been deployed before the week's end and have no
// published number of the week.
func (d Desk) hidden(ctx context.Context, w metric.Window, ps []metric.Point) ([]string, error) {
	var covered []struct {
		Services []string `ch:"services"`
	}
	if err := d.Store.Select(ctx, &covered, `
		SELECT arraySort(groupUniqArray(toString(service))) AS services FROM payoff.service_coverage
		WHERE tier = 'production' AND first_at < {to:DateTime64(3)}`, store.Millis("to", w.End)); err != nil {
		return nil, fmt.Errorf("listing the services of %s: %w", w.Label(d.Location), err)
	}
	ofWeek := slices.DeleteFunc(slices.Clone(ps), func(p metric.Point) bool { return p.Grain != metric.Week || !p.Start.Equal(w.Start) })
	return points.Hidden(covered[0].Services, ofWeek), nil
}

// What happened, by the view it is read from; a view that the store does not have
// yet has nothing to tell.
var factQueries = []struct{ view, sql string }{
	{"deployments", `
		SELECT 'deployed' AS kind, toString(deployment_id) AS id, ended_at AS at, toString(service) AS service, toString(team) AS team, toString(unit) AS unit,
			artifact_version AS name, '' AS detail
		FROM payoff.deployments
		WHERE tier = 'production' AND succeeded AND class != 'redeployment' AND ended_at >= {from:DateTime64(3)} AND ended_at < {to:DateTime64(3)}`},
	{"deployments", `
		SELECT multiIf(NOT succeeded, 'unsuccessful', class = 'baseline', 'first_deployed', 'rolled_back') AS kind, toString(deployment_id) AS id, ended_at AS at,
			toString(service) AS service, toString(team) AS team, toString(unit) AS unit, artifact_version AS name, '' AS detail
		FROM payoff.deployments
		WHERE tier = 'production' AND (NOT succeeded OR class IN ('baseline', 'rollback')) AND ended_at >= {from:DateTime64(3)} AND ended_at < {to:DateTime64(3)}`},
	{"failed_deployments", `
		SELECT 'failure' AS kind, toString(f.deployment_id) AS id, f.ended_at AS at, toString(f.service) AS service, toString(f.team) AS team, toString(f.unit) AS unit,
			d.artifact_version AS name,
			transform(toString(f.rule), ['a', 'b', 'c', 'd'], ['an incident names it', 'rolled back or reverted', 'a hotfix followed', 'an incident followed'], 'confirmed by a person')
				|| if(f.open, ', not restored yet', '') AS detail
		FROM payoff.failed_deployments AS f
		LEFT JOIN payoff.deployments AS d ON d.deployment_id = f.deployment_id AND d.service = f.service
		WHERE f.tier = 'production' AND f.ended_at >= {from:DateTime64(3)} AND f.ended_at < {to:DateTime64(3)}`},
	{"incidents", `
		SELECT 'incident' AS kind, source || ' ' || incident AS id, began_at AS at, toString(service) AS service, toString(team) AS team, toString(unit) AS unit,
			incident AS name, if(severity = '', '', 'severity ' || severity || ', ') || if(resolved_at IS NULL, 'not resolved', 'resolved') AS detail
		FROM payoff.incidents
		WHERE tier = 'production' AND state NOT IN ('false_alarm', 'dismissed') AND began_at >= {from:DateTime64(3)} AND began_at < {to:DateTime64(3)}`},
}

func (d Desk) facts(ctx context.Context, w metric.Window, asOf time.Time) ([]Fact, error) {
	var there []struct {
		Views []string `ch:"views"`
	}
	if err := d.Store.Select(ctx, &there, "SELECT groupArray(name) AS views FROM system.tables WHERE database = 'payoff'"); err != nil {
		return nil, err
	}
	to := w.End
	if asOf.Before(to) {
		to = asOf
	}
	var out []Fact
	for _, q := range factQueries {
		if !slices.Contains(there[0].Views, q.view) {
			continue
		}
		var rows []struct {
			Kind    string    `ch:"kind"`
			ID      string    `ch:"id"`
			At      time.Time `ch:"at"`
			Service string    `ch:"service"`
			Team    string    `ch:"team"`
			Unit    string    `ch:"unit"`
			Name    string    `ch:"name"`
			Detail  string    `ch:"detail"`
		}
		if err := d.Store.Select(ctx, &rows, q.sql, store.Millis("from", w.Start), store.Millis("to", to)); err != nil {
			return nil, fmt.Errorf("reading %s: %w", q.view, err)
		}
		for _, r := range rows {
			out = append(out, Fact{Kind: r.Kind, ID: r.ID, At: r.At, Subject: behaviour.Subject{Service: r.Service, Team: r.Team, Unit: r.Unit}, Name: r.Name, Detail: r.Detail})
		}
	}
	return out, nil
}
