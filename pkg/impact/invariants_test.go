package impact

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/payoff-metrics/payoff/internal/race"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// panelRows turns a simulated panel into rows.
func panelRows(p *Panel) []Row {
	var rows []Row
	for i, y := range p.Y {
		for t, v := range y {
			r := Row{Line: len(rows) + 2, Unit: p.Units[i], Time: p.Times[t], Never: p.Cohort[i] == Never, Outcome: v}
			if !r.Never {
				r.First = p.Times[p.Cohort[i]]
			}
			rows = append(rows, r)
		}
	}
	return rows
}

func mustPanel(t testing.TB, rows []Row) *Panel {
	t.Helper()
	p, err := NewPanel(rows, PanelOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var invariantWorlds = []World{
	{Units: 24, Periods: 12, Treated: 10, Cohorts: 3, First: 4, Step: 2, Rho: 0.6, Effect: 1},
	{Units: 10, Periods: 12, Treated: 10, Cohorts: 3, First: 4, Step: 3, Rho: 0.6, Effect: 1},
	{Units: 19, Periods: 26, Treated: 2, Cohorts: 2, First: 20, Step: 2, Rho: 0.6, Effect: 2},
}

var everyMethod = []Options{
	{Method: Auto}, {Method: CS}, {Method: CS, Base: Universal, Aggregate: Dynamic}, {Method: CS, Aggregate: Calendar, Inference: Randomised},
	{Method: SA}, {Method: Impute}, {Method: StaticTWFE}, {Method: StaticTWFE, Inference: Wild}, {Method: SDID}, {Method: SyntheticCtrl},
}

// numbers are the ones an invariance is about. It holds for any number of draws.
func numbers(t *testing.T, p *Panel, o Options) []float64 {
	t.Helper()
	o.Draws = 19
	r, err := Run(p, o)
	if errors.Is(err, ErrNotIdentified) {
		return nil
	}
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	out := []float64{r.ATT, r.SE}
	for _, e := range r.EventStudy {
		out = append(out, e.ATT)
	}
	return out
}

// agree compares numbers after scaling.
func agree(t *testing.T, what string, got, want []float64, scale, tol float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d numbers, want %d", what, len(got), len(want))
		return
	}
	for i := range got {
		if math.IsNaN(got[i]) && math.IsNaN(want[i]) {
			continue
		}
		if w := scale * want[i]; !(math.Abs(got[i]-w) <= tol*max(1, math.Abs(w))) {
			t.Errorf("%s: number %d is %.15g, want %.15g", what, i, got[i], w)
		}
	}
}

// TestInvariance alters what must not matter. The race detector sees one world here
// and all of them in TestProcessorsDoNotMatter, by the same methods; make check runs
// all without it.
func TestInvariance(t *testing.T) {
	worlds := invariantWorlds
	if race.Enabled {
		worlds = worlds[:1]
	}
	for wi, w := range worlds {
		rng := rand.New(rand.NewPCG(uint64(wi), 1))
		rows := panelRows(w.Simulate(rng))
		for _, o := range everyMethod {
			name := strconv.Itoa(wi) + " " + string(o.Method) + " " + string(o.Inference)
			base := numbers(t, mustPanel(t, rows), o)

			shuffled := slices.Clone(rows)
			rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			agree(t, name+": shuffled rows", numbers(t, mustPanel(t, shuffled), o), base, 1, 0)

			shifted := alter(rows, func(r *Row) { r.Time += 1000; r.First += 1000 })
			agree(t, name+": shifted time", numbers(t, mustPanel(t, shifted), o), base, 1, 0)

			affine := alter(rows, func(r *Row) { r.Outcome = 5 - 3*r.Outcome })
			got := numbers(t, mustPanel(t, affine), o)
			if len(got) > 1 {
				got[1] = -got[1]
			}
			// Synthetic weights stop when a step gains little, which rounding can
			// move by a step; synthetic control also sees the level.
			tol := 1e-9
			if o.Method == SDID || o.Method == SyntheticCtrl || o.Method == Auto {
				tol = 1e-5
			}
			agree(t, name+": a + b·y", got, base, -3, tol)

			relabelled := alter(rows, func(r *Row) { r.Unit = string(rune('a'+(int(r.Unit[5])*11+int(r.Unit[6])*7)%26)) + r.Unit })
			got = numbers(t, mustPanel(t, relabelled), o)
			if len(got) > 1 && o.Method == SDID || o.Method == SyntheticCtrl || o.Method == Auto {
				got, base = dropSE(got), dropSE(base) // drawn placebos follow the order of the donors
			}
			agree(t, name+": relabelled units", got, base, 1, tol)
		}
	}
}

func dropSE(x []float64) []float64 {
	if len(x) < 2 {
		return x
	}
	return append([]float64{x[0]}, x[2:]...)
}

func alter(rows []Row, f func(*Row)) []Row {
	out := slices.Clone(rows)
	for i := range out {
		f(&out[i])
	}
	return out
}

func TestProcessorsDoNotMatter(t *testing.T) {
	for wi, w := range invariantWorlds {
		p := w.Simulate(rand.New(rand.NewPCG(uint64(wi), 2)))
		for _, o := range everyMethod {
			many := numbers(t, p, o)
			before := runtime.GOMAXPROCS(1)
			one := numbers(t, p, o)
			runtime.GOMAXPROCS(before)
			agree(t, string(o.Method), one, many, 1, 0)
		}
	}
}

func TestLargeLevels(t *testing.T) {
	w := invariantWorlds[0]
	rows := panelRows(w.Simulate(rand.New(rand.NewPCG(3, 3))))
	// Outcomes that survive adding 1e7 without loss.
	rows = alter(rows, func(r *Row) { r.Outcome = math.Round(r.Outcome*1024) / 1024 })
	for _, o := range everyMethod {
		base := numbers(t, mustPanel(t, rows), o)
		far := alter(rows, func(r *Row) { r.Outcome += 1e7 })
		tol := 1e-9
		if o.Method == SDID || o.Method == SyntheticCtrl {
			tol = 1e-6
		}
		agree(t, string(o.Method), numbers(t, mustPanel(t, far), o), base, 1, tol)
	}
	tiny := []Row{
		{Unit: "a", Time: 1, First: 2, Outcome: 1e7 + .1}, {Unit: "a", Time: 2, First: 2, Outcome: 1e7 + .3},
		{Unit: "b", Time: 1, Never: true, Outcome: 1e7 + .3}, {Unit: "b", Time: 2, Never: true, Outcome: 1e7 + .3},
		{Unit: "c", Time: 1, Never: true, Outcome: 1e7 + .1}, {Unit: "c", Time: 2, Never: true, Outcome: 1e7 + .1},
	}
	for _, m := range []Method{CS, SA, Impute, StaticTWFE} {
		r, err := Run(mustPanel(t, tiny), Options{Method: m})
		if err != nil {
			t.Fatal(err)
		}
		near(t, string(m), r.ATT, 0.2, 4e-9) // the outcomes themselves carry 2e-9
	}
}

// TestImputationIsTwoStage fits dummies on untreated rows by ordinary least
// squares and averages what they leave of the treated ones.
func TestImputationIsTwoStage(t *testing.T) {
	p := invariantWorlds[0].Simulate(rand.New(rand.NewPCG(4, 4)))
	var y []float64
	cols := make([]stat.Column, len(p.Units)+p.Periods()-1)
	dummy := func(i, t0 int) []float64 {
		v := make([]float64, len(cols))
		v[i] = 1
		if t0 > 0 {
			v[len(p.Units)+t0-1] = 1
		}
		return v
	}
	for i := range p.Units {
		for t0 := range p.Times {
			if t0 < p.Cohort[i] {
				y = append(y, p.Y[i][t0])
				for c, v := range dummy(i, t0) {
					cols[c].Name = strconv.Itoa(c)
					cols[c].Values = append(cols[c].Values, v)
				}
			}
		}
	}
	fit, err := stat.OLS(y, cols)
	if err != nil {
		t.Fatal(err)
	}
	want, n := 0.0, 0.0
	for i := range p.Units {
		for t0 := range p.Times {
			if t0 >= p.Cohort[i] {
				want += p.Y[i][t0] - dot(fit.Coef, dummy(i, t0))
				n++
			}
		}
	}
	got, err := Imputation(p)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "imputation", got.ATT, want/n, 1e-10)
}

// TestSingleCohortEstimatorsAgree: with one cohort the static regression, the
// imputation, and Callaway and Sant'Anna with two periods are one estimate.
func TestSingleCohortEstimatorsAgree(t *testing.T) {
	p := World{Units: 12, Periods: 2, Treated: 5, Cohorts: 1, First: 1, Rho: 0.6, Effect: 1}.Simulate(rand.New(rand.NewPCG(5, 5)))
	var got []float64
	for _, m := range []Method{CS, SA, Impute, StaticTWFE} {
		r, err := Run(p, Options{Method: m})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.ATT)
	}
	for _, v := range got {
		near(t, "att", v, got[0], 1e-12)
	}
}

func TestRandomisationIntervalInvertsTheTest(t *testing.T) {
	p := invariantWorlds[0].Simulate(rand.New(rand.NewPCG(6, 6)))
	r, err := Run(p, Options{Draws: 499})
	if err != nil {
		t.Fatal(err)
	}
	if !(r.Low < r.ATT && r.ATT < r.High) {
		t.Fatalf("interval %v to %v does not hold the estimate %v", r.Low, r.High, r.ATT)
	}
	width := r.High - r.Low
	for _, c := range []struct {
		tau    float64
		reject bool
	}{{r.Low + width/100, false}, {r.Low - width/100, true}, {r.High - width/100, false}, {r.High + width/100, true}} {
		q := p.with(p.minus(c.tau), p.Cohort)
		at, err := Run(q, Options{Draws: 499})
		if err != nil {
			t.Fatal(err)
		}
		if (at.P <= 0.05) != c.reject {
			t.Errorf("effect %v: p %v, want rejected %v (interval %v to %v)", c.tau, at.P, c.reject, r.Low, r.High)
		}
	}
}

func TestEnumeratedAndDrawnAgree(t *testing.T) {
	p := mini(t)
	exact, err := p.Randomise(0.05, 999, 1)
	if err != nil {
		t.Fatal(err)
	}
	// 210 assignments drawn 20 000 times: the drawn p is near the exact one.
	k, err := newWithin(p)
	if err != nil {
		t.Fatal(err)
	}
	pl := plan{labels: p.cohortIndex(), draws: 20000, seed: 1}
	drawn := pl.run(func(a []int) float64 { return p.moment(k, a).statistic(0) })
	near(t, "drawn p", drawn.P, exact.P, 0.012)
}

func TestWebbUnderTenClusters(t *testing.T) {
	p := World{Units: 5, Periods: 6, Treated: 2, Cohorts: 1, First: 3, Rho: 0.3}.Simulate(rand.New(rand.NewPCG(1, 9)))
	w, err := WildClusterBootstrap(p, 0.05, 999, 1)
	if err != nil {
		t.Fatal(err)
	}
	if w.Weights != "webb" || !w.Enumerated || w.Draws != 7776 {
		t.Errorf("5 clusters: %+v, want all 6⁵ patterns of Webb's points", w)
	}
	p = World{Units: 9, Periods: 6, Treated: 4, Cohorts: 1, First: 3, Rho: 0.3}.Simulate(rand.New(rand.NewPCG(1, 9)))
	if w, err = WildClusterBootstrap(p, 0.05, 999, 1); err != nil {
		t.Fatal(err)
	}
	if w.Weights != "webb" || w.Enumerated || w.Draws != 999 {
		t.Errorf("9 clusters: %+v, want 999 draws of Webb's points", w)
	}
}

// TestWildMatchesRefit draws by hand what the bootstrap computes from inner
// products.
func TestWildMatchesRefit(t *testing.T) {
	p := mini(t)
	d, err := p.demeaned(p.indicator())
	if err != nil {
		t.Fatal(err)
	}
	y, err := p.demeaned(p.Y)
	if err != nil {
		t.Fatal(err)
	}
	w := newWild(p, d, y, 999, 1)
	for _, draw := range []int{0, 5, 77, 300, 1023} {
		v := w.multipliers(draw)
		multiplied := zeros(len(p.Units), p.Periods())
		for i := range y {
			for s := range y[i] {
				multiplied[i][s] = v[i] * y[i][s]
			}
		}
		fit, err := TwoWayFixedEffects(p.with(multiplied, p.Cohort))
		if err != nil {
			t.Fatal(err)
		}
		// The two differ by the constant of the small-sample factor.
		factor := readExpected(t).Mini.CR1 / readExpected(t).Mini.CR0
		near(t, "|t|", w.statistic(0, v), math.Abs(fit.ATT/fit.SE)*factor, 1e-9)
	}
}

func TestSimplexFindsTheMinimum(t *testing.T) {
	// The target is 0.3 of the first column and 0.7 of the third.
	rng := rand.New(rand.NewPCG(8, 8))
	m := zeros(40, 6)
	for _, r := range m {
		for j := range 5 {
			r[j] = rng.NormFloat64()
		}
		r[5] = 0.3*r[0] + 0.7*r[2]
	}
	x := simplex(m, 0, false, 1e-9)
	for j, want := range []float64{0.3, 0, 0.7, 0, 0} {
		near(t, "weight", x[j], want, 1e-4)
	}
}

func TestSyntheticRecoversABuiltEffect(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	p := World{Units: 25, Periods: 40, Treated: 1, Cohorts: 1, First: 30, Rho: 0.6}.Simulate(rng)
	for s := range p.Times {
		p.Y[0][s] = 0.5*p.Y[1][s] + 0.5*p.Y[2][s]
		if s >= 30 {
			p.Y[0][s] += 4
		}
	}
	for _, control := range []bool{false, true} {
		s, err := SyntheticDID(p, SyntheticOptions{Control: control})
		if err != nil {
			t.Fatal(err)
		}
		// The ridge of synthetic difference-in-differences spreads weights.
		tol := map[bool]float64{false: 0.6, true: 0.02}[control]
		near(t, "effect", s.ATT, 4, tol)
		pl, err := PlaceboInSpace(p, SyntheticOptions{Control: control}, 0.05, 999, 1)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "p", pl.P, 1.0/25, 1e-12)
		if !(pl.Low > 0) {
			t.Errorf("interval from %v, want above 0", pl.Low)
		}
	}
}

func TestInterruptedSeries(t *testing.T) {
	var rows []Row
	for s := range int64(60) {
		y := 10 + 0.1*float64(s)
		if s >= 30 {
			y += 5 + 0.2*float64(s-30)
		}
		for _, u := range []string{"a", "b"} {
			rows = append(rows, Row{Unit: u, Time: s, First: 30, Outcome: y + 0.01*math.Sin(float64(s*s))})
		}
	}
	p := mustPanel(t, rows)
	if _, err := Run(p, Options{}); !errors.Is(err, ErrNotIdentified) {
		t.Errorf("auto with everybody treated at once: %v, want NOT_IDENTIFIED", err)
	}
	r, err := Run(p, Options{Method: ITS})
	if err != nil {
		t.Fatal(err)
	}
	for j, want := range []float64{10, 0.1, 5, 0.2} {
		near(t, r.Series.Coefficients[j].Name, r.Series.Coefficients[j].Estimate, want, 0.01)
	}
	for i, h := range r.Series.Effects {
		near(t, "effect", h.ATT, 5+0.2*float64(h.Horizon), 0.02)
		if want := []int{4, 13, 26}[i]; h.Horizon != want {
			t.Errorf("horizon %d, want %d", h.Horizon, want)
		}
	}
	if !math.IsNaN(r.P) || r.PKind != "" {
		t.Errorf("p %v of kind %q; an interrupted series has none", r.P, r.PKind)
	}
	if !(r.Series.Size > 0) || len(r.Warnings) < 2 {
		t.Errorf("size %v, warnings %q", r.Series.Size, r.Warnings)
	}
}

func TestMeasuredSizeIsAsBadAsKnown(t *testing.T) {
	// Newey-West under AR(1) 0.6 rejects 16-24 % at 52-156 periods, the mean effect
	// of a short series somewhat more.
	for _, n := range []int{52, 156} {
		if s := measuredSize(n, n/2, 0.6, 1); s < 0.13 || s > 0.30 {
			t.Errorf("%d periods: measured size %v, known to be 0.16-0.24", n, s)
		}
	}
}

func TestQuasiPoissonRecoversARatio(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	var rows []Row
	for i := range 30 {
		for s := range int64(20) {
			r := Row{Unit: strconv.Itoa(100 + i), Time: s, First: 10, Never: i >= 15, Offset: 1 + float64(i%3)}
			rate := r.Offset * math.Exp(0.5+0.1*float64(i%5)+0.02*float64(s))
			if !r.Never && s >= 10 {
				rate *= 0.5
			}
			r.Outcome = poisson(rng, rate)
			rows = append(rows, r)
		}
	}
	r, err := Run(mustPanel(t, rows), Options{Method: Counts})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(r.Count.RateRatio-0.5) > 4*0.5*r.SE || r.SE > 0.15 || !(r.P < 1e-6) {
		t.Errorf("rate ratio %v (s.e. of log %v, p %v), want near 0.5", r.Count.RateRatio, r.SE, r.P)
	}
}

func poisson(rng *rand.Rand, rate float64) float64 {
	n, p, limit := 0.0, rng.Float64(), math.Exp(-rate)
	for p > limit {
		p *= rng.Float64()
		n++
	}
	return n
}
