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
	if in.Refs, err = c.readRefs(ctx, in.Pushes); err != nil {
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

// What is read of a fact: the columns' names are those of the tables, where they are
// no expressions.
var reportFields = []store.Field[dora.Report]{
	store.ID("event_id", func(r *dora.Report) *string { return &r.ID }),
	store.Text("source", func(r *dora.Report) *string { return &r.Source }),
	store.Text("attempt", func(r *dora.Report) *string { return &r.Attempt }),
	store.Text("service", func(r *dora.Report) *string { return &r.Service }),
	store.Text("environment", func(r *dora.Report) *string { return &r.Environment }),
	store.Text("repository", func(r *dora.Report) *string { return &r.Repository }),
	store.Text("commit", func(r *dora.Report) *string { return &r.Commit }),
	store.Text("artifact_version", func(r *dora.Report) *string { return &r.Version }),
	store.Texts("aliases", func(r *dora.Report) *[]string { return &r.Aliases }),
	store.Text("ref", func(r *dora.Report) *string { return &r.Ref }),
	store.Text("run_id", func(r *dora.Report) *string { return &r.RunID }),
	store.Texts("fixes", func(r *dora.Report) *[]string { return &r.Fixes }),
	store.Flag("hotfix", func(r *dora.Report) *bool { return &r.Hotfix }),
	store.Text("outcome", func(r *dora.Report) *string { return (*string)(&r.Outcome) }),
	store.Time("started_at", func(r *dora.Report) *time.Time { return &r.Start }),
	store.Time("occurred_at", func(r *dora.Report) *time.Time { return &r.Time }),
	store.Text("time_quality", func(r *dora.Report) *string { return &r.TimeQuality }),
	store.Flag("removed", func(r *dora.Report) *bool { return &r.Removed }),
	store.Flag("rolled_back", func(r *dora.Report) *bool { return &r.RolledBack }),
}

func (c *Computer) readReports(ctx context.Context, services []string) ([]dora.Report, error) {
	out, err := store.ReadFields(ctx, c.store, reportFields, `
		SELECT event_id, source, attempt, service, environment, repository, commit, artifact_version, aliases, ref, run_id, fixes, hotfix,
			outcome, started_at, occurred_at, time_quality, (kind = 'service.removed')::Bool, (kind = 'service.rolledback')::Bool
		FROM payoff_private.attempts FINAL
		WHERE service IN {services:Array(String)} AND NOT has(flags, 'impossible_time')`, store.Param("services", services))
	if err != nil {
		return nil, fmt.Errorf("reading attempts of %d services: %w", len(services), err)
	}
	for i := range out {
		r := &out[i]
		r.Tier = c.rules.Tier(r.Environment)
		if r.Repository == "" {
			r.Repository = c.rules.repositoryOf(r.Service)
		}
	}
	return out, nil
}

// readOf runs a query for what is known of some repositories.
func readOf[T any](ctx context.Context, c *Computer, what string, fields []store.Field[T], sql string, repositories []string, args ...any) ([]T, error) {
	if len(repositories) == 0 {
		return nil, nil
	}
	out, err := store.ReadFields(ctx, c.store, fields, sql, append(args, store.Param("repositories", repositories))...)
	if err != nil {
		return nil, fmt.Errorf("reading %s of %d repositories: %w", what, len(repositories), err)
	}
	return out, nil
}

var commitFields = []store.Field[dora.Commit]{
	store.Text("repository", func(m *dora.Commit) *string { return &m.Repository }),
	store.Text("commit", func(m *dora.Commit) *string { return &m.Hash }),
	store.Texts("parents", func(m *dora.Commit) *[]string { return &m.Parents }),
	store.Flag("parents_known", func(m *dora.Commit) *bool { return &m.ParentsKnown }),
	store.Time("authored_at", func(m *dora.Commit) *time.Time { return &m.Authored }),
	store.Time("committed_at", func(m *dora.Commit) *time.Time { return &m.Committed }),
	store.Text("actor_kind", func(m *dora.Commit) *string { return &m.ActorKind }),
	store.Text("cherry_pick_of", func(m *dora.Commit) *string { return &m.CherryPickOf }),
	store.Texts("reverts", func(m *dora.Commit) *[]string { return &m.Reverts }),
	store.Texts("fixes", func(m *dora.Commit) *[]string { return &m.Fixes }),
	store.Texts("paths", func(m *dora.Commit) *[]string { return &m.Paths }),
	store.Flag("paths_cut", func(m *dora.Commit) *bool { return &m.AllPaths }),
}

func (c *Computer) readCommits(ctx context.Context, repositories []string) ([]dora.Commit, error) {
	shared := c.rules.shared()
	paths := `if(repository IN {shared:Array(String)}, paths, [])`
	if len(shared) == 0 {
		paths = `[]::Array(String)` // nothing of the column is read
	}
	return readOf(ctx, c, "commits", commitFields, `
		SELECT repository, commit, parents, parents_known, authored_at, committed_at, actor_kind, cherry_pick_of, reverts, fixes, `+paths+`, paths_cut
		FROM payoff_private.commits FINAL
		WHERE repository IN {repositories:Array(String)}`, repositories, store.Param("shared", shared))
}

var pullFields = []store.Field[dora.PullFact]{
	store.ID("event_id", func(f *dora.PullFact) *string { return &f.ID }),
	store.Text("kind", func(f *dora.PullFact) *string { return &f.Kind }),
	store.Text("repository", func(f *dora.PullFact) *string { return &f.Repository }),
	store.Text("change", func(f *dora.PullFact) *string { return &f.Change }),
	store.Time("occurred_at", func(f *dora.PullFact) *time.Time { return &f.Time }),
	store.Text("actor_kind", func(f *dora.PullFact) *string { return &f.ActorKind }),
	store.Text("actor", func(f *dora.PullFact) *string { return &f.Actor }),
	store.Text("merge_commit", func(f *dora.PullFact) *string { return &f.MergeCommit }),
	store.Text("head_commit", func(f *dora.PullFact) *string { return &f.HeadCommit }),
	store.Texts("commits", func(f *dora.PullFact) *[]string { return &f.Commits }),
	store.Number("commit_count", func(f *dora.PullFact) *int64 { return &f.CommitCount }),
	store.Time("created_at", func(f *dora.PullFact) *time.Time { return &f.Created }),
	store.Time("ready_at", func(f *dora.PullFact) *time.Time { return &f.Ready }),
	store.Flag("default_branch", func(f *dora.PullFact) *bool { return &f.Default }),
	store.Flag("hotfix", func(f *dora.PullFact) *bool { return &f.Hotfix }),
	store.Texts("reverts", func(f *dora.PullFact) *[]string { return &f.Reverts }),
	store.Texts("fixes", func(f *dora.PullFact) *[]string { return &f.Fixes }),
	store.Texts("tickets", func(f *dora.PullFact) *[]string { return &f.Tickets }),
}

func (c *Computer) readPulls(ctx context.Context, repositories []string) ([]dora.PullFact, error) {
	return readOf(ctx, c, "pull requests", pullFields, store.Select(pullFields)+`
		FROM payoff_private.change_facts FINAL
		WHERE repository IN {repositories:Array(String)} AND NOT has(flags, 'impossible_time')`, repositories)
}

var pushFields = []store.Field[dora.Push]{
	store.ID("event_id", func(p *dora.Push) *string { return &p.ID }),
	store.Text("repository", func(p *dora.Push) *string { return &p.Repository }),
	store.Text("ref", func(p *dora.Push) *string { return &p.Ref }),
	store.Flag("default_branch", func(p *dora.Push) *bool { return &p.Default }),
	store.Text("before", func(p *dora.Push) *string { return &p.Before }),
	store.Text("commit", func(p *dora.Push) *string { return &p.Commit }),
	store.Texts("commits", func(p *dora.Push) *[]string { return &p.Commits }),
	store.Time("occurred_at", func(p *dora.Push) *time.Time { return &p.Time }),
}

func (c *Computer) readPushes(ctx context.Context, repositories []string) ([]dora.Push, error) {
	return readOf(ctx, c, "pushes", pushFields, store.Select(pushFields)+`
		FROM payoff_private.pushes FINAL
		WHERE repository IN {repositories:Array(String)} AND NOT has(flags, 'impossible_time')`, repositories)
}

// readRefs loads what any service was deployed from, of the repositories with
// pushes beside the default branch: a branch is followed for all or for none, or
// what one ships would depend on which others are linked with it.
func (c *Computer) readRefs(ctx context.Context, pushes []dora.Push) ([]dora.Ref, error) {
	var repositories []string
	for i := range pushes {
		if !pushes[i].Default {
			repositories = append(repositories, pushes[i].Repository)
		}
	}
	if repositories = distinct(repositories); len(repositories) == 0 {
		return nil, nil
	}
	var out []dora.Ref
	err := c.each(ctx, "what was deployed from", `
		SELECT DISTINCT repository, service, environment, ref FROM payoff_private.attempts FINAL
		WHERE ref != '' AND (repository = '' OR repository IN {repositories:Array(String)}) AND NOT has(flags, 'impossible_time')`,
		func(rows store.Rows) error {
			var r dora.Ref
			var service, environment string
			if err := rows.Scan(&r.Repository, &service, &environment, &r.Name); err != nil {
				return err
			}
			if r.Repository == "" {
				r.Repository = c.rules.repositoryOf(service)
			}
			if c.rules.Tier(environment) != unknownTier {
				out = append(out, r)
			}
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

var incidentFields = []store.Field[dora.IncidentFact]{
	store.ID("event_id", func(f *dora.IncidentFact) *string { return &f.ID }),
	store.Text("source", func(f *dora.IncidentFact) *string { return &f.Source }),
	store.Text("kind", func(f *dora.IncidentFact) *string { return &f.Kind }),
	store.Text("incident", func(f *dora.IncidentFact) *string { return &f.Incident }),
	store.Text("service", func(f *dora.IncidentFact) *string { return &f.Service }),
	store.Text("environment", func(f *dora.IncidentFact) *string { return &f.Environment }),
	store.Time("occurred_at", func(f *dora.IncidentFact) *time.Time { return &f.Time }),
	store.Time("started_at", func(f *dora.IncidentFact) *time.Time { return &f.Started }),
	store.Time("created_at", func(f *dora.IncidentFact) *time.Time { return &f.Created }),
	store.FlagOrNull("impact", func(f *dora.IncidentFact) **bool { return &f.Impact }),
	store.Text("severity", func(f *dora.IncidentFact) *string { return &f.Severity }),
	store.Text("cause", func(f *dora.IncidentFact) *string { return &f.Cause }),
	store.Text("deployment", func(f *dora.IncidentFact) *string { return &f.Deployment }),
	store.Text("commit", func(f *dora.IncidentFact) *string { return &f.Commit }),
	store.Text("label", func(f *dora.IncidentFact) *string { return &f.Label }),
}

// readIncidents loads what was said of the incidents of the services.
func (c *Computer) readIncidents(ctx context.Context, services []string) ([]dora.IncidentFact, error) {
	if len(services) == 0 {
		return nil, nil
	}
	out, err := store.ReadFields(ctx, c.store, incidentFields, store.Select(incidentFields)+`
		FROM payoff_private.incident_facts FINAL
		WHERE NOT has(flags, 'impossible_time') AND (source, incident) IN
		(
			SELECT source, incident FROM payoff_private.incident_facts
			WHERE service IN {services:Array(String)}
		)`, store.Param("services", services))
	if err != nil {
		return nil, fmt.Errorf("reading incidents of %d services: %w", len(services), err)
	}
	return out, nil
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
