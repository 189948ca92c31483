package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
)

// Reviews are the weekly reviews, for /review/. They are documents of their own,
// with their style inside.
type Reviews struct {
	// Last names the last week that is over.
	Last func() string
	// Page is the review of a week; asOf is empty, a time in RFC 3339 or "now". A
	// refusal is a sentence that says why there is none, and no error.
	Page func(ctx context.Context, week, asOf string) (html []byte, refusal string, err error)
}

// reviews serves them.
func (p *pages) reviews() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/review/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/review/"+p.Reviews.Last(), http.StatusSeeOther)
	})
	mux.HandleFunc("/review/{week}", func(w http.ResponseWriter, r *http.Request) {
		if err := checkQuery(r, []string{"as-of"}); err != nil {
			p.fail(w, r, err)
			return
		}
		html, refusal, err := p.Reviews.Page(r.Context(), r.PathValue("week"), r.URL.Query().Get("as-of"))
		if err == nil && refusal != "" {
			e := notFound("There is no such review: " + clip(refusal) + ".")
			e.links = linksTo("/review/", []string{p.Reviews.Last()})
			err = e
		}
		if err != nil {
			p.fail(w, r, err)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Cache-Control", "private, no-cache")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src '"+styleHash(html)+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		p.send(w, r, http.StatusOK, html)
	})
	mux.Handle("/", p.page(func(*http.Request) (answer, error) {
		return answer{}, notFound("There is no page at this address.")
	}))
	return mux
}

// styleHash is the digest by which a policy allows the one style of a document.
func styleHash(html []byte) string {
	_, after, _ := bytes.Cut(html, []byte("<style>"))
	style, _, _ := bytes.Cut(after, []byte("</style>"))
	sum := sha256.Sum256(style)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
