package impact

import (
	"testing"
)

func TestTwoWayFixedEffectsReference(t *testing.T) {
	e := readExpected(t).MPDTA
	got, err := TwoWayFixedEffects(mpdta(t, false))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "b", got.ATT, e.TWFE.B, 1e-11)
	near(t, "se", got.SE, e.TWFE.SE, 1e-11)
	near(t, "sum of positive weights", got.PositiveSum, e.Weights.SumPos, 1e-8)
	near(t, "sum of negative weights", got.NegativeSum, e.Weights.SumNeg, 1e-8)
	if got.Positive != e.Weights.Pos || got.Negative != e.Weights.Neg {
		t.Errorf("%d positive and %d negative weights, want %d and %d", got.Positive, got.Negative, e.Weights.Pos, e.Weights.Neg)
	}
}

func TestDecompositionSumsToTWFE(t *testing.T) {
	p := mpdta(t, false)
	parts, err := Decompose(p)
	if err != nil {
		t.Fatal(err)
	}
	total, weighted := 0.0, 0.0
	for _, c := range parts {
		total += c.Weight
		weighted += c.Weight * c.ATT
	}
	fit, err := TwoWayFixedEffects(p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "sum of weights", total, 1, 1e-12)
	near(t, "Σ weight·ATT", weighted, fit.ATT, 1e-12)
	if want := 9; len(parts) != want {
		t.Errorf("%d comparisons, want %d", len(parts), want)
	}
}

func TestImputationReference(t *testing.T) {
	e := readExpected(t).MPDTA.Imputation
	got, err := Imputation(mpdta(t, false))
	if err != nil {
		t.Fatal(err)
	}
	near(t, "att", got.ATT, e.ATT, 1e-11)
	for _, h := range got.Events {
		near(t, "horizon", h.ATT, e.Horizon[string(rune('0'+h.Key))], 1e-11)
	}
	if len(got.Events) != len(e.Horizon) {
		t.Errorf("%d horizons, want %d", len(got.Events), len(e.Horizon))
	}
}

func TestSunAbrahamEqualsCallawaySantAnna(t *testing.T) {
	p := mpdta(t, false)
	gt, err := CallawaySantAnna(p, CSOptions{Control: NeverTreated, Base: Universal})
	if err != nil {
		t.Fatal(err)
	}
	sa, err := SunAbraham(p)
	if err != nil {
		t.Fatal(err)
	}
	cs := map[[2]int]float64{}
	for _, c := range gt.Cells {
		cs[[2]int{c.Group, c.Time}] = c.ATT
	}
	for _, c := range sa.Cells {
		near(t, "cell", c.ATT, cs[[2]int{c.Group, c.Time}], 1e-12)
	}
	overall, _ := gt.Aggregate(Simple)
	near(t, "overall", sa.ATT, overall.ATT, 1e-12)
	_, events := gt.Aggregate(Dynamic)
	byEvent := map[int]float64{}
	for _, e := range events {
		byEvent[e.Key] = e.ATT
	}
	for _, e := range sa.Events {
		near(t, "event", e.ATT, byEvent[e.Key], 1e-12)
	}
}

func mini(t testing.TB) *Panel {
	e := readExpected(t).Mini
	var rows []Row
	for i, y := range e.Y {
		for w, v := range y {
			rows = append(rows, Row{Unit: string(rune('a' + i)), Time: int64(w + 1), First: e.First, Never: e.Treated[i] == 0, Outcome: v})
		}
	}
	p, err := NewPanel(rows, PanelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMiniPanelReference(t *testing.T) {
	e := readExpected(t).Mini
	p := mini(t)
	fit, err := TwoWayFixedEffects(p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "did", fit.ATT, e.DID, 1e-12)
	near(t, "se", fit.SE, e.CR1, 1e-12)
	near(t, "t", fit.ATT/fit.SE, e.T, 1e-9)
	near(t, "p", fit.P, e.P, 1e-9)

	change, treated, err := p.Changes()
	if err != nil {
		t.Fatal(err)
	}
	welch, df, pw, err := Welch(p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "welch t", welch.ATT/welch.SE, e.WelchT, 1e-9)
	near(t, "welch df", df, e.WelchDF, 1e-6)
	near(t, "welch p", pw, e.WelchP, 1e-9)

	byDifference, err := RandomiseDifference(change, treated, false, 999, 1)
	if err != nil {
		t.Fatal(err)
	}
	byT, err := p.Randomise(0.05, 999, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		got  Randomisation
		want [2]float64
	}{{"|b|", byDifference, e.RIB}, {"|t|", byT, e.RIT}} {
		if float64(c.got.AtLeast) != c.want[0] || float64(c.got.Assignments) != c.want[1] || !c.got.Enumerated {
			t.Errorf("randomising %s: %d of %d, want %v", c.what, c.got.AtLeast, c.got.Assignments, c.want)
		}
	}
	w, err := WildClusterBootstrap(p, 0.05, 999, 1)
	if err != nil {
		t.Fatal(err)
	}
	if float64(w.AtLeast) != e.WCRGE[0] || float64(w.Draws) != e.WCRGE[1] || w.Weights != "rademacher" {
		t.Errorf("wild bootstrap: %d of %d (%s), want %v", w.AtLeast, w.Draws, w.Weights, e.WCRGE)
	}
}

func TestSevenVillages(t *testing.T) {
	e := readExpected(t).Villages
	treated := make([]bool, len(e.Z))
	ate := [2]float64{}
	n := [2]float64{}
	for i, z := range e.Z {
		treated[i] = z == 1
		ate[z] += e.Y[i]
		n[z]++
	}
	near(t, "ate", ate[1]/n[1]-ate[0]/n[0], e.ATE, 1e-12)
	r, err := RandomiseDifference(e.Y, treated, false, 999, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "two-sided p", r.P, e.TwoSided[0]/e.TwoSided[1], 1e-12)
	if r.Assignments != int(e.TwoSided[1]) {
		t.Errorf("%d assignments, want %v", r.Assignments, e.TwoSided[1])
	}
	// Two villages have 20, so two assignments share the most extreme mean.
	near(t, "smallest p", r.Smallest, 2.0/21, 1e-12)
}
