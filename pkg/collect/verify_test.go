package collect_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
)

var now = time.Unix(1772442000, 0)

func clock() time.Time { return now }

// schemes are the ways in which tools sign, with what they sign for the id "7"
// and the time "1772442000".
var schemes = []struct {
	name   string
	v      collect.HMAC
	signed func(body string) string
	encode func([]byte) string
}{
	{"GitHub", collect.HMAC{Header: "X-Sig", Prefix: "sha256=", Decode: hex.DecodeString, Hash: sha256.New},
		func(b string) string { return b }, hex.EncodeToString},
	{"PagerDuty", collect.HMAC{Header: "X-Sig", Prefix: "v1=", Separator: ",", Decode: hex.DecodeString, Hash: sha256.New},
		func(b string) string { return b }, hex.EncodeToString},
	{"Typeform", collect.HMAC{Header: "X-Sig", Prefix: "sha256=", Decode: base64.StdEncoding.DecodeString, Hash: sha256.New},
		func(b string) string { return b }, base64.StdEncoding.EncodeToString},
	{"Qualtrics", collect.HMAC{Header: "X-Sig", Decode: hex.DecodeString, Hash: sha512.New},
		func(b string) string { return b }, hex.EncodeToString},
	{"Slack", collect.HMAC{Header: "X-Sig", Prefix: "v0=", Decode: hex.DecodeString, Hash: sha256.New, Signed: "v0:{ts}:{body}", TimeIn: "X-Ts", Tolerance: 5 * time.Minute, Now: clock},
		func(b string) string { return "v0:1772442000:" + b }, hex.EncodeToString},
	{"Zendesk", collect.HMAC{Header: "X-Sig", Decode: base64.StdEncoding.DecodeString, Hash: sha256.New, Signed: "{ts}{body}", TimeIn: "X-Ts"},
		func(b string) string { return "1772442000" + b }, base64.StdEncoding.EncodeToString},
	{"Svix", collect.HMAC{Header: "X-Sig", Prefix: "v1,", Separator: " ", Decode: base64.StdEncoding.DecodeString, Hash: sha256.New, Signed: "{id}.{ts}.{body}", TimeIn: "X-Ts", IDIn: "X-Id", Tolerance: 5 * time.Minute, Now: clock},
		func(b string) string { return "7.1772442000." + b }, base64.StdEncoding.EncodeToString},
}

func sign(secret, message string, h func() hash.Hash) []byte {
	mac := hmac.New(h, []byte(secret))
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func TestHMAC(t *testing.T) {
	const body = `{"a":1}`
	for _, s := range schemes {
		t.Run(s.name, func(t *testing.T) {
			good := s.v.Prefix + s.encode(sign("key", s.signed(body), s.v.Hash))
			other := s.v.Prefix + s.encode(sign("other", s.signed(body), s.v.Hash))
			empty := s.v.Prefix + s.encode(sign("", s.signed(body), s.v.Hash))
			header := func(sig string) http.Header {
				h := http.Header{"X-Ts": {"1772442000"}, "X-Id": {"7"}}
				if sig != "" {
					h.Set("X-Sig", sig)
				}
				return h
			}
			for _, c := range []struct {
				name    string
				sig     string
				secrets []string
				want    error
			}{
				{"right", good, []string{"key"}, nil},
				{"right, second of two keys", good, []string{"new", "key"}, nil},
				{"wrong key", good, []string{"other"}, collect.ErrSignature},
				{"no key", good, nil, collect.ErrNoSecret},
				{"empty key", empty, []string{""}, collect.ErrNoSecret},
				{"signed with the empty key", empty, []string{"", "key"}, collect.ErrSignature},
				{"unsigned", "", []string{"key"}, collect.ErrUnsigned},
				{"not a signature", s.v.Prefix + "!", []string{"key"}, collect.ErrUnsigned},
				{"cut short", s.v.Prefix + s.encode(sign("key", s.signed(body), s.v.Hash)[:16]), []string{"key"}, collect.ErrSignature},
				{"other key's", other, []string{"key"}, collect.ErrSignature},
			} {
				var secrets [][]byte
				for _, k := range c.secrets {
					secrets = append(secrets, []byte(k))
				}
				if err := s.v.Verify(header(c.sig), []byte(body), secrets); !errors.Is(err, c.want) {
					t.Errorf("%s: %v, want %v", c.name, err, c.want)
				}
			}
			if s.v.Separator != "" {
				both := other + s.v.Separator + good
				if err := s.v.Verify(header(both), []byte(body), [][]byte{[]byte("key")}); err != nil {
					t.Errorf("the second of two signatures: %v", err)
				}
				late := strings.Repeat(other+s.v.Separator, 8) + good
				if err := s.v.Verify(header(late), []byte(body), [][]byte{[]byte("key")}); !errors.Is(err, collect.ErrSignature) {
					t.Errorf("the ninth signature: %v, want it not looked at", err)
				}
			}
		})
	}
}

// TestHMACEveryBit flips each bit of all that is signed.
func TestHMACEveryBit(t *testing.T) {
	body := []byte(`{"action":"completed"}`)
	secrets := [][]byte{[]byte("key")}
	for _, s := range schemes {
		s.v.Tolerance = 0 // else a flipped time might be refused for its age
		h := http.Header{"X-Sig": {s.v.Prefix + s.encode(sign("key", s.signed(string(body)), s.v.Hash))}, "X-Ts": {"1772442000"}, "X-Id": {"7"}}
		if err := s.v.Verify(h, body, secrets); err != nil {
			t.Fatalf("%s: unaltered: %v", s.name, err)
		}
		for i := range len(body) * 8 {
			flipped := bytes.Clone(body)
			flipped[i/8] ^= 1 << (i % 8)
			if err := s.v.Verify(h, flipped, secrets); !errors.Is(err, collect.ErrSignature) {
				t.Fatalf("%s: bit %d of the body flipped: %v", s.name, i, err)
			}
		}
		for _, name := range []string{s.v.TimeIn, s.v.IDIn} {
			if name == "" {
				continue
			}
			text := h.Get(name)
			for i := range len(text) * 8 {
				flipped := []byte(text)
				flipped[i/8] ^= 1 << (i % 8)
				altered := h.Clone()
				altered.Set(name, string(flipped))
				if err := s.v.Verify(altered, body, secrets); !errors.Is(err, collect.ErrSignature) {
					t.Fatalf("%s: bit %d of %s flipped: %v", s.name, i, name, err)
				}
			}
			altered := h.Clone()
			altered.Del(name)
			if err := s.v.Verify(altered, body, secrets); !errors.Is(err, collect.ErrUnsigned) {
				t.Errorf("%s: without %s: %v", s.name, name, err)
			}
		}
	}
}

func TestHMACAge(t *testing.T) {
	v := schemes[4].v
	for ts, want := range map[string]error{
		"1772442000":           nil,
		"1772441700":           nil,
		"1772442300":           nil,
		"1772441699":           collect.ErrStale,
		"1772442301":           collect.ErrStale,
		"yesterday":            collect.ErrStale,
		"99999999999999999999": collect.ErrStale,
	} {
		h := http.Header{"X-Ts": {ts}, "X-Sig": {"v0=" + hex.EncodeToString(sign("key", "v0:"+ts+":{}", sha256.New))}}
		if err := v.Verify(h, []byte("{}"), [][]byte{[]byte("key")}); !errors.Is(err, want) {
			t.Errorf("signed at %s: %v, want %v", ts, err, want)
		}
	}
}

func TestSharedToken(t *testing.T) {
	v := collect.SharedToken{Header: "Authorization", Prefix: "Bearer "}
	for _, c := range []struct {
		header  string
		secrets []string
		want    error
	}{
		{"Bearer s3cret", []string{"s3cret"}, nil},
		{"bearer s3cret", []string{"old", "s3cret"}, nil},
		{"Bearer s3cre", []string{"s3cret"}, collect.ErrSignature},
		{"Bearer s3crets", []string{"s3cret"}, collect.ErrSignature},
		{"Basic s3cret", []string{"s3cret"}, collect.ErrUnsigned},
		{"Bearer ", []string{"s3cret"}, collect.ErrUnsigned},
		{"", []string{"s3cret"}, collect.ErrUnsigned},
		{"Bearer s3cret", nil, collect.ErrNoSecret},
		{"Bearer  ", []string{""}, collect.ErrNoSecret},
		{"Bearer  ", []string{"", "s3cret"}, collect.ErrSignature},
	} {
		var secrets [][]byte
		for _, k := range c.secrets {
			secrets = append(secrets, []byte(k))
		}
		if err := v.Verify(http.Header{"Authorization": {c.header}}, nil, secrets); !errors.Is(err, c.want) {
			t.Errorf("%q against %q: %v, want %v", c.header, c.secrets, err, c.want)
		}
	}
}
