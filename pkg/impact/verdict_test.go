package impact

import (
	"math"
	"math/rand/v2"
	"testing"
)

// outcomesOf returns every outcome whose rule matches, ignoring the order but
// for the rules that end the matter; in other words than Judge.
func outcomesOf(e Evidence) Outcome {
	if e.BeforeFirstLook {
		return TooEarly
	}
	need := e.MinBreakdown
	if need == 0 {
		need = 0.5
	}
	if e.NoControls || e.Overlap > e.MaxOverlap || e.Breakdown < need || math.IsNaN(e.Low+e.High+e.Point) {
		return NotIdentified
	}
	held, inferior := true, false
	for _, g := range e.Guardrails {
		if !(g.Low > -g.Margin) {
			held = false
			if g.High < 0 {
				inferior = true
			}
		}
	}
	better, material := e.Low > 0, e.Point >= e.Smallest
	within := e.Low <= 0 && e.High >= 0 && e.Low > -e.Smallest && e.High < e.Smallest
	switch {
	case e.High < 0 || inferior:
		return Harmful
	case better && held && material:
		return PaidOff
	case better && held:
		return PaidOffSmall
	case !e.LastLook:
		return TooEarly
	case within:
		return NoMaterialEffect
	}
	return Underpowered
}

func TestJudgeGivesExactlyOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	grid := []float64{-2, -1, -0.5, 0, 0.5, 1, 2}
	pick := func() float64 { return grid[rng.IntN(len(grid))] }
	seen := map[Outcome]int{}
	for range 200_000 {
		e := Evidence{Point: pick(), Smallest: 1, LastLook: rng.IntN(2) == 0, Breakdown: 1}
		e.Low, e.High = e.Point-math.Abs(pick()), e.Point+math.Abs(pick())
		for range rng.IntN(3) {
			g := Guardrail{Name: "g", Low: pick(), Margin: 0.5}
			g.High = g.Low + math.Abs(pick())
			e.Guardrails = append(e.Guardrails, g)
		}
		switch rng.IntN(12) {
		case 0:
			e.BeforeFirstLook = true
		case 1:
			e.NoControls = true
		case 2:
			e.Overlap, e.MaxOverlap = rng.Float64(), rng.Float64()
		case 3:
			e.Breakdown, e.MinBreakdown = rng.Float64(), rng.Float64()
		case 4:
			e.Low = math.NaN()
		case 5:
			e.Breakdown = math.NaN()
		}
		got := Judge(e)
		if want := outcomesOf(e); got.Outcome != want {
			t.Fatalf("Judge(%+v) = %+v, want %s", e, got, want)
		}
		if got.Reason == "" {
			t.Fatalf("Judge(%+v) gives no reason", e)
		}
		seen[got.Outcome]++
	}
	if len(seen) != 7 {
		t.Errorf("only %v were met", seen)
	}
}

func TestJudgeNames(t *testing.T) {
	base := Evidence{Low: 0.2, Point: 1.2, High: 2, Smallest: 1, LastLook: true, Breakdown: 1}
	bad := Guardrail{Name: "change fail rate", Low: -3, High: -1, Margin: 0.5}
	unclear := Guardrail{Name: "pages", Low: -3, High: 1, Margin: 0.5}
	for _, c := range []struct {
		name  string
		alter func(*Evidence)
		want  Outcome
		alarm string
		open  string
	}{
		{"paid off", func(*Evidence) {}, PaidOff, "", ""},
		{"small", func(e *Evidence) { e.Smallest = 3 }, PaidOffSmall, "", ""},
		{"alarm before the first look", func(e *Evidence) { e.BeforeFirstLook, e.Guardrails = true, []Guardrail{bad} }, TooEarly, "change fail rate", ""},
		{"guardrail inferior", func(e *Evidence) { e.Guardrails = []Guardrail{bad} }, Harmful, "", ""},
		{"guardrail open", func(e *Evidence) { e.Guardrails = []Guardrail{unclear} }, Underpowered, "", "pages"},
		{"guardrail open, looks left", func(e *Evidence) { e.Guardrails, e.LastLook = []Guardrail{unclear}, false }, TooEarly, "", "pages"},
		{"nothing material", func(e *Evidence) { e.Low, e.Point, e.High = -0.5, 0.1, 0.7 }, NoMaterialEffect, "", ""},
		{"effect open", func(e *Evidence) { e.Low, e.Point, e.High = -0.5, 0.6, 1.7 }, Underpowered, "", "the effect"},
		{"harm", func(e *Evidence) { e.Low, e.Point, e.High = -2, -1, -0.1 }, Harmful, "", ""},
		{"breakdown", func(e *Evidence) { e.Breakdown = 0.3 }, NotIdentified, "", ""},
		{"guardrail without interval", func(e *Evidence) {
			e.Guardrails = []Guardrail{{Name: "csat", Low: math.NaN(), High: math.NaN(), Margin: 1}}
		}, Underpowered, "", "csat"},
	} {
		e := base
		c.alter(&e)
		got := Judge(e)
		if got.Outcome != c.want || first(got.Alarms) != c.alarm || first(got.Open) != c.open {
			t.Errorf("%s: %+v, want %s, alarm %q, open %q", c.name, got, c.want, c.alarm, c.open)
		}
	}
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}
