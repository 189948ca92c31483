package spool

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"io/fs"
	"sync"
)

// positionFile holds the drained position, in two slots that are written in
// turn: a write cut short damages one and leaves the other. It is overwritten in
// place and never grows, so the log can be drained on a full disk.
//
// A slot (little-endian, 40 bytes, at 0 and at 4096):
//
//	offset  bytes
//	     0      8  "payoffP\x01", the last byte being the format
//	     8      8  segment
//	    16      8  offset
//	    24      8  seq
//	    32      4  zero
//	    36      4  CRC-32C of all before
type positionFile struct {
	mu   sync.Mutex
	file File
	slot int64 // the next to write: 0 or 1
}

const (
	positionName  = "position"
	positionMagic = "payoffP\x01"
	positionSize  = 40
	slotDistance  = 4096 // slots never share a sector or a page
)

// openPosition opens the file, or makes it, and returns the position it holds;
// damaged says that it is there and holds none.
func openPosition(fsys FS, name string) (f File, p Position, slot int64, damaged bool, err error) {
	f, err = fsys.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = fsys.Create(name)
		if err != nil {
			return nil, p, 0, false, err
		}
		// Both slots get their blocks now, while there is room.
		_, err = f.WriteAt(make([]byte, slotDistance+positionSize), 0)
		if err = errors.Join(err, f.Sync()); err != nil {
			return nil, p, 0, false, errors.Join(err, f.Close(), fsys.Remove(name))
		}
		return f, p, 0, false, nil
	}
	if err != nil {
		return nil, p, 0, false, err
	}
	p, slot, damaged, err = readPosition(f)
	if err != nil {
		return nil, p, 0, false, errors.Join(err, f.Close())
	}
	return f, p, slot, damaged, nil
}

// readPosition returns the later of the two slots' positions and the slot to
// write next, which is the other one.
func readPosition(f io.ReaderAt) (p Position, slot int64, damaged bool, err error) {
	found, blank := false, true
	for i := range int64(2) {
		b := make([]byte, positionSize)
		if _, err := f.ReadAt(b, i*slotDistance); err != nil && !errors.Is(err, io.EOF) {
			return p, 0, false, err
		}
		blank = blank && allZero(b)
		q, ok := parsePosition(b)
		if ok && (!found || p.before(q)) {
			p, slot, found = q, 1-i, true
		}
	}
	return p, slot, !found && !blank, nil
}

func parsePosition(b []byte) (Position, bool) {
	if string(b[:8]) != positionMagic || crc32.Checksum(b[:36], castagnoli) != binary.LittleEndian.Uint32(b[36:]) {
		return Position{}, false
	}
	return Position{
		Segment: binary.LittleEndian.Uint64(b[8:]),
		Offset:  int64(binary.LittleEndian.Uint64(b[16:])),
		Seq:     binary.LittleEndian.Uint64(b[24:]),
	}, true
}

func appendPosition(b []byte, p Position) []byte {
	start := len(b)
	b = append(b, positionMagic...)
	b = binary.LittleEndian.AppendUint64(b, p.Segment)
	b = binary.LittleEndian.AppendUint64(b, uint64(p.Offset))
	b = binary.LittleEndian.AppendUint64(b, p.Seq)
	b = append(b, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

// write stores p; the caller holds mu. A slot that could not be written is
// written again by the next.
func (f *positionFile) write(p Position) error {
	if f.file == nil {
		return ErrClosed
	}
	if _, err := f.file.WriteAt(appendPosition(make([]byte, 0, positionSize), p), f.slot*slotDistance); err != nil {
		return err
	}
	f.slot = 1 - f.slot
	return nil
}

func (f *positionFile) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	err := errors.Join(f.file.Sync(), f.file.Close())
	f.file = nil
	return err
}

func allZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
