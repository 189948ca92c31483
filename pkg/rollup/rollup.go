// Package rollup is the process behind cmd/rollup: it loads the log into
// ClickHouse and computes metrics from what is loaded.
//
//	log ──▶ load (every process, partitions shared out) ──▶ event_log, ledger
//	                                                            │
//	leader of payoff.leader, every few seconds, or on demand:  compute ──▶ facts, points
//
// Loading and computing meet in ClickHouse alone: computing reads from the ledger
// what is loaded, so it does not matter which process loaded it.
package rollup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/go-co-op/gocron/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/rollup/load"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// Topics of the log.
const (
	EventsTopic     = "payoff.events"
	DeliveriesTopic = "payoff.deliveries"
	DeadTopic       = "payoff.dead"
	LeaderTopic     = "payoff.leader"
)

// Retention of the topics: events at least 30 days and longer than the interval
// between backups of the store, deliveries as long as a replay may reach back.
const retention = 90 * 24 * time.Hour

// maxDelivery is the size of the largest sealed delivery: GitHub sends up to 25 MB.
const maxDelivery = 26 << 20

// Topics are what the log must have.
func Topics() []transport.TopicSpec {
	return []transport.TopicSpec{
		{Name: EventsTopic, Partitions: 8, Retention: retention},
		{Name: DeliveriesTopic, Partitions: 4, Retention: retention, MaxRecordBytes: maxDelivery},
		{Name: DeadTopic, Partitions: 1, Retention: retention, MaxRecordBytes: maxDelivery},
		{Name: LeaderTopic, Partitions: 1, Retention: retention},
	}
}

// Options of a rollup. Transport and Store are used, not closed.
type Options struct {
	Transport transport.Client
	Store     *store.Store
	Metrics   []metric.Def
	// Rules are asked for whenever something is computed: the organisation has a say
	// in them, and changes.
	Rules    func(context.Context) (compute.Rules, error)
	Location *time.Location // of the organisation; nil: UTC
	Every    time.Duration  // between computings; 10 s when zero
	Flush    time.Duration  // longest wait of an event for its batch; the loader's default when zero
	Name     string         // of this process in the ledger
	Elector  gocron.Elector // who computes; nil: this process
	Seal     func(body, context []byte) ([]byte, error)
	Logger   *slog.Logger
	Now      func() time.Time
	Registry prometheus.Registerer
	Failed   func(error)        // told once if loading stops for good
	Hook     func(point string) // told the steps of loading; for tests

	// Weekly is called by the leader after computing, at 6:00 and every hour after
	// it of Monday, in the organisation's time zone; it may be nil.
	Weekly func(context.Context) error
}

// A Rollup is a running rollup.
type Rollup struct {
	o         Options
	computing sync.Mutex
	scheduler gocron.Scheduler
	cancel    context.CancelFunc
	loading   chan struct{} // closed when the loader has ended
	hurry     chan struct{} // somebody waits for the loader
	loadErr   error         // valid then
}

// Start migrates the store, makes the topics and begins to load and compute.
func Start(ctx context.Context, o Options) (*Rollup, error) {
	if o.Every == 0 {
		o.Every = 10 * time.Second
	}
	if err := o.Transport.EnsureTopics(ctx, Topics()); err != nil {
		return nil, fmt.Errorf("preparing the topics: %w", err)
	}
	if _, err := o.Store.Migrate(ctx, o.Now, false); err != nil {
		return nil, fmt.Errorf("migrating the store: %w", err)
	}
	r := &Rollup{o: o, loading: make(chan struct{}), hurry: make(chan struct{}, 1)}
	if err := r.schedule(); err != nil {
		return nil, err
	}
	loadCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	go r.load(loadCtx)
	r.scheduler.Start()
	return r, nil
}

func (r *Rollup) load(ctx context.Context) {
	defer close(r.loading)
	err := load.Run(ctx, load.Options{
		Transport: r.o.Transport, Store: r.o.Store, Events: EventsTopic, Dead: DeadTopic, Name: r.o.Name, FlushInterval: r.o.Flush, Hurry: r.hurry,
		Seal: r.o.Seal, Logger: r.o.Logger, Now: r.o.Now, Registerer: r.o.Registry, Hook: r.o.Hook,
	})
	if ctx.Err() != nil {
		return
	}
	r.loadErr = err
	r.o.Logger.Error("loading has stopped", "error", err)
	if r.o.Failed != nil {
		r.o.Failed(err)
	}
}

func (r *Rollup) schedule() error {
	opts := []gocron.SchedulerOption{gocron.WithLocation(r.location())}
	if r.o.Elector != nil {
		opts = append(opts, gocron.WithDistributedElector(r.o.Elector))
	}
	s, err := gocron.NewScheduler(opts...)
	if err != nil {
		return fmt.Errorf("making the scheduler: %w", err)
	}
	_, err = s.NewJob(gocron.DurationJob(r.o.Every), gocron.NewTask(func(ctx context.Context) {
		if _, err := r.Compute(ctx); err != nil && ctx.Err() == nil {
			r.o.Logger.Error("computing failed; it is tried again", "error", err, "in", r.o.Every)
		}
	}), gocron.WithSingletonMode(gocron.LimitModeReschedule), gocron.WithName("compute"))
	if err != nil {
		return fmt.Errorf("scheduling computing: %w", err)
	}
	if r.o.Weekly != nil {
		if _, err := s.NewJob(gocron.CronJob("0 6-23 * * 1", false), gocron.NewTask(r.weekly), gocron.WithName("weekly")); err != nil {
			return fmt.Errorf("scheduling the weekly review: %w", err)
		}
	}
	r.scheduler = s
	return nil
}

func (r *Rollup) location() *time.Location {
	if r.o.Location == nil {
		return time.UTC
	}
	return r.o.Location
}

// weekly computes, so that the week is as whole as it can be, then reviews it.
func (r *Rollup) weekly(ctx context.Context) {
	_, err := r.Compute(ctx)
	if err == nil {
		err = r.o.Weekly(ctx)
	}
	if err != nil && ctx.Err() == nil {
		r.o.Logger.Error("the weekly review was not published; it is tried again within the hour, on Monday", "error", err)
	}
}

// Compute brings facts and points up to what is loaded. One call runs at a time.
func (r *Rollup) Compute(ctx context.Context) (compute.Result, error) {
	r.computing.Lock()
	defer r.computing.Unlock()
	c, err := r.computer(ctx)
	if err != nil {
		return compute.Result{}, err
	}
	return c.Run(ctx)
}

// Recompute links and computes everything anew and returns how many points were
// other than published: none, if they were right.
func (r *Rollup) Recompute(ctx context.Context) (uint64, error) {
	r.computing.Lock()
	defer r.computing.Unlock()
	c, err := r.computer(ctx)
	if err != nil {
		return 0, err
	}
	res, err := c.RunAnew(ctx)
	return res.Points, err
}

func (r *Rollup) computer(ctx context.Context) (*compute.Computer, error) {
	rules, err := r.o.Rules(ctx)
	if err != nil {
		return nil, err
	}
	return compute.New(compute.Options{Store: r.o.Store, Metrics: r.o.Metrics, Rules: rules, Now: r.o.Now, Logger: r.o.Logger}), nil
}

// Loaded looks at the ledger after the shorter pause first, then after ever longer ones:
// what it asks takes from what it waits for.
const shortPause, longPause = 10 * time.Millisecond, 160 * time.Millisecond

// fewLeft is how many records are not worth waiting for more: a waiting caller has the
// loader write them at once. More than these fill batches that are better large.
const fewLeft = 5000

// Loaded returns once all that is in the log at its call is loaded; progress, if
// not nil, is told how many of how many new records are.
func (r *Rollup) Loaded(ctx context.Context, progress func(loaded, total int64)) error {
	var first int64 = -1
	ends, err := r.logEnds(ctx)
	if err != nil {
		return err
	}
	for pause := shortPause; ; pause = min(2*pause, longPause) {
		left, err := r.behind(ctx, ends)
		if err != nil {
			return err
		}
		if first < 0 {
			first = left
		}
		if progress != nil && first > 0 {
			progress(first-left, first)
		}
		if left == 0 {
			return nil
		}
		if left <= fewLeft {
			select {
			case r.hurry <- struct{}{}:
			default: // it has been told
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.loading:
			return fmt.Errorf("loading has stopped: %w", r.loadErr)
		case <-time.After(pause):
		}
	}
}

func (r *Rollup) logEnds(ctx context.Context) (map[store.Partition]transport.Offsets, error) {
	ends := make(map[store.Partition]transport.Offsets)
	for _, topic := range []string{EventsTopic, DeadTopic} {
		offsets, err := r.o.Transport.Offsets(ctx, topic)
		if err != nil {
			return nil, fmt.Errorf("asking for the ends of %s: %w", topic, err)
		}
		for _, o := range offsets {
			ends[store.Partition{Topic: topic, Partition: int32(o.Partition)}] = o
		}
	}
	return ends, nil
}

// behind is how many records before the ends are not loaded.
func (r *Rollup) behind(ctx context.Context, ends map[store.Partition]transport.Offsets) (int64, error) {
	epoch, err := r.o.Store.CurrentEpoch(ctx)
	if err != nil {
		return 0, err
	}
	ledger, err := r.o.Store.LedgerEnds(ctx, epoch.Number)
	if err != nil {
		return 0, err
	}
	var left int64
	for p, o := range ends {
		p.Epoch = epoch.Number
		if next := max(ledger[p], o.First); next < o.Next {
			left += o.Next - next
		}
	}
	return left, nil
}

// Err is why loading has stopped for good; nil while it runs.
func (r *Rollup) Err() error {
	select {
	case <-r.loading:
		return r.loadErr
	default:
		return nil
	}
}

// Stop ends computing and loading. What was fetched and not stored is loaded
// again by the next.
func (r *Rollup) Stop(ctx context.Context) error {
	err := r.scheduler.Shutdown()
	r.cancel()
	select {
	case <-r.loading:
	case <-ctx.Done():
		err = errors.Join(err, fmt.Errorf("waiting for the loader to end: %w", ctx.Err()))
	}
	return err
}
