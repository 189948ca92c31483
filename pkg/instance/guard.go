package instance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/broker"
)

// lookEvery is how often the folder of the embedded broker is looked at.
const lookEvery = time.Second

// lost makes the broker's error a sentence that says what to do.
func lost(err error) error {
	if errors.Is(err, broker.ErrGone) {
		return fmt.Errorf("%w. Nothing more is taken; what was accepted and not yet published is kept. To go on with a new log, run `payoff rollup --new-log-epoch`", err)
	}
	return err
}

// watchBroker looks after the folder of the embedded broker: when it is gone,
// what is under way ends with a sentence and Options.Failed is told.
func (i *Instance) watchBroker(b *broker.Broker) {
	ctx, broken := context.WithCancelCause(context.Background())
	i.alive = ctx
	go func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := b.Check(); errors.Is(err, broker.ErrGone) {
				broken(lost(err))
				i.o.Logger.Error("the embedded broker has lost its folder", "error", err)
				if i.o.Failed != nil {
					i.o.Failed(lost(err))
				}
				return
			}
		}
	}()
	i.stack.Push("watch over the broker", func(context.Context) error { broken(nil); return nil })
}

// whileAlive returns ctx, ended early with its cause if the instance can no longer
// do what it is for.
func (i *Instance) whileAlive(ctx context.Context) (context.Context, context.CancelFunc) {
	if i.alive == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(i.alive, func() { cancel(context.Cause(i.alive)) })
	return ctx, func() { stop(); cancel(nil) }
}

// A guarded publisher calls nothing published that a deleted folder took with it:
// what it reports as written was in the folder that is still there.
type guarded struct {
	transport.Publisher
	check func() error
}

func (g guarded) Publish(ctx context.Context, recs []transport.Record) error {
	if err := g.Publisher.Publish(ctx, recs); err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return fmt.Errorf("%w: %w", transport.ErrUnavailable, err)
	}
	return nil
}
