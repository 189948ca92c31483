package git

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// pull pulls and writes what is told as "2 commits, main, [v1.0.0 …]".
func pull(t testing.TB, from Remote, o Options) string {
	t.Helper()
	var all []events.Draft
	if _, err := Pull(t.Context(), from, o, func(b []events.Draft) error { all = append(all, b...); return nil }); err != nil {
		t.Fatal(err)
	}
	canonical(t, all)
	if len(all) == 0 {
		return "nothing"
	}
	s := fmt.Sprintf("%d commits", len(commitsOf(all)))
	for _, d := range tipsOf(all) {
		s += ", " + d.Content.Ref
	}
	for _, d := range deploymentsOf(all) {
		s += ", " + d.Custom.Version
	}
	return s
}

// add puts a commit on a branch and returns it.
func add(t testing.TB, dir, branch string, at int64) string {
	t.Helper()
	script := fmt.Sprintf("commit refs/heads/%s\ncommitter C <c@example.test> %d +0000\ndata 1\nx\n", branch, at)
	if gitIn(t, dir, nil, "branch", "--list", branch) != "" {
		script += "from refs/heads/" + branch + "^0\n"
	}
	gitIn(t, dir, []byte(script+fmt.Sprintf("M 644 inline f%d\ndata 1\nx\n\n", at)), "fast-import", "--quiet")
	return gitIn(t, dir, nil, "rev-parse", branch)
}

func TestPullTellsWhatIsNew(t *testing.T) {
	var s stream
	one := s.line(t0, t0+10)
	s.lightTag("v1.0.0", one)
	s.commit(commitSpec{branch: "topic", at: t0 + 20, from: []int{one}})
	remote := s.repo(t)
	clone := filepath.Join(t.TempDir(), "clones", "demo.git")
	for _, from := range []Remote{{URL: remote}, {URL: "file://" + remote}} {
		os.RemoveAll(clone)
		graph := Options{Dir: clone, GraphOnly: true}
		if got := pull(t, from, graph); got != "3 commits, main" {
			t.Errorf("the first pull tells %s", got)
		}
		if got := pull(t, from, graph); got != "nothing" {
			t.Errorf("a pull without news tells %s", got)
		}
	}
	graph, tags := Options{Dir: clone, GraphOnly: true}, Options{Dir: clone}
	steps := Options{Dir: clone + "2", MergesInto: "main"}
	pull(t, Remote{URL: remote}, steps)
	at := func(o Options, want string) {
		t.Helper()
		if got := pull(t, Remote{URL: remote}, o); got != want {
			t.Errorf("told is %s, want %s", got, want)
		}
	}
	head := add(t, remote, "main", t0+30)
	at(graph, "1 commits, main")
	at(steps, "1 commits, main, "+head[:shortHash])
	at(tags, "4 commits, main, v1.0.0") // asked for otherwise: all of it
	add(t, remote, "main", t0+40)
	at(tags, "1 commits, main")
	gitIn(t, remote, nil, "tag", "v1.1.0", "main")
	at(tags, "0 commits, main, v1.0.0, v1.1.0")
	at(steps, "1 commits, main, "+gitIn(t, remote, nil, "rev-parse", "main")[:shortHash])
}

// TestPullAfterTheBranchWasRewritten: what is new is told, the default branch is
// where it was pushed to, and a new default branch is told of.
func TestPullAfterTheBranchWasRewritten(t *testing.T) {
	var s stream
	s.line(t0, t0+10, t0+20)
	remote, o := s.repo(t), Options{Dir: filepath.Join(t.TempDir(), "clone"), GraphOnly: true}
	pull(t, Remote{URL: remote}, o)
	gitIn(t, remote, nil, "update-ref", "refs/heads/main", "main~1")
	rewritten := add(t, remote, "main", t0+99)
	var drafts []events.Draft
	if _, err := Pull(t.Context(), Remote{URL: remote}, o, func(b []events.Draft) error { drafts = append(drafts, b...); return nil }); err != nil {
		t.Fatal(err)
	}
	if tips := tipsOf(drafts); len(commitsOf(drafts)) != 1 || len(tips) != 1 || tips[0].Content.Commit != rewritten {
		t.Errorf("after a forced push %d commits and %+v are told", len(commitsOf(drafts)), tips)
	}
	gitIn(t, remote, nil, "branch", "trunk", "main")
	gitIn(t, remote, nil, "branch", "topic", "main")
	gitIn(t, remote, nil, "symbolic-ref", "HEAD", "refs/heads/trunk")
	gitIn(t, remote, nil, "branch", "-D", "main")
	if got := pull(t, Remote{URL: remote}, o); got != "0 commits, trunk" {
		t.Errorf("another default branch: told is %s", got)
	}
	gitIn(t, remote, nil, "branch", "-D", "topic")
	gitIn(t, remote, nil, "branch", "topic/below", "trunk")
	if got := pull(t, Remote{URL: remote}, o); got != "0 commits, trunk" {
		t.Errorf("a branch in the place of another: told is %s", got)
	}
}

// TestPullOfABranchThatWasSetBack: what was taken from the branch is on it no more, by
// a newer version of the same fact.
func TestPullOfABranchThatWasSetBack(t *testing.T) {
	var s stream
	s.line(t0, t0+10, t0+20)
	remote := s.repo(t)
	fetch := func(at int64) (tips []events.Draft) {
		t.Helper()
		o := Options{Dir: filepath.Join(filepath.Dir(remote), "clone"), GraphOnly: true, Fetched: time.Unix(at, 0)}
		if _, err := Pull(t.Context(), Remote{URL: remote}, o, func(b []events.Draft) error { tips = append(tips, tipsOf(b)...); return nil }); err != nil {
			t.Fatal(err)
		}
		return tips
	}
	before := fetch(t0 + 60)
	gitIn(t, remote, nil, "update-ref", "refs/heads/main", "main~1")
	outranks(t, fetch(t0+120), before)
}

// TestPullWithoutATagThatIsADeployment: it says so each time, and tells the commits
// once; when there is a tag it is told.
func TestPullWithoutATagThatIsADeployment(t *testing.T) {
	var s stream
	s.line(t0, t0+10)
	remote, o := s.repo(t), Options{Dir: filepath.Join(t.TempDir(), "clone"), Tags: "v*"}
	for _, want := range []int{3, 0} {
		told := 0
		_, err := Pull(t.Context(), Remote{URL: remote}, o, func(b []events.Draft) error { told += len(b); return nil })
		if none := (*NoReleasesError)(nil); !errors.As(err, &none) || told != want {
			t.Errorf("told are %d facts, want %d; the error is %v", told, want, err)
		}
	}
	gitIn(t, remote, nil, "tag", "v1.0.0", "main")
	if got := pull(t, Remote{URL: remote}, o); got != "2 commits, main, v1.0.0" {
		t.Errorf("with a tag told is %s", got)
	}
	if got := pull(t, Remote{URL: remote}, o); got != "nothing" {
		t.Errorf("without news told is %s", got)
	}
}

// TestPullBrokenOffTellsAgain: what was not taken is told by the next pull.
func TestPullBrokenOffTellsAgain(t *testing.T) {
	var s stream
	s.line(t0, t0+10)
	remote, o := s.repo(t), Options{Dir: filepath.Join(t.TempDir(), "clone"), GraphOnly: true}
	full := errors.New("log full")
	if _, err := Pull(t.Context(), Remote{URL: remote}, o, func([]events.Draft) error { return full }); !errors.Is(err, full) {
		t.Errorf("emit's error became %v", err)
	}
	if got := pull(t, Remote{URL: remote}, o); got != "2 commits, main" {
		t.Errorf("after a pull that failed told is %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Pull(ctx, Remote{URL: remote}, o, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestURLsOfRemotes(t *testing.T) {
	for _, ok := range []string{"https://git.example.com/acme/shop.git", "ssh://git@git.example.com:22/acme/shop", "git@github.com:acme/shop.git", "github.com:acme/shop", "/srv/git/shop.git", "file:///srv/git/shop.git"} {
		if err := CheckURL(ok); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
	for _, bad := range []string{"https://s3cret@git.example.com/x", "https://u:s3cret@git.example.com/x", "ssh://git:s3cret@h/x", "http://git.example.com/s3cret", "ext::sh -c s3cret", "fd::17",
		"--upload-pack=s3cret", "relative/s3cret", "", "git://h/s3cret", "https://%zz/s3cret"} {
		if err := CheckURL(bad); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want an error that does not repeat it", bad, err)
		}
	}
}

// TestPullOverHTTPS pulls from git's own server: the token reaches it, and neither a
// redirect's target nor an error.
func TestPullOverHTTPS(t *testing.T) {
	const token = "t0ken-of-the-remote"
	var s stream
	s.line(t0, t0+10)
	remote := s.repo(t)
	backend := filepath.Join(gitIn(t, ".", nil, "--exec-path"), "git-http-backend")
	var mu sync.Mutex
	var asked []string
	var elsewhere atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/elsewhere/", func(w http.ResponseWriter, _ *http.Request) { elsewhere.Add(1); http.NotFound(w, nil) })
	mux.HandleFunc("/moved/", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere"+r.URL.RequestURI(), http.StatusFound)
	})
	mux.HandleFunc("/acme/", func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		mu.Lock()
		asked = append(asked, user+":"+password)
		mu.Unlock()
		if password != token {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		(&cgi.Handler{Path: backend, Root: "/acme", Env: []string{"GIT_PROJECT_ROOT=" + filepath.Dir(remote), "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*"}}).ServeHTTP(w, r)
	})
	srv := httptest.NewTLSServer(mux)
	defer srv.Close()
	ca, config := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "gitconfig")
	for name, text := range map[string][]byte{ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), config: []byte("[http]\n\tsslCAInfo = " + ca + "\n")} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("GIT_CONFIG_GLOBAL", config)
	clone := filepath.Join(t.TempDir(), "clone")
	o := Options{Dir: clone, GraphOnly: true}
	if got := pull(t, Remote{URL: srv.URL + "/acme/demo.git", Token: []byte(token)}, o); got != "2 commits, main" {
		t.Errorf("told is %s", got)
	}
	mu.Lock()
	if len(asked) == 0 || slices.ContainsFunc(asked, func(s string) bool { return s != "payoff:"+token }) {
		t.Errorf("the server was asked as %q", asked)
	}
	mu.Unlock()
	for _, path := range []string{"/moved/demo.git", "/acme/none.git"} {
		_, err := Pull(t.Context(), Remote{URL: srv.URL + path, User: "ci", Token: []byte(token)}, Options{Dir: clone + "2", GraphOnly: true}, nil)
		if err == nil || strings.Contains(err.Error(), token) || !strings.Contains(err.Error(), "fetching "+strings.Trim(strings.TrimSuffix(path, ".git"), "/")) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Pull(t.Context(), Remote{URL: srv.URL + "/acme/demo.git", Token: []byte("other")}, Options{Dir: clone + "3", GraphOnly: true}, nil); err == nil {
		t.Error("a wrong token pulls")
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
	filepath.WalkDir(clone, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if b, err := os.ReadFile(path); err != nil || strings.Contains(string(b), token) {
				t.Errorf("%s holds the token, or %v", path, err)
			}
		}
		return nil
	})
}
