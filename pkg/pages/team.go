package pages

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// An ownership is a row of payoff.service_owners: from when to when a team owned a
// service.
type ownership struct {
	Service string    `ch:"service"`
	Team    string    `ch:"team"`
	Unit    string    `ch:"unit"`
	From    time.Time `ch:"valid_from"`
	To      time.Time `ch:"valid_to"`
}

// ownerships are those that satisfy a condition, by service, the latest first.
func (p *pages) ownerships(ctx context.Context, where string, args ...any) ([]ownership, error) {
	var out []ownership
	err := p.Store.Select(ctx, &out, `SELECT toString(service) AS service, toString(team) AS team, toString(unit) AS unit, valid_from, valid_to
		FROM payoff.service_owners WHERE team != '' AND `+where+` ORDER BY service, valid_from DESC`, args...)
	if err != nil {
		return nil, fmt.Errorf("reading who owned what: %w", err)
	}
	return out, nil
}

// An ownerRow is an ownership for reading.
type ownerRow struct {
	Service, Team, Unit link
	From, To            string // days; "" where there is no bound
}

func (p *pages) ownerRows(os []ownership) []ownerRow {
	var out []ownerRow
	for _, o := range os {
		row := ownerRow{Service: link{o.Service, subject{Service: o.Service}.path()}, Team: link{o.Team, subject{Team: o.Team}.path()}}
		if o.Unit != "" {
			row.Unit = link{o.Unit, subject{Unit: o.Unit}.path()}
		}
		row.From, row.To = p.bound(o.From), p.bound(o.To)
		out = append(out, row)
	}
	return out
}

// bound is the day of an end of an ownership; "" where it is open: everything that
// is declared lies between 1900 and 2200.
func (p *pages) bound(t time.Time) string {
	if y := t.Year(); y <= 1900 || y >= 2200 {
		return ""
	}
	return t.In(p.Location).Format(time.DateOnly)
}

// owners are the latest owners of a service.
func (p *pages) owners(ctx context.Context, page *servicePage) error {
	os, err := p.ownerships(ctx, "service = {service:String}", store.Param("service", page.Name))
	page.Owners = p.ownerRows(os[:min(len(os), 3)])
	return err
}

// A team is a row of payoff.teams as it stands now.
type team struct {
	Name string `ch:"team"`
	Unit string `ch:"unit"`
}

// organisation lists the teams there are or were, by unit and name.
func (p *pages) organisation(ctx context.Context) ([]team, error) {
	var out []team
	if err := p.Store.Select(ctx, &out, `SELECT toString(team) AS team, toString(argMax(unit, valid_from)) AS unit FROM payoff.teams GROUP BY team ORDER BY unit, team`); err != nil {
		return nil, fmt.Errorf("listing teams: %w", err)
	}
	return out, nil
}

// teamsPage is what `/teams/` shows.
type teamsPage struct {
	layout
	Units []unitRow
}

type unitRow struct {
	ID, Name, Href string
	Teams          []link
}

func (p *pages) teams(r *http.Request) (answer, error) {
	all, err := p.organisation(r.Context())
	if err != nil {
		return answer{}, err
	}
	page := teamsPage{layout: p.layout("Teams", "teams")}
	for _, t := range all {
		if n := len(page.Units); n == 0 || page.Units[n-1].Name != unitName(t.Unit) {
			row := unitRow{ID: fmt.Sprintf("unit-%d", n), Name: unitName(t.Unit)}
			if t.Unit != "" {
				row.Href = subject{Unit: t.Unit}.path()
			}
			page.Units = append(page.Units, row)
		}
		last := &page.Units[len(page.Units)-1]
		last.Teams = append(last.Teams, link{t.Name, subject{Team: t.Name}.path()})
	}
	return p.render("teams", page)
}

func unitName(unit string) string {
	if unit == "" {
		return "In no unit"
	}
	return unit
}

// teamPage is what `/team/{name}` and `/unit/{name}` show.
type teamPage struct {
	layout
	Kind, Name string
	Above      []link // the unit of a team
	Hidden     string // why there are no numbers
	Small      string // the day since when the team is too small to be shown by itself; "" if it is not
	Grain      metric.Grain
	Grains     []choice
	Figures    []figure
	Watched    []figure
	Score      *scoreBlock // of a unit
	Teams      []link      // of a unit
	Owned      []ownerRow
}

func (p *pages) team(r *http.Request) (answer, error) {
	name := r.PathValue("name")
	all, err := p.organisation(r.Context())
	if err != nil {
		return answer{}, err
	}
	i := slices.IndexFunc(all, func(t team) bool { return t.Name == name })
	if i < 0 {
		var names []string
		for _, t := range all {
			names = append(names, t.Name)
		}
		e := notFound("No team named “" + clip(name) + "” is declared.")
		e.links = linksTo("/team/", nearest(name, names))
		return answer{}, e
	}
	page := teamPage{layout: p.layout(name, ""), Kind: "Team", Name: name}
	if u := all[i].Unit; u != "" {
		page.Above = []link{{u, subject{Unit: u}.path()}}
	}
	return p.teamOrUnit(r, page, subject{Team: name})
}

func (p *pages) unit(r *http.Request) (answer, error) {
	name := r.PathValue("name")
	all, err := p.organisation(r.Context())
	if err != nil {
		return answer{}, err
	}
	page := teamPage{layout: p.layout(name, ""), Kind: "Unit", Name: name}
	var units []string
	for _, t := range all {
		if t.Unit != "" && !slices.Contains(units, t.Unit) {
			units = append(units, t.Unit)
		}
		if t.Unit == name {
			page.Teams = append(page.Teams, link{t.Name, subject{Team: t.Name}.path()})
		}
	}
	if !slices.Contains(units, name) {
		e := notFound("No unit named “" + clip(name) + "” is declared.")
		e.links = linksTo("/unit/", nearest(name, units))
		return answer{}, e
	}
	return p.teamOrUnit(r, page, subject{Unit: name})
}

// teamOrUnit adds the numbers and the services.
func (p *pages) teamOrUnit(r *http.Request, page teamPage, of subject) (answer, error) {
	ctx := r.Context()
	grain, err := grainOf(r)
	if err != nil {
		return answer{}, err
	}
	reads := []func(context.Context) error{
		func(ctx context.Context) error {
			shown, err := p.hasPoints(ctx, of)
			if !shown {
				page.Hidden = hidden(of)
			}
			return err
		},
		func(ctx context.Context) error {
			b, err := p.board(ctx, grain, of, p.delivery(of.level()))
			page.Grain, page.Grains = b.grain, grainChoices(of.path(), b.grain)
			page.Figures, page.Watched = p.split(b)
			return err
		},
		func(ctx context.Context) error {
			os, err := p.ownerships(ctx, of.level()+" = {name:String}", store.Param("name", of.name()))
			page.Owned = p.ownerRows(os)
			return err
		},
	}
	if of.level() == "unit" {
		reads = append(reads, func(ctx context.Context) (err error) { page.Score, err = p.score(ctx, of); return err })
	}
	if of.level() == "team" {
		reads = append(reads, func(ctx context.Context) (err error) { page.Small, err = p.smallSince(ctx, of.Team); return err })
	}
	if err := together(ctx, reads...); err != nil {
		return answer{}, err
	}
	return p.render("team", page)
}

// smallSince is the day since when a team that was large enough to be shown by itself
// no longer is; "" where it is, or never was.
func (p *pages) smallSince(ctx context.Context, name string) (string, error) {
	var rows []struct {
		Since time.Time `ch:"since"`
	}
	err := p.Store.Select(ctx, &rows, `SELECT max(valid_to) AS since FROM payoff.team_members WHERE team = {team:String} AND members IS NOT NULL HAVING count() > 0`,
		store.Param("team", name))
	if err != nil {
		return "", fmt.Errorf("reading the sizes of team %s: %w", name, err)
	}
	if len(rows) == 0 || rows[0].Since.After(p.Now()) {
		return "", nil
	}
	return p.bound(rows[0].Since), nil
}

// hasPoints reports whether anything is published of a subject.
func (p *pages) hasPoints(ctx context.Context, of subject) (bool, error) {
	for _, d := range p.delivery(of.level()) {
		ask := of.ask(d, metric.Quarter)
		ask.Main = true
		ps, err := points.Read(ctx, p.Store, ask)
		if err != nil || len(ps) > 0 {
			return err == nil, err
		}
	}
	return false, nil
}

// hidden says why a team or unit has no numbers.
func hidden(of subject) string {
	if of.level() == "unit" {
		return "No deployment is known of a service that this unit owned at the time."
	}
	return "This team is shown only inside its unit: it had fewer than three members, so that its numbers could be a person's, or it stands in for a team of one, whose numbers would else be what is left of the unit, or no deployment is known of a service that it owned at the time."
}
