// Package compute turns loaded events into metric points.
//
// It is the leader's work in the rollup, behind the loader:
//
//	ledger ──▶ new spans ──▶ derive (commits, attempts, horizons)
//	                            └──▶ link touched services ──▶ diff ──▶ dirty ranges
//	                                    ──▶ facts ──▶ points of touched windows ──▶ state
//
// Every step may be repeated: derived rows carry the version of their fact, facts
// the generation of the run, and the state is saved last. Dirty ranges are
// written before the facts that caused them are replaced, so a run that dies
// leaves behind what the next must recompute.
package compute

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// Version of linking: raised when its code changes what it makes of the same
// facts, so that everything is linked anew.
const linkVersion = 6

const unknownTier = "unknown"

// Rules are the configured meanings that linking and computing need.
type Rules struct {
	Location *time.Location
	Tier     func(environment string) string
	Parts    []dora.Part                       // services that share a repository
	Windows  func(service string) dora.Windows // how far causes are looked for; nil: the defaults
	// Digest changes when one of the others does: everything is linked and computed
	// anew.
	Digest string
}

func (r Rules) windows(service string) dora.Windows {
	if r.Windows == nil {
		return dora.DefaultWindows(service)
	}
	return r.Windows(service)
}

// shared lists the repositories of which services are limited to some paths.
func (r Rules) shared() []string {
	out := []string{}
	for _, p := range r.Parts {
		if len(p.Paths) > 0 {
			out = append(out, p.Repository)
		}
	}
	return sorted(out)
}

// repositoryOf is the one repository the rules name for a service; "" if they
// name none or several.
func (r Rules) repositoryOf(service string) string {
	var found []string
	for _, p := range r.Parts {
		if p.Service == service {
			found = append(found, p.Repository)
		}
	}
	if found = sorted(found); len(found) != 1 {
		return ""
	}
	return found[0]
}

// Options of a Computer.
type Options struct {
	Store   *store.Store
	Metrics []metric.Def
	Rules   Rules
	Now     func() time.Time // stamps points; nothing is computed from it
	Logger  *slog.Logger
}

// A Computer derives, links and computes. Use one at a time.
type Computer struct {
	store   *store.Store
	metrics []metric.Def
	rules   Rules
	now     func() time.Time
	log     *slog.Logger
}

// New returns a Computer.
func New(o Options) *Computer {
	return &Computer{store: o.Store, metrics: o.Metrics, rules: o.Rules, now: o.Now, log: o.Logger}
}

// A Result says what a run did.
type Result struct {
	Rows        uint64        `json:"rows"`        // log rows that were new
	Services    int           `json:"services"`    // services linked
	Deployments int           `json:"deployments"` // deployments that changed
	Changes     int           `json:"changes"`     // shipped changes that changed
	Points      uint64        `json:"points"`      // points appended to the history
	Took        time.Duration `json:"took_ns"`     // by Options.Now
}

// Run brings facts and points up to what is loaded. It does nothing when nothing
// is new and no definition has changed.
func (c *Computer) Run(ctx context.Context) (Result, error) { return c.run(ctx, false) }

// RunAnew derives, links and computes everything from the log, whatever earlier
// runs have written. Points that were right are not written again.
func (c *Computer) RunAnew(ctx context.Context) (Result, error) { return c.run(ctx, true) }

func (c *Computer) run(ctx context.Context, anew bool) (Result, error) {
	began := c.now()
	var st state
	var ends []position
	var generation uint64
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { st, err = c.readState(groupCtx); return err })
	group.Go(func() (err error) { ends, generation, err = c.ends(groupCtx); return err })
	if err := group.Wait(); err != nil {
		return Result{}, err
	}
	digest := c.digest()
	fresh := anew || digest != st.definitions
	if anew {
		st.next = nil
	}
	spans := st.since(ends)
	if len(spans) == 0 && !fresh {
		return Result{}, nil
	}
	res := Result{Rows: generation - min(st.generation, generation)}
	group, groupCtx = errgroup.WithContext(ctx)
	if fresh {
		catalogue := anew || !strings.HasSuffix(st.definitions, c.catalogue())
		group.Go(func() error { return c.timed("prepare", func() error { return c.prepare(groupCtx, catalogue) }) })
	}
	var of attributed
	group.Go(func() (err error) {
		of, err = c.facts(groupCtx, spans, fresh, st.generation, generation, &res)
		return err
	})
	if err := group.Wait(); err != nil {
		return res, err
	}
	group, groupCtx = errgroup.WithContext(ctx)
	group.Go(func() error {
		return c.timed("what is not named", func() error { return c.hide(groupCtx, of, generation) })
	})
	group.Go(func() (err error) { res.Points, err = c.points(groupCtx, st.generation, generation, fresh); return err })
	if err := group.Wait(); err != nil {
		return res, err
	}
	if err := c.saveState(ctx, ends, generation, digest); err != nil {
		return res, err
	}
	res.Took = c.now().Sub(began)
	c.log.Info("computed", "rows", res.Rows, "services", res.Services, "deployments", res.Deployments, "changes", res.Changes, "points", res.Points)
	return res, nil
}

// timed does one step; who debugs is told how long each takes.
func (c *Computer) timed(step string, do func() error) error {
	if !c.log.Enabled(context.Background(), slog.LevelDebug) {
		return do()
	}
	began := c.now()
	err := do()
	c.log.Debug("timed", "step", step, "took", c.now().Sub(began))
	return err
}

// facts derives the new rows, links what they touch, and writes the difference to what
// runs up to the last whole one, done, have written. It says of which services.
func (c *Computer) facts(ctx context.Context, spans []span, fresh bool, done, generation uint64, res *Result) (of attributed, err error) {
	kinds, err := c.kinds(ctx, spans)
	if err != nil {
		return of, err
	}
	if err := c.derive(ctx, spans, kinds); err != nil {
		return of, err
	}
	var t touch
	var h horizons
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error {
		return c.timed("find what is touched", func() (err error) { t, err = c.toLink(groupCtx, spans, kinds, fresh); return err })
	})
	group.Go(func() (err error) { h, err = c.horizons(groupCtx); return err })
	if err := group.Wait(); err != nil {
		return of, err
	}
	if t.moved {
		if err := c.move(ctx, spans); err != nil {
			return of, err
		}
	}
	res.Services = len(sorted(append(slices.Clone(t.shipping), t.failing...)))
	var differing difference
	err = c.timed("link", func() (err error) {
		differing, err = c.link(ctx, t.shipping, t.failing, h)
		return err
	})
	if err != nil {
		return of, err
	}
	res.Deployments, res.Changes = differing.changes[0].size(), differing.changes[1].size()
	if err := c.timed("replace facts", func() error { return c.replace(ctx, differing, generation, h) }); err != nil {
		return of, err
	}
	err = c.timed("organisation", func() (err error) {
		if of = (attributed{t.shipping, fresh}); fresh || begins(kinds, declarations) {
			if of, err = c.declared(ctx, of, done, generation); err != nil {
				return err
			}
		}
		return c.committers(ctx, of.services, generation)
	})
	return of, err
}

// attributed are the services of whose facts somebody may be told otherwise than before.
type attributed struct {
	services []string
	all      bool
}

// declared brings what is newly declared to the facts: to all of them, where it changed
// whose they are, in this run or in one that died before it had brought it to them.
func (c *Computer) declared(ctx context.Context, of attributed, done, generation uint64) (attributed, error) {
	if err := c.organisation(ctx, generation); err != nil {
		return of, err
	}
	dirty, err := c.dirty(ctx, done)
	if err != nil || len(dirty[organisationFact]) == 0 {
		return of, err
	}
	of.all = true
	of.services, err = c.allServices(ctx)
	return of, err
}

// toLink lists the services to link, and those of which only the failures are to
// be placed: all, when a rule changed.
func (c *Computer) toLink(ctx context.Context, spans []span, kinds []string, fresh bool) (t touch, err error) {
	if fresh {
		t.moved = begins(kinds, "service.", "deployment.")
		if t.shipping, err = c.allServices(ctx); err != nil {
			return t, err
		}
		t.failing, err = c.disturbed(ctx)
		return t, err
	}
	if !begins(kinds, linking...) {
		return t, nil
	}
	return c.touched(ctx, spans)
}

// A difference is what linking says otherwise than what is stored.
type difference struct {
	changes  []change
	coverage diff[dora.Coverage]
	services []string // that the changes are of
}

// link finds what differs from what is stored: first what was shipped, then what
// failed of it. What is read is read side by side, but never so much at once that a
// statement of somebody else would wait in vain for a connection.
func (c *Computer) link(ctx context.Context, shipping, failing []string, h horizons) (difference, error) {
	var linked dora.Linked
	var was written
	var where scope
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { linked, err = c.linkDeployments(groupCtx, shipping, h); return err })
	group.Go(func() (err error) { was, err = c.readWritten(groupCtx, shipping); return err })
	group.Go(func() (err error) {
		where, err = c.concerned(groupCtx, sorted(append(slices.Clone(shipping), failing...)))
		return err
	})
	if err := group.Wait(); err != nil {
		return difference{}, err
	}
	changes := []change{
		deploymentTable.change(was.deployments, linked.Deployments), shippedTable.change(was.shipped, linked.Shipped), pullTable.change(was.pulls, linked.Pulls),
		waitingTable.change(was.waiting, linked.Waiting), faultTable.change(was.faults, uniqueFaults(linked.Faults)), newFirstMerges(was, linked),
	}
	coverage := differ(was.coverage, c.withOthers(was.coverage, linked.Coverage, shipping, h), coverageTable.key, coverageTable.same)
	placed, err := c.place(ctx, linked, shipping, where)
	return difference{append(changes, placed...), coverage, where.services}, err
}

// linkDeployments reads what is known of the services and links it.
func (c *Computer) linkDeployments(ctx context.Context, shipping []string, h horizons) (linked dora.Linked, err error) {
	if len(shipping) == 0 {
		return linked, nil
	}
	var in dora.Input
	var faults []dora.Fault
	err = c.timed("read what to link", func() (err error) {
		in, faults, err = c.readInput(ctx, shipping)
		return err
	})
	if err != nil {
		return linked, err
	}
	in.Horizon = h.of
	err = c.timed("link deployments", func() error { linked = dora.Link(in); return nil })
	linked.Faults = append(linked.Faults, faults...)
	return linked, err
}

// written is what earlier runs wrote of the services to link, and the coverage of all.
type written struct {
	deployments []dora.Deployment
	shipped     []dora.Shipped
	pulls       []dora.ShippedPull
	waiting     []dora.Waiting
	faults      []dora.Fault
	coverage    []dora.Coverage
}

func (c *Computer) readWritten(ctx context.Context, services []string) (w written, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	group.Go(func() (err error) { w.deployments, err = deploymentTable.read(ctx, c, services); return err })
	group.Go(func() (err error) { w.shipped, err = shippedTable.read(ctx, c, services); return err })
	group.Go(func() (err error) { w.pulls, err = pullTable.read(ctx, c, services); return err })
	group.Go(func() (err error) { w.waiting, err = waitingTable.read(ctx, c, services); return err })
	group.Go(func() (err error) { w.faults, err = faultTable.read(ctx, c, services); return err })
	group.Go(func() (err error) { w.coverage, err = coverageTable.all(ctx, c); return err })
	err = group.Wait()
	return w, err
}

// place finds the failed deployments of the services that were linked or
// disturbed, and of those that their incidents tie them to.
func (c *Computer) place(ctx context.Context, linked dora.Linked, shipping []string, where scope) ([]change, error) {
	others := slices.DeleteFunc(slices.Clone(where.services), oneOf(shipping))
	var stored []dora.Deployment
	var facts []dora.IncidentFact
	var failed []dora.Failure
	var incidents []dora.Incident
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { stored, err = deploymentTable.read(groupCtx, c, others); return err })
	group.Go(func() (err error) { facts, err = c.readIncidents(groupCtx, where.services); return err })
	group.Go(func() (err error) { failed, err = failureTable.read(groupCtx, c, where.services); return err })
	group.Go(func() (err error) { incidents, err = incidentTable.read(groupCtx, c, where.services); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	isConcerned := oneOf(where.services)
	in := dora.PlaceInput{Deployments: linked.Deployments, Corrections: where.corrections, Windows: c.rules.windows}
	if len(stored) > 0 {
		in.Deployments = slices.Concat(linked.Deployments, stored)
	}
	in.Incidents = slices.DeleteFunc(dora.Incidents(facts, c.rules.Tier), func(i dora.Incident) bool { return !isConcerned(i.Service) })
	var err error
	if in.Shippers, err = c.readShippers(ctx, in.Incidents, shipping); err != nil {
		return nil, err
	}
	linkedShippers(linked.Shipped, in)
	nowFailed, nowIncidents := dora.Place(in)
	return []change{failureTable.change(failed, nowFailed), incidentTable.change(incidents, nowIncidents)}, nil
}

// oneOf tells which names are among some that are sorted.
func oneOf(names []string) func(string) bool {
	return func(name string) bool {
		_, is := slices.BinarySearch(names, name)
		return is
	}
}

// linkedShippers adds what this run linked and has not stored yet.
func linkedShippers(shipped []dora.Shipped, in dora.PlaceInput) {
	named := make(map[string]bool)
	for _, i := range in.Incidents {
		if i.Commit != "" {
			named[i.Commit] = true
		}
	}
	for _, s := range shipped {
		if named[s.Commit] {
			in.Shippers[s.Commit] = sorted(append(in.Shippers[s.Commit], s.DeploymentID))
		}
	}
}

// replace writes what differs: first the stretches of time it touches, so that
// they are not forgotten if the run dies among the writes behind them.
func (c *Computer) replace(ctx context.Context, now difference, generation uint64, h horizons) error {
	d := newDirt(h.last())
	for _, ch := range now.changes {
		ch.mark(d)
	}
	d.touch(now.services...)
	moved := c.coverageDirt(now.coverage, d)
	d.touch(moved...)
	if err := c.waitingDirt(ctx, moved, d); err != nil {
		return err
	}
	if err := c.saveDirty(ctx, d, generation); err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, ch := range now.changes {
		group.Go(func() error { return ch.write(groupCtx, c, generation) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return coverageTable.write(ctx, c, now.coverage, generation)
}

// digest names all that points depend on besides the facts.
func (c *Computer) digest() string {
	h := sha256.New()
	fmt.Fprintf(h, "link %d\x00%s\x00%s\x00%s\x00", linkVersion, c.rules.Location, c.rules.Digest, metric.Suppressed(metric.Over{}))
	for _, d := range c.metrics {
		fmt.Fprintf(h, "%s\x00%d\x00%s\x00%v\x00", d.Name, d.Version, d.ShownBatch(metric.Over{}), d.Grains)
	}
	return hex.EncodeToString(h.Sum(nil)) + " " + c.catalogue()
}

// catalogue changes when what prepare writes of the metrics does.
func (c *Computer) catalogue() string {
	h := sha256.New()
	for _, d := range c.metrics {
		fmt.Fprintf(h, "%s\x00%q\x00", d.CreateView(), catalogued(d))
	}
	return hex.EncodeToString(h.Sum(nil))
}
