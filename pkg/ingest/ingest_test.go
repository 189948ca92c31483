package ingest_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/ingest"
)

// TestStory is the way of a delivery through every door.
func TestStory(t *testing.T) {
	r := newRig(t, nil)
	push := payload(t, "github/testdata/push.forced.json")
	if a := r.github("push", push); a.status != 202 || a.field(t, "accepted") != "3" {
		t.Fatalf("push: %d %s", a.status, a.body)
	}
	incident := payload(t, "pagerduty/testdata/triggered.json")
	if a := r.do("POST", "/v1/hooks/pagerduty/main", incident, "X-PagerDuty-Signature", "v1="+signature(hookSecret, incident)); a.status != 202 || a.field(t, "accepted") != "2" {
		t.Fatalf("incident: %d %s", a.status, a.body)
	}
	if a := r.post(ciToken, "application/cloudevents+json", event("1", "payments")); a.status != 202 || a.body != "{\"accepted\":1}\n" {
		t.Fatalf("event: %d %s", a.status, a.body)
	}
	imported := canonical(t, "shop", 3)
	if a := r.do("POST", "/v1/canonical", lines(t, imported), "Content-Type", "application/x-ndjson", "Authorization", "Bearer "+canonicalToken); a.status != 202 || a.field(t, "accepted") != "3" {
		t.Fatalf("canonical: %d %s", a.status, a.body)
	}
	if err := r.server.Accept(t.Context(), canonical(t, "search", 2)); err != nil {
		t.Fatal(err)
	}
	if a := r.github("ping", payload(t, "github/testdata/ping.ping.json")); a.status != 202 || a.field(t, "accepted") != "0" {
		t.Fatalf("ping: %d %s", a.status, a.body)
	}
	r.drained()

	published := r.kafka.topic(ingest.EventsTopic)
	if len(published) != 11 {
		t.Fatalf("%d events in Kafka, want 11", len(published))
	}
	for _, rec := range published {
		e, err := events.Decode(rec.Value)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]string{
			"content-type": "application/cloudevents+json", "ce_specversion": "1.0", "ce_id": e.ID, "ce_source": e.Source,
			"ce_type": e.Type, "ce_subject": e.Subject, "ce_time": events.FormatTime(e.Time),
		}
		for name, v := range want {
			if got := header(rec, name); got != v {
				t.Errorf("%s: header %s is %q, want %q", e.Kind, name, got, v)
			}
		}
		if string(rec.Key) != e.Key() {
			t.Errorf("%s: key %q, want %q", e.Kind, rec.Key, e.Key())
		}
	}
	// The delivery can be opened, and normalised again.
	deliveries := r.kafka.topic(ingest.DeliveriesTopic)
	if len(deliveries) != 4 {
		t.Fatalf("%d deliveries in Kafka, want 4", len(deliveries))
	}
	plain, err := r.opener.Open(deliveries[0].Value, collect.SealContext("github", "main"))
	if err != nil {
		t.Fatal(err)
	}
	d, err := collect.DecodeDelivery(plain)
	if err != nil || string(d.Body) != push || d.Header.Get("X-GitHub-Event") != "push" || d.Header.Get("X-Hub-Signature-256") != "" {
		t.Errorf("the sealed delivery: %v, headers %v, body %.40s…", err, d.Header, d.Body)
	}
	if drafts, err := r.options.Sources[0].Normalise(d); err != nil || len(drafts) != 3 {
		t.Errorf("normalised again: %d drafts, %v", len(drafts), err)
	}
	for name, want := range map[string]string{"payoff_source": "github", "payoff_endpoint": "main", "payoff_verified": "signature", "payoff_reason": ""} {
		if got := header(deliveries[0], name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	if at, err := events.ParseTime(header(deliveries[0], "payoff_received")); err != nil || at.IsZero() {
		t.Errorf("received at %v, %v", at, err)
	}
	if n := len(r.kafka.topic(ingest.DeadTopic)); n != 0 {
		t.Errorf("%d dead letters", n)
	}
}

// TestRedelivery: the same webhook again is the same facts again.
func TestRedelivery(t *testing.T) {
	r := newRig(t, nil)
	push := payload(t, "github/testdata/push.forced.json")
	r.github("push", push)
	r.github("push", push)
	r.drained()
	recs := r.kafka.topic(ingest.EventsTopic)
	if len(recs) != 6 {
		t.Fatalf("%d records, want 6", len(recs))
	}
	for i := range 3 {
		a, _ := events.Decode(recs[i].Value)
		b, _ := events.Decode(recs[i+3].Value)
		if a.ID == "" || a.ID != b.ID || a.Version != b.Version {
			t.Errorf("%s: %s and %s", a.Kind, a.ID, b.ID)
		}
	}
}

// TestDead: what was verified and cannot be read is accepted, and kept.
func TestDead(t *testing.T) {
	r := newRig(t, nil)
	for _, body := range []string{`{"repository":{"full_name":7}}`, `not JSON`, ``} {
		if a := r.github("push", body); a.status != 202 || a.field(t, "parked") == "" || a.field(t, "accepted") != "0" {
			t.Errorf("%q: %d %s", body, a.status, a.body)
		}
	}
	r.drained()
	dead := r.kafka.topic(ingest.DeadTopic)
	if len(dead) != 3 || len(r.kafka.topic(ingest.DeliveriesTopic)) != 0 {
		t.Fatalf("%d dead and %d deliveries, want 3 and 0", len(dead), len(r.kafka.topic(ingest.DeliveriesTopic)))
	}
	if header(dead[0], "payoff_field") != "repository.full_name" || header(dead[0], "payoff_reason") == "" {
		t.Errorf("field %q, reason %q", header(dead[0], "payoff_field"), header(dead[0], "payoff_reason"))
	}
	plain, err := r.opener.Open(dead[0].Value, collect.SealContext("github", "main"))
	if err != nil {
		t.Fatal(err)
	}
	if d, err := collect.DecodeDelivery(plain); err != nil || string(d.Body) != `{"repository":{"full_name":7}}` {
		t.Errorf("%v: %q", err, d.Body)
	}
}

func zipped(t testing.TB, body []byte) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRefused is the list of bad input: each is refused with a sentence that
// says what to do, and leaves nothing behind.
func TestRefused(t *testing.T) {
	r := newRig(t, nil)
	const ce = "application/cloudevents+json"
	hook := func(path, body string, headers ...string) func() answer {
		return func() answer { return r.do("POST", path, body, headers...) }
	}
	post := func(token, contentType, body string, headers ...string) func() answer {
		return func() answer { return r.post(token, contentType, body, headers...) }
	}
	bad := strings.Replace(event("b", "x"), `{"id":"production"}`, `{}`, 1)
	good := event("a", "x")
	for _, c := range []struct {
		name   string
		do     func() answer
		status int
		says   []string
	}{
		{"unsigned", hook("/v1/hooks/github/main", "{}"), 401, []string{"not signed", "secret"}},
		{"wrong signature", hook("/v1/hooks/github/main", "{}", "X-Hub-Signature-256", "sha256="+signature("guess", "{}")), 401, []string{"signature", "compare"}},
		{"signature of another body", hook("/v1/hooks/github/main", "{ }", "X-Hub-Signature-256", "sha256="+signature(hookSecret, "{}")), 401, []string{"signature"}},
		{"signed by SHA-1 alone", hook("/v1/hooks/github/main", "{}", "X-Hub-Signature", "sha1=0"), 401, []string{"not signed"}},
		{"endpoint without secret", hook("/v1/hooks/github/open", "{}", "X-Hub-Signature-256", "sha256="+signature("", "{}")), 403, []string{"no secret"}},
		{"unknown endpoint", hook("/v1/hooks/github/other", "{}"), 404, []string{"no such endpoint", "ingest.endpoints"}},
		{"unknown source", hook("/v1/hooks/gitea/main", "{}"), 404, []string{"no such endpoint"}},
		{"compressed hook", hook("/v1/hooks/github/main", zipped(t, []byte("{}")), "Content-Encoding", "gzip"), 415, []string{"without Content-Encoding"}},
		{"2 MB hook", hook("/v1/hooks/pagerduty/main", strings.Repeat("x", 2<<20)), 413, []string{"1048576 bytes"}},

		{"no token", hook("/v1/events", good, "Content-Type", ce), 401, []string{"no token", "Authorization"}},
		{"unknown token", post("guess", ce, good), 401, []string{"not known"}},
		{"basic authentication", hook("/v1/events", good, "Content-Type", ce, "Authorization", "Basic "+ciToken), 401, []string{"not known"}},
		{"token of another source", post(ciToken, ce, strings.Replace(good, `"/ci"`, `"/other"`, 1)), 403, []string{`"field":"source"`, `"index":0`, "token"}},
		{"token of other kinds", post(pagerToken, ce, good), 403, []string{`"field":"type"`, "service.deployed"}},
		{"not JSON", post(ciToken, ce, "deployed!"), 400, []string{"is not JSON", "byte 0"}},
		{"empty", post(ciToken, ce, ""), 400, []string{"is not JSON"}},
		{"not a CloudEvent", post(ciToken, "application/json", `{"deployed":true}`), 400, []string{`"field":"specversion"`}},
		{"unknown type", post(ciToken, ce, strings.Replace(good, "service.deployed", "service.exploded", 1)), 400, []string{`"field":"type"`, "service.exploded"}},
		{"schema violation", post(ciToken, ce, bad), 400, []string{`"field":"data.subject.content.environment"`, "correct"}},
		{"one bad event of three", post(ciToken, "application/cloudevents-batch+json", "["+good+","+good+","+bad+"]"), 400, []string{`"index":2`, `"id":"b"`, `"accepted":0`}},
		{"time of year 10000", post(ciToken, ce, strings.Replace(good, "2026-03-02T", "10000-03-02T", 1)), 400, []string{`"field":"time"`}},
		{"plain text", post(ciToken, "text/plain", good), 415, []string{"application/cloudevents+json"}},
		{"2 MB", post(ciToken, ce, strings.Repeat(" ", 2<<20)), 413, []string{"1048576 bytes", "in parts"}},
		{"brotli", post(ciToken, ce, good, "Content-Encoding", "br"), 415, []string{"gzip"}},
		{"not gzip", post(ciToken, ce, good, "Content-Encoding", "gzip"), 400, []string{"not gzip"}},
		{"gzip cut short", post(ciToken, ce, zipped(t, []byte(good))[:60], "Content-Encoding", "gzip"), 400, []string{"to its end"}},
		{"gzip bomb", post(ciToken, ce, zipped(t, make([]byte, 20<<20)), "Content-Encoding", "gzip"), 413, []string{"unpacks", "plain"}},
		{"2 MB in gzip", post(ciToken, ce, zipped(t, bytes.Repeat([]byte("0123456789abcdef\n"), 2<<16)), "Content-Encoding", "gzip"), 413, nil},

		{"canonical with another token", hook("/v1/canonical", "", "Content-Type", "application/x-ndjson", "Authorization", "Bearer "+ciToken), 403, []string{"/v1/events"}},
		{"canonical, posted event", hook("/v1/canonical", good, "Content-Type", "application/x-ndjson", "Authorization", "Bearer "+canonicalToken), 400, []string{`"field":"id"`}},
		{"canonical, foreign identity", hook("/v1/canonical", strings.Replace(lines(t, canonical(t, "a", 1)), "-8", "-4", 1), "Content-Type", "application/x-ndjson", "Authorization", "Bearer "+canonicalToken), 400, []string{`"field":"id"`}},
		{"canonical, a person", hook("/v1/canonical", strings.Replace(lines(t, canonical(t, "a", 1)), `"factversion"`, `"actorkind":"human","actor":"jane","factversion"`, 1), "Content-Type", "application/x-ndjson", "Authorization", "Bearer "+canonicalToken), 400, []string{`"field":"actor"`, "pseudonym"}},
		{"canonical, second line cut", hook("/v1/canonical", lines(t, canonical(t, "a", 1))+"{", "Content-Type", "application/x-ndjson", "Authorization", "Bearer "+canonicalToken), 400, []string{`"index":1`}},
		{"canonical as JSON", hook("/v1/canonical", "{}", "Content-Type", "application/json", "Authorization", "Bearer "+canonicalToken), 415, []string{"x-ndjson"}},

		{"GET of events", func() answer { return r.do("GET", "/v1/events", "") }, 405, nil},
		{"no such page", func() answer { return r.do("GET", "/v2", "") }, 404, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := c.do()
			if a.status != c.status {
				t.Fatalf("answered %d %s, want %d", a.status, a.body, c.status)
			}
			for _, s := range c.says {
				if !strings.Contains(a.body, s) {
					t.Errorf("the answer does not say %q: %s", s, a.body)
				}
			}
			if c.status == 401 && a.header.Get("WWW-Authenticate") == "" {
				t.Error("401 without WWW-Authenticate")
			}
		})
	}
	r.drained()
	if n := len(r.kafka.recs); n != 0 {
		t.Errorf("%d records were kept", n)
	}
}

// TestDoubtful: times that cannot be, and duplicates, are taken with a warning
// or without.
func TestDoubtful(t *testing.T) {
	r := newRig(t, nil)
	for _, year := range []string{"1970", "2100", "9999"} {
		a := r.post(ciToken, "application/cloudevents+json", strings.Replace(event(year, "x"), "2026-03-02T", year+"-03-02T", 1))
		if a.status != 202 || !strings.Contains(a.field(t, "warnings"), "impossible_time") {
			t.Errorf("year %s: %d %s", year, a.status, a.body)
		}
	}
	a := r.post(ciToken, "application/cloudevents+json", strings.Replace(event("now", "x"), `"time":"2026-03-02T08:00:00Z",`, "", 1))
	if a.status != 202 || !strings.Contains(a.body, `"warnings":[{"index":0,"id":"now","field":"time"`) {
		t.Errorf("no time: %d %s", a.status, a.body)
	}
	for _, environment := range []string{"production", "staging"} {
		if a := r.post(ciToken, "application/cloudevents+json", strings.Replace(event("same", "x"), "production", environment, 1)); a.status != 202 {
			t.Errorf("the same id with other data: %d %s", a.status, a.body)
		}
	}
	if a := r.post(ciToken, "application/cloudevents-batch+json", "[]"); a.status != 202 {
		t.Errorf("an empty batch: %d %s", a.status, a.body)
	}
	if a := r.post(ciToken, "application/x-ndjson", zipped(t, []byte(event("z1", "x")+"\n"+event("z2", "x"))), "Content-Encoding", "gzip"); a.status != 202 || a.field(t, "accepted") != "2" {
		t.Errorf("gzip: %d %s", a.status, a.body)
	}
	r.drained()
	recs := r.kafka.topic(ingest.EventsTopic)
	if len(recs) != 8 {
		t.Fatalf("%d events, want 8", len(recs))
	}
	x, _ := events.Decode(recs[4].Value)
	y, _ := events.Decode(recs[5].Value)
	if x.ID != y.ID || x.Version == y.Version {
		t.Errorf("the same id with other data: %s %s and %s %s; want one fact in two versions", x.ID, x.Version, y.ID, y.Version)
	}
	if e, _ := events.Decode(recs[0].Value); len(e.Flags) != 1 || e.Flags[0] != events.FlagImpossibleTime {
		t.Errorf("1970 has the flags %v", e.Flags)
	}
}

// TestPrivacy: neither names, addresses nor secrets are in events, on disk or
// in logs.
func TestPrivacy(t *testing.T) {
	r := newRig(t, nil)
	r.kafka.set(true, nil) // so that the log on disk keeps all
	mark := func(body string) string {
		return strings.NewReplacer("Codertocat@", "canary@", `"name": "Codertocat"`, `"name": "Canary Person"`, `"login": "Codertocat"`, `"login": "canary-person"`,
			`"username": "Codertocat"`, `"username": "canary-person"`, "Jane Doe", "Canary Person", "jane.doe@", "canary@", "jane@", "canary@", "jane/try", "canary/try").Replace(body)
	}
	if a := r.github("push", mark(payload(t, "github/testdata/push.forced.json"))); a.status != 202 {
		t.Fatal(a.body)
	}
	if a := r.github("deployment_status", mark(payload(t, "github/testdata/deployment_status.failure.json"))); a.status != 202 {
		t.Fatal(a.body)
	}
	if a := r.github("push", `{"ref":"canary","repository":"canary person"}`); a.status != 202 {
		t.Fatal(a.body)
	}
	incident := mark(payload(t, "pagerduty/testdata/acknowledged.json"))
	if a := r.do("POST", "/v1/hooks/pagerduty/main", incident, "X-PagerDuty-Signature", "v1="+signature(hookSecret, incident)); a.status != 202 {
		t.Fatal(a.body)
	}
	if a := r.post(ciToken, "application/cloudevents+json", mark(event("1", "of canary@example.com"))); a.status != 202 {
		t.Fatal(a.body)
	}
	// Refused ones are not told of either.
	r.post("canary-token", "application/cloudevents+json", "canary")
	r.post(ciToken, "application/cloudevents+json", strings.Replace(event("canary", "x"), "2026-03-02T", "canaryT", 1))
	r.post(ciToken, "application/cloudevents+json", strings.Replace(event("canary", "x"), "service.deployed", "canary", 1))
	r.do("POST", "/v1/hooks/github/main?token=canary", "canary", "X-Hub-Signature-256", "sha256=canary")
	r.do("POST", "/v1/hooks/github/canary", "canary")

	secrets := []string{"canary", hookSecret, ciToken, pagerToken, canonicalToken}
	look := func(where string, b []byte) {
		for _, s := range secrets {
			if bytes.Contains(bytes.ToLower(b), []byte(s)) {
				t.Errorf("%q is in %s", s, where)
			}
		}
	}
	files := stored(t, r.options.Dir)
	size := 0
	for path, b := range files {
		size += len(b)
		look(path, b)
	}
	if size < 10_000 {
		t.Errorf("only %d bytes in %d files: the log was not looked at", size, len(files))
	}
	r.kafka.set(false, nil)
	r.drained()
	if n := len(r.kafka.topic(ingest.EventsTopic)); n < 7 {
		t.Errorf("only %d events", n)
	}
	for i, rec := range r.kafka.recs {
		text := fmt.Sprintf("%s %s %v", rec.Key, rec.Value, rec.Headers)
		look(fmt.Sprintf("record %d of %s", i, rec.Topic), []byte(text))
		for _, h := range rec.Headers {
			look(fmt.Sprintf("header %s of %s", h.Key, rec.Topic), h.Value)
		}
	}
	look("the logs", []byte(r.log.String()))
}

func TestSmallDoors(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/healthz", 200}, {"HEAD", "/healthz", 200}, {"GET", "/readyz", 200}, {"HEAD", "/readyz", 200}, {"GET", "/metrics", 200},
		{"OPTIONS", "/v1/events", 204}, {"OPTIONS", "/v1/hooks/github/main", 204},
	} {
		if a := r.do(c.method, c.path, ""); a.status != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, a.status, c.status)
		}
	}
	a := r.do("OPTIONS", "/v1/events", "", "WebHook-Request-Origin", "eventemitter.example.com")
	if a.header.Get("WebHook-Allowed-Origin") != "*" || a.header.Get("WebHook-Allowed-Rate") != "*" || !strings.Contains(a.header.Get("Allow"), "POST") {
		t.Errorf("the handshake: %v", a.header)
	}
	if a := r.do("GET", "/readyz", ""); a.field(t, "kafka") != "ok" || a.field(t, "status") != "ready" {
		t.Errorf("readyz: %s", a.body)
	}
}

func TestMetrics(t *testing.T) {
	r := newRig(t, nil)
	r.github("push", payload(t, "github/testdata/push.forced.json"))
	r.github("push", "{")
	r.do("POST", "/v1/hooks/"+strings.Repeat("x", 50)+"/y", "")
	r.do("POST", "/v1/events", "")
	r.drained()
	text := r.do("GET", "/metrics", "").body
	for _, want := range []string{
		`payoff_ingest_requests_total{outcome="accepted",source="github"} 2`,
		`payoff_ingest_requests_total{outcome="unknown_endpoint",source="unknown"} 1`,
		`payoff_ingest_requests_total{outcome="unauthenticated",source="events"} 1`,
		`payoff_ingest_events_total{source="github"} 3`,
		`payoff_ingest_dead_total{source="github"} 1`,
		`payoff_ingest_published_total 5`,
		`payoff_ingest_log_appended_total 2`,
		`payoff_ingest_log_records 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no line %s in\n%s", want, text)
		}
	}
	if strings.Contains(text, "xxxx") {
		t.Error("a label is what a sender wrote")
	}
}

func TestOptionsAreCheckedAtOnce(t *testing.T) {
	_, err := ingest.Start(ingest.Options{
		Endpoints: []ingest.Endpoint{{Source: "github", Name: "a"}, {Source: "gitea", Name: "b/c"}},
		Sources:   []collect.Source{fakeSource{}},
		Tokens: []ingest.Token{
			{Name: "short", Secret: []byte("x"), Sources: []string{"*"}}, {Name: "none", Secret: []byte(ciToken)},
			{Name: "same", Secret: []byte(ciToken), Sources: []string{"[", ""}},
		},
	})
	if err == nil {
		t.Fatal("started")
	}
	for _, want := range []string{
		"Dir is missing", "Sealer is missing", "People is missing", "Publisher is missing", "Now is missing",
		`endpoint github/a: there is no source "github"`, "endpoint gitea/b/c", "token short: its secret has 1 bytes", "token none names no sources",
		"token same: sources:", "tokens none and same have one secret",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

type fakeSource struct{ collect.Source }

func (fakeSource) Name() string { return "fake" }
