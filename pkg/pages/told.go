package pages

import (
	"context"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
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
