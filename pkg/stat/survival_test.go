package stat

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// aml is the acute myelogenous leukaemia data of R's survival package.
func aml(t testing.TB) (groups [2][]Lifetime, ref struct {
	Time, Event, Group []float64
	G0                 map[string][2]float64 `json:"km_g0"`
	G1                 map[string]float64    `json:"km_g1"`
	LogRank            struct{ O, E, V, ChiSq, P float64 }
}) {
	t.Helper()
	expected(t, "survival_aml", &ref)
	for i, at := range ref.Time {
		g := int(ref.Group[i])
		groups[g] = append(groups[g], Lifetime{at, ref.Event[i] == 1})
	}
	return groups, ref
}

func TestKaplanMeier(t *testing.T) {
	groups, ref := aml(t)
	c, err := KaplanMeier(groups[0], LogLog, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	at := func(c *Curve, key string) int {
		v, err := strconv.ParseFloat(key, 64)
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range c.Time {
			if x == v {
				return i
			}
		}
		t.Fatalf("no time %v", v)
		return 0
	}
	for key, want := range ref.G0 {
		near(t, "S at "+key, c.Survival[at(c, key)], want[0], 5.1e-8)
		near(t, "SE at "+key, c.SE[at(c, key)], want[1], 5.1e-8)
	}
	// lifelines 0.30: exponential Greenwood intervals.
	for key, want := range map[string][2]float64{"9": {0.5080802058, 0.9866738227}, "31": {0.1673309098, 0.7533997904}, "161": {0.0117384801, 0.5250148427}} {
		nearInterval(t, "log-log at "+key, c.Interval[at(c, key)], want, 5.1e-11)
	}
	median, interval := c.Median()
	near(t, "median", median, 31, 0)
	nearInterval(t, "its interval", interval, [2]float64{13, math.Inf(1)}, 0)

	// R: survfit(Surv(time, status) ~ x, aml) prints 31 (18, NA) and 23 (8, NA).
	for g, want := range [2][2]float64{{31, 18}, {23, 8}} {
		c, err := KaplanMeier(groups[g], Log, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		median, interval := c.Median()
		near(t, "median", median, want[0], 0)
		nearInterval(t, "log interval", interval, [2]float64{want[1], math.Inf(1)}, 0)
	}

	c, err = KaplanMeier(groups[1], LogLog, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range ref.G1 {
		near(t, "S at "+key, c.Survival[at(c, key)], want, 5.1e-8)
	}
	last := len(c.Time) - 1
	isNaN(t, "interval at 0", c.Interval[last].Low, c.Interval[last].High, c.SE[last])
	s, _ := c.At(1000)
	near(t, "after everybody", s, 0, 0)
	s, _ = c.At(23.5)
	near(t, "between steps", s, ref.G1["23"], 5.1e-8)
	s, _ = c.At(2)
	near(t, "before the first", s, 1, 0)
}

func TestKaplanMeierEdges(t *testing.T) {
	c, err := KaplanMeier([]Lifetime{{5, false}, {7, false}}, LogLog, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	median, interval := c.Median()
	after, _ := c.At(8)
	before, _ := c.At(-1)
	isNaN(t, "nobody had the event", median, interval.Low, interval.High, c.Interval[0].Low, after, before)
	near(t, "nobody had the event", c.Survival[1], 1, 0)

	// Uncensored and even: the median is the usual one, in the middle of the step.
	c, err = KaplanMeier([]Lifetime{{1, true}, {2, true}, {4, true}, {9, true}}, Plain, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	median, _ = c.Median()
	near(t, "median of four", median, 3, 0)
	q, _ := c.Quantile(0.6)
	near(t, "60 %", q, 4, 0)

	// Without censoring, S is the share left.
	var units []Lifetime
	for i := range 50 {
		units = append(units, Lifetime{float64(i * i % 37), true})
	}
	c, err = KaplanMeier(units, Plain, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range c.Time {
		left := 0
		for _, u := range units {
			if u.Time > at {
				left++
			}
		}
		near(t, "share left", c.Survival[i], float64(left)/50, 1e-14)
		if left > 0 {
			p := float64(left) / 50
			near(t, "binomial error", c.SE[i], math.Sqrt(p*(1-p)/50), 1e-14)
		}
	}
	for _, bad := range [][]Lifetime{nil, {{-1, true}}, {{math.NaN(), true}}, {{math.Inf(1), false}}} {
		if _, err := KaplanMeier(bad, LogLog, 0.95); err == nil {
			t.Errorf("%v gave a curve", bad)
		}
	}
}

func TestLogRank(t *testing.T) {
	groups, ref := aml(t)
	r, err := LogRank(groups[0], groups[1])
	if err != nil {
		t.Fatal(err)
	}
	near(t, "O", r.Observed[0], ref.LogRank.O, 0)
	near(t, "E", r.Expected[0], ref.LogRank.E, 5.1e-7)
	near(t, "V", r.Variance[0][0], ref.LogRank.V, 5.1e-8)
	near(t, "χ²", r.ChiSquare, ref.LogRank.ChiSq, 5.1e-8)
	near(t, "p", r.P, ref.LogRank.P, 5.1e-8)

	// lifelines 0.30: a third group, the first nine records three units later.
	all := append(append([]Lifetime{}, groups[0]...), groups[1]...)
	var third []Lifetime
	for _, u := range all[:9] {
		third = append(third, Lifetime{u.Time + 3, u.Event})
	}
	three, err := LogRank(groups[0], groups[1], third)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "χ² of three", three.ChiSquare, 3.6232270097534585, 1e-10)
	near(t, "p of three", three.P, 0.16339029296877325, 1e-10)
	swapped, err := LogRank(third, groups[1], groups[0])
	if err != nil {
		t.Fatal(err)
	}
	closeTo(t, "order of groups", swapped.ChiSquare, three.ChiSquare, 1e-12)

	quiet, err := LogRank([]Lifetime{{3, false}}, []Lifetime{{4, false}})
	if err != nil {
		t.Fatal(err)
	}
	isNaN(t, "no events", quiet.ChiSquare, quiet.P)
	if _, err := LogRank(groups[0]); err == nil {
		t.Error("one group was compared with nothing")
	}
}

func TestBass(t *testing.T) {
	type params struct {
		M, P, Q []float64
		RSE     float64
		Peak    float64 `json:"peak_t"`
	}
	var ref struct {
		Sales []float64
		PDF   params                             `json:"pdf_nls"`
		SM    params                             `json:"srinivasan_mason"`
		OLS   struct{ A, B, C, M, P, Q float64 } `json:"bass_ols"`
	}
	expected(t, "bass_vcr", &ref)
	ols, err := BassOLS(ref.Sales)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "a", ols.A, ref.OLS.A, 5.1e-6)
	near(t, "b", ols.B, ref.OLS.B, 5.1e-9)
	near(t, "c", ols.C, ref.OLS.C, 5.1e-18)
	near(t, "M", ols.M, ref.OLS.M, 5.1e-5)
	near(t, "p", ols.P, ref.OLS.P, 5.1e-10)
	near(t, "q", ols.Q, ref.OLS.Q, 5.1e-10)
	for name, c := range map[string]struct {
		fit  func([]float64, Market) (*Bass, error)
		want params
	}{"density": {BassDensity, ref.PDF}, "increments": {SrinivasanMason, ref.SM}} {
		b, err := c.fit(ref.Sales, Market{})
		if err != nil {
			t.Fatal(err)
		}
		near(t, name+" M", b.M, c.want.M[0], 1e-3)
		near(t, name+" p", b.P, c.want.P[0], 1e-9)
		near(t, name+" q", b.Q, c.want.Q[0], 1e-9)
		near(t, name+" SE of M", b.SEM, c.want.M[1], 1e-3)
		near(t, name+" SE of p", b.SEP, c.want.P[1], 1e-9)
		near(t, name+" SE of q", b.SEQ, c.want.Q[1], 1e-9)
		near(t, name+" RSE", b.RSE, c.want.RSE, 1e-5)
		near(t, name+" peak", b.Peak(), c.want.Peak, 5.1e-7)
	}

	// scipy's curve_fit with M = 65 000.
	fixed, err := SrinivasanMason(ref.Sales, Market{Eligible: 65000, Fixed: true})
	if err != nil {
		t.Fatal(err)
	}
	near(t, "fixed p", fixed.P, 0.007907990270019961, 1e-9)
	near(t, "fixed q", fixed.Q, 0.6676765076086568, 1e-8)
	near(t, "SE of fixed p", fixed.SEP, 0.001308327839731519, 1e-7)
	isNaN(t, "SE of a fixed M", fixed.SEM)
	bound, err := SrinivasanMason(ref.Sales, Market{Eligible: 65000})
	if err != nil {
		t.Fatal(err)
	}
	if *bound != *fixed && !(math.IsNaN(bound.SEM) && bound.P == fixed.P && bound.M == 65000) {
		t.Errorf("bounded %+v, fixed %+v", bound, fixed)
	}
	free, err := SrinivasanMason(ref.Sales, Market{Eligible: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	if free.Bounded || free.M > 68000 {
		t.Errorf("a loose bound moved the fit: %+v", free)
	}

	// Only rising so far: the market is not in the data, unless given.
	rising := []float64{1, 2, 4, 9, 20, 45}
	if b, err := SrinivasanMason(rising, Market{Eligible: 300}); err != nil || b.M > 300 {
		t.Errorf("%+v, %v", b, err)
	}
	if _, err := BassOLS(rising); err == nil {
		t.Error("a market was read from numbers that only rise")
	}
	for _, bad := range [][]float64{{1, 2, 3, 2}, {0, 0, 0, 0, 0}, {1, 2, -3, 2, 1}, {1, 2, math.NaN(), 2, 1}} {
		if _, err := SrinivasanMason(bad, Market{}); err == nil {
			t.Errorf("%v was fitted", bad)
		}
	}
}

// A curve drawn from known parameters is found again.
func TestBassRecovers(t *testing.T) {
	truth := Bass{M: 420, P: 0.02, Q: 0.45}
	var x []float64
	sum := 0.0
	for i := range 14 {
		x = append(x, truth.Adopters(i+1))
		sum += x[i]
	}
	near(t, "adopters add up", sum, truth.M*truth.Share(14), 1e-10)
	b, err := SrinivasanMason(x, Market{})
	if err != nil {
		t.Fatal(err)
	}
	closeTo(t, "M", b.M, truth.M, 1e-8)
	closeTo(t, "p", b.P, truth.P, 1e-8)
	closeTo(t, "q", b.Q, truth.Q, 1e-8)
	near(t, "before the start", truth.Share(-1), 0, 0)
}

func TestForecastCompletion(t *testing.T) {
	steady, err := ForecastCompletion(20, []float64{99, 99, 5, 5, 5, 5, 5, 5, math.NaN(), 5, 5, 5, 5, 5, 5}, 1000, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []float64{0.5, 0.85, 0.95, 1} {
		if w, ok := steady.Quantile(p); w != 4 || !ok {
			t.Errorf("P%v = %d, %v; want week 4", 100*p, w, ok)
		}
	}
	if steady.Weeks != 12 {
		t.Errorf("%d weeks were resampled, want the last 12 complete ones", steady.Weeks)
	}

	// Two of 0 and 10 with equal chance until 10: geometric, P(done by w) = 1−2^−w.
	c, err := ForecastCompletion(10, []float64{0, 10, 10, 0, 0, 10}, 10000, 60, 42)
	if err != nil {
		t.Fatal(err)
	}
	for w := range 5 {
		near(t, fmt.Sprint("week ", w+1), c.ByWeek[w], 1-math.Exp2(-float64(w+1)), 0.02)
	}
	again, _ := ForecastCompletion(10, []float64{10, 0, 0, 10, 10, 0}, 10000, 60, 42)
	other, _ := ForecastCompletion(10, []float64{10, 0, 0, 10, 10, 0}, 10000, 60, 43)
	same := true
	for w := range c.ByWeek {
		if again.ByWeek[w] != c.ByWeek[w] {
			t.Fatal("the same weeks in another order gave another forecast")
		}
		same = same && other.ByWeek[w] == c.ByWeek[w]
	}
	if same {
		t.Error("another seed gave the same paths")
	}
	never, err := ForecastCompletion(10, make([]float64, 6), 100, 60, 1)
	if err != nil {
		t.Fatal(err)
	}
	if w, ok := never.Quantile(0.5); ok {
		t.Errorf("without throughput it is done in week %d", w)
	}
	for _, bad := range [][]float64{{1, 2, 3, 4, 5}, {1, 2, 3, 4, 5, -1}} {
		if _, err := ForecastCompletion(10, bad, 100, 60, 1); err == nil {
			t.Errorf("%v gave a forecast", bad)
		}
	}
}

func TestPower(t *testing.T) {
	var ref struct {
		T map[string]float64 `json:"two_sample_t"`
	}
	expected(t, "power", &ref)
	for key, want := range ref.T {
		var d, n float64
		if _, err := fmt.Sscanf(strings.Replace(key, "_", " ", 1), "d%g n%g", &d, &n); err != nil {
			t.Fatal(err)
		}
		near(t, "power "+key, TwoSampleTPower(d, n, n, 0.05), want, 5.1e-10)
	}
	// statsmodels 0.15, samples of different size and tiny ones.
	near(t, "5 and 12", TwoSampleTPower(1, 5, 12, 0.05), 0.4202232845886626, 1e-9)
	near(t, "2 and 2", TwoSampleTPower(0.8, 2, 2, 0.05), 0.07918238751785182, 1e-9)
	near(t, "400 and 300", TwoSampleTPower(0.3, 400, 300, 0.05), 0.9751506448536754, 1e-9)
	near(t, "size is the test's own", TwoSampleTPower(0, 9, 9, 0.05), 0.05, 1e-12)
	near(t, "sample", TwoSampleSize(0.5, 0.05, 0.8), 64, 0)
	isNaN(t, "no power", TwoSampleTPower(1, 1, 1, 0.05), TwoSampleTPower(1, 5, 5, 0), TwoSampleSize(0, 0.05, 0.8))

	// w′Sw with the AR(1) covariance written out in numpy.
	near(t, "change 20/13", AR1ChangeVariance(1, 0.6, 20, 13), 0.4158148311733638, 1e-13)
	near(t, "change 12/4", AR1ChangeVariance(1, 0.3, 12, 4), 0.5093299499392006, 1e-13)
	near(t, "change 5/9", AR1ChangeVariance(1, -0.2, 5, 9), 0.22812624908743112, 1e-13)
	near(t, "independent weeks", AR1MeanVariance(3, 0, 9), 1, 1e-15)
	near(t, "one week", AR1MeanVariance(3, 0.7, 1), 9, 0)
	d := Design{Treated: 12, Controls: 20, Before: 20, After: 13, Sigma: 2, Rho: 0.6, Alpha: 0.05, Power: 0.8}
	near(t, "MDE", d.MinimumDetectableEffect(), 1.3638099840357267, 1e-11)
	w, ok := d.WeeksToDetect(1.3638099840357268, 104)
	if !ok || w != 13 {
		t.Errorf("detectable from week %d, %v; want 13", w, ok)
	}
	if w, ok := d.WeeksToDetect(0.1, 104); ok {
		t.Errorf("an effect too small is seen in week %d", w)
	}
	d.Treated = 0
	isNaN(t, "no design", d.MinimumDetectableEffect(), AR1MeanVariance(1, 1, 4), AR1MeanVariance(1, 0.5, 0))
}

func TestAR1(t *testing.T) {
	r := NewRand(17)
	for _, truth := range []float64{0, 0.3, 0.6} {
		var series [][]float64
		for range 400 {
			x := make([]float64, 40)
			x[0] = 2 * r.NormFloat64()
			for i := 1; i < len(x); i++ {
				x[i] = truth*x[i-1] + 2*math.Sqrt(1-truth*truth)*r.NormFloat64()
			}
			level := 100 * r.Float64()
			for i := range x {
				x[i] += level
			}
			x[r.IntN(40)] = math.NaN()
			series = append(series, x)
		}
		rho, sigma := AR1(series...)
		near(t, fmt.Sprint("rho ", truth), rho, truth, 0.03)
		near(t, fmt.Sprint("sigma at ", truth), sigma, 2, 0.06)
	}
	rho, sigma := AR1([]float64{1, 1, 1, 1, 1, 1}, []float64{1, 2})
	isNaN(t, "nothing varies", rho, sigma)
}
