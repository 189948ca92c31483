// Package dashboard makes Grafana dashboards from the catalogue of metrics and
// proves them: every rule is linted, every query run, every number compared.
//
// It stands behind the points, beside pages and review:
//
//	metric.Def ──▶ Delivery, Health ──▶ dashboards/*.json ──▶ Grafana ──▶ payoff.metric_points
//	                    └──▶ Lint, Check (against a store), Push
//
// A metric that is added to the catalogue gets its panels without a line here.
// The panels read the published points, never the facts, so a number in Grafana
// has the digits that `payoff metrics query` prints.
package dashboard

import sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// A Dashboard is one of Grafana's dashboards in the classic schema.
//
//lint:ignore SA1019 the classic schema is the one that Grafana 10 to 12 provisions from files
type Dashboard = sdk.Dashboard

// Stable names: they are in links and bookmarks.
const (
	DeliveryUID = "payoff-delivery"
	HealthUID   = "payoff-health"
	tag         = "payoff"
)
