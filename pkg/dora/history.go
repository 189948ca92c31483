package dora

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora/graph"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// A history is the commits of one repository, their graph, and how they came to
// the default branch; what is by commit is by the graph's numbers.
type history struct {
	graph   *graph.Graph
	commits []*Commit // nil for those only known as parents
	pushed  []bool    // its parents are taken from the order of pushes
	merged  []time.Time
	pull    []*pull // that brought it to the default branch
	squash  map[int32]*pull
	stood   map[int32]int32 // by commit of a squashed pull request: the squash
	pulls   []*pull
	reverts []revert
	head    string            // of the default branch; "" when not known
	before  map[string]string // by commit: the one before it on a branch, as pushes tell
}

// A revert is a commit, or a merged pull request, that takes another back.
type revert struct{ by, of int32 }

var empty = &history{graph: new(graph.Builder).Build()}

// told is all that was told of one repository.
type told struct {
	commits []*Commit
	pulls   []PullFact
	pushes  []Push
	refs    map[string]bool // branches that deployments name
}

// buildHistories makes the history of each repository.
func buildHistories(in Input) map[string]*history {
	of := make(map[string]*told)
	for _, run := range runs(in.Commits, func(c *Commit) string { return c.Repository }) {
		t := tell(of, run[0].Repository)
		for i := range run {
			t.commits = append(t.commits, &run[i])
		}
	}
	for _, run := range runs(in.Pulls, func(f *PullFact) string { return f.Repository }) {
		t := tell(of, run[0].Repository)
		t.pulls = append(t.pulls, run...)
	}
	for _, run := range runs(in.Pushes, func(p *Push) string { return p.Repository }) {
		t := tell(of, run[0].Repository)
		t.pushes = append(t.pushes, run...)
	}
	for i := range in.Reports {
		name(of, Ref{in.Reports[i].Repository, in.Reports[i].Ref})
	}
	for _, r := range in.Refs {
		name(of, r)
	}
	names := slices.Collect(maps.Keys(of))
	histories := make([]*history, len(names))
	sideBySide(len(names), func(i int) { histories[i] = buildHistory(names[i], of[names[i]]) })
	out := make(map[string]*history, len(names))
	for i, name := range names {
		out[name] = histories[i]
	}
	return out
}

// runs cuts a list where the repository changes: the store gives it in long runs.
func runs[T any](all []T, repository func(*T) string) [][]T {
	var out [][]T
	for from := 0; from < len(all); {
		to := from + 1
		for to < len(all) && repository(&all[to]) == repository(&all[from]) {
			to++
		}
		out = append(out, all[from:to])
		from = to
	}
	return out
}

func tell(of map[string]*told, repository string) *told {
	t := of[repository]
	if t == nil {
		t = &told{refs: make(map[string]bool)}
		of[repository] = t
	}
	return t
}

func name(of map[string]*told, r Ref) {
	if t := of[r.Repository]; t != nil && r.Name != "" {
		t.refs[strings.TrimPrefix(r.Name, "refs/heads/")] = true
	}
}

// best keeps one telling of each commit: the one that knows its parents, then the
// one that was authored first, so that the order of the input does not matter.
func best(commits []*Commit) map[string]*Commit {
	m := make(map[string]*Commit, len(commits))
	for _, c := range commits {
		if old := m[c.Hash]; old == nil || better(c, old) {
			m[c.Hash] = c
		}
	}
	return m
}

func better(a, b *Commit) bool {
	return cmp.Or(
		cmp.Compare(len(b.Parents), len(a.Parents)),
		compareBool(b.ParentsKnown, a.ParentsKnown),
		clockStart(a).Compare(clockStart(b)),
		a.Committed.Compare(b.Committed),
		cmp.Compare(b.ActorKind, a.ActorKind), // known before unknown
		cmp.Compare(a.CherryPickOf, b.CherryPickOf),
		slices.Compare(b.Paths, a.Paths),
		slices.Compare(b.Reverts, a.Reverts),
		slices.Compare(b.Fixes, a.Fixes),
	) < 0
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

func buildHistory(repo string, t *told) *history {
	sortPushes(t.pushes)
	m := best(t.commits)
	parents := pushOrder(repo, m, t.pushes, t.refs)
	hashes := slices.Sorted(maps.Keys(m)) // numbers, and so the order of what a step ships, depend on the facts alone
	var b graph.Builder
	for _, h := range hashes {
		if p, ok := parents[h]; ok {
			b.Add(h, p)
			continue
		}
		b.Add(h, m[h].Parents...)
	}
	h := &history{graph: b.Build(), pulls: mergePulls(t.pulls), squash: make(map[int32]*pull), stood: make(map[int32]int32), before: branchLines(t.pushes)}
	h.commits = make([]*Commit, h.graph.Len())
	h.pushed = make([]bool, h.graph.Len())
	for _, hash := range hashes {
		n, _ := h.graph.Lookup(hash)
		h.commits[n] = m[hash]
		_, h.pushed[n] = parents[hash]
	}
	h.head = defaultHead(h, t.pushes)
	h.followMerges(t.pushes)
	h.findSquashes()
	h.findReverts(repo, hashes)
	return h
}

func sortPushes(pushes []Push) {
	slices.SortFunc(pushes, func(a, b Push) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
}

// pushOrder gives parents to commits whose own are not known: those of a push
// follow one another, and the first follows where the branch stood. Only pushes
// to the default branch and to branches that deployments name are taken. A
// commit that only a push tells of is added to m, dated by the push.
func pushOrder(repo string, m map[string]*Commit, pushes []Push, refs map[string]bool) map[string]string {
	parents := make(map[string]string)
	for _, onDefault := range []bool{true, false} {
		for _, p := range pushes {
			if p.Default != onDefault || !p.Default && !refs[p.Ref] {
				continue
			}
			line := slices.Clone(p.Commits)
			if p.Commit != "" && (len(line) == 0 || line[len(line)-1] != p.Commit) {
				line = append(line, p.Commit)
			}
			before := p.Before
			for _, hash := range line {
				c := m[hash]
				if c == nil {
					c = &Commit{Repository: repo, Hash: hash, Committed: p.Time}
					m[hash] = c
				}
				known := c.ParentsKnown || len(c.Parents) > 0
				if _, done := parents[hash]; !known && !done && before != "" && before != hash {
					parents[hash] = before
				}
				before = hash
			}
		}
	}
	return parents
}

// branchLines says which commit comes before which on branches beside the default
// one. Such a line is not the graph: it serves to find the commits of a pull request
// whose parents nobody told.
func branchLines(pushes []Push) map[string]string {
	before := make(map[string]string)
	for _, p := range pushes {
		if p.Default {
			continue
		}
		last := p.Before
		for _, hash := range p.Commits {
			if _, done := before[hash]; !done && last != "" && last != hash {
				before[hash] = last
			}
			last = hash
		}
	}
	return before
}

// defaultHead is where the default branch stands: as last pushed, else as the
// last pull request left it. Without either it is not known.
func defaultHead(h *history, pushes []Push) string {
	for _, p := range slices.Backward(pushes) {
		if p.Default && p.Commit != "" {
			return p.Commit
		}
	}
	var last *pull
	for _, p := range h.pulls {
		if p.toDefault && p.mergeCommit != "" && (last == nil || p.merged.After(last.merged)) {
			last = p
		}
	}
	if last == nil {
		return ""
	}
	return last.mergeCommit
}

// followMerges walks the first parents of the default branch from the root: what
// each step newly reaches came to the branch with it. A step is dated by its pull
// request, else by the push that brought it, else by its own committer time.
func (h *history) followMerges(pushes []Push) {
	h.merged = make([]time.Time, h.graph.Len())
	h.pull = make([]*pull, h.graph.Len())
	byMerge := make(map[int32]*pull)
	for _, p := range h.pulls {
		if n, ok := h.graph.Lookup(p.mergeCommit); ok && !p.merged.IsZero() {
			byMerge[n] = p
		}
	}
	pushedAt := make(map[int32]time.Time)
	for _, p := range pushes {
		for _, hash := range append(slices.Clone(p.Commits), p.Commit) {
			if n, ok := h.graph.Lookup(hash); ok && p.Default {
				if _, seen := pushedAt[n]; !seen {
					pushedAt[n] = p.Time
				}
			}
		}
	}
	w := graph.NewWalker(h.graph, nil)
	for _, n := range slices.Backward(h.firstParents()) {
		p := byMerge[n]
		at := pushedAt[n]
		switch c := h.commits[n]; {
		case p != nil:
			at = p.merged
		case at.IsZero() && c != nil && events.Believable(c.Committed):
			at = c.Committed
		}
		ships := w.Next(h.graph.Hash(n)).Ships
		for _, s := range append(ships, n) {
			h.merged[s], h.pull[s] = at, p
		}
		if p != nil {
			p.brought = ships
		}
	}
}

// firstParents is the line of first parents from the head to the root.
func (h *history) firstParents() []int32 {
	n, ok := h.graph.Lookup(h.head)
	seen := make([]bool, h.graph.Len())
	var line []int32
	for ok && !seen[n] && h.graph.Known(n) {
		seen[n] = true
		line = append(line, n)
		parents := h.graph.Parents(n)
		if ok = len(parents) > 0; ok {
			n = parents[0]
		}
	}
	return line
}

// findReverts resolves what commits and pull requests say they take back. A hash
// may be shortened; one that several commits begin with is nobody's. A pull request
// is taken back with its merge.
func (h *history) findReverts(repo string, hashes []string) {
	merges := make(map[string]string)
	for _, p := range h.pulls {
		merges[p.change] = p.mergeCommit
	}
	add := func(by int32, of []string) {
		for _, name := range of {
			if strings.HasPrefix(name, "#") || strings.HasPrefix(name, "!") {
				name = repo + name
			}
			if merge, ok := merges[name]; ok {
				name = merge
			}
			if n, ok := h.resolve(name, hashes); ok && n != by {
				h.reverts = append(h.reverts, revert{by, n})
			}
		}
	}
	for _, hash := range hashes {
		n, _ := h.graph.Lookup(hash)
		add(n, h.commits[n].Reverts)
	}
	for _, p := range h.pulls {
		if n, ok := h.graph.Lookup(p.mergeCommit); ok {
			add(n, p.reverts)
		}
	}
}

func (h *history) resolve(hash string, sorted []string) (int32, bool) {
	if n, ok := h.graph.Lookup(hash); ok {
		return n, true
	}
	i, _ := slices.BinarySearch(sorted, hash)
	if len(hash) < 7 || i == len(sorted) || !strings.HasPrefix(sorted[i], hash) || i+1 < len(sorted) && strings.HasPrefix(sorted[i+1], hash) {
		return 0, false
	}
	return h.graph.Lookup(sorted[i])
}
