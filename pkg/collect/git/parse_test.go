package git

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf8"

	"github.com/payoff-metrics/payoff/pkg/events"
)

func TestVersionsAndTheirOrder(t *testing.T) {
	// From the lowest to the highest; names in one line are equal.
	order := [][]string{
		{"0.0.1", "v0.0.1", "V0.0.1"},
		{"0.13.0rc2", "0.13.0-rc.2", "v0.13.0-rc2"},
		{"0.13.0rc10"},
		{"0.13.0", "v0.13", "v0.13.0+build.5", "0.13.0.Final", "0.13.0-RELEASE"},
		{"1.0.0-alpha"}, {"1.0.0-alpha.1", "1.0.0-alpha1", "1.0.0.alpha1"}, {"1.0.0-beta"}, {"1.0.0-rc.1"}, {"v1", "1", "1.0", "v1.0.0"},
		{"1.2.3.4"}, {"1.2.3.10"}, {"1.10.0"},
		{"2024.01.15", "2024.1.15", "2024-01-15"}, {"2024.02.01"}, {"20240115"},
	}
	var last version
	for i, names := range order {
		for _, name := range names {
			v, ok := parseVersion(name)
			if !ok {
				t.Fatalf("%q is no version", name)
			}
			first, _ := parseVersion(names[0])
			if c := v.compare(first); c != 0 {
				t.Errorf("%q compared with %q: %d", name, names[0], c)
			}
			if i > 0 && v.compare(last) <= 0 {
				t.Errorf("%q is not higher than %q", name, order[i-1][0])
			}
		}
		last, _ = parseVersion(names[0])
	}
}

func TestPrereleases(t *testing.T) {
	for name, want := range map[string]bool{
		"v1.0.0": false, "1.0.0+exp.sha": false, "5.4.2.Final": false, "5.4.2.RELEASE": false, "1.0.post1": false, "2024-01-15": false, "v2.54.0+dedupelabels": false,
		"v1.0.0-rc.1": true, "1.0rc1": true, "0.9.0rc5": true, "1.0.0.dev3": true, "1.0b2": true, "v2.0.0-SNAPSHOT": true, "1.0.0-0": true, "v1-beta": true, "v3.0.0-beta_2": true,
	} {
		v, ok := parseVersion(name)
		if !ok || (v.Prerelease() != "") != want {
			t.Errorf("%s: version %v, pre-release %v, want %v", name, ok, v, want)
		}
	}
	for _, name := range []string{"", "v", "latest", "1.", ".1", "1..2", "vv1", "1.2.3.4.5", "1.2.x", "1.2.3-", "1.2 3", "1.2.3k", "99999999999999999999999", "release", "v1.0.0\n", "1.0-ä"} {
		if v, ok := parseVersion(name); ok {
			t.Errorf("%q is taken for the version %v", name, v)
		}
	}
}

func TestNameOfURL(t *testing.T) {
	for remote, want := range map[string]string{
		"https://forge.example/acme/shop.git":                  "acme/shop",
		"https://ada:secret@forge.example/acme/shop":           "acme/shop",
		"https://token@forge.example:8443/acme/shop.git/":      "acme/shop",
		"https://forge.example/group/sub/shop.git?x=1#y":       "sub/shop",
		"https://forge.example/org/project/_git/shop":          "project/shop",
		"https://forge.example/acme/my%20shop.git":             "acme/my shop",
		"ssh://git@forge.example:22/acme/shop.git":             "acme/shop",
		"git@forge.example:acme/shop.git":                      "acme/shop",
		"forge:shop.git":                                       "shop",
		"ssh://git@forge.example/~ada/shop.git":                "~ada/shop",
		"file:///home/ada/shop.git":                            "shop",
		"/home/ada/shop.git":                                   "shop",
		"../shop":                                              "shop",
		"/home/ada/shop/.git":                                  "shop",
		`C:/src/shop`:                                          "shop",
		"":                                                     "",
		"https://forge.example":                                "",
		"https://ada:se cret@forge.example:port/acme/shop.git": "",
	} {
		if got := NameOfURL(remote); got != want {
			t.Errorf("%q is named %q, want %q", remote, got, want)
		}
	}
}

func TestBotName(t *testing.T) {
	for _, test := range []struct{ name, email, want string }{
		{"dependabot[bot]", "49699333+dependabot[bot]@users.noreply.example", "dependabot[bot]"},
		{"Dependabot", "49699333+dependabot[bot]@users.noreply.example", "dependabot[bot]"},
		{"Renovate Bot", "bot@renovateapp.com", "bot"},
		{"deploy token", "project_123_bot_0a1b@noreply.forge.example", "project_123_bot_0a1b"},
		{"Ada", "ada@example.test", ""},
		{"Abbot", "abbot@example.test", ""},
		{"Robot Ltd", "ci@example.test", ""},
		{"[bot] hunter", "hunter@example.test", ""},
		{"", "", ""},
	} {
		if got := botName(test.name, test.email); got != test.want {
			t.Errorf("%s <%s>: bot %q, want %q", test.name, test.email, got, test.want)
		}
	}
}

func TestGitVersion(t *testing.T) {
	for out, want := range map[string]string{"git version 2.39.5": "2.39 true", "git version 2.51.0 (Apple Git-200)": "2.51 true", "git version 2.9.windows.1": "2.9 true", "what": "0.0 false"} {
		major, minor, ok := parseGitVersion(out)
		if got := fmt.Sprintf("%d.%d %v", major, minor, ok); got != want {
			t.Errorf("%q: %s, want %s", out, got, want)
		}
	}
}

func TestStreamThatEndsTooEarly(t *testing.T) {
	one := "C" + strings.Repeat("a", 40) + "\x00\x001\x002\x00N\x00e\x00message\x00"
	end, entry := "\x00", "\n:000000 100644 0 1 A\x00path\x00"
	whole := one + end + entry + one + end
	// Where a field or a commit ends git might have ended; anywhere else it broke.
	ends := []int{0, len(one), len(one + end), len(one+end) + 1, len(one + end + entry), len(whole) - 1}
	for cut := range len(whole) {
		n := 0
		// The smallest reads, as a pipe may give.
		err := readCommits(iotest.OneByteReader(strings.NewReader(whole[:cut])), func(*commit) error { n++; return nil })
		if (err == nil) != slices.Contains(ends, cut) || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("cut at %d of %d: %d commits, error %v", cut, len(whole), n, err)
		}
	}
}

func TestLongFieldsAreCutAndNothingElse(t *testing.T) {
	for _, size := range []int{maxField - 1, maxField, maxField + 1, 3 * maxField} {
		var got [][]byte
		f := fieldReader{r: bufio.NewReader(strings.NewReader(strings.Repeat("x", size) + "\x00next\x00"))}
		for range 2 {
			b, err := f.next()
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, slices.Clone(b))
		}
		if len(got[0]) != min(size, maxField) || string(got[1]) != "next" {
			t.Errorf("of %d bytes %d were kept, then came %.20q", size, len(got[0]), got[1])
		}
	}
}

// FuzzReadCommits: whatever git writes, nothing is kept that an event could not
// carry.
func FuzzReadCommits(f *testing.F) {
	hash := strings.Repeat("0a", 20)
	f.Add([]byte("C" + hash + "\x00" + hash + " " + hash + "\x001\x002\x00N\x00e@x\x00ABC-1\x00\x00\n:1 2 3 4 M\x00p\x00"))
	f.Add([]byte("commit " + hash + "\nC" + hash + "\x00\x00-1\x00\x00\x00\x00\xff\x00\n"))
	f.Add([]byte(":\x00C\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = readCommits(bytes.NewReader(b), func(c *commit) error {
			d := commitDraft(c, "r", false, false)
			e, err := events.New(d)
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			encoded, err := events.Encode(&e)
			if err != nil {
				t.Fatalf("%+v: %v", c, err)
			}
			if _, err := events.Decode(encoded); err != nil {
				t.Fatalf("%s: %v", encoded, err)
			}
			if len(c.paths) > events.MaxPaths || !utf8.ValidString(c.name+c.email) {
				t.Fatalf("%+v", c)
			}
			return nil
		})
	})
}

// FuzzRoundTrip: what stands in a commit comes out of the stream as it went in.
func FuzzRoundTrip(f *testing.F) {
	f.Add("Ada", "a@x", "message\nC"+strings.Repeat("0", 40), "a\nb", int64(1), true)
	f.Fuzz(func(t *testing.T, name, email, text, path string, at int64, merge bool) {
		for _, s := range []string{name, email, text, path} {
			if strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
				t.Skip("git has no such field")
			}
		}
		if path == "" || len(name+email+path) > maxName || name != strings.TrimSpace(name) || email != strings.TrimSpace(email) {
			t.Skip("git has no such field")
		}
		hash := strings.Repeat("0a", 20)
		parents := []string{hash}
		if merge {
			parents = append(parents, strings.Repeat("f", 40))
		}
		record := fmt.Sprintf("C%s\x00%s\x00%d\x00%d\x00%s\x00%s\x00%s\x00\x00\n:1 2 3 4 M\x00%s\x00", hash, strings.Join(parents, " "), at, at, name, email, text, path)
		n := 0
		err := readCommits(strings.NewReader(record+record), func(c *commit) error {
			n++
			want := time.Unix(at, 0).UTC()
			if c.hash != hash || !slices.Equal(c.parents, parents) || c.name != name || c.email != email || !slices.Equal(c.paths, []string{path}) ||
				c.authored != (time.Time{}) && !c.authored.Equal(want) {
				t.Fatalf("%q gave %+v", record, c)
			}
			return nil
		})
		if err != nil || n != 2 {
			t.Fatalf("%q: %d commits, %v", record, n, err)
		}
	})
}

func FuzzTagNames(f *testing.F) {
	for _, s := range []string{"v1.2.3", "api/v1.0-rc1", "release-2024-01-15", "1.0.0.Final+x", "a-1-2-3"} {
		f.Add(s, "api/*")
	}
	f.Fuzz(func(t *testing.T, tag, glob string) {
		o := Options{Dir: ".", Tags: glob}
		if o.validate() != nil {
			return
		}
		if v, ok := newSelector(o, "acme/api", "api").version(tag); ok && (v.Version == nil || v.compare(v) != 0) {
			t.Fatalf("%q: %v", tag, v)
		}
	})
}

func FuzzNameOfURL(f *testing.F) {
	f.Add("https://u:secret@h/a/b.git")
	f.Add("git@h:a/b")
	f.Fuzz(func(t *testing.T, remote string) {
		name := NameOfURL(remote)
		if !utf8.ValidString(name) || strings.Count(name, "/") > 1 && !strings.Contains(remote, "%") {
			t.Fatalf("%q is named %q", remote, name)
		}
	})
}
