package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPersonIsAsDocumented(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	p, err := NewPseudonymiser(secret)
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("payoff person v1\x00ada@example.com"))
	want := "p_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:16]))
	for _, account := range []string{"ada@example.com", "Ada@Example.COM", "  ada@example.com\n"} {
		if got := p.Person(account); got != want {
			t.Errorf("Person(%q) = %q, want %q", account, got, want)
		}
	}
	if len(want) != 28 {
		t.Errorf("pseudonym %q has %d characters, want 28", want, len(want))
	}
	secret[0] ^= 1 // the caller's copy
	if got := p.Person("ada@example.com"); got != want {
		t.Errorf("after the caller changed its secret: %q, want %q", got, want)
	}
}

func TestPersonsDiffer(t *testing.T) {
	a, errA := NewPseudonymiser(bytes.Repeat([]byte{1}, 32))
	b, errB := NewPseudonymiser(bytes.Repeat([]byte{2}, 32))
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if a.Person("ada@example.com") == a.Person("grace@example.com") {
		t.Error("two accounts share a pseudonym")
	}
	if a.Person("ada@example.com") == b.Person("ada@example.com") {
		t.Error("two secrets give the same pseudonym")
	}
	if got := a.Person(" \t"); got != "" {
		t.Errorf("the empty account is %q, want empty: the unknown are not one person", got)
	}
	if _, err := NewPseudonymiser(make([]byte, 31)); err == nil {
		t.Error("took a secret of 31 bytes")
	}
}

func TestPseudonymSecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pseudonym.key")
	if _, err := LoadPseudonymiser(path); err == nil {
		t.Error("loaded a secret that is not there")
	}
	made, err := CreatePseudonymiser(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadPseudonymiser(path)
	if err != nil || loaded.Person("ada") != made.Person("ada") {
		t.Errorf("after loading: %v, a different person: the secret was not kept", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("secret file has mode %v, %v, want 0600", info.Mode(), err)
	}
	for _, text := range []string{"", "# x\n", secretLabel, secretLabel + " AAAA", secretLabel + " !", "a b", secretLabel + " " + strings.Repeat("A", 44) + "\nmore"} {
		if _, err := parseSecret([]byte(text)); err == nil {
			t.Errorf("took %q for a secret file", text)
		}
	}
}

func BenchmarkPerson(b *testing.B) {
	p, err := NewPseudonymiser(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p.Person("ada@example.com")
	}
}
