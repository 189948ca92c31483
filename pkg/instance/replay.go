package instance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/cloudevents"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/rollup"
	"github.com/payoff-metrics/payoff/pkg/rollup/load"
	"github.com/payoff-metrics/payoff/pkg/seal"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// A mapper sends kept deliveries through the mapping of this version again.
type mapper struct {
	opener    *seal.Opener
	protector collect.Protector
	sources   map[string]collect.Source
	accept    func(context.Context, []events.Event) error
	now       func() time.Time
}

func (i *Instance) mapper() (*mapper, error) {
	opener, err := seal.NewOpener(i.Keys.Deliveries)
	if err != nil {
		return nil, err
	}
	p, err := Protector(i.o.Config, i.Keys)
	if err != nil {
		return nil, err
	}
	list, err := Sources(i.o.Config)
	if err != nil {
		return nil, err
	}
	m := &mapper{opener: opener, protector: p, sources: make(map[string]collect.Source), accept: i.Ingest.Accept, now: i.o.Now}
	for _, s := range list {
		m.sources[s.Name()] = s
	}
	return m, nil
}

// posted is the source's name of deliveries that were posted as CloudEvents.
const posted = "events"

// mapAgain opens a sealed delivery, normalises it and accepts its events. The
// error wraps events.ErrInvalid if it is still not understood.
func (m *mapper) mapAgain(ctx context.Context, source, endpoint string, received time.Time, sealed []byte) error {
	body, err := m.opener.Open(sealed, collect.SealContext(source, endpoint))
	if err != nil {
		return fmt.Errorf("opening a delivery of %s/%s: %w", source, endpoint, err)
	}
	d, err := collect.DecodeDelivery(body)
	if err != nil {
		return err
	}
	d.Source, d.Endpoint, d.ReceivedAt = source, endpoint, received
	if d.Header == nil {
		d.Header = make(http.Header)
	}
	drafts, err := m.normalise(d)
	if err != nil {
		return err
	}
	evs, err := m.protector.Protect(drafts)
	if err != nil || len(evs) == 0 {
		return err
	}
	return m.accept(ctx, evs)
}

func (m *mapper) normalise(d collect.Delivery) ([]events.Draft, error) {
	if d.Source == posted {
		drafts, _, err := cloudevents.Parse(d)
		return drafts, err
	}
	s, ok := m.sources[d.Source]
	if !ok {
		return nil, fmt.Errorf("%w: there is no source %q any more", events.ErrInvalid, d.Source)
	}
	return s.Normalise(d)
}

// Replay maps every delivery the log still holds again. It returns how many were
// mapped and how many are still not understood.
func (i *Instance) Replay(ctx context.Context) (done, failed int, err error) {
	m, err := i.mapper()
	if err != nil {
		return 0, 0, err
	}
	if err := i.Ingest.WaitDrained(ctx); err != nil {
		return 0, 0, err
	}
	offsets, err := i.Transport.Offsets(ctx, rollup.DeliveriesTopic)
	if err != nil {
		return 0, 0, err
	}
	for _, o := range offsets {
		err := i.Transport.Read(ctx, rollup.DeliveriesTopic, o.Partition, o.First, o.Next, func(recs []transport.Record) error {
			for _, rec := range recs {
				received, _ := events.ParseTime(header(rec, load.HeaderReceived)) // a missing time is the zero time
				switch err := m.mapAgain(ctx, header(rec, load.HeaderSource), header(rec, load.HeaderEndpoint), received, rec.Value); {
				case errors.Is(err, events.ErrInvalid):
					failed++
				case err != nil:
					return err
				default:
					done++
				}
			}
			return nil
		})
		if err != nil {
			return done, failed, fmt.Errorf("replaying partition %d of %s: %w", o.Partition, rollup.DeliveriesTopic, err)
		}
	}
	_, err = i.Compute(ctx)
	return done, failed, err
}

func header(rec transport.Record, key string) string {
	for _, h := range rec.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// OpenLetter opens the body of a parked record as it was received.
func (i *Instance) OpenLetter(d store.DeadLetter) ([]byte, error) {
	if !d.Sealed {
		return d.Body, nil
	}
	m, err := i.mapper()
	if err != nil {
		return nil, err
	}
	if d.Source == "" {
		return m.opener.Open(d.Body, load.SealContext(d.Partition, d.Offset))
	}
	return m.opener.Open(d.Body, collect.SealContext(d.Source, d.Endpoint))
}

// ReplayDead maps parked deliveries again: those of the spans, or all.
func (i *Instance) ReplayDead(ctx context.Context, spans []store.Span) (done, failed int, err error) {
	m, err := i.mapper()
	if err != nil {
		return 0, 0, err
	}
	if err := i.Loaded(ctx, nil); err != nil {
		return 0, 0, err
	}
	letters, err := i.Store.DeadLetters(ctx, 0, spans...)
	if err != nil {
		return 0, 0, err
	}
	var mapped []store.Span
	for _, d := range letters {
		if !d.ReplayedAt.IsZero() {
			continue
		}
		switch err := i.letterAgain(ctx, m, d); {
		case errors.Is(err, events.ErrInvalid):
			failed++
		case err != nil:
			return done, failed, err
		default:
			done++
			mapped = append(mapped, store.Span{Partition: d.Partition, First: d.Offset, Last: d.Offset})
		}
	}
	if err := i.Store.MarkReplayed(ctx, i.o.Now(), mapped...); err != nil {
		return done, failed, err
	}
	_, err = i.Compute(ctx)
	return done, failed, err
}

// letterAgain maps a parked delivery, or takes a parked record of the events'
// topic that this version can read.
func (i *Instance) letterAgain(ctx context.Context, m *mapper, d store.DeadLetter) error {
	if d.Source != "" {
		return m.mapAgain(ctx, d.Source, d.Endpoint, d.ReceivedAt, d.Body)
	}
	body, err := i.OpenLetter(d)
	if err != nil {
		return err
	}
	e, err := events.Decode(body)
	if err != nil {
		return err
	}
	return m.accept(ctx, []events.Event{e})
}
