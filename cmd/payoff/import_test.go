package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// TestQuartersShowTheMainFigure: what stands beside a number under another
// dimension is not taken for it.
func TestQuartersShowTheMainFigure(t *testing.T) {
	start := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	point := func(dims string, v float64) metric.Point {
		return metric.Point{Grain: metric.Quarter, Start: start, End: start.AddDate(0, 3, 0), Dims: dims, Value: &v, N: 8, Quality: metric.OK}
	}
	var out bytes.Buffer
	err := quarters(&out, gitAnswer{
		DeploymentFrequency: []metric.Point{point("", 8.0/91), point(`{"stat":"days"}`, 6)},
		ChangeLeadTime:      []metric.Point{point("", 3600e3), point(`{"stat":"p90"}`, 7200e3), point(`{"stat":"missing"}`, 1)},
	}, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"0.0879/day", "1.0 h", "2.0 h"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table does not say %s:\n%s", want, out.String())
		}
	}
}
