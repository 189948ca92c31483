package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// settleRows bounds what is in event_log and not in the ledger, and so what the
// next owner has to look at after a death.
const settleRows = 250_000

// write inserts batches and settles them, until ctx ends or the group goes on
// without us. While a batch is waiting already it inserts that one first: large
// runs take events and the ledger fewer merges, and few records wait for nobody.
func (l *loader) write(ctx context.Context, g transport.Generation, in <-chan *batch) error {
	for {
		var b *batch
		select {
		case b = <-in:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		start := l.Now()
		var done settlement
		for b != nil {
			if err := l.store(ctx, b); err != nil {
				return err
			}
			done.add(b)
			b = nil
			if done.records < settleRows {
				select {
				case b = <-in:
				default:
				}
			}
		}
		if err := l.settle(ctx, g, &done); err != nil {
			return err
		}
		l.metrics.flushes.Observe(l.Now().Sub(start).Seconds())
		l.metrics.flushed.Set(float64(l.Now().Unix()))
	}
}

// store writes the rows and the dead letters of b. Nothing speaks of them yet:
// the next owner finds out which are there.
func (l *loader) store(ctx context.Context, b *batch) error {
	l.Hook("batch")
	rec := b.rows.Record()
	defer rec.Release()
	if err := l.insert(ctx, b, rec, 0, int(rec.NumRows()), false); err != nil {
		return err
	}
	l.Hook("event_log")
	if err := l.retry(ctx, "dead_letters", func(bool) error { return l.Store.Park(ctx, b.dead) }); err != nil {
		return err
	}
	l.Hook("dead_letters")
	l.metrics.records.WithLabelValues("row").Add(float64(len(b.sources) - b.rejected))
	l.metrics.records.WithLabelValues("parked").Add(float64(len(b.dead)))
	return nil
}

// A settlement is what is stored of each partition and not in the ledger yet.
type settlement struct {
	runs    []run
	records uint64
}

// add appends the runs of b, each of which begins where the one before it ended.
func (s *settlement) add(b *batch) {
	for _, r := range b.runs {
		s.records += r.Rows + r.Parked
		i := slices.IndexFunc(s.runs, func(have run) bool { return have.part == r.part })
		if i < 0 {
			s.runs = append(s.runs, r)
			continue
		}
		s.runs[i].Last = r.Last
		s.runs[i].Rows += r.Rows
		s.runs[i].Parked += r.Parked
	}
}

// settle makes what is stored count. The order of the steps is the guarantee:
// each may be repeated by the next owner if the one after it did not happen. All are
// repeated when ClickHouse was away, as it may have come back as an earlier copy.
func (l *loader) settle(ctx context.Context, g transport.Generation, s *settlement) error {
	entries := s.entries(l.Name, g.ID(), l.Now())
	err := l.retry(ctx, "ledger", func(bool) error {
		if err := l.Store.FillEvents(ctx, s.spans()...); err != nil {
			return err
		}
		l.Hook("events")
		if err := l.follows(ctx, s); err != nil {
			return err
		}
		return l.Store.Record(ctx, entries)
	})
	if err != nil {
		return err
	}
	l.Hook("ledger")
	if err := l.commit(ctx, g, s); err != nil {
		return err
	}
	l.Hook("commit")
	for i := range s.runs {
		l.metrics.setLag(s.runs[i].part, s.runs[i].Last+1)
	}
	return nil
}

// follows checks, last before the ledger is written, that it still reaches to where s
// begins, and that all s spans is there: an entry promises both. A store that was put
// back to an earlier state under a running loader lacks the one or the other; then the
// partitions are assigned anew, which goes on from the ledger.
func (l *loader) follows(ctx context.Context, s *settlement) error {
	ends, err := l.Store.LedgerEnds(ctx, s.runs[0].part.Epoch)
	if err != nil {
		return err
	}
	there, err := l.Store.Positions(ctx, s.spans()...)
	if err != nil {
		return err
	}
	for i := range s.runs {
		r := &s.runs[i]
		if end := ends[r.part.Partition]; end < r.First {
			return l.earlier(r, fmt.Sprintf("the ledger ends at offset %d, before %d", end, r.First))
		}
		if n, want := there[r.part.Partition], r.Rows+r.Parked; n != want {
			return l.earlier(r, fmt.Sprintf("of %d records from offset %d on it holds %d", want, r.First, n))
		}
	}
	return nil
}

func (l *loader) earlier(r *run, why string) error {
	l.Logger.Warn("the store is an earlier one than was written to; going on from its ledger",
		"topic", r.part.tp.Topic, "partition", r.part.tp.Partition, "because", why)
	return fmt.Errorf("%w: the store is an earlier one: %s", transport.ErrFenced, why)
}

// spans are the positions of the runs.
func (s *settlement) spans() (out []store.Span) {
	for i := range s.runs {
		r := &s.runs[i]
		out = append(out, store.Span{Partition: r.part.Partition, First: r.First, Last: r.Last})
	}
	return out
}

func (s *settlement) entries(loader string, generation int32, at time.Time) []store.Entry {
	out := make([]store.Entry, len(s.runs))
	for i := range s.runs {
		out[i] = s.runs[i].Entry
		out[i].Loader, out[i].Generation, out[i].LoadedAt = loader, generation, at
	}
	return out
}

// commit tells the group where it goes on. Only being fenced matters: the ledger
// has the position.
func (l *loader) commit(ctx context.Context, g transport.Generation, s *settlement) error {
	next := make(map[transport.TopicPartition]int64, len(s.runs))
	for i := range s.runs {
		next[s.runs[i].part.tp] = s.runs[i].Last + 1
	}
	err := g.Commit(ctx, next)
	if errors.Is(err, transport.ErrUnavailable) && ctx.Err() == nil {
		l.metrics.retries.WithLabelValues("commit").Inc()
		l.Logger.Warn("not committed; the next batch will", "error", err)
		return nil
	}
	return err
}

// insert writes the rows [lo, hi) of b. If ClickHouse refuses the data it halves
// the range until the row at fault stands alone, and parks that one. checked says
// that some of the rows may be stored already.
func (l *loader) insert(ctx context.Context, b *batch, rec arrow.Record, lo, hi int, checked bool) error {
	if lo == hi {
		return nil
	}
	err := l.retry(ctx, "event_log", func(again bool) error {
		rows := []arrow.Record{rec.NewSlice(int64(lo), int64(hi))}
		if again || checked {
			var err error
			if rows, err = l.absent(ctx, b, rec, lo, hi); err != nil {
				return err
			}
		}
		return l.Store.InsertEvents(ctx, rows...)
	})
	if !errors.Is(err, store.ErrRejected) {
		return err
	}
	if hi-lo > 1 {
		mid := lo + (hi-lo)/2
		if err := l.insert(ctx, b, rec, lo, mid, true); err != nil {
			return err
		}
		return l.insert(ctx, b, rec, mid, hi, true)
	}
	b.rejected++
	source := b.sources[lo]
	r := b.runOf(source)
	r.Rows--
	r.Parked++
	return l.park(b, r.part, source, err)
}

// absent returns those of the rows [lo, hi) that are not stored, after an insert
// of which it is not known how much of it happened.
func (l *loader) absent(ctx context.Context, b *batch, rec arrow.Record, lo, hi int) ([]arrow.Record, error) {
	present := make(map[*part]map[int64][16]byte)
	for i := range b.runs {
		r := &b.runs[i]
		m, err := l.Store.Present(ctx, store.Span{Partition: r.part.Partition, First: r.First, Last: r.Last})
		if err != nil {
			return nil, err
		}
		present[r.part] = m
	}
	var out []arrow.Record
	from := lo
	for i := lo; i <= hi; i++ {
		there := false
		if i < hi {
			_, there = present[b.runOf(b.sources[i]).part][b.sources[i].Offset]
		}
		if i == hi || there {
			if i > from {
				out = append(out, rec.NewSlice(int64(from), int64(i)))
			}
			from = i + 1
		}
	}
	return out, nil
}

// runOf returns the run that rec is part of.
func (b *batch) runOf(rec transport.Record) *run {
	i := slices.IndexFunc(b.runs, func(r run) bool {
		return r.part.tp.Topic == rec.Topic && r.part.tp.Partition == rec.Partition
	})
	return &b.runs[i]
}
