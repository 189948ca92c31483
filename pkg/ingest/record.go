package ingest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// Headers of sealed deliveries.
const (
	headerSource   = "payoff_source"   // source of the delivery: "github"
	headerEndpoint = "payoff_endpoint" // endpoint, or token, that took it
	headerVerified = "payoff_verified" // by what: "signature", "token"
	headerReceived = "payoff_received" // when, RFC 3339
	headerReason   = "payoff_reason"   // why it is no event
	headerField    = "payoff_field"    // the field that is wrong, if it is one
)

// kindDelivery is the kind of our records in the log on disk.
const kindDelivery = 1

// A record of the log on disk, format 1, is what one 2xx stands for:
//
//	format  one byte: 1
//	source, endpoint, verified, received, reason, field   texts
//	sealed  the sealed delivery; empty for events that came without one
//	count   of events, and for each: key, id, source, type, subject, time, value
//
// Texts, bytes and counts begin with their length as a varint.
type record struct {
	source, endpoint string
	verified         string
	received         time.Time
	reason, field    string // why it is dead, if it is
	sealed           []byte
	events           []encoded
}

// encoded is an event as it is published.
type encoded struct {
	key, id, source, kind, subject, time string
	value                                []byte
}

// encode makes an event ready to be published.
func encode(e *events.Event) (encoded, error) {
	value, err := events.Encode(e)
	if err != nil {
		return encoded{}, err
	}
	return envelopeOf(e, value), nil
}

// envelopeOf is encode for an event whose value is there already.
func envelopeOf(e *events.Event, value []byte) encoded {
	return encoded{key: e.Key(), id: e.ID, source: e.Source, kind: e.Type, subject: e.Subject, time: events.FormatTime(e.Time), value: value}
}

func appendField[T string | []byte](b []byte, v T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

// size is at least what appendTo writes, in bytes.
func (r *record) size() int {
	n := 64 + len(r.source) + len(r.endpoint) + len(r.verified) + len(r.reason) + len(r.field) + len(r.sealed)
	for i := range r.events {
		n += r.events[i].size()
	}
	return n + 8*binary.MaxVarintLen32
}

func (e *encoded) size() int {
	return 7*binary.MaxVarintLen32 + len(e.key) + len(e.id) + len(e.source) + len(e.kind) + len(e.subject) + len(e.time) + len(e.value)
}

// appendTo writes the record behind b.
func (r *record) appendTo(b []byte) []byte {
	b = append(b, 1)
	for _, s := range []string{r.source, r.endpoint, r.verified, events.FormatTime(r.received), r.reason, r.field} {
		b = appendField(b, s)
	}
	b = appendField(b, r.sealed)
	b = binary.AppendUvarint(b, uint64(len(r.events)))
	for i := range r.events {
		e := &r.events[i]
		for _, s := range []string{e.key, e.id, e.source, e.kind, e.subject, e.time} {
			b = appendField(b, s)
		}
		b = appendField(b, e.value)
	}
	return b
}

var errRecord = errors.New("not a record this version can read")

// fields takes a record apart; after the first fault it yields nothing.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) number() uint64 {
	n, size := binary.Uvarint(f.rest)
	if size <= 0 {
		f.bad, f.rest = true, nil
		return 0
	}
	f.rest = f.rest[size:]
	return n
}

func (f *fields) bytes() []byte {
	n := f.number()
	if n > uint64(len(f.rest)) {
		f.bad, f.rest = true, nil
		return nil
	}
	b := f.rest[:n:n]
	f.rest = f.rest[n:]
	return b
}

func (f *fields) text() string { return string(f.bytes()) }

// parseRecord reads what appendTo wrote. The record's bytes stand in b.
func parseRecord(b []byte) (record, error) {
	if len(b) == 0 || b[0] != 1 {
		return record{}, errRecord
	}
	f := fields{rest: b[1:]}
	r := record{source: f.text(), endpoint: f.text(), verified: f.text()}
	received, err := events.ParseTime(f.text())
	r.received, r.reason, r.field, r.sealed = received, f.text(), f.text(), f.bytes()
	n := f.number()
	if f.bad || err != nil || n > uint64(len(f.rest)) {
		return record{}, errRecord
	}
	r.events = make([]encoded, 0, min(n, 10_000))
	for range n {
		r.events = append(r.events, encoded{key: f.text(), id: f.text(), source: f.text(), kind: f.text(), subject: f.text(), time: f.text(), value: f.bytes()})
		if f.bad {
			return record{}, errRecord
		}
	}
	if len(f.rest) > 0 {
		return record{}, fmt.Errorf("%w: %d bytes too many", errRecord, len(f.rest))
	}
	return r, nil
}

// appendPublished appends what the record becomes in Kafka: its events, in
// order and by key, and its delivery, among the dead if it could not be read.
func (r *record) appendPublished(to []transport.Record) []transport.Record {
	for i := range r.events {
		to = append(to, r.events[i].published())
	}
	if len(r.sealed) == 0 {
		return to
	}
	topic := DeliveriesTopic
	headers := []transport.Header{
		{Key: headerSource, Value: []byte(r.source)},
		{Key: headerEndpoint, Value: []byte(r.endpoint)},
		{Key: headerVerified, Value: []byte(r.verified)},
		{Key: headerReceived, Value: []byte(events.FormatTime(r.received))},
	}
	if r.reason != "" {
		topic = DeadTopic
		headers = append(headers, transport.Header{Key: headerReason, Value: []byte(r.reason)}, transport.Header{Key: headerField, Value: []byte(r.field)})
	}
	return append(to, transport.Record{Topic: topic, Value: r.sealed, Headers: headers})
}

var (
	contentTypeHeader = transport.Header{Key: "content-type", Value: []byte("application/cloudevents+json")}
	specVersionHeader = transport.Header{Key: "ce_specversion", Value: []byte("1.0")}
)

// published is the Kafka binding of CloudEvents, structured mode, with the
// attributes in headers too, so that a consumer may choose without parsing.
func (e *encoded) published() transport.Record {
	return transport.Record{
		Topic: EventsTopic, Key: []byte(e.key), Value: slices.Clip(e.value),
		Headers: []transport.Header{
			contentTypeHeader, specVersionHeader,
			{Key: "ce_id", Value: []byte(e.id)},
			{Key: "ce_source", Value: []byte(e.source)},
			{Key: "ce_type", Value: []byte(e.kind)},
			{Key: "ce_subject", Value: []byte(e.subject)},
			{Key: "ce_time", Value: []byte(e.time)},
		},
	}
}
