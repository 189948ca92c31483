// Package pagerduty normalises webhooks of PagerDuty, version 3. An incident of
// PagerDuty is an incident of its service, and it called somebody: it is also a
// page of its service's rotation.
//
//	incident.triggered          incident.detected      page.triggered
//	incident.acknowledged       incident.acknowledged  page.acknowledged
//	incident.resolved           incident.resolved      page.resolved
//	incident.reopened           incident.reopened      page.triggered
//	incident.priority_updated   incident.detected, the same fact in a newer version
//	incident.service_updated    likewise
//	pagey.ping and all others   nothing
//
// An incident of low urgency waits for the next business day: it is no page.
//
// A fact is identified by the incident, its transition and when it happened,
// not by the id of the webhook's event, which PagerDuty's API does not know.
package pagerduty

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// Mapping is the version of this mapping. Raise it when the same payload gives
// other facts: at replay the greater one wins.
const Mapping = 1

// A Place is what a service of PagerDuty stands for here. Empty members mean
// what they mean for a service that is not mapped.
type Place struct {
	Service     string // PagerDuty's name of the service if empty
	Environment string // "production" if empty: nobody is called for less
	Rotation    string // the service if empty
}

// Options are what a company decides about its services at PagerDuty.
type Options struct {
	Places map[string]Place // by the service's name or id at PagerDuty
}

// A Source is a collect.Source.
type Source struct{ options Options }

// New makes the source of PagerDuty.
func New(o Options) *Source { return &Source{o} }

// Name is "pagerduty".
func (*Source) Name() string { return "pagerduty" }

var signed = collect.HMAC{Header: "X-PagerDuty-Signature", Prefix: "v1=", Separator: ",", Decode: hex.DecodeString, Hash: sha256.New}

// Verify checks X-PagerDuty-Signature, which lists a signature for each key
// that is active at PagerDuty.
func (*Source) Verify(h http.Header, body []byte, secrets [][]byte) error {
	return signed.Verify(h, body, secrets)
}

type payload struct {
	Event struct {
		Type       string `json:"event_type"`
		OccurredAt string `json:"occurred_at"`
		Agent      *struct {
			ID   string `json:"id"`
			Type string `json:"type"` // user_reference, service_reference, …
		} `json:"agent"`
		Data incident `json:"data"`
	} `json:"event"`
}

type incident struct {
	ID        string `json:"id"`
	HTMLURL   string `json:"html_url"`
	CreatedAt string `json:"created_at"`
	Urgency   string `json:"urgency"`
	Service   struct {
		ID      string `json:"id"`
		Summary string `json:"summary"`
	} `json:"service"`
	Priority struct {
		Summary string `json:"summary"`
	} `json:"priority"`
	Teams []struct {
		Summary string `json:"summary"`
	} `json:"teams"`
}

// A transition says what an event of an incident tells.
type transition struct {
	name           string // in the identity
	incident, page events.Kind
}

// Naming another priority or service is a newer version of the detection.
var transitions = map[string]transition{
	"incident.triggered":        {"triggered", events.IncidentDetected, events.PageTriggered},
	"incident.priority_updated": {"triggered", events.IncidentDetected, ""},
	"incident.service_updated":  {"triggered", events.IncidentDetected, ""},
	"incident.acknowledged":     {"acknowledged", events.IncidentAcknowledged, events.PageAcknowledged},
	"incident.resolved":         {"resolved", events.IncidentResolved, events.PageResolved},
	"incident.reopened":         {"reopened", events.IncidentReopened, events.PageTriggered},
}

// Normalise implements collect.Source.
func (s *Source) Normalise(d collect.Delivery) ([]events.Draft, error) {
	var p payload
	if err := collect.ParseJSON(d.Body, &p); err != nil {
		return nil, err
	}
	if p.Event.Type == "" {
		return nil, &events.FieldError{Field: "event.event_type", Reason: "is missing: is the subscription one of webhooks v3?"}
	}
	tr, ok := transitions[p.Event.Type]
	if !ok {
		return nil, nil
	}
	if p.Event.Data.ID == "" {
		return nil, collect.Missing("event.data.id")
	}
	at, err := stamp("event.occurred_at", p.Event.OccurredAt)
	if err != nil {
		return nil, err
	}
	created, err := stamp("event.data.created_at", p.Event.Data.CreatedAt)
	if err != nil {
		return nil, err
	}
	base := s.draft(&p, tr, d.ReceivedAt, at, created)
	p.Event.Data.CreatedAt = events.FormatTime(created)
	out := []events.Draft{s.incident(base, &p, tr)}
	if tr.page != "" && p.Event.Data.Urgency != "low" {
		out = append(out, s.page(base, &p, tr))
	}
	return out, nil
}

// stamp reads a time that must be there.
func stamp(field, text string) (time.Time, error) {
	t, err := events.ParseTime(text)
	if err != nil || t.IsZero() {
		return time.Time{}, &events.FieldError{Field: field, Reason: "is not an RFC 3339 time"}
	}
	return t, nil
}

// draft is what the incident and the page of an event have in common. An
// incident begins when it was created, and was recorded when the event occurred.
func (s *Source) draft(p *payload, tr transition, received, occurred, created time.Time) events.Draft {
	at := occurred
	if tr.incident == events.IncidentDetected {
		at = created
	}
	d := events.Draft{
		Source: s.Name(), Natural: []string{"incident", p.Event.Data.ID, tr.name, events.FormatTime(at)},
		Subject: p.Event.Data.ID, Time: at, Recorded: occurred, Received: received, Mapping: Mapping,
	}
	if a := p.Event.Agent; a != nil && strings.HasPrefix(a.Type, "user") && a.ID != "" {
		d.Actor = "pagerduty:" + a.ID
	}
	return d
}

// place is what the configuration makes of the incident's service.
func (s *Source) place(in *incident) Place {
	at, ok := s.options.Places[in.Service.Summary]
	if !ok {
		at = s.options.Places[in.Service.ID]
	}
	at.Service = cmp.Or(at.Service, in.Service.Summary, in.Service.ID)
	at.Environment = cmp.Or(at.Environment, "production")
	at.Rotation = cmp.Or(at.Rotation, at.Service)
	return at
}

func ref(id string) *events.Ref {
	if id == "" {
		return nil
	}
	return &events.Ref{ID: id}
}

// incident makes the incident's own fact. CDEvents knows detecting and
// resolving, and keeps environment and service in their content; the rest is
// custom data. Acknowledging and reopening are ours: all is content.
func (s *Source) incident(d events.Draft, p *payload, tr transition) events.Draft {
	in := &p.Event.Data
	at := s.place(in)
	d.Kind = tr.incident
	d.Content = events.Fields{Service: ref(at.Service), Environment: ref(at.Environment)}
	said := &d.Content
	if d.Kind == events.IncidentDetected || d.Kind == events.IncidentResolved {
		said = &d.Custom
		said.CreatedAt = in.CreatedAt
		said.TicketURI = in.HTMLURL
		if len(in.Teams) > 0 {
			said.Team = in.Teams[0].Summary
		}
	}
	said.Severity, said.Urgency = in.Priority.Summary, in.Urgency
	return d
}

func (s *Source) page(d events.Draft, p *payload, tr transition) events.Draft {
	in := &p.Event.Data
	at := s.place(in)
	d.Kind = tr.page
	d.Content = events.Fields{Rotation: at.Rotation, Incident: in.ID, Key: in.ID}
	if d.Kind == events.PageTriggered {
		d.Content.Service, d.Content.Environment = ref(at.Service), ref(at.Environment)
		d.Content.Severity, d.Content.Urgency = in.Priority.Summary, in.Urgency
	}
	return d
}
