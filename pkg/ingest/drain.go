package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/payoff-metrics/payoff/pkg/spool"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// A drainer brings the log on disk to Kafka, in its order. It never gives up:
// what Kafka does not take now is tried again, each pause longer than the last,
// and nothing that follows overtakes it.
type drainer struct {
	log       *spool.Log
	publisher transport.Publisher
	rejected  string // folder
	logger    *slog.Logger
	metrics   *metrics

	cancel context.CancelFunc
	ended  chan struct{}

	mu      sync.Mutex
	done    uint64        // records published since the start; raised before they leave the log
	moved   chan struct{} // closed and replaced when they have left it
	problem string        // class of the error by which Kafka holds it up; "" if it does not
}

func newDrainer(log *spool.Log, p transport.Publisher, rejected string, logger *slog.Logger, m *metrics) *drainer {
	ctx, cancel := context.WithCancel(context.Background())
	d := &drainer{log: log, publisher: p, rejected: rejected, logger: logger, metrics: m, cancel: cancel, ended: make(chan struct{}), moved: make(chan struct{})}
	go d.run(ctx)
	return d
}

const (
	firstPause = 100 * time.Millisecond
	longPause  = 10 * time.Second
)

func (d *drainer) run(ctx context.Context) {
	defer close(d.ended)
	for {
		var batch spool.Batch
		ok := d.insist(ctx, "reading the log on disk", func() (err error) {
			batch, err = d.log.Next(ctx)
			return err
		})
		if !ok || !d.publish(ctx, batch) {
			return
		}
		d.count(len(batch.Entries))
		// Last: were it before publishing, a crash between the two would lose the batch.
		if err := d.log.Ack(batch.End()); err != nil {
			d.logger.Warn("what was published will be published again after a restart", "error", err)
		}
		d.tell()
	}
}

// insist does something until it succeeds; false when the drainer is to stop.
func (d *drainer) insist(ctx context.Context, doing string, do func() error) bool {
	for wait := firstPause; ; wait = min(2*wait, longPause) {
		err := do()
		if err == nil {
			return true
		}
		if ctx.Err() != nil || errors.Is(err, spool.ErrClosed) {
			return false
		}
		d.metrics.troubles.WithLabelValues(transport.Classify(err)).Inc()
		d.logger.Error(doing, "error", err, "again_in", wait)
		if !pause(ctx, wait) {
			return false
		}
	}
}

// publish brings a batch to Kafka; false when the drainer is to stop.
func (d *drainer) publish(ctx context.Context, batch spool.Batch) bool {
	var recs []transport.Record
	for i := range batch.Entries {
		e := &batch.Entries[i]
		r, err := parseRecord(e.Payload)
		if err != nil || e.Kind != kindDelivery {
			// Written by another version: kept, not guessed at.
			if !d.reject(ctx, "a record of the log that this version cannot read", transport.Record{Value: e.Payload}) {
				return false
			}
			continue
		}
		recs = r.appendPublished(recs)
	}
	if len(recs) == 0 {
		return true
	}
	total := len(recs)
	ok := d.insist(ctx, "publishing", func() error {
		err := d.publisher.Publish(ctx, recs)
		d.setProblem(err)
		var left *transport.PartialError
		if !errors.As(err, &left) {
			return err
		}
		var stop bool
		if recs, stop = d.left(ctx, recs, left); stop {
			return context.Cause(ctx)
		}
		if len(recs) == 0 {
			return nil
		}
		return err
	})
	if ok {
		d.metrics.published.Add(float64(total))
	}
	return ok
}

// left returns the records to be published again, in their order. What Kafka
// will never take is put into the folder, so that it holds up nothing and is
// not lost either.
func (d *drainer) left(ctx context.Context, recs []transport.Record, p *transport.PartialError) (again []transport.Record, stop bool) {
	for i, index := range p.Failed {
		cause := p.Causes[i]
		if !errors.Is(cause, transport.ErrTooLarge) && !errors.Is(cause, transport.ErrRejected) {
			again = append(again, recs[index])
			continue
		}
		if !d.reject(ctx, transport.Classify(cause), recs[index]) {
			return nil, true
		}
	}
	return again, false
}

// reject writes what Kafka will never take into a file of its own.
func (d *drainer) reject(ctx context.Context, why string, r transport.Record) bool {
	path := ""
	ok := d.insist(ctx, "keeping what Kafka will not take", func() (err error) {
		path, err = writeRejected(d.rejected, r)
		return err
	})
	if ok {
		d.metrics.rejected.Inc()
		d.logger.Error("Kafka will not take a record; it is kept in a file", "reason", why, "topic", r.Topic, "bytes", len(r.Value), "file", path)
	}
	return ok
}

// writeRejected returns when the file is on stable storage.
func writeRejected(dir string, r transport.Record) (_ string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the folder of rejected records: %w", err)
	}
	headers := map[string]string{}
	for _, h := range r.Headers {
		headers[h.Key] = string(h.Value)
	}
	b, err := json.Marshal(struct {
		Topic   string            `json:"topic"`
		Key     []byte            `json:"key"`
		Headers map[string]string `json:"headers"`
		Value   []byte            `json:"value"`
	}{r.Topic, r.Key, headers, r.Value})
	if err != nil {
		return "", fmt.Errorf("writing a rejected record: %w", err)
	}
	f, err := os.CreateTemp(dir, "record-*.json") // mode 0600
	if err != nil {
		return "", fmt.Errorf("writing a rejected record: %w", err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close(), syncDir(dir)); err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("writing a rejected record: %w", err)
	}
	return filepath.Base(f.Name()), nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (d *drainer) setProblem(err error) {
	class := ""
	if err != nil {
		class = transport.Classify(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problem = class
}

// state says in a word how Kafka is doing.
func (d *drainer) state() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.problem == "" {
		return "ok"
	}
	return d.problem
}

func (d *drainer) count(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done += uint64(n)
}

func (d *drainer) tell() {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.moved)
	d.moved = make(chan struct{})
}

func (d *drainer) progress() (done uint64, moved <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done, d.moved
}

// wait returns nil when the log holds nothing that was in it at the call.
func (d *drainer) wait(ctx context.Context) error {
	// In this order the target may be too high by a batch that is just leaving,
	// and is never too low; an empty log ends the wait in any case.
	target := d.log.Stats().Records
	done, _ := d.progress()
	target += done
	for {
		done, moved := d.progress()
		left := d.log.Stats().Records
		if left == 0 || done >= target {
			return nil
		}
		select {
		case <-moved:
		case <-d.ended:
			return errors.New("waiting for the log to drain: ingest has stopped")
		case <-ctx.Done():
			return fmt.Errorf("waiting for %d records to reach Kafka: %w", left, context.Cause(ctx))
		}
	}
}

// stop drains for a while, then ends. What is left stays in the log.
func (d *drainer) stop(ctx context.Context, patience time.Duration) error {
	draining, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := d.wait(draining); err != nil {
		d.logger.Warn("stopped before the log was drained; it goes on after the next start", "records", d.log.Stats().Records)
	}
	d.cancel()
	<-d.ended
	return nil
}
