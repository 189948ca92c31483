package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDashboards generates, checks on an empty store, and pushes.
func TestDashboards(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	must(t, "dashboards", "generate", "--out", out)
	for _, name := range []string{"payoff-delivery.json", "payoff-health.json", "dashboards.yaml", "datasources.yaml"} {
		got, err := os.ReadFile(filepath.Join(out, name))
		want, wantErr := os.ReadFile(filepath.Join("../../dashboards", name))
		if err != nil || wantErr != nil || string(got) != string(want) {
			t.Errorf("%s: %v %v, or not what is in dashboards/", name, err, wantErr)
		}
	}
	left, err := os.ReadDir(out)
	if err != nil || len(left) != 4 {
		t.Errorf("%d files: %v", len(left), err)
	}
	// No query takes less than a nanosecond, and nothing else may be wrong.
	code, said, stderr := payoff(t, "--data", filepath.Join(dir, "data"), "dashboards", "check", "--within", "1ns", "--runs", "1")
	if code != exitNo || !strings.Contains(stderr, "faults") || !strings.Contains(said, "nothing to compare") {
		t.Errorf("exit %d: %s%s", code, said, stderr)
	}
	if faults := strings.Count(said, "✗"); faults == 0 || faults != strings.Count(said, "more than 1ns") {
		t.Error(said)
	}
	if said := must(t, "--data", filepath.Join(dir, "data"), "dashboards", "time", "--for", "1ns"); strings.Count(said, "\npayoff-") != 5 || !strings.Contains(said, "Over all queries half took at most") {
		t.Errorf("the times are\n%s", said)
	}
}

// TestDashboardsLimits: how long to go on is a time, and more than none; how long a
// query may take is one, too; and each runs at least once.
func TestDashboardsLimits(t *testing.T) {
	for _, wrong := range [][3]string{
		{"time", "--for", "-1s"}, {"time", "--for", "0"}, {"time", "--for", "0s"}, {"time", "--for", "abc"},
		{"check", "--within", "-1s"}, {"check", "--within", "abc"}, {"check", "--runs", "0"}, {"check", "--runs", "-1"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		code, stdout, stderr := payoff(t, "--data", dir, "dashboards", wrong[0], wrong[1], wrong[2])
		if code != exitError || stdout != "" || !strings.Contains(stderr, wrong[1]) || !strings.Contains(stderr, wrong[2]) {
			t.Errorf("%v: exit %d, %q, %q", wrong, code, stdout, stderr)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%v made %s: %v", wrong, dir, err)
		}
	}
}

func TestDashboardsPush(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			w.Write([]byte(`{"message":"Invalid API key"}`))
			return
		}
		w.Write([]byte(`{"uid":"x","url":"/d/x/y","status":"success"}`))
	}))
	defer s.Close()
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good, bad := file("good", "good\n"), file("bad", "bad")
	if got := must(t, "dashboards", "push", "--url", s.URL, "--token-file", good); got != s.URL+"/d/x/y\n"+s.URL+"/d/x/y\n" {
		t.Errorf("printed %q", got)
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"refused":     {[]string{"--url", s.URL, "--token-file", bad}, "does not know the token"},
		"no address":  {[]string{"--token-file", good}, "push needs --url"},
		"not one":     {[]string{"--url", "grafana", "--token-file", good}, "is not the address of a Grafana"},
		"no file":     {[]string{"--url", s.URL, "--token-file", filepath.Join(dir, "none")}, "reading the token"},
		"empty file":  {[]string{"--url", s.URL, "--token-file", file("empty", "\n")}, "holds no token"},
		"not a token": {[]string{"--url", s.URL, "--token-file", file("two", "a b")}, "holds no token"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stdout, stderr := payoff(t, append([]string{"dashboards", "push"}, tc.args...)...)
			if code != exitError || !strings.Contains(stderr, tc.want) || stdout != "" {
				t.Errorf("exit %d, %q, %q; want %q", code, stdout, stderr, tc.want)
			}
		})
	}
}
