package impact

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/payoff-metrics/payoff/pkg/stat"
)

// Imputation fits unit and period effects and covariates on untreated
// observations only, predicts from them what the treated ones would have been,
// and averages the differences. Errors are the conservative ones of Borusyak,
// Jaravel and Spiess, clustered by unit or cluster, with effects centred within
// cohort and period; P is from the normal distribution.
//
// A period without any untreated observation cannot be predicted: its
// observations are dropped and Notes says so. It returns ErrNotIdentified if no
// treated observation is left.
//
// Source: Borusyak, Jaravel and Spiess (2024), equations 6-10; R didimputation.
func Imputation(p *Panel) (Study, error) {
	if _, _, err := comparable(p, NotYet); err != nil {
		return Study{}, err
	}
	cov, absorbed, err := p.varyingCovariates()
	if err != nil {
		return Study{}, err
	}
	last := p.lastWithControl()
	r := Study{Notes: absorbedNote(absorbed)}
	if last < p.Periods() {
		r.Notes = append(r.Notes, fmt.Sprintf("not estimable: the effects from %s on, where no unit is untreated", p.label(last)))
	}
	m, err := newImputer(p, last, cov)
	if err != nil {
		return Study{}, err
	}
	effect, residual := m.impute()
	events := map[int]bool{}
	for _, g := range p.Cohorts() {
		for t := g; t < last; t++ {
			events[p.Event(g, t)] = true
		}
	}
	if len(events) == 0 {
		return Study{}, fmt.Errorf("%w: no treated observation is in a period with an untreated one", ErrNotIdentified)
	}
	r.Estimate = m.estimate(effect, residual, func(int, int) bool { return true })
	for _, e := range slices.Sorted(maps.Keys(events)) {
		r.Events = append(r.Events, Point{e, m.estimate(effect, residual, func(g, t int) bool { return p.Event(g, t) == e })})
	}
	r.P = tTest(r.Estimate, 0)
	return r, nil
}

// lastWithControl returns the number of periods from the first on in which some
// unit is untreated. Treatment stays, so the rest have none.
func (p *Panel) lastWithControl() int {
	last := 0
	for _, g := range p.Cohort {
		last = max(last, min(g, p.Periods()))
	}
	return last
}

// An imputer fits the two-way model on the untreated observations of the first
// periods. Every unit is untreated in the first period, so all effects are
// connected and, with the first period's set to 0, determined.
type imputer struct {
	p     *Panel
	last  int
	cov   []stat.Column
	beta  []float64
	rest  [][]float64 // covariates less effects, on untreated rows, by covariate
	gram  *mat.Dense  // (rest′rest)⁻¹
	schur mat.Cholesky
}

func (m *imputer) untreated(i, t int) bool { return t < m.p.Cohort[i] && t < m.last }

func newImputer(p *Panel, last int, cov []stat.Column) (*imputer, error) {
	m := &imputer{p: p, last: last, cov: cov}
	if last < 2 {
		return m, nil
	}
	// The normal equations of unit and period effects, unit effects solved out:
	// periods form the Laplacian of a connected graph, which is well conditioned.
	a := mat.NewSymDense(last-1, nil)
	for i := range p.Units {
		n := min(p.Cohort[i], last)
		for t := 1; t < n; t++ {
			a.SetSym(t-1, t-1, a.At(t-1, t-1)+1)
			for s := t; s < n; s++ {
				a.SetSym(t-1, s-1, a.At(t-1, s-1)-1/float64(n))
			}
		}
	}
	if !m.schur.Factorize(a) {
		return nil, fmt.Errorf("%w: untreated observations do not determine the period effects", ErrNotIdentified)
	}
	return m, m.fitCovariates()
}

// solve finds unit effects u and period effects v (v[0] = 0) with
// Z₀′Z₀(u,v) = (byUnit, byPeriod).
func (m *imputer) solve(byUnit, byPeriod []float64) (u, v []float64) {
	u, v = make([]float64, len(byUnit)), make([]float64, m.last)
	if m.last > 1 {
		rhs := mat.NewVecDense(m.last-1, nil)
		for t := 1; t < m.last; t++ {
			rhs.SetVec(t-1, byPeriod[t])
		}
		for i, s := range byUnit {
			n := min(m.p.Cohort[i], m.last)
			for t := 1; t < n; t++ {
				rhs.SetVec(t-1, rhs.AtVec(t-1)-s/float64(n))
			}
		}
		var x mat.VecDense
		// The factor exists; its condition was accepted when it was made.
		_ = m.schur.SolveVecTo(&x, rhs)
		for t := 1; t < m.last; t++ {
			v[t] = x.AtVec(t - 1)
		}
	}
	for i, s := range byUnit {
		n := min(m.p.Cohort[i], m.last)
		u[i] = (s - sum(v[:n])) / float64(n)
	}
	return u, v
}

func sum(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s
}

// effectsOf fits unit and period effects to x, a flat panel, on untreated rows.
func (m *imputer) effectsOf(x []float64) (u, v []float64) {
	byUnit, byPeriod := make([]float64, len(m.p.Units)), make([]float64, m.last)
	for i := range m.p.Units {
		for t := range m.last {
			if m.untreated(i, t) {
				byUnit[i] += x[i*m.p.Periods()+t]
				byPeriod[t] += x[i*m.p.Periods()+t]
			}
		}
	}
	return m.solve(byUnit, byPeriod)
}

// fitCovariates regresses the outcome on the covariates, both less effects, on
// untreated rows.
func (m *imputer) fitCovariates() error {
	if len(m.cov) == 0 {
		return nil
	}
	y := m.within(m.p.centred())
	var cols []stat.Column
	for _, c := range m.cov {
		rest := m.within(c.Values)
		m.rest = append(m.rest, rest)
		cols = append(cols, stat.Column{Name: c.Name, Values: rest})
	}
	fit, err := stat.WLS(y, cols, m.onUntreated())
	if err != nil {
		return fmt.Errorf("%w: fitting covariates on untreated observations: %w", ErrInvalid, err)
	}
	m.beta = fit.Coef
	_, bread := fit.Scores()
	m.gram = mat.NewDense(len(bread), len(bread), nil)
	for j := range bread {
		m.gram.SetRow(j, bread[j])
	}
	return nil
}

// within returns x less its effects on untreated rows, and 0 elsewhere.
func (m *imputer) within(x []float64) []float64 {
	out := m.onUntreated()
	u, v := m.effectsOf(x)
	for r, on := range out {
		if on > 0 {
			out[r] = x[r] - u[r/m.p.Periods()] - v[r%m.p.Periods()]
		}
	}
	return out
}

// onUntreated is 1 on untreated rows and 0 elsewhere.
func (m *imputer) onUntreated() []float64 {
	out := make([]float64, len(m.p.Units)*m.p.Periods())
	for i := range m.p.Units {
		for t := range m.last {
			if m.untreated(i, t) {
				out[i*m.p.Periods()+t] = 1
			}
		}
	}
	return out
}

// impute returns, for every observation of the first periods, the outcome less
// its prediction: effects where treated, residuals where not.
func (m *imputer) impute() (effect, residual [][]float64) {
	y := m.p.centred()
	for j, c := range m.cov {
		for r := range y {
			y[r] -= m.beta[j] * c.Values[r]
		}
	}
	u, v := m.effectsOf(y)
	effect, residual = zeros(len(m.p.Units), m.last), zeros(len(m.p.Units), m.last)
	for i := range m.p.Units {
		for t := range m.last {
			d := y[i*m.p.Periods()+t] - u[i] - v[t]
			if m.untreated(i, t) {
				residual[i][t] = d
			} else {
				effect[i][t] = d
			}
		}
	}
	return effect, residual
}

// estimate averages the effects of the chosen cohorts and periods.
func (m *imputer) estimate(effect, residual [][]float64, keep func(g, t int) bool) Estimate {
	p := m.p
	w, n := zeros(len(p.Units), m.last), 0.0
	for i, g := range p.Cohort {
		for t := range m.last {
			if t >= g && keep(g, t) {
				w[i][t] = 1
				n++
			}
		}
	}
	var e Estimate
	for i := range w {
		for t := range w[i] {
			w[i][t] /= n
			e.ATT += w[i][t] * effect[i][t]
		}
	}
	centre := m.centres(effect, w)
	v0 := m.untreatedWeights(w)
	score := make([]float64, len(p.Units))
	for i, g := range p.Cohort {
		for t := range m.last {
			if m.untreated(i, t) {
				score[i] += v0[i][t] * residual[i][t]
			} else {
				score[i] += w[i][t] * (effect[i][t] - centre[[2]int{g, t}])
			}
		}
	}
	s := 0.0
	for _, v := range p.byCluster(score) {
		s += v * v
	}
	e.SE = math.Sqrt(s)
	return e
}

// centres returns, by cohort and period, the mean effect weighted with w².
func (m *imputer) centres(effect, w [][]float64) map[[2]int]float64 {
	num, den := map[[2]int]float64{}, map[[2]int]float64{}
	for i, g := range m.p.Cohort {
		for t := range w[i] {
			k := [2]int{g, t}
			num[k] += w[i][t] * w[i][t] * effect[i][t]
			den[k] += w[i][t] * w[i][t]
		}
	}
	for k, d := range den {
		if d > 0 {
			num[k] /= d
		} else {
			num[k] = 0
		}
	}
	return num
}

// untreatedWeights returns −Z₀(Z₀′Z₀)⁻¹Z₁′w: how the estimate depends on every
// untreated outcome.
func (m *imputer) untreatedWeights(w [][]float64) [][]float64 {
	p := m.p
	byUnit, byPeriod := make([]float64, len(p.Units)), make([]float64, m.last)
	for i := range w {
		for t := range w[i] {
			byUnit[i] += w[i][t]
			byPeriod[t] += w[i][t]
		}
	}
	u, v := m.solve(byUnit, byPeriod)
	gap := m.covariateGap(w)
	out := zeros(len(p.Units), m.last)
	for i := range out {
		for t := range out[i] {
			if !m.untreated(i, t) {
				continue
			}
			out[i][t] = -u[i] - v[t]
			for j := range gap {
				out[i][t] -= m.rest[j][i*p.Periods()+t] * gap[j]
			}
		}
	}
	return out
}

// covariateGap is (rest′rest)⁻¹ times what the treated have of each covariate
// beyond what effects fitted on the untreated predict.
func (m *imputer) covariateGap(w [][]float64) []float64 {
	if len(m.cov) == 0 {
		return nil
	}
	c := make([]float64, len(m.cov))
	for j, col := range m.cov {
		u, v := m.effectsOf(col.Values)
		for i := range w {
			for t := range w[i] {
				c[j] += w[i][t] * (col.Values[i*m.p.Periods()+t] - u[i] - v[t])
			}
		}
	}
	var out mat.VecDense
	out.MulVec(m.gram, mat.NewVecDense(len(c), c))
	return out.RawVector().Data
}
