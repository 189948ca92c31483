package ingest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/ingest"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// TestPublishWritesWhatTheLogWould: a collector without a log on disk puts the same
// records into Kafka, and says when it could not.
func TestPublishWritesWhatTheLogWould(t *testing.T) {
	evs := canonical(t, "shop", 3)
	r := newRig(t, nil)
	if err := r.server.Accept(t.Context(), evs); err != nil {
		t.Fatal(err)
	}
	if err := r.server.WaitDrained(t.Context()); err != nil {
		t.Fatal(err)
	}
	direct := &fakeKafka{}
	if err := ingest.Publish(t.Context(), direct, evs); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.kafka.topic(ingest.EventsTopic), direct.topic(ingest.EventsTopic)); diff != "" || len(direct.recs) != 3 {
		t.Errorf("%d records; -by the log +directly:\n%s", len(direct.recs), diff)
	}
	direct.set(true, nil)
	if err := ingest.Publish(t.Context(), direct, evs); !errors.Is(err, transport.ErrUnavailable) {
		t.Errorf("without Kafka: %v", err)
	}
}
