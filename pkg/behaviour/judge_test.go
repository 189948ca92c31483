package behaviour

import (
	"math"
	"slices"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/stat"
)

func TestRuns(t *testing.T) {
	s := func(week int, r stat.Rule, high bool) stat.Signal {
		return stat.Signal{Week: week, Rule: r, High: high}
	}
	got := runs([]stat.Signal{s(3, stat.Outside, true), s(3, stat.RunOfEight, true), s(4, stat.RunOfEight, true), s(4, stat.Outside, false), s(6, stat.Outside, true), s(7, stat.Outside, false)})
	want := []Run{{s(3, stat.Outside, true), 4}, {s(4, stat.Outside, false), 4}, {s(6, stat.Outside, true), 6}, {s(7, stat.Outside, false), 7}}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// TestTails against a sum by hand: of 2 of 3 with a uniform prior every count is as
// likely as any other.
func TestTails(t *testing.T) {
	fewer, more := tails(2, 3, 1, 1)
	if math.Abs(fewer-0.75) > 1e-12 || math.Abs(more-0.5) > 1e-12 {
		t.Errorf("fewer %v, more %v", fewer, more)
	}
	sum := 0.0
	for k := range 41 {
		sum += betaBinomial(k, 40, 3, 9)
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("all counts together have the chance %v", sum)
	}
}
