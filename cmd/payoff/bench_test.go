package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dashboard"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// BenchmarkEventToQueryable is the time from posting an event to its first
// appearance in payoff.events, through the processes of a cluster with the
// rollup's own defaults, while four others send batches of 21 events as fast as
// they are answered and 5 ms later again. It reports the memory of each process,
// too: at rest, and the most under that load.
func BenchmarkEventToQueryable(b *testing.B) {
	w := newWorld(b)
	config, err := os.ReadFile(w.ingest.setting.Config)
	if err != nil {
		b.Fatal(err)
	}
	write(b, w.ingest.setting.Config, strings.Replace(string(config), hurried, "", 1))
	w.startAll()
	s, _ := w.connect()
	eventually(b, "the loaders to begin", func() bool { e, err := s.CurrentEpoch(b.Context()); return err == nil && e.Number > 0 })
	w.probe(s, -1)
	rest := make(map[string]int)
	for name, pid := range w.pids() {
		rest[name] = settledRSS(b, pid)
	}
	stop := w.send(1)
	w.awaitAnswers(50)
	most := make(map[string]int)
	var took []time.Duration
	sentBefore, began := w.answered.Load(), time.Now()
	for i := 0; b.Loop(); i++ {
		took = append(took, w.probe(s, i))
		for name, pid := range w.pids() {
			most[name] = max(most[name], rss(b, pid))
		}
	}
	b.ReportMetric(float64(w.answered.Load()-sentBefore)*21/time.Since(began).Seconds(), "background-events/s")
	stop()
	for name, n := range most {
		b.ReportMetric(float64(rest[name]>>20), name+"-rest-MB")
		b.ReportMetric(float64(n>>20), name+"-load-MB")
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "p99-ms")
}

var panelsData = flag.String("panels.data", "", "data directory of an example that BenchmarkPanels asks; a small one is made without")

// BenchmarkPanels is how long the queries of all dashboards take as a reader, by
// every bucket, for the whole and for some services, on an example; it asks for a
// minute. The five slowest are told with -v.
func BenchmarkPanels(b *testing.B) {
	dir := *panelsData
	if dir == "" {
		dir = b.TempDir()
		must(b, "demo", "--once", "--teams", "10", "--data", dir)
	}
	for b.Loop() {
		var res timed
		if err := json.Unmarshal([]byte(must(b, "dashboards", "time", "--json", "--for", "1m", "--data", dir)), &res); err != nil {
			b.Fatal(err)
		}
		slowest := dashboard.Slowest(res.Timings, 5)
		for _, t := range slowest {
			b.Logf("%s, %s: half of %d runs took at most %v, 95 %% at most %v", t.Dashboard, t.Panel, t.Runs, t.P50, t.P95)
		}
		b.ReportMetric(float64(res.P50.Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(res.P95.Microseconds())/1000, "p95-ms")
		b.ReportMetric(float64(slowest[0].P95.Microseconds())/1000, "slowest-p95-ms")
	}
}

// probe posts the n-th event of its own and waits until it can be read.
func (w *world) probe(s *store.Store, n int) time.Duration {
	subject := fmt.Sprintf("%040x", 1_000_000+n)
	began := time.Now()
	body := fmt.Sprintf(`{"specversion":"1.0","id":"probe-%d","source":"/probe","type":"dev.cdeventsx.payoff-commit.recorded.0.1.0","time":"2026-02-01T00:00:00Z",`+
		`"data":{"subject":{"id":%q,"content":{"repository":{"id":"acme/probe"},"committerTime":"2026-02-01T00:00:00Z","authorTime":"2026-02-01T00:00:00Z"}}}}`+"\n", n, subject)
	eventually(w.t, "the event to be accepted", func() bool { return w.postBatch(w.t.Context(), http.DefaultClient, body) })
	eventually(w.t, "the event to be read", func() bool {
		var there uint64
		err := s.Conn().QueryRow(context.Background(), "SELECT count() FROM payoff.events WHERE subject = $1", subject).Scan(&there)
		return err == nil && there == 1
	})
	return time.Since(began)
}

// pids are the processes by name; the engine is the child that ClickHouse runs in.
func (w *world) pids() map[string]int {
	out := map[string]int{"ingest": w.ingest.pid(), "broker": w.broker.pid(), "loader": w.loaders[0].pid(), "facade": w.engine.pid()}
	for _, child := range children(w.engine.pid()) {
		out["engine"] = child
	}
	return out
}
