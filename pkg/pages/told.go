package pages

import (
	"context"
	"fmt"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// told says what may be told of services by themselves: what happened in quarters in
// which they are not hidden. In a quarter a service of several people has changes of
// more than one, and a service that was hidden for a part of it is hidden in it.
type told struct {
	location  *time.Location
	published map[time.Time][]metric.Point // by the start of the quarter, UTC
}

// told reads what decides it for some services.
func (p *pages) told(ctx context.Context, services []string) (told, error) {
	t := told{p.Location, make(map[time.Time][]metric.Point)}
	defs := p.delivery("service")
	if len(services) == 0 || len(defs) == 0 {
		return t, nil // no restriction would be all services
	}
	ps, err := points.Read(ctx, p.Store, points.Ask{Metric: defs[0], More: defs[1:], Grain: metric.Quarter, Services: services, Main: true})
	for _, pt := range ps {
		t.published[pt.Start.UTC()] = append(t.published[pt.Start.UTC()], pt)
	}
	return t, err
}

// of reports whether what happened to one of the services at a time may be told.
func (t told) of(service string, at time.Time) bool {
	quarter := metric.At(metric.Quarter, at, t.location).Start.UTC()
	return len(points.Hidden([]string{service}, t.published[quarter])) == 0
}

// quarters names, by their first days, those in which a service may be told of.
func (t told) quarters(service string) []string {
	names := []string{}
	for start := range t.published {
		if t.of(service, start) {
			names = append(names, start.In(t.location).Format(time.DateOnly))
		}
	}
	return names
}

// inQuarters is the condition that an instant lies in one of the told quarters.
func inQuarters(at string) string {
	return "toString(toStartOfQuarter(" + at + ", {zone:String})) IN {quarters:Array(String)}"
}

// only are the values of inQuarters for a service.
func (t told) only(service string, more ...any) []any {
	return append(more, store.Param("service", service), store.Param("zone", t.location.String()), store.Param("quarters", t.quarters(service)))
}

// happened reports whether anything is known of a service in production.
func (p *pages) happened(ctx context.Context, service string) (is bool, err error) {
	err = p.Store.Conn().QueryRow(ctx, `
		SELECT count() > 0 FROM
		(
			SELECT 1 FROM payoff.deployments WHERE service = {service:String} AND tier = 'production' LIMIT 1
			UNION ALL SELECT 1 FROM payoff.incidents WHERE service = {service:String} AND tier = 'production' LIMIT 1
			UNION ALL SELECT 1 FROM payoff.waiting_changes WHERE service = {service:String} AND tier = 'production' LIMIT 1
		)`, store.Param("service", service)).Scan(&is)
	if err != nil {
		return false, fmt.Errorf("finding whether anything is known of %s: %w", service, store.Classify(ctx, err))
	}
	return is, nil
}
