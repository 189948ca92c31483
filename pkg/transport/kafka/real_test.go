package kafka_test

import (
	"testing"

	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka/kafkatest"
	"github.com/payoff-metrics/payoff/pkg/transport/transporttest"
)

// TestReal runs the contract's suite on the Kafka that the environment names.
// It cannot be stopped from here, so an outage is one of the network.
func TestReal(t *testing.T) {
	o := kafkatest.Options(t)
	g := newGate()
	o.Dial = g.Dial
	e := transporttest.Engine{
		Open:    func(t testing.TB) transport.Client { return open(t, o) },
		Writers: map[string]func(testing.TB) transport.Client{},
		Outage: func(_ testing.TB, during func()) {
			g.close()
			during()
			g.open()
		},
	}
	for _, c := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		co := o
		co.Compression = c
		e.Writers[c] = func(t testing.TB) transport.Client { return open(t, co) }
	}
	transporttest.Run(t, e)
	t.Run("CompactedTopic", func(t *testing.T) { testCompactedTopic(t, o) })
	t.Run("LostMember", func(t *testing.T) { testLostMember(t, o) })
	t.Run("SilentBroker", func(t *testing.T) { testSilentBroker(t, o) })
	if o.SASL.Mechanism != "" {
		t.Run("WrongPassword", func(t *testing.T) { testWrongPassword(t, o) })
	}
	t.Run("FutureRecord", func(t *testing.T) { testFutureRecord(t, o) })
}

func BenchmarkReal(b *testing.B) {
	o := kafkatest.Options(b)
	transporttest.RunBenchmarks(b, func(t testing.TB) transport.Client { return open(t, o) })
}
