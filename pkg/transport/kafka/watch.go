package kafka

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// counting assigns by range, as kafka-go does unless told otherwise, and keeps
// how many partitions of each topic it assigned. kafka-go's own watch counts them
// only after the assignment, so partitions added in between would belong to
// nobody until the group next rebalances, which may be never.
// Only the leader of a group assigns.
type counting struct {
	kafka.RangeGroupBalancer
	counts atomic.Pointer[map[string]int] // by topic; nil for a member that does not lead
}

// UserData is called when the member joins: what it assigned before is over.
func (b *counting) UserData() ([]byte, error) {
	b.counts.Store(nil)
	return b.RangeGroupBalancer.UserData()
}

func (b *counting) AssignGroups(members []kafka.GroupMember, ps []kafka.Partition) kafka.GroupMemberAssignments {
	counts := map[string]int{}
	for _, p := range ps {
		counts[p.Topic]++
	}
	b.counts.Store(&counts)
	return b.RangeGroupBalancer.AssignGroups(members, ps)
}

// watch ends the generation that this member leads when a topic no longer has the
// partitions that were assigned.
func (m *member) watch(gen *kafka.Generation) {
	counts := m.balancer.counts.Load()
	if counts == nil {
		return
	}
	gen.Start(func(over context.Context) {
		ctx, cancel := context.WithCancel(m.c.ctx)
		defer cancel()
		defer context.AfterFunc(over, cancel)()
		tick := time.NewTicker(min(m.c.o.SessionTimeout, metadataTTL))
		defer tick.Stop()
		for !m.changed(ctx, *counts) {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// changed reports that a topic's partitions are others than those counted. The
// picture of the cluster may be older than the count: a new one has to agree.
func (m *member) changed(ctx context.Context, counts map[string]int) bool {
	for _, t := range m.topics {
		if !m.differs(ctx, t, counts[t]) {
			continue
		}
		m.c.forget(nil)
		if m.differs(ctx, t, counts[t]) {
			m.c.o.Logger.Info("partitions have changed; the group assigns them anew", "group", m.group, "topic", t, "assigned", counts[t])
			return true
		}
	}
	return false
}

// differs reports that the topic has gone or does not have count partitions. A
// cluster that cannot be asked says nothing of either: the heartbeat judges that.
func (m *member) differs(ctx context.Context, topic string, count int) bool {
	ps, err := m.c.partitions(ctx, topic)
	if err != nil {
		return errors.Is(err, transport.ErrUnknownTopic)
	}
	return len(ps) != count
}
