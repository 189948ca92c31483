package impact

import (
	"math/rand/v2"
	"testing"
)

// BenchmarkCallawaySantAnna is 500 units over 104 periods with 999 draws: the
// estimate with its uniform bands, randomisation inference and checks.
func BenchmarkCallawaySantAnna(b *testing.B) {
	for _, c := range []struct {
		name    string
		cohorts int
	}{{"8 dates", 8}, {"50 dates", 50}} {
		b.Run(c.name, func(b *testing.B) {
			w := World{Units: 500, Periods: 104, Treated: 250, Cohorts: c.cohorts, First: 40, Step: 1, Rho: 0.6}
			p := w.Simulate(rand.New(rand.NewPCG(1, 1)))
			for b.Loop() {
				gt, err := CallawaySantAnna(p, CSOptions{})
				if err != nil {
					b.Fatal(err)
				}
				_, events := gt.Aggregate(Dynamic)
				var es []Estimate
				for _, e := range events {
					es = append(es, e.Estimate)
				}
				gt.UniformCritical(es, 0.05, 999, 1)
				if _, err := gt.Randomise(Simple, CSOptions{}, 0.05, 999, 1); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRunAuto is all that the command does with such a panel, agreement
// checks included.
func BenchmarkRunAuto(b *testing.B) {
	w := World{Units: 500, Periods: 104, Treated: 250, Cohorts: 8, First: 40, Step: 4, Rho: 0.6}
	p := w.Simulate(rand.New(rand.NewPCG(1, 1)))
	for b.Loop() {
		if _, err := Run(p, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
