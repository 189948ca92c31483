package pages

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
)

// shownDeployments is how many of the latest deployments a service page lists.
const shownDeployments = 12

// servicePage is what `/service/{name}` shows.
type servicePage struct {
	layout
	Name         string
	Owners       []ownerRow
	Hidden       string // why there are neither numbers nor facts
	Grain        metric.Grain
	Grains       []choice
	Figures      []figure // what bets aim at
	Watched      []figure // what is read beside them
	Score        *scoreBlock
	Failures     []failureRow
	Failed       int // all there are
	Incidents    []incidentRow
	Unattributed int    // all there are
	Attribute    string // command that puts an incident down to a deployment
	Waiting      waitingBlock
	Deployments  []deploymentRow
}

type deploymentRow struct {
	Version, When, Stamp, Class, Changes, Provenance string
	Href                                             string // of its commit; may be empty
}

func (p *pages) service(r *http.Request) (answer, error) {
	ctx, name := r.Context(), r.PathValue("name")
	grain, err := grainOf(r)
	if err != nil {
		return answer{}, err
	}
	all, err := p.services(ctx)
	if err != nil {
		return answer{}, err
	}
	if !slices.Contains(all, name) {
		e := notFound("No deployment of a service named “" + clip(name) + "” is known.")
		e.links = linksTo("/service/", nearest(name, all))
		return answer{}, e
	}
	page := servicePage{layout: p.layout(name, ""), Name: name}
	of := subject{Service: name}
	err = together(ctx,
		func(ctx context.Context) error {
			b, err := p.board(ctx, grain, of, p.delivery("service"))
			page.Grain, page.Grains = b.grain, grainChoices(of.path(), b.grain)
			page.Figures, page.Watched = p.split(b)
			if b.hidden {
				page.Hidden = "This service is shown only inside its unit: " + points.WhyHidden + "."
			}
			return err
		},
		func(ctx context.Context) (err error) { page.Score, err = p.score(ctx, of); return err },
		func(ctx context.Context) error { return p.owners(ctx, &page) },
		func(ctx context.Context) error { return p.readFacts(ctx, &page) })
	if err != nil {
		return answer{}, err
	}
	if page.Hidden != "" {
		deployed, err := p.inProduction(ctx, []string{name})
		if err != nil {
			return answer{}, err
		}
		if len(deployed) == 0 {
			page.Hidden = "" // of nothing there are no numbers
		}
	}
	if page.Hidden != "" {
		// Without its numbers, its facts are as good as a person's.
		page = servicePage{layout: page.layout, Name: name, Owners: page.Owners, Hidden: page.Hidden}
	}
	return p.render("service", page)
}

// readFacts reads what happened to the service: the views name it in quarters in which it
// is not hidden.
func (p *pages) readFacts(ctx context.Context, page *servicePage) error {
	return together(ctx,
		func(ctx context.Context) error { return p.readIncidents(ctx, page) },
		func(ctx context.Context) error { return p.readWaiting(ctx, page) },
		func(ctx context.Context) error { return p.readDeployments(ctx, page) })
}

// readDeployments reads what failed, and then the deployments, which name it.
func (p *pages) readDeployments(ctx context.Context, page *servicePage) error {
	fs, err := p.failures(ctx, page.Name)
	if err != nil {
		return err
	}
	named := []string{}
	for _, f := range fs {
		named = append(append(named, f.ID), f.Remedies...)
		page.Failed = int(f.Total)
	}
	ds, versions, err := p.latestDeployments(ctx, page.Name, shownDeployments, named)
	page.Failures = p.failureRows(page.Name, fs, versions)
	for _, d := range ds {
		row := deploymentRow{Version: orDash(d.Version), When: p.time(d.Ended), Stamp: stamp(d.Ended), Class: class(d.Class), Changes: shipped(d), Provenance: provenance(d)}
		if d.Commit != "" && d.LinkQuality != "unknown_commit" {
			row.Href = changeHref(d.Repository, d.Commit)
		}
		page.Deployments = append(page.Deployments, row)
	}
	return err
}

func (p *pages) readIncidents(ctx context.Context, page *servicePage) error {
	is, err := p.unattributed(ctx, page.Name)
	page.Incidents = p.incidentRows(is)
	if len(is) > 0 {
		page.Unattributed = int(is[0].Total)
		page.Attribute = correction("failure.confirmed", page.Name, "DEPLOYMENT", is[0].ID)
	}
	return err
}

func (p *pages) readWaiting(ctx context.Context, page *servicePage) error {
	ages, err := p.waiting(ctx, page.Name)
	page.Waiting = p.waitingBlock(ages)
	return err
}

// shipped is how many changes a deployment is known to have shipped. Where its
// commit is not in the known history that is not 0 but unknown, and the baseline
// has no changes of its own.
func shipped(d deployment) string {
	if d.LinkQuality == "unknown_commit" || d.Class == "baseline" {
		return "–"
	}
	return strconv.FormatUint(uint64(d.Changes), 10)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
