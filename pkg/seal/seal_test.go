package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

func newRing(t testing.TB, p Purpose) *Keyring {
	t.Helper()
	k, err := GenerateKey(p)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewKeyring(k)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newPair(t testing.TB) (*Sealer, *Opener) {
	t.Helper()
	r := newRing(t, Delivery)
	s, err := NewSealer(r.Public())
	if err != nil {
		t.Fatal(err)
	}
	o, err := NewOpener(r)
	if err != nil {
		t.Fatal(err)
	}
	return s, o
}

func mustSeal(t testing.TB, s *Sealer, body, context []byte) []byte {
	t.Helper()
	sealed, err := s.Seal(body, context)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestSealedDeliveryOpensAlone(t *testing.T) {
	s, o := newPair(t)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		body, context := randomBytes(rng, rng.IntN(5000)), randomBytes(rng, rng.IntN(40))
		if i%50 == 49 { // over data keys too
			if _, err := s.Rotate(); err != nil {
				t.Fatal(err)
			}
		}
		sealed := mustSeal(t, s, body, context)
		if len(sealed) != len(body)+Overhead {
			t.Fatalf("%d bytes sealed in %d, want %d more", len(body), len(sealed), Overhead)
		}
		got, err := o.Open(sealed, context)
		if err != nil || !bytes.Equal(got, body) {
			t.Fatalf("opening message %d: %v, same body %v", i, err, bytes.Equal(got, body))
		}
	}
}

func randomBytes(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// TestFormatIsAsDocumented opens a message with nothing but the comment above
// deliveryVersion and RFC 9180.
func TestFormatIsAsDocumented(t *testing.T) {
	ring := newRing(t, Delivery)
	s, err := NewSealer(ring.Public())
	if err != nil {
		t.Fatal(err)
	}
	m := mustSeal(t, s, []byte("the body"), []byte("github/main"))
	if id := ring.Public().ID(); m[0] != 1 || !bytes.Equal(m[1:9], id[:]) {
		t.Fatalf("message starts with %x, want 01 and %s", m[:9], id)
	}
	suite := []byte("payoff delivery v1")
	r, err := hpke.NewRecipient(m[9:41], ring.keys[0].key, hpke.HKDFSHA256(), hpke.AES256GCM(), suite)
	if err != nil {
		t.Fatal(err)
	}
	if id := ring.keys[0].key.KEM().ID(); id != hpke.DHKEM(ecdh.X25519()).ID() {
		t.Errorf("KEM %#04x, want DHKEM(X25519, HKDF-SHA256)", id)
	}
	secret, err := r.Open(m[:9], m[41:89])
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(secret)
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	body, err := gcm.Open(nil, m[89:101], m[101:], append(append(suite, 0), "github/main"...))
	if err != nil || string(body) != "the body" {
		t.Errorf("opened by hand: %q, %v", body, err)
	}
}

func TestEveryFlippedBitFails(t *testing.T) {
	s, o := newPair(t)
	context := []byte("github/main/42")
	sealed := mustSeal(t, s, []byte(`{"zen":"Keep it logically awesome."}`), context)
	for i := range len(sealed) * 8 {
		bad := bytes.Clone(sealed)
		bad[i/8] ^= 1 << (i % 8)
		want := ErrAltered
		switch {
		case i < 8:
			want = ErrMalformed
		case i < 8*headSize:
			want = ErrUnknownKey
		}
		if _, err := o.Open(bad, context); !errors.Is(err, want) {
			t.Errorf("bit %d of byte %d flipped: %v, want %v", i%8, i/8, err, want)
		}
	}
	for i := range len(context) * 8 {
		bad := bytes.Clone(context)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := o.Open(sealed, bad); !errors.Is(err, ErrAltered) {
			t.Errorf("bit %d of the context flipped: %v, want %v", i, err, ErrAltered)
		}
	}
	for n := range sealed {
		if _, err := o.Open(sealed[:n], context); err == nil {
			t.Errorf("opened the first %d of %d bytes", n, len(sealed))
		}
	}
	if _, err := o.Open(append(bytes.Clone(sealed), 0), context); !errors.Is(err, ErrAltered) {
		t.Errorf("with a byte more: %v, want %v", err, ErrAltered)
	}
}

func TestBoxesOpenAndAreUnlinkable(t *testing.T) {
	ring := newRing(t, Survey)
	context := []byte("csat\x00v3\x002026-w46")
	a, errA := ring.Public().SealBox([]byte("5"), context)
	b, errB := ring.Public().SealBox([]byte("5"), context)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	if bytes.Equal(a.Enc, b.Enc) || bytes.Equal(a.Ciphertext, b.Ciphertext) {
		t.Error("two boxes share bytes: they can be linked")
	}
	if got, err := ring.OpenBox(a, context); err != nil || string(got) != "5" {
		t.Errorf("OpenBox = %q, %v", got, err)
	}
	if _, err := ring.OpenBox(a, []byte("csat\x00v3\x002026-w47")); !errors.Is(err, ErrAltered) {
		t.Errorf("in another wave: %v, want %v", err, ErrAltered)
	}
	mixed := Box{a.KeyID, a.Enc, b.Ciphertext}
	if _, err := ring.OpenBox(mixed, context); !errors.Is(err, ErrAltered) {
		t.Errorf("with another's ciphertext: %v, want %v", err, ErrAltered)
	}
	for i := range 8 * encSize {
		bad := Box{a.KeyID, bytes.Clone(a.Enc), a.Ciphertext}
		bad.Enc[i/8] ^= 1 << (i % 8)
		if _, err := ring.OpenBox(bad, context); !errors.Is(err, ErrAltered) {
			t.Errorf("bit %d of enc flipped: %v, want %v", i, err, ErrAltered)
		}
	}
	for i := range 8 * len(a.Ciphertext) {
		bad := Box{a.KeyID, a.Enc, bytes.Clone(a.Ciphertext)}
		bad.Ciphertext[i/8] ^= 1 << (i % 8)
		if _, err := ring.OpenBox(bad, context); !errors.Is(err, ErrAltered) {
			t.Errorf("bit %d of the ciphertext flipped: %v, want %v", i, err, ErrAltered)
		}
	}
	for _, bad := range []Box{{}, {a.KeyID[1:], a.Enc, a.Ciphertext}, {a.KeyID, a.Enc[1:], a.Ciphertext}, {a.KeyID, a.Enc, nil}} {
		if _, err := ring.OpenBox(bad, context); !errors.Is(err, ErrMalformed) {
			t.Errorf("OpenBox(%v) = %v, want %v", bad, err, ErrMalformed)
		}
	}
}

func TestOldKeysOpenAfterRotation(t *testing.T) {
	first := newRing(t, Delivery)
	s, err := NewSealer(first.Public())
	if err != nil {
		t.Fatal(err)
	}
	old := mustSeal(t, s, []byte("old"), nil)
	second, err := first.Rotated()
	if err != nil {
		t.Fatal(err)
	}
	if second.Public().ID() == first.Public().ID() || second.IDs()[1] != first.Public().ID() {
		t.Fatalf("rotated ring has keys %v, want a new one before %v", second.IDs(), first.Public().ID())
	}
	s, err = NewSealer(second.Public())
	if err != nil {
		t.Fatal(err)
	}
	fresh := mustSeal(t, s, []byte("new"), nil)

	o, err := NewOpener(second)
	if err != nil {
		t.Fatal(err)
	}
	for want, sealed := range map[string][]byte{"old": old, "new": fresh} {
		if got, err := o.Open(sealed, nil); err != nil || string(got) != want {
			t.Errorf("Open = %q, %v, want %q", got, err, want)
		}
	}
	o, err = NewOpener(first)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.Open(fresh, nil)
	if !errors.Is(err, ErrUnknownKey) || !strings.Contains(err.Error(), second.Public().ID().String()) {
		t.Errorf("without the key: %v, want %v with its id", err, ErrUnknownKey)
	}
}

func TestPurposesDoNotMix(t *testing.T) {
	survey, delivery := newRing(t, Survey), newRing(t, Delivery)
	if _, err := NewSealer(survey.Public()); err == nil {
		t.Error("a delivery sealer took a survey key")
	}
	if _, err := NewOpener(survey); err == nil {
		t.Error("a delivery opener took survey keys")
	}
	if _, err := NewKeyring(survey.keys[0], delivery.keys[0]); err == nil {
		t.Error("a ring took keys of two purposes")
	}
	if _, err := NewKeyring(survey.keys[0], survey.keys[0]); err == nil {
		t.Error("a ring took a key twice")
	}
	if _, err := GenerateKey("tea"); err == nil {
		t.Error("made a key for an unknown purpose")
	}
	// The same key bytes under another purpose have the same id and open nothing.
	twin, err := NewKeyring(newPrivateKey(Survey, delivery.keys[0].key))
	if err != nil {
		t.Fatal(err)
	}
	box, err := delivery.Public().SealBox([]byte("x"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := twin.OpenBox(box, nil); !errors.Is(err, ErrAltered) {
		t.Errorf("opened under another purpose: %v, want %v", err, ErrAltered)
	}
}

func TestNoncesAndEnvelopesAcrossGoroutines(t *testing.T) {
	s, o := newPair(t)
	const writers, each = 8, 250
	sealed := make([][][]byte, writers)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				m, err := s.Seal(fmt.Appendf(nil, "%d/%d", w, i), nil)
				if err != nil {
					t.Error(err)
				}
				sealed[w] = append(sealed[w], m)
				if i == each/2 {
					if _, err := s.Rotate(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for w := range writers {
		for i, m := range sealed[w] {
			nonce := string(m[envelopeSize : envelopeSize+nonceSize])
			if seen[nonce] {
				t.Fatalf("nonce %x used twice", nonce)
			}
			seen[nonce] = true
			if got, err := o.Open(m, nil); err != nil || string(got) != fmt.Sprintf("%d/%d", w, i) {
				t.Fatalf("Open = %q, %v", got, err)
			}
		}
	}
}

func TestSealerRotatesAWornOutKey(t *testing.T) {
	s, o := newPair(t)
	before := mustSeal(t, s, nil, nil)
	s.current.Load().uses.Store(maxUses - 1)
	last, first := mustSeal(t, s, nil, nil), mustSeal(t, s, []byte("x"), nil)
	if !bytes.Equal(before[:envelopeSize], last[:envelopeSize]) || bytes.Equal(last[:envelopeSize], first[:envelopeSize]) {
		t.Errorf("data key changed elsewhere than after %d uses", maxUses)
	}
	if got, err := o.Open(first, nil); err != nil || string(got) != "x" {
		t.Errorf("Open = %q, %v", got, err)
	}
}

func TestOpenerForgetsRatherThanGrows(t *testing.T) {
	s, o := newPair(t)
	for range maxOpened + 10 {
		if _, err := s.Rotate(); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Open(mustSeal(t, s, nil, nil), nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(o.opened); n > maxOpened {
		t.Errorf("opener remembers %d data keys, want at most %d", n, maxOpened)
	}
}

func BenchmarkSeal(b *testing.B) {
	s, _ := newPair(b)
	body := make([]byte, 1<<10)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Seal(body, []byte("github/main/42")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRotate(b *testing.B) {
	s, _ := newPair(b)
	for b.Loop() {
		if _, err := s.Rotate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s, o := newPair(b)
	sealed := mustSeal(b, s, make([]byte, 1<<10), nil)
	b.SetBytes(1 << 10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := o.Open(sealed, nil); err != nil {
			b.Fatal(err)
		}
	}
}
