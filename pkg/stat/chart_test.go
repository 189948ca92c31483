package stat

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

// weeksOf lists the weeks (from 1) in which a rule signals.
func weeksOf(c *Chart, r Rule) []int {
	var out []int
	for _, s := range c.Signals {
		if s.Rule == r {
			out = append(out, s.Week+1)
		}
	}
	return out
}

func same(t *testing.T, what string, got, want []int) {
	t.Helper()
	if len(got) != len(want) || len(got) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("%s: weeks %v, want %v", what, got, want)
	}
}

func chart(t testing.TB) func(c *Chart, err error) *Chart {
	return func(c *Chart, err error) *Chart {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// The reference: Montgomery's examples as in qicharts2.
func TestChartsAgainstReference(t *testing.T) {
	var ref struct {
		IMR struct {
			X            []float64
			Freeze       int
			CL           float64
			MRBar        float64 `json:"mr_bar"`
			UCL          float64 `json:"ucl_3_over_1.128"`
			LCL          float64
			MRUCL        float64 `json:"mr_ucl_3.267"`
			Signals      []int   `json:"signals_at"`
			MRSignals    []int   `json:"mr_signal_at"`
			Longest      int     `json:"longest_run"`
			LongestMax   int     `json:"longest_run_max"`
			Crossings    int
			CrossingsMin int `json:"crossings_min"`
		} `json:"I_MR"`
		P struct {
			Counts       []float64
			Exclude      []int
			CL, UCL, LCL float64
			Signals      []int
		} `json:"p_chart_n50"`
		C struct {
			Counts       []float64
			Exclude      []int
			CL, UCL, LCL float64
		} `json:"c_chart"`
		T struct {
			Y            []float64
			CL, UCL, LCL float64
		} `json:"t_chart"`
	}
	expected(t, "spc", &ref)

	x := ref.IMR
	c := chart(t)(XmR(x.X, ChartOptions{}))
	near(t, "centre", c.Points[0].Center, x.CL, 0)
	near(t, "mR", c.Segments[0].MeanRange, x.MRBar, 5e-7)
	near(t, "upper", c.Points[39].Upper, x.UCL, 5.1e-7)
	near(t, "lower", c.Points[39].Lower, x.LCL, 5.1e-7)
	near(t, "range limit", c.Points[39].RangeUpper, x.MRUCL, 5.1e-7)
	same(t, "outside", weeksOf(c, Outside), x.Signals)
	var ranges []int
	for _, w := range c.RangeSignals {
		ranges = append(ranges, w+1)
	}
	same(t, "range", ranges, x.MRSignals)
	want := Runs{Useful: 40, Longest: x.Longest, LongestMax: x.LongestMax, Crossings: x.Crossings, CrossingsMin: x.CrossingsMin}
	if s := c.Segments[0]; s.Runs != want || s.Baseline != x.Freeze || s.Provisional || s.Runs.NonRandom() {
		t.Errorf("segment %+v, want runs %+v", s, want)
	}

	whole := func(n int, exclude []int) ChartOptions {
		o := ChartOptions{Baseline: n}
		for _, w := range exclude {
			o.Exclude = append(o.Exclude, w-1)
		}
		return o
	}
	n := make([]float64, len(ref.P.Counts))
	for i := range n {
		n[i] = 50
	}
	c = chart(t)(PChart(ref.P.Counts, n, whole(len(n), ref.P.Exclude)))
	near(t, "p centre", c.Points[0].Center, ref.P.CL, 1e-15)
	near(t, "p upper", c.Points[0].Upper, ref.P.UCL, 5.1e-7)
	near(t, "p lower", c.Points[0].Lower, ref.P.LCL, 5.1e-7)
	same(t, "p", weeksOf(c, Outside), ref.P.Signals)

	c = chart(t)(CChart(ref.C.Counts, whole(len(ref.C.Counts), ref.C.Exclude)))
	near(t, "c centre", c.Points[0].Center, ref.C.CL, 5.1e-7)
	near(t, "c upper", c.Points[0].Upper, ref.C.UCL, 5.1e-7)
	near(t, "c lower", c.Points[0].Lower, ref.C.LCL, 5.1e-7)
	same(t, "c", weeksOf(c, Outside), ref.C.Exclude)

	c = chart(t)(TChart(ref.T.Y, ChartOptions{}))
	near(t, "t centre", c.Points[0].Center, ref.T.CL, 5.1e-7)
	near(t, "t upper", c.Points[0].Upper, ref.T.UCL, 5.1e-7)
	near(t, "t lower", c.Points[0].Lower, ref.T.LCL, 0)
}

func TestLaneyCharts(t *testing.T) {
	x := []float64{210, 260, 190, 240, 300, 180, 255, 230, 205, 275, 220, 245}
	n := []float64{2000, 2100, 1900, 2050, 2300, 1800, 2200, 2000, 1950, 2150, 2000, 2080}
	o := ChartOptions{Baseline: 12} // written out in numpy
	c := chart(t)(PPrime(x, n, o))
	near(t, "p′ centre", c.Points[0].Center, 0.11455360782715043, 1e-15)
	near(t, "p′ upper", c.Points[0].Upper, 0.15810314395484246, 1e-14)
	near(t, "p′ lower", c.Points[11].Lower, 0.07184977426503204, 1e-14)
	near(t, "σz", c.Segments[0].MeanRange/d2, 2.0384110003438445, 1e-12)
	c = chart(t)(UPrime(x, n, o))
	near(t, "u′ upper", c.Points[0].Upper, 0.15810314395484248, 1e-14)
	c = chart(t)(UChart(x, n, o))
	near(t, "u upper", c.Points[0].Upper, 0.1372580398883621, 1e-14)

	n[5] = 0
	x[5] = 0
	c = chart(t)(PPrime(x, n, ChartOptions{Baseline: 11}))
	isNaN(t, "a week without denominator", c.Points[5].Value, c.Points[5].Upper, c.Points[5].Z, c.Points[5].P())
	if _, err := PChart([]float64{3}, []float64{2}, o); err == nil {
		t.Error("3 of 2 were charted")
	}
	if _, err := UChart([]float64{1, 2}, []float64{2}, o); err == nil {
		t.Error("lists of different length were charted")
	}
}

func TestGChart(t *testing.T) {
	between := []float64{3, 12, 0, 7, 25, 4, 9, 1, 14, 6, 2, 30}
	c := chart(t)(GChart(between, ChartOptions{}))
	m := Mean(between)
	near(t, "centre", c.Points[0].Center, m, 0)
	near(t, "upper", c.Points[0].Upper, m+3*math.Sqrt(m*(m+1)), 1e-12)
	if s := c.Segments[0]; !s.Provisional || s.Baseline != 12 || s.Runs.Useful != 12 {
		t.Errorf("segment %+v", s)
	}
}

// base has twenty weeks around 10 with mR̄ = 2: limits 10 ± 2·3/1.128 = 10 ± 5.32,
// the middles at 7.34 and 12.66.
func base(more ...float64) []float64 {
	x := make([]float64, 0, 20+len(more))
	for i := range 20 {
		x = append(x, 9+2*float64(i%2))
	}
	return append(x, more...)
}

func TestRules(t *testing.T) {
	nan := math.NaN()
	limit := 10 + 2*3/1.128
	for _, c := range []struct {
		name                         string
		more                         []float64
		outside, run, near3of4, rise []int
	}{
		{"quiet", []float64{10.5, 9, 11}, nil, nil, nil, nil},
		{"outside", []float64{16, 9}, []int{21}, nil, nil, nil},
		{"on the limit", []float64{limit, 9}, nil, nil, nil, nil},
		{"eight above, the baseline's last among them", []float64{11, 10.1, 12, 11, 10.5, 11, 10.2, 9}, nil, []int{27}, nil, nil},
		{"a tie breaks the run", []float64{11, 10.1, 12, 10, 10.5, 11, 10.2, 11, 12}, nil, nil, nil, nil},
		{"a gap breaks the run", []float64{11, 10.1, 12, nan, 10.5, 11, 10.2, 11, 12}, nil, nil, nil, nil},
		{"the run goes on", []float64{9, 11, 11, 11, 11, 11, 11, 11, 11, 11, 9}, nil, []int{29, 30}, nil, nil},
		{"three of four", []float64{13, 9, 14, 13, 9}, nil, nil, []int{24}, nil},
		{"the fourth is not beyond", []float64{13, 14, 13, 9, 9}, nil, nil, []int{23}, nil},
		{"two sides", []float64{13, 6, 14, 7, 13}, nil, nil, nil, nil},
		{"on the middle", []float64{(10 + limit) / 2, 14, 13, 9}, nil, nil, nil, nil},
		{"a gap between", []float64{13, 14, nan, 13, 9}, nil, nil, nil, nil},
		{"six rising", []float64{8, 9, 9.5, 10.5, 11, 12, 9}, nil, nil, nil, []int{26}},
		{"a tie breaks the trend", []float64{8, 9, 9.5, 9.5, 11, 12, 12.5, 9}, nil, nil, nil, nil},
		{"a gap breaks the trend", []float64{8, 9, 9.5, nan, 11, 12, 12.5, 9}, nil, nil, nil, nil},
	} {
		o := ChartOptions{Rules: []Rule{TrendOfSix, ThreeOfFour, RunOfEight, Outside}}
		// The same upside down gives the same weeks.
		for _, flip := range []bool{false, true} {
			x := base(c.more...)
			if flip {
				for i := range x {
					x[i] = 20 - x[i]
				}
			}
			got := chart(t)(XmR(x, o))
			name := c.name
			if flip {
				name += ", upside down"
			}
			same(t, name+": outside", weeksOf(got, Outside), c.outside)
			same(t, name+": run", weeksOf(got, RunOfEight), c.run)
			same(t, name+": three of four", weeksOf(got, ThreeOfFour), c.near3of4)
			same(t, name+": trend", weeksOf(got, TrendOfSix), c.rise)
			for _, s := range got.Signals {
				if s.High == flip && c.name != "six rising" {
					t.Errorf("%s: %+v is on the wrong side", name, s)
				}
			}
		}
	}
}

func TestBaselines(t *testing.T) {
	// What comes after the first twenty weeks does not move the limits.
	a := chart(t)(XmR(base(50, 60, 70), ChartOptions{}))
	b := chart(t)(XmR(base(), ChartOptions{}))
	near(t, "frozen", a.Points[22].Upper, b.Points[0].Upper, 0)
	near(t, "from the first week", a.Points[0].Upper, a.Points[22].Upper, 0)

	short := chart(t)(XmR(base()[:11], ChartOptions{}))
	isNaN(t, "eleven weeks", short.Points[0].Upper, short.Points[0].Center, short.Segments[0].Center)
	if len(short.Signals) > 0 || short.Segments[0].Baseline != 0 || short.Segments[0].UseRare {
		t.Errorf("eleven weeks: %+v %+v", short.Segments, short.Signals)
	}
	early := chart(t)(XmR(base()[:12], ChartOptions{}))
	if s := early.Segments[0]; !s.Provisional || s.Baseline != 12 {
		t.Errorf("twelve weeks: %+v", s)
	}

	// Missing weeks do not count, and break the moving range.
	x := base()
	x[3], x[10] = math.NaN(), math.NaN()
	gaps := chart(t)(XmR(append(x, 9, 11, 40), ChartOptions{}))
	if s := gaps.Segments[0]; s.Baseline != 20 || s.Provisional {
		t.Errorf("with gaps: %+v", s)
	}
	isNaN(t, "range at and after a gap", gaps.Points[3].Range, gaps.Points[4].Range, gaps.Points[3].Value)
	near(t, "mR over neighbours only", gaps.Segments[0].MeanRange, 2, 0)
	near(t, "centre", gaps.Points[22].Center, Mean(append(append([]float64{}, x[:3]...), append(append([]float64{}, x[4:10]...), append(append([]float64{}, x[11:20]...), 9, 11)...)...)), 1e-15)

	// A recorded change starts anew: no run, range or window reaches over it.
	split := chart(t)(XmR(append(base(11, 11, 11, 11, 11), base()...), ChartOptions{Splits: []int{25}}))
	if len(split.Segments) != 2 || split.Segments[1].Start != 25 || split.Segments[1].End != 45 || split.Segments[1].Baseline != 20 {
		t.Errorf("segments %+v", split.Segments)
	}
	isNaN(t, "range over a split", split.Points[25].Range)
	if len(split.Signals) > 0 {
		t.Errorf("signals %+v", split.Signals)
	}
	for _, bad := range []int{0, -1, 20, 99} {
		if _, err := XmR(base(), ChartOptions{Splits: []int{bad}}); err == nil {
			t.Errorf("a split at %d of 20 weeks was accepted", bad)
		}
	}
}

func TestRareEvents(t *testing.T) {
	flat := make([]float64, 30)
	for i := range flat {
		flat[i] = 0.1 // a number whose mean is not exact
	}
	c := chart(t)(XmR(flat, ChartOptions{}))
	if !c.Segments[0].UseRare || len(c.Signals) > 0 || len(c.RangeSignals) > 0 {
		t.Errorf("constant: %+v %+v", c.Segments, c.Signals)
	}
	isNaN(t, "limits of a constant", c.Points[5].Upper, c.Points[5].Z, c.Points[5].P())
	near(t, "its centre", c.Segments[0].Center, 0.1, 1e-16)

	mostly := make([]float64, 20)
	mostly[3], mostly[8], mostly[14], mostly[19] = 1, 2, 1, 1 // 12 of 19 ranges are 0
	if c := chart(t)(XmR(mostly, ChartOptions{})); !c.Segments[0].UseRare {
		t.Errorf("mostly zero: %+v", c.Segments)
	}
	if c := chart(t)(CChart(make([]float64, 20), ChartOptions{})); !c.Segments[0].UseRare || len(c.Signals) > 0 {
		t.Errorf("no counts: %+v", c.Segments)
	}
	if c := chart(t)(PChart(flat, flat, ChartOptions{})); !c.Segments[0].UseRare {
		t.Errorf("all of all: %+v", c.Segments)
	}
}

func TestMedianAndLogForms(t *testing.T) {
	x := base()
	x[7] = 500 // one wild week
	c := chart(t)(MedianXmR(x, ChartOptions{}))
	near(t, "centre", c.Points[0].Center, 10, 0)
	near(t, "upper", c.Points[0].Upper, 10+2*3/0.954, 1e-12)
	near(t, "range limit", c.Points[0].RangeUpper, 3.865*2, 1e-12)
	same(t, "wild week", weeksOf(c, Outside), []int{8})

	logs := make([]float64, 24)
	raw := make([]float64, 24)
	for i := range raw {
		logs[i] = math.Sin(float64(3*i)) + 2
		raw[i] = math.Exp(logs[i])
	}
	a, b := chart(t)(LogXmR(raw, ChartOptions{})), chart(t)(XmR(logs, ChartOptions{}))
	closeTo(t, "centre", a.Points[0].Center, math.Exp(b.Points[0].Center), 1e-13)
	closeTo(t, "upper", a.Points[0].Upper, math.Exp(b.Points[0].Upper), 1e-13)
	near(t, "z", a.Points[9].Z, b.Points[9].Z, 1e-12)
	near(t, "p", a.Points[9].P(), 2*normalTail(math.Abs(b.Points[9].Z)), 1e-12)
	if _, err := LogXmR([]float64{3, 0}, ChartOptions{}); err == nil || !strings.Contains(err.Error(), "week 1") {
		t.Errorf("error = %v, want one that names week 1", err)
	}
	if _, err := TChart([]float64{3, -1}, ChartOptions{}); err == nil {
		t.Error("a negative time was charted")
	}
	if _, err := XmR([]float64{3, math.Inf(1)}, ChartOptions{}); err == nil {
		t.Error("an infinite week was charted")
	}
}

// Scaling and shifting the data scales and shifts the chart and leaves its
// signals alone, at any size of the numbers.
func TestChartsDoNotDependOnTheUnit(t *testing.T) {
	r := NewRand(9)
	for range 200 {
		x := make([]float64, 60)
		for i := range x {
			x[i] = math.Round(10 * (r.NormFloat64() + float64(i/40)))
			if r.IntN(15) == 0 {
				x[i] = math.NaN()
			}
		}
		y := make([]float64, 60)
		for i := range y {
			y[i] = 1e7 + 0.5*x[i] // exact in binary
		}
		a, b := chart(t)(XmR(x, ChartOptions{})), chart(t)(XmR(y, ChartOptions{}))
		if !reflect.DeepEqual(a.Signals, b.Signals) || !reflect.DeepEqual(a.RangeSignals, b.RangeSignals) {
			t.Fatalf("signals %v and %v for %v", a.Signals, b.Signals, x)
		}
		near(t, "upper", b.Points[0].Upper, 1e7+0.5*a.Points[0].Upper, 1e-8)
	}
}

// A stable process signals outside its limits about as often as the normal
// distribution and an estimated baseline say.
func TestFalseAlarms(t *testing.T) {
	r := NewRand(31)
	outside, weeks := 0, 0
	for range 1000 {
		x := make([]float64, 72)
		for i := range x {
			x[i] = r.NormFloat64()
		}
		c := chart(t)(XmR(x, ChartOptions{}))
		for _, s := range c.Signals {
			if s.Rule == Outside && s.Week >= 20 {
				outside++
			}
		}
		weeks += 52
	}
	if share := float64(outside) / float64(weeks); share < 0.002 || share > 0.02 {
		t.Errorf("%.4f of the weeks of a stable process lie outside", share)
	}
}

// The contract: 1000 series of 104 weeks in under 50 ms.
func BenchmarkXmR1000x104(b *testing.B) {
	r := NewRand(1)
	series := make([][]float64, 1000)
	for i := range series {
		series[i] = make([]float64, 104)
		for j := range series[i] {
			series[i][j] = 100 + 10*r.NormFloat64()
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, x := range series {
			if _, err := XmR(x, ChartOptions{}); err != nil {
				b.Fatal(err)
			}
		}
	}
}
