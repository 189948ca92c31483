package stat

import (
	"fmt"
	"math"
	"slices"
)

// demeanTolerance is how far a demeaned column may be from one whose group
// means are 0, relative to its length.
const demeanTolerance = 1e-12

// demeanSteps bounds the work on a badly connected panel.
const demeanSteps = 10_000

// FixedEffects fits y = Xβ + one effect per level of each factor + e, weighted
// with w (nil: all 1), by demeaning y and X and fitting what is left (Frisch,
// Waugh and Lovell). x must not hold an intercept. A column that the effects
// explain (one constant within units, say) is named in a *[CollinearError].
// Other errors: those of [WLS], no factor, and demeaning that does not converge.
func FixedEffects(y []float64, x []Column, effects []Factor, w []float64) (*Fit, error) {
	if err := checkEffects(y, x, effects, w); err != nil {
		return nil, fmt.Errorf("fitting a regression with fixed effects: %w", err)
	}
	norms := make([]float64, len(x))
	within := make([]Column, len(x))
	wy, err := Demean(y, effects, w)
	if err != nil {
		return nil, fmt.Errorf("fitting a regression with fixed effects: y: %w", err)
	}
	for j, c := range x {
		v, err := Demean(c.Values, effects, w)
		if err != nil {
			return nil, fmt.Errorf("fitting a regression with fixed effects: column %s: %w", c.Name, err)
		}
		within[j] = Column{c.Name, v}
		norms[j] = weightedNorm(centred(c.Values, w), w)
	}
	ls, err := leastSquares(wy, within, w, norms)
	if err != nil {
		return nil, fmt.Errorf("fitting a regression with fixed effects: %w", err)
	}
	f := ls.fit(wy, within, w)
	f.finish(w, effects)
	f.RSquared = rSquared(wy, w, f.Residuals, false)
	return f, nil
}

func checkEffects(y []float64, x []Column, effects []Factor, w []float64) error {
	if err := checkRows(y, x, w); err != nil {
		return err
	}
	return checkFactors(len(y), effects)
}

func checkFactors(n int, effects []Factor) error {
	if len(effects) == 0 {
		return fmt.Errorf("no factor to absorb")
	}
	for _, e := range effects {
		if len(e.Level) != n {
			return fmt.Errorf("factor %s has %d rows, y has %d", e.Name, len(e.Level), n)
		}
	}
	return nil
}

// Demean returns x less its least-squares fit on one effect per level of each
// factor, weighted with w (nil: all 1). One factor, or two in a balanced panel
// without weights (every pair of levels equally often), are removed exactly;
// otherwise alternating projections, sped up by conjugate gradients as in
// reghdfe (Correia 2017), go on until no group mean is more than 1e-12 of the
// length of x. An error says that they did not get there.
func Demean(x []float64, effects []Factor, w []float64) ([]float64, error) {
	if err := checkWeights(w, len(x)); err != nil {
		return nil, fmt.Errorf("demeaning: %w", err)
	}
	if err := checkFactors(len(x), effects); err != nil {
		return nil, fmt.Errorf("demeaning: %w", err)
	}
	// The mean goes first: what is common to all rows must not cost digits.
	x = centred(x, w)
	groups := make([]*grouping, len(effects))
	for i, e := range effects {
		groups[i] = newGrouping(e.Level, w)
	}
	out := slices.Clone(x)
	if len(effects) == 1 || len(effects) == 2 && w == nil && balanced(effects[0].Level, effects[1].Level) {
		// The second round removes the rounding of the first.
		for range 2 {
			for _, g := range groups {
				g.demean(out)
			}
		}
		return out, nil
	}
	return project(out, groups, w)
}

// project finds the part of x that is orthogonal to all groupings: it solves
// (I−P)z = (I−P)x by conjugate gradients, P the symmetric round of projections
// 1, 2, …, m, …, 2, 1, and keeps x − z.
func project(x []float64, groups []*grouping, w []float64) ([]float64, error) {
	length := weightedNorm(x, w)
	if length == 0 {
		return x, nil
	}
	removed := func(v []float64) []float64 {
		p := slices.Clone(v)
		for _, g := range groups {
			g.demean(p)
		}
		for i := len(groups) - 2; i >= 0; i-- {
			groups[i].demean(p)
		}
		for i := range p {
			p[i] = v[i] - p[i]
		}
		return p
	}
	r := removed(x)
	u := slices.Clone(r)
	rr := weightedDot(r, r, w)
	for range demeanSteps {
		if math.Sqrt(rr) <= demeanTolerance*length*1e-2 || converged(x, groups, length) {
			for range 2 {
				for _, g := range groups {
					g.demean(x)
				}
			}
			return x, nil
		}
		v := removed(u)
		uv := weightedDot(u, v, w)
		if !(uv > 0) {
			break
		}
		step := rr / uv
		for i := range x {
			x[i] -= step * u[i]
			r[i] -= step * v[i]
		}
		next := weightedDot(r, r, w)
		for i := range u {
			u[i] = r[i] + next/rr*u[i]
		}
		rr = next
	}
	if converged(x, groups, length) {
		return x, nil
	}
	return nil, fmt.Errorf("demeaning: no convergence to %g after %d rounds", demeanTolerance, demeanSteps)
}

// converged says whether every group mean is within the tolerance.
func converged(x []float64, groups []*grouping, length float64) bool {
	for _, g := range groups {
		for _, m := range g.means(x) {
			if math.Abs(m) > demeanTolerance*length/math.Sqrt(float64(len(x))) {
				return false
			}
		}
	}
	return true
}

// A grouping holds the rows of each level of a factor.
type grouping struct {
	code   []int
	weight []float64 // nil: all 1
	total  []float64 // weight per level
	sums   []accumulator
}

func newGrouping(level []int, w []float64) *grouping {
	code, labels := Levels(level)
	g := &grouping{code: code, weight: w, sums: make([]accumulator, len(labels))}
	one := make([]float64, len(level))
	for i := range one {
		one[i] = 1
	}
	g.total = g.add(one)
	return g
}

// add returns the weighted sum per level, independent of the order of rows.
func (g *grouping) add(x []float64) []float64 {
	for i := range g.sums {
		g.sums[i].parts, g.sums[i].plain = g.sums[i].parts[:0], 0
	}
	for i, v := range x {
		if g.weight != nil {
			v *= g.weight[i]
		}
		g.sums[g.code[i]].add(v)
	}
	out := make([]float64, len(g.sums))
	for i := range out {
		out[i] = g.sums[i].sum()
	}
	return out
}

// means returns the weighted mean per level, 0 for a level without weight.
func (g *grouping) means(x []float64) []float64 {
	m := g.add(x)
	for i := range m {
		if g.total[i] == 0 {
			m[i] = 0
		} else {
			m[i] /= g.total[i]
		}
	}
	return m
}

func (g *grouping) demean(x []float64) {
	m := g.means(x)
	for i := range x {
		x[i] -= m[g.code[i]]
	}
}

// balanced says whether every pair of levels occurs, and equally often.
func balanced(a, b []int) bool {
	count := map[[2]int]int{}
	for i := range a {
		count[[2]int{a[i], b[i]}]++
	}
	each := len(a) / max(len(count), 1)
	for _, n := range count {
		if n != each {
			return false
		}
	}
	return len(count) == distinct(a)*distinct(b)
}

// absorbedParameters counts the parameters of the absorbed effects: all
// levels, less one per further factor; for two factors, less one per connected
// part of the panel (Abowd, Creecy and Kramarz 2002).
func absorbedParameters(effects []Factor) int {
	if len(effects) == 0 {
		return 0
	}
	count := 0
	for _, e := range effects {
		count += distinct(e.Level)
	}
	if len(effects) == 2 {
		return count - components(effects[0].Level, effects[1].Level)
	}
	return count - (len(effects) - 1)
}

// fixestParameters counts as fixest does: one, and the levels less one of
// every effect that is not nested in the clusters.
func fixestParameters(effects []Factor, cluster []int) int {
	if len(effects) == 0 {
		return 0
	}
	count := 1
	for _, e := range effects {
		if !nested(e.Level, cluster) {
			count += distinct(e.Level) - 1
		}
	}
	return count
}

// nested says whether each level lies within one cluster.
func nested(level, cluster []int) bool {
	of := map[int]int{}
	for i, l := range level {
		if c, ok := of[l]; ok && c != cluster[i] {
			return false
		}
		of[l] = cluster[i]
	}
	return true
}

// components counts the connected parts of the graph that links a level of a
// to a level of b whenever a row has both.
func components(a, b []int) int {
	ca, la := Levels(a)
	cb, lb := Levels(b)
	parent := make([]int, len(la)+len(lb))
	for i := range parent {
		parent[i] = i
	}
	find := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	count := len(parent)
	for i := range ca {
		p, q := find(ca[i]), find(len(la)+cb[i])
		if p != q {
			parent[p] = q
			count--
		}
	}
	return count
}

// centred is x less its weighted mean.
func centred(x, w []float64) []float64 {
	m := weightedMean(x, w)
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - m
	}
	return out
}

func weightedDot(x, y, w []float64) float64 {
	var a accumulator
	for i := range x {
		v := float64(x[i] * y[i])
		if w != nil {
			v *= w[i]
		}
		a.add(v)
	}
	return a.sum()
}

func weightedNorm(x, w []float64) float64 { return math.Sqrt(weightedDot(x, x, w)) }
