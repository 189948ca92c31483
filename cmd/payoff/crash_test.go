package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/rollup"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport/broker"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka/kafkatest"
)

var crashSeeds = flag.Int("crash.seeds", 2, "how many seeds TestCrash runs")

// TestCrash runs the processes of a cluster (an ingest, a broker, an engine, two
// loaders) under load, kills and stops them at seeded instants, starts them again
// and asks in the end: is every event that was answered with 202 there, once; has
// the ledger no hole and no overlap; are the points those of a recomputation.
func TestCrash(t *testing.T) {
	for seed := range uint64(*crashSeeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			crash(t, seed)
		})
	}
}

func crash(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	newWorld(t).crash(rng, seed, 6+rng.IntN(5))
}

// TestRealKafkaCrash is TestCrash on the Kafka that scripts/test-kafka.sh has
// started, which is not killed but stopped for a while. Its topics must be new.
func TestRealKafkaCrash(t *testing.T) {
	o := kafkatest.Options(t)
	w := newWorld(t)
	w.kafka, w.broker = o.Brokers[0], nil
	w.configure(w.kafka, w.engine.setting.Listen, "")
	w.crash(rand.New(rand.NewPCG(1, 7)), 1, 20)
}

func (w *world) crash(rng *rand.Rand, seed uint64, disturbances int) {
	w.startAll()
	sender := w.send(seed)
	for range disturbances {
		pause(time.Duration(20+rng.IntN(300)) * time.Millisecond)
		w.disturb(rng)
	}
	pause(time.Duration(rng.IntN(300)) * time.Millisecond)
	acked, sent := sender()
	w.check(acked, sent)
}

// pause lets the processes run on between two disturbances. What the test waits
// for is waited for by condition.
func pause(d time.Duration) { <-time.After(d) }

// A world is the processes of one run and what they share.
type world struct {
	t       testing.TB
	dir     string
	kafka   string   // its address
	broker  *process // that listens there; nil for a real Kafka
	engine  *process
	ingest  *process
	loaders [2]*process
	address string // of ingest
	token   string

	answered atomic.Int64 // batches that got a 202
	other    atomic.Int64 // tries that did not
}

// A setting is what a process of the crash test is told.
type setting struct {
	Role   string
	Dir    string
	Listen string
	Config string
	KillAt string // "point:n": kill yourself at the n-th time loading gets there
}

const crashPassword = "crash-test-password-of-the-engine"

func newWorld(t testing.TB) *world {
	t.Helper()
	dir := t.TempDir()
	ports := freePorts(t, 3)
	w := &world{t: t, dir: dir, address: ports[0], kafka: ports[1], token: "crash-test-token-of-the-sender"}
	cfg := filepath.Join(dir, "payoff.yaml")
	write(t, filepath.Join(dir, "password"), crashPassword)
	write(t, filepath.Join(dir, "token"), w.token)
	at := func(role, sub, listen string) *process {
		return &process{t: t, name: sub, setting: setting{Role: role, Dir: filepath.Join(dir, sub), Listen: listen, Config: cfg}}
	}
	w.ingest, w.broker, w.engine = at("ingest", "ingest", ports[0]), at("broker", "broker", ports[1]), at("engine", "engine", ports[2])
	w.loaders = [2]*process{at("rollup", "loader-0", ""), at("rollup", "loader-1", "")}
	w.configure(ports[1], ports[2], "")
	t.Cleanup(func() {
		for _, p := range w.all() {
			p.kill(syscall.SIGKILL)
		}
		if t.Failed() {
			for _, p := range w.all() {
				t.Logf("--- %s\n%s", p.name, p.tail())
			}
		}
	})
	return w
}

// hurried makes the loaders do in a second what by default takes several.
const hurried = "rollup: {every: 300ms, flush: 50ms}"

// configure writes the configuration of the processes: where they find Kafka and
// ClickHouse, and what else to set of ingest.
func (w *world) configure(kafka, clickhouse, ingest string) {
	write(w.t, w.ingest.setting.Config, fmt.Sprintf(`
ingest:
  listen: %s
  tokens: [{name: sender, secret: {file: %s/token}, sources: ["**"]}]
  %s
kafka: {brokers: ["%s"]}
clickhouse: {address: "%s", user: payoff, password: {file: %s/password}}
%s
`, w.address, w.dir, ingest, kafka, clickhouse, w.dir, hurried))
}

func (w *world) all() []*process {
	list := []*process{w.engine, w.ingest, w.loaders[0], w.loaders[1]}
	if w.broker != nil {
		list = slices.Insert(list, 0, w.broker)
	}
	return list
}

func (w *world) startAll() {
	for _, p := range w.all() {
		p.start("")
	}
}

// freePorts returns addresses for processes that are killed and come back to them.
// They lie below the ports that a system gives out by itself, and none is given
// twice: while a process is down nobody else has its own.
func freePorts(t testing.TB, n int) []string {
	t.Helper()
	var out []string
	for try := 0; len(out) < n; try++ {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 10_000+rand.IntN(20_000)))
		if err != nil && try > 1000 {
			t.Fatal(err)
		}
		if err != nil {
			continue
		}
		defer l.Close()
		if _, given := givenPorts.LoadOrStore(l.Addr().String(), true); !given {
			out = append(out, l.Addr().String())
		}
	}
	return out
}

var givenPorts sync.Map

// disturb does one of the things that happen to processes, and undoes it.
func (w *world) disturb(rng *rand.Rand) {
	loader := w.loaders[rng.IntN(2)]
	switch what := rng.IntN(8); what {
	case 0, 1, 2: // at an instant of loading
		point := []string{"event_log", "events", "ledger", "commit"}[rng.IntN(4)]
		w.t.Logf("%s kills itself after %s", loader.name, point)
		loader.kill(syscall.SIGKILL)
		loader.start(point + ":" + strconv.Itoa(1+rng.IntN(4)))
		pause(time.Duration(rng.IntN(600)) * time.Millisecond)
		loader.kill(syscall.SIGKILL)
		loader.start("")
	case 3: // stopped across a rebalance, then awake again
		w.t.Logf("%s is stopped for a while", loader.name)
		loader.signal(syscall.SIGSTOP)
		pause(time.Duration(500+rng.IntN(3000)) * time.Millisecond)
		loader.signal(syscall.SIGCONT)
	case 4:
		w.t.Log("the engine's child is killed")
		for _, child := range children(w.engine.pid()) {
			_ = syscall.Kill(child, syscall.SIGKILL) // it may be gone already
		}
	default:
		p := []*process{w.ingest, w.broker, w.engine}[what-5]
		if p == nil {
			w.stopNode(time.Duration(rng.IntN(2000)) * time.Millisecond)
			return
		}
		w.t.Logf("%s is killed", p.name)
		p.kill(syscall.SIGKILL)
		pause(time.Duration(rng.IntN(300)) * time.Millisecond)
		p.start("")
	}
}

// stopNode stops the real Kafka for a while.
func (w *world) stopNode(d time.Duration) {
	pid, err := strconv.Atoi(os.Getenv("PAYOFF_TEST_KAFKA_PID"))
	if err != nil {
		w.t.Fatalf("PAYOFF_TEST_KAFKA_PID does not name Kafka's process: %v", err)
	}
	w.t.Logf("Kafka is stopped for %s", d)
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := syscall.Kill(pid, s); err != nil {
			w.t.Fatal(err)
		}
		pause(d)
		d = 0
	}
}

// children lists the child processes of pid, whichever of its threads made them.
func children(pid int) []int {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	var out []int
	for _, list := range lists {
		b, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, f := range strings.Fields(string(b)) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

// send posts batches of events until the returned function is called, which
// reports the subjects that were answered with 202 and how many were sent. A
// batch that got no answer is sent again: the same facts.
func (w *world) send(seed uint64) func() (acked []string, sent int) {
	ctx, cancel := context.WithCancel(w.t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	var acked []string
	sent := 0
	for sender := range 4 {
		wg.Go(func() {
			client := &http.Client{Timeout: 10 * time.Second}
			for n := 0; ctx.Err() == nil; n++ {
				body, subjects := batch(seed, sender, n)
				mu.Lock()
				sent += len(subjects)
				mu.Unlock()
				done := false
				for ctx.Err() == nil && !done {
					if done = w.postBatch(ctx, client, body); !done && ctx.Err() == nil {
						w.other.Add(1)
						pause(20 * time.Millisecond)
					}
				}
				if done {
					w.answered.Add(1)
					mu.Lock()
					acked = append(acked, subjects...)
					mu.Unlock()
				}
				pause(5 * time.Millisecond)
			}
		})
	}
	return func() ([]string, int) {
		cancel()
		wg.Wait()
		return acked, sent
	}
}

// batch is the n-th batch of a sender: commits, and the deployment of the last.
func batch(seed uint64, sender, n int) (string, []string) {
	var b strings.Builder
	var subjects []string
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 37 * time.Minute)
	hash := func(i int) string { return fmt.Sprintf("%08x%08x%024x", seed, sender, i) }
	const size = 20
	for i := n * size; i < (n+1)*size; i++ {
		parents := ""
		if i > 0 {
			parents = fmt.Sprintf(`,"parents":[%q]`, hash(i-1))
		}
		fmt.Fprintf(&b, `{"specversion":"1.0","id":"c%d-%d-%d","source":"/crash","type":"dev.cdeventsx.payoff-commit.recorded.0.1.0","time":%q,"data":{"subject":{"id":%q,"content":{"repository":{"id":"acme/svc%d"},"committerTime":%q,"authorTime":%q%s}}}}`+"\n",
			seed, sender, i, at.Format(time.RFC3339), hash(i), sender, at.Format(time.RFC3339), at.Add(-time.Hour).Format(time.RFC3339), parents)
		subjects = append(subjects, hash(i))
	}
	fmt.Fprintf(&b, `{"specversion":"1.0","id":"d%d-%d-%d","source":"/crash","type":"dev.cdevents.service.deployed.0.3.0","time":%q,"data":{"subject":{"id":"svc%d","content":{"environment":{"id":"production"}}},"customData":{"commit":%q,"repository":{"id":"acme/svc%d"},"version":"v%d"}}}`+"\n",
		seed, sender, n, at.Add(time.Minute).Format(time.RFC3339), sender, hash((n+1)*size-1), sender, n)
	return b.String(), subjects
}

func (w *world) postBatch(ctx context.Context, client *http.Client, body string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+w.address+"/v1/events", strings.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return true
	}
	req.Header.Set("Authorization", "Bearer "+w.token)
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if resp.StatusCode >= 400 && resp.StatusCode < 500 {
		w.t.Errorf("ingest refused a batch: %s %s", resp.Status, answer)
		return true
	}
	return err == nil && resp.StatusCode == http.StatusAccepted
}

// check waits until all that was accepted is loaded, and proves it.
func (w *world) check(acked []string, sent int) {
	for _, p := range w.all() {
		p.kill(syscall.SIGKILL)
	}
	w.startAll()
	w.settled(acked, sent)
}

// settled waits until all that was accepted is loaded by the processes as they
// are, and proves it.
func (w *world) settled(acked []string, sent int) {
	t := w.t
	s, r := w.connect()
	w.drained()
	eventually(t, "the loaders to begin", func() bool { e, err := s.CurrentEpoch(t.Context()); return err == nil && e.Number > 0 })
	w.loaded(s, r)
	w.eachOnce(s, acked, sent)
	account, err := s.Verify(t.Context(), w.bounds(r))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range account.Findings {
		t.Errorf("verify: %s", f)
	}
	for _, p := range w.loaders {
		p.kill(syscall.SIGTERM)
	}
	w.recompute(s)
	t.Logf("%d events acknowledged, %d sent, %d loaded, %d repeats", len(acked), sent, account.Loaded, account.Repeats)
}

// drained waits until ingest has published all it accepted.
func (w *world) drained() {
	eventually(w.t, "ingest to drain", func() bool {
		resp, err := http.Get("http://" + w.address + "/readyz")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		var state struct {
			Waiting uint64 `json:"waiting"`
		}
		return json.NewDecoder(resp.Body).Decode(&state) == nil && resp.StatusCode == http.StatusOK && state.Waiting == 0
	})
}

func (w *world) connect() (*store.Store, *kafka.Client) {
	t := w.t
	var s *store.Store
	eventually(t, "the engine to answer", func() bool {
		var err error
		s, err = store.Open(t.Context(), store.Options{Address: w.engine.setting.Listen, User: engine.OwnerUser, Password: crashPassword})
		return err == nil
	})
	t.Cleanup(func() { s.Close() })
	c, err := kafka.Open(t.Context(), kafka.Options{Brokers: []string{w.kafka}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return s, c
}

func (w *world) bounds(c *kafka.Client) []store.LogBounds {
	var out []store.LogBounds
	for _, topic := range []string{rollup.EventsTopic, rollup.DeadTopic} {
		offsets, err := c.Offsets(w.t.Context(), topic)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range offsets {
			out = append(out, store.LogBounds{Topic: topic, Partition: int32(o.Partition), First: o.First, Next: o.Next})
		}
	}
	return out
}

// loaded waits until the ledger is at the ends that the log has now.
func (w *world) loaded(s *store.Store, c *kafka.Client) {
	w.t.Helper()
	ends := w.bounds(c)
	eventually(w.t, "all records to be loaded", func() bool {
		epoch, err := s.CurrentEpoch(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		ledger, err := s.LedgerEnds(w.t.Context(), epoch.Number)
		if err != nil {
			w.t.Fatal(err)
		}
		left := int64(0)
		for _, b := range ends {
			next := max(b.First, ledger[store.Partition{Epoch: epoch.Number, Topic: b.Topic, Partition: b.Partition}])
			left += max(0, b.Next-next) // it may have gone on
		}
		return left == 0
	})
}

// eachOnce compares what was acknowledged with the facts.
func (w *world) eachOnce(s *store.Store, acked []string, sent int) {
	rows, err := s.Query(w.t.Context(), "SELECT subject, count() FROM payoff.events WHERE kind = 'commit.recorded' GROUP BY subject")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	there := make(map[string]uint64)
	for rows.Next() {
		var subject string
		var n uint64
		if err := rows.Scan(&subject, &n); err != nil {
			w.t.Fatal(err)
		}
		there[subject] = n
	}
	missing, twice := 0, 0
	for _, subject := range acked {
		if there[subject] == 0 {
			missing++
		}
	}
	for _, n := range there {
		if n > 1 {
			twice++
		}
	}
	if missing > 0 || twice > 0 || len(there) > sent || len(acked) == 0 {
		w.t.Errorf("of %d acknowledged events %d are missing and %d are there twice; %d facts from %d sent", len(acked), missing, twice, len(there), sent)
	}
}

// recompute proves that computing everything anew changes no point.
func (w *world) recompute(s *store.Store) {
	t := w.t
	cfg, err := config.Load(w.ingest.setting.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := instance.Rules(t.Context(), cfg, s)
	if err != nil {
		t.Fatal(err)
	}
	c := compute.New(compute.Options{Store: s, Metrics: catalogue.All(), Rules: rules, Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	if _, err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	res, err := c.RunAnew(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if res.Points != 0 || res.Deployments != 0 || res.Changes != 0 {
		t.Errorf("computed anew, %d points, %d deployments and %d changes are others", res.Points, res.Deployments, res.Changes)
	}
	var deployments uint64
	if err := s.Conn().QueryRow(t.Context(), "SELECT count() FROM payoff.deployments").Scan(&deployments); err != nil || deployments == 0 {
		t.Errorf("there are %d deployments: %v", deployments, err)
	}
}

// A process is a child that can be killed and started again.
type process struct {
	t       testing.TB
	name    string
	setting setting

	log buffer

	mu  sync.Mutex
	cmd *exec.Cmd
}

// A buffer may be written and read at once.
type buffer struct {
	mu sync.Mutex
	b  []byte
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b = append(b.b, p...)
	return len(p), nil
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.b)
}

func (p *process) start(killAt string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.setting
	s.KillAt = killAt
	b, err := json.Marshal(s)
	if err != nil {
		p.t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		p.t.Fatal(err)
	}
	p.cmd = exec.Command(exe)
	p.cmd.Env = append(os.Environ(), "PAYOFF_TEST_COMMAND="+string(b))
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if _, err := p.cmd.StdinPipe(); err != nil { // open for as long as this process lives
		p.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

func (p *process) signal(s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s) // it may have ended by itself
	}
}

// kill sends the signal and waits for the end.
func (p *process) kill(s os.Signal) {
	p.signal(syscall.SIGCONT)
	p.signal(s)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Wait() // its exit code is the signal's
		p.cmd = nil
	}
}

func (p *process) tail() string {
	s := p.log.String()
	return s[max(0, len(s)-4000):]
}

// role is what a child process of the crash test does.
func role(text string) error {
	var s setting
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go func() { // does not outlive the test
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(exitError)
	}()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	switch s.Role {
	case "broker":
		b, err := again(ctx, func() (*broker.Broker, error) {
			return broker.Start(broker.Options{Dir: s.Dir, Listen: s.Listen, Logger: log})
		})
		if err != nil {
			return err
		}
		<-ctx.Done()
		return b.Close()
	case "engine":
		e, err := again(ctx, func() (*engine.Engine, error) {
			return engine.Start(ctx, engine.Options{Dir: s.Dir, Listen: s.Listen, PayoffPassword: crashPassword, Logger: log})
		})
		if err != nil {
			return err
		}
		<-ctx.Done()
		return e.Stop(context.WithoutCancel(ctx))
	}
	cfg, err := config.Load(s.Config, nil)
	if err != nil {
		return err
	}
	o := instance.Options{Dir: s.Dir, Config: cfg, Logger: log, Now: time.Now, Patience: 10 * time.Second, Hook: killer(s.KillAt)}
	run := instance.RunIngest
	if s.Role == "rollup" {
		run = func(ctx context.Context, o instance.Options) error { return instance.RunRollup(ctx, o, "") }
	}
	// Like under a supervisor: what ends is started again.
	for {
		err := run(ctx, o)
		if ctx.Err() != nil {
			return nil
		}
		log.Error("ended; starting again", "error", err)
		pause(100 * time.Millisecond)
	}
}

// again opens until it works: the port or the lock may be those of one that dies.
func again[T any](ctx context.Context, open func() (T, error)) (T, error) {
	for {
		v, err := open()
		if err == nil || ctx.Err() != nil {
			return v, errors.Join(err, ctx.Err())
		}
		pause(100 * time.Millisecond)
	}
}

// killer kills the process at the n-th passage of a point of loading.
func killer(at string) func(string) {
	point, n, ok := strings.Cut(at, ":")
	if !ok {
		return nil
	}
	left, err := strconv.Atoi(n)
	if err != nil {
		return nil
	}
	var mu sync.Mutex
	return func(p string) {
		mu.Lock()
		defer mu.Unlock()
		if p != point {
			return
		}
		if left--; left == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}
}
