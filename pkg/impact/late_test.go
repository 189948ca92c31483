package impact

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
)

func TestLATE(t *testing.T) {
	rng := rand.New(rand.NewPCG(12, 12))
	p := World{Units: 200, Periods: 6, Treated: 100, Cohorts: 1, First: 3, Rho: 0.3}.Simulate(rng)
	adopted := zeros(len(p.Units), p.Periods())
	for i, g := range p.Cohort {
		complies := rng.Float64() < 0.6
		for s := range adopted[i] {
			if complies && s >= g {
				adopted[i][s] = 1
				p.Y[i][s] += 2
			}
		}
	}
	c, err := LATE(p, adopted, CSOptions{}, 0.05)
	if err != nil {
		t.Fatal(err)
	}
	if !(c.Low < 2 && 2 < c.High) || c.Disjoint || c.High-c.Low > 1.5 {
		t.Errorf("interval %v to %v (disjoint %v), want around 2", c.Low, c.High, c.Disjoint)
	}
	near(t, "ratio", c.ATT, c.Offer.ATT/c.Adoption.ATT, 1e-12)
	// At both ends the offer is just significant for outcome − τ·adoption.
	for _, tau := range []float64{c.Low, c.High} {
		y := zeros(len(p.Units), p.Periods())
		for i := range y {
			for s := range y[i] {
				y[i][s] = p.Y[i][s] - tau*adopted[i][s]
			}
		}
		gt, err := CallawaySantAnna(p.with(y, p.Cohort), CSOptions{})
		if err != nil {
			t.Fatal(err)
		}
		e, _ := gt.Aggregate(Simple)
		near(t, "|z| at the end", math.Abs(e.ATT/e.SE), 1.959963984540054, 1e-9)
	}
	if _, err := LATE(p, adopted[1:], CSOptions{}, 0.05); !errors.Is(err, ErrInvalid) {
		t.Errorf("adoption of one unit less: %v, want ErrInvalid", err)
	}
	if _, err := LATE(p, zeros(len(p.Units), p.Periods()), CSOptions{}, 0.05); !errors.Is(err, ErrNotIdentified) {
		t.Errorf("nobody adopts: %v, want ErrNotIdentified", err)
	}
}
