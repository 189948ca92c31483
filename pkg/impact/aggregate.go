package impact

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Aggregate names one way to sum up ATT(g,t) in one number.
type Aggregate string

// The aggregations of Callaway and Sant'Anna (2021), section 3.
const (
	Simple   Aggregate = "simple"   // all cells after treatment, by size of the cohort
	Dynamic  Aggregate = "dynamic"  // by time since treatment, then the plain mean over e ≥ 0
	ByGroup  Aggregate = "group"    // by cohort, then by size of the cohort
	Calendar Aggregate = "calendar" // by period, then the plain mean over periods
)

// Aggregates lists every aggregation, in the order in which they are shown.
var Aggregates = []Aggregate{Simple, Dynamic, ByGroup, Calendar}

// An Estimate is a number and its standard error, in units of the outcome.
type Estimate struct {
	ATT, SE float64

	psi []float64
}

// A Point is an Estimate at a key: an event time, a cohort or a period (the
// last two as indices into Panel.Times).
type Point struct {
	Key int
	Estimate
}

// Aggregate sums up the cells. Overall is the one number; the points are its
// parts, by event time, cohort or period, and empty for Simple.
//
// θ = Σw_k·ATT_k with w_k = p_k/P and p_k the cohort's share of all units; its
// influence has the second term of estimated shares,
// Σ_k ATT_k·[(1{G=g_k}−p_k)/P − p_k·Σ_l(1{G=g_l}−p_l)/P²].
//
// Source: Callaway and Sant'Anna (2021); R did, aggte.
func (gt *GroupTimes) Aggregate(a Aggregate) (overall Estimate, parts []Point) {
	switch a {
	case Dynamic:
		parts = gt.by(func(c GroupTime) (int, bool) { return gt.Panel.Event(c.Group, c.Time), true }, true)
		return gt.plainMean(parts, 0), parts
	case ByGroup:
		parts = gt.by(func(c GroupTime) (int, bool) { return c.Group, c.Post }, false)
		return gt.shareMean(parts), parts
	case Calendar:
		parts = gt.by(func(c GroupTime) (int, bool) { return c.Time, c.Post }, true)
		return gt.plainMean(parts, math.MinInt), parts
	default:
		all := gt.by(func(c GroupTime) (int, bool) { return 0, c.Post }, true)
		return all[0].Estimate, nil
	}
}

// by groups the cells by key and averages each group by cohort shares.
func (gt *GroupTimes) by(key func(GroupTime) (int, bool), estimatedShares bool) []Point {
	groups := map[int][]int{}
	for i, c := range gt.Cells {
		if k, ok := key(c); ok {
			groups[k] = append(groups[k], i)
		}
	}
	share := gt.shares()
	points := make([]Point, 0, len(groups))
	for _, k := range slices.Sorted(maps.Keys(groups)) {
		cells := make([]weighted, 0, len(groups[k]))
		for _, i := range groups[k] {
			c := gt.Cells[i]
			cells = append(cells, weighted{Estimate{c.ATT, c.SE, c.psi}, c.Group, share[c.Group]})
		}
		points = append(points, Point{k, gt.average(cells, estimatedShares)})
	}
	return points
}

// shares returns every cohort's share of the units of the panel.
func (gt *GroupTimes) shares() map[int]float64 {
	count := map[int]float64{}
	for _, g := range gt.Panel.Cohort {
		count[g]++
	}
	for g := range count {
		count[g] /= float64(len(gt.Panel.Cohort))
	}
	return count
}

// weighted is an estimate for a cohort, and the cohort's share.
type weighted struct {
	Estimate
	group int
	share float64
}

// average returns Σ share·ATT / Σ share with its influence.
func (gt *GroupTimes) average(cells []weighted, estimatedShares bool) Estimate {
	total := 0.0
	for _, c := range cells {
		total += c.share
	}
	var e Estimate
	e.psi = make([]float64, len(gt.Panel.Units))
	attOf, timesOf := map[int]float64{}, map[int]float64{}
	for _, c := range cells {
		w := c.share / total
		e.ATT += w * c.ATT
		for i, v := range c.psi {
			e.psi[i] += w * v
		}
		attOf[c.group] += c.ATT
		timesOf[c.group]++
	}
	if estimatedShares {
		// Collected by cohort: Σ_k ATT_k·1{G=g_k}/P − θ·Σ_l 1{G=g_l}/P, whose
		// constant parts cancel.
		for i, g := range gt.Panel.Cohort {
			e.psi[i] += (attOf[g] - e.ATT*timesOf[g]) / total
		}
	}
	e.SE = gt.Panel.standardError(e.psi)
	return e
}

// plainMean averages the points with key ≥ from, each counting once.
func (gt *GroupTimes) plainMean(points []Point, from int) Estimate {
	var cells []weighted
	for _, p := range points {
		if p.Key >= from {
			cells = append(cells, weighted{p.Estimate, 0, 1})
		}
	}
	return gt.average(cells, false)
}

// shareMean averages points by cohort, by the size of the cohort.
func (gt *GroupTimes) shareMean(points []Point) Estimate {
	share := gt.shares()
	var cells []weighted
	for _, p := range points {
		cells = append(cells, weighted{p.Estimate, p.Key, share[p.Key]})
	}
	return gt.average(cells, true)
}

// A Pretest is the Wald test that all effects before treatment are zero.
type Pretest struct {
	W       float64
	DF      int
	P       float64 // from χ² with DF degrees of freedom
	Largest float64 // the effect before treatment that is largest in size
}

// Pretest tests the cells before treatment jointly: W = n·δ′V⁻¹δ, V the
// covariance of √n·δ. A large p is not proof of parallel trends: the test is
// reported, not used as a gate.
//
// The error says, in words, why there is no test: no cell before treatment, or
// a singular V (more cells than units carry).
//
// Source: Callaway and Sant'Anna (2021); R did.
func (gt *GroupTimes) Pretest() (Pretest, error) {
	var pre []GroupTime
	for _, c := range gt.Cells {
		if !c.Post && !c.Reference && c.SE > 0 {
			pre = append(pre, c)
		}
	}
	k := len(pre)
	if k == 0 {
		return Pretest{}, fmt.Errorf("no period before treatment can be tested")
	}
	independent := gt.Panel.Clusters
	if k >= independent {
		return Pretest{}, fmt.Errorf("%d effects before treatment from %d independent units: their covariance is singular", k, independent)
	}
	// The scale is taken out first, so that the condition of V tells rank.
	v := mat.NewSymDense(k, nil)
	z := mat.NewVecDense(k, nil)
	out := Pretest{DF: k}
	for i, a := range pre {
		z.SetVec(i, a.ATT/a.SE)
		if math.Abs(a.ATT) > math.Abs(out.Largest) {
			out.Largest = a.ATT
		}
		for j := i; j < k; j++ {
			v.SetSym(i, j, gt.Panel.covariance(a.psi, pre[j].psi)/(a.SE*pre[j].SE))
		}
	}
	var chol mat.Cholesky
	if !chol.Factorize(v) || chol.Cond() > 1e12 {
		return Pretest{}, fmt.Errorf("the covariance of the %d effects before treatment is singular", k)
	}
	var x mat.VecDense
	if err := chol.SolveVecTo(&x, z); err != nil {
		return Pretest{}, fmt.Errorf("the covariance of the %d effects before treatment is singular", k)
	}
	out.W = mat.Dot(z, &x)
	out.P = distuv.ChiSquared{K: float64(k)}.Survival(out.W)
	return out, nil
}
