package pages

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// shownDeployments is how many of the latest deployments a service page lists.
const shownDeployments = 12

// servicePage is what `/service/{name}` shows.
type servicePage struct {
	layout
	Name         string
	Owners       []ownerRow
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
	b, err := p.board(ctx, grain, of, p.delivery("service"))
	if err != nil {
		return answer{}, err
	}
	page.Grain, page.Grains = b.grain, grainChoices(of.path(), b.grain)
	page.Figures, page.Watched = p.split(b)
	if page.Score, err = p.score(ctx, of); err != nil {
		return answer{}, err
	}
	for _, read := range []func(context.Context, *servicePage) error{p.owners, p.readFailures, p.readWaiting, p.readDeployments} {
		if err := read(ctx, &page); err != nil {
			return answer{}, err
		}
	}
	return p.render("service", page)
}

func (p *pages) readFailures(ctx context.Context, page *servicePage) error {
	fs, err := p.failures(ctx, page.Name)
	if err != nil {
		return err
	}
	is, err := p.unattributed(ctx, page.Name)
	if err != nil {
		return err
	}
	page.Failures, page.Incidents = p.failureRows(page.Name, fs), p.incidentRows(is)
	if len(fs) > 0 {
		page.Failed = int(fs[0].Total)
	}
	if len(is) > 0 {
		page.Unattributed = int(is[0].Total)
		page.Attribute = correction("failure.confirmed", page.Name, "DEPLOYMENT", is[0].ID)
	}
	return nil
}

func (p *pages) readWaiting(ctx context.Context, page *servicePage) error {
	ages, oldest, err := p.waiting(ctx, page.Name)
	page.Waiting = p.waitingBlock(ages, oldest)
	return err
}

func (p *pages) readDeployments(ctx context.Context, page *servicePage) error {
	ds, err := p.latestDeployments(ctx, page.Name, shownDeployments)
	for _, d := range ds {
		row := deploymentRow{Version: orDash(d.Version), When: p.time(d.Ended), Stamp: stamp(d.Ended), Class: class(d.Class), Changes: shipped(d), Provenance: provenance(d)}
		if d.Commit != "" && d.LinkQuality != "unknown_commit" {
			row.Href = changeHref(d.Repository, d.Commit)
		}
		page.Deployments = append(page.Deployments, row)
	}
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
