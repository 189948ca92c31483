package cloudevents_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/cloudevents"
	"github.com/payoff-metrics/payoff/pkg/collect/collecttest"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// deployed is a body; one is a structured event around it with members added
// or replaced by extra, which ends in a comma.
const deployed = `{"context":{"id":"1","source":"/ci","type":"dev.cdevents.service.deployed.0.3.0","timestamp":"2026-03-02T08:00:00Z"},
 "subject":{"id":"payments","content":{"environment":{"id":"production"},"artifactId":"pkg:oci/payments@sha256:0a1b2c3d"}},
 "customData":{"commit":"ABCDEF1234567890","startedAt":"2026-03-02T09:55:00+02:00","actor":"jane@example.com","note":"written by Jane"}}`

func one(extra string) string {
	return `{"specversion":"1.0","id":"1","source":"/ci","type":"dev.cdevents.service.deployed.0.3.0","time":"2026-03-02T08:00:00Z",` + extra + `"data":` + deployed + `}`
}

func delivery(contentType, body string, headers ...string) collect.Delivery {
	h := http.Header{"Content-Type": {contentType}}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return collect.Delivery{Source: "events", Header: h, Body: []byte(body), ReceivedAt: collecttest.ReceivedAt}
}

var binary = []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/ci", "ce-type", "dev.cdevents.service.deployed.0.3.0", "ce-time", "2026-03-02T08:00:00Z"}

// TestModes: the same event in every mode is the same draft.
func TestModes(t *testing.T) {
	want := events.Draft{
		Source: "/ci", Kind: events.ServiceDeployed, Type: "dev.cdevents.service.deployed.0.3.0", Natural: []string{"/ci", "1"}, Subject: "payments",
		Time: time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), Received: collecttest.ReceivedAt, Mapping: cloudevents.Mapping, Actor: "jane@example.com",
		Content: events.Fields{Environment: &events.Ref{ID: "production"}, ArtifactID: "pkg:oci/payments@sha256:0a1b2c3d"},
		Custom:  events.Fields{Commit: "abcdef1234567890", StartedAt: "2026-03-02T07:55:00.000Z"},
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(deployed))
	oneLine := strings.ReplaceAll(one(""), "\n", " ")
	for _, c := range []struct {
		name string
		d    collect.Delivery
		n    int
	}{
		{"structured", delivery("application/cloudevents+json", one("")), 1},
		{"structured, with a charset", delivery("Application/CloudEvents+JSON; charset=utf-8", one("")), 1},
		{"base64", delivery("application/cloudevents+json", strings.Replace(one(""), `"data":`+deployed, `"data_base64":"`+encoded+`"`, 1)), 1},
		{"batch", delivery("application/cloudevents-batch+json", "["+one("")+","+one("")+"]"), 2},
		{"empty batch", delivery("application/cloudevents-batch+json", "[]"), 0},
		{"lines", delivery("application/x-ndjson", oneLine+"\n\n"+oneLine+"\r\n"), 2},
		{"lines, the last not ended", delivery("application/x-ndjson", oneLine+"\n"+oneLine), 2},
		{"binary", delivery("application/json", deployed, binary...), 1},
		{"binary, another JSON type", delivery("application/vnd.cdevents+json", deployed, binary...), 1},
		{"binary, encoded", delivery("application/json", deployed, append(binary, "ce-source", "%2Fci", "ce-id", `"1"`)...), 1},
		{"JSON", delivery("application/json", one("")), 1},
		{"JSON array", delivery("application/json", " ["+one("")+"]"), 1},
		{"a bare CDEvent", delivery("application/json", deployed), 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			drafts, warnings, err := cloudevents.Parse(c.d)
			if err != nil || len(warnings) > 0 || len(drafts) != c.n {
				t.Fatalf("%d drafts, warnings %v, error %v; want %d drafts", len(drafts), warnings, err, c.n)
			}
			for _, got := range drafts {
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			}
		})
	}
}

func TestRefused(t *testing.T) {
	structured := func(old, new string) collect.Delivery {
		body := strings.Replace(one(""), old, new, 1)
		if body == one("") {
			t.Fatalf("%q is not in the event", old)
		}
		return delivery("application/cloudevents+json", body)
	}
	for _, c := range []struct {
		name   string
		d      collect.Delivery
		field  string
		reason string
	}{
		{"not JSON", delivery("application/cloudevents+json", "deployed!"), "event", "is not JSON"},
		{"empty", delivery("application/json", ""), "event", "is not JSON"},
		{"blank", delivery("application/json", " \n"), "event", "is not JSON"},
		{"cut short", delivery("application/cloudevents+json", one("")[:60]), "event", "is not JSON"},
		{"batch that is none", delivery("application/cloudevents-batch+json", "{}"), "batch", "an object"},
		{"a member twice", delivery("application/cloudevents+json", one(`"id":"2",`)), "event", "twice"},
		{"neither CloudEvent nor CDEvent", delivery("application/json", "{}"), "specversion", "1.0"},
		{"old CloudEvents", structured(`"specversion":"1.0"`, `"specversion":"0.3"`), "specversion", "1.0"},
		{"no id", structured(`"id":"1",`, ``), "id", "missing"},
		{"id is a number", structured(`"id":"1"`, `"id":1`), "id", "a number"},
		{"long id", structured(`"id":"1"`, `"id":"`+strings.Repeat("1", 1001)+`"`), "id", "1001 bytes"},
		{"no source", structured(`"source":"/ci",`, ``), "source", "missing"},
		{"source is no URI", structured(`"source":"/ci",`, `"source":"ht tp://%zz",`), "source", "URI"},
		{"subject is an object", structured(`"data":`, `"subject":{},"data":`), "subject", "an object"},
		{"no type", structured(`"type":"dev.cdevents.service.deployed.0.3.0",`, ``), "type", "missing"},
		{"unknown type", structured(`"type":"dev.cdevents.service.deployed.0.3.0"`, `"type":"com.example.thing"`), "type", "com.example.thing"},
		{"no data", delivery("application/cloudevents+json", strings.Replace(one(""), `"data":`+deployed, `"x":1`, 1)), "data", "missing"},
		{"data is null", delivery("application/cloudevents+json", strings.Replace(one(""), deployed, `null`, 1)), "data", "missing"},
		{"both data", structured(`"data":`, `"data_base64":"e30=","data":`), "data_base64", "beside"},
		{"not base64", delivery("application/cloudevents+json", strings.Replace(one(""), `"data":`+deployed, `"data_base64":"!"`, 1)), "data_base64", "base64"},
		{"data is XML", structured(`"data":`, `"datacontenttype":"application/xml","data":`), "datacontenttype", "only JSON"},
		{"time is words", structured(`"time":"2026-03-02T08:00:00Z"`, `"time":"yesterday"`), "time", "RFC 3339"},
		{"recorded in words", structured(`"data":`, `"recordedtime":"now","data":`), "recordedtime", "RFC 3339"},
		{"actorkind", structured(`"data":`, `"actorkind":"cat","data":`), "actorkind", "human nor bot"},
		{"schema: no subject", delivery("application/cloudevents+json", strings.Replace(one(""), `"subject"`, `"object"`, 1)), "data", "subject"},
		{"schema: empty subject id", structured(`"subject":{"id":"payments"`, `"subject":{"id":""`), "data.subject.id", "minLength"},
		{"schema: environment is a text", structured(`{"id":"production"}`, `"production"`), "data.subject.content.environment", "want object"},
		{"schema: no environment", structured(`"environment":`, `"env":`), "data.subject.content", "environment"},
		{"schema: commit", structured(`ABCDEF1234567890`, `HEAD`), "data.customData.commit", "pattern"},
		{"schema: time in the body", structured(`2026-03-02T09:55:00+02:00`, `noon`), "data.customData.startedAt", "date-time"},
		{"a leap second", structured(`2026-03-02T09:55:00+02:00`, `2016-12-31T23:59:60Z`), "data.customData.startedAt", "RFC 3339"},
		{"a member of another kind's, misused", structured(`"note":`, `"labels":`), "data.customData.labels", "does not read"},
		{"binary, header is not UTF-8", delivery("application/json", deployed, append(binary, "ce-id", "%C0%A0")...), "ce-id", "UTF-8"},
		{"binary, header half encoded", delivery("application/json", deployed, append(binary, "ce-id", "100%")...), "ce-id", "percent"},
		{"binary, no body", delivery("application/json", "", binary...), "data", "missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			drafts, _, err := cloudevents.Parse(c.d)
			refusal, ok := errors.AsType[*cloudevents.Refusal](err)
			if !ok || !errors.Is(err, events.ErrInvalid) || len(drafts) != 0 {
				t.Fatalf("%d drafts, %v; want a refusal", len(drafts), err)
			}
			if p := refusal.Problems[0]; p.Field != c.field || !strings.Contains(p.Reason, c.reason) {
				t.Errorf("refused for %q: %q, want %q with %q", p.Field, p.Reason, c.field, c.reason)
			}
		})
	}
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/xml", "application/cloudevents+avro", ";"} {
		if _, _, err := cloudevents.Parse(delivery(contentType, one(""))); !errors.Is(err, cloudevents.ErrContentType) {
			t.Errorf("content type %q: %v", contentType, err)
		}
	}
}

// TestBatchIsRefusedWhole: every wrong event is named, and none is taken.
func TestBatchIsRefusedWhole(t *testing.T) {
	bad := strings.Replace(one(""), `"id":"1"`, `"id":"bad"`, 1)
	bad = strings.Replace(bad, `{"id":"production"}`, `{}`, 1)
	drafts, _, err := cloudevents.Parse(delivery("application/cloudevents-batch+json", "["+one("")+","+bad+","+one("")+","+`{"specversion":"1.0"}`+"]"))
	refusal, ok := errors.AsType[*cloudevents.Refusal](err)
	if !ok || len(drafts) != 0 {
		t.Fatalf("%d drafts, %v; want a refusal", len(drafts), err)
	}
	var got []string
	for _, p := range refusal.Problems {
		got = append(got, fmt.Sprintf("%d %s %s", p.Index, p.ID, p.Field))
	}
	if want := []string{"1 bad data.subject.content.environment", "3  id"}; !cmp.Equal(got, want) {
		t.Errorf("refused %q, want %q", got, want)
	}
	many := strings.Repeat("{}\n", cloudevents.MaxEvents+1)
	if _, _, err := cloudevents.Parse(delivery("application/x-ndjson", many)); !errors.Is(err, events.ErrInvalid) || !strings.Contains(err.Error(), "10001") {
		t.Errorf("a batch too long: %v", err)
	}
}

func TestTimes(t *testing.T) {
	for _, c := range []struct {
		time    string // member, or ""
		want    time.Time
		warning string
	}{
		{`"time":"1970-01-01T00:00:00Z",`, time.Unix(0, 0).UTC(), "cannot be"},
		{`"time":"2100-01-01T00:00:00Z",`, time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC), "cannot be"},
		{`"time":"2099-12-31T23:59:59Z",`, time.Date(2099, 12, 31, 23, 59, 59, 0, time.UTC), ""},
		{`"time":"9999-12-31T23:59:59Z",`, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), "cannot be"},
		{`"time":"0001-01-01T00:00:00Z",`, time.Time{}, "cannot be"},
		{``, time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC), ""}, // the body's own
	} {
		body := strings.Replace(one(""), `"time":"2026-03-02T08:00:00Z",`, c.time, 1)
		drafts, warnings, err := cloudevents.Parse(delivery("application/cloudevents+json", body))
		if err != nil {
			t.Fatal(err)
		}
		if !drafts[0].Time.Equal(c.want) || (c.warning == "") != (len(warnings) == 0) || c.warning != "" && !strings.Contains(warnings[0].Reason, c.warning) {
			t.Errorf("%s: %v with warnings %v; want %v and %q", c.time, drafts[0].Time, warnings, c.want, c.warning)
		}
	}
	// No time anywhere.
	body := strings.Replace(one(""), `"time":"2026-03-02T08:00:00Z",`, "", 1)
	body = strings.Replace(body, `,"timestamp":"2026-03-02T08:00:00Z"`, "", 1)
	drafts, warnings, err := cloudevents.Parse(delivery("application/cloudevents+json", body))
	if err != nil || !drafts[0].Time.Equal(collecttest.ReceivedAt) || len(warnings) != 1 || warnings[0].Field != "time" || warnings[0].ID != "1" {
		t.Errorf("without time: %v, warnings %v, %v; want the time of arrival and a warning", drafts, warnings, err)
	}
}

// TestVersion: recordedtime orders versions, else sequence where it is a number.
func TestVersion(t *testing.T) {
	for _, c := range []struct {
		extra string
		want  uint64
	}{
		{``, 0},
		{`"sequence":"7",`, 7},
		{`"sequence":7,`, 7},
		{`"sequence":"a7",`, 0},
		{`"sequence":-7,`, 0},
		{`"sequence":7.5,`, 0},
		{`"recordedtime":"1970-01-01T00:00:01Z",`, 1000},
		{`"recordedtime":"1970-01-01T00:00:01Z","sequence":"7",`, 1000},
	} {
		drafts, _, err := cloudevents.Parse(delivery("application/cloudevents+json", one(c.extra)))
		if err != nil {
			t.Fatal(err)
		}
		e, err := collecttest.Protector(t).Event(drafts[0])
		if err != nil || e.Version.Sequence != c.want {
			t.Errorf("%s: sequence %d, %v; want %d", c.extra, e.Version.Sequence, err, c.want)
		}
	}
}

// TestSameIDOtherData: one fact, two versions.
func TestSameIDOtherData(t *testing.T) {
	event := func(body string) events.Event {
		drafts, _, err := cloudevents.Parse(delivery("application/cloudevents+json", body))
		if err != nil {
			t.Fatal(err)
		}
		e, err := collecttest.Protector(t).Event(drafts[0])
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	a, same := event(one("")), event(one(""))
	b := event(strings.Replace(one(""), "ABCDEF1234567890", "1234567890ABCDEF", 1))
	if a.ID != same.ID || a.Version != same.Version {
		t.Error("sent twice, it is not the same fact in the same version")
	}
	if a.ID != b.ID || a.Version == b.Version {
		t.Error("with other data, it is not the same fact in another version")
	}
}

func TestActor(t *testing.T) {
	for _, c := range []struct{ extra, body, kind, actor string }{
		{"", "", "", "jane@example.com"},
		{`"actor":"joe","actorkind":"bot",`, "", "bot", "joe"},
		{"", `"creator":"joe","user":"jim",`, "", "joe"},
		{"", `"user":{"name":"jim"},`, "", ""},
	} {
		body := one(c.extra)
		if c.body != "" {
			body = strings.Replace(body, `"actor":"jane@example.com",`, "", 1)
			body = strings.Replace(body, `"artifactId":`, c.body+`"artifactId":`, 1)
		}
		drafts, _, err := cloudevents.Parse(delivery("application/cloudevents+json", body))
		if err != nil || drafts[0].Actor != c.actor || drafts[0].ActorKind != c.kind {
			t.Errorf("%s %s: %v, %v; want %q %q", c.extra, c.body, drafts, err, c.kind, c.actor)
		}
	}
}

func TestOldTypesAndTextCustomData(t *testing.T) {
	body := strings.ReplaceAll(one(""), "deployed.0.3.0", "deployed.0.1.0")
	at := strings.Index(body, `"customData"`)
	body = body[:at] + `"customData":"written by Jane"}}`
	drafts, _, err := cloudevents.Parse(delivery("application/cloudevents+json", body))
	if err != nil || drafts[0].Type != "dev.cdevents.service.deployed.0.1.0" || drafts[0].Kind != events.ServiceDeployed || !cmp.Equal(drafts[0].Custom, events.Fields{}) {
		t.Errorf("%+v, %v; want the deployment without custom data", drafts, err)
	}
}

func TestSubjectOfACommitIsItsHash(t *testing.T) {
	body := `{"specversion":"1.0","id":"1","source":"/git","type":"dev.cdeventsx.payoff-commit.recorded.0.1.0","time":"2026-03-02T08:00:00Z","subject":"other",
	 "data":{"subject":{"id":"ABCDEF1","content":{"repository":{"id":"acme/payments"},"committerTime":"2026-03-02T08:00:00Z","parents":["FEDCBA1"]}}}}`
	drafts, warnings, err := cloudevents.Parse(delivery("application/cloudevents+json", body))
	if err != nil || drafts[0].Subject != "abcdef1" || drafts[0].Content.Parents[0] != "fedcba1" {
		t.Errorf("%+v, %v; want the subject abcdef1", drafts, err)
	}
	if len(warnings) != 1 || warnings[0].Field != "subject" {
		t.Errorf("warnings %v, want one about the subject", warnings)
	}
}

// TestPrivacy: what is not kept is not in the event, and what is holds no
// address.
func TestPrivacy(t *testing.T) {
	body := strings.Replace(one(`"subject":"Canary","traceparent":"Canary",`), `"note":"written by Jane"`, `"description":"by Canary","summary":"Canary","updatedBy":"canary@example.com"`, 1)
	body = strings.Replace(body, "jane@example.com", "canary@example.com", 1)
	body = strings.Replace(body, `"id":"production"`, `"id":"of canary@example.com"`, 1)
	s := collecttest.Suite{Source: cloudevents.Source{}}
	if out := collecttest.Lines(t, s.Events(t, delivery("application/cloudevents+json", body))); strings.Contains(strings.ToLower(string(out)), "canary") {
		t.Errorf("the canary is in\n%s", out)
	}
}

func FuzzParse(f *testing.F) {
	for _, contentType := range []string{"application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson", "application/json"} {
		for _, body := range []string{one(""), "[" + one("") + "]", deployed, "[]", "{}", " "} {
			f.Add(contentType, body, "")
			f.Add(contentType, body, "%41")
		}
	}
	s := collecttest.Suite{Source: cloudevents.Source{}}
	f.Fuzz(func(t *testing.T, contentType, body, id string) {
		d := delivery(contentType, body)
		if id != "" {
			d = delivery(contentType, body, append(binary, "ce-id", id)...)
		}
		if _, err := s.Source.Normalise(d); errors.Is(err, cloudevents.ErrContentType) {
			return
		}
		s.Fuzz(t, d)
	})
}

func BenchmarkParse(b *testing.B) {
	d := delivery("application/cloudevents+json", strings.ReplaceAll(one(""), "\n", ""))
	b.SetBytes(int64(len(d.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := cloudevents.Parse(d); err != nil {
			b.Fatal(err)
		}
	}
}
