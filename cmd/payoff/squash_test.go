package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestSquashAndRevertByWebhooksAlone: without a clone, deliveries of GitHub tell which
// commits a squashed pull request stands for, and that another one took it back.
func TestSquashAndRevertByWebhooksAlone(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "hook-secret")
	data := dataDir(t)
	info := up(t, data, configured(t, onlyCommands+"ingest: {endpoints: [{source: github, name: main, secrets: [{file: "+secret+"}]}]}"))
	send := func(event, format string, args ...any) {
		t.Helper()
		hook(t, info.Listen, "main", "hook-secret", event, `{"repository":{"name":"cart","full_name":"acme/cart","default_branch":"main"},`+fmt.Sprintf(format, args...)+"}")
	}
	hash := func(name string) string { return strings.Repeat(name, 20) }
	push := func(ref, before, at string, commits ...string) {
		t.Helper()
		var list []string
		for _, c := range commits {
			list = append(list, fmt.Sprintf(`{"id":%q,"distinct":true,"timestamp":%q,"author":{"email":"ann@example.com"},"message":"x"}`, hash(c), at))
		}
		send("push", `"ref":"refs/heads/%s","before":%q,"after":%q,"pusher":{"name":"ann"},"commits":[%s]`, ref, hash(before), hash(commits[len(commits)-1]), strings.Join(list, ","))
	}
	merge := func(number int, head, merged string, count int, created, at, body string) {
		t.Helper()
		send("pull_request", `"action":"closed","pull_request":{"number":%d,"state":"closed","merged":true,"merge_commit_sha":%q,"commits":%d,"body":%q,"title":"x","user":{"login":"ann"},
			"head":{"ref":"topic","sha":%q},"base":{"ref":"main"},"created_at":%q,"updated_at":%q,"closed_at":%[7]q,"merged_at":%[7]q}`, number, hash(merged), count, body, hash(head), created, at)
	}
	deploy := func(id int, commit, at string) {
		t.Helper()
		send("deployment_status", `"action":"created","deployment":{"id":%[1]d,"sha":%[2]q,"ref":"main","environment":"production","created_at":%[3]q,"updated_at":%[3]q,"creator":{"login":"ci[bot]"}},
			"deployment_status":{"id":%[1]d,"state":"success","created_at":%[3]q,"updated_at":%[3]q}`, id, hash(commit), at)
	}
	push("main", "00", "2026-03-02T08:00:00Z", "c0")
	deploy(1, "c0", "2026-03-02T09:00:00Z")
	push("topic", "00", "2026-03-02T10:00:00Z", "a1")
	push("topic", "a1", "2026-03-02T11:00:00Z", "a2")
	merge(7, "a2", "b1", 2, "2026-03-02T10:30:00Z", "2026-03-02T12:00:00Z", "")
	push("main", "c0", "2026-03-02T12:00:00Z", "b1")
	deploy(2, "b1", "2026-03-02T13:00:00Z")
	merge(8, "d1", "e1", 1, "2026-03-02T14:00:00Z", "2026-03-02T14:30:00Z", "Reverts acme/cart#7")
	push("main", "b1", "2026-03-02T14:30:00Z", "e1")
	deploy(3, "e1", "2026-03-02T15:00:00Z")
	if code, body := post(t, "http://"+info.Pages+"/control/compute", info.Token, "", ""); code != http.StatusOK {
		t.Fatalf("computing: %d %s", code, body)
	}
	const shipped = "SELECT substring(commit, 1, 2), link_quality, lead_ms FROM shipped_changes WHERE NOT baseline ORDER BY shipped_at, commit LIMIT 2"
	if got, want := lines(t, data, shipped), "a1 squash 10800000; a2 squash 7200000"; got != want {
		t.Errorf("shipped is %s, want %s", got, want)
	}
	const failed = "SELECT rule, ended_at, restored_at FROM failed_deployments"
	if got, want := lines(t, data, failed), "b 2026-03-02 13:00:00.000 2026-03-02 15:00:00.000"; got != want {
		t.Errorf("failed is %s, want %s", got, want)
	}
}
