package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

// cpu is the processor time that this process and process pid have used.
func cpu(t testing.TB, pid int) (self, engine time.Duration) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	ticks := 0
	for _, s := range fields[11:13] {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), time.Duration(ticks) * 10 * time.Millisecond
}

// BenchmarkCatchUp loads a log that is there already, embedded broker and engine
// included, with all that exactly once takes. events/s/core is per second of
// processor time, whoever used it.
func BenchmarkCatchUp(b *testing.B) {
	const n = 500_000
	r := newRig(b)
	batch := make([]transport.Record, 0, 5000)
	size := 0
	for i := range n {
		e := event(b, i, 1)
		rec := transport.Record{Topic: "payoff.events", Key: []byte(events.EntityKey("service", fmt.Sprint(i%100)))}
		var err error
		if rec.Value, err = events.Encode(&e); err != nil {
			b.Fatal(err)
		}
		size += len(rec.Value)
		if batch = append(batch, rec); len(batch) == cap(batch) {
			r.publish(b, batch...)
			batch = batch[:0]
		}
	}
	o := Options{Transport: openLogWith(b, kafka.Options{Brokers: []string{r.broker.Addr()}}), Store: r.store}
	for range b.N {
		if b.N > 1 {
			b.Fatal("run it with -benchtime 1x: it loads a log once")
		}
		b.ResetTimer()
		self0, engine0 := cpu(b, r.engine.Pid())
		start := time.Now()
		r.catchUp(b, o)
		wall := time.Since(start)
		self1, engine1 := cpu(b, r.engine.Pid())
		used := self1 - self0 + engine1 - engine0
		b.ReportMetric(float64(size)/n, "bytes/event")
		b.ReportMetric(n/wall.Seconds(), "events/s")
		b.ReportMetric(n/used.Seconds(), "events/s/core")
		b.ReportMetric(float64((self1-self0).Nanoseconds())/n, "loader+broker-ns/event")
		b.ReportMetric(float64((engine1-engine0).Nanoseconds())/n, "engine-ns/event")
		b.ReportMetric(0, "ns/op")
	}
	r.expect(b, n, 0, 0, 0)
}
