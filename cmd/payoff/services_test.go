package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// monorepo makes a repository in which the services cart and web each have a
// folder, and tags of their own.
func monorepo(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	var b strings.Builder
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	for i, paths := range [][]string{{"services/cart/a", "services/web/a", "lib/a"}, {"services/cart/b"}, {"services/web/b"}, {"services/web/c", "README"}, {"lib/b"}} {
		at = at.Add(time.Hour)
		fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\ncommitter Ann <ann@example.com> %d +0000\ndata 6\nChange\n", i+1, at.Unix())
		if i > 0 {
			fmt.Fprintf(&b, "from :%d\n", i)
		}
		for _, p := range paths {
			fmt.Fprintf(&b, "M 644 inline %s\ndata 2\nx\n\n", p)
		}
	}
	for v, commit := range map[string]int{"v1.0.0": 1, "v1.1.0": 5} {
		for _, service := range []string{"cart", "web"} {
			fmt.Fprintf(&b, "tag %s/%s\nfrom :%d\ntagger Ann <ann@example.com> %d +0000\ndata 1\nx\n", service, v, commit, at.Add(time.Duration(commit)*time.Hour).Unix())
		}
	}
	runGit(t, "", nil, "init", "-q", "--bare", "-b", "main", dir)
	runGit(t, dir, strings.NewReader(b.String()), "fast-import", "--quiet")
	return dir
}

// lines runs a query and returns its rows, cells separated by blanks.
func lines(t testing.TB, data string, query string, flags ...string) string {
	t.Helper()
	out := strings.TrimSpace(must(t, append([]string{"sql", "--data", data, "--format", "csv", query}, flags...)...))
	_, rows, _ := strings.Cut(out, "\n")
	return strings.NewReplacer(`"`, "", ",", " ", "\n", "; ").Replace(rows)
}

// TestServicesOfOneRepository: of a repository that several services share, each
// ships what touches its paths, as the organisation declares them; declaring other
// paths counts anew.
func TestServicesOfOneRepository(t *testing.T) {
	t.Parallel()
	data, dir, repo := dataDir(t), t.TempDir(), monorepo(t)
	up(t, data, configured(t, onlyCommands))
	for _, service := range []string{"cart", "web"} {
		must(t, "import", "git", repo, "--service", service, "--tags", service+"/v*", "--data", data)
	}
	const query = `SELECT service, count(), (SELECT sum(n) FROM metric_points WHERE metric = 'dora.change_lead_time' AND grain = 'day' AND dims = '' AND service != '')
		FROM shipped_changes WHERE NOT baseline GROUP BY service ORDER BY service`
	declare := func(cart, web string) {
		t.Helper()
		write(t, filepath.Join(dir, "org.yaml"), fmt.Sprintf(`
services:
  - {service: cart, repository: shop, paths: [%s]}
  - {service: web, repository: shop, paths: [%s]}
`, cart, web))
		must(t, "import", "org", dir, "--data", data)
	}
	for _, step := range []struct {
		cart, web string
		want      string
	}{
		{"", "", "cart 4 8; web 4 8"},
		{"services/cart/**", "services/web/**", "cart 1 3; web 2 3"},
		{"services/cart/**, lib/**", "services/web/**", "cart 2 4; web 2 4"},
	} {
		if step.cart != "" {
			declare(step.cart, step.web)
		}
		if got := lines(t, data, query); got != step.want {
			t.Errorf("with %q and %q shipped is %s, want %s", step.cart, step.web, got, step.want)
		}
	}
}

// TestWindowsOfAService: an incident 30 hours after a deployment is put down to it
// when the configuration says that the service's are looked for so far, and the
// same facts are counted anew when it says otherwise.
func TestWindowsOfAService(t *testing.T) {
	t.Parallel()
	data, dir := dataDir(t), t.TempDir()
	var b strings.Builder
	event := func(id, kind, at, subject, content, custom string) {
		fmt.Fprintf(&b, `{"specversion":"1.0","id":%q,"source":"/test","type":"dev.cdevents.%s","time":%q,"subject":%[4]q,"datacontenttype":"application/json","data":{"context":{"specversion":"0.5.1","id":%[1]q,"source":"/test","type":"dev.cdevents.%[2]s","timestamp":%[3]q},"subject":{"id":%[4]q,"content":{%[5]s}},"customData":{%[6]s}}}`+"\n",
			id, kind, at, subject, content, custom)
	}
	for i, at := range []string{"2026-03-02T10:00:00Z", "2026-03-09T10:00:00Z"} {
		event(fmt.Sprint("d", i), "service.deployed.0.3.0", at, "cart", `"environment":{"id":"production"},"artifactId":"pkg:oci/cart@v1"`, fmt.Sprintf(`"version":"v%d"`, i))
	}
	event("i1", "incident.detected.0.3.0", "2026-03-03T16:00:00Z", "i1", `"environment":{"id":"production"},"service":{"id":"cart"}`, "")
	write(t, filepath.Join(dir, "events.ndjson"), b.String())
	must(t, "import", "events", filepath.Join(dir, "events.ndjson"), "--data", data)
	file := filepath.Join(dir, "payoff.yaml")
	for _, step := range []struct{ config, want string }{
		{"services: [{name: search, windows: {failure: 48h}}]", "0 0"},
		{"services: [{name: cart, windows: {failure: 48h}}]", "1 1"},
		{"windows: {failure: 48h}\nservices: [{name: cart, windows: {failure: 12h}}]", "0 0"},
	} {
		write(t, file, step.config)
		must(t, "rollup", "--data", data, "--config", file)
		const query = "SELECT count(), (SELECT sum(numerator) FROM metric_points WHERE metric = 'dora.change_fail_rate' AND grain = 'week' AND service = 'cart' AND dims = '') FROM failed_deployments"
		if got := lines(t, data, query, "--config", file); got != step.want {
			t.Errorf("with %s failed deployments and what the points count are %s, want %s", step.config, got, step.want)
		}
	}
}
