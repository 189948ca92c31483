package transporttest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

func testReadRange(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 1)
	publish(t, ctx, c, numbered(topic, 10, 1)...)
	read := func(from, to int64) (got []string, err error) {
		err = c.Read(ctx, topic, 0, from, to, func(recs []transport.Record) error {
			got = append(got, values(recs)...)
			return nil
		})
		return got, err
	}
	for _, r := range []struct {
		from, to int64
		want     []string
	}{
		{0, 3, []string{"0", "1", "2"}},
		{4, 6, []string{"4", "5"}}, // inside a batch
		{9, 10, []string{"9"}},
		{5, 5, nil},
	} {
		got, err := read(r.from, r.to)
		if err != nil || !slices.Equal(got, r.want) {
			t.Errorf("Read from %d to %d = %v, %v, want %v", r.from, r.to, got, err, r.want)
		}
	}
	stop := errors.New("enough")
	err := c.Read(ctx, topic, 0, 0, 10, func([]transport.Record) error { return stop })
	if err != stop {
		t.Errorf("Read = %v, want the function's own error", err)
	}
}

func testOutOfRange(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 1)
	publish(t, ctx, c, numbered(topic, 10, 1)...)
	check := func(what string, err error, asked int64) {
		t.Helper()
		var out *transport.OffsetError
		if !errors.Is(err, transport.ErrOffsetOutOfRange) || !errors.As(err, &out) {
			t.Errorf("%s = %v, want an OffsetError", what, err)
			return
		}
		want := transport.OffsetError{
			TopicPartition: transport.TopicPartition{Topic: topic}, Asked: asked, First: 0, Next: 10,
		}
		if d := cmp.Diff(want, *out); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	nothing := func([]transport.Record) error { return nil }
	check("Read past the end", c.Read(ctx, topic, 0, 5, 12, nothing), 11)
	check("Read from past the end", c.Read(ctx, topic, 0, 11, 12, nothing), 11)
	check("Read from before the start", c.Read(ctx, topic, 0, -1, 5, nothing), -1)

	inGeneration(t, ctx, c, topic, func(ctx context.Context, g transport.Generation) {
		for _, from := range []int64{-1, 11, 5_000} {
			f := g.Fetch(ctx, transport.TopicPartition{Topic: topic}, from)
			_, err := f.Next(ctx)
			check("Next", err, from)
			f.Close()
		}
	})
}

// inGeneration runs do within a group of one member.
func inGeneration(t testing.TB, ctx context.Context, c transport.Client, topic string, do func(context.Context, transport.Generation)) {
	t.Helper()
	err := c.Consume(ctx, newName(t), []string{topic}, func(ctx context.Context, g transport.Generation) error {
		do(ctx, g)
		return nil
	})
	if err != nil {
		t.Fatalf("Consume: %v", err)
	}
}

func testFetchWaits(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 1)
	publish(t, ctx, c, numbered(topic, 3, 1)...)
	inGeneration(t, ctx, c, topic, func(ctx context.Context, g transport.Generation) {
		want := []transport.Assignment{{TopicPartition: transport.TopicPartition{Topic: topic}, Committed: -1}}
		if d := cmp.Diff(want, g.Assigned()); d != "" {
			t.Fatalf("assigned (-want +got):\n%s", d)
		}
		f := g.Fetch(ctx, want[0].TopicPartition, 1)
		defer f.Close()
		if recs, err := f.Next(ctx); err != nil || !slices.Equal(values(recs), []string{"1", "2"}) {
			t.Fatalf("Next = %v, %v, want what is there from the offset on", values(recs), err)
		}
		if f.End() != 3 {
			t.Errorf("End = %d, want 3", f.End())
		}
		// Nothing there: Next waits, and its end by the context loses nothing.
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if recs, err := f.Next(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Next without records = %v, %v, want it to wait", values(recs), err)
		}
		publish(t, ctx, c, transport.Record{Topic: topic, Value: []byte("late")})
		recs, err := f.Next(ctx)
		if err != nil || len(recs) != 1 || string(recs[0].Value) != "late" || recs[0].Offset != 3 {
			t.Errorf("Next = %+v, %v, want the late record at offset 3", recs, err)
		}
		f.Close()
		if _, err := f.Next(ctx); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Next after Close = %v, want ErrClosed", err)
		}
	})
}

// A tally counts what the members of a group have read and committed.
type tally struct {
	mu   sync.Mutex
	seen map[string]int // values committed, by how often
	held map[string][]transport.Assignment
}

// consumeAll reads every assigned partition from the committed offset on and
// commits each batch before it counts it, until its context ends.
func (y *tally) consumeAll(name string) func(context.Context, transport.Generation) error {
	return func(ctx context.Context, g transport.Generation) error {
		y.mu.Lock()
		y.held[name] = g.Assigned()
		y.mu.Unlock()
		var wg sync.WaitGroup
		errs := make(chan error, len(g.Assigned()))
		for _, a := range g.Assigned() {
			wg.Go(func() { errs <- y.consumeOne(ctx, g, a) })
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				return err
			}
		}
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

func (y *tally) consumeOne(ctx context.Context, g transport.Generation, a transport.Assignment) error {
	f := g.Fetch(ctx, a.TopicPartition, max(a.Committed, 0))
	defer f.Close()
	for {
		recs, err := f.Next(ctx)
		if errors.Is(err, transport.ErrUnavailable) {
			continue
		}
		if err != nil {
			return err
		}
		next := recs[len(recs)-1].Offset + 1
		err = g.Commit(ctx, map[transport.TopicPartition]int64{a.TopicPartition: next})
		if errors.Is(err, transport.ErrUnavailable) {
			return transport.ErrFenced // whether it was committed is not known: begin again
		}
		if err != nil {
			return err
		}
		y.mu.Lock()
		for _, v := range values(recs) {
			y.seen[v]++
		}
		y.mu.Unlock()
	}
}

func newTally() *tally {
	return &tally{seen: map[string]int{}, held: map[string][]transport.Assignment{}}
}

func (y *tally) count() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.seen)
}

func (y *tally) holds(name string) int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.held[name])
}

// await waits until cond holds.
func await(t testing.TB, ctx context.Context, what string, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("waiting in vain: %s", what)
		case <-tick.C:
		}
	}
}

// start runs Consume in the background; stop ends it and reports its error.
func start(t testing.TB, ctx context.Context, c transport.Client, group, topic string, handle func(context.Context, transport.Generation) error) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- c.Consume(ctx, group, []string{topic}, handle) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Consume = %v, want context.Canceled", err)
		}
	})
}

func testGroupOfTwo(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 4)
	group, y := newName(t), newTally()
	batch := func(from int) []transport.Record { return numbered(topic, from+500, 40)[from:] }

	publish(t, ctx, c, batch(0)...)
	stop1 := start(t, ctx, e.Open(t), group, topic, y.consumeAll("one"))
	defer stop1()
	await(t, ctx, "the first member reads all", func() bool { return y.count() == 500 })

	stop2 := start(t, ctx, e.Open(t), group, topic, y.consumeAll("two"))
	defer stop2()
	await(t, ctx, "the partitions are shared", func() bool { return y.holds("one") == 2 && y.holds("two") == 2 })
	publish(t, ctx, c, batch(500)...)
	await(t, ctx, "both members read all", func() bool { return y.count() == 1000 })

	stop1()
	await(t, ctx, "the second member takes over", func() bool { return y.holds("two") == 4 })
	publish(t, ctx, c, batch(1000)...)
	await(t, ctx, "the second member reads all", func() bool { return y.count() == 1500 })
	stop2()
	for v, n := range y.seen {
		if n != 1 {
			t.Errorf("record %s was committed %d times", v, n)
		}
	}
}

func testCommitResumes(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 2)
	group := newName(t)
	tp := transport.TopicPartition{Topic: topic, Partition: 1}
	other := transport.TopicPartition{Topic: topic, Partition: 0}
	var got [][]transport.Assignment
	for _, next := range []int64{7, 12, 12} {
		err := c.Consume(ctx, group, []string{topic}, func(ctx context.Context, g transport.Generation) error {
			got = append(got, g.Assigned())
			return g.Commit(ctx, map[transport.TopicPartition]int64{tp: next})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	want := [][]transport.Assignment{
		{{TopicPartition: other, Committed: -1}, {TopicPartition: tp, Committed: -1}},
		{{TopicPartition: other, Committed: -1}, {TopicPartition: tp, Committed: 7}},
		{{TopicPartition: other, Committed: -1}, {TopicPartition: tp, Committed: 12}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("committed offsets (-want +got):\n%s", d)
	}
}

func testStaleCommit(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 2)
	group := newName(t)
	tp := transport.TopicPartition{Topic: topic}
	generations := make(chan transport.Generation, 10)
	hold := func(ctx context.Context, g transport.Generation) error {
		generations <- g
		<-ctx.Done()
		if cause := context.Cause(ctx); !errors.Is(cause, transport.ErrFenced) && !errors.Is(cause, context.Canceled) {
			t.Errorf("a generation ended with cause %v", cause)
		}
		return context.Cause(ctx)
	}
	stop := start(t, ctx, c, group, topic, hold)
	defer stop()
	first := <-generations
	stop2 := start(t, ctx, e.Open(t), group, topic, hold)
	defer stop2()
	var latest transport.Generation
	for range 2 {
		latest = <-generations
	}
	if first.ID() == latest.ID() {
		t.Fatalf("the generation is still %d after a member came", first.ID())
	}
	err := first.Commit(ctx, map[transport.TopicPartition]int64{tp: 1})
	if !errors.Is(err, transport.ErrFenced) {
		t.Errorf("Commit of generation %d in generation %d = %v, want ErrFenced", first.ID(), latest.ID(), err)
	}
	if w := transport.Classify(err); w != "fenced" {
		t.Errorf("Classify = %q, want fenced", w)
	}
	stop2()
	err = latest.Commit(ctx, map[transport.TopicPartition]int64{tp: 1})
	if latest.MemberID() != first.MemberID() && !errors.Is(err, transport.ErrFenced) {
		t.Errorf("Commit of a member that left = %v, want ErrFenced", err)
	}
}

func testHandleEnds(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 1)
	broken := errors.New("the disk is full")
	calls := 0
	err := c.Consume(ctx, newName(t), []string{topic}, func(context.Context, transport.Generation) error {
		if calls++; calls < 3 {
			return transport.ErrFenced // asks to join again
		}
		return broken
	})
	if err != broken || calls != 3 {
		t.Errorf("Consume = %v after %d generations, want the handle's error after 3", err, calls)
	}
}

func testOutage(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 2)
	y := newTally()
	publish(t, ctx, c, numbered(topic, 100, 10)...)
	stop := start(t, ctx, c, newName(t), topic, y.consumeAll("one"))
	defer stop()
	await(t, ctx, "the records before are read", func() bool { return y.count() == 100 })
	before, err := c.ID(ctx)
	if err != nil {
		t.Fatal(err)
	}

	lost := numbered(topic, 200, 10)[100:]
	e.Outage(t, func() {
		err := c.Publish(ctx, lost)
		var partial *transport.PartialError
		if !errors.Is(err, transport.ErrUnavailable) || !errors.As(err, &partial) || len(partial.Failed) != len(lost) {
			t.Errorf("Publish without a broker = %v, want a PartialError of ErrUnavailable with all %d", err, len(lost))
		}
		if w := transport.Classify(err); w != "unavailable" {
			t.Errorf("Classify = %q, want unavailable", w)
		}
		if _, err := c.Offsets(ctx, topic); !errors.Is(err, transport.ErrUnavailable) {
			t.Errorf("Offsets without a broker = %v, want ErrUnavailable", err)
		}
		if _, err := c.ID(ctx); !errors.Is(err, transport.ErrUnavailable) {
			t.Errorf("ID without a broker = %v, want ErrUnavailable", err)
		}
	})

	publish(t, ctx, c, lost...)
	if after, err := c.ID(ctx); err != nil || after != before {
		t.Errorf("ID after the outage = %q, %v, want %q", after, err, before)
	}
	await(t, ctx, "the records after are read", func() bool { return y.count() == 200 })
	stop()
	checkOrder(t, readAll(t, ctx, c, topic), 200)
}
