package points

import (
	"slices"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// Hidden are those of the services that are shown only inside their unit in the period
// that the points are of: no number of theirs is published. A point without a value is
// none: it may be one that was taken back when the service was hidden. What is known of
// a hidden service is as good as a person's doing, so no reader tells it.
func Hidden(services []string, of []metric.Point) []string {
	shown := make(map[string]bool)
	for _, p := range of {
		if p.Value != nil {
			shown[p.Service] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(services), func(s string) bool { return shown[s] })
}

// WhyHidden says to readers why a service has no numbers.
const WhyHidden = "all its changes are of one person, or the team that owns it is one person or stands in for such a team, or none of its numbers is computed yet"
