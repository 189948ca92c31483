package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var clock = time.Date(2026, 11, 9, 8, 0, 0, 0, time.UTC)

func testOptions(fsys FS) Options {
	return Options{
		Dir:          "/log",
		Now:          func() time.Time { return clock },
		SegmentBytes: 4 << 10,
		FS:           fsys,
		Rand:         rand.NewChaCha8([32]byte{1}),
	}
}

func mustOpen(t testing.TB, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // closing twice does nothing
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func record(payload string) Record {
	return Record{Time: clock.Add(-time.Minute), Kind: 7, Payload: []byte(payload)}
}

func mustAppend(t testing.TB, l *Log, payloads ...string) (ends []Position) {
	t.Helper()
	for _, p := range payloads {
		end, err := l.Append(t.Context(), record(p))
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end)
	}
	return ends
}

// pending reads what is left in the log, without acknowledging it.
func pending(t testing.TB, l *Log) []Entry {
	t.Helper()
	entries, err := readPending(l)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func readPending(l *Log) (entries []Entry, err error) {
	l.reader.mu.Lock()
	defer l.reader.mu.Unlock()
	for {
		b, err := l.readOn()
		if err != nil || len(b.Entries) == 0 {
			return entries, err
		}
		entries = append(entries, b.Entries...)
	}
}

func payloads(entries []Entry) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, string(e.Payload))
	}
	return out
}

func wantPayloads(t *testing.T, got []Entry, want ...string) {
	t.Helper()
	if g := payloads(got); !slices.Equal(g, want) {
		t.Errorf("read %d records %.300q, want %d: %.300q", len(g), g, len(want), want)
	}
}

func TestManyAppendOneReads(t *testing.T) {
	o := testOptions(newMemFS())
	o.BatchBytes, o.BatchRecords = 100, 3 // some records are longer
	l := mustOpen(t, o)
	const writers, each = 8, 100
	type ack struct {
		payload string
		end     Position
	}
	acks := make([][]ack, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				p := fmt.Sprintf("%d/%d/%s", w, i, strings.Repeat("x", (w*i)%90))
				end, err := l.Append(t.Context(), record(p))
				if err != nil {
					t.Error(err)
					return
				}
				acks[w] = append(acks[w], ack{p, end})
			}
		})
	}
	var got []Entry
	for len(got) < writers*each {
		b, err := l.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(b.Entries); n > o.BatchRecords {
			t.Errorf("batch of %d records, want at most %d", n, o.BatchRecords)
		}
		if err := l.Ack(b.End()); err != nil {
			t.Fatal(err)
		}
		got = append(got, b.Entries...)
	}
	wg.Wait()
	at := make(map[Position]string)
	for i, e := range got {
		if e.Kind != 7 || !e.Time.Equal(clock.Add(-time.Minute)) {
			t.Errorf("record %d has kind %d and time %v", i, e.Kind, e.Time)
		}
		if e.End.Seq != uint64(i)+1 || i > 0 && !got[i-1].End.before(e.End) {
			t.Errorf("record %d ends at %+v, after %+v", i, e.End, got[max(i-1, 0)].End)
		}
		at[e.End] = string(e.Payload)
	}
	for w := range writers {
		for i, a := range acks[w] {
			if at[a.end] != a.payload {
				t.Errorf("at %+v is %q, want %q", a.end, at[a.end], a.payload)
			}
			if i > 0 && !acks[w][i-1].end.before(a.end) {
				t.Errorf("writer %d: %q stands before the one appended earlier", w, a.payload)
			}
		}
	}
	if s := l.Stats(); s.Records != 0 || s.Bytes != 0 || s.Segments != 1 || s.Appended != writers*each {
		t.Errorf("drained log has %+v, want one empty segment left", s)
	}
}

// gate holds the sync of segments until the test lets it go.
type gate struct{ arrived, leave chan struct{} }

func gateSyncs(m *memFS) gate {
	g := gate{make(chan struct{}), make(chan struct{})}
	m.onSync = func(name string) {
		if strings.HasSuffix(name, segmentSuffix) {
			g.arrived <- struct{}{}
			<-g.leave
		}
	}
	return g
}

func (g gate) pass() { <-g.arrived; g.leave <- struct{}{} }

func TestNothingIsAcknowledgedOrReadBeforeTheSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		l := mustOpen(t, testOptions(m))
		g := gateSyncs(m)
		appended, read := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := l.Append(t.Context(), record("a"))
			appended <- err
		}()
		go func() {
			_, err := l.Next(t.Context())
			read <- err
		}()
		g.pass() // of the new segment's header
		<-g.arrived
		synctest.Wait()
		if len(appended) != 0 || len(read) != 0 {
			t.Error("acknowledged or read before the record was on stable storage")
		}
		g.leave <- struct{}{}
		if err := errors.Join(<-appended, <-read); err != nil {
			t.Error(err)
		}
	})
}

func TestOneSyncServesAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		o := testOptions(m)
		o.SegmentBytes = 1 << 20
		l := mustOpen(t, o)
		mustAppend(t, l, "first")
		g := gateSyncs(m)
		var wg sync.WaitGroup
		start := func(n int) {
			for i := range n {
				wg.Go(func() {
					if _, err := l.Append(t.Context(), record(fmt.Sprint(i))); err != nil {
						t.Error(err)
					}
				})
			}
		}
		start(1)
		<-g.arrived // the disk is busy with one record
		start(100)
		synctest.Wait()
		g.leave <- struct{}{}
		g.pass()
		wg.Wait()
		if s := l.Stats(); s.Commits != 3 || s.Appended != 102 {
			t.Errorf("%d records took %d commits, want 102 in 3", s.Appended, s.Commits)
		}
		m.onSync = nil
	})
}

func TestAppendersWaitForRoomInAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		l := mustOpen(t, testOptions(m)) // groups of at most 4 KiB
		mustAppend(t, l, "first")
		g := gateSyncs(m)
		errs := make(chan error, 4)
		add := func(ctx context.Context) {
			_, err := l.Append(ctx, record(strings.Repeat("x", 3000)))
			errs <- err
		}
		go add(t.Context())
		<-g.arrived
		go add(t.Context())
		synctest.Wait() // in the open group
		ctx, cancel := context.WithCancel(t.Context())
		go add(ctx)
		go add(t.Context())
		synctest.Wait() // both wait for room
		cancel()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled while it waited for room: %v, want %v", err, context.Canceled)
		}
		go func() {
			for {
				select {
				case g.leave <- struct{}{}:
				case <-g.arrived:
				case <-t.Context().Done():
					return
				}
			}
		}()
		for range 3 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if n := len(pending(t, l)); n != 4 {
			t.Errorf("%d records in the log, want 4: the cancelled one was never in a group", n)
		}
	})
}

func TestACancelledWaitLeavesTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		l := mustOpen(t, testOptions(m))
		mustAppend(t, l, "a")
		g := gateSyncs(m)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := l.Append(ctx, record("b"))
			done <- err
		}()
		<-g.arrived
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Append = %v, want %v", err, context.Canceled)
		}
		g.leave <- struct{}{}
		synctest.Wait()
		wantPayloads(t, pending(t, l), "a", "b")
		if _, err := l.Append(ctx, record("c")); !errors.Is(err, context.Canceled) {
			t.Errorf("Append with a dead context = %v, want %v", err, context.Canceled)
		}
		wantPayloads(t, pending(t, l))
	})
}

func TestReopenedLogGoesOnBehindTheLastAck(t *testing.T) {
	m := newMemFS()
	l := mustOpen(t, testOptions(m))
	var want []string
	for i := range 30 {
		want = append(want, fmt.Sprintf("%02d %s", i, strings.Repeat("x", 500)))
	}
	ends := mustAppend(t, l, want...)
	if n := l.Stats().Segments; n < 4 {
		t.Fatalf("30 records of 500 bytes take %d segments of 4 KiB", n)
	}
	acked := 0
	for _, k := range []int{1, 11, 17, 30} {
		wantPayloads(t, pending(t, l), want[acked:]...)
		if err := l.Ack(ends[k-1]); err != nil {
			t.Fatal(err)
		}
		acked = k
		if got := l.Stats().Records; got != uint64(30-k) {
			t.Errorf("%d acknowledged: %d records pending, want %d", k, got, 30-k)
		}
		mustClose(t, l)
		l = mustOpen(t, testOptions(m))
		if got := l.Stats().Records; got != uint64(30-k) {
			t.Errorf("%d acknowledged, reopened: %d records pending, want %d", k, got, 30-k)
		}
	}
	if s := l.Stats(); s.Segments != 0 || s.DiskBytes != 0 {
		t.Errorf("drained and reopened: %+v, want no segment left", s)
	}
	end := mustAppend(t, l, "next")[0]
	if end.Seq != 31 || !ends[29].before(end) {
		t.Errorf("appended at %+v, want behind %+v", end, ends[29])
	}
	wantPayloads(t, pending(t, l), "next")
}

func TestAckIsOfWhatHasBeenRead(t *testing.T) {
	l := mustOpen(t, testOptions(newMemFS()))
	ends := mustAppend(t, l, "a", "b")
	if err := l.Ack(ends[1]); err == nil || !strings.Contains(err.Error(), "reading is only at") {
		t.Errorf("acknowledging what was not read: %v, want a refusal", err)
	}
	pending(t, l)
	if err := errors.Join(l.Ack(ends[1]), l.Ack(ends[0])); err != nil {
		t.Error(err)
	}
	if n := l.Stats().Records; n != 0 {
		t.Errorf("an older Ack brought back %d records", n)
	}
}

func TestFullAtEightyPercentAndFreeAgain(t *testing.T) {
	o := testOptions(newMemFS())
	o.MaxBytes = 100_000
	l := mustOpen(t, o)
	r := record(strings.Repeat("x", 1000))
	var last Position
	n := 0
	for ; ; n++ {
		end, err := l.Append(t.Context(), r)
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = end
	}
	s := l.Stats()
	if s.DiskBytes > 80_000 || s.DiskBytes < 78_000 {
		t.Errorf("full with %d bytes of %d, want 80 %%", s.DiskBytes, s.MaxBytes)
	}
	if got := pending(t, l); len(got) != n {
		t.Errorf("%d records in the full log, want %d", len(got), n)
	}
	if err := l.Ack(last); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), r); err != nil {
		t.Errorf("after draining: %v", err)
	}
}

// TestADrainedLogIsNeverFull: the segment being filled counts although it is
// drained, so it must not be able to fill the log.
func TestADrainedLogIsNeverFull(t *testing.T) {
	o := testOptions(newMemFS())
	o.MaxBytes, o.SegmentBytes = 20_000, 1<<20
	l := mustOpen(t, o)
	for range 100 {
		mustAppend(t, l, strings.Repeat("x", 2400))
		got := pending(t, l)
		if err := l.Ack(got[len(got)-1].End); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Append(t.Context(), record(strings.Repeat("x", 2500))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a record above an eighth of the log: %v, want %v", err, ErrTooLarge)
	}
}

// TestFullDiskOfOneSegment drains a disk that one segment fills: there is no other
// to make room, so it is given up.
func TestFullDiskOfOneSegment(t *testing.T) {
	m := newMemFS()
	l := mustOpen(t, testOptions(m))
	m.mu.Lock()
	m.capacity = m.used() + 3000
	m.mu.Unlock()
	payload := strings.Repeat("x", 700)
	var err error
	for err == nil {
		_, err = l.Append(t.Context(), record(payload))
	}
	if !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	got := pending(t, l)
	if err := l.Ack(got[len(got)-1].End); err != nil {
		t.Fatal(err)
	}
	// The first to come finds the disk full still and makes the room.
	if _, err := l.Append(t.Context(), record(payload)); err != nil && !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	mustAppend(t, l, payload)
	mustClose(t, l)
	l = mustOpen(t, testOptions(m))
	if s := l.Stats(); s.Corrupt != 0 || s.TornBytes != 0 {
		t.Errorf("a full disk left damage: %+v", s)
	}
	mustClose(t, l)
}

func TestDiskWithoutRoom(t *testing.T) {
	m := newMemFS()
	l := mustOpen(t, testOptions(m))
	m.mu.Lock()
	m.capacity = m.used() + 10_000
	m.mu.Unlock()
	var kept []string
	for i := 0; ; i++ {
		p := fmt.Sprintf("%d %s", i, strings.Repeat("x", 700))
		_, err := l.Append(t.Context(), record(p))
		if errors.Is(err, ErrFull) && errors.Is(err, syscall.ENOSPC) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, p)
	}
	if !errors.Is(l.Stats().LastError, ErrFull) {
		t.Errorf("LastError = %v, want %v", l.Stats().LastError, ErrFull)
	}
	m.mu.Lock()
	m.capacity = 0
	m.mu.Unlock()
	mustAppend(t, l, "room again")
	if err := l.Stats().LastError; err != nil {
		t.Errorf("LastError = %v after a commit that succeeded", err)
	}
	wantPayloads(t, pending(t, l), append(kept, "room again")...)
	mustClose(t, l)
	l = mustOpen(t, testOptions(m))
	wantPayloads(t, pending(t, l), append(kept, "room again")...)
	if s := l.Stats(); s.Corrupt != 0 || s.TornBytes != 0 {
		t.Errorf("a full disk left damage: %+v", s)
	}
}

// TestFaultyWrites: whatever the disk refuses is not acknowledged and not read,
// and what it takes before and after is kept, also by a log opened anew.
func TestFaultyWrites(t *testing.T) {
	for _, op := range []string{"write", "short", "sync", "create", "syncdir"} {
		for _, cause := range []error{syscall.EIO, syscall.ENOSPC} {
			for _, alsoTruncate := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %v truncate=%v", op, cause, !alsoTruncate), func(t *testing.T) {
					testFaultyWrites(t, op, cause, alsoTruncate)
				})
			}
		}
	}
}

func testFaultyWrites(t *testing.T, op string, cause error, alsoTruncate bool) {
	m := newMemFS()
	o := testOptions(m)
	o.SegmentBytes = 200
	l := mustOpen(t, o)
	mustAppend(t, l, "a", "b")
	faulty := func(on bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.fault = nil
		if on {
			m.fault = func(o, name string) error {
				if o == op || alsoTruncate && o == "truncate" {
					return cause
				}
				return nil
			}
		}
	}
	faulty(true)
	want, failed := []string{"a", "b"}, 0
	for i := range 20 {
		p := fmt.Sprint(i)
		_, err := l.Append(t.Context(), record(p))
		if err == nil { // it needed no such operation
			want = append(want, p)
			continue
		}
		failed++
		if !errors.Is(err, cause) || errors.Is(err, ErrFull) != (cause == syscall.ENOSPC) {
			t.Errorf("Append = %v, want %v", err, cause)
		}
	}
	faulty(false)
	if failed == 0 {
		t.Fatal("nothing failed")
	}
	mustAppend(t, l, "c")
	want = append(want, "c")
	if n := l.Stats().Segments; n > 4 {
		t.Errorf("%d failures left %d segments", failed, n)
	}
	wantPayloads(t, pending(t, l), want...)
	if alsoTruncate {
		return // bytes that were never acknowledged may be found again
	}
	mustClose(t, l)
	l = mustOpen(t, o)
	wantPayloads(t, pending(t, l), want...)
	if s := l.Stats(); s.Corrupt != 0 || s.TornBytes != 0 {
		t.Errorf("damage after faults that were handled: %+v", s)
	}
}

func TestReadErrorsAreRetried(t *testing.T) {
	m := newMemFS()
	l := mustOpen(t, testOptions(m))
	mustAppend(t, l, "a", "b")
	m.fault = func(op, _ string) error {
		if op == "read" {
			return syscall.EIO
		}
		return nil
	}
	if _, err := l.Next(t.Context()); !errors.Is(err, syscall.EIO) {
		t.Errorf("Next = %v, want %v", err, syscall.EIO)
	}
	m.fault = nil
	wantPayloads(t, pending(t, l), "a", "b")
}

func TestSegmentsCarryTheirMeta(t *testing.T) {
	o := testOptions(newMemFS())
	n, fail := 0, error(nil)
	o.NewSegmentMeta = func() ([]byte, error) {
		n++
		return fmt.Appendf(nil, "key %d", n), fail
	}
	l := mustOpen(t, o)
	mustAppend(t, l, strings.Repeat("a", 3000), strings.Repeat("b", 3000))
	mustClose(t, l)
	l = mustOpen(t, o)
	for _, want := range []string{"key 1", "key 2"} {
		b, err := l.Next(t.Context())
		if err != nil || string(b.Meta) != want {
			t.Errorf("batch with meta %q, %v, want %q", b.Meta, err, want)
		}
	}
	fail = errors.New("no key")
	if _, err := l.Append(t.Context(), record("c")); !errors.Is(err, fail) {
		t.Errorf("Append = %v, want %v", err, fail)
	}
	o.NewSegmentMeta = func() ([]byte, error) { return make([]byte, maxMeta+1), nil }
	mustClose(t, l)
	l = mustOpen(t, o)
	if _, err := l.Append(t.Context(), record("c")); err == nil {
		t.Error("took a meta that does not fit")
	}
}

func TestStats(t *testing.T) {
	now := clock
	o := testOptions(newMemFS())
	o.Now = func() time.Time { return now }
	l := mustOpen(t, o)
	if s := l.Stats(); s.Records != 0 || s.OldestAge != 0 || s.Full() {
		t.Errorf("empty log: %+v", s)
	}
	for i := range 3 {
		if _, err := l.Append(t.Context(), Record{Time: clock.Add(time.Duration(i) * time.Minute), Payload: make([]byte, 72)}); err != nil {
			t.Fatal(err)
		}
	}
	now = clock.Add(time.Hour)
	s := l.Stats()
	if s.Records != 3 || s.Bytes != 300 || s.OldestAge != time.Hour || s.DiskBytes != 300+segmentFixed+4 {
		t.Errorf("three records: %+v, want 3 of 100 bytes, an hour old", s)
	}
	got := pending(t, l)
	if err := l.Ack(got[1].End); err != nil {
		t.Fatal(err)
	}
	if s := l.Stats(); s.Records != 1 || s.Bytes != 100 || s.OldestAge != 58*time.Minute {
		t.Errorf("two acknowledged: %+v, want 1 of 100 bytes, 58 minutes old", s)
	}
}

func TestRefusals(t *testing.T) {
	m := newMemFS()
	o := testOptions(m)
	l := mustOpen(t, o)
	if _, err := Open(o); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "/log") {
		t.Errorf("second Open = %v, want %v and the directory", err, ErrLocked)
	}
	if _, err := l.Append(t.Context(), record(strings.Repeat("x", 4096-recordHead+1))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("Append = %v, want %v", err, ErrTooLarge)
	}
	mustAppend(t, l, strings.Repeat("x", 4096-recordHead))
	mustClose(t, l)
	if _, err := l.Append(t.Context(), record("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("Append after Close = %v, want %v", err, ErrClosed)
	}
	if _, err := l.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Next after Close = %v, want %v", err, ErrClosed)
	}
	if err := l.Ack(Position{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Ack after Close = %v, want %v", err, ErrClosed)
	}
	if _, err := Open(Options{MaxBytes: -1}); err == nil {
		t.Error("opened a log without directory or clock")
	} else {
		for _, want := range []string{"no Dir given", "no Now given", "MaxBytes is negative"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Open = %v, want it to say %q", err, want)
			}
		}
	}
}

func TestCloseKeepsWhatIsBeingAppendedAndWakesTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemFS()
		l := mustOpen(t, testOptions(m))
		mustAppend(t, l, "a")
		pending(t, l)
		g := gateSyncs(m)
		appended, read := make(chan error, 2), make(chan error, 1)
		add := func(p string) {
			_, err := l.Append(t.Context(), record(p))
			appended <- err
		}
		go add("b")
		<-g.arrived
		go add("c") // waits for the disk
		go func() {
			for {
				if _, err := l.Next(t.Context()); err != nil {
					read <- err
					return
				}
			}
		}()
		synctest.Wait()
		go l.Close()
		synctest.Wait()
		g.leave <- struct{}{}
		g.pass()
		if err := errors.Join(<-appended, <-appended); err != nil {
			t.Errorf("appended before Close: %v", err)
		}
		if err := <-read; !errors.Is(err, ErrClosed) {
			t.Errorf("Next = %v, want %v", err, ErrClosed)
		}
		mustClose(t, l)
		m.onSync = nil
		l = mustOpen(t, testOptions(m))
		wantPayloads(t, pending(t, l), "a", "b", "c")
	})
}

func TestRealDirectory(t *testing.T) {
	o := testOptions(nil)
	o.Dir = filepath.Join(t.TempDir(), "a", "log")
	l := mustOpen(t, o)
	if _, err := Open(o); !errors.Is(err, ErrLocked) {
		t.Errorf("second Open = %v, want %v", err, ErrLocked)
	}
	mustAppend(t, l, "a", "b")
	mustClose(t, l)
	names, err := filepath.Glob(filepath.Join(o.Dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, o.Dir) {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&^fs.FileMode(0o700) != 0 {
			t.Errorf("%s has mode %v, %v: others can look into the log", name, info.Mode(), err)
		}
	}
	l = mustOpen(t, o)
	got := pending(t, l)
	wantPayloads(t, got, "a", "b")
	if err := l.Ack(got[1].End); err != nil {
		t.Fatal(err)
	}
	mustClose(t, l)
	l = mustOpen(t, o)
	wantPayloads(t, pending(t, l))
	if !bytes.Equal(mustRead(t, filepath.Join(o.Dir, positionName))[:8], []byte(positionMagic)) &&
		!bytes.Equal(mustRead(t, filepath.Join(o.Dir, positionName))[slotDistance:][:8], []byte(positionMagic)) {
		t.Error("no slot of the position file is written")
	}
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
