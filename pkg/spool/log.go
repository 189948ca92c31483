// Package spool is the log on disk between the answer to a delivery and Kafka:
// what makes "accepted" mean "kept". Ingest appends each delivery and answers
// 2xx when Append has returned; a drainer reads the log in order, publishes, and
// acknowledges.
//
//	deliveries --Append--> segment files --Next--> drainer --Publish--> Kafka
//	              |                                   |
//	              '- returns after the fsync          '-Ack- deletes what is drained
//
// Its promises:
//
//   - A record is on stable storage when Append returns nil. One fsync serves all
//     that arrived while the one before it ran (group commit): nobody waits for
//     company, and the busier the log the larger the groups.
//   - Next shows every such record in order, and none before it is on stable
//     storage. After a crash it starts behind the last Ack that reached the disk:
//     each record is read at least once.
//   - What cannot be read is never passed over in silence: damaged bytes are kept
//     aside, reported, and reading goes on behind them.
//   - The log never grows over its bound. Full, it says so and harms nothing.
//
// The payload is opaque: ingest puts a sealed delivery and its normalised events
// into it.
package spool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

var (
	// ErrFull: no room, in the log or on its disk. Answer 503 with Retry-After:
	// room comes back as the log is drained.
	ErrFull = errors.New("the log on disk is full")
	// ErrTooLarge: the record is longer than a segment. Refuse it for good.
	ErrTooLarge = errors.New("the record is larger than a segment of the log")
	// ErrClosed: the log has been closed. Nothing was appended or read.
	ErrClosed = errors.New("the log is closed")
	// ErrLocked: another process has the log open.
	ErrLocked = errors.New("the log is in use by another process")
	// ErrNewer: the log was written by a newer version of this program.
	ErrNewer = errors.New("the log is of a newer format")
)

// Options say where and how large a log is. Dir and Now are required.
type Options struct {
	Dir string           // made if need be; holds nothing but the log
	Now func() time.Time // for the creation of segments and the age of records

	// MaxBytes bounds the log on disk; above 80 % of it Append returns ErrFull.
	// The rest is for what has been damaged and is kept aside. 8 GiB if zero.
	MaxBytes int64
	// SegmentBytes bounds the records of a segment file, and so a record. At most
	// an eighth of MaxBytes, so that a drained segment that is still being filled
	// does not use up the log. 64 MiB if zero.
	SegmentBytes int64

	// BatchBytes and BatchRecords bound what Next returns: 1 MiB and 1,000 if
	// zero. A record longer than BatchBytes comes alone.
	BatchBytes, BatchRecords int

	// NewSegmentMeta gives the bytes, at most 65,535, that a new segment carries
	// and Batch.Meta hands back: the envelope of the segment's data key. It is
	// called when a segment is about to be made; an error fails those who append.
	NewSegmentMeta func() ([]byte, error)
	// OnCorrupt is told of damaged bytes once they are kept aside, by the
	// goroutine that calls Next. It must not call the log.
	OnCorrupt func(Corruption)

	Log  *slog.Logger // none if nil
	Rand io.Reader    // of the segments' markers; crypto/rand.Reader if nil
	FS   FS           // the operating system's if nil
}

const (
	defaultMaxBytes     = 8 << 30
	defaultSegmentBytes = 64 << 20
	defaultBatchBytes   = 1 << 20
	defaultBatchRecords = 1000

	fullPercent = 80
	// maxGroup bounds the memory of one commit, in bytes: while the disk takes
	// one, the next fills up to this and further appenders wait.
	maxGroup = 8 << 20
)

func (o Options) withDefaults() (Options, error) {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("no Dir given"))
	}
	if o.Now == nil {
		errs = append(errs, errors.New("no Now given"))
	}
	for name, n := range map[string]int64{"MaxBytes": o.MaxBytes, "SegmentBytes": o.SegmentBytes, "BatchBytes": int64(o.BatchBytes), "BatchRecords": int64(o.BatchRecords)} {
		if n < 0 {
			errs = append(errs, fmt.Errorf("%s is negative: %d", name, n))
		}
	}
	if len(errs) > 0 {
		return o, errors.Join(errs...)
	}
	setDefault(&o.MaxBytes, defaultMaxBytes)
	setDefault(&o.SegmentBytes, defaultSegmentBytes)
	setDefault(&o.BatchBytes, defaultBatchBytes)
	setDefault(&o.BatchRecords, defaultBatchRecords)
	o.SegmentBytes = min(o.SegmentBytes, o.MaxBytes/8, recordHead+maxPayload)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.FS == nil {
		o.FS = osFS{}
	}
	return o, nil
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// A Record is what the log keeps.
type Record struct {
	Time    time.Time // to the nanosecond, years 1678 to 2262; read back in UTC
	Kind    byte      // the caller's
	Payload []byte
}

// An Entry is a record as it was read.
type Entry struct {
	Record
	End Position // just behind the record, as Append returned it
}

// A Position is a place between two records. Segment and Offset are unique for
// the life of the log.
type Position struct {
	Segment uint64
	Offset  int64
	// Seq counts the records ever appended before this place. Where records were
	// lost to damage it is corrected at the next segment.
	Seq uint64
}

func (p Position) before(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// A segment is a file of the log. Only end and filling change, under Log.mu.
type segment struct {
	segmentHeader
	path    string
	start   int64 // where the records begin; 0 if the header is damaged
	end     int64 // where what is on stable storage ends
	filling bool  // more may be appended
}

func (s *segment) position(off int64, seq uint64) Position {
	return Position{Segment: s.id, Offset: off, Seq: seq}
}

// A Log is open for one process: any number of goroutines append, one reads.
type Log struct {
	o         Options
	lock      io.Closer
	closeOnce sync.Once
	closeErr  error

	kick    chan struct{} // the open group is no longer empty
	grown   chan struct{} // there is more to read
	closing chan struct{}
	stopped chan struct{} // the committer has returned

	mu       sync.Mutex
	closed   bool
	group    *group
	spare    []byte        // the buffer of the next group
	taken    chan struct{} // closed when the open group is taken, for those it has no room for
	segments []*segment    // oldest first
	size     int64         // bytes of segments, with what is appended but not yet written
	next     uint64        // records ever appended and on stable storage
	drained  Position
	read     Position
	counts   counts

	committer committer
	reader    reader
	acks      positionFile
}

// A group is what one fsync makes durable.
type group struct {
	buf   []byte
	n     int           // records
	done  chan struct{} // closed when the rest is set
	err   error
	first Position // where the group begins
}

// Append returns when the record is on stable storage, with the position behind
// it. It may be called at once from many goroutines and keeps no part of r.
//
// On an error the record has not been acknowledged by the disk and will not be
// read, with two exceptions in which it may or may not be: when ctx ended the
// wait, and when the disk failed to take back what it failed to sync. A caller
// may always append it again. Errors: ErrFull, ErrTooLarge, ErrClosed, ctx's, and
// the disk's.
func (l *Log) Append(ctx context.Context, r Record) (Position, error) {
	if int64(recordHead+len(r.Payload)) > l.o.SegmentBytes {
		return Position{}, fmt.Errorf("appending %d bytes: %w", len(r.Payload), ErrTooLarge)
	}
	sum := crc32.Checksum(r.Payload, castagnoli) // outside of the lock
	g, end, nth, err := l.join(ctx, r, sum)
	if err != nil {
		return Position{}, fmt.Errorf("appending %d bytes: %w", len(r.Payload), err)
	}
	select {
	case <-g.done:
	case <-ctx.Done():
		select {
		case <-g.done: // both were ready: what is known counts
		default:
			return Position{}, fmt.Errorf("waiting for the disk to take %d bytes: %w", len(r.Payload), ctx.Err())
		}
	}
	if g.err != nil {
		return Position{}, fmt.Errorf("appending %d bytes: %w", len(r.Payload), g.err)
	}
	p := g.first
	p.Offset += end
	p.Seq += nth
	return p, nil
}

// join puts r into the open group, when there is room: its end counted from the
// group's start, and which record of the group it is, from 1.
func (l *Log) join(ctx context.Context, r Record, sum uint32) (g *group, end int64, nth uint64, err error) {
	n := int64(recordHead + len(r.Payload))
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil {
			return nil, 0, 0, err
		}
		if l.closed {
			return nil, 0, 0, ErrClosed
		}
		if l.size+n > l.fullAt() {
			return nil, 0, 0, fmt.Errorf("%w: %d of %d bytes are used", ErrFull, l.size, l.o.MaxBytes)
		}
		if l.group.hasRoom(n, min(maxGroup, l.o.SegmentBytes)) {
			break
		}
		l.waitTaken(ctx)
	}
	g = l.group
	g.buf = appendRecord(g.buf, r, sum)
	g.n++
	l.size += n
	if g.n == 1 {
		signal(l.kick)
	}
	return g, int64(len(g.buf)), uint64(g.n), nil
}

func (g *group) hasRoom(n, limit int64) bool {
	return g.n == 0 || int64(len(g.buf))+n <= limit
}

func (l *Log) fullAt() int64 { return l.o.MaxBytes / 100 * fullPercent }

// waitTaken waits, without the lock, until the open group has been taken, ctx is
// done or the log is closing; the caller looks again.
func (l *Log) waitTaken(ctx context.Context) {
	if l.taken == nil {
		l.taken = make(chan struct{})
	}
	taken := l.taken
	l.mu.Unlock()
	defer l.mu.Lock()
	select {
	case <-taken:
	case <-ctx.Done():
	case <-l.closing:
	}
}

// signal leaves a note in a channel of capacity one.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // a note is already there
	}
}

// Close makes what is being appended durable, lets Append and Next return
// ErrClosed from then on, and gives up the lock. Closing again does nothing and
// returns the same.
func (l *Log) Close() error {
	l.closeOnce.Do(func() {
		if err := l.shut(); err != nil {
			l.closeErr = fmt.Errorf("closing the log in %s: %w", l.o.Dir, err)
		}
	})
	return l.closeErr
}

func (l *Log) shut() error {
	l.mu.Lock()
	l.closed = true
	close(l.closing)
	l.mu.Unlock()
	<-l.stopped
	l.reader.mu.Lock()
	defer l.reader.mu.Unlock()
	return errors.Join(l.reader.close(), l.acks.close(), l.lock.Close())
}

// full marks the errors of a disk without room as ErrFull.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}
