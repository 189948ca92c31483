package dora_test

import (
	"os"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/metric/metrictest"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// TestScripts runs the scripts in testdata, which say in events and points what
// the delivery metrics mean.
func TestScripts(t *testing.T) {
	metrictest.Run(t, os.DirFS("testdata"), "*.test", dora.Defs(), storetest.Open)
}
