package events

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestIDsAreUUIDsOfVersion8(t *testing.T) {
	id, err := ParseID(NewID("github", ServiceDeployed, "deployment", "1"))
	if err != nil {
		t.Fatal(err)
	}
	if id[6]>>4 != 8 || id[8]>>6 != 2 {
		t.Errorf("version %d, variant %b; want 8 and 10 (RFC 9562)", id[6]>>4, id[8]>>6)
	}
	if got := formatUUID(id); got != NewID("github", ServiceDeployed, "deployment", "1") {
		t.Errorf("the parsed ID is written as %s", got)
	}
	// An identity is for ever: another value here would double every fact.
	if got, want := NewID("github", ServiceDeployed, "deployment", "1"), "51d5a600-b2fa-8cdc-af1d-3b10aa327ebe"; got != want {
		t.Errorf("NewID = %s, was published as %s", got, want)
	}
}

func TestParseIDRefuses(t *testing.T) {
	for _, s := range []string{"", "x", "00000000-0000-0000-0000-00000000000", "00000000-0000-0000-0000-0000000000000", "00000000_0000-0000-0000-000000000000", "0000000g-0000-0000-0000-000000000000"} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

func randomVersion(rng *rand.Rand) (v Version) {
	v.Mapping, v.Sequence = uint16(rng.IntN(3)), rng.Uint64()>>rng.IntN(64)
	v.Hash[0], v.Hash[21] = byte(rng.IntN(3)), byte(rng.IntN(3))
	return v
}

// Comparing the numbers compares mapping, then sequence, then hash; and a
// version is its text.
func TestVersionsAreOrderedAsNumbers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 5000 {
		a, b := randomVersion(rng), randomVersion(rng)
		want := cmp.Or(cmp.Compare(a.Mapping, b.Mapping), cmp.Compare(a.Sequence, b.Sequence), bytes.Compare(a.Hash[:], b.Hash[:]))
		ab, bb := a.Bytes(), b.Bytes()
		if got := bytes.Compare(ab[:], bb[:]); got != want {
			t.Fatalf("%v and %v compare as %d, want %d", a, b, got, want)
		}
		if cmp.Compare(a.String(), b.String()) != want {
			t.Fatalf("the texts of %v and %v compare otherwise", a, b)
		}
		if back, err := ParseVersion(a.String()); err != nil || back != a {
			t.Fatalf("ParseVersion(%s) = %v, %v", a, back, err)
		}
	}
	for _, s := range []string{"", "00", string(bytes.Repeat([]byte("g"), 64)), string(bytes.Repeat([]byte("0"), 65))} {
		if _, err := ParseVersion(s); err == nil {
			t.Errorf("version %q was taken", s)
		}
	}
}

func TestSequenceOf(t *testing.T) {
	times := []time.Time{{}, time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC), time.Date(1970, 1, 1, 0, 0, 0, 1e6, time.UTC), noon}
	var got []uint64
	for _, at := range times {
		got = append(got, SequenceOf(at))
	}
	if want := []uint64{0, 0, 1, uint64(noon.UnixMilli())}; !slices.Equal(got, want) {
		t.Errorf("sequences %v, want %v", got, want)
	}
}
