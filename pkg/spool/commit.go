package spool

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
)

// committer is the one goroutine that writes. Its file is that of the last
// segment, if that one is still being filled.
type committer struct {
	file   File
	seg    *segment
	nextID uint64
}

// commitAll writes group after group until the log is closed and the last is
// written. What arrives while one group is being synced is the next group.
func (l *Log) commitAll() {
	defer close(l.stopped)
	for {
		closing := false
		select {
		case <-l.kick:
		case <-l.closing:
			closing = true
		}
		if g := l.take(); g != nil {
			l.settle(g, l.commit(g))
		}
		if closing {
			l.retire()
			return
		}
	}
}

// take closes the open group to further records and opens another.
func (l *Log) take() *group {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.group
	if g.n == 0 {
		return nil
	}
	l.group, l.spare = newGroup(l.spare), nil
	if l.taken != nil {
		close(l.taken)
		l.taken = nil
	}
	return g
}

func newGroup(buf []byte) *group {
	return &group{buf: buf[:0], done: make(chan struct{})}
}

// commit makes a group durable. On an error nothing of it is left in the log, or
// the segment is given up so that nothing can come to stand behind it.
func (l *Log) commit(g *group) error {
	c := &l.committer
	if c.seg == nil || c.seg.end-c.seg.start+int64(len(g.buf)) > l.o.SegmentBytes {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	place(g.buf, c.seg.marker, c.seg.end)
	if _, err := c.file.WriteAt(g.buf, c.seg.end); err != nil {
		err = fmt.Errorf("writing to %s: %w", c.seg.path, full(err))
		// A full disk is an everyday matter and the file is sound once it has its
		// old length. Whatever else went wrong, its next write may go wrong too.
		if !errors.Is(err, ErrFull) || c.file.Truncate(c.seg.end) != nil {
			l.abandon()
		} else if l.allDrained() {
			l.retire() // its room is what the next segment is made of
		}
		return err
	}
	if err := c.file.Sync(); err != nil {
		// The kernel has dropped what it could not write and will call the next
		// sync a success: nothing written to this file from here on can be trusted.
		err = fmt.Errorf("syncing %s: %w", c.seg.path, full(err))
		l.abandon()
		return err
	}
	return nil
}

// settle tells the appenders of a group, and the reader, how its commit ended.
func (l *Log) settle(g *group, err error) {
	c := &l.committer
	n := int64(len(g.buf))
	l.mu.Lock()
	if err == nil {
		g.first = c.seg.position(c.seg.end, l.next)
		c.seg.end += n
		l.next += uint64(g.n)
		l.counts.appended += uint64(g.n)
		l.counts.commits++
	} else {
		g.err = err
		l.size -= n
	}
	before := l.counts.lastErr
	l.counts.lastErr = err
	if cap(g.buf) <= 2*maxGroup { // one huge record shall not be paid for ever
		l.spare = g.buf
	}
	g.buf = nil
	l.mu.Unlock()
	close(g.done)
	signal(l.grown)
	// One line when it begins and one when it ends: a full disk fails a thousand
	// commits a second.
	switch {
	case err != nil && before == nil:
		l.o.Log.Error("the log on disk takes no records", "error", err)
	case err == nil && before != nil:
		l.o.Log.Info("the log on disk takes records again")
	}
}

// rotate makes a new segment the one to be filled. Until it is durable itself the
// old one stays.
func (l *Log) rotate() error {
	h, err := l.newHeader()
	if err != nil {
		return err
	}
	path := filepath.Join(l.o.Dir, h.name())
	head := h.append(nil)
	f, err := l.createDurably(path, head)
	if err != nil {
		return fmt.Errorf("creating %s: %w", path, full(err))
	}
	l.retire()
	c := &l.committer
	c.file = f
	c.seg = &segment{segmentHeader: h, path: path, start: int64(len(head)), end: int64(len(head)), filling: true}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = append(l.segments, c.seg)
	l.size += c.seg.end
	return nil
}

func (l *Log) newHeader() (segmentHeader, error) {
	c := &l.committer
	// An id is used up by the attempt: the file may exist even so.
	h := segmentHeader{id: c.nextID, created: l.o.Now()}
	c.nextID++
	var marker [8]byte
	if _, err := io.ReadFull(l.o.Rand, marker[:]); err != nil {
		return h, fmt.Errorf("drawing a segment's marker: %w", err)
	}
	h.marker = binary.LittleEndian.Uint64(marker[:])
	if l.o.NewSegmentMeta != nil {
		meta, err := l.o.NewSegmentMeta()
		if err != nil {
			return h, fmt.Errorf("making the meta of a segment: %w", err)
		}
		if len(meta) > maxMeta {
			return h, fmt.Errorf("making the meta of a segment: %d bytes are too many, at most %d fit", len(meta), maxMeta)
		}
		h.meta = meta
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h.first = l.next
	return h, nil
}

// createDurably makes a file that survives a power cut, or none.
func (l *Log) createDurably(path string, content []byte) (File, error) {
	f, err := l.o.FS.Create(path)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = l.o.FS.SyncDir(filepath.Dir(path))
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), l.o.FS.Remove(path))
	}
	return f, nil
}

// retire ends the filling of the present segment, if there is one, and deletes it
// if it has been drained already.
func (l *Log) retire() {
	c := &l.committer
	if c.seg == nil {
		return
	}
	if err := c.file.Close(); err != nil {
		l.o.Log.Warn("closing a segment of the log failed; its records are on disk", "segment", c.seg.path, "error", err)
	}
	l.mu.Lock()
	c.seg.filling = false
	c.seg, c.file = nil, nil
	gone := l.dropDrained()
	l.mu.Unlock()
	l.remove(gone)
	signal(l.grown) // a reader at its end goes on to the next segment
}

// abandon gives up the present segment behind its last durable record.
func (l *Log) abandon() {
	c := &l.committer
	seg := c.seg
	if err := c.file.Truncate(seg.end); err != nil {
		l.o.Log.Warn("a segment of the log keeps bytes that were never acknowledged", "segment", seg.path, "from", seg.end, "error", err)
	}
	l.retire()
	if seg.end > seg.start {
		return
	}
	// It holds no record: a disk that fails again and again leaves no pile of files.
	l.mu.Lock()
	i := slices.Index(l.segments, seg)
	if i >= 0 {
		l.segments = slices.Delete(l.segments, i, i+1)
		l.size -= seg.end
	}
	l.mu.Unlock()
	if i >= 0 {
		l.remove([]*segment{seg})
	}
}

// allDrained reports whether nothing is left to be read of the segment that is
// being filled.
func (l *Log) allDrained() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.committer.seg
	return s.end > s.start && !l.drained.before(s.position(s.end, 0))
}

// dropDrained takes the segments that are drained off the list, under the lock;
// the caller removes their files without it.
func (l *Log) dropDrained() (gone []*segment) {
	n := 0
	for _, s := range l.segments {
		if s.filling || l.drained.before(s.position(s.end, 0)) {
			break
		}
		l.size -= s.end
		n++
	}
	gone = slices.Clone(l.segments[:n])
	l.segments = slices.Delete(l.segments, 0, n)
	return gone
}

func (l *Log) remove(gone []*segment) {
	for _, s := range gone {
		if err := l.o.FS.Remove(s.path); err != nil {
			l.o.Log.Warn("a drained segment of the log could not be removed; the next start tries again", "segment", s.path, "error", err)
		}
	}
}
