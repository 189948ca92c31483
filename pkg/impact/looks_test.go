package impact

import (
	"errors"
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// TestBoundariesReproducePublished spends α as the two one-sided halves do, for
// which four and five equal looks at 0.05 are tabulated everywhere (Lan and
// DeMets 1983; R ldbounds, Reboussin et al. 2000).
func TestBoundariesReproducePublished(t *testing.T) {
	for _, want := range [][]float64{
		{4.3326, 2.9631, 2.3590, 2.0141},
		{4.8769, 3.3569, 2.6803, 2.2898, 2.0310},
	} {
		n := len(want)
		fractions, spent := make([]float64, n), make([]float64, n)
		z := distuv.UnitNormal.Quantile(1 - 0.05/4)
		for i := range fractions {
			fractions[i] = float64(i+1) / float64(n)
			spent[i] = 4 * distuv.UnitNormal.Survival(z/math.Sqrt(fractions[i]))
		}
		for i, c := range boundaries(fractions, spent) {
			near(t, "boundary", c, want[i], 1.5e-4)
		}
	}
}

func TestLooksSpend(t *testing.T) {
	looks, err := Looks([]float64{0.25, 0.5, 0.75, 1}, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "spent at the first", looks[0].Spent, 2*distuv.UnitNormal.Survival(distuv.UnitNormal.Quantile(0.975)/0.5), 1e-15)
	near(t, "level of the first", looks[0].Level, looks[0].Spent, 1e-12)
	near(t, "spent at the last", looks[3].Spent, 0.05, 1e-12)
	for i := 1; i < len(looks); i++ {
		if !(looks[i].Z < looks[i-1].Z) || looks[i].Level > looks[i].Spent {
			t.Errorf("look %d: %+v after %+v", i+1, looks[i], looks[i-1])
		}
	}
	one, err := Looks([]float64{1}, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "a single look", one[0].Z, distuv.UnitNormal.Quantile(0.975), 1e-9)
}

func TestLooksRefuse(t *testing.T) {
	for _, f := range [][]float64{nil, {0.5}, {0.5, 0.4, 1}, {0, 1}, {0.2, 0.4, 0.6, 0.8, 1}, {0.5, 1.1}, {math.NaN(), 1}} {
		if _, err := Looks(f, 0.05); !errors.Is(err, ErrInvalid) {
			t.Errorf("Looks(%v): %v, want ErrInvalid", f, err)
		}
	}
	if _, err := Looks([]float64{1}, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("level 1: %v, want ErrInvalid", err)
	}
}
