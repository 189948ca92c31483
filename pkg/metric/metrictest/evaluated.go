package metrictest

import (
	"slices"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// evaluated are the metrics that the case asks for: only they are computed.
func (r *runner) evaluated() []metric.Def {
	var out []metric.Def
	for _, d := range r.metrics {
		if slices.ContainsFunc(r.c.steps, func(s step) bool { return s.verb == "eval" && len(s.args) > 0 && s.args[0] == d.Name }) {
			out = append(out, d)
		}
	}
	return out
}
