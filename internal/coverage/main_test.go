package main

import (
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestTableDoesNotDependOnProcessors(t *testing.T) {
	few := []row{{world: world(10, 3, 3)}, {world(20, 6, 3), "some"}, {world(20, 1, 1), "one"}, {world(10, 1, 1), "none"}}
	many, _, err := measure(io.Discard, few, 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	one, _, err := measure(io.Discard, few, 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	if one != many {
		t.Errorf("one processor:\n%s\nmany:\n%s", one, many)
	}
	for _, want := range []string{"| 10 | 3 | 3 | cs, ri |", "sdid, placebo (one)", "cs, ri (none) | - | no p | no p |"} {
		if !strings.Contains(one, want) {
			t.Errorf("no %q in\n%s", want, one)
		}
	}
}

// TestBounds: a rate outside the bounds fails the run and is marked.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		rejected int64
		grid     float64
		ok       bool
	}{{5, 0.005, true}, {8, 0.005, false}, {2, 0.005, false}, {2, 0.02, true}, {8, 0.02, false}} {
		null, alt := &tally{panels: 100, smallest: c.grid}, &tally{panels: 1}
		null.withP.Store(100)
		null.auto.Store(c.rejected)
		var b strings.Builder
		if got := null.line(&b, row{}, alt); got != c.ok || strings.Contains(b.String(), "**") == c.ok {
			t.Errorf("%d %% on a grid of %v: %v, want %v: %s", c.rejected, c.grid, got, c.ok, b.String())
		}
	}
}
