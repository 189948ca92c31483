package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hpke"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
)

// A sealed delivery, version 1, is one self-contained message:
//
//	offset  bytes
//	     0      1  version: 1
//	     1      8  key id of the delivery key
//	     9     32  enc: the HPKE encapsulation
//	    41     48  the data key (32 bytes), sealed by HPKE with its tag; associated
//	               data: the bytes before enc; info: "payoff delivery v1"
//	    89     12  nonce, random
//	   101      n  the body under AES-256-GCM with the data key; associated data:
//	               "payoff delivery v1", 0x00, what the caller binds it to
//	 101+n     16  tag
//
// The first 89 bytes are the envelope: the same for all messages of a data key.
// It is repeated in each (Overhead is 117 bytes) so that a message can be opened
// wherever it has been copied to, long after its segment of the log is gone.
const (
	deliveryVersion = 1
	headSize        = 1 + len(KeyID{})
	dataKeySize     = 32
	envelopeSize    = headSize + encSize + dataKeySize + tagSize

	// Overhead is how much longer a sealed delivery is than its body, in bytes.
	Overhead = envelopeSize + nonceSize + tagSize
)

// maxUses is how many messages one data key seals. AES-GCM with random nonces
// allows 2^32 (NIST SP 800-38D, section 8.3); this stays far below, where two
// equal nonces have a chance under 2^-48.
const maxUses = 1 << 24

// A Sealer seals deliveries to a public key. Its methods may be called at once.
type Sealer struct {
	to      *PublicKey
	rotate  sync.Mutex
	current atomic.Pointer[dataKey]
}

type dataKey struct {
	envelope []byte
	gcm      cipher.AEAD
	uses     atomic.Int64
}

// NewSealer makes a sealer to a delivery key, with a first data key.
func NewSealer(to *PublicKey) (*Sealer, error) {
	if to.purpose != Delivery {
		return nil, fmt.Errorf("sealing deliveries takes a %s key: key %s is for %s", Delivery, to.id, to.purpose)
	}
	s := &Sealer{to: to}
	_, err := s.Rotate()
	return s, err
}

// Rotate makes a new data key for the messages from now on and returns its
// envelope: 89 bytes, no secret. It fits spool.Options.NewSegmentMeta, which
// gives each segment of the log a data key of its own. A Sealer that is never
// told to rotates by itself after 2^24 messages.
func (s *Sealer) Rotate() (envelope []byte, err error) {
	return s.replace(s.current.Load())
}

// replace replaces old, unless another goroutine has just done so.
func (s *Sealer) replace(old *dataKey) (envelope []byte, err error) {
	s.rotate.Lock()
	defer s.rotate.Unlock()
	if k := s.current.Load(); k != old {
		return k.envelope, nil
	}
	k, err := newDataKey(s.to)
	if err != nil {
		return nil, err
	}
	s.current.Store(k)
	return k.envelope, nil
}

// Seal returns body sealed together with the promise of its context: Open gives
// body back only to a caller who names the same context (where it came from, say
// "github/main/<delivery id>"). The context is not in the result. Neither
// argument is kept.
func (s *Sealer) Seal(body, context []byte) ([]byte, error) {
	k := s.current.Load()
	if k.uses.Add(1) > maxUses {
		if _, err := s.replace(k); err != nil {
			return nil, err
		}
		return s.Seal(body, context)
	}
	out := make([]byte, envelopeSize, Overhead+len(body))
	copy(out, k.envelope)
	return k.gcm.Seal(out, nil, body, bound(context)), nil
}

func newDataKey(to *PublicKey) (*dataKey, error) {
	secret := make([]byte, dataKeySize)
	rand.Read(secret) // never fails
	enc, sender, err := hpke.NewSender(to.key, kdf(), aead(), to.purpose.info())
	if err != nil {
		return nil, fmt.Errorf("sealing a data key to %s: %w", to.id, err)
	}
	env := make([]byte, 0, envelopeSize)
	env = append(env, deliveryVersion)
	env = append(env, to.id[:]...)
	wrapped, err := sender.Seal(env, secret)
	if err != nil {
		return nil, fmt.Errorf("sealing a data key to %s: %w", to.id, err)
	}
	env = append(append(env, enc...), wrapped...)
	gcm, err := newGCM(secret)
	if err != nil {
		return nil, err
	}
	return &dataKey{envelope: env, gcm: gcm}, nil
}

// An Opener opens sealed deliveries with the keys of a ring. Its methods may be
// called at once.
type Opener struct {
	ring *Keyring

	mu     sync.Mutex
	opened map[[envelopeSize]byte]cipher.AEAD
}

// maxOpened is how many data keys an Opener remembers. Messages of a segment
// come together, so a few are enough to spend one HPKE on each segment.
const maxOpened = 64

// NewOpener makes an opener from a ring of delivery keys.
func NewOpener(ring *Keyring) (*Opener, error) {
	if ring.purpose != Delivery {
		return nil, fmt.Errorf("opening deliveries takes %s keys: these are for %s", Delivery, ring.purpose)
	}
	return &Opener{ring: ring, opened: make(map[[envelopeSize]byte]cipher.AEAD)}, nil
}

// Open returns the body of a sealed delivery that was bound to context. Its
// errors are ErrMalformed, ErrUnknownKey (with the id) and ErrAltered.
func (o *Opener) Open(sealed, context []byte) ([]byte, error) {
	if len(sealed) < Overhead || sealed[0] != deliveryVersion {
		return nil, fmt.Errorf("opening a delivery of %d bytes: %w", len(sealed), ErrMalformed)
	}
	gcm, err := o.dataKey([envelopeSize]byte(sealed))
	if err != nil {
		return nil, fmt.Errorf("opening a delivery: %w", err)
	}
	body, err := gcm.Open(nil, nil, sealed[envelopeSize:], bound(context))
	if err != nil {
		return nil, fmt.Errorf("opening a delivery: %w", ErrAltered)
	}
	return body, nil
}

func (o *Opener) dataKey(env [envelopeSize]byte) (cipher.AEAD, error) {
	o.mu.Lock()
	gcm, ok := o.opened[env]
	o.mu.Unlock()
	if ok {
		return gcm, nil
	}
	gcm, err := o.ring.unwrap(env)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.opened) >= maxOpened {
		clear(o.opened)
	}
	o.opened[env] = gcm
	return gcm, nil
}

func (r *Keyring) unwrap(env [envelopeSize]byte) (cipher.AEAD, error) {
	head, enc, wrapped := env[:headSize], env[headSize:headSize+encSize], env[headSize+encSize:]
	id := KeyID(head[1:])
	k := r.find(id)
	if k == nil {
		return nil, fmt.Errorf("key %s: %w", id, ErrUnknownKey)
	}
	secret, err := k.open(enc, wrapped, head)
	if err != nil {
		return nil, err
	}
	return newGCM(secret)
}

// open opens one HPKE message. Whatever HPKE finds wrong means the same to a
// caller, and saying more would only help whoever altered it.
func (k *PrivateKey) open(enc, ciphertext, aad []byte) ([]byte, error) {
	recipient, err := hpke.NewRecipient(enc, k.key, kdf(), aead(), k.public.purpose.info())
	if err != nil {
		return nil, ErrAltered
	}
	plain, err := recipient.Open(aad, ciphertext)
	if err != nil {
		return nil, ErrAltered
	}
	return plain, nil
}

func newGCM(secret []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, fmt.Errorf("using a data key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// bound is the associated data of a body: the format's name keeps it apart from
// anything else that will ever be sealed under a data key.
func bound(context []byte) []byte {
	name := Delivery.info()
	out := make([]byte, 0, len(name)+1+len(context))
	out = append(out, name...)
	out = append(out, 0)
	return append(out, context...)
}
