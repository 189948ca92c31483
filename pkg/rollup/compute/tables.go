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
	name   string
	fields []store.Field[T]
	key    func(*T) K
	same   func(a, b *T) bool
	at     func(t *T, r dirt) // marks the time it counts in
}

// read loads the stored rows of the services.
func (t table[K, T]) read(ctx context.Context, c *Computer, services []string) ([]T, error) {
	if len(services) == 0 {
		return nil, nil
	}
	out, err := store.ReadFields(ctx, c.store, t.fields, store.Select(t.fields)+` FROM payoff_private.`+t.name+` FINAL WHERE service IN {services:Array(String)}`,
		store.Param("services", services))
	if err != nil {
		return nil, fmt.Errorf("reading %s of %d services: %w", t.name, len(services), err)
	}
	return out, nil
}

// all loads every row of a table that is small.
func (t table[K, T]) all(ctx context.Context, c *Computer) ([]T, error) {
	out, err := store.ReadFields(ctx, c.store, t.fields, store.Select(t.fields)+` FROM payoff_private.`+t.name+` FINAL`)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", t.name, err)
	}
	return out, nil
}

// write makes the table say what the diff says, as of the generation.
func (t table[K, T]) write(ctx context.Context, c *Computer, d diff[T], generation uint64) error {
	for deleted, rows := range [][]T{d.put, d.drop} {
		err := store.WriteFields(ctx, c.store, "payoff_private."+t.name, t.fields, rows,
			store.Constant{Name: "generation", Value: generation}, store.Constant{Name: "deleted", Value: uint64(deleted)})
		if err != nil {
			return fmt.Errorf("writing %d changed %s: %w", len(rows), t.name, err)
		}
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

// change is what must be written where some rows are stored and others linked.
func (t table[K, T]) change(stored, linked []T) change {
	return tableChange[K, T]{t, differ(stored, linked, t.key, t.same)}
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
	fields: []store.Field[dora.Deployment]{
		store.Text("service", func(d *dora.Deployment) *string { return &d.Service }),
		store.Text("tier", func(d *dora.Deployment) *string { return &d.Tier }),
		store.ID("deployment_id", func(d *dora.Deployment) *string { return &d.ID }),
		store.Text("source", func(d *dora.Deployment) *string { return &d.Source }),
		store.Text("repository", func(d *dora.Deployment) *string { return &d.Repository }),
		store.Texts("environments", func(d *dora.Deployment) *[]string { return &d.Environments }),
		store.Text("commit", func(d *dora.Deployment) *string { return &d.Commit }),
		store.Text("artifact_version", func(d *dora.Deployment) *string { return &d.Version }),
		store.Time("started_at", func(d *dora.Deployment) *time.Time { return &d.Start }),
		store.Time("ended_at", func(d *dora.Deployment) *time.Time { return &d.End }),
		store.Flag("succeeded", func(d *dora.Deployment) *bool { return &d.Succeeded }),
		store.Text("class", func(d *dora.Deployment) *string { return &d.Class }),
		store.ID("marks", func(d *dora.Deployment) *string { return &d.Marks }),
		store.Count("attempts", func(d *dora.Deployment) *int { return &d.Attempts }),
		store.Count("changes", func(d *dora.Deployment) *int { return &d.Changes }),
		store.Texts("names", func(d *dora.Deployment) *[]string { return &d.Names }),
		store.Flag("hotfix", func(d *dora.Deployment) *bool { return &d.Hotfix }),
		store.Texts("fixes", func(d *dora.Deployment) *[]string { return &d.Fixes }),
		store.Texts("takes_back", func(d *dora.Deployment) *[]string { return &d.TakesBack }),
		store.Texts("rework", func(d *dora.Deployment) *[]string { return &d.Rework }),
		store.Text("link_quality", func(d *dora.Deployment) *string { return &d.LinkQuality }),
		store.Text("time_quality", func(d *dora.Deployment) *string { return &d.TimeQuality }),
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
	fields: []store.Field[dora.Shipped]{
		store.Text("service", func(s *dora.Shipped) *string { return &s.Service }),
		store.Text("tier", func(s *dora.Shipped) *string { return &s.Tier }),
		store.Text("repository", func(s *dora.Shipped) *string { return &s.Repository }),
		store.Text("commit", func(s *dora.Shipped) *string { return &s.Commit }),
		store.ID("deployment_id", func(s *dora.Shipped) *string { return &s.DeploymentID }),
		store.Text("actor_kind", func(s *dora.Shipped) *string { return &s.ActorKind }),
		store.Time("clock_start", func(s *dora.Shipped) *time.Time { return &s.ClockStart }),
		store.Time("merged_at", func(s *dora.Shipped) *time.Time { return &s.Merged }),
		store.Time("shipped_at", func(s *dora.Shipped) *time.Time { return &s.At }),
		store.NumberOrNull("lead_ms", func(s *dora.Shipped) **int64 { return &s.LeadMS }),
		store.Flag("baseline", func(s *dora.Shipped) *bool { return &s.Baseline }),
		store.Text("link_quality", func(s *dora.Shipped) *string { return &s.LinkQuality }),
		store.Texts("flags", func(s *dora.Shipped) *[]string { return &s.Flags }),
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
	fields: []store.Field[dora.ShippedPull]{
		store.Text("service", func(p *dora.ShippedPull) *string { return &p.Service }),
		store.Text("tier", func(p *dora.ShippedPull) *string { return &p.Tier }),
		store.Text("repository", func(p *dora.ShippedPull) *string { return &p.Repository }),
		store.Text("change", func(p *dora.ShippedPull) *string { return &p.Change }),
		store.ID("deployment_id", func(p *dora.ShippedPull) *string { return &p.DeploymentID }),
		store.Text("actor_kind", func(p *dora.ShippedPull) *string { return &p.ActorKind }),
		store.Time("first_authored_at", func(p *dora.ShippedPull) *time.Time { return &p.Authored }),
		store.Time("work_started_at", func(p *dora.ShippedPull) *time.Time { return &p.WorkStarted }),
		store.Time("ready_at", func(p *dora.ShippedPull) *time.Time { return &p.Ready }),
		store.Time("reviewed_at", func(p *dora.ShippedPull) *time.Time { return &p.Reviewed }),
		store.Time("merged_at", func(p *dora.ShippedPull) *time.Time { return &p.Merged }),
		store.Time("shipped_at", func(p *dora.ShippedPull) *time.Time { return &p.At }),
		store.NumberOrNull("coding_ms", func(p *dora.ShippedPull) **int64 { return &p.Coding }),
		store.NumberOrNull("pickup_ms", func(p *dora.ShippedPull) **int64 { return &p.Pickup }),
		store.NumberOrNull("review_ms", func(p *dora.ShippedPull) **int64 { return &p.Review }),
		store.NumberOrNull("deploy_ms", func(p *dora.ShippedPull) **int64 { return &p.Deploy }),
		store.NumberOrNull("delivery_ms", func(p *dora.ShippedPull) **int64 { return &p.Delivery }),
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
	name: "waiting_changes",
	fields: []store.Field[dora.Waiting]{
		store.Text("service", func(w *dora.Waiting) *string { return &w.Service }),
		store.Text("tier", func(w *dora.Waiting) *string { return &w.Tier }),
		store.Text("repository", func(w *dora.Waiting) *string { return &w.Repository }),
		store.Text("commit", func(w *dora.Waiting) *string { return &w.Commit }),
		store.Text("actor_kind", func(w *dora.Waiting) *string { return &w.ActorKind }),
		store.Time("clock_start", func(w *dora.Waiting) *time.Time { return &w.ClockStart }),
		store.Time("merged_at", func(w *dora.Waiting) *time.Time { return &w.Merged }),
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
	fields: []store.Field[dora.Incident]{
		store.Text("service", func(i *dora.Incident) *string { return &i.Service }),
		store.Text("incident", func(i *dora.Incident) *string { return &i.ID }),
		store.Text("source", func(i *dora.Incident) *string { return &i.Source }),
		store.Text("tier", func(i *dora.Incident) *string { return &i.Tier }),
		store.Time("began_at", func(i *dora.Incident) *time.Time { return &i.Began }),
		store.Time("created_at", func(i *dora.Incident) *time.Time { return &i.Created }),
		store.Time("detected_at", func(i *dora.Incident) *time.Time { return &i.Detected }),
		store.Time("acknowledged_at", func(i *dora.Incident) *time.Time { return &i.Acknowledged }),
		store.Time("mitigated_at", func(i *dora.Incident) *time.Time { return &i.Mitigated }),
		store.Time("resolved_at", func(i *dora.Incident) *time.Time { return &i.Resolved }),
		store.Time("reopened_at", func(i *dora.Incident) *time.Time { return &i.Reopened }),
		store.FlagOrNull("impact", func(i *dora.Incident) **bool { return &i.Impact }),
		store.Text("severity", func(i *dora.Incident) *string { return &i.Severity }),
		store.Text("cause", func(i *dora.Incident) *string { return &i.Cause }),
		store.Text("named_deployment", func(i *dora.Incident) *string { return &i.Deployment }),
		store.Text("named_commit", func(i *dora.Incident) *string { return &i.Commit }),
		store.Text("state", func(i *dora.Incident) *string { return &i.State }),
		store.ID("deployment_id", func(i *dora.Incident) *string { return &i.DeploymentID }),
		store.Text("rule", func(i *dora.Incident) *string { return &i.Rule }),
		store.NumberOrNull("duration_ms", func(i *dora.Incident) **int64 { return &i.Duration }),
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
	fields: []store.Field[dora.Failure]{
		store.Text("service", func(f *dora.Failure) *string { return &f.Service }),
		store.Text("tier", func(f *dora.Failure) *string { return &f.Tier }),
		store.ID("deployment_id", func(f *dora.Failure) *string { return &f.DeploymentID }),
		store.Time("ended_at", func(f *dora.Failure) *time.Time { return &f.Ended }),
		store.Flag("succeeded", func(f *dora.Failure) *bool { return &f.Succeeded }),
		store.Text("rule", func(f *dora.Failure) *string { return &f.Rule }),
		store.Texts("incidents", func(f *dora.Failure) *[]string { return &f.Incidents }),
		store.Texts("remedies", func(f *dora.Failure) *[]string { return &f.Remedies }),
		store.Time("failed_at", func(f *dora.Failure) *time.Time { return &f.Failed }),
		store.Time("restored_at", func(f *dora.Failure) *time.Time { return &f.Restored }),
		store.NumberOrNull("recovery_ms", func(f *dora.Failure) **int64 { return &f.Recovery }),
		store.Flag("open", func(f *dora.Failure) *bool { return &f.Open }),
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
	name: "service_coverage",
	fields: []store.Field[dora.Coverage]{
		store.Text("service", func(v *dora.Coverage) *string { return &v.Service }),
		store.Text("tier", func(v *dora.Coverage) *string { return &v.Tier }),
		store.Time("first_at", func(v *dora.Coverage) *time.Time { return &v.First }),
		store.Time("covered_to", func(v *dora.Coverage) *time.Time { return &v.To }),
		store.Time("known_to", func(v *dora.Coverage) *time.Time { return &v.KnownTo }),
		store.Time("midnight", func(v *dora.Coverage) *time.Time { return &v.Midnight }),
		store.Time("retired_at", func(v *dora.Coverage) *time.Time { return &v.Retired }),
		store.Milliseconds("failure_window_ms", func(v *dora.Coverage) *time.Duration { return &v.Window }),
		store.Pairs("sources", "source", "scope",
			func(v *dora.Coverage) (out [][2]string) {
				for _, s := range v.Sources {
					out = append(out, [2]string{s.Name, s.Scope})
				}
				return out
			},
			func(v *dora.Coverage, sources [][2]string) {
				for _, s := range sources {
					v.Sources = append(v.Sources, dora.Source{Name: s[0], Scope: s[1]})
				}
			}),
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
	name: "faults",
	fields: []store.Field[dora.Fault]{
		store.Text("service", func(f *dora.Fault) *string { return &f.Service }),
		store.Text("kind", func(f *dora.Fault) *string { return &f.Kind }),
		store.Text("subject", func(f *dora.Fault) *string { return &f.Subject }),
		store.Text("source", func(f *dora.Fault) *string { return &f.Source }),
		store.Time("at", func(f *dora.Fault) *time.Time { return &f.At }),
	},
	key:  func(f *dora.Fault) faultKey { return faultKey{f.Service, f.Kind, f.Subject} },
	same: func(a, b *dora.Fault) bool { return a.Source == b.Source && a.At.Equal(b.At) },
	at:   func(*dora.Fault, dirt) {}, // no metric reads it
}
