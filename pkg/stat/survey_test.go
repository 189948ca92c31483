package stat

import (
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const z95 = 1.959963984540054

func TestCritical(t *testing.T) {
	near(t, "z", critical(0.95), z95, 1e-15)
	isNaN(t, "no level", critical(0), critical(1), critical(math.NaN()), tCritical(0.95, 0))
	// scipy 1.17.
	closeTo(t, "t 1", tQuantile(0.975, 1), 12.706204736174694, 1e-13)
	closeTo(t, "t 9", tQuantile(0.975, 9), 2.262157162798205, 1e-13)
	closeTo(t, "p of it", tTwoSided(tQuantile(0.975, 30.5), 30.5), 0.05, 1e-13)
	closeTo(t, "far tail", tTwoSided(50, 9), 2.5689529108747976e-12, 1e-13)
}

func TestProportionsAgainstReference(t *testing.T) {
	var ref struct {
		Wilson         map[string][2]float64
		WilsonCC       map[string][2]float64 `json:"wilson_cc"`
		ClopperPearson map[string][2]float64 `json:"clopper_pearson"`
		Newcombe       map[string][2]float64 `json:"newcombe10"`
	}
	expected(t, "proportions", &ref)
	for _, c := range []struct {
		name string
		of   func(x, n, level float64) Interval
		want map[string][2]float64
	}{
		{"Wilson", Wilson, ref.Wilson},
		{"WilsonContinuity", WilsonContinuity, ref.WilsonCC},
		{"ClopperPearson", ClopperPearson, ref.ClopperPearson},
	} {
		if len(c.want) == 0 {
			t.Fatalf("no reference for %s", c.name)
		}
		for key, want := range c.want {
			var x, n float64
			if _, err := fmt.Sscanf(key, "%g/%g", &x, &n); err != nil {
				t.Fatal(err)
			}
			nearInterval(t, c.name+" "+key, c.of(x, n, 0.95), want, 5.1e-9)
		}
	}
	nearInterval(t, "Wilson to all digits", Wilson(18, 20, 0.95), ref.Wilson["18/20"], 2e-15)
	nearInterval(t, "Clopper-Pearson to all digits", ClopperPearson(18, 20, 0.95), ref.ClopperPearson["18/20"], 2e-13)
	for key, want := range ref.Newcombe {
		var a, b, c, d float64
		if _, err := fmt.Sscanf(key, "%g/%g-%g/%g", &a, &b, &c, &d); err != nil {
			t.Fatal(err)
		}
		nearInterval(t, "Newcombe "+key, NewcombeDifference(a, b, c, d, 0.95), want, 5.1e-9)
	}
}

func TestProportionProperties(t *testing.T) {
	intervals := map[string]func(x, n, level float64) Interval{"Wilson": Wilson, "WilsonContinuity": WilsonContinuity, "ClopperPearson": ClopperPearson}
	for name, of := range intervals {
		for _, n := range []float64{1, 2, 7, 40, 1000, 1e6} {
			for _, share := range []float64{0, 0.1, 0.5, 0.9, 1} {
				x := math.Round(share * n)
				i, mirror, wider := of(x, n, 0.95), of(n-x, n, 0.95), of(x, n, 0.99)
				p := x / n
				if !(0 <= i.Low && i.Low <= p && p <= i.High && i.High <= 1) {
					t.Errorf("%s(%v, %v) = %v does not hold %v", name, x, n, i, p)
				}
				if (i.Low == 0) != (x == 0) || (i.High == 1) != (x == n) {
					t.Errorf("%s(%v, %v) = %v: 0 and 1 belong to none and all", name, x, n, i)
				}
				near(t, name+" mirrored", mirror.Low, 1-i.High, 1e-9)
				if wider.Low > i.Low || wider.High < i.High {
					t.Errorf("%s(%v, %v): the 99 %% interval %v is inside the 95 %% one %v", name, x, n, wider, i)
				}
			}
		}
		for _, bad := range [][2]float64{{1, 0}, {0, 0}, {-1, 5}, {6, 5}, {math.NaN(), 5}, {1, math.NaN()}, {1, math.Inf(1)}} {
			if i := of(bad[0], bad[1], 0.95); i.Exists() || !math.IsNaN(i.Low) || !math.IsNaN(i.High) {
				t.Errorf("%s(%v) = %v, want none", name, bad, i)
			}
		}
		if of(1, 2, 1).Exists() || of(1, 2, 0).Exists() {
			t.Errorf("%s: there is an interval at a level that is none", name)
		}
	}
}

func TestFinitePopulation(t *testing.T) {
	var ref struct {
		Case struct {
			P   float64
			MOE float64
			FPC float64 `json:"moe_fpc"`
		} `json:"n60_k42_N80"`
		For map[string]float64 `json:"n_for_5pct"`
	}
	expected(t, "fpc", &ref)
	moe := z95 * math.Sqrt(0.7*0.3/60)
	near(t, "margin", moe, ref.Case.MOE, 5e-7)
	near(t, "finite margin", moe*FinitePopulationFactor(60, 80), ref.Case.FPC, 5e-7)
	for population, want := range ref.For {
		var size float64
		if _, err := fmt.Sscan(population, &size); err != nil {
			t.Fatal(err)
		}
		near(t, "sample of "+population, SampleSize(0.05, 0.95, size), want, 0)
	}
	near(t, "sample of infinity", SampleSize(0.05, 0.95, math.Inf(1)), 385, 0)
	nearInterval(t, "census", WilsonFinite(42, 60, 60, 0.95), [2]float64{0.7, 0.7}, 0)
	star := 60.0 * 79 / 20
	nearInterval(t, "part", WilsonFinite(42, 60, 80, 0.95), [2]float64{Wilson(0.7*star, star, 0.95).Low, Wilson(0.7*star, star, 0.95).High}, 0)
	near(t, "all of a part", WilsonFinite(60, 60, 80, 0.95).High, 1, 0)
	isNaN(t, "more answers than people", FinitePopulationFactor(81, 80), WilsonFinite(42, 81, 80, 0.95).Low, SampleSize(0, 0.95, 10))
	near(t, "one of one", FinitePopulationFactor(1, 1), 0, 0)
}

func TestNPS(t *testing.T) {
	var ref map[string]any
	expected(t, "nps", &ref)
	number := func(c, f string) float64 { return ref[c].(map[string]any)[f].(float64) }
	pair := func(c, f string) [2]float64 {
		v := ref[c].(map[string]any)[f].([]any)
		return [2]float64{v[0].(float64), v[1].(float64)}
	}
	a, b, c, d := NPS{36, 28, 36}, NPS{60, 25, 15}, NPS{5, 3, 2}, NPS{10, 0, 0}
	near(t, "score", a.Score(), number("36/28/36", "nps"), 0)
	near(t, "se", a.SE(), number("36/28/36", "se"), 5e-7)
	_, i := a.AdjustedWald(0.95)
	nearInterval(t, "adjusted", i, pair("36/28/36", "adj_wald"), 5e-7)
	near(t, "score", b.Score(), number("60/25/15", "nps"), 0)
	near(t, "se", b.SE(), number("60/25/15", "se"), 5e-7)
	nearInterval(t, "wald", b.Wald(0.95), pair("60/25/15", "wald"), 5e-7)
	center, i := b.AdjustedWald(0.95)
	near(t, "adjusted score", center, number("60/25/15", "adj_wald_est"), 5e-7)
	nearInterval(t, "adjusted", i, pair("60/25/15", "adj_wald"), 5.1e-6)
	_, i = c.AdjustedWald(0.95)
	nearInterval(t, "adjusted", i, pair("5/3/2", "adj_wald"), 5e-7)
	center, i = d.AdjustedWald(0.95)
	near(t, "adjusted score", center, number("10/0/0", "adj_wald_est"), 5e-7)
	unclipped := pair("10/0/0", "adj_wald_unclipped")
	nearInterval(t, "adjusted, clipped", i, [2]float64{unclipped[0], 100}, 5e-7)
	near(t, "its upper half before clipping", 2*center-i.Low, unclipped[1], 1e-6)

	center, i = b.AdjustedWaldFinite(0.95, 100)
	nearInterval(t, "census", i, [2]float64{45, 45}, 0)
	near(t, "census", center, 45, 0)
	_, part := b.AdjustedWaldFinite(0.95, 400)
	_, whole := b.AdjustedWald(0.95)
	near(t, "finite", (part.High-part.Low)/(whole.High-whole.Low), FinitePopulationFactor(100, 400), 1e-14)

	diff := NPSDifference(b, a)
	near(t, "difference", diff.Estimate, 45, 0)
	near(t, "its z", diff.Z, 45/math.Sqrt(8.48528137423857*8.48528137423857+54.75), 1e-9)
	none := NPS{}
	_, i = none.AdjustedWald(0.95)
	isNaN(t, "no answers", none.Score(), none.SE(), none.Wald(0.95).Low, i.High, NPSDifference(none, a).Z)
	isNaN(t, "no spread", NPSDifference(d, NPS{0, 0, 5}).Z, NPSDifference(d, NPS{0, 0, 5}).Interval(0.95).Low)
}

func TestWaveAgainstWave(t *testing.T) {
	// statsmodels 0.15 proportions_ztest and mcnemar.
	d := TwoProportions(56, 70, 48, 80)
	near(t, "z", d.Z, 2.6501719512585336, 1e-12)
	near(t, "p", d.P, 0.00804508136819656, 1e-13)
	isNaN(t, "all successes", TwoProportions(5, 5, 7, 7).Z, TwoProportions(5, 4, 7, 7).Estimate)
	m := McNemar(15, 5)
	near(t, "exact", m.ExactP, 0.04138946533203125, 1e-13)
	near(t, "corrected", m.CorrectedP, 0.04417134490844271, 1e-13)
	near(t, "plain", m.P, 0.025347318677468325, 1e-13)
	near(t, "equal", McNemar(4, 4).ExactP, 1, 0)
	isNaN(t, "nobody changed", McNemar(0, 0).P, McNemar(-1, 3).ExactP)

	// Derrick, Toher and White's formula by hand, with r among the pairs.
	only1, only2 := []float64{4, 5, 3}, []float64{2, 3, 4, 4}
	both := [][2]float64{{5, 4}, {3, 3}, {4, 2}, {5, 5}}
	x1, x2 := []float64{4, 5, 3, 5, 3, 4, 5}, []float64{2, 3, 4, 4, 4, 3, 2, 5}
	r := pearson([]float64{5, 3, 4, 5}, []float64{4, 3, 2, 5})
	se := math.Sqrt(Variance(x1)/7 + Variance(x2)/8 - 2*r*SD(x1)*SD(x2)*4/56)
	o := PartialOverlap(only1, only2, both)
	near(t, "partial overlap", o.Z, (Mean(x1)-Mean(x2))/se, 1e-13)
	independent := PartialOverlap(x1, x2, nil)
	near(t, "no overlap", independent.SE, math.Sqrt(Variance(x1)/7+Variance(x2)/8), 1e-15)
	isNaN(t, "two pairs", PartialOverlap(only1, only2, both[:2]).Z)
	var pairs [][2]float64
	for i := range 7 {
		pairs = append(pairs, [2]float64{x1[i], x2[i]})
	}
	near(t, "full overlap is paired", PartialOverlap(nil, nil, pairs).SE, PairedT(x1, x2[:7]).SE, 1e-13)
}

func TestTTests(t *testing.T) {
	var p panel
	expected(t, "mini_panel", &p)
	w := Welch(p.ChangesTreat, p.ChangesCtrl)
	near(t, "welch t", w.T, p.WelchT, 5e-10)
	near(t, "welch df", w.DF, p.WelchDF, 5e-7)
	near(t, "welch p", w.P, p.WelchP, 5e-10)
	pooled := PooledT(p.ChangesTreat, p.ChangesCtrl)
	near(t, "pooled t", pooled.T, p.PooledT, 5e-9)
	near(t, "pooled p", pooled.P, p.PooledP, 5e-10)

	// scipy 1.17.
	x := []float64{3.1, 4.7, 2.2, 8.8, 5.5, 6.1, 9.9, 1.4, 7.7, 3.3, 5.0}
	y := []float64{2.9, 5.1, 4.0, 7.9, 5.0, 8.8, 9.0, 3.3, 4.4, 2.0, 5.0}
	w = Welch(x, y[:7])
	near(t, "welch", w.T, -0.6921161666820318, 1e-13)
	near(t, "welch p", w.P, 0.5002009552970057, 1e-12)
	nearInterval(t, "welch interval", w.Interval(0.95), [2]float64{-3.5030763968871814, 1.7939854877962724}, 1e-12)
	near(t, "pooled p", PooledT(x, y[:7]).P, 0.5093679329251941, 1e-12)
	near(t, "paired p", PairedT(x, y).P, 0.9585294197362287, 1e-12)
	nearInterval(t, "paired interval", PairedT(x, y).Interval(0.9), [2]float64{-0.8998377089937536, 0.9543831635392077}, 1e-12)
	flat := []float64{2, 2, 2}
	isNaN(t, "no spread", Welch(flat, flat).T, PooledT(flat, flat).P, PairedT(flat, flat).Interval(0.95).Low)
	isNaN(t, "too few", Welch(x, y[:1]).T, PooledT(nil, y).T, PairedT(x, y[:3]).T, PooledT([]float64{1}, []float64{2}).P)
}

func TestTrends(t *testing.T) {
	// R's example of prop.trend.test: X-squared = 8.2249, p = 0.004132.
	c := CochranArmitage([]float64{83, 90, 129, 70}, []float64{86, 93, 136, 82}, nil)
	near(t, "χ²", c.Z*c.Z, 8.224922285197744, 1e-11)
	near(t, "z", c.Z, -2.8679125309530877, 1e-12)
	near(t, "p", c.P, 0.004132, 5e-7)
	isNaN(t, "no trend", CochranArmitage([]float64{0, 0}, []float64{5, 5}, nil).Z, CochranArmitage([]float64{1, 2}, []float64{5, 5}, []float64{3, 3}).P, CochranArmitage([]float64{1}, []float64{5}, nil).Z)

	x := []float64{3.1, 4.7, 2.2, 8.8, 5.5, 6.1, 9.9, 1.4, 7.7, 3.3, 5.0}
	y := []float64{2.9, 5.1, 4.0, 7.9, 5.0, 8.8, 9.0, 3.3, 4.4, 2.0, 5.0}
	s := Spearman(x, y, 0.95)
	near(t, "rho", s.Rho, 0.779045301358731, 1e-13)
	near(t, "p", s.P, 0.004714320551196524, 1e-13)
	half := z95 * math.Sqrt((1+s.Rho*s.Rho/2)/8)
	nearInterval(t, "Bonett-Wright", s.Interval, [2]float64{math.Tanh(math.Atanh(s.Rho) - half), math.Tanh(math.Atanh(s.Rho) + half)}, 1e-14)
	exact := Spearman(x[:8], y[:8], 0.95) // scipy's permutation_test over all pairings
	near(t, "rho of 8", exact.Rho, 0.880952380952381, 1e-13)
	near(t, "exact p", exact.P, 0.007242063492063492, 1e-13)
	perfect := Spearman(x, x, 0.95)
	near(t, "rho of itself", perfect.Rho, 1, 1e-15)
	isNaN(t, "interval of ±1", perfect.Interval.Low, perfect.Interval.High)
	isNaN(t, "constant", Spearman(x, make([]float64, len(x)), 0.95).Rho, Spearman(x[:2], y[:2], 0.95).Rho)

	// scipy's theilslopes.
	f := TheilSen(x, y, 0.95)
	near(t, "slope", f.Slope, 0.6705882352941177, 1e-13)
	nearInterval(t, "slope interval", f.Interval, [2]float64{0.0727272727272728, 1.0727272727272725}, 1e-12)
	nearInterval(t, "80 %", TheilSen(x, y, 0.8).Interval, [2]float64{0.35714285714285715, 0.8970588235294116}, 1e-12)
	weeks := []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	ties := TheilSen(weeks, []float64{3, 3, 4, 6, 5, 7, 7, 9, 8, 12}, 0.9)
	near(t, "slope with ties", ties.Slope, 0.8571428571428571, 1e-13)
	nearInterval(t, "interval with ties", ties.Interval, [2]float64{0.625, 1}, 1e-12)
	v, band := ties.Forecast(15, 0.8)
	if !band.Contains(v) || !(ties.ReachProbability(15, band.High) < 0.11) || !(ties.ReachProbability(15, v) == 0.5) {
		t.Errorf("forecast %v %v, P(value) %v", v, band, ties.ReachProbability(15, v))
	}
	near(t, "P of the 80 % end", ties.ReachProbability(15, band.High), 0.1, 1e-12)
	isNaN(t, "one week", TheilSen([]float64{1, 1}, []float64{2, 3}, 0.9).Slope, TheilSen(nil, nil, 0.9).Intercept)
}

func TestPoisson(t *testing.T) {
	// Quantiles of χ² (scipy) and R's poisson.test, whose example is 11/800 against 23/3011.
	for x, want := range map[float64][2]float64{0: {0, 3.6888794541139354}, 1: {0.025317807984289876, 5.571643390938898}, 7: {2.8143630515198654, 14.422675361702376}, 137: {115.02053443379857, 161.9564046880734}} {
		_, i := PoissonRate(x, 1, 0.95)
		nearInterval(t, "rate", i, want, 1e-10)
		rate, i := PoissonRate(x, 4, 0.95)
		near(t, "per exposure", rate, x/4, 0)
		nearInterval(t, "per exposure", i, [2]float64{want[0] / 4, want[1] / 4}, 1e-10)
	}
	r := PoissonRatio(11, 800, 23, 3011, 0.95)
	near(t, "ratio", r.Estimate, 1.800054347826087, 1e-13)
	nearInterval(t, "ratio interval", r.Interval, [2]float64{0.7922050858333567, 3.8438627403949517}, 1e-10)
	near(t, "ratio p", r.P, 0.13663444706428232, 1e-12)
	r = PoissonRatio(0, 10, 5, 20, 0.95)
	nearInterval(t, "none in the first", r.Interval, [2]float64{0, 2.182558210365092}, 1e-10)
	near(t, "its p", r.P, 0.176954732510288, 1e-12)
	r = PoissonRatio(3, 1.5, 4, 7.25, 0.95)
	near(t, "p with both tails", r.P, 0.10258757494387057, 1e-12)
	r = PoissonRatio(5, 20, 0, 10, 0.95)
	if !math.IsInf(r.Estimate, 1) || !math.IsInf(r.Interval.High, 1) || !(r.Interval.Low > 0) {
		t.Errorf("none in the second: %+v", r)
	}
	rate, i := PoissonRate(3, 0, 0.95)
	isNaN(t, "no exposure", rate, i.Low, PoissonRatio(0, 1, 0, 1, 0.95).Estimate, PoissonRatio(0, 1, 0, 1, 0.95).P)
}

func TestQuantiles(t *testing.T) {
	x := []float64{12, 3, 5, 7, 30, 22, 19, 41, 8, 9, 15, 2, 11, 6, 27}
	for i, want := range []float64{11, 6.5, 28.8} { // numpy, linear
		near(t, "quantile", Quantiles(x, 0.5, 0.25, 0.9)[i], want, 1e-13)
	}
	nearInterval(t, "median", QuantileInterval(x, 0.5, 0.95), [2]float64{6, 22}, 0) // ranks 4 and 12
	nearInterval(t, "quartile", QuantileInterval(x, 0.25, 0.95), [2]float64{2, 11}, 0)
	nearInterval(t, "p90", QuantileInterval(x, 0.9, 0.95), [2]float64{19, math.Inf(1)}, 0)
	if i := QuantileInterval(x[:3], 0.5, 0.95); i.Exists() {
		t.Errorf("three values bound the median: %v", i)
	}
	isNaN(t, "nothing", Quantile(nil, 0.5), Quantile(x, 1.1), Quantile([]float64{1, math.NaN()}, 0.5))
	near(t, "one", Quantile([]float64{4}, 0.9), 4, 0)
	near(t, "infinite neighbours", Median([]float64{1, math.Inf(1), math.Inf(1), math.Inf(1)}), math.Inf(1), 0)
}

// The interval covers the true quantile at least as often as it says.
func TestQuantileIntervalCovers(t *testing.T) {
	r := NewRand(11)
	for _, c := range []struct {
		n int
		p float64
	}{{15, 0.5}, {40, 0.75}, {200, 0.9}} {
		hits := 0
		const runs = 2000
		for range runs {
			x := make([]float64, c.n)
			for i := range x {
				x[i] = r.Float64()
			}
			if QuantileInterval(x, c.p, 0.9).Contains(c.p) {
				hits++
			}
		}
		if share := float64(hits) / runs; share < 0.885 {
			t.Errorf("n = %d: covered %v of the time, want 0.9", c.n, share)
		}
	}
}

func TestAdjustedP(t *testing.T) {
	var ref struct{ P, Adj []float64 }
	expected(t, "bh", &ref)
	for i, want := range ref.Adj {
		near(t, "BH", BenjaminiHochberg(ref.P)[i], want, 1e-14)
	}
	by := []float64{1, 1, 1, 1, 1, 1, 0.0015337740764175586, 0.14844940238274185, 0.004121132465226944, 0.14632862843720582} // statsmodels fdr_by
	for i, want := range by {
		near(t, "BY", BenjaminiYekutieli(ref.P)[i], want, 1e-14)
	}
	with := BenjaminiHochberg(slices.Insert(slices.Clone(ref.P), 3, math.NaN()))
	isNaN(t, "no test", with[3])
	if got := slices.Delete(with, 3, 4); !reflect.DeepEqual(got, BenjaminiHochberg(ref.P)) {
		t.Errorf("a NaN was counted as a test: %v", got)
	}
	if len(BenjaminiHochberg(nil)) != 0 {
		t.Error("no tests gave a p value")
	}
}

// table turns a matrix of counts into respondents, one per cell, with base weights.
func table(seed [][]float64, rows, cols []float64) (base []float64, margins []Margin) {
	margins = []Margin{{Name: "row", Target: map[string]float64{}}, {Name: "column", Target: map[string]float64{}}}
	for i, r := range seed {
		for j, v := range r {
			base = append(base, v)
			margins[0].Cell = append(margins[0].Cell, fmt.Sprint("r", i))
			margins[1].Cell = append(margins[1].Cell, fmt.Sprint("c", j))
		}
	}
	for i, v := range rows {
		margins[0].Target[fmt.Sprint("r", i)] = v
	}
	for j, v := range cols {
		margins[1].Target[fmt.Sprint("c", j)] = v
	}
	return base, margins
}

func TestRaking(t *testing.T) {
	var ref struct {
		Seed, Fit  [][]float64
		Rows, Cols []float64
	}
	expected(t, "ipf_4x4", &ref)
	base, margins := table(ref.Seed, ref.Rows, ref.Cols)
	w, err := Rake(base, margins)
	if err != nil {
		t.Fatal(err)
	}
	k := 0
	for _, row := range ref.Fit {
		for _, want := range row {
			near(t, "cell", w.Weight[k], want, 5.1e-7)
			k++
		}
	}

	// Order of the respondents does not matter, to the bit.
	order := NewRand(3).Perm(len(base))
	shuffled := make([]float64, len(base))
	other := []Margin{{Name: "row", Target: margins[0].Target}, {Name: "column", Target: margins[1].Target}}
	for i, j := range order {
		shuffled[i] = base[j]
		for m := range margins {
			other[m].Cell = append(other[m].Cell, margins[m].Cell[j])
		}
	}
	again, err := Rake(shuffled, other)
	if err != nil {
		t.Fatal(err)
	}
	for i, j := range order {
		if again.Weight[i] != w.Weight[j] {
			t.Fatalf("weight %v in another order, %v before", again.Weight[i], w.Weight[j])
		}
	}

	delete(margins[0].Target, "r2")
	margins[0].Target["nobody"] = 400
	if _, err := Rake(base, margins); err == nil || !strings.Contains(err.Error(), `row`) {
		t.Errorf("error = %v, want one that names the margin", err)
	}
	margins[0].Target["r2"], margins[0].Target["nobody"] = 390, 10
	if _, err := Rake(base, margins); err == nil || !strings.Contains(err.Error(), `cell "nobody" has a target of 10 and no respondent`) {
		t.Errorf("error = %v, want one that names the empty cell", err)
	}
	margins[0].Target["r2"] = 400
	delete(margins[0].Target, "nobody")
	margins[1].Target["c0"] = 201
	if _, err := Rake(base, margins); err == nil || !strings.Contains(err.Error(), "sums to 1001") {
		t.Errorf("error = %v, want one about the totals", err)
	}
	// r0 lies wholly in c0, so c0 cannot be smaller than r0.
	contradiction := []Margin{{"a", []string{"x", "x", "y"}, map[string]float64{"x": 6, "y": 4}}, {"b", []string{"p", "p", "q"}, map[string]float64{"p": 5, "q": 5}}}
	if _, err := Rake(nil, contradiction); err == nil || !strings.Contains(err.Error(), "contradict") {
		t.Errorf("error = %v, want a contradiction", err)
	}
}

func TestRakingTrims(t *testing.T) {
	r := NewRand(5)
	var site, tenure []string
	for i := range 300 {
		s, y := "a", "old"
		if i < 12 {
			s = "b"
		}
		if i == 0 || i >= 12 && r.IntN(3) == 0 {
			y = "new"
		}
		site, tenure = append(site, s), append(tenure, y)
	}
	margins := []Margin{{"site", site, map[string]float64{"a": 0.82, "b": 0.18}}, {"tenure", tenure, map[string]float64{"old": 0.4, "new": 0.6}}}
	free, err := Rake(nil, margins)
	if err != nil {
		t.Fatal(err)
	}
	if free.Extreme[1] < 5 {
		t.Fatalf("the example needs no trimming: %v", free.Extreme)
	}
	w, err := RakeTrimmed(nil, margins, 0.2, 5)
	if err != nil {
		t.Fatal(err)
	}
	if w.Extreme[0] < 0.2*(1-1e-5) || w.Extreme[1] > 5*(1+1e-5) || w.Trimmed == 0 {
		t.Errorf("trimmed weights spread over %v, %d trimmed", w.Extreme, w.Trimmed)
	}
	if !(w.EffectiveN > free.EffectiveN) || w.EffectiveN > 300 {
		t.Errorf("effective n %v after trimming, %v before", w.EffectiveN, free.EffectiveN)
	}
	b := 0.0
	for i, s := range site {
		if s == "b" {
			b += w.Weight[i]
		}
	}
	near(t, "share of b", b, 0.18, 1e-9)
	if _, err := RakeTrimmed(nil, margins, 2, 5); err == nil {
		t.Error("limits above 1 were accepted")
	}

	near(t, "effective n of equals", EffectiveN([]float64{3, 3, 3, 3}), 4, 1e-15)
	share, n, i := WeightedShare([]bool{true, false, true}, []float64{1, 2, 1}, 0.95)
	near(t, "weighted share", share, 0.5, 0)
	near(t, "its n", n, 16.0/6, 1e-15)
	nearInterval(t, "its interval", i, [2]float64{Wilson(n/2, n, 0.95).Low, Wilson(n/2, n, 0.95).High}, 1e-15)
	isNaN(t, "no weight", EffectiveN(nil), EffectiveN([]float64{0, 0}), EffectiveN([]float64{1, -1}))
}

func TestShrinkage(t *testing.T) {
	// scipy: maximum of the beta-binomial likelihood and the posterior quantiles.
	x, n := []float64{12, 5, 30, 9, 22, 3, 18, 40}, []float64{20, 15, 40, 30, 25, 12, 50, 60}
	s := ShrinkProportions(x, n, 0.95)
	near(t, "mean", s.Mean, 3.0830169/(3.0830169+2.73313881), 1e-6)
	for i, want := range []float64{0.58424721, 0.38830498, 0.7220819, 0.33736219, 0.81395672, 0.34143263, 0.37772248, 0.65459637} {
		near(t, "posterior", s.Units[i].Estimate, want, 1e-6)
		between(t, s.Mean, s.Units[i].Estimate, x[i]/n[i])
	}
	nearInterval(t, "posterior of the first", s.Units[0].Interval, [2]float64{0.39324147, 0.76288204}, 1e-6)
	alike := ShrinkProportions([]float64{5, 10, 15}, []float64{10, 20, 30}, 0.95)
	near(t, "alike", alike.Units[0].Estimate, 0.5, 0)
	near(t, "alike", alike.Units[0].P, 1, 0)
	near(t, "alike", alike.Spread, 0, 0)
	isNaN(t, "all or nothing", ShrinkProportions([]float64{89, 121, 0, 121, 6}, []float64{89, 121, 80, 121, 6}, 0.95).Mean)
	isNaN(t, "too few", ShrinkProportions(x[:2], n[:2], 0.95).Mean, ShrinkProportions([]float64{0, 0, 0}, n[:3], 0.95).Units[0].Estimate)

	// Eight schools (Rubin 1981), spread out threefold so that τ > 0: the
	// estimating equation of Paule and Mandel holds at the answer.
	effect, se := []float64{84, 24, -9, 21, -3, 3, 54, 36}, []float64{15, 10, 16, 11, 9, 11, 10, 18}
	m := ShrinkMeans(effect, se, 0.95)
	q := 0.0
	for i := range effect {
		q += math.Pow(effect[i]-m.Mean, 2) / (se[i]*se[i] + m.Spread*m.Spread)
		between(t, m.Mean, m.Units[i].Estimate, effect[i])
	}
	near(t, "Q at τ²", q, 7, 1e-9)
	if m.Units[0].P > 0.05 || m.Units[2].P < 0.05 {
		t.Errorf("p values %v and %v", m.Units[0].P, m.Units[2].P)
	}
	for i := range effect {
		effect[i] /= 3
	}
	near(t, "τ of the eight schools", ShrinkMeans(effect, se, 0.95).Spread, 0, 0)
	gap := ShrinkMeans(append(effect, 5), append(se, 0), 0.95)
	isNaN(t, "no error of estimate", gap.Units[8].Estimate, gap.Units[8].P)
	if gap.Mean != ShrinkMeans(effect, se, 0.95).Mean {
		t.Error("a unit without an error moved the mean")
	}
}

func between(t *testing.T, a, v, b float64) {
	t.Helper()
	if v < min(a, b) || v > max(a, b) {
		t.Errorf("%v is not between %v and %v", v, a, b)
	}
}

func TestReliability(t *testing.T) {
	// The definition in numpy, and Feldt's interval from scipy's F.
	answers := [][]float64{{4, 5, 4, 3}, {2, 3, 2, 2}, {5, 5, 4, 5}, {3, 3, 2, 4}, {1, 2, 1, 2}, {4, 4, 5, 4}, {3, 2, 3, 3}, {5, 4, 5, 5}}
	alpha, n := CronbachAlpha(append(answers, []float64{1, math.NaN(), 5, 5}))
	near(t, "alpha", alpha, 0.9316043732519704, 1e-14)
	near(t, "people", float64(n), 8, 0)
	nearInterval(t, "Feldt", AlphaInterval(alpha, n, 4, 0.95), [2]float64{0.796958667653731, 0.9846372472993815}, 1e-12)
	one, _ := CronbachAlpha([][]float64{{1}, {2}})
	flat, _ := CronbachAlpha([][]float64{{3, 3}, {3, 3}})
	opposite, _ := CronbachAlpha([][]float64{{1, 5}, {2, 4}, {3, 3}})
	none, _ := CronbachAlpha(nil)
	isNaN(t, "no alpha", one, flat, opposite, none)
	near(t, "two thirds", IndexScore([]float64{4, math.NaN(), 5}), 4.5, 0)
	isNaN(t, "less than two thirds", IndexScore([]float64{4, math.NaN()}), IndexScore([]float64{4}), IndexScore([]float64{4, math.NaN(), math.NaN(), 2}))
	near(t, "reversed", Reverse(2, 1, 5), 4, 0)

	var ref map[string][2]float64
	expected(t, "umux_lite", &ref)
	for key, want := range ref {
		var u, e float64
		if _, err := fmt.Sscanf(key, "%g,%g", &u, &e); err != nil {
			t.Fatal(err)
		}
		score, sus := UMUXLite(u, e)
		near(t, "UMUX-Lite", score, want[0], 1e-12)
		near(t, "SUS", sus, want[1], 1e-12)
	}
	score, _ := UMUXLite(0, 7)
	isNaN(t, "outside the scale", score)
}

func TestSumsOfLargeNumbers(t *testing.T) {
	x := []float64{1e7 + .1, 1e7 + .3, 1e7 + .1, 1e7 + .3}
	closeTo(t, "variance", Variance(x), 4.0/3*0.01, 1e-7) // the numbers themselves carry 1e-9
	exact := Variance([]float64{x[0] - 1e7, x[1] - 1e7, x[2] - 1e7, x[3] - 1e7})
	closeTo(t, "variance after an exact shift", Variance(x), exact, 1e-14)
	near(t, "constant", Variance([]float64{0.1, 0.1, 0.1}), 0, 0)
	isNaN(t, "no variance", Variance([]float64{1}), Mean(nil), SD(nil), Variance([]float64{1, math.NaN()}))
	near(t, "cancelling", Sum([]float64{1e308, 1, -1e308}), 1, 0)
	near(t, "infinite", Sum([]float64{math.Inf(1), 1}), math.Inf(1), 0)
	near(t, "tie of rounding", Sum([]float64{1, math.Ldexp(1, -53), math.Ldexp(1, -106)}), 1+math.Ldexp(1, -52), 0)
}

// Whatever is a set gives the same bits in every order, on any number of processors.
func TestSetsHaveNoOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 4))
	x, y := make([]float64, 61), make([]float64, 61)
	units := make([]Lifetime, 61)
	for i := range x {
		x[i], y[i] = math.Exp(5*r.NormFloat64()), 1e7+math.Round(3*r.NormFloat64())/10
		units[i] = Lifetime{math.Round(10 * r.Float64()), r.IntN(3) > 0}
	}
	bits := func(order []int) []float64 {
		a, b, u := make([]float64, len(x)), make([]float64, len(x)), make([]Lifetime, len(x))
		n, se := make([]float64, len(x)), make([]float64, len(x))
		for i, j := range order {
			a[i], b[i], u[i] = x[j], y[j], units[j]
			n[i], se[i] = 50+float64(j), 1+x[j]/(1+x[j])
		}
		c, err := KaplanMeier(u, LogLog, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		s, f := Spearman(a, b, 0.95), TheilSen(a, b, 0.8)
		hits := make([]float64, len(a))
		for i := range a {
			hits[i] = math.Floor(n[i] * a[i] / (1 + a[i]))
		}
		out := []float64{Sum(a), Mean(b), Variance(b), SD(a), Quantile(a, 0.3), Welch(a, b).T, PairedT(a, b).T, s.Rho, s.Interval.Low, f.Slope, f.Intercept, f.Spread,
			EffectiveN(a), ShrinkMeans(b, se, 0.95).Spread, ShrinkMeans(b, se, 0.95).Mean, ShrinkProportions(hits, n, 0.95).Mean}
		return append(append(out, c.Survival...), c.SE[:len(c.SE)-1]...)
	}
	first := make([]int, len(x))
	for i := range first {
		first[i] = i
	}
	want := bits(first)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for processors := range 5 {
		runtime.GOMAXPROCS(processors + 1)
		if got := bits(r.Perm(len(x))); !reflect.DeepEqual(got, want) {
			t.Fatalf("in another order\n got %v\nwant %v", got, want)
		}
	}
}
