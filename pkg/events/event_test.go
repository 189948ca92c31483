package events

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// random is a draft with any of the fields set, to texts of all kinds.
func random(rng *rand.Rand) Draft {
	words := []string{"", "payments", "pay ments", `say "hi"`, `back\slash`, "zahlung-ü", "支払い", "tab\there", strings.Repeat("x", 300), "<&>", "\u2028"}
	word := func() string { return words[rng.IntN(len(words))] }
	fill := func(f *Fields) {
		v := reflect.ValueOf(f).Elem()
		for i := range v.NumField() {
			if rng.IntN(3) > 0 {
				continue
			}
			switch p := v.Field(i).Addr().Interface().(type) {
			case *string:
				*p = word()
			case *bool:
				*p = true
			case *int64:
				*p = rng.Int64() - rng.Int64()
			case *float64:
				*p = rng.NormFloat64() * 1e6
			case **bool:
				*p = new(rng.IntN(2) == 0)
			case **Ref:
				*p = &Ref{ID: word(), Source: word()}
			case *[]string:
				for range 1 + rng.IntN(4) {
					*p = append(*p, word())
				}
			}
		}
	}
	kinds := Definitions()
	d := Draft{
		Source: "s" + word(), Kind: kinds[rng.IntN(len(kinds))].Kind, Natural: []string{word(), word()}, Subject: "x" + word(),
		Time: noon.Add(time.Duration(rng.Int64N(1e18)) - 5e17), Recorded: noon.Add(time.Duration(rng.Int64N(1e15))), Received: noon,
		Mapping: uint16(rng.IntN(5)), Sequence: rng.Uint64N(3) * rng.Uint64(), ActorKind: []string{"", Human, Bot}[rng.IntN(3)], Actor: word(),
	}
	if rng.IntN(2) == 0 {
		d.Flags = []string{FlagNoService, FlagFutureAuthored}
	}
	fill(&d.Content)
	fill(&d.Custom)
	return d
}

func mustNew(t testing.TB, d Draft) Event {
	t.Helper()
	e, err := New(d)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestEncodedEventsDecodeToThemselves(t *testing.T) {
	for seed := range uint64(2000) {
		e := mustNew(t, random(rand.New(rand.NewPCG(seed, 0))))
		b, err := Encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(b)
		if err != nil {
			t.Fatalf("seed %d: decoding %s: %v", seed, b, err)
		}
		if !reflect.DeepEqual(e, back) {
			t.Fatalf("seed %d: encoded\n%+v\ndecoded\n%+v", seed, e, back)
		}
	}
}

// The loader's way of reading must be the one that is taken: it is what its
// throughput rests on.
func TestScanRowReadsWhatEncodeWrites(t *testing.T) {
	for i, d := range typical(3) {
		var fast, slow Row
		b := encoded(t, d)
		if !fastRow(b, &fast) {
			t.Errorf("typical event %d is not read in one pass: %s", i, b)
			continue
		}
		if err := DecodeRow(b, &slow); err != nil {
			t.Fatal(err)
		}
		if slow.Data = (Data{}); !reflect.DeepEqual(fast, slow) {
			t.Errorf("typical event %d: ScanRow\n%+v\nDecodeRow\n%+v", i, fast, slow)
		}
	}
	for seed := range uint64(2000) {
		b := encoded(t, random(rand.New(rand.NewPCG(seed, 1))))
		var fast, slow Row
		if err := ScanRow(b, &fast); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := DecodeRow(b, &slow); err != nil {
			t.Fatal(err)
		}
		if slow.Data = (Data{}); !reflect.DeepEqual(fast, slow) {
			t.Fatalf("seed %d: ScanRow\n%+v\nDecodeRow\n%+v", seed, fast, slow)
		}
	}
}

// Identity and version are of what is said, not of how and when it came.
func TestARepeatIsTheSameFactInTheSameVersion(t *testing.T) {
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		d := random(rng)
		e := mustNew(t, d)
		again := d
		again.Received = d.Received.Add(time.Duration(rng.Int64N(1e15)))
		again.Flags = slices.Clone(d.Flags)
		slices.Reverse(again.Flags)
		again.Content.Labels = slices.Clone(d.Content.Labels)
		rng.Shuffle(len(again.Content.Labels), func(i, j int) {
			l := again.Content.Labels
			l[i], l[j] = l[j], l[i]
		})
		again.Content.Labels = append(again.Content.Labels, again.Content.Labels...)
		a := mustNew(t, again)
		if a.ID != e.ID || a.Version != e.Version {
			t.Fatalf("seed %d: a repeat is %s %s, first told as %s %s", seed, a.ID, a.Version, e.ID, e.Version)
		}
	}
}

func TestWhatMakesAnotherVersionOrAnotherFact(t *testing.T) {
	base := mustNew(t, typical(1)[0])
	for name, tt := range map[string]struct {
		change                    func(*Draft)
		anotherFact, sameVersions bool
	}{
		"nothing":                   {change: func(*Draft) {}, sameVersions: true},
		"received later":            {change: func(d *Draft) { d.Received = noon.Add(time.Hour) }, sameVersions: true},
		"another outcome":           {change: func(d *Draft) { d.Custom.Outcome = "failure" }},
		"another time":              {change: func(d *Draft) { d.Time = noon.Add(time.Second) }},
		"another actor":             {change: func(d *Draft) { d.Actor = "p:other" }},
		"another mapping":           {change: func(d *Draft) { d.Mapping++ }},
		"another sequence":          {change: func(d *Draft) { d.Sequence = 7 }},
		"another subject":           {change: func(d *Draft) { d.Subject = "billing" }},
		"another source":            {change: func(d *Draft) { d.Source = "gitlab" }, anotherFact: true},
		"another kind":              {change: func(d *Draft) { d.Kind = ServiceUpgraded }, anotherFact: true},
		"another object":            {change: func(d *Draft) { d.Natural = []string{"deployment", "2"} }, anotherFact: true},
		"parts cut elsewhere":       {change: func(d *Draft) { d.Natural = []string{"deploymen", "t1"} }, anotherFact: true},
		"a part more that is empty": {change: func(d *Draft) { d.Natural = []string{"deployment", "1", ""} }, anotherFact: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := typical(1)[0]
			tt.change(&d)
			e := mustNew(t, d)
			if (e.ID != base.ID) != tt.anotherFact {
				t.Errorf("another fact = %t, want %t", e.ID != base.ID, tt.anotherFact)
			}
			if !tt.anotherFact && (e.Version == base.Version) != tt.sameVersions {
				t.Errorf("the same version = %t, want %t", e.Version == base.Version, tt.sameVersions)
			}
		})
	}
}

func TestNewRefusesWhatHasNoMeaning(t *testing.T) {
	for field, change := range map[string]func(*Draft){
		"type":    func(d *Draft) { d.Kind = "service.teleported" },
		"source":  func(d *Draft) { d.Source = "" },
		"subject": func(d *Draft) { d.Subject = "" },
		"id":      func(d *Draft) { d.Natural = nil },
	} {
		d := typical(1)[0]
		change(&d)
		_, err := New(d)
		if fe, ok := errors.AsType[*FieldError](err); !ok || fe.Field != field || !errors.Is(err, ErrInvalid) {
			t.Errorf("New without a good %s: %v", field, err)
		}
	}
}

func TestImpossibleTimesAreFlagged(t *testing.T) {
	for _, tt := range []struct {
		at      time.Time
		flagged bool
	}{
		{Earliest, false}, {Earliest.Add(-time.Millisecond), true}, {Latest.Add(-time.Millisecond), false}, {Latest, true}, {time.Time{}, true}, {noon, false},
	} {
		d := typical(1)[0]
		d.Time = tt.at
		if e := mustNew(t, d); slices.Contains(e.Flags, FlagImpossibleTime) != tt.flagged {
			t.Errorf("%v is flagged %v, want %t", tt.at, e.Flags, tt.flagged)
		}
	}
}

func TestPathsAreCutAndMarked(t *testing.T) {
	d := typical(1)[1]
	d.Content.Paths = nil
	for i := range MaxPaths + 1 {
		d.Content.Paths = append(d.Content.Paths, fmt.Sprintf("file-%04d", MaxPaths-i))
	}
	f := mustNew(t, d).Data.Subject.Content
	if len(f.Paths) != MaxPaths || !f.PathsCut || !slices.IsSorted(f.Paths) {
		t.Errorf("%d paths, cut %t, sorted %t", len(f.Paths), f.PathsCut, slices.IsSorted(f.Paths))
	}
	if len(d.Content.Paths) != MaxPaths+1 || d.Content.Paths[0] != fmt.Sprintf("file-%04d", MaxPaths) {
		t.Error("New altered the draft")
	}
}

func TestKeysKeepAnEntityTogether(t *testing.T) {
	for name, tt := range map[string]struct {
		d    Draft
		want string
	}{
		"a deployment by service": {typical(1)[0], EntityKey("service", "payments")},
		"a commit by repository":  {typical(1)[1], EntityKey("repository", "acme/payments")},
		"use by its subject":      {typical(1)[2], EntityKey("usage", "ci")},
		"a page by its subject":   {typical(1)[3], EntityKey("page", "Q1")},
	} {
		e := mustNew(t, tt.d)
		if got := e.Key(); got != tt.want {
			t.Errorf("%s: key %q, want %q", name, got, tt.want)
		}
	}
}

func TestDecodeNamesTheFieldThatIsWrong(t *testing.T) {
	good := string(encoded(t, typical(1)[0]))
	for _, tt := range []struct{ old, new, field string }{
		{good, `{`, "event"},
		{`.service.deployed.0.3.0"`, `.service.teleported.0.3.0"`, "type"},
		{`"id":"`, `"id":"not a uuid`, "id"},
		{`"factversion":"00`, `"factversion":"zz`, "factversion"},
		{`"time":"2026-11-20T12:00:00.000Z"`, `"time":"20 Nov 2026"`, "time"},
		{`"receivedtime":"2026-11-20T12:00:00.000Z"`, `"receivedtime":"noon"`, "receivedtime"},
		{`"outcome":"success"`, `"outcome":{}`, "data"},
	} {
		b := strings.Replace(good, tt.old, tt.new, 1)
		if b == good {
			t.Fatalf("%q is not in the event", tt.old)
		}
		_, err := Decode([]byte(b))
		if fe, ok := errors.AsType[*FieldError](err); !ok || fe.Field != tt.field || !errors.Is(err, ErrInvalid) {
			t.Errorf("with %q: %v, want one about %s", tt.new, err, tt.field)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, d := range typical(1) {
		f.Add(encoded(f, d))
	}
	for seed := range uint64(20) {
		f.Add(encoded(f, random(rand.New(rand.NewPCG(seed, 3)))))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("%v does not wrap ErrInvalid", err)
			}
			return
		}
		again, err := Encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatalf("what was decoded and encoded does not decode: %v", err)
		}
		// Encode writes milliseconds.
		for _, at := range []*time.Time{&e.Time, &e.RecordedAt, &e.ReceivedAt} {
			*at = milli(*at)
		}
		if e.ID != back.ID || e.Version != back.Version || e.Kind != back.Kind || !e.Time.Equal(back.Time) || e.Subject != back.Subject {
			t.Fatalf("decoded\n%+v\nthen encoded and decoded\n%+v", e, back)
		}
	})
}
