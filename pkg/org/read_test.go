package org_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/org"
)

var update = flag.Bool("update", false, "write the golden files")

// accounts is a stand-in for the edge, whose pseudonyms can be read.
type accounts struct{}

func (accounts) Actor(account string) (kind, name string) {
	if strings.HasSuffix(account, "[bot]") {
		return events.Bot, account
	}
	return events.Human, "p_" + strings.ToLower(account)
}

func (accounts) PersonEntity(account string) string { return "person/e_" + strings.ToLower(account) }

func read(t *testing.T, fsys fs.FS, root string) (*org.Organisation, error) {
	t.Helper()
	return org.Read(fsys, root, org.Options{Location: time.UTC})
}

// TestBadFilesSayWhatToChange: each file begins with what is to be said of it.
func TestBadFilesSayWhatToChange(t *testing.T) {
	names, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".bad.yaml"), func(t *testing.T) {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(b), "\n")
			want := strings.TrimPrefix(first, "# ")
			_, err = read(t, os.DirFS("testdata"), filepath.Base(name))
			if err == nil {
				t.Fatalf("was read; want %q", want)
			}
			if got, _, _ := strings.Cut(err.Error(), "\n"); got != want {
				t.Errorf("says\n  %s\nwant\n  %s", got, want)
			}
		})
	}
}

// TestGoodFiles compares what the sources of an organisation declare with golden
// files, in which every fact is a line.
func TestGoodFiles(t *testing.T) {
	for _, c := range []struct{ name, dir string }{
		{"example", "../../examples/org"},
		{"catalog", "testdata/catalog"},
		{"codeowners", "testdata/codeowners"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := read(t, os.DirFS(c.dir), ".")
			if err != nil {
				t.Fatal(err)
			}
			drafts, err := o.Drafts(accounts{}, time.UnixMilli(1), nil)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, w := range o.Warnings() {
				fmt.Fprintf(&b, "warning: %s\n", w)
			}
			for _, d := range drafts {
				fmt.Fprintln(&b, d.Subject)
				for _, r := range d.Content.Rows {
					fmt.Fprintln(&b, "  "+line(r))
				}
			}
			golden(t, filepath.Join("testdata", c.name+".golden"), b.String())
		})
	}
}

// line writes a row with the fields it has.
func line(r events.Declared) string {
	var out []string
	for _, f := range []struct{ name, value string }{
		{"from", r.From}, {"to", r.To}, {"unit", r.Unit}, {"line", r.Line}, {"person", r.Person}, {"alias", r.Alias}, {"team", r.Team}, {"role", r.Role},
		{"repository", r.Repository}, {"paths", strings.Join(r.Paths, ",")}, {"tier", r.Tier}, {"kind", r.MemberKind}, {"member", r.Member},
		{"calendar", r.Calendar}, {"zone", r.Zone}, {"days", strings.Join(r.Days, ",")}, {"opens", r.Opens}, {"closes", r.Closes}, {"holidays", strings.Join(r.Holidays, ",")},
	} {
		if f.value != "" {
			out = append(out, f.name+"="+strings.TrimSuffix(f.value, "T00:00:00.000Z"))
		}
	}
	if r.Exempt {
		out = append(out, "exempt")
	}
	return strings.Join(out, " ")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("differs from %s (-want +got):\n%s", name, diff)
	}
}

func TestYAMLAndCSVSayTheSame(t *testing.T) {
	yaml := fstest.MapFS{"o.yaml": {Data: []byte(`
units: [{unit: commerce, from: 2025-01-01}]
teams: [{team: a, unit: commerce, from: 2025-01-01, to: 2026-01-01}, {team: b, unit: commerce, from: 2026-01-01, continues: [a]}]
services: [{service: cart, repository: acme/shop, paths: [cart/**, lib/**], team: a, from: 2025-01-01}]
`)}}
	csv := fstest.MapFS{
		"units.csv":    {Data: []byte("\ufeffunit,from\ncommerce,2025-01-01\n")},
		"teams.csv":    {Data: []byte("team,unit,from,to,continues\na,commerce,2025-01-01,2026-01-01,\nb,commerce,2026-01-01,,a\n")},
		"services.csv": {Data: []byte("service,repository,paths,team,from\ncart,acme/shop,cart/**; lib/**,a,2025-01-01\n")},
	}
	var got [2][]events.Draft
	for i, fsys := range []fs.FS{yaml, csv} {
		o, err := read(t, fsys, ".")
		if err != nil {
			t.Fatal(err)
		}
		if got[i], err = o.Drafts(accounts{}, time.UnixMilli(1), nil); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(got[0], got[1]); diff != "" {
		t.Errorf("YAML and CSV differ (-yaml +csv):\n%s", diff)
	}
	if len(got[0]) == 0 {
		t.Error("nothing is declared")
	}
}

func TestBadSources(t *testing.T) {
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"csv of no section":         {"people_list.csv", "person\n", "people_list.csv: is not named after a section"},
		"csv with an unknown field": {"units.csv", "unit,boss\n", `units.csv:1: units have no field "boss"`},
		"csv with a short line":     {"units.csv", "unit,from\na,2025-01-01\nb\n", "units.csv:3: is not CSV: wrong number of fields"},
		"codeowners of nowhere":     {"CODEOWNERS", "* @acme/a\n", "CODEOWNERS: does not say of which repository it is"},
		"codeowners' directive":     {"CODEOWNERS", "# payoff: repo=x\n", `CODEOWNERS:1: "repo=x" is neither repository= nor from=`},
		"component of a person":     {"catalog-info.yaml", "kind: Component\nmetadata: {name: cart}\nspec: {owner: user:ada}\n", "catalog-info.yaml:1: the owner of cart is a person"},
		"component of nobody known": {"catalog-info.yaml", "kind: Component\nmetadata: {name: cart}\nspec: {owner: x}\n", "catalog-info.yaml:1: there is no team x"},
		"entity without a name":     {"catalog-info.yaml", "kind: Group\n", "catalog-info.yaml:1: this Group has no metadata.name"},
		"not an organisation":       {"notes.txt", "hello", "there is no file of an organisation here"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(t, fstest.MapFS{c.file: {Data: []byte(c.text)}}, ".")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("says %v, want %q", err, c.want)
			}
			if err != nil && !strings.HasSuffix(err.Error(), "nothing was taken; correct these lines and import again") {
				t.Errorf("does not say what became of the rest: %v", err)
			}
		})
	}
}

func TestBotsAreNoMembers(t *testing.T) {
	o, err := read(t, fstest.MapFS{"o.yaml": {Data: []byte("units: [{unit: u}]\nteams: [{team: t, unit: u}]\nmembers: [{person: 'renovate[bot]', team: t}]\n")}}, ".")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.Drafts(accounts{}, time.UnixMilli(1), nil); err == nil || !strings.Contains(err.Error(), "o.yaml:3: renovate[bot] is a bot") {
		t.Errorf("a bot was declared: %v", err)
	}
}

func TestGlobsAreHeldAgainstTheRepository(t *testing.T) {
	o, err := read(t, fstest.MapFS{"o.yaml": {Data: []byte(`services:
  - {service: cart, repository: acme/shop, paths: [services/cart/**, "**/cart.proto"]}
  - {service: web, repository: acme/shop, paths: [webb/**]}
  - {service: api, repository: acme/shop, paths: ["services/c*/api/**"]}
  - {service: other, repository: acme/unknown, paths: [nothing/**]}
`)}}, ".")
	if err != nil {
		t.Fatal(err)
	}
	known := func(repository string) ([]string, error) {
		if repository != "acme/shop" {
			return nil, nil
		}
		return []string{"services/cart/api/main.go", "services/cart/main.go", "proto/cart.proto", "web/index.html"}, nil
	}
	err = o.CheckPaths(known)
	want := `o.yaml:3: no commit of acme/shop touched a path that "webb/**" of service web matches: correct the glob, which begins at the top of the repository, as "services/cart/api/main.go" does
o.yaml:4: services api and cart (o.yaml:2) both have services/cart/api/main.go of acme/shop: give each paths of its own
nothing was taken; correct these lines and import again`
	if err == nil || err.Error() != want {
		t.Errorf("says\n%v\nwant\n%s", err, want)
	}
}

func FuzzRead(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/*/*.csv", "testdata/*/*/*/*.yaml", "testdata/*/*/*/*/CODEOWNERS", "../../examples/org/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(filepath.Base(name), b)
		}
	}
	f.Fuzz(func(t *testing.T, name string, b []byte) {
		name = path.Base(name)
		if !fs.ValidPath(name) || name == "." {
			t.Skip("no name of a file")
		}
		o, err := org.Read(fstest.MapFS{name: {Data: b}}, ".", org.Options{Location: time.UTC, Repository: "acme/shop"})
		if err != nil {
			return
		}
		drafts, err := o.Drafts(accounts{}, time.UnixMilli(1), nil)
		if err != nil {
			return
		}
		var entities []org.Entity
		for _, d := range drafts {
			e, err := events.New(d)
			if err != nil {
				t.Fatalf("what was read makes no event: %v", err)
			}
			encoded, err := events.Encode(&e)
			if err != nil {
				t.Fatal(err)
			}
			back, err := events.Decode(encoded)
			if err != nil {
				t.Fatalf("what was declared does not travel: %v", err)
			}
			entities = append(entities, org.Entity{Subject: back.Subject, Rows: back.Data.Subject.Content.Rows})
		}
		checkResolved(t, org.Resolve(entities))
	})
}

// checkResolved: what is attributed by covers all time, without overlaps.
func checkResolved(t *testing.T, r org.Resolved) {
	t.Helper()
	var last org.Ownership
	for i, o := range r.Ownerships {
		fresh := i == 0 || o.Service != last.Service
		if fresh && (!o.From.Equal(org.Ever) || i > 0 && !last.To.Equal(org.Always)) || !fresh && !o.From.Equal(last.To) || !o.From.Before(o.To) {
			t.Fatalf("the ownerships of %s do not cover all time once: %v after %v", o.Service, o, last)
		}
		last = o
	}
	for i, s := range r.Sizes {
		if i > 0 && s.Team == r.Sizes[i-1].Team && !s.From.Equal(r.Sizes[i-1].To) {
			t.Fatalf("the sizes of %s do not cover all time once: %v after %v", s.Team, s, r.Sizes[i-1])
		}
	}
}
