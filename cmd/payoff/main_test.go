package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/internal/race"
	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

func TestMain(m *testing.M) {
	engine.RunIfChild()
	text := os.Getenv("PAYOFF_TEST_COMMAND") // tests start real processes of this binary
	if line, ok := strings.CutPrefix(text, "payoff "); ok {
		os.Exit(run(context.Background(), strings.Fields(line), streams{os.Stdin, os.Stdout, os.Stderr}))
	}
	if text != "" {
		if err := role(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitError)
		}
		os.Exit(exitDone)
	}
	race.EndChildrenAtOnce()
	os.Exit(m.Run())
}

// payoff runs a command line in this process.
func payoff(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	code = run(t.Context(), args, streams{strings.NewReader(""), &out, &errOut})
	return code, out.String(), errOut.String()
}

var ready enginetest.Prepared

// dataDir is a data directory of the test's own whose store is migrated already, with
// the views of all metrics, but where nothing was ever computed by the default rules.
func dataDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	ready.Copy(t, filepath.Join(dir, "engine"), func(ctx context.Context, e *engine.Engine) error {
		s, err := store.Open(ctx, storetest.Options(e))
		if err != nil {
			return err
		}
		defer s.Close()
		if _, err := s.Migrate(ctx, time.Now, false); err != nil {
			return err
		}
		rules := compute.Rules{Location: time.UTC, Tier: strings.ToLower, Digest: "none of the product's"}
		_, err = compute.New(compute.Options{Store: s, Metrics: catalogue.All(), Rules: rules, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}).Run(ctx)
		return err
	})
	return dir
}

// configured writes a configuration and returns the flag that names it.
func configured(t testing.TB, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "payoff.yaml")
	write(t, file, text)
	return "--config=" + file
}

// onlyCommands is a configuration by which nothing is computed but by commands: a
// test that does not ask what is computed meanwhile need not wait for it.
const onlyCommands = "rollup: {every: 1h}\n"

// must runs a command line that has to succeed and returns what it printed.
func must(t testing.TB, args ...string) string {
	t.Helper()
	code, out, errOut := payoff(t, args...)
	if code != exitDone {
		t.Fatalf("payoff %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errOut)
	}
	return out
}

// up runs `payoff up` in this process until the test ends, and returns where.
func up(t testing.TB, dir string, args ...string) instance.Info {
	t.Helper()
	info, _ := upUntil(t, dir, args...)
	return info
}

// upUntil runs `payoff up` until the returned function is called, or the test ends.
func upUntil(t testing.TB, dir string, args ...string) (_ instance.Info, stop func()) {
	t.Helper()
	u := startUp(t, dir, args...)
	stop = sync.OnceFunc(func() {
		u.cancel()
		if code := <-u.ended; code != exitDone {
			t.Errorf("payoff up: exit %d\n%s", code, u.stderr.String())
		}
	})
	t.Cleanup(stop)
	return u.listening(t, dir), stop
}

// An upRun is `payoff up` at work in this process.
type upRun struct {
	cancel         context.CancelFunc
	ended          chan int // its exit code
	stdout, stderr buffer
}

// listening waits until it listens and returns where.
func (u *upRun) listening(t testing.TB, dir string) (info instance.Info) {
	t.Helper()
	eventually(t, "payoff up to listen", func() bool {
		select {
		case code := <-u.ended:
			u.ended <- code
			t.Fatalf("payoff up ended: exit %d\n%s", code, u.stderr.String())
		default:
		}
		var err error
		info, err = instance.ReadInfo(dir)
		return err == nil && info.Pages != "" && info.PID != 0
	})
	return info
}

func startUp(t testing.TB, dir string, args ...string) *upRun {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	u := &upRun{cancel: cancel, ended: make(chan int, 1)}
	all := append([]string{"up", "--data", dir, "--listen", "127.0.0.1:0", "--pages-listen", "127.0.0.1:0", "--clickhouse-listen", "127.0.0.1:0", "--kafka-listen", "127.0.0.1:0"}, args...)
	go func() { u.ended <- run(ctx, all, streams{strings.NewReader(""), &u.stdout, &u.stderr}) }()
	return u
}

// longest is how long a test waits for what must happen: it passes no later for
// it, and a machine that has much else to do takes long.
const longest = 5 * time.Minute

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(longest)
	for pause := 5 * time.Millisecond; !ok(); pause = min(2*pause, 80*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", longest, what)
		}
		time.Sleep(pause) // to ask all the time takes from what is waited for
	}
}

// post sends a body and returns the answer.
func post(t testing.TB, url, token, contentType, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func get(t testing.TB, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// repository makes a git repository of n commits, with a version tag on every
// third of them.
func repository(t testing.TB, name string, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	var b strings.Builder
	at := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	for i := 1; i <= n; i++ {
		at = at.Add(7 * time.Hour)
		fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\nauthor Ann Canary <ann.canary@example.com> %d +0000\ncommitter Ann Canary <ann.canary@example.com> %d +0000\ndata 7\nChange\n\n",
			i, at.Add(-3*time.Hour).Unix(), at.Unix())
		if i > 1 {
			fmt.Fprintf(&b, "from :%d\n", i-1)
		}
		fmt.Fprintf(&b, "M 644 inline file-%d\ndata 2\nx\n\n", i%5)
		if i%3 == 0 {
			fmt.Fprintf(&b, "tag v1.%d.0\nfrom :%d\ntagger Ann Canary <ann.canary@example.com> %d +0000\ndata 8\nRelease\n\n", i/3, i, at.Add(time.Hour).Unix())
		}
	}
	runGit(t, "", nil, "init", "-q", "--bare", dir)
	runGit(t, dir, strings.NewReader(b.String()), "fast-import", "--quiet")
	return dir
}

func runGit(t testing.TB, dir string, in io.Reader, args ...string) string {
	t.Helper()
	c := exec.Command("git", args...)
	c.Dir, c.Stdin = dir, in
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}
