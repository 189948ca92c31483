package collect

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"
)

// What is sealed of a delivery is what a later Normalise needs of it: its body,
// after those of its headers that tell what the body is.
//
//	Content-Type: application/json
//	X-Github-Event: push
//	                                 (an empty line)
//	{"ref":…

// Encode writes what is to be sealed. Headers that hold secrets, and those that
// tell where the sender was, are left out.
func (d *Delivery) Encode() []byte {
	out := make([]byte, 0, len(d.Body)+256)
	for name, values := range d.Header {
		if !tellsBody(name) {
			continue
		}
		for _, v := range values {
			if strings.ContainsAny(v, "\r\n") {
				continue // net/http lets none through
			}
			out = append(append(append(append(out, name...), ": "...), v...), "\r\n"...)
		}
	}
	return append(append(out, "\r\n"...), d.Body...)
}

// tellsBody reports whether a header says what the body is: its type, what
// CloudEvents puts there, and what tools add about the event.
func tellsBody(name string) bool {
	name = strings.ToLower(name)
	if name == "content-type" || strings.HasPrefix(name, "ce-") {
		return true
	}
	if !strings.HasPrefix(name, "x-") {
		return false
	}
	for _, not := range []string{"token", "secret", "signature", "auth", "key", "cookie", "forwarded", "real-ip", "client-ip"} {
		if strings.Contains(name, not) {
			return false
		}
	}
	return true
}

// DecodeDelivery reads what Encode wrote into a delivery's Header and Body.
func DecodeDelivery(b []byte) (Delivery, error) {
	r := bufio.NewReader(bytes.NewReader(b))
	header, err := textproto.NewReader(r).ReadMIMEHeader()
	if err != nil {
		return Delivery{}, fmt.Errorf("reading the headers of a delivery: %w", err)
	}
	// The body begins behind the first empty line.
	if bytes.HasPrefix(b, []byte("\r\n")) {
		return Delivery{Header: http.Header(header), Body: b[2:]}, nil
	}
	_, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		return Delivery{}, errors.New("a delivery without an end to its headers")
	}
	return Delivery{Header: http.Header(header), Body: body}, nil
}

// SealContext is what a sealed delivery is bound to: it opens only as one of
// this source and endpoint.
func SealContext(source, endpoint string) []byte { return []byte(source + "/" + endpoint) }
