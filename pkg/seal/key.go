package seal

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// A Purpose separates keys: what is sealed for one purpose cannot be opened for
// another, not even with the same key bytes. It is stored and must not change.
type Purpose string

const (
	Delivery Purpose = "delivery" // raw bodies, opened by normalise, replay and dead show
	Survey   Purpose = "survey"   // answers, opened by the rollup alone
)

func (p Purpose) info() []byte { return []byte("payoff " + string(p) + " v1") }

func (p Purpose) validate() error {
	switch p {
	case Delivery, Survey:
		return nil
	}
	return fmt.Errorf("unknown key purpose %q: want %q or %q", string(p), Delivery, Survey)
}

// A KeyID names a key pair: the first 8 bytes of the SHA-256 of its public key.
type KeyID [8]byte

// String is the id in hexadecimal, 16 digits.
func (id KeyID) String() string { return hex.EncodeToString(id[:]) }

func keyID(public []byte) KeyID {
	sum := sha256.Sum256(public)
	return KeyID(sum[:8])
}

// A PublicKey seals. It is no secret.
type PublicKey struct {
	purpose Purpose
	id      KeyID
	key     hpke.PublicKey
}

// ID names the key.
func (k *PublicKey) ID() KeyID { return k.id }

// Purpose is what the key is for.
func (k *PublicKey) Purpose() Purpose { return k.purpose }

// A PrivateKey opens what was sealed to its public key.
type PrivateKey struct {
	public PublicKey
	key    hpke.PrivateKey
}

// GenerateKey makes a key pair from the system's randomness.
func GenerateKey(p Purpose) (*PrivateKey, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	key, err := kem().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("generating a %s key: %w", p, err)
	}
	return newPrivateKey(p, key), nil
}

// ID names the key pair.
func (k *PrivateKey) ID() KeyID { return k.public.id }

// Public is the half that seals.
func (k *PrivateKey) Public() *PublicKey { return &k.public }

// String names the key and keeps the secret, so that a log line that prints a
// key by mistake gives nothing away.
func (k *PrivateKey) String() string {
	return fmt.Sprintf("%s key %s (private)", k.public.purpose, k.public.id)
}

// GoString does for %#v what String does for %v.
func (k *PrivateKey) GoString() string { return k.String() }

func newPublicKey(p Purpose, key hpke.PublicKey) *PublicKey {
	return &PublicKey{purpose: p, id: keyID(key.Bytes()), key: key}
}

func newPrivateKey(p Purpose, key hpke.PrivateKey) *PrivateKey {
	return &PrivateKey{public: *newPublicKey(p, key.PublicKey()), key: key}
}
