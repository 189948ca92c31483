package pages

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

func TestReviews(t *testing.T) {
	h := New(Options{Reviews: &Reviews{
		Last: func() string { return "2026-W46" },
		Page: func(_ context.Context, week, asOf string) ([]byte, string, error) {
			if week != "2026-W46" {
				return nil, week + " has not begun", nil
			}
			return []byte("<!doctype html><style>p { color: red; }</style><p>as of " + asOf), "", nil
		},
	}})
	if w := get(t, h, "/review/"); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/review/2026-W46" {
		t.Errorf("/review/ answers %d to %q", w.Code, w.Header().Get("Location"))
	}
	w := get(t, h, "/review/2026-W46?as-of=now")
	if w.Code != http.StatusOK || !strings.HasSuffix(w.Body.String(), "as of now") {
		t.Errorf("a review answers %d %q", w.Code, w.Body)
	}
	// printf 'p { color: red; }' | openssl dgst -sha256 -binary | base64
	const policy = "style-src 'sha256-pckGv9YvNcB5xy+Y4fbqhyo+ib850wyiuWeNbZvLi00='"
	if got := w.Header().Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || !strings.Contains(got, policy) {
		t.Errorf("its policy is %s, want %s", got, policy)
	}
	if w := get(t, h, "/review/2027-W01"); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "2027-W01 has not begun") || !strings.Contains(w.Body.String(), `href="/review/2026-W46"`) {
		t.Errorf("a week to come answers %d %s", w.Code, w.Body)
	}
	if w := get(t, h, "/review/2026-W46?asof=now"); w.Code != http.StatusBadRequest {
		t.Errorf("a mistyped parameter answers %d", w.Code)
	}
	if w := get(t, h, "/review/2026-W46/more"); w.Code != http.StatusNotFound {
		t.Errorf("what is below a review answers %d", w.Code)
	}
	if w := get(t, New(Options{}), "/review/"); w.Code != http.StatusNotFound {
		t.Errorf("without reviews /review/ answers %d", w.Code)
	}
}
