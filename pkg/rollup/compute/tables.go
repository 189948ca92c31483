package compute

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// A table of facts that linking owns: how a row is read, written, told from
// others and compared.
type table[K comparable, T any] struct {
	name    string
	columns []string // those of T, in the order of values and scan
	values  func(*T) []any
	scan    func(rows store.Rows, t *T) error
	key     func(*T) K
	same    func(a, b *T) bool
	at      func(t *T, r dirt) // marks the time it counts in
}

// read loads the stored rows of the services.
func (t table[K, T]) read(ctx context.Context, c *Computer, services []string) ([]T, error) {
	rows, err := c.store.Query(ctx, `SELECT `+list(t.columns)+` FROM payoff_private.`+t.name+` FINAL WHERE service IN {services:Array(String)}`,
		store.Param("services", services))
	if err != nil {
		return nil, fmt.Errorf("reading %s of %d services: %w", t.name, len(services), err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var row T
		if err := t.scan(rows, &row); err != nil {
			return nil, fmt.Errorf("reading %s: %w", t.name, err)
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// write makes the table say what the diff says, as of the generation.
func (t table[K, T]) write(ctx context.Context, c *Computer, d diff[T], generation uint64) error {
	n := len(d.put) + len(d.drop)
	columns := append(slices.Clone(t.columns), "generation", "deleted")
	err := c.store.Insert(ctx, "payoff_private."+t.name, columns, n, func(i int) []any {
		if i < len(d.put) {
			return append(t.values(&d.put[i]), generation, uint8(0))
		}
		return append(t.values(&d.drop[i-len(d.put)]), generation, uint8(1))
	})
	if err != nil {
		return fmt.Errorf("writing %d changed %s: %w", n, t.name, err)
	}
	return nil
}

// mark adds the time in which the diff changes what is counted.
func (t table[K, T]) mark(d diff[T], r dirt) {
	for _, part := range [][]T{d.put, d.drop, d.old} {
		for i := range part {
			t.at(&part[i], r)
		}
	}
}

// A change is what is to be written to one table.
type change interface {
	mark(dirt)
	write(ctx context.Context, c *Computer, generation uint64) error
	size() int
}

type tableChange[K comparable, T any] struct {
	table[K, T]
	diff diff[T]
}

func (t tableChange[K, T]) mark(r dirt) { t.table.mark(t.diff, r) }
func (t tableChange[K, T]) size() int   { return len(t.diff.put) + len(t.diff.drop) }
func (t tableChange[K, T]) write(ctx context.Context, c *Computer, generation uint64) error {
	return t.table.write(ctx, c, t.diff, generation)
}

// against compares what is stored of the services with what was linked.
func (t table[K, T]) against(ctx context.Context, c *Computer, services []string, linked []T) (change, error) {
	stored, err := t.read(ctx, c, services)
	if err != nil {
		return nil, err
	}
	return tableChange[K, T]{t, differ(stored, linked, t.key, t.same)}, nil
}

func list(columns []string) string {
	var s string
	for i, c := range columns {
		if i > 0 {
			s += ", "
		}
		s += "`" + c + "`"
	}
	return s
}

// nullable is nil for the zero time, as the store keeps a time that is not known.
func nullable(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// An optional is where a nullable time is scanned to; put copies it out.
type optional struct {
	from *time.Time
	to   *time.Time
}

func put(os ...*optional) {
	for _, o := range os {
		*o.to = time.Time{}
		if o.from != nil {
			*o.to = *o.from
		}
	}
}

func into(to *time.Time) *optional { return &optional{to: to} }

func sameMS(a, b *int64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

type deploymentKey struct{ service, tier, id string }

var deploymentTable = table[deploymentKey, dora.Deployment]{
	name: "deployments",
	columns: []string{"service", "tier", "deployment_id", "source", "repository", "environments", "commit", "artifact_version", "started_at", "ended_at",
		"succeeded", "class", "marks", "attempts", "changes", "names", "hotfix", "fixes", "takes_back", "rework", "link_quality", "time_quality"},
	values: func(d *dora.Deployment) []any {
		var marks *string
		if d.Marks != "" {
			marks = &d.Marks
		}
		return []any{d.Service, d.Tier, d.ID, d.Source, d.Repository, d.Environments, d.Commit, d.Version, d.Start, d.End,
			d.Succeeded, d.Class, marks, uint32(d.Attempts), uint32(d.Changes), d.Names, d.Hotfix, d.Fixes, d.TakesBack, d.Rework, d.LinkQuality, d.TimeQuality}
	},
	scan: func(rows store.Rows, d *dora.Deployment) error {
		var marks *string
		var attempts, changes uint32
		err := rows.Scan(&d.Service, &d.Tier, &d.ID, &d.Source, &d.Repository, &d.Environments, &d.Commit, &d.Version, &d.Start, &d.End,
			&d.Succeeded, &d.Class, &marks, &attempts, &changes, &d.Names, &d.Hotfix, &d.Fixes, &d.TakesBack, &d.Rework, &d.LinkQuality, &d.TimeQuality)
		if marks != nil {
			d.Marks = *marks
		}
		d.Attempts, d.Changes = int(attempts), int(changes)
		return err
	},
	key: func(d *dora.Deployment) deploymentKey { return deploymentKey{d.Service, d.Tier, d.ID} },
	same: func(a, b *dora.Deployment) bool {
		return a.Source == b.Source && a.Repository == b.Repository && slices.Equal(a.Environments, b.Environments) && a.Commit == b.Commit &&
			a.Version == b.Version && a.Start.Equal(b.Start) && a.End.Equal(b.End) && a.Succeeded == b.Succeeded && a.Class == b.Class &&
			a.Marks == b.Marks && a.Attempts == b.Attempts && a.Changes == b.Changes && slices.Equal(a.Names, b.Names) && a.Hotfix == b.Hotfix &&
			slices.Equal(a.Fixes, b.Fixes) && slices.Equal(a.TakesBack, b.TakesBack) && slices.Equal(a.Rework, b.Rework) &&
			a.LinkQuality == b.LinkQuality && a.TimeQuality == b.TimeQuality
	},
	at: func(d *dora.Deployment, r dirt) { r.instant("deployments", d.End) },
}

type shippedKey struct{ service, tier, repository, commit string }

var shippedTable = table[shippedKey, dora.Shipped]{
	name: "shipped_changes",
	columns: []string{"service", "tier", "repository", "commit", "deployment_id", "actor_kind", "clock_start", "merged_at", "shipped_at", "lead_ms", "baseline",
		"link_quality", "flags"},
	values: func(s *dora.Shipped) []any {
		return []any{s.Service, s.Tier, s.Repository, s.Commit, s.DeploymentID, s.ActorKind, s.ClockStart, nullable(s.Merged), s.At, s.LeadMS, s.Baseline, s.LinkQuality, s.Flags}
	},
	scan: func(rows store.Rows, s *dora.Shipped) error {
		merged := into(&s.Merged)
		err := rows.Scan(&s.Service, &s.Tier, &s.Repository, &s.Commit, &s.DeploymentID, &s.ActorKind, &s.ClockStart, &merged.from, &s.At, &s.LeadMS, &s.Baseline,
			&s.LinkQuality, &s.Flags)
		put(merged)
		return err
	},
	key: func(s *dora.Shipped) shippedKey { return shippedKey{s.Service, s.Tier, s.Repository, s.Commit} },
	same: func(a, b *dora.Shipped) bool {
		return sameMS(a.LeadMS, b.LeadMS) && a.DeploymentID == b.DeploymentID && a.ActorKind == b.ActorKind && a.ClockStart.Equal(b.ClockStart) &&
			a.Merged.Equal(b.Merged) && a.At.Equal(b.At) && a.Baseline == b.Baseline && a.LinkQuality == b.LinkQuality && slices.Equal(a.Flags, b.Flags)
	},
	at: func(s *dora.Shipped, r dirt) {
		r.instant("shipped_changes", s.At)
		if !s.Baseline && !s.Merged.IsZero() {
			r.instant("merged_changes", s.Merged)
			r.add("merged_changes", s.Merged, s.At) // it waited, as the windows ended that lie between
		}
	},
}

type pullKey struct{ service, tier, repository, change string }

var pullTable = table[pullKey, dora.ShippedPull]{
	name: "shipped_pull_requests",
	columns: []string{"service", "tier", "repository", "change", "deployment_id", "actor_kind", "first_authored_at", "work_started_at", "ready_at", "reviewed_at",
		"merged_at", "shipped_at", "coding_ms", "pickup_ms", "review_ms", "deploy_ms", "delivery_ms"},
	values: func(p *dora.ShippedPull) []any {
		return []any{p.Service, p.Tier, p.Repository, p.Change, p.DeploymentID, p.ActorKind, nullable(p.Authored), nullable(p.WorkStarted), nullable(p.Ready),
			nullable(p.Reviewed), p.Merged, p.At, p.Coding, p.Pickup, p.Review, p.Deploy, p.Delivery}
	},
	scan: func(rows store.Rows, p *dora.ShippedPull) error {
		authored, started, ready, reviewed := into(&p.Authored), into(&p.WorkStarted), into(&p.Ready), into(&p.Reviewed)
		err := rows.Scan(&p.Service, &p.Tier, &p.Repository, &p.Change, &p.DeploymentID, &p.ActorKind, &authored.from, &started.from, &ready.from,
			&reviewed.from, &p.Merged, &p.At, &p.Coding, &p.Pickup, &p.Review, &p.Deploy, &p.Delivery)
		put(authored, started, ready, reviewed)
		return err
	},
	key: func(p *dora.ShippedPull) pullKey { return pullKey{p.Service, p.Tier, p.Repository, p.Change} },
	same: func(a, b *dora.ShippedPull) bool {
		return a.DeploymentID == b.DeploymentID && a.ActorKind == b.ActorKind && a.Authored.Equal(b.Authored) && a.WorkStarted.Equal(b.WorkStarted) &&
			a.Ready.Equal(b.Ready) && a.Reviewed.Equal(b.Reviewed) && a.Merged.Equal(b.Merged) && a.At.Equal(b.At) && sameMS(a.Coding, b.Coding) &&
			sameMS(a.Pickup, b.Pickup) && sameMS(a.Review, b.Review) && sameMS(a.Deploy, b.Deploy) && sameMS(a.Delivery, b.Delivery)
	},
	at: func(p *dora.ShippedPull, r dirt) { r.instant("shipped_pull_requests", p.At) },
}

var waitingTable = table[shippedKey, dora.Waiting]{
	name:    "waiting_changes",
	columns: []string{"service", "tier", "repository", "commit", "actor_kind", "clock_start", "merged_at"},
	values: func(w *dora.Waiting) []any {
		return []any{w.Service, w.Tier, w.Repository, w.Commit, w.ActorKind, w.ClockStart, w.Merged}
	},
	scan: func(rows store.Rows, w *dora.Waiting) error {
		return rows.Scan(&w.Service, &w.Tier, &w.Repository, &w.Commit, &w.ActorKind, &w.ClockStart, &w.Merged)
	},
	key: func(w *dora.Waiting) shippedKey { return shippedKey{w.Service, w.Tier, w.Repository, w.Commit} },
	same: func(a, b *dora.Waiting) bool {
		return a.ActorKind == b.ActorKind && a.ClockStart.Equal(b.ClockStart) && a.Merged.Equal(b.Merged)
	},
	at: func(w *dora.Waiting, r dirt) { r.add("merged_changes", w.Merged, r.now) },
}

type incidentKey struct{ service, incident, source string }

var incidentTable = table[incidentKey, dora.Incident]{
	name: "incidents",
	columns: []string{"service", "incident", "source", "tier", "began_at", "created_at", "detected_at", "acknowledged_at", "mitigated_at", "resolved_at", "reopened_at",
		"impact", "severity", "cause", "named_deployment", "named_commit", "state", "deployment_id", "rule", "duration_ms"},
	values: func(i *dora.Incident) []any {
		var deployment *string
		if i.DeploymentID != "" {
			deployment = &i.DeploymentID
		}
		return []any{i.Service, i.ID, i.Source, i.Tier, i.Began, i.Created, i.Detected, nullable(i.Acknowledged), nullable(i.Mitigated), nullable(i.Resolved),
			nullable(i.Reopened), i.Impact, i.Severity, i.Cause, i.Deployment, i.Commit, i.State, deployment, i.Rule, i.Duration()}
	},
	scan: func(rows store.Rows, i *dora.Incident) error {
		acknowledged, mitigated, resolved, reopened := into(&i.Acknowledged), into(&i.Mitigated), into(&i.Resolved), into(&i.Reopened)
		var deployment *string
		var duration *int64 // made of the times
		err := rows.Scan(&i.Service, &i.ID, &i.Source, &i.Tier, &i.Began, &i.Created, &i.Detected, &acknowledged.from, &mitigated.from, &resolved.from,
			&reopened.from, &i.Impact, &i.Severity, &i.Cause, &i.Deployment, &i.Commit, &i.State, &deployment, &i.Rule, &duration)
		put(acknowledged, mitigated, resolved, reopened)
		if deployment != nil {
			i.DeploymentID = *deployment
		}
		return err
	},
	key: func(i *dora.Incident) incidentKey { return incidentKey{i.Service, i.ID, i.Source} },
	same: func(a, b *dora.Incident) bool {
		impact := a.Impact == nil && b.Impact == nil || a.Impact != nil && b.Impact != nil && *a.Impact == *b.Impact
		return impact && a.Tier == b.Tier && a.Began.Equal(b.Began) && a.Created.Equal(b.Created) && a.Detected.Equal(b.Detected) &&
			a.Acknowledged.Equal(b.Acknowledged) && a.Mitigated.Equal(b.Mitigated) && a.Resolved.Equal(b.Resolved) && a.Reopened.Equal(b.Reopened) &&
			a.Severity == b.Severity && a.Cause == b.Cause && a.Deployment == b.Deployment && a.Commit == b.Commit && a.State == b.State &&
			a.DeploymentID == b.DeploymentID && a.Rule == b.Rule
	},
	at: func(i *dora.Incident, r dirt) {
		r.instant("incidents", i.Began)
		r.instant("incidents", i.Created)
		if !i.Resolved.IsZero() {
			r.instant("incidents", i.Resolved)
		}
	},
}

var failureTable = table[deploymentKey, dora.Failure]{
	name: "failed_deployments",
	columns: []string{"service", "tier", "deployment_id", "ended_at", "succeeded", "rule", "incidents", "remedies", "failed_at", "restored_at", "recovery_ms",
		"open"},
	values: func(f *dora.Failure) []any {
		return []any{f.Service, f.Tier, f.DeploymentID, f.Ended, f.Succeeded, f.Rule, f.Incidents, f.Remedies, f.Failed, nullable(f.Restored), f.Recovery, f.Open}
	},
	scan: func(rows store.Rows, f *dora.Failure) error {
		restored := into(&f.Restored)
		err := rows.Scan(&f.Service, &f.Tier, &f.DeploymentID, &f.Ended, &f.Succeeded, &f.Rule, &f.Incidents, &f.Remedies, &f.Failed, &restored.from, &f.Recovery, &f.Open)
		put(restored)
		return err
	},
	key: func(f *dora.Failure) deploymentKey { return deploymentKey{f.Service, f.Tier, f.DeploymentID} },
	same: func(a, b *dora.Failure) bool {
		return a.Ended.Equal(b.Ended) && a.Succeeded == b.Succeeded && a.Rule == b.Rule && slices.Equal(a.Incidents, b.Incidents) &&
			slices.Equal(a.Remedies, b.Remedies) && a.Failed.Equal(b.Failed) && a.Restored.Equal(b.Restored) && sameMS(a.Recovery, b.Recovery) && a.Open == b.Open
	},
	at: func(f *dora.Failure, r dirt) { r.instant("failed_deployments", f.Ended) },
}

type coverageKey struct{ service, tier string }

var coverageTable = table[coverageKey, dora.Coverage]{
	name:    "service_coverage",
	columns: []string{"service", "tier", "first_at", "covered_to", "known_to", "midnight", "retired_at", "failure_window_ms", "sources"},
	values: func(v *dora.Coverage) []any {
		sources := make([][]any, len(v.Sources))
		for i, s := range v.Sources {
			sources[i] = []any{s.Name, s.Scope}
		}
		return []any{v.Service, v.Tier, v.First, v.To, v.KnownTo, v.Midnight, nullable(v.Retired), v.Window.Milliseconds(), sources}
	},
	scan: func(rows store.Rows, v *dora.Coverage) error {
		retired := into(&v.Retired)
		var window int64
		var sources [][]any
		if err := rows.Scan(&v.Service, &v.Tier, &v.First, &v.To, &v.KnownTo, &v.Midnight, &retired.from, &window, &sources); err != nil {
			return err
		}
		put(retired)
		v.Window = time.Duration(window) * time.Millisecond
		for _, s := range sources {
			v.Sources = append(v.Sources, dora.Source{Name: fmt.Sprint(s[0]), Scope: fmt.Sprint(s[1])})
		}
		return nil
	},
	key: func(v *dora.Coverage) coverageKey { return coverageKey{v.Service, v.Tier} },
	same: func(a, b *dora.Coverage) bool {
		return a.First.Equal(b.First) && a.To.Equal(b.To) && a.KnownTo.Equal(b.KnownTo) && a.Midnight.Equal(b.Midnight) && a.Retired.Equal(b.Retired) && a.Window == b.Window &&
			slices.Equal(a.Sources, b.Sources)
	},
	// What changes with a coverage is decided by coverageDirt: only the days
	// between its old and its new ends.
	at: func(*dora.Coverage, dirt) {},
}

type faultKey struct{ service, kind, subject string }

var faultTable = table[faultKey, dora.Fault]{
	name:    "faults",
	columns: []string{"service", "kind", "subject", "source", "at"},
	values:  func(f *dora.Fault) []any { return []any{f.Service, f.Kind, f.Subject, f.Source, f.At} },
	scan: func(rows store.Rows, f *dora.Fault) error {
		return rows.Scan(&f.Service, &f.Kind, &f.Subject, &f.Source, &f.At)
	},
	key:  func(f *dora.Fault) faultKey { return faultKey{f.Service, f.Kind, f.Subject} },
	same: func(a, b *dora.Fault) bool { return a.Source == b.Source && a.At.Equal(b.At) },
	at:   func(*dora.Fault, dirt) {}, // no metric reads it
}
