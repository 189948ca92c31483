package pages

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// shownFailures is how many failed deployments and unattributed incidents a
// service page lists.
const shownFailures = 6

// A failure is a row of payoff.failed_deployments.
type failure struct {
	ID         string     `ch:"id"`
	Ended      time.Time  `ch:"ended"`
	Rule       string     `ch:"rule"`
	Incidents  []string   `ch:"incidents"`
	Remedies   []string   `ch:"remedies"` // identities of deployments
	Restored   *time.Time `ch:"restored_at"`
	RecoveryMS *int64     `ch:"recovery_ms"`
	Open       bool       `ch:"open"`
	Total      uint64     `ch:"total"`
}

// failures are the latest failed deployments of a service to production.
func (p *pages) failures(ctx context.Context, service string) ([]failure, error) {
	var out []failure
	err := p.Store.Select(ctx, &out, `
		SELECT toString(deployment_id) AS id, ended_at AS ended, toString(rule) AS rule, incidents, remedies, restored_at, recovery_ms, open, count() OVER () AS total
		FROM payoff.failed_deployments
		WHERE service = {service:String} AND tier = 'production'
		ORDER BY ended_at DESC, id LIMIT {limit:UInt32}`, store.Param("service", service), store.Param("limit", uint32(shownFailures)))
	if err != nil {
		return nil, fmt.Errorf("reading the failed deployments of %s: %w", service, err)
	}
	return out, nil
}

// A failureRow is one for reading.
type failureRow struct {
	Version, When, Stamp string
	Rule                 string // in words
	Because              string // incidents and remedies
	Restored             string
	Dismiss              string // command that takes it back
}

// failureRows names the deployments by their versions.
func (p *pages) failureRows(service string, fs []failure, versions map[string]string) []failureRow {
	var out []failureRow
	for _, f := range fs {
		row := failureRow{Version: orDash(versions[f.ID]), When: p.time(f.Ended), Stamp: stamp(f.Ended), Rule: ruleWords(f.Rule), Because: because(f, versions), Restored: "not yet"}
		if f.Restored != nil {
			row.Restored = p.time(*f.Restored)
		}
		if f.RecoveryMS != nil {
			ms := float64(*f.RecoveryMS)
			row.Restored += ", after " + metric.Milliseconds.Format(&ms)
		}
		row.Dismiss = correction("failure.dismissed", service, f.ID, "")
		out = append(out, row)
	}
	return out
}

// ruleWords says why a deployment counts as failed.
func ruleWords(rule string) string {
	switch rule {
	case "confirmed":
		return "A person said so."
	case "a":
		return "Rule a: an incident names it or its commit."
	case "b":
		return "Rule b: it was rolled back, or a change it shipped was reverted."
	case "c":
		return "Rule c: a hotfix names it, or followed it as the latest before."
	case "d":
		return "Rule d: an incident of the service began soon after it."
	}
	return rule
}

func because(f failure, versions map[string]string) string {
	var parts []string
	if len(f.Incidents) > 0 {
		parts = append(parts, "incident "+strings.Join(f.Incidents, ", "))
	}
	for _, r := range f.Remedies {
		parts = append(parts, "remedied by "+orDash(versions[r]))
	}
	return orDash(strings.Join(parts, "; "))
}

// An incident is one that marks no deployment.
type incident struct {
	ID       string    `ch:"incident"`
	Began    time.Time `ch:"began_at"`
	Severity string    `ch:"severity"`
	Total    uint64    `ch:"total"`
}

// unattributed are the latest such incidents of a service.
func (p *pages) unattributed(ctx context.Context, service string) ([]incident, error) {
	var out []incident
	err := p.Store.Select(ctx, &out, `
		SELECT incident, began_at, severity, count() OVER () AS total FROM payoff.incidents
		WHERE service = {service:String} AND tier = 'production' AND state = 'unattributed'
		ORDER BY began_at DESC, incident LIMIT {limit:UInt32}`, store.Param("service", service), store.Param("limit", uint32(shownFailures)))
	if err != nil {
		return nil, fmt.Errorf("reading the unattributed incidents of %s: %w", service, err)
	}
	return out, nil
}

type incidentRow struct{ ID, When, Stamp, Severity string }

func (p *pages) incidentRows(is []incident) []incidentRow {
	var out []incidentRow
	for _, i := range is {
		out = append(out, incidentRow{i.ID, p.time(i.Began), stamp(i.Began), orDash(i.Severity)})
	}
	return out
}
