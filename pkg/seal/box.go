package seal

import (
	"crypto/hpke"
	"encoding/hex"
	"fmt"
)

// A Box is one message sealed by an HPKE encapsulation of its own, the form in
// which a survey answer travels inside an event.
//
// Version 1 (HPKE single-shot, info "payoff <purpose> v1"; associated data: the
// 8 bytes of the key id, then what the caller binds it to).
type Box struct {
	KeyID      string `json:"key_id"`     // of the key it is sealed to, 16 hexadecimal digits
	Enc        []byte `json:"enc"`        // the encapsulation, 32 bytes; base64 in JSON
	Ciphertext []byte `json:"ciphertext"` // message and tag, 16 bytes longer than the message; base64 in JSON
}

// SealBox seals message, bound to context (survey, version and wave, say):
// OpenBox gives it back only to a caller who names the same context, which is
// not in the box. Two boxes have nothing in common but their key id.
func (k *PublicKey) SealBox(message, context []byte) (Box, error) {
	enc, sender, err := hpke.NewSender(k.key, kdf(), aead(), k.purpose.info())
	if err != nil {
		return Box{}, fmt.Errorf("sealing to key %s: %w", k.id, err)
	}
	ciphertext, err := sender.Seal(k.id.bound(context), message)
	if err != nil {
		return Box{}, fmt.Errorf("sealing to key %s: %w", k.id, err)
	}
	return Box{KeyID: k.id.String(), Enc: enc, Ciphertext: ciphertext}, nil
}

// OpenBox returns the message of a box that was bound to context. Its errors are
// ErrMalformed, ErrUnknownKey (with the id) and ErrAltered.
func (r *Keyring) OpenBox(b Box, context []byte) ([]byte, error) {
	raw, err := hex.DecodeString(b.KeyID)
	if err != nil || len(raw) != len(KeyID{}) || len(b.Enc) != encSize || len(b.Ciphertext) < tagSize {
		return nil, fmt.Errorf("opening a box: %w", ErrMalformed)
	}
	id := KeyID(raw)
	k := r.find(id)
	if k == nil {
		return nil, fmt.Errorf("opening a box: key %s: %w", id, ErrUnknownKey)
	}
	message, err := k.open(b.Enc, b.Ciphertext, id.bound(context))
	if err != nil {
		return nil, fmt.Errorf("opening a box: %w", err)
	}
	return message, nil
}

func (id KeyID) bound(context []byte) []byte {
	return append(id[:len(id):len(id)], context...)
}
