package impact

import (
	"fmt"
	"math"
	"strings"
)

// An Outcome is what a bet came to, in one word.
type Outcome string

// The outcomes, in the order in which their rules are tried.
const (
	TooEarly         Outcome = "TOO_EARLY"
	NotIdentified    Outcome = "NOT_IDENTIFIED"
	Harmful          Outcome = "HARMFUL"
	PaidOff          Outcome = "PAID_OFF"
	PaidOffSmall     Outcome = "PAID_OFF_SMALL"
	NoMaterialEffect Outcome = "NO_MATERIAL_EFFECT"
	Underpowered     Outcome = "UNDERPOWERED"
)

// DefaultBreakdown is the breakdown M̄ that a bet must reach if it registered
// no other.
const DefaultBreakdown = 0.5

// A Guardrail is a number that must not get worse, signed so that positive is
// better.
type Guardrail struct {
	Name      string
	Low, High float64 // interval of the effect; NaN if there is none
	Margin    float64 // the registered loss that is still accepted, ≥ 0
}

// A GuardrailState says how a guardrail fared.
type GuardrailState string

// The states of a guardrail.
const (
	Held     GuardrailState = "held"     // the interval excludes a loss beyond the margin
	Inferior GuardrailState = "inferior" // not held, and the interval is below zero
	Open     GuardrailState = "open"     // neither can be said
)

// State judges the guardrail: held if Low > −Margin, inferior if not held and
// High < 0, else open; without an interval, open.
func (g Guardrail) State() GuardrailState {
	switch {
	case g.Low > -g.Margin:
		return Held
	case g.High < 0 && !math.IsNaN(g.Low):
		return Inferior
	}
	return Open
}

// Evidence is all that a verdict may rest on. Effects are in the unit of the
// outcome and signed so that positive is better.
type Evidence struct {
	Low, Point, High float64 // interval at the level spent at this look; NaN if there is none
	Smallest         float64 // δ > 0, the registered smallest effect that matters
	Guardrails       []Guardrail

	BeforeFirstLook bool // the first decision date has not come
	LastLook        bool // this is the last decision date

	NoControls   bool
	Overlap      float64 // share of treated observations that other bets share
	MaxOverlap   float64 // the registered share
	Breakdown    float64 // M̄ as measured; NaN if it could not be
	MinBreakdown float64 // registered; 0 means DefaultBreakdown
}

// A Verdict is one outcome, its reason in words, and what else a reader must
// know.
type Verdict struct {
	Outcome Outcome
	Reason  string
	Alarms  []string // inferior guardrails before the first decision date
	Open    []string // what is open: the effect, guardrails
}

// Judge applies the ordered rules; the first that matches decides. Every
// evidence gives exactly one outcome.
//
// A breakdown that could not be measured is not below the registered value: the
// caller decides with NoControls or a NaN interval whether that matters.
func Judge(e Evidence) Verdict {
	var inferior, open []string
	for _, g := range e.Guardrails {
		switch g.State() {
		case Inferior:
			inferior = append(inferior, g.Name)
		case Open:
			open = append(open, g.Name)
		}
	}
	if e.BeforeFirstLook {
		return Verdict{Outcome: TooEarly, Reason: "the first decision date has not come", Alarms: inferior}
	}
	if why := e.notIdentified(); why != "" {
		return Verdict{Outcome: NotIdentified, Reason: why}
	}
	held := len(inferior)+len(open) == 0
	switch {
	case e.High < 0:
		return Verdict{Outcome: Harmful, Reason: "the whole interval is below zero"}
	case len(inferior) > 0:
		return Verdict{Outcome: Harmful, Reason: "guardrail inferior: " + strings.Join(inferior, ", ")}
	case e.Low > 0 && e.Point >= e.Smallest && held:
		return Verdict{Outcome: PaidOff, Reason: "the interval is above zero and the estimate reaches the registered smallest effect"}
	case e.Low > 0 && e.Point < e.Smallest && held:
		return Verdict{Outcome: PaidOffSmall, Reason: "the interval is above zero, the estimate below the registered smallest effect"}
	}
	v := Verdict{Outcome: Underpowered, Reason: "the data cannot tell yet", Open: e.open(open)}
	if e.Low <= 0 && e.High >= 0 && -e.Smallest < e.Low && e.High < e.Smallest {
		v = Verdict{Outcome: NoMaterialEffect, Reason: "an effect that matters is excluded in both directions"}
	} else if len(v.Open) > 0 {
		v.Reason = "open: " + strings.Join(v.Open, ", ")
	}
	if !e.LastLook {
		v.Reason = fmt.Sprintf("%s would read %s at the last decision date", v.Reason, v.Outcome)
		v.Outcome = TooEarly
	}
	return v
}

func (e Evidence) notIdentified() string {
	need := e.MinBreakdown
	if need == 0 {
		need = DefaultBreakdown
	}
	switch {
	case e.NoControls:
		return "there are no controls"
	case e.Overlap > e.MaxOverlap:
		return fmt.Sprintf("other bets share %.0f %% of the treated observations, more than the registered %.0f %%", 100*e.Overlap, 100*e.MaxOverlap)
	case e.Breakdown < need:
		return fmt.Sprintf("the breakdown M̄ is %.2g, below the registered %.2g: a smaller violation of parallel trends than was seen before would explain the effect", e.Breakdown, need)
	case math.IsNaN(e.Low) || math.IsNaN(e.High) || math.IsNaN(e.Point):
		return "there is no interval"
	}
	return ""
}

// open names what keeps the evidence from a verdict.
func (e Evidence) open(guardrails []string) []string {
	var out []string
	if e.Low <= 0 {
		out = append(out, "the effect")
	}
	return append(out, guardrails...)
}
