package acme

import (
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// An Event is what a tool of the organisation tells: a CloudEvent with a CDEvents
// body, before the edge has seen it.
type Event struct {
	Source  string // "/acme/github"
	ID      string // unique in Source
	Kind    events.Kind
	Time    time.Time
	Actor   string // account of a person or bot: an e-mail address; "" if nobody's doing
	Subject string
	Content events.Fields
	Custom  events.Fields
}

// Sources of the events: the organisation's tools.
const (
	sourceForge     = "/acme/forge"     // repositories and pull requests
	sourceDeploy    = "/acme/deploy"    // deployments
	sourceIncidents = "/acme/incidents" // incidents
	sourcePager     = "/acme/pager"     // pages
	sourceDesk      = "/acme/helpdesk"  // tickets
	sourceUsage     = "/acme/usage"     // usage of capabilities
	sourcePlanning  = "/acme/planning"  // work
	sourcePlatform  = "/acme/platform"  // what the platform team changed on purpose
)

type wire struct {
	SpecVersion string `json:"specversion"`
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Time        string `json:"time"`
	Actor       string `json:"actor,omitzero"`
	Data        struct {
		Subject struct {
			ID      string         `json:"id"`
			Content *events.Fields `json:"content"`
		} `json:"subject"`
		Custom *events.Fields `json:"customData,omitempty"`
	} `json:"data"`
}

// AppendJSON appends the event to b as one line of CloudEvents' structured JSON,
// with its newline: what POST /v1/events takes as application/x-ndjson.
func (e *Event) AppendJSON(b []byte) ([]byte, error) {
	w := wire{SpecVersion: "1.0", ID: e.ID, Source: e.Source, Type: e.Kind.Type(), Time: events.FormatTime(e.Time), Actor: e.Actor}
	w.Data.Subject.ID, w.Data.Subject.Content, w.Data.Custom = e.Subject, &e.Content, &e.Custom
	line, err := json.Marshal(&w)
	if err != nil {
		return b, err
	}
	return append(append(b, line...), '\n'), nil
}

// A stream gathers what is told of one part of the organisation and tells it in
// the order of time. An item is a moment and a function that fills in the event:
// events are large, and most of a stream's waits.
type stream struct {
	from, until time.Time
	items       []item
}

type item struct {
	at   time.Time
	fill func(*Event)
}

// add tells of something at a moment; what lies outside of the generated time is
// not told.
func (s *stream) add(at time.Time, fill func(*Event)) {
	if !at.Before(s.from) && at.Before(s.until) {
		s.items = append(s.items, item{at.UTC().Truncate(time.Millisecond), fill})
	}
}

// flush emits everything that was added and forgets it.
func (s *stream) flush(emit func(*Event) error) error {
	slices.SortStableFunc(s.items, func(a, b item) int { return a.at.Compare(b.at) })
	var e Event
	for i := range s.items {
		e = Event{Time: s.items[i].at}
		s.items[i].fill(&e)
		if err := emit(&e); err != nil {
			return err
		}
	}
	clear(s.items)
	s.items = s.items[:0]
	return nil
}

func ref(id string) *events.Ref { return &events.Ref{ID: id} }
