package compute

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/org"
	"github.com/payoff-metrics/payoff/pkg/store"
)

var (
	//go:embed derive_org.sql
	deriveOrg string
	//go:embed derive_org_committers.sql
	deriveCommitters string
	//go:embed derive_hidden_repositories.sql
	deriveHiddenRepositories string
)

// organisationFact is the name under which a change of the organisation is marked:
// it touches every metric.
const organisationFact = "organisation"

// organisation brings what is declared into the tables that facts are attributed by.
// What it corrects is marked to be computed anew before it is written.
func (c *Computer) organisation(ctx context.Context, generation uint64) error {
	entities, err := c.readEntities(ctx)
	if err != nil {
		return err
	}
	was, err := c.readResolved(ctx)
	if err != nil {
		return err
	}
	now := org.Resolve(entities)
	owners := differ(was.Ownerships, now.Ownerships, ownershipTable.key, ownershipTable.same)
	sizes := differ(was.Sizes, now.Sizes, sizeTable.key, sizeTable.same)
	shown := differ(was.Shown, now.Shown, shownTable.key, shownTable.same)
	aliases := differ(was.Aliases, now.Aliases, aliasTable.key, aliasTable.same)
	if owners.empty() && sizes.empty() && shown.empty() && aliases.empty() {
		return nil
	}
	d := newDirt(at(lastYear))
	organisationDirt(was, now, d)
	if err := c.aliasDirt(ctx, aliases, d); err != nil {
		return err
	}
	if err := c.saveDirty(ctx, d, generation); err != nil {
		return err
	}
	if err := ownershipTable.write(ctx, c, owners, generation); err != nil {
		return err
	}
	if err := sizeTable.write(ctx, c, sizes, generation); err != nil {
		return err
	}
	if err := shownTable.write(ctx, c, shown, generation); err != nil {
		return err
	}
	return aliasTable.write(ctx, c, aliases, generation)
}

// committers makes the table of committers say what was linked of the services.
func (c *Computer) committers(ctx context.Context, services []string, generation uint64) error {
	if len(services) == 0 {
		return nil
	}
	if err := c.store.Exec(ctx, deriveCommitters, store.Param("services", services), store.Param("generation", generation)); err != nil {
		return fmt.Errorf("deriving the committers of %d services: %w", len(services), err)
	}
	return nil
}

// hide makes the table of what is told without names say what committers and owners
// do: of the services, or of all.
func (c *Computer) hide(ctx context.Context, of attributed, generation uint64) error {
	if len(of.services) == 0 && !of.all {
		return nil
	}
	quarters, _ := c.over([]metric.Grain{metric.Quarter}, []stretch{{at(firstYear), at(lastYear)}})
	if !of.all {
		quarters.Services = of.services
	}
	args := []any{store.Param("all", of.all), store.Param("services", append([]string{}, of.services...)),
		store.Param("zone", c.rules.Location.String()), store.Param("generation", generation)}
	err := c.store.Exec(ctx, `
		INSERT INTO payoff_private.hidden (service, repository, quarter, generation, deleted)
		SELECT service, '', quarter, {generation:UInt64}, if(max(here), 0, 1)
		FROM
		(
			SELECT service, toDate(window_start, {zone:String}) AS quarter, true AS here FROM (`+metric.Suppressed(quarters)+`)
			UNION ALL
			SELECT toString(service) AS service, quarter, false AS here FROM payoff_private.hidden FINAL
			WHERE repository = '' AND ({all:Bool} OR service IN {services:Array(String)})
		)
		GROUP BY service, quarter
		HAVING count() = 1
		SETTINGS `+notCompiled, args...)
	if err != nil {
		return fmt.Errorf("finding which of %d services facts do not name: %w", len(of.services), err)
	}
	// Where none of them is hidden, no repository is that was not.
	var hides bool
	err = c.store.Conn().QueryRow(ctx, `
		SELECT count() > 0 FROM payoff_private.hidden FINAL WHERE {all:Bool} OR repository != '' OR service IN {services:Array(String)}`, args...).Scan(&hides)
	if err == nil && hides {
		err = c.store.Exec(ctx, deriveHiddenRepositories+" SETTINGS "+notCompiled, args...)
	}
	if err != nil {
		return fmt.Errorf("finding which repositories of %d services facts do not name: %w", len(of.services), err)
	}
	return nil
}

func (c *Computer) readEntities(ctx context.Context) ([]org.Entity, error) {
	var out []org.Entity
	err := c.each(ctx, "what the organisation declares", `SELECT subject, rows FROM payoff_private.org_declared FINAL WHERE rows != '' ORDER BY subject, source`,
		func(rows store.Rows) error {
			var e org.Entity
			var text string
			if err := rows.Scan(&e.Subject, &text); err != nil {
				return err
			}
			out = append(out, e)
			return json.Unmarshal([]byte(text), &out[len(out)-1].Rows)
		})
	return out, err
}

// readResolved loads what facts are attributed by now.
func (c *Computer) readResolved(ctx context.Context) (r org.Resolved, err error) {
	if r.Ownerships, err = ownershipTable.all(ctx, c); err != nil {
		return r, err
	}
	if r.Sizes, err = sizeTable.all(ctx, c); err != nil {
		return r, err
	}
	if r.Shown, err = shownTable.all(ctx, c); err != nil {
		return r, err
	}
	r.Aliases, err = aliasTable.all(ctx, c)
	return r, err
}

// A periodKey is the sorting key of the tables of the organisation.
type periodKey struct {
	name string
	from int64 // Unix milliseconds
}

func samePeriod(a, b org.Period) bool { return a.From.Equal(b.From) && a.To.Equal(b.To) }

var ownershipTable = table[periodKey, org.Ownership]{
	name: "service_ownership",
	fields: []store.Field[org.Ownership]{
		store.Text("service", func(o *org.Ownership) *string { return &o.Service }),
		store.Text("team", func(o *org.Ownership) *string { return &o.Team }),
		store.Text("unit", func(o *org.Ownership) *string { return &o.Unit }),
		store.Time("valid_from", func(o *org.Ownership) *time.Time { return &o.From }),
		store.Time("valid_to", func(o *org.Ownership) *time.Time { return &o.To }),
	},
	key: func(o *org.Ownership) periodKey { return periodKey{o.Service, o.From.UnixMilli()} },
	same: func(a, b *org.Ownership) bool {
		return a.Team == b.Team && a.Unit == b.Unit && samePeriod(a.Period, b.Period)
	},
}

var sizeTable = table[periodKey, org.Size]{
	name: "team_sizes",
	fields: []store.Field[org.Size]{
		store.Text("team", func(s *org.Size) *string { return &s.Team }),
		store.Count("members", func(s *org.Size) *int { return &s.Members }),
		store.Time("valid_from", func(s *org.Size) *time.Time { return &s.From }),
		store.Time("valid_to", func(s *org.Size) *time.Time { return &s.To }),
	},
	key:  func(s *org.Size) periodKey { return periodKey{s.Team, s.From.UnixMilli()} },
	same: func(a, b *org.Size) bool { return a.Members == b.Members && samePeriod(a.Period, b.Period) },
}

var shownTable = table[periodKey, org.Shown]{
	name: "shown_owners",
	fields: []store.Field[org.Shown]{
		store.Text("service", func(s *org.Shown) *string { return &s.Service }),
		store.Text("team", func(s *org.Shown) *string { return &s.Team }),
		store.Text("unit", func(s *org.Shown) *string { return &s.Unit }),
		store.Flag("hidden", func(s *org.Shown) *bool { return &s.Hidden }),
		store.Time("valid_from", func(s *org.Shown) *time.Time { return &s.From }),
		store.Time("valid_to", func(s *org.Shown) *time.Time { return &s.To }),
	},
	key: func(s *org.Shown) periodKey { return periodKey{s.Service, s.From.UnixMilli()} },
	same: func(a, b *org.Shown) bool {
		return a.Team == b.Team && a.Unit == b.Unit && a.Hidden == b.Hidden && samePeriod(a.Period, b.Period)
	},
}

var aliasTable = table[periodKey, org.Alias]{
	name: "person_aliases",
	fields: []store.Field[org.Alias]{
		store.Text("alias", func(a *org.Alias) *string { return &a.Alias }),
		store.Text("person", func(a *org.Alias) *string { return &a.Person }),
		store.Time("valid_from", func(a *org.Alias) *time.Time { return &a.From }),
		store.Time("valid_to", func(a *org.Alias) *time.Time { return &a.To }),
	},
	key:  func(a *org.Alias) periodKey { return periodKey{a.Alias, a.From.UnixMilli()} },
	same: func(a, b *org.Alias) bool { return a.Person == b.Person && samePeriod(a.Period, b.Period) },
}

// A telling is what something was for a time, as far as points depend on it.
type telling struct {
	value string
	org.Period
}

// organisationDirt marks the time in which a service is told of otherwise than before.
func organisationDirt(was, now org.Resolved, d dirt) {
	before, after := tellings(was), tellings(now)
	for key := range before {
		if _, there := after[key]; !there {
			after[key] = nil
		}
	}
	for key, told := range after {
		markDifferent(before[key], told, d)
	}
}

// tellings are the resolved periods by what they tell of. What nothing is told of is
// nobody's service: the empty value. Whether anybody owns a service decides whether
// its committers are looked at, also where no name of a team is shown.
func tellings(r org.Resolved) map[string][]telling {
	out := make(map[string][]telling)
	for _, s := range r.Shown {
		value := ""
		if s.Team != "" || s.Unit != "" || s.Hidden {
			value = fmt.Sprintf("%s\x00%s\x00%t", s.Team, s.Unit, s.Hidden)
		}
		out["shown "+s.Service] = append(out["shown "+s.Service], telling{value, s.Period})
	}
	for _, o := range r.Ownerships {
		value := ""
		if o.Team != "" {
			value = "owned"
		}
		out["owned "+o.Service] = append(out["owned "+o.Service], telling{value, o.Period})
	}
	return out
}

func markDifferent(before, after []telling, d dirt) {
	nothing := []telling{{"", org.Period{From: org.Ever, To: org.Always}}}
	if before == nil {
		before = nothing
	}
	if after == nil {
		after = nothing
	}
	for _, a := range before {
		for _, b := range after {
			if a.value != b.value {
				// Windows are those of the calendar; beyond it nothing is computed.
				d.add(organisationFact, later(later(a.From, b.From), at(firstYear-1)), earlier(earlier(a.To, b.To), at(lastYear+1)))
			}
		}
	}
}

// aliasDirt marks when changes came of people whose accounts are others than was
// said before: a service may have had one committer, or more.
func (c *Computer) aliasDirt(ctx context.Context, changed diff[org.Alias], d dirt) error {
	var people []string
	for _, part := range [][]org.Alias{changed.put, changed.drop, changed.old} {
		for _, a := range part {
			people = append(people, a.Alias, a.Person)
		}
	}
	if len(people) == 0 {
		return nil
	}
	return c.each(ctx, "when people committed", `SELECT DISTINCT toStartOfHour(at) FROM payoff_private.committers FINAL WHERE person IN {people:Array(String)}`,
		func(rows store.Rows) error {
			var hour time.Time
			err := rows.Scan(&hour)
			d.add(organisationFact, hour, hour.Add(time.Hour))
			return err
		}, store.Param("people", sorted(people)))
}
