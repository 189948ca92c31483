package seal

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestKeyFilesKeepTheirKeys(t *testing.T) {
	dir := t.TempDir()
	private, public := filepath.Join(dir, "delivery.key"), filepath.Join(dir, "delivery.pub")
	made, err := CreateKeyring(private, Delivery)
	if err != nil {
		t.Fatal(err)
	}
	rotated, err := made.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	if err := rotated.Save(private); err != nil {
		t.Fatal(err)
	}
	if err := rotated.Public().Save(public); err != nil {
		t.Fatal(err)
	}
	again, err := CreateKeyring(private, Delivery) // loads what is there
	if err != nil || !slices.Equal(again.IDs(), rotated.IDs()) {
		t.Fatalf("loaded keys %v, %v, want %v", again.IDs(), err, rotated.IDs())
	}
	pub, err := LoadPublicKey(public, Delivery)
	if err != nil || pub.ID() != rotated.Public().ID() {
		t.Fatalf("loaded public key %v, %v, want %v", pub, err, rotated.Public())
	}
	s, err := NewSealer(pub)
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener(again)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := o.Open(mustSeal(t, s, []byte("x"), nil), nil); err != nil || string(got) != "x" {
		t.Errorf("sealed with the loaded public key: %q, %v", got, err)
	}
	for path, want := range map[string]fs.FileMode{private: 0o600, public: 0o644} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
	if names, _ := filepath.Glob(filepath.Join(dir, ".*")); len(names) != 0 {
		t.Errorf("temporary files left behind: %v", names)
	}
}

func TestProcessesThatCreateAtOnceAgree(t *testing.T) {
	dir := t.TempDir()
	ids := make([]KeyID, 16)
	people := make([]string, len(ids))
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			r, err := CreateKeyring(filepath.Join(dir, "k"), Survey)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = r.Public().ID()
			p, err := CreatePseudonymiser(filepath.Join(dir, "p"))
			if err != nil {
				t.Error(err)
				return
			}
			people[i] = p.Person("ada@example.com")
		})
	}
	wg.Wait()
	if n, m := len(slices.Compact(ids)), len(slices.Compact(people)); n != 1 || m != 1 {
		t.Errorf("%d keys and %d pseudonyms came out of one file each", n, m)
	}
}

func TestOthersMustNotReadSecrets(t *testing.T) {
	for _, mode := range []fs.FileMode{0o604, 0o620, 0o644, 0o666} {
		dir := t.TempDir()
		keys, secret := filepath.Join(dir, "k"), filepath.Join(dir, "p")
		if _, err := CreateKeyring(keys, Delivery); err != nil {
			t.Fatal(err)
		}
		if _, err := CreatePseudonymiser(secret); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{keys, secret} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := LoadKeyring(keys, Delivery); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("keys of mode %o: %v, want a refusal that says what to do", mode, err)
		}
		if _, err := CreatePseudonymiser(secret); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("secret of mode %o: %v, want a refusal that says what to do", mode, err)
		}
	}
}

func TestBadKeyFiles(t *testing.T) {
	r := newRing(t, Delivery)
	text, err := r.marshal()
	if err != nil {
		t.Fatal(err)
	}
	good := strings.TrimSpace(string(text[bytes.Index(text, []byte(privateLabel)):]))
	f := strings.Fields(good)
	secret := f[3]
	for name, c := range map[string]struct{ text, want string }{
		"empty":         {"# nothing\n", "at least one key"},
		"twice":         {good + "\n" + good, "there twice"},
		"other label":   {strings.Replace(good, "v1", "v2", 1), `line 1: want "payoff-private-v1"`},
		"other purpose": {strings.Replace(good, "delivery", "survey", 1), "line 1: key is not for delivery"},
		"other id":      {strings.Replace(good, f[2], "0123456789abcdef", 1), "line 1: key has id " + f[2]},
		"cut":           {"\n# comment\n" + good[:len(good)-8], "line 3: key is not"},
		"not base64":    {strings.Replace(good, secret, "!"+secret[1:], 1), "line 1: key is not base64"},
		"too short":     {strings.Replace(good, secret, base64.StdEncoding.EncodeToString([]byte("short")), 1), "32 bytes"},
	} {
		_, err := parseKeyring([]byte(c.text), Delivery)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
			continue
		}
		if strings.Contains(err.Error(), secret[:8]) {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
	pub := r.Public().String()
	if _, err := ParsePublicKey([]byte(pub+"\n"+newRing(t, Delivery).Public().String()), Delivery); err == nil {
		t.Error("took a public key file with two keys")
	}
	if _, err := ParsePublicKey([]byte(good), Delivery); err == nil || strings.Contains(err.Error(), secret[:8]) {
		t.Errorf("private key as a public one: %v, want a refusal that hides it", err)
	}
}

func TestPrintingAKeyKeepsTheSecret(t *testing.T) {
	k, err := GenerateKey(Survey)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("survey key %s (private)", k.ID())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, k); got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
	}
}

func FuzzKeyFile(f *testing.F) {
	r := newRing(f, Delivery)
	text, err := r.marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(r.Public().String()))
	f.Add([]byte("# only\n\n payoff-private-v1 delivery x y"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if ring, err := parseKeyring(text, Delivery); err == nil {
			again, err := ring.marshal()
			if err != nil {
				t.Fatal(err)
			}
			back, err := parseKeyring(again, Delivery)
			if err != nil || !slices.Equal(back.IDs(), ring.IDs()) {
				t.Errorf("written and read again: %v, %v, want %v", back, err, ring.IDs())
			}
		}
		if k, err := ParsePublicKey(text, Delivery); err == nil {
			back, err := ParsePublicKey([]byte(k.String()), Delivery)
			if err != nil || back.ID() != k.ID() {
				t.Errorf("written and read again: %v, %v, want %v", back, err, k)
			}
		}
		_, _ = parseSecret(text)
	})
}
