package metric

import (
	"testing"
	"time"
)

// TestDays: a window is named by its days, too, as not everybody counts weeks.
func TestDays(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"2026-W46":   "9 to 15 November 2026",
		"2026-W49":   "30 November to 6 December 2026",
		"2026-W53":   "28 December 2026 to 3 January 2027",
		"2026-W13":   "23 to 29 March 2026", // a clock change
		"2026-11-16": "16 November 2026",
		"2026-Q4":    "1 October to 31 December 2026",
	} {
		w, err := ParseWindow(name, berlin)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.Days(berlin); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}
