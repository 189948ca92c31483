package impact

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/payoff-metrics/payoff/pkg/stat"
)

// maxRegression bounds rows·columns² of a regression, to keep an estimate
// within seconds.
const maxRegression = 2e10

// A Study is an estimate overall and by event time, from a regression with unit
// and period effects.
type Study struct {
	Estimate
	P      float64 // two-sided; t with DF degrees of freedom, normal if DF is 0
	DF     float64
	Events []Point // by event time; without error where SE is 0
	Cells  []GroupTime
	Notes  []string // covariates or observations left out, in words
}

// SunAbraham regresses the outcome on cohort × period dummies, the last period
// before treatment left out, with unit and period effects and the covariates,
// and sums up: the overall effect weighs every treated observation alike, event
// time e weighs cohorts by size. Errors are clustered by unit or cluster with
// the small-sample factor of fixest. Where nobody is never treated the last
// cohort is the reference and the panel ends before its start.
//
// It returns ErrNotIdentified without a control or when a dummy is absorbed.
//
// Source: Sun and Abraham (2021); fixest sunab.
func SunAbraham(p *Panel) (Study, error) {
	p, groups, err := comparable(p, NotYet)
	if err != nil {
		return Study{}, err
	}
	cols := len(groups) * (p.Periods() - 1)
	if cost := float64(len(p.Units)*p.Periods()) * float64(cols) * float64(cols); cost > maxRegression {
		return Study{}, fmt.Errorf("%w: %d cohorts over %d periods give %d dummies; too many for one regression", ErrInvalid, len(groups), p.Periods(), cols)
	}
	cells, x := p.cohortDummies(groups)
	cov, absorbed, err := p.varyingCovariates()
	if err != nil {
		return Study{}, err
	}
	fit, err := p.withinFit(append(x, cov...))
	if err != nil {
		return Study{}, err
	}
	inf, err := fit.Clustered(p.rowClusters(), stat.CR1Fixest)
	if err != nil {
		return Study{}, fmt.Errorf("%w: clustering errors: %w", ErrNotIdentified, err)
	}
	r := Study{DF: inf.DF, Notes: absorbedNote(absorbed)}
	size := p.cohortSizes()
	for j := range cells {
		cells[j].ATT, cells[j].SE = inf.Coef[j], inf.SE(j)
	}
	pick := func(keep func(GroupTime) bool) Estimate {
		c, total := make([]float64, len(inf.Coef)), 0.0
		for j, cell := range cells {
			if keep(cell) {
				c[j] = size[cell.Group]
				total += size[cell.Group]
			}
		}
		for j := range c {
			c[j] /= total
		}
		att, se := inf.Combination(c)
		return Estimate{ATT: att, SE: se}
	}
	r.Estimate = pick(func(c GroupTime) bool { return c.Post })
	r.P = tTest(r.Estimate, r.DF)
	events := map[int]bool{}
	for _, c := range cells {
		events[p.Event(c.Group, c.Time)] = true
	}
	for _, e := range slices.Sorted(maps.Keys(events)) {
		r.Events = append(r.Events, Point{e, pick(func(c GroupTime) bool { return p.Event(c.Group, c.Time) == e })})
	}
	r.Cells = cells
	return r, nil
}

// cohortDummies returns a dummy for every cohort and period but the last one
// before treatment.
func (p *Panel) cohortDummies(groups []int) (cells []GroupTime, x []stat.Column) {
	for _, g := range groups {
		for t := range p.Times {
			if t == g-1 {
				continue
			}
			v := make([]float64, len(p.Units)*p.Periods())
			for i, h := range p.Cohort {
				if h == g {
					v[i*p.Periods()+t] = 1
				}
			}
			cells = append(cells, GroupTime{Group: g, Time: t, Post: t >= g})
			x = append(x, stat.Column{Name: fmt.Sprintf("cohort %s in %s", p.label(g), p.label(t)), Values: v})
		}
	}
	return cells, x
}

func (p *Panel) cohortSizes() map[int]float64 {
	n := map[int]float64{}
	for _, g := range p.Cohort {
		n[g]++
	}
	return n
}

func absorbedNote(names []string) []string {
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("covariates left out because unit and period effects absorb them: %s", strings.Join(names, ", "))}
}

// tTest is the two-sided p of an estimate; NaN without an error.
func tTest(e Estimate, df float64) float64 {
	if !(e.SE > 0) {
		return math.NaN()
	}
	t := math.Abs(e.ATT / e.SE)
	if df <= 0 {
		return math.Erfc(t / math.Sqrt2)
	}
	return 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: df}.Survival(t)
}
