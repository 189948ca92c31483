package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

func testOrder(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 3)
	recs := numbered(topic, 2_000, 17)
	for part := range slices.Chunk(recs, 300) {
		publish(t, ctx, c, part...)
	}
	checkOrder(t, readAll(t, ctx, c, topic), len(recs))
}

// checkOrder checks that all want numbered records are there once, that offsets
// have no gaps, and that each key stays on its partition and in order.
func checkOrder(t testing.TB, recs []transport.Record, want int) {
	t.Helper()
	if len(recs) != want {
		t.Errorf("read %d records, want %d", len(recs), want)
	}
	seen := map[string]bool{}
	last := map[string]int{}
	home := map[string]int{}
	next := map[int]int64{}
	for _, r := range recs {
		key, value := string(r.Key), string(r.Value)
		if seen[value] {
			t.Fatalf("value %s was written twice", value)
		}
		seen[value] = true
		n, err := strconv.Atoi(value)
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := last[key]; ok && n <= before {
			t.Fatalf("key %s: %d comes after %d", key, n, before)
		}
		last[key] = n
		if p, ok := home[key]; ok && p != r.Partition {
			t.Fatalf("key %s is on partitions %d and %d", key, p, r.Partition)
		}
		home[key] = r.Partition
		if r.Offset != next[r.Partition] {
			t.Fatalf("partition %d has offset %d where %d was due", r.Partition, r.Offset, next[r.Partition])
		}
		next[r.Partition]++
	}
}

func testFields(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 1)
	// Recent, or retention would delete it; with milliseconds, to see them kept.
	at := time.Now().Add(-time.Hour).UTC().Truncate(time.Second).Add(123 * time.Millisecond)
	want := []transport.Record{
		{Topic: topic, Key: []byte("k"), Value: []byte("v"), Time: at, Headers: []transport.Header{
			{Key: "ce_id", Value: []byte("1")}, {Key: "twice", Value: []byte("a")}, {Key: "twice", Value: []byte("b")},
		}},
		{Topic: topic, Key: []byte{}, Value: []byte{}, Time: at.Add(-time.Minute), Headers: []transport.Header{{Key: "empty", Value: []byte{}}}},
		{Topic: topic, Value: []byte("no key"), Time: at.Add(time.Minute)},
		{Topic: topic, Key: []byte("no value"), Time: at},
		{Topic: topic, Key: []byte{0, 0xff, '\n'}, Value: bytes.Repeat([]byte{0xfe, 0}, 1000), Time: at},
	}
	publish(t, ctx, c, want...)
	before := time.Now().Add(-time.Minute)
	publish(t, ctx, c, transport.Record{Topic: topic, Value: []byte("now")})

	got := readAll(t, ctx, c, topic)
	if len(got) != len(want)+1 {
		t.Fatalf("read %d records, want %d", len(got), len(want)+1)
	}
	now := got[len(want)].Time
	if now.Before(before) || now.After(time.Now().Add(time.Minute)) {
		t.Errorf("a record without a time was given %v", now)
	}
	for i := range want {
		want[i].Offset = int64(i)
		got[i].Time = got[i].Time.UTC()
	}
	if d := cmp.Diff(want, got[:len(want)]); d != "" {
		t.Errorf("read what was not published (-published +read):\n%s", d)
	}
}

// testSpread checks that keys go where Java's partitioner sends them, so that
// producers in other languages agree. The hashes are those of testMurmur2 in
// Kafka's own UtilsTest.
func testSpread(t *testing.T, e Engine) {
	const partitions = 6
	ctx, c, topic := setup(t, e, partitions)
	hashes := map[string]int32{
		"21":                         -973932308,
		"foobar":                     -790332482,
		"a-little-bit-long-string":   -985981536,
		"a-little-bit-longer-string": -1486304829,
		"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	}
	want := map[string]int{}
	var recs []transport.Record
	for key, hash := range hashes {
		want[key] = int(hash&math.MaxInt32) % partitions
		recs = append(recs, transport.Record{Topic: topic, Key: []byte(key)})
	}
	publish(t, ctx, c, recs...)
	got := map[string]int{}
	for _, r := range readAll(t, ctx, c, topic) {
		got[string(r.Key)] = r.Partition
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("partitions (-Java's +ours):\n%s", d)
	}
}

func testTogether(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 2)
	const writers, each = 16, 50
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				err := c.Publish(ctx, []transport.Record{{
					Topic: topic, Key: fmt.Append(nil, "w", w), Value: fmt.Append(nil, w*each+i),
				}})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	checkOrder(t, readAll(t, ctx, c, topic), writers*each)
}

func testTooLarge(t *testing.T, e Engine) {
	ctx, c, _ := setup(t, e, 1)
	topic := newName(t)
	spec := transport.TopicSpec{Name: topic, Partitions: 1, Retention: time.Hour, MaxRecordBytes: 20_000}
	if err := c.EnsureTopics(ctx, []transport.TopicSpec{spec}); err != nil {
		t.Fatal(err)
	}
	recs := numbered(topic, 100, 5)
	for _, i := range []int{13, 14, 99} {
		recs[i].Value = noise(60_000)
	}
	recs[50].Value = noise(20_000 - len(recs[50].Key))

	err := c.Publish(ctx, recs)
	var partial *transport.PartialError
	if !errors.As(err, &partial) || !errors.Is(err, transport.ErrTooLarge) {
		t.Fatalf("Publish = %v, want a PartialError of ErrTooLarge", err)
	}
	if d := cmp.Diff([]int{13, 14, 99}, partial.Failed); d != "" {
		t.Errorf("failed (-want +got):\n%s", d)
	}
	if got := readAll(t, ctx, c, topic); len(got) != 97 {
		t.Errorf("%d records were written, want the 97 that are not too large", len(got))
	}
}

// noise does not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

func testCanceled(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 1)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	err := c.Publish(ended, numbered(topic, 10, 2))
	var partial *transport.PartialError
	if !errors.As(err, &partial) || !errors.Is(err, context.Canceled) || len(partial.Failed) != 10 {
		t.Fatalf("Publish with an ended context = %v, want a PartialError of 10 and context.Canceled", err)
	}
	if w := transport.Classify(err); w != "canceled" {
		t.Errorf("Classify = %q, want canceled", w)
	}
	publish(t, ctx, c, numbered(topic, 10, 2)...)
}

func testWriters(t *testing.T, e Engine) {
	for name, open := range e.Writers {
		t.Run(name, func(t *testing.T) {
			ctx, c, topic := setup(t, e, 1)
			recs := numbered(topic, 5_000, 3)
			publish(t, ctx, open(t), recs...)
			checkOrder(t, readAll(t, ctx, c, topic), len(recs))
		})
	}
}

func testMany(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 4)
	recs := numbered(topic, 100_000, 1_000)
	for i := range recs {
		recs[i].Headers = []transport.Header{{Key: "ce_type", Value: []byte("deploy.finished")}}
	}
	for part := range slices.Chunk(recs, 5_000) {
		publish(t, ctx, c, part...)
	}
	checkOrder(t, readAll(t, ctx, c, topic), len(recs))
}

func testClosed(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 1)
	publish(t, ctx, c, numbered(topic, 3, 1)...)
	for range 2 {
		if err := c.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
	}
	if err := c.Publish(ctx, numbered(topic, 1, 1)); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Publish after Close = %v, want ErrClosed", err)
	}
	if _, err := c.Offsets(ctx, topic); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Offsets after Close = %v, want ErrClosed", err)
	}
}
