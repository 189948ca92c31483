package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dashboard"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/metric"
)

// TestStory is the product in one test: a week of deploys, one incident and a git
// history come in by the doors that people and tools use, and the same number
// comes out of the points, the view, HTTP, a panel of Grafana, the command line, the
// page, CSV, the export and the review, to the last digit. Then everything comes again,
// shuffled and doubled, and not a byte of the points differs.
func TestStory(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(t.TempDir(), "payoff.yaml")
	t.Setenv("STORY_SECRET", "a webhook's secret")
	write(t, config, `
organisation: {name: Acme, timezone: Europe/Berlin}
ingest:
  endpoints:
    - {source: github, name: main, secrets: [{env: STORY_SECRET}]}
    - {source: pagerduty, name: main, secrets: [{env: STORY_SECRET}]}
rollup: {every: 1h, flush: 50ms}
`)
	t.Setenv("PAYOFF_CONFIG", config)
	info := up(t, dir)
	repo := repository(t, "checkout", 30)

	deliver(t, info, week())
	must(t, "import", "git", repo, "--data", dir)
	must(t, "rollup", "--data", dir)
	first := everything(t, dir)
	sameNumberEverywhere(t, dir, info)

	again := append(week(), week()...)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	must(t, "import", "git", repo, "--data", dir)
	deliver(t, info, again)
	must(t, "rollup", "--data", dir)
	if second := everything(t, dir); second != first {
		t.Errorf("the same events, shuffled and doubled, give other points:\n%s\nfirst\n%s", second, first)
	}
	if n := must(t, "sql", "--data", dir, "--format", "csv", "SELECT count() FROM restatements"); !strings.Contains(n, "\n0\n") {
		t.Errorf("points were restated though nothing is new: %s", n)
	}
}

// A delivery is one request as a tool sends it.
type delivery struct{ path, event, body string }

// week is a week of deploys of two services, of which one has an incident.
func week() []delivery {
	var out []delivery
	for i, at := range []string{"2026-03-02T09:00:00Z", "2026-03-03T10:30:00Z", "2026-03-04T15:00:00Z", "2026-03-06T08:15:00Z"} {
		out = append(out, delivery{"/v1/hooks/github/main", "deployment_status", fmt.Sprintf(`{"action":"created",
			"deployment_status":{"id":%d,"state":"success","environment":"production","created_at":%q,"updated_at":%q,"creator":{"login":"octocat","type":"User"}},
			"deployment":{"id":%d,"sha":"%040d","ref":"main","task":"deploy","environment":"production","created_at":%q,"updated_at":%q,"creator":{"login":"octocat","type":"User"}},
			"repository":{"id":1,"name":"payments","full_name":"acme/payments","default_branch":"main"}}`, 100+i, at, at, 10+i, i+1, at, at)})
	}
	for i, at := range []string{"2026-03-03T12:00:00Z", "2026-03-05T12:00:00Z"} {
		out = append(out, delivery{"/v1/events", "", fmt.Sprintf(`{"specversion":"1.0","id":"search-%d","source":"/ci/acme","type":"dev.cdevents.service.deployed.0.3.0","time":%q,
			"data":{"subject":{"id":"search","content":{"environment":{"id":"production"},"artifactId":"pkg:oci/search@1.%d"}},"customData":{"version":"1.%d"}}}`, i, at, i, i)})
	}
	for _, e := range []struct{ id, kind, at string }{{"E1", "incident.triggered", "2026-03-04T15:20:00Z"}, {"E2", "incident.acknowledged", "2026-03-04T15:25:00Z"}, {"E3", "incident.resolved", "2026-03-04T16:05:00Z"}} {
		out = append(out, delivery{"/v1/hooks/pagerduty/main", "", fmt.Sprintf(`{"event":{"id":%q,"event_type":%q,"resource_type":"incident","occurred_at":%q,
			"agent":{"id":"P1","type":"user_reference","summary":"Ann Canary"},
			"data":{"id":"Q1","type":"incident","number":7,"status":"triggered","title":"checkout is slow for Ann Canary","created_at":"2026-03-04T15:20:00Z","urgency":"high",
			"service":{"id":"S1","summary":"payments","type":"service_reference"},"teams":[],"assignees":[]}}}`, e.id, e.kind, e.at)})
	}
	return out
}

// deliver sends deliveries to a running instance as their tools do.
func deliver(t *testing.T, info instance.Info, list []delivery) {
	t.Helper()
	for _, d := range list {
		req, err := http.NewRequest(http.MethodPost, "http://"+info.Listen+d.path, strings.NewReader(d.body))
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, []byte(os.Getenv("STORY_SECRET")))
		mac.Write([]byte(d.body))
		sum := hex.EncodeToString(mac.Sum(nil))
		req.Header.Set("Content-Type", "application/json")
		switch {
		case strings.Contains(d.path, "github"):
			req.Header.Set("X-GitHub-Event", d.event)
			req.Header.Set("X-GitHub-Delivery", fmt.Sprint(time.Now().UnixNano()))
			req.Header.Set("X-Hub-Signature-256", "sha256="+sum)
		case strings.Contains(d.path, "pagerduty"):
			req.Header.Set("X-PagerDuty-Signature", "v1="+sum)
		default:
			req.Header.Set("Content-Type", "application/cloudevents+json")
			req.Header.Set("Authorization", "Bearer "+info.Token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			t.Fatalf("%s answered %s to %s", d.path, resp.Status, d.body)
		}
	}
}

// everything is all points and facts as text, without the time of computing.
func everything(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, q := range []string{
		"SELECT * EXCEPT computed_at FROM metric_points ORDER BY ALL",
		"SELECT * FROM deployments ORDER BY ALL",
		"SELECT * FROM shipped_changes ORDER BY ALL",
		"SELECT event_id, version, source, kind, subject, occurred_at, service, environment, repository, commit, flags FROM events ORDER BY ALL",
	} {
		b.WriteString(must(t, "sql", "--data", dir, "--format", "csv", q))
	}
	return b.String()
}

// sameNumberEverywhere follows one number through all that shows it.
func sameNumberEverywhere(t *testing.T, dir string, info instance.Info) {
	t.Helper()
	pts := decode[[]metric.Point](t, must(t, "metrics", "query", "dora.deployment_frequency", "--by", "week", "--service", "payments", "--from", "2026-W10", "--to", "2026-W11", "--data", dir, "--json"))
	pts = slices.DeleteFunc(pts, func(p metric.Point) bool { return p.Dims != "" })
	if len(pts) != 1 || pts[0].N != 4 || pts[0].Value == nil {
		t.Fatalf("the week of payments is %+v, want one point with 4 deployments", pts)
	}
	want := fmt.Sprintf("%v,%v,%v,%d", *pts[0].Value, *pts[0].Numerator, *pts[0].Denominator, pts[0].N)
	stored := must(t, "sql", "--data", dir, "--format", "csv", "SELECT value, numerator, denominator, n FROM metric_points WHERE metric = 'dora.deployment_frequency' AND grain = 'week' AND service = 'payments' AND dims = '' AND window_start = '2026-03-01 23:00:00'")
	asked := must(t, "sql", "--data", dir, "--format", "csv", "SELECT value, numerator, denominator, n FROM metric_dora_deployment_frequency(from='2026-03-01 23:00:00', to='2026-03-08 23:00:00', services=['payments'], teams=[], units=[]) WHERE service = 'payments' AND dims = ''")
	_, overHTTP := post(t, "http://"+info.ClickHouse+"/?database=payoff&user=reader&password="+info.ReaderPassword, "", "text/plain",
		"SELECT value, numerator, denominator, n FROM metric_points WHERE metric = 'dora.deployment_frequency' AND grain = 'week' AND service = 'payments' AND dims = '' AND window_start = '2026-03-01 23:00:00' FORMAT CSV")
	for name, got := range map[string]string{"metric_points": lastLine(stored), "the view": lastLine(asked), "HTTP": lastLine(overHTTP)} {
		if got != want {
			t.Errorf("%s says %s, the command line %s", name, got, want)
		}
	}
	value := strconv.FormatFloat(*pts[0].Value, 'f', -1, 64)
	if got := onThePanel(t, dir, "Deployment frequency by ${bucket}", "payments"); got != value {
		t.Errorf("the panel of Grafana draws %s, the command line says %s", got, value)
	}
	_, download := get(t, "http://"+info.Pages+"/metric/dora.deployment_frequency.csv?grain=week")
	exported := t.TempDir()
	must(t, "export", "metric_points", "--format", "csv", "--out", exported, "--data", dir)
	file, err := os.ReadFile(filepath.Join(exported, "metric_points.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]string{"the CSV of the page": download, "the export": string(file)} {
		if got := inTable(t, table); got != value {
			t.Errorf("%s says %s, the command line %s", name, got, value)
		}
	}
	// People are shown the same number, rounded in one way.
	shown := metric.PerDay.Format(pts[0].Value)
	if status, page := get(t, "http://"+info.Pages+"/service/payments?grain=week"); status != http.StatusOK || !strings.Contains(page, shown) {
		t.Errorf("the page (%d) does not show %s", status, shown)
	}
	if review := must(t, "review", "weekly", "--week", "2026-W10", "--data", dir); !regexp.MustCompile(`\| payments \|.* ` + regexp.QuoteMeta(shown) + ` \(`).MatchString(review) {
		t.Errorf("the review does not say %s of payments:\n%s", shown, review)
	}
	if table := must(t, "metrics", "query", "dora.deployment_frequency", "--by", "week", "--service", "payments", "--from", "2026-W10", "--to", "2026-W11", "--data", dir); !strings.Contains(table, shown) {
		t.Errorf("the table of the command line does not show %s:\n%s", shown, table)
	}
}

// onThePanel is the value that a panel of the dashboards in the repository draws of
// a service in the week of the story: its query, with the macros as Grafana and the
// data source expand them.
func onThePanel(t *testing.T, dir, title, service string) string {
	t.Helper()
	file, err := os.ReadFile("../../dashboards/payoff-delivery.json")
	if err != nil {
		t.Fatal(err)
	}
	type panel struct {
		Title   string
		Targets []struct{ RawSQL string }
		Panels  []json.RawMessage
	}
	var find func(list []json.RawMessage) string
	find = func(list []json.RawMessage) string {
		for _, raw := range list {
			p := decode[panel](t, string(raw))
			if p.Title == title {
				return p.Targets[0].RawSQL
			}
			if sql := find(p.Panels); sql != "" {
				return sql
			}
		}
		return ""
	}
	monday := time.Date(2026, 3, 1, 23, 0, 0, 0, time.UTC)
	view := dashboard.View{From: monday, To: monday.AddDate(0, 0, 6), Interval: time.Hour, Bucket: "week", Services: []string{service}}
	sql, err := view.Expand(find(decode[struct{ Panels []json.RawMessage }](t, string(file)).Panels))
	if err != nil {
		t.Fatal(err)
	}
	return lastLine(must(t, "sql", "--data", dir, "--format", "csv", "SELECT coalesce(value, partial) FROM ("+sql+") WHERE subject = '"+service+"'"))
}

// inTable is the value of payments in the week of the story, of a table of points.
func inTable(t *testing.T, text string) string {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) == 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		of := make(map[string]string)
		for i, name := range rows[0] {
			of[name] = row[i]
		}
		if of["metric"] == "dora.deployment_frequency" && of["grain"] == "week" && of["service"] == "payments" && of["dims"] == "" &&
			strings.HasPrefix(strings.Replace(of["window_start"], "T", " ", 1), "2026-03-01 23:00:00") {
			return of["value"]
		}
	}
	return "nothing"
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
