package spool

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A ledger knows what the log has promised.
type ledger struct {
	mu       sync.Mutex
	tried    map[string]bool
	kept     map[string]Position // acknowledged by Append, or read
	drained  Position            // the greatest that was given to Ack
	appended int
}

func newLedger() *ledger {
	return &ledger{tried: map[string]bool{}, kept: map[string]Position{}}
}

// check compares what a reopened log holds with what was promised: all that was
// kept and not drained, each once, where it was, in order; and nothing that
// nobody appended.
func (g *ledger) check(t *testing.T, what string, got []Entry) {
	t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	seen := make(map[string]Position)
	for i, e := range got {
		p := string(e.Payload)
		if !g.tried[p] {
			t.Fatalf("%s: read %.60q, which nobody appended", what, p)
		}
		if _, twice := seen[p]; twice {
			t.Fatalf("%s: read %.60q twice", what, p)
		}
		if i > 0 && !got[i-1].End.before(e.End) {
			t.Fatalf("%s: read %+v after %+v", what, e.End, got[i-1].End)
		}
		seen[p] = e.End
	}
	for p, at := range g.kept {
		end, ok := seen[p]
		if !ok && g.drained.before(at) {
			t.Fatalf("%s: %.60q was kept at %+v and is gone", what, p, at)
		}
		if ok && (end.Segment != at.Segment || end.Offset != at.Offset) {
			t.Fatalf("%s: %.60q was kept at %+v and is at %+v", what, p, at, end)
		}
	}
	for p, at := range seen { // what has been read once must stay
		g.kept[p] = at
	}
}

// use appends from several goroutines, reads and acknowledges, until the file
// system dies or the appenders are done.
func (g *ledger) use(l *Log, rng *rand.Rand, round int) {
	ctx, cancel := context.WithCancel(context.Background())
	var readers, writers sync.WaitGroup
	seed := rng.Uint64()
	readers.Go(func() { g.drain(ctx, l, rand.New(rand.NewPCG(seed, 0))) })
	for w := range 4 {
		rng := rand.New(rand.NewPCG(seed, uint64(w+1)))
		writers.Go(func() {
			for i := range 60 {
				g.append(l, fmt.Sprintf("%d/%d/%d %s", round, w, i, strings.Repeat("z", rng.IntN(600))))
			}
		})
	}
	writers.Wait()
	cancel()
	readers.Wait()
}

func (g *ledger) append(l *Log, p string) {
	g.mu.Lock()
	g.tried[p] = true
	g.mu.Unlock()
	end, err := l.Append(context.Background(), record(p))
	if err != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.kept[p] = end
	g.appended++
}

func (g *ledger) drain(ctx context.Context, l *Log, rng *rand.Rand) {
	for {
		b, err := l.Next(ctx)
		if ctx.Err() != nil || errors.Is(err, errPower) {
			return
		}
		if err != nil {
			continue // a fault that passes
		}
		g.mu.Lock()
		for _, e := range b.Entries {
			g.kept[string(e.Payload)] = e.End
		}
		ack := rng.IntN(3) > 0
		if ack && g.drained.before(b.End()) { // an Ack that was lost comes again
			g.drained = b.End()
		}
		g.mu.Unlock()
		if ack {
			_ = l.Ack(b.End()) // a fault means only that more is read again
		}
	}
}

// TestPowerCuts cuts the power at any operation of the file system, again and
// again on the same log: once with a disk that is sound till then, once with one
// that writes in any order, and once with one that fails now and then.
func TestPowerCuts(t *testing.T) {
	for _, disk := range []struct {
		name          string
		holes, faulty bool
	}{{"sound", false, false}, {"reordering", true, false}, {"faulty", true, true}} {
		t.Run(disk.name, func(t *testing.T) {
			appended := 0
			for seed := range uint64(40) {
				appended += testPowerCuts(t, seed, disk.holes, disk.faulty)
			}
			if appended < 40*50 {
				t.Errorf("only %d records were acknowledged: the test proves little", appended)
			}
		})
	}
}

func testPowerCuts(t *testing.T, seed uint64, holes, faulty bool) int {
	rng := rand.New(rand.NewPCG(seed, 99))
	m, g := newMemFS(), newLedger()
	for round := range 6 {
		what := fmt.Sprintf("seed %d round %d", seed, round)
		o := testOptions(m)
		o.Rand = rand.NewChaCha8([32]byte{byte(seed), byte(round)})
		l, err := Open(o)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		m.begin(rng, faulty)
		g.use(l, rng, round)
		_ = l.Close() // the power may be off
		m = m.afterPowerCut(rng, holes)

		o = testOptions(m)
		l, err = Open(o)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		got, err := readPending(l)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if s := l.Stats(); !holes && s.Corrupt > 0 {
			t.Fatalf("%s: %d damages on a disk without any", what, s.Corrupt)
		}
		g.check(t, what, got)
		mustClose(t, l)
	}
	return g.appended
}

// begin sets when the power is cut, and what fails until then.
func (m *memFS) begin(rng *rand.Rand, faulty bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opsLeft = 1 + rng.IntN(400)
	if !faulty {
		return
	}
	dice := rand.New(rand.NewPCG(rng.Uint64(), 0)) // used under the lock
	m.fault = func(op, name string) error {
		if dice.IntN(25) > 0 {
			return nil
		}
		return []error{syscall.EIO, syscall.ENOSPC}[dice.IntN(2)]
	}
}

// Environment of the child of TestKill.
const childDir = "SPOOL_TEST_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		appendForever(dir)
	}
	os.Exit(m.Run())
}

// appendForever appends from 16 goroutines and prints each record once it is
// acknowledged, until it is killed.
func appendForever(dir string) {
	l, err := Open(Options{Dir: dir, Now: time.Now, SegmentBytes: 256 << 10})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	for w := range 16 {
		go func() {
			for i := 0; ; i++ {
				p := fmt.Sprintf("%d/%d/%d/%s", os.Getpid(), w, i, strings.Repeat("k", i%700))
				end, err := l.Append(context.Background(), Record{Time: time.Now(), Payload: []byte(p)})
				if err != nil {
					fmt.Println("error:", err)
					os.Exit(1)
				}
				// One write of a short line to a pipe is not split.
				fmt.Printf("%d %d %s\n", end.Segment, end.Offset, p[:len(p)-i%700])
			}
		}()
	}
	select {}
}

// TestKill kills a process that appends, at any instant, twenty times on the same
// log. Every record that was acknowledged is there, where it was said to be, once
// and in the order of its writer.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	drained, total := Position{}, 0
	acked := make(map[string]Position)
	for round := range 20 {
		n := killOne(t, dir, time.Duration(rng.IntN(60))*time.Millisecond, acked)
		total += n
		l, err := Open(Options{Dir: dir, Now: time.Now})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		got := pending(t, l)
		checkKilled(t, got, acked, drained)
		if k := rng.IntN(len(got) + 1); k > 0 {
			drained = got[k-1].End
			if err := l.Ack(drained); err != nil {
				t.Fatal(err)
			}
		}
		if s := l.Stats(); s.Corrupt > 0 {
			t.Errorf("round %d: %+v: a kill damages nothing", round, s)
		}
		mustClose(t, l)
	}
	t.Logf("%d records acknowledged over 20 kills", total)
	if total == 0 {
		t.Error("no record was acknowledged before a kill: the test proves nothing")
	}
}

// killOne runs a child until delay after its first acknowledgement, adds what it
// has acknowledged and says how many those were.
func killOne(t *testing.T, dir string, delay time.Duration, acked map[string]Position) int {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	n := 0
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil { // the last line may be cut
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		if n == 0 {
			time.AfterFunc(delay, func() { _ = child.Process.Kill() })
		}
		var end Position
		var p string
		if _, err := fmt.Sscanf(line, "%d %d %s", &end.Segment, &end.Offset, &p); err != nil {
			_ = child.Process.Kill()
			t.Fatalf("child says %q", line)
		}
		acked[p] = end
		n++
	}
	_ = child.Wait() // killed
	return n
}

func checkKilled(t *testing.T, got []Entry, acked map[string]Position, drained Position) {
	t.Helper()
	found := make(map[string]Position)
	nth := make(map[string]int)
	for i, e := range got {
		p := strings.TrimRight(string(e.Payload), "k")
		if _, twice := found[p]; twice {
			t.Fatalf("%s is there twice", p)
		}
		found[p] = Position{Segment: e.End.Segment, Offset: e.End.Offset}
		if i > 0 && !got[i-1].End.before(e.End) {
			t.Fatalf("%+v comes after %+v", e.End, got[i-1].End)
		}
		writer, rest, _ := cutN(p, 2)
		var k int
		if _, err := fmt.Sscanf(rest, "%d/", &k); err != nil {
			t.Fatalf("record %q: %v", p, err)
		}
		if last, ok := nth[writer]; ok && k != last+1 {
			t.Fatalf("writer %s: record %d comes after %d", writer, k, last)
		}
		nth[writer] = k
	}
	for p, end := range acked {
		if !drained.before(end) {
			continue
		}
		if at, ok := found[p]; !ok || at != end {
			t.Fatalf("%s was acknowledged at %+v and is at %+v (found: %v)", p, end, at, ok)
		}
	}
}

// cutN cuts s behind its nth slash.
func cutN(s string, n int) (before, after string, ok bool) {
	i := 0
	for range n {
		j := strings.IndexByte(s[i:], '/')
		if j < 0 {
			return s, "", false
		}
		i += j + 1
	}
	return s[:i], s[i:], true
}

// TestRealDiskWithoutRoom fills a small file system of its own.
func TestRealDiskWithoutRoom(t *testing.T) {
	dir := t.TempDir()
	if err := mountSmall(dir, 1<<20); err != nil {
		t.Skipf("SKIP: mounting a small file system needs root: %v", err)
	}
	t.Cleanup(func() { _ = unmount(dir) })
	o := Options{Dir: filepath.Join(dir, "log"), Now: time.Now, SegmentBytes: 200 << 10}
	l := mustOpen(t, o)
	var want []string
	for i := 0; ; i++ {
		p := fmt.Sprintf("%d %s", i, strings.Repeat("x", 3000))
		_, err := l.Append(t.Context(), record(p))
		if errors.Is(err, ErrFull) && errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, p)
	}
	mustClose(t, l)
	l = mustOpen(t, o)
	got := pending(t, l)
	wantPayloads(t, got, want...)
	if err := l.Ack(got[len(got)-1].End); err != nil {
		t.Fatalf("a full disk can be drained: %v", err)
	}
	if end, err := l.Append(t.Context(), record("room again")); err != nil || end.Seq != uint64(len(want))+1 {
		t.Errorf("after draining: %+v, %v", end, err)
	}
	got = pending(t, l)
	wantPayloads(t, got, "room again")
	if s := l.Stats(); s.Corrupt != 0 || s.TornBytes != 0 || !slices.Equal(payloads(got), []string{"room again"}) {
		t.Errorf("a full disk left damage: %+v", s)
	}
	mustClose(t, l)
}
