package pages

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/store"
)

// An answer is what a request gets when nothing is wrong.
type answer struct {
	contentType string
	download    string // name of the file to keep it as; "" to show it
	body        []byte
}

// page serves what answers, and refuses parameters other than those it knows: a
// mistyped one would otherwise show something else than was asked for.
func (p *pages) page(answers func(*http.Request) (answer, error), known ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := checkQuery(r, known); err != nil {
			p.fail(w, r, err)
			return
		}
		a, err := answers(r)
		if err != nil {
			p.fail(w, r, err)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.contentType)
		h.Set("Cache-Control", "private, no-cache")
		if a.download != "" {
			h.Set("Content-Disposition", `attachment; filename="`+a.download+`"`)
		}
		p.send(w, r, http.StatusOK, a.body)
	})
}

func checkQuery(r *http.Request, known []string) error {
	var unknown []string
	for name, values := range r.URL.Query() {
		if !slices.Contains(known, name) || len(values) > 1 {
			unknown = append(unknown, name)
		}
	}
	if unknown == nil {
		return nil
	}
	slices.Sort(unknown)
	what := "takes no parameters"
	if len(known) > 0 {
		what = "takes " + strings.Join(known, ", ") + ", each once"
	}
	return badRequest("This page " + what + "; the address has “" + clip(unknown[0]) + "”.")
}

// send writes a body with its ETag, compressed where the client takes gzip.
func (p *pages) send(w http.ResponseWriter, r *http.Request, status int, b []byte) {
	h := w.Header()
	if status == http.StatusOK {
		sum := sha256.Sum256(b)
		// Weak: the bytes on the wire differ with the encoding.
		tag := `W/"` + hex.EncodeToString(sum[:12]) + `"`
		h.Set("ETag", tag)
		if matches(r.Header.Get("If-None-Match"), tag) {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		var z bytes.Buffer
		g := gzip.NewWriter(&z)
		g.Write(b) // a bytes.Buffer takes all there is
		g.Close()
		h.Set("Content-Encoding", "gzip")
		b = z.Bytes()
	}
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		w.Write(b) // a client that has gone needs no answer
	}
}

// matches compares entity tags weakly, as If-None-Match does (RFC 9110, 13.1.2).
func matches(header, tag string) bool {
	for _, t := range strings.Split(header, ",") {
		if t = strings.TrimSpace(t); t == "*" || strings.TrimPrefix(t, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

func acceptsGzip(header string) bool {
	for _, e := range strings.Split(header, ",") {
		coding, q, _ := strings.Cut(strings.TrimSpace(e), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			weight, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(q), "q="), 64)
			return q == "" || err == nil && weight > 0
		}
	}
	return false
}

// A problem is an answer that is not the page asked for.
type problem struct {
	status   int
	title    string
	sentence string // what is wrong and what to do
	links    []link
}

func (e *problem) Error() string { return fmt.Sprintf("%d %s", e.status, e.sentence) }

func notFound(sentence string) *problem {
	return &problem{status: http.StatusNotFound, title: "Not found", sentence: sentence}
}

func badRequest(sentence string) *problem {
	return &problem{status: http.StatusBadRequest, title: "The address is not understood", sentence: sentence}
}

func refused(sentence string) *problem {
	return &problem{status: http.StatusForbidden, title: "Not served here", sentence: sentence}
}

// fail answers with the problem, and logs what is none of the reader's doing.
func (p *pages) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *problem
	if !errors.As(err, &e) {
		e = p.fault(r, err)
	}
	switch e.status {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", "GET, HEAD")
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", "5")
	}
	a, err := p.errorPage(e)
	if err != nil {
		p.Logger.Error("rendering an error page", "error", err)
		a = answer{contentType: "text/plain; charset=utf-8", body: []byte(e.sentence + "\n")}
	}
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "no-store")
	p.send(w, r, e.status, a.body)
}

func (p *pages) fault(r *http.Request, err error) *problem {
	if !errors.Is(err, context.Canceled) {
		p.Logger.Error("serving a page", "path", r.URL.Path, "error", err)
	}
	if errors.Is(err, store.ErrUnavailable) {
		return &problem{status: http.StatusServiceUnavailable, title: "The store does not answer",
			sentence: "ClickHouse cannot be reached at the moment. Nothing is lost: events wait in the log. Try again in a few seconds; the log of payoff says more."}
	}
	return &problem{status: http.StatusInternalServerError, title: "Something is wrong here",
		sentence: "The page could not be made. The log of payoff says why."}
}

// clip keeps a name from the address short enough to be repeated.
func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
