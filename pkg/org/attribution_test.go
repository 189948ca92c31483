package org_test

import (
	"os"
	"slices"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/metrictest"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// TestAttribution runs the scripts in testdata, which say whose a fact is, what a
// correction of the organisation restates, and what is shown only in a unit.
func TestAttribution(t *testing.T) {
	// A count, medians, and one that Go folds: the ways points are made.
	asked := []string{"dora.deployment_frequency", "dora.change_lead_time", "dora.merge_to_deploy", "dora.incident_duration"}
	defs := slices.DeleteFunc(dora.Defs(), func(d metric.Def) bool { return !slices.Contains(asked, d.Name) })
	metrictest.Run(t, os.DirFS("testdata"), "*.test", defs, storetest.Open)
}
