package compute

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/payoff-metrics/payoff/pkg/store"
)

var (
	//go:embed derive_commits.sql
	deriveCommits string
	//go:embed derive_attempts.sql
	deriveAttempts string
	//go:embed derive_moved.sql
	deriveMoved string
	//go:embed derive_incidents.sql
	deriveIncidents string
	//go:embed derive_changes.sql
	deriveChanges string
	//go:embed derive_pushes.sql
	derivePushes string
	//go:embed derive_corrections.sql
	deriveCorrections string
	//go:embed derive_work.sql
	deriveWork string
	//go:embed derive_horizons.sql
	deriveHorizons string
)

// A position is the first offset of a partition that a run has not seen.
type position struct {
	epoch     uint32
	topic     string
	partition int32
	next      int64
}

// A span is the new records of one partition.
type span struct {
	position       // up to here, not included
	from     int64 // from here
}

// condition selects the rows of the spans. Its values are numbers and topic names
// of our own, so they stand in the text: a query has no list parameters for it.
func condition(spans []span) string {
	var b strings.Builder
	for i, s := range spans {
		if i > 0 {
			b.WriteString(" OR ")
		}
		fmt.Fprintf(&b, "(log_epoch = %d AND topic = '%s' AND partition = %d AND offset >= %d AND offset < %d)",
			s.epoch, strings.ReplaceAll(s.topic, "'", "''"), s.partition, s.from, s.next)
	}
	return b.String()
}

// derivations make the tables that linking reads, each of the events whose kinds
// begin with one of the prefixes.
var derivations = []struct {
	what, sql string
	of        []string
}{
	{"commits", deriveCommits, []string{"commit."}},
	{"attempts", deriveAttempts, []string{"service.", "deployment."}},
	{"incidents", deriveIncidents, []string{"incident.", "page."}},
	{"pull requests", deriveChanges, []string{"change."}},
	{"pushes", derivePushes, []string{"branch."}},
	{"corrections", deriveCorrections, []string{"failure."}},
	{"work items", deriveWork, []string{"ticket."}},
	{"the organisation", deriveOrg, []string{declarations}},
	{"horizons", deriveHorizons, []string{""}},
}

// declarations begins the kinds of what the organisation declares.
const declarations = "org."

// kinds lists the kinds of the new rows.
func (c *Computer) kinds(ctx context.Context, spans []span) (kinds []string, err error) {
	if len(spans) == 0 {
		return nil, nil
	}
	if err := c.store.Conn().QueryRow(ctx, `SELECT groupUniqArray(toString(kind)) FROM payoff_private.event_log WHERE `+condition(spans)).Scan(&kinds); err != nil {
		return nil, fmt.Errorf("finding what kinds of events are new: %w", err)
	}
	return kinds, nil
}

// begins reports whether any of the kinds begins with any of the prefixes.
func begins(kinds []string, prefixes ...string) bool {
	return slices.ContainsFunc(kinds, func(kind string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(kind, prefix) })
	})
}

// derive brings the new rows of the log, of which it is told the kinds, into the
// tables that linking reads.
func (c *Computer) derive(ctx context.Context, spans []span, kinds []string) error {
	where := condition(spans)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, d := range derivations {
		if !begins(kinds, d.of...) {
			continue
		}
		group.Go(func() error {
			err := c.timed("derive "+d.what, func() error { return c.store.Exec(ctx, ofNew(d.sql, where)) })
			if err != nil {
				return fmt.Errorf("deriving %s from the log: %w", d.what, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// ofNew is a derivation of the new rows, which a condition selects.
func ofNew(derivation, where string) string {
	return strings.NewReplacer("/*attempts*/", attemptKinds, "/*new*/", where).Replace(derivation)
}

// move takes attempts from services that only earlier versions of them tell of.
func (c *Computer) move(ctx context.Context, spans []span) error {
	if err := c.store.Exec(ctx, ofNew(deriveMoved, condition(spans))); err != nil {
		return fmt.Errorf("taking attempts from services that they were not of: %w", err)
	}
	return nil
}

// What new rows can change: which deployment shipped what, for which the first tell of
// attempts, or only which of them failed.
const (
	attemptKinds  = `'service.deployed', 'service.upgraded', 'service.rolledback', 'service.removed', 'deployment.failed', 'deployment.started'`
	shippingKinds = `(` + attemptKinds + `, 'commit.recorded', 'branch.pushed', 'change.created', 'change.reviewed', 'change.updated', 'change.merged', 'change.abandoned')`
	failingKinds  = `('incident.detected', 'incident.acknowledged', 'incident.mitigated', 'incident.resolved', 'incident.reopened', 'page.labelled',
		'failure.confirmed', 'failure.dismissed')`
)

// linking begins their kinds, and those of work on tickets.
var linking = []string{"service.", "deployment.", "commit.", "branch.", "change.", "incident.", "page.", "failure.", "ticket."}

// A touch is what new rows may change.
type touch struct {
	shipping, failing []string // services: their deployments, or only what failed of these
	moved             bool     // versions of an attempt tell of several services
}

// touched finds what the new rows may change. The services are those the rows name, in
// any version of the facts they tell of (a correction touches the service it was taken
// from, too), and those deployed from the repositories.
func (c *Computer) touched(ctx context.Context, spans []span) (t touch, err error) {
	var repositories, incidents, work []string
	row := c.store.Conn().QueryRow(ctx, `
		SELECT groupUniqArrayIf(toString(service), kind IN `+shippingKinds+`), groupUniqArrayIf(toString(repository), kind IN `+shippingKinds+`),
			groupUniqArrayIf(toString(service), kind IN `+failingKinds+` AND kind != 'page.labelled'), groupUniqArrayIf(incident, kind IN `+failingKinds+` AND incident != ''),
			groupUniqArrayIf(subject, startsWith(kind, 'ticket.')), uniqExact(event_id, service) > uniqExact(event_id)
		FROM payoff_private.event_log
		WHERE event_id IN
			(SELECT event_id FROM payoff_private.event_log
			 WHERE (kind IN `+shippingKinds+` OR kind IN `+failingKinds+` OR startsWith(kind, 'ticket.')
				AND (started_at IS NOT NULL OR event_id IN (SELECT event_id FROM payoff_private.work_items WHERE started_at IS NOT NULL))) AND (`+condition(spans)+`))`)
	if err := row.Scan(&t.shipping, &repositories, &t.failing, &incidents, &work, &t.moved); err != nil {
		return t, fmt.Errorf("finding what new events touch: %w", err)
	}
	if len(work) > 0 {
		more, err := c.names(ctx, "SELECT groupUniqArray(toString(repository)) FROM payoff_private.change_facts WHERE hasAny(tickets, {names:Array(String)})", work)
		if err != nil {
			return t, err
		}
		repositories = append(repositories, more...)
	}
	deployed, err := c.names(ctx, "SELECT groupUniqArray(toString(service)) FROM payoff_private.attempts WHERE repository IN {names:Array(String)}", repositories)
	if err != nil {
		return t, err
	}
	disturbed, err := c.names(ctx, "SELECT groupUniqArray(toString(service)) FROM payoff_private.incident_facts WHERE incident IN {names:Array(String)}", incidents)
	if err != nil {
		return t, err
	}
	for _, p := range c.rules.Parts {
		if slices.Contains(repositories, p.Repository) {
			deployed = append(deployed, p.Service)
		}
	}
	t.shipping, t.failing = distinct(append(t.shipping, deployed...)), sorted(append(t.failing, disturbed...))
	return t, nil
}

// names runs a query that makes one list of another; of an empty one it is empty.
func (c *Computer) names(ctx context.Context, sql string, of []string) ([]string, error) {
	if len(of) == 0 {
		return nil, nil
	}
	var out []string
	if err := c.store.Conn().QueryRow(ctx, sql, store.Param("names", of)).Scan(&out); err != nil {
		return nil, fmt.Errorf("finding what new events touch: %w", err)
	}
	return out, nil
}

// allServices lists every service that has an attempt.
func (c *Computer) allServices(ctx context.Context) ([]string, error) {
	var services []string
	if err := c.store.Conn().QueryRow(ctx, `SELECT groupUniqArray(toString(service)) FROM payoff_private.attempts`).Scan(&services); err != nil {
		return nil, fmt.Errorf("listing services: %w", err)
	}
	return distinct(services), nil
}

// distinct sorts names and leaves out repeats and the empty name: a deployment
// that names no service is kept and listed, but belongs to none.
func distinct(names []string) []string {
	names = sorted(names)
	if len(names) > 0 && names[0] == "" {
		names = names[1:]
	}
	return names
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
