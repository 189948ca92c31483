package graph

import "fmt"

// A Class says which way a deployment went.
type Class uint8

// The classes of delivery's definition of shipped changes. All but Normal ship
// nothing, as their commit was shipped before.
const (
	Normal       Class = iota // its commit had not been shipped before
	Redeployment              // its commit is the one running
	Rollback                  // its commit is an ancestor of the running one, or was first shipped before it
	Rerelease                 // its commit was first shipped after the running one: forward again
)

var classNames = [...]string{"normal", "redeployment", "rollback", "rerelease"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("Class(%d)", uint8(c))
}

// A Step is what one successful deployment did.
type Step struct {
	Class    Class
	Known    bool    // its commit is in the graph; if not, what it ships cannot be known and is nothing
	Baseline bool    // the first with a known commit: what it ships has no lead time
	Ships    []int32 // commits, no merges, reached from its commit and from no earlier deployment's
	Marks    int     // number of the deployment that a Rollback marks as failed, counted from 0; else -1
}

// A Walker takes the successful deployments of one (service, tier, repository)
// in the order of their end, then start, then id. All steps together visit each
// commit once, but for the ancestor tests within one deployment's commits.
// It is not for use by several goroutines at once.
type Walker struct {
	g       *Graph
	include func(c int32) bool
	shipper []int32          // by commit: the deployment that first shipped it, or nobody
	strange map[string]int32 // numbers for deployed commits the graph has never heard of, from g.Len()
	latest  map[int32]int    // by commit: the latest deployment of just it
	commits []int32          // by deployment: its commit, nobody if it named none
	running int32            // commit of the latest deployment that named one
	based   bool             // the baseline has been
	seen    *marks           // made when first needed
}

const nobody = -1

// NewWalker starts before the first deployment. include limits what counts as
// shipped to the commits of the service, as path globs do in a monorepo; nil
// takes all. It is asked once for each commit that is known and no merge.
func NewWalker(g *Graph, include func(c int32) bool) *Walker {
	w := &Walker{
		g: g, include: include, running: nobody,
		shipper: make([]int32, g.Len()), strange: make(map[string]int32), latest: make(map[int32]int),
	}
	for c := range w.shipper {
		w.shipper[c] = nobody
	}
	return w
}

// Next takes the next successful deployment by the full hash of its commit, ""
// if it names none, and says what it did. A commit that the graph does not know
// ships nothing and takes nothing away from the deployments after it, but while
// it runs it is what runs: going back from it is a rollback. A deployment
// without a commit leaves running what ran.
func (w *Walker) Next(hash string) Step {
	n := len(w.commits)
	if hash == "" {
		w.commits = append(w.commits, nobody)
		return Step{Marks: nobody}
	}
	c := w.number(hash)
	s := Step{Class: w.classify(c), Known: int(c) < w.g.Len() && w.g.Known(c), Marks: nobody}
	switch s.Class {
	case Rollback:
		s.Marks = w.after(c)
	case Normal:
		s.Baseline = s.Known && !w.based
		w.based = w.based || s.Known
		s.Ships = w.ship(c, int32(n))
	}
	w.commits = append(w.commits, c)
	w.latest[c] = n
	w.running = c
	return s
}

// ShippedBy is the number of the deployment that first shipped c, merges
// included; -1 while none has.
func (w *Walker) ShippedBy(c int32) int { return int(w.shipper[c]) }

// Unshipped returns the commits, no merges, that are reached from head and from
// no deployment so far: those that wait. It changes nothing.
func (w *Walker) Unshipped(head string) []int32 {
	c, ok := w.g.Lookup(head)
	if !ok {
		return nil
	}
	seen := w.scratch()
	seen.clear()
	return w.collect(c, func(c int32) bool { return w.shipper[c] == nobody && seen.add(c) })
}

// number is the graph's number of a commit, or one past the graph's for a commit
// it has never heard of: such a one has no parents and is nobody's parent.
func (w *Walker) number(hash string) int32 {
	if c, ok := w.g.Lookup(hash); ok {
		return c
	}
	c, ok := w.strange[hash]
	if !ok {
		c = int32(len(w.shipper))
		w.strange[hash] = c
		w.shipper = append(w.shipper, nobody)
	}
	return c
}

func (w *Walker) classify(c int32) Class {
	switch {
	case w.shipper[c] == nobody:
		return Normal
	case c == w.running:
		return Redeployment
	case w.shipper[c] < w.shipper[w.running], w.below(c):
		return Rollback
	}
	return Rerelease
}

// below reports whether c is an ancestor of the running commit. A deployment
// ships all that is below its commit and not yet shipped, so no ancestor of the
// running commit was first shipped after it, and those shipped with it are the
// only ones to be looked for.
func (w *Walker) below(c int32) bool {
	return w.shipper[c] == w.shipper[w.running] && w.g.reaches(w.running, c, w.scratch())
}

// after is the first deployment after the one a rollback to c goes back to: the
// latest of c itself. If c never was deployed by itself, the rollback takes back
// a part of what shipped c.
func (w *Walker) after(c int32) int {
	n, ok := w.latest[c]
	if !ok {
		return int(w.shipper[c])
	}
	for n++; w.commits[n] == nobody; n++ {
	}
	return n
}

func (w *Walker) ship(c, n int32) []int32 {
	if int(c) >= w.g.Len() {
		w.shipper[c] = n
		return nil
	}
	return w.collect(c, func(c int32) bool {
		if w.shipper[c] != nobody {
			return false
		}
		w.shipper[c] = n
		return true
	})
}

// collect walks from a commit towards its roots, as far as take agrees, and
// returns the commits that count. The order depends on the graph alone.
func (w *Walker) collect(from int32, take func(c int32) bool) []int32 {
	var out []int32
	stack := []int32{from}
	for len(stack) > 0 {
		c := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if !take(c) {
			continue
		}
		if w.g.Known(c) && !w.g.Merge(c) && (w.include == nil || w.include(c)) {
			out = append(out, c)
		}
		stack = append(stack, w.g.Parents(c)...)
	}
	return out
}

func (w *Walker) scratch() *marks {
	if w.seen == nil {
		w.seen = newMarks(w.g.Len())
	}
	return w.seen
}
