package stat

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// recipe builds the data of the comparisons with statsmodels 0.15: 60 rows
// from formulae, rounded to three digits so that every language has the same.
func recipe() (y, w, counts, offset []float64, group []int, x []Column) {
	n := 60
	x = []Column{Intercept(n), {Name: "x1"}, {Name: "x2"}}
	round := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	for i := range n {
		f := float64(i)
		x1, x2 := round(math.Sin(f*1.3)*3), float64(i%7)-0.1*f
		x[1].Values, x[2].Values = append(x[1].Values, x1), append(x[2].Values, x2)
		y = append(y, round(2+0.5*x1-0.3*x2+math.Cos(f*0.7)*(1+math.Mod(0.1*f, 3))))
		w = append(w, 1+0.5*float64(i%4))
		group = append(group, i%9)
		counts = append(counts, math.Round(math.Exp(1+0.2*x1)+2*float64(i%3)))
		offset = append(offset, math.Log(1+float64(i%5)))
	}
	return
}

func TestCovariancesAgainstStatsmodels(t *testing.T) {
	y, w, counts, offset, group, x := recipe()
	fit := func(f *Fit, err error) *Fit {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	clustered := func(f *Fit, kind SmallSample) *Inference {
		in, err := f.Clustered(group, kind)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	ols, wls := fit(OLS(y, x)), fit(WLS(y, x, w))
	glm, weighted := fit(QuasiPoisson(counts, x, offset, nil)), fit(QuasiPoisson(counts, x, offset, w))
	for _, c := range []struct {
		what string
		in   *Inference
		se   [3]float64
	}{
		{"wls classical", wls.Classical(), [3]float64{0.24410272962454144, 0.11502021314965509, 0.09518924468898274}},
		{"wls HC0", wls.Robust(HC0), [3]float64{0.24857259865476555, 0.12152873665661755, 0.1001682036433912}},
		{"wls HC1", wls.Robust(HC1), [3]float64{0.2550301051413408, 0.12468585296594713, 0.10277040850537662}},
		{"wls HC2", wls.Robust(HC2), [3]float64{0.25662412479364255, 0.12619831192372866, 0.10448288472370827}},
		{"wls HC3", wls.Robust(HC3), [3]float64{0.2650523139348725, 0.1311019254120472, 0.10903366285642974}},
		{"ols HC0", ols.Robust(HC0), [3]float64{0.23617699760864283, 0.11428180204048592, 0.09445439417553136}},
		{"ols HC1", ols.Robust(HC1), [3]float64{0.24231248680693473, 0.11725065493081954, 0.09690816368341328}},
		{"ols HC2", ols.Robust(HC2), [3]float64{0.24260970969181037, 0.11802294379589026, 0.09806149813950013}},
		{"ols HC3", ols.Robust(HC3), [3]float64{0.24929448823751607, 0.12192021988089348, 0.10184215207097569}},
		{"Newey-West 3", ols.NeweyWest(3, false), [3]float64{0.34207357281890777, 0.12819071088453315, 0.120334134376083}},
		{"Newey-West 3 small", ols.NeweyWest(3, true), [3]float64{0.35096008053262395, 0.13152089430593777, 0.12346021688676712}},
		{"CR0", clustered(ols, CR0), [3]float64{0.5851319493318572, 0.04391974771111702, 0.041599941695655014}},
		{"CR1Stata", clustered(ols, CR1Stata), [3]float64{0.6314204614493751, 0.04739414314695976, 0.044890822337989016}},
		{"CR1Fixest", clustered(ols, CR1Fixest), [3]float64{0.6314204614493751, 0.04739414314695976, 0.044890822337989016}},
		{"quasi-Poisson", glm.Classical(), [3]float64{0.08824926850373147, 0.042248469312963007, 0.03308126930781969}},
		{"quasi-Poisson HC0", glm.Robust(HC0), [3]float64{0.07713223861367496, 0.0377541794066995, 0.03326306603589413}},
		{"quasi-Poisson weighted", weighted.Classical(), [3]float64{0.08983975799153376, 0.04269333309170874, 0.03360706255565482}},
	} {
		for j, want := range c.se {
			closeTo(t, c.what+" "+c.in.Names[j], c.in.SE(j), want, 1e-10)
		}
	}
	for j, want := range [3]float64{0.510753090559205, 0.23282085088940596, 0.025702337009857232} {
		closeTo(t, "quasi-Poisson coefficient", glm.Coef[j], want, 1e-10)
	}
	closeTo(t, "φ", glm.Dispersion, 2.203219704208804, 1e-10)
	closeTo(t, "deviance", glm.Deviance, 112.1609076984373, 1e-10)
	closeTo(t, "R²", wls.RSquared, 0.26485533211091217, 1e-12)

	est, se := ols.Classical().Combination([]float64{0, 1, 0})
	closeTo(t, "combination", est, ols.Coef[1], 0)
	closeTo(t, "combination se", se, ols.Classical().SE(1), 1e-15)
	stat, p := ols.Classical().Wald([]int{1})
	closeTo(t, "Wald of one is t²", stat, math.Pow(ols.Classical().T(1), 2), 1e-12)
	closeTo(t, "its p", p, twoSided(ols.Classical().T(1)), 1e-12)
}

func TestInferenceThatDoesNotExist(t *testing.T) {
	f, err := OLS([]float64{1, 4}, []Column{Intercept(2), {"x", []float64{0, 1}}})
	if err != nil {
		t.Fatal(err)
	}
	in := f.Classical()
	isNaN(t, "saturated fit", in.SE(0), in.T(1), in.P(1), in.Interval(1, 0.95).Low, f.Dispersion)
	if _, err := f.Clustered([]int{3, 3}, CR0); err == nil {
		t.Error("one cluster gave an error of estimate")
	}
	for _, bad := range []struct {
		y    []float64
		x    []Column
		want string
	}{
		{nil, nil, "no rows"},
		{[]float64{1, math.NaN()}, []Column{Intercept(2)}, "row 1"},
		{[]float64{1, 2}, []Column{Intercept(3)}, "3 rows"},
		{[]float64{1, 2}, []Column{Intercept(2), Intercept(2)}, "two columns"},
	} {
		if _, err := OLS(bad.y, bad.x); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("error = %v, want one about %q", err, bad.want)
		}
	}
}

func TestQuasiPoissonNamesTheRunaway(t *testing.T) {
	n := 20
	y, calm := make([]float64, n), make([]float64, n)
	for i := range n {
		if i < 10 {
			y[i] = float64(1 + i%3)
		} else {
			calm[i] = 1
		}
	}
	_, err := QuasiPoisson(y, []Column{Intercept(n), {"calm", calm}}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "calm grows without bound") {
		t.Errorf("error = %v, want calm named", err)
	}
	if _, err := QuasiPoisson(make([]float64, n), []Column{Intercept(n)}, nil, nil); err == nil {
		t.Error("a rate of nothing but zeros has no log, yet there was a fit")
	}
}

func TestNeweyWestLag(t *testing.T) {
	for n, want := range map[int]int{52: 3, 100: 4, 104: 4, 156: 4, 30: 3} {
		if got := NeweyWestLag(n); got != want {
			t.Errorf("lag for %d = %d, want %d", n, got, want)
		}
	}
}

func ExampleFixedEffects() {
	unit, _ := Levels([]string{"a", "a", "b", "b"})
	week := []int{1, 2, 1, 2}
	f, err := FixedEffects([]float64{10, 13, 20, 21},
		[]Column{{"treated", []float64{0, 1, 0, 0}}},
		[]Factor{{"unit", unit}, {"week", week}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.1f\n", f.Coef[0])
	// Output: 2.0
}
