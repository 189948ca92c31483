package impact

import (
	"errors"
	"fmt"
	"slices"

	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A TWFE is the static two-way fixed effects regression, and why it may
// mislead: with staggered dates it is a weighted sum of cell effects in which
// weights can be negative.
type TWFE struct {
	Estimate
	P           float64 // two-sided, t with (clusters − 1) degrees of freedom
	DF          float64
	Positive    int      // treated observations with a positive weight
	PositiveSum float64  // of their weights; positive and negative weights sum to 1
	Negative    int      // treated observations with a negative weight
	NegativeSum float64  // of their weights
	Dropped     []string // covariates that unit and period effects absorb
}

// TwoWayFixedEffects regresses the outcome on a treatment dummy, unit and
// period effects and the covariates, with standard errors clustered by unit or
// cluster and the small-sample factor of fixest. Weights of single effects are
// the residuals of the dummy, over their sum in treated observations.
//
// It returns ErrNotIdentified if the effects absorb the dummy, as they do when
// everybody is treated at once.
//
// Source: de Chaisemartin and D'Haultfœuille (2020), theorem 1; fixest feols.
func TwoWayFixedEffects(p *Panel) (TWFE, error) {
	if _, _, err := comparable(p, NotYet); err != nil {
		return TWFE{}, err
	}
	x := []stat.Column{{Name: "treated", Values: flat(p.indicator())}}
	cov, dropped, err := p.varyingCovariates()
	if err != nil {
		return TWFE{}, err
	}
	fit, err := p.withinFit(append(x, cov...))
	if err != nil {
		return TWFE{}, err
	}
	inf, err := fit.Clustered(p.rowClusters(), stat.CR1Fixest)
	if err != nil {
		return TWFE{}, fmt.Errorf("%w: clustering errors: %w", ErrNotIdentified, err)
	}
	out := TWFE{Estimate: Estimate{ATT: inf.Coef[0], SE: inf.SE(0)}, P: inf.P(0), DF: inf.DF, Dropped: dropped}
	return out, out.weigh(p, cov)
}

// weigh fills in the weights of de Chaisemartin and D'Haultfœuille.
func (w *TWFE) weigh(p *Panel, cov []stat.Column) error {
	d := p.indicator()
	rest, err := p.residuals(flat(d), cov)
	if err != nil {
		return err
	}
	on := flat(d)
	total := dot(on, rest)
	for r, v := range on {
		switch x := rest[r] / total; {
		case v == 0:
		case x > 0:
			w.Positive++
			w.PositiveSum += x
		case x < 0:
			w.Negative++
			w.NegativeSum += x
		}
	}
	return nil
}

// withinFit fits the columns with unit and period effects. A column without a
// coefficient makes the effect unidentified; it is named.
func (p *Panel) withinFit(x []stat.Column) (*stat.Fit, error) {
	fit, err := stat.FixedEffects(p.centred(), x, p.effects(), nil)
	var collinear *stat.CollinearError
	if errors.As(err, &collinear) {
		return nil, fmt.Errorf("%w: unit and period effects explain %s", ErrNotIdentified, listSome(collinear.Columns))
	}
	if err != nil {
		return nil, fmt.Errorf("fitting unit and period effects: %w", err)
	}
	return fit, nil
}

// residuals returns what unit and period effects and the columns leave of y.
func (p *Panel) residuals(y []float64, x []stat.Column) ([]float64, error) {
	if len(x) == 0 {
		return stat.Demean(y, p.effects(), nil)
	}
	fit, err := stat.FixedEffects(y, x, p.effects(), nil)
	if err != nil {
		return nil, fmt.Errorf("fitting unit and period effects: %w", err)
	}
	return fit.Residuals, nil
}

// centred returns the outcome by unit and period, less each unit's mean: unit
// effects take it out anyway, and large levels cost no digits.
func (p *Panel) centred() []float64 {
	out := make([]float64, 0, len(p.Units)*p.Periods())
	for _, y := range p.Y {
		m := y[0] + mean(less(y, y[0]))
		out = append(out, less(y, m)...)
	}
	return out
}

func less(x []float64, m float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v - m
	}
	return out
}

// effects returns the unit and period of every row of a flat panel.
func (p *Panel) effects() []stat.Factor {
	unit, period := stat.Factor{Name: "unit"}, stat.Factor{Name: "period"}
	for i := range p.Units {
		for t := range p.Times {
			unit.Level = append(unit.Level, i)
			period.Level = append(period.Level, t)
		}
	}
	return []stat.Factor{unit, period}
}

func (p *Panel) rowClusters() []int {
	var out []int
	for i := range p.Units {
		for range p.Times {
			out = append(out, p.Cluster[i])
		}
	}
	return out
}

func flat(x [][]float64) []float64 { return slices.Concat(x...) }

// varyingCovariates returns the covariates that unit and period effects do not
// absorb, and the names of those they do. A covariate that other covariates
// determine is an error that wraps ErrInvalid.
func (p *Panel) varyingCovariates() (cols []stat.Column, absorbed []string, err error) {
	if p.X == nil {
		return nil, nil, nil
	}
	if _, err := newDesign(p); err != nil {
		return nil, nil, err
	}
	for j, name := range p.Names {
		var v []float64
		for i := range p.X {
			for t := range p.Times {
				v = append(v, p.X[i][t][j])
			}
		}
		left, err := stat.Demean(v, p.effects(), nil)
		if err != nil {
			return nil, nil, fmt.Errorf("demeaning covariate %q: %w", name, err)
		}
		m := mean(v)
		if norm(left) <= 1e-9*norm(less(v, m)) {
			absorbed = append(absorbed, name)
			continue
		}
		cols = append(cols, stat.Column{Name: name, Values: less(v, m)})
	}
	return cols, absorbed, nil
}

// A Comparison is one two-by-two of the Goodman-Bacon decomposition. Cohorts
// are indices into Panel.Times; Control may be Never.
type Comparison struct {
	Treated, Control int
	Forbidden        bool // the control was treated before: a comparison that no design wants
	Weight           float64
	ATT              float64
}

// Decompose splits the static two-way fixed effects estimate into all
// comparisons of two cohorts: weights sum to 1, and Σ weight·ATT is the
// estimate without covariates.
//
// It returns ErrNotIdentified where TwoWayFixedEffects does.
//
// Source: Goodman-Bacon (2021), theorem 1; R bacondecomp.
func Decompose(p *Panel) ([]Comparison, error) {
	if _, _, err := comparable(p, NotYet); err != nil {
		return nil, err
	}
	groups := p.Cohorts()
	if slices.Contains(p.Cohort, Never) {
		groups = append(groups, Never)
	}
	count := map[int]float64{}
	for _, g := range p.Cohort {
		count[g] += 1 / float64(len(p.Cohort))
	}
	periods := p.Periods()
	treatedShare := func(g int) float64 {
		if g == Never {
			return 0
		}
		return float64(periods-g) / float64(periods)
	}
	var out []Comparison
	total := 0.0
	for i, k := range groups {
		for _, l := range groups[i+1:] {
			dk, dl := treatedShare(k), treatedShare(l)
			nk, nl := count[k], count[l]
			early := Comparison{Treated: k, Control: l, Weight: nk * nl * (dk - dl) * (1 - dk),
				ATT: p.twoByTwo(k, l, 0, min(l, periods), k)}
			out, total = append(out, early), total+early.Weight
			if l == Never {
				continue
			}
			late := Comparison{Treated: l, Control: k, Forbidden: true, Weight: nk * nl * dl * (dk - dl),
				ATT: p.twoByTwo(l, k, k, periods, l)}
			out, total = append(out, late), total+late.Weight
		}
	}
	for i := range out {
		out[i].Weight /= total
	}
	return out, nil
}

// twoByTwo is the difference in differences of two cohorts' means over the
// periods from..cut and cut..to.
func (p *Panel) twoByTwo(a, b, from, to, cut int) float64 {
	change := func(g int) float64 {
		sum, n := 0.0, 0.0
		for i, h := range p.Cohort {
			if h != g {
				continue
			}
			y := p.Y[i]
			n++
			sum += mean(less(y[cut:to], y[0])) - mean(less(y[from:cut], y[0]))
		}
		return sum / n
	}
	return change(a) - change(b)
}

// Randomise redraws the treatment dates and compares the t of the two-way fixed
// effects estimate, without covariates; see GroupTimes.Randomise.
func (p *Panel) Randomise(alpha float64, draws int, seed uint64) (Randomisation, error) {
	k, err := newWithin(p)
	if err != nil {
		return Randomisation{}, err
	}
	return randomise(p, k, alpha, draws, seed)
}

// A within is the kernel of the two-way fixed effects estimate: outcomes and
// treatment less unit and period means. It holds only inner products, since
// cohort sizes, and so the demeaned treatment of a cohort, do not change.
type within struct {
	outcome [2][][]float64 // by unit and cohort: Σ_t D̃_h·Ỹ
	square  [][]float64    // by cohort and cohort: Σ_t D̃_h·D̃_l
}

func newWithin(p *Panel) (*within, error) {
	d, err := p.demeaned(p.indicator())
	if err != nil {
		return nil, err
	}
	y, err := p.demeaned(unflat(p.centred(), p.Periods()))
	if err != nil {
		return nil, err
	}
	index := p.cohortIndex()
	byCohort := make([][]float64, len(p.Cohorts())+1)
	for i, h := range index {
		byCohort[h] = d[i]
	}
	w := &within{square: zeros(len(byCohort), len(byCohort))}
	for o, v := range [2][][]float64{y, d} {
		w.outcome[o] = zeros(len(p.Units), len(byCohort))
		for i := range v {
			for h, dh := range byCohort {
				if dh != nil {
					w.outcome[o][i][h] = dot(dh, v[i])
				}
			}
		}
	}
	for h, a := range byCohort {
		if a != nil {
			w.square[h][h] = dot(a, a)
		}
	}
	return w, nil
}

// influence is n·score/ΣD̃², so that the covariance is the CR0 sandwich.
func (w *within) influence(outcome int, a []int) (float64, []float64) {
	b, s := 0.0, 0.0
	for i, h := range a {
		b += w.outcome[outcome][i][h]
		s += w.square[h][h]
	}
	b /= s
	psi := make([]float64, len(a))
	for i, h := range a {
		psi[i] = float64(len(a)) * (w.outcome[outcome][i][h] - b*w.square[h][h]) / s
	}
	return b, psi
}

func (p *Panel) demeaned(x [][]float64) ([][]float64, error) {
	d, err := stat.Demean(flat(x), p.effects(), nil)
	if err != nil {
		return nil, fmt.Errorf("taking out unit and period effects: %w", err)
	}
	return unflat(d, p.Periods()), nil
}

func unflat(x []float64, periods int) [][]float64 {
	out := make([][]float64, 0, len(x)/periods)
	for i := 0; i < len(x); i += periods {
		out = append(out, x[i:i+periods])
	}
	return out
}
