package leader

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/broker"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

// candidate is an elector with a client of its own, as in a process of its own.
type candidate struct {
	*Elector
	stop func() error
}

func stand(t *testing.T, b *broker.Broker) candidate {
	t.Helper()
	c, err := kafka.Open(t.Context(), kafka.Options{Brokers: []string{b.Addr()}, SessionTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	e := New(c, "leader", "payoff.leader")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return candidate{e, func() error { cancel(); return <-done }}
}

func start(t *testing.T, partitions int) *broker.Broker {
	t.Helper()
	b, err := broker.Start(broker.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	c, err := kafka.Open(t.Context(), kafka.Options{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.EnsureTopics(t.Context(), []transport.TopicSpec{{Name: "payoff.leader", Partitions: partitions}}); err != nil {
		t.Fatal(err)
	}
	return b
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited for %s", what)
		}
	}
}

func (c candidate) leads() bool { return c.IsLeader(context.Background()) == nil }

func TestOneLeaderAndASuccessor(t *testing.T) {
	b := start(t, 1)
	first := stand(t, b)
	eventually(t, "the only candidate to lead", first.leads)
	second := stand(t, b)
	eventually(t, "one of two to lead", func() bool {
		a, b := first.leads(), second.leads()
		if a && b {
			t.Error("both lead")
		}
		return a != b
	})
	leader, other := first, second
	if second.leads() {
		leader, other = second, first
	}
	if err := other.IsLeader(t.Context()); !errors.Is(err, ErrNotLeader) {
		t.Errorf("the other one is told %v, want ErrNotLeader", err)
	}
	if err := leader.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the leader's Run = %v, want context.Canceled", err)
	}
	if leader.leads() {
		t.Error("the leader leads after its end")
	}
	eventually(t, "the other one to take over", other.leads)
	if err := other.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("the successor's Run = %v, want context.Canceled", err)
	}
}

func TestNobodyLeadsWithoutALog(t *testing.T) {
	b := start(t, 1)
	c := stand(t, b)
	eventually(t, "the only candidate to lead", c.leads)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the leader to step down", func() bool { return !c.leads() })
	if err := c.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v, want context.Canceled", err)
	}
}

func TestATopicOfTwoPartitionsIsRefused(t *testing.T) {
	b := start(t, 2)
	c, err := kafka.Open(t.Context(), kafka.Options{Brokers: []string{b.Addr()}, SessionTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := New(c, "leader", "payoff.leader").Run(t.Context()); err == nil || !strings.Contains(err.Error(), "more than one partition") {
		t.Errorf("Run = %v", err)
	}
}
