package events

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// typical are the events that make up most of a log.
func typical(i int) []Draft {
	sha := fmt.Sprintf("%040x", i)
	return []Draft{
		{Source: "github", Kind: ServiceDeployed, Natural: []string{"deployment", fmt.Sprint(i)}, Subject: "payments", Time: noon, Recorded: noon, Received: noon, Mapping: 1,
			ActorKind: Human, Actor: "p:" + strings.Repeat("a1", 16),
			Content: Fields{Environment: &Ref{ID: "production", Source: "github.com/acme/payments"}, ArtifactID: "pkg:oci/payments@sha256:" + strings.Repeat("0f", 32)},
			Custom: Fields{Service: &Ref{ID: "payments"}, Repository: &Ref{ID: "acme/payments"}, Commit: sha, Version: "v1.4.2", Ref: "refs/heads/main",
				StartedAt: FormatTime(noon), Outcome: "success", RunID: "8123456789", Attempt: "8123456789/1", Pipeline: "deploy"}},
		{Source: "git", Kind: CommitRecorded, Natural: []string{sha}, Subject: sha, Time: noon, Received: noon, Mapping: 1, ActorKind: Bot, Actor: "renovate[bot]",
			Content: Fields{Repository: &Ref{ID: "acme/payments"}, Commit: sha, Parents: []string{fmt.Sprintf("%040x", i-1)},
				Paths: []string{"go.mod", "go.sum", "internal/pay/charge.go", "internal/pay/charge_test.go"}, AuthorTime: FormatTime(noon), CommitterTime: FormatTime(noon),
				Additions: 12, Deletions: 3, Tickets: []string{"PAY-12"}}},
		{Source: "app", Kind: UsageRecorded, Natural: []string{"usage", fmt.Sprint(i)}, Subject: "ci", Time: noon, Received: noon, Mapping: 1,
			Content: Fields{Capability: "ci", Unit: "payments", UnitKind: "team", Gesture: "build", Value: true, Quantity: 1.5}},
		{Source: "pagerduty", Kind: PageTriggered, Natural: []string{"Q1", fmt.Sprint(i)}, Subject: "Q1", Time: noon, Recorded: noon, Received: noon, Mapping: 1,
			Content: Fields{Service: &Ref{ID: "payments"}, Key: "high-error-rate", Rotation: "payments-primary", Urgency: "high", URI: "https://acme.example/incidents/Q1"}},
	}
}

func encoded(t testing.TB, d Draft) []byte {
	t.Helper()
	e, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Encode(&e)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func BenchmarkDecodeRow(b *testing.B) {
	var all [][]byte
	size := 0
	for _, d := range typical(1) {
		all = append(all, encoded(b, d))
		size += len(all[len(all)-1])
	}
	b.SetBytes(int64(size / len(all)))
	b.ReportAllocs()
	var r Row
	for i := 0; b.Loop(); i++ {
		if err := DecodeRow(all[i%len(all)], &r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScanRow(b *testing.B) {
	var all [][]byte
	size := 0
	for _, d := range typical(1) {
		all = append(all, encoded(b, d))
		size += len(all[len(all)-1])
	}
	b.SetBytes(int64(size / len(all)))
	b.ReportAllocs()
	var r Row
	for i := 0; b.Loop(); i++ {
		if err := ScanRow(all[i%len(all)], &r); err != nil {
			b.Fatal(err)
		}
	}
}

// What ScanRow shares with DecodeRow is its meaning; FuzzScanRow looks for an
// input on which they differ.
func FuzzScanRow(f *testing.F) {
	for _, d := range typical(1) {
		f.Add(encoded(f, d))
	}
	base := string(encoded(f, typical(1)[0]))
	for _, change := range [][2]string{
		{`"subject":"payments"`, `"subject":"pay\u006dents"`}, {`"subject":"payments"`, `"subject":"zahlungen-ü"`}, {`"subject":"payments"`, "\"subject\":\"\xff\""},
		{`"subject":"payments"`, `"subject":null`}, {`"subject":"payments"`, `"subject":"payments","subject":"twice"`}, {`"subject":"payments"`, `"unknown":{"a":1,"a":2},"subject":""`},
		{`"specversion":"1.0",`, ` "specversion" : "1.0" , `}, {`"data":{`, `"data":{"extra":1e5,`}, {`"outcome":"success"`, `"outcome":"success","number":12,"hours":1.50,"impact":false`},
		{`"outcome":"success"`, `"outcome":"success","number":01`}, {`"outcome":"success"`, `"outcome":"success","number":1e2`}, {`"outcome":"success"`, `"outcome":"success","hours":1e999`},
		{`"outcome":"success"`, `"outcome":7`}, {`"2026-11-20T12:00:00.000Z"`, `"2026-11-31T12:00:00.000Z"`}, {`"2026-11-20T12:00:00.000Z"`, `"2026-11-20T12:00:00+02:00"`},
		{`"startedAt":"2026-11-20T12:00:00.000Z"`, `"startedAt":"1066-10-14T09:00:00Z"`}, {`.0.3.0"`, `.0.1.9"`}, {`"data":`, `"dat":`}, {`}}`, `}} `}, {`}}`, `}}x`},
	} {
		f.Add([]byte(strings.Replace(base, change[0], change[1], 1)))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var slow, fast Row
		slowErr, fastErr := DecodeRow(b, &slow), ScanRow(b, &fast)
		if fmt.Sprint(slowErr) != fmt.Sprint(fastErr) {
			t.Fatalf("DecodeRow: %v\nScanRow: %v\nof %q", slowErr, fastErr, b)
		}
		if slowErr != nil {
			return
		}
		slow.Data = Data{}
		if !reflect.DeepEqual(slow, fast) {
			t.Fatalf("DecodeRow: %+v\nScanRow: %+v\nof %q", slow, fast, b)
		}
	})
}
