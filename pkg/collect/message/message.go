// Package message reads out of a commit message what Payoff may keep of it:
// which commits it takes back, which one it was picked from, what it repairs
// and which work items it names. The prose is not kept.
//
// It stands beside the collectors that see commits, so that a push reported by
// a webhook and the same commit read from a clone say the same.
package message

import (
	"regexp"
	"slices"
	"strings"
)

// Marks are the references in a commit message. Every list is in the order of
// first mention, without repeats, and holds at most maxMarks entries. Hashes
// are lower-case, of 7 to 64 hexadecimal digits.
type Marks struct {
	// Reverts are the commits named by git revert's "This reverts commit …". A
	// merge that is taken back is named itself, not its parents. Beside them the
	// pull and merge requests that GitHub's "Reverts owner/name#12" and GitLab's
	// "This reverts merge request !12" name: as "owner/name#12", or "!12" for one
	// of the same repository.
	Reverts []string

	// CherryPickOf is the commit named by git cherry-pick -x. A commit picked
	// twice names two; this is the first, where the change was made.
	CherryPickOf string

	// Fixes are the values of the trailers Fixes-Deployment and Fixes-Incident.
	Fixes []string

	// Tickets are identifiers such as ABC-123.
	Tickets []string
}

const (
	maxMarks = 100
	maxValue = 200 // bytes of a trailer's value
)

var (
	reverts = regexp.MustCompile(`(?i)\bthis reverts commits? ((?:[0-9a-f]{7,64}(?:,? and |, ?| )?)+)`)
	picked  = regexp.MustCompile(`(?i)\(cherry[- ]picked from commit ([0-9a-f]{7,64})\)`)
	undone  = regexp.MustCompile(`(?i)(?:^|\n)[ \t]*(?:this )?reverts (?:merge request |pull request )?((?:[\w.-]{1,100}(?:/[\w.-]{1,100}){1,5})?[#!][1-9][0-9]{0,8})\b`)
	hash    = regexp.MustCompile(`(?i)\b[0-9a-f]{7,64}\b`)
	fixes   = regexp.MustCompile(`(?im)^[ \t]*fixes-(?:deployment|incident)[ \t]*:[ \t]*(.+)$`)
)

// Parse reads the marks of a commit message. It never fails: a message without
// marks has none.
func Parse(text string) Marks {
	var m Marks
	// Lines are unfolded for git revert, which wraps its sentence.
	if containsFold(text, "this reverts") {
		for _, found := range reverts.FindAllStringSubmatch(strings.Join(strings.Fields(text), " "), maxMarks) {
			for _, h := range hash.FindAllString(found[1], maxMarks) {
				m.Reverts = add(m.Reverts, strings.ToLower(h))
			}
		}
	}
	if containsFold(text, "reverts ") {
		for _, found := range undone.FindAllStringSubmatch(text, maxMarks) {
			m.Reverts = add(m.Reverts, found[1])
		}
	}
	if containsFold(text, "picked from commit") {
		if found := picked.FindStringSubmatch(text); found != nil {
			m.CherryPickOf = strings.ToLower(found[1])
		}
	}
	if containsFold(text, "fixes-") {
		for _, found := range fixes.FindAllStringSubmatch(text, maxMarks) {
			m.Fixes = addValues(m.Fixes, found[1])
		}
	}
	m.Tickets = tickets(text)
	return m
}

// addValues takes a trailer's values, which stand apart by commas or blanks. A
// value is an identifier: what is too long to be one is not kept.
func addValues(to []string, line string) []string {
	for _, v := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\r' }) {
		if len(v) <= maxValue && strings.ContainsAny(v, "0123456789") {
			to = add(to, v)
		}
	}
	return to
}

// notTickets are names of standards that look like a ticket's project.
var notTickets = []string{"AES", "CVE", "CWE", "GPL", "HTTP", "ISO", "LGPL", "MD", "MPL", "PEP", "RFC", "RSA", "SHA", "TLS", "UTF"}

// tickets finds PROJECT-NUMBER: a project of 2 to 10 capital letters and digits
// that begins with a letter, a number of at most 7 digits without leading zero.
func tickets(text string) []string {
	var out []string
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '-')
		if i < 0 {
			return out
		}
		dash := at + i
		at = dash + 1
		start := dash
		for start > 0 && (isCapital(text[start-1]) || isDigit(text[start-1])) {
			start--
		}
		end := dash + 1
		for end < len(text) && isDigit(text[end]) {
			end++
		}
		project, number := text[start:dash], text[dash+1:end]
		switch {
		case len(project) < 2 || len(project) > 10 || !isCapital(project[0]):
		case len(number) == 0 || len(number) > 7 || number[0] == '0':
		case start > 0 && (isWord(text[start-1]) || text[start-1] == '-'):
		case end < len(text) && isWord(text[end]):
		case slices.Contains(notTickets, project):
		default:
			out = add(out, text[start:end])
		}
	}
}

func isCapital(c byte) bool { return c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool   { return c >= '0' && c <= '9' }
func isWord(c byte) bool {
	return isCapital(c) || isDigit(c) || c >= 'a' && c <= 'z' || c == '_' || c >= 0x80
}

func add(to []string, s string) []string {
	if len(to) >= maxMarks || slices.Contains(to, s) {
		return to
	}
	return append(to, s)
}

// containsFold reports whether text holds the lower-case ASCII string sub in
// any case. Most messages hold no mark, and this is cheaper than trying.
func containsFold(text, sub string) bool {
	for i := 0; i+len(sub) <= len(text); i++ {
		if text[i]|0x20 == sub[0] && strings.EqualFold(text[i:i+len(sub)], sub) {
			return true
		}
	}
	return false
}
