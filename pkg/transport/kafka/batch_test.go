package kafka

import (
	"bytes"
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

var epoch = time.UnixMilli(1_700_000_000_000)

// sameBytes tells nil from empty, as the log does, and is quick.
var sameBytes = cmp.Comparer(func(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) })

// decode reads an encoded batch with kafka-go's decoder, which checks its sum.
func decode(t *testing.T, encoded []byte) (recs []transport.Record, batch *protocol.RecordBatch) {
	t.Helper()
	var set protocol.RecordSet
	if _, err := set.ReadFrom(bytes.NewReader(encoded)); err != nil {
		t.Fatal(err)
	}
	stream := set.Records.(*protocol.RecordStream)
	if len(stream.Records) != 1 {
		t.Fatalf("%d batches, want 1", len(stream.Records))
	}
	pg := page{}
	if err := pg.read(transport.TopicPartition{}, stream); err != nil {
		t.Fatal(err)
	}
	return pg.records, stream.Records[0].(*protocol.RecordBatch)
}

func TestBatchRoundTrip(t *testing.T) {
	recs := []*transport.Record{
		{Key: []byte("k"), Value: []byte("v"), Time: epoch},
		{Key: []byte{}, Value: []byte{}, Time: epoch.Add(-time.Hour)},
		{Time: epoch.Add(24 * time.Hour)},
		{Value: bytes.Repeat([]byte("large "), 50_000), Time: epoch, Headers: []transport.Header{
			{Key: "a", Value: []byte("1")}, {Key: "", Value: []byte{}}, {Key: "a", Value: bytes.Repeat([]byte("x"), 300)},
		}},
		{Value: []byte("now")},
	}
	for codec := compress.None; codec <= compress.Zstd; codec++ {
		b, err := encodeBatch(recs, codec, epoch.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		sign(b, producer{id: math.MaxInt64 - 1, epoch: 7}, 12345)
		got, batch := decode(t, b)
		var want []transport.Record
		for i, r := range recs {
			w := *r
			w.Offset = int64(i)
			want = append(want, w)
		}
		want[4].Time = epoch.Add(time.Minute)
		if d := cmp.Diff(want, got, sameBytes); d != "" {
			t.Errorf("%v (-in +out):\n%s", codec, d)
		}
		if batch.ProducerID != math.MaxInt64-1 || batch.ProducerEpoch != 7 || batch.BaseSequence != 12345 {
			t.Errorf("%v: signed %d, %d, %d", codec, batch.ProducerID, batch.ProducerEpoch, batch.BaseSequence)
		}
	}
}

func FuzzBatch(f *testing.F) {
	f.Add([]byte("key"), []byte("value"), "name", []byte("header"), int64(1), int64(-5), 3, byte(2))
	f.Add([]byte(nil), []byte(nil), "", []byte(nil), int64(0), int64(math.MaxInt32), 1, byte(0))
	f.Fuzz(func(t *testing.T, key, value []byte, name string, header []byte, at, step int64, n int, codec byte) {
		n = 1 + n&0x3f
		at, step = 1+at&math.MaxInt32, step%1_000_000
		var recs []*transport.Record
		size := 0
		for i := range n {
			r := &transport.Record{Key: key, Value: value, Time: time.UnixMilli(at + math.MaxInt32 + step*int64(i)), Offset: int64(i)}
			if i%2 == 1 && header != nil {
				r.Headers = []transport.Header{{Key: name, Value: header}}
			}
			recs = append(recs, r)
			size += recordSize(r)
		}
		b, err := encodeBatch(recs, compress.Compression(codec%5), epoch)
		if err != nil {
			t.Fatal(err)
		}
		if codec%5 == 0 && len(b) > sizePrefix+batchOverhead+size {
			t.Fatalf("%d bytes are more than the %d reckoned", len(b), sizePrefix+batchOverhead+size)
		}
		sign(b, producer{1, 1}, 1)
		got, _ := decode(t, b)
		if len(got) != n {
			t.Fatalf("%d records out of %d", len(got), n)
		}
		for i := range got {
			if d := cmp.Diff(*recs[i], got[i], sameBytes); d != "" {
				t.Fatal(d)
			}
		}
	})
}

// TestControlBatchesTakeUpOffsets checks that a reader passes them by.
func TestControlBatchesTakeUpOffsets(t *testing.T) {
	record := func(offset int64, v string) protocol.Record {
		return protocol.Record{Offset: offset, Value: protocol.NewBytes([]byte(v)), Time: epoch}
	}
	stream := &protocol.RecordStream{Records: []protocol.RecordReader{
		protocol.NewRecordReader(record(4, "before"), record(5, "a")),
		&protocol.ControlBatch{Records: protocol.NewRecordReader(record(6, "commit"))},
	}}
	pg := page{next: 5}
	if err := pg.read(transport.TopicPartition{Topic: "t", Partition: 2}, stream); err != nil {
		t.Fatal(err)
	}
	want := []transport.Record{{Topic: "t", Partition: 2, Offset: 5, Value: []byte("a"), Time: epoch}}
	if d := cmp.Diff(want, pg.records); d != "" || pg.next != 7 {
		t.Errorf("next is %d, want 7; records (-want +got):\n%s", pg.next, d)
	}
}

type brokenReader struct{}

func (brokenReader) ReadRecord() (*protocol.Record, error) { return nil, io.ErrUnexpectedEOF }

func TestBrokenBatchIsAnError(t *testing.T) {
	pg := page{}
	if err := pg.read(transport.TopicPartition{}, brokenReader{}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read = %v, want the error of the batch", err)
	}
}

func TestHalve(t *testing.T) {
	a, b := &parcel{}, &parcel{}
	batch := []span{{a, 3, 5}, {b, 0, 7}}
	for n := range 10 {
		left, right := halve(batch, n)
		if got := count(left); got != n {
			t.Errorf("halve at %d leaves %d on the left", n, got)
		}
		joined := map[*parcel]int{}
		for _, s := range append(left, right...) {
			joined[s.p] += s.to - s.from
		}
		if joined[a] != 2 || joined[b] != 7 {
			t.Errorf("halve at %d makes %d and %d of 2 and 7", n, joined[a], joined[b])
		}
	}
}

func count(batch []span) (n int) {
	for _, s := range batch {
		n += s.to - s.from
	}
	return n
}
