package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/rollup"
	"github.com/payoff-metrics/payoff/pkg/rollup/load"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// An Account is what verifying found.
type Account struct {
	*store.Conservation
	WrongPoints uint64 // points that differ when computed anew
}

// OK reports whether everything adds up.
func (a Account) OK() bool { return len(a.Findings) == 0 && a.WrongPoints == 0 }

// Verify compares log, ledger and tables, and computes every metric anew.
func (i *Instance) Verify(ctx context.Context) (Account, error) {
	var bounds []store.LogBounds
	for _, topic := range []string{rollup.EventsTopic, rollup.DeadTopic} {
		offsets, err := i.Transport.Offsets(ctx, topic)
		if err != nil {
			return Account{}, err
		}
		for _, o := range offsets {
			bounds = append(bounds, store.LogBounds{Topic: topic, Partition: int32(o.Partition), First: o.First, Next: o.Next})
		}
	}
	c, err := i.Store.Verify(ctx, bounds)
	if err != nil {
		return Account{}, err
	}
	wrong, err := i.Rollup.Recompute(ctx)
	return Account{c, wrong}, err
}

// partly starts what is under the rollup: lock, secrets, store, and the log if it
// is asked for. The returned function ends it.
func partly(ctx context.Context, o Options, withLog bool) (i *Instance, stop func() error, err error) {
	i = &Instance{o: o}
	end := func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return i.stack.Stop(ctx)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, end())
		}
	}()
	l, err := lock(ctx, o.Dir, o.Patience)
	if err != nil {
		return i, nil, err
	}
	i.stack.Push("lock", func(context.Context) error { return l.Unlock() })
	if i.info, err = secrets(o.Dir); err != nil {
		return i, nil, err
	}
	if err = i.openStore(ctx); err != nil {
		return i, nil, err
	}
	if withLog {
		err = i.openTransport(ctx)
	}
	return i, end, err
}

// Migrate brings the store up to this version, or with plan only says how. It
// returns the steps that were, or would be, taken.
func Migrate(ctx context.Context, o Options, plan bool) (steps []store.Step, err error) {
	i, stop, err := partly(ctx, o, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return i.Store.Migrate(ctx, o.Now, plan)
}

// NewLogEpoch goes on with the log as it is now, whatever was loaded before, and
// returns the number of the epoch.
func NewLogEpoch(ctx context.Context, o Options) (number uint32, err error) {
	i, stop, err := partly(ctx, o, true)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if err := i.Transport.EnsureTopics(ctx, rollup.Topics()); err != nil {
		return 0, fmt.Errorf("preparing the topics: %w", err)
	}
	if _, err := i.Store.Migrate(ctx, o.Now, false); err != nil {
		return 0, err
	}
	e, err := load.NewEpoch(ctx, load.Options{Transport: i.Transport, Store: i.Store, Logger: o.Logger, Now: o.Now})
	return e.Number, err
}

// Check reports what is wrong with a configuration beyond its form: secrets that
// cannot be read, patterns and files that are not what they should be.
func Check(c config.Config) error {
	var wrong []error
	add := func(err error) {
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	_, err := tokens(c)
	add(err)
	_, err = endpoints(c)
	add(err)
	_, err = Sources(c)
	add(err)
	_, err = pullers(c, "")
	add(err)
	_, err = Protector(c, Keys{})
	add(err)
	for _, t := range []struct {
		key string
		tls config.TLS
	}{{"kafka.tls", c.Kafka.TLS}, {"clickhouse.tls", c.ClickHouse.TLS}} {
		if _, err := tlsOf(t.tls); err != nil {
			add(fmt.Errorf("%s: %w", t.key, err))
		}
	}
	for _, s := range []struct {
		key    string
		secret config.Secret
	}{{"kafka.sasl.password", c.Kafka.SASL.Password}, {"clickhouse.password", c.ClickHouse.Password}} {
		if _, err := s.secret.Read(); err != nil {
			add(fmt.Errorf("%s: %w", s.key, err))
		}
	}
	return errors.Join(wrong...)
}
