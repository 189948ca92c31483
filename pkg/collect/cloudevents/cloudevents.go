// Package cloudevents reads what is posted to Payoff directly: CloudEvents 1.0
// around CDEvents, in every mode HTTP has for them.
//
//	application/cloudevents+json        structured: one event
//	application/cloudevents-batch+json  an array of these
//	application/x-ndjson                one of these a line
//	application/json, with ce- headers  binary: the headers are the envelope
//	application/json                    a CloudEvent, or a CDEvent without envelope
//
// The body is held against the published schema of its kind before anything is
// taken from it. Any version of a type is understood: old emitters write 0.1.x.
// What Payoff keeps of a body are the members of events.Fields; the rest,
// descriptions above all, lives on in the sealed delivery alone.
//
// A posted event is identified by its source and id, as CloudEvents says: sent
// again with the same two, it is the same fact, and of different data the one
// with the greater recordedtime (or sequence) is current.
package cloudevents

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// Mapping is the version of this mapping. Raise it when the same event gives
// another fact: at replay the greater one wins.
const Mapping = 1

// MaxEvents bounds a batch.
const MaxEvents = 10_000

// maxName bounds id, source and subject, in bytes, as the schemas bound names.
const maxName = 1000

// A Problem is what is wrong, or doubtful, about one event of a request.
type Problem struct {
	Index  int    `json:"index"`       // of the event in its batch, from 0
	ID     string `json:"id,omitzero"` // the event's own, where it could be read
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

func (p Problem) String() string { return fmt.Sprintf("event %d: %s: %s", p.Index, p.Field, p.Reason) }

// A Refusal is a request with at least one event that is wrong. All of it is
// refused, so that a sender corrects and sends one thing, the same.
type Refusal struct{ Problems []Problem }

func (r *Refusal) Error() string {
	if n := len(r.Problems); n > 1 {
		return fmt.Sprintf("%s (and %d more)", r.Problems[0], n-1)
	}
	return r.Problems[0].String()
}

// Unwrap makes errors.Is(err, events.ErrInvalid) true.
func (r *Refusal) Unwrap() error { return events.ErrInvalid }

// ErrContentType: the request is in none of the modes.
var ErrContentType = errors.New("the content type is none of application/cloudevents+json, application/cloudevents-batch+json, application/x-ndjson and application/json")

// Parse returns the drafts of a request, and warnings about what was taken
// though it is doubtful. Its errors are *Refusal and ErrContentType.
func Parse(d collect.Delivery) (drafts []events.Draft, warnings []Problem, err error) {
	envelopes, err := open(d.Header, d.Body)
	if err != nil {
		return nil, nil, err
	}
	var refused []Problem
	drafts = make([]events.Draft, 0, len(envelopes))
	for i := range envelopes {
		e := &envelopes[i]
		warn := func(field, reason string) {
			warnings = append(warnings, Problem{Index: i, ID: e.ID, Field: field, Reason: reason})
		}
		draft, err := e.draft(d.ReceivedAt, warn)
		if err != nil {
			refused = append(refused, problem(i, e.ID, err))
			continue
		}
		drafts = append(drafts, draft)
	}
	if len(refused) > 0 {
		return nil, nil, &Refusal{refused}
	}
	return drafts, warnings, nil
}

func problem(index int, id string, err error) Problem {
	if fe, ok := errors.AsType[*events.FieldError](err); ok {
		return Problem{Index: index, ID: id, Field: fe.Field, Reason: fe.Reason}
	}
	return Problem{Index: index, ID: id, Field: "event", Reason: err.Error()}
}

// An envelope holds the attributes of one event, wherever they stood.
type envelope struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Subject         string         `json:"-"`
	SubjectJSON     jsontext.Value `json:"subject"` // of a CDEvent that has no envelope, the subject itself
	Time            string         `json:"time"`
	DataContentType string         `json:"datacontenttype"`
	Data            jsontext.Value `json:"data"`
	DataBase64      string         `json:"data_base64"`

	// Extensions that mean something here.
	RecordedTime string         `json:"recordedtime"` // when the sender's record last changed
	Sequence     jsontext.Value `json:"sequence"`     // orders versions where there is no such time
	Actor        string         `json:"actor"`
	ActorKind    string         `json:"actorkind"`

	Context *context `json:"context"` // of a CDEvent that has no envelope

	broken error // it could not be read at all
}

type context struct {
	ID        string `json:"id"`
	Source    string `json:"source"`
	Type      string `json:"type"`
	Timestamp string `json:"timestamp"`
}

// open finds the mode and takes the request apart into envelopes.
func open(h http.Header, body []byte) ([]envelope, error) {
	mediaType, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && !errors.Is(err, mime.ErrInvalidMediaParameter) {
		return nil, ErrContentType
	}
	switch {
	case mediaType == "application/cloudevents-batch+json":
		return openBatch(body)
	case mediaType == "application/x-ndjson":
		return openLines(body)
	case mediaType == "application/cloudevents+json":
		return []envelope{openOne(body)}, nil
	case mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json"):
		return nil, ErrContentType
	case h.Get("ce-specversion") != "" || h.Get("ce-id") != "":
		return []envelope{openBinary(h, body)}, nil
	case bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")):
		return openBatch(body)
	default:
		return []envelope{openOne(body)}, nil
	}
}

func openOne(body []byte) envelope {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return envelope{ID: e.ID, broken: collect.FieldError(err, "event")}
	}
	// A CDEvent without envelope: its context is one.
	if e.SpecVersion == "" && e.Context != nil {
		c := e.Context
		return envelope{SpecVersion: "1.0", ID: c.ID, Source: c.Source, Type: c.Type, Time: c.Timestamp, Data: body}
	}
	if len(e.SubjectJSON) > 0 {
		if err := json.Unmarshal(e.SubjectJSON, &e.Subject); err != nil {
			e.broken = inside("subject", err)
		}
	}
	return e
}

func openBatch(body []byte) ([]envelope, error) {
	var elements []jsontext.Value
	if err := json.Unmarshal(body, &elements); err != nil {
		return nil, &Refusal{[]Problem{problem(0, "", collect.FieldError(err, "batch"))}}
	}
	return openAll(elements)
}

// openLines reads NDJSON; empty lines are passed over.
func openLines(body []byte) ([]envelope, error) {
	var elements []jsontext.Value
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			elements = append(elements, line)
		}
	}
	return openAll(elements)
}

func openAll(elements []jsontext.Value) ([]envelope, error) {
	if len(elements) > MaxEvents {
		reason := fmt.Sprintf("holds %d events; send at most %d at once", len(elements), MaxEvents)
		return nil, &Refusal{[]Problem{{Field: "batch", Reason: reason}}}
	}
	out := make([]envelope, len(elements))
	for i, b := range elements {
		out[i] = openOne(b)
	}
	return out, nil
}

// openBinary reads the envelope from headers and takes the body for its data.
func openBinary(h http.Header, body []byte) envelope {
	e := envelope{Data: body}
	for name, to := range map[string]*string{
		"ce-specversion": &e.SpecVersion, "ce-id": &e.ID, "ce-source": &e.Source, "ce-type": &e.Type, "ce-subject": &e.Subject,
		"ce-time": &e.Time, "ce-recordedtime": &e.RecordedTime, "ce-actor": &e.Actor, "ce-actorkind": &e.ActorKind,
	} {
		text, err := headerValue(h.Get(name))
		if err != nil {
			e.broken = &events.FieldError{Field: name, Reason: err.Error()}
		}
		*to = text
	}
	if s, err := strconv.Unquote(`"` + h.Get("ce-sequence") + `"`); err == nil {
		e.Sequence, _ = json.Marshal(s)
	}
	return e
}

var errHeader = errors.New("is not percent-encoded UTF-8")

// headerValue undoes quoting and, once, percent-encoding, as the HTTP binding
// of CloudEvents asks (3.1.3.2).
func headerValue(s string) (string, error) {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(s[1 : len(s)-1])
	}
	if strings.IndexByte(s, '%') >= 0 {
		var err error
		if s, err = url.PathUnescape(s); err != nil {
			return "", errHeader
		}
	}
	if !utf8.ValidString(s) {
		return "", errHeader
	}
	return s, nil
}

// draft checks an event and makes its draft.
func (e *envelope) draft(received time.Time, warn func(field, reason string)) (events.Draft, error) {
	if e.broken != nil {
		return events.Draft{}, e.broken
	}
	kind, err := e.check()
	if err != nil {
		return events.Draft{}, err
	}
	data, err := e.data()
	if err != nil {
		return events.Draft{}, err
	}
	if err := events.ValidateBody(kind, data); err != nil {
		return events.Draft{}, err
	}
	b, err := readBody(data)
	if err != nil {
		return events.Draft{}, err
	}
	d := events.Draft{
		Source: e.Source, Kind: kind, Type: e.Type, Natural: []string{e.Source, e.ID}, Subject: b.Subject.ID,
		Received: received, Mapping: Mapping, Content: b.Subject.Content.Fields, Custom: b.Custom.Fields,
	}
	if kind == events.CommitRecorded {
		d.Subject = strings.ToLower(d.Subject)
	}
	if e.Subject != "" && e.Subject != b.Subject.ID {
		warn("subject", "differs from data.subject.id, which was taken")
	}
	e.setActor(&d, b)
	return d, e.setTimes(&d, b, warn)
}

// check holds the envelope to CloudEvents 1.0.
func (e *envelope) check() (events.Kind, error) {
	if e.SpecVersion != "1.0" {
		return "", &events.FieldError{Field: "specversion", Reason: fmt.Sprintf("is %.20q; this is read as CloudEvents 1.0, and must say \"1.0\"", e.SpecVersion)}
	}
	for _, a := range []struct{ name, value string }{{"id", e.ID}, {"source", e.Source}, {"type", e.Type}} {
		if a.value == "" {
			return "", collect.Missing(a.name)
		}
		if len(a.value) > maxName {
			return "", &events.FieldError{Field: a.name, Reason: fmt.Sprintf("has %d bytes; at most %d are allowed", len(a.value), maxName)}
		}
	}
	if _, err := url.Parse(e.Source); err != nil {
		return "", &events.FieldError{Field: "source", Reason: "is not a URI reference"}
	}
	switch e.ActorKind {
	case "", events.Human, events.Bot:
	default:
		return "", &events.FieldError{Field: "actorkind", Reason: "is neither human nor bot"}
	}
	kind, _, err := events.ParseType(e.Type)
	return kind, err
}

// data is the body's JSON.
func (e *envelope) data() ([]byte, error) {
	if t := e.DataContentType; t != "" {
		mediaType, _, err := mime.ParseMediaType(t)
		if err != nil || mediaType != "application/json" && !strings.HasSuffix(mediaType, "+json") {
			return nil, &events.FieldError{Field: "datacontenttype", Reason: fmt.Sprintf("is %.60q; only JSON is read", t)}
		}
	}
	switch {
	case len(e.Data) > 0 && e.DataBase64 != "":
		return nil, &events.FieldError{Field: "data_base64", Reason: "stands beside data; send one of the two"}
	case e.DataBase64 != "":
		b, err := base64.StdEncoding.DecodeString(e.DataBase64)
		if err != nil {
			return nil, &events.FieldError{Field: "data_base64", Reason: "is not base64"}
		}
		return b, nil
	case len(e.Data) == 0 || string(e.Data) == "null":
		return nil, &events.FieldError{Field: "data", Reason: "is missing: it holds the CDEvent"}
	}
	return e.Data, nil
}

// setTimes dates the draft. A time that cannot be is kept, for it is what the
// sender said; the event is flagged and enters no metric.
func (e *envelope) setTimes(d *events.Draft, b *body, warn func(field, reason string)) error {
	text := e.Time
	if text == "" && b.Context != nil {
		text = b.Context.Timestamp
	}
	var err error
	if d.Time, err = events.ParseTime(text); err != nil {
		return &events.FieldError{Field: "time", Reason: err.Error()}
	}
	if d.Recorded, err = events.ParseTime(e.RecordedTime); err != nil {
		return &events.FieldError{Field: "recordedtime", Reason: err.Error()}
	}
	if d.Recorded.IsZero() {
		d.Sequence = e.sequence()
	}
	switch {
	case text == "":
		d.Time = d.Received
		warn("time", "is missing: the time of arrival was taken, so sending this again makes another version of it; send time")
	case !events.Believable(d.Time):
		warn("time", fmt.Sprintf("%s cannot be: the event is kept and flagged %s, and enters no metric", events.FormatTime(d.Time), events.FlagImpossibleTime))
	}
	return nil
}

// sequence reads the extension of that name, a number or a text of digits; 0 if
// it is anything else, as CloudEvents leaves its form to senders.
func (e *envelope) sequence() uint64 {
	text := strings.Trim(string(e.Sequence), `"`)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
