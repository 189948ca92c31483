package pagerduty_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/collecttest"
	"github.com/payoff-metrics/payoff/pkg/collect/pagerduty"
	"github.com/payoff-metrics/payoff/pkg/events"
)

func suite(o pagerduty.Options) collecttest.Suite {
	return collecttest.Suite{
		Source:   pagerduty.New(o),
		Delivery: delivery,
		Kept: []string{
			"event.data.id", "event.data.html_url", "event.data.service.summary", "event.data.priority.summary",
			"event.data.teams.summary", "event.data.urgency",
		},
	}
}

func delivery(_ string, body []byte) collect.Delivery {
	return collect.Delivery{Source: "pagerduty", Endpoint: "main", Header: http.Header{}, Body: body, ReceivedAt: collecttest.ReceivedAt}
}

func TestSuite(t *testing.T) { suite(pagerduty.Options{}).Run(t) }

// TestPriorityIsANewerVersion: a later priority corrects the detection.
func TestPriorityIsANewerVersion(t *testing.T) {
	s := suite(pagerduty.Options{})
	load := func(name string) events.Event {
		return s.Events(t, delivery("", collecttest.Read(t, "testdata/"+name+".json")))[0]
	}
	first, then := load("triggered"), load("priority_updated")
	if first.ID != then.ID {
		t.Errorf("identities %s and %s, want one fact", first.ID, then.ID)
	}
	a, b := first.Version.Bytes(), then.Version.Bytes()
	if string(b[:]) <= string(a[:]) {
		t.Errorf("version %x is not after %x", b, a)
	}
	if got := then.Data.Custom.Severity; got != "P2" {
		t.Errorf("severity %q, want P2", got)
	}
}

func TestPlaces(t *testing.T) {
	body := collecttest.Read(t, "testdata/triggered.json")
	for _, c := range []struct {
		name                           string
		places                         map[string]pagerduty.Place
		service, environment, rotation string
	}{
		{"not mapped", nil, "Payments", "production", "Payments"},
		{"by name", map[string]pagerduty.Place{"Payments": {Service: "payments", Environment: "staging", Rotation: "checkout-primary"}}, "payments", "staging", "checkout-primary"},
		{"by id", map[string]pagerduty.Place{"PF9KMXH": {Service: "payments"}}, "payments", "production", "payments"},
		{"rotation only", map[string]pagerduty.Place{"Payments": {Rotation: "sre"}}, "Payments", "production", "sre"},
	} {
		evs := suite(pagerduty.Options{Places: c.places}).Events(t, delivery("", body))
		in, page := evs[0].Data.Subject.Content, evs[1].Data.Subject.Content
		if in.Service.ID != c.service || in.Environment.ID != c.environment || page.Rotation != c.rotation {
			t.Errorf("%s: service %s, environment %s, rotation %s; want %s, %s, %s", c.name, in.Service.ID, in.Environment.ID, page.Rotation, c.service, c.environment, c.rotation)
		}
	}
}

func TestChangedPayload(t *testing.T) {
	body := collecttest.Read(t, "testdata/triggered.json")
	for field, set := range map[string]map[string]any{
		"event.event_type":      {"event.event_type": nil},
		"event.data.id":         {"event.data.id": ""},
		"event.occurred_at":     {"event.occurred_at": "Jane"},
		"event.data.created_at": {"event.data.created_at": nil},
		"event.data.service":    {"event.data.service": "Jane"},
	} {
		_, err := pagerduty.New(pagerduty.Options{}).Normalise(delivery("", collecttest.Alter(t, body, set)))
		fe, ok := errors.AsType[*events.FieldError](err)
		if !ok || fe.Field != field || strings.Contains(err.Error(), "Jane") {
			t.Errorf("%v: %v, want an error about %s that repeats nothing", set, err, field)
		}
	}
}

func TestVerify(t *testing.T) {
	// printf '{"event":{}}' | openssl dgst -sha256 -hmac key
	h := http.Header{}
	h.Set("X-PagerDuty-Signature", "v1=0000000000000000000000000000000000000000000000000000000000000000,v1=e75307a136cedb4e5f0a9cadabb0142c642b211101272f7fc9e2d06495dc8813")
	s := pagerduty.New(pagerduty.Options{})
	if err := s.Verify(h, []byte(`{"event":{}}`), [][]byte{[]byte("key")}); err != nil {
		t.Errorf("the second of two signatures: %v", err)
	}
	if err := s.Verify(h, []byte(`{"event":[]}`), [][]byte{[]byte("key")}); !errors.Is(err, collect.ErrSignature) {
		t.Errorf("altered: %v", err)
	}
}

func FuzzNormalise(f *testing.F) {
	for _, file := range collecttest.Files(f) {
		f.Add(collecttest.Read(f, file))
	}
	s := suite(pagerduty.Options{})
	f.Fuzz(func(t *testing.T, body []byte) { s.Fuzz(t, delivery("", body)) })
}
