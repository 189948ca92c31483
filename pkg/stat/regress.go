package stat

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Column is one named regressor, one value per row.
type Column struct {
	Name   string
	Values []float64
}

// Intercept is a column of n ones named "(Intercept)". No model adds one by
// itself.
func Intercept(n int) Column {
	ones := make([]float64, n)
	for i := range ones {
		ones[i] = 1
	}
	return Column{"(Intercept)", ones}
}

// A Factor assigns each row to one level of a grouping: its unit, its week,
// its cluster. The codes are arbitrary; see [Levels].
type Factor struct {
	Name  string
	Level []int
}

// Levels returns a code 0, 1, … for each label, in the sort order of the
// labels, and the labels in that order.
func Levels[T cmp.Ordered](labels []T) (codes []int, sorted []T) {
	sorted = slices.Clone(labels)
	slices.Sort(sorted)
	sorted = slices.Compact(sorted)
	codes = make([]int, len(labels))
	for i, l := range labels {
		codes[i], _ = slices.BinarySearch(sorted, l)
	}
	return codes, sorted
}

// A CollinearError names the columns that are linear combinations of the
// columns before them (or of the absorbed effects), so that their coefficients
// do not exist.
type CollinearError struct {
	Columns []string
}

func (e *CollinearError) Error() string {
	return fmt.Sprintf("collinear with the columns before: %s", strings.Join(e.Columns, ", "))
}

// A Fit is an estimated regression. Slices over coefficients are in the order
// of Names, slices over rows in the order of the input.
type Fit struct {
	Names []string
	Coef  []float64

	Fitted    []float64 // in the unit of y; with absorbed effects, of y demeaned
	Residuals []float64 // y − fitted, not weighted

	N          int     // rows with positive weight
	K          int     // estimated parameters, absorbed effects included
	DF         int     // N − K
	Dispersion float64 // weighted sum of squared (Pearson) residuals ÷ DF; NaN if DF is 0
	RSquared   float64 // around the (weighted) mean if there is an intercept, else within or around 0; NaN for a constant y

	Iterations int // of a GLM; 0 for least squares
	Deviance   float64

	bread    [][]float64 // (X′WX)⁻¹
	scores   [][]float64 // per row in the order of the input: w·e·x
	leverage []float64   // diagonal of the weighted hat matrix
	order    []int       // rows sorted by their content, for sums that must not depend on the input's order
	absorbed []Factor
}

// Index returns the position of the named coefficient, or −1.
func (f *Fit) Index(name string) int { return slices.Index(f.Names, name) }

// OLS fits y = Xβ + e by least squares, through a Householder QR of centred
// and scaled columns (Golub and Van Loan, Matrix Computations, 5.3). It returns
// a *[CollinearError] naming the columns without a coefficient, or an error for
// rows that differ in number or hold a value that is not finite.
func OLS(y []float64, x []Column) (*Fit, error) { return WLS(y, x, nil) }

// WLS fits y = Xβ + e by least squares weighted with w ≥ 0 (nil: all 1), as
// [OLS] does. Weights are inverse variances up to a factor, not frequencies:
// N counts the rows with w > 0.
func WLS(y []float64, x []Column, w []float64) (*Fit, error) {
	if err := checkRows(y, x, w); err != nil {
		return nil, fmt.Errorf("fitting a regression: %w", err)
	}
	ls, err := leastSquares(y, x, w, nil)
	if err != nil {
		return nil, fmt.Errorf("fitting a regression: %w", err)
	}
	f := ls.fit(y, x, w)
	f.finish(w, nil)
	f.RSquared = rSquared(y, w, f.Residuals, ls.intercept >= 0)
	return f, nil
}

// DropCollinear returns the columns of x that are not linear combinations of
// the columns before them, and the names of those that are; rows are weighted
// with w (nil: all 1).
func DropCollinear(x []Column, w []float64) (kept []Column, dropped []string, err error) {
	if len(x) == 0 {
		return nil, nil, nil
	}
	y := make([]float64, len(x[0].Values))
	if err := checkRows(y, x, w); err != nil {
		return nil, nil, fmt.Errorf("looking for collinear columns: %w", err)
	}
	_, err = leastSquares(y, x, w, nil)
	if c, ok := err.(*CollinearError); ok {
		dropped = c.Columns
	}
	for _, c := range x {
		if !slices.Contains(dropped, c.Name) {
			kept = append(kept, c)
		}
	}
	return kept, dropped, nil
}

// checkRows refuses what no model can use, naming the place.
func checkRows(y []float64, x []Column, w []float64) error {
	if len(y) == 0 {
		return fmt.Errorf("no rows")
	}
	if len(x) == 0 {
		return fmt.Errorf("no columns")
	}
	if i := notFinite(y); i >= 0 {
		return fmt.Errorf("y is %v in row %d", y[i], i)
	}
	seen := map[string]bool{}
	for _, c := range x {
		if len(c.Values) != len(y) {
			return fmt.Errorf("column %s has %d rows, y has %d", c.Name, len(c.Values), len(y))
		}
		if i := notFinite(c.Values); i >= 0 {
			return fmt.Errorf("column %s is %v in row %d", c.Name, c.Values[i], i)
		}
		if seen[c.Name] {
			return fmt.Errorf("two columns are named %s", c.Name)
		}
		seen[c.Name] = true
	}
	return checkWeights(w, len(y))
}

func checkWeights(w []float64, n int) error {
	if w == nil {
		return nil
	}
	if len(w) != n {
		return fmt.Errorf("there are %d weights for %d rows", len(w), n)
	}
	for i, v := range w {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("the weight is %v in row %d", v, i)
		}
	}
	return nil
}

// notFinite returns the first row that is NaN or infinite, or −1.
func notFinite(x []float64) int {
	return slices.IndexFunc(x, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
}

// collinearTolerance is the share of a (centred) column's length that must be
// left after projecting it on the columns before; below, it is rounding noise.
const collinearTolerance = 1e-11

// constantTolerance is the same for a column's length after centring: only a
// column whose variation is in its last two or three bits counts as constant,
// so that 10 000 000.1 and 10 000 000.3 remain different.
const constantTolerance = 1e-14

// vanishedShare is the share of a column's spread that must be left after
// demeaning; demeaning itself is good to demeanTolerance.
const vanishedShare = 1e-9

// A solution is a weighted least-squares fit before any inference.
type solution struct {
	coef      []float64
	fitted    []float64
	residuals []float64
	bread     [][]float64
	leverage  []float64
	order     []int
	intercept int // index of the constant column, −1 without one
}

// leastSquares solves min Σ w(y − Xβ)². The rows are taken in the order of
// their content, columns are centred when one of them is constant, and scaled
// by powers of two, which costs no digit. norms, if given, are the columns'
// lengths before demeaning, against which they count as vanished.
func leastSquares(y []float64, x []Column, w, norms []float64) (*solution, error) {
	n, k := len(y), len(x)
	s := &solution{order: contentOrder(y, x, w), intercept: -1}
	root := make([]float64, n)
	for i := range root {
		root[i] = 1
		if w != nil {
			root[i] = math.Sqrt(w[i])
		}
	}
	for j, c := range x {
		if isConstant(c.Values) && c.Values[0] != 0 {
			s.intercept = j
			break
		}
	}
	shift := make([]float64, k)
	shiftY := 0.0
	if s.intercept >= 0 {
		shiftY = weightedMean(y, w)
		for j, c := range x {
			if j != s.intercept {
				shift[j] = weightedMean(c.Values, w)
			}
		}
	}

	z := make([][]float64, k)
	scale := make([]float64, k)
	vanish := make([]float64, k)
	for j, c := range x {
		z[j] = make([]float64, n)
		scale[j] = 1
		for i, r := range s.order {
			z[j][i] = (c.Values[r] - shift[j]) * root[r]
		}
		norm := norm2(z[j])
		if norms != nil {
			vanish[j] = norms[j] * vanishedShare
		} else {
			vanish[j] = constantTolerance * math.Hypot(norm, shift[j]*norm2(root))
		}
		if norm > 0 && !math.IsInf(norm, 0) {
			_, e := math.Frexp(norm)
			scale[j] = math.Ldexp(1, -e)
			vanish[j] *= scale[j]
			for i := range z[j] {
				z[j][i] *= scale[j]
			}
		}
	}
	target := make([]float64, n)
	for i, r := range s.order {
		target[i] = (y[r] - shiftY) * root[r]
	}

	// A constant column goes first, whatever its place, so that it is the
	// other one that is called collinear.
	columns := make([]int, 0, k)
	if s.intercept >= 0 {
		columns = append(columns, s.intercept)
	}
	for j := range x {
		if j != s.intercept {
			columns = append(columns, j)
		}
	}
	inverse, b, leverage, bad := householder(z, target, columns, vanish)
	if len(bad) > 0 {
		slices.Sort(bad)
		e := &CollinearError{}
		for _, j := range bad {
			e.Columns = append(e.Columns, x[j].Name)
		}
		return nil, e
	}

	// Back from scaled and centred columns to those of the caller.
	for j := range inverse {
		b[j] *= scale[j]
		for l := range inverse[j] {
			inverse[j][l] *= scale[j]
		}
	}
	s.coef = b
	s.fitted = make([]float64, n)
	s.residuals = make([]float64, n)
	for i := range y {
		fit := 0.0
		for j, c := range x {
			fit += (c.Values[i] - shift[j]) * b[j]
		}
		s.fitted[i] = shiftY + fit
		s.residuals[i] = y[i] - shiftY - fit
	}
	if c := s.intercept; c >= 0 {
		one := x[c].Values[0]
		move := shiftY
		for j := range x {
			move -= shift[j] * b[j]
			for l := range inverse[c] {
				if j != c {
					inverse[c][l] -= shift[j] * inverse[j][l] / one
				}
			}
		}
		b[c] += move / one
	}
	s.bread = timesTranspose(inverse)
	s.leverage = make([]float64, n)
	for i, r := range s.order {
		s.leverage[r] = leverage[i]
	}
	return s, nil
}

// householder solves min ‖y − Zβ‖ for Z by columns, taken in the given order.
// It returns R⁻¹ (row = column of Z), β, the squared row lengths of Q and the
// columns that are no more than noise beyond those before them. z and y are
// overwritten.
func householder(z [][]float64, y []float64, columns []int, vanish []float64) (inverse [][]float64, b, leverage []float64, bad []int) {
	n := len(y)
	var kept []int
	var reflectors [][]float64
	r := map[int][]float64{}
	for _, j := range columns {
		col := z[j]
		length := norm2(col)
		k := len(kept)
		rest := 0.0
		if k < n {
			for i, v := range reflectors {
				mirror(v, col, i)
			}
			rest = norm2(col[k:])
		}
		if rest <= collinearTolerance*length || rest <= vanish[j] {
			bad = append(bad, j)
			continue
		}
		v := slices.Clone(col[k:])
		if v[0] > 0 {
			rest = -rest
		}
		v[0] -= rest
		head := slices.Clone(col[:k+1])
		head[k] = rest
		r[j] = head
		length = norm2(v)
		for i := range v {
			v[i] /= length
		}
		reflectors = append(reflectors, v)
		mirror(v, y, k)
		kept = append(kept, j)
	}
	if len(bad) > 0 {
		return nil, nil, nil, bad
	}

	k := len(kept)
	inverse = make([][]float64, len(z))
	b = make([]float64, len(z))
	upper := make([][]float64, k) // R⁻¹ in the order of kept
	for i := range upper {
		upper[i] = make([]float64, k)
	}
	for c := k - 1; c >= 0; c-- {
		upper[c][c] = 1 / r[kept[c]][c]
		for i := c - 1; i >= 0; i-- {
			sum := 0.0
			for l := i + 1; l <= c; l++ {
				sum += r[kept[l]][i] * upper[l][c]
			}
			upper[i][c] = -sum / r[kept[i]][i]
		}
	}
	for i := k - 1; i >= 0; i-- {
		sum := y[i]
		for l := i + 1; l < k; l++ {
			sum -= r[kept[l]][i] * b[kept[l]]
		}
		b[kept[i]] = sum / r[kept[i]][i]
		inverse[kept[i]] = upper[i]
	}

	leverage = make([]float64, n)
	q := make([]float64, n)
	for c := range k {
		clear(q)
		q[c] = 1
		for i := k - 1; i >= 0; i-- {
			mirror(reflectors[i], q, i)
		}
		for i, v := range q {
			leverage[i] += v * v
		}
	}
	return inverse, b, leverage, nil
}

// mirror applies I − 2vv′ to the part of x from position k on.
func mirror(v, x []float64, k int) {
	sum := 0.0
	for i, a := range v {
		sum += a * x[k+i]
	}
	sum *= 2
	for i, a := range v {
		x[k+i] -= sum * a
	}
}

// norm2 is the Euclidean length, safe from overflow.
func norm2(x []float64) float64 {
	largest := 0.0
	for _, v := range x {
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 || math.IsInf(largest, 0) || math.IsNaN(largest) {
		return largest
	}
	_, e := math.Frexp(largest)
	scale := math.Ldexp(1, -e)
	sum := 0.0
	for _, v := range x {
		v *= scale
		sum += v * v
	}
	return math.Sqrt(sum) / scale
}

// timesTranspose is AA′.
func timesTranspose(a [][]float64) [][]float64 {
	k := len(a)
	out := make([][]float64, k)
	for i := range out {
		out[i] = make([]float64, k)
		for j := range i + 1 {
			sum := 0.0
			for l := range a[i] {
				sum += a[i][l] * a[j][l]
			}
			out[i][j], out[j][i] = sum, sum
		}
	}
	return out
}

// weightedMean is Σwx/Σw, or the mean without weights.
func weightedMean(x, w []float64) float64 {
	if w == nil {
		return Mean(x)
	}
	return dot(x, w) / Sum(w)
}

// contentOrder sorts row numbers by y, then by the columns, then by the extra
// keys (nil ones are skipped): rows that tie are alike in everything that
// enters a sum.
func contentOrder(y []float64, x []Column, extra ...[]float64) []int {
	keys := [][]float64{y}
	for _, c := range x {
		keys = append(keys, c.Values)
	}
	for _, e := range extra {
		if e != nil {
			keys = append(keys, e)
		}
	}
	order := make([]int, len(y))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		for _, k := range keys {
			if c := cmp.Compare(k[a], k[b]); c != 0 {
				return c
			}
		}
		return 0
	})
	return order
}

// fit turns a solution into a Fit with the scores of weighted least squares.
func (s *solution) fit(y []float64, x []Column, w []float64) *Fit {
	f := &Fit{
		Coef: s.coef, Fitted: s.fitted, Residuals: s.residuals,
		bread: s.bread, leverage: s.leverage, order: s.order,
	}
	for _, c := range x {
		f.Names = append(f.Names, c.Name)
	}
	f.scores = make([][]float64, len(y))
	for i, e := range s.residuals {
		if w != nil {
			e *= w[i]
		}
		f.scores[i] = make([]float64, len(x))
		for j, c := range x {
			f.scores[i][j] = e * c.Values[i]
		}
	}
	return f
}

// finish counts parameters and estimates the dispersion; w are the weights of
// the squared residuals.
func (f *Fit) finish(w []float64, absorbed []Factor) {
	f.absorbed = absorbed
	f.N = len(f.Residuals)
	squares := make([]float64, len(f.Residuals))
	for i, e := range f.Residuals {
		squares[i] = e * e
		if w != nil {
			squares[i] *= w[i]
			if w[i] == 0 {
				f.N--
			}
		}
	}
	f.K = len(f.Coef) + absorbedParameters(absorbed)
	f.DF = f.N - f.K
	f.Deviance = Sum(squares)
	f.Dispersion = math.NaN()
	if f.DF > 0 {
		f.Dispersion = f.Deviance / float64(f.DF)
	}
}

// rSquared is 1 − SSR/SST, around the mean or around 0.
func rSquared(y, w, residuals []float64, centred bool) float64 {
	mean := 0.0
	if centred {
		mean = weightedMean(y, w)
	}
	var total, rest accumulator
	for i := range y {
		weight := 1.0
		if w != nil {
			weight = w[i]
		}
		d := y[i] - mean
		total.add(float64(weight * d * d))
		rest.add(float64(weight * residuals[i] * residuals[i]))
	}
	if centred && isConstant(y) || total.sum() == 0 {
		return math.NaN()
	}
	return 1 - rest.sum()/total.sum()
}
