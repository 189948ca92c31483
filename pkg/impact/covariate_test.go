package impact

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/stat"
)

// TestDoublyRobustVignette compares with what the vignette of R did prints, to
// its four digits, for ~lpop and the default estimator.
func TestDoublyRobustVignette(t *testing.T) {
	gt, err := CallawaySantAnna(mpdta(t, true), CSOptions{Control: NeverTreated})
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{-0.0145, -0.0764, -0.1404, -0.1069, -0.0005, -0.0062, 0.0010, -0.0413, 0.0267, -0.0046, -0.0284, -0.0288}
	for i, c := range gt.Cells {
		near(t, "att", c.ATT, want[i], 5.1e-5)
	}
}

// covariatePanel has a covariate that moves trends and treatment: without it
// the comparison is off by about one.
func covariatePanel() *Panel {
	rng := rand.New(rand.NewPCG(14, 14))
	p := World{Units: 400, Periods: 6, Treated: 0, Cohorts: 1, Rho: 0}.Simulate(rng)
	p.Names = []string{"size"}
	for i := range p.Units {
		x := rng.NormFloat64()
		if rng.Float64() < 1/(1+math.Exp(-x)) {
			p.Cohort[i] = 3
		}
		p.X = append(p.X, nil)
		for s := range p.Times {
			p.X[i] = append(p.X[i], []float64{x})
			p.Y[i][s] = 0.3*p.Y[i][s] + x*float64(s)
			if s >= p.Cohort[i] {
				p.Y[i][s]++
			}
		}
	}
	return p
}

func TestCovariatesRemoveBias(t *testing.T) {
	p := covariatePanel()
	for _, a := range []Adjust{Regression, Weighting, Robust} {
		r, err := Run(p, Options{Method: CS, Adjust: a})
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(r.ATT-1) > 4*r.SE || r.SE > 0.25 {
			t.Errorf("%s: %v (s.e. %v), want about 1", a, r.ATT, r.SE)
		}
	}
	plain := *p
	plain.X, plain.Names = nil, nil
	r, err := Run(&plain, Options{Method: CS})
	if err != nil {
		t.Fatal(err)
	}
	if r.ATT < 1.5 {
		t.Errorf("without the covariate %v; the panel was built to be biased", r.ATT)
	}
}

func TestRandomisationWithCovariates(t *testing.T) {
	p := covariatePanel()
	small := *p
	small.Units, small.Y, small.X, small.Cohort = p.Units[:40], p.Y[:40], p.X[:40], p.Cohort[:40]
	small.Cluster, small.Clusters = p.Cluster[:40], 40
	r, err := Run(&small, Options{Adjust: Regression, Draws: 99})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.PKind, "randomisation") || !(r.P < 0.05) || !(r.Low > 0 && r.High > r.Low) {
		t.Errorf("p %v (%s), interval %v to %v", r.P, r.PKind, r.Low, r.High)
	}
}

func TestCovariatesAreNamed(t *testing.T) {
	p := covariatePanel()
	p.Names = []string{"size", "double", "flat"}
	for i := range p.X {
		for s := range p.X[i] {
			p.X[i][s] = []float64{p.X[i][s][0], 2*p.X[i][s][0] + 7, float64(s)}
		}
	}
	for _, m := range []Method{CS, SA, Impute, StaticTWFE} {
		_, err := Run(p, Options{Method: m})
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), `"double"`) {
			t.Errorf("%s: %v, want the name of the collinear covariate", m, err)
		}
	}
	p.Names = []string{"constant"}
	for i := range p.X {
		for s := range p.X[i] {
			p.X[i][s] = []float64{1e7}
		}
	}
	if _, err := Run(p, Options{Method: CS}); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), `"constant"`) {
		t.Errorf("constant covariate: %v", err)
	}
}

// TestImputationWithCovariateIsTwoStage uses a covariate that varies in time.
func TestImputationWithCovariateIsTwoStage(t *testing.T) {
	p := invariantWorlds[0].Simulate(rand.New(rand.NewPCG(15, 15)))
	rng := rand.New(rand.NewPCG(15, 16))
	p.Names = []string{"load"}
	for i := range p.Units {
		p.X = append(p.X, nil)
		for s := range p.Times {
			x := rng.NormFloat64()
			p.X[i] = append(p.X[i], []float64{x})
			p.Y[i][s] += 2 * x
		}
	}
	var y []float64
	x := stat.Column{Name: "load"}
	unit, period := stat.Factor{Name: "unit"}, stat.Factor{Name: "period"}
	for i := range p.Units {
		for s := range p.Times {
			if s < p.Cohort[i] {
				y, x.Values = append(y, p.Y[i][s]), append(x.Values, p.X[i][s][0])
				unit.Level, period.Level = append(unit.Level, i), append(period.Level, s)
			}
		}
	}
	fit, err := stat.FixedEffects(y, []stat.Column{x}, []stat.Factor{unit, period}, nil)
	if err != nil {
		t.Fatal(err)
	}
	clean := zeros(len(p.Units), p.Periods())
	for i := range clean {
		for s := range clean[i] {
			clean[i][s] = p.Y[i][s] - fit.Coef[0]*p.X[i][s][0]
		}
	}
	plain := p.with(clean, p.Cohort)
	plain.X, plain.Names = nil, nil
	want, err := Imputation(plain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Imputation(p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "imputation", got.ATT, want.ATT, 1e-10)
	if !(got.SE > 0) {
		t.Errorf("standard error %v", got.SE)
	}
}

// TestClusteredErrors: units in pairs that move as one carry half of what they
// seem to.
func TestClusteredErrors(t *testing.T) {
	p := World{Units: 40, Periods: 8, Treated: 20, Cohorts: 2, First: 4, Step: 1, Rho: 0.5}.Simulate(rand.New(rand.NewPCG(16, 16)))
	double := &Panel{Times: p.Times, Clusters: 40, Clustered: true}
	for i := range p.Units {
		for _, suffix := range []string{"a", "b"} {
			double.Units = append(double.Units, p.Units[i]+suffix)
			double.Cohort = append(double.Cohort, p.Cohort[i])
			double.Cluster = append(double.Cluster, i)
			double.Y = append(double.Y, p.Y[i])
		}
	}
	for _, m := range []Method{CS, Impute} {
		one, err := Run(p, Options{Method: m})
		if err != nil {
			t.Fatal(err)
		}
		two, err := Run(double, Options{Method: m})
		if err != nil {
			t.Fatal(err)
		}
		near(t, string(m)+" att", two.ATT, one.ATT, 1e-12)
		near(t, string(m)+" se", two.SE, one.SE, 1e-12)
	}
	a, err := Run(p, Options{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Run(double, Options{Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "p of redrawn clusters", b.P, a.P, 1e-12)
	double.Cohort[0] = Never
	if _, err := Run(double, Options{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("dates that differ within a cluster: %v, want ErrInvalid", err)
	}
}
