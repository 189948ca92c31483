package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/dora/graph"
)

func TestIsAncestorIsReachability(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		h := randomHistory(r)
		g := h.graph(r)
		for b := range h {
			reach := h.reach(b)
			for a := range h {
				na, _ := g.Lookup(fmt.Sprintf("c%02d", a))
				nb, _ := g.Lookup(fmt.Sprintf("c%02d", b))
				if got := g.IsAncestor(na, nb); got != reach[a] {
					t.Fatalf("seed %d: is c%02d an ancestor of c%02d in %v: %v, want %v", seed, a, b, h, got, reach[a])
				}
			}
		}
	}
}

func TestCycle(t *testing.T) {
	for _, test := range []struct {
		history string
		want    []string
	}{
		{"a; b:a", nil},
		{"", nil},
		{"a:a", []string{"a"}},
		{"c:b; b:a; a:c; d:c", []string{"a", "c", "b"}},
		{"a:z; z:y; y:z; b:a", []string{"z", "y"}},
		{"x:y; y:x; p:q; q:p", []string{"p", "q"}},
	} {
		if got := build(test.history).Cycle(); !slices.Equal(got, test.want) {
			t.Errorf("cycle of %q: %v, want %v", test.history, got, test.want)
		}
	}
}

func TestAncestorsAcrossACycle(t *testing.T) {
	g := build("r; a:c,r; b:a; c:b; d:c")
	at := func(hash string) int32 { c, _ := g.Lookup(hash); return c }
	for _, test := range []struct {
		a, b string
		want bool
	}{{"r", "d", true}, {"d", "r", false}, {"c", "a", true}, {"a", "c", true}, {"d", "a", false}, {"b", "d", true}} {
		if got := g.IsAncestor(at(test.a), at(test.b)); got != test.want {
			t.Errorf("is %s an ancestor of %s: %v, want %v", test.a, test.b, got, test.want)
		}
	}
}

func TestConflictingParentsDoNotDependOnOrder(t *testing.T) {
	claims := [][]string{{}, {"p"}, {"q"}, {"p", "q"}, {"p", "r"}}
	for seed := range uint64(50) {
		var b graph.Builder
		for _, i := range rand.New(rand.NewPCG(seed, 10)).Perm(len(claims)) {
			b.Add("c", claims[i]...)
		}
		g := b.Build()
		c, _ := g.Lookup("c")
		if got, want := names(g, g.Parents(c)), []string{"p", "q"}; !slices.Equal(got, want) {
			t.Fatalf("seed %d: parents %v, want %v", seed, got, want)
		}
		if p, _ := g.Lookup("p"); g.Known(p) || !g.Known(c) || !g.Merge(c) {
			t.Fatalf("seed %d: p known %v, c known %v, c merge %v", seed, g.Known(p), g.Known(c), g.Merge(c))
		}
	}
}

// historyOf makes a history as teams make it: n commits, a merged side branch
// every few, with hashes as long as git's.
func historyOf(n int) (hashes []string, parents [][]string) {
	r := rand.New(rand.NewPCG(1, 2))
	for c := range n {
		hashes = append(hashes, fmt.Sprintf("%016x%024x", r.Uint64(), c))
		var p []string
		if c > 0 {
			p = append(p, hashes[c-1])
		}
		if c > 20 && c%8 == 0 {
			p = append(p, hashes[c-2-r.IntN(18)])
		}
		parents = append(parents, p)
	}
	return hashes, parents
}

func add(hashes []string, parents [][]string) *graph.Graph {
	var b graph.Builder
	for c := range slices.Backward(hashes) { // newest first, as git log tells
		b.Add(hashes[c], parents[c]...)
	}
	return b.Build()
}

func BenchmarkBuild100000(b *testing.B) {
	hashes, parents := historyOf(100_000)
	b.ReportAllocs()
	for b.Loop() {
		add(hashes, parents)
	}
}

// BenchmarkLink is 1 000 deployments over 100 000 commits, each 20th going back.
func BenchmarkLink(b *testing.B) {
	hashes, parents := historyOf(100_000)
	g := add(hashes, parents)
	b.ReportAllocs()
	for b.Loop() {
		w := graph.NewWalker(g, nil)
		for d := range 1000 {
			at := d*100 + 99
			if d%20 == 19 {
				at -= 350
			}
			w.Next(hashes[at])
		}
	}
}

// BenchmarkRollbacksWithinTheBaseline is the worst case of ancestor tests: 1 000
// deployments up and down a baseline of 100 000 commits.
func BenchmarkRollbacksWithinTheBaseline(b *testing.B) {
	hashes, parents := historyOf(100_000)
	g := add(hashes, parents)
	for b.Loop() {
		w := graph.NewWalker(g, nil)
		w.Next(hashes[len(hashes)-1])
		r := rand.New(rand.NewPCG(3, 4))
		for range 1000 {
			w.Next(hashes[r.IntN(len(hashes))])
		}
	}
}
