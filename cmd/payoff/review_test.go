package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// TestReviewWeekly follows the review of a week from the command line, with and
// without a running instance, to its page.
func TestReviewWeekly(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	args := func(more ...string) []string { return append([]string{"review", "weekly", "--data", dir}, more...) }
	if code, _, stderr := payoff(t, args("--week", "2026-W02")...); code != exitNo || !strings.Contains(stderr, "nothing is known of 2026-W02 or the year before") {
		t.Errorf("a review of nothing: exit %d, %s", code, stderr)
	}
	must(t, "import", "git", repository(t, "checkout", 30), "--data", dir)

	first := must(t, args("--week", "2026-W02")...)
	pts := decode[[]metric.Point](t, must(t, "metrics", "query", "dora.deployment_frequency", "--by", "week", "--from", "2026-W02", "--to", "2026-W03", "--data", dir, "--json"))
	if len(pts) == 0 || pts[0].Dims != "" {
		t.Fatalf("the week is %+v", pts)
	}
	for _, want := range []string{"# Weekly review 2026-W02", "5 to 11 January 2026", "## Signals", "Deployment frequency: " + metric.PerDay.Format(pts[0].Value), "| checkout |"} {
		if !strings.Contains(first, want) {
			t.Errorf("the review lacks %q:\n%s", want, first)
		}
	}

	published := must(t, args("--week", "2026-W02", "--publish")...)
	info := up(t, dir, configured(t, onlyCommands))
	if again := must(t, args("--week", "2026-W02", "--publish")...); again != published {
		t.Error("publishing again through a running instance gives another review")
	}
	out := filepath.Join(t.TempDir(), "review.html")
	must(t, args("--week", "2026-W02", "--out", out)...)
	html, err := os.ReadFile(out)
	if err != nil || !strings.HasPrefix(string(html), "<!doctype html>") {
		t.Errorf("--out: %v, %.100s", err, html)
	}
	status, page := get(t, "http://"+info.Pages+"/review/2026-W02")
	if status != 200 || !strings.Contains(page, "unchanged since") {
		t.Errorf("the page answers %d %.500s", status, page)
	}
	if _, after, _ := strings.Cut(page, "</nav>\n"); !strings.HasSuffix(string(html), after) || after == "" {
		t.Error("below its bar the page is not what was published")
	}
	if status, page = get(t, "http://"+info.Pages+"/review/2026-W02?as-of=now"); status != 200 || !strings.Contains(page, "As it was published") {
		t.Errorf("the page of what it would say now answers %d %.500s", status, page)
	}
	if status, page = get(t, "http://"+info.Pages+"/review/"); status != 200 || !strings.Contains(page, "Not published") {
		t.Errorf("the page of the last week answers %d %.500s", status, page)
	}
	if now := must(t, args("--week", "2026-W02", "--as-of", "now")...); !strings.Contains(now, "# Weekly review 2026-W02") {
		t.Errorf("as of now: %s", now)
	}
	// The change of a process that docs/review.md shows is taken, and is there.
	doc, err := os.ReadFile("../../docs/review.md")
	if err != nil {
		t.Fatal(err)
	}
	_, event, _ := strings.Cut(string(doc), " -d '")
	event, _, _ = strings.Cut(event, "'\n")
	if status, said := post(t, "http://"+info.Listen+"/v1/events", info.Token, "application/cloudevents+json", event); status != 202 {
		t.Errorf("the example of docs/review.md is answered %d %s", status, said)
	}
	must(t, "rollup", "--data", dir)
	if got := must(t, "sql", "--data", dir, "--format", "csv", "SELECT what, team, metrics, changed_at FROM process_changes"); !strings.Contains(got, "Dead alerts thrown out") || !strings.Contains(got, "notifications") || !strings.Contains(got, "2026-02-02 08:00:00") {
		t.Errorf("recorded is %s", got)
	}
	type edition struct {
		Week        string    `json:"week"`
		PublishedAt time.Time `json:"published_at"`
		SHA256      string    `json:"sha256"`
	}
	if e := decode[edition](t, must(t, args("--week", "2026-W02", "--json")...)); e.Week != "2026-W02" || e.PublishedAt.IsZero() || len(e.SHA256) != 64 {
		t.Errorf("as JSON: %+v", e)
	}
}

func TestReviewRefuses(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "review.html")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--week", "2999-W01"}, "--week: 2999-W01 has not begun"},
		{[]string{"--week", "2026-11"}, "--week: 2026-11 is a month"},
		{[]string{"--week", "W46"}, `--week: "W46" is not a day`},
		{[]string{"--as-of", "yesterday"}, `--as-of: "yesterday" is neither a time`},
		{[]string{"--as-of", "2999-01-01T00:00:00Z"}, "lies ahead"},
		{[]string{"--format", "pdf"}, `--format "pdf" is not md or html`},
		{[]string{"--publish", "--as-of", "now"}, "leave out --as-of"},
		{[]string{"surplus"}, "unknown command"},
	} {
		code, stdout, stderr := payoff(t, append([]string{"review", "weekly", "--data", filepath.Join(dir, "data"), "--out", out}, c.args...)...)
		if code != exitError || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q; want %q", c.args, code, stderr, c.want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 0 {
		t.Errorf("there is %v, and nothing was asked for rightly", left)
	}
}
