package dora

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// A pull is all that is known of one pull request.
type pull struct {
	change      string
	author      string
	authorKind  string
	created     time.Time // zero when not known, like the others
	ready       time.Time
	reviewed    time.Time // first review by another person
	merged      time.Time
	mergeCommit string
	headCommit  string
	commits     []string
	count       int64
	toDefault   bool
	hotfix      bool
	reverts     []string
	fixes       []string
	tickets     []string
	originals   []*Commit // of a squash: what it stands for, when they are known
	brought     []int32   // commits it brought to the default branch, no merges
}

// mergePulls gathers what was said of each pull request, in the order of their
// names. Of two things said of one matter the later counts.
func mergePulls(facts []PullFact) []*pull {
	by := make(map[string][]PullFact)
	for _, f := range facts {
		by[f.Change] = append(by[f.Change], f)
	}
	var out []*pull
	for _, change := range slices.Sorted(maps.Keys(by)) {
		fs := by[change]
		slices.SortFunc(fs, func(a, b PullFact) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
		out = append(out, mergePull(fs))
	}
	return out
}

func mergePull(fs []PullFact) *pull {
	p := &pull{change: fs[0].Change}
	for _, f := range fs {
		if f.Kind != "change.reviewed" { // its actor is the reviewer
			p.author, p.authorKind = cmp.Or(f.Actor, p.author), cmp.Or(f.ActorKind, p.authorKind)
		}
		if f.Kind == "change.merged" {
			p.merged = f.Time
		}
		if f.Kind == "change.created" {
			p.created = f.Time
		}
		if p.created.IsZero() {
			p.created = f.Created
		}
		if p.ready.IsZero() {
			p.ready = f.Ready
		}
		p.mergeCommit, p.headCommit = cmp.Or(f.MergeCommit, p.mergeCommit), cmp.Or(f.HeadCommit, p.headCommit)
		if len(f.Commits) > 0 {
			p.commits = f.Commits
		}
		p.count = cmp.Or(f.CommitCount, p.count)
		p.toDefault = p.toDefault || f.Default
		p.hotfix = p.hotfix || f.Hotfix
		p.reverts, p.fixes, p.tickets = union(p.reverts, f.Reverts), union(p.fixes, f.Fixes), union(p.tickets, f.Tickets)
	}
	for _, f := range fs {
		if f.Kind == "change.reviewed" && f.ActorKind != "bot" && (f.Actor == "" || f.Actor != p.author) && p.reviewed.IsZero() {
			p.reviewed = f.Time
		}
	}
	p.count = max(p.count, int64(len(p.commits)))
	return p
}

func union(a, b []string) []string {
	if len(b) == 0 {
		return a
	}
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// rebaseGap bounds how far apart the committer times of one rebase lie: a merge
// by rebasing commits all of them anew at once.
const rebaseGap = time.Minute

// findSquashes tells the pull requests whose merge made one commit of several
// from those that were rebased, and looks their commits up.
func (h *history) findSquashes() {
	byMerge := make(map[int32]bool)
	for _, p := range h.pulls {
		if n, ok := h.graph.Lookup(p.mergeCommit); ok {
			byMerge[n] = true
		}
	}
	for _, p := range h.pulls {
		n, ok := h.graph.Lookup(p.mergeCommit)
		if !ok || h.commits[n] == nil || h.graph.Merge(n) || p.merged.IsZero() || h.rebased(p, n, byMerge) {
			continue
		}
		p.originals = h.originals(p)
		if p.count == 1 && len(p.originals) == 1 && clockStart(p.originals[0]).Equal(clockStart(h.commits[n])) {
			p.originals = nil
			continue // rebased or squashed, one commit with its author time is itself
		}
		if p.count <= 1 && p.originals == nil && (p.created.IsZero() || !clockStart(h.commits[n]).After(p.created)) {
			continue
		}
		h.squash[n] = p
		for _, o := range p.originals {
			if original, ok := h.graph.Lookup(o.Hash); ok {
				h.stood[original] = n
			}
		}
	}
}

// rebased reports whether the commits of p were put onto the branch one by one,
// n the last of them.
func (h *history) rebased(p *pull, n int32, byMerge map[int32]bool) bool {
	if p.count <= 1 || slices.Contains(p.commits, p.mergeCommit) {
		return slices.Contains(p.commits, p.mergeCommit) // fast-forward: the commits are those of the branch
	}
	last := h.commits[n].Committed
	for range p.count - 1 {
		parents := h.graph.Parents(n)
		if len(parents) != 1 {
			return false
		}
		n = parents[0]
		c := h.commits[n]
		if c == nil || byMerge[n] || last.Sub(c.Committed).Abs() > rebaseGap {
			return false
		}
	}
	return true
}

// originals are the commits of a squashed pull request, when all are known: as
// listed, else those from its last commit back, by the graph or, where parents are
// not known, by the pushes to its branch.
func (h *history) originals(p *pull) []*Commit {
	hashes := p.commits
	if len(hashes) == 0 {
		n, ok := h.graph.Lookup(p.headCommit)
		for ok && int64(len(hashes)) < p.count {
			hashes = append(hashes, h.graph.Hash(n))
			n, ok = h.previous(n)
		}
	}
	if int64(len(hashes)) < max(p.count, 1) {
		return nil
	}
	var out []*Commit
	for _, hash := range hashes {
		n, ok := h.graph.Lookup(hash)
		if !ok || h.commits[n] == nil {
			return nil
		}
		if !h.graph.Merge(n) {
			out = append(out, h.commits[n])
		}
	}
	return out
}

// previous is the one commit before n; false for none, several or an unknown one.
func (h *history) previous(n int32) (int32, bool) {
	switch parents := h.graph.Parents(n); {
	case len(parents) == 1:
		return parents[0], true
	case len(parents) > 1 || h.commits[n] == nil || h.commits[n].ParentsKnown:
		return 0, false
	}
	return h.graph.Lookup(h.before[h.graph.Hash(n)])
}

// earliest is the first time the pull request shows, the squash commit's own
// included.
func (p *pull) earliest(own time.Time) time.Time {
	for _, t := range []time.Time{p.created, p.ready, p.reviewed} {
		if !t.IsZero() && t.Before(own) {
			own = t
		}
	}
	return own
}

// authored is when its first commit was written; zero when no commit is known.
func (h *history) authored(p *pull) time.Time {
	var first time.Time
	take := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	for _, c := range p.originals {
		take(clockStart(c))
	}
	if len(p.originals) > 0 {
		return first
	}
	for _, n := range p.brought {
		if c := h.commits[n]; c != nil {
			take(clockStart(c))
		}
	}
	return first
}
