package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/examples/acme"
	"github.com/payoff-metrics/payoff/internal/race"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// TestDemo sends a small organisation the whole way and asks the product for what
// its events say. Then it is there: asked for again, nothing is sent. All that shows
// numbers is held against it: dashboards, the review, every page.
func TestDemo(t *testing.T) {
	if testing.Short() || race.Enabled {
		t.Skip("sends two years of six teams: not with -short or -race; make check runs it without")
	}
	dir := filepath.Join(t.TempDir(), "data")
	demo := []string{"demo", "--once", "--teams", "6", "--data", dir}
	if out := must(t, demo...); !strings.Contains(out, "computed") {
		t.Errorf("demo says\n%s", out)
	}
	if out := must(t, demo...); out != "" {
		t.Errorf("demo, asked for again, says\n%s", out)
	}
	if code, _, errOut := payoff(t, "demo", "--once", "--teams", "7", "--data", dir); code != exitError || !strings.Contains(errOut, "6 teams") {
		t.Errorf("another example into the same directory: exit %d, %s", code, errOut)
	}

	info := up(t, dir) // queries go to one instance
	told := tell(t, acme.Options{Teams: 6})
	for _, c := range []struct {
		what, sql string
		want      int
	}{
		{"events", `SELECT count() FROM events WHERE source != 'org'`, told.events},
		{"deployments", `SELECT count() FROM deployments WHERE tier = 'production' AND succeeded`, len(told.runs)},
		{"rollbacks", `SELECT count() FROM deployments WHERE tier = 'production' AND succeeded AND class = 'rollback'`, told.rollbacks},
		{"in the freeze", `SELECT countIf(NOT has(rework, 'rollback') AND NOT hotfix) FROM deployments WHERE tier = 'production' AND started_at >= '2025-12-17' AND started_at < '2026-01-06'`, 0},
		{"sources not heard of in this hour", `SELECT count() FROM freshness WHERE last_received_at < now() - INTERVAL 1 HOUR`, 0},
		{"parked", `SELECT count() FROM dead_letters`, 0},
		{"pages", `SELECT count() FROM pages WHERE rotation != '' AND acknowledged_at >= triggered_at AND resolved_at >= acknowledged_at`, told.pages},
		{"false alarms", `SELECT count() FROM pages WHERE label = 'false_alarm'`, told.falseAlarms},
		{"tickets for provisioning", `SELECT count() FROM tickets WHERE category = 'provisioning' AND team != '' AND helped_by != ''`, told.provisioning},
		{"open tickets", `SELECT count() FROM tickets WHERE closed_at IS NULL`, len(told.open)},
		{"without an owner", `SELECT count() FROM deployments WHERE team = ''`, 0},
	} {
		out := must(t, "sql", "--data", dir, "--format", "csv", c.sql)
		if lines := strings.Fields(out); lines[len(lines)-1] != fmt.Sprint(c.want) {
			t.Errorf("%s: the product says %s, the events %d", c.what, lines[len(lines)-1], c.want)
		}
	}
	for _, q := range readmeQueries(t) {
		if out := must(t, "sql", "--data", dir, "--format", "csv", q); strings.Count(out, "\n") < 2 {
			t.Errorf("the query of examples/README.md\n%s\nfinds nothing: %s", q, out)
		}
	}
	list := shownPages(t, dir)
	t.Run("dashboards", func(t *testing.T) { dashboardsAgree(t, dir) })
	t.Run("small", func(t *testing.T) { pagesAreSmall(t, info, list) })
	t.Run("seen", func(t *testing.T) { pagesAreSeen(t, info, list) })
}

// dashboardsAgree runs every query of the dashboards, here and on an empty store,
// and compares each number with the published one.
func dashboardsAgree(t *testing.T, dir string) {
	type timing struct {
		Dashboard, Panel string
		P95              time.Duration `json:"p95_ns"`
	}
	res := decode[struct {
		Compared int
		Timings  []timing
	}](t, must(t, "dashboards", "check", "--data", dir, "--json"))
	slowest := slices.MaxFunc(res.Timings, func(a, b timing) int { return cmp.Compare(a.P95, b.P95) })
	t.Logf("%d queries; %d numbers compared; the slowest, %s of %s, took %v at the 95th percentile", len(res.Timings), res.Compared, slowest.Panel, slowest.Dashboard, slowest.P95)
	if len(res.Timings) == 0 || res.Compared < 1000 {
		t.Errorf("%d queries ran and %d numbers were compared", len(res.Timings), res.Compared)
	}
}

// TestDemoDoesNotMix: what a company has is not mixed with what is made up.
func TestDemoDoesNotMix(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "instance.json"), `{}`)
	code, _, errOut := payoff(t, "demo", "--once", "--data", dir)
	if code != exitError || !strings.Contains(errOut, "not made up") {
		t.Errorf("exit %d, %s", code, errOut)
	}
}

type demoFacts struct {
	events, rollbacks                int
	runs                             map[string]bool // successful deployments to production, by run
	pages, falseAlarms, provisioning int
	open                             map[string]bool // tickets
}

// tell counts what the events say.
func tell(t *testing.T, o acme.Options) demoFacts {
	f := demoFacts{runs: map[string]bool{}, open: map[string]bool{}}
	err := acme.Generate(o, func(e *acme.Event) error {
		f.events++
		switch {
		case e.Kind == events.PageTriggered:
			f.pages++
		case e.Kind == events.PageLabelled && e.Content.Label == "false_alarm":
			f.falseAlarms++
		case e.Kind == events.TicketCreated:
			f.open[e.Subject] = true
			if e.Custom.Category == "provisioning" {
				f.provisioning++
			}
		case e.Kind == events.TicketClosed:
			delete(f.open, e.Subject)
		case e.Custom.State == "reopened":
			f.open[e.Subject] = true
		}
		env := e.Content.Environment
		if e.Kind != events.ServiceDeployed && e.Kind != events.ServiceRolledBack || !strings.HasPrefix(env.ID, "production") || f.runs[e.Custom.RunID] {
			return nil
		}
		f.runs[e.Custom.RunID] = true
		if e.Kind == events.ServiceRolledBack {
			f.rollbacks++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// readmeQueries are those that examples/README.md shows.
func readmeQueries(t *testing.T) (out []string) {
	b, err := os.ReadFile("../../examples/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range bytes.Split(b, []byte("```")) {
		if q, ok := strings.CutPrefix(string(part), "sql\n"); ok && i%2 == 1 {
			out = append(out, q)
		}
	}
	if len(out) < 5 {
		t.Fatalf("%d queries in examples/README.md", len(out))
	}
	return out
}
