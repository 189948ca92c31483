package impact

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/payoff-metrics/payoff/internal/race"
)

// situations restates the table of situations as predicates that exclude each
// other, in other words than Choose.
var situations = map[string]func(s Shape) bool{
	"NOT_IDENTIFIED": func(s Shape) bool {
		return s.Periods < 2 || s.PrePeriods < 1 || s.Treated == 0 || s.Controls == 0
	},
	"cs many": func(s Shape) bool { return s.Treated >= 5 && s.Controls >= 10 },
	"cs some": func(s Shape) bool { return s.Treated >= 5 && s.Controls >= 2 && s.Controls <= 9 },
	"sdid":    func(s Shape) bool { return s.Treated <= 4 && s.Controls >= 15 && s.PrePeriods >= 20 },
	"few": func(s Shape) bool {
		return s.Treated <= 4 && (s.Controls < 15 || s.PrePeriods < 20) || s.Treated >= 5 && s.Controls == 1
	},
}

func situation(t *testing.T, s Shape) string {
	t.Helper()
	if situations["NOT_IDENTIFIED"](s) {
		return "NOT_IDENTIFIED"
	}
	found := ""
	for name, is := range situations {
		if is(s) {
			if found != "" {
				t.Errorf("%+v is both %s and %s", s, found, name)
			}
			found = name
		}
	}
	return found
}

func TestChooseIsTotal(t *testing.T) {
	want := map[string]Choice{
		"cs many": {Method: CS, Inference: Randomised, Control: NotYet, Identified: true},
		"cs some": {Method: CS, Inference: Randomised, Control: NotYet, Identified: true},
		"sdid":    {Method: SDID, Inference: Placebos, Control: NeverTreated, Identified: true, SmallArms: true},
		"few":     {Method: CS, Inference: Randomised, Control: NotYet, Identified: true, SmallArms: true},
	}
	seen := map[string]int{}
	for treated := range 13 {
		for controls := range 31 {
			for _, periods := range []int{1, 2, 12, 21, 52} {
				for _, pre := range []int{0, 1, periods / 2, periods - 1} {
					s := Shape{Treated: treated, Controls: controls, Donors: controls, Cohorts: 1, Periods: periods, PrePeriods: pre}
					got := Choose(s)
					row := situation(t, s)
					seen[row]++
					if got.Because == "" || got.Situation == "" {
						t.Errorf("%+v: no reason: %+v", s, got)
					}
					w := want[row]
					if row == "cs many" || row == "cs some" {
						w.SmallArms = treated < 6 || controls < 6
					}
					got.Because, got.Situation = "", ""
					if got != w {
						t.Errorf("%+v (%s): %+v, want %+v", s, row, got, w)
					}
				}
			}
		}
	}
	if len(seen) != len(situations) {
		t.Errorf("only %v were met", seen)
	}
}

// TestEveryChoiceRuns takes the chosen path on a panel of every shape: it gives
// a number, or says NOT_IDENTIFIED; never an invalid request. The race detector
// sees one shape of each situation, which is where the paths part; make check runs
// all of them without it.
func TestEveryChoiceRuns(t *testing.T) {
	everyTreated, everyControls, everyPeriods, everyDates := []int{1, 2, 4, 5, 6, 12}, []int{0, 1, 2, 9, 10, 15, 30}, []int{1, 2, 8, 26}, []int{1, 3}
	if race.Enabled {
		everyTreated, everyControls, everyPeriods, everyDates = []int{1, 5}, []int{1, 2, 10, 15}, []int{1, 26}, []int{3}
	}
	seen := map[string]bool{}
	for _, treated := range everyTreated {
		for _, controls := range everyControls {
			for _, periods := range everyPeriods {
				for _, dates := range everyDates {
					name := fmt.Sprintf("%d treated, %d controls, %d periods, %d dates", treated, controls, periods, dates)
					w := World{Units: treated + controls, Periods: periods, Treated: treated, Cohorts: min(dates, treated), First: periods * 4 / 5, Step: 1, Rho: 0.6}
					checkChoice(t, name, w)
					seen[situation(t, Shape{Treated: treated, Controls: controls, Periods: periods, PrePeriods: w.First})] = true
				}
			}
		}
	}
	if len(seen) != len(situations) {
		t.Errorf("only the situations %v were met", slices.Sorted(maps.Keys(seen)))
	}
}

func checkChoice(t *testing.T, name string, w World) {
	t.Helper()
	p := w.Simulate(rand.New(rand.NewPCG(1, uint64(w.Units))))
	for i, g := range p.Cohort {
		if g != Never && g >= w.Periods {
			p.Cohort[i] = Never
		}
	}
	r, err := Run(p, Options{Draws: 19})
	switch {
	case errors.Is(err, ErrNotIdentified):
		if !math.IsNaN(r.ATT) || !math.IsNaN(r.P) {
			t.Errorf("%s: not identified, but att %v, p %v", name, r.ATT, r.P)
		}
	case err != nil:
		t.Errorf("%s: %v", name, err)
	case math.IsNaN(r.ATT) || r.ChosenBecause == "":
		t.Errorf("%s: att %v because %q", name, r.ATT, r.ChosenBecause)
	case !math.IsNaN(r.P) && r.Smallest > 0.05:
		t.Errorf("%s: p %v where the smallest attainable is %v", name, r.P, r.Smallest)
	}
}

func TestQuickPEqualsRun(t *testing.T) {
	for _, w := range []World{
		{Units: 20, Periods: 30, Treated: 6, Cohorts: 3, First: 12, Step: 4, Rho: 0.6},
		{Units: 20, Periods: 30, Treated: 2, Cohorts: 1, First: 22, Rho: 0.6, Effect: 1},
		{Units: 9, Periods: 12, Treated: 3, Cohorts: 1, First: 6, Rho: 0.6},
		{Units: 6, Periods: 12, Treated: 1, Cohorts: 1, First: 6, Rho: 0.6},
	} {
		p := w.Simulate(rand.New(rand.NewPCG(7, 7)))
		r, err := Run(p, Options{Draws: 99, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		q, err := QuickP(p, 99, 3)
		if err != nil {
			t.Fatal(err)
		}
		if r.P != q.P && !(math.IsNaN(r.P) && math.IsNaN(q.P)) || r.Smallest != q.Smallest {
			t.Errorf("%+v: Run p %v (smallest %v), QuickP %v (%v)", w, r.P, r.Smallest, q.P, q.Smallest)
		}
	}
}
