package ingest

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecord(t *testing.T) {
	for _, r := range []record{
		{events: []encoded{}},
		{source: "github", endpoint: "main", verified: "signature", received: time.Date(2026, 3, 2, 9, 0, 0, 1e6, time.UTC), reason: "r", field: "f", sealed: []byte("sealed"), events: []encoded{}},
		{source: "import", events: []encoded{
			{key: "k", id: "i", source: "s", kind: "t", subject: "u", time: "2026", value: []byte("v")},
			{key: "", id: "", value: make([]byte, 300)},
		}},
	} {
		b := r.appendTo(nil)
		if len(b) > r.size() {
			t.Errorf("%d bytes, and size said at most %d", len(b), r.size())
		}
		got, err := parseRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.sealed) == 0 {
			got.sealed = nil
		}
		if diff := cmp.Diff(r, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		for i := range b {
			if _, err := parseRecord(b[:i]); !errors.Is(err, errRecord) {
				t.Fatalf("cut to %d of %d bytes: %v", i, len(b), err)
			}
		}
		if _, err := parseRecord(append(b, 0)); !errors.Is(err, errRecord) {
			t.Errorf("with a byte too many: %v", err)
		}
	}
}

// FuzzParseRecord: any bytes are read or refused, and what is read is written
// back as it was.
func FuzzParseRecord(f *testing.F) {
	r := record{source: "github", received: time.Unix(1772442000, 0), sealed: []byte("x"), events: []encoded{{key: "k", value: []byte("v")}}}
	f.Add(r.appendTo(nil))
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseRecord(b)
		if err != nil {
			return
		}
		again, err := parseRecord(r.appendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(r, again, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("-first +again:\n%s", diff)
		}
	})
}
