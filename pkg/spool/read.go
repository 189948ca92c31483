package spool

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A Batch is a run of records of one segment.
type Batch struct {
	Entries []Entry // at least one, in order; the caller's to keep
	Meta    []byte  // of their segment; nil if its header was damaged
}

// End is the position behind the last entry: what to Ack once all are published.
func (b Batch) End() Position { return b.Entries[len(b.Entries)-1].End }

// reader is the one consumer: the file it is reading. Where it is, is Log.read.
type reader struct {
	mu   sync.Mutex
	seg  *segment
	file File
}

// Next returns the records that follow those it returned before, after opening
// the log those behind the last Ack. It waits until there is one on stable
// storage, ctx is done or the log is closed.
//
// It is for one consumer. An error of the disk leaves the place where it was, so
// calling again is a retry. Damaged bytes are no error: they are kept aside in the
// folder "corrupt", reported to Options.OnCorrupt and the logger, and passed over;
// while they cannot be kept aside, Next fails and passes over nothing.
func (l *Log) Next(ctx context.Context) (Batch, error) {
	l.reader.mu.Lock()
	defer l.reader.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return Batch{}, err
		}
		b, err := l.readOn()
		if err != nil || len(b.Entries) > 0 {
			return b, err
		}
		select {
		case <-l.grown:
		case <-ctx.Done():
		case <-l.closing:
		}
	}
}

// readOn returns the next batch, or an empty one when all that is durable has
// been read.
func (l *Log) readOn() (Batch, error) {
	for {
		seg, limit, err := l.readable()
		if err != nil {
			return Batch{}, err
		}
		if seg == nil {
			// A file that is kept open keeps its space after it is deleted.
			return Batch{}, l.reader.close()
		}
		b, err := l.readBatch(seg, limit)
		if err != nil {
			return Batch{}, fmt.Errorf("reading %s: %w", seg.path, err)
		}
		if len(b.Entries) > 0 {
			return b, nil
		}
	}
}

// readable moves the reader to the segment of the next record and says how far
// it may read there; nil when all that is durable has been read.
func (l *Log) readable() (*segment, int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, 0, ErrClosed
	}
	for _, s := range l.segments {
		if s.id < l.read.Segment {
			continue
		}
		if s.id > l.read.Segment {
			l.read = s.position(s.start, max(s.first, l.read.Seq))
		}
		if l.read.Offset < s.end {
			return s, s.end, nil
		}
		if s.filling {
			break
		}
	}
	return nil, 0, nil
}

// readBatch reads on in seg up to limit. It returns no entries if it found damage
// there and passed over it.
func (l *Log) readBatch(seg *segment, limit int64) (Batch, error) {
	if err := l.reader.open(l.o.FS, seg); err != nil {
		return Batch{}, err
	}
	at := l.read // changed by this goroutine alone
	run, err := readRecords(l.reader.file, seg.marker, at.Offset, limit, l.o.BatchBytes, l.o.BatchRecords)
	if err != nil {
		return Batch{}, err
	}
	if len(run.entries) == 0 {
		return Batch{}, l.skipDamage(seg, run, limit)
	}
	for i := range run.entries {
		e := &run.entries[i]
		e.End = seg.position(e.End.Offset, at.Seq+uint64(i)+1)
	}
	b := Batch{Entries: run.entries, Meta: seg.meta}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.read = b.End()
	return b, nil
}

func (r *reader) open(fs FS, seg *segment) error {
	if r.seg == seg {
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	f, err := fs.Open(seg.path)
	if err != nil {
		return err
	}
	r.seg, r.file = seg, f
	return nil
}

func (r *reader) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.seg, r.file = nil, nil
	return err
}

// Ack says that everything before p has been published and need not be read
// again. Segments that are drained are deleted. A p before an earlier one changes
// nothing; one that Next has not reached is an error.
//
// The position is written at once and synced at leisure: after a crash, some of
// what was acknowledged may be read again. An error means only that more of it
// will.
func (l *Log) Ack(p Position) error {
	l.mu.Lock()
	switch {
	case l.closed:
		l.mu.Unlock()
		return ErrClosed
	case l.read.before(p):
		read := l.read
		l.mu.Unlock()
		return fmt.Errorf("acknowledging segment %d offset %d: reading is only at segment %d offset %d", p.Segment, p.Offset, read.Segment, read.Offset)
	}
	l.mu.Unlock()
	return l.drain(p)
}

// drain makes p the drained position, if it is behind the present one.
func (l *Log) drain(p Position) error {
	l.acks.mu.Lock()
	defer l.acks.mu.Unlock()
	l.mu.Lock()
	if !l.drained.before(p) {
		l.mu.Unlock()
		return nil
	}
	l.drained = p
	gone := l.dropDrained()
	l.mu.Unlock()
	err := l.acks.write(p)
	l.remove(gone)
	if err != nil {
		return fmt.Errorf("writing the drained position: %w", err)
	}
	return nil
}

// skipDamage keeps the damaged bytes at the start of run aside, reports them and
// moves the reader behind them.
func (l *Log) skipDamage(seg *segment, r run, limit int64) error {
	to := r.end + r.length
	if r.length == 0 {
		var err error
		if to, err = resync(l.reader.file, seg.marker, r.end+1, limit); err != nil {
			return err
		}
	}
	if seg.start == 0 && r.end == 0 {
		r.flaw = badFileHead
	}
	c := Corruption{Segment: seg.path, Offset: r.end, Length: to - r.end, Reason: string(r.flaw)}
	kept, err := l.keepAside(l.reader.file, c)
	if err != nil {
		return fmt.Errorf("keeping %d damaged bytes at %d aside: %w", c.Length, c.Offset, full(err))
	}
	c.Kept = kept
	l.o.Log.Error("damaged bytes in the log, kept aside", "segment", c.Segment, "offset", c.Offset, "bytes", c.Length, "reason", c.Reason, "kept", c.Kept)
	if l.o.OnCorrupt != nil {
		l.o.OnCorrupt(c)
	}
	l.mu.Lock()
	l.counts.corrupt++
	l.read.Offset = to
	at, caughtUp := l.read, l.read.Seq == l.drained.Seq
	l.mu.Unlock()
	if !caughtUp {
		return nil
	}
	// No record lies between what is drained and here, so the damage is passed for
	// good and not reported again at the next start.
	if err := l.drain(at); err != nil && !errors.Is(err, ErrClosed) {
		l.o.Log.Warn("the damage will be reported again after a restart", "error", err)
	}
	return nil
}
