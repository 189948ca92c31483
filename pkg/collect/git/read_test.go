package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/events"
)

const t0 = 1_700_000_000

func TestDeploymentsFromTags(t *testing.T) {
	for _, test := range []struct {
		name    string
		build   func(*stream)
		options Options
		want    []string
	}{
		{"the tagger's time, else the commit's", func(s *stream) {
			one := s.line(t0)
			s.tag("v1.0.0", one, t0+60)
			s.lightTag("v1.1.0", s.commit(commitSpec{at: t0 + 90, from: []int{one}}))
		}, Options{}, []string{"v1.0.0 @1700000060", "v1.1.0 @1700000090 commit"}},
		{"several tags on one commit", func(s *stream) {
			one := s.line(t0)
			s.tag("v1", one, t0+300)
			s.tag("v1.10.0", one, t0+60)
			s.lightTag("v1.9.0", one)
			s.lightTag("1.10.0", one)
		}, Options{}, []string{"v1.10.0 @1700000060 =[1.10.0 v1.9.0 v1]"}},
		{"one time: by version, not by name", func(s *stream) {
			s.lightTag("v1.10.0", s.commit(commitSpec{at: t0, branch: "a", message: "a"}))
			s.lightTag("v1.9.0", s.commit(commitSpec{at: t0, branch: "b", message: "b"}))
			s.lightTag("v1.2.0", s.commit(commitSpec{at: t0, branch: "c", message: "c"}))
			s.lightTag("v0.9", s.commit(commitSpec{at: t0 + 1, branch: "d"}))
		}, Options{}, []string{"v1.2.0 @1700000000 commit", "v1.9.0 @1700000000 commit", "v1.10.0 @1700000000 commit", "v0.9 @1700000001 commit"}},
		{"no pre-releases", func(s *stream) {
			s.lightTag("v1.0.0-rc.1", s.line(t0))
			s.lightTag("v1.0.0", s.line(t0+1))
			s.lightTag("1.1rc1", s.line(t0+2))
		}, Options{}, []string{"v1.0.0 @1700000001 commit"}},
		{"unless asked for", func(s *stream) {
			s.lightTag("v1.0.0-rc.1", s.line(t0))
			s.lightTag("v1.0.0", s.line(t0+1))
			s.lightTag("1.1rc1", s.line(t0+2))
		}, Options{Prereleases: true}, []string{"v1.0.0-rc.1 @1700000000 commit", "v1.0.0 @1700000001 commit", "1.1rc1 @1700000002 commit"}},
		{"own prefix, not another's", func(s *stream) {
			for i, name := range []string{"demo-1.0.0", "demo/v1.1.0", "Demo@1.2.0", "release-1.3", "api/v9.0.0", "api-9.1.0", "latest", "demo-latest"} {
				s.lightTag(name, s.line(t0+int64(i)))
			}
		}, Options{}, []string{"demo-1.0.0 @1700000000 commit", "demo/v1.1.0 @1700000001 commit", "Demo@1.2.0 @1700000002 commit", "release-1.3 @1700000003 commit"}},
		{"the service's prefix", func(s *stream) {
			s.lightTag("api/v9.0.0", s.line(t0))
			s.lightTag("web/v1.0.0", s.line(t0+1))
		}, Options{Service: "shop/api"}, []string{"api/v9.0.0 @1700000000 commit"}},
		{"a glob", func(s *stream) {
			s.lightTag("api-2/v9.0.0", s.line(t0))
			s.lightTag("v1.0.0", s.line(t0+1))
			s.lightTag("api-2/nightly", s.line(t0+2))
		}, Options{Tags: "api-2/v*", Service: "api"}, []string{"api-2/v9.0.0 @1700000000 commit"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var s stream
			test.build(&s)
			test.options.Dir = s.repo(t)
			drafts, sum := read(t, test.options)
			if diff := cmp.Diff(test.want, told(drafts)); diff != "" {
				t.Errorf("deployments (-want +got):\n%s", diff)
			}
			if sum.Deployments != len(test.want) || sum.Tags != sum.Deployments+sum.Aliases+sum.Prereleases+sum.OtherTags {
				t.Errorf("the summary does not add up: %+v", sum)
			}
			canonical(t, drafts)
		})
	}
}

// Deployments are ordered by end, then start: so of one end, the starts differ.
func TestOneTimeIsToldApartByItsStart(t *testing.T) {
	var s stream
	for _, v := range []string{"v1.10.0", "v1.9.0", "v1.2.0"} {
		s.lightTag(v, s.commit(commitSpec{at: t0, branch: v, message: v}))
	}
	drafts, _ := read(t, Options{Dir: s.repo(t)})
	var got []string
	for _, d := range deploymentsOf(drafts) {
		got = append(got, d.Custom.Version+" "+d.Custom.StartedAt)
	}
	want := []string{"v1.2.0 2023-11-14T22:13:19.998Z", "v1.9.0 2023-11-14T22:13:19.999Z", "v1.10.0 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}
}

func TestTagsOfWhatIsNoCommit(t *testing.T) {
	var s stream
	one := s.line(t0)
	s.tag("v1.0.0", one, t0+5)
	dir := s.repo(t)
	blob := gitIn(t, dir, []byte("x"), "hash-object", "-w", "--stdin")
	tree := gitIn(t, dir, nil, "rev-parse", "main^{tree}")
	gitIn(t, dir, nil, "update-ref", "refs/tags/v2.0.0", tree)
	gitIn(t, dir, nil, "update-ref", "refs/tags/v2.1.0", blob)
	gitIn(t, dir, nil, "tag", "-m", "of a tree", "v2.2.0", tree)
	mktag := func(name, typ, object, tagger string) {
		text := fmt.Sprintf("object %s\ntype %s\ntag %s\n%s\n", object, typ, name, tagger)
		gitIn(t, dir, nil, "update-ref", "refs/tags/"+name, gitIn(t, dir, []byte(text), "hash-object", "-t", "tag", "-w", "--stdin", "--literally"))
	}
	mktag("v0.2.0", "tag", gitIn(t, dir, nil, "rev-parse", "refs/tags/v1.0.0"), "tagger T <t@example.test> 1700000007 +0000\n")
	mktag("v0.1.0", "commit", gitIn(t, dir, nil, "rev-parse", "main"), "") // as tags were before there were taggers
	mktag("v3.0.0", "tag", gitIn(t, dir, nil, "rev-parse", "refs/tags/v2.2.0"), "")

	drafts, sum := read(t, Options{Dir: dir})
	if diff := cmp.Diff([]string{"v1.0.0 @1700000005 =[v0.2.0 v0.1.0]"}, told(drafts)); diff != "" {
		t.Errorf("deployments (-want +got):\n%s", diff)
	}
	if sum.OtherTags != 4 {
		t.Errorf("%d tags were left out, want 4: %+v", sum.OtherTags, sum)
	}
	gitIn(t, dir, nil, "update-ref", "-d", "refs/tags/v1.0.0")
	gitIn(t, dir, nil, "update-ref", "-d", "refs/tags/v0.1.0")
	drafts, _ = read(t, Options{Dir: dir})
	if diff := cmp.Diff([]string{"v0.2.0 @1700000007"}, told(drafts)); diff != "" {
		t.Errorf("a tag of a tag (-want +got):\n%s", diff)
	}
}

func TestCommits(t *testing.T) {
	var s stream
	root := s.commit(commitSpec{at: t0, authorT: t0 - 3600, author: "Ada <Ada@Example.test>", files: []string{"b", "a/x", "a.go"},
		message: "ABC-12: start\n\nFixes-Incident: inc-7\n"})
	bot := s.commit(commitSpec{at: t0 + 1, authorT: t0 + 2, author: "dependabot[bot] <49699333+dependabot[bot]@users.noreply.example>", from: []int{root}, files: []string{"go.mod"},
		message: "(cherry picked from commit 0123456789abcdef0123456789abcdef01234567)"})
	side := s.commit(commitSpec{branch: "side", at: t0 + 3, from: []int{root}, files: []string{"c"}})
	s.commit(commitSpec{at: t0 + 4, from: []int{bot, side}, files: []string{"merged"}, message: "This reverts commit 0123456789abcdef0123456789abcdef01234567."})
	s.lightTag("v1", root)
	dir := s.repo(t)
	hash := func(rev string) string { return gitIn(t, dir, nil, "rev-parse", rev) }
	drafts, sum := read(t, Options{Dir: dir, Repository: "acme/demo"})

	want := map[string]events.Draft{}
	commit := func(rev string, at int64, d events.Draft) {
		d.Source, d.Kind, d.Mapping, d.Sequence = "git", events.CommitRecorded, mapping, 3
		d.Subject, d.Natural, d.Time = hash(rev), []string{"acme/demo", hash(rev)}, time.Unix(at, 0).UTC()
		d.Content.Repository = &events.Ref{ID: "acme/demo"}
		d.Content.CommitterTime = events.FormatTime(d.Time)
		if d.Content.AuthorTime == "" {
			d.Content.AuthorTime = d.Content.CommitterTime
		}
		if d.Actor == "" {
			d.ActorKind, d.Actor = events.Human, "a@example.test"
		}
		want[d.Subject] = d
	}
	const picked = "0123456789abcdef0123456789abcdef01234567"
	commit("main~2", t0, events.Draft{ActorKind: events.Human, Actor: "Ada@Example.test", Content: events.Fields{
		AuthorTime: "2023-11-14T21:13:20.000Z", Paths: []string{"a.go", "a/x", "b"}, Tickets: []string{"ABC-12"}, Fixes: []string{"inc-7"}}})
	commit("main~1", t0+1, events.Draft{ActorKind: events.Bot, Actor: "dependabot[bot]", Flags: []string{events.FlagFutureAuthored}, Content: events.Fields{
		AuthorTime: "2023-11-14T22:13:22.000Z", Parents: []string{hash("main~2")}, Paths: []string{"go.mod"}, CherryPickOf: picked}})
	commit("side", t0+3, events.Draft{Content: events.Fields{Parents: []string{hash("main~2")}, Paths: []string{"c"}}})
	commit("main", t0+4, events.Draft{Content: events.Fields{Parents: []string{hash("main~1"), hash("side")}, Reverts: []string{picked}}})
	if diff := cmp.Diff(want, commitsOf(drafts)); diff != "" {
		t.Errorf("commits (-want +got):\n%s", diff)
	}
	if d := deploymentsOf(drafts)[0]; !slices.Equal(d.Natural, []string{"release", "acme/demo", "demo", hash("main~2")}) || d.Subject != "demo" || d.Custom.Ref != "refs/tags/v1" || d.Content.Environment.ID != "production" {
		t.Errorf("deployment %+v", d)
	}
	if sum.First.Unix() != t0 || sum.Last.Unix() != t0+4 || sum.Commits != 4 {
		t.Errorf("summary %+v", sum)
	}
	canonical(t, drafts)
}

func TestStepsOfABranch(t *testing.T) {
	var s stream
	root := s.commit(commitSpec{at: t0})
	side := s.commit(commitSpec{branch: "side", at: t0 + 10, from: []int{root}})
	merge := s.commit(commitSpec{at: t0 + 20, from: []int{root, side}})
	skew := s.commit(commitSpec{at: t0 + 15, from: []int{merge}})          // another clock
	wrong := s.commit(commitSpec{at: t0 - 1_000_000, from: []int{skew}})   // a wrong date
	future := s.commit(commitSpec{at: t0 + 9_000_000, from: []int{wrong}}) // another
	s.commit(commitSpec{at: t0 + 30, from: []int{future}})
	dir := s.repo(t)
	drafts, sum := read(t, Options{Dir: dir, MergesInto: "main"})
	short := func(rev string) string { return gitIn(t, dir, nil, "rev-parse", rev)[:12] }
	want := []string{
		short("main~2") + " @1699000000 commit", short("main~5") + " @1700000000 commit", short("main~4") + " @1700000020 commit",
		short("main~3") + " @1700000020 commit", short("main") + " @1700000030 commit", short("main~1") + " @1709000000 commit",
	}
	if diff := cmp.Diff(want, told(drafts)); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if d := deploymentsOf(drafts)[2]; d.Custom.StartedAt != "2023-11-14T22:13:39.999Z" || d.Custom.Ref != "refs/heads/main" {
		t.Errorf("the first of two steps of one second: %+v", d.Custom)
	}
	if sum.Deployments != 6 || sum.Tags != 0 {
		t.Errorf("summary %+v", sum)
	}
	canonical(t, drafts)
	var none *NoReleasesError
	if _, err := Read(context.Background(), Options{Dir: dir, MergesInto: "trunk"}, nil, nil); err == nil || errors.As(err, &none) || !strings.Contains(err.Error(), `no branch "trunk"; its default branch is "main"`) {
		t.Errorf("steps of a branch that is not there: %v", err)
	}
}

func TestClones(t *testing.T) {
	var s stream
	one := s.line(t0, t0+1, t0+2)
	s.lightTag("v1.0.0", one)
	s.commit(commitSpec{branch: "topic", at: t0 + 3, from: []int{one}})
	s.lightTag("v1.1.0", s.commit(commitSpec{at: t0 + 4, from: []int{one}, files: []string{"dir/g"}}))
	bare := s.repo(t)
	gitIn(t, bare, nil, "config", "uploadpack.allowFilter", "true")
	full, _ := read(t, Options{Dir: bare})
	clone := func(args ...string) string {
		dir := filepath.Join(t.TempDir(), "copy")
		gitIn(t, ".", nil, append(append([]string{"clone", "-q"}, args...), "file://"+bare, dir)...)
		return dir
	}
	same := func(t *testing.T, dir string) {
		t.Helper()
		drafts, sum := read(t, Options{Dir: dir})
		if sum.Repository != "demo" || sum.Shallow || sum.Treeless {
			t.Errorf("summary %+v", sum)
		}
		if diff := cmp.Diff(full, drafts); diff != "" {
			t.Errorf("differs from the bare repository (-bare +clone):\n%s", diff)
		}
	}
	t.Run("with a worktree", func(t *testing.T) { same(t, clone()) })
	t.Run("from a directory inside", func(t *testing.T) { same(t, filepath.Join(clone(), "dir")) })
	t.Run("without blobs", func(t *testing.T) { same(t, clone("--filter=blob:none", "--no-checkout")) })
	t.Run("worktree of another, HEAD detached", func(t *testing.T) {
		main, tree := clone(), filepath.Join(t.TempDir(), "elsewhere")
		gitIn(t, main, nil, "worktree", "add", "-q", "--detach", tree, "v1.0.0")
		same(t, tree)
		gitIn(t, tree, nil, "commit", "-q", "--allow-empty", "-m", "on no branch")
		if _, sum := read(t, Options{Dir: tree}); sum.Commits != 6 {
			t.Errorf("%d commits with the one on no branch, want 6", sum.Commits)
		}
		gitIn(t, main, nil, "remote", "remove", "origin")
		if _, sum := read(t, Options{Dir: tree}); sum.Repository != "copy" {
			t.Errorf("a worktree is named %q, want its main repository's name, copy", sum.Repository)
		}
	})
	t.Run("without trees", func(t *testing.T) {
		drafts, sum := read(t, Options{Dir: clone("--filter=tree:0", "--no-checkout")})
		if !sum.Treeless || sum.Commits != 5 || sum.Deployments != 2 {
			t.Errorf("summary %+v", sum)
		}
		for _, d := range commitsOf(drafts) {
			if len(d.Content.Paths) > 0 || !d.Content.PathsCut || d.Content.CommitterTime == "" {
				t.Errorf("commit %+v", d.Content)
			}
		}
		outranks(t, full, drafts)
	})
	t.Run("shallow", func(t *testing.T) {
		dir := clone("--depth=2", "--no-single-branch")
		drafts, sum := read(t, Options{Dir: dir})
		if !sum.Shallow || sum.Commits != 4 || sum.Deployments != 2 {
			t.Errorf("summary %+v", sum)
		}
		end := gitIn(t, bare, nil, "rev-parse", "v1.0.0~1")
		for hash, d := range commitsOf(drafts) {
			f := d.Content
			if f.Boundary != (hash == end) {
				t.Errorf("%s: boundary %v, but the clone ends at %s", hash, f.Boundary, end)
			}
			if f.Boundary && (len(f.Parents) > 0 || len(f.Paths) > 0 || !f.PathsCut) {
				t.Errorf("at the boundary parents and paths are not known: %+v", f)
			}
		}
		outranks(t, full, drafts)
		gitIn(t, dir, nil, "fetch", "-q", "--unshallow")
		same(t, dir)
	})
}

// outranks checks that facts read from all of a repository are newer versions of
// those read from a part of it, or the same; and newer by their sequence, not by
// the chance of a hash.
func outranks(t *testing.T, full, part []events.Draft) {
	t.Helper()
	all := canonical(t, full)
	less := 0
	for id, e := range canonical(t, part) {
		whole, ok := all[id]
		if ok && whole.Version == e.Version {
			continue
		}
		less++
		if !ok || whole.Version.Sequence <= e.Version.Sequence {
			t.Errorf("%s %s of the whole, sequence %d, does not outrank the part's, %d", e.Kind, e.Subject, whole.Version.Sequence, e.Version.Sequence)
		}
	}
	if less == 0 {
		t.Error("the part says as much as the whole, which proves nothing")
	}
}

func TestATagMoreIsANewerVersionOfTheSameFact(t *testing.T) {
	for _, more := range []func(*stream, int){
		func(s *stream, c int) { s.lightTag("v1.0.0.1", c) },
		func(s *stream, c int) { s.lightTag("v0.9.0", c) },
		func(s *stream, c int) { s.tag("v1", c, t0+99) },
		func(s *stream, c int) { s.tag("v3", c, t0+9) },
		func(s *stream, c int) { s.lightTag("v2.0.0", s.commit(commitSpec{at: t0, from: []int{c}})) },
	} {
		build := func(more func(*stream, int)) []events.Draft {
			var s stream
			c := s.line(t0)
			s.lightTag("v1.0.0", c)
			more(&s, c)
			drafts, _ := read(t, Options{Dir: s.repo(t)})
			return deploymentsOf(drafts)
		}
		outranks(t, build(more), build(func(*stream, int) {}))
	}
}

func TestReadingAgainGivesTheSameFacts(t *testing.T) {
	var s stream
	s.lightTag("v1.0.0", s.line(t0, t0+1, t0+2))
	dir := s.repo(t)
	first, _ := read(t, Options{Dir: dir})
	gitIn(t, dir, nil, "repack", "-adq")
	gitIn(t, dir, nil, "pack-refs", "--all")
	gitIn(t, dir, nil, "commit-graph", "write", "--reachable")
	again, _ := read(t, Options{Dir: dir})
	if diff := cmp.Diff(canonical(t, first), canonical(t, again)); diff != "" {
		t.Errorf("the second reading differs: %s", diff)
	}
}

func TestBatchesAndProgress(t *testing.T) {
	var s stream
	var at []int64
	for i := range 2*batch + 5 {
		at = append(at, t0+int64(i))
	}
	s.lightTag("v1.0.0", s.line(at...))
	var sizes, done []int
	_, err := Read(context.Background(), Options{Dir: s.repo(t)},
		func(b []events.Draft) error { sizes = append(sizes, len(b)); return nil },
		func(n, total int) {
			if done = append(done, n); total != 2*batch+7 {
				t.Errorf("total %d, want %d", total, 2*batch+7)
			}
		})
	if err != nil || !slices.Equal(sizes, []int{batch, batch, 7}) || !slices.Equal(done, []int{batch, 2 * batch, 2*batch + 7}) {
		t.Errorf("batches %v, progress %v, error %v", sizes, done, err)
	}
}

func TestReadEndsWhenItIsToldTo(t *testing.T) {
	var s stream
	var at []int64
	for i := range 3 * batch {
		at = append(at, t0+int64(i))
	}
	s.lightTag("v1.0.0", s.line(at...))
	dir := s.repo(t)
	full := errors.New("disk full")
	if _, err := Read(context.Background(), Options{Dir: dir}, func([]events.Draft) error { return full }, nil); !errors.Is(err, full) {
		t.Errorf("with an emit that fails: %v, want its error", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	_, err := Read(ctx, Options{Dir: dir}, func([]events.Draft) error { calls++; cancel(); return ctx.Err() }, nil)
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("cancelled in the first batch: %v after %d batches", err, calls)
	}
	if _, err := Read(ctx, Options{Dir: dir}, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}

func TestNothingToRead(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	gitIn(t, ".", nil, "init", "-q", empty)
	plain, file := t.TempDir(), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tagged := func(tags ...string) string {
		var s stream
		s.commit(commitSpec{branch: "develop", at: t0 + 1})
		c := s.commit(commitSpec{branch: "stem", at: t0})
		for _, name := range tags {
			s.lightTag(name, c)
		}
		dir := s.repo(t)
		gitIn(t, dir, nil, "symbolic-ref", "HEAD", "refs/heads/stem")
		return dir
	}
	shallow := filepath.Join(t.TempDir(), "shallow")
	gitIn(t, ".", nil, "clone", "-q", "--depth=1", "--no-tags", "file://"+tagged("v1.0.0"), shallow)
	for _, test := range []struct {
		name    string
		options Options
		as      any
		want    string
	}{
		{"no directory named", Options{}, nil, "no directory"},
		{"missing", Options{Dir: filepath.Join(plain, "nowhere")}, nil, "there is no directory " + plain},
		{"a file", Options{Dir: file}, nil, "is a file"},
		{"not a repository", Options{Dir: plain}, nil, plain + " is not a git repository"},
		{"no commits", Options{Dir: empty}, new(*NoCommitsError), "empty has no commits yet"},
		{"no tags", Options{Dir: tagged()}, new(*NoReleasesError), "demo has no tags, so nothing in it says what was deployed when; if what is merged is deployed, use --deploys-from-merges stem"},
		{"no tags in a shallow clone", Options{Dir: shallow}, new(*NoReleasesError), "git fetch --unshallow --tags may bring some; if what is merged is deployed, use --deploys-from-merges stem"},
		{"only pre-releases", Options{Dir: tagged("v1.0.0-rc1", "x")}, new(*NoReleasesError), "no tag of demo is a released version (tags: 2, pre-releases among them: 1; --prereleases takes those as deployments); if"},
		{"other tags", Options{Dir: tagged("api/v1.0.0")}, new(*NoReleasesError), `no tag of demo is a version such as v1.2.3 (tags: 1, one of them "api/v1.0.0"; --tags`},
		{"none by the glob", Options{Dir: tagged("v1.0.0"), Tags: "api/*"}, new(*NoReleasesError), `no tag of demo matches "api/*" and reads as a version (tags: 1, one of them "v1.0.0")`},
		{"a glob that is none", Options{Dir: plain, Tags: "[v"}, nil, `--tags "[v" is not a pattern`},
		{"two ways at once", Options{Dir: plain, Tags: "v*", MergesInto: "main"}, nil, "does not go with --tags"},
		{"an option for a branch", Options{Dir: tagged(), MergesInto: "--all"}, nil, `no branch "--all"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Read(context.Background(), test.options, func([]events.Draft) error {
				t.Error("something was emitted")
				return nil
			}, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v\nwant one with %q", err, test.want)
			}
			if test.as != nil && !errors.As(err, test.as) {
				t.Errorf("error is %T, want %T", err, test.as)
			}
		})
	}
}

// fakeGit puts a git on the PATH that does what the script says.
func fakeGit(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestTroubleWithGit(t *testing.T) {
	var s stream
	s.lightTag("v1.0.0", s.line(t0))
	dir := s.repo(t)
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	when := func(verb, do string) string {
		return fmt.Sprintf("case \" $* \" in *' %s '*) %s;; *) exec %s \"$@\";; esac", verb, do, real)
	}
	for _, test := range []struct{ name, script, want string }{
		{"too old", "echo git version 2.17.1", "git 2.17 is too old to be read with; install 2.25 or newer"},
		{"another's repository", when("rev-parse", "echo \"fatal: detected dubious ownership in repository at 'x'\" >&2; exit 128"),
			"belongs to another user, and git does not read such a repository unless told to; if you trust it, run: git config --global --add safe.directory '" + dir + "'"},
		{"a broken object in the end", when("diff-tree", "cat >/dev/null; echo 'fatal: unable to read tree 1234' >&2; exit 128"), "running git diff-tree in " + dir + ": unable to read tree 1234"},
		{"a broken object in the beginning", when("--tags", "case \"$*\" in *count*) echo 1;; *) echo 'fatal: bad object refs/heads/x' >&2; exit 128;; esac"), "running git rev-list in " + dir + ": bad object refs/heads/x"},
		{"half a commit", when("diff-tree", "cat >/dev/null; printf 'C1234\\0'; echo 'fatal: out of memory' >&2; exit 1"), "out of memory"},
		{"half a commit, and no word", when("diff-tree", "cat >/dev/null; printf 'C1234\\0'"), "unexpected EOF"},
		{"nonsense", when("diff-tree", "printf 'hello\\0'"), `git wrote "hello" where a commit or a path was to begin`},
	} {
		t.Run(test.name, func(t *testing.T) {
			fakeGit(t, test.script)
			_, err := Read(context.Background(), Options{Dir: dir}, func([]events.Draft) error { return nil }, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v\nwant one with %q", err, test.want)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		if _, err := Read(context.Background(), Options{Dir: dir}, nil, nil); err == nil || !strings.Contains(err.Error(), "git command is not found") {
			t.Errorf("error %v", err)
		}
	})
}

// What the caller's environment or the repository's configuration says must not
// change what is read, nor start anything.
func TestNothingFromOutsideChangesWhatIsRead(t *testing.T) {
	var s stream
	s.lightTag("v1.0.0", s.line(t0, t0+1))
	dir, other := s.repo(t), (&stream{Buffer: *bytes.NewBufferString("reset refs/heads/x\n")}).repo(t)
	want, _ := read(t, Options{Dir: dir})

	witness := filepath.Join(t.TempDir(), "started")
	for key, value := range map[string]string{
		"core.fsmonitor": "touch " + witness, "core.pager": "touch " + witness, "diff.external": "touch " + witness, "gpg.program": "touch " + witness,
		"log.showSignature": "true", "log.showRoot": "false", "diff.renames": "copies", "core.quotePath": "true", "core.abbrev": "8", "log.date": "relative",
		"i18n.logOutputEncoding": "UTF-16", "color.ui": "always", "format.pretty": "oneline",
	} {
		gitIn(t, dir, nil, "config", key, value)
	}
	t.Setenv("GIT_DIR", other)
	t.Setenv("GIT_EXTERNAL_DIFF", "touch "+witness)
	t.Setenv("GIT_TRACE", "1")
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	got, _ := read(t, Options{Dir: dir})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := os.Stat(witness); err == nil {
		t.Error("a configured program was started")
	}
}
