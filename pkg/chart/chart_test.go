package chart

import (
	"encoding/xml"
	"flag"
	"html/template"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

var update = flag.Bool("update", false, "write the golden files")

// series makes consecutive points of grain g; NaN is a missing value.
func series(g metric.Grain, from string, values ...float64) []metric.Point {
	w, err := metric.ParseWindow(from, time.UTC)
	if err != nil {
		panic(err)
	}
	var ps []metric.Point
	for _, v := range values {
		p := metric.Point{Metric: "test.series", Grain: g, Start: w.Start, End: w.End, Quality: metric.NoData}
		if !math.IsNaN(v) {
			low, high := v*0.8, v*1.3
			p.Value, p.CILow, p.CIHigh, p.N, p.Quality = &v, &low, &high, 20, metric.OK
		}
		ps = append(ps, p)
		w = metric.At(g, w.End, time.UTC)
	}
	return ps
}

const day = 86_400_000.0

var none = math.NaN()

func cases() map[string]template.HTML {
	quarters := series(metric.Quarter, "2024-Q1", 4*day, 3.5*day, 3.8*day, none, none, 2.6*day, 2.2*day, 1.9*day)
	quarters[1].Quality, quarters[7].Quality = metric.LowN, metric.Partial
	weeks := series(metric.Week, "2026-W01", 3, 4, 2, 6, 5, 3, 4, 8, 2, 3, 4, 5)
	long := series(metric.Month, "2018-01", make([]float64, 90)...)
	for i := range long {
		v := 0.5 + 0.3*math.Sin(float64(i)/7)
		long[i].Value, long[i].CILow, long[i].CIHigh = &v, nil, nil
	}
	mar := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	return map[string]template.HTML{
		"line_gaps":   Line{ID: "a", Title: "Change lead time", Unit: metric.Milliseconds, Points: quarters, Location: time.UTC}.SVG(),
		"line_step":   Line{ID: "a", Title: "Deployment frequency", Unit: metric.PerDay, Points: series(metric.Quarter, "2026-Q1", 0.04, 0.11, 0.09), Location: time.UTC, Step: true}.SVG(),
		"line_limits": Line{ID: "a", Title: "Pages", Unit: metric.Count, Points: weeks, Location: time.UTC, Limits: &Limits{Center: 4, Low: 0.5, High: 7, From: weeks[3].Start, Signals: []time.Time{weeks[7].Start}}, Marks: []Mark{{mar, "New <runbooks>"}, {mar.AddDate(0, 0, 3), "Alerts halved"}}}.SVG(),
		"line_long":   Line{ID: "a", Title: "Change fail rate", Unit: metric.Ratio, Points: long, Location: time.UTC}.SVG(),
		"line_none":   Line{ID: "a", Title: "Nothing yet", Unit: metric.Ratio, Points: series(metric.Week, "2026-W10", none, none), Location: time.UTC}.SVG(),
	}
}

func TestGolden(t *testing.T) {
	for name, got := range cases() {
		file := filepath.Join("testdata", name+".svg")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), string(got)); d != "" {
			t.Errorf("%s differs (-want +got):\n%s", file, d)
		}
	}
}

// TestEveryChart holds every drawing to what pages and their security policy need.
func TestEveryChart(t *testing.T) {
	for name, got := range cases() {
		d := xml.NewDecoder(strings.NewReader(string(got)))
		seen := map[string]bool{}
		for {
			tok, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s is not well-formed: %v", name, err)
			}
			e, ok := tok.(xml.StartElement)
			if !ok {
				continue
			}
			seen[e.Name.Local] = true
			for _, a := range e.Attr {
				if a.Name.Local == "style" || strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "#") {
					t.Errorf("%s has the attribute %s=%q", name, a.Name.Local, a.Value)
				}
				if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "Inf") {
					t.Errorf("%s draws %s=%q", name, a.Name.Local, a.Value)
				}
			}
		}
		if !seen["title"] || !seen["desc"] || seen["script"] || seen["style"] || !strings.Contains(string(got), `role="img"`) {
			t.Errorf("%s has %v", name, seen)
		}
	}
}

// TestLimitsAreNamedAboveThePlot: where data is drawn no word stands.
func TestLimitsAreNamedAboveThePlot(t *testing.T) {
	weeks := series(metric.Week, "2026-W01", 3, 4, 2, 6, 5, 3, 4, 8, 2, 3, 4, 5)
	for _, c := range []struct {
		low  float64
		want string
	}{{0.5, "limits 0.500 and 7"}, {0, "upper limit 7"}} {
		got := string(Line{ID: "a", Unit: metric.Count, Points: weeks, Location: time.UTC, Limits: &Limits{Center: 4, Low: c.low, High: 7}}.SVG())
		labels := 0
		for _, part := range strings.Split(got, "<text ")[1:] {
			if !strings.HasPrefix(part, `class="limit-label"`) {
				continue
			}
			labels++
			if !strings.Contains(part, ` y="12" `) || !strings.Contains(part, ">"+c.want+"</text>") {
				t.Errorf("the limits are not named above the plot: %s", part)
			}
		}
		if labels != 1 {
			t.Errorf("%d labels of limits", labels)
		}
	}
}

func TestAGapIsNeitherZeroNorBridged(t *testing.T) {
	ps := series(metric.Month, "2026-01", 2, 4, none, 4, 2)
	got := string(Line{ID: "a", Unit: metric.Score, Points: ps, Location: time.UTC}.SVG())
	line := attribute(t, got, "line")
	if n := strings.Count(line, "M"); n != 2 {
		t.Errorf("the line has %d pieces, want 2, one on each side of the gap: %s", n, line)
	}
	if dots := attribute(t, got, "dot"); strings.Count(dots, "M") != 4 {
		t.Errorf("want 4 dots: %s", dots)
	}
}

func attribute(t *testing.T, svg, class string) string {
	t.Helper()
	_, rest, ok := strings.Cut(svg, `class="`+class+`" d="`)
	if !ok {
		t.Fatalf("nothing of class %s in\n%s", class, svg)
	}
	d, _, _ := strings.Cut(rest, `"`)
	return d
}

func TestDescribe(t *testing.T) {
	up := series(metric.Month, "2026-01", 1, none, 3, 9)
	up[3].Quality = metric.Partial
	one := series(metric.Quarter, "2026-Q1", 2)
	for _, c := range []struct {
		ps   []metric.Point
		want string
	}{
		{nil, "No data."},
		{series(metric.Week, "2026-W10", none), "1 week from 2026-W10 to 2026-W10. No complete value yet. 1 week without data."},
		{one, "1 quarter from 2026-Q1 to 2026-Q1. One complete value, 2026-Q1: 2.0 (1.6 to 2.6), n 20."},
		{up, "4 months from 2026-01 to 2026-04. Up: from 1.0 in 2026-01 to 3.0 in 2026-03. Lowest 1.0 in 2026-01, highest 3.0 in 2026-03. " +
			"Last complete value 2026-03: 3.0 (2.4 to 3.9), n 20. 1 month without data. 1 month partial, not compared."},
	} {
		if got := Describe(c.ps, metric.Score, time.UTC); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestValueAxis(t *testing.T) {
	const hour = day / 24
	for _, c := range []struct {
		unit      metric.Unit
		low, high float64
		want      string
	}{
		{metric.Milliseconds, 0, 9.5 * day, "0 5 10 days"},
		{metric.Milliseconds, 0, 30 * hour, "0 10 20 30 hours"},
		{metric.Milliseconds, 0, 90_000, "0 50 100 seconds"},
		{metric.Ratio, 0, 0.97, "0 50 100 %"},
		{metric.Ratio, 0, 0.031, "0 1 2 3 4 %"},
		{metric.PerDay, 0, 0.13, "0.00 0.05 0.10 0.15 per day"},
		{metric.Count, 0, 1, "0 1 count"},
		{metric.Count, 0, 0, "0 1 count"},
		{metric.Score, -35, 60, "-50 0 50 100 score"},
	} {
		a := newValueAxis(c.unit, c.low, c.high)
		if got := strings.Join(a.labels, " ") + " " + a.caption; got != c.want {
			t.Errorf("axis of %s from %v to %v: %q, want %q", c.unit, c.low, c.high, got, c.want)
		}
		if a.low > c.low || a.high < c.high || a.low == a.high {
			t.Errorf("axis of %s spans %v to %v, not %v to %v", c.unit, a.low, a.high, c.low, c.high)
		}
	}
}

func TestDateTicks(t *testing.T) {
	for _, c := range []struct {
		grain    metric.Grain
		from, to string
		want     string
	}{
		{metric.Quarter, "2025-Q3", "2026-Q2", "Q3/2025 Q4 Q1/2026 Q2"},
		{metric.Quarter, "2023-Q3", "2026-Q2", "2024 2025 2026"},
		{metric.Month, "2026-01", "2026-04", "Jan/2026 Feb Mar Apr"},
		{metric.Month, "2025-02", "2026-04", "Apr/2025 Jul Oct Jan/2026 Apr"},
		{metric.Month, "2000-02", "2026-04", "2005 2010 2015 2020 2025"},
		{metric.Week, "2026-W10", "2026-W13", "2 Mar/2026 9 Mar 16 Mar 23 Mar"},
		{metric.Week, "2025-W50", "2026-W12", "Jan/2026 Feb Mar"},
	} {
		from, err := metric.ParseWindow(c.from, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		to, err := metric.ParseWindow(c.to, time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range dateTicks(c.grain, from.Start, to.End, time.UTC, mostLabels) {
			if d.year != "" {
				d.label += "/" + d.year
			}
			got = append(got, d.label)
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s to %s: %q, want %q", c.from, c.to, s, c.want)
		}
	}
}
