package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// A batch is what one flush writes: rows, parked records, and for each partition
// the run of offsets it covers.
type batch struct {
	rows    *events.Builder
	row     events.Row         // the one being appended
	sources []transport.Record // sources[i] is the record of row i
	dead    []store.DeadLetter
	runs    []run
	at      time.Time // loaded_at of all its rows, so that they share a table partition
	bytes   int

	rejected int // rows that ClickHouse refused
}

func newBatch(now time.Time) *batch {
	return &batch{rows: events.NewBuilder(memory.DefaultAllocator), at: now.UTC().Truncate(time.Millisecond)}
}

// A run is the offsets of one partition in a batch.
type run struct {
	part *part
	store.Entry
}

// run returns the run of p, which begins where its last one ended.
func (b *batch) run(p *part) *run {
	i := slices.IndexFunc(b.runs, func(r run) bool { return r.part == p })
	if i < 0 {
		i = len(b.runs)
		b.runs = append(b.runs, run{p, store.Entry{Partition: p.Partition, First: p.next, Last: p.next - 1}})
	}
	return &b.runs[i]
}

// gather decodes what is fetched into batches and hands each over once it is
// full, or old enough or waited for and the writer is free: a slow writer gets larger
// batches.
func (l *loader) gather(ctx context.Context, in <-chan fetched, out chan<- *batch) error {
	var (
		b     *batch
		due   bool
		limit = time.NewTimer(l.FlushInterval)
	)
	defer limit.Stop()
	for {
		source, sink := in, out
		full := b != nil && (b.rows.Len()+len(b.dead) >= l.MaxRows || b.bytes >= l.MaxBytes)
		if full {
			source = nil
		}
		if b == nil || !full && !due {
			sink = nil
		}
		select {
		case f := <-source:
			if b == nil {
				b, due = newBatch(l.Now()), false
				limit.Reset(l.FlushInterval)
			}
			if err := l.add(ctx, b, f); err != nil {
				return err
			}
			if len(b.runs) == 0 {
				b = nil // nothing but the record that is read once more
			}
		case <-limit.C:
			due = true
		case <-l.Hurry:
			due = true
		case sink <- b:
			b = nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// add decodes the records of f into b, all but those that are stored already.
func (l *loader) add(ctx context.Context, b *batch, f fetched) error {
	p := f.part
	stored, err := l.stored(ctx, f)
	if err != nil {
		return err
	}
	for _, rec := range f.recs {
		there, isThere := stored[rec.Offset]
		if isThere {
			if err := p.compare(rec, there); err != nil {
				return err
			}
		}
		if rec.Offset < p.next {
			continue // the last loaded one, read once more to compare it
		}
		r := b.run(p)
		r.Last, p.next = rec.Offset, rec.Offset+1
		switch {
		case !isThere:
			if err := l.take(b, r, rec); err != nil {
				return err
			}
		case there == parked:
			l.metrics.records.WithLabelValues("present").Inc()
			r.Parked++
		default:
			l.metrics.records.WithLabelValues("present").Inc()
			r.Rows++
		}
	}
	return nil
}

// take makes a row or a dead letter of rec.
func (l *loader) take(b *batch, r *run, rec transport.Record) error {
	b.bytes += len(rec.Value) + len(rec.Key)
	if r.part.dead {
		r.Parked++
		b.dead = append(b.dead, sealedLetter(r.part, rec, b.at))
		return nil
	}
	if err := events.ScanRow(rec.Value, &b.row); err != nil {
		r.Parked++
		return l.park(b, r.part, rec, err)
	}
	b.row.LogEpoch, b.row.Topic, b.row.Partition, b.row.Offset, b.row.LoadedAt = r.Epoch, rec.Topic, int32(rec.Partition), rec.Offset, b.at
	r.Rows++
	b.rows.Append(&b.row)
	b.sources = append(b.sources, rec)
	return nil
}

// parked is the identity under which a parked record is present.
var parked [16]byte

// stored returns which of the records of f are stored already, and as what. Only
// those up to where the partition was stored when it was assigned can be.
func (l *loader) stored(ctx context.Context, f fetched) (present map[int64][16]byte, err error) {
	first, last := f.recs[0].Offset, f.recs[len(f.recs)-1].Offset
	if first > f.part.stored {
		return nil, nil
	}
	err = l.retry(ctx, "present", func(bool) (err error) {
		present, err = l.Store.Present(ctx, store.Span{Partition: f.part.Partition, First: first, Last: last})
		return err
	})
	return present, err
}

// compare checks that what is stored at the position of rec is rec.
func (p *part) compare(rec transport.Record, there [16]byte) error {
	if there == parked {
		return nil
	}
	var row events.Row
	err := events.ScanRow(rec.Value, &row)
	if err == nil && row.RawID == there {
		return nil
	}
	id := row.ID
	if err != nil {
		id = "no event"
	}
	return &LogError{p.Partition, ErrMismatch, fmt.Sprintf("offset %d holds %s in the log and %x in the store", rec.Offset, id, there)}
}

// park puts a record that is no event among the dead of b.
func (l *loader) park(b *batch, p *part, rec transport.Record, why error) error {
	d := store.DeadLetter{
		Partition: p.Partition, Offset: rec.Offset, Reason: why.Error(), ReceivedAt: rec.Time, ParkedAt: b.at,
		Headers: headers(rec), Key: rec.Key, Body: rec.Value, Source: header(rec, "ce_source"),
	}
	if fe, ok := errors.AsType[*events.FieldError](why); ok {
		d.Field, d.Reason = fe.Field, fe.Reason
	}
	if l.Seal != nil {
		body, err := l.Seal(rec.Value, SealContext(store.Partition{Topic: rec.Topic, Partition: int32(rec.Partition)}, rec.Offset))
		if err != nil {
			return fmt.Errorf("sealing the body of record %d of %s/%d: %w", rec.Offset, rec.Topic, rec.Partition, err)
		}
		d.Body, d.Sealed = body, true
	}
	l.Logger.Warn("parked a record", "topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "field", d.Field, "reason", d.Reason)
	b.dead = append(b.dead, d)
	return nil
}

// Headers of the records of the topic of sealed deliveries. The value is the
// sealed body.
const (
	HeaderSource   = "payoff_source"   // source of the delivery: "github"
	HeaderEndpoint = "payoff_endpoint" // endpoint that took it
	HeaderReason   = "payoff_reason"   // why it is no event
	HeaderField    = "payoff_field"    // the field that is wrong, if it is one
	HeaderReceived = "payoff_received" // when it was received, RFC 3339
)

// SealContext is what the body of a parked record is bound to: its position.
func SealContext(p store.Partition, offset int64) []byte {
	return fmt.Appendf(nil, "%s/%d/%d", p.Topic, p.Partition, offset)
}

// sealedLetter is a sealed delivery as a dead letter.
func sealedLetter(p *part, rec transport.Record, at time.Time) store.DeadLetter {
	d := store.DeadLetter{
		Partition: p.Partition, Offset: rec.Offset, ParkedAt: at, Sealed: true, Headers: headers(rec), Key: rec.Key, Body: rec.Value,
		Source: header(rec, HeaderSource), Endpoint: header(rec, HeaderEndpoint), Reason: header(rec, HeaderReason), Field: header(rec, HeaderField),
		ReceivedAt: rec.Time,
	}
	if t, err := events.ParseTime(header(rec, HeaderReceived)); err == nil && !t.IsZero() {
		d.ReceivedAt = t
	}
	return d
}

func header(rec transport.Record, key string) string {
	for _, h := range rec.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func headers(rec transport.Record) map[string]string {
	m := make(map[string]string, len(rec.Headers))
	for _, h := range rec.Headers {
		m[h.Key] = string(h.Value)
	}
	return m
}
