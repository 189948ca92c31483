package load

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// Options of a loader. Transport and Store must be set.
type Options struct {
	Transport transport.Client
	Store     *store.Store

	// Events and Dead name the topics of events and of sealed deliveries that
	// could not be normalised; payoff.events and payoff.dead when empty.
	Events, Dead string

	// Group is the consumer group that shares out the partitions;
	// payoff-loader when empty.
	Group string

	// Name of this loader in the ledger; "loader" when empty.
	Name string

	// FlushInterval is how long a record waits for others at most, 0.5 s when
	// zero; MaxRows and MaxBytes are the size of a batch that is not waited
	// for, 50 000 rows and 32 MiB when zero. A batch may exceed them by one
	// fetch.
	FlushInterval time.Duration
	MaxRows       int
	MaxBytes      int

	// Hurry, if not nil, says that somebody waits: what is gathered then is written
	// without waiting for more.
	Hurry <-chan struct{}

	// Seal seals the body of a parked record to the delivery key, bound to
	// its position. Without it the body is kept as it was.
	Seal func(body, context []byte) ([]byte, error)

	Logger     *slog.Logger          // nothing is logged if nil
	Now        func() time.Time      // time.Now if nil
	Registerer prometheus.Registerer // nothing is counted if nil

	// Progress is told by CatchUp how many of the records it waits for are
	// loaded.
	Progress func(loaded, total int64)

	// Hook is called with "batch" before a batch is written, and after each
	// step with the step's name: event_log and dead_letters for each batch,
	// events, ledger and commit when one or some of them are settled. Tests
	// end the process in it.
	Hook func(point string)
}

func (o Options) withDefaults() (Options, error) {
	if o.Transport == nil || o.Store == nil {
		return o, errors.New("loading needs a transport and a store")
	}
	setDefault(&o.Events, "payoff.events")
	setDefault(&o.Dead, "payoff.dead")
	setDefault(&o.Group, "payoff-loader")
	setDefault(&o.Name, "loader")
	setDefault(&o.FlushInterval, 500*time.Millisecond)
	setDefault(&o.MaxRows, 50_000)
	setDefault(&o.MaxBytes, 32<<20)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Hook == nil {
		o.Hook = func(string) {}
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Run loads until ctx ends, and returns its error; or until it meets what no
// waiting heals: a *LogError, store.ErrTooNew, transport.ErrAuth or
// transport.ErrUnknownTopic. The store is migrated before: it waits for one that
// lacks the latest migrations, and one without any has lost its tables. Several may run in one group, in one process or many.
func Run(ctx context.Context, o Options) error {
	l, err := newLoader(o)
	if err != nil {
		return err
	}
	return l.run(ctx)
}

type loader struct {
	Options
	metrics *metrics
}

func newLoader(o Options) (*loader, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	return &loader{Options: o, metrics: m}, nil
}

func (l *loader) topics() []string { return []string{l.Events, l.Dead} }

func (l *loader) run(ctx context.Context) error {
	return l.Transport.Consume(ctx, l.Group, l.topics(), l.generation)
}

// generation loads the partitions of one generation of the group until it ends.
// Whatever is under way then is dropped: its next owner finds out how far it got.
func (l *loader) generation(ctx context.Context, g transport.Generation) error {
	parts, err := l.assign(ctx, g)
	if err != nil {
		return err
	}
	defer l.metrics.forget(parts)
	fetched, batches := make(chan fetched), make(chan *batch)
	grp, ctx := errgroup.WithContext(ctx)
	for _, p := range parts {
		grp.Go(func() error { return l.fetch(ctx, g, p, fetched) })
	}
	grp.Go(func() error { return l.gather(ctx, fetched, batches) })
	grp.Go(func() error { return l.write(ctx, g, batches) })
	return grp.Wait()
}

// fetched is what one fetch brought of a partition.
type fetched struct {
	part *part
	recs []transport.Record
}

// fetch reads p. It is at most two fetches ahead of gather: that is the bound on
// memory while ClickHouse is away.
func (l *loader) fetch(ctx context.Context, g transport.Generation, p *part, out chan<- fetched) error {
	f := g.Fetch(ctx, p.tp, p.from)
	defer f.Close()
	for {
		recs, err := f.Next(ctx)
		var outside *transport.OffsetError
		switch {
		case err == nil:
		case errors.As(err, &outside):
			return p.outside(outside)
		case errors.Is(err, transport.ErrUnavailable) && ctx.Err() == nil:
			l.metrics.retries.WithLabelValues("fetch").Inc()
			l.Logger.Warn("waiting for the log", "topic", p.tp.Topic, "partition", p.tp.Partition, "error", err)
			continue // Next pauses by itself, longer each time
		default:
			return err
		}
		p.end.Store(f.End())
		select {
		case out <- fetched{p, recs}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// retry calls do until it succeeds or fails for another reason than that
// ClickHouse or the log cannot be reached. do is told whether it is called again.
// Tables that stay missing do not come by waiting: loading began with them there.
func (l *loader) retry(ctx context.Context, doing string, do func(again bool) error) error {
	const first, longest, patience = 100 * time.Millisecond, 3 * time.Second, 5
	pause, missing := first, 0
	for again := false; ; again = true {
		err := do(again)
		if errors.Is(err, store.ErrNoTables) {
			if missing++; missing == patience {
				return &LogError{Cause: ErrNoStore, Detail: err.Error()}
			}
		} else {
			missing = 0
		}
		if err == nil || ctx.Err() != nil || !errors.Is(err, store.ErrUnavailable) && !errors.Is(err, transport.ErrUnavailable) {
			return err
		}
		l.metrics.retries.WithLabelValues(doing).Inc()
		l.Logger.Warn("trying again", "doing", doing, "in", pause, "error", err)
		if !wait(ctx, pause) {
			return context.Cause(ctx)
		}
		pause = min(2*pause, longest)
	}
}

// wait waits for d and reports whether it did so before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// CatchUp loads to the ends that the topics have when it is called, then
// returns nil. It is a member of the group like any other loader, and counts
// what the others load.
func CatchUp(ctx context.Context, o Options) error {
	l, err := newLoader(o)
	if err != nil {
		return err
	}
	w, err := l.watch(ctx)
	if err != nil {
		return err
	}
	if done, err := w.look(ctx); done || err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	grp, ctx := errgroup.WithContext(ctx)
	grp.Go(func() error { return l.run(ctx) })
	grp.Go(func() error {
		for wait(ctx, 50*time.Millisecond) {
			done, err := w.look(ctx)
			if err != nil && !errors.Is(err, store.ErrUnavailable) {
				return err
			}
			if done {
				stop(errCaughtUp)
				return errCaughtUp
			}
		}
		return context.Cause(ctx)
	})
	err = grp.Wait()
	if errors.Is(context.Cause(ctx), errCaughtUp) {
		return nil
	}
	return err
}

var errCaughtUp = errors.New("caught up")

// A watch knows where CatchUp must get to.
type watch struct {
	*loader
	epoch   uint32
	targets map[store.Partition]int64 // offset after the last record
	start   map[store.Partition]int64 // offset at which loading goes on, at first
}

func (l *loader) watch(ctx context.Context) (*watch, error) {
	log, err := l.look(ctx)
	if err != nil {
		return nil, err
	}
	w := &watch{loader: l, epoch: log.epoch, targets: make(map[store.Partition]int64), start: make(map[store.Partition]int64)}
	for p, bounds := range log.bounds {
		next, err := log.position(p, -1)
		if err != nil {
			return nil, err
		}
		if next < bounds.Next {
			w.targets[p], w.start[p] = bounds.Next, next
		}
	}
	return w, nil
}

// look reports whether every target is reached.
func (w *watch) look(ctx context.Context) (bool, error) {
	ends, err := w.Store.LedgerEnds(ctx, w.epoch)
	if err != nil {
		return false, fmt.Errorf("looking how far loading is: %w", err)
	}
	var loaded, total int64
	for p, target := range w.targets {
		at := max(ends[p], w.start[p])
		total += target - w.start[p]
		loaded += min(at, target) - w.start[p]
	}
	if w.Progress != nil {
		w.Progress(loaded, total)
	}
	return loaded == total, nil
}
