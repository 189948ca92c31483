package dashboard

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
)

//go:generate go test -run TestFresh -update .

var update = flag.Bool("update", false, "write dashboards/")

const folder = "../../dashboards"

// TestFresh compares dashboards/ with what the catalogue makes of it.
func TestFresh(t *testing.T) {
	files, err := Files(catalogue.All())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		path := filepath.Join(folder, name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the catalogue makes (%v); write it with: go test ./pkg/dashboard -run TestFresh -update", path, err)
		}
	}
	kept, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range kept {
		if _, ok := files[f.Name()]; !ok && !strings.HasSuffix(f.Name(), ".md") {
			t.Errorf("%s is not generated any more", filepath.Join(folder, f.Name()))
		}
	}
}

func TestProvisioning(t *testing.T) {
	for _, text := range []string{provider, datasource} {
		var v map[string]any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil || v["apiVersion"] != 1 {
			t.Errorf("%v: %.60s", err, text)
		}
	}
}

func boards(t *testing.T) []Dashboard {
	t.Helper()
	out, err := Boards(catalogue.All())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLint(t *testing.T) {
	for _, d := range boards(t) {
		for _, f := range Lint(d) {
			t.Error(f)
		}
	}
}

// TestLintFinds breaks one rule at a time.
func TestLintFinds(t *testing.T) {
	// stat is the first number, line the first course of a metric.
	stat := func(d *Dashboard) *sdk.Panel { return panelNamed(d, "Change lead time") }
	line := func(d *Dashboard) *sdk.Panel { return panelNamed(d, "Change lead time by ${bucket}") }
	requery := func(p *sdk.Panel, old, with string) {
		q := p.Targets[0].(Query)
		q.RawSQL = strings.Replace(q.RawSQL, old, with, 1)
		p.Targets[0] = q
	}
	tests := map[string]struct {
		breaks func(d *Dashboard)
		want   string
	}{
		"editable":    {func(d *Dashboard) { *d.Editable = true }, "can be edited"},
		"refresh":     {func(d *Dashboard) { *d.Refresh = "5s" }, "refreshes itself"},
		"schema":      {func(d *Dashboard) { d.SchemaVersion = 42 }, "schema version 42"},
		"no tag":      {func(d *Dashboard) { d.Tags = nil }, "tag payoff"},
		"description": {func(d *Dashboard) { stat(d).Description = nil }, "title and description"},
		"unit":        {func(d *Dashboard) { stat(d).FieldConfig.Defaults.Unit = nil }, "unit and digits"},
		"no value":    {func(d *Dashboard) { stat(d).FieldConfig.Defaults.NoValue = nil }, "why it is empty"},
		"thresholds":  {func(d *Dashboard) { stat(d).FieldConfig.Defaults.Thresholds = nil }, "thresholds are not explicit"},
		"source":      {func(d *Dashboard) { *stat(d).Datasource.Uid = "abc" }, "chosen data source"},
		"overlap":     {func(d *Dashboard) { line(d).GridPos.X-- }, "lies over"},
		"hole":        {func(d *Dashboard) { line(d).GridPos.W-- }, "cells of the grid are empty"},
		"too wide":    {func(d *Dashboard) { line(d).GridPos.X = 20 }, "within the 24 columns"},
		"same number": {func(d *Dashboard) { line(d).Id = stat(d).Id }, "has the number of"},
		"unordered":   {func(d *Dashboard) { requery(line(d), "ORDER BY time", "ORDER BY n") }, "not in the order of time"},
		"time not first": {func(d *Dashboard) { requery(line(d), "window_start AS time", "window_start AS at") },
			"first column is not the time"},
		"no range":    {func(d *Dashboard) { requery(line(d), "$__timeFilter_ms(window_start)", "1") }, "does not depend on the range"},
		"no database": {func(d *Dashboard) { requery(line(d), "payoff.metric_points", "metric_points") }, "named with its database"},
		"no n":        {func(d *Dashboard) { requery(stat(d), "' · n '", "''") }, "without n or interval"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := boards(t)[0]
			tc.breaks(&d)
			if got := strings.Join(Lint(d), "\n"); !strings.Contains(got, tc.want) {
				t.Errorf("faults are %q, want one with %q", got, tc.want)
			}
		})
	}
}

func panelNamed(d *Dashboard, title string) *sdk.Panel {
	for p := range panelsOf(*d) {
		if deref(p.Title) == title {
			return p
		}
	}
	panic("no panel " + title)
}

// TestDecode reads every file strictly, and refuses what Grafana does not know.
func TestDecode(t *testing.T) {
	names, err := filepath.Glob(folder + "/*.json")
	if err != nil || len(names) != 2 {
		t.Fatalf("%d dashboards: %v", len(names), err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Decode(raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if again, err := Encode(d); err != nil || !bytes.Equal(again, raw) {
			t.Errorf("%s is not the same when it is written again: %v", name, err)
		}
		for _, broken := range []string{`"editable"`, `"rawSql"`, `"schemaVersion"`} {
			if _, err := Decode(bytes.Replace(raw, []byte(broken), []byte(`"unheard"`), 1)); err == nil {
				t.Errorf("%s: %s is misspelt and nobody says so", name, broken)
			}
		}
	}
}

// TestNewMetric adds a metric: it gets its panels, and those that were there keep
// their numbers.
func TestNewMetric(t *testing.T) {
	defs := catalogue.All()
	before, err := Delivery(defs)
	if err != nil {
		t.Fatal(err)
	}
	more := defs[0]
	more.Name, more.Title, more.Class, more.Guardrails = "dora.aaa", "A new one", metric.Guardrail, nil
	after, err := Delivery(append([]metric.Def{more}, defs...))
	if err != nil {
		t.Fatal(err)
	}
	if faults := Lint(after); faults != nil {
		t.Error(faults)
	}
	ids := func(d Dashboard) map[string]uint32 {
		out := make(map[string]uint32)
		for p := range panelsOf(d) {
			if _, twice := out[deref(p.Title)]; !twice {
				out[deref(p.Title)] = *p.Id
			}
		}
		return out
	}
	old, now := ids(before), ids(after)
	for _, title := range []string{"A new one", "A new one by ${bucket}", "A new one: every service, team and unit"} {
		if now[title] == 0 {
			t.Errorf("no panel %q among %q", title, slices.Sorted(maps.Keys(now)))
		}
	}
	for title, id := range old {
		if now[title] != id {
			t.Errorf("%s has number %d, and had %d", title, now[title], id)
		}
	}
	// Beside an impact metric stands each of its guardrails.
	for _, d := range defs {
		for _, g := range d.Guardrails {
			if !hasPanel(before, id(d.Name+"/guardrail/"+g)) {
				t.Errorf("%s stands without its guardrail %s", d.Name, g)
			}
		}
	}
	more.Guardrails = []string{"dora.unheard_of"}
	if _, err := Delivery([]metric.Def{more}); err == nil {
		t.Error("a guardrail that is not there is not missed")
	}
}

func hasPanel(d Dashboard, number uint32) bool {
	for p := range panelsOf(d) {
		if *p.Id == number {
			return true
		}
	}
	return false
}
