package spool

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// BenchmarkAppend reports what a receiver sees: appends of 1 KiB a second, each
// on stable storage, and their latency.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchmarkAppend(b, writers) })
	}
}

func benchmarkAppend(b *testing.B, writers int) {
	l, err := Open(Options{Dir: b.TempDir(), Now: time.Now, MaxBytes: 64 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(b.Context())
	drained := drainAll(b, ctx, l)
	r := Record{Time: time.Unix(1, 0), Kind: 1, Payload: make([]byte, 1<<10)}
	took := make([][]time.Duration, writers)
	for w := range took {
		took[w] = make([]time.Duration, 0, b.N/writers+1)
	}
	b.ReportAllocs()
	b.SetBytes(1 << 10)
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range writers {
		n := b.N / writers
		if w < b.N%writers {
			n++
		}
		wg.Go(func() {
			for range n {
				start := time.Now()
				if _, err := l.Append(ctx, r); err != nil {
					b.Error(err)
					return
				}
				took[w] = append(took[w], time.Since(start))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	cancel()
	<-drained
	all := slices.Concat(took...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(b.N)/float64(l.Stats().Commits), "records/fsync")
}

// drainAll reads and acknowledges beside the appenders, as in the process.
func drainAll(b *testing.B, ctx context.Context, l *Log) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			batch, err := l.Next(ctx)
			if err != nil {
				return // ctx is done
			}
			if err := l.Ack(batch.End()); err != nil {
				b.Error(err)
			}
		}
	}()
	return done
}
