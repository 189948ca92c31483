package impact

import (
	"errors"
	"fmt"
	"math"

	"github.com/payoff-metrics/payoff/pkg/stat"
)

// A CountEffect is the effect on a count, as a rate ratio.
type CountEffect struct {
	Estimate           // of the log of the rate ratio; clustered error
	RateRatio  float64 // exp(ATT)
	P          float64 // two-sided, t with (clusters − 1) degrees of freedom
	DF         float64
	Dispersion float64 // variance over mean
	Notes      []string
}

// QuasiPoisson fits counts with log link on a treatment dummy, unit and period
// effects, covariates and the log of Panel.Offset, with errors clustered by
// unit or cluster. Units and periods that have no event at all carry no
// information and are dropped; Notes says which.
//
// It returns ErrInvalid for a negative count, and ErrNotIdentified if the
// effects absorb the dummy or one arm has no events.
//
// Source: Wooldridge (2023) on difference in differences with an exponential
// mean; McCullagh and Nelder (1989).
func QuasiPoisson(p *Panel) (CountEffect, error) {
	if _, _, err := comparable(p, NotYet); err != nil {
		return CountEffect{}, err
	}
	m, err := newCountModel(p)
	if err != nil {
		return CountEffect{}, err
	}
	if c := float64(len(m.x)); float64(len(m.y))*c*c > maxRegression {
		return CountEffect{}, fmt.Errorf("%w: %d rows with %d effects are too many for one count regression", ErrInvalid, len(m.y), len(m.x))
	}
	fit, err := stat.QuasiPoisson(m.y, m.x, m.offset, nil)
	var collinear *stat.CollinearError
	switch {
	case errors.As(err, &collinear):
		return CountEffect{}, notIdentified("unit and period effects explain %s", listSome(collinear.Columns))
	case err != nil:
		return CountEffect{}, notIdentified("%v", err)
	}
	inf, err := fit.Clustered(m.cluster, stat.CR1G)
	if err != nil {
		return CountEffect{}, notIdentified("%v", err)
	}
	return CountEffect{
		Estimate: Estimate{ATT: inf.Coef[0], SE: inf.SE(0)}, RateRatio: math.Exp(inf.Coef[0]),
		P: inf.P(0), DF: inf.DF, Dispersion: fit.Dispersion, Notes: m.notes,
	}, nil
}

type countModel struct {
	y, offset []float64
	x         []stat.Column
	cluster   []int
	notes     []string
}

func newCountModel(p *Panel) (*countModel, error) {
	cov, absorbed, err := p.varyingCovariates()
	if err != nil {
		return nil, err
	}
	units, periods, err := p.withEvents()
	if err != nil {
		return nil, err
	}
	m := &countModel{notes: absorbedNote(absorbed)}
	var lost []string
	for i, ok := range units {
		if !ok {
			lost = append(lost, p.Units[i])
		}
	}
	if len(lost) > 0 {
		m.notes = append(m.notes, fmt.Sprintf("units without a single event carry no information and are left out: %s", listSome(lost)))
	}
	type cell struct{ i, t int }
	var cells []cell
	for i := range p.Units {
		for t := range p.Times {
			if units[i] && periods[t] {
				cells = append(cells, cell{i, t})
				m.y = append(m.y, p.Y[i][t])
				m.cluster = append(m.cluster, p.Cluster[i])
				if p.Offset != nil {
					m.offset = append(m.offset, math.Log(p.Offset[i][t]))
				}
			}
		}
	}
	column := func(name string, f func(cell) bool) {
		v := make([]float64, len(cells))
		for r, c := range cells {
			if f(c) {
				v[r] = 1
			}
		}
		m.x = append(m.x, stat.Column{Name: name, Values: v})
	}
	column("treated", func(c cell) bool { return c.t >= p.Cohort[c.i] })
	for _, c := range cov {
		v := make([]float64, len(cells))
		for r, at := range cells {
			v[r] = c.Values[at.i*p.Periods()+at.t]
		}
		m.x = append(m.x, stat.Column{Name: c.Name, Values: v})
	}
	for i, ok := range units {
		if ok {
			column("unit "+p.Units[i], func(c cell) bool { return c.i == i })
		}
	}
	first := true
	for t, ok := range periods {
		if ok && !first {
			column("period "+p.label(t), func(c cell) bool { return c.t == t })
		}
		first = first && !ok
	}
	return m, nil
}

// withEvents tells which units and periods have events at all.
func (p *Panel) withEvents() (units, periods []bool, err error) {
	units, periods = make([]bool, len(p.Units)), make([]bool, p.Periods())
	for i, y := range p.Y {
		for t, v := range y {
			if v < 0 {
				return nil, nil, fmt.Errorf("%w: unit %q has the count %v in %s; counts are not negative", ErrInvalid, p.Units[i], v, p.label(t))
			}
			units[i] = units[i] || v > 0
			periods[t] = periods[t] || v > 0
		}
	}
	return units, periods, nil
}
