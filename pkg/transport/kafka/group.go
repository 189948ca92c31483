package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// leaveGrace is how long a member that stops may take to leave its group. A
// join under way can last as long as the slowest other member; it is then cut
// off, and the group misses the member after the session timeout instead.
const leaveGrace = 2 * time.Second

// Consume implements transport.Consumer.
func (c *Client) Consume(ctx context.Context, group string, topics []string, handle func(ctx context.Context, g transport.Generation) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(transport.ErrClosed) })()

	if err := c.awaitKnown(ctx, topics); err != nil {
		return fmt.Errorf("joining group %s: %w", group, err)
	}
	m := &member{c: c, group: group, topics: topics, handle: handle}
	if err := m.join(); err != nil {
		return fmt.Errorf("joining group %s: %w", group, err)
	}
	defer m.leave()
	return m.serve(ctx)
}

// awaitKnown waits for the cluster and returns an error if it does not have all
// topics: a group would take a missing one for a topic without partitions.
func (c *Client) awaitKnown(ctx context.Context, topics []string) error {
	var pause backoff
	for _, t := range topics {
		for {
			_, err := c.partitions(ctx, t)
			if err == nil {
				break
			}
			if !errors.Is(err, transport.ErrUnavailable) || !pause.wait(ctx) {
				return err
			}
			c.o.Logger.Warn("waiting for Kafka", "topic", t, "err", err)
		}
	}
	return nil
}

// A member is one Consume.
type member struct {
	c      *Client
	group  string
	topics []string
	handle func(ctx context.Context, g transport.Generation) error
	cg     *kafka.ConsumerGroup
	conns  connSet

	balancer counting
}

func (m *member) join() (err error) {
	o := m.c.o
	m.cg, err = kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID:      m.group,
		Brokers: o.Brokers,
		Topics:  m.topics,
		Dialer: &kafka.Dialer{
			ClientID:      o.ClientID,
			Timeout:       min(5*time.Second, o.RequestTimeout),
			TLS:           o.TLS,
			SASLMechanism: m.c.sasl,
			DialFunc:      m.conns.dial(o.Dial),
		},
		GroupBalancers:    []kafka.GroupBalancer{&m.balancer},
		HeartbeatInterval: min(o.SessionTimeout/5, 3*time.Second),
		SessionTimeout:    o.SessionTimeout,
		RebalanceTimeout:  o.RebalanceTimeout,
		JoinGroupBackoff:  min(o.SessionTimeout/5, time.Second),
		StartOffset:       kafka.FirstOffset,
		Timeout:           o.RequestTimeout,
	})
	return err
}

// leave leaves the group and closes all that belongs to it.
func (m *member) leave() {
	cut := time.AfterFunc(leaveGrace, m.conns.close)
	defer cut.Stop()
	m.cg.Close()
	m.conns.close()
}

// serve goes from generation to generation.
func (m *member) serve(ctx context.Context) error {
	var pause backoff
	for {
		gen, err := m.cg.Next(ctx)
		if err == nil {
			end := m.live(ctx, gen)
			if end.stop {
				return end.err
			}
			if end.lasting {
				pause.reset()
				continue
			}
			err = transport.ErrFenced
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, kafka.InvalidSessionTimeout) {
			return fmt.Errorf("taking part in group %s: the broker refuses a session timeout of %v: choose one that its group.min.session.timeout.ms (6 s unless changed) and group.max.session.timeout.ms allow",
				m.group, m.c.o.SessionTimeout)
		}
		if err = m.c.explain(ctx, err); errors.Is(err, transport.ErrAuth) {
			return fmt.Errorf("taking part in group %s: %w", m.group, err)
		}
		m.logRejoin(ctx, err)
		// kafka-go turns generations over without a pause, for instance when
		// a topic has gone; so pause here, and look.
		if !pause.wait(ctx) {
			return context.Cause(ctx)
		}
		if err := m.c.awaitKnown(ctx, m.topics); err != nil {
			return fmt.Errorf("taking part in group %s: %w", m.group, err)
		}
	}
}

// logRejoin warns, except of a rebalance, which is part of life in a group.
func (m *member) logRejoin(ctx context.Context, err error) {
	level := slog.LevelWarn
	if errors.Is(err, transport.ErrFenced) {
		level = slog.LevelDebug
	}
	m.c.o.Logger.Log(ctx, level, "joining the group again", "group", m.group, "err", err)
}

// An outcome is how a generation ended for this member.
type outcome struct {
	stop    bool // Consume returns err
	err     error
	lasting bool // it held for a heartbeat at least
}

// live runs handle for one generation. It runs under kafka-go's own accounting,
// which joins the next generation only after it returned.
func (m *member) live(ctx context.Context, gen *kafka.Generation) outcome {
	begun := m.c.o.Now()
	m.watch(gen)
	done := make(chan outcome, 1)
	gen.Start(func(over context.Context) {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		defer context.AfterFunc(over, func() { cancel(transport.ErrFenced) })()
		err := m.handle(ctx, &generation{c: m.c, group: m.group, gen: gen})
		done <- m.judge(ctx, over, err)
	})
	out := <-done
	out.lasting = m.c.o.Now().Sub(begun) > m.c.o.SessionTimeout/10
	return out
}

// judge tells an error of handle from the end of its generation.
func (m *member) judge(ctx, over context.Context, err error) outcome {
	ended := errors.Is(err, transport.ErrFenced) || errors.Is(err, context.Canceled)
	switch {
	case ctx.Err() != nil && over.Err() == nil: // Consume's own context
		if err == nil || ended {
			err = context.Cause(ctx)
		}
		return outcome{stop: true, err: err}
	case errors.Is(err, transport.ErrFenced), over.Err() != nil && (err == nil || ended):
		return outcome{}
	}
	return outcome{stop: true, err: err}
}

// generation is a transport.Generation.
type generation struct {
	c     *Client
	group string
	gen   *kafka.Generation
}

func (g *generation) ID() int32        { return g.gen.ID }
func (g *generation) MemberID() string { return g.gen.MemberID }

func (g *generation) Assigned() []transport.Assignment {
	var as []transport.Assignment
	for topic, ps := range g.gen.Assignments {
		for _, p := range ps {
			as = append(as, transport.Assignment{
				TopicPartition: transport.TopicPartition{Topic: topic, Partition: p.ID},
				Committed:      max(p.Offset, -1), // kafka-go says -2 for none
			})
		}
	}
	slices.SortFunc(as, func(a, b transport.Assignment) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return as
}

func (g *generation) Fetch(ctx context.Context, tp transport.TopicPartition, from int64) transport.Fetcher {
	return g.c.fetch(ctx, tp, from)
}

// Commit goes through Client.OffsetCommit, which names the generation and
// reports each partition's error.
func (g *generation) Commit(ctx context.Context, next map[transport.TopicPartition]int64) error {
	if len(next) == 0 {
		return nil
	}
	topics := map[string][]kafka.OffsetCommit{}
	for tp, offset := range next {
		topics[tp.Topic] = append(topics[tp.Topic], kafka.OffsetCommit{Partition: tp.Partition, Offset: offset})
	}
	err := g.c.do(ctx, func(ctx context.Context, s *session) error {
		res, err := s.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
			GroupID:      g.group,
			GenerationID: int(g.gen.ID),
			MemberID:     g.gen.MemberID,
			Topics:       topics,
		})
		if err != nil {
			return err
		}
		return commitError(res)
	})
	if err != nil {
		return fmt.Errorf("committing %d offsets of group %s in generation %d: %w", len(next), g.group, g.gen.ID, err)
	}
	return nil
}

func commitError(res *kafka.OffsetCommitResponse) error {
	for _, ps := range res.Topics {
		for _, p := range ps {
			if p.Error != nil {
				return p.Error
			}
		}
	}
	return nil
}

// A connSet knows the open connections of a member. kafka-go's ConsumerGroup
// takes no context, so closing them is the only way to interrupt it.
type connSet struct {
	mu     sync.Mutex
	open   map[*trackedConn]struct{}
	closed bool
}

func (s *connSet) dial(dial DialFunc) DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		t := &trackedConn{Conn: conn, set: s}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.closed {
			conn.Close()
			return nil, net.ErrClosed
		}
		if s.open == nil {
			s.open = map[*trackedConn]struct{}{}
		}
		s.open[t] = struct{}{}
		return t, nil
	}
}

func (s *connSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for t := range s.open {
		t.Conn.Close()
	}
}

type trackedConn struct {
	net.Conn
	set *connSet
}

func (t *trackedConn) Close() error {
	t.set.mu.Lock()
	delete(t.set.open, t)
	t.set.mu.Unlock()
	return t.Conn.Close()
}
