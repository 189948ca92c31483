package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hook sends a signed delivery of GitHub.
func hook(t testing.TB, listen, endpoint, secret, event, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listen+"/v1/hooks/github/"+endpoint, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	req.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	req.Header.Set("X-GitHub-Event", event)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusAccepted {
		t.Fatalf("the delivery was answered %s %s", resp.Status, b)
	}
}

// TestRepositoriesAreFetched: the commits of a configured repository come in by
// themselves, wait on the default branch, and are shipped by the deployment that a
// webhook tells of; what cannot be fetched is said by doctor.
func TestRepositoriesAreFetched(t *testing.T) {
	t.Parallel()
	data, dir, repo := dataDir(t), t.TempDir(), repository(t, "checkout", 3)
	secret := filepath.Join(dir, "secret")
	write(t, secret, "hook-secret")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // a server that says nothing holds up neither the others nor the end
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	config := configured(t, fmt.Sprintf(onlyCommands+`
ingest: {endpoints: [{source: github, name: main, secrets: [{file: %q}]}]}
collect:
  git:
    - {url: "https://%s/acme/silent.git", every: 1s}
    - {url: %q, repository: acme/checkout, every: 1s}
    - {url: %q, repository: acme/gone, every: 1s}
`, secret, silent.Addr(), repo, filepath.Join(dir, "gone.git")))
	info := up(t, data, config)
	ask := func(query string) string { t.Helper(); return lines(t, data, query) }
	compute := func() {
		t.Helper()
		if code, body := post(t, "http://"+info.Pages+"/control/compute", info.Token, "", ""); code != http.StatusOK {
			t.Fatalf("computing: %d %s", code, body)
		}
	}
	known := func(commit string) func() bool {
		return func() bool {
			return ask("SELECT (SELECT count() FROM events WHERE subject = '"+commit+"') + (SELECT count() FROM events WHERE kind = 'branch.pushed' AND commit = '"+commit+"')") == "2"
		}
	}
	deploy := func(id int, commit string, at time.Time) {
		t.Helper()
		hook(t, info.Listen, "main", "hook-secret", "deployment_status", fmt.Sprintf(`{"action":"created","repository":{"name":"checkout","full_name":"acme/checkout","default_branch":"main"},
			"deployment":{"id":%[1]d,"sha":%[2]q,"ref":"main","environment":"production","created_at":%[3]q,"updated_at":%[3]q,"creator":{"login":"deployer[bot]"}},
			"deployment_status":{"id":%[1]d0,"state":"success","created_at":%[3]q,"updated_at":%[3]q}}`, id, commit, at.Format(time.RFC3339)))
	}
	head := strings.TrimSpace(runGit(t, repo, nil, "rev-parse", "main"))
	eventually(t, "the first commits to be fetched", known(head))
	deploy(1, head, time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC))

	commit := func(at time.Time) string {
		t.Helper()
		runGit(t, repo, strings.NewReader(fmt.Sprintf("commit refs/heads/main\ncommitter Ann <ann@example.com> %d +0000\ndata 1\nx\nfrom refs/heads/main^0\nM 644 inline g\ndata 20\n%20d\n", at.Unix(), at.Unix())), "fast-import", "--quiet")
		return strings.TrimSpace(runGit(t, repo, nil, "rev-parse", "main"))
	}
	first, second := commit(time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)), commit(time.Date(2026, 3, 3, 12, 0, 0, 0, time.UTC))
	eventually(t, "the new commits to be fetched", known(second))
	deploy(2, first, time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC))
	compute()
	if got, want := ask("SELECT commit, lead_ms, link_quality FROM shipped_changes WHERE NOT baseline"), first+" 172800000 commit"; got != want {
		t.Errorf("shipped is %s, want %s", got, want)
	}
	if got, want := ask("SELECT commit, merged_at FROM waiting_changes"), second+" 2026-03-03 12:00:00.000"; got != want {
		t.Errorf("what waits is %s, want %s", got, want)
	}
	if n, undeployed := ask("SELECT count() FROM event_log WHERE source = 'git'"), ask("SELECT value FROM metric_points WHERE metric = 'dora.undeployed_changes' AND grain = 'week' AND service = 'checkout' AND dims = '' AND window_start = '2026-03-02'"); n != "7" || undeployed != "2" {
		t.Errorf("%s records were told by git, want 7: 5 commits, and the branch twice; undeployed at the last midnight are %s, want 2", n, undeployed)
	}
	if code, out, _ := payoff(t, "doctor", "--data", data); code != exitNo || !strings.Contains(out, "acme/gone") || !strings.Contains(out, "payoff.yaml") {
		t.Errorf("doctor says, with %d:\n%s", code, out)
	}
}
