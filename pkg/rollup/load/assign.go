package load

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// A part is one assigned partition and how far it is loaded. All but end belongs
// to gather once loading has begun.
type part struct {
	store.Partition
	tp     transport.TopicPartition
	dead   bool         // its records are sealed deliveries, not events
	from   int64        // where fetching begins: one record before next, if there is one
	next   int64        // where loading goes on: the ledger's end, then after what is gathered
	stored int64        // up to here positions may be stored already
	end    atomic.Int64 // offset of the record to be written next, as last heard
}

// outside is what it means that the log does not hold the offset to be read.
func (p *part) outside(e *transport.OffsetError) error {
	if e.Next >= 0 && e.Asked > e.Next {
		return p.behind(e.Asked, e.Next)
	}
	return p.gap(e.Asked, e.First)
}

func (p *part) behind(loaded, next int64) error {
	return &LogError{p.Partition, ErrBehind, fmt.Sprintf("it was loaded up to offset %d, and its next record will be %d", loaded-1, next)}
}

func (p *part) gap(asked, first int64) error {
	return &LogError{p.Partition, ErrGap, fmt.Sprintf("offsets from %d to %d were deleted before they were loaded", asked, first-1)}
}

// logState is a log and what the store knows of it, at one moment.
type logState struct {
	epoch  uint32
	bounds map[store.Partition]transport.Offsets
	ends   map[store.Partition]int64
}

// look checks the store's schema, compares the log's identity with that of the
// epoch, opening the first one, and reads the bounds of all partitions and the
// ledger's ends.
func (l *loader) look(ctx context.Context) (*logState, error) {
	if err := l.Store.CheckSchema(ctx); err != nil {
		return nil, err
	}
	id, err := l.Transport.ID(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking the log for its identity: %w", err)
	}
	epoch, err := l.Store.CurrentEpoch(ctx)
	if err == nil && epoch.Number == 0 {
		if err = l.Store.OpenEpoch(ctx, store.Epoch{Number: 1, LogID: id, StartedAt: l.Now()}); err == nil {
			epoch, err = l.Store.CurrentEpoch(ctx) // another loader may have been first
		}
	}
	if err != nil {
		return nil, err
	}
	if epoch.LogID != id {
		return nil, &LogError{Cause: ErrOtherLog, Detail: fmt.Sprintf("its identity is %q, and log epoch %d was loaded from %q", id, epoch.Number, epoch.LogID)}
	}
	s := &logState{epoch: epoch.Number, bounds: make(map[store.Partition]transport.Offsets)}
	for _, topic := range l.topics() {
		offsets, err := l.Transport.Offsets(ctx, topic)
		if err != nil {
			return nil, fmt.Errorf("asking for the bounds of %s: %w", topic, err)
		}
		for _, o := range offsets {
			s.bounds[store.Partition{Epoch: s.epoch, Topic: topic, Partition: int32(o.Partition)}] = o
		}
	}
	s.ends, err = l.Store.LedgerEnds(ctx, s.epoch)
	return s, err
}

// position is the offset of p at which loading goes on. committed is where the
// group would go on, -1 if that is not known.
func (s *logState) position(at store.Partition, committed int64) (int64, error) {
	p := &part{Partition: at}
	bounds := s.bounds[at]
	next, known := s.ends[at]
	switch {
	case !known && committed > 0:
		return 0, &LogError{at, ErrNoLedger, fmt.Sprintf("its group has committed offset %d", committed)}
	case !known && bounds.First > 0:
		return 0, &LogError{at, ErrNoLedger, fmt.Sprintf("the log begins at offset %d", bounds.First)}
	case bounds.Next < next:
		return 0, p.behind(next, bounds.Next)
	case bounds.First > next:
		return 0, p.gap(next, bounds.First)
	}
	return next, nil
}

// assign finds out where each partition of the generation goes on.
func (l *loader) assign(ctx context.Context, g transport.Generation) ([]*part, error) {
	var log *logState
	err := l.retry(ctx, "assignment", func(bool) (err error) {
		log, err = l.look(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var parts []*part
	var ahead []store.Span // what may be stored beyond the ledger
	for _, a := range g.Assigned() {
		p := &part{
			Partition: store.Partition{Epoch: log.epoch, Topic: a.Topic, Partition: int32(a.Partition)},
			tp:        a.TopicPartition,
			dead:      a.Topic == l.Dead,
		}
		if p.next, err = log.position(p.Partition, a.Committed); err != nil {
			return nil, err
		}
		// The last loaded record is read once more and compared: a log that
		// was replaced by a longer one is found out here.
		p.from = max(p.next-1, log.bounds[p.Partition].First)
		ahead = append(ahead, store.Span{Partition: p.Partition, First: p.from, Last: store.Everything})
		parts = append(parts, p)
	}
	var stored map[store.Partition]int64
	err = l.retry(ctx, "assignment", func(bool) (err error) {
		stored, err = l.Store.Stored(ctx, ahead)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, p := range parts {
		p.stored = p.from - 1
		if last, any := stored[p.Partition]; any {
			p.stored = last
		}
		l.Logger.Info("loading", "topic", p.Topic, "partition", p.Partition.Partition, "from", p.next, "stored", p.stored, "generation", g.ID())
	}
	return parts, nil
}

// NewEpoch opens a new log epoch for the log as it is now: its partitions are
// loaded from their first record on, and the positions of the epochs before keep
// their meaning. Facts are not doubled by it, for their identity is not their
// position. The topics must exist.
func NewEpoch(ctx context.Context, o Options) (store.Epoch, error) {
	l, err := newLoader(o)
	if err != nil {
		return store.Epoch{}, err
	}
	id, err := l.Transport.ID(ctx)
	if err != nil {
		return store.Epoch{}, fmt.Errorf("asking the log for its identity: %w", err)
	}
	last, err := l.Store.CurrentEpoch(ctx)
	if err != nil {
		return store.Epoch{}, err
	}
	e := store.Epoch{Number: last.Number + 1, LogID: id, StartedAt: l.Now()}
	var opening []store.Entry
	for _, topic := range l.topics() {
		offsets, err := l.Transport.Offsets(ctx, topic)
		if err != nil {
			return store.Epoch{}, fmt.Errorf("asking for the bounds of %s: %w", topic, err)
		}
		for _, b := range offsets {
			at := store.Partition{Epoch: e.Number, Topic: topic, Partition: int32(b.Partition)}
			opening = append(opening, store.Entry{Partition: at, First: b.First, Last: b.First - 1, Loader: l.Name, LoadedAt: e.StartedAt})
		}
	}
	// The entries come first: a loader that saw the epoch without them would
	// take the log for one with an unknown past.
	if err := l.Store.Record(ctx, opening); err != nil {
		return store.Epoch{}, err
	}
	return e, l.Store.OpenEpoch(ctx, e)
}
