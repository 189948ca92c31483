package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

// An order tells a loader in a process of its own, made of this test binary,
// where to load and when to stop.
type order struct {
	Engine, Broker string
	Point          string // of Options.Hook
	Times          int    // how often it is passed, the last one included
	Signal         syscall.Signal
}

const orderEnv = "PAYOFF_TEST_LOADER"

func TestMain(m *testing.M) {
	if text := os.Getenv(orderEnv); text != "" {
		go func() { // does not outlive the test
			io.Copy(io.Discard, os.Stdin)
			os.Exit(3)
		}()
		if err := obey(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func obey(text string) error {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return err
	}
	ctx := context.Background()
	s, err := store.Open(ctx, store.Options{Address: o.Engine, User: engine.OwnerUser, Password: enginetest.PayoffPassword})
	if err != nil {
		return err
	}
	log, err := kafka.Open(ctx, kafka.Options{Brokers: []string{o.Broker}, SessionTimeout: time.Second, FetchWait: 100 * time.Millisecond, FetchBytes: 32 << 10})
	if err != nil {
		return err
	}
	passed := 0
	return Run(ctx, Options{Transport: &deaf{Client: log, once: o.Signal == syscall.SIGSTOP}, Store: s, Name: "child", FlushInterval: 5 * time.Millisecond, MaxRows: 60, Hook: func(point string) {
		if point != o.Point {
			return
		}
		if passed++; passed == o.Times {
			fmt.Println("at", point)
			if err := syscall.Kill(os.Getpid(), o.Signal); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}
			if o.Signal == syscall.SIGKILL {
				select {} // the signal is on its way
			}
		}
	}})
}

// deaf keeps from the loader that its first generation is over, as if the news
// came a moment too late; only the commit tells.
type deaf struct {
	transport.Client
	once bool
}

func (d *deaf) Consume(ctx context.Context, group string, topics []string, handle func(context.Context, transport.Generation) error) error {
	return d.Client.Consume(ctx, group, topics, func(ctx context.Context, g transport.Generation) error {
		if d.once {
			d.once = false
			ctx = context.WithoutCancel(ctx)
		}
		return handle(ctx, g)
	})
}

// child starts a loader that ends itself, and waits until it is about to; it
// publishes with more until then, for a loader passes no point without records.
func (r *rig) child(t *testing.T, o order, more func()) *exec.Cmd {
	t.Helper()
	o.Engine, o.Broker = r.engine.Addr(), r.broker.Addr()
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), orderEnv+"="+string(text))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe() // open for as long as this process lives
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		said <- line
	}()
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); ; {
		select {
		case line := <-said:
			if !strings.HasPrefix(line, "at "+o.Point) {
				t.Fatalf("the loader ended before %s: %q", o.Point, line)
			}
			return cmd
		case <-again.C:
			more()
		case <-deadline:
			t.Fatalf("the loader has not come to %s within %v", o.Point, patience)
		}
	}
}

var points = []string{"batch", "event_log", "dead_letters", "events", "ledger", "commit"}

// A loader that is killed between any two of its steps leaves nothing twice and
// nothing out, whichever batch it was at.
func TestKilledBetweenAnyTwoSteps(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	rng := rand.New(rand.NewPCG(1, 2))
	deaths := 0
	facts, poison := 0, 0
	for range 2 {
		rng.Shuffle(len(points), func(i, j int) { points[i], points[j] = points[j], points[i] })
		for _, point := range points {
			more := func() { r.facts(t, facts, 100); facts += 100 }
			more()
			bad := record(t, event(t, 0, 1))
			bad.Key, bad.Value = fmt.Append(nil, deaths), []byte("poison")
			r.publish(t, bad)
			poison++
			cmd := r.child(t, order{Point: point, Times: 1 + rng.IntN(4), Signal: syscall.SIGKILL}, more)
			if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
				t.Fatalf("the loader ended with %v, want killed", err)
			}
			deaths++
		}
	}
	r.catchUp(t, r.options(t))
	if c := r.expect(t, uint64(facts), 0, 0, uint64(poison)); len(c.Notes) > 0 {
		t.Errorf("after %d deaths: %v", deaths, c.Notes)
	}
}

// An owner that is stopped, replaced and woken up writes its batch once more: the
// positions are stored twice, and read once.
func TestAnOwnerThatWakesUpLate(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"batch", "event_log", "events"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			facts := 0
			more := func() { r.facts(t, facts, 200); facts += 200 }
			more()
			cmd := r.child(t, order{Point: point, Times: 2, Signal: syscall.SIGSTOP}, more)
			r.catchUp(t, r.options(t)) // the group waits for the stopped one, then goes on
			r.expect(t, uint64(facts), 0, 0, 0)
			entries := "SELECT countIf(loader = 'child') FROM payoff.ingest_ledger"
			before := value[uint64](t, r.store, entries)
			if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the late owner's entry", func() bool { return value[uint64](t, r.store, entries) > before })
			if c := r.expect(t, uint64(facts), 0, 0, 0); len(c.Notes) == 0 {
				t.Error("nobody noted that two loaders owned a partition")
			}
			// It takes its place in the group and loads what comes.
			more()
			eventually(t, "the late owner to go on", func() bool {
				return value[uint64](t, r.store, "SELECT count() FROM payoff.events") == uint64(facts)
			})
		})
	}
}
