package instance

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/org"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// Rules are what the configuration, and the services that the organisation
// declares, mean to linking and computing.
func Rules(ctx context.Context, c config.Config, s *store.Store) (compute.Rules, error) {
	declared, err := declaredServices(ctx, s)
	if err != nil {
		return compute.Rules{}, err
	}
	parts := partsOf(c, org.Parts(declared))
	windows := map[string]config.Windows{"": c.Windows}
	for _, s := range c.Services {
		windows[s.Name] = c.WindowsOf(s.Name)
	}
	maps.DeleteFunc(windows, func(service string, w config.Windows) bool { return service != "" && w == c.Windows })
	digest, err := json.Marshal([]any{c.Tiers, windows, parts})
	if err != nil {
		return compute.Rules{}, fmt.Errorf("naming the rules of computing: %w", err)
	}
	return compute.Rules{Location: c.Location(), Tier: c.Tier, Parts: parts, Digest: string(digest), Windows: func(service string) dora.Windows {
		w := c.WindowsOf(service)
		return dora.Windows{Failure: time.Duration(w.Failure), Remedy: time.Duration(w.Remedy)}
	}}, nil
}

// partsOf adds to the parts of the organisation those of services that only the
// configuration names, with a repository that is no pattern.
func partsOf(c config.Config, declared []org.Part) []org.Part {
	out := declared
	for _, s := range c.Services {
		known := slices.ContainsFunc(declared, func(p org.Part) bool { return p.Service == s.Name })
		if s.Repository != "" && !known && !strings.ContainsAny(s.Repository, `*?[{\`) {
			out = append(out, org.Part{Service: s.Name, Repository: s.Repository})
		}
	}
	return out
}

// declaredServices reads the services of the organisation from the facts, not from
// what computing derives of them: so the first run that sees a declaration counts
// by it.
func declaredServices(ctx context.Context, s *store.Store) ([]org.Entity, error) {
	rows, err := s.Query(ctx, `
		SELECT subject, argMax(JSONExtractRaw(data, 'subject', 'content', 'rows'), version) AS declared
		FROM payoff_private.events
		WHERE kind = 'org.declared' AND startsWith(subject, 'service/')
		GROUP BY source, subject
		HAVING declared != ''
		ORDER BY subject, source`)
	if err != nil {
		return nil, fmt.Errorf("reading the services of the organisation: %w", err)
	}
	defer rows.Close()
	var out []org.Entity
	for rows.Next() {
		var e org.Entity
		var text string
		if err := rows.Scan(&e.Subject, &text); err != nil {
			return nil, fmt.Errorf("reading the services of the organisation: %w", err)
		}
		if err := json.Unmarshal([]byte(text), &e.Rows); err != nil {
			return nil, fmt.Errorf("reading what is declared of %s: %w", e.Subject, err)
		}
		out = append(out, e)
	}
	return out, rows.Err()
}
