package events

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// fill sets about one in of the members of v, however deep, to something.
func fill(v reflect.Value, rnd *rand.Rand, in int) {
	texts := []string{"v1.2", "ä\"\\\u2028<&>", "\x00\x1f\x7f", "a\tb", ""}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if rnd.IntN(in) == 0 {
				fill(v.Field(i), rnd, in)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), rnd, 1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rnd.IntN(3), 3))
		for i := range v.Len() {
			fill(v.Index(i), rnd, in)
		}
	case reflect.String:
		v.SetString(texts[rnd.IntN(len(texts))])
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Int64:
		v.SetInt(rnd.Int64() >> rnd.IntN(63))
	case reflect.Float64:
		v.SetFloat(rnd.NormFloat64() * 1e3)
	default:
		panic(v.Type())
	}
}

// TestAppendData: a body is written as encoding/json would write it.
func TestAppendData(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		var d Data
		fill(reflect.ValueOf(&d).Elem(), rnd, 1+rnd.IntN(20))
		want, err := json.Marshal(&d)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.appendTo(nil)
		if err != nil || string(got) != string(want) {
			t.Fatalf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}

// TestAppendEvent: an event is written as encoding/json would write wire.
func TestAppendEvent(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	for range 1000 {
		e := Event{ID: "1", Time: time.UnixMilli(rnd.Int64N(4e12))}
		for _, s := range []*string{&e.Source, &e.Type, &e.Subject, &e.ActorKind, &e.Actor} {
			fill(reflect.ValueOf(s).Elem(), rnd, 1)
		}
		if rnd.IntN(2) == 0 {
			e.ReceivedAt, e.Flags = e.Time, []string{"a", "b"}
		}
		data, err := json.Marshal(&e.Data)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(wire{
			SpecVersion: "1.0", ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject, Time: FormatTime(e.Time),
			DataContentType: "application/json", RecordedTime: FormatTime(e.RecordedAt), ReceivedTime: FormatTime(e.ReceivedAt),
			ActorKind: e.ActorKind, Actor: e.Actor, Flags: strings.Join(e.Flags, ","), FactVersion: e.Version.String(), Data: data,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Encode(&e); err != nil || string(got) != string(want) {
			t.Fatalf("got  %s, %v\nwant %s", got, err, want)
		}
	}
}

func TestAppendSaysWhichMemberIsNoText(t *testing.T) {
	d := Data{Subject: Subject{ID: "x", Content: Fields{Labels: []string{"good", "b\xffd"}}}}
	if _, err := d.appendTo(nil); err == nil || !strings.Contains(err.Error(), "labels") {
		t.Errorf("got %v, want an error that names labels", err)
	}
}

func TestAppendTime(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		at := time.UnixMilli(rnd.Int64N(253402300799999+62135596800000) - 62135596800000).UTC() // the years 1 to 9999
		if got, want := string(appendTime(nil, at)), at.Format("2006-01-02T15:04:05.000Z"); got != want {
			t.Fatalf("appendTime = %s, want %s", got, want)
		}
	}
	if at := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC); string(appendTime(nil, at)) != at.Format("2006-01-02T15:04:05.000Z") {
		t.Errorf("the year 10000 is written %s", appendTime(nil, at))
	}
}

func BenchmarkEncode(b *testing.B) {
	e, err := New(Draft{
		Source: "github", Kind: ServiceDeployed, Natural: []string{"1", "success"}, Subject: "payments", Time: time.Unix(1700000000, 0), Mapping: 1,
		Content: Fields{Environment: &Ref{ID: "production"}, ArtifactID: "pkg:oci/payments@1"}, Custom: Fields{Commit: strings.Repeat("a", 40), Ref: "main", DefaultBranch: true},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("event", func(b *testing.B) {
		for b.Loop() {
			if _, err := Encode(&e); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("body", func(b *testing.B) {
		for b.Loop() {
			if _, err := e.Data.appendTo(make([]byte, 0, 1024)); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("body-by-json", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(&e.Data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
