package transporttest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

func testUnknownTopic(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 1)
	missing := topic + ".missing"
	want := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, transport.ErrUnknownTopic) {
			t.Errorf("%s = %v, want ErrUnknownTopic", what, err)
		}
	}
	recs := append(numbered(topic, 2, 1), numbered(missing, 1, 1)...)
	err := c.Publish(ctx, recs)
	want("Publish", err)
	var partial *transport.PartialError
	if !errors.As(err, &partial) || !cmp.Equal(partial.Failed, []int{2}) {
		t.Errorf("Publish = %v, want only index 2 to fail", err)
	}
	_, err = c.Offsets(ctx, missing)
	want("Offsets", err)
	want("Read", c.Read(ctx, missing, 0, 0, 1, func([]transport.Record) error { return nil }))
	want("Consume", c.Consume(ctx, newName(t), []string{topic, missing}, func(context.Context, transport.Generation) error {
		t.Error("a group was joined for a topic that does not exist")
		return nil
	}))
	if got := readAll(t, ctx, c, topic); len(got) != 2 {
		t.Errorf("%d records were written to the topic that exists, want 2", len(got))
	}
}

func testEnsureTopics(t *testing.T, e Engine) {
	ctx, c, topic := setup(t, e, 3)
	ensure := func(s transport.TopicSpec) error {
		s.Name = topic
		return c.EnsureTopics(ctx, []transport.TopicSpec{s})
	}
	for _, ok := range []transport.TopicSpec{
		{Partitions: 3, Retention: 24 * time.Hour},
		{Partitions: 8, Retention: time.Hour}, // more partitions are the operator's choice
		{},
	} {
		if err := ensure(ok); err != nil {
			t.Errorf("EnsureTopics(%+v) of a topic that will do: %v", ok, err)
		}
	}
	for _, wrong := range []struct {
		spec transport.TopicSpec
		says []string
	}{
		{transport.TopicSpec{Retention: 30 * 24 * time.Hour}, []string{topic, "retention.ms", "2592000000", "24h"}},
		{transport.TopicSpec{Retention: -1}, []string{topic, "retention.ms", "-1"}},
		{transport.TopicSpec{Partitions: 1}, []string{topic, "3 partitions"}},
		{transport.TopicSpec{MaxRecordBytes: 64 << 20}, []string{topic, "max.message.bytes"}},
	} {
		err := ensure(wrong.spec)
		if err == nil {
			t.Errorf("EnsureTopics(%+v) of a topic that will not do = nil", wrong.spec)
			continue
		}
		for _, s := range wrong.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("EnsureTopics(%+v) = %q, which does not say %q", wrong.spec, err, s)
			}
		}
	}
	impossible := transport.TopicSpec{Name: topic + ".impossible", Replicas: 99}
	if err := c.EnsureTopics(ctx, []transport.TopicSpec{impossible}); !errors.Is(err, transport.ErrRejected) {
		t.Errorf("EnsureTopics with 99 replicas = %v, want ErrRejected", err)
	}
	bounds, err := c.Offsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	want := []transport.Offsets{{Partition: 0}, {Partition: 1}, {Partition: 2}}
	if d := cmp.Diff(want, bounds); d != "" {
		t.Errorf("offsets of the new topic (-want +got):\n%s", d)
	}
}

func testIdentity(t *testing.T, e Engine) {
	ctx, c, _ := setup(t, e, 1)
	id, err := c.ID(ctx)
	if err != nil || id == "" {
		t.Fatalf("ID = %q, %v", id, err)
	}
	if again, err := e.Open(t).ID(ctx); again != id || err != nil {
		t.Errorf("another client's ID = %q, %v, want %q", again, err, id)
	}
}
