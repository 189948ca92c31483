package ingest

import (
	"bytes"
	"errors"
	"mime"
	"net/http"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/cloudevents"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// postCanonical takes events that are canonical already, as lines of
// events.Encode. It is the door of the instance's own importers, which have made
// pseudonyms of persons and know more than a mapping of posted events would; no
// other token opens it.
func (s *Server) postCanonical(r *http.Request) (acceptance, *refusal) {
	g, refused := s.authenticated(r)
	if refused != nil {
		return acceptance{}, refused
	}
	if !g.canonical {
		return acceptance{}, refuse(http.StatusForbidden, "the token is not the instance's own", "post to /v1/events")
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/x-ndjson" {
		return acceptance{}, refuse(http.StatusUnsupportedMediaType, "the content type is not application/x-ndjson", "send one event a line")
	}
	return limited(g.limiter, func() (acceptance, *refusal) { return s.canonical(r, g) })
}

func (s *Server) canonical(r *http.Request, g *grant) (acceptance, *refusal) {
	in := s.newReader()
	defer in.close()
	body, refused := in.plain(r, s.o.MaxCanonical, s.o.MaxRatio)
	if refused != nil {
		return acceptance{}, refused
	}
	list, problems := readCanonical(body)
	if len(problems) > 0 {
		return acceptance{}, invalid(http.StatusBadRequest, wrongEvents, problems)
	}
	if err := s.appendEvents(r.Context(), "canonical", g.name, list); err != nil {
		return acceptance{}, s.notKept(err)
	}
	return acceptance{Accepted: len(list)}, nil
}

// readCanonical takes lines as they are, once they have been read as events: a
// record of the log holds nothing that could not be loaded.
func readCanonical(body []byte) (list []encoded, problems []cloudevents.Problem) {
	list = make([]encoded, 0, bytes.Count(body, []byte("\n"))+1)
	var row events.Row
	index := 0
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if err := checkCanonical(line, &row); err != nil {
			p := cloudevents.Problem{Index: index, Field: "event", Reason: err.Error()}
			if fe, ok := errors.AsType[*events.FieldError](err); ok {
				p.Field, p.Reason = fe.Field, fe.Reason
			}
			problems = append(problems, p)
		}
		list = append(list, envelopeOf(&row.Event, line))
		index++
	}
	return list, problems
}

func checkCanonical(line []byte, row *events.Row) error {
	if err := events.DecodeRow(line, row); err != nil {
		return err
	}
	switch {
	case row.ID[14] != '8':
		return &events.FieldError{Field: "id", Reason: "is not one that events.NewID makes (a UUID of version 8)"}
	case row.Source == "":
		return &events.FieldError{Field: "source", Reason: "is empty"}
	case row.Subject == "":
		return &events.FieldError{Field: "subject", Reason: "is empty"}
	case row.ActorKind == events.Human && !collect.IsPseudonym(row.Actor):
		return &events.FieldError{Field: "actor", Reason: "is a person and not a pseudonym: make canonical events with collect.Protector"}
	case row.Version.Mapping == 0:
		return &events.FieldError{Field: "factversion", Reason: "has the mapping 0; mappings count from 1"}
	}
	return nil
}
