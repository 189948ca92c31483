// Package seal keeps what people wrote unreadable to whoever has no business
// reading it. It stands at the edge, before anything is written: raw deliveries
// are sealed on their way into the log, survey answers on their way into an
// event, and the account of a person becomes a pseudonym.
//
// Three tools, for three questions:
//
//   - [Sealer] and [Opener], for deliveries: many bodies a second, each readable
//     on its own wherever it ends up (the log, payoff.deliveries, payoff.dead, a
//     row of dead_letters). One HPKE encapsulation per data key, AES-GCM per body.
//   - [PublicKey.SealBox] and [Keyring.OpenBox], for survey answers: an
//     encapsulation of its own for every answer, so that nothing tells which
//     answers were sealed by the same process or about the same time.
//   - [Pseudonymiser], for people: the same account always gives the same
//     pseudonym, and only the holder of the secret can try an account.
//
// Sealing takes a public key alone: an edge that is broken into gives away what
// passes from then on and nothing it has sealed before. Sealing authenticates
// nobody: whoever knows the public key can seal. Lengths are not hidden; a
// caller to whom the length matters pads first.
//
// The cryptography is the standard library's: HPKE (RFC 9180) in base mode with
// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM; AES-256-GCM with
// random nonces; HMAC-SHA256. A hybrid with ML-KEM was turned down for its 1,120
// bytes an encapsulation, ten times the overhead of a row; every format starts
// with a version, so it can come.
package seal

import (
	"crypto/ecdh"
	"crypto/hpke"
	"errors"
)

// What went wrong when opening, as far as a caller can act on it.
var (
	// ErrMalformed: not sealed by this package, cut short, or of a version this
	// program does not know. Opening it again will not help.
	ErrMalformed = errors.New("not a sealed message of a known version")
	// ErrUnknownKey: sealed to a key that is not in the keyring. Put the key of
	// the named id back into the key file and open again.
	ErrUnknownKey = errors.New("sealed to a key that is not in the key file")
	// ErrAltered: the message, or what it was bound to, is not what was sealed.
	// Opening it again will not help.
	ErrAltered = errors.New("sealed message or its context has been altered")
)

// The one HPKE suite of version 1. Functions, since its parts are immutable but
// interfaces: nobody can swap them.
func kem() hpke.KEM   { return hpke.DHKEM(ecdh.X25519()) }
func kdf() hpke.KDF   { return hpke.HKDFSHA256() }
func aead() hpke.AEAD { return hpke.AES256GCM() }

const (
	encSize   = 32 // Nenc of DHKEM(X25519): RFC 9180, section 7.1
	tagSize   = 16 // of AES-256-GCM
	nonceSize = 12 // of AES-256-GCM
)
