package git

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/dora/graph"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// realHistory unpacks one of the real histories; see the README beside them.
func realHistory(t testing.TB, name string) string {
	t.Helper()
	folder := os.Getenv("PAYOFF_REAL_HISTORIES")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "real")
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
	script, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), name+".git")
	gitIn(t, ".", nil, "init", "-q", "--bare", dir)
	gitIn(t, dir, script, "fast-import", "--quiet", "--done")
	return dir
}

// A linked deployment is one with what the commit graph says of it.
type linked struct {
	draft events.Draft
	step  graph.Step
}

func link(drafts []events.Draft) (*graph.Graph, []linked) {
	var b graph.Builder
	for hash, d := range commitsOf(drafts) {
		b.Add(hash, d.Content.Parents...)
	}
	g := b.Build()
	w := graph.NewWalker(g, nil)
	var out []linked
	for _, d := range deploymentsOf(drafts) {
		out = append(out, linked{d, w.Next(d.Custom.Commit)})
	}
	return g, out
}

// TestRealHistories compares releases of real repositories with what git itself
// says of them: when they were, what they ship, and how long each commit took.
func TestRealHistories(t *testing.T) {
	for _, test := range []struct {
		name     string
		commits  int
		releases []string
	}{
		{"benthos", 5464, []string{"v1.1.0", "v3.24.1", "v4.76.0"}},
		{"prometheus", 18809, []string{"v1.0.0", "v2.37.1", "v3.8.1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := realHistory(t, test.name)
			drafts, sum := read(t, Options{Dir: dir})
			if sum.Repository != test.name || sum.Service != test.name || sum.Commits != test.commits || len(commitsOf(drafts)) != test.commits {
				t.Errorf("read %+v, want %d commits of %s", sum, test.commits, test.name)
			}
			commits := commitsOf(drafts)
			g, all := link(drafts)
			classes := make(map[string]int)
			for n, l := range all {
				classes[l.step.Class.String()]++
				if i := slices.Index(test.releases, l.draft.Custom.Version); i >= 0 {
					compareWithGit(t, dir, commits, g, all[:n], l)
					test.releases[i] = ""
				}
			}
			if left := strings.Join(test.releases, ""); left != "" {
				t.Errorf("no deployment is %s", left)
			}
			t.Logf("%+v; %v", sum, classes)
			forward(t, dir)
		})
	}
}

// forward checks that the steps of a real branch, whose clocks disagree, are
// deployed in the order they stand on one another: none is a rollback.
func forward(t *testing.T, dir string) {
	t.Helper()
	drafts, sum := read(t, Options{Dir: dir, MergesInto: "main"})
	if want := gitIn(t, dir, nil, "rev-list", "--count", "--first-parent", "main"); strconv.Itoa(sum.Deployments) != want {
		t.Errorf("%d steps, git counts %s", sum.Deployments, want)
	}
	_, all := link(drafts)
	for _, l := range all {
		if l.step.Class != graph.Normal {
			t.Errorf("step %s at %s is a %s", l.draft.Custom.Version, l.draft.Time.Format(time.DateTime), l.step.Class)
		}
	}
}

func compareWithGit(t *testing.T, dir string, commits map[string]events.Draft, g *graph.Graph, before []linked, l linked) {
	t.Helper()
	tag := l.draft.Custom.Version
	if want := gitIn(t, dir, nil, "log", "-1", "--format=%ct", tag); strconv.FormatInt(l.draft.Time.Unix(), 10) != want {
		t.Errorf("%s was deployed at %d, git says %s", tag, l.draft.Time.Unix(), want)
	}
	// rev-list's own words for "reached by this and by no earlier one".
	args := []string{"log", "--no-merges", "--format=%H %at %ct", tag, "--not"}
	for _, b := range before {
		args = append(args, b.draft.Custom.Commit)
	}
	want := make(map[string]time.Duration)
	for line := range strings.Lines(gitIn(t, dir, nil, args...)) {
		f := strings.Fields(line)
		authored, _ := strconv.ParseInt(f[1], 10, 64)
		committed, _ := strconv.ParseInt(f[2], 10, 64)
		want[f[0]] = time.Duration(l.draft.Time.Unix()-min(authored, committed)) * time.Second
	}
	got := make(map[string]time.Duration)
	for _, c := range l.step.Ships {
		d := commits[g.Hash(c)]
		authored, err1 := events.ParseTime(d.Content.AuthorTime)
		committed, err2 := events.ParseTime(d.Content.CommitterTime)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if committed.Before(authored) {
			authored = committed
		}
		got[g.Hash(c)] = l.draft.Time.Sub(authored)
	}
	if len(want) == 0 {
		t.Errorf("%s ships nothing, which proves nothing", tag)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lead times of what %s ships (-git +payoff):\n%s", tag, diff)
	}
	paths := gitIn(t, dir, nil, "diff-tree", "-r", "--root", "--no-commit-id", "--name-only", l.draft.Custom.Commit)
	if diff := cmp.Diff(strings.Fields(paths), commits[l.draft.Custom.Commit].Content.Paths); diff != "" && paths != "" {
		t.Errorf("paths of %s (-git +payoff):\n%s", l.draft.Custom.Commit, diff)
	}
	t.Logf("%s at %s ships %d commits", tag, l.draft.Time.Format(time.DateTime), len(got))
}
