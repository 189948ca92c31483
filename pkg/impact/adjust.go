package impact

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// rankTolerance is the share of a column that must be left after projecting
// out the columns before it, for the column to count as new.
const rankTolerance = 1e-7

// A design holds the covariates of a panel, centred and scaled over all
// observations (estimates do not depend on it, rounding does), with an
// intercept in front.
type design struct {
	x [][][]float64 // unit, period, 1 + covariates
	k int
}

// newDesign returns nil without covariates. Its error wraps ErrInvalid and
// names the covariate that the others determine.
func newDesign(p *Panel) (*design, error) {
	if p.X == nil {
		return nil, nil
	}
	d := &design{k: 1 + len(p.Names)}
	d.x = make([][][]float64, len(p.Units))
	for i := range p.Units {
		d.x[i] = make([][]float64, p.Periods())
		for t := range p.Times {
			d.x[i][t] = make([]float64, d.k)
			d.x[i][t][0] = 1
		}
	}
	for j := range p.Names {
		if err := d.scale(p, j); err != nil {
			return nil, err
		}
	}
	return d, d.checkRank(p)
}

// scale fills column j+1 with the standardised covariate j.
func (d *design) scale(p *Panel, j int) error {
	mean, n := 0.0, float64(len(p.Units)*p.Periods())
	for i := range p.X {
		for t := range p.Times {
			mean += p.X[i][t][j] / n
		}
	}
	ss, top := 0.0, 0.0
	for i := range p.X {
		for t := range p.Times {
			v := p.X[i][t][j] - mean
			ss += v * v
			top = max(top, math.Abs(p.X[i][t][j]))
			d.x[i][t][j+1] = v
		}
	}
	sd := math.Sqrt(ss / n)
	if sd <= 1e-14*top || sd == 0 {
		return fmt.Errorf("%w: covariate %q is constant; leave it out", ErrInvalid, p.Names[j])
	}
	for i := range d.x {
		for t := range d.x[i] {
			d.x[i][t][j+1] /= sd
		}
	}
	return nil
}

// checkRank finds the first covariate that the intercept and the covariates
// before it determine.
func (d *design) checkRank(p *Panel) error {
	cols := make([][]float64, d.k)
	for k := range cols {
		for i := range d.x {
			for t := range d.x[i] {
				cols[k] = append(cols[k], d.x[i][t][k])
			}
		}
	}
	if k := firstDependent(cols); k > 0 {
		return fmt.Errorf("%w: covariate %q is collinear: the intercept and the covariates before it determine it; leave it out", ErrInvalid, p.Names[k-1])
	}
	return nil
}

// firstDependent returns the first column that the columns before it determine
// (modified Gram-Schmidt, applied twice), or -1. It overwrites cols.
func firstDependent(cols [][]float64) int {
	for k, c := range cols {
		before := norm(c)
		for range 2 {
			for _, q := range cols[:k] {
				s := dot(q, c)
				for i := range c {
					c[i] -= s * q[i]
				}
			}
		}
		after := norm(c)
		if after <= rankTolerance*before || after == 0 {
			return k
		}
		for i := range c {
			c[i] /= after
		}
	}
	return -1
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

func norm(a []float64) float64 { return math.Sqrt(dot(a, a)) }

var (
	errTooFewControls = errors.New("the controls do not determine the regression on the covariates")
	errOverlap        = errors.New("the covariates separate treated from controls (no overlap)")
)

// A subset is the data of one comparison: its n1+n0 units only.
type subset struct {
	unit []int
	d    []float64   // 1 treated, 0 control
	dy   []float64   // change of the outcome
	x    [][]float64 // intercept and covariates at the base period
	k    int
}

// adjusted returns the conditional comparison and the influence of every unit
// of the panel on it.
func (d *design) adjusted(dy []float64, r []role, base int, a Adjust) (float64, []float64, error) {
	s := subset{k: d.k}
	for i := range r {
		if r[i] == outside {
			continue
		}
		s.unit = append(s.unit, i)
		s.dy = append(s.dy, dy[i])
		s.x = append(s.x, d.x[i][base])
		if r[i] == treated {
			s.d = append(s.d, 1)
		} else {
			s.d = append(s.d, 0)
		}
	}
	var att float64
	var inf []float64
	var err error
	switch a {
	case Regression:
		att, inf, err = s.regression()
	case Weighting:
		att, inf, err = s.weighting()
	default:
		att, inf, err = s.robust()
	}
	if err != nil {
		return 0, nil, err
	}
	psi := make([]float64, len(dy))
	scale := float64(len(dy)) / float64(len(s.unit))
	for j, i := range s.unit {
		psi[i] = scale * inf[j]
	}
	return att, psi, nil
}

// regression is DRDID's reg_did_panel: what the controls' regression predicts
// for the treated is taken from their change.
func (s subset) regression() (float64, []float64, error) {
	fit, asy, err := s.outcomeModel()
	if err != nil {
		return 0, nil, err
	}
	n, share := float64(len(s.d)), mean(s.d)
	var treat, cont float64
	m := make([]float64, s.k)
	for i, d := range s.d {
		treat += d * s.dy[i] / n / share
		cont += d * fit[i] / n / share
		for k := range m {
			m[k] += d * s.x[i][k] / n
		}
	}
	inf := make([]float64, len(s.d))
	for i, d := range s.d {
		inf[i] = (d*(s.dy[i]-treat) - d*(fit[i]-cont) - dot(asy[i], m)) / share
	}
	return treat - cont, inf, nil
}

// weighting is DRDID's std_ipw_did_panel: controls weighted by the odds of
// treatment given the covariates, weights summing to one.
func (s subset) weighting() (float64, []float64, error) {
	ps, asy, err := s.propensity()
	if err != nil {
		return 0, nil, err
	}
	n, share := float64(len(s.d)), mean(s.d)
	w := s.odds(ps)
	wbar := mean(w)
	var treat, cont float64
	for i, d := range s.d {
		treat += d * s.dy[i] / n / share
		cont += w[i] * s.dy[i] / n / wbar
	}
	m := make([]float64, s.k)
	for i := range s.d {
		for k := range m {
			m[k] += w[i] * (s.dy[i] - cont) * s.x[i][k] / n
		}
	}
	inf := make([]float64, len(s.d))
	for i, d := range s.d {
		inf[i] = d*(s.dy[i]-treat)/share - (w[i]*(s.dy[i]-cont)+dot(asy[i], m))/wbar
	}
	return treat - cont, inf, nil
}

// robust is DRDID's drdid_panel: the weighted comparison of what the
// controls' regression leaves unexplained.
func (s subset) robust() (float64, []float64, error) {
	fit, asyOut, err := s.outcomeModel()
	if err != nil {
		return 0, nil, err
	}
	ps, asyPS, err := s.propensity()
	if err != nil {
		return 0, nil, err
	}
	n, share := float64(len(s.d)), mean(s.d)
	w := s.odds(ps)
	wbar := mean(w)
	e := make([]float64, len(s.d))
	var treat, cont float64
	for i, d := range s.d {
		e[i] = s.dy[i] - fit[i]
		treat += d * e[i] / n / share
		cont += w[i] * e[i] / n / wbar
	}
	m1, m2, m3 := make([]float64, s.k), make([]float64, s.k), make([]float64, s.k)
	for i, d := range s.d {
		for k, x := range s.x[i] {
			m1[k] += d * x / n
			m2[k] += w[i] * (e[i] - cont) * x / n
			m3[k] += w[i] * x / n
		}
	}
	inf := make([]float64, len(s.d))
	for i, d := range s.d {
		inf[i] = (d*(e[i]-treat)-dot(asyOut[i], m1))/share -
			(w[i]*(e[i]-cont)+dot(asyPS[i], m2)-dot(asyOut[i], m3))/wbar
	}
	return treat - cont, inf, nil
}

func (s subset) odds(ps []float64) []float64 {
	w := make([]float64, len(ps))
	for i, p := range ps {
		w[i] = (1 - s.d[i]) * p / (1 - p)
	}
	return w
}

// outcomeModel regresses the change on the covariates among controls. It
// returns predictions for everyone and each unit's influence on the
// coefficients.
func (s subset) outcomeModel() (fit []float64, asy [][]float64, err error) {
	w := make([]float64, len(s.d))
	for i, d := range s.d {
		w[i] = 1 - d
	}
	beta, inv, err := s.leastSquares(w, s.dy)
	if err != nil {
		return nil, nil, errTooFewControls
	}
	fit = make([]float64, len(s.d))
	asy = make([][]float64, len(s.d))
	for i, x := range s.x {
		fit[i] = dot(x, beta)
		asy[i] = inv.times(x, w[i]*(s.dy[i]-fit[i]))
	}
	return fit, asy, nil
}

// propensity fits a logit of treatment on the covariates by Newton's method to
// full convergence, and returns each unit's influence on the coefficients.
func (s subset) propensity() (ps []float64, asy [][]float64, err error) {
	n := len(s.d)
	beta := make([]float64, s.k)
	ps = make([]float64, n)
	w, z := make([]float64, n), make([]float64, n)
	var inv bread
	for iter := 0; ; iter++ {
		for i, x := range s.x {
			eta := dot(x, beta)
			ps[i] = 1 / (1 + math.Exp(-eta))
			w[i] = ps[i] * (1 - ps[i])
			z[i] = eta + (s.d[i]-ps[i])/w[i]
			if !(w[i] > 1e-12) {
				return nil, nil, errOverlap
			}
		}
		next, b, err := s.leastSquares(w, z)
		if err != nil || iter == 100 {
			return nil, nil, errOverlap
		}
		moved := 0.0
		for k := range beta {
			moved = max(moved, math.Abs(next[k]-beta[k]))
		}
		if moved < 1e-13*(1+norm(beta)) || iter > 30 && moved < 1e-9 {
			inv = b
			break
		}
		beta = next
	}
	asy = make([][]float64, n)
	for i, x := range s.x {
		if ps[i] >= 0.999 {
			return nil, nil, errOverlap
		}
		asy[i] = inv.times(x, s.d[i]-ps[i])
	}
	return ps, asy, nil
}

// A bread is n·(X′WX)⁻¹.
type bread struct{ m *mat.Dense }

// times returns the bread applied to x·c.
func (b bread) times(x []float64, c float64) []float64 {
	out := make([]float64, len(x))
	for j := range out {
		for k, v := range x {
			out[j] += b.m.At(j, k) * v * c
		}
	}
	return out
}

// leastSquares regresses y on x with weights w by QR.
func (s subset) leastSquares(w, y []float64) ([]float64, bread, error) {
	rows := 0
	for _, v := range w {
		if v > 0 {
			rows++
		}
	}
	if rows < s.k {
		return nil, bread{}, errTooFewControls
	}
	a, b := mat.NewDense(rows, s.k, nil), mat.NewDense(rows, 1, nil)
	r := 0
	for i, x := range s.x {
		if w[i] <= 0 {
			continue
		}
		root := math.Sqrt(w[i])
		for k, v := range x {
			a.Set(r, k, root*v)
		}
		b.Set(r, 0, root*y[i])
		r++
	}
	var qr mat.QR
	qr.Factorize(a)
	if !(qr.Cond() < 1e12) {
		return nil, bread{}, errTooFewControls
	}
	var beta mat.Dense
	if err := qr.SolveTo(&beta, false, b); err != nil {
		return nil, bread{}, err
	}
	return mat.Col(nil, 0, &beta), bread{invertGram(&qr, s.k, float64(len(s.d)))}, nil
}

// invertGram returns scale·(R′R)⁻¹.
func invertGram(qr *mat.QR, k int, scale float64) *mat.Dense {
	var r, inv, out mat.Dense
	qr.RTo(&r)
	tri := mat.NewTriDense(k, mat.Upper, nil)
	for i := range k {
		for j := i; j < k; j++ {
			tri.SetTri(i, j, r.At(i, j))
		}
	}
	id := mat.NewDense(k, k, nil)
	for i := range k {
		id.Set(i, i, 1)
	}
	// A singular factor was refused by its condition before.
	_ = inv.Solve(tri, id)
	out.Mul(&inv, inv.T())
	out.Scale(scale, &out)
	return &out
}

func mean(x []float64) float64 {
	s := 0.0
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}
