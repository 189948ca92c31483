package ingest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/ingest"
	"github.com/payoff-metrics/payoff/pkg/spool"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// subjects returns the subjects of published events, in order.
func (k *fakeKafka) subjects(t testing.TB) (out []string) {
	t.Helper()
	for _, rec := range k.topic(ingest.EventsTopic) {
		e, err := events.Decode(rec.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Subject)
	}
	return out
}

// TestKafkaDown: the answer stays 202, readiness stays, and all comes in order
// when Kafka is back.
func TestKafkaDown(t *testing.T) {
	r := newRig(t, nil)
	r.kafka.set(true, nil)
	var want []string
	for i := range 50 {
		service := fmt.Sprintf("service-%02d", i)
		want = append(want, service)
		if a := r.post(ciToken, "application/cloudevents+json", event(fmt.Sprint(i), service)); a.status != 202 {
			t.Fatalf("while Kafka is down: %d %s", a.status, a.body)
		}
	}
	until(t, "readyz shows that Kafka is down", func() bool {
		a := r.do("GET", "/readyz", "")
		return a.status == 200 && a.field(t, "kafka") == "unavailable" && a.field(t, "waiting") == "50"
	})
	if r.server.Drained() {
		t.Error("drained while Kafka is down")
	}
	r.kafka.set(false, nil)
	r.drained()
	if got := r.kafka.subjects(t); strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("in Kafka: %v", got)
	}
	if !r.server.Drained() {
		t.Error("not drained")
	}
	if a := r.do("GET", "/readyz", ""); a.field(t, "kafka") != "ok" {
		t.Errorf("after Kafka is back: %s", a.body)
	}
}

// TestPartialFailure: what Kafka took is not sent again, and what it did not
// take keeps its order.
func TestPartialFailure(t *testing.T) {
	r := newRig(t, nil)
	left := map[string]int{}
	r.kafka.set(false, func(rec transport.Record) error {
		if rec.Topic == ingest.EventsTopic && strings.Contains(string(rec.Value), "odd") && left["odd"] < 200 {
			left["odd"]++
			return transport.ErrUnavailable
		}
		return nil
	})
	evs := make([]events.Event, 0, 100)
	for i := range 50 {
		evs = append(evs, canonical(t, fmt.Sprintf("even-%02d", i), 1)[0], canonical(t, fmt.Sprintf("odd-%02d", i), 1)[0])
	}
	if err := r.server.Accept(t.Context(), evs); err != nil {
		t.Fatal(err)
	}
	r.drained()
	seen := map[string][]string{}
	for _, s := range r.kafka.subjects(t) {
		kind, n, _ := strings.Cut(s, "-")
		seen[kind] = append(seen[kind], n)
	}
	for kind, got := range seen {
		for i, n := range got {
			if n != fmt.Sprintf("%02d", i) {
				t.Fatalf("%s came as %v", kind, got)
			}
		}
		if len(got) != 50 {
			t.Errorf("%d of kind %s, want 50", len(got), kind)
		}
	}
}

// TestRejected: what Kafka will never take holds up nothing and is not lost.
func TestRejected(t *testing.T) {
	r := newRig(t, nil)
	r.kafka.set(false, func(rec transport.Record) error {
		if strings.Contains(string(rec.Value), "huge") {
			return transport.ErrTooLarge
		}
		return nil
	})
	for _, service := range []string{"a", "huge", "b"} {
		if err := r.server.Accept(t.Context(), canonical(t, service, 1)); err != nil {
			t.Fatal(err)
		}
	}
	r.drained()
	if got := strings.Join(r.kafka.subjects(t), ","); got != "a,b" {
		t.Errorf("in Kafka: %s", got)
	}
	files, err := filepath.Glob(filepath.Join(r.options.Dir, "rejected", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	b, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var kept struct {
		Topic      string
		Key, Value []byte
		Headers    map[string]string
	}
	if err := json.Unmarshal(b, &kept); err != nil {
		t.Fatal(err)
	}
	if e, err := events.Decode(kept.Value); err != nil || e.Subject != "huge" || kept.Topic != ingest.EventsTopic || kept.Headers["ce_id"] != e.ID || string(kept.Key) != e.Key() {
		t.Errorf("kept: %v, %+v", err, kept)
	}
	if !strings.Contains(r.log.String(), "Kafka will not take a record") {
		t.Error("it is not told of in the log")
	}
}

// TestFull: a full log answers 503 with Retry-After, loses nothing that it
// accepted, and takes again once it is drained.
func TestFull(t *testing.T) {
	r := newRig(t, func(o *ingest.Options) { o.MaxLog = 1 << 20 })
	r.kafka.set(true, nil)
	var accepted []string
	for i := 0; ; i++ {
		if i > 5000 {
			t.Fatal("the log took 5000 events in 1 MiB")
		}
		id := fmt.Sprintf("s%d", i)
		a := r.post(ciToken, "application/cloudevents+json", event(id, id))
		if a.status == 202 {
			accepted = append(accepted, id)
			continue
		}
		if a.status != 503 || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "full") {
			t.Fatalf("full: %d %v %s", a.status, a.header, a.body)
		}
		break
	}
	if a := r.do("GET", "/readyz", ""); a.status != 503 || !strings.Contains(a.body, "full") {
		t.Errorf("readyz: %d %s", a.status, a.body)
	}
	if err := r.server.Accept(t.Context(), canonical(t, "x", 2000)); !errors.Is(err, spool.ErrFull) {
		t.Errorf("Accept: %v", err)
	}
	r.kafka.set(false, nil)
	r.drained()
	if got := r.kafka.subjects(t); strings.Join(got, ",") != strings.Join(accepted, ",") {
		t.Errorf("%d events in Kafka, want the %d accepted", len(got), len(accepted))
	}
	if a := r.post(ciToken, "application/cloudevents+json", event("after", "after")); a.status != 202 {
		t.Errorf("after draining: %d %s", a.status, a.body)
	}
}

// TestRecordTooLarge: a delivery larger than the log's segments is refused for
// good.
func TestRecordTooLarge(t *testing.T) {
	r := newRig(t, func(o *ingest.Options) { o.MaxLog = 1 << 20 })
	if a := r.github("push", `{"x":"`+strings.Repeat("x", 300<<10)+`"}`); a.status != 413 || !strings.Contains(a.body, "max_log") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// TestDamagedSegment: what can be read is published, what cannot is kept aside
// and counted.
func TestDamagedSegment(t *testing.T) {
	r := newRig(t, nil)
	r.kafka.set(true, nil)
	for i := range 20 {
		if err := r.server.Accept(t.Context(), canonical(t, fmt.Sprintf("s%02d", i), 1)); err != nil {
			t.Fatal(err)
		}
	}
	r.stop()
	damaged := 0
	for path, b := range stored(t, filepath.Join(r.options.Dir, "log")) {
		if at := strings.Index(string(b), "s10"); at >= 0 {
			b[at] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			damaged++
		}
	}
	if damaged != 1 {
		t.Fatalf("%d files hold the record", damaged)
	}
	r.kafka.set(false, nil)
	r.start()
	r.drained()
	var want []string
	for i := range 20 {
		if i != 10 {
			want = append(want, fmt.Sprintf("s%02d", i))
		}
	}
	if got := r.kafka.subjects(t); strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("in Kafka: %v", got)
	}
	if text := r.do("GET", "/metrics", "").body; !strings.Contains(text, "payoff_ingest_log_corrupt_total 1\n") {
		t.Error("the damage is not counted")
	}
	if !strings.Contains(r.log.String(), "damaged bytes") {
		t.Error("the damage is not told of")
	}
}

// TestNothingAcceptedIsLost sends from several clients through restarts while
// Kafka fails at random: all that got a 202 is in Kafka at the end, and each
// client's events about its service are in its order.
func TestNothingAcceptedIsLost(t *testing.T) {
	r := newRig(t, nil)
	rng := rand.New(rand.NewPCG(1, 2)) // under the lock of kafka
	r.kafka.set(false, func(transport.Record) error {
		if rng.IntN(50) == 0 {
			return transport.ErrUnavailable
		}
		return nil
	})
	const clients, rounds, each = 4, 4, 40
	var accepted [clients][]string
	var refused atomic.Int64
	for round := range rounds {
		var wg sync.WaitGroup
		server := r.server
		for c := range clients {
			wg.Go(func() {
				for i := range each {
					id := fmt.Sprintf("%d-%d-%d", c, round, i)
					e := event(id, fmt.Sprintf("service-%d", c))
					a := r.post(ciToken, "application/cloudevents+json", e)
					if a.status == 202 {
						accepted[c] = append(accepted[c], id)
					} else {
						refused.Add(1)
					}
				}
			})
		}
		wg.Wait()
		if server != r.server {
			t.Fatal("the server changed")
		}
		r.stop() // with whatever is left in the log
		r.start()
	}
	r.kafka.set(false, nil)
	r.drained()
	if refused.Load() > 0 {
		t.Errorf("%d were refused", refused.Load())
	}
	place := map[string]int{}
	for i, rec := range r.kafka.topic(ingest.EventsTopic) {
		e, err := events.Decode(rec.Value)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := place[e.ID]; !ok {
			place[e.ID] = i
		}
	}
	for c := range clients {
		last := -1
		for _, id := range accepted[c] {
			at, ok := place[events.NewID("/ci", events.ServiceDeployed, "/ci", id)]
			if !ok {
				t.Fatalf("event %s was accepted and is not in Kafka", id)
			}
			if at < last {
				t.Fatalf("event %s came before one accepted earlier", id)
			}
			last = at
		}
	}
}

// TestAcceptMany: a large import is a few records of the log, in order.
func TestAcceptMany(t *testing.T) {
	r := newRig(t, nil)
	r.kafka.set(true, nil)
	const n = 20_000
	if err := r.server.Accept(t.Context(), canonical(t, "shop", n)); err != nil {
		t.Fatal(err)
	}
	if a := r.do("GET", "/readyz", ""); a.field(t, "waiting") == "" || len(a.field(t, "waiting")) > 2 {
		t.Errorf("%s records for %d events, want a few", a.field(t, "waiting"), n)
	}
	r.kafka.set(false, nil)
	r.drained()
	recs := r.kafka.topic(ingest.EventsTopic)
	if len(recs) != n {
		t.Fatalf("%d events, want %d", len(recs), n)
	}
	last := ""
	for _, rec := range recs {
		at := header(rec, "ce_time")
		if at <= last {
			t.Fatalf("%s after %s", at, last)
		}
		last = at
	}
	if n := len(r.kafka.topic(ingest.DeliveriesTopic)); n != 0 {
		t.Errorf("%d deliveries of events that had none", n)
	}
}
