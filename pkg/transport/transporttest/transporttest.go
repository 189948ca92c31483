// Package transporttest is what every engine of package transport must pass:
// the embedded broker on every run of the tests, a real cluster when its
// address is given.
package transporttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// An Engine is what the suite runs on.
type Engine struct {
	// Open returns a new client that the test closes. Groups must let it
	// have a session timeout of a few seconds, and its Publish must give up
	// within ten.
	Open func(t testing.TB) transport.Client

	// Writers are clients that differ in how they publish, such as by
	// compression, by name. What they write must read alike.
	Writers map[string]func(t testing.TB) transport.Client

	// Outage makes the engine unreachable for all clients while during runs,
	// and reachable again with all it held when it returns.
	Outage func(t testing.TB, during func())
}

// patience bounds every single test.
const patience = 90 * time.Second

// Run runs the suite.
func Run(t *testing.T, e Engine) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Engine)
	}{
		{"PublishKeepsOrderPerKey", testOrder},
		{"PublishKeepsEveryField", testFields},
		{"PublishSpreadsByKey", testSpread},
		{"PublishTogether", testTogether},
		{"PublishTooLarge", testTooLarge},
		{"PublishCanceled", testCanceled},
		{"Writers", testWriters},
		{"UnknownTopic", testUnknownTopic},
		{"EnsureTopics", testEnsureTopics},
		{"Identity", testIdentity},
		{"ReadRange", testReadRange},
		{"OffsetOutOfRange", testOutOfRange},
		{"FetchWaits", testFetchWaits},
		{"GroupOfTwo", testGroupOfTwo},
		{"CommitResumes", testCommitResumes},
		{"StaleCommitIsFenced", testStaleCommit},
		{"HandleEndsConsume", testHandleEnds},
		{"OutagePasses", testOutage},
		{"Many", testMany},
		{"Closed", testClosed},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, e) })
	}
}

// setup opens a client and makes a topic with a name of its own.
func setup(t testing.TB, e Engine, partitions int) (context.Context, transport.Client, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	c := e.Open(t)
	topic := newName(t)
	spec := transport.TopicSpec{Name: topic, Partitions: partitions, Retention: 24 * time.Hour}
	if err := c.EnsureTopics(ctx, []transport.TopicSpec{spec}); err != nil {
		t.Fatal(err)
	}
	return ctx, c, topic
}

func newName(t testing.TB) string {
	name := strings.NewReplacer("/", ".", "#", "-", "=", "-").Replace(t.Name())
	return fmt.Sprintf("%s.%08x", name, rand.Uint32())
}

func publish(t testing.TB, ctx context.Context, c transport.Publisher, recs ...transport.Record) {
	t.Helper()
	if err := c.Publish(ctx, recs); err != nil {
		t.Fatalf("Publish of %d records: %v", len(recs), err)
	}
}

// readAll returns everything the topic holds, by partition and offset.
func readAll(t testing.TB, ctx context.Context, c transport.Client, topic string) (all []transport.Record) {
	t.Helper()
	bounds, err := c.Offsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bounds {
		err := c.Read(ctx, topic, b.Partition, b.First, b.Next, func(recs []transport.Record) error {
			all = append(all, recs...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// numbered makes n records with values "0", "1", …, and the given number of
// keys in turn; 0 keys means none.
func numbered(topic string, n, keys int) []transport.Record {
	recs := make([]transport.Record, n)
	for i := range recs {
		recs[i] = transport.Record{Topic: topic, Value: fmt.Append(nil, i)}
		if keys > 0 {
			recs[i].Key = fmt.Append(nil, "key-", i%keys)
		}
	}
	return recs
}

func values(recs []transport.Record) []string {
	vs := make([]string, len(recs))
	for i, r := range recs {
		vs[i] = string(r.Value)
	}
	return vs
}
