package estimatecmd

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/impact"
)

var update = flag.Bool("update", false, "write the golden files")

// execute runs the command as main would and returns what it printed and its
// exit status.
func execute(t *testing.T, args ...string) (out string, code int, err error) {
	t.Helper()
	var b bytes.Buffer
	cmd := Command()
	cmd.SetOut(&b)
	cmd.SetErr(&b)
	cmd.SetArgs(append([]string{}, args...)) // nil would mean os.Args
	err = cmd.Execute()
	var exit *ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		code = -1
	}
	return b.String(), code, err
}

var mpdta = []string{"--panel", "../testdata/mpdta.csv", "--unit", "countyreal", "--time", "year", "--first-treated", "first.treat", "--outcome", "lemp"}

// weekly writes a simulated rollout with ISO weeks and returns the flags.
func weekly(t *testing.T, w impact.World) []string {
	t.Helper()
	p := w.Simulate(rand.New(rand.NewPCG(11, 11)))
	var b strings.Builder
	b.WriteString("team,week,adopted,lead_time\n")
	week := func(i int) string { return fmt.Sprintf("2026-W%02d", i+1) }
	for i, y := range p.Y {
		first := ""
		if g := p.Cohort[i]; g != impact.Never {
			first = week(g)
		}
		for s, v := range y {
			fmt.Fprintf(&b, "%s,%s,%s,%.3f\n", p.Units[i], week(s), first, v)
		}
	}
	path := filepath.Join(t.TempDir(), "teams.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"--panel", path, "--unit", "team", "--time", "week", "--first-treated", "adopted", "--outcome", "lead_time"}
}

func with(base []string, more ...string) []string {
	return append(append([]string{}, base...), more...)
}

// longNumber matches numbers with more digits than platforms agree on.
var longNumber = regexp.MustCompile(`-?\d+\.\d{9,}(e[-+]\d+)?`)

func rounded(s string) string {
	return longNumber.ReplaceAllStringFunc(s, func(n string) string {
		v, err := strconv.ParseFloat(n, 64)
		if err != nil {
			return n
		}
		return strconv.FormatFloat(v, 'g', 8, 64)
	})
}

func TestGolden(t *testing.T) {
	many := weekly(t, impact.World{Units: 30, Periods: 40, Treated: 12, Cohorts: 3, First: 20, Step: 4, Rho: 0.6, Effect: 1})
	one := weekly(t, impact.World{Units: 30, Periods: 40, Treated: 1, Cohorts: 1, First: 30, Rho: 0.6, Effect: 3})
	all := weekly(t, impact.World{Units: 6, Periods: 40, Treated: 6, Cohorts: 1, First: 20, Rho: 0.6, Effect: 1})
	few := weekly(t, impact.World{Units: 7, Periods: 12, Treated: 2, Cohorts: 1, First: 6, Rho: 0.6, Effect: 1})
	for _, c := range []struct {
		name string
		args []string
		code int
	}{
		{"mpdta_never.json", with(mpdta, "--method", "cs", "--control", "never", "--json"), 0},
		{"mpdta_never.txt", with(mpdta, "--method", "cs", "--control", "never"), 0},
		{"mpdta_covariate.txt", with(mpdta, "--method", "cs", "--control", "never", "--covariates", "lpop", "--aggregate", "dynamic"), 0},
		{"mpdta_twfe.json", with(mpdta, "--method", "twfe", "--json"), 0},
		{"rollout_auto.txt", many, 0},
		{"one_team_auto.json", with(one, "--json"), 0},
		{"one_team_sc.txt", with(one, "--method", "sc"), 0},
		{"everybody_auto.json", with(all, "--json"), 1},
		{"everybody_auto.txt", all, 1},
		{"everybody_its.txt", with(all, "--method", "its"), 0},
		{"few_auto.txt", few, 0},
	} {
		out, code, err := execute(t, c.args...)
		if code != c.code {
			t.Errorf("%s: exit %d (%v), want %d", c.name, code, err, c.code)
		}
		got := rounded(out)
		path := filepath.Join("testdata", c.name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs from its golden file (-update writes it):\n%s", c.name, got)
		}
	}
}

func TestJSONKeys(t *testing.T) {
	want := []string{"method", "att", "se", "ci_low", "ci_high", "p", "p_kind", "n_units", "n_treated", "n_periods", "event_study", "groups", "attgt",
		"aggregates", "pretest", "twfe", "weights", "coefficients", "chosen_because", "warnings", "not_estimable"}
	all := weekly(t, impact.World{Units: 6, Periods: 40, Treated: 6, Cohorts: 1, First: 20, Rho: 0.6})
	for _, args := range [][]string{with(mpdta, "--json"), with(all, "--json")} {
		out, _, _ := execute(t, args...)
		var doc map[string]any
		if err := json.Unmarshal([]byte(out), &doc); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, k := range want {
			if _, ok := doc[k]; !ok {
				t.Errorf("no key %q", k)
			}
		}
	}
}

// panel writes a CSV file from rows "unit,time,first,y".
func panel(t *testing.T, rows string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "panel.csv")
	if err := os.WriteFile(path, []byte("unit,time,first,y\n"+rows), 0o644); err != nil {
		t.Fatal(err)
	}
	return []string{"--panel", path, "--unit", "unit", "--time", "time", "--first-treated", "first", "--outcome", "y"}
}

const small = "a,1,2,1\na,2,2,3\nb,1,0,1\nb,2,0,1.5\nc,1,0,2\nc,2,0,2.2\n"

func TestBadInput(t *testing.T) {
	everyMethod := []string{"auto", "cs", "sa", "imputation", "twfe", "sdid", "sc", "poisson"}
	for _, c := range []struct {
		name, rows string
		methods    []string
		code       int
		want       []string
	}{
		{"hole", small + "d,1,0,1\n", everyMethod, 2, []string{"line 8", `unit "d"`, "no row for 2"}},
		{"duplicate row", small + "b,2,0,9\n", everyMethod, 2, []string{"line 8", "already has a row for 2, line 5"}},
		{"treated twice", small + "d,1,1,1\nd,2,2,1\n", everyMethod, 2, []string{"line 9", "starts once"}},
		{"untreated again", small + "d,1,1,1\nd,2,NA,1\n", everyMethod, 2, []string{"line 9", "first treated never here"}},
		{"constant outcome", "a,1,2,5\na,2,2,5\nb,1,0,5\nb,2,0,5\n", everyMethod, 1, []string{"NOT_IDENTIFIED", "constant"}},
		{"one period", "a,1,2,5\nb,1,0,6\n", everyMethod, 1, []string{"NOT_IDENTIFIED", "period"}},
		{"text in a number", small + "d,1,0,lots\n", everyMethod, 2, []string{"line 8", `"lots" is not a number`}},
		{"dates among integers", small + "d,2026-11-16,0,1\n", everyMethod, 2, []string{"line 8", "all integers or all dates"}},
		{"huge", small + "d,1,0,1e300\nd,2,0,1\n", everyMethod, 2, []string{"line 8", "1e+300"}},
		{"not a number", small + "d,1,0,NaN\n", everyMethod, 2, []string{"line 8", "not a number"}},
		{"no controls", "a,1,2,1\na,2,2,3\nb,1,2,1\nb,2,2,2\n", everyMethod, 1, []string{"NOT_IDENTIFIED"}},
		{"nobody treated", "a,1,0,1\na,2,0,3\nb,1,9,1\nb,2,9,2\n", everyMethod, 1, []string{"NOT_IDENTIFIED", "no unit is treated"}},
		{"all always treated", "a,1,1,1\na,2,1,3\n", everyMethod, 2, []string{"no unit is left", "first period"}},
		{"no rows", "", everyMethod, 2, []string{"no rows"}},
		{"one period before", small, []string{"sdid", "sc"}, 1, []string{"NOT_IDENTIFIED", "one period before"}},
		{"series too short", small, []string{"its"}, 1, []string{"NOT_IDENTIFIED", "three of each"}},
		{"negative count", "a,1,2,-1\na,2,2,3\nb,1,0,1\nb,2,0,2\n", []string{"poisson"}, 2, []string{"negative"}},
	} {
		args := panel(t, c.rows)
		for _, m := range c.methods {
			out, code, err := execute(t, with(args, "--method", m, "--json")...)
			if code != c.code {
				t.Errorf("%s, %s: exit %d (%v), want %d", c.name, m, code, err, c.code)
				continue
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%s, %s: %q does not say %q", c.name, m, err, w)
				}
			}
			if c.code == 2 && out != "" {
				t.Errorf("%s, %s: printed %s", c.name, m, out)
			}
			if c.code == 1 {
				refusal(t, c.name+", "+m, out)
			}
		}
	}
}

// refusal checks that the object of a refusal has a verdict, a reason, and no
// number that looks like an answer.
func refusal(t *testing.T, name, out string) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Errorf("%s: %v: %s", name, err, out)
		return
	}
	for _, k := range []string{"att", "se", "ci_low", "ci_high", "p"} {
		if doc[k] != nil {
			t.Errorf("%s: %s is %v, want null", name, k, doc[k])
		}
	}
	if doc["verdict"] != "NOT_IDENTIFIED" || len(doc["not_estimable"].([]any)) == 0 {
		t.Errorf("%s: verdict %v, not estimable %v", name, doc["verdict"], doc["not_estimable"])
	}
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"--panel is required", "--unit is required", "--outcome is required"}},
		{with(mpdta, "--method", "magic", "--control", "some"), []string{"--method", "--control", "want one of"}},
		{with(mpdta, "--draws", "3", "--seed", "0"), []string{"--draws is 3", "--seed is 0"}},
		{with(mpdta, "--no-such-flag"), []string{"no-such-flag"}},
		{with(mpdta, "--method", "sa", "--inference", "wild"), []string{"wild", "method sa", "analytic"}},
		{with(mpdta, "--covariates", "lpop,lpop2"), []string{`no column "lpop2"`, "lpop, lemp"}},
		{with(mpdta, "--covariates", "lpop,lpop"), []string{"collinear", "lpop"}},
		{with(mpdta, "--panel", "none.csv"), []string{"none.csv"}},
	} {
		_, code, err := execute(t, c.args...)
		if code != 2 {
			t.Errorf("%v: exit %d (%v), want 2", c.args, code, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%v: %q does not say %q", c.args, err, w)
			}
		}
	}
}

func TestDropIncomplete(t *testing.T) {
	args := with(panel(t, small+"d,1,0,1\n"), "--drop-incomplete", "--method", "cs", "--json")
	out, code, err := execute(t, args...)
	if code != 0 || !strings.Contains(out, `unit \"d\": dropped`) {
		t.Errorf("exit %d (%v): %s", code, err, out)
	}
}

func TestSVG(t *testing.T) {
	path := filepath.Join(t.TempDir(), "effect.svg")
	args := weekly(t, impact.World{Units: 30, Periods: 40, Treated: 12, Cohorts: 3, First: 20, Step: 4, Rho: 0.6, Effect: 1})
	if _, code, err := execute(t, with(args, "--svg", path)...); code != 0 {
		t.Fatalf("exit %d: %v", code, err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	dec := xml.NewDecoder(bytes.NewReader(data))
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := tok.(xml.StartElement); ok {
			count[e.Name.Local]++
		}
	}
	if count["desc"] != 1 || count["polyline"] != 2 || count["circle"] < 30 || count["title"] != count["circle"]+1 {
		t.Errorf("elements: %v", count)
	}
	if !bytes.Contains(data, []byte("lead_time")) || bytes.Contains(data, []byte("NaN")) {
		t.Errorf("the picture does not name the outcome, or has a number that is none")
	}
}
