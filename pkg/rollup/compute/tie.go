package compute

import (
	"context"
	"slices"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// disturbed lists every service that has an incident, the empty name for those
// that name none.
func (c *Computer) disturbed(ctx context.Context) ([]string, error) {
	var out []string
	err := c.each(ctx, "disturbed services", `SELECT DISTINCT toString(service) FROM payoff_private.incident_facts ORDER BY 1`, func(rows store.Rows) error {
		var s string
		if err := rows.Scan(&s); err != nil {
			return err
		}
		out = append(out, s)
		return nil
	})
	return out, err
}

// A scope is the services of which failures are placed, sorted, and what people
// said of any.
type scope struct {
	services    []string
	corrections []dora.Correction
}

// concerned adds to services those their incidents tie them to: an incident of one
// that names a deployment of another is placed there, and so nowhere else. What is
// placed then does not depend on which of them was touched.
func (c *Computer) concerned(ctx context.Context, services []string) (scope, error) {
	if len(services) == 0 {
		return scope{}, nil
	}
	corrections, err := c.readCorrections(ctx)
	if err != nil {
		return scope{}, err
	}
	ties, err := c.ties(ctx, corrections)
	if err != nil {
		return scope{}, err
	}
	in := make(map[string]bool)
	for _, s := range services {
		in[s] = true
	}
	for grown := true; grown; {
		grown = false
		for _, tie := range ties {
			if !slices.ContainsFunc(tie, func(s string) bool { return in[s] }) {
				continue
			}
			for _, s := range tie {
				grown = grown || !in[s]
				in[s] = true
			}
		}
	}
	out := make([]string, 0, len(in))
	for s := range in {
		out = append(out, s)
	}
	return scope{sorted(out), corrections}, nil
}

// ties lists, for each incident that names a deployment or a commit and for each
// correction of an incident, the services it speaks of.
func (c *Computer) ties(ctx context.Context, corrections []dora.Correction) ([][]string, error) {
	type named struct{ services, names []string }
	by := make(map[string]*named)
	err := c.each(ctx, "incidents that name a deployment", `
		SELECT incident, groupUniqArray(toString(service)), arrayConcat(groupUniqArray(deployment), groupUniqArray(commit))
		FROM payoff_private.incident_facts FINAL
		WHERE incident IN (SELECT incident FROM payoff_private.incident_facts WHERE deployment != '' OR commit != '')
			OR incident IN (SELECT incident FROM payoff_private.corrections WHERE incident != '')
		GROUP BY incident`, func(rows store.Rows) error {
		var incident string
		var n named
		if err := rows.Scan(&incident, &n.services, &n.names); err != nil {
			return err
		}
		by[incident] = &n
		return nil
	})
	if err != nil || len(by) == 0 {
		return nil, err
	}
	var names []string
	for _, n := range by {
		for i, name := range n.names {
			n.names[i] = strings.TrimPrefix(name, "deployment:")
		}
		names = append(names, n.names...)
	}
	owners, err := c.owners(ctx, distinct(names))
	if err != nil {
		return nil, err
	}
	for _, m := range corrections {
		if n := by[m.Incident]; n != nil {
			n.services = append(n.services, m.Service)
		}
	}
	var out [][]string
	for _, n := range by {
		for _, name := range n.names {
			n.services = append(n.services, owners[name]...)
		}
		if n.services = sorted(n.services); len(n.services) > 1 {
			out = append(out, n.services)
		}
	}
	return out, nil
}

// owners lists the services whose deployments go by each name.
func (c *Computer) owners(ctx context.Context, names []string) (map[string][]string, error) {
	out := make(map[string][]string)
	if len(names) == 0 {
		return out, nil
	}
	err := c.each(ctx, "whose deployments incidents name", `
		SELECT name, groupUniqArray(toString(service)) FROM payoff_private.attempts
		ARRAY JOIN arrayConcat([toString(event_id), attempt, run_id, artifact_version, commit], aliases) AS name
		WHERE name IN {names:Array(String)} AND service != ''
		GROUP BY name`, func(rows store.Rows) error {
		var name string
		var services []string
		if err := rows.Scan(&name, &services); err != nil {
			return err
		}
		out[name] = services
		return nil
	}, store.Param("names", names))
	return out, err
}
