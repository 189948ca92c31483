package impact

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// A WildBootstrap is the wild cluster restricted bootstrap of the two-way fixed
// effects estimate.
type WildBootstrap struct {
	P          float64 // two-sided
	Smallest   float64 // the smallest P that these draws could have given
	Draws      int     // draws compared, the observed one included when enumerated
	AtLeast    int     // draws at least as extreme as the observed t
	Enumerated bool
	Weights    string  // "rademacher" or "webb"
	Low, High  float64 // effects that are not rejected; ±Inf where none is
}

// WildClusterBootstrap tests the two-way fixed effects estimate, without
// covariates, with few clusters: the null is imposed, residuals of the
// restricted model change sign cluster by cluster, and the t of each draw is
// compared with the observed one, ties within 1e-9 counting as at least as
// extreme. All sign patterns are enumerated when there are at most 10⁴; under
// ten clusters Webb's six points take the place of the signs. The interval
// inverts the test.
//
// It returns ErrNotIdentified where TwoWayFixedEffects does.
//
// Source: Cameron, Gelbach and Miller (2008); Webb (2023); MacKinnon and Webb
// (2018); Roodman et al. (2019) on the interval.
func WildClusterBootstrap(p *Panel, alpha float64, draws int, seed uint64) (WildBootstrap, error) {
	fit, err := TwoWayFixedEffects(p)
	if err != nil {
		return WildBootstrap{}, err
	}
	d, err := p.demeaned(p.indicator())
	if err != nil {
		return WildBootstrap{}, err
	}
	y, err := p.demeaned(unflat(p.centred(), p.Periods()))
	if err != nil {
		return WildBootstrap{}, err
	}
	w := newWild(p, d, y, draws, seed)
	out := WildBootstrap{Draws: w.draws, Enumerated: w.enumerated, Weights: w.name}
	out.AtLeast = w.atLeast(0)
	out.P = w.pvalue(out.AtLeast)
	out.Smallest = 1 / float64(w.draws+1)
	if w.enumerated {
		// A pattern and its mirror have the same |t|.
		out.Smallest = 2 / float64(w.draws)
	}
	inside := func(tau float64) bool { return w.pvalue(w.atLeast(tau)) > alpha }
	out.Low, out.High = invert(inside, fit.ATT, -fit.SE), invert(inside, fit.ATT, fit.SE)
	return out, nil
}

// wild holds, for clusters g and h, Σ D̃_g·Ỹ_h over periods and the like: all a
// draw needs, whatever the effect under test. Restricted residuals of the
// hypothesis tau are Ỹ−τD̃, without unit and period means; multiplied, they
// have period means again.
type wild struct {
	dy, dd     []float64   // by cluster: Σ D̃Ỹ, Σ D̃²
	crossY     [][]float64 // by cluster and cluster: what the period means of cluster h's Ỹ take from the score of g
	crossD     [][]float64
	total      float64
	points     []float64
	name       string
	draws      int
	enumerated bool
	seed       uint64
}

func newWild(p *Panel, d, y [][]float64, draws int, seed uint64) *wild {
	g := p.Clusters
	w := &wild{dy: make([]float64, g), dd: make([]float64, g), draws: draws, seed: seed}
	sumD, sumY := zeros(g, p.Periods()), zeros(g, p.Periods())
	for i, c := range p.Cluster {
		w.dy[c] += dot(d[i], y[i])
		w.dd[c] += dot(d[i], d[i])
		for t := range p.Times {
			sumD[c][t] += d[i][t]
			sumY[c][t] += y[i][t]
		}
	}
	w.total = sum(w.dd)
	w.crossY, w.crossD = zeros(g, g), zeros(g, g)
	n := float64(len(p.Units))
	for a := range g {
		for b := range g {
			w.crossY[a][b] = dot(sumD[a], sumY[b]) / n
			w.crossD[a][b] = dot(sumD[a], sumD[b]) / n
		}
	}
	w.name, w.points = "rademacher", []float64{-1, 1}
	if g < 10 {
		w.name = "webb"
		w.points = []float64{-math.Sqrt(1.5), -1, -math.Sqrt(0.5), math.Sqrt(0.5), 1, math.Sqrt(1.5)}
	}
	if all := math.Pow(float64(len(w.points)), float64(g)); all <= enumerateUpTo {
		w.draws, w.enumerated = int(all), true
	}
	return w
}

// multipliers returns those of one draw.
func (w *wild) multipliers(draw int) []float64 {
	v := make([]float64, len(w.dy))
	if w.enumerated {
		for i := range v {
			v[i] = w.points[draw%len(w.points)]
			draw /= len(w.points)
		}
		return v
	}
	rng := stream(w.seed, draw)
	for i := range v {
		v[i] = w.points[rng.IntN(len(w.points))]
	}
	return v
}

// statistic is |t| of residuals multiplied with v, up to a constant factor.
func (w *wild) statistic(tau float64, v []float64) float64 {
	b := 0.0
	for g := range v {
		b += v[g] * (w.dy[g] - tau*w.dd[g])
	}
	b /= w.total
	s := 0.0
	for g := range v {
		score := v[g]*(w.dy[g]-tau*w.dd[g]) - b*w.dd[g]
		for h := range v {
			score -= v[h] * (w.crossY[g][h] - tau*w.crossD[g][h])
		}
		s += score * score
	}
	return ratio(math.Abs(b), math.Sqrt(s)/w.total)
}

func (w *wild) atLeast(tau float64) int {
	ones := make([]float64, len(w.dy))
	for i := range ones {
		ones[i] = 1
	}
	stats := make([]float64, w.draws)
	parallel(w.draws, func(i int) { stats[i] = w.statistic(tau, w.multipliers(i)) })
	return countAtLeast(stats, w.statistic(tau, ones))
}

func (w *wild) pvalue(n int) float64 {
	if w.enumerated {
		return float64(n) / float64(w.draws)
	}
	return float64(n+1) / float64(w.draws+1)
}

// Welch compares the change of each treated unit (mean from its first treated
// period on, less the mean before) with the controls' change over the same
// split, for a panel with one cohort.
//
// It returns ErrNotIdentified with several cohorts or fewer than two units in
// an arm.
//
// Source: Welch (1947); Bertrand, Duflo and Mullainathan (2004) on collapsing
// to one change per unit.
func Welch(p *Panel) (e Estimate, df, pvalue float64, err error) {
	changes, treated, err := p.Changes()
	if err != nil {
		return Estimate{}, 0, 0, err
	}
	var m, n, v [2]float64
	arm := func(i int) int {
		if treated[i] {
			return 1
		}
		return 0
	}
	for i, c := range changes {
		m[arm(i)] += c
		n[arm(i)]++
	}
	for a := range m {
		m[a] /= n[a]
	}
	for i, c := range changes {
		v[arm(i)] += (c - m[arm(i)]) * (c - m[arm(i)])
	}
	if n[0] < 2 || n[1] < 2 {
		return Estimate{}, 0, 0, notIdentified("an arm of %v units has no variance", min(n[0], n[1]))
	}
	for a := range v {
		v[a] /= (n[a] - 1) * n[a]
	}
	e = Estimate{ATT: m[1] - m[0], SE: math.Sqrt(v[0] + v[1])}
	df = (v[0] + v[1]) * (v[0] + v[1]) / (v[0]*v[0]/(n[0]-1) + v[1]*v[1]/(n[1]-1))
	return e, df, 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Survival(math.Abs(e.ATT/e.SE)), nil
}

// Changes returns each unit's mean from the treatment date on less its mean
// before it, and which units are treated, for a panel with one cohort.
//
// It returns ErrNotIdentified with several cohorts, or without controls.
func (p *Panel) Changes() (change []float64, treated []bool, err error) {
	if _, _, err := comparable(p, NeverTreated); err != nil {
		return nil, nil, err
	}
	cohorts := p.Cohorts()
	if len(cohorts) != 1 {
		return nil, nil, notIdentified("%d treatment dates; changes need one", len(cohorts))
	}
	g := cohorts[0]
	for i, y := range p.Y {
		change = append(change, mean(less(y[g:], y[0]))-mean(less(y[:g], y[0])))
		treated = append(treated, p.Cohort[i] == g)
	}
	return change, treated, nil
}
