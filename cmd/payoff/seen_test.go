package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/internal/browser"
	"github.com/payoff-metrics/payoff/pkg/instance"
)

// A shownPage is one kind of page, by one of its addresses.
type shownPage struct{ name, path string }

// shownPages are all kinds of pages there are, of an example that is up.
func shownPages(t *testing.T, dir string) []shownPage {
	t.Helper()
	one := func(sql string) string {
		t.Helper()
		return lastLine(must(t, "sql", "--data", dir, "--format", "csv", sql))
	}
	unquoted := func(s string) string { return strings.Trim(s, `"`) }
	service := unquoted(one("SELECT service FROM deployments WHERE tier = 'production' GROUP BY service ORDER BY count() DESC, service LIMIT 1"))
	team := unquoted(one("SELECT team FROM metric_points WHERE team != '' AND grain = 'week' AND value IS NOT NULL GROUP BY team ORDER BY count() DESC, team LIMIT 1"))
	unit := unquoted(one("SELECT unit FROM metric_points WHERE unit != '' GROUP BY unit ORDER BY unit LIMIT 1"))
	change := unquoted(one("SELECT concat(repository, '/', commit) FROM shipped_changes WHERE tier = 'production' AND lead_ms IS NOT NULL ORDER BY shipped_at DESC, commit LIMIT 1"))
	return []shownPage{
		{"start", "/"},
		{"start-by-week", "/?grain=week"},
		{"catalogue", "/metric/"},
		{"metric", "/metric/dora.change_lead_time?grain=week"},
		{"metric-rare", "/metric/dora.impact_incidents?grain=week"},
		{"service", "/service/" + service},
		{"team", "/team/" + team},
		{"unit", "/unit/" + unit},
		{"teams", "/teams/"},
		{"change", "/change/" + change},
		{"review", "/review/"},
		{"health", "/health"},
		{"not-found", "/service/none"},
	}
}

// Sizes that pages keep to. A review is a document that is mailed, with all its
// charts inside.
const (
	maxPage   = 100_000
	maxReview = 1_000_000
)

// pagesAreSmall holds every page of an example to its size.
func pagesAreSmall(t *testing.T, info instance.Info, list []shownPage) {
	for _, p := range list {
		status, body := get(t, "http://"+info.Pages+p.path)
		most, want := maxPage, http.StatusOK
		switch p.name {
		case "review":
			most = maxReview
		case "not-found":
			want = http.StatusNotFound
		}
		t.Logf("%-14s %7d bytes", p.name, len(body))
		if status != want || len(body) >= most {
			t.Errorf("%s answers %d with %d bytes; want %d and fewer than %d", p.path, status, len(body), want, most)
		}
	}
}

// pagesAreSeen looks at every page in a real browser: on a phone, a laptop, a wall
// and paper, by day and by night. Nothing may stick out of the window, and axe-core
// must find nothing that shuts people out. The pictures are kept with -artifacts.
func pagesAreSeen(t *testing.T, info instance.Info, list []shownPage) {
	b := browser.Start(t, "../..")
	dir := t.ArtifactDir()
	for _, p := range list {
		if err := b.Open("http://" + info.Pages + p.path); err != nil {
			t.Fatalf("opening %s: %v", p.path, err)
		}
		for _, v := range browser.Views {
			if err := look(b, v, filepath.Join(dir, p.name+"-"+v.Name+".png")); err != nil {
				t.Errorf("%s, %s: %v", p.name, v.Name, err)
			}
		}
		pdf, err := b.Print()
		if err != nil || !strings.HasPrefix(string(pdf), "%PDF") {
			t.Errorf("printing %s: %v", p.name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".pdf"), pdf, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func look(b *browser.Browser, v browser.View, picture string) error {
	if err := b.Look(v); err != nil {
		return err
	}
	png, err := b.Picture()
	if err != nil {
		return err
	}
	if err := os.WriteFile(picture, png, 0o644); err != nil {
		return err
	}
	pixels, element, err := b.Overflow()
	switch {
	case err != nil:
		return err
	case pixels > 0:
		return fmt.Errorf("sticks out by %.0f pixels: %s", pixels, element)
	case !v.Axe:
		return nil
	}
	vs, err := b.Violations()
	if err == nil && len(vs) > 0 {
		return fmt.Errorf("axe-core finds %v", vs)
	}
	return err
}
