package events

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/schemas"
)

var update = flag.Bool("update", false, "rewrite golden files")

func TestEveryKindHasASchemaAndEverySchemaAKind(t *testing.T) {
	names, err := fs.Glob(schemas.Files, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]bool)
	for _, n := range names {
		files[n] = true
	}
	for _, d := range Definitions() {
		if !files[schemaName(d.Kind)] {
			t.Errorf("%s has no schema %s", d.Kind, schemaName(d.Kind))
		}
		delete(files, schemaName(d.Kind))
		if !d.Kind.Known() || d.Kind.Type() != d.Type || d.Summary == "" {
			t.Errorf("definition %+v is not whole", d)
		}
	}
	for n := range files {
		if k, _, err := ParseType(cdPrefix + strings.TrimSuffix(n, ".json")); err == nil && k.Known() {
			continue // an older version of a type
		}
		if k, _, err := ParseType(ourPrefix + strings.TrimSuffix(n, ".json")); err == nil && k.Known() {
			continue
		}
		t.Errorf("schema %s is of no kind", n)
	}
}

func TestParseType(t *testing.T) {
	for typ, want := range map[string]struct {
		kind    Kind
		version string
	}{
		"dev.cdevents.service.deployed.0.3.0":             {ServiceDeployed, "0.3.0"},
		"dev.cdevents.service.deployed.0.1.1":             {ServiceDeployed, "0.1.1"},
		"dev.cdevents.service.deployed.0.4.0-draft":       {ServiceDeployed, "0.4.0-draft"},
		"dev.cdevents.service.deployed":                   {ServiceDeployed, ""},
		"dev.cdeventsx.payoff-commit.recorded.0.1.0":      {CommitRecorded, "0.1.0"},
		"dev.cdevents.commit.recorded.0.1.0":              {},
		"dev.cdeventsx.payoff-service.deployed.0.3.0":     {},
		"dev.cdeventsx.acme-service.deployed.0.3.0":       {},
		"dev.cdevents.service":                            {},
		"dev.cdevents.service.teleported.0.3.0":           {},
		"service.deployed":                                {},
		"":                                                {},
		"dev.cdevents.":                                   {},
		"com.example.dev.cdevents.service.deployed.0.3.0": {},
	} {
		k, v, err := ParseType(typ)
		if k != want.kind || v != want.version || (err == nil) != (want.kind != "") {
			t.Errorf("ParseType(%q) = %q, %q, %v; want %q, %q", typ, k, v, err, want.kind, want.version)
		}
		if err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("ParseType(%q): %v does not wrap ErrInvalid", typ, err)
		}
	}
	for _, d := range Definitions() {
		if k, _, err := ParseType(d.Type); err != nil || k != d.Kind {
			t.Errorf("ParseType(%q) = %q, %v", d.Type, k, err)
		}
	}
}

func FuzzParseType(f *testing.F) {
	for _, d := range Definitions() {
		f.Add(d.Type)
	}
	f.Fuzz(func(t *testing.T, typ string) {
		k, v, err := ParseType(typ)
		if err == nil && (!k.Known() || !strings.Contains(typ, string(k)) || !strings.HasSuffix(typ, v)) {
			t.Errorf("ParseType(%q) = %q, %q", typ, k, v)
		}
	})
}

// What Payoff itself writes passes its own schemas.
func TestOurEventsPassTheirSchemas(t *testing.T) {
	for _, d := range typical(1) {
		e := mustNew(t, d)
		b := encoded(t, d)
		var r Row
		if err := DecodeRow(b, &r); err != nil {
			t.Fatal(err)
		}
		if err := ValidateBody(e.Kind, r.RawData); err != nil {
			t.Errorf("%s: %v\n%s", e.Kind, err, r.RawData)
		}
	}
}

func TestValidateBodyNamesTheField(t *testing.T) {
	for _, tt := range []struct{ kind, body, field string }{
		{"service.deployed", `{"subject":{"id":"payments","content":{"environment":{"id":"prod"}}}}`, ""},
		{"service.deployed", `{"subject":{"id":"payments","content":{"environment":{"id":"prod"},"unknown":1}},"more":{}}`, ""},
		{"service.deployed", `{"subject":{"id":"payments","content":{}}}`, "data.subject.content"},
		{"service.deployed", `{"subject":{"id":"","content":{"environment":{"id":"prod"}}}}`, "data.subject.id"},
		{"service.deployed", `{"subject":{"id":"payments","content":{"environment":{"id":7}}}}`, "data.subject.content.environment.id"},
		{"service.deployed", `{}`, "data"},
		{"service.deployed", `{`, "data"},
		{"service.teleported", `{}`, "type"},
	} {
		err := ValidateBody(Kind(tt.kind), []byte(tt.body))
		fe, isField := errors.AsType[*FieldError](err)
		if tt.field == "" && err != nil || tt.field != "" && (!isField || fe.Field != tt.field) {
			t.Errorf("%s %s: %v, want one about %q", tt.kind, tt.body, err, tt.field)
		}
	}
}

// A published schema never changes under its version: senders rely on it, and
// old events must stay valid. schemas/published.sum holds the hash of each.
func TestPublishedSchemasDoNotChange(t *testing.T) {
	const sums = "../../schemas/published.sum"
	names, err := fs.Glob(schemas.Files, "*.json")
	if err != nil {
		t.Fatal(err)
	}
	var now strings.Builder
	for _, n := range names {
		b, err := fs.ReadFile(schemas.Files, n)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&now, "%x  %s\n", sha256.Sum256(b), n)
	}
	if *update {
		if err := os.WriteFile(sums, []byte(now.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(sums)
	if err != nil {
		t.Fatal(err)
	}
	published := make(map[string]string)
	for line := range strings.Lines(string(b)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		published[name] = sum
	}
	for line := range strings.Lines(now.String()) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		switch was, ok := published[name]; {
		case !ok:
			t.Errorf("%s is new: publish it with `go test ./pkg/events -run Published -update`", name)
		case was != sum:
			t.Errorf("%s changed after it was published: take the change back and add a file of the next version", name)
		}
		delete(published, name)
	}
	for name := range published {
		t.Errorf("%s was published and is gone", name)
	}
}
