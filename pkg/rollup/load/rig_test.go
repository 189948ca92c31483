package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/broker"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

var day = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// A rig is a real engine and a real broker, with the schema and the topics.
type rig struct {
	engine *engine.Engine
	broker *broker.Broker
	store  *store.Store
	log    transport.Client
}

const partitions = 3

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{engine: storetest.Start(t)}
	r.store = storetest.On(t, r.engine)
	r.newLog(t)
	return r
}

// newLog replaces the rig's log by an empty one.
func (r *rig) newLog(t testing.TB) {
	t.Helper()
	var err error
	r.broker, err = broker.Start(broker.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.broker.Close() })
	r.log = openLog(t, r.broker.Addr())
	if err := r.log.EnsureTopics(t.Context(), []transport.TopicSpec{{Name: "payoff.events", Partitions: partitions}, {Name: "payoff.dead", Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
}

func openStore(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openLog(t testing.TB, address string) transport.Client {
	t.Helper()
	// Small fetches make small batches, and so many flushes.
	return openLogWith(t, kafka.Options{Brokers: []string{address}, SessionTimeout: 2 * time.Second, FetchWait: 100 * time.Millisecond, FetchBytes: 32 << 10})
}

func openLogWith(t testing.TB, o kafka.Options) transport.Client {
	t.Helper()
	c, err := kafka.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// options are those of a loader on the rig.
func (r *rig) options(t testing.TB) Options {
	return Options{Transport: r.log, Store: r.store, FlushInterval: 20 * time.Millisecond, MaxRows: 100,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))}
}

// patience is how long a test waits for what must happen: it passes no later for
// it, and a machine that has much else to do takes long.
const patience = 5 * time.Minute

// catchUp loads all there is.
func (r *rig) catchUp(t testing.TB, o Options) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := CatchUp(ctx, o); err != nil {
		t.Fatal(err)
	}
}

// start runs a loader until the returned function is called, which returns its error.
func start(t testing.TB, o Options) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, o) }()
	stop = sync.OnceValue(func() error {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
	t.Cleanup(func() { stop() })
	return stop
}

// eventually waits until condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
		wait(t.Context(), 10*time.Millisecond)
	}
}

// An event of a stream of facts: version sequence of deployment i.
func event(t testing.TB, i int, sequence uint64) events.Event {
	t.Helper()
	e, err := events.New(events.Draft{
		Source: "test", Kind: events.ServiceDeployed, Natural: []string{fmt.Sprint("deploy-", i)}, Subject: fmt.Sprint("service-", i%7),
		Time: day.Add(time.Duration(i) * time.Second), Received: day, Mapping: 1, Sequence: sequence,
		Content: events.Fields{Environment: &events.Ref{ID: "prod"}, ArtifactID: fmt.Sprintf("pkg:oci/service@sha256:%064x", i)},
		Custom:  events.Fields{Commit: fmt.Sprintf("%040x", i), RunID: fmt.Sprint(i)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func record(t testing.TB, e events.Event) transport.Record {
	t.Helper()
	b, err := events.Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	return transport.Record{Topic: "payoff.events", Key: []byte(e.Key()), Value: b}
}

func (r *rig) publish(t testing.TB, recs ...transport.Record) {
	t.Helper()
	if err := r.log.Publish(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
}

// facts publishes n first versions of deployments, from the one numbered so on,
// in many small batches, as a fetch brings whole batches.
func (r *rig) facts(t testing.TB, from, n int) {
	t.Helper()
	recs := make([]transport.Record, n)
	for i := range recs {
		recs[i] = record(t, event(t, from+i, 1))
	}
	for part := range slices.Chunk(recs, max(50, n/100)) {
		r.publish(t, part...)
	}
}

// bounds are those of the log, for store.Verify.
func (r *rig) bounds(t testing.TB) (out []store.LogBounds) {
	t.Helper()
	for _, topic := range []string{"payoff.events", "payoff.dead"} {
		offsets, err := r.log.Offsets(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range offsets {
			out = append(out, store.LogBounds{Topic: topic, Partition: int32(o.Partition), First: o.First, Next: o.Next})
		}
	}
	return out
}

// account is the store's, without findings and with nothing waiting.
func (r *rig) account(t testing.TB) *store.Conservation {
	t.Helper()
	c, err := r.store.Verify(t.Context(), r.bounds(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Findings {
		t.Errorf("verify: %s", f)
	}
	if c.Waiting > 0 {
		t.Errorf("verify: %d records are not loaded", c.Waiting)
	}
	return c
}

// expect checks the account.
func (r *rig) expect(t testing.TB, facts, repeats, older, parked uint64) *store.Conservation {
	t.Helper()
	c := r.account(t)
	if c.Facts != facts || c.Repeats != repeats || c.Older != older || c.Parked != parked {
		t.Errorf("account = %d facts, %d repeats, %d older, %d parked; want %d, %d, %d, %d", c.Facts, c.Repeats, c.Older, c.Parked, facts, repeats, older, parked)
	}
	return c
}

// value runs a query for one value.
func value[T any](t testing.TB, s *store.Store, sql string) T {
	t.Helper()
	var v T
	if err := s.Conn().QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// closable is dial, but while away is set it refuses, and what it has dialled is
// cut.
func closable(dial func(context.Context, string) (net.Conn, error), away *atomic.Bool) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		if away.Load() {
			return nil, errors.New("away")
		}
		c, err := dial(ctx, address)
		return &cuttable{c, away}, err
	}
}

type cuttable struct {
	net.Conn
	away *atomic.Bool
}

func (c *cuttable) Write(b []byte) (int, error) {
	if c.away.Load() {
		c.Close()
		return 0, errors.New("cut")
	}
	return c.Conn.Write(b)
}

func kill(t testing.TB, pid int) {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Error(err)
	}
}
