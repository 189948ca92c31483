package stat

import (
	"fmt"
	"math"
)

// glmSteps bounds the iterations of a GLM; Newton's method needs about ten.
const glmSteps = 100

// QuasiPoisson fits E[y] = exp(Xβ + offset), Var[y] = φE[y], by iteratively
// reweighted least squares (McCullagh and Nelder 1989, chapter 9). y are counts
// ≥ 0 (they need not be whole), offset the log of the exposure (nil: 0), w
// prior weights (nil: 1). φ is Pearson's χ² ÷ DF, in Fit.Dispersion, and scales
// [Fit.Classical], whose t has DF degrees of freedom, as in R's
// glm(family = quasipoisson). Coefficients are logs of rate ratios.
//
// Errors: those of [WLS], a negative y, and no convergence, which is what an
// infinite coefficient looks like: a column whose rows hold no events at all.
// The column that runs away is named.
func QuasiPoisson(y []float64, x []Column, offset, w []float64) (*Fit, error) {
	if err := checkCounts(y, x, offset, w); err != nil {
		return nil, fmt.Errorf("fitting a Poisson regression: %w", err)
	}
	n := len(y)
	off := func(i int) float64 {
		if offset == nil {
			return 0
		}
		return offset[i]
	}
	prior := func(i int) float64 {
		if w == nil {
			return 1
		}
		return w[i]
	}
	mu, eta := make([]float64, n), make([]float64, n)
	for i, v := range y {
		mu[i] = v + 0.1
		eta[i] = math.Log(mu[i])
	}
	working, weight := make([]float64, n), make([]float64, n)
	var ls *solution
	var before []float64
	for step := 1; ; step++ {
		for i := range y {
			working[i] = eta[i] - off(i) + (y[i]-mu[i])/mu[i]
			weight[i] = prior(i) * mu[i]
		}
		next, err := leastSquares(working, x, weight, nil)
		if err != nil {
			if ls != nil { // collinear only because the weights of some rows ran to 0
				return nil, fmt.Errorf("fitting a Poisson regression: no convergence: the coefficient of %s grows without bound", x[fastest(before, ls.coef, x)].Name)
			}
			return nil, fmt.Errorf("fitting a Poisson regression: %w", err)
		}
		if ls != nil {
			before = ls.coef
		}
		ls = next
		for i, v := range ls.fitted {
			eta[i] = v + off(i)
			mu[i] = math.Exp(eta[i])
		}
		if before != nil && settled(before, ls.coef, x) {
			return poissonFit(y, mu, x, w, ls, step), nil
		}
		if step == glmSteps {
			return nil, fmt.Errorf("fitting a Poisson regression: no convergence after %d steps: the coefficient of %s grows without bound", step, x[fastest(before, ls.coef, x)].Name)
		}
	}
}

func checkCounts(y []float64, x []Column, offset, w []float64) error {
	if err := checkRows(y, x, w); err != nil {
		return err
	}
	for i, v := range y {
		if v < 0 {
			return fmt.Errorf("y is %v in row %d; counts are not negative", v, i)
		}
	}
	if Sum(y) == 0 {
		return fmt.Errorf("y is 0 in every row, so its log rate does not exist")
	}
	if offset == nil {
		return nil
	}
	if len(offset) != len(y) {
		return fmt.Errorf("offset has %d rows, y has %d", len(offset), len(y))
	}
	if i := notFinite(offset); i >= 0 {
		return fmt.Errorf("offset is %v in row %d; a row needs an exposure above 0", offset[i], i)
	}
	return nil
}

// moves is how far a step moved the linear predictor through each column.
func moves(before, after []float64, x []Column) []float64 {
	out := make([]float64, len(x))
	for j, c := range x {
		low, high := c.Values[0], c.Values[0]
		for _, v := range c.Values {
			low, high = min(low, v), max(high, v)
		}
		width := high - low
		if width == 0 {
			width = math.Abs(high)
		}
		out[j] = math.Abs(after[j]-before[j]) * width
	}
	return out
}

func settled(before, after []float64, x []Column) bool {
	for j, m := range moves(before, after, x) {
		if !(m <= 1e-10*(1+math.Abs(after[j]))) {
			return false
		}
	}
	return true
}

// fastest is the column that moved the predictor most in the last step.
func fastest(before, after []float64, x []Column) int {
	best := 0
	if before == nil {
		return best
	}
	m := moves(before, after, x)
	for j := range m {
		if m[j] > m[best] {
			best = j
		}
	}
	return best
}

func poissonFit(y, mu []float64, x []Column, w []float64, ls *solution, steps int) *Fit {
	n := len(y)
	f := &Fit{Coef: ls.coef, Fitted: mu, bread: ls.bread, leverage: ls.leverage, Iterations: steps}
	// The rows' order by the data, not by the working responses.
	f.order = contentOrder(y, x, mu, w)
	for _, c := range x {
		f.Names = append(f.Names, c.Name)
	}
	f.Residuals = make([]float64, n)
	f.scores = make([][]float64, n)
	pearson := make([]float64, n)
	var deviance accumulator
	for i := range y {
		prior := 1.0
		if w != nil {
			prior = w[i]
		}
		f.Residuals[i] = y[i] - mu[i]
		pearson[i] = prior / mu[i]
		d := mu[i] - y[i]
		if y[i] > 0 {
			d += y[i] * math.Log(y[i]/mu[i])
		}
		deviance.add(2 * prior * d)
		f.scores[i] = make([]float64, len(x))
		for j, c := range x {
			f.scores[i][j] = prior * f.Residuals[i] * c.Values[i]
		}
	}
	f.finish(pearson, nil)
	f.Deviance = deviance.sum()
	f.RSquared = math.NaN()
	return f
}
