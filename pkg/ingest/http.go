package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/cloudevents"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/spool"
)

// A refusal is an answer other than 202, with what is wrong and what to do.
type refusal struct {
	status   int
	wait     int // seconds of Retry-After; 0: none
	outcome  string
	Problem  string                `json:"error"`
	Do       string                `json:"do,omitempty"`
	Errors   []cloudevents.Problem `json:"errors,omitempty"`
	Accepted int                   `json:"accepted"`
}

func refuse(status int, problem, do string) *refusal {
	return &refusal{status: status, Problem: problem, Do: do}
}

func retryLater(status, seconds int, problem, do string) *refusal {
	return &refusal{status: status, wait: seconds, Problem: problem, Do: do}
}

// An acceptance is the answer 202.
type acceptance struct {
	Accepted int                   `json:"accepted"`
	Warnings []cloudevents.Problem `json:"warnings,omitempty"`
	Parked   string                `json:"parked,omitempty"` // why a verified delivery could not be read; it is kept
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /v1/events", s.measured("events", s.postEvents))
	mux.Handle("POST /v1/canonical", s.measured("canonical", s.postCanonical))
	mux.Handle("POST /v1/hooks/{source}/{endpoint}", s.hooks())
	mux.HandleFunc("OPTIONS /v1/", handshake)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "alive"})
	})
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", s.metrics.handler())
	return mux
}

// handshake answers those who ask before they send, as the specification of
// CloudEvents' webhooks has it: anyone may ask, for it is the token or the
// signature that lets in.
func handshake(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Allow", "POST, OPTIONS")
	if origin := r.Header.Get("WebHook-Request-Origin"); origin != "" {
		w.Header().Set("WebHook-Allowed-Origin", "*")
		w.Header().Set("WebHook-Allowed-Rate", "*")
	}
	w.WriteHeader(http.StatusNoContent)
}

// A handler answers one request.
type handler func(r *http.Request) (acceptance, *refusal)

// measured serves h under the name of a source, and counts how it went.
func (s *Server) measured(source string, h handler) http.Handler {
	duration := s.metrics.duration.WithLabelValues(source)
	accepted := s.metrics.requests.WithLabelValues(source, "accepted")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.o.Now()
		done, refused := h(r)
		if refused == nil {
			writeAccepted(w, done)
			accepted.Inc()
		} else {
			s.refused(w, r, source, refused)
		}
		duration.Observe(s.o.Now().Sub(began).Seconds())
	})
}

// refused writes a refusal, and tells of it without what the sender wrote.
func (s *Server) refused(w http.ResponseWriter, r *http.Request, source string, no *refusal) {
	if no.wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(no.wait))
	}
	if no.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	outcome := no.outcome
	if outcome == "" {
		outcome = outcomeOf(no.status)
	}
	s.metrics.requests.WithLabelValues(source, outcome).Inc()
	level := slog.LevelInfo
	if no.status >= 500 {
		level = slog.LevelError
	}
	attrs := []any{"source", source, "status", no.status, "outcome", outcome}
	if source != unknownSource && r.PathValue("endpoint") != "" {
		attrs = append(attrs, "endpoint", r.PathValue("endpoint"))
	}
	if len(no.Errors) > 0 {
		attrs = append(attrs, "field", no.Errors[0].Field, "events", len(no.Errors))
	}
	s.o.Log.Log(r.Context(), level, "refused a request", attrs...)
	writeJSON(w, no.status, no)
}

// outcomeOf is a status as the label of a metric.
func outcomeOf(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "invalid"
	case http.StatusUnauthorized:
		return "unauthenticated"
	case http.StatusForbidden:
		return "forbidden"
	case http.StatusNotFound:
		return "unknown_endpoint"
	case http.StatusRequestTimeout:
		return "slow"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusUnsupportedMediaType:
		return "unsupported"
	case http.StatusTooManyRequests:
		return "limited"
	case http.StatusServiceUnavailable:
		return "unavailable"
	}
	return "failed"
}

var plainAccepted = func() (out [2][]byte) {
	for n := range out {
		out[n] = []byte(`{"accepted":` + strconv.Itoa(n) + "}\n")
	}
	return out
}()

func writeAccepted(w http.ResponseWriter, a acceptance) {
	if a.Accepted < len(plainAccepted) && len(a.Warnings) == 0 && a.Parked == "" {
		w.Header()["Content-Type"] = jsonType
		w.WriteHeader(http.StatusAccepted)
		w.Write(plainAccepted[a.Accepted])
		return
	}
	writeJSON(w, http.StatusAccepted, a)
}

var jsonType = []string{"application/json"}

// writeJSON answers with v. An error of writing is the client's going away.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	w.Header()["Content-Type"] = jsonType
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
}

// limited runs h within the bounds of l.
func limited(l *limiter, h func() (acceptance, *refusal)) (acceptance, *refusal) {
	wait, ok := l.acquire()
	if !ok {
		return acceptance{}, retryLater(http.StatusTooManyRequests, wait, "too many requests", "send fewer at once; wait as long as Retry-After says")
	}
	defer l.release()
	return h()
}

// unknownSource stands for what is not configured, in metrics and logs.
const unknownSource = "unknown"

// hooks finds the endpoint of a webhook.
func (s *Server) hooks() http.Handler {
	served := map[string]http.Handler{}
	for path, e := range s.endpoints {
		served[path] = s.measured(e.Source, func(r *http.Request) (acceptance, *refusal) { return s.hook(r, e) })
	}
	unknown := s.measured(unknownSource, func(*http.Request) (acceptance, *refusal) {
		return acceptance{}, refuse(http.StatusNotFound, "there is no such endpoint", "add it under ingest.endpoints of the configuration, or correct the address at the sender")
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := served[r.PathValue("source")+"/"+r.PathValue("endpoint")]
		if !ok {
			h = unknown
		}
		h.ServeHTTP(w, r)
	})
}

// hook takes one delivery of a tool.
func (s *Server) hook(r *http.Request, e *endpoint) (acceptance, *refusal) {
	in := s.newReader()
	defer in.close()
	body, refused := in.raw(r, e.MaxBody)
	if refused != nil {
		return acceptance{}, refused
	}
	if err := e.source.Verify(r.Header, body, e.Secrets); err != nil {
		return acceptance{}, unverified(err)
	}
	// Limited only now, so that nobody without the secret can use up the limit.
	return limited(e.limiter, func() (acceptance, *refusal) { return s.verified(r, e, body) })
}

// verified takes a delivery that is genuine.
func (s *Server) verified(r *http.Request, e *endpoint, body []byte) (acceptance, *refusal) {
	d := collect.Delivery{Source: e.Source, Endpoint: e.Name, Header: r.Header, Body: body, ReceivedAt: s.o.Now()}
	evs, err := s.normalise(e.source, d)
	if err != nil && !errors.Is(err, events.ErrInvalid) {
		return acceptance{}, s.broken("normalising a delivery", err)
	}
	rec := record{source: e.Source, endpoint: e.Name, verified: "signature", received: d.ReceivedAt}
	if err != nil { // the tool changed, or a proxy: kept for a mapping that understands it
		rec.field, rec.reason = "delivery", err.Error()
		if fe, ok := errors.AsType[*events.FieldError](err); ok {
			rec.field, rec.reason = fe.Field, fe.Reason
		}
		s.o.Log.Warn("parked a delivery that could not be read", "source", e.Source, "endpoint", e.Name, "field", rec.field, "reason", rec.reason)
	}
	if refused := s.keep(r.Context(), &rec, &d, evs); refused != nil {
		return acceptance{}, refused
	}
	if rec.reason != "" {
		s.metrics.dead.WithLabelValues(e.Source).Inc()
		return acceptance{Parked: rec.field + ": " + rec.reason}, nil
	}
	return acceptance{Accepted: len(evs)}, nil
}

func (s *Server) normalise(src collect.Source, d collect.Delivery) ([]events.Event, error) {
	drafts, err := src.Normalise(d)
	if err != nil {
		return nil, err
	}
	return s.o.Protector.Protect(drafts)
}

// unverified is the answer to a delivery that is not known to be genuine.
func unverified(err error) *refusal {
	if errors.Is(err, collect.ErrNoSecret) {
		return refuse(http.StatusForbidden, err.Error(), "")
	}
	return refuse(http.StatusUnauthorized, err.Error(), "")
}

// keep seals a delivery, and puts it into the log with its events.
func (s *Server) keep(ctx context.Context, rec *record, d *collect.Delivery, evs []events.Event) *refusal {
	var err error
	if rec.sealed, err = s.o.Sealer.Seal(d.Encode(), collect.SealContext(d.Source, d.Endpoint)); err != nil {
		return s.broken("sealing a delivery", err)
	}
	rec.events = make([]encoded, len(evs))
	for i := range evs {
		if rec.events[i], err = encode(&evs[i]); err != nil {
			return s.broken("writing an event", err)
		}
	}
	if err := s.append(ctx, rec); err != nil {
		return s.notKept(err)
	}
	s.metrics.events.WithLabelValues(d.Source).Add(float64(len(evs)))
	return nil
}

// notKept is the answer when the log on disk did not take a record.
func (s *Server) notKept(err error) *refusal {
	switch {
	case errors.Is(err, spool.ErrTooLarge):
		return refuse(http.StatusRequestEntityTooLarge, "the delivery does not fit into the log on disk", "send it in parts, or give the log more room: ingest.max_log")
	case errors.Is(err, spool.ErrFull):
		no := retryLater(http.StatusServiceUnavailable, 10, "the log on disk is full", "send it again later; whoever runs Payoff looks why Kafka does not take events")
		no.outcome = "full"
		return no
	case errors.Is(err, spool.ErrClosed), errors.Is(err, context.Canceled):
		return retryLater(http.StatusServiceUnavailable, 1, "Payoff is stopping", "send it again")
	}
	s.o.Log.Error("the log on disk took nothing", "error", err)
	return retryLater(http.StatusServiceUnavailable, 10, "the disk did not take it", "send it again later; whoever runs Payoff looks at the disk of ingest")
}

// broken is the answer to what should not happen.
func (s *Server) broken(doing string, err error) *refusal {
	s.o.Log.Error(doing, "error", err)
	return refuse(http.StatusInternalServerError, "Payoff has a fault", "send it again; if it stays, report it with the time of this answer")
}

// postEvents takes events that are posted to Payoff itself.
func (s *Server) postEvents(r *http.Request) (acceptance, *refusal) {
	g, refused := s.authenticated(r)
	if refused != nil {
		return acceptance{}, refused
	}
	return limited(g.limiter, func() (acceptance, *refusal) { return s.posted(r, g) })
}

func (s *Server) authenticated(r *http.Request) (*grant, *refusal) {
	if g := s.bearer(r.Header); g != nil {
		return g, nil
	}
	if r.Header.Get("Authorization") == "" {
		return nil, refuse(http.StatusUnauthorized, "there is no token", "send the header Authorization: Bearer TOKEN, with a token of ingest.tokens")
	}
	return nil, refuse(http.StatusUnauthorized, "the token is not known", "compare it with those of ingest.tokens")
}

func (s *Server) posted(r *http.Request, g *grant) (acceptance, *refusal) {
	in := s.newReader()
	defer in.close()
	body, refused := in.plain(r, s.o.MaxBody, s.o.MaxRatio)
	if refused != nil {
		return acceptance{}, refused
	}
	d := collect.Delivery{Source: "events", Endpoint: g.name, Header: r.Header, Body: body, ReceivedAt: s.o.Now()}
	drafts, warnings, err := cloudevents.Parse(d)
	if err != nil {
		return acceptance{}, badEvents(err)
	}
	if problems := g.allow(drafts); len(problems) > 0 {
		return acceptance{}, invalid(http.StatusForbidden, "the token does not cover every event; nothing was taken", problems)
	}
	evs, problems := s.protectAll(drafts)
	if len(problems) > 0 {
		return acceptance{}, invalid(http.StatusBadRequest, wrongEvents, problems)
	}
	if len(evs) == 0 {
		return acceptance{}, nil
	}
	rec := record{source: d.Source, endpoint: d.Endpoint, verified: "token", received: d.ReceivedAt}
	if refused := s.keep(r.Context(), &rec, &d, evs); refused != nil {
		return acceptance{}, refused
	}
	return acceptance{Accepted: len(evs), Warnings: warnings}, nil
}

const wrongEvents = "at least one event is wrong; nothing was taken: correct what errors says and send all of it again"

// maxProblems bounds an answer.
const maxProblems = 100

func invalid(status int, problem string, problems []cloudevents.Problem) *refusal {
	return &refusal{status: status, Problem: problem, Errors: problems[:min(len(problems), maxProblems)]}
}

func badEvents(err error) *refusal {
	if errors.Is(err, cloudevents.ErrContentType) {
		return refuse(http.StatusUnsupportedMediaType, err.Error(), "name the content type of what you send")
	}
	refused, ok := errors.AsType[*cloudevents.Refusal](err)
	if !ok {
		return refuse(http.StatusBadRequest, err.Error(), "")
	}
	return invalid(http.StatusBadRequest, wrongEvents, refused.Problems)
}

func (s *Server) protectAll(drafts []events.Draft) (evs []events.Event, problems []cloudevents.Problem) {
	evs = make([]events.Event, 0, len(drafts))
	for i := range drafts {
		e, err := s.o.Protector.Event(drafts[i])
		if err != nil {
			p := cloudevents.Problem{Index: i, ID: drafts[i].Natural[len(drafts[i].Natural)-1], Field: "event", Reason: err.Error()}
			if fe, ok := errors.AsType[*events.FieldError](err); ok {
				p.Field, p.Reason = fe.Field, fe.Reason
			}
			problems = append(problems, p)
			continue
		}
		evs = append(evs, e)
	}
	return evs, problems
}

// errorLog takes the words of net/http.
func errorLog(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelWarn)
}

// ready answers whether deliveries are taken: whether the log on disk is being
// written. Kafka's being down does not keep them out; it is shown.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	st := s.log.Stats()
	state := struct {
		Status  string  `json:"status"`
		Reason  string  `json:"reason,omitempty"`
		Waiting uint64  `json:"waiting"`        // records that are not in Kafka yet
		Oldest  float64 `json:"oldest_seconds"` // of these
		Kafka   string  `json:"kafka"`
	}{Status: "ready", Waiting: st.Records, Oldest: st.OldestAge.Round(time.Millisecond).Seconds(), Kafka: s.drainer.state()}
	status := http.StatusOK
	switch {
	case st.LastError != nil:
		state.Status, state.Reason, status = "not ready", "the log on disk could not be written; look at the disk", http.StatusServiceUnavailable
	// The room may have come back since a record was refused for want of it.
	case st.Full() || s.full.Load() && st.DiskBytes > st.MaxBytes/2:
		state.Status, state.Reason, status = "not ready", "the log on disk is full; look why Kafka does not take events", http.StatusServiceUnavailable
	}
	writeJSON(w, status, state)
}
