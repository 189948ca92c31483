package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

func TestCatchUpLoadsToTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.catchUp(t, r.options(t)) // an empty log
	r.facts(t, 0, 1000)
	r.publish(t, record(t, event(t, 1, 2)), record(t, event(t, 2, 1)))
	var loaded, total int64
	o := r.options(t)
	o.Progress = func(l, n int64) { loaded, total = l, n }
	r.catchUp(t, o)
	r.expect(t, 1000, 1, 1, 0)
	if loaded != 1002 || total != 1002 {
		t.Errorf("progress ended at %d of %d, want 1002 of 1002", loaded, total)
	}
}

// Whatever the order in which facts arrive, and however often, events is the same.
func TestOrderAndRepetitionDoNotMatter(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var all []transport.Record
	for i := range 300 {
		for version := range uint64(1 + i%3) {
			all = append(all, record(t, event(t, i, 1+version)))
		}
	}
	const content = "SELECT toString(groupBitXor(cityHash64(kind, source, event_id, version, subject, occurred_at, commit, data))) FROM payoff_private.events FINAL"
	var want string
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 1))
		recs := append([]transport.Record(nil), all...)
		for range int(seed) * 100 {
			recs = append(recs, all[rng.IntN(len(all))])
		}
		rng.Shuffle(len(recs), func(i, j int) { recs[i], recs[j] = recs[j], recs[i] })
		for _, table := range []string{"payoff_private.event_log", "payoff_private.events"} {
			if err := r.store.Exec(t.Context(), "TRUNCATE TABLE IF EXISTS "+table); err != nil {
				t.Fatal(err)
			}
		}
		r.publish(t, recs...)
		o := r.options(t)
		o.MaxRows = 1 + rng.IntN(200)
		r.catchUp(t, o)
		if n := value[uint64](t, r.store, "SELECT count() FROM payoff.events"); n != 300 {
			t.Errorf("seed %d: %d facts, want 300", seed, n)
		}
		got := value[string](t, r.store, content)
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("seed %d: events differs from that of the first order", seed)
		}
	}
}

func TestPoisonCostsOneRow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.store.Exec(t.Context(), "ALTER TABLE payoff_private.event_log ADD CONSTRAINT poison CHECK subject != 'poison'"); err != nil {
		t.Fatal(err)
	}
	const n = 4000
	recs := make([]transport.Record, n)
	for i := range recs {
		switch {
		case i%1000 == 17: // no event at all
			recs[i] = transport.Record{Topic: "payoff.events", Key: []byte("k"), Value: []byte(`{"specversion":"1.0"`), Headers: []transport.Header{{Key: "ce_source", Value: []byte("somebody")}}}
		case i%1000 == 500: // an event that only ClickHouse refuses
			e, err := events.New(events.Draft{Source: "test", Kind: events.IncidentDetected, Natural: []string{fmt.Sprint(i)}, Subject: "poison", Time: day, Received: day, Mapping: 1})
			if err != nil {
				t.Fatal(err)
			}
			recs[i] = record(t, e)
		case i%1000 == 700: // a kind from another time
			rec := record(t, event(t, i, 1))
			rec.Value = []byte(strings.Replace(string(rec.Value), "service.deployed", "service.teleported", 1))
			recs[i] = rec
		default:
			recs[i] = record(t, event(t, i, 1))
		}
	}
	r.publish(t, recs...)
	o := r.options(t)
	o.Seal = func(body, context []byte) ([]byte, error) {
		return append(append([]byte("sealed:"), context...), body...), nil
	}
	r.catchUp(t, o)
	r.expect(t, n-12, 0, 0, 12)
	dead, err := r.store.DeadLetters(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]int{}
	for _, d := range dead {
		switch {
		case d.Field == "event" && d.Source == "somebody" && strings.Contains(d.Reason, "is not the JSON of an event"):
			reasons["no event"]++
		case d.Field == "" && strings.Contains(d.Reason, "poison"):
			reasons["refused"]++
		case d.Field == "type" && strings.Contains(d.Reason, "teleported"):
			reasons["unknown kind"]++
		default:
			t.Errorf("parked for %s: %s", d.Field, d.Reason)
		}
		if want := fmt.Sprintf("sealed:payoff.events/%d/%d", d.Partition.Partition, d.Offset); !d.Sealed || !strings.HasPrefix(string(d.Body), want) {
			t.Errorf("the body of %v is not sealed to its position", d)
		}
	}
	if fmt.Sprint(reasons) != "map[no event:4 refused:4 unknown kind:4]" {
		t.Errorf("parked %v", reasons)
	}
}

func TestSealedDeliveriesBecomeDeadLetters(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	received := day.Add(-time.Hour)
	r.publish(t,
		transport.Record{Topic: "payoff.dead", Value: []byte{1, 2, 3}, Headers: []transport.Header{
			{Key: HeaderSource, Value: []byte("github")}, {Key: HeaderEndpoint, Value: []byte("main")}, {Key: HeaderReason, Value: []byte("is missing")},
			{Key: HeaderField, Value: []byte("deployment.sha")}, {Key: HeaderReceived, Value: []byte(events.FormatTime(received))}}},
		transport.Record{Topic: "payoff.dead", Value: []byte{4}})
	r.catchUp(t, r.options(t))
	r.expect(t, 0, 0, 0, 2)
	dead, err := r.store.DeadLetters(t.Context(), 0)
	if err != nil || len(dead) != 2 {
		t.Fatalf("dead letters = %v, %v", dead, err)
	}
	d := dead[0]
	if d.Source != "github" || d.Endpoint != "main" || d.Reason != "is missing" || d.Field != "deployment.sha" || !d.ReceivedAt.Equal(received) || !d.Sealed || string(d.Body) != "\x01\x02\x03" {
		t.Errorf("letter = %+v", d)
	}
	if n := value[uint64](t, r.store, "SELECT count() FROM payoff.dead_letters WHERE source = 'github' AND replayed_at IS NULL"); n != 1 {
		t.Errorf("payoff.dead_letters shows %d of it", n)
	}
}

// A lone fact becomes queryable with the default options, which have it wait for
// others less than the promised second.
func TestAnEventIsQueryableSoon(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	o := r.options(t)
	o.FlushInterval, o.MaxRows = 0, 0
	o, err := o.withDefaults()
	if err != nil || o.FlushInterval > time.Second {
		t.Fatalf("by default a fact waits %v for others, %v", o.FlushInterval, err)
	}
	stop := start(t, o)
	for i := range 5 {
		r.facts(t, i, 1)
		eventually(t, "the fact", func() bool { return value[uint64](t, r.store, "SELECT count() FROM payoff.events") == uint64(1+i) })
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestTwoLoadersShareAndTakeOver(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	second := openLog(t, r.broker.Addr())
	o := r.options(t)
	o.Name = "first"
	o2 := o
	o2.Name, o2.Transport = "second", second
	loadedBy := func(name string) uint64 {
		return value[uint64](t, r.store, "SELECT count() FROM payoff.ingest_ledger WHERE loader = '"+name+"'")
	}
	facts := 0
	publish := func() { r.facts(t, facts, 500); facts += 500 }
	publish()
	stop := start(t, o)
	eventually(t, "the first loader to load", func() bool { return loadedBy("first") > 0 })
	stop2 := start(t, o2)
	eventually(t, "the second loader to load, too", func() bool { publish(); return loadedBy("second") > 0 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	publish()
	eventually(t, "the second loader to take over", func() bool { return value[uint64](t, r.store, "SELECT count() FROM payoff.events") == uint64(facts) })
	if err := stop2(); err != nil {
		t.Error(err)
	}
	r.catchUp(t, r.options(t)) // the ledger of the last flush may not have been written
	r.expect(t, uint64(facts), 0, 0, 0)
}

// While ClickHouse is away nothing is lost and memory does not grow with the log;
// when it is back, loading goes on by itself.
func TestClickHouseAwayForAWhile(t *testing.T) {
	r := newRig(t)
	var away atomic.Bool
	dial := r.engine.DialContext
	gate := store.Options{User: engine.OwnerUser, Password: enginetest.PayoffPassword, DialContext: closable(dial, &away)}
	o := r.options(t)
	o.Store = openStore(t, gate)
	o.MaxRows, o.MaxBytes = 0, 1<<20
	r.facts(t, 0, 2000)
	stop := start(t, o)
	eventually(t, "the first facts", func() bool { return value[uint64](t, r.store, "SELECT sum(rows) FROM payoff.ingest_ledger") == 2000 })
	away.Store(true)
	const n = 60_000 // some 45 MB, of which at most a few fetches may be in memory
	heap := heapInUse()
	for i := range 12 {
		r.facts(t, 2000+i*n/12, n/12)
	}
	grown := heapInUse() - heap
	t.Logf("heap grew by %d kB", grown>>10)
	if grown > 25<<20 {
		t.Errorf("the heap grew by %d MB while ClickHouse was away", grown>>20)
	}
	if c, err := r.store.Verify(t.Context(), r.bounds(t)); err != nil || c.Waiting != n {
		t.Errorf("waiting while ClickHouse is away: %+v, %v; want %d", c, err, n)
	}
	away.Store(false)
	eventually(t, "the rest", func() bool { return value[uint64](t, r.store, "SELECT count() FROM payoff.events") == 2000+n })
	if err := stop(); err != nil {
		t.Error(err)
	}
	r.catchUp(t, r.options(t))
	r.expect(t, 2000+n, 0, 0, 0)
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A ClickHouse that dies in the middle of inserts loses and doubles nothing.
func TestClickHouseKilledWhileLoading(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const n = 20_000
	r.facts(t, 0, n)
	o := r.options(t)
	flushes := 0
	o.Hook = func(point string) {
		if point == "batch" {
			if flushes++; flushes%30 == 5 {
				go kill(t, r.engine.Pid())
			}
		}
	}
	r.catchUp(t, o)
	if r.engine.Restarts() < 2 {
		t.Errorf("the engine was restarted %d times; this test wants it killed more often", r.engine.Restarts())
	}
	r.expect(t, n, 0, 0, 0)
}

// A ClickHouse that comes back as a copy from before a batch, while that batch is being
// settled, lacks it: the ledger must not promise what is not there.
func TestAnEarlierCopyComesBackWhileABatchIsSettled(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"event_log", "events"} {
		t.Run(point, func(t *testing.T) {
			dir, copied := t.TempDir(), filepath.Join(t.TempDir(), "copy")
			storetest.Copy(t, dir)
			var e replaceable
			e.start(t, dir)
			t.Cleanup(func() { e.stop(t) })
			r := &rig{store: openStore(t, store.Options{DialContext: e.DialContext, User: engine.OwnerUser, Password: enginetest.PayoffPassword})}
			r.newLog(t)
			r.facts(t, 0, 300)
			r.catchUp(t, r.options(t))
			e.stop(t)
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			e.start(t, dir)
			r.facts(t, 300, 300)
			o := r.options(t)
			var once sync.Once
			o.Hook = func(at string) {
				if at == point {
					once.Do(func() { e.stop(t); e.start(t, copied) })
				}
			}
			r.catchUp(t, o)
			r.expect(t, 600, 0, 0, 0)
		})
	}
}

// A replaceable is an engine in whose place another is started.
type replaceable struct{ now atomic.Pointer[engine.Engine] }

func (r *replaceable) start(t *testing.T, dir string) {
	e, err := engine.Start(t.Context(), engine.Options{Dir: dir, Listen: "127.0.0.1:0", PayoffPassword: enginetest.PayoffPassword, ReaderPassword: enginetest.ReaderPassword,
		Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Error(err)
		return
	}
	r.now.Store(e)
}

func (r *replaceable) stop(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if err := r.now.Load().Stop(ctx); err != nil {
		t.Error(err)
	}
}

func (r *replaceable) DialContext(ctx context.Context, address string) (net.Conn, error) {
	return r.now.Load().DialContext(ctx, address)
}

func TestTheLedgerIsTheTruth(t *testing.T) {
	t.Parallel()
	exec := func(t *testing.T, s *store.Store, sql string) {
		t.Helper()
		if err := s.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	loaded := func(t *testing.T) *rig {
		r := newRig(t)
		r.facts(t, 0, 500)
		r.catchUp(t, r.options(t))
		return r
	}
	later := func(t *testing.T, r *rig) {
		o := r.options(t)
		o.Name = "later"
		r.catchUp(t, o)
	}
	t.Run("rows without an entry are not written again, and events is healed", func(t *testing.T) {
		t.Parallel()
		r := loaded(t)
		r.facts(t, 500, 500)
		r.publish(t, transport.Record{Topic: "payoff.events", Key: []byte("x"), Value: []byte("poison")})
		later(t, r)
		// As after a death between the insert into event_log and the next step.
		exec(t, r.store, "DELETE FROM payoff.ingest_ledger WHERE loader = 'later'")
		exec(t, r.store, "TRUNCATE TABLE payoff_private.events")
		ends, err := r.store.LedgerEnds(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		for p, end := range ends {
			if err := r.store.FillEvents(t.Context(), store.Span{Partition: p, First: 0, Last: end - 1}); err != nil {
				t.Fatal(err)
			}
		}
		r.catchUp(t, r.options(t))
		if c := r.expect(t, 1000, 0, 0, 1); len(c.Notes) > 0 {
			t.Errorf("notes: %v", c.Notes)
		}
	})
	t.Run("a store restored from an older copy loads the rest again", func(t *testing.T) {
		t.Parallel()
		r := loaded(t)
		r.facts(t, 500, 500)
		later(t, r)
		exec(t, r.store, "DELETE FROM payoff.ingest_ledger WHERE loader = 'later'")
		ends, err := r.store.LedgerEnds(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		exec(t, r.store, "TRUNCATE TABLE payoff_private.events")
		for p, end := range ends {
			exec(t, r.store, fmt.Sprintf("DELETE FROM payoff_private.event_log WHERE `partition` = %d AND `offset` >= %d", p.Partition, end))
			if err := r.store.FillEvents(t.Context(), store.Span{Partition: p, First: 0, Last: end - 1}); err != nil {
				t.Fatal(err)
			}
		}
		if c, err := r.store.Verify(t.Context(), r.bounds(t)); err != nil || c.Waiting == 0 || len(c.Findings) > 0 {
			t.Fatalf("this test wants an older store: %+v, %v", c, err)
		}
		r.catchUp(t, r.options(t))
		r.expect(t, 1000, 0, 0, 0)
	})
	t.Run("a newer store is refused", func(t *testing.T) {
		t.Parallel()
		r := loaded(t)
		exec(t, r.store, "INSERT INTO payoff.schema_migrations VALUES (9999, '9999_from_the_future.sql', '', now64(3))")
		r.facts(t, 500, 1)
		if err := CatchUp(t.Context(), r.options(t)); !errors.Is(err, store.ErrTooNew) || !strings.Contains(err.Error(), "9999_from_the_future.sql") {
			t.Errorf("loading into a newer store: %v", err)
		}
		if err := Run(t.Context(), r.options(t)); !errors.Is(err, store.ErrTooNew) {
			t.Errorf("running on a newer store: %v", err)
		}
	})
}

func TestMetricsTellWhatBecameOfTheRecords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.facts(t, 0, 100)
	r.publish(t, transport.Record{Topic: "payoff.events", Key: []byte("x"), Value: []byte("poison")})
	reg := prometheus.NewPedanticRegistry()
	o := r.options(t)
	o.Registerer = reg
	r.catchUp(t, o)
	r.facts(t, 100, 50)
	r.catchUp(t, o) // another loader of the process
	want := `
# HELP payoff_load_records_total Records loaded, by what became of them: row, parked, present (was stored already).
# TYPE payoff_load_records_total counter
payoff_load_records_total{outcome="parked"} 1
payoff_load_records_total{outcome="row"} 150
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "payoff_load_records_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(reg, "payoff_load_flush_seconds", "payoff_load_last_flush_timestamp_seconds"); err != nil || n != 2 {
		t.Errorf("%d metrics of flushes, %v; want 2", n, err)
	}
}

func TestOptionsNeedALogAndAStore(t *testing.T) {
	if err := Run(t.Context(), Options{}); err == nil || !strings.Contains(err.Error(), "needs a transport and a store") {
		t.Errorf("Run without anything: %v", err)
	}
}

// Each way in which a log and a store do not belong together stops the loader
// with its reason; a new epoch goes on from what the log holds.
func TestALogThatDoesNotBelong(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		harm  func(*testing.T, *rig)
		cause error
		says  string
		facts uint64 // after a new epoch; deployments 0 to 499 were loaded before
	}{
		"another log": {harm: func(t *testing.T, r *rig) {
			r.newLog(t)
			r.facts(t, 500, 100)
		}, cause: ErrOtherLog, says: "its identity is", facts: 600},
		"a store without a past": {harm: func(t *testing.T, r *rig) {
			for _, table := range []string{"payoff.ingest_ledger", "payoff_private.event_log", "payoff_private.events"} {
				if err := r.store.Exec(t.Context(), "TRUNCATE TABLE "+table); err != nil {
					t.Fatal(err)
				}
			}
		}, cause: ErrNoLedger, says: "has committed offset", facts: 500},
		"topics made anew, shorter": {harm: func(t *testing.T, r *rig) {
			r.remake(t)
			r.facts(t, 500, 10)
		}, cause: ErrBehind, says: "its next record will be", facts: 510},
		"topics made anew, longer": {harm: func(t *testing.T, r *rig) {
			r.remake(t)
			r.facts(t, 500, 3000)
		}, cause: ErrMismatch, says: "in the log and", facts: 3500},
		"records deleted before they were loaded": {harm: func(t *testing.T, r *rig) {
			r.facts(t, 500, 1000)
			r.deleteRecords(t)
			r.facts(t, 1500, 100)
		}, cause: ErrGap, says: "were deleted before they were loaded", facts: 600},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.facts(t, 0, 500)
			r.catchUp(t, r.options(t))
			tt.harm(t, r)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := Run(ctx, r.options(t))
			le, ok := errors.AsType[*LogError](err)
			if !ok || !errors.Is(err, tt.cause) || !strings.Contains(le.Error(), tt.says) || !strings.Contains(le.Error(), "payoff rollup --new-log-epoch") {
				t.Fatalf("Run = %v, want %v that says %q", err, tt.cause, tt.says)
			}
			e, err := NewEpoch(ctx, r.options(t))
			if err != nil || e.Number != 2 {
				t.Fatalf("NewEpoch = %v, %v", e, err)
			}
			r.catchUp(t, r.options(t))
			if c := r.account(t); c.Facts != tt.facts {
				t.Errorf("%d facts under the new epoch, want %d", c.Facts, tt.facts)
			}
		})
	}
}

// A topic that lost its beginning before anything was loaded is told, too.
// Whoever loads has migrated the store: one without any tables has lost them, also if
// that is found out while partitions are assigned.
func TestAStoreThatIsEmptyHasLostItsTables(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, database := range []string{"payoff", "payoff_private"} {
		if err := r.store.Exec(t.Context(), "DROP DATABASE "+database+" SYNC"); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := Run(ctx, r.options(t)); !errors.Is(err, ErrNoStore) || !strings.Contains(err.Error(), "payoff rollup --new-log-epoch") {
		t.Errorf("Run = %v", err)
	}
}

func TestALogWithAnUnknownPast(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.facts(t, 0, 100)
	r.deleteRecords(t)
	if err := CatchUp(t.Context(), r.options(t)); !errors.Is(err, ErrNoLedger) || !strings.Contains(err.Error(), "the log begins at offset") {
		t.Errorf("CatchUp = %v", err)
	}
}

func (r *rig) admin(t *testing.T) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(r.broker.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// remake deletes the topic of events and makes it anew: the same log by its
// identity, with other records.
func (r *rig) remake(t *testing.T) {
	t.Helper()
	req := kmsg.NewDeleteTopicsRequest()
	req.TopicNames = []string{"payoff.events"}
	topic := kmsg.NewDeleteTopicsRequestTopic()
	topic.Topic = kmsg.StringPtr("payoff.events")
	req.Topics = append(req.Topics, topic)
	if _, err := req.RequestWith(t.Context(), r.admin(t)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the topic to be made anew", func() bool {
		err := r.log.EnsureTopics(t.Context(), []transport.TopicSpec{{Name: "payoff.events", Partitions: partitions}})
		return err == nil
	})
}

// deleteRecords deletes all records of the topic of events, as retention does.
func (r *rig) deleteRecords(t *testing.T) {
	t.Helper()
	req := kmsg.NewDeleteRecordsRequest()
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = "payoff.events"
	for p := range int32(partitions) {
		part := kmsg.NewDeleteRecordsRequestTopicPartition()
		part.Partition, part.Offset = p, -1
		topic.Partitions = append(topic.Partitions, part)
	}
	req.Topics = append(req.Topics, topic)
	req.TimeoutMillis = 5000
	res, err := req.RequestWith(t.Context(), r.admin(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Topics[0].Partitions {
		if p.ErrorCode != 0 {
			t.Fatalf("deleting records of partition %d: error %d", p.Partition, p.ErrorCode)
		}
	}
}
