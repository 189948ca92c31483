package events

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// NewID derives a fact's identity from where it comes from, what happened and
// the provider's own name for the object and its transition. The delivery that
// carried the fact has no part in it, so a webhook, its redelivery and the pull
// from the provider's API are one fact.
//
// The result is a UUID (version 8, RFC 9562 §5.8) over the SHA-256 of the
// length-prefixed parts.
func NewID(source string, kind Kind, natural ...string) string {
	h := sha256.New()
	write := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	write(source)
	write(string(kind))
	for _, s := range natural {
		write(s)
	}
	var id [16]byte
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return formatUUID(id)
}

func formatUUID(id [16]byte) string {
	var b [36]byte
	hex.Encode(b[0:8], id[0:4])
	hex.Encode(b[9:13], id[4:6])
	hex.Encode(b[14:18], id[6:8])
	hex.Encode(b[19:23], id[8:10])
	hex.Encode(b[24:36], id[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// ParseID reads the UUID text of an event's identity.
func ParseID(s string) (id [16]byte, err error) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id, &FieldError{Field: "id", Reason: fmt.Sprintf("%.60q is not a UUID", s)}
	}
	var digits [32]byte
	n := 0
	for i := 0; i < len(s); i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		digits[n] = s[i]
		n++
	}
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		return id, &FieldError{Field: "id", Reason: fmt.Sprintf("%.60q is not a UUID", s)}
	}
	return id, nil
}

// A Version orders the reports of one fact; the greatest is the current one.
// It never depends on when or in which order reports arrive.
type Version struct {
	Mapping  uint16   // version of the code that normalised the payload: a better mapping wins at replay
	Sequence uint64   // the provider's updated_at in Unix milliseconds, or its sequence number
	Hash     [22]byte // of the canonical data: decides between different data of one sequence, and is equal for repeats
}

// Bytes is the version as one 32-byte big-endian number, so that comparing the
// numbers compares the versions.
func (v Version) Bytes() (b [32]byte) {
	binary.BigEndian.PutUint16(b[0:2], v.Mapping)
	binary.BigEndian.PutUint64(b[2:10], v.Sequence)
	copy(b[10:], v.Hash[:])
	return b
}

func (v Version) String() string { b := v.Bytes(); return hex.EncodeToString(b[:]) }

// ParseVersion reads the 64 hexadecimal digits that String writes.
func ParseVersion(s string) (v Version, err error) {
	var b [32]byte
	if len(s) != 64 {
		return v, &FieldError{Field: "factversion", Reason: "is not 64 hexadecimal digits"}
	}
	if _, err := hex.Decode(b[:], []byte(s)); err != nil {
		return v, &FieldError{Field: "factversion", Reason: "is not 64 hexadecimal digits"}
	}
	v.Mapping = binary.BigEndian.Uint16(b[0:2])
	v.Sequence = binary.BigEndian.Uint64(b[2:10])
	copy(v.Hash[:], b[10:])
	return v, nil
}

// Earliest and Latest bound the times Payoff believes. A fact outside of
// [Earliest, Latest) is kept and flagged, and it enters no metric: such times
// are unset fields and wrong units, not history.
var (
	Earliest = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	Latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Believable reports whether t lies in [Earliest, Latest).
func Believable(t time.Time) bool { return !t.Before(Earliest) && t.Before(Latest) }

// SequenceOf is a Version's Sequence for a provider's updated_at; 0 for the zero
// time and for times before 1970.
func SequenceOf(updated time.Time) uint64 {
	if updated.IsZero() || updated.UnixMilli() < 0 {
		return 0
	}
	return uint64(updated.UnixMilli())
}

// EntityKey joins the parts of a Kafka key: events of one key keep their order.
func EntityKey(parts ...string) string { return strings.Join(parts, "\x1f") }
