package pages

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// guard refuses who should not be answered, and sets the headers of every answer.
func (p *pages) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Vary", "Accept-Encoding")
		if why := p.refusal(r); why != nil {
			p.fail(w, r, why)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// refusal says why a request is not answered. Without accounts, two things could
// bring strangers in: a foreign name that resolves to this machine (DNS
// rebinding), and a proxy that passes on what it is sent.
func (p *pages) refusal(r *http.Request) *problem {
	if !p.allowed(r.Host) {
		return refused("These pages are not served under the name “" + clip(r.Host) + "”. Open them as localhost, or add the name to ingest.allowed_hosts in payoff.yaml.")
	}
	for name := range r.Header {
		if name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-") {
			return refused("These pages need no account, so they are not served through a proxy: the request carries the header " + clip(name) + ".")
		}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return &problem{status: http.StatusMethodNotAllowed, title: "Only for reading", sentence: "These pages can be read (GET, HEAD) and nothing else."}
	}
	return nil
}

// allowed reports whether pages are served under the host of a Host header.
func (p *pages) allowed(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	if a, err := netip.ParseAddr(host); err == nil && a.IsLoopback() {
		return true
	}
	return slices.ContainsFunc(p.AllowedHosts, func(a string) bool {
		return a != "" && (strings.EqualFold(a, host) || strings.EqualFold(a, hostport))
	})
}
