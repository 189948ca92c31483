// Package catalogue lists every metric there is: the Defs of all domains. What
// computes, shows, names or explains a number takes it from here.
package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/metric"
)

// All returns the metrics, sorted by name.
func All() []metric.Def {
	all := dora.Defs()
	slices.SortFunc(all, func(a, b metric.Def) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Find returns the metric of that name. The error names what there is.
func Find(name string) (metric.Def, error) {
	var names []string
	for _, d := range All() {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return metric.Def{}, fmt.Errorf("there is no metric %q; the metrics are %s", name, strings.Join(names, ", "))
}
