package broker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/broker"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
	"github.com/payoff-metrics/payoff/pkg/transport/transporttest"
)

// TestSuite runs the contract's suite over TCP and within the process.
func TestSuite(t *testing.T) {
	for name, listen := range map[string]string{"TCP": "127.0.0.1:0", "Inside": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transporttest.Run(t, engine(t, listen))
		})
	}
}

// engine is a broker that can be stopped and started again at its address.
func engine(whole testing.TB, listen string) transporttest.Engine {
	o := broker.Options{Dir: whole.TempDir(), Listen: listen}
	var current atomic.Pointer[broker.Broker]
	current.Store(start(whole, o))
	address := current.Load().Addr()
	if listen != "" {
		o.Listen = address
	}
	client := func(compression string) func(testing.TB) transport.Client {
		return func(t testing.TB) transport.Client {
			ko := kafka.Options{
				Brokers: []string{address}, Compression: compression,
				SessionTimeout: 2 * time.Second, PublishTimeout: 4 * time.Second,
			}
			if listen == "" {
				ko.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					return current.Load().Dial(ctx, network, address)
				}
			}
			return open(t, ko)
		}
	}
	e := transporttest.Engine{
		Open:    client(""),
		Writers: map[string]func(testing.TB) transport.Client{},
		Outage: func(t testing.TB, during func()) {
			if err := current.Load().Close(); err != nil {
				t.Fatal(err)
			}
			during()
			current.Store(start(whole, o)) // it outlives the test that stops it
		},
	}
	for _, c := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		e.Writers[c] = client(c)
	}
	return e
}

func start(t testing.TB, o broker.Options) *broker.Broker {
	t.Helper()
	b, err := broker.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func open(t testing.TB, o kafka.Options) transport.Client {
	t.Helper()
	c, err := kafka.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	used := start(t, broker.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	headless := t.TempDir()
	if err := os.Mkdir(filepath.Join(headless, "partitions"), 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy := t.TempDir()
	start(t, broker.Options{Dir: busy})
	for _, test := range []struct {
		o    broker.Options
		says string
	}{
		{broker.Options{}, "no folder"},
		{broker.Options{Dir: busy}, "in use by another broker"},
		{broker.Options{Dir: file}, "making its folder"},
		{broker.Options{Dir: headless}, "no meta.json"},
		{broker.Options{Dir: t.TempDir(), Listen: used.Addr()}, "taken by another program"},
		{broker.Options{Dir: t.TempDir(), Listen: "9092"}, "not host:port"},
		{broker.Options{Dir: t.TempDir(), Listen: ":9092"}, "names no interface"},
		{broker.Options{Dir: t.TempDir(), Listen: "0.0.0.0:9092"}, "names no interface"},
	} {
		_, err := broker.Start(test.o)
		if err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("Start(%+v) = %v, which does not say %q", test.o, err, test.says)
		}
	}
}

// TestIdentity checks that a log is the same as long as its folder is.
func TestIdentity(t *testing.T) {
	o := broker.Options{Dir: filepath.Join(t.TempDir(), "kafka")}
	id := func() string {
		t.Helper()
		b := start(t, o)
		id, err := inside(t, b).ID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		return id
	}
	first := id()
	if again := id(); again != first {
		t.Errorf("the log was %s and is %s after a restart", first, again)
	}
	if err := os.RemoveAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	if other := id(); other == first {
		t.Errorf("the log is still %s after its folder was deleted", other)
	}
}

// inside opens a client within the process.
func inside(t testing.TB, b *broker.Broker) transport.Client {
	return open(t, kafka.Options{Brokers: []string{b.Addr()}, Dial: b.Dial, PublishTimeout: 2 * time.Second})
}

// TestFolderGone checks that a broker whose folder was deleted, or replaced,
// says so and leaves alone what is there now.
func TestFolderGone(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		o := broker.Options{Dir: filepath.Join(t.TempDir(), "kafka")}
		b := start(t, o)
		if err := b.Check(); err != nil {
			t.Fatalf("Check = %v", err)
		}
		if err := os.RemoveAll(o.Dir); err != nil {
			t.Fatal(err)
		}
		if replaced {
			start(t, o)
		}
		if err := b.Check(); !errors.Is(err, broker.ErrGone) {
			t.Errorf("Check = %v, want ErrGone", err)
		}
		before := files(t, o.Dir)
		if err := b.Close(); !errors.Is(err, broker.ErrGone) {
			t.Errorf("Close = %v, want ErrGone", err)
		}
		if d := cmp.Diff(before, files(t, o.Dir)); d != "" {
			t.Errorf("Close wrote into a folder that is not its own (replaced: %v):\n%s", replaced, d)
		}
	}
}

// files returns the contents of the files of dir by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	contents := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		contents[e.Name()] = string(b)
	}
	return contents
}

// TestSegmentsAreSmall checks what bounds the memory of a start.
func TestSegmentsAreSmall(t *testing.T) {
	dir := t.TempDir()
	c := inside(t, start(t, broker.Options{Dir: dir, NoSync: true}))
	if err := c.EnsureTopics(t.Context(), []transport.TopicSpec{{Name: "large", Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
	value := make([]byte, 700_000)
	rand.NewChaCha8([32]byte{}).Read(value) // does not compress
	for range 60 {
		if err := c.Publish(t.Context(), []transport.Record{{Topic: "large", Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	segments, err := filepath.Glob(filepath.Join(dir, "partitions", "large-0", "*.dat"))
	if err != nil {
		t.Fatal(err)
	}
	if len(segments) != 3 {
		t.Errorf("42 MB are in %d segments, want 3 of 16 MiB", len(segments))
	}
}

// TestKilled publishes to a broker in a process of its own, kills that with no
// warning, again and again, and checks that nothing acknowledged is missing.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	acknowledged := map[string]bool{}
	for round := range 4 {
		address, kill := startChild(t, dir)
		c := open(t, kafka.Options{Brokers: []string{address}})
		alive, killed := context.WithCancel(ctx)
		t.Cleanup(killed)
		if err := c.EnsureTopics(ctx, []transport.TopicSpec{{Name: "t", Partitions: 2}}); err != nil {
			t.Fatal(err)
		}
		for batch := 0; ; batch++ {
			if batch == 30 {
				go func() { kill(); killed() }()
			}
			var recs []transport.Record
			for i := range 50 {
				v := fmt.Append(nil, round, "/", batch, "/", i)
				recs = append(recs, transport.Record{Topic: "t", Key: v, Value: v})
			}
			if err := c.Publish(alive, recs); err != nil {
				if batch < 30 {
					t.Fatal(err)
				}
				break
			}
			for _, r := range recs {
				acknowledged[string(r.Value)] = true
			}
		}
	}

	address, _ := startChild(t, dir)
	c := open(t, kafka.Options{Brokers: []string{address}})
	bounds, err := c.Offsets(ctx, "t")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bounds {
		err := c.Read(ctx, "t", b.Partition, b.First, b.Next, func(recs []transport.Record) error {
			for _, r := range recs {
				delete(acknowledged, string(r.Value))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(acknowledged) > 0 {
		t.Errorf("%d acknowledged records are missing", len(acknowledged))
	}
}

// startChild runs this test binary as a broker, see TestMain.
func startChild(t *testing.T, dir string) (address string, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil { // open for as long as this process lives
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	t.Cleanup(kill)
	if _, err := fmt.Fscanln(out, &address); err != nil {
		t.Fatalf("reading the child's address: %v", err)
	}
	return address, kill
}

const childDir = "PAYOFF_TEST_BROKER_DIR"

// TestMain serves a folder until it is killed or the test is gone, if it is asked to.
func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		os.Exit(m.Run())
	}
	b, err := broker.Start(broker.Options{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(b.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func BenchmarkBroker(b *testing.B) {
	for name, listen := range map[string]string{"TCP": "127.0.0.1:0", "Inside": ""} {
		b.Run(name, func(b *testing.B) {
			transporttest.RunBenchmarks(b, engine(b, listen).Open)
		})
	}
}
