package instance

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// RunIngest is the process behind cmd/ingest: one door of several, with a log on
// disk of its own, in front of a real Kafka. It returns when ctx ends.
func RunIngest(ctx context.Context, o Options) error {
	if len(o.Config.Kafka.Brokers) == 0 {
		return errors.New("kafka.brokers is not set: ingest publishes to Kafka; `payoff up` runs everything on one machine")
	}
	o.Listen = true
	return runPart(ctx, o, func(i *Instance) []func(context.Context) error {
		return []func(context.Context) error{i.openTransport, i.startIngest}
	})
}

// RunRollup is the process behind cmd/rollup: one of several that share out
// loading, and perhaps the one that computes. metrics is the address of /metrics
// and /healthz; empty: none. It returns when ctx ends, or loading has for good.
func RunRollup(ctx context.Context, o Options, metrics string) error {
	if len(o.Config.Kafka.Brokers) == 0 || o.Config.ClickHouse.Address == "" {
		return errors.New("kafka.brokers and clickhouse.address are both needed: rollup loads one into the other; `payoff up` runs everything on one machine")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	o.Failed = cancel
	return runPart(ctx, o, func(i *Instance) []func(context.Context) error {
		return []func(context.Context) error{i.openStore, i.openTransport, i.startRollup, i.startCollect, func(context.Context) error { return i.serveMetrics(metrics) }}
	})
}

func runPart(ctx context.Context, o Options, open func(*Instance) []func(context.Context) error) (err error) {
	i := &Instance{o: o, Registry: prometheus.NewRegistry()}
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		err = errors.Join(err, i.Stop(stop))
	}()
	l, err := lock(ctx, o.Dir, o.Patience)
	if err != nil {
		return err
	}
	i.stack.Push("lock", func(context.Context) error { return l.Unlock() })
	if i.info, err = secrets(o.Dir); err != nil {
		return err
	}
	if i.Keys, err = OpenKeys(o.Dir); err != nil {
		return err
	}
	for _, step := range open(i) {
		if err := step(ctx); err != nil {
			return err
		}
	}
	o.Logger.Info("running", "pid", os.Getpid(), "listen", i.info.Listen, "kafka", strings.Join(o.Config.Kafka.Brokers, ","), "clickhouse", o.Config.ClickHouse.Address)
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// serveMetrics answers /metrics and /healthz of a process that listens to nothing
// else.
func (i *Instance) serveMetrics(addr string) error {
	if addr == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(i.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := i.Rollup.Err(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	l, err := listen(addr)
	if err != nil {
		return err
	}
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	i.stack.Push("metrics", func(ctx context.Context) error {
		err := srv.Shutdown(ctx)
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return err
	})
	return nil
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	return l, nil
}
