package spool

import (
	"encoding/binary"
	"time"
)

type counts struct {
	appended, commits, corrupt uint64
	tornBytes                  int64
	lastErr                    error // of the latest commit
}

// Stats say how the log is doing. Counters start at zero when it is opened.
type Stats struct {
	Records   uint64        // durable and not yet acknowledged
	Bytes     int64         // that these take in the log, headers of records included
	OldestAge time.Duration // of the first of them, by its own time; zero if there is none

	DiskBytes int64 // that all segments take
	MaxBytes  int64 // the bound of the log
	Segments  int

	Appended  uint64 // counter: records made durable
	Commits   uint64 // counter: fsyncs that made them so
	Corrupt   uint64 // counter: damaged stretches kept aside
	TornBytes int64  // cut off when the log was opened

	LastError error // of the latest commit; nil if it succeeded
}

// Full says whether Append would return ErrFull for want of room in the log.
func (s Stats) Full() bool { return s.DiskBytes >= s.MaxBytes/100*fullPercent }

// Stats may be called at any time.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	s := Stats{
		DiskBytes: l.size,
		MaxBytes:  l.o.MaxBytes,
		Segments:  len(l.segments),
		Appended:  l.counts.appended,
		Commits:   l.counts.commits,
		Corrupt:   l.counts.corrupt,
		TornBytes: l.counts.tornBytes,
		LastError: l.counts.lastErr,
	}
	if l.next > l.drained.Seq {
		s.Records = l.next - l.drained.Seq
	}
	var oldest *segment
	var at int64
	for _, seg := range l.segments {
		from := seg.start
		if seg.id < l.drained.Segment {
			continue
		}
		if seg.id == l.drained.Segment {
			from = max(from, l.drained.Offset)
		}
		if from >= seg.end {
			continue
		}
		s.Bytes += seg.end - from
		if oldest == nil {
			oldest, at = seg, from
		}
	}
	l.mu.Unlock()
	if oldest == nil {
		return s
	}
	if t := l.timeAt(oldest, at); !t.IsZero() {
		s.OldestAge = max(0, l.o.Now().Sub(t))
	}
	return s
}

// timeAt is the time of the record at off or, if that cannot be read, of its
// segment's creation; zero if both are damaged.
func (l *Log) timeAt(s *segment, off int64) time.Time {
	f, err := l.o.FS.Open(s.path)
	if err != nil {
		return s.created // drained and deleted in the meantime
	}
	defer f.Close()
	head := make([]byte, recordHead)
	if err := readFull(f, head, off); err != nil || !validHead(head, s.marker, off) {
		return s.created
	}
	return time.Unix(0, int64(binary.LittleEndian.Uint64(head[8:])))
}
