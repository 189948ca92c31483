//go:build linux || darwin

package engine

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

// access decides who may ask.
type access struct {
	passwords map[string]string
	hosts     map[string]bool // beside the loopback names, in lower case
}

// user returns the user whose password the request carries, as ClickHouse takes
// it: in X-ClickHouse-User and -Key, in the Authorization header, or in the URL.
func (a access) user(r *http.Request, params url.Values) (string, error) {
	name, password, given := credentials(r, params)
	if !given {
		return "", refuse(proto.ErrRequiredPassword, "REQUIRED_PASSWORD", "default: Authentication failed: a user and a password are required")
	}
	want, known := a.passwords[name]
	// Hashes have one length, so the comparison takes the same time for every
	// password, right or wrong, and for a user that does not exist.
	got, expected := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want))
	same := subtle.ConstantTimeCompare(got[:], expected[:]) == 1
	if !known || !same || want == "" {
		return "", refuse(proto.ErrAuthenticationFailed, "AUTHENTICATION_FAILED", "%s: Authentication failed: password is incorrect, or there is no user with such name", name)
	}
	return name, nil
}

func credentials(r *http.Request, params url.Values) (name, password string, given bool) {
	if h := r.Header; h.Get("X-ClickHouse-User") != "" || h.Get("X-ClickHouse-Key") != "" {
		return h.Get("X-ClickHouse-User"), h.Get("X-ClickHouse-Key"), true
	}
	if name, password, ok := r.BasicAuth(); ok {
		return name, password, true
	}
	if params.Has("user") || params.Has("password") {
		return params.Get("user"), params.Get("password"), true
	}
	return "", "", false
}

// checkOrigin refuses what a web page of somebody else could send from this
// machine's browser: requests under a foreign name (DNS rebinding) and requests
// that say they come from another site.
func (a access) checkOrigin(r *http.Request) error {
	if !a.allowedHost(r.Host) {
		return denied("The host %q is not served here; call it by a loopback name, or add it to the allowed hosts", r.Host)
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || !strings.EqualFold(u.Host, r.Host) {
			return denied("Requests from the origin %q are not served", origin)
		}
	}
	switch site := r.Header.Get("Sec-Fetch-Site"); site {
	case "", "none", "same-origin":
		return nil
	default:
		return denied("Requests from another site (Sec-Fetch-Site: %s) are not served", site)
	}
}

func (a access) allowedHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	if host == "localhost" || a.hosts[host] {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
