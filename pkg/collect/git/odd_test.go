package git

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// rawCommit writes a commit object as it is, well-formed or not, and tags it.
func rawCommit(t *testing.T, dir, tag, header string) string {
	t.Helper()
	tree := gitIn(t, dir, nil, "mktree")
	hash := gitIn(t, dir, []byte("tree "+tree+"\n"+header+"\n\nmessage\n"), "hash-object", "-t", "commit", "-w", "--stdin", "--literally")
	gitIn(t, dir, nil, "update-ref", "refs/tags/"+tag, hash)
	return hash
}

func TestOddCommits(t *testing.T) {
	var s stream
	s.line(t0)
	dir := s.repo(t)
	const impossible = "1970-01-01T00:00:00.000Z"
	const usual = "2023-11-14T22:13:20.000Z"
	for i, test := range []struct {
		name, header              string
		authored, committed       string
		actorKind, actor          string
		impossible, authoredLater bool
	}{
		{"no author", "author  <> 1700000000 +0000\ncommitter  <> 1700000000 +0000", usual, usual, "", "", false, false},
		{"no address", "author Ada <> 1700000000 +0000\ncommitter C <c@x> 1700000000 +0000", usual, usual, "human", "Ada", false, false},
		{"before 1970", "author A <a@x> -100 +0000\ncommitter C <c@x> -100 +0000", "", impossible, "human", "a@x", true, false},
		{"beyond any calendar", "author A <a@x> 99999999999999999999999 +0000\ncommitter C <c@x> 253402300800 +9999", "", impossible, "human", "a@x", true, false},
		{"in 1970, zones of nowhere", "author A <a@x> 5 -9999\ncommitter C <c@x> 6 +123456", "1970-01-01T00:00:05.000Z", "1970-01-01T00:00:06.000Z", "human", "a@x", true, false},
		{"in 2150", "author A <a@x> 1700000000 +0000\ncommitter C <c@x> 5680281600 +0000", usual, "2150-01-01T00:00:00.000Z", "human", "a@x", true, false},
		{"authored later", "author A <a@x> 1700000001 +0000\ncommitter C <c@x> 1700000000 +0000", "2023-11-14T22:13:21.000Z", usual, "human", "a@x", false, true},
		{"no times", "author A <a@x>\ncommitter C <c@x>", "", impossible, "human", "a@x", true, false},
		{"nothing as it should be", "x y", "", impossible, "", "", true, false},
		{"brackets", "author A <a <b>@x> 1700000000 +0000\ncommitter C <c>> 1700000000 +0000", usual, usual, "human", "a <b", false, false},
		{"latin-1, and it says so", "author J\xfcrgen <j\xfc@x> 1700000000 +0000\ncommitter C <c@x> 1700000000 +0000\nencoding ISO-8859-1", usual, usual, "human", "jü@x", false, false},
		{"latin-1, unsaid", "author J\xfcrgen <j\xfc@x> 1700000000 +0000\ncommitter C <c@x> 1700000000 +0000", usual, usual, "human", "j\uFFFD@x", false, false},
		{"an endless name", "author " + strings.Repeat("a", 5000) + " <> 1700000000 +0000\ncommitter C <c@x> 1700000000 +0000", usual, usual, "human", strings.Repeat("a", maxName), false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			hash := rawCommit(t, dir, fmt.Sprintf("v1.%d", i), test.header)
			drafts, _ := read(t, Options{Dir: dir})
			d := commitsOf(drafts)[hash]
			got := []string{d.Content.AuthorTime, d.Content.CommitterTime, d.ActorKind, d.Actor}
			if diff := cmp.Diff([]string{test.authored, test.committed, test.actorKind, test.actor}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, e := range canonical(t, drafts) {
				if e.Subject != hash {
					continue
				}
				if got := slices.Contains(e.Flags, events.FlagImpossibleTime); got != test.impossible {
					t.Errorf("flagged as an impossible time: %v, want %v", got, test.impossible)
				}
				if got := slices.Contains(e.Flags, events.FlagFutureAuthored); got != test.authoredLater {
					t.Errorf("flagged as authored in the future: %v, want %v", got, test.authoredLater)
				}
			}
			for _, release := range deploymentsOf(drafts) {
				if release.Custom.Commit == hash && events.FormatTime(release.Time) != test.committed {
					t.Errorf("deployed at %v, committed at %s", release.Time, test.committed)
				}
			}
		})
	}
}

func TestOctopusAndSeveralRoots(t *testing.T) {
	var s stream
	a, b, c := s.line(t0, t0+1), s.commit(commitSpec{branch: "b", at: t0 + 2}), s.commit(commitSpec{branch: "c", at: t0 + 3})
	s.lightTag("v1.0.0", s.commit(commitSpec{at: t0 + 4, from: []int{a, b, c}, files: []string{"x"}}))
	dir := s.repo(t)
	drafts, sum := read(t, Options{Dir: dir})
	octopus := commitsOf(drafts)[gitIn(t, dir, nil, "rev-parse", "main")]
	want := strings.Fields(gitIn(t, dir, nil, "log", "-1", "--format=%P", "main"))
	if len(want) != 3 || !slices.Equal(octopus.Content.Parents, want) || len(octopus.Content.Paths) > 0 || sum.Commits != 5 {
		t.Errorf("%+v of %+v, want the parents %v and no paths", octopus.Content, sum, want)
	}
}

func TestPaths(t *testing.T) {
	var s stream
	names := []string{"a b", "C:d", "new\nline", "new\nC0000", "quo\"te", "tab\t", ":100644 x", "uml\xc3\xa4ut", "not\xffutf8", "C"}
	var quoted []string
	for _, n := range names {
		quoted = append(quoted, `"`+strings.NewReplacer(`"`, `\"`, "\n", `\n`, "\t", `\t`, "\xff", `\377`, "\xc3\xa4", `\303\244`).Replace(n)+`"`)
	}
	odd := s.commit(commitSpec{at: t0, files: quoted})
	var many []string
	for i := range events.MaxPaths + 1 {
		many = append(many, fmt.Sprintf("many/%04d", i))
	}
	most := s.commit(commitSpec{at: t0 + 1, from: []int{odd}, files: many[:events.MaxPaths]})
	all := s.commit(commitSpec{at: t0 + 2, from: []int{most}, files: many})
	long := s.commit(commitSpec{at: t0 + 3, from: []int{all}, files: []string{"a", "b" + strings.Repeat("/"+strings.Repeat("x", 200), maxPathBytes/200+1), "c"}})
	nothing := s.commit(commitSpec{at: t0 + 4, from: []int{long}})
	s.marks++
	fmt.Fprintf(&s, "commit refs/heads/main\nmark :%d\ncommitter C <c@x> %d +0000\ndata 0\nfrom :%d\nM 160000 0123456789abcdef0123456789abcdef01234567 sub/module\nR many/0000 moved\n\n", s.marks, t0+5, nothing)
	s.lightTag("v1.0.0", s.marks)
	dir := s.repo(t)
	drafts, _ := read(t, Options{Dir: dir})
	at := func(rev string) events.Fields { return commitsOf(drafts)[gitIn(t, dir, nil, "rev-parse", rev)].Content }

	want := append([]string(nil), names...)
	want[slices.Index(want, "not\xffutf8")] = "not\uFFFDutf8"
	slices.Sort(want)
	if diff := cmp.Diff(want, at("main~5").Paths); diff != "" {
		t.Errorf("odd names (-want +got):\n%s", diff)
	}
	if f := at("main~4"); f.PathsCut || !slices.Equal(f.Paths, many[:events.MaxPaths]) {
		t.Errorf("as many paths as are kept: %d, cut %v", len(f.Paths), f.PathsCut)
	}
	if f := at("main~3"); !f.PathsCut || !slices.Equal(f.Paths, many[:events.MaxPaths]) {
		t.Errorf("one path more: %d, cut %v", len(f.Paths), f.PathsCut)
	}
	if f := at("main~2"); !f.PathsCut || !slices.Equal(f.Paths, []string{"a"}) {
		t.Errorf("an endless path: %d, cut %v", len(f.Paths), f.PathsCut)
	}
	if f := at("main~1"); f.PathsCut || f.Paths != nil {
		t.Errorf("an empty commit: %v, cut %v", f.Paths, f.PathsCut)
	}
	if f := at("main"); !slices.Equal(f.Paths, []string{"many/0000", "moved", "sub/module"}) {
		t.Errorf("a submodule and a renamed file: %v", f.Paths)
	}
	canonical(t, drafts)
}

func TestOtherRefsReplacementsAndGrafts(t *testing.T) {
	var s stream
	s.lightTag("v1.0.0", s.line(t0, t0+1))
	s.commit(commitSpec{branch: "stash-to-be", at: t0 + 2, message: "not part of the history"})
	dir := s.repo(t)
	gitIn(t, dir, nil, "update-ref", "refs/stash", "stash-to-be")
	gitIn(t, dir, nil, "update-ref", "-d", "refs/heads/stash-to-be")
	want, sum := read(t, Options{Dir: dir})
	if sum.Commits != 2 {
		t.Errorf("%d commits, want the 2 of the history", sum.Commits)
	}
	gitIn(t, dir, nil, "replace", "main", "main~1")
	got, _ := read(t, Options{Dir: dir})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with a replacement (-want +got):\n%s", diff)
	}
	if err := os.MkdirAll(filepath.Join(dir, "info"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "info", "grafts"), []byte(gitIn(t, dir, nil, "rev-parse", "main")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, _ = read(t, Options{Dir: dir})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("with a graft (-want +got):\n%s", diff)
	}
}

func TestSHA256Repository(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	gitIn(t, ".", nil, "init", "-q", "--object-format=sha256", dir)
	gitIn(t, dir, nil, "commit", "-q", "--allow-empty", "-m", "one")
	gitIn(t, dir, nil, "tag", "v1.0.0")
	drafts, _ := read(t, Options{Dir: dir})
	if len(drafts) != 3 || len(drafts[0].Subject) != 64 || drafts[1].Content.Commit != drafts[0].Subject || drafts[2].Custom.Commit != drafts[0].Subject {
		t.Errorf("drafts %+v", drafts)
	}
}
