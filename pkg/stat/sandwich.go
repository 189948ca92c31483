package stat

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
)

// An Inference is what a covariance estimator says about a fit's coefficients.
// Everything in it is NaN when the covariance does not exist.
type Inference struct {
	Names      []string
	Coef       []float64
	Covariance [][]float64
	DF         float64 // degrees of freedom of the t reference distribution
}

// SE returns the standard error of coefficient j, in the unit of the coefficient.
func (in *Inference) SE(j int) float64 { return math.Sqrt(in.Covariance[j][j]) }

// T returns coefficient j divided by its standard error; NaN if that is 0.
func (in *Inference) T(j int) float64 {
	if in.SE(j) == 0 {
		return math.NaN()
	}
	return in.Coef[j] / in.SE(j)
}

// P returns the two-sided p value of coefficient j under Student's t with DF
// degrees of freedom.
func (in *Inference) P(j int) float64 { return tTwoSided(in.T(j), in.DF) }

// Interval returns the t interval of coefficient j.
func (in *Inference) Interval(j int, level float64) Interval {
	return around(in.Coef[j], tCritical(level, in.DF)*in.SE(j))
}

// Combination returns Σ c·β and its standard error.
func (in *Inference) Combination(c []float64) (estimate, se float64) {
	variance := 0.0
	for i, a := range c {
		estimate += a * in.Coef[i]
		for j, b := range c {
			variance += a * b * in.Covariance[i][j]
		}
	}
	return estimate, math.Sqrt(max(variance, 0))
}

// Wald tests that the coefficients at the given positions are all 0:
// W = β′V⁻¹β against χ² with len(positions) degrees of freedom. NaN when the
// part of the covariance is singular.
func (in *Inference) Wald(positions []int) (w, p float64) {
	k := len(positions)
	if k == 0 {
		return math.NaN(), math.NaN()
	}
	v := mat.NewSymDense(k, nil)
	b := mat.NewVecDense(k, nil)
	for i, a := range positions {
		b.SetVec(i, in.Coef[a])
		for j, c := range positions {
			v.SetSym(i, j, in.Covariance[a][c])
		}
	}
	var chol mat.Cholesky
	var solved mat.VecDense
	if !chol.Factorize(v) || chol.Cond() > 1e14 || chol.SolveVecTo(&solved, b) != nil {
		return math.NaN(), math.NaN()
	}
	w = mat.Dot(b, &solved)
	return w, chi2Tail(w, float64(k))
}

// around is estimate ± half.
func around(estimate, half float64) Interval {
	if math.IsNaN(estimate) || math.IsNaN(half) {
		return noInterval
	}
	return Interval{estimate - half, estimate + half}
}

// Classical returns the covariance for independent errors of one variance:
// dispersion·(X′WX)⁻¹, with DF residual degrees of freedom.
func (f *Fit) Classical() *Inference {
	return f.inference(scaled(f.bread, f.Dispersion), float64(f.DF))
}

// An HC selects the finite-sample form of the heteroscedasticity-robust
// covariance (MacKinnon and White 1985).
type HC int

const (
	HC0 HC = iota // White: Σ e²xx′
	HC1           // HC0 · N/(N−K): Stata's robust
	HC2           // e²/(1−h): unbiased under one variance
	HC3           // e²/(1−h)²: sandwich's default
)

// Robust returns the heteroscedasticity-robust covariance, DF residual degrees
// of freedom. HC2 and HC3 do not exist (NaN) when a row has leverage 1, nor
// after absorbing effects, whose leverage is not known.
func (f *Fit) Robust(kind HC) *Inference {
	rows := make([][]float64, len(f.order))
	for i, r := range f.order {
		factor := 1.0
		if kind >= HC2 {
			rest := 1 - f.leverage[r]
			if f.absorbed != nil || rest < 1e-10 {
				rest = math.NaN()
			}
			factor = 1 / rest
			if kind == HC2 {
				factor = math.Sqrt(factor)
			}
		}
		rows[i] = make([]float64, len(f.Coef))
		for j, s := range f.scores[r] {
			rows[i][j] = s * factor
		}
	}
	factor := 1.0
	if kind == HC1 {
		factor = ratio(float64(f.N), float64(f.DF))
	}
	return f.inference(f.sandwich(outerSum(rows), factor), float64(f.DF))
}

// A SmallSample selects the factor on the cluster-robust covariance. G is the
// number of clusters, N the rows, K the estimated parameters.
type SmallSample int

const (
	CR0       SmallSample = iota // none: Liang and Zeger 1986
	CR1G                         // G/(G−1): clubSandwich's CR1
	CR1Stata                     // G/(G−1)·(N−1)/(N−K), K with every absorbed effect: Stata's regress and areg, sandwich's vcovCL with dummies
	CR1Fixest                    // the same, effects nested in the clusters counted as one: fixest's feols, reghdfe
)

// Clustered returns the cluster-robust covariance with G−1 degrees of freedom.
// cluster gives each row's cluster. It returns an error when the rows do not
// match or there are fewer than two clusters.
func (f *Fit) Clustered(cluster []int, kind SmallSample) (*Inference, error) {
	if len(cluster) != len(f.scores) {
		return nil, fmt.Errorf("clustering: %d cluster labels for %d rows", len(cluster), len(f.scores))
	}
	sums := map[int][]float64{}
	for _, r := range f.order {
		if sums[cluster[r]] == nil {
			sums[cluster[r]] = make([]float64, len(f.Coef))
		}
		for j, s := range f.scores[r] {
			sums[cluster[r]][j] += s
		}
	}
	g := float64(len(sums))
	if g < 2 {
		return nil, fmt.Errorf("clustering: %d cluster, at least 2 are needed", len(sums))
	}
	rows := make([][]float64, 0, len(sums))
	for _, s := range sums {
		rows = append(rows, s)
	}
	// By content, so that neither map order nor the clusters' names matter.
	slices.SortFunc(rows, slices.Compare)
	factor := 1.0
	if kind >= CR1G {
		factor = g / (g - 1)
	}
	switch kind {
	case CR1Stata:
		factor *= ratio(float64(f.N-1), float64(f.N-f.K))
	case CR1Fixest:
		k := len(f.Coef) + fixestParameters(f.absorbed, cluster)
		factor *= ratio(float64(f.N-1), float64(f.N-k))
	}
	return f.inference(f.sandwich(outerSum(rows), factor), g-1), nil
}

// NeweyWestLag is the usual truncation ⌊4(n/100)^(2/9)⌋ (Newey and West 1994).
func NeweyWestLag(n int) int { return int(4 * math.Pow(float64(n)/100, 2.0/9)) }

// NeweyWest returns the covariance robust to heteroscedasticity and
// autocorrelation up to lag, with Bartlett weights 1−l/(lag+1) (Newey and West
// 1987); the rows must be in the order of time. small multiplies by N/(N−K),
// as sandwich's adjust and Stata's newey do. DF residual degrees of freedom.
func (f *Fit) NeweyWest(lag int, small bool) *Inference {
	k := len(f.Coef)
	meat := outerSum(f.scores)
	for l := 1; l <= lag && l < len(f.scores); l++ {
		weight := 1 - float64(l)/float64(lag+1)
		for t := l; t < len(f.scores); t++ {
			for i := range k {
				for j := range k {
					meat[i][j] += weight * (f.scores[t][i]*f.scores[t-l][j] + f.scores[t-l][i]*f.scores[t][j])
				}
			}
		}
	}
	factor := 1.0
	if small {
		factor = ratio(float64(f.N), float64(f.DF))
	}
	return f.inference(f.sandwich(meat, factor), float64(f.DF))
}

// Scores returns each row's contribution w·e·x to the estimating equations
// (rows by coefficients), and the bread (X′WX)⁻¹: their product is the row's
// influence on the coefficients.
func (f *Fit) Scores() (scores, bread [][]float64) {
	scores, bread = make([][]float64, len(f.scores)), make([][]float64, len(f.bread))
	for i, s := range f.scores {
		scores[i] = slices.Clone(s)
	}
	for i, b := range f.bread {
		bread[i] = slices.Clone(b)
	}
	return scores, bread
}

func (f *Fit) inference(v [][]float64, df float64) *Inference {
	return &Inference{Names: f.Names, Coef: f.Coef, Covariance: v, DF: df}
}

// sandwich is factor · bread · meat · bread, symmetric to the bit.
func (f *Fit) sandwich(meat [][]float64, factor float64) [][]float64 {
	k := len(f.Coef)
	half := make([][]float64, k)
	for i := range half {
		half[i] = make([]float64, k)
		for j := range k {
			for l := range k {
				half[i][j] += f.bread[i][l] * meat[l][j]
			}
		}
	}
	out := make([][]float64, k)
	for i := range out {
		out[i] = make([]float64, k)
		for j := range i + 1 {
			sum := 0.0
			for l := range k {
				sum += half[i][l] * f.bread[l][j]
			}
			out[i][j], out[j][i] = sum*factor, sum*factor
		}
	}
	return out
}

// outerSum is Σ ss′.
func outerSum(rows [][]float64) [][]float64 {
	k := len(rows[0])
	out := make([][]float64, k)
	for i := range out {
		out[i] = make([]float64, k)
	}
	for _, s := range rows {
		for i, a := range s {
			for j, b := range s[:i+1] {
				out[i][j] += a * b
			}
		}
	}
	for i := range out {
		for j := range i {
			out[j][i] = out[i][j]
		}
	}
	return out
}

func scaled(a [][]float64, factor float64) [][]float64 {
	out := make([][]float64, len(a))
	for i := range a {
		out[i] = make([]float64, len(a[i]))
		for j, v := range a[i] {
			out[i][j] = v * factor
		}
	}
	return out
}

// ratio is a/b, NaN unless b > 0.
func ratio(a, b float64) float64 {
	if !(b > 0) {
		return math.NaN()
	}
	return a / b
}

// distinct counts the levels of a factor.
func distinct[T cmp.Ordered](x []T) int {
	s := slices.Clone(x)
	slices.Sort(s)
	return len(slices.Compact(s))
}
