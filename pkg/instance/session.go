package instance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// A Session is what a command needs of an instance, its own or one that runs.
type Session interface {
	// Accept makes events durable; nil means they are kept.
	Accept(ctx context.Context, evs []events.Event) error
	// Loaded returns once everything accepted before is in the store.
	Loaded(ctx context.Context, progress func(loaded, total int64)) error
	// Compute loads, then computes.
	Compute(ctx context.Context) (compute.Result, error)
	// PublishReview computes, then publishes the review of a week, as [review.Desk]
	// does.
	PublishReview(ctx context.Context, w metric.Window) error
	// Reader opens the store as analysts see it; the caller closes it.
	Reader(ctx context.Context) (*store.Store, error)
	// Keys protect what the command brings in.
	Keys() Keys
	// Running is the instance that was found; nil if the session is its own.
	Running() *Info
	Close(ctx context.Context) error
}

// Attach finds the instance that holds the data directory, or starts one of its
// own without listeners.
func Attach(ctx context.Context, o Options) (Session, error) {
	o.Listen = false
	i, err := Start(ctx, o)
	switch {
	case err == nil:
		return own{i}, nil
	case !errors.Is(err, ErrInUse):
		return nil, err
	}
	info, readErr := ReadInfo(o.Dir)
	if readErr != nil || info.Listen == "" {
		// It has the lock and does not listen: another command at work.
		return nil, err
	}
	keys, err := OpenKeys(o.Dir)
	if err != nil {
		return nil, err
	}
	return &remote{info: info, keys: keys, client: &http.Client{}}, nil
}

// own is a session on an instance of the command's own.
type own struct{ i *Instance }

func (s own) Accept(ctx context.Context, evs []events.Event) error {
	return s.i.Ingest.Accept(ctx, evs)
}
func (s own) Loaded(ctx context.Context, progress func(loaded, total int64)) error {
	return s.i.Loaded(ctx, progress)
}
func (s own) Compute(ctx context.Context) (compute.Result, error) { return s.i.Compute(ctx) }
func (s own) Keys() Keys                                          { return s.i.Keys }
func (s own) Running() *Info                                      { return nil }
func (s own) Close(ctx context.Context) error                     { return s.i.Stop(ctx) }

// Reader opens the store as the reader where the engine is ours. A configured
// ClickHouse is asked as the configured user, whose rights are its own affair.
func (s own) Reader(ctx context.Context) (*store.Store, error) {
	if s.i.Engine == nil {
		return s.i.connect(ctx)
	}
	return store.Open(ctx, store.Options{DialContext: s.i.Engine.DialContext, User: engine.ReaderUser, Password: s.i.info.ReaderPassword})
}

// remote is a session with a running instance.
type remote struct {
	info   Info
	keys   Keys
	client *http.Client
}

func (s *remote) Keys() Keys                  { return s.keys }
func (s *remote) Running() *Info              { return &s.info }
func (s *remote) Close(context.Context) error { s.client.CloseIdleConnections(); return nil }

func (s *remote) Reader(ctx context.Context) (*store.Store, error) {
	return store.Open(ctx, store.Options{Address: s.info.ClickHouse, User: engine.ReaderUser, Password: s.info.ReaderPassword})
}

func (s *remote) Accept(ctx context.Context, evs []events.Event) error {
	var body bytes.Buffer
	for i := range evs {
		b, err := events.Encode(&evs[i])
		if err != nil {
			return err
		}
		body.Write(b)
		body.WriteByte('\n')
	}
	return s.post(ctx, "http://"+s.info.Listen+"/v1/canonical", "application/x-ndjson", &body, nil)
}

func (s *remote) Loaded(ctx context.Context, progress func(loaded, total int64)) error {
	return s.post(ctx, "http://"+s.info.Pages+"/control/load", "", nil, nil)
}

func (s *remote) Compute(ctx context.Context) (compute.Result, error) {
	var res compute.Result
	return res, s.post(ctx, "http://"+s.info.Pages+"/control/compute", "", nil, &res)
}

// post sends with the instance's token, tries again while it is told to wait, and
// reads the answer into out.
func (s *remote) post(ctx context.Context, url, contentType string, body *bytes.Buffer, out any) error {
	for {
		var r io.Reader
		if body != nil {
			r = bytes.NewReader(body.Bytes())
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, r)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+s.info.Token)
		if contentType != "" {
			req.Header.Set("Content-Type", contentType)
		}
		resp, err := s.client.Do(req)
		if err != nil {
			return fmt.Errorf("asking the running instance (process %d): %w", s.info.PID, err)
		}
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if err != nil {
			return fmt.Errorf("reading the running instance's answer: %w", err)
		}
		switch {
		case resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusTooManyRequests:
			// Its log is full: it asks for patience, and nothing is lost by it.
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Second):
			}
		case resp.StatusCode >= 300:
			return fmt.Errorf("the running instance answered %s: %s", resp.Status, bytes.TrimSpace(answer))
		case out != nil:
			return json.Unmarshal(answer, out)
		default:
			return nil
		}
	}
}
