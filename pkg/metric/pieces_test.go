package metric_test

import (
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// TestPieces checks against the definition: a piece lies in a window exactly if its
// first instant does, and every end of a window begins one.
func TestPieces(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	day := func(m time.Month, d int) time.Time { return time.Date(2026, m, d, 0, 0, 0, 0, berlin) }
	grains := []metric.Grain{metric.Day, metric.Week, metric.Year}
	windows := metric.Between(metric.Day, day(3, 27), day(3, 31), berlin) // the clocks change
	windows = append(windows, metric.Between(metric.Day, day(5, 1), day(5, 2), berlin)...)
	windows = append(windows, metric.Between(metric.Week, day(3, 27), day(3, 31), berlin)...)
	windows = append(windows, metric.Between(metric.Week, day(5, 1), day(5, 2), berlin)...)

	type key struct {
		from   int64
		number int64
	}
	got := make(map[key]metric.Window)
	begins := make(map[int64]bool)
	for _, p := range metric.Pieces(grains, windows) {
		k := key{p.From.UnixMilli(), p.Number}
		if _, twice := got[k]; twice {
			t.Errorf("%v is there twice for number %d", p.From, p.Number)
		}
		got[k] = p.Window
		begins[k.from] = true
	}
	held := 0
	for _, w := range windows {
		for _, end := range []time.Time{w.Start, w.End} {
			if !begins[end.UnixMilli()] {
				t.Errorf("no piece begins at %v", end)
			}
		}
		for from := range begins {
			if !w.Contains(time.UnixMilli(from)) {
				continue
			}
			held++
			number := w.Start.UnixMilli()*8 + map[metric.Grain]int64{metric.Day: 1, metric.Week: 2, metric.Year: 3}[w.Grain]
			if got[key{from, number}] != w {
				t.Errorf("%v does not hold %v", w, time.UnixMilli(from))
			}
		}
	}
	alone := 0
	for k := range got {
		if k.number == 0 {
			alone++
			for _, w := range windows {
				if w.Contains(time.UnixMilli(k.from)) {
					t.Errorf("%v is said to be in no window, but is in %v", time.UnixMilli(k.from), w)
				}
			}
		}
	}
	if len(got) != held+alone || alone != 2 { // behind either run of weeks
		t.Errorf("%d pieces, of which windows hold %d and %d are in none", len(got), held, alone)
	}
}
