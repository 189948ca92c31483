package impact

import (
	"cmp"
	"math"
	"slices"
)

// A Weight is what one unit or period counts in a synthetic comparison.
type Weight struct {
	Name   string
	Cohort int // index into Panel.Times: the cohort it is a comparison for
	Weight float64
}

// A Path is one period of a synthetic comparison, in units of the outcome.
type Path struct {
	Time           int // index into Panel.Times
	Treated        float64
	Counterfactual float64
}

// A Synthetic is the effect against a weighted average of units that are never
// treated.
type Synthetic struct {
	ATT         float64
	UnitWeights []Weight // by cohort, then weight, descending; zeros left out
	TimeWeights []Weight // empty for synthetic control
	Events      []Point  // by event time, without errors
	Path        []Path   // of the largest cohort
	PreRMSE     float64  // root mean squared gap before treatment, weighted by treated units
	Donors      int
	Treated     int
	PrePeriods  int // before the first cohort
}

// SyntheticOptions choose between synthetic difference-in-differences and
// synthetic control.
type SyntheticOptions struct {
	Control bool // synthetic control: no intercepts, no period weights, a negligible ridge
}

// SyntheticDID compares treated units with a weighted average of never treated
// ones, after taking out a weighted average of periods before: simplex weights
// with intercepts, ridge ζ = (N₁T₁)^¼·sd of the controls' changes before
// treatment for units and 1e-6·sd for periods, 100 Frank-Wolfe steps,
// sparsified at a quarter of the largest and solved again. Several cohorts are
// estimated one by one and averaged by treated observations.
//
// It returns ErrNotIdentified without treated units, without two donors or
// without two periods before treatment.
//
// Source: Arkhangelsky et al. (2021), algorithm 1; Abadie, Diamond and
// Hainmueller (2010); defaults of R synthdid 0.0.9.
func SyntheticDID(p *Panel, o SyntheticOptions) (Synthetic, error) {
	groups, donors, err := p.synthetic()
	if err != nil {
		return Synthetic{}, err
	}
	s := Synthetic{Donors: len(donors), Treated: p.Treated(), PrePeriods: groups[0]}
	events, size := map[int][2]float64{}, p.cohortSizes()
	total, largest, gap := 0.0, -1, 0.0
	for _, g := range groups {
		b := p.block(g, donors, p.members(g))
		fit := b.solve(o)
		n := size[g] * float64(p.Periods()-g)
		s.ATT += n * fit.att
		total += n
		for t := g; t < p.Periods(); t++ {
			e := events[p.Event(g, t)]
			events[p.Event(g, t)] = [2]float64{e[0] + size[g]*fit.gap[t], e[1] + size[g]}
		}
		pre := 0.0
		for _, v := range fit.gap[:g] {
			pre += v * v / float64(g)
		}
		gap += size[g] * pre / float64(s.Treated)
		s.addWeights(p, g, donors, fit)
		if largest < 0 || size[g] > size[largest] {
			largest = g
			s.Path = p.paths(b, fit)
		}
	}
	s.ATT /= total
	s.PreRMSE = math.Sqrt(gap)
	for e, v := range events {
		s.Events = append(s.Events, Point{Key: e, Estimate: Estimate{ATT: v[0] / v[1]}})
	}
	slices.SortFunc(s.Events, func(a, b Point) int { return cmp.Compare(a.Key, b.Key) })
	return s, nil
}

// synthetic checks that there are donors and periods, and returns the cohorts
// and the donors.
func (p *Panel) synthetic() (groups, donors []int, err error) {
	if _, _, err := comparable(p, NeverTreated); err != nil {
		return nil, nil, err
	}
	groups = p.Cohorts()
	for i, g := range p.Cohort {
		if g == Never {
			donors = append(donors, i)
		}
	}
	if len(donors) < 2 {
		return nil, nil, notIdentified("one unit is never treated; a synthetic comparison needs two donors")
	}
	if groups[0] < 2 {
		return nil, nil, notIdentified("one period before %s; a synthetic comparison needs two", p.label(groups[0]))
	}
	return groups, donors, nil
}

func (p *Panel) members(g int) []int {
	var out []int
	for i, h := range p.Cohort {
		if h == g {
			out = append(out, i)
		}
	}
	return out
}

func (s *Synthetic) addWeights(p *Panel, g int, donors []int, fit blockFit) {
	var units []Weight
	for j, w := range fit.omega {
		if w > 0 {
			units = append(units, Weight{p.Units[donors[j]], g, w})
		}
	}
	slices.SortStableFunc(units, func(a, b Weight) int { return cmp.Compare(b.Weight, a.Weight) })
	s.UnitWeights = append(s.UnitWeights, units...)
	for t, w := range fit.lambda {
		if w > 0 {
			s.TimeWeights = append(s.TimeWeights, Weight{p.label(t), g, w})
		}
	}
}

// A block is one cohort against the donors: donors' outcomes and the treated
// mean, both by period, and when treatment starts.
type block struct {
	donors  [][]float64
	treated []float64
	n1, cut int
	level   float64 // taken out of all values, which changes nothing but rounding
}

func (p *Panel) block(g int, donors, treated []int) block {
	b := block{n1: len(treated), cut: g, treated: make([]float64, p.Periods()), level: p.Y[donors[0]][0]}
	for _, i := range donors {
		b.donors = append(b.donors, less(p.Y[i], b.level))
	}
	for _, i := range treated {
		for t, v := range p.Y[i] {
			b.treated[t] += (v - b.level) / float64(len(treated))
		}
	}
	return b
}

type blockFit struct {
	att    float64
	gap    []float64 // treated less counterfactual, by period
	omega  []float64
	lambda []float64
}

// solve finds the weights and the effect.
func (b block) solve(o SyntheticOptions) blockFit {
	noise := b.noise()
	periods := len(b.treated)
	tail := 1e-5 * noise
	eta := math.Pow(float64(b.n1*(periods-b.cut)), 0.25)
	f := blockFit{lambda: make([]float64, b.cut)}
	if o.Control {
		eta = 1e-6
	} else {
		f.lambda = simplex(b.timeProblem(), 1e-6*noise, true, tail)
	}
	f.omega = simplex(b.unitProblem(), eta*noise, !o.Control, tail)
	f.gap = slices.Clone(b.treated)
	for j, w := range f.omega {
		for t, v := range b.donors[j] {
			f.gap[t] -= w * v
		}
	}
	level := dot(f.gap[:b.cut], f.lambda)
	for t := range f.gap {
		f.gap[t] -= level
	}
	f.att = mean(f.gap[b.cut:])
	return f
}

// noise is the standard deviation of the donors' changes before treatment.
func (b block) noise() float64 {
	var d []float64
	for _, y := range b.donors {
		for t := 1; t < b.cut; t++ {
			d = append(d, y[t]-y[t-1])
		}
	}
	m, ss := mean(d), 0.0
	for _, v := range d {
		ss += (v - m) * (v - m)
	}
	return math.Sqrt(ss / float64(max(len(d)-1, 1)))
}

// timeProblem predicts the donors' mean after treatment from their periods
// before: rows are donors, the last column the target.
func (b block) timeProblem() [][]float64 {
	out := zeros(len(b.donors), b.cut+1)
	for j, y := range b.donors {
		copy(out[j], y[:b.cut])
		out[j][b.cut] = mean(y[b.cut:])
	}
	return out
}

// unitProblem predicts the treated mean before treatment from the donors: rows
// are periods.
func (b block) unitProblem() [][]float64 {
	out := zeros(b.cut, len(b.donors)+1)
	for t := range out {
		for j, y := range b.donors {
			out[t][j] = y[t]
		}
		out[t][len(b.donors)] = b.treated[t]
	}
	return out
}

// simplex minimises ζ²|x|² + |Ax−b|²/rows over the simplex, A|b the rows of m,
// by Frank-Wolfe steps with exact line search, before and after weights up to a
// quarter of the largest are set to zero. With an intercept, columns are
// centred first.
func simplex(m [][]float64, zeta float64, intercept bool, tail float64) []float64 {
	k := len(m[0]) - 1
	if intercept {
		m = centreColumns(m)
	}
	q := newQuadratic(m, float64(len(m))*zeta*zeta)
	stop := tail * tail * float64(len(m))
	x := make([]float64, k)
	for i := range x {
		x[i] = 1 / float64(k)
	}
	q.descend(x, stop, 100)
	top := slices.Max(x)
	left := 0.0
	for i, v := range x {
		if v <= top/4 {
			x[i] = 0
		}
		left += x[i]
	}
	for i := range x {
		x[i] /= left
	}
	q.descend(x, stop, 10000)
	return x
}

func centreColumns(m [][]float64) [][]float64 {
	out := zeros(len(m), len(m[0]))
	for j := range m[0] {
		base, s := m[0][j], 0.0
		for _, r := range m {
			s += (r[j] - base) / float64(len(m))
		}
		for i, r := range m {
			out[i][j] = r[j] - base - s
		}
	}
	return out
}

// A quadratic is x′Gx − 2c′x, with G = A′A + η and c = A′b.
type quadratic struct {
	g [][]float64
	c []float64
}

func newQuadratic(m [][]float64, eta float64) quadratic {
	k := len(m[0]) - 1
	q := quadratic{g: zeros(k, k), c: make([]float64, k)}
	for _, r := range m {
		for i := range k {
			for j := i; j < k; j++ {
				q.g[i][j] += r[i] * r[j]
			}
			q.c[i] += r[i] * r[k]
		}
	}
	for i := range k {
		q.g[i][i] += eta
		for j := range i {
			q.g[i][j] = q.g[j][i]
		}
	}
	return q
}

// descend moves x by Frank-Wolfe steps until one lowers the value by no more
// than stop, as R synthdid does.
func (q quadratic) descend(x []float64, stop float64, steps int) {
	gx := make([]float64, len(x))
	for i := range gx {
		gx[i] = dot(q.g[i], x)
	}
	for step := range steps {
		best, lowest, xgx, cx := 0, math.Inf(1), 0.0, 0.0
		for i := range x {
			if h := gx[i] - q.c[i]; h < lowest {
				best, lowest = i, h
			}
			xgx += x[i] * gx[i]
			cx += x[i] * q.c[i]
		}
		slope := lowest - (xgx - cx) // half gradient times direction e_best − x
		curve := q.g[best][best] - 2*gx[best] + xgx
		if !(slope < 0) || curve <= 0 {
			return
		}
		a := min(1, -slope/curve)
		for i := range x {
			x[i] *= 1 - a
			gx[i] = (1-a)*gx[i] + a*q.g[best][i]
		}
		x[best] += a
		if drop := -(2*a*slope + a*a*curve); step > 0 && drop <= stop {
			return
		}
	}
}

func (p *Panel) paths(b block, fit blockFit) []Path {
	out := make([]Path, len(b.treated))
	for t, v := range b.treated {
		out[t] = Path{Time: t, Treated: v + b.level, Counterfactual: v + b.level - fit.gap[t]}
	}
	return out
}

// A Placebo is what pretending that other units were treated says.
type Placebo struct {
	P        float64 // rank/(J+1): share of placebos at least as large, the estimate counted
	Smallest float64 // 1/(J+1)
	Placebos int     // J
	AtLeast  int     // placebos at least as large in size as the estimate
	SE       float64 // standard deviation of the placebo effects without an effect
	Low      float64 // the estimate ∓ the quantile of the sizes of those placebo effects;
	High     float64 // ∓Inf when J is too small for one
}

// PlaceboInSpace gives the treatment dates to other units, every choice when
// there are at most draws of them and drawn ones otherwise, estimates their
// effect and compares sizes.
//
// A single treated unit is compared with every donor, each estimated from the
// other donors. With several treated units the dates are redrawn over all
// units, treated ones included: with donors alone a placebo has fewer donors
// than the estimate and the test rejects too often. The error and the interval
// then come from placebos on outcomes less the estimate.
//
// It returns ErrNotIdentified where SyntheticDID does, or if a placebo would
// have fewer than two donors.
//
// Source: Abadie, Diamond and Hainmueller (2010), section 2.4; Arkhangelsky et
// al. (2021), algorithm 4, on the standard error.
func PlaceboInSpace(p *Panel, o SyntheticOptions, alpha float64, draws int, seed uint64) (Placebo, error) {
	out, actual, err := placeboP(p, o, draws, seed)
	if err != nil {
		return Placebo{}, err
	}
	effects := actual.effects
	if p.Treated() > 1 {
		effects = placeboEffects(p.with(p.minus(actual.att), p.Cohort), actual.plan, o)
	}
	out.spread(actual.att, effects, alpha)
	return out, nil
}

// placebos are the effects of one set of draws, beside the estimate.
type placebos struct {
	att     float64
	plan    plan
	effects []float64
}

// placeboP is PlaceboInSpace without error and interval.
func placeboP(p *Panel, o SyntheticOptions, draws int, seed uint64) (Placebo, placebos, error) {
	_, donors, err := p.synthetic()
	if err != nil {
		return Placebo{}, placebos{}, err
	}
	pool := p
	if p.Treated() == 1 {
		if len(donors) < 3 {
			return Placebo{}, placebos{}, notIdentified("two donors: a placebo would have one")
		}
		pool = p.onlyDonors(donors)
	}
	a := placebos{att: p.syntheticEffect(o), plan: newPlacebos(p, pool, draws, seed)}
	a.effects = placeboEffects(pool, a.plan, o)
	sizes := make([]float64, len(a.effects))
	for i, e := range a.effects {
		sizes[i] = math.Abs(e)
	}
	j := float64(len(sizes))
	out := Placebo{Placebos: len(sizes), AtLeast: countAtLeast(sizes, math.Abs(a.att)), Smallest: 1 / (j + 1)}
	out.P = float64(out.AtLeast+1) / (j + 1)
	return out, a, nil
}

// newPlacebos plans whom to treat in the pool: everyone once if that is no more
// than draws, but not the units that were treated.
func newPlacebos(p, pool *Panel, draws int, seed uint64) plan {
	labels := slices.Clone(pool.Cohort)
	if pool != p {
		labels[0] = p.Cohorts()[0]
	}
	pl := newPlan(labels, draws, seed)
	if !pl.enumerated() {
		return pl
	}
	if pool == p {
		pl.all = slices.DeleteFunc(pl.all, func(a []int) bool { return slices.Equal(a, p.Cohort) })
	}
	pl.draws = len(pl.all)
	if pl.draws > max(draws, len(pool.Units)) {
		pl.all, pl.draws = nil, draws
	}
	return pl
}

func placeboEffects(pool *Panel, pl plan, o SyntheticOptions) []float64 {
	effects := make([]float64, pl.draws)
	parallel(pl.draws, func(b int) { effects[b] = pool.with(pool.Y, pl.at(b)).syntheticEffect(o) })
	return effects
}

// onlyDonors is the panel of the donors, none of them treated.
func (p *Panel) onlyDonors(donors []int) *Panel {
	q := p.with(nil, nil)
	q.Units = nil
	for _, i := range donors {
		q.Units = append(q.Units, p.Units[i])
		q.Y = append(q.Y, p.Y[i])
		q.Cohort = append(q.Cohort, Never)
	}
	return q
}

// spread sets error and interval from placebo effects without an effect.
func (out *Placebo) spread(att float64, effects []float64, alpha float64) {
	j := float64(len(effects))
	m, sizes := mean(effects), make([]float64, len(effects))
	for i, e := range effects {
		out.SE += (e - m) * (e - m) / j
		sizes[i] = math.Abs(e)
	}
	out.SE = math.Sqrt(out.SE)
	out.Low, out.High = math.Inf(-1), math.Inf(1)
	slices.Sort(sizes)
	// The largest size s with p(s) > alpha: (#{≥ s}+1)/(J+1) > alpha.
	if k := int(math.Floor(alpha*(j+1) + tieTolerance)); k >= 1 {
		q := sizes[len(sizes)-k]
		out.Low, out.High = att-q, att+q
	}
}

// syntheticEffect is the ATT of SyntheticDID alone.
func (p *Panel) syntheticEffect(o SyntheticOptions) float64 {
	att, total := 0.0, 0.0
	donors := p.members(Never)
	for _, g := range p.Cohorts() {
		treated := p.members(g)
		n := float64(len(treated) * (p.Periods() - g))
		att += n * p.block(g, donors, treated).solve(o).att
		total += n
	}
	return att / total
}
