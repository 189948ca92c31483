package main

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/cloudevents"
	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/rollup"
	"github.com/payoff-metrics/payoff/pkg/seal"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

// The faults run in seconds what may last for minutes; give it a minute and they
// show the same.
var outage = flag.Duration("faults.outage", 4*time.Second, "how long Kafka or ClickHouse is away in the tests of faults")

func TestKafkaAwayUnderLoadEverythingIsAcceptedAndDrainedInOrder(t *testing.T) {
	for name, away := range map[string]struct{ begin, end func(*world) }{
		"killed":  {func(w *world) { w.broker.kill(syscall.SIGKILL) }, func(w *world) { w.broker.start("") }},
		"stopped": {func(w *world) { w.broker.signal(syscall.SIGSTOP) }, func(w *world) { w.broker.signal(syscall.SIGCONT) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := migratedWorld(t)
			w.startAll()
			stop := w.send(1)
			w.awaitAnswers(10)
			refused, before := w.other.Load(), w.answered.Load()
			away.begin(w)
			pause(*outage)
			w.awaitAnswers(before + 10)
			if n := w.other.Load() - refused; n > 0 {
				t.Errorf("%d batches were not answered with 202 while Kafka was away", n)
			}
			away.end(w)
			acked, sent := stop()
			w.settled(acked, sent)
			_, c := w.connect()
			w.inOrder(c)
		})
	}
}

func TestClickHouseAwayUnderLoadMemoryStaysFlatThenItCatchesUp(t *testing.T) {
	w := migratedWorld(t)
	for _, p := range []*process{w.broker, w.engine, w.loaders[0]} {
		p.start("")
	}
	s, c := w.connect()
	eventually(t, "the loader to load", func() bool { e, err := s.CurrentEpoch(t.Context()); return err == nil && e.Number == 1 })
	w.engine.kill(syscall.SIGKILL)
	loader := w.loaders[0].pid()
	n := 0
	portion := func() (bytes int) {
		recs := w.largeRecords(n, 12_000)
		n += len(recs)
		for len(recs) > 0 {
			chunk := recs[:min(len(recs), 1000)]
			if err := c.Publish(t.Context(), chunk); err != nil {
				t.Fatal(err)
			}
			for _, r := range chunk {
				bytes += len(r.Value)
			}
			recs = recs[len(chunk):]
		}
		return bytes
	}
	// The first portions are as much as two batches and what is fetched ahead:
	// so much a loader may hold. Of what comes then it may hold nothing.
	portion()
	portion()
	full := settledRSS(t, loader)
	more := portion()
	pause(*outage)
	if grown := settledRSS(t, loader) - full; grown > more/4 {
		t.Errorf("while ClickHouse was away the loader grew by %d MB as %d MB came in", grown>>20, more>>20)
	} else {
		t.Logf("%d MB after the first portions, %d MB more as %d MB came in", full>>20, grown>>20, more>>20)
	}
	w.engine.start("")
	s, c = w.connect()
	w.loaded(s, c)
	if got := w.count(s, "SELECT count() FROM payoff.events"); got != uint64(n) {
		t.Errorf("%d events are loaded of %d", got, n)
	}
}

func TestDiskFullIs503ThenGoesOn(t *testing.T) {
	for name, small := range map[string]func(*testing.T, *world) string{
		"log at its limit": func(*testing.T, *world) string { return "max_log: 4MiB" },
		"disk full": func(t *testing.T, w *world) string {
			dir := w.ingest.setting.Dir
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
				t.Skipf("SKIP: a small disk needs the right to mount one: %v", err)
			}
			t.Cleanup(func() {
				w.ingest.kill(syscall.SIGKILL)
				if err := syscall.Unmount(dir, 0); err != nil {
					t.Error(err)
				}
			})
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := migratedWorld(t)
			ports := []string{w.broker.setting.Listen, w.engine.setting.Listen}
			w.configure(ports[0], ports[1], small(t, w))
			w.ingest.start("") // and no Kafka: the log fills
			stop := w.send(2)
			probe := w.awaitRefusal()
			for _, p := range []*process{w.broker, w.engine, w.loaders[0], w.loaders[1]} {
				p.start("")
			}
			w.awaitAnswers(w.answered.Load() + 5) // there is room again
			acked, sent := stop()
			w.ingest.kill(syscall.SIGKILL)
			w.ingest.start("") // reads what is on disk: nothing is torn
			w.settled(acked, sent+probe)
			if log := w.ingest.tail(); strings.Contains(log, "damaged") || strings.Contains(log, "corrupt") {
				t.Errorf("the log was torn:\n%s", log)
			}
		})
	}
}

func TestBrokerFolderDeletedWhileDownStopsWithItsSentenceAndGoesOn(t *testing.T) {
	t.Parallel()
	w := migratedWorld(t)
	w.startAll()
	stop := w.send(3)
	w.awaitAnswers(20)
	before, sentBefore := stop()
	w.loadedAll()
	w.broker.kill(syscall.SIGKILL)
	stop = w.send(4) // kept in ingest's log
	w.awaitAnswers(w.answered.Load() + 10)
	during, sentDuring := stop()
	removeAll(t, w.broker.setting.Dir)
	w.broker.start("")
	w.awaitSentence()
	w.newEpoch()
	w.settled(append(before, during...), sentBefore+sentDuring)
}

func TestClickHouseFolderDeletedWhileDownStopsWithItsSentenceAndLoadsAnew(t *testing.T) {
	t.Parallel()
	w := migratedWorld(t)
	w.startAll()
	stop := w.send(5)
	w.awaitAnswers(20)
	w.caughtUp()
	w.endEngine()
	removeAll(t, w.engine.setting.Dir)
	w.engine.start("")
	w.awaitAnswers(w.answered.Load() + 10)
	acked, sent := stop()
	w.awaitSentence()
	w.newEpoch()
	w.settled(acked, sent)
}

func TestClickHouseRestoredFromAnOlderCopyHealsFromItsLedger(t *testing.T) {
	for name, idle := range map[string]bool{"under load": false, "while nothing is loaded": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := migratedWorld(t)
			w.startAll()
			stop := w.send(6)
			w.awaitAnswers(10)
			acked, sent := stop()
			w.loadedAll()
			data, copied := w.engine.setting.Dir, filepath.Join(w.dir, "copy")
			w.endEngine()
			if err := os.CopyFS(copied, os.DirFS(data)); err != nil {
				t.Fatal(err)
			}
			w.engine.start("")
			stop = w.send(7)
			w.awaitAnswers(w.answered.Load() + 20)
			w.caughtUp()
			if idle {
				more, n := stop()
				acked, sent = append(acked, more...), sent+n
				w.loadedAll()
			}
			w.endEngine()
			removeAll(t, data)
			if err := os.Rename(copied, data); err != nil {
				t.Fatal(err)
			}
			w.engine.start("")
			if idle {
				stop = w.send(8)
			}
			w.awaitAnswers(w.answered.Load() + 20)
			more, n := stop()
			w.settled(append(acked, more...), sent+n)
		})
	}
}

func TestAnswersLostAfterTheDeedEveryEventIsThereOnce(t *testing.T) {
	t.Parallel()
	w := migratedWorld(t)
	kafkaProxy, kafkaAddr := lossyKafka(t, w.broker.setting.Listen, 9)
	storeProxy, storeAddr := lossyHTTP(t, w.engine.setting.Listen, 9)
	w.configure(kafkaAddr, storeAddr, "")
	w.startAll()
	w.connect()
	stop := w.send(9)
	w.awaitAnswers(5)
	kafkaProxy.oneIn.Store(25)
	storeProxy.oneIn.Store(15)
	pause(*outage)
	eventually(t, "answers to be lost", func() bool { return kafkaProxy.lost.Load() > 3 && storeProxy.lost.Load() > 3 })
	acked, sent := stop()
	kafkaProxy.oneIn.Store(0)
	storeProxy.oneIn.Store(0)
	t.Logf("%d answers of Kafka and %d of ClickHouse were lost", kafkaProxy.lost.Load(), storeProxy.lost.Load())
	w.settled(acked, sent)
}

// TestPoison puts records that are no events into the topic, one in ten thousand.
func TestPoisonIsParkedWithItsReasonAndCostsNothingElse(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	info, stop := upUntil(t, dir, configured(t, onlyCommands))
	c, err := kafka.Open(t.Context(), kafka.Options{Brokers: []string{info.Kafka}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const each = 10_000
	recs := canonical(t, smallEvents(3*each))
	good := len(recs)
	broken := [][]byte{
		[]byte("\x00\xffthis is no event"),
		regexp.MustCompile(`"id":"[^"]*"`).ReplaceAll(recs[1].Value, []byte(`"id":"no identity"`)),
		bytes.Replace(bytes.Clone(recs[2].Value), []byte("commit.recorded"), []byte("commit.imagined"), 1),
	}
	for i, value := range broken {
		bad := recs[i*each]
		bad.Value = value
		recs = append(recs[:i*each+5], append([]transport.Record{bad}, recs[i*each+5:]...)...)
	}
	if err := c.Publish(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	must(t, "rollup", "--data", dir)
	if n := strings.TrimSpace(lastLine(must(t, "sql", "--data", dir, "--format", "csv", "SELECT count() FROM events"))); n != strconv.Itoa(good) {
		t.Errorf("%s events are loaded of %d", n, good)
	}
	type letter struct{ Position, Reason, Field string }
	letters := decode[[]letter](t, must(t, "dead", "list", "--json", "--data", dir))
	if len(letters) != len(broken) {
		t.Fatalf("%d records are parked of %d: %+v", len(letters), len(broken), letters)
	}
	stop()
	shown := map[string]bool{}
	for _, l := range letters {
		if l.Reason == "" {
			t.Errorf("%s is parked without a reason", l.Position)
		}
		shown[strings.TrimSuffix(must(t, "dead", "show", l.Position, "--data", dir), "\n")] = true
	}
	for _, b := range broken {
		if !shown[string(b)] {
			t.Errorf("`dead show` shows no record %.60q as it was", b)
		}
	}
	a := decode[instance.Account](t, must(t, "verify", "--json", "--data", dir))
	if a.Parked != uint64(len(broken)) || a.Facts != uint64(good) || a.Loaded != uint64(good+len(broken)) {
		t.Errorf("the account is %+v, want %d facts and %d parked", a, good, len(broken))
	}
}

// migratedWorld is a world whose ClickHouse has its tables before it is started.
func migratedWorld(t testing.TB) *world {
	t.Helper()
	w := newWorld(t)
	storetest.Copy(t, w.engine.setting.Dir)
	return w
}

// awaitAnswers waits until so many batches have been answered with 202.
func (w *world) awaitAnswers(n int64) {
	w.t.Helper()
	eventually(w.t, "batches to be accepted", func() bool { return w.answered.Load() >= n })
}

// endEngine ends ClickHouse in good order, its child process too.
func (w *world) endEngine() {
	w.t.Helper()
	list := children(w.engine.pid())
	w.engine.kill(syscall.SIGTERM)
	eventually(w.t, "the engine's child to end", func() bool {
		return !slices.ContainsFunc(list, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	})
}

// awaitRefusal sends one batch again and again until ingest says that it has no
// room, and when to come again. It returns how many events that may have added.
func (w *world) awaitRefusal() int {
	w.t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	body, subjects := batch(99, 9, 0)
	var resp *http.Response
	eventually(w.t, "ingest to refuse for want of room", func() bool {
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, "http://"+w.address+"/v1/events", strings.NewReader(body))
		if err != nil {
			w.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+w.token)
		req.Header.Set("Content-Type", "application/x-ndjson")
		if resp, err = client.Do(req); err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode != http.StatusAccepted
	})
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		w.t.Errorf("without room ingest answers %s, Retry-After %q", resp.Status, resp.Header.Get("Retry-After"))
	}
	return len(subjects)
}

// awaitSentence waits until a loader has said that it stops, and how to go on.
func (w *world) awaitSentence() {
	w.t.Helper()
	eventually(w.t, "a loader to stop with its sentence", func() bool {
		return slices.ContainsFunc(w.loaders[:], func(p *process) bool { return p.logged("payoff rollup --new-log-epoch") })
	})
}

// newEpoch does what the sentence says.
func (w *world) newEpoch() {
	w.t.Helper()
	must(w.t, "rollup", "--new-log-epoch", "--config", w.ingest.setting.Config, "--data", filepath.Join(w.dir, "cli"))
}

// loadedAll waits until what was accepted is loaded. Nothing may be sent meanwhile.
func (w *world) loadedAll() {
	w.t.Helper()
	w.drained()
	w.caughtUp()
}

// caughtUp waits until what is in the log now is loaded, and something is.
func (w *world) caughtUp() {
	w.t.Helper()
	s, c := w.connect()
	eventually(w.t, "the loaders to load", func() bool {
		var rows uint64
		return s.Conn().QueryRow(w.t.Context(), `SELECT sum(rows) FROM payoff.ingest_ledger`).Scan(&rows) == nil && rows > 0
	})
	w.loaded(s, c)
}

// inOrder checks that the commits of each repository stand in the log in the order
// in which they were accepted. One may stand there again; its first place counts.
func (w *world) inOrder(c *kafka.Client) {
	t := w.t
	last, seen := map[string]int64{}, map[string]bool{}
	for _, b := range w.bounds(c) {
		if b.Topic != rollup.EventsTopic {
			continue
		}
		err := c.Read(t.Context(), b.Topic, int(b.Partition), b.First, b.Next, func(recs []transport.Record) error {
			for _, r := range recs {
				e, err := events.Decode(r.Value)
				if err != nil {
					return err
				}
				if e.Kind != events.CommitRecorded || seen[e.Subject] {
					continue
				}
				seen[e.Subject] = true
				n, err := strconv.ParseInt(e.Subject[16:], 16, 64)
				if err != nil {
					return err
				}
				if key := string(r.Key); n != last[key] {
					t.Errorf("in %s, commit %d stands where %d is due", key, n, last[key])
					last[key] = n + 1
				} else {
					last[key]++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(last) < 2 {
		t.Errorf("%d keys are no test of order", len(last))
	}
}

func (w *world) count(s *store.Store, sql string) (n uint64) {
	w.t.Helper()
	if err := s.Conn().QueryRow(w.t.Context(), sql).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// largeRecords are n commits from the first on, of about 4 kB that no compression
// makes smaller, as ingest would publish them: one that it made, with other hashes.
func (w *world) largeRecords(first, n int) []transport.Record {
	const parents, hash = 60, 64
	subject, parent := strings.Repeat("a", 40), strings.Repeat("b", hash)
	list := strings.TrimSuffix(strings.Repeat(`"`+parent+`",`, parents), ",")
	model := canonical(w.t, fmt.Sprintf(`{"specversion":"1.0","id":"l","source":"/large","type":"dev.cdeventsx.payoff-commit.recorded.0.1.0","time":"2026-01-01T00:00:00Z","data":{"subject":{"id":%q,"content":{"repository":{"id":"acme/large"},"committerTime":"2026-01-01T00:00:00Z","parents":[%s]}}}}`, subject, list))[0]
	e, err := events.Decode(model.Value)
	if err != nil {
		w.t.Fatal(err)
	}
	rng := rand.NewChaCha8([32]byte{byte(first >> 8)})
	raw := make([]byte, parents*hash/2)
	recs := make([]transport.Record, n)
	around := strings.Split(string(model.Value), parent) // what stands before and after each
	for i := range recs {
		_, _ = rng.Read(raw) // never fails
		value := make([]byte, 0, len(model.Value))
		for p, text := range around {
			if text != `","` {
				text = strings.Replace(text, e.ID, fmt.Sprintf("%08x-0000-4000-8000-000000000000", first+i), 1)
				text = strings.ReplaceAll(text, subject, fmt.Sprintf("%040x", first+i))
			}
			value = append(value, text...)
			if p < parents {
				value = hex.AppendEncode(value, raw[p*hash/2:(p+1)*hash/2])
			}
		}
		recs[i] = transport.Record{Topic: rollup.EventsTopic, Key: fmt.Appendf(nil, "large%d", i%16), Value: value}
	}
	return recs
}

// smallEvents is n commits as lines of JSON.
func smallEvents(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"specversion":"1.0","id":"s%d","source":"/small","type":"dev.cdeventsx.payoff-commit.recorded.0.1.0","time":"2026-01-01T00:00:00Z","data":{"subject":{"id":"%040x","content":{"repository":{"id":"acme/small%d"},"committerTime":"2026-01-01T00:00:00Z"}}}}`+"\n", i, i, i%16)
	}
	return b.String()
}

// canonical is what ingest makes of posted events.
func canonical(t testing.TB, ndjsonBody string) []transport.Record {
	t.Helper()
	people, err := seal.NewPseudonymiser(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	p, err := instance.Protector(config.Config{}, instance.Keys{People: people})
	if err != nil {
		t.Fatal(err)
	}
	var recs []transport.Record
	err = eachBatch(strings.NewReader(ndjsonBody), func(body []byte, _ []int) error {
		drafts, _, err := cloudevents.Parse(collect.Delivery{Source: "test", Header: ndjson, Body: body, ReceivedAt: time.Unix(1_770_000_000, 0)})
		if err != nil {
			return err
		}
		evs, err := p.Protect(drafts)
		if err != nil {
			return err
		}
		for i := range evs {
			value, err := events.Encode(&evs[i])
			if err != nil {
				return err
			}
			recs = append(recs, transport.Record{Topic: rollup.EventsTopic, Key: []byte(evs[i].Key()), Value: value})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return recs
}

// settledRSS is the memory of a process in bytes, once it has stopped growing.
func settledRSS(t testing.TB, pid int) int {
	t.Helper()
	const still = 1500 * time.Millisecond
	most, since := 0, time.Now()
	eventually(t, "memory to settle", func() bool {
		if now := rss(t, pid); now > most+1<<20 {
			most, since = now, time.Now()
		}
		return time.Since(since) > still
	})
	return most
}

func rss(t testing.TB, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(b), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// logged reports whether the process has written the text to its log.
func (p *process) logged(text string) bool { return strings.Contains(p.log.String(), text) }

func removeAll(t *testing.T, dir string) {
	t.Helper()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}
