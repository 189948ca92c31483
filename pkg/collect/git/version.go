package git

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/bmatcuk/doublestar/v4"
)

// A version is what a tag's name says, as semantic versioning orders it.
type version struct {
	*semver.Version
	fourth uint64 // of 1.2.3.4, which semantic versioning does not have
}

func (v version) compare(o version) int {
	if c := v.Version.Compare(o.Version); c != 0 || v.fourth == o.fourth {
		return c
	}
	if v.fourth < o.fourth {
		return -1
	}
	return 1
}

// versionForm takes 1.2.3, v1.2, 2024.01.15, 1.2.3.4, with what may follow: a
// pre-release after a hyphen, or after nothing or a dot where it is a word
// that means one (1.0rc1, 1.0.0.dev2), and build metadata after a plus.
var versionForm = regexp.MustCompile(`^[vV]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:\.(\d+))?` +
	`(?:-([0-9A-Za-z._-]+)|[._]?((?i:alpha|beta|preview|pre|rc|dev|snapshot|nightly|canary|milestone|final|ga|release|stable|post|a|b|c|m)[._-]?\d*))?` +
	`(?:\+[0-9A-Za-z.+_-]+)?$`)

// released are endings that say a version is no pre-release, as 5.4.2.Final.
var released = regexp.MustCompile(`^(?i:final|ga|release|stable|post)[._-]?\d*$`)

// dated is a day as ISO 8601 writes it, whose hyphens set no pre-release apart.
var dated = regexp.MustCompile(`^([vV]?\d{4})-(\d{2})-(\d{2})\b`)

func parseVersion(s string) (version, bool) {
	m := versionForm.FindStringSubmatch(dated.ReplaceAllString(s, "$1.$2.$3"))
	if m == nil {
		return version{}, false
	}
	var n [4]uint64
	for i, digits := range m[1:5] {
		if digits == "" {
			continue
		}
		var err error
		if n[i], err = strconv.ParseUint(digits, 10, 64); err != nil {
			return version{}, false
		}
	}
	pre := m[5] + m[6]
	if released.MatchString(pre) {
		pre = ""
	}
	return version{Version: semver.New(n[0], n[1], n[2], cleanPrerelease(pre), ""), fourth: n[3]}, true
}

// cleanPrerelease makes identifiers that can be compared of what people write:
// "rc1" becomes "rc.1", so that rc10 follows rc9.
func cleanPrerelease(pre string) string {
	var out []string
	for id := range strings.FieldsFuncSeq(strings.ToLower(pre), func(r rune) bool { return r == '.' || r == '-' || r == '_' }) {
		word := strings.TrimRight(id, "0123456789")
		if word != "" {
			out = append(out, word)
		}
		if number := id[len(word):]; number != "" {
			last := len(number) - 1
			out = append(out, strings.TrimLeft(number[:last], "0")+number[last:])
		}
	}
	return strings.Join(out, ".")
}

// A selector says which tags are versions of the service.
type selector struct {
	glob     string
	prefixes []string
}

// separators may stand between a prefix and a version: api/v1.2.3, api-1.2.3,
// api_1.2.3, api@1.2.3.
const separators = "/-_@"

func newSelector(o Options, repository, service string) selector {
	return selector{glob: o.Tags, prefixes: []string{service, lastPart(service), repository, lastPart(repository), "release", "releases"}}
}

// version reads the version in a tag's name; false if the tag is none of the
// service's. Without a glob the version stands alone or after the name of the
// service, of the repository or "release"; a glob takes what it matches, and
// the version is the first thing in it that reads as one.
func (s selector) version(tag string) (version, bool) {
	if v, ok := parseVersion(tag); ok && s.matches(tag) {
		return v, true
	}
	for i := range len(tag) {
		if !strings.Contains(separators, tag[i:i+1]) || !s.takes(tag, tag[:i]) {
			continue
		}
		if v, ok := parseVersion(tag[i+1:]); ok {
			return v, true
		}
	}
	return version{}, false
}

func (s selector) matches(tag string) bool {
	return s.glob == "" || doublestar.MatchUnvalidated(s.glob, tag)
}

func (s selector) takes(tag, prefix string) bool {
	if s.glob != "" {
		return s.matches(tag) && len(prefix) >= s.literal()
	}
	return slices.ContainsFunc(s.prefixes, func(p string) bool { return p != "" && strings.EqualFold(p, prefix) })
}

// literal is how much of the glob is a plain prefix: in "api-2/v*" the version
// does not begin before the slash.
func (s selector) literal() int {
	plain := s.glob
	if i := strings.IndexAny(plain, `*?[{\`); i >= 0 {
		plain = plain[:i]
	}
	return max(0, strings.LastIndexAny(plain, separators))
}
