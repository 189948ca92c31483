// Package collecttest is the suite every source of webhooks passes: golden
// events of real payloads, the schemas we publish, and that no person gets
// through. A source's test file names its payloads and calls Run.
package collecttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/seal"
)

var update = flag.Bool("update", false, "write the golden files")

// ReceivedAt is when every delivery of the suite arrived.
var ReceivedAt = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// Protector returns one with a fixed secret.
func Protector(t testing.TB) collect.Protector {
	t.Helper()
	people, err := seal.NewPseudonymiser([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return collect.Protector{People: people, Hotfix: collect.DefaultHotfix}
}

// A Suite is a source with its payloads.
type Suite struct {
	Source collect.Source

	// Payloads are the files testdata/*.json, each with its .golden beside it.
	// Delivery wraps the body of one.
	Delivery func(file string, body []byte) collect.Delivery

	// Kept are the members, by dotted path without indices, whose text may be
	// found in events by design: names of services and repositories, hashes,
	// labels. Each must be found in some event.
	Kept []string
}

// Run runs the suite.
func (s Suite) Run(t *testing.T) {
	t.Run("golden", s.golden)
	t.Run("schemas", s.schemas)
	t.Run("privacy", s.privacy)
}

// Files returns the payloads' paths.
func Files(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d payloads in testdata, %v", len(files), err)
	}
	return files
}

// Read returns the bytes of a file.
func Read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Events normalises and protects a delivery.
func (s Suite) Events(t testing.TB, d collect.Delivery) []events.Event {
	t.Helper()
	evs, err := s.events(t, d)
	if err != nil {
		t.Fatal(err)
	}
	return evs
}

func (s Suite) events(t testing.TB, d collect.Delivery) ([]events.Event, error) {
	t.Helper()
	drafts, err := s.Source.Normalise(d)
	if err != nil {
		return nil, err
	}
	return Protector(t).Protect(drafts)
}

// Lines writes events as indented JSON, one after the other.
func Lines(t testing.TB, evs []events.Event) []byte {
	t.Helper()
	var out bytes.Buffer
	for i := range evs {
		if err := json.Indent(&out, encode(t, evs[i]), "", " "); err != nil {
			t.Fatal(err)
		}
		out.WriteByte('\n')
	}
	return out.Bytes()
}

func encode(t testing.TB, e events.Event) []byte {
	t.Helper()
	b, err := events.Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (s Suite) golden(t *testing.T) {
	for _, file := range Files(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			got := Lines(t, s.Events(t, s.Delivery(file, Read(t, file))))
			name := strings.TrimSuffix(file, ".json") + ".golden"
			if *update {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(Read(t, name)), string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// schemas holds what we emit to what we publish.
func (s Suite) schemas(t *testing.T) {
	for _, file := range Files(t) {
		for _, e := range s.Events(t, s.Delivery(file, Read(t, file))) {
			var envelope struct{ Data json.RawMessage }
			if err := json.Unmarshal(encode(t, e), &envelope); err != nil {
				t.Fatal(err)
			}
			if err := events.ValidateBody(e.Kind, envelope.Data); err != nil {
				t.Errorf("%s: %s: %v", file, e.Kind, err)
			}
		}
	}
}

// privacy puts a name with an address into every string of every payload, one
// at a time, and looks for them in events and errors.
func (s Suite) privacy(t *testing.T) {
	const canary, address = "Canary Person <canary.person@example.com>", "canary.person"
	found := map[string]bool{}
	for _, file := range Files(t) {
		var doc any
		if err := json.Unmarshal(Read(t, file), &doc); err != nil {
			t.Fatal(err)
		}
		EachString(doc, func(path string, set func(string)) {
			set(canary)
			body, err := json.Marshal(doc)
			if err != nil {
				t.Fatal(err)
			}
			evs, err := s.events(t, s.Delivery(file, body))
			if err != nil && strings.Contains(strings.ToLower(err.Error()), "canary") {
				t.Errorf("%s: %s is in the error %v", file, path, err)
			}
			out := strings.ToLower(string(Lines(t, evs)))
			kept := slices.Contains(s.Kept, path) && strings.Contains(out, "canary")
			found[path] = found[path] || kept
			if strings.Contains(out, address) || strings.Contains(out, "canary") && !kept {
				t.Errorf("%s: %s is in\n%s", file, path, out)
			}
		})
	}
	for _, path := range s.Kept {
		if !found[path] {
			t.Errorf("%s is listed as kept, and no event keeps it", path)
		}
	}
}

// EachString calls f for each string in a decoded JSON document, with its path
// and a way to replace it, and puts it back afterwards.
func EachString(doc any, f func(path string, set func(string))) { eachString(doc, "", f) }

func eachString(v any, path string, f func(path string, set func(string))) {
	visit := func(path string, member any, put func(any)) {
		if s, ok := member.(string); ok {
			f(path, func(n string) { put(n) })
			put(s)
			return
		}
		eachString(member, path, f)
	}
	switch v := v.(type) {
	case map[string]any:
		for name := range v {
			visit(strings.TrimPrefix(path+"."+name, "."), v[name], func(n any) { v[name] = n })
		}
	case []any:
		for i := range v {
			visit(path, v[i], func(n any) { v[i] = n })
		}
	}
}

// Alter returns a payload with members set by their dotted paths; nil deletes.
func Alter(t testing.TB, body []byte, set map[string]any) []byte {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatal(err)
	}
	for path, value := range set {
		at := doc
		parts := strings.Split(path, ".")
		for _, p := range parts[:len(parts)-1] {
			at = at[p].(map[string]any)
		}
		if value == nil {
			delete(at, parts[len(parts)-1])
		} else {
			at[parts[len(parts)-1]] = value
		}
	}
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Fuzz holds a source to what it promises of any bytes: errors wrap
// events.ErrInvalid, and every event can be written and read back.
func (s Suite) Fuzz(t *testing.T, d collect.Delivery) {
	evs, err := s.events(t, d)
	if err != nil && !errors.Is(err, events.ErrInvalid) {
		t.Fatalf("an error that does not wrap ErrInvalid: %v", err)
	}
	for i := range evs {
		b := encode(t, evs[i])
		if _, err := events.Decode(b); err != nil {
			t.Fatalf("an event that cannot be read back: %v\n%s", err, b)
		}
	}
}
