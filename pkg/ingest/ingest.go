// Package ingest is the process behind cmd/ingest: it takes events in.
//
//	          POST /v1/hooks/…              POST /v1/events      POST /v1/canonical, Accept
//	                 │                            │                        │
//	       read the raw body, bounded    token → read, bounded    token → read, bounded
//	                 │                            │                        │
//	       verify the signature on it    parse, hold to schema     decode, line by line
//	                 │                   may the token send it?            │
//	             normalise                        │                        │
//	                 └───────────┬────────────────┘                        │
//	        protect: persons become pseudonyms                             │
//	                             │                                         │
//	        seal the raw body    │                                         │
//	                 └───────────┴────────────┬────────────────────────────┘
//	                               append to the log on disk, fsync
//	                                          │
//	                                         202
//	                                          ┊
//	the drainer:    read the log in order ─▶ publish with acks=all ─▶ acknowledge
//	                                          │
//	   payoff.events by key · payoff.deliveries, sealed · payoff.dead, sealed, with the reason
//
// Accepted means kept: one record of the log holds the sealed delivery, what
// verification found and the normalised events, and the 202 stands for it. While
// Kafka is down the log grows and the answer stays 202; when the log is full it
// is 503 with Retry-After. A delivery that was verified but cannot be understood
// is accepted too: the tool changed, and its sender cannot help it. One that
// tells nothing (a ping) is kept sealed, as a later mapping may think otherwise.
//
// What is refused is refused before the log, with a sentence that says what to
// do. Posted events are refused for what is wrong with them, all of a batch at
// once: their sender can correct them.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/lifecycle"
	"github.com/payoff-metrics/payoff/pkg/spool"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// A Server is a running ingest.
type Server struct {
	o         Options
	log       *spool.Log
	stack     lifecycle.Stack
	handler   http.Handler
	address   net.Addr
	grants    []*grant
	endpoints map[string]*endpoint
	budget    budget
	conns     *conns
	drainer   *drainer
	metrics   *metrics
	chunk     int         // bytes of a record that holds events alone
	full      atomic.Bool // the log refused the latest record for want of room
	failed    chan error  // of the HTTP server
}

// An endpoint is an Endpoint with what serves it.
type endpoint struct {
	Endpoint
	source  collect.Source
	limiter *limiter
}

// Run serves until ctx ends, then stops.
func Run(ctx context.Context, o Options) error {
	s, err := Start(o)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case err = <-s.failed:
	}
	return errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
}

// Start opens the log, begins to drain it, and serves if it has somewhere to
// listen. Things are opened in the order in which events leave, and stopped in
// the reverse: first nothing comes in, at last the log is closed.
func Start(o Options) (_ *Server, err error) {
	o.setDefaults()
	s := &Server{o: o, endpoints: map[string]*endpoint{}, failed: make(chan error, 1), conns: newConns(o.Connections, o.Now)}
	s.budget.free.Store(o.MaxBuffered)
	if s.chunk = chunkBytes; o.MaxLog > 0 {
		s.chunk = int(min(chunkBytes, o.MaxLog/16)) // half a segment of the log
	}
	defer func() {
		if err == nil {
			return
		}
		if o.Listener != nil {
			o.Listener.Close()
		}
		err = errors.Join(fmt.Errorf("starting ingest: %w", err), s.Stop(context.Background()))
	}()
	if err := o.validate(); err != nil {
		return nil, err
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if err := s.openLog(); err != nil {
		return nil, err
	}
	s.drainer = newDrainer(s.log, o.Publisher, filepath.Join(o.Dir, "rejected"), o.Log, s.metrics)
	s.stack.Push("drainer", func(ctx context.Context) error { return s.drainer.stop(ctx, o.StopTimeout) })
	s.handler = s.routes()
	if err := s.serve(); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Server) prepare() error {
	for _, t := range s.o.Tokens {
		g, err := newGrant(t)
		if err != nil {
			return err
		}
		g.limiter = newLimiter(t.Limits, s.o.Now)
		s.grants = append(s.grants, g)
	}
	for _, e := range s.o.Endpoints {
		if e.MaxBody == 0 {
			e.MaxBody = 1 << 20
			if e.Source == "github" {
				e.MaxBody = 25 << 20
			}
		}
		ep := &endpoint{Endpoint: e, limiter: newLimiter(e.Limits, s.o.Now)}
		for _, src := range s.o.Sources {
			if src.Name() == e.Source {
				ep.source = src
			}
		}
		s.endpoints[e.Source+"/"+e.Name] = ep
	}
	return nil
}

func (s *Server) openLog() (err error) {
	s.log, err = spool.Open(spool.Options{
		Dir: filepath.Join(s.o.Dir, "log"), Now: s.o.Now, MaxBytes: s.o.MaxLog, BatchBytes: 4 << 20, BatchRecords: 2000,
		NewSegmentMeta: s.o.Sealer.Rotate, Log: s.o.Log,
	})
	if err != nil {
		return fmt.Errorf("opening the log on disk: %w", err)
	}
	s.stack.Push("log on disk", func(context.Context) error { return s.log.Close() })
	s.metrics, err = newMetrics(s.o.Registry, s)
	if err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	s.stack.Push("metrics", func(context.Context) error { s.metrics.unregister(); return nil })
	return nil
}

// serve listens, if it was told where.
func (s *Server) serve() error {
	l := s.o.Listener
	if l == nil {
		if s.o.Address == "" {
			return nil
		}
		var err error
		if l, err = net.Listen("tcp", s.o.Address); err != nil {
			return fmt.Errorf("listening: %w", err)
		}
	}
	s.address = l.Addr()
	srv := &http.Server{
		Handler: s.handler, ConnState: s.conns.state, MaxHeaderBytes: 64 << 10,
		ReadHeaderTimeout: s.o.HeaderTimeout, ReadTimeout: s.o.BodyTimeout, IdleTimeout: s.o.IdleTimeout,
		WriteTimeout: 2*s.o.BodyTimeout + 10*time.Second, // runs from the end of the headers on, so longer than reading takes
		ErrorLog:     errorLog(s.o.Log),
	}
	go func() {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("serving on %s: %w", l.Addr(), err)
		}
	}()
	s.stack.Push("HTTP server", func(ctx context.Context) error { return s.shutdown(ctx, srv) })
	s.o.Log.Info("taking events", "address", l.Addr().String(), "endpoints", len(s.endpoints), "tokens", len(s.grants))
	return nil
}

// shutdown lets the requests under way end, for a while.
func (s *Server) shutdown(ctx context.Context, srv *http.Server) error {
	ctx, cancel := context.WithTimeout(ctx, s.o.StopTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		srv.Close()
		return fmt.Errorf("waiting for requests under way: %w", err)
	}
	return nil
}

// Stop ends taking events, drains the log for a while, and closes it. What is
// left in it is published after the next start. Stopping again does nothing.
func (s *Server) Stop(ctx context.Context) error { return s.stack.Stop(ctx) }

// Addr is where it listens, nil if it does not.
func (s *Server) Addr() net.Addr { return s.address }

// Handler serves the API, for a listener of the caller's own.
func (s *Server) Handler() http.Handler { return s.handler }

// Failed yields the error by which serving ended, if ever.
func (s *Server) Failed() <-chan error { return s.failed }

// Drained reports whether all that was accepted is in Kafka.
func (s *Server) Drained() bool { return s.log.Stats().Records == 0 }

// WaitDrained returns nil when all that was accepted before the call is in
// Kafka, and ctx's error if it ends first.
func (s *Server) WaitDrained(ctx context.Context) error { return s.drainer.wait(ctx) }

// chunkBytes and chunkEvents bound a record of the log that holds events alone,
// so that many are appended with few fsyncs and read back in bearable pieces.
const (
	chunkBytes  = 1 << 20
	chunkEvents = 2000
)

// Accept takes canonical events of importers in this process. It returns nil
// when all are on disk. On an error some may be, and accepting all of them again
// is harmless; spool.ErrFull passes by waiting.
func (s *Server) Accept(ctx context.Context, evs []events.Event) error {
	list := make([]encoded, len(evs))
	for i := range evs {
		var err error
		if list[i], err = encode(&evs[i]); err != nil {
			return fmt.Errorf("accepting %d events: %w", len(evs), err)
		}
	}
	if err := s.appendEvents(ctx, "import", "", list); err != nil {
		return fmt.Errorf("accepting %d events: %w", len(evs), err)
	}
	return nil
}

// Publish puts canonical events into Kafka as the log on disk would, for collectors
// in a process that has none. It returns nil once all are there; on an error some may
// be, and publishing all of them again is harmless.
func Publish(ctx context.Context, to transport.Publisher, evs []events.Event) error {
	recs := make([]transport.Record, len(evs))
	for i := range evs {
		e, err := encode(&evs[i])
		if err != nil {
			return fmt.Errorf("publishing %d events: %w", len(evs), err)
		}
		recs[i] = e.published()
	}
	if err := to.Publish(ctx, recs); err != nil {
		return fmt.Errorf("publishing %d events: %w", len(evs), err)
	}
	return nil
}

// appendEvents puts events into the log in chunks, in their order.
func (s *Server) appendEvents(ctx context.Context, source, endpoint string, list []encoded) error {
	for len(list) > 0 {
		n, size := 0, 0
		for n < len(list) && n < chunkEvents && (n == 0 || size+list[n].size() <= s.chunk) {
			size += list[n].size()
			n++
		}
		if err := s.append(ctx, &record{source: source, endpoint: endpoint, verified: "token", received: s.o.Now(), events: list[:n]}); err != nil {
			return err
		}
		s.metrics.events.WithLabelValues(source).Add(float64(n))
		list = list[n:]
	}
	return nil
}

// append returns when a record is on disk.
func (s *Server) append(ctx context.Context, r *record) error {
	_, err := s.log.Append(ctx, spool.Record{Time: s.o.Now(), Kind: kindDelivery, Payload: r.appendTo(make([]byte, 0, r.size()))})
	if full := errors.Is(err, spool.ErrFull); full != s.full.Load() {
		s.full.Store(full)
	}
	return err
}
