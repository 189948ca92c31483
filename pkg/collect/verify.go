package collect

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// An HMAC verifies signatures of the form HMAC(secret, message), which a header
// carries in text. Two members and a template cover how tools differ in it:
//
//	GitHub      Header X-Hub-Signature-256, Prefix "sha256=", signs the body
//	PagerDuty   Prefix "v1=", Separator ","
//	Slack       Prefix "v0=", Signed "v0:{ts}:{body}"
//	Zendesk     Signed "{ts}{body}"
//	Svix        Prefix "v1,", Separator " ", Signed "{id}.{ts}.{body}"
type HMAC struct {
	Header    string                         // that holds the signature
	Prefix    string                         // before the signature; others are not looked at
	Separator string                         // between several signatures; "" if there is always one
	Decode    func(string) ([]byte, error)   // text of a signature to its bytes: hex, base64
	Hash      func() hash.Hash               // sha256.New
	Signed    string                         // what is signed, with {body}, {ts} and {id}; "" is the body
	TimeIn    string                         // header of {ts}
	IDIn      string                         // header of {id}
	Tolerance time.Duration                  // greatest distance of {ts} from now; 0 does not look at it
	ParseTime func(string) (time.Time, bool) // reads {ts}; nil reads Unix seconds
	Now       func() time.Time               // needed with a Tolerance
}

// Verify implements Source.Verify.
func (v HMAC) Verify(h http.Header, body []byte, secrets [][]byte) error {
	if !anySecret(secrets) {
		return ErrNoSecret
	}
	signatures := v.signatures(h.Get(v.Header))
	ts, id := h.Get(v.TimeIn), h.Get(v.IDIn)
	if len(signatures) == 0 || v.TimeIn != "" && ts == "" || v.IDIn != "" && id == "" {
		return ErrUnsigned
	}
	found := 0
	for _, secret := range secrets {
		if len(secret) == 0 {
			continue // whoever knows that it is empty could sign with it
		}
		mac := hmac.New(v.Hash, secret)
		v.write(mac, ts, id, body)
		want := mac.Sum(nil)
		for _, got := range signatures {
			found |= subtle.ConstantTimeCompare(got, want)
		}
	}
	if found == 0 {
		return ErrSignature
	}
	return v.checkAge(ts)
}

// signatures returns the decoded signatures of a header. At most eight are
// looked at, so that a header cannot buy work.
func (v HMAC) signatures(text string) [][]byte {
	parts := []string{text}
	if v.Separator != "" {
		parts = strings.SplitN(text, v.Separator, 9)
	}
	var out [][]byte
	for _, p := range parts[:min(len(parts), 8)] {
		encoded, ok := strings.CutPrefix(strings.TrimSpace(p), v.Prefix)
		if !ok {
			continue
		}
		if sig, err := v.Decode(encoded); err == nil && len(sig) > 0 {
			out = append(out, sig)
		}
	}
	return out
}

func (v HMAC) write(mac hash.Hash, ts, id string, body []byte) {
	if v.Signed == "" {
		mac.Write(body)
		return
	}
	for rest := v.Signed; rest != ""; {
		literal, tail, found := strings.Cut(rest, "{")
		mac.Write([]byte(literal))
		if !found {
			return
		}
		name, after, _ := strings.Cut(tail, "}")
		switch name {
		case "body":
			mac.Write(body)
		case "ts":
			mac.Write([]byte(ts))
		case "id":
			mac.Write([]byte(id))
		}
		rest = after
	}
}

// checkAge comes after the signature: only what is signed is worth reading.
func (v HMAC) checkAge(ts string) error {
	if v.Tolerance == 0 {
		return nil
	}
	parse := v.ParseTime
	if parse == nil {
		parse = unixSeconds
	}
	at, ok := parse(ts)
	if !ok || v.Now().Sub(at).Abs() > v.Tolerance {
		return ErrStale
	}
	return nil
}

func unixSeconds(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

// A SharedToken verifies a header that holds the secret itself.
type SharedToken struct {
	Header string // "Authorization", "X-Gitlab-Token"
	Prefix string // before the token, in any case: "Bearer "
}

// Verify implements Source.Verify.
func (v SharedToken) Verify(h http.Header, _ []byte, secrets [][]byte) error {
	if !anySecret(secrets) {
		return ErrNoSecret
	}
	text := h.Get(v.Header)
	if len(text) <= len(v.Prefix) || !strings.EqualFold(text[:len(v.Prefix)], v.Prefix) {
		return ErrUnsigned
	}
	// Hashes have one length, so comparing them does not tell the secret's.
	got := sha256.Sum256([]byte(strings.TrimSpace(text[len(v.Prefix):])))
	found := 0
	for _, secret := range secrets {
		if len(secret) > 0 {
			want := sha256.Sum256(secret)
			found |= subtle.ConstantTimeCompare(got[:], want[:])
		}
	}
	if found == 0 {
		return ErrSignature
	}
	return nil
}

func anySecret(secrets [][]byte) bool {
	for _, s := range secrets {
		if len(s) > 0 {
			return true
		}
	}
	return false
}
