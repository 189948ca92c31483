package compute

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// readInput loads all that is known of the services: their reports, and the
// commits, pull requests and pushes of every repository they are deployed from.
func (c *Computer) readInput(ctx context.Context, services []string) (dora.Input, []dora.Fault, error) {
	in := dora.Input{Parts: c.rules.Parts, Windows: c.rules.windows}
	reports, err := c.readReports(ctx, services)
	if err != nil {
		return in, nil, err
	}
	var faults []dora.Fault
	var repositories []string
	for _, r := range reports {
		if r.Tier == unknownTier { // in no delivery metric
			if r.Environment != "" {
				faults = append(faults, dora.Fault{Service: r.Service, Kind: "unknown_tier", Subject: r.Environment, Source: r.Source, At: r.Time})
			}
			continue
		}
		in.Reports = append(in.Reports, r)
		repositories = append(repositories, r.Repository)
	}
	repositories = distinct(repositories)
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { in.Commits, err = c.readCommits(groupCtx, repositories); return err })
	group.Go(func() (err error) { in.Pulls, err = c.readPulls(groupCtx, repositories); return err })
	group.Go(func() (err error) { in.Pushes, err = c.readPushes(groupCtx, repositories); return err })
	if err := group.Wait(); err != nil {
		return in, nil, err
	}
	in.Work, err = c.readWork(ctx, in.Pulls)
	return in, faults, err
}

// uniqueFaults keeps the first of each, in order of time.
func uniqueFaults(all []dora.Fault) []dora.Fault {
	slices.SortFunc(all, func(a, b dora.Fault) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Source, b.Source))
	})
	seen := make(map[faultKey]bool)
	return slices.DeleteFunc(all, func(f dora.Fault) bool {
		k := faultTable.key(&f)
		again := seen[k]
		seen[k] = true
		return again
	})
}

// each runs a query and hands every row to take.
func (c *Computer) each(ctx context.Context, what, sql string, take func(rows store.Rows) error, args ...any) error {
	rows, err := c.store.Query(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := take(rows); err != nil {
			return fmt.Errorf("reading %s: %w", what, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading %s: %w", what, err)
	}
	return nil
}

func (c *Computer) readReports(ctx context.Context, services []string) ([]dora.Report, error) {
	var out []dora.Report
	err := c.each(ctx, fmt.Sprintf("attempts of %d services", len(services)), `
		SELECT toString(event_id), source, kind, attempt, service, environment, repository, commit, artifact_version, aliases, ref, run_id, fixes, hotfix,
			outcome, started_at, occurred_at, time_quality
		FROM payoff_private.attempts FINAL
		WHERE service IN {services:Array(String)} AND NOT has(flags, 'impossible_time')`,
		func(rows store.Rows) error {
			var r dora.Report
			var kind, outcome string
			start := into(&r.Start)
			if err := rows.Scan(&r.ID, &r.Source, &kind, &r.Attempt, &r.Service, &r.Environment, &r.Repository, &r.Commit, &r.Version, &r.Aliases, &r.Ref, &r.RunID,
				&r.Fixes, &r.Hotfix, &outcome, &start.from, &r.Time, &r.TimeQuality); err != nil {
				return err
			}
			put(start)
			r.Outcome, r.Removed, r.RolledBack, r.Tier = dora.Outcome(outcome), kind == "service.removed", kind == "service.rolledback", c.rules.Tier(r.Environment)
			if r.Repository == "" {
				r.Repository = c.rules.repositoryOf(r.Service)
			}
			out = append(out, r)
			return nil
		}, store.Param("services", services))
	return out, err
}

func (c *Computer) readCommits(ctx context.Context, repositories []string) ([]dora.Commit, error) {
	if len(repositories) == 0 {
		return nil, nil
	}
	var out []dora.Commit
	err := c.each(ctx, fmt.Sprintf("commits of %d repositories", len(repositories)), `
		SELECT repository, commit, parents, parents_known, authored_at, committed_at, actor_kind, cherry_pick_of, reverts, fixes, tickets,
			if(repository IN {shared:Array(String)}, paths, []), paths_cut
		FROM payoff_private.commits FINAL
		WHERE repository IN {repositories:Array(String)}`,
		func(rows store.Rows) error {
			var m dora.Commit
			authored := into(&m.Authored)
			if err := rows.Scan(&m.Repository, &m.Hash, &m.Parents, &m.ParentsKnown, &authored.from, &m.Committed, &m.ActorKind, &m.CherryPickOf, &m.Reverts,
				&m.Fixes, &m.Tickets, &m.Paths, &m.AllPaths); err != nil {
				return err
			}
			put(authored)
			out = append(out, m)
			return nil
		}, store.Param("repositories", repositories), store.Param("shared", c.rules.shared()))
	return out, err
}

func (c *Computer) readPulls(ctx context.Context, repositories []string) ([]dora.PullFact, error) {
	if len(repositories) == 0 {
		return nil, nil
	}
	var out []dora.PullFact
	err := c.each(ctx, fmt.Sprintf("pull requests of %d repositories", len(repositories)), `
		SELECT toString(event_id), kind, repository, change, occurred_at, actor_kind, actor, merge_commit, head_commit, commits, commit_count, created_at, ready_at,
			default_branch, hotfix, reverts, fixes, tickets
		FROM payoff_private.change_facts FINAL
		WHERE repository IN {repositories:Array(String)} AND NOT has(flags, 'impossible_time')`,
		func(rows store.Rows) error {
			var f dora.PullFact
			created, ready := into(&f.Created), into(&f.Ready)
			if err := rows.Scan(&f.ID, &f.Kind, &f.Repository, &f.Change, &f.Time, &f.ActorKind, &f.Actor, &f.MergeCommit, &f.HeadCommit, &f.Commits,
				&f.CommitCount, &created.from, &ready.from, &f.Default, &f.Hotfix, &f.Reverts, &f.Fixes, &f.Tickets); err != nil {
				return err
			}
			put(created, ready)
			out = append(out, f)
			return nil
		}, store.Param("repositories", repositories))
	return out, err
}

func (c *Computer) readPushes(ctx context.Context, repositories []string) ([]dora.Push, error) {
	if len(repositories) == 0 {
		return nil, nil
	}
	var out []dora.Push
	err := c.each(ctx, fmt.Sprintf("pushes to %d repositories", len(repositories)), `
		SELECT toString(event_id), repository, ref, default_branch, before, commit, commits, occurred_at
		FROM payoff_private.pushes FINAL
		WHERE repository IN {repositories:Array(String)} AND NOT has(flags, 'impossible_time')`,
		func(rows store.Rows) error {
			var p dora.Push
			if err := rows.Scan(&p.ID, &p.Repository, &p.Ref, &p.Default, &p.Before, &p.Commit, &p.Commits, &p.Time); err != nil {
				return err
			}
			out = append(out, p)
			return nil
		}, store.Param("repositories", repositories))
	return out, err
}

// readWork loads when work began on the tickets that the pull requests name.
func (c *Computer) readWork(ctx context.Context, pulls []dora.PullFact) (map[string]time.Time, error) {
	var tickets []string
	for _, p := range pulls {
		tickets = append(tickets, p.Tickets...)
	}
	if tickets = distinct(tickets); len(tickets) == 0 {
		return nil, nil
	}
	out := make(map[string]time.Time)
	err := c.each(ctx, fmt.Sprintf("the start of %d work items", len(tickets)), `
		SELECT ticket, assumeNotNull(min(started_at)) FROM payoff_private.work_items FINAL
		WHERE ticket IN {tickets:Array(String)} AND started_at IS NOT NULL GROUP BY ticket`,
		func(rows store.Rows) error {
			var ticket string
			var t time.Time
			if err := rows.Scan(&ticket, &t); err != nil {
				return err
			}
			out[ticket] = t
			return nil
		}, store.Param("tickets", tickets))
	return out, err
}

// readIncidents loads what was said of the incidents of the services.
func (c *Computer) readIncidents(ctx context.Context, services []string) ([]dora.IncidentFact, error) {
	var out []dora.IncidentFact
	err := c.each(ctx, fmt.Sprintf("incidents of %d services", len(services)), `
		SELECT toString(event_id), source, kind, incident, service, environment, occurred_at, started_at, created_at, impact, severity, cause, deployment, commit, label
		FROM payoff_private.incident_facts FINAL
		WHERE NOT has(flags, 'impossible_time') AND (source, incident) IN
		(
			SELECT source, incident FROM payoff_private.incident_facts
			WHERE service IN {services:Array(String)}
		)`,
		func(rows store.Rows) error {
			var f dora.IncidentFact
			started, created := into(&f.Started), into(&f.Created)
			if err := rows.Scan(&f.ID, &f.Source, &f.Kind, &f.Incident, &f.Service, &f.Environment, &f.Time, &started.from, &created.from, &f.Impact, &f.Severity,
				&f.Cause, &f.Deployment, &f.Commit, &f.Label); err != nil {
				return err
			}
			put(started, created)
			out = append(out, f)
			return nil
		}, store.Param("services", services))
	return out, err
}

func (c *Computer) readCorrections(ctx context.Context) ([]dora.Correction, error) {
	var out []dora.Correction
	err := c.each(ctx, "corrections", `
		SELECT toString(event_id), occurred_at, kind = 'failure.confirmed', service, deployment, incident
		FROM payoff_private.corrections FINAL WHERE NOT has(flags, 'impossible_time')`,
		func(rows store.Rows) error {
			var m dora.Correction
			if err := rows.Scan(&m.ID, &m.Time, &m.Confirmed, &m.Service, &m.Deployment, &m.Incident); err != nil {
				return err
			}
			out = append(out, m)
			return nil
		})
	return out, err
}

// readShippers finds what shipped the commits that incidents name, but for the
// services that are just being linked.
func (c *Computer) readShippers(ctx context.Context, incidents []dora.Incident, linking []string) (map[string][]string, error) {
	var commits []string
	for _, i := range incidents {
		commits = append(commits, i.Commit)
	}
	if commits = distinct(commits); len(commits) == 0 {
		return nil, nil
	}
	out := make(map[string][]string)
	err := c.each(ctx, fmt.Sprintf("who shipped %d commits", len(commits)), `
		SELECT commit, groupUniqArray(toString(deployment_id)) FROM payoff_private.shipped_changes FINAL
		WHERE commit IN {commits:Array(String)} AND service NOT IN {linking:Array(String)} GROUP BY commit`,
		func(rows store.Rows) error {
			var commit string
			var ids []string
			if err := rows.Scan(&commit, &ids); err != nil {
				return err
			}
			out[commit] = ids
			return nil
		}, store.Param("commits", commits), store.Param("linking", append([]string{}, linking...)))
	return out, err
}

// horizons is the first instant of which each source has told nothing yet.
type horizons map[dora.Source]time.Time

func (h horizons) of(s dora.Source) time.Time { return h[s] }

// last is as far as anything is known.
func (h horizons) last() time.Time {
	var t time.Time
	for _, v := range h {
		t = later(t, v)
	}
	return t
}

func (c *Computer) horizons(ctx context.Context) (horizons, error) {
	h := make(horizons)
	err := c.each(ctx, "the sources' horizons", `SELECT source, scope, max(horizon) FROM payoff_private.horizons GROUP BY source, scope`,
		func(rows store.Rows) error {
			var s dora.Source
			var t time.Time
			if err := rows.Scan(&s.Name, &s.Scope, &t); err != nil {
				return err
			}
			h[s] = t.Add(time.Millisecond) // half-open
			return nil
		})
	return h, err
}
