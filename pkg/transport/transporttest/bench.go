package transporttest

import (
	"context"
	"fmt"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// benchValue is as large as a small event, and compresses like one.
var benchValue = fmt.Appendf(nil, `{"specversion":"1.0","type":"dev.payoff.deploy.finished","source":"/ci/pipelines","subject":"payments/4711","data":{"service":"payments","environment":"production","outcome":"success","revision":"%x","trailer":"%x"}}`, noise(20), noise(140))

// RunBenchmarks measures an engine: publishing, in records of about 560 bytes,
// and reading them.
func RunBenchmarks(b *testing.B, open func(testing.TB) transport.Client) {
	for _, batch := range []int{1, 100, 1_000, 10_000} {
		for _, writers := range []int{1, 4} {
			b.Run(fmt.Sprintf("Publish/batch=%d/writers=%d", batch, writers), func(b *testing.B) {
				benchPublish(b, open, batch, writers)
			})
		}
	}
	b.Run("Read", func(b *testing.B) { benchRead(b, open) })
	b.Run("Fetch", func(b *testing.B) { benchFetch(b, open) })
}

func benchRecords(topic string, n int) []transport.Record {
	recs := make([]transport.Record, n)
	for i := range recs {
		recs[i] = transport.Record{Topic: topic, Key: fmt.Append(nil, "service-", i%97), Value: benchValue}
	}
	return recs
}

func perSecond(b *testing.B, records int) {
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}

func benchPublish(b *testing.B, open func(testing.TB) transport.Client, batch, writers int) {
	ctx, c, topic := setup(b, Engine{Open: open}, 4)
	recs := benchRecords(topic, batch)
	b.SetParallelism(writers)
	b.ReportAllocs()
	b.ResetTimer()
	if writers == 1 {
		for b.Loop() {
			publish(b, ctx, c, recs...)
		}
	} else {
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := c.Publish(ctx, recs); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	perSecond(b, b.N*batch)
}

const benchStock = 200_000

func stock(b *testing.B, open func(testing.TB) transport.Client) (context.Context, transport.Client, string) {
	ctx, c, topic := setup(b, Engine{Open: open}, 1)
	recs := benchRecords(topic, 10_000)
	for range benchStock / len(recs) {
		publish(b, ctx, c, recs...)
	}
	return ctx, c, topic
}

func benchRead(b *testing.B, open func(testing.TB) transport.Client) {
	ctx, c, topic := stock(b, open)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		n := 0
		err := c.Read(ctx, topic, 0, 0, benchStock, func(recs []transport.Record) error {
			n += len(recs)
			return nil
		})
		if err != nil || n != benchStock {
			b.Fatal(n, err)
		}
	}
	perSecond(b, b.N*benchStock)
}

func benchFetch(b *testing.B, open func(testing.TB) transport.Client) {
	ctx, c, topic := stock(b, open)
	inGeneration(b, ctx, c, topic, func(ctx context.Context, g transport.Generation) {
		b.ResetTimer()
		for b.Loop() {
			f := g.Fetch(ctx, transport.TopicPartition{Topic: topic}, 0)
			for n := 0; n < benchStock; {
				recs, err := f.Next(ctx)
				if err != nil {
					b.Fatal(err)
				}
				n += len(recs)
			}
			f.Close()
		}
		perSecond(b, b.N*benchStock)
	})
}
