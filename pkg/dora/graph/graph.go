package graph

import (
	"math"
	"slices"
	"strings"
)

// A Builder collects commits in any order, children before parents or after.
// The zero Builder is empty and ready.
type Builder struct {
	ids    map[string]int32
	hashes []string
	lists  []list  // by commit: where its parents are
	edges  []int32 // parents of all commits, list after list
}

// A list is a run of Builder.edges. The zero list is that of a commit that is
// only known as somebody's parent.
type list struct {
	from, to int32
	known    bool
}

// Add records a commit and its parents, first parent first, and returns its
// number: numbers count from 0 and stay the same in the Graph. A parent that is
// not (yet) added is remembered as unknown. Adding a commit again changes
// nothing; if the parents differ, which git makes impossible but two sources may
// claim, the longer list is kept, of two equally long ones the smaller, so that
// the order of adding does not matter.
func (b *Builder) Add(hash string, parents ...string) int32 {
	id := b.intern(hash)
	if old := b.lists[id]; old.known && !b.outranks(parents, b.edges[old.from:old.to]) {
		return id
	}
	from := int32(len(b.edges))
	for _, p := range parents {
		b.edges = append(b.edges, b.intern(p))
	}
	b.lists[id] = list{from: from, to: int32(len(b.edges)), known: true}
	return id
}

func (b *Builder) intern(hash string) int32 {
	if id, ok := b.ids[hash]; ok {
		return id
	}
	if b.ids == nil {
		b.ids = make(map[string]int32)
	}
	id := int32(len(b.hashes))
	b.ids[hash] = id
	b.hashes = append(b.hashes, hash)
	b.lists = append(b.lists, list{})
	return id
}

func (b *Builder) outranks(parents []string, old []int32) bool {
	if len(parents) != len(old) {
		return len(parents) > len(old)
	}
	for i, p := range parents {
		if c := strings.Compare(p, b.hashes[old[i]]); c != 0 {
			return c < 0
		}
	}
	return false
}

// Build makes the graph of all that was added. The Builder is empty
// afterwards.
func (b *Builder) Build() *Graph {
	g := &Graph{ids: b.ids, hashes: b.hashes, lists: b.lists, edges: b.edges}
	g.rank()
	*b = Builder{}
	return g
}

// A Graph is the commit graph of one repository. It does not change, and many
// goroutines may read it at once.
type Graph struct {
	ids    map[string]int32
	hashes []string
	lists  []list
	edges  []int32
	// generation is 1 for a commit without parents, else one more than the
	// greatest of its parents; endless for a commit from which a cycle is
	// reached. An ancestor's is smaller, unless both are endless.
	generation []int32
}

const endless = math.MaxInt32

// Len is how many commits the graph has numbers for, unknown parents included.
func (g *Graph) Len() int { return len(g.hashes) }

// Lookup returns the number of a commit; false if nobody named it.
func (g *Graph) Lookup(hash string) (int32, bool) {
	id, ok := g.ids[hash]
	return id, ok
}

// Hash is the hash of the commit with number c.
func (g *Graph) Hash(c int32) string { return g.hashes[c] }

// Known reports whether c was added, and not only named as a parent.
func (g *Graph) Known(c int32) bool { return g.lists[c].known }

// Merge reports whether c has more than one parent.
func (g *Graph) Merge(c int32) bool { return g.lists[c].to-g.lists[c].from > 1 }

// Parents are the parents of c, first parent first. The slice is the graph's own
// and must not be written to.
func (g *Graph) Parents(c int32) []int32 {
	l := g.lists[c]
	return g.edges[l.from:l.to:l.to]
}

// rank computes generations, parents before children (Kahn's algorithm).
// What it never gets to are the commits on a cycle and their descendants.
func (g *Graph) rank() {
	g.generation = make([]int32, g.Len())
	waits := make([]int32, g.Len()) // parents without a generation yet
	ready := make([]int32, 0, g.Len())
	for c := range g.lists {
		waits[c] = g.lists[c].to - g.lists[c].from
		g.generation[c] = 1
		if waits[c] == 0 {
			ready = append(ready, int32(c))
		}
	}
	from, children := g.children()
	for i := 0; i < len(ready); i++ {
		p := ready[i]
		for _, c := range children[from[p]:from[p+1]] {
			g.generation[c] = max(g.generation[c], g.generation[p]+1)
			if waits[c]--; waits[c] == 0 {
				ready = append(ready, c)
			}
		}
	}
	for c, n := range waits {
		if n > 0 {
			g.generation[c] = endless
		}
	}
}

// children turns the parent lists around: the children of p are
// children[from[p]:from[p+1]].
func (g *Graph) children() (from, children []int32) {
	from = make([]int32, g.Len()+1)
	for c := range g.lists {
		for _, p := range g.Parents(int32(c)) {
			from[p+1]++
		}
	}
	for p := range g.Len() {
		from[p+1] += from[p]
	}
	children = make([]int32, from[g.Len()])
	next := slices.Clone(from)
	for c := range g.lists {
		for _, p := range g.Parents(int32(c)) {
			children[next[p]] = int32(c)
			next[p]++
		}
	}
	return from, children
}

// Cycle returns the hashes of commits that are each a parent of the one before,
// the first a parent of the last; nil if there is no cycle. A hash covers its
// parents' hashes, so git has none: a cycle is a fault of the data, to be
// reported. Nothing here loops on it, and reachability stays defined.
func (g *Graph) Cycle() []string {
	at := g.smallestEndless(func(yield func(int32) bool) {
		for c := range g.lists {
			if !yield(int32(c)) {
				return
			}
		}
	})
	if at < 0 {
		return nil
	}
	// An endless commit has an endless parent, so this walk comes back to where
	// it was.
	seen := make(map[int32]int)
	var walk []string
	for {
		if i, ok := seen[at]; ok {
			return walk[i:]
		}
		seen[at] = len(walk)
		walk = append(walk, g.hashes[at])
		at = g.smallestEndless(slices.Values(g.Parents(at)))
	}
}

// smallestEndless is the endless commit with the smallest hash, -1 if none is:
// which cycle is named must not depend on the order of adding.
func (g *Graph) smallestEndless(commits func(func(int32) bool)) int32 {
	best := int32(-1)
	for c := range commits {
		if g.generation[c] == endless && (best < 0 || g.hashes[c] < g.hashes[best]) {
			best = c
		}
	}
	return best
}

// IsAncestor reports whether a is reached from b by following parents. A commit
// is its own ancestor, as in git merge-base --is-ancestor.
func (g *Graph) IsAncestor(a, b int32) bool {
	return g.reaches(b, a, newMarks(g.Len()))
}

// reaches walks from a commit towards its roots until it meets target, and does
// not go below target's generation.
func (g *Graph) reaches(from, target int32, seen *marks) bool {
	seen.clear()
	floor := g.generation[target]
	stack := []int32{from}
	for len(stack) > 0 {
		c := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if c == target {
			return true
		}
		if gen := g.generation[c]; gen <= floor && gen != endless || !seen.add(c) {
			continue
		}
		stack = append(stack, g.Parents(c)...)
	}
	return false
}

// marks is a set of commits that is cleared in no time.
type marks struct {
	epoch int32
	at    []int32
}

func newMarks(n int) *marks { return &marks{at: make([]int32, n)} }

func (m *marks) clear() {
	if m.epoch == math.MaxInt32 {
		clear(m.at)
		m.epoch = 0
	}
	m.epoch++
}

// add reports whether c was not in the set before.
func (m *marks) add(c int32) bool {
	if m.at[c] == m.epoch {
		return false
	}
	m.at[c] = m.epoch
	return true
}
