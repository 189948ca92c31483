package load

import (
	"errors"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	records *prometheus.CounterVec // outcome: row, parked, present
	retries *prometheus.CounterVec // doing
	flushes prometheus.Histogram
	lag     *prometheus.GaugeVec // topic, partition
	flushed prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "payoff_load_records_total",
			Help: "Records loaded, by what became of them: row, parked, present (was stored already)."}, []string{"outcome"}),
		retries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "payoff_load_retries_total",
			Help: "Steps that are tried again because ClickHouse or the log could not take part."}, []string{"doing"}),
		flushes: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "payoff_load_flush_seconds",
			Help: "Time to write and settle what was waiting, from its first insert to its commit.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 14)}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "payoff_load_lag_records",
			Help: "Records of the log that are not loaded yet."}, []string{"topic", "partition"}),
		flushed: prometheus.NewGauge(prometheus.GaugeOpts{Name: "payoff_load_last_flush_timestamp_seconds",
			Help: "When the last batch was loaded."}),
	}
	if r == nil {
		return m, nil
	}
	// A second loader of the process counts into the first one's.
	return m, errors.Join(register(r, &m.records), register(r, &m.retries), register(r, &m.flushes), register(r, &m.lag), register(r, &m.flushed))
}

// register registers c, or replaces it by the collector that is registered in
// its place.
func register[C prometheus.Collector](r prometheus.Registerer, c *C) error {
	err := r.Register(*c)
	if was, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		*c, ok = was.ExistingCollector.(C)
		if ok {
			return nil
		}
	}
	return err
}

func (m *metrics) setLag(p *part, next int64) {
	if end := p.end.Load(); end >= 0 {
		m.lag.WithLabelValues(p.Topic, strconv.Itoa(int(p.Partition.Partition))).Set(float64(max(0, end-next)))
	}
}

// forget drops the lag of partitions that another loader reports from now on.
func (m *metrics) forget(parts []*part) {
	for _, p := range parts {
		m.lag.DeleteLabelValues(p.Topic, strconv.Itoa(int(p.Partition.Partition)))
	}
}
