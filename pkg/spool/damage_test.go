package spool

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// written is a closed log of one segment.
type written struct {
	fs       *memFS
	path     string
	start    int64 // of the records
	payloads []string
	ends     []int64 // offsets behind them
}

func writeLog(t testing.TB, payloads ...string) written {
	t.Helper()
	m := newMemFS()
	o := testOptions(m)
	o.SegmentBytes = 1 << 20
	o.NewSegmentMeta = func() ([]byte, error) { return []byte("meta"), nil }
	l := mustOpen(t, o)
	w := written{fs: m, payloads: payloads}
	for _, end := range mustAppend(t, l, payloads...) {
		w.ends = append(w.ends, end.Offset)
	}
	w.path, w.start = l.segments[0].path, l.segments[0].start
	mustClose(t, l)
	return w
}

// with is a copy of the file system whose segment has been changed.
func (w written) with(change func(b []byte) []byte) *memFS {
	m := newMemFS()
	for name, f := range w.fs.files {
		live := slices.Clone(f.live)
		if name == w.path {
			live = change(live)
		}
		m.files[name] = &memFile{live: live, synced: slices.Clone(live)}
		m.durable[name] = m.files[name]
	}
	return m
}

func (w written) startOf(i int) int64 {
	if i == 0 {
		return w.start
	}
	return w.ends[i-1]
}

func flip(at int64) func([]byte) []byte {
	return func(b []byte) []byte { b[at] ^= 0x10; return b }
}

func without(payloads []string, i int) []string {
	return slices.Delete(slices.Clone(payloads), i, i+1)
}

// TestTornTail cuts the log at every byte: what was whole before the cut is read,
// the rest is cut off for good, and the log takes records again.
func TestTornTail(t *testing.T) {
	w := writeLog(t, "first", "second", "the third and last")
	for cut := w.start; cut < w.ends[2]; cut++ {
		m := w.with(func(b []byte) []byte { return b[:cut] })
		l := mustOpen(t, testOptions(m))
		n, kept := 0, w.start
		for n < 3 && w.ends[n] <= cut {
			kept = w.ends[n]
			n++
		}
		mustAppend(t, l, "after")
		wantPayloads(t, pending(t, l), append(slices.Clone(w.payloads[:n]), "after")...)
		if s := l.Stats(); s.TornBytes != cut-kept || s.Corrupt != 0 || s.Records != uint64(n)+1 {
			t.Errorf("cut at %d: %+v, want %d bytes torn and %d records", cut, s, cut-kept, n+1)
		}
		mustClose(t, l)
	}
}

func TestTailOfZerosIsTorn(t *testing.T) {
	w := writeLog(t, "first", "second")
	m := w.with(func(b []byte) []byte { return append(b, make([]byte, 5000)...) })
	l := mustOpen(t, testOptions(m))
	wantPayloads(t, pending(t, l), w.payloads...)
	if s := l.Stats(); s.TornBytes != 5000 || s.Corrupt != 0 {
		t.Errorf("%+v, want 5000 bytes torn", s)
	}
}

func TestSegmentThatWasNeverFinishedIsRemoved(t *testing.T) {
	w := writeLog(t, "a")
	for cut := range w.start {
		m := w.with(func(b []byte) []byte { return b[:cut] })
		l := mustOpen(t, testOptions(m))
		if m.files[w.path] != nil {
			t.Errorf("%d bytes of a header: the file is still there", cut)
		}
		mustAppend(t, l, "b")
		wantPayloads(t, pending(t, l), "b")
		mustClose(t, l)
	}
}

// TestEveryDamagedByteCostsOneRecord changes every byte of a segment in turn.
func TestEveryDamagedByteCostsOneRecord(t *testing.T) {
	w := writeLog(t, "first", "second, of more bytes", "", "fourth")
	size := w.ends[len(w.ends)-1]
	for at := range size {
		m := w.with(flip(at))
		want := w.payloads
		for i := range w.payloads {
			if at >= w.startOf(i) && at < w.ends[i] {
				want = without(w.payloads, i)
			}
		}
		o := testOptions(m)
		var told []Corruption
		o.OnCorrupt = func(c Corruption) { told = append(told, c) }
		l, err := Open(o)
		if format := at == 8 || at == 9; format || err != nil {
			if !format || !errors.Is(err, ErrNewer) {
				t.Errorf("byte %d: Open = %v", at, err)
			}
			continue
		}
		wantPayloads(t, pending(t, l), want...)
		if len(told) != 1 || at < told[0].Offset || at >= told[0].Offset+told[0].Length {
			t.Errorf("byte %d: told of %+v", at, told)
		}
		if s := l.Stats(); s.Corrupt != 1 || s.TornBytes != 0 {
			t.Errorf("byte %d: %+v, want one damage and nothing torn", at, s)
		}
		mustClose(t, l)
	}
}

func TestDamageIsKeptAsideAndReportedOnce(t *testing.T) {
	w := writeLog(t, "first", "second", "third")
	m := w.with(flip(w.startOf(1) + recordHead))
	o := testOptions(m)
	var told []Corruption
	o.OnCorrupt = func(c Corruption) { told = append(told, c) }
	l := mustOpen(t, o)
	got := pending(t, l)
	wantPayloads(t, got, "first", "third")
	want := Corruption{
		Segment: w.path, Offset: w.startOf(1), Length: w.ends[1] - w.startOf(1), Reason: "damaged payload",
		Kept: fmt.Sprintf("/log/corrupt/%s.%d.bin", filepath.Base(w.path), w.startOf(1)),
	}
	if len(told) != 1 || told[0] != want {
		t.Fatalf("told of %+v, want %+v", told, want)
	}
	copied := string(m.files[want.Kept].synced)
	if original := string(m.files[w.path].live[w.startOf(1):w.ends[1]]); copied != original {
		t.Errorf("kept %q aside, want %q", copied, original)
	}
	var report Corruption
	if err := json.Unmarshal(m.files[want.Kept+".json"].synced, &report); err != nil || report != want {
		t.Errorf("report %+v, %v, want %+v", report, err, want)
	}

	// Not acknowledged, it is met again, and the same files are written again.
	mustClose(t, l)
	l = mustOpen(t, o)
	wantPayloads(t, pending(t, l), "first", "third")
	if len(told) != 2 {
		t.Errorf("told %d times, want twice: nothing was acknowledged", len(told))
	}
	if err := l.Ack(got[1].End); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	l = mustOpen(t, o)
	wantPayloads(t, pending(t, l))
	if len(told) != 2 || m.files[want.Kept] == nil {
		t.Errorf("told %d times, copy there %v; want no more, and the copy kept", len(told), m.files[want.Kept] != nil)
	}
}

func TestDamageAtTheEndIsPassedForGood(t *testing.T) {
	w := writeLog(t, "first", "second")
	m := w.with(flip(w.startOf(1)))
	o := testOptions(m)
	l := mustOpen(t, o)
	b, err := l.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Ack(b.End()); err != nil {
		t.Fatal(err)
	}
	wantPayloads(t, pending(t, l)) // meets the damage
	mustClose(t, l)
	l = mustOpen(t, o)
	if s := l.Stats(); s.Segments != 0 || s.Records != 0 {
		t.Errorf("reopened: %+v, want the segment gone", s)
	}
}

func TestDamageThatCannotBeKeptAsideStopsTheReader(t *testing.T) {
	w := writeLog(t, "first", "second", "third")
	m := w.with(flip(w.startOf(1) + 5))
	l := mustOpen(t, testOptions(m))
	m.mu.Lock()
	m.capacity = m.used() + 10
	m.mu.Unlock()
	got, err := readPending(l)
	if !errors.Is(err, ErrFull) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("reading = %v, want %v", err, ErrFull)
	}
	wantPayloads(t, got, "first")
	m.mu.Lock()
	m.capacity = 0
	m.mu.Unlock()
	wantPayloads(t, pending(t, l), "third")
	if n := l.Stats().Corrupt; n != 1 {
		t.Errorf("%d damages counted, want 1", n)
	}
}

// TestAPayloadCannotPassForARecord: the bytes of a genuine record inside a
// payload, which a reader comes upon when the header before it is damaged.
func TestAPayloadCannotPassForARecord(t *testing.T) {
	genuine := writeLog(t, "genuine")
	copied := genuine.fs.files[genuine.path].live[genuine.start:]
	w := writeLog(t, string(copied), "last")
	inside := w.start + recordHead
	m := w.with(func(b []byte) []byte { b[w.start+24] ^= 1; return b })
	if b := m.files[w.path].live[inside:]; string(b[:4]) != recordMagic || !validHead(b, segmentMarker(w.path), genuine.start) {
		t.Fatal("the payload does not start with what would be a record at another place")
	}
	l := mustOpen(t, testOptions(m))
	wantPayloads(t, pending(t, l), "last")
}

func segmentMarker(path string) uint64 {
	_, marker, _ := parseSegmentName(filepath.Base(path))
	return marker
}

func TestRenamedSegmentIsNotTakenForAnother(t *testing.T) {
	w := writeLog(t, "a")
	m := w.with(flip(w.start)) // whatever it holds, it is not of this name
	other := "/log/" + segmentHeader{id: 9, marker: 9}.name()
	m.files[other] = m.files[w.path]
	delete(m.files, w.path)
	l := mustOpen(t, testOptions(m))
	wantPayloads(t, pending(t, l))
	if n := l.Stats().Corrupt; n != 1 {
		t.Errorf("%d damages reported, want 1", n)
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	w := writeLog(t, "a")
	m := w.with(func(b []byte) []byte { binary.LittleEndian.PutUint16(b[8:], 2); return b })
	_, err := Open(testOptions(m))
	if !errors.Is(err, ErrNewer) {
		t.Fatalf("Open = %v, want %v", err, ErrNewer)
	}
	for _, want := range []string{w.path, "format 2", "up to 1", "start the newer"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Open = %v, want it to say %q", err, want)
		}
	}
	if m.locked["/log/lock"] {
		t.Error("the lock is still held")
	}
}

func TestDamagedPositionReadsEverythingAgain(t *testing.T) {
	for name, damage := range map[string]func(b []byte){
		"one slot":   func(b []byte) { copy(b[20:], "damage") },
		"other slot": func(b []byte) { copy(b[slotDistance+20:], "damage") },
		"both":       func(b []byte) { copy(b[20:], "damage"); copy(b[slotDistance+20:], "damage") },
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemFS()
			o := testOptions(m)
			l := mustOpen(t, o)
			want := []string{"a", "b", "c", "d"}
			ends := mustAppend(t, l, want...)
			pending(t, l)
			for _, end := range ends[:3] {
				if err := l.Ack(end); err != nil {
					t.Fatal(err)
				}
			}
			mustClose(t, l)
			damage(m.files["/log/position"].live)
			l = mustOpen(t, o)
			got := payloads(pending(t, l))
			// Of two slots one holds the last Ack and the other the one before.
			least := map[string]int{"one slot": 3, "other slot": 3, "both": 0}[name]
			most := map[string]int{"one slot": 2, "other slot": 2, "both": 0}[name]
			if !slices.Equal(got, want[least:]) && !slices.Equal(got, want[most:]) {
				t.Errorf("read %q, want %q or %q", got, want[least:], want[most:])
			}
			if err := l.Ack(Position{Segment: 1, Offset: ends[3].Offset, Seq: 4}); err != nil {
				t.Fatal(err)
			}
			mustClose(t, l)
			l = mustOpen(t, o)
			wantPayloads(t, pending(t, l))
		})
	}
}

// TestResyncFindsAHeaderAcrossItsWindows puts a header at each place around the
// end of the stretch that is read at a time.
func TestResyncFindsAHeaderAcrossItsWindows(t *testing.T) {
	const marker = 5
	for at := int64(resyncWindow - recordHead - 1); at <= resyncWindow+recordHead+1; at++ {
		r := appendRecord(nil, record("x"), 0)
		place(r, marker, at)
		b := append(make([]byte, at), r...)
		copy(b[at-4:], recordMagic) // looks like one, and is none
		if got, err := resync(bytes.NewReader(b), marker, 0, int64(len(b))); err != nil || got != at {
			t.Errorf("resync = %d, %v, want %d", got, err, at)
		}
	}
}

// TestFormatAsDocumented compares with bytes that another program has computed
// from the comment above segmentFormat.
func TestFormatAsDocumented(t *testing.T) {
	h := segmentHeader{id: 1, marker: 0x1122334455667788, first: 3, created: clock, meta: []byte("meta")}
	if got, want := h.name(), "0000000000000001-1122334455667788.log"; got != want {
		t.Errorf("segment is named %s, want %s", got, want)
	}
	r := record("payload")
	b := h.append(nil)
	head := len(b)
	b = appendRecord(b, r, crc32.Checksum(r.Payload, castagnoli))
	place(b[head:], h.marker, int64(head))
	want := "7061796f66664c0a010004000100000000000000887766554433221103000000000000000000078c9451e6186d657461e9f954b2" +
		"a75052010700000000a8bf938651e618070000007069e3f4e81612c8" +
		"7061796c6f6164"
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("bytes are\n%s, want\n%s", got, want)
	}
}

// FuzzSegment reads arbitrary bytes as the records of a segment: every byte ends
// up in a record, in a reported damage or in a torn tail.
func FuzzSegment(f *testing.F) {
	h := segmentHeader{id: 1, marker: 77, created: clock}
	head := h.append(nil)
	good := appendRecord(nil, Record{Time: clock, Payload: []byte("abc")}, crc32.Checksum([]byte("abc"), castagnoli))
	good = appendRecord(good, Record{Time: clock, Kind: 3}, 0)
	place(good, h.marker, int64(len(head)))
	f.Add(good, true)
	f.Add(good[:len(good)-5], true)
	f.Add(append(head, good...), false)
	f.Add(make([]byte, 100), false)
	f.Add([]byte(recordMagic+recordMagic), true)
	f.Fuzz(func(t *testing.T, b []byte, withHead bool) {
		start := 0
		if withHead {
			start = len(head)
			b = append(slices.Clone(head), b...)
		}
		m := newMemFS()
		path := "/log/" + h.name()
		m.files[path] = &memFile{live: slices.Clone(b)}
		o := testOptions(m)
		var damaged int64
		o.OnCorrupt = func(c Corruption) { damaged += c.Length }
		o.BatchBytes = 64
		l, err := Open(o)
		if errors.Is(err, ErrNewer) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if m.files[path] == nil {
			return // never finished, or nothing in it
		}
		if len(l.segments) > 0 {
			start = int(l.segments[0].start)
		}
		var records int64
		for _, e := range pending(t, l) {
			n := int64(recordHead + len(e.Payload))
			records += n
			if at := e.End.Offset - int64(len(e.Payload)); string(b[at:e.End.Offset]) != string(e.Payload) {
				t.Errorf("record at %d is not what the file holds there", at)
			}
		}
		if sum := records + damaged + l.Stats().TornBytes; sum != int64(len(b)-start) {
			t.Errorf("%d bytes of records, %d damaged, %d torn: %d in all, want %d", records, damaged, l.Stats().TornBytes, sum, len(b)-start)
		}
	})
}

// FuzzDamage changes a stretch of a genuine segment: every record outside of it
// is read, in order, once.
func FuzzDamage(f *testing.F) {
	all := []string{"a", strings.Repeat("b", 300), "", recordMagic + strings.Repeat("c", 40), "d", recordMagic}
	f.Add(uint16(60), []byte("xyz"))
	f.Add(uint16(0), []byte{0xff})
	f.Add(uint16(300), []byte(recordMagic))
	f.Fuzz(func(t *testing.T, at uint16, with []byte) {
		w := writeLog(t, all...)
		size := w.ends[len(w.ends)-1]
		from := int64(at) % size
		with = with[:min(int64(len(with)), size-from)]
		m := w.with(func(b []byte) []byte { copy(b[from:], with); return b })
		l, err := Open(testOptions(m))
		if errors.Is(err, ErrNewer) && from < 10 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var want []string
		for i, p := range all {
			untouched := string(m.files[w.path].live[w.startOf(i):min(w.ends[i], int64(len(m.files[w.path].live)))]) == string(w.fs.files[w.path].live[w.startOf(i):w.ends[i]])
			if untouched {
				want = append(want, p)
			}
		}
		wantPayloads(t, pending(t, l), want...)
	})
}
