package org_test

import (
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/org"
)

// TestParts: a service that got a folder of a shared repository has all of it
// before, and the folder from that day on.
func TestParts(t *testing.T) {
	march := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	parts := org.Parts([]org.Entity{
		{Subject: "team/web", Rows: []events.Declared{{Repository: "no service"}}},
		{Subject: "service/web", Rows: []events.Declared{
			{Repository: "acme/shop", Paths: []string{"web/**", "go.mod"}, From: events.FormatTime(march)},
			{Repository: "acme/shop", To: events.FormatTime(march)},
			{Team: "web"},
		}},
	})
	if len(parts) != 2 {
		t.Fatalf("the parts are %+v, want two", parts)
	}
	for _, c := range []struct {
		at    time.Time
		paths []string
		want  bool
	}{
		{march.Add(-time.Second), []string{"cart/x"}, true},
		{march, []string{"cart/x"}, false},
		{march, []string{"cart/x", "web/src/y"}, true},
		{march, []string{"go.mod"}, true},
		{march, []string{"web"}, true},
		{march, nil, false},
		{time.Unix(0, 0), nil, true},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), []string{"web/x"}, true},
	} {
		if got := parts[0].Has(c.at, c.paths) || parts[1].Has(c.at, c.paths); got != c.want {
			t.Errorf("at %s %v is of the service: %v, want %v", c.at, c.paths, got, c.want)
		}
	}
}
