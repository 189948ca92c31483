package instance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/ingest"
	"github.com/payoff-metrics/payoff/pkg/lifecycle"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/rollup"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/rollup/leader"
	"github.com/payoff-metrics/payoff/pkg/seal"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/broker"
)

// Options of an Instance.
type Options struct {
	Dir      string // data directory
	Config   config.Config
	Listen   bool          // open the configured addresses
	Patience time.Duration // how long to wait for the lock of a dying one
	Logger   *slog.Logger
	Now      func() time.Time
	Failed   func(error) // told if a part stops for good

	// Hook is told the steps of loading; tests end the process in it.
	Hook func(point string)
}

// An Instance is the whole flow in one process.
type Instance struct {
	Store     *store.Store
	Transport transport.Client
	Engine    *engine.Engine // nil with a configured ClickHouse
	Broker    *broker.Broker // nil with a configured Kafka
	Ingest    *ingest.Server
	Rollup    *rollup.Rollup
	Registry  *prometheus.Registry
	Keys      Keys

	o       Options
	elector *leader.Elector
	info    Info
	stack   lifecycle.Stack
	alive   context.Context // ends, with its cause, when the broker has lost its folder; nil without one
}

// Keys are what protects people and deliveries.
type Keys struct {
	People     *seal.Pseudonymiser
	Deliveries *seal.Keyring
}

// OpenKeys reads the keys of a data directory, or makes them.
func OpenKeys(dir string) (Keys, error) {
	keys := filepath.Join(dir, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return Keys{}, fmt.Errorf("making %s: %w", keys, err)
	}
	people, err := seal.CreatePseudonymiser(filepath.Join(keys, "pseudonym.key"))
	if err != nil {
		return Keys{}, err
	}
	deliveries, err := seal.CreateKeyring(filepath.Join(keys, "delivery.keys"), seal.Delivery)
	if err != nil {
		return Keys{}, err
	}
	return Keys{people, deliveries}, nil
}

// Start takes the data directory and starts everything, in the order of the flow
// from its end: a thing runs before anything can be sent to it.
func Start(ctx context.Context, o Options) (inst *Instance, err error) {
	i := &Instance{o: o, Registry: prometheus.NewRegistry()}
	l, err := lock(ctx, o.Dir, o.Patience)
	if err != nil {
		return nil, err
	}
	i.stack.Push("lock", func(context.Context) error { return l.Unlock() })
	defer func() {
		if err != nil {
			err = errors.Join(err, i.Stop(context.WithoutCancel(ctx)))
		}
	}()
	if i.info, err = secrets(o.Dir); err != nil {
		return nil, err
	}
	if i.Keys, err = OpenKeys(o.Dir); err != nil {
		return nil, err
	}
	steps := []func(context.Context) error{i.openStore, i.openTransport, i.startRollup, i.startIngest, i.announce}
	if o.Listen { // what a command starts for itself is over before a repository is fetched
		steps = append(steps, i.startCollect)
	}
	for _, open := range steps {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	return i, nil
}

func (i *Instance) startRollup(ctx context.Context) error {
	sealer, err := seal.NewSealer(i.Keys.Deliveries.Public())
	if err != nil {
		return err
	}
	el := leader.New(i.Transport, "payoff-leader", rollup.LeaderTopic)
	i.elector = el
	r, err := rollup.Start(ctx, rollup.Options{
		Transport: i.Transport, Store: i.Store, Metrics: catalogue.All(), Elector: el,
		Rules:    func(ctx context.Context) (compute.Rules, error) { return Rules(ctx, i.o.Config, i.Store) },
		Location: i.o.Config.Location(),
		Every:    time.Duration(i.o.Config.Rollup.Every), Flush: time.Duration(i.o.Config.Rollup.Flush), Name: fmt.Sprintf("pid-%d", os.Getpid()),
		Logger: i.o.Logger.With("part", "rollup"), Now: i.o.Now, Registry: i.Registry, Seal: sealer.Seal, Failed: i.o.Failed, Hook: i.o.Hook,
		Weekly: i.publishDue,
	})
	if brokers := i.o.Config.Kafka.Brokers; len(brokers) > 0 && errors.Is(err, transport.ErrUnavailable) {
		return fmt.Errorf("%w; kafka.brokers in the configuration names %s", err, strings.Join(brokers, ", "))
	}
	if err != nil {
		return err
	}
	i.Rollup = r
	i.stack.Push("rollup", r.Stop)
	i.stack.Push("leader", i.elect(el))
	return nil
}

// elect takes part in the election until the returned function is called.
func (i *Instance) elect(el *leader.Elector) func(context.Context) error {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := el.Run(ctx); ctx.Err() == nil {
			i.o.Logger.Error("the election of who computes has ended", "error", err)
		}
	}()
	return func(stop context.Context) error {
		cancel()
		select {
		case <-done:
			return nil
		case <-stop.Done():
			return stop.Err()
		}
	}
}

// announce writes where the instance listens.
func (i *Instance) announce(context.Context) error {
	i.info.PID = os.Getpid()
	if err := i.info.write(i.o.Dir); err != nil {
		return err
	}
	i.stack.Push("instance.json", func(context.Context) error {
		gone := i.info
		gone.PID, gone.Listen, gone.Pages, gone.ClickHouse, gone.Kafka = 0, "", "", "", ""
		return gone.write(i.o.Dir)
	})
	return nil
}

// Info is where the instance listens and what opens it.
func (i *Instance) Info() Info { return i.info }

// SetPages records the address of the pages.
func (i *Instance) SetPages(addr string) error {
	i.info.Pages = addr
	return i.info.write(i.o.Dir)
}

// Loaded returns once everything accepted before the call is in the store.
func (i *Instance) Loaded(ctx context.Context, progress func(loaded, total int64)) error {
	ctx, cancel := i.whileAlive(ctx)
	defer cancel()
	if err := i.Ingest.WaitDrained(ctx); err != nil {
		return fmt.Errorf("waiting for the log to be published: %w", err)
	}
	return i.Rollup.Loaded(ctx, progress)
}

// Compute loads what was accepted, then computes.
func (i *Instance) Compute(ctx context.Context) (compute.Result, error) {
	if err := i.Loaded(ctx, nil); err != nil {
		return compute.Result{}, err
	}
	return i.Rollup.Compute(ctx)
}

// Stop ends everything, in the reverse order of the start.
func (i *Instance) Stop(ctx context.Context) error { return i.stack.Stop(ctx) }
