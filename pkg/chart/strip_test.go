package chart

import (
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

func TestStrip(t *testing.T) {
	weeks := series(metric.Week, "2026-W01", 2, 4, none, 1, none, 3)
	weeks[5].Quality = metric.Partial
	got := string(Strip{Name: "6 <weeks>", Unit: metric.Ratio, Points: weeks, Location: time.UTC}.SVG())
	for _, want := range []string{
		`aria-label="6 &lt;weeks&gt; to 2026-W06: 200.0 %, 400.0 %, no data, 100.0 %, no data, 300.0 % partial"`,
		`<path class="line" d="M3 9L13.8 3"/>`,                // neither across the gap nor to the partial value
		`<path class="dot" stroke-width="4" d="M35.4 12h0"/>`, // the value between two gaps
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s\nlacks %s", got, want)
		}
	}
	if got := (Strip{Points: series(metric.Week, "2026-W01", none), Location: time.UTC}).SVG(); got != "" {
		t.Errorf("a strip of nothing is %s", got)
	}
}
