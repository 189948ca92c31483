// Package leader chooses which of the processes of a rollup computes: the owner
// of the one partition of a topic made for this, payoff.leader.
//
// It decides who does the work, not whether the work is right: computing is
// idempotent, so a leader that has lost its place and does not know it yet wastes
// work and nothing else.
package leader

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/go-co-op/gocron/v2"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// ErrNotLeader says that another process is the leader, or none is yet.
var ErrNotLeader = errors.New("not the leader")

// An Elector knows whether this process is the leader. Make one with New and
// keep Run going beside it. Its methods may be called at once.
type Elector struct {
	log   transport.Consumer
	group string
	topic string

	leading atomic.Bool
}

var _ gocron.Elector = (*Elector)(nil)

// New makes an elector among the processes that name the same group and topic.
// The topic must have one partition.
func New(log transport.Consumer, group, topic string) *Elector {
	return &Elector{log: log, group: group, topic: topic}
}

// Run takes part in the election until ctx ends, and returns its error. It
// returns transport.ErrAuth and transport.ErrUnknownTopic as soon as it meets
// them; a log that cannot be reached is waited for, without a leader.
func (e *Elector) Run(ctx context.Context) error {
	return e.log.Consume(ctx, e.group, []string{e.topic}, func(ctx context.Context, g transport.Generation) error {
		owner, err := owns(g, e.topic)
		if err != nil {
			return err
		}
		e.leading.Store(owner)
		defer e.leading.Store(false)
		<-ctx.Done()
		return context.Cause(ctx)
	})
}

// owns reports whether the generation gives us the topic's one partition.
func owns(g transport.Generation, topic string) (owner bool, err error) {
	for _, a := range g.Assigned() {
		if a.Partition != 0 {
			return false, fmt.Errorf("electing a leader: topic %s has more than one partition, so it would have more than one leader; make it anew with one", topic)
		}
		owner = true
	}
	return owner, nil
}

// IsLeader returns nil for the leader and ErrNotLeader for the others. It is
// gocron's Elector.
func (e *Elector) IsLeader(context.Context) error {
	if e.leading.Load() {
		return nil
	}
	return ErrNotLeader
}
