package events

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A Row is one Kafka record as the store keeps it: its position, the event, and
// the columns that queries filter and join on, promoted out of the body.
type Row struct {
	LogEpoch  uint32
	Topic     string
	Partition int32
	Offset    int64
	LoadedAt  time.Time

	Event
	RawID   [16]byte // Event.ID in binary
	RawData []byte   // the body's JSON, as it was carried

	Service     string
	Environment string
	Repository  string
	Commit      string
	Ref         string
	Outcome     string
	StartedAt   time.Time // zero when the body does not say
	Incident    string
	Team        string
	Unit        string
	Capability  string
}

// wire is what Encode writes, as it is read.
type wire struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Subject         string         `json:"subject,omitzero"`
	Time            string         `json:"time,omitzero"`
	DataContentType string         `json:"datacontenttype,omitzero"`
	RecordedTime    string         `json:"recordedtime,omitzero"`
	ReceivedTime    string         `json:"receivedtime,omitzero"`
	ActorKind       string         `json:"actorkind,omitzero"`
	Actor           string         `json:"actor,omitzero"`
	Flags           string         `json:"flags,omitzero"`
	FactVersion     string         `json:"factversion,omitzero"`
	Data            jsontext.Value `json:"data"`
}

// DecodeRow reads an encoded event into r, all but the position. r may be
// reused; its slices are replaced, not overwritten.
func DecodeRow(b []byte, r *Row) error {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return &FieldError{Field: "event", Reason: "is not the JSON of an event: " + err.Error()}
	}
	kind, _, err := ParseType(w.Type)
	if err != nil {
		return err
	}
	id, err := ParseID(w.ID)
	if err != nil {
		return err
	}
	version, err := ParseVersion(w.FactVersion)
	if err != nil {
		return err
	}
	e := Event{ID: w.ID, Source: w.Source, Kind: kind, Type: w.Type, Subject: w.Subject, ActorKind: w.ActorKind, Actor: w.Actor, Version: version}
	for _, t := range []struct {
		name string
		text string
		to   *time.Time
	}{{"time", w.Time, &e.Time}, {"recordedtime", w.RecordedTime, &e.RecordedAt}, {"receivedtime", w.ReceivedTime, &e.ReceivedAt}} {
		if *t.to, err = ParseTime(t.text); err != nil {
			return &FieldError{Field: t.name, Reason: err.Error()}
		}
	}
	if w.Flags != "" {
		e.Flags = strings.Split(w.Flags, ",")
	}
	if err := json.Unmarshal(w.Data, &e.Data); err != nil {
		return &FieldError{Field: "data", Reason: "does not have the form of an event's body: " + err.Error()}
	}
	*r = Row{Event: e, RawID: id, RawData: w.Data}
	content, custom := r.Data.Subject.Content.promoted(), r.Data.Custom.promoted()
	r.promote(&content, &custom)
	return nil
}

// NewRow is the row of an event that has not travelled, for tests and replays.
func NewRow(e Event) (Row, error) {
	b, err := Encode(&e)
	if err != nil {
		return Row{}, err
	}
	var r Row
	err = DecodeRow(b, &r)
	return r, err
}

// promote fills the columns that stand in the body.
func (r *Row) promote(content, custom *promoted) {
	r.Service = first(content.service, custom.service)
	if r.Service == "" && strings.HasPrefix(string(r.Kind), "service.") {
		r.Service = r.Subject // the subject of CDEvents' service types is the service
	}
	r.Environment = first(content.environment, custom.environment)
	r.Repository = first(content.repository, custom.repository)
	r.Commit = first(content.commit, custom.commit)
	if r.Commit == "" && r.Kind == CommitRecorded {
		r.Commit = r.Subject
	}
	r.Ref = first(content.ref, custom.ref)
	r.Outcome = first(content.outcome, custom.outcome)
	r.Incident = first(content.incident, custom.incident)
	if r.Incident == "" && strings.HasPrefix(string(r.Kind), "incident.") {
		r.Incident = r.Subject
	}
	r.Team = first(content.team, custom.team)
	r.Unit = first(content.unit, custom.unit)
	r.Capability = first(content.capability, custom.capability)
	if t, err := ParseTime(first(content.startedAt, custom.startedAt)); err == nil {
		r.StartedAt = t
	}
	// A time the column cannot hold is kept in the body and flagged here.
	if !Believable(r.StartedAt) {
		if !r.StartedAt.IsZero() && !slices.Contains(r.Flags, FlagImpossibleTime) {
			r.Flags = append(r.Flags, FlagImpossibleTime)
		}
		r.StartedAt = time.Time{}
	}
}
