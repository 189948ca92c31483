package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/segmentio/kafka-go"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// A lane writes one partition, one batch at a time, each signed with a producer
// and a sequence so that the broker drops a repeat of what it already has.
// Retries can therefore neither repeat nor reorder.
type lane struct {
	c  *Client
	tp transport.TopicPartition

	mu      sync.Mutex
	queue   []*parcel
	running bool

	// Only the goroutine of run touches these.
	producer producer
	sequence int32 // of the next record
	numbered bool  // producer and sequence are what the broker expects next
}

// maxSequence is where a lane takes a new identity rather than count on every
// broker to wrap around at the same number.
const maxSequence = 1 << 30

// A parcel is what one call of Publish has for one partition.
type parcel struct {
	ctx     context.Context
	lane    *lane
	recs    []*transport.Record
	indices []int // of recs in the published slice
	taken   int   // how many of recs have been taken from the queue

	failed map[int]error // by index; complete when done is closed
	done   chan struct{}
}

// fail marks the records in positions from up to to as not known to be written.
func (p *parcel) fail(from, to int, err error) {
	for _, i := range p.indices[from:to] {
		p.failed[i] = err
	}
}

// A span is a run of records of one parcel within a batch.
type span struct {
	p        *parcel
	from, to int
}

func (l *lane) submit(p *parcel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, p)
	if l.running {
		return
	}
	l.running = true
	go l.run()
}

// await returns when p is settled. A parcel whose call ends while it still
// waits in the queue is withdrawn; one that is being written is settled by
// run, which then stops for it.
func (l *lane) await(p *parcel) {
	select {
	case <-p.done:
	case <-p.ctx.Done():
		if !l.withdraw(p) {
			<-p.done
		}
	}
}

func (l *lane) withdraw(p *parcel) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.Index(l.queue, p)
	if i < 0 || p.taken > 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	p.fail(0, len(p.recs), context.Cause(p.ctx))
	return true
}

func (l *lane) run() {
	for {
		batch := l.take()
		if batch == nil {
			return
		}
		l.write(batch)
		l.settle(batch)
	}
}

// take removes the next batch from the queue, or ends the run if there is none.
// A parcel larger than a batch stays in front with what is left of it.
func (l *lane) take() (batch []span) {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := l.c.o.BatchBytes
	for len(l.queue) > 0 {
		p := l.queue[0]
		from := p.taken
		for p.taken < len(p.recs) {
			size := recordSize(p.recs[p.taken])
			if size > room && (len(batch) > 0 || p.taken > from) {
				break
			}
			room -= size
			p.taken++
		}
		if p.taken > from {
			batch = append(batch, span{p, from, p.taken})
		}
		if p.taken < len(p.recs) {
			return batch
		}
		l.queue = l.queue[1:]
	}
	l.running = len(batch) > 0
	return batch
}

// settle closes the parcels that the batch completed. A parcel that could not
// be written for want of the broker is completed by that: its later records
// must not overtake the earlier ones.
func (l *lane) settle(batch []span) {
	for _, s := range batch {
		if s.to == len(s.p.recs) {
			close(s.p.done)
			continue
		}
		err := s.p.failed[s.p.indices[s.to-1]]
		if err == nil || permanent(err) {
			continue
		}
		l.mu.Lock()
		l.queue = l.queue[1:] // an incomplete parcel is the first in the queue
		l.mu.Unlock()
		s.p.fail(s.to, len(s.p.recs), err)
		close(s.p.done)
	}
}

// permanent reports that no retry will make the broker take the record.
func permanent(err error) bool {
	return errors.Is(err, transport.ErrTooLarge) || errors.Is(err, transport.ErrRejected)
}

// write sends a batch. One that the broker refuses for a record in it is halved
// until the record stands alone, so that it fails by itself.
func (l *lane) write(batch []span) error {
	recs := records(batch)
	err := l.deliver(batch, recs)
	switch {
	case err == nil:
		return nil
	case permanent(err) && len(recs) > 1:
		left, right := halve(batch, len(recs)/2)
		if err := l.write(left); err != nil && !permanent(err) {
			failAll(right, err)
			return err
		}
		return l.write(right)
	}
	err = fmt.Errorf("publishing %d records to %s/%d: %w", len(recs), l.tp.Topic, l.tp.Partition, err)
	failAll(batch, err)
	return err
}

func failAll(batch []span, err error) {
	for _, s := range batch {
		s.p.fail(s.from, s.to, err)
	}
}

func records(batch []span) (recs []*transport.Record) {
	if len(batch) == 1 {
		return batch[0].p.recs[batch[0].from:batch[0].to]
	}
	for _, s := range batch {
		recs = append(recs, s.p.recs[s.from:s.to]...)
	}
	return recs
}

// halve splits a batch behind its first n records.
func halve(batch []span, n int) (left, right []span) {
	for _, s := range batch {
		switch size := s.to - s.from; {
		case n >= size:
			left = append(left, s)
			n -= size
		case n <= 0:
			right = append(right, s)
		default:
			left = append(left, span{s.p, s.from, s.from + n})
			right = append(right, span{s.p, s.from + n, s.to})
			n = 0
		}
	}
	return left, right
}

// deliver sends one batch until the broker has it, refuses it for good, or
// patience ends.
func (l *lane) deliver(batch []span, recs []*transport.Record) (err error) {
	if len(recs) == 1 && recordSize(recs[0]) > maxRecordBytes {
		return fmt.Errorf("%w: %d bytes", transport.ErrTooLarge, recordSize(recs[0]))
	}
	encoded, err := encodeBatch(recs, l.c.codec, l.c.o.Now())
	if err != nil {
		return fmt.Errorf("%w: encoding: %w", transport.ErrRejected, err)
	}
	out := outgoing{bytes: encoded, n: int32(len(recs))}
	defer func() {
		if err != nil {
			// Whether the broker has the batch may not be known. Its number
			// must not be given to another, which the broker would take for
			// a repeat and drop.
			l.numbered = false
		}
	}()
	ctx, cancel := l.patience(batch)
	defer cancel()
	var pause backoff
	for {
		err := l.attempt(ctx, &out)
		if err == nil || permanent(err) || errors.Is(err, transport.ErrAuth) {
			return err
		}
		if !pause.wait(ctx) {
			if cause := context.Cause(ctx); !errors.Is(cause, transport.ErrUnavailable) {
				return cause // the callers or the client ended it, not patience
			}
			return err
		}
		l.c.o.Logger.Debug("publishing again", "topic", l.tp.Topic, "partition", l.tp.Partition, "err", err)
	}
}

// patience ends after PublishTimeout, when the client closes, or when every
// call that has records in the batch has ended.
func (l *lane) patience(batch []span) (context.Context, context.CancelFunc) {
	ctx, abandon := context.WithCancelCause(l.c.ctx)
	ctx, cancel := context.WithTimeoutCause(ctx, l.c.o.PublishTimeout,
		fmt.Errorf("%w: not acknowledged within %v", transport.ErrUnavailable, l.c.o.PublishTimeout))
	var waiting atomic.Int32
	waiting.Store(int32(len(batch)))
	stops := make([]func() bool, 0, len(batch))
	for _, s := range batch {
		stops = append(stops, context.AfterFunc(s.p.ctx, func() {
			if waiting.Add(-1) == 0 {
				abandon(context.Cause(s.p.ctx))
			}
		}))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
		abandon(nil)
	}
}

// An outgoing batch keeps its bytes from try to try, so that the broker sees a
// repeat for what it is. A request that was given up may still be on its way
// and read them: they are not written again, a new number goes onto a copy.
type outgoing struct {
	bytes []byte
	n     int32
	sent  bool
}

func (o *outgoing) sign(p producer, sequence int32) {
	if o.sent {
		o.bytes = bytes.Clone(o.bytes)
	}
	sign(o.bytes, p, sequence)
	o.sent = true
}

// attempt sends a batch once, under the number that is due.
func (l *lane) attempt(ctx context.Context, out *outgoing) error {
	if !l.numbered || l.sequence > maxSequence {
		p, err := l.c.newProducer(ctx)
		if err != nil {
			return err
		}
		l.producer, l.sequence, l.numbered = p, 0, true
		out.sign(p, 0)
	} else if !out.sent {
		out.sign(l.producer, l.sequence)
	}
	err := l.c.send(ctx, l.tp, out.bytes)
	switch {
	case err == nil:
		l.sequence += out.n
	case lostCount(err):
		// The broker no longer knows, or never knew, what came before: it
		// restarted without this producer's state, or expired it.
		l.numbered = false
	}
	return err
}

// lostCount reports that the broker and the lane disagree about the sequence.
func lostCount(err error) bool {
	for _, code := range []kafka.Error{
		kafka.OutOfOrderSequenceNumber, kafka.DuplicateSequenceNumber, kafka.UnknownProducerId,
		kafka.InvalidProducerEpoch, kafka.InvalidProducerIDMapping, kafka.ProducerFenced,
	} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}
