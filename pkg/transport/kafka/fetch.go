package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// A page is the answer to one fetch.
type page struct {
	records []transport.Record // from the asked offset on
	next    int64              // where the following fetch goes on
	end     int64              // the high watermark
}

// fetchPage asks for the records of tp from offset from on and waits for some
// for at most FetchWait; a page without records is no error, unless the broker
// says that it has some. An offset outside the log is an error, always: nothing
// here moves to another one by itself.
func (c *Client) fetchPage(ctx context.Context, tp transport.TopicPartition, from int64) (pg page, err error) {
	if from < 0 {
		return page{}, c.outOfRange(ctx, tp, from)
	}
	// The end may move after the broker found nothing, but not every time.
	for range 3 {
		pg, err = c.fetchOnce(ctx, tp, from)
		if err != nil || pg.next > from || pg.end <= from {
			break
		}
		err = fmt.Errorf("%w: the broker holds offsets up to %d and sends none", transport.ErrUnavailable, pg.end)
	}
	if errors.Is(err, transport.ErrOffsetOutOfRange) {
		return page{}, c.outOfRange(ctx, tp, from)
	}
	if err != nil {
		return page{}, fmt.Errorf("fetching %s/%d from offset %d: %w", tp.Topic, tp.Partition, from, err)
	}
	return pg, nil
}

func (c *Client) fetchOnce(ctx context.Context, tp transport.TopicPartition, from int64) (pg page, err error) {
	err = c.do(ctx, func(ctx context.Context, s *session) error {
		res, err := s.Fetch(ctx, &kafka.FetchRequest{
			Topic:     tp.Topic,
			Partition: tp.Partition,
			Offset:    from,
			MinBytes:  1,
			MaxBytes:  int64(c.o.FetchBytes),
			MaxWait:   min(c.o.FetchWait, c.o.RequestTimeout/2),
		})
		if err != nil {
			return err
		}
		if res.Error != nil {
			return res.Error
		}
		pg = page{next: from, end: res.HighWatermark}
		return pg.read(tp, res.Records)
	})
	return pg, err
}

func (c *Client) outOfRange(ctx context.Context, tp transport.TopicPartition, asked int64) error {
	e := &transport.OffsetError{TopicPartition: tp, Asked: asked, First: -1, Next: -1}
	os, err := c.offsets(ctx, tp.Topic, tp.Partition)
	if err != nil || len(os) == 0 {
		return errors.Join(e, err)
	}
	e.First, e.Next = os[0].First, os[0].Next
	return e
}

// read copies what kafka-go decoded. A broker answers with whole batches, so
// the first may begin before the asked offset. Control batches hold no records
// but take up offsets.
func (pg *page) read(tp transport.TopicPartition, r protocol.RecordReader) error {
	if stream, ok := r.(*protocol.RecordStream); ok {
		for _, batch := range stream.Records {
			if err := pg.readBatch(tp, batch); err != nil {
				return err
			}
		}
		return nil
	}
	return pg.readBatch(tp, r)
}

func (pg *page) readBatch(tp transport.TopicPartition, r protocol.RecordReader) error {
	_, control := r.(*protocol.ControlBatch)
	var mem arena
	for {
		rec, err := r.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading the batch: %w", err)
		}
		if rec.Offset < pg.next {
			discard(rec)
			continue
		}
		pg.next = rec.Offset + 1
		if control {
			discard(rec)
			continue
		}
		out := transport.Record{Topic: tp.Topic, Partition: tp.Partition, Offset: rec.Offset, Time: rec.Time}
		if out.Key, err = mem.take(rec.Key); err != nil {
			return err
		}
		if out.Value, err = mem.take(rec.Value); err != nil {
			return err
		}
		if len(rec.Headers) > 0 {
			out.Headers = make([]transport.Header, len(rec.Headers))
			for i, h := range rec.Headers {
				out.Headers[i] = transport.Header{Key: h.Key, Value: h.Value}
			}
		}
		pg.records = append(pg.records, out)
	}
}

func discard(r *protocol.Record) {
	for _, b := range []protocol.Bytes{r.Key, r.Value} {
		if b != nil {
			b.Close()
		}
	}
}

// An arena hands out memory for keys and values from larger pieces, since two
// allocations a record are what fetching would otherwise spend its time on.
type arena struct{ free []byte }

const arenaPiece = 64 << 10

func (a *arena) take(b protocol.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	defer b.Close()
	n := b.Len()
	if n == 0 {
		return []byte{}, nil // unlike nil, which the log keeps apart
	}
	if n > len(a.free) {
		a.free = make([]byte, max(n, arenaPiece))
	}
	out := a.free[:n:n]
	a.free = a.free[n:]
	if _, err := io.ReadFull(b, out); err != nil {
		return nil, fmt.Errorf("reading a record: %w", err)
	}
	return out, nil
}

// Read implements transport.Consumer.
func (c *Client) Read(ctx context.Context, topic string, partition int, from, to int64, fn func([]transport.Record) error) error {
	tp := transport.TopicPartition{Topic: topic, Partition: partition}
	for from < to {
		pg, err := c.fetchPage(ctx, tp, from)
		if err != nil {
			return err
		}
		from = pg.next
		if recs := before(pg.records, to); len(recs) > 0 {
			if err := fn(recs); err != nil {
				return err
			}
		}
		if from < to && from >= pg.end {
			return c.outOfRange(ctx, tp, to-1)
		}
	}
	return nil
}

// before returns the records with offsets below to.
func before(recs []transport.Record, to int64) []transport.Record {
	n := len(recs)
	for n > 0 && recs[n-1].Offset >= to {
		n--
	}
	return recs[:n]
}

// A fetcher reads ahead by one page: one is with the caller, one waits, and the
// next is asked for only when that was taken.
type fetcher struct {
	c      *Client
	tp     transport.TopicPartition
	end    atomic.Int64
	pages  chan result
	ctx    context.Context
	cancel context.CancelCauseFunc
}

type result struct {
	records []transport.Record
	err     error
}

func (c *Client) fetch(ctx context.Context, tp transport.TopicPartition, from int64) *fetcher {
	f := &fetcher{c: c, tp: tp, pages: make(chan result)}
	f.ctx, f.cancel = context.WithCancelCause(ctx)
	f.end.Store(-1)
	go f.run(from)
	return f
}

func (f *fetcher) run(from int64) {
	var pause backoff
	for f.ctx.Err() == nil {
		pg, err := f.c.fetchPage(f.ctx, f.tp, from)
		if err == nil {
			from = pg.next
			f.end.Store(pg.end)
			pause.reset()
			if len(pg.records) == 0 {
				continue
			}
		}
		select {
		case f.pages <- result{pg.records, err}:
		case <-f.ctx.Done():
			return
		}
		if err != nil && !pause.wait(f.ctx) {
			return
		}
	}
}

// Next implements transport.Fetcher.
func (f *fetcher) Next(ctx context.Context) ([]transport.Record, error) {
	select {
	case r := <-f.pages:
		return r.records, r.err
	case <-f.ctx.Done():
		return nil, context.Cause(f.ctx)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// End implements transport.Fetcher.
func (f *fetcher) End() int64 { return f.end.Load() }

// Close implements transport.Fetcher.
func (f *fetcher) Close() error {
	f.cancel(transport.ErrClosed)
	return nil
}
