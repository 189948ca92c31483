package points

import (
	"slices"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// TestHidden: a service is hidden in a period in which it has no number, also where it
// had one that was taken back, and where the whole has one.
func TestHidden(t *testing.T) {
	v := 0.0
	services := []string{"cart", "gone", "never"}
	got := Hidden(services, []metric.Point{{Service: "cart"}, {Service: "cart", Value: &v}, {Service: "gone", Quality: metric.NoData}, {Value: &v}, {Team: "never", Value: &v}})
	if !slices.Equal(got, []string{"gone", "never"}) || !slices.Equal(services, []string{"cart", "gone", "never"}) {
		t.Errorf("of %q hidden are %q", services, got)
	}
}
