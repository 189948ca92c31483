package dora_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect/git"
	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// TestLeadTimesOfRealReleases links two real histories as an import does, and
// checks three releases of each against what git says: which commits the release
// reaches and no deployment before it does, and the median of their lead times.
func TestLeadTimesOfRealReleases(t *testing.T) {
	for _, test := range []struct {
		name     string
		releases []string
	}{
		{"benthos", []string{"v1.1.0", "v3.24.1", "v4.76.0"}},
		{"prometheus", []string{"v1.0.0", "v2.37.1", "v3.8.1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := unpack(t, test.name)
			linked := dora.Link(readHistory(t, dir))
			found := 0
			var before []string
			for _, d := range linked.Deployments {
				for _, tag := range test.releases {
					if d.Version == tag {
						found++
						compareRelease(t, dir, d, before, linked.Shipped)
					}
				}
				before = append(before, d.Commit)
			}
			if found != len(test.releases) {
				t.Errorf("%d of the releases %v are deployments", found, test.releases)
			}
		})
	}
}

func unpack(t *testing.T, name string) string {
	t.Helper()
	folder := os.Getenv("PAYOFF_REAL_HISTORIES")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "real")
	}
	f, err := os.Open(filepath.Join(folder, name+".fi.gz"))
	if err != nil {
		t.Skipf("SKIP: real histories not found; set PAYOFF_REAL_HISTORIES to their folder (%v)", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), name+".git")
	run(t, nil, "init", "-q", "--bare", dir)
	run(t, z, "--git-dir", dir, "fast-import", "--quiet", "--done")
	return dir
}

func run(t *testing.T, stdin io.Reader, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
	cmd.Stdin = stdin
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

func readHistory(t *testing.T, dir string) dora.Input {
	t.Helper()
	in := dora.Input{Horizon: func(dora.Source) time.Time { return time.Time{} }}
	when := func(s string) time.Time {
		at, err := events.ParseTime(s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	_, err := git.Read(t.Context(), git.Options{Dir: dir}, func(drafts []events.Draft) error {
		for _, d := range drafts {
			switch d.Kind {
			case events.CommitRecorded:
				in.Commits = append(in.Commits, dora.Commit{Repository: d.Content.Repository.ID, Hash: d.Subject, Parents: d.Content.Parents, ParentsKnown: true,
					Authored: when(d.Content.AuthorTime), Committed: d.Time, ActorKind: d.ActorKind})
			case events.ServiceDeployed:
				in.Reports = append(in.Reports, dora.Report{ID: d.Custom.Commit, Source: d.Source, Service: d.Subject, Environment: "production", Tier: "production",
					Repository: d.Custom.Repository.ID, Commit: d.Custom.Commit, Version: d.Custom.Version, Outcome: dora.Succeeded,
					Start: when(d.Custom.StartedAt), Time: d.Time})
			}
		}
		return nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func compareRelease(t *testing.T, dir string, d dora.Deployment, before []string, shipped []dora.Shipped) {
	t.Helper()
	args := append([]string{"--git-dir", dir, "log", "--no-merges", "--format=%H %at %ct", d.Commit, "--not"}, before...)
	var want []float64
	for line := range strings.Lines(run(t, nil, args...)) {
		f := strings.Fields(line)
		authored, _ := strconv.ParseInt(f[1], 10, 64)
		committed, _ := strconv.ParseInt(f[2], 10, 64)
		want = append(want, float64(d.End.Unix()-min(authored, committed))*1000)
	}
	var got []float64
	for _, s := range shipped {
		if s.DeploymentID == d.ID && s.LeadMS != nil {
			got = append(got, float64(*s.LeadMS))
		}
	}
	if len(got) == 0 || len(got) != len(want) || stat.Median(got) != stat.Median(want) || stat.Quantile(got, 0.9) != stat.Quantile(want, 0.9) {
		t.Errorf("%s: %d changes, median %v ms; git says %d, median %v ms", d.Version, len(got), stat.Median(got), len(want), stat.Median(want))
	}
}
