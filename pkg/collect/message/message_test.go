package message_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/collect/message"
)

const (
	a = "1234567890abcdef1234567890abcdef12345678"
	b = "abcdef1234567890abcdef1234567890abcdef12"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       message.Marks
	}{
		{"nothing", "Say hello to jane@example.com\n\nShe asked for it.", message.Marks{}},
		{"empty", "", message.Marks{}},
		{"git revert", "Revert \"Add x\"\n\nThis reverts commit " + a + ".", message.Marks{Reverts: []string{a}}},
		{"git revert of a merge names the merge", "Revert \"Merge\"\n\nThis reverts commit " + a + ", reversing\nchanges made to " + b + ".\n", message.Marks{Reverts: []string{a}}},
		{"a revert that was wrapped", "This reverts\ncommit " + a + ".", message.Marks{Reverts: []string{a}}},
		{"several reverts", "This reverts commit " + a + ".\nThis reverts commit " + b + ".\nThis reverts commit " + a + ".", message.Marks{Reverts: []string{a, b}}},
		{"one sentence, two commits", "This reverts commits " + a + " and " + b + ".", message.Marks{Reverts: []string{a, b}}},
		{"capitals", "THIS REVERTS COMMIT " + strings.ToUpper(a), message.Marks{Reverts: []string{a}}},
		{"a short hash", "This reverts commit 1234567.", message.Marks{Reverts: []string{"1234567"}}},
		{"too short to be a hash", "This reverts commit 123456.", message.Marks{}},
		{"a word is no hash", "This reverts commit behaviour from yesterday", message.Marks{}},
		{"GitHub's revert of a pull request", "Revert \"Add x\" (#13)\n\nReverts acme/shop#12", message.Marks{Reverts: []string{"acme/shop#12"}}},
		{"GitLab's revert of a merge request", "Revert \"Merge branch 'x'\"\n\nThis reverts merge request !12", message.Marks{Reverts: []string{"!12"}}},
		{"GitLab's revert in groups", "This reverts merge request acme/web/shop!12.", message.Marks{Reverts: []string{"acme/web/shop!12"}}},
		{"one of the same repository, and a commit", "Reverts #7\n\nThis reverts commit " + a + ".", message.Marks{Reverts: []string{a, "#7"}}},
		{"prose is no revert", "It reverts acme/shop#12, Jane says", message.Marks{}},
		{"no number", "Reverts #0 and acme/shop#x", message.Marks{}},
		{"cherry-pick -x", "Fix\n\n(cherry picked from commit " + a + ")", message.Marks{CherryPickOf: a}},
		{"picked twice: the origin", "Fix\n\n(cherry picked from commit " + a + ")\n(cherry picked from commit " + b + ")", message.Marks{CherryPickOf: a}},
		{"trailers", "Fix\n\nFixes-Deployment: 1234\nfixes-incident: PD-Q1, INC-7\r\nReviewed-by: Jane Doe <jane@example.com>", message.Marks{Fixes: []string{"1234", "PD-Q1", "INC-7"}, Tickets: []string{"INC-7"}}},
		{"prose in a trailer is not kept", "Fixes-Incident: the one that Jane found", message.Marks{}},
		{"not a trailer", "It fixes-incident 7", message.Marks{}},
		{"tickets", "ABC-123: do (DE4F-5), see XY-9. ABC-123 again", message.Marks{Tickets: []string{"ABC-123", "DE4F-5", "XY-9"}}},
		{"a branch's name", "Merge branch 'feature/ABC-12-pay'", message.Marks{Tickets: []string{"ABC-12"}}},
		{"not tickets", "UTF-8 SHA-256 ISO-8601 CVE-2024-1 abc-1 A-1 ABC-0 ABC-01 ABC-1x xABC-1 X-ABC-1 ABCDEFGHIJK-1 AB-12345678 _AB-1", message.Marks{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, message.Parse(c.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// FuzzParse holds Parse to what it promises of any text: it ends, and what it
// keeps has the form of an identifier.
func FuzzParse(f *testing.F) {
	f.Add("Revert\n\nThis reverts commit " + a + ", reversing\nchanges made to " + b + ".")
	f.Add("x\n\n(cherry picked from commit " + a + ")\nFixes-Deployment: d1, d2\nABC-1")
	f.Add("this reverts commit 1234567, 1234567 and 1234567 1234567")
	hash := regexp.MustCompile(`^([0-9a-f]{7,64}|([\w.-]+(/[\w.-]+)+)?[#!][1-9][0-9]*)$`)
	ticket := regexp.MustCompile(`^[A-Z][A-Z0-9]{1,9}-[1-9][0-9]{0,6}$`)
	f.Fuzz(func(t *testing.T, text string) {
		m := message.Parse(text)
		for _, h := range m.Reverts {
			if !hash.MatchString(h) {
				t.Errorf("reverts %q", h)
			}
		}
		if m.CherryPickOf != "" && !hash.MatchString(m.CherryPickOf) {
			t.Errorf("cherry-pick of %q", m.CherryPickOf)
		}
		for _, v := range m.Fixes {
			if v == "" || len(v) > 200 || strings.ContainsAny(v, " \t\r\n,") {
				t.Errorf("fixes %q", v)
			}
		}
		for _, v := range m.Tickets {
			if !ticket.MatchString(v) {
				t.Errorf("ticket %q", v)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := strings.Repeat("A line of prose that says why, with a word-or-two joined by dashes.\n", 10) + "\nSigned-off-by: Somebody <a@example.com>\n"
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		message.Parse(text)
	}
}
