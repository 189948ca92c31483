package pages

import (
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/store"
)

var update = flag.Bool("update", false, "write the golden files")

// TestPages asks the real handler on a real engine, as a browser would; it starts
// with an empty store.
func TestPages(t *testing.T) {
	owner, reader := openStores(t)
	h := New(Options{Store: reader, Location: berlin, Organisation: "Fjord & Sons", Metrics: catalogue.All(), Now: func() time.Time { return now }})

	t.Run("empty", func(t *testing.T) { testEmpty(t, h) })
	loadAndCompute(t, owner, append(history(t), cart(t)...))
	t.Run("numbers", func(t *testing.T) { testNumbers(t, h, reader) })
	t.Run("crawl", func(t *testing.T) { testCrawl(t, h) })
	t.Run("start", func(t *testing.T) { testStart(t, h) })
	t.Run("failures", func(t *testing.T) { testFailures(t, h) })
	t.Run("change", func(t *testing.T) { testChange(t, h) })
	t.Run("teams", func(t *testing.T) { testTeams(t, h) })
	t.Run("hidden", func(t *testing.T) { testHidden(t, h) })
	t.Run("names", func(t *testing.T) { testNames(t, h) })
	t.Run("csv", func(t *testing.T) { testCSV(t, h, reader) })
	t.Run("wrong addresses", func(t *testing.T) { testWrongAddresses(t, h) })
	t.Run("caching", func(t *testing.T) { testCaching(t, h) })
	t.Run("golden", func(t *testing.T) { testGolden(t, reader) })
	t.Run("no store", func(t *testing.T) { testNoStore(t, h, reader) })
}

func get(t *testing.T, h http.Handler, target string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Host = "localhost:8081"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// text is what the body says, without markup and with single blanks.
func text(t *testing.T, body string) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for n := range doc.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func testEmpty(t *testing.T, h http.Handler) {
	for target, want := range map[string]string{
		"/teams/":                       "payoff import org DIR",
		"/health":                       "No event has arrived yet.",
		"/":                             "payoff import git DIR",
		"/metric/dora.change_lead_time": "No change is known to have shipped",
		"/metric/dora.deployment_frequency?grain=week": "No deployment to production is known yet. Run payoff import git DIR",
	} {
		w := get(t, h, target)
		if w.Code != http.StatusOK || !strings.Contains(text(t, w.Body.String()), want) {
			t.Errorf("%s answers %d without %q:\n%s", target, w.Code, want, text(t, w.Body.String()))
		}
	}
	if w := get(t, h, "/metric/dora.change_lead_time.csv"); w.Code != http.StatusOK || w.Body.String() != strings.Join(csvColumns, ",")+"\r\n" {
		t.Errorf("the CSV of nothing: %d %q", w.Code, w.Body)
	}
	if w := get(t, h, "/service/payments"); w.Code != http.StatusNotFound {
		t.Errorf("a service of an empty store answers %d", w.Code)
	}
}

// testNumbers holds the latest rows of the tables to the published points, and
// every impact figure to its guardrails.
func testNumbers(t *testing.T, h http.Handler, s *store.Store) {
	all := catalogue.All()
	met := make(map[string]bool)
	for _, g := range shownGrains {
		body := get(t, h, "/service/payments?grain="+string(g)).Body.String()
		said := text(t, body)
		ps, err := points.Read(t.Context(), s, points.Ask{Metric: all[0], More: all[1:], Grain: g, Services: []string{"payments"}, Main: true})
		if err != nil {
			t.Fatal(err)
		}
		since := rowsSince(ps, g)
		for _, d := range all {
			if d.Unit == metric.Score {
				continue // a block of its own
			}
			if !strings.Contains(said, d.Title) {
				t.Errorf("by %s the page lacks %s", g, d.Name)
			}
			for _, p := range ps {
				if p.Metric != d.Name || p.Value == nil || p.Start.Before(since) {
					continue
				}
				met[d.Name] = true
				ci := "–"
				if p.CILow != nil {
					ci = d.Unit.Format(p.CILow) + " – " + d.Unit.Format(p.CIHigh)
				}
				label := metric.Window{Grain: g, Start: p.Start, End: p.End}.Label(berlin)
				if row := fmt.Sprintf("%s %s %s %d", label, d.Unit.Format(p.Value), ci, p.N); !strings.Contains(said, row) {
					t.Errorf("by %s the page lacks %q of %s", g, row, d.Name)
				}
			}
			for _, guard := range d.Guardrails {
				o, err := catalogue.Find(guard)
				if err != nil {
					t.Fatal(err)
				}
				if d.Class == metric.Impact && !strings.Contains(figureOf(t, body, d.Title), "Read with "+o.Title) {
					t.Errorf("by %s %s is shown without %s", g, d.Name, guard)
				}
			}
		}
	}
	if len(met) < 8 {
		t.Errorf("only %v have points", met)
	}
}

// rowsSince is the first window of which a service page shows every metric.
func rowsSince(ps []metric.Point, g metric.Grain) time.Time {
	var last time.Time
	for _, p := range ps {
		if p.Value != nil && p.Start.After(last) {
			last = p.Start
		}
	}
	for range rowsOfWatched - 1 {
		last = metric.At(g, last.Add(-time.Millisecond), berlin).Start
	}
	return last
}

// figureOf is the text of the article with that heading.
func figureOf(t *testing.T, body, title string) string {
	t.Helper()
	for _, part := range strings.Split(body, "<article")[1:] {
		part, _, _ = strings.Cut(part, "</article>")
		if said := text(t, "<article"+part); strings.HasPrefix(said, title) {
			return said
		}
	}
	t.Fatalf("no figure of %q", title)
	return ""
}

// testCrawl follows every link and holds every page to what all must be.
func testCrawl(t *testing.T, h http.Handler) {
	todo := []string{"/", "/?q=PAY", "/?q=nothing-of-that-name", "/?grain=week&page=2", "/service/payments?grain=week", "/service/only-staging", "/missing", "/change/acme/cart/a10000"}
	seen := make(map[string]bool)
	for len(todo) > 0 {
		target := todo[0]
		todo = todo[1:]
		if seen[target] {
			continue
		}
		seen[target] = true
		begun := time.Now()
		w := get(t, h, target)
		t.Logf("%s has %d bytes, after %v", target, w.Body.Len(), time.Since(begun).Round(time.Millisecond))
		if w.Code != http.StatusOK && target != "/missing" {
			t.Errorf("%s answers %d: %s", target, w.Code, text(t, w.Body.String()))
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			todo = append(todo, checkPage(t, target, w)...)
		}
	}
	for _, want := range []string{"/service/payments?grain=quarter", "/metric/dora.change_lead_time?grain=week", "/team/checkout", "/unit/commerce", "/health", "/change/acme/cart/" + cartRevert, "/static/" + styleName} {
		if !seen[want] {
			t.Errorf("no page leads to %s", want)
		}
	}
	if len(seen) < 50 {
		t.Errorf("only %d addresses were met", len(seen))
	}
}

// ofOne is a count of one before a plural.
var ofOne = regexp.MustCompile(`(?:^|[^\d.,:/–-] )1 (?:more |by )?(?:[a-z]+[ -])?(?:deployments|changes|requests|incidents|services|metrics|days|service-days|weeks|months|quarters|years|hours|minutes|pages|charts|findings|members)\b`)

func checkPage(t *testing.T, target string, w *httptest.ResponseRecorder) (links []string) {
	t.Helper()
	if n := w.Body.Len(); n > 100_000 {
		t.Errorf("%s has %d bytes", target, n)
	}
	for name, want := range map[string]string{"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
		if !strings.HasPrefix(w.Header().Get(name), want) {
			t.Errorf("%s has %s: %q", target, name, w.Header().Get(name))
		}
	}
	doc, err := html.Parse(strings.NewReader(w.Body.String()))
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	ids, level, captions, tables := make(map[string]bool), 0, 0, 0
	var refs []string
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && ofOne.MatchString(n.Data) {
			t.Errorf("%s says %q", target, n.Data)
		}
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "style", "iframe":
			t.Errorf("%s has a %s element", target, n.Data)
		case "table":
			tables++
		case "caption":
			captions++
		case "h1", "h2", "h3":
			if l := int(n.Data[1] - '0'); l > level+1 || l == 1 && level > 0 {
				t.Errorf("%s: %s follows a heading of level %d", target, n.Data, level)
			} else {
				level = l
			}
		}
		for _, a := range n.Attr {
			switch a.Key {
			case "id":
				if ids[a.Val] {
					t.Errorf("%s has the id %q twice", target, a.Val)
				}
				ids[a.Val] = true
			case "aria-labelledby", "for":
				refs = append(refs, strings.Fields(a.Val)...)
			case "style":
				t.Errorf("%s has a style attribute on %s", target, n.Data)
			case "href", "src", "action":
				address, fragment, _ := strings.Cut(a.Val, "#")
				if address == "" {
					refs = append(refs, fragment)
				} else if !strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") {
					t.Errorf("%s leads to %q", target, a.Val)
				} else {
					links = append(links, address)
				}
			}
		}
	}
	for _, r := range refs {
		if !ids[r] {
			t.Errorf("%s refers to the id %q, which it does not have", target, r)
		}
	}
	if level == 0 || captions != tables {
		t.Errorf("%s has headings to level %d, and %d captions of %d tables", target, level, captions, tables)
	}
	return links
}

// says holds the page at an address to sentences.
func says(t *testing.T, h http.Handler, target string, want ...string) string {
	t.Helper()
	w := get(t, h, target)
	said := text(t, w.Body.String())
	if w.Code != http.StatusOK {
		t.Errorf("%s answers %d: %s", target, w.Code, said)
	}
	for _, s := range want {
		if !strings.Contains(said, s) {
			t.Errorf("%s does not say %q:\n%s", target, s, said)
		}
	}
	return said
}

// testStart: the overview says until when its data goes and which days it speaks of.
func testStart(t *testing.T, h http.Handler) {
	says(t, h, "/", "and how well we know. The latest fact is of 2026-10-21 12:00, 26 days ago.", "What changed in 2026-W46, 9 to 15 November 2026")
}

func testFailures(t *testing.T, h http.Handler) {
	says(t, h, "/service/cart", "Owned by checkout of commerce from 2026-01-01", "1 to production is known",
		"Rule a: an incident names it or its commit.", "incident INC-1; remedied by v3", "Restored 2026-10-07 16:00, after 5.0 h",
		"dev.cdeventsx.payoff-failure.dismissed.0.1.0", "1 incident marks no deployment", "INC-2 2026-10-20 11:00 SEV3",
		"1 change by a person is on the default branch and in no deployment", "7 to 30 days 1", "d10000000000 acme/cart 26 days ago")
	says(t, h, "/service/only-staging", "No failed deployment of this service", "No undeployed change")
}

func testChange(t *testing.T, h http.Handler) {
	said := says(t, h, "/change/acme/cart/a10000", "To production of cart", "Lead time 2.0 d, from 2026-10-05 10:00.", "2026-10-05 12:00 ready for review: acme/cart#7 2.0 h later",
		"first reviewed by another person 5.0 h later", "deployed to production with v2 1.0 d later", "coding 2.0 h pickup 5.0 h review 18.0 h deploy 1.0 d",
		"The deployment that shipped it failed. Rule a", "It was reverted by a1ffffffffff")
	for _, name := range []string{"ada", "bob"} {
		if strings.Contains(strings.ToLower(said), name) {
			t.Errorf("the page of a change names %s", name)
		}
	}
	says(t, h, "/change/acme/cart/"+cartRevert, "It reverts a10000000000")
	says(t, h, "/change/acme/cart/"+cartMerge[:6], "A merge: it joins others' changes", "With cart v2 to production, 2026-10-07 11:00: it shipped 1 change, among them a10000000000 .")
	says(t, h, "/change/acme/cart/"+cartFirst, "It came with the first known deployment")
	says(t, h, "/change/acme/cart/d100", "It waits to be deployed to production of cart")
}

func testTeams(t *testing.T, h http.Handler) {
	says(t, h, "/teams/", "commerce bakery checkout solo", "logistics pair", "In no unit")
	said := says(t, h, "/team/checkout", "Of unit commerce", "Deployment frequency", "Change fail rate", "cart checkout 2026-01-01 today")
	if strings.Contains(said, "DORA score") {
		t.Error("a team has a score")
	}
	if said := says(t, h, "/team/solo", "This team is shown only inside its unit", "service-00"); strings.Contains(said, "95 % interval") {
		t.Errorf("numbers of a small team: %s", said)
	}
	if said := says(t, h, "/team/bakery", "it stands in for a team of one"); strings.Contains(said, "95 % interval") {
		t.Errorf("numbers of the team that stands in: %s", said)
	}
	// What is shown of a team that has become small ends where it did, and says so.
	said = says(t, h, "/team/small?grain=week", "Since 2026-08-03 this team has fewer than three members: its work is counted in unit logistics .", "2026-W31")
	for _, week := range []string{"2026-W32", "2026-W37", "v88.2"} {
		if strings.Contains(said, week) {
			t.Errorf("a team that has become small shows %s: %s", week, said)
		}
	}
	for _, other := range []string{"/team/checkout", "/team/solo", "/team/pair", "/unit/logistics"} {
		if said := says(t, h, other); strings.Contains(said, "this team has fewer") {
			t.Errorf("%s says that it has become small: %s", other, said)
		}
	}
	says(t, h, "/unit/commerce?grain=month", "Delivery by month", "checkout", "solo", "service-00", "DORA score")
	says(t, h, "/team/"+url.PathEscape(hostile), hostile)
}

// testHidden: a service of one committer, or of a team of one, and a team of fewer
// than three have a page that says in a sentence why nothing is shown, and no page or
// file tells of them what is as good as a person's.
func testHidden(t *testing.T, h http.Handler) {
	facts := []string{"95 % interval", "<svg", "v77", "INC-77", "e0000", "<time"}
	for _, grain := range []string{"", "?grain=week", "?grain=month", "?grain=quarter"} {
		for target, why := range map[string]string{
			"/service/lone":       "all its changes are of one person",
			"/service/service-00": "the team that owns it is one person",
			"/team/pair":          "it had fewer than three members",
		} {
			says(t, h, target+grain, "shown only inside its unit", why)
			body := get(t, h, target+grain).Body.String()
			for _, f := range facts {
				if strings.Contains(body, f) {
					t.Errorf("%s shows %q: %s", target+grain, f, text(t, body))
				}
			}
		}
	}
	for _, name := range []string{"lone", "service-00"} {
		row := says(t, h, "/?q="+name, "1 service with “"+name+"” in the name", name+" shown only inside its unit")
		_, row, _ = strings.Cut(row, "Last deployment")
		if row, _, _ = strings.Cut(row, "Sources"); strings.Contains(row, "v77") || strings.Contains(row, "2026-") || strings.Contains(row, "n\u00a0") {
			t.Errorf("the overview tells of %s: %s", name, row)
		}
	}
	// A service that has been hidden since August is told of until June.
	for target, last := range map[string]string{"/service/shrinking": "v88.1", "/service/shrinking?grain=quarter": "v88.1", "/?q=shrinking": "", "/?q=shrinking&grain=quarter": ""} {
		body := text(t, get(t, h, target).Body.String())
		if !strings.Contains(body, last) || strings.Contains(body, "v88.2") || strings.Contains(body, "2026-09-09") {
			t.Errorf("%s tells of September, or not of June: %s", target, body)
		}
	}
	for _, d := range catalogue.All() {
		for _, g := range shownGrains {
			rows, err := csv.NewReader(get(t, h, "/metric/"+d.Name+".csv?grain="+string(g)).Body).ReadAll()
			if err != nil {
				t.Fatalf("%s by %s: %v", d.Name, g, err)
			}
			for _, r := range rows {
				if slices.Contains(r, "lone") || slices.Contains(r, "pair") {
					t.Fatalf("the file of %s by %s has %v", d.Name, g, r)
				}
			}
		}
	}
	// A single change's times are a person's.
	for i := range 3 {
		target := fmt.Sprintf("/change/acme/lone/e%039x", i+1)
		if w := get(t, h, target); w.Code != http.StatusNotFound || !strings.Contains(text(t, w.Body.String()), "shown only inside their units") {
			t.Errorf("%s answers %d: %s", target, w.Code, text(t, w.Body.String()))
		}
	}
	// In the unit it counts: lone, cart, and two more that are owned there.
	says(t, h, "/unit/commerce?grain=quarter", "cart", "lone")
}

func testNames(t *testing.T, h http.Handler) {
	for _, name := range []string{hostile, formula, slashed} {
		w := get(t, h, "/service/"+url.PathEscape(name))
		body := w.Body.String()
		if w.Code != http.StatusOK || !strings.Contains(text(t, body), "Service "+name) {
			t.Errorf("the page of %q answers %d: %s", name, w.Code, text(t, body))
		}
		if strings.Contains(body, "<script") {
			t.Errorf("the page of %q has a script", name)
		}
	}
	if body := get(t, h, "/?q="+url.QueryEscape(`"><script>`)).Body.String(); strings.Contains(body, "<script") {
		t.Error("a search brings a script into the page")
	}
}

func testCSV(t *testing.T, h http.Handler, s *store.Store) {
	d, err := catalogue.Find("dora.deployment_frequency")
	if err != nil {
		t.Fatal(err)
	}
	w := get(t, h, "/metric/"+d.Name+".csv?grain=month")
	rows, err := csv.NewReader(strings.NewReader(w.Body.String())).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	ps, err := points.Read(t.Context(), s, points.Ask{Metric: d, Grain: metric.Month, All: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(ps)+1 || len(ps) == 0 {
		t.Fatalf("%d lines for %d points", len(rows), len(ps))
	}
	for i, p := range ps {
		if d := cmp.Diff(csvRow(p), rows[i+1]); d != "" {
			t.Fatalf("line %d differs (-point +line):\n%s", i+2, d)
		}
	}
	if !strings.Contains(w.Body.String(), `"'=HYPERLINK(""http://x"")"`) {
		t.Error("a name that is a formula is not quoted")
	}
	if !strings.Contains(w.Body.String(), "\r\n") || w.Header().Get("Content-Disposition") != `attachment; filename="dora.deployment_frequency.month.csv"` {
		t.Errorf("not RFC 4180, or no name: %v", w.Header())
	}
}

func testWrongAddresses(t *testing.T, h http.Handler) {
	for _, c := range []struct {
		target string
		status int
		want   string
	}{
		{"/service/paymnts", 404, "Perhaps you mean payments"},
		{"/service/staging", 404, "Perhaps you mean only-staging"},
		{"/metric/dora.lead_time", 404, "Perhaps you mean dora.change_lead_time"},
		{"/metric/dora.lead_time.csv", 404, "There is no metric named"},
		{"/nothing", 404, "There is no page at this address."},
		{"/static/style.old.css", 404, "There is no such file."},
		{"/?grain=fortnight", 400, "by quarter, month or week"},
		{"/?grian=week", 400, "“grian”"},
		{"/?grain=week&grain=month", 400, "each once"},
		{"/?page=99", 400, "there is no page “99”"},
		{"/metric/?grain=week", 400, "takes no parameters"},
		{"/team/chekout", 404, "Perhaps you mean checkout"},
		{"/unit/comerce", 404, "Perhaps you mean commerce"},
		{"/change/acme/cart/a1", 400, "at least its first 4 digits"},
		{"/change/acme/cart/zzzz", 400, "is not a hash"},
		{"/change/abcd", 404, "A change is /change/"},
		{"/change/acme/cart/beef", 404, "No change of acme/cart begins with"},
		{"/change/acme/payments/0000", 404, "give more digits"},
	} {
		w := get(t, h, c.target)
		if said := text(t, w.Body.String()); w.Code != c.status || !strings.Contains(said, c.want) {
			t.Errorf("%s answers %d, %q; want %d, %q", c.target, w.Code, said, c.status, c.want)
		}
	}
}

func testCaching(t *testing.T, h http.Handler) {
	tag := get(t, h, "/").Header().Get("ETag")
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "127.0.0.1:8081"
	r.Header.Set("If-None-Match", `"other", `+tag)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if tag == "" || w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("a page that is known (%s) answers %d with %d bytes", tag, w.Code, w.Body.Len())
	}
	plain := get(t, h, "/").Body.String()
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Del("If-None-Match")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(z); err != nil || string(b) != plain || w.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("compressed, the page has %d bytes, plain %d: %v", len(b), len(plain), err)
	}
	if c := get(t, h, "/static/"+styleName).Header().Get("Cache-Control"); !strings.Contains(c, "immutable") {
		t.Errorf("the stylesheet has Cache-Control: %q", c)
	}
}

// testGolden keeps two pages whole: a service, with two metrics that guard each
// other, and a change. The name of the stylesheet changes with its content and is
// left out.
func testGolden(t *testing.T, s *store.Store) {
	names := []string{"dora.deployment_frequency", "dora.change_lead_time"}
	var defs []metric.Def
	for i, name := range names {
		d, err := catalogue.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		d.Guardrails = []string{names[1-i]}
		defs = append(defs, d)
	}
	h := New(Options{Store: s, Location: berlin, Organisation: "Fjord & Sons", Metrics: defs, Now: func() time.Time { return now }})
	for file, target := range map[string]string{"testdata/service.html": "/service/payments?grain=quarter", "testdata/change.html": "/change/acme/cart/a10000"} {
		got := get(t, h, target).Body.String()
		got = strings.NewReplacer(styleName, "style.css", iconName, "icon.svg").Replace(got)
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s differs (-want +got):\n%s", file, d)
		}
	}
}

// testNoStore is the last: it takes the store away.
func testNoStore(t *testing.T, h http.Handler, s *store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	w := get(t, h, "/")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(text(t, w.Body.String()), "ClickHouse cannot be reached") {
		t.Errorf("without a store: %d %v %s", w.Code, w.Header(), text(t, w.Body.String()))
	}
	checkPage(t, "the page without a store", w)
}

// The tests below need no store: the catalogue is served without one.

func TestWhoIsAnswered(t *testing.T) {
	h := New(Options{Metrics: catalogue.All(), AllowedHosts: []string{"Payoff.example.com"}})
	for _, c := range []struct {
		method, host, header string
		status               int
	}{
		{"GET", "localhost", "", 200},
		{"GET", "LOCALHOST:8081", "", 200},
		{"GET", "127.0.0.1:8081", "", 200},
		{"GET", "[::1]:8081", "", 200},
		{"HEAD", "[::1]", "", 200},
		{"GET", "payoff.example.com", "", 200},
		{"GET", "payoff.example.com:8081", "", 200},
		{"GET", "evil.example.com", "", 403},
		{"GET", "localhost.evil.example.com", "", 403},
		{"GET", "127.0.0.1.evil.example.com", "", 403},
		{"GET", "192.168.1.7:8081", "", 403},
		{"GET", "", "", 403},
		{"GET", "localhost", "Forwarded", 403},
		{"GET", "localhost", "X-Forwarded-For", 403},
		{"GET", "payoff.example.com", "X-Forwarded-Host", 403},
		{"POST", "localhost", "", 405},
	} {
		r := httptest.NewRequest(c.method, "/metric/", nil)
		r.Host = c.host
		if c.header != "" {
			r.Header.Set(c.header, "x")
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s from %q with %q answers %d, want %d", c.method, c.host, c.header, w.Code, c.status)
		}
		if c.status != 200 && !strings.Contains(text(t, w.Body.String()), ".") {
			t.Errorf("%s from %q is refused without a sentence", c.method, c.host)
		}
		if c.method == "HEAD" && w.Body.Len() > 0 {
			t.Error("HEAD has a body")
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	for header, want := range map[string]bool{"": false, "gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "GZIP ; q=1": true, "identity": false, "xgzip": false} {
		if got := acceptsGzip(header); got != want {
			t.Errorf("Accept-Encoding %q: %v", header, got)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"payments", "payments-api", "search", "Checkout", "checkin"}
	for asked, want := range map[string][]string{
		"paymets": {"payments", "payments-api"}, "PAYMENTS": {"payments", "payments-api"}, "chekout": {"Checkout"}, "zzz": nil, "": nil, strings.Repeat("x", 5000): nil,
	} {
		if got := nearest(asked, names); !slices.Equal(got, want) {
			t.Errorf("nearest to %.20q: %q, want %q", asked, got, want)
		}
	}
}

func TestComparison(t *testing.T) {
	d, err := catalogue.Find("dora.change_lead_time")
	if err != nil {
		t.Fatal(err)
	}
	point := func(v, low, high float64, q string) metric.Point {
		v, low, high = v*3_600_000, low*3_600_000, high*3_600_000
		return metric.Point{Value: &v, CILow: &low, CIHigh: &high, N: 20, Quality: q}
	}
	before := point(10, 8, 12, metric.OK)
	bare := before
	bare.CILow, bare.CIHigh = nil, nil
	for _, c := range []struct {
		now  metric.Point
		was  metric.Point
		want string
	}{
		{point(5, 4, 7, metric.OK), before, "Down from 10.0 h in 2026-Q2 (8.0 h – 12.0 h, n\u00a020); lower is better. The intervals do not overlap."},
		{point(14, 11, 16, metric.OK), before, "Up from 10.0 h in 2026-Q2 (8.0 h – 12.0 h, n\u00a020); lower is better. The intervals overlap: it may be chance."},
		{before, before, "As before: 10.0 h in 2026-Q2 (8.0 h – 12.0 h, n\u00a020)."},
		{point(5, 4, 7, metric.LowN), before, "Before: 10.0 h in 2026-Q2 (8.0 h – 12.0 h, n\u00a020). Too few facts to compare."},
		{point(5, 4, 7, metric.OK), bare, "Down from 10.0 h in 2026-Q2 (no interval, n\u00a020); lower is better. Without an interval it may be chance."},
	} {
		if got := comparison(d, c.now, c.was, "2026-Q2"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// TestOfOne: one fact is not "1 deployments".
func TestOfOne(t *testing.T) {
	d, err := catalogue.Find("dora.deployment_frequency")
	if err != nil {
		t.Fatal(err)
	}
	v, days := 1.0, 1.0
	p := &pages{Options: Options{Location: berlin}}
	for n, want := range map[uint64]string{0: "0 deployments", 1: "1 deployment", 2: "2 deployments"} {
		r := p.reading(d, metric.Point{Grain: metric.Day, Value: &v, Denominator: &days, N: n})
		if r.Facts != want || r.Over != "in 1 service-day" {
			t.Errorf("%d: %q %q, want %q in 1 service-day", n, r.Facts, r.Over, want)
		}
	}
	if got := ago(now.AddDate(0, 0, -1), now); got != "1 day ago" {
		t.Errorf("a day ago is %q", got)
	}
	for _, text := range []string{"n 1 shipped changes", "1 more metrics", "users of 1 services"} {
		if !ofOne.MatchString(text) {
			t.Errorf("%q is taken for right", text)
		}
	}
}

func TestWhyNone(t *testing.T) {
	d := metric.Def{Facts: []string{"deployments"}, Dimensions: []string{"service", ""}, Grains: []metric.Grain{metric.Week}}
	perService := d
	perService.Dimensions = []string{"service"}
	v := 1.0
	for _, c := range []struct {
		b    board
		s    series
		want string
	}{
		{board{grain: metric.Week}, series{def: d}, "No deployment to production is known yet."},
		{board{grain: metric.Month}, series{def: d}, "It is not computed by month."},
		{board{grain: metric.Week}, series{def: perService}, "It is published by service, not for the whole."},
		{board{grain: metric.Week, of: subject{Service: "x"}}, series{def: perService}, "No deployment to production is known yet."},
		{board{grain: metric.Week}, series{def: d, main: []metric.Point{{Value: &v, Quality: metric.Partial}}},
			"No period is wholly known yet: numbers of partial ones are drawn hollow, and not compared."},
	} {
		if got, _ := whyNone(c.b, c.s); got != c.want {
			t.Errorf("by %s of %q: %q, want %q", c.b.grain, c.b.of, got, c.want)
		}
	}
}

func TestCSVText(t *testing.T) {
	for in, want := range map[string]string{"": "", "payments": "payments", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM": "'@SUM", "\tx": "'\tx", "a=b": "a=b"} {
		if got := csvText(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

// TestCorrection runs the quoting of the command through a shell, without curl.
func TestCorrection(t *testing.T) {
	for _, service := range []string{"payments", hostile, formula, "it's", `"; rm -rf '/`, "ä\u2028$(id)`id`"} {
		command := correction("failure.dismissed", service, "7f", "INC-1")
		_, body, found := strings.Cut(command, " -d ")
		if !found {
			t.Fatalf("no body in %s", command)
		}
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf %s "+body).Output()
		if err != nil {
			t.Fatalf("%q: %v", service, err)
		}
		var e struct {
			Type string
			Time time.Time
			Data struct {
				Subject struct {
					ID      string
					Content struct {
						Service              struct{ ID string }
						Deployment, Incident string
					}
				}
			}
		}
		if err := json.Unmarshal(out, &e); err != nil {
			t.Fatalf("%q: %v in %s", service, err, out)
		}
		c := e.Data.Subject.Content
		if e.Type != "dev.cdeventsx.payoff-failure.dismissed.0.1.0" || e.Time.IsZero() || c.Service.ID != service || c.Deployment != "7f" || c.Incident != "INC-1" {
			t.Errorf("of %q the shell makes %s", service, out)
		}
	}
}

func TestSplitChange(t *testing.T) {
	for _, c := range []struct{ rest, repository, digits string }{
		{"acme/cart/ABCD", "acme/cart", "abcd"}, {"cart/0123", "cart", "0123"}, {"a/b/c/d0d0", "a/b/c", "d0d0"},
		{"abcd", "", ""}, {"/abcd", "", ""}, {"acme/cart/", "", ""}, {"acme/cart/abc", "", ""}, {"acme/cart/main", "", ""},
	} {
		repository, digits, err := splitChange(c.rest)
		if repository != c.repository && err == nil || digits != c.digits && err == nil || (err == nil) != (c.repository != "") {
			t.Errorf("%q is change %q of %q: %v", c.rest, digits, repository, err)
		}
	}
}

// TestBehaviour charts two years that change for good in week 60.
func TestBehaviour(t *testing.T) {
	p := &pages{Options: Options{Location: time.UTC}}
	w := metric.At(metric.Week, now.AddDate(-2, 0, 0), time.UTC)
	s := series{def: metric.Def{Name: "x.y", Unit: metric.Milliseconds}}
	for i := range 80 {
		v := float64(3_600_000 * (10 + i%3))
		if i >= 60 {
			v /= 4
		}
		s.all = append(s.all, metric.Point{Grain: metric.Week, Start: w.Start, End: w.End, Value: &v, N: 20, Quality: metric.OK})
		w = metric.At(metric.Week, w.End, time.UTC)
	}
	s.main = s.all[54:]
	course := func(changes ...metric.Change) course {
		v, err := behaviour.Of(s.def, s.all, changes)
		if err != nil {
			t.Fatal(err)
		}
		return p.course(s, v)
	}
	if c := course(); len(c.News) != 1 || !strings.HasPrefix(c.News[0].Period, p.label(s.all[60])+" to ") || !strings.HasSuffix(c.News[0].Rule, ", below") || !c.Limits {
		t.Errorf("news: %+v", c)
	}
	if c := course(metric.Change{At: s.all[60].Start, What: "other machines"}); len(c.News) != 0 || !c.Limits || !strings.Contains(c.Says, "(other machines)") {
		t.Errorf("of another process: %+v", c)
	}
	s.all, s.main = s.all[:8], s.all[:8]
	if c := course(); c.Limits || !strings.Contains(c.Says, "12 complete weeks") {
		t.Errorf("of 8 weeks: %+v", c)
	}
}
