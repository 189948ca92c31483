package git

import (
	"path/filepath"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/events"
)

func tipsOf(drafts []events.Draft) (out []events.Draft) {
	for _, d := range drafts {
		if d.Kind == events.BranchPushed {
			out = append(out, d)
		}
	}
	return out
}

// TestDefaultBranch: a history tells where its default branch stands, once; as the
// branch grows the fact has a newer version, whatever the clocks say.
func TestDefaultBranch(t *testing.T) {
	var s stream
	one := s.line(t0, t0+10)
	s.lightTag("v1.0.0", one)
	s.commit(commitSpec{branch: "topic", at: t0 + 99, from: []int{one}})
	dir := s.repo(t)
	before, _ := read(t, Options{Dir: dir})
	tips := tipsOf(before)
	if len(tips) != 1 {
		t.Fatalf("%d facts of branches, want one", len(tips))
	}
	if c := tips[0].Content; c.Commit != gitIn(t, dir, nil, "rev-parse", "main") || c.Ref != "main" || !c.DefaultBranch || tips[0].Time.Unix() != t0+10 {
		t.Errorf("the default branch stands at %+v, %v", c, tips[0].Time)
	}
	var more stream
	more.marks = 9 // further commits, one of a clock that is behind
	more.WriteString("commit refs/heads/main\ncommitter C <c@example.test> 1700000005 +0000\ndata 1\nx\nfrom refs/heads/main^0\n\n")
	gitIn(t, dir, more.Bytes(), "fast-import", "--quiet")
	after, _ := read(t, Options{Dir: dir})
	outranks(t, tipsOf(after), tips)

	clone := filepath.Join(t.TempDir(), "copy")
	gitIn(t, ".", nil, "clone", "-q", "file://"+dir, clone)
	gitIn(t, clone, nil, "commit", "-q", "--allow-empty", "-m", "not pushed")
	drafts, _ := read(t, Options{Dir: clone})
	if got := tipsOf(drafts); len(got) != 1 || got[0].Content.Commit != tipsOf(after)[0].Content.Commit {
		t.Errorf("with a commit that is not pushed the default branch stands at %+v, want where the origin has it", got)
	}
}

// TestDefaultBranchWithoutABelievableTime: an impossible committer time does not
// take the branch away.
func TestDefaultBranchWithoutABelievableTime(t *testing.T) {
	var s stream
	s.lightTag("v1.0.0", s.line(t0, 1))
	drafts, _ := read(t, Options{Dir: s.repo(t)})
	if tips := tipsOf(drafts); len(tips) != 1 || tips[0].Time.Unix() != t0 {
		t.Errorf("the default branch stands at %+v", tips)
	}
}
