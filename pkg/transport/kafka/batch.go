package kafka

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"sync"
	"time"

	"github.com/segmentio/kafka-go/compress"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// A record batch in Kafka's message format 2, the one since 0.11. kafka-go's
// encoder leaves the producer's id and sequence out, and with them the broker's
// own removal of repeats, hence this one.
// https://kafka.apache.org/documentation/#recordbatch
const (
	sizePrefix     = 4 // RawProduce takes a batch behind its length
	offProducerID  = 43
	offEpoch       = 51
	offSequence    = 53
	offCRC         = 17
	offAttributes  = 21
	batchOverhead  = 61     // the header of a batch
	recordOverhead = 5 * 10 // at most: lengths, time and offset, each a varint
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A producer is the identity under which a partition's batches are numbered.
type producer struct {
	id    int64
	epoch int16
}

// encodeBatch returns recs as one batch behind its length, to be signed. Records
// without a time get now.
func encodeBatch(recs []*transport.Record, codec compress.Compression, now time.Time) ([]byte, error) {
	size := sizePrefix + batchOverhead
	first, latest := stamp(recs[0], now), int64(0)
	for _, r := range recs {
		size += recordSize(r)
		latest = max(latest, stamp(r, now))
	}
	if codec != compress.None {
		size /= 2 // and more if it must
	}
	b := make([]byte, 0, size)
	b = binary.BigEndian.AppendUint32(b, 0) // length of all, set below
	b = binary.BigEndian.AppendUint64(b, 0) // base offset: the broker's
	b = binary.BigEndian.AppendUint32(b, 0) // length of the batch, set below
	b = binary.BigEndian.AppendUint32(b, ^uint32(0))
	b = append(b, 2)                        // message format
	b = binary.BigEndian.AppendUint32(b, 0) // checksum, set by sign
	b = binary.BigEndian.AppendUint16(b, uint16(codec))
	b = binary.BigEndian.AppendUint32(b, uint32(len(recs)-1))
	b = binary.BigEndian.AppendUint64(b, uint64(first))
	b = binary.BigEndian.AppendUint64(b, uint64(latest))
	b = append(b, make([]byte, 8+2+4)...) // producer, epoch, sequence, set by sign
	b = binary.BigEndian.AppendUint32(b, uint32(len(recs)))

	var err error
	if codec == compress.None {
		b = appendRecords(b, recs, first, now)
	} else if b, err = appendCompressed(b, recs, first, now, codec); err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-sizePrefix))
	binary.BigEndian.PutUint32(b[sizePrefix+8:], uint32(len(b)-sizePrefix-12))
	return b, nil
}

// sign numbers an encoded batch: its first record is number seq of p's in its
// partition.
func sign(b []byte, p producer, seq int32) {
	b = b[sizePrefix:]
	binary.BigEndian.PutUint64(b[offProducerID:], uint64(p.id))
	binary.BigEndian.PutUint16(b[offEpoch:], uint16(p.epoch))
	binary.BigEndian.PutUint32(b[offSequence:], uint32(seq))
	binary.BigEndian.PutUint32(b[offCRC:], crc32.Checksum(b[offAttributes:], castagnoli))
}

func stamp(r *transport.Record, now time.Time) int64 {
	if r.Time.IsZero() {
		return now.UnixMilli()
	}
	return r.Time.UnixMilli()
}

// bodies lends memory for what is about to be compressed.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

func appendCompressed(b []byte, recs []*transport.Record, first int64, now time.Time, codec compress.Compression) ([]byte, error) {
	body := bodies.Get().(*[]byte)
	defer bodies.Put(body)
	*body = appendRecords((*body)[:0], recs, first, now)

	buf := bytes.NewBuffer(b)
	w := codec.Codec().NewWriter(buf)
	if _, err := w.Write(*body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func appendRecords(b []byte, recs []*transport.Record, first int64, now time.Time) []byte {
	for i, r := range recs {
		b = appendRecord(b, r, stamp(r, now)-first, int64(i))
	}
	return b
}

func appendRecord(b []byte, r *transport.Record, timeDelta, offsetDelta int64) []byte {
	size := 1 + varintLen(timeDelta) + varintLen(offsetDelta) +
		bytesLen(r.Key) + bytesLen(r.Value) + varintLen(int64(len(r.Headers)))
	for _, h := range r.Headers {
		size += varintLen(int64(len(h.Key))) + len(h.Key) + bytesLen(h.Value)
	}
	b = binary.AppendVarint(b, int64(size))
	b = append(b, 0) // attributes: none are defined
	b = binary.AppendVarint(b, timeDelta)
	b = binary.AppendVarint(b, offsetDelta)
	b = appendBytes(b, r.Key)
	b = appendBytes(b, r.Value)
	b = binary.AppendVarint(b, int64(len(r.Headers)))
	for _, h := range r.Headers {
		b = binary.AppendVarint(b, int64(len(h.Key)))
		b = append(b, h.Key...)
		b = appendBytes(b, h.Value)
	}
	return b
}

// appendBytes writes a length and the bytes; nil, unlike empty, has length -1.
func appendBytes(b, p []byte) []byte {
	if p == nil {
		return binary.AppendVarint(b, -1)
	}
	return append(binary.AppendVarint(b, int64(len(p))), p...)
}

func bytesLen(p []byte) int {
	if p == nil {
		return 1
	}
	return varintLen(int64(len(p))) + len(p)
}

func varintLen(n int64) int {
	u := uint64(n<<1) ^ uint64(n>>63)
	size := 1
	for ; u >= 0x80; u >>= 7 {
		size++
	}
	return size
}

// recordSize is what r needs in a batch, at most.
func recordSize(r *transport.Record) int {
	size := recordOverhead + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		size += 2*5 + len(h.Key) + len(h.Value)
	}
	return size
}
