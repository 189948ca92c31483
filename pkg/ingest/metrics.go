package ingest

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/payoff-metrics/payoff/pkg/spool"
)

// metrics are what ingest says of itself. Labels are bounded: sources are those
// configured, outcomes and classes come from fixed lists.
type metrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	events    *prometheus.CounterVec
	dead      *prometheus.CounterVec
	published prometheus.Counter
	rejected  prometheus.Counter
	troubles  *prometheus.CounterVec

	registry   prometheus.Registerer
	registered []prometheus.Collector
}

func newMetrics(reg prometheus.Registerer, s *Server) (*metrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "payoff", Subsystem: "ingest", Name: name, Help: help}, labels)
	}
	gauge := func(name, help string, value func(spool.Stats) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "payoff", Subsystem: "ingest", Name: name, Help: help},
			func() float64 { return value(s.log.Stats()) })
	}
	total := func(name, help string, value func(spool.Stats) float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "payoff", Subsystem: "ingest", Name: name, Help: help},
			func() float64 { return value(s.log.Stats()) })
	}
	m := &metrics{
		requests: counter("requests_total", "Requests by source and how they ended.", "source", "outcome"),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "payoff", Subsystem: "ingest", Name: "request_duration_seconds", Help: "From the headers of a request to its answer.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30},
		}, []string{"source"}),
		events:    counter("events_total", "Events accepted, by source.", "source"),
		dead:      counter("dead_total", "Verified deliveries that could not be read and are parked, by source.", "source"),
		published: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "payoff", Subsystem: "ingest", Name: "published_total", Help: "Records Kafka has taken."}),
		rejected:  prometheus.NewCounter(prometheus.CounterOpts{Namespace: "payoff", Subsystem: "ingest", Name: "rejected_total", Help: "Records Kafka will not take, kept in files."}),
		troubles:  counter("drain_errors_total", "Failed tries to bring the log on disk to Kafka, by class.", "class"),
		registry:  reg,
	}
	m.registered = []prometheus.Collector{
		m.requests, m.duration, m.events, m.dead, m.published, m.rejected, m.troubles,
		gauge("log_records", "Records on disk that are not in Kafka yet.", func(st spool.Stats) float64 { return float64(st.Records) }),
		gauge("log_oldest_seconds", "Age of the oldest of them.", func(st spool.Stats) float64 { return st.OldestAge.Seconds() }),
		gauge("log_disk_bytes", "Bytes of the log on disk.", func(st spool.Stats) float64 { return float64(st.DiskBytes) }),
		gauge("log_max_bytes", "Bound of the log on disk; deliveries are refused above 80 % of it.", func(st spool.Stats) float64 { return float64(st.MaxBytes) }),
		total("log_appended_total", "Records made durable.", func(st spool.Stats) float64 { return float64(st.Appended) }),
		total("log_commits_total", "Syncs of the disk that made them so.", func(st spool.Stats) float64 { return float64(st.Commits) }),
		total("log_corrupt_total", "Damaged stretches of the log, kept aside.", func(st spool.Stats) float64 { return float64(st.Corrupt) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "payoff", Subsystem: "ingest", Name: "connections", Help: "Open connections."},
			func() float64 { return float64(s.conns.count()) }),
	}
	if reg == nil {
		return m, nil
	}
	for i, c := range m.registered {
		if err := reg.Register(c); err != nil {
			m.registered = m.registered[:i]
			m.unregister()
			return nil, err
		}
	}
	return m, nil
}

// unregister lets a later ingest of the process register again.
func (m *metrics) unregister() {
	if m.registry == nil {
		return
	}
	for _, c := range m.registered {
		m.registry.Unregister(c)
	}
}

// handler serves what the registry gathers, if it can.
func (m *metrics) handler() http.Handler {
	if g, ok := m.registry.(prometheus.Gatherer); ok {
		return promhttp.HandlerFor(g, promhttp.HandlerOpts{})
	}
	return http.NotFoundHandler()
}
