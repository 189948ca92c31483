package spool

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

const lockName = "lock"

// Open opens the log in a directory and makes it whole: what a crash left
// unfinished at the end is cut off, with a line in the log. It refuses a log that
// is in use (ErrLocked) or of a newer format (ErrNewer).
func Open(o Options) (*Log, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("opening a log: %w", err)
	}
	if err := o.FS.MkdirAll(o.Dir); err != nil {
		return nil, fmt.Errorf("opening the log in %s: %w", o.Dir, err)
	}
	lock, err := o.FS.Lock(filepath.Join(o.Dir, lockName))
	if errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("opening the log in %s: %w; stop that one, or give this one a directory of its own", o.Dir, err)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the log in %s: %w", o.Dir, err)
	}
	l := &Log{
		o:       o,
		lock:    lock,
		kick:    make(chan struct{}, 1),
		grown:   make(chan struct{}, 1),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
		group:   newGroup(nil),
	}
	if err := l.recover(); err != nil {
		return nil, fmt.Errorf("opening the log in %s: %w", o.Dir, errors.Join(err, l.acks.close(), lock.Close()))
	}
	go l.commitAll()
	return l, nil
}

// recover reads the state of the directory. Nothing is ever appended to a segment
// of an earlier run: its data key is gone, and its tail needs no trust.
func (l *Log) recover() error {
	file, drained, slot, damaged, err := openPosition(l.o.FS, filepath.Join(l.o.Dir, positionName))
	if err != nil {
		return fmt.Errorf("reading the drained position: %w", err)
	}
	l.acks.file, l.acks.slot, l.drained = file, slot, drained
	if damaged {
		l.o.Log.Error("the drained position of the log is damaged: all that is in the log will be read again", "file", positionName)
	}
	if err := l.loadSegments(); err != nil {
		return err
	}
	l.next = l.drained.Seq
	if n := len(l.segments); n > 0 {
		if err := l.heal(l.segments[n-1]); err != nil {
			return err
		}
	}
	for _, s := range l.segments {
		l.size += s.end
		l.committer.nextID = max(l.committer.nextID, s.id)
	}
	l.committer.nextID = max(l.committer.nextID, l.drained.Segment) + 1
	l.remove(l.dropDrained())
	l.read = l.drained
	return l.o.FS.SyncDir(l.o.Dir)
}

// loadSegments lists the segments, oldest first, without those that a crash left
// before they held a record.
func (l *Log) loadSegments() error {
	names, err := l.o.FS.ReadDir(l.o.Dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		id, marker, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		s := &segment{segmentHeader: segmentHeader{id: id, marker: marker}, path: filepath.Join(l.o.Dir, name)}
		stillborn, err := l.load(s)
		if err != nil {
			return fmt.Errorf("opening segment %s: %w", s.path, err)
		}
		if stillborn {
			l.o.Log.Warn("removing a segment of the log that was never finished and holds no record", "segment", s.path)
			l.remove([]*segment{s})
			continue
		}
		l.segments = append(l.segments, s)
	}
	slices.SortFunc(l.segments, func(a, b *segment) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.marker, b.marker))
	})
	for i, s := range l.segments {
		if s.start == 0 && i > 0 {
			s.first = l.segments[i-1].first // the best that is known
		}
	}
	return nil
}

// load reads the header of a segment. A damaged one costs the meta and nothing
// else, since id and marker are in the name; the reader will report it.
func (l *Log) load(s *segment) (stillborn bool, err error) {
	f, err := l.o.FS.Open(s.path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	if s.end, err = f.Size(); err != nil {
		return false, err
	}
	h, start, err := readSegmentHeader(f)
	if err == nil && (h.id != s.id || h.marker != s.marker) {
		err = errHeader // it has been renamed, or is another's
	}
	if errors.Is(err, errHeader) {
		return isStillborn(f, s.marker, s.end)
	}
	if err != nil {
		return false, err
	}
	s.segmentHeader, s.start = h, start
	return false, nil
}

// isStillborn says whether a file is what a crash leaves of a segment that was
// being made: the beginning of its header, or a length without content. That a
// header only looks cut, since its length is damaged, shows in the records behind.
func isStillborn(f File, marker uint64, size int64) (bool, error) {
	if size > segmentFixed+maxMeta+4 {
		return false, nil
	}
	if to, err := resync(f, marker, 0, size); err != nil || to < size {
		return false, err
	}
	b, err := readRange(f, 0, size)
	if err != nil || allZero(b) {
		return err == nil, err
	}
	n := min(len(b), len(segmentMagic))
	if string(b[:n]) != segmentMagic[:n] {
		return false, nil
	}
	return size < segmentFixed || size < segmentFixed+int64(binary.LittleEndian.Uint16(b[10:]))+4, nil
}

// heal makes the last segment whole and durable, and counts its records: a crash
// may have left a record half written there, or written and not synced. Only what
// can be nothing else than the beginning of a record is cut off; other damage is
// the reader's to report.
func (l *Log) heal(s *segment) (err error) {
	f, err := l.o.FS.Open(s.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	first, count := s.first, uint64(0)
	for off := s.start; off < s.end; {
		r, err := readRecords(f, s.marker, off, s.end, defaultBatchBytes, defaultBatchRecords)
		if err != nil {
			return fmt.Errorf("checking %s: %w", s.path, err)
		}
		count += uint64(len(r.entries))
		if off = r.end; r.flaw == whole {
			continue
		}
		if off, err = l.pass(f, s, r); err != nil {
			return fmt.Errorf("healing %s: %w", s.path, err)
		}
	}
	l.next = max(l.next, first+count)
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", s.path, err)
	}
	return nil
}

// pass returns where records go on behind a flaw, which is s.end after a torn
// tail has been cut off.
func (l *Log) pass(f File, s *segment, r run) (int64, error) {
	if r.length > 0 {
		return r.end + r.length, nil
	}
	to, err := resync(f, s.marker, r.end+1, s.end)
	if err != nil || to < s.end {
		return to, err
	}
	torn, err := isTorn(f, r, s.end)
	if err != nil || !torn {
		return s.end, err
	}
	if err := f.Truncate(r.end); err != nil {
		return 0, err
	}
	l.o.Log.Warn("cut off the end of the log that a crash left half written", "segment", s.path, "from", r.end, "bytes", s.end-r.end)
	l.counts.tornBytes += s.end - r.end
	s.end = r.end
	return s.end, nil
}

// isTorn says whether the flaw at the end of a segment is what a crash leaves:
// part of a record, or a stretch the file system has reserved and not filled.
func isTorn(f File, r run, end int64) (bool, error) {
	if r.flaw == cutHead || r.flaw == runsOver {
		return true, nil
	}
	for off := r.end; off < end; {
		b, err := readRange(f, off, min(end-off, 1<<20))
		if err != nil {
			return false, err
		}
		if !allZero(b) {
			return false, nil
		}
		off += int64(len(b))
	}
	return true, nil
}
