package stat

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

// Certified values: NIST Statistical Reference Datasets.
func TestRegressionAgainstNIST(t *testing.T) {
	for _, c := range []struct {
		file     string
		coef, se []float64
		sigma    float64
		r2       float64
	}{
		{
			"testdata/nist_longley.csv",
			[]float64{-3482258.63459582, 15.0618722713733, -0.358191792925910e-01, -2.02022980381683, -1.03322686717359, -0.511041056535807e-01, 1829.15146461355},
			[]float64{890420.383607373, 84.9149257747669, 0.334910077722432e-01, 0.488399681651699, 0.214274163161675, 0.226073200069370, 455.478499142212},
			304.854073561965, 0.995479004577296,
		},
		{
			"testdata/nist_norris.csv",
			[]float64{-0.262323073774029, 1.00211681802045},
			[]float64{0.232818234301152, 0.429796848199937e-03},
			0.884796396144373, 0.999993745883712,
		},
	} {
		names, data := readCSV(t, c.file)
		x := []Column{Intercept(len(data["y"]))}
		for _, n := range names[1:] {
			x = append(x, Column{n, data[n]})
		}
		f, err := OLS(data["y"], x)
		if err != nil {
			t.Fatal(err)
		}
		in := f.Classical()
		for j := range c.coef {
			closeTo(t, c.file+" coefficient "+f.Names[j], f.Coef[j], c.coef[j], 1e-11)
			closeTo(t, c.file+" error of "+f.Names[j], in.SE(j), c.se[j], 1e-11)
		}
		closeTo(t, c.file+" sigma", math.Sqrt(f.Dispersion), c.sigma, 1e-11)
		closeTo(t, c.file+" R²", f.RSquared, c.r2, 1e-11)
	}
}

// panel is the mini_panel reference: teams by weeks, some treated from a week on.
type panel struct {
	Y            [][]float64
	Treated      []int
	First        int `json:"first_treated_week"`
	DID          float64
	CR0          float64 `json:"se_cr0"`
	CR1          float64 `json:"se_cr1_fixest"`
	T            float64
	P            float64   `json:"p_t9"`
	ChangesTreat []float64 `json:"changes_treated"`
	ChangesCtrl  []float64 `json:"changes_control"`
	PooledT      float64   `json:"pooled_t"`
	PooledP      float64   `json:"pooled_p"`
	WelchT       float64   `json:"welch_t"`
	WelchDF      float64   `json:"welch_df"`
	WelchP       float64   `json:"welch_p"`
}

func (p panel) rows() (y []float64, did Column, unit, week Factor) {
	did.Name, unit.Name, week.Name = "did", "unit", "week"
	for i, series := range p.Y {
		for t, v := range series {
			y = append(y, v)
			d := 0.0
			if p.Treated[i] == 1 && t+1 >= p.First {
				d = 1
			}
			did.Values = append(did.Values, d)
			unit.Level = append(unit.Level, i)
			week.Level = append(week.Level, t+1)
		}
	}
	return y, did, unit, week
}

func TestFixedEffectsMiniPanel(t *testing.T) {
	var p panel
	expected(t, "mini_panel", &p)
	y, did, unit, week := p.rows()
	f, err := FixedEffects(y, []Column{did}, []Factor{unit, week}, nil)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "did", f.Coef[0], p.DID, 1e-12)
	for kind, want := range map[SmallSample]float64{CR0: p.CR0, CR1Fixest: p.CR1} {
		in, err := f.Clustered(unit.Level, kind)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "se", in.SE(0), want, 1e-12)
		if kind == CR1Fixest {
			near(t, "t", in.T(0), p.T, 1e-9)
			near(t, "p", in.P(0), p.P, 1e-9)
			near(t, "df", in.DF, 9, 0)
		}
	}
	if f.K != 1+10+8-1 {
		t.Errorf("K = %d, want 18", f.K)
	}

	// The same with dummies, and with one row less, where demeaning iterates.
	for _, n := range []int{len(y), len(y) - 3} {
		x := []Column{{did.Name, did.Values[:n]}, Intercept(n)}
		for level := 1; level < 10; level++ {
			x = append(x, dummy("unit", unit.Level[:n], level))
		}
		for level := 2; level <= 8; level++ {
			x = append(x, dummy("week", week.Level[:n], level))
		}
		full, err := OLS(y[:n], x)
		if err != nil {
			t.Fatal(err)
		}
		f, err := FixedEffects(y[:n], []Column{{did.Name, did.Values[:n]}}, []Factor{{"unit", unit.Level[:n]}, {"week", week.Level[:n]}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "did with dummies", f.Coef[0], full.Coef[0], 1e-11)
		near(t, "classical se", f.Classical().SE(0), full.Classical().SE(0), 1e-11)
		a, _ := f.Clustered(unit.Level[:n], CR1Stata)
		b, _ := full.Clustered(unit.Level[:n], CR1Stata)
		near(t, "CR1Stata", a.SE(0), b.SE(0), 1e-11)
	}
}

func dummy(name string, level []int, is int) Column {
	c := Column{Name: name + string(rune('0'+is)), Values: make([]float64, len(level))}
	for i, l := range level {
		if l == is {
			c.Values[i] = 1
		}
	}
	return c
}

func TestDemeanUnbalancedIsOrthogonal(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := 400
	a, b, c := make([]int, n), make([]int, n), make([]int, n)
	x, w := make([]float64, n), make([]float64, n)
	for i := range x {
		a[i], b[i], c[i] = r.IntN(40), r.IntN(25), r.IntN(3)
		x[i], w[i] = 1e6+r.NormFloat64()+float64(a[i]), r.Float64()+0.1
	}
	for _, weights := range [][]float64{nil, w} {
		effects := []Factor{{"a", a}, {"b", b}, {"c", c}}
		d, err := Demean(x, effects, weights)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range effects {
			for l, m := range newGrouping(e.Level, weights).means(d) {
				near(t, e.Name+" mean of level "+string(rune('0'+l)), m, 0, 1e-11)
			}
		}
	}
}

// A chain of units that each share one week with the next is the slowest case
// of alternating projections; it must still converge.
func TestDemeanBadlyConnected(t *testing.T) {
	var unit, week []int
	var x []float64
	for i := range 150 {
		for _, w := range []int{i, i + 1} {
			unit, week = append(unit, i), append(week, w)
			x = append(x, math.Sin(float64(3*i+w)))
		}
	}
	d, err := Demean(x, []Factor{{"unit", unit}, {"week", week}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range d { // 300 rows, 150 + 151 − 1 parameters: nothing is left
		near(t, "residual", v, 0, 1e-9)
	}
}

func TestCollinearColumnsAreNamed(t *testing.T) {
	n := 12
	x := []Column{Intercept(n), {"size", make([]float64, n)}, {"age", make([]float64, n)}, {"twice", make([]float64, n)}, {"flat", make([]float64, n)}, {"near", make([]float64, n)}}
	y := make([]float64, n)
	for i := range n {
		x[1].Values[i] = float64(i*i%7) + 0.1
		x[2].Values[i] = float64(i % 5)
		x[3].Values[i] = 2*x[1].Values[i] - x[2].Values[i]/3
		x[4].Values[i] = 0.1
		x[5].Values[i] = 1e7 + 0.1 + 0.2*float64(i%2) // not collinear
		y[i] = math.Sin(float64(i))
	}
	_, err := OLS(y, x)
	var c *CollinearError
	if !errors.As(err, &c) || !reflect.DeepEqual(c.Columns, []string{"twice", "flat"}) {
		t.Fatalf("error = %v, want twice and flat named", err)
	}
	kept, dropped, err := DropCollinear(x, nil)
	if err != nil || len(kept) != 4 || len(dropped) != 2 {
		t.Fatalf("kept %d, dropped %v, error %v", len(kept), dropped, err)
	}
	if _, err := OLS(y, kept); err != nil {
		t.Fatal(err)
	}

	unit := make([]int, n)
	for i := range unit {
		unit[i] = i / 3
		x[2].Values[i] = 1e6 + 0.3*float64(unit[i])
	}
	_, err = FixedEffects(y, []Column{x[1], x[2]}, []Factor{{"unit", unit}}, nil)
	if !errors.As(err, &c) || !reflect.DeepEqual(c.Columns, []string{"age"}) {
		t.Fatalf("error = %v, want age named", err)
	}
}

// With a covariate of 1e7 and steps of 0.2 the slope keeps its digits.
func TestRegressionLargeOffset(t *testing.T) {
	n := 20
	x, small, y := make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range n {
		x[i] = 1e7 + 0.1 + 0.2*float64(i%2)
		small[i] = x[i] - 1e7 // exact
		y[i] = 1e7 + math.Cos(float64(i))
	}
	a, err := OLS(y, []Column{Intercept(n), {"x", x}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := OLS(y, []Column{Intercept(n), {"x", small}})
	if err != nil {
		t.Fatal(err)
	}
	closeTo(t, "slope", a.Coef[1], b.Coef[1], 1e-12)
	closeTo(t, "se", a.Classical().SE(1), b.Classical().SE(1), 1e-12)
}

func TestRegressionIgnoresRowOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	n := 97
	y, w, offset := make([]float64, n), make([]float64, n), make([]float64, n)
	x := []Column{Intercept(n), {"a", make([]float64, n)}, {"b", make([]float64, n)}}
	unit, week := make([]int, n), make([]int, n)
	for i := range n {
		y[i] = float64(r.IntN(6))
		w[i] = 0.5 + float64(r.IntN(3))
		offset[i] = float64(r.IntN(2))
		x[1].Values[i], x[2].Values[i] = r.NormFloat64(), float64(r.IntN(3))
		unit[i], week[i] = r.IntN(9), r.IntN(6)
	}
	run := func(order []int, relabel int) []float64 {
		take := func(v []float64) []float64 {
			out := make([]float64, n)
			for i, j := range order {
				out[i] = v[j]
			}
			return out
		}
		takeInt := func(v []int, times int) []int {
			out := make([]int, n)
			for i, j := range order {
				out[i] = times * v[j]
			}
			return out
		}
		cols := []Column{x[0], {"a", take(x[1].Values)}, {"b", take(x[2].Values)}}
		u, k := takeInt(unit, relabel), takeInt(week, relabel)
		var bits []float64
		wls, err := WLS(take(y), cols, take(w))
		if err != nil {
			t.Fatal(err)
		}
		glm, err := QuasiPoisson(take(y), cols, take(offset), take(w))
		if err != nil {
			t.Fatal(err)
		}
		fe, err := FixedEffects(take(y), cols[1:], []Factor{{"u", u}, {"k", k}}, take(w))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []*Fit{wls, glm, fe} {
			cr, err := f.Clustered(u, CR1Fixest)
			if err != nil {
				t.Fatal(err)
			}
			bits = append(bits, f.Coef...)
			bits = append(bits, f.Dispersion, f.Deviance, cr.SE(0), cr.SE(1), f.Robust(HC1).SE(0))
		}
		return bits
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	want := run(order, 1)
	for seed := range 5 {
		got := run(rand.New(rand.NewPCG(uint64(seed), 0)).Perm(n), -1)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("shuffled rows and relabelled units:\n got %v\nwant %v", got, want)
		}
	}
}
