package points

import (
	"context"
	"fmt"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// Changes reads the recorded changes of processes that had happened by a time, in
// their order.
func Changes(ctx context.Context, s *store.Store, until time.Time) ([]metric.Change, error) {
	var rows []struct {
		At      time.Time `ch:"changed_at"`
		What    string    `ch:"what"`
		Metrics []string  `ch:"metrics"`
		Service string    `ch:"service"`
		Team    string    `ch:"team"`
		Unit    string    `ch:"unit"`
	}
	err := s.Select(ctx, &rows, `
		SELECT changed_at, what, metrics, toString(service) AS service, toString(team) AS team, unit FROM payoff.process_changes
		WHERE changed_at <= {until:DateTime64(3)} ORDER BY changed_at, what`, store.Millis("until", until))
	if err != nil {
		return nil, fmt.Errorf("reading recorded changes of processes: %w", err)
	}
	var out []metric.Change
	for _, r := range rows {
		out = append(out, metric.Change{At: r.At, What: r.What, Metrics: r.Metrics, Service: r.Service, Team: r.Team, Unit: r.Unit})
	}
	return out, nil
}
