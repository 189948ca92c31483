package impact

import (
	"fmt"
	"math"
	"slices"
)

// enumerateUpTo is the number of assignments that are still all listed.
const enumerateUpTo = 10000

// tieTolerance is how close, relatively, a drawn statistic must come to the
// observed one to count as equal to it.
const tieTolerance = 1e-9

// A Randomisation is what redrawing the treatment dates over the units says.
type Randomisation struct {
	P           float64 // share of assignments at least as extreme as the observed one, two-sided
	Smallest    float64 // the smallest P this design could have given
	Assignments int     // assignments compared: all of them, or the drawn ones
	AtLeast     int     // of those, at least as extreme (drawn: without the observed one)
	Enumerated  bool    // every assignment was listed once
	Low, High   float64 // effects that are not rejected; ∓Inf where none is rejected on that side
}

// A plan lists the assignments of a randomisation test: every arrangement of
// labels when there are few, drawn ones otherwise.
type plan struct {
	labels []int
	all    [][]int
	draws  int
	seed   uint64
}

func newPlan(labels []int, draws int, seed uint64) plan {
	p := plan{labels: labels, draws: draws, seed: seed}
	if arrangements(labels, enumerateUpTo) <= enumerateUpTo {
		p.all = arrange(labels)
		p.draws = len(p.all)
	}
	return p
}

func (p plan) enumerated() bool { return p.all != nil }

// at returns assignment i. The caller does not change it.
func (p plan) at(i int) []int {
	if p.all != nil {
		return p.all[i]
	}
	a := slices.Clone(p.labels)
	stream(p.seed, i).Shuffle(len(a), func(j, k int) { a[j], a[k] = a[k], a[j] })
	return a
}

// pvalue turns a count of draws into a p: exact when enumerated, else with the
// observed assignment added.
func (p plan) pvalue(atLeast int) float64 {
	if p.enumerated() {
		return float64(atLeast) / float64(p.draws)
	}
	return float64(atLeast+1) / float64(p.draws+1)
}

// smallest returns the p of the most extreme assignment.
func (p plan) smallest(stats []float64) float64 {
	if !p.enumerated() {
		return 1 / float64(p.draws+1)
	}
	top := slices.Max(stats)
	return p.pvalue(countAtLeast(stats, top))
}

func countAtLeast(stats []float64, bar float64) int {
	n := 0
	for _, s := range stats {
		if s >= bar-tieTolerance*max(1, math.Abs(bar)) {
			n++
		}
	}
	return n
}

// arrangements counts the distinct orders of labels, or something over limit.
func arrangements(labels []int, limit float64) float64 {
	count := map[int]int{}
	total := 1.0
	for i, l := range labels {
		count[l]++
		total *= float64(i+1) / float64(count[l])
	}
	return math.Round(min(total, 4*limit))
}

// arrange lists the distinct orders of labels, ascending.
func arrange(labels []int) [][]int {
	cur := slices.Sorted(slices.Values(labels))
	var out [][]int
	for {
		out = append(out, slices.Clone(cur))
		i := len(cur) - 2
		for i >= 0 && cur[i] >= cur[i+1] {
			i--
		}
		if i < 0 {
			return out
		}
		j := len(cur) - 1
		for cur[j] <= cur[i] {
			j--
		}
		cur[i], cur[j] = cur[j], cur[i]
		slices.Reverse(cur[i+1:])
	}
}

// RandomiseDifference redraws which of the values are treated and compares the
// difference of means, or its Welch t if studentised. Use it for one number per
// unit, such as the change of each team. The interval is not computed.
//
// It returns ErrNotIdentified if one arm is empty.
//
// Source: Fisher (1935); Gerber and Green (2012), chapter 3.
func RandomiseDifference(y []float64, treated []bool, studentised bool, draws int, seed uint64) (Randomisation, error) {
	labels := make([]int, len(y))
	n1 := 0
	for i, z := range treated {
		if z {
			labels[i] = 1
			n1++
		}
	}
	if n1 == 0 || n1 == len(y) {
		return Randomisation{}, fmt.Errorf("%w: %d of %d units are treated; both arms need one", ErrNotIdentified, n1, len(y))
	}
	stat := func(a []int) float64 { return differenceStatistic(y, a, studentised) }
	return newPlan(labels, draws, seed).run(stat), nil
}

// run computes the statistic of every assignment.
func (p plan) run(stat func(a []int) float64) Randomisation {
	stats := make([]float64, p.draws)
	parallel(p.draws, func(i int) { stats[i] = stat(p.at(i)) })
	r := Randomisation{Assignments: p.draws, Enumerated: p.enumerated(), Low: math.Inf(-1), High: math.Inf(1)}
	r.AtLeast = countAtLeast(stats, stat(p.labels))
	r.P, r.Smallest = p.pvalue(r.AtLeast), p.smallest(stats)
	return r
}

func differenceStatistic(y []float64, a []int, studentised bool) float64 {
	var m, n, ss [2]float64
	for i, l := range a {
		m[l] += y[i]
		n[l]++
	}
	m[0], m[1] = m[0]/n[0], m[1]/n[1]
	for i, l := range a {
		ss[l] += (y[i] - m[l]) * (y[i] - m[l])
	}
	d := math.Abs(m[1] - m[0])
	if !studentised {
		return d
	}
	v := 0.0
	for l := range m {
		if n[l] > 1 {
			v += ss[l] / (n[l] - 1) / n[l]
		}
	}
	return ratio(d, math.Sqrt(v))
}

// ratio is a/b for a statistic: an error of zero makes any effect infinitely
// significant, and no effect not at all.
func ratio(a, b float64) float64 {
	switch {
	case b > 1e-12*math.Abs(a) && b > 0:
		return a / b
	case a == 0:
		return 0
	}
	return math.Inf(1)
}

// A kernel computes an estimate and its variance for any assignment of cohorts
// to clusters of units. Estimates are linear in the outcome and the cohort
// sizes do not change, so what depends on the data is summed once.
type kernel interface {
	// influence returns the estimate and the influence of each unit on it under
	// the assignment (a cohort's index per unit), for the given outcome:
	// 0 the panel's, 1 the observed treatment indicator.
	influence(outcome int, assignment []int) (float64, []float64)
}

// Randomise redraws the cohorts over the units (over the clusters, if each
// cluster has one cohort) and compares the studentised estimate. The interval
// holds the constant effects that are not rejected at alpha.
//
// It returns ErrInvalid if cohorts differ within a cluster: then there is no
// draw that keeps both.
//
// Source: Fisher (1935), Wu and Ding (2021) on studentising, Callaway and
// Sant'Anna (2021) on the estimate.
//
// With covariates every draw is estimated anew; a panel that would take minutes
// is ErrInvalid.
func (gt *GroupTimes) Randomise(a Aggregate, o CSOptions, alpha float64, draws int, seed uint64) (Randomisation, error) {
	if gt.Panel.X == nil {
		return randomise(gt.Panel, gt.kernel(a, o.withDefaults()), alpha, draws, seed)
	}
	k := float64(1 + len(gt.Panel.Names))
	if cost := float64(len(gt.Cells)*len(gt.Panel.Units)*draws) * k * k; cost > maxRefit {
		return Randomisation{}, fmt.Errorf("%w: redrawing %d dates with covariates means %d estimates of %d cells; draw fewer, leave the covariates out, or use analytic inference", ErrInvalid, gt.Panel.Treated(), 2*draws, len(gt.Cells))
	}
	return randomise(gt.Panel, refit{gt.Panel, a, o}, alpha, draws, seed)
}

// randomisedP is Randomise without covariates and without the interval.
func (gt *GroupTimes) randomisedP(o CSOptions, draws int, seed uint64) (p, smallest float64, err error) {
	labels, err := gt.Panel.clusterLabels()
	if err != nil {
		return 0, 0, err
	}
	k := gt.kernel(Simple, o.withDefaults())
	r := newPlan(labels, draws, seed).run(func(a []int) float64 { return gt.Panel.moment(k, a).statistic(0) })
	return r.P, r.Smallest, nil
}

// maxRefit bounds the work of redrawing with covariates.
const maxRefit = 4e9

// refit is the kernel of an estimate that must be made anew for each draw. A
// draw that cannot be estimated counts as less extreme than any other.
type refit struct {
	p *Panel
	a Aggregate
	o CSOptions
}

func (k refit) influence(outcome int, assignment []int) (float64, []float64) {
	y := k.p.Y
	if outcome == 1 {
		y = k.p.indicator()
	}
	dates := append(k.p.Cohorts(), Never)
	cohort := make([]int, len(assignment))
	for i, h := range assignment {
		cohort[i] = dates[h]
	}
	gt, err := CallawaySantAnna(k.p.with(y, cohort), k.o)
	if err != nil {
		return 0, make([]float64, len(assignment))
	}
	e, _ := gt.Aggregate(k.a)
	return e.ATT, e.psi
}

func randomise(p *Panel, k kernel, alpha float64, draws int, seed uint64) (Randomisation, error) {
	labels, err := p.clusterLabels()
	if err != nil {
		return Randomisation{}, err
	}
	pl := newPlan(labels, draws, seed)
	moments := make([]moment, pl.draws)
	parallel(pl.draws, func(i int) { moments[i] = p.moment(k, pl.at(i)) })
	observed := p.moment(k, labels)
	at := func(tau float64) (atLeast int, stats []float64) {
		stats = make([]float64, len(moments))
		for i, m := range moments {
			stats[i] = m.statistic(tau)
		}
		return countAtLeast(stats, observed.statistic(tau)), stats
	}
	r := Randomisation{Assignments: pl.draws, Enumerated: pl.enumerated()}
	var stats []float64
	r.AtLeast, stats = at(0)
	r.P, r.Smallest = pl.pvalue(r.AtLeast), pl.smallest(stats)
	inside := func(tau float64) bool {
		n, _ := at(tau)
		return pl.pvalue(n) > alpha
	}
	centre, step := observed.aY/observed.aD, math.Sqrt(observed.yy)/math.Abs(observed.aD)
	r.Low, r.High = invert(inside, centre, -step), invert(inside, centre, step)
	return r, nil
}

// invert finds where inside stops being true, going from centre in the
// direction of step; ±Inf if it never does.
func invert(inside func(float64) bool, centre, step float64) float64 {
	if step == 0 {
		return centre
	}
	in, out := centre, centre+step
	for range 40 {
		if !inside(out) {
			for range 60 {
				mid := in + (out-in)/2
				if inside(mid) {
					in = mid
				} else {
					out = mid
				}
			}
			return in
		}
		in, out = out, centre+2*(out-centre)
	}
	return math.Copysign(math.Inf(1), step)
}

// A moment holds the estimate and its variance as polynomials of the effect
// under test: of Y−τD it is aY−τ·aD and yy−2τ·yd+τ²·dd.
type moment struct{ aY, aD, yy, yd, dd float64 }

func (p *Panel) moment(k kernel, byCluster []int) moment {
	a := byCluster
	if p.Clustered {
		a = make([]int, len(p.Units))
		for i, c := range p.Cluster {
			a[i] = byCluster[c]
		}
	}
	var m moment
	var y, d []float64
	m.aY, y = k.influence(0, a)
	m.aD, d = k.influence(1, a)
	m.yy, m.yd, m.dd = p.covariance(y, y), p.covariance(y, d), p.covariance(d, d)
	return m
}

func (m moment) statistic(tau float64) float64 {
	v := m.yy - 2*tau*m.yd + tau*tau*m.dd
	return ratio(math.Abs(m.aY-tau*m.aD), math.Sqrt(max(v, 0)))
}

// clusterLabels returns the cohort index (see cohortIndex) of every cluster.
func (p *Panel) clusterLabels() ([]int, error) {
	index := p.cohortIndex()
	if !p.Clustered {
		return index, nil
	}
	labels := make([]int, p.Clusters)
	seen := make([]int, p.Clusters)
	for i, c := range p.Cluster {
		if seen[c] > 0 && labels[c] != index[i] {
			return nil, fmt.Errorf("%w: units %q and %q share a cluster but not a treatment date; randomisation inference redraws dates over whole clusters; ask for inference analytic, or for no cluster", ErrInvalid, p.Units[seen[c]-1], p.Units[i])
		}
		labels[c], seen[c] = index[i], i+1
	}
	return labels, nil
}

// cohortIndex returns, per unit, the place of its cohort in Cohorts, and
// len(Cohorts) for never.
func (p *Panel) cohortIndex() []int {
	cohorts := p.Cohorts()
	index := make([]int, len(p.Cohort))
	for i, g := range p.Cohort {
		index[i], _ = slices.BinarySearch(cohorts, g)
	}
	return index
}

// indicator returns the observed treatment as an outcome.
func (p *Panel) indicator() [][]float64 {
	d := make([][]float64, len(p.Units))
	for i, g := range p.Cohort {
		d[i] = make([]float64, p.Periods())
		for t := range d[i] {
			if t >= g {
				d[i][t] = 1
			}
		}
	}
	return d
}

// A csKernel is the kernel of an aggregate of Callaway and Sant'Anna without
// covariates. The cells that share a control group form a block; block b has
// the cohorts from b on as controls.
type csKernel struct {
	treated [2][][]float64 // by outcome, unit and cohort: Σ w·(Y_t−Y_b) if the unit were in the cohort
	control [2][][]float64 // by outcome, unit and block
	cohorts int
}

func (gt *GroupTimes) kernel(a Aggregate, o CSOptions) *csKernel {
	p := gt.Panel
	cohorts := p.Cohorts()
	k := &csKernel{cohorts: len(cohorts)}
	w := gt.weights(a)
	for outcome, y := range [2][][]float64{p.Y, p.indicator()} {
		k.treated[outcome] = zeros(len(p.Units), len(cohorts))
		k.control[outcome] = zeros(len(p.Units), len(cohorts)+1)
		for j, c := range gt.Cells {
			if w[j] == 0 {
				continue
			}
			h, _ := slices.BinarySearch(cohorts, c.Group)
			block := len(cohorts)
			if o.Control == NotYet {
				block, _ = slices.BinarySearch(cohorts, c.Time+1)
			}
			for i := range y {
				d := w[j] * (y[i][c.Time] - y[i][c.Group-1])
				k.treated[outcome][i][h] += d
				k.control[outcome][i][block] += d
			}
		}
	}
	return k
}

// weights returns the weight of every cell in the overall number.
func (gt *GroupTimes) weights(a Aggregate) []float64 {
	share := gt.shares()
	key := func(c GroupTime) int {
		switch a {
		case Dynamic:
			return gt.Panel.Event(c.Group, c.Time)
		case ByGroup:
			return c.Group
		case Calendar:
			return c.Time
		}
		return 0
	}
	total := map[int]float64{}
	for _, c := range gt.Cells {
		if c.Post {
			total[key(c)] += share[c.Group]
		}
	}
	groups := 0.0
	for g := range total {
		groups += share[g]
	}
	w := make([]float64, len(gt.Cells))
	for j, c := range gt.Cells {
		if !c.Post {
			continue
		}
		w[j] = share[c.Group] / total[key(c)]
		switch a {
		case Dynamic, Calendar:
			w[j] /= float64(len(total))
		case ByGroup:
			w[j] *= share[c.Group] / groups
		}
	}
	return w
}

func zeros(n, k int) [][]float64 {
	flat := make([]float64, n*k)
	out := make([][]float64, n)
	for i := range out {
		out[i] = flat[i*k : (i+1)*k : (i+1)*k]
	}
	return out
}

// influence has no term for estimated shares: redrawing keeps the sizes.
func (k *csKernel) influence(outcome int, a []int) (float64, []float64) {
	treated, control := k.treated[outcome], k.control[outcome]
	n := float64(len(a))
	n1, m1 := make([]float64, k.cohorts), make([]float64, k.cohorts)
	n0, m0 := make([]float64, k.cohorts+1), make([]float64, k.cohorts+1)
	for i, h := range a {
		if h < k.cohorts {
			n1[h]++
			m1[h] += treated[i][h]
		}
		for b := 0; b <= h; b++ {
			n0[b]++
			m0[b] += control[i][b]
		}
	}
	att := 0.0
	for h := range n1 {
		m1[h] /= max(n1[h], 1)
		att += m1[h]
	}
	for b := range n0 {
		m0[b] /= max(n0[b], 1)
		att -= m0[b]
	}
	psi := make([]float64, len(a))
	for i, h := range a {
		if h < k.cohorts {
			psi[i] = n / n1[h] * (treated[i][h] - m1[h])
		}
		for b := 0; b <= h; b++ {
			psi[i] -= n / n0[b] * (control[i][b] - m0[b])
		}
	}
	return att, psi
}
