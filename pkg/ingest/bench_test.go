package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/ingest"
	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/broker"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

// discard is a Kafka that takes everything and keeps nothing.
type discard struct{ n atomic.Int64 }

func (d *discard) Publish(_ context.Context, recs []transport.Record) error {
	d.n.Add(int64(len(recs)))
	return nil
}

// webhook is a signed deployment status of 1 KB.
func webhook(b testing.TB, i int) (body []byte, sig string) {
	b.Helper()
	text := fmt.Sprintf(`{"action":"created","deployment_status":{"id":%d,"state":"success","environment":"production","created_at":"2026-03-02T08:00:55Z","updated_at":"2026-03-02T08:00:55Z"},`+
		`"deployment":{"id":%d,"sha":"f95f852bd8fca8fcc58a9a2d6c842781e32a215e","ref":"main","task":"deploy","payload":{},"original_environment":"production","environment":"production","description":"%s",`+
		`"creator":{"login":"octocat","id":1,"type":"User"},"created_at":"2026-03-02T08:00:53Z","updated_at":"2026-03-02T08:00:55Z"},`+
		`"repository":{"id":1,"name":"payments","full_name":"acme/payments","default_branch":"main"}}`, i, i, strings.Repeat("x", 380))
	return []byte(text), "sha256=" + signature(hookSecret, text)
}

// cpu is the time this process has spent on the processors.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// load sends b.N requests by a number of senders at once, and reports requests
// a second, processor time a request, and the slowest of a hundred.
func load(b *testing.B, senders int, send func(i int)) {
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	runtime.GC()
	began, used := time.Now(), cpu()
	b.ResetTimer()
	for range senders {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				at := time.Now()
				send(i)
				took[i] = time.Since(at)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	elapsed := time.Since(began)
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/elapsed.Seconds(), "req/s")
	b.ReportMetric(float64((cpu()-used).Microseconds())/float64(b.N), "cpu-µs/req")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

func request(b testing.TB, url string, i int) *http.Request {
	body, sig := webhook(b, i)
	req, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "X-Github-Event": {"deployment_status"}, "X-Hub-Signature-256": {sig}}
	return req
}

// quiet has no debug log, and is not slowed by limits.
func quiet(o *ingest.Options) {
	o.Log = nil
	o.Publisher = &discard{}
	o.Endpoints[0].Limits.InFlight = 4096
}

// BenchmarkHandler is the edge without the network: a signed webhook of 1 KB,
// verified, normalised, sealed and synced before the 202.
func BenchmarkHandler(b *testing.B) {
	for _, senders := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("senders=%d", senders), func(b *testing.B) {
			r := newRig(b, quiet)
			h := r.server.Handler()
			reqs := make([]*http.Request, b.N)
			for i := range reqs {
				reqs[i] = request(b, "http://x/v1/hooks/github/main", i)
			}
			load(b, senders, func(i int) {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, reqs[i])
				if w.Code != 202 {
					b.Error(w.Code, w.Body)
				}
			})
		})
	}
}

// BenchmarkEdge is the same over the loopback, its client on the same machine.
func BenchmarkEdge(b *testing.B) {
	for _, engine := range []string{"none", "broker"} {
		for _, senders := range []int{16, 128} {
			b.Run(fmt.Sprintf("kafka=%s/senders=%d", engine, senders), func(b *testing.B) {
				r := newRig(b, func(o *ingest.Options) {
					quiet(o)
					if engine == "broker" {
						o.Publisher = embedded(b)
					}
				})
				client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders, DisableCompression: true}}
				b.Cleanup(client.CloseIdleConnections)
				reqs := make([]*http.Request, b.N)
				for i := range reqs {
					reqs[i] = request(b, r.url("/v1/hooks/github/main"), i)
				}
				load(b, senders, func(i int) {
					resp, err := client.Do(reqs[i])
					if err != nil {
						b.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != 202 {
						b.Error(resp.StatusCode)
					}
				})
				began := time.Now()
				if err := r.server.WaitDrained(b.Context()); err != nil {
					b.Error(err)
				}
				b.ReportMetric(time.Since(began).Seconds(), "drain-s")
			})
		}
	}
}

// embedded starts a broker and connects to it.
func embedded(b testing.TB) transport.Client {
	b.Helper()
	br, err := broker.Start(broker.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { br.Close() })
	c, err := kafka.Open(b.Context(), kafka.Options{Brokers: []string{br.Addr()}, Dial: br.Dial})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	var specs []transport.TopicSpec
	for _, name := range []string{ingest.EventsTopic, ingest.DeliveriesTopic, ingest.DeadTopic} {
		specs = append(specs, transport.TopicSpec{Name: name, Partitions: 4})
	}
	if err := c.EnsureTopics(b.Context(), specs); err != nil {
		b.Fatal(err)
	}
	return c
}

// BenchmarkAccept is an import in this process, 10,000 events at once.
func BenchmarkAccept(b *testing.B) {
	r := newRig(b, quiet)
	evs := canonical(b, "shop", 10_000)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := r.server.Accept(b.Context(), evs); err != nil {
			b.Fatal(err)
		}
		n += len(evs)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkCanonical is an import by another process, 10,000 lines a request.
func BenchmarkCanonical(b *testing.B) {
	r := newRig(b, quiet)
	body := lines(b, canonical(b, "shop", 10_000))
	n := 0
	for b.Loop() {
		if a := r.do("POST", "/v1/canonical", body, "Content-Type", "application/x-ndjson", "Authorization", "Bearer "+canonicalToken); a.status != 202 {
			b.Fatal(a.status, a.body)
		}
		n += 10_000
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// TestWithBroker brings deliveries through the embedded broker, and reads them
// back.
func TestWithBroker(t *testing.T) {
	c := embedded(t)
	r := newRig(t, func(o *ingest.Options) { o.Publisher = c })
	if a := r.github("push", payload(t, "github/testdata/push.forced.json")); a.status != 202 {
		t.Fatal(a.body)
	}
	if a := r.github("push", "{"); a.status != 202 {
		t.Fatal(a.body)
	}
	if err := r.server.Accept(t.Context(), canonical(t, "shop", 5000)); err != nil {
		t.Fatal(err)
	}
	r.drained()
	count := func(topic string) (n int) {
		offsets, err := c.Offsets(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range offsets {
			last := ""
			err := c.Read(t.Context(), topic, o.Partition, o.First, o.Next, func(recs []transport.Record) error {
				for _, rec := range recs {
					n++
					if topic != ingest.EventsTopic {
						continue
					}
					e, err := events.Decode(rec.Value)
					if err != nil {
						return err
					}
					if e.Subject == "shop" {
						if at := header(rec, "ce_time"); at <= last {
							return fmt.Errorf("%s after %s", at, last)
						} else {
							last = at
						}
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return n
	}
	for topic, want := range map[string]int{ingest.EventsTopic: 5003, ingest.DeliveriesTopic: 1, ingest.DeadTopic: 1} {
		if got := count(topic); got != want {
			t.Errorf("%d records on %s, want %d", got, topic, want)
		}
	}
}
