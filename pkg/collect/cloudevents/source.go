package cloudevents

import (
	"net/http"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// Source makes posted events a collect.Source, for those that treat all
// deliveries alike: replay, and trying a file.
type Source struct{}

// Name is "events".
func (Source) Name() string { return "events" }

// Verify checks a bearer token.
func (Source) Verify(h http.Header, body []byte, secrets [][]byte) error {
	return collect.SharedToken{Header: "Authorization", Prefix: "Bearer "}.Verify(h, body, secrets)
}

// Normalise is Parse without its warnings.
func (Source) Normalise(d collect.Delivery) ([]events.Draft, error) {
	drafts, _, err := Parse(d)
	return drafts, err
}
