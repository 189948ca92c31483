package review

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	berlin = func() *time.Location {
		l, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			panic(err)
		}
		return l
	}()
	frequency = metric.Def{Name: "dora.deployment_frequency", Version: 1, Title: "Deployment frequency", Question: "How often does a change reach the users?",
		Class: metric.Impact, Direction: metric.Higher, Unit: metric.PerDay, Guardrails: []string{"dora.change_fail_rate"}, Facts: []string{"deployments"}}
	leadTime = metric.Def{Name: "dora.change_lead_time", Version: 1, Title: "Change lead time", Question: "How long does finished work wait for its users?",
		Class: metric.Impact, Direction: metric.Lower, Unit: metric.Milliseconds, Guardrails: []string{"dora.change_fail_rate", "dora.unheard_of"}, Facts: []string{"shipped_changes"}}
	failRate = metric.Def{Name: "dora.change_fail_rate", Version: 1, Title: "Change fail rate", Question: "How often does a deployment need intervention?",
		Class: metric.Guardrail, Direction: metric.Lower, Unit: metric.Ratio, Guardrails: []string{"dora.deployment_frequency"}, Facts: []string{"deployments"}}
	pages = metric.Def{Name: "oncall.pages", Version: 1, Title: "Pages", Question: "How often is somebody called?",
		Class: metric.Guardrail, Direction: metric.Lower, Unit: metric.Count, Facts: []string{"pages"}}
)

// week is the n-th week of the fixtures, which begin with 2025-W32.
func week(n int) metric.Window {
	first, err := metric.ParseWindow("2025-W32", berlin)
	if err != nil {
		panic(err)
	}
	return metric.At(metric.Week, first.Start.In(berlin).AddDate(0, 0, 7*n).Add(12*time.Hour), berlin)
}

// point is one of m facts.
func point(d metric.Def, w metric.Window, of behaviour.Subject, v float64, m uint64) metric.Point {
	low, high := v*0.8, v*1.25
	p := metric.Point{Metric: d.Name, Version: d.Version, Grain: w.Grain, Start: w.Start, End: w.End, Service: of.Service, Team: of.Team, Unit: of.Unit,
		Value: &v, N: m, CILow: &low, CIHigh: &high, Quality: metric.OK}
	if d.Unit == metric.Ratio {
		den := float64(m)
		num := math.Round(v * den)
		v = num / den
		p.Numerator, p.Denominator = &num, &den
	}
	return p
}

// A draw gives the value of week n.
type valueOf func(n int, r *rand.Rand) float64

func steady(mean, spread float64) valueOf {
	return func(_ int, r *rand.Rand) float64 { return mean * math.Exp(spread*r.NormFloat64()) }
}

// series are weeks [0, weeks) of a metric.
func series(d metric.Def, of behaviour.Subject, weeks int, seed uint64, f valueOf) []metric.Point {
	r := rand.New(rand.NewPCG(seed, 1))
	var out []metric.Point
	for n := range weeks {
		out = append(out, point(d, week(n), of, f(n, r), 120))
	}
	return out
}

const day = 86_400_000.0

func input(ps []metric.Point, at int, defs ...metric.Def) Input {
	w := week(at)
	return Input{Week: w, Location: berlin, AsOf: w.End.Add(6 * time.Hour), Metrics: defs, Points: ps}
}

func build(t *testing.T, in Input) Review {
	t.Helper()
	r, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func said(r Review) []string {
	var out []string
	for _, s := range r.Signals {
		out = append(out, s.Name+" of "+s.Subject)
	}
	return out
}

func TestStepIsASignal(t *testing.T) {
	step := func(at int, factor float64) valueOf {
		return func(n int, r *rand.Rand) float64 {
			v := steady(2*day, 0.1)(n, r)
			if n >= at {
				v *= factor
			}
			return v
		}
	}
	for _, c := range []struct {
		name   string
		factor float64
		at     int // the reviewed week; the step is in week 40
		want   []string
		says   string
		better string
	}{
		{"up, in its week", 3, 40, []string{"dora.change_lead_time of payments"}, "Above the upper limit", "For the worse"},
		{"down, in its week", 1. / 3, 40, []string{"dora.change_lead_time of payments"}, "Below the lower limit", "For the better"},
		{"before it", 3, 39, nil, "", ""},
		{"it goes on", 3, 50, []string{"dora.change_lead_time of payments"}, "So since 2026-W20.", "For the worse"},
		{"none", 1, 40, nil, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			of := behaviour.Subject{Service: "payments"}
			r := build(t, input(series(leadTime, of, c.at+1, 7, step(40, c.factor)), c.at, leadTime))
			if diff := cmp.Diff(c.want, said(r)); diff != "" {
				t.Fatalf("signals (-want +got):\n%s", diff)
			}
			if c.want != nil && (!strings.Contains(r.Signals[0].Says, c.says) || !strings.Contains(r.Signals[0].Better, c.better)) {
				t.Errorf("it says %q %q, want %q %q", r.Signals[0].Says, r.Signals[0].Better, c.says, c.better)
			}
		})
	}
}

// TestNoise reviews pages of hundreds of charts in which nothing has changed:
// nearly none may have a signal, whatever the shape of the noise.
func TestNoise(t *testing.T) {
	shapes := map[string]struct {
		d metric.Def
		f valueOf
	}{
		"lead times": {leadTime, steady(day, 0.5)},
		"counts":     {pages, func(_ int, r *rand.Rand) float64 { return math.Max(0, math.Round(9+3*r.NormFloat64())) }},
		"few":        {pages, func(_ int, r *rand.Rand) float64 { return distuv.Poisson{Lambda: 3, Src: r}.Rand() }},
		"shares":     {failRate, func(_ int, r *rand.Rand) float64 { return math.Max(0, math.Min(1, 0.1+0.03*r.NormFloat64())) }},
	}
	for name, s := range shapes {
		t.Run(name, func(t *testing.T) {
			const seeds = 10
			loud := 0
			for seed := range uint64(seeds) {
				var ps []metric.Point
				for i := range uint64(100) {
					ps = append(ps, series(s.d, behaviour.Subject{Service: fmt.Sprintf("s%03d", i)}, 60, 1000*seed+i, s.f)...)
				}
				if r := build(t, input(ps, 59, s.d)); len(r.Signals) > 0 {
					loud++
				}
			}
			if loud > seeds/5 {
				t.Errorf("%d of %d pages of noise have a signal", loud, seeds)
			}
		})
	}
}

func TestPartialWeekIsNeverCompared(t *testing.T) {
	of := behaviour.Subject{}
	ps := series(leadTime, of, 41, 3, steady(2*day, 0.1))
	wild := 20 * day
	ps[40].Value, ps[40].Quality = &wild, metric.Partial
	r := build(t, input(ps, 40, leadTime))
	if len(r.Signals) != 0 {
		t.Errorf("a partial week is a signal: %v", said(r))
	}
	f := r.Sections[0].Figures[0]
	if f.Weeks[0].Quality != "partial, not compared" || !strings.Contains(f.Verdict, "not judged") {
		t.Errorf("the partial week is %+v, %q", f.Weeks[0], f.Verdict)
	}

	// What is complete a week late is judged then.
	ps = series(leadTime, of, 42, 3, steady(2*day, 0.1))
	ps[40].Value, ps[41].Quality = &wild, metric.Partial
	r = build(t, input(ps, 41, leadTime))
	if len(r.Signals) != 1 || !strings.HasPrefix(r.Signals[0].Says, "In "+week(40).Label(berlin)+", complete only after its own review: above") || r.Signals[0].Value != "20.0 d" {
		t.Errorf("late: %+v", r.Signals)
	}
	ps = ps[:41]
	ps[40].Quality = metric.Partial

	// The same week asked for before it was over, whatever its points say.
	ps[40].Quality = metric.OK
	in := input(ps, 40, leadTime)
	in.AsOf = in.Week.End.Add(-time.Minute)
	r = build(t, in)
	if len(r.Signals) != 0 || !r.Running || r.Sections[0].Figures[0].Weeks[0].Quality != "partial, not compared" {
		t.Errorf("a week that is not over: %v, running %t", said(r), r.Running)
	}

	// Baseline and runs do without partial weeks, too: a wild partial week long ago
	// moves no limit.
	ps = series(leadTime, of, 41, 3, steady(2*day, 0.1))
	before := build(t, input(ps, 40, leadTime)).Sections[0].Figures[0].Verdict
	ps = slices.Insert(ps, 0, point(leadTime, week(-1), of, wild, 1))
	ps[0].Quality = metric.Partial
	if after := build(t, input(ps, 40, leadTime)).Sections[0].Figures[0].Verdict; after != before {
		t.Errorf("a partial week moves the limits: %q, without it %q", after, before)
	}
}

func TestMissingWeek(t *testing.T) {
	// Seven weeks above the centre, a missing one, then one more: no run of eight.
	ps := series(pages, behaviour.Subject{}, 40, 5, func(n int, r *rand.Rand) float64 {
		v := 100 + 20*float64(n%2)
		if n >= 31 {
			v = 116
		}
		return v
	})
	run := build(t, input(ps, 39, pages)).Sections[0].Figures[0].Verdict
	if !strings.HasPrefix(run, "At least eight weeks in a row above") {
		t.Fatalf("nine weeks above the centre: %q", run)
	}
	gap := slices.Delete(slices.Clone(ps), 38, 39)
	r := build(t, input(gap, 39, pages))
	if f := r.Sections[0].Figures[0]; !strings.HasPrefix(f.Verdict, "Within") || f.Weeks[1].Value != "–" || f.Weeks[1].Quality != "no data" {
		t.Errorf("with a missing week: %q, %+v", f.Verdict, f.Weeks[1])
	}
	r = build(t, input(gap, 38, pages))
	if f := r.Sections[0].Figures[0]; f.Verdict != "No data in this week." || f.Value != "–" || f.Evidence != "" {
		t.Errorf("the missing week itself: %q %q %q", f.Value, f.Evidence, f.Verdict)
	}
}

func TestYoungAndRare(t *testing.T) {
	r := build(t, input(series(leadTime, behaviour.Subject{}, 11, 1, steady(day, 0.1)), 10, leadTime))
	if v := r.Sections[0].Figures[0].Verdict; v != "No limits yet: they need 12 complete weeks, and there are 11." {
		t.Error(v)
	}
	r = build(t, input(series(leadTime, behaviour.Subject{}, 12, 1, steady(day, 0.1)), 11, leadTime))
	if v := r.Sections[0].Figures[0].Verdict; !strings.Contains(v, "provisional from 12 weeks") {
		t.Error(v)
	}
	seldom := func(n int, _ *rand.Rand) float64 {
		if n%9 == 0 {
			return 1
		}
		return 0
	}
	r = build(t, input(series(pages, behaviour.Subject{}, 40, 1, seldom), 39, pages))
	if v := r.Sections[0].Figures[0].Verdict; v != "Too rare for weekly limits, and too few for limits on the weeks between: 5 of 40 complete weeks had any." {
		t.Error(v)
	}
	always := func(n int, _ *rand.Rand) float64 { return 7 }
	r = build(t, input(series(pages, behaviour.Subject{}, 40, 1, always), 39, pages))
	if v := r.Sections[0].Figures[0].Verdict; v != "It varies too rarely for weekly limits." {
		t.Error(v)
	}
}

func TestAtMostTenSignals(t *testing.T) {
	var ps []metric.Point
	for i := range 14 {
		ps = append(ps, series(leadTime, behaviour.Subject{Service: fmt.Sprintf("s%02d", i)}, 41, uint64(i), func(n int, r *rand.Rand) float64 {
			v := steady(day, 0.1)(n, r)
			if n == 40 || i < 3 && n > 36 {
				v *= 4 + float64(i)
			}
			return v
		})...)
	}
	r := build(t, input(ps, 40, leadTime))
	if len(r.Signals) != 10 || !strings.Contains(r.Judgement, "14 charts were judged, 14 signals") {
		t.Fatalf("%d signals; %s", len(r.Signals), r.Judgement)
	}
	for _, s := range r.Signals {
		if strings.Contains(s.Says, "So since") {
			t.Errorf("%s goes on and is told before what is new", s.Subject)
		}
	}
}

// TestOneFactAtSeveralLevels is an organisation of one service: its change is
// told once, and the whole still says that it is one.
func TestOneFactAtSeveralLevels(t *testing.T) {
	jump := func(n int, r *rand.Rand) float64 {
		if n == 40 {
			return 9 * day
		}
		return steady(day, 0.1)(n, r)
	}
	ps := append(series(leadTime, behaviour.Subject{}, 41, 2, jump), series(leadTime, behaviour.Subject{Service: "only"}, 41, 2, jump)...)
	r := build(t, input(ps, 40, leadTime))
	if diff := cmp.Diff([]string{"dora.change_lead_time of only"}, said(r)); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
	if v := r.Sections[0].Figures[0].Verdict; strings.Contains(v, "chance") || !strings.HasPrefix(v, "Above the upper limit") {
		t.Errorf("the whole says %q", v)
	}
}

// acme is a believable year of two units, with hostile names among them.
func acme() Input {
	var ps []metric.Point
	seed := uint64(0)
	add := func(of behaviour.Subject, scale float64, jump bool) {
		for _, m := range []struct {
			d metric.Def
			f valueOf
		}{{frequency, steady(0.8*scale, 0.15)}, {leadTime, steady(2.5*day/scale, 0.2)}, {failRate, steady(0.12, 0.2)}} {
			seed++
			s := series(m.d, of, 66, seed, func(n int, r *rand.Rand) float64 {
				v := m.f(n, r)
				if jump && m.d.Name == leadTime.Name && n == 65 {
					v *= 4
				}
				if jump && m.d.Name == frequency.Name && n >= 55 {
					v *= 2.2
				}
				return v
			})
			for n := range s {
				if n%17 == 5 {
					s[n].Quality, s[n].N = metric.LowN, 4
				}
			}
			ps = append(ps, s...)
			for _, g := range []metric.Grain{metric.Quarter, metric.Year} {
				ps = append(ps, point(m.d, metric.At(g, week(65).Start, berlin), of, m.f(0, rand.New(rand.NewPCG(seed, 99))), 900))
			}
			for i := range 13 {
				w := metric.At(metric.Month, time.Date(2025, time.Month(11+i), 10, 0, 0, 0, 0, time.UTC), berlin)
				p := point(m.d, w, of, m.f(0, rand.New(rand.NewPCG(seed, uint64(i)))), 480)
				if i == 12 {
					p.Quality = metric.Partial
				}
				ps = append(ps, p)
			}
		}
	}
	add(behaviour.Subject{}, 1, false)
	for u, unit := range []string{"Commerce", "Platform & <Tools>"} {
		add(behaviour.Subject{Unit: unit}, 1+float64(u), false)
		for i := range 2 {
			add(behaviour.Subject{Team: fmt.Sprintf("%s %d", []string{"checkout", "build"}[u], i+1)}, 1, false)
		}
	}
	for _, name := range []string{"payments", `<script>alert("1")</script>|*x*`, "inventory/eu", "search"} {
		add(behaviour.Subject{Service: name}, 1, name == "payments")
	}
	w := week(65)
	in := Input{Week: w, Location: berlin, Organisation: "Fjord & Sons", AsOf: w.End.Add(6 * time.Hour), Points: ps, Restated: 3, RestatedWeeks: 1,
		Metrics: []metric.Def{failRate, leadTime, frequency, pages}}
	fact := func(kind, id, service, unit string, hours int, name, detail string) {
		in.Facts = append(in.Facts, Fact{Kind: kind, ID: id, Subject: behaviour.Subject{Service: service, Unit: unit}, At: w.Start.Add(time.Duration(hours) * time.Hour), Name: name, Detail: detail})
	}
	for i := range 12 {
		fact(Deployed, fmt.Sprintf("d%d", i), []string{"payments", "search"}[i%2], "Commerce", 9+i*10, fmt.Sprintf("v1.%d", i), "")
	}
	fact(Deployed, "d20", "inventory/eu", "Commerce", 20, "v1", "")
	fact(FirstDeployed, "d20", "inventory/eu", "Commerce", 20, "v1", "")
	fact(RolledBack, "d7", "payments", "Commerce", 79, "v1.5", "")
	fact(Failure, "d6", "payments", "Commerce", 69, "v1.6", "rolled back")
	for i := range 7 {
		fact(Incident, fmt.Sprintf("i%d", i), "payments", "Commerce", 70+i, fmt.Sprintf("INC-%d", i), "severity high, resolved")
	}
	fact(Incident, "later", "payments", "Commerce", 7*24, "INC-LATER", "")
	return in
}

func render(t *testing.T, r Review) (md, page string) {
	t.Helper()
	var m, h bytes.Buffer
	if err := Markdown(&m, r); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&h, r); err != nil {
		t.Fatal(err)
	}
	return m.String(), h.String()
}

func TestGolden(t *testing.T) {
	r := build(t, acme())
	md, page := render(t, r)
	for name, got := range map[string]string{"acme.md": md, "acme.html": page} {
		file := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got); -update writes it:\n%s", file, diff)
		}
	}
}

func TestShuffledAndDoubled(t *testing.T) {
	in := acme()
	md, page := render(t, build(t, in))
	for seed := range uint64(3) {
		again := acme()
		again.Points = append(again.Points, in.Points...)
		again.Facts = append(again.Facts, in.Facts...)
		r := rand.New(rand.NewPCG(seed, 2))
		r.Shuffle(len(again.Points), func(i, j int) { again.Points[i], again.Points[j] = again.Points[j], again.Points[i] })
		r.Shuffle(len(again.Facts), func(i, j int) { again.Facts[i], again.Facts[j] = again.Facts[j], again.Facts[i] })
		md2, page2 := render(t, build(t, again))
		if md2 != md || page2 != page {
			t.Fatalf("seed %d: other bytes:\n%s", seed, cmp.Diff(md, md2)+cmp.Diff(page, page2))
		}
	}
}

// TestDocument holds the HTML to what makes it self-contained and readable to all.
func TestDocument(t *testing.T) {
	_, page := render(t, build(t, acme()))
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	ids, drawings := make(map[string]bool), 0
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Data == "script" || n.Data == "link" || n.Data == "img" {
			t.Errorf("there is a <%s>", n.Data)
		}
		attr := make(map[string]string)
		for _, a := range n.Attr {
			attr[a.Key] = a.Val
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || (a.Key == "href" || a.Key == "src") {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
		}
		if v := attr["id"]; v != "" && ids[v] {
			t.Errorf("two elements have the id %q", v)
		} else if v != "" {
			ids[v] = true
		}
		if n.Data == "svg" {
			drawings++
			if attr["role"] != "img" || attr["aria-label"] == "" && attr["aria-labelledby"] == "" {
				t.Errorf("a drawing without alternative text: %v", attr)
			}
		}
	}
	if drawings < 10 {
		t.Errorf("%d drawings", drawings)
	}
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if a.Key != "aria-labelledby" {
				continue
			}
			for _, v := range strings.Fields(a.Val) {
				if !ids[v] {
					t.Errorf("aria-labelledby names %q, which is not there", v)
				}
			}
		}
	}
}

// TestImpactIsNeverAlone: no impact number without its guardrails.
func TestImpactIsNeverAlone(t *testing.T) {
	r := build(t, acme())
	for _, s := range r.Sections {
		for _, f := range s.Figures {
			if f.Class == "impact" && len(f.Beside) == 0 {
				t.Errorf("%s stands alone", f.Name)
			}
		}
	}
	for _, s := range r.Signals {
		if len(s.Beside) == 0 {
			t.Errorf("the signal %s stands alone", s.Name)
		}
	}
}

// TestLarge is the example organisation's size with the whole catalogue: under a
// megabyte and well under the five seconds a review may take.
func TestLarge(t *testing.T) {
	var ps []metric.Point
	defs := catalogue.All()
	if len(defs) < 6 {
		defs = []metric.Def{frequency, leadTime, failRate}
		for i := range 3 {
			d := leadTime
			d.Name = fmt.Sprintf("dora.more_%d", i)
			defs = append(defs, d)
		}
	}
	var subjects []behaviour.Subject
	subjects = append(subjects, behaviour.Subject{})
	for i := range 6 {
		subjects = append(subjects, behaviour.Subject{Unit: fmt.Sprintf("unit-%d", i)})
	}
	for i := range 40 {
		subjects = append(subjects, behaviour.Subject{Team: fmt.Sprintf("team-with-a-name-%d", i)})
	}
	for i := range 150 {
		subjects = append(subjects, behaviour.Subject{Service: fmt.Sprintf("service-with-a-name-%d", i)})
	}
	for i, of := range subjects {
		for k, d := range defs {
			f := steady(2*day, 0.2)
			if d.Unit != metric.Milliseconds {
				f = func(_ int, r *rand.Rand) float64 { return 0.1 + 0.1*r.Float64() }
			}
			s := series(d, of, 104, uint64(100*i+k), f)
			for m := range 12 {
				w := metric.At(metric.Month, week(103).Start.AddDate(0, -m, 0), berlin)
				s = append(s, point(d, w, of, f(0, rand.New(rand.NewPCG(1, uint64(m)))), 100))
			}
			ps = append(ps, s...)
		}
	}
	begin := time.Now()
	_, page := render(t, build(t, input(ps, 103, defs...)))
	t.Logf("%d points of %d metrics: %v, %d kB of HTML", len(ps), len(defs), time.Since(begin), len(page)/1000)
	if len(page) >= 1_000_000 {
		t.Errorf("the document has %d bytes", len(page))
	}
}

// TestHuge is an organisation whose services would not fit the document.
func TestHuge(t *testing.T) {
	var ps []metric.Point
	for i := range 1500 {
		for _, d := range []metric.Def{frequency, leadTime, failRate} {
			ps = append(ps, series(d, behaviour.Subject{Service: fmt.Sprintf("service-%d", i)}, 6, 1, steady(0.1, 0.1))...)
		}
	}
	md, page := render(t, build(t, input(ps, 5, frequency, leadTime, failRate)))
	if len(page) >= 1_000_000 || !strings.Contains(page, "There are 1500 of them") || !strings.Contains(md, "There are 1500 of them") {
		t.Errorf("the document has %d bytes: %.3000s", len(page), md)
	}
}
