package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/pages"
)

func (e *env) upCmd() *cobra.Command {
	var listen, pagesListen, clickhouse, kafka string
	c := &cobra.Command{
		Use:   "up",
		Short: "Run everything on this machine",
		Long: `Run the whole of Payoff in one process: the door for events and hooks, the log,
loading, computing, ClickHouse and the pages. With kafka.brokers or
clickhouse.address in the configuration those are used instead of the embedded
ones. Stop it with Ctrl-C: what was accepted is kept.`,
		Example: `  payoff up
  payoff up --listen :8080 --data /var/lib/payoff`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := e.config()
			if err != nil {
				return err
			}
			for _, o := range []struct {
				flag string
				to   *string
			}{{listen, &cfg.Ingest.Listen}, {pagesListen, &cfg.Ingest.Pages}, {clickhouse, &cfg.ClickHouse.Listen}, {kafka, &cfg.Kafka.Listen}} {
				if o.flag != "" {
					*o.to = o.flag
				}
			}
			return e.up(c.Context(), cfg)
		},
	}
	f := c.Flags()
	f.StringVar(&listen, "listen", "", "`address` of events and hooks (default 127.0.0.1:8080)")
	f.StringVar(&pagesListen, "pages-listen", "", "`address` of the pages (default 127.0.0.1:8081)")
	f.StringVar(&clickhouse, "clickhouse-listen", "", "`address` of the embedded ClickHouse (default 127.0.0.1:8123)")
	f.StringVar(&kafka, "kafka-listen", "", "`address` of the embedded Kafka broker (default 127.0.0.1:9092)")
	return c
}

// lockPatience is how long up waits for an instance that is about to end.
const lockPatience = 10 * time.Second

func (e *env) up(ctx context.Context, cfg config.Config) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	i, err := instance.Start(ctx, instance.Options{Dir: e.data, Config: cfg, Listen: true, Patience: lockPatience, Logger: e.logger(), Now: e.now, Failed: cancel})
	if err != nil {
		return err
	}
	defer func() {
		stop, done := context.WithTimeout(context.Background(), stopTime)
		defer done()
		err = errors.Join(err, i.Stop(stop))
	}()
	stopPages, err := e.servePages(ctx, cfg, i)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopPages()) }()
	e.greet(i.Info())
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause // a part has stopped for good: its sentence says what to do
	}
	fmt.Fprintln(e.out, "stopping")
	return nil
}

// servePages opens the listener of the pages; the returned function closes it.
func (e *env) servePages(ctx context.Context, cfg config.Config, i *instance.Instance) (func() error, error) {
	r, err := i.OpenReader(ctx)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", cfg.Ingest.Pages)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening the address of the pages: %w; --pages-listen takes another", err), r.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("/control/", i.Control())
	shown := pages.New(pages.Options{Store: r, Location: cfg.Location(), Organisation: cfg.Organisation.Name, Metrics: catalogue.All(),
		AllowedHosts: cfg.Ingest.AllowedHosts, Logger: e.logger(), Now: e.now, Reviews: e.reviews(cfg, r)})
	mux.Handle("/", shown)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	warming, cool := context.WithCancel(ctx)
	warmed := make(chan struct{})
	go func() {
		defer close(warmed)
		if err := shown.Warm(warming); err != nil && warming.Err() == nil {
			e.logger().Warn("warming the pages; the first reader waits instead", "error", err)
		}
	}()
	if err := i.SetPages(l.Addr().String()); err != nil {
		cool()
		<-warmed
		return nil, errors.Join(err, srv.Close(), r.Close())
	}
	return func() error {
		cool()
		<-warmed
		stop, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err := srv.Shutdown(stop)
		if e := <-ended; !errors.Is(e, http.ErrServerClosed) {
			err = errors.Join(err, e)
		}
		return errors.Join(err, r.Close())
	}, nil
}

// greet says where everything is, ready to be copied.
func (e *env) greet(info instance.Info) {
	fmt.Fprintf(e.out, `Payoff is up.

  pages    http://%s/
  events   http://%s/v1/events
  SQL      curl -s 'http://%s/?database=payoff' -H 'X-ClickHouse-User: reader' -H 'X-ClickHouse-Key: %s' -d 'SELECT count() FROM events'
  Kafka    %s

Send a first event:
  curl -s http://%s/v1/events -H 'Authorization: Bearer %s' -H 'Content-Type: application/cloudevents+json' -d '{"specversion":"1.0","id":"1","source":"/me","type":"dev.cdevents.service.deployed.0.3.0","time":"%s","data":{"subject":{"id":"hello","content":{"environment":{"id":"production"}}}}}'

Press Ctrl-C to stop.
`, info.Pages, info.Listen, info.ClickHouse, info.ReaderPassword, info.Kafka, info.Listen, info.Token, e.now().UTC().Format(time.RFC3339))
}
