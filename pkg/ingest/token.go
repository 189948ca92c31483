package ingest

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/cloudevents"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// A grant is a token as it is checked.
type grant struct {
	name      string
	sum       [sha256.Size]byte // of the secret: sums have one length, so comparing them tells nothing of it
	sources   collect.Patterns
	kinds     collect.Patterns
	allKinds  bool
	canonical bool
	limiter   *limiter
}

func newGrant(t Token) (*grant, error) {
	g := &grant{name: t.Name, sum: sha256.Sum256(t.Secret), allKinds: len(t.Kinds) == 0, canonical: t.Canonical}
	var err error
	if g.sources, err = patterns(t.Sources); err != nil {
		return nil, fmt.Errorf("sources: %w", err)
	}
	if g.kinds, err = patterns(t.Kinds); err != nil {
		return nil, fmt.Errorf("kinds: %w", err)
	}
	return g, nil
}

// patterns takes "*" for everything: sources are URIs, and a lone star that
// stops at the first slash would surprise.
func patterns(globs []string) (collect.Patterns, error) {
	out := make([]string, len(globs))
	for i, g := range globs {
		if out[i] = g; g == "*" {
			out[i] = "**"
		}
	}
	return collect.NewPatterns(out...)
}

// bearer finds the grant of a request's token, nil if it has none. Every token
// is compared, so that how long it takes does not tell which.
func (s *Server) bearer(h http.Header) *grant {
	const scheme = "Bearer "
	text := h.Get("Authorization")
	if len(text) <= len(scheme) || !strings.EqualFold(text[:len(scheme)], scheme) {
		return nil
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(text[len(scheme):])))
	var found *grant
	for _, g := range s.grants {
		if subtle.ConstantTimeCompare(sum[:], g.sum[:]) == 1 {
			found = g
		}
	}
	return found
}

// allow returns what of drafts the grant does not cover.
func (g *grant) allow(drafts []events.Draft) (refused []cloudevents.Problem) {
	for i := range drafts {
		d := &drafts[i]
		p := cloudevents.Problem{Index: i, ID: d.Natural[len(d.Natural)-1]}
		switch {
		case !g.sources.Match(d.Source):
			p.Field, p.Reason = "source", "the token may not send events of this source: use the source's own token, or add the source to the token's"
		case !g.allKinds && !g.kinds.Match(string(d.Kind)):
			p.Field, p.Reason = "type", "the token may not send events of this kind: add "+string(d.Kind)+" to the token's kinds"
		default:
			continue
		}
		refused = append(refused, p)
	}
	return refused
}
