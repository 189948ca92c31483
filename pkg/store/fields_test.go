package store

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

type thing struct {
	Name, Kind, ID, Other string
	Is                    bool
	Maybe                 *bool
	N                     int
	Big                   int64
	Took                  time.Duration
	Left                  *int64
	Sum                   uint64
	Share                 *float64
	At, Until             time.Time
	Words, Kinds          []string
	Pairs                 [][2]string
}

var thingFields = []Field[thing]{
	Text("name", func(t *thing) *string { return &t.Name }),
	Text("kind", func(t *thing) *string { return &t.Kind }),
	ID("id", func(t *thing) *string { return &t.ID }),
	ID("other", func(t *thing) *string { return &t.Other }),
	Flag("is", func(t *thing) *bool { return &t.Is }),
	FlagOrNull("maybe", func(t *thing) **bool { return &t.Maybe }),
	Count("n", func(t *thing) *int { return &t.N }),
	Number("big", func(t *thing) *int64 { return &t.Big }),
	Milliseconds("took", func(t *thing) *time.Duration { return &t.Took }),
	NumberOrNull("left", func(t *thing) **int64 { return &t.Left }),
	Total("sum", func(t *thing) *uint64 { return &t.Sum }),
	FloatOrNull("share", func(t *thing) **float64 { return &t.Share }),
	Time("at", func(t *thing) *time.Time { return &t.At }),
	Time("until", func(t *thing) *time.Time { return &t.Until }),
	Texts("words", func(t *thing) *[]string { return &t.Words }),
	Texts("kinds", func(t *thing) *[]string { return &t.Kinds }),
	Pairs("pairs", "a", "b", func(t *thing) [][2]string { return t.Pairs }, func(t *thing, p [][2]string) { t.Pairs = p }),
}

func things(t testing.TB) *Store {
	s, _ := open(t)
	for _, sql := range []string{"CREATE DATABASE things", `CREATE TABLE things.things
		(
			name String, kind LowCardinality(String), id UUID, other Nullable(UUID), is Bool, maybe Nullable(Bool), n UInt32, big Int64, took Int64, left Nullable(Int64), sum UInt64, share Nullable(Float64),
			at DateTime64(3, 'UTC'), until Nullable(DateTime64(3, 'UTC')), words Array(String), kinds Array(LowCardinality(String)),
			pairs Array(Tuple(a LowCardinality(String), b String)), generation UInt64, deleted UInt8
		) ENGINE = MergeTree ORDER BY n`} {
		if err := s.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// What is written by fields is read by them as it was, of every type, null or not,
// in as many rows as it likes.
func TestFields(t *testing.T) {
	s := things(t)
	yes, no, left, share := true, false, int64(-7), -1.0/3
	some := []thing{
		{},
		{Name: "a", Kind: "k", Is: true, Maybe: &yes, Big: -1 << 62, Took: -time.Hour, Left: &left, Sum: 1<<64 - 1, Share: &share, Until: day.Add(time.Millisecond), Words: []string{"", "x y"}, Kinds: []string{"k"},
			Pairs: [][2]string{{"git", "acme/shop"}, {"ci", ""}}, Other: "00000000-0000-0000-0000-000000000001"},
		{Name: strings.Repeat("long ", 100), Kind: "ü", Maybe: &no, Words: []string{"z"}, At: time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC)},
	}
	var all []thing
	for i := range chunk + 100 {
		one := some[i%len(some)]
		one.ID, one.N = fmt.Sprintf("0a1b2c3d-4e5f-6071-8293-%012x", i), i
		if one.At.IsZero() {
			one.At = day.Add(time.Duration(i) * time.Second)
		}
		all = append(all, one)
	}
	if err := WriteFields(t.Context(), s, "things.things", thingFields, all, Constant{"generation", 1 << 40}, Constant{"deleted", 1}); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFields(t.Context(), s, thingFields, Select(thingFields)+" FROM things.things WHERE generation = {g:UInt64} AND deleted = 1 ORDER BY n", Param("g", uint64(1<<40)))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(all) {
		t.Fatalf("%d rows were read, not %d", len(got), len(all))
	}
	for i := range all {
		if !reflect.DeepEqual(got[i], all[i]) {
			t.Fatalf("row %d was\n%+v\nand is\n%+v", i, all[i], got[i])
		}
	}
}

func TestFieldsOfNothing(t *testing.T) {
	s := things(t)
	if err := WriteFields(t.Context(), s, "things.things", thingFields, nil); err != nil {
		t.Error(err)
	}
	got, err := ReadFields(t.Context(), s, thingFields, Select(thingFields)+" FROM things.things")
	if err != nil || len(got) != 0 {
		t.Errorf("%v, %v of an empty table", got, err)
	}
}

func TestFieldsThatDoNotFit(t *testing.T) {
	s := things(t)
	if err := WriteFields(t.Context(), s, "things.things", thingFields, []thing{{ID: "no-uuid"}}); err == nil || !strings.Contains(err.Error(), `column id: "no-uuid" is no UUID`) || errors.Is(err, ErrUnavailable) {
		t.Errorf("writing a wrong id: %v", err)
	}
	for sql, want := range map[string]string{
		"SELECT 1::UInt32 AS x":        "column x: it is of type uint32, not utf8",
		"SELECT 'a', 'b'":              "the answer has 2 columns, not 1",
		"SELECT 'a' FROM things.other": "things.other",
	} {
		if _, err := ReadFields(t.Context(), s, thingFields[:1], sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %s", sql, err, want)
		}
	}
}
