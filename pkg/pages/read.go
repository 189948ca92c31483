package pages

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/store"
)

// A source is how far one source has been heard of.
type source struct {
	Name     string
	Happened time.Time // when the latest of its facts happened; zero: none is believed
	Received time.Time
	Facts    uint64
}

func (p *pages) sources(ctx context.Context) ([]source, error) {
	return remember(ctx, p, &p.heard, "", func() ([]source, error) { return p.readSources(ctx) })
}

func (p *pages) readSources(ctx context.Context) ([]source, error) {
	rows, err := p.Store.Query(ctx, `SELECT source, last_occurred_at, last_received_at, facts FROM payoff.freshness ORDER BY source`)
	if err != nil {
		return nil, fmt.Errorf("reading the freshness of sources: %w", err)
	}
	defer rows.Close()
	var out []source
	for rows.Next() {
		var s source
		if err := rows.Scan(&s.Name, &s.Happened, &s.Received, &s.Facts); err != nil {
			return nil, fmt.Errorf("reading the freshness of a source: %w", store.Classify(ctx, err))
		}
		if s.Happened.Unix() == 0 {
			s.Happened = time.Time{}
		}
		out = append(out, s)
	}
	return out, store.Classify(ctx, rows.Err())
}

// services lists the services of which a deployment to any tier is known.
func (p *pages) services(ctx context.Context) ([]string, error) {
	rows, err := p.Store.Query(ctx, `SELECT DISTINCT toString(service) AS name FROM payoff.service_coverage ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("listing services: %w", err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("listing services: %w", store.Classify(ctx, err))
		}
		out = append(out, name)
	}
	return out, store.Classify(ctx, rows.Err())
}

// inProduction are those of the services of which a deployment to production is known.
func (p *pages) inProduction(ctx context.Context, services []string) (deployed []string, err error) {
	err = p.Store.Conn().QueryRow(ctx, `
		SELECT groupUniqArray(toString(service)) FROM payoff.service_coverage WHERE tier = 'production' AND service IN {services:Array(String)}`,
		store.Param("services", services)).Scan(&deployed)
	if err != nil {
		return nil, fmt.Errorf("finding which services were deployed to production: %w", store.Classify(ctx, err))
	}
	return deployed, nil
}

// A deployment is one row of payoff.deployments.
type deployment struct {
	ID, Tier                 string
	Service, Version, Class  string
	Ended                    time.Time
	Changes                  uint32
	LinkQuality, TimeQuality string
	Environments             []string
	Commit, Repository       string
}

const deploymentColumns = `toString(deployment_id), toString(tier), toString(service), artifact_version, toString(class), ended_at, changes, toString(link_quality), toString(time_quality), environments, commit, toString(repository)`

// latestDeployments are those to production, the latest first, and the versions of those
// that are named: in one query, as each costs more than its rows.
func (p *pages) latestDeployments(ctx context.Context, service string, limit int, named []string) (latest []deployment, versions map[string]string, err error) {
	all, err := p.deployments(ctx, `SELECT `+deploymentColumns+` FROM payoff.deployments
		WHERE service = {service:String} AND (tier = 'production' OR has({named:Array(String)}, toString(deployment_id)))
		ORDER BY has({named:Array(String)}, toString(deployment_id)) DESC, ended_at DESC, started_at DESC, deployment_id DESC LIMIT {limit:UInt32}`,
		store.Param("service", service), store.Param("named", named), store.Param("limit", uint32(limit+len(named))))
	versions = make(map[string]string, len(all))
	for _, d := range all {
		if versions[d.ID] = d.Version; d.Version == "" {
			versions[d.ID] = shortHash(d.Commit)
		}
	}
	latest = slices.DeleteFunc(all, func(d deployment) bool { return d.Tier != "production" })
	slices.SortStableFunc(latest, func(a, b deployment) int { return b.Ended.Compare(a.Ended) })
	return latest[:min(limit, len(latest))], versions, err
}

// lastDeployments is the latest successful one of each service.
func (p *pages) lastDeployments(ctx context.Context, services []string) (map[string]deployment, error) {
	ds, err := p.deployments(ctx, `SELECT `+deploymentColumns+` FROM payoff.deployments
		WHERE has({services:Array(String)}, service) AND tier = 'production' AND succeeded
		ORDER BY ended_at DESC, started_at DESC, deployment_id DESC LIMIT 1 BY service`, store.Param("services", services))
	out := make(map[string]deployment, len(ds))
	for _, d := range ds {
		out[d.Service] = d
	}
	return out, err
}

func (p *pages) deployments(ctx context.Context, sql string, args ...any) ([]deployment, error) {
	rows, err := p.Store.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading deployments: %w", err)
	}
	defer rows.Close()
	var out []deployment
	for rows.Next() {
		var d deployment
		if err := rows.Scan(&d.ID, &d.Tier, &d.Service, &d.Version, &d.Class, &d.Ended, &d.Changes, &d.LinkQuality, &d.TimeQuality, &d.Environments, &d.Commit, &d.Repository); err != nil {
			return nil, fmt.Errorf("reading a deployment: %w", store.Classify(ctx, err))
		}
		out = append(out, d)
	}
	return out, store.Classify(ctx, rows.Err())
}
