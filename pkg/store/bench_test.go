package store

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/payoff-metrics/payoff/pkg/events"
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
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+2:]))
	var ticks int
	for _, s := range f[11:13] {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), time.Duration(ticks) * 10 * time.Millisecond
}

func benchRecord(b *testing.B, n int) arrow.Record {
	nb := events.NewBuilder(memory.DefaultAllocator)
	defer nb.Release()
	for i := range n {
		d := draft(i)
		d.Subject = fmt.Sprint("service-", i%200)
		e, err := events.New(d)
		if err != nil {
			b.Fatal(err)
		}
		r, err := events.NewRow(e)
		if err != nil {
			b.Fatal(err)
		}
		r.LogEpoch, r.Topic, r.Offset, r.LoadedAt = 1, "payoff.events", int64(i), day
		nb.Append(&r)
	}
	return nb.Record()
}

// per reports the figures of n rows.
func per(b *testing.B, pid int, rows int, f func()) {
	s0, e0 := cpu(b, pid)
	start := time.Now()
	f()
	wall := time.Since(start)
	s1, e1 := cpu(b, pid)
	n := float64(rows)
	b.ReportMetric(n/wall.Seconds(), "rows/s")
	b.ReportMetric(float64((s1-s0).Nanoseconds())/n, "client-cpu-ns/row")
	b.ReportMetric(float64((e1-e0).Nanoseconds())/n, "engine-cpu-ns/row")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkInsertEvents(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000, 50_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rec := benchRecord(b, n)
			s, e := migrated(b)
			b.ResetTimer()
			per(b, e.Pid(), b.N*n, func() {
				for range b.N {
					if err := s.InsertEvents(b.Context(), rec); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkFillEvents(b *testing.B) {
	const n = 50_000
	rec := benchRecord(b, n)
	s, e := migrated(b)
	if err := s.InsertEvents(b.Context(), rec); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	per(b, e.Pid(), b.N*n, func() {
		for range b.N {
			if err := s.FillEvents(b.Context(), Span{Partition{1, "payoff.events", 0}, 0, n}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
