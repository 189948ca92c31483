package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"time"
)

// A segment is one file, <id>-<marker>.log with both numbers in 16 hexadecimal
// digits, of format 1. All integers are little-endian, all sums CRC-32C.
//
// It starts with a header:
//
//	offset  bytes
//	     0      8  "payoffL\n"
//	     8      2  format: 1
//	    10      2  m, the length of the meta
//	    12      8  id, rising from segment to segment
//	    20      8  marker, random
//	    28      8  number of records ever appended before this segment
//	    36      8  creation, Unix time in nanoseconds
//	    44      m  meta, opaque: what Options.NewSegmentMeta gave
//	  44+m      4  sum of all before
//
// and goes on with records, one after the other:
//
//	 0      4  0xA7 "PR" 0x01
//	 4      4  n, the length of the payload
//	 8      8  time, Unix time in nanoseconds
//	16      1  kind
//	17      3  zero
//	20      4  sum of the payload
//	24      4  sum of the 24 bytes before, the segment's marker (8 bytes) and
//	           the record's offset in the file (8 bytes)
//	28      n  payload
//
// The second sum makes a header valid only at its own place in its own segment:
// a reader that looks for the next record behind a damaged one cannot be led
// astray by a payload that contains the bytes of a record, nor by blocks of
// another file. The marker is in the file's name as well, so that a damaged
// segment header costs no record.
const (
	segmentFormat = 1
	segmentMagic  = "payoffL\n"
	segmentFixed  = 44
	segmentSuffix = ".log"
	maxMeta       = 1<<16 - 1

	recordMagic = "\xa7PR\x01"
	recordHead  = 28
	maxPayload  = 1<<31 - 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type segmentHeader struct {
	id, marker, first uint64
	created           time.Time
	meta              []byte
}

func (h segmentHeader) append(b []byte) []byte {
	start := len(b)
	b = append(b, segmentMagic...)
	b = binary.LittleEndian.AppendUint16(b, segmentFormat)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(h.meta)))
	b = binary.LittleEndian.AppendUint64(b, h.id)
	b = binary.LittleEndian.AppendUint64(b, h.marker)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = binary.LittleEndian.AppendUint64(b, uint64(h.created.UnixNano()))
	b = append(b, h.meta...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func (h segmentHeader) name() string {
	return fmt.Sprintf("%016x-%016x%s", h.id, h.marker, segmentSuffix)
}

func parseSegmentName(name string) (id, marker uint64, ok bool) {
	hex, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok {
		return 0, 0, false
	}
	n, err := fmt.Sscanf(hex, "%016x-%016x", &id, &marker)
	ok = err == nil && n == 2 && segmentHeader{id: id, marker: marker}.name() == name
	return id, marker, ok
}

// errHeader says that a segment header is cut or damaged, not of another format.
var errHeader = errors.New("damaged segment header")

// readSegmentHeader reads the header at the start of a file and says how long it is.
func readSegmentHeader(f io.ReaderAt) (segmentHeader, int64, error) {
	b := make([]byte, segmentFixed)
	if err := readFull(f, b, 0); err != nil {
		return segmentHeader{}, 0, err
	}
	if string(b[:8]) != segmentMagic {
		return segmentHeader{}, 0, errHeader
	}
	// Before the sum: another format may keep its sum elsewhere.
	if v := binary.LittleEndian.Uint16(b[8:]); v > segmentFormat {
		return segmentHeader{}, 0, fmt.Errorf("%w: it has format %d, this program reads up to %d; start the newer payoff that wrote it until the log is drained, or move the file out of the way", ErrNewer, v, segmentFormat)
	}
	m := int(binary.LittleEndian.Uint16(b[10:]))
	b = append(b, make([]byte, m+4)...)
	if err := readFull(f, b[segmentFixed:], segmentFixed); err != nil {
		return segmentHeader{}, 0, err
	}
	body, sum := b[:segmentFixed+m], b[segmentFixed+m:]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(sum) {
		return segmentHeader{}, 0, errHeader
	}
	return segmentHeader{
		id:      binary.LittleEndian.Uint64(b[12:]),
		marker:  binary.LittleEndian.Uint64(b[20:]),
		first:   binary.LittleEndian.Uint64(b[28:]),
		created: time.Unix(0, int64(binary.LittleEndian.Uint64(b[36:]))).UTC(),
		meta:    body[segmentFixed:],
	}, int64(len(b)), nil
}

// readFull reads len(b) bytes at off. A file that ends before is errHeader, since
// the length of everything else is checked before it is read.
func readFull(f io.ReaderAt, b []byte, off int64) error {
	n, err := f.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return errHeader
	}
	return err
}

// appendRecord appends r with its header, all but the header's sum: that one
// needs the place, which place fills in.
func appendRecord(b []byte, r Record, payloadSum uint32) []byte {
	b = append(b, recordMagic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.Payload)))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.Time.UnixNano()))
	b = append(b, r.Kind, 0, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, payloadSum)
	b = append(b, 0, 0, 0, 0)
	return append(b, r.Payload...)
}

// place fixes the records of b to where they will stand: from off on in the
// segment with that marker.
func place(b []byte, marker uint64, off int64) {
	for len(b) > 0 {
		binary.LittleEndian.PutUint32(b[24:], headSum(b, marker, off))
		n := recordHead + int(binary.LittleEndian.Uint32(b[4:]))
		b = b[n:]
		off += int64(n)
	}
}

// headSum is CRC-32C of the first 24 bytes of head, marker and off. The last two
// are worked in byte by byte: a slice of them would have to go on the heap, once
// for each record.
func headSum(head []byte, marker uint64, off int64) uint32 {
	sum := ^crc32.Checksum(head[:24], castagnoli)
	for _, v := range [2]uint64{marker, uint64(off)} {
		for range 8 {
			sum = castagnoli[byte(sum)^byte(v)] ^ sum>>8
			v >>= 8
		}
	}
	return ^sum
}

// validHead says whether b starts with the header of a record whose place is off.
func validHead(b []byte, marker uint64, off int64) bool {
	return len(b) >= recordHead && string(b[:4]) == recordMagic &&
		binary.LittleEndian.Uint32(b[24:]) == headSum(b, marker, off)
}

// flaw says why bytes are not a record; the empty flaw is a whole record.
type flaw string

const (
	whole       flaw = ""
	badHead     flaw = "damaged record header"
	badPayload  flaw = "damaged payload"
	runsOver    flaw = "record cut short"
	cutHead     flaw = "record header cut short"
	badFileHead flaw = "damaged segment header"
)

// A run is what readRecords found: whole records, then, if it met one, a flaw.
type run struct {
	entries []Entry
	end     int64 // where the last whole record ends, and the flaw begins
	flaw    flaw
	length  int64 // of the flawed record, if its header can be trusted
}

// readRecords reads whole records of a segment from off on, up to limit. It stops
// at maxBytes, but reads at least one record; at maxRecords; and at a flaw. The
// payloads share one buffer that nobody else keeps.
func readRecords(f io.ReaderAt, marker uint64, off, limit int64, maxBytes, maxRecords int) (run, error) {
	r := run{end: off}
	buf, err := readRange(f, off, min(limit-off, int64(maxBytes)))
	if err != nil {
		return r, err
	}
	for r.end < limit && len(r.entries) < maxRecords {
		b := buf[r.end-off:]
		need, fl := measure(b, marker, r.end, limit)
		if fl == whole && need > int64(len(b)) {
			if len(r.entries) > 0 {
				return r, nil
			}
			// The first record is longer than the buffer, or has its header
			// across the buffer's end.
			if buf, err = readRange(f, off, need); err != nil {
				return r, err
			}
			continue
		}
		if fl == whole {
			fl = checkPayload(b[:need])
		}
		if fl != whole {
			r.flaw, r.length = fl, need
			return r, nil
		}
		r.end += need
		r.entries = append(r.entries, Entry{
			Record: Record{
				Time:    time.Unix(0, int64(binary.LittleEndian.Uint64(b[8:]))).UTC(),
				Kind:    b[16],
				Payload: b[recordHead:need:need],
			},
			End: Position{Offset: r.end},
		})
	}
	return r, nil
}

// measure says how many bytes the record at the start of b needs, as far as b
// shows: the header's length first, then the record's.
func measure(b []byte, marker uint64, off, limit int64) (int64, flaw) {
	if limit-off < recordHead {
		return 0, cutHead
	}
	if len(b) < recordHead {
		return recordHead, whole
	}
	if !validHead(b, marker, off) {
		return 0, badHead
	}
	n := recordHead + int64(binary.LittleEndian.Uint32(b[4:]))
	if off+n > limit {
		return 0, runsOver
	}
	return n, whole
}

func checkPayload(b []byte) flaw {
	if crc32.Checksum(b[recordHead:], castagnoli) != binary.LittleEndian.Uint32(b[20:]) {
		return badPayload
	}
	return whole
}

// resyncWindow is how much resync reads at a time, in bytes.
const resyncWindow = 1 << 20

// resync returns the place of the first valid record header from off on, or limit.
func resync(f io.ReaderAt, marker uint64, off, limit int64) (int64, error) {
	for off < limit {
		b, err := readRange(f, off, min(limit-off, resyncWindow+recordHead))
		if err != nil {
			return 0, err
		}
		for i := 0; ; i++ {
			j := bytes.Index(b[i:], []byte(recordMagic))
			if j < 0 {
				break
			}
			i += j
			if validHead(b[i:], marker, off+int64(i)) {
				return off + int64(i), nil
			}
		}
		if int64(len(b)) == limit-off {
			break
		}
		off += resyncWindow // the next window begins with the last header's length of this one
	}
	return limit, nil
}

// readRange reads n bytes that the file must have.
func readRange(f io.ReaderAt, off, n int64) ([]byte, error) {
	b := make([]byte, n)
	if m, err := f.ReadAt(b, off); int64(m) < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, fmt.Errorf("reading %d bytes at %d: %w", n, off, err)
	}
	return b, nil
}
