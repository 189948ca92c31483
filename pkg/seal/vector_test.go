package seal

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/v1.json anew; only when version 1 has never been released")

// vectors are messages sealed once and for all. What opened them yesterday must
// open them in ten years, so a change of format breaks this test, not the rows
// that are already stored.
type vectors struct {
	DeliveryKeys string `json:"delivery_keys"`
	SurveyKeys   string `json:"survey_keys"`
	Deliveries   []struct {
		Context string `json:"context"`
		Body    string `json:"body"`
		Sealed  []byte `json:"sealed"`
	} `json:"deliveries"`
	Boxes []struct {
		Context string `json:"context"`
		Message string `json:"message"`
		Box     Box    `json:"box"`
	} `json:"boxes"`
	Secret  string            `json:"pseudonym_secret"`
	Persons map[string]string `json:"persons"`
}

const vectorFile = "testdata/v1.json"

func TestVectors(t *testing.T) {
	if *update {
		writeVectors(t)
	}
	v := readVectors(t)
	ring, err := parseKeyring([]byte(v.DeliveryKeys), Delivery)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener(ring)
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range v.Deliveries {
		if got, err := o.Open(d.Sealed, []byte(d.Context)); err != nil || string(got) != d.Body {
			t.Errorf("delivery %d: %q, %v, want %q", i, got, err, d.Body)
		}
	}
	survey, err := parseKeyring([]byte(v.SurveyKeys), Survey)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range v.Boxes {
		if got, err := survey.OpenBox(b.Box, []byte(b.Context)); err != nil || string(got) != b.Message {
			t.Errorf("box %d: %q, %v, want %q", i, got, err, b.Message)
		}
	}
	secret, err := parseSecret([]byte(v.Secret))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPseudonymiser(secret)
	if err != nil {
		t.Fatal(err)
	}
	for account, want := range v.Persons {
		if got := p.Person(account); got != want {
			t.Errorf("Person(%q) = %q, want %q", account, got, want)
		}
	}
	if len(v.Deliveries) == 0 || len(v.Boxes) == 0 || len(v.Persons) == 0 {
		t.Error("a vector file without vectors proves nothing")
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// writeVectors seals the plaintexts of the present file again.
func writeVectors(t *testing.T) {
	t.Helper()
	v := readVectors(t)
	delivery, survey := newRing(t, Delivery), newRing(t, Survey)
	delivery, err := delivery.Rotated() // the file shows a ring of two
	if err != nil {
		t.Fatal(err)
	}
	v.DeliveryKeys, v.SurveyKeys = ringText(t, delivery), ringText(t, survey)
	s, err := NewSealer(delivery.Public())
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range v.Deliveries {
		v.Deliveries[i].Sealed = mustSeal(t, s, []byte(d.Body), []byte(d.Context))
	}
	for i, b := range v.Boxes {
		v.Boxes[i].Box, err = survey.Public().SealBox([]byte(b.Message), []byte(b.Context))
		if err != nil {
			t.Fatal(err)
		}
	}
	secret, err := parseSecret([]byte(v.Secret))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPseudonymiser(secret)
	if err != nil {
		t.Fatal(err)
	}
	for account := range v.Persons {
		v.Persons[account] = p.Person(account)
	}
	text, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func ringText(t *testing.T, r *Keyring) string {
	t.Helper()
	text, err := r.marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func FuzzOpen(f *testing.F) {
	v := readVectors(f)
	ring, err := parseKeyring([]byte(v.DeliveryKeys), Delivery)
	if err != nil {
		f.Fatal(err)
	}
	o, err := NewOpener(ring)
	if err != nil {
		f.Fatal(err)
	}
	genuine := make(map[string]string)
	for _, d := range v.Deliveries {
		f.Add(d.Sealed, []byte(d.Context))
		f.Add(d.Sealed[:Overhead-1], []byte(d.Context))
		genuine[string(d.Sealed)+"\x00"+d.Context] = d.Body
	}
	f.Fuzz(func(t *testing.T, sealed, context []byte) {
		body, err := o.Open(sealed, context)
		want, ok := genuine[string(sealed)+"\x00"+string(context)]
		if ok && (err != nil || string(body) != want) {
			t.Errorf("genuine message: %q, %v", body, err)
		}
		if !ok && err == nil {
			t.Errorf("opened a forgery: %q", body)
		}
		checkOpenError(t, err)
	})
}

func FuzzOpenBox(f *testing.F) {
	v := readVectors(f)
	ring, err := parseKeyring([]byte(v.SurveyKeys), Survey)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range v.Boxes {
		f.Add(b.Box.KeyID, b.Box.Enc, b.Box.Ciphertext, []byte(b.Context))
		f.Add(strings.ToUpper(b.Box.KeyID), b.Box.Enc[:31], b.Box.Ciphertext[:15], []byte(nil))
	}
	f.Fuzz(func(t *testing.T, id string, enc, ciphertext, context []byte) {
		message, err := ring.OpenBox(Box{id, enc, ciphertext}, context)
		if err == nil && !isVector(v, enc, ciphertext, context) {
			t.Errorf("opened a forgery: %q", message)
		}
		checkOpenError(t, err)
	})
}

func isVector(v vectors, enc, ciphertext, context []byte) bool {
	for _, b := range v.Boxes {
		if bytes.Equal(b.Box.Enc, enc) && bytes.Equal(b.Box.Ciphertext, ciphertext) && b.Context == string(context) {
			return true
		}
	}
	return false
}

func checkOpenError(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnknownKey) && !errors.Is(err, ErrAltered) {
		t.Errorf("an error no caller can act on: %v", err)
	}
}
