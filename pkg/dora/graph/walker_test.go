package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/dora/graph"
)

// build reads a history such as "a; b:a; m:b,c": each commit with its parents.
func build(history string) *graph.Graph {
	var b graph.Builder
	for commit := range strings.SplitSeq(history, ";") {
		hash, parents, _ := strings.Cut(strings.TrimSpace(commit), ":")
		b.Add(hash, strings.FieldsFunc(parents, func(r rune) bool { return r == ',' })...)
	}
	return b.Build()
}

// tell writes a step as "normal baseline [a b] marks 1".
func tell(g *graph.Graph, s graph.Step) string {
	words := []string{s.Class.String()}
	if !s.Known {
		words = append(words, "unknown")
	}
	if s.Baseline {
		words = append(words, "baseline")
	}
	if len(s.Ships) > 0 {
		words = append(words, fmt.Sprint(names(g, s.Ships)))
	}
	if s.Marks >= 0 {
		words = append(words, fmt.Sprintf("marks %d", s.Marks))
	}
	return strings.Join(words, " ")
}

func names(g *graph.Graph, commits []int32) []string {
	var out []string
	for _, c := range commits {
		out = append(out, g.Hash(c))
	}
	slices.Sort(out)
	return out
}

func TestSteps(t *testing.T) {
	const line = "a; b:a; c:b; d:c; e:d"
	// Two release lines that part after b, and main merges the fix f of the old one.
	const lines = "a; b:a; c:b; d:c; f:b; m:d,f"
	for _, test := range []struct {
		name, history, deployments string
		want                       []string
	}{
		{"each ships what none before it did", line, "a c e",
			[]string{"normal baseline [a]", "normal [b c]", "normal [d e]"}},
		{"merges are not changes", "a; b:a; c:a; m:b,c", "a m",
			[]string{"normal baseline [a]", "normal [b c]"}},
		{"octopus and two roots", "a; z; o:a,z,y; p:o", "a p",
			[]string{"normal baseline [a]", "normal [p z]"}},
		{"the same commit again", line, "a b b c",
			[]string{"normal baseline [a]", "normal [b]", "redeployment", "normal [c]"}},
		{"V1, V2, V3, then V1 marks V2", line, "a b c a",
			[]string{"normal baseline [a]", "normal [b]", "normal [c]", "rollback marks 1"}},
		{"back over a redeployment", line, "a a b a",
			[]string{"normal baseline [a]", "redeployment", "normal [b]", "rollback marks 2"}},
		{"back, forward again, back again", line, "a b a b a",
			[]string{"normal baseline [a]", "normal [b]", "rollback marks 1", "rerelease", "rollback marks 3"}},
		{"forward again and on", line, "a b a b c",
			[]string{"normal baseline [a]", "normal [b]", "rollback marks 1", "rerelease", "normal [c]"}},
		{"back to a commit never deployed by itself", line, "a d b",
			[]string{"normal baseline [a]", "normal [b c d]", "rollback marks 1"}},
		{"and on from there", line, "a d b c",
			[]string{"normal baseline [a]", "normal [b c d]", "rollback marks 1", "rerelease"}},
		{"back below the baseline", line, "d e b",
			[]string{"normal baseline [a b c d]", "normal [e]", "rollback marks 0"}},
		{"release lines need no special case", lines, "b d f m",
			[]string{"normal baseline [a b]", "normal [c d]", "normal [f]", "normal"}},
		{"across lines, to an earlier version that is no ancestor", lines, "b d f d",
			[]string{"normal baseline [a b]", "normal [c d]", "normal [f]", "rollback marks 2"}},
		{"sideways within one deployment is no rollback", lines, "a m d f",
			[]string{"normal baseline [a]", "normal [b c d f]", "rollback marks 1", "rerelease"}},
		{"an unknown commit ships nothing and takes nothing away", line, "a ? c",
			[]string{"normal baseline [a]", "normal unknown", "normal [b c]"}},
		{"going back from an unknown commit", line, "a ? ? a",
			[]string{"normal baseline [a]", "normal unknown", "redeployment unknown", "rollback marks 1"}},
		{"an unknown commit is no baseline", line, "? b c",
			[]string{"normal unknown", "normal baseline [a b]", "normal [c]"}},
		{"without a commit nothing is known", line, "a - a b - c a",
			[]string{"normal baseline [a]", "normal unknown", "redeployment", "normal [b]", "normal unknown", "normal [c]", "rollback marks 3"}},
		{"none without a commit is marked", line, "a - b a",
			[]string{"normal baseline [a]", "normal unknown", "normal [b]", "rollback marks 2"}},
		{"a shallow history ends in unknown parents", "b:a; c:b", "b c a",
			[]string{"normal baseline [b]", "normal [c]", "rollback unknown marks 0"}},
		{"an unrelated history", "a; b:a; x; y:x", "b y",
			[]string{"normal baseline [a b]", "normal [x y]"}},
		{"a cycle does not loop", "a:c; b:a; c:b; d:c; e:d; f:f,e", "b f d b",
			[]string{"normal baseline [a b c]", "normal [d e]", "rollback marks 1", "rollback marks 1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := build(test.history)
			w := graph.NewWalker(g, nil)
			var got []string
			for _, hash := range strings.Fields(test.deployments) {
				got = append(got, tell(g, w.Next(strings.Trim(hash, "-"))))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s over %s (-want +got):\n%s", test.deployments, test.history, diff)
			}
		})
	}
}

func TestIncludeLimitsWhatIsShippedNotTheClass(t *testing.T) {
	g := build("a; b:a; c:b; d:c")
	w := graph.NewWalker(g, func(c int32) bool { return g.Hash(c) != "c" })
	for _, step := range []struct{ commit, want string }{
		{"a", "normal baseline [a]"}, {"c", "normal [b]"}, {"d", "normal [d]"}, {"c", "rollback marks 2"},
	} {
		if got := tell(g, w.Next(step.commit)); got != step.want {
			t.Errorf("deploying %s: %s, want %s", step.commit, got, step.want)
		}
	}
}

func TestUnshippedWaitAndChangeNothing(t *testing.T) {
	g := build("a; b:a; c:b; x:a; m:c,x")
	w := graph.NewWalker(g, nil)
	w.Next("b")
	for range 2 {
		if got, want := names(g, w.Unshipped("m")), []string{"c", "x"}; !slices.Equal(got, want) {
			t.Fatalf("waiting below m: %v, want %v", got, want)
		}
	}
	if got := w.Unshipped("never heard of"); got != nil {
		t.Errorf("waiting below an unknown head: %v, want none", names(g, got))
	}
	if got, want := tell(g, w.Next("m")), "normal [c x]"; got != want {
		t.Errorf("deploying m: %s, want %s", got, want)
	}
	if got := w.Unshipped("m"); got != nil {
		t.Errorf("waiting once m is deployed: %v, want none", names(g, got))
	}
	for hash, want := range map[string]int{"a": 0, "b": 0, "c": 1, "x": 1, "m": 1} {
		c, _ := g.Lookup(hash)
		if got := w.ShippedBy(c); got != want {
			t.Errorf("%s was first shipped by %d, want %d", hash, got, want)
		}
	}
}

// A history is a random directed acyclic graph, parents before children.
type history [][]int

func randomHistory(r *rand.Rand) history {
	h := make(history, 1+r.IntN(40))
	for c := range h {
		for len(h[c]) < c && len(h[c]) < [...]int{0, 1, 1, 1, 1, 2, 2, 3}[r.IntN(8)] {
			if p := max(0, c-1-r.IntN(1+r.IntN(8))); !slices.Contains(h[c], p) {
				h[c] = append(h[c], p)
			} else {
				break
			}
		}
	}
	return h
}

// reach is all that git rev-list c lists.
func (h history) reach(c int) map[int]bool {
	seen := map[int]bool{c: true}
	for i := c; i >= 0; i-- {
		if seen[i] {
			for _, p := range h[i] {
				seen[p] = true
			}
		}
	}
	return seen
}

// oracle computes the steps as they are defined, with sets and no thought of cost.
func (h history) oracle(deployed []int) []string {
	firstShipped := make(map[int]int)
	var out []string
	for n, c := range deployed {
		_, again := firstShipped[c]
		var ships []string
		for a := range h.reach(c) {
			if _, ok := firstShipped[a]; ok {
				continue
			}
			firstShipped[a] = n
			if len(h[a]) < 2 {
				ships = append(ships, fmt.Sprintf("c%02d", a))
			}
		}
		slices.Sort(ships)
		s := "normal"
		if again {
			s = h.again(deployed[:n], c, firstShipped)
		}
		if n == 0 {
			s += " baseline"
		}
		if len(ships) > 0 {
			s += fmt.Sprint(" ", ships)
		}
		out = append(out, s)
	}
	return out
}

func (h history) again(before []int, c int, firstShipped map[int]int) string {
	running := before[len(before)-1]
	switch {
	case c == running:
		return "redeployment"
	case h.reach(running)[c] || firstShipped[c] < firstShipped[running]:
		target := firstShipped[c] - 1
		for n, d := range before {
			if d == c {
				target = n
			}
		}
		return fmt.Sprintf("rollback marks %d", target+1)
	}
	return "rerelease"
}

// graph adds the commits in a random order, some of them twice.
func (h history) graph(r *rand.Rand) *graph.Graph {
	var b graph.Builder
	for _, c := range append(r.Perm(len(h)), r.Perm(len(h))[:len(h)/3]...) {
		var parents []string
		for _, p := range h[c] {
			parents = append(parents, fmt.Sprintf("c%02d", p))
		}
		b.Add(fmt.Sprintf("c%02d", c), parents...)
	}
	return b.Build()
}

func TestStepsAreThoseOfTheDefinition(t *testing.T) {
	classes := make(map[string]int)
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 7))
		h := randomHistory(r)
		deployed := make([]int, 1+r.IntN(12))
		for i := range deployed {
			deployed[i] = r.IntN(len(h))
		}
		var got []string
		g := h.graph(r)
		w := graph.NewWalker(g, nil)
		for _, c := range deployed {
			s := w.Next(fmt.Sprintf("c%02d", c))
			classes[s.Class.String()]++
			got = append(got, tell(g, s))
		}
		if diff := cmp.Diff(h.oracle(deployed), got); diff != "" {
			t.Fatalf("seed %d: deploying %v over %v (-want +got):\n%s", seed, deployed, h, diff)
		}
	}
	if len(classes) != 4 {
		t.Errorf("the histories met only %v", classes)
	}
}

func TestOrderOfAddingDoesNotMatter(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 8))
		h := randomHistory(r)
		hashes := func(g *graph.Graph, commits []int32) (out []string) {
			for _, c := range commits {
				out = append(out, g.Hash(c)) // not sorted: the order is part of the answer
			}
			return out
		}
		head := fmt.Sprintf("c%02d", len(h)-1)
		g1, g2 := h.graph(r), h.graph(r)
		one, two := graph.NewWalker(g1, nil).Next(head), graph.NewWalker(g2, nil).Next(head)
		if diff := cmp.Diff(hashes(g1, one.Ships), hashes(g2, two.Ships)); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}
