package stat

import (
	"fmt"
	"math"
)

// minBassPeriods is the fewest periods from which a diffusion curve is fitted.
const minBassPeriods = 5

// A Bass is a diffusion curve F(t) = (1−e^{−(p+q)t})/(1+(q/p)e^{−(p+q)t}) of a
// market of M adopters, p innovation and q imitation per period (Bass 1969).
type Bass struct {
	M, P, Q       float64
	SEM, SEP, SEQ float64 // standard errors; NaN for BassOLS and for an M that was not estimated
	RSE           float64 // residual standard error, adopters per period; NaN without degrees of freedom
	Bounded       bool    // M was set to the eligible population
	A, B, C       float64 // coefficients a+bY+cY² of BassOLS, 0 otherwise
}

// Share returns F(t), the share of M that has adopted by the end of period t.
func (b *Bass) Share(t float64) float64 {
	if t <= 0 {
		return 0
	}
	e := math.Exp(-(b.P + b.Q) * t)
	return -math.Expm1(-(b.P+b.Q)*t) / (1 + b.Q/b.P*e)
}

// Adopters returns M·(F(t)−F(t−1)), the new adopters of period t = 1, 2, ….
func (b *Bass) Adopters(t int) float64 {
	return b.M * (b.Share(float64(t)) - b.Share(float64(t-1)))
}

// Peak returns the time ln(q/p)/(p+q) at which adoption is fastest, in periods
// from the start; 0 if q ≤ p, when it only slows down.
func (b *Bass) Peak() float64 {
	if b.Q <= b.P {
		return 0
	}
	return math.Log(b.Q/b.P) / (b.P + b.Q)
}

// BassOLS fits n_t = a + bY + cY², Y the adopters before period t, by least
// squares, and solves for M, p and q (Bass 1969). It is the start of the other
// fits. adopters are the new ones of each period. Errors: fewer than five
// periods, a negative number, nobody, and coefficients that no curve has.
func BassOLS(adopters []float64) (*Bass, error) {
	if err := checkAdopters(adopters); err != nil {
		return nil, fmt.Errorf("fitting a diffusion curve: %w", err)
	}
	n := len(adopters)
	before, square := make([]float64, n), make([]float64, n)
	for t := 1; t < n; t++ {
		before[t] = before[t-1] + adopters[t-1]
		square[t] = before[t] * before[t]
	}
	f, err := OLS(adopters, []Column{Intercept(n), {"adopters before", before}, {"adopters before squared", square}})
	if err != nil {
		return nil, fmt.Errorf("fitting a diffusion curve: %w", err)
	}
	b := &Bass{A: f.Coef[0], B: f.Coef[1], C: f.Coef[2], SEM: math.NaN(), SEP: math.NaN(), SEQ: math.NaN(), RSE: math.Sqrt(f.Dispersion)}
	root := b.B*b.B - 4*b.A*b.C
	if !(b.C < 0) || !(root >= 0) {
		return nil, fmt.Errorf("fitting a diffusion curve: adoption has not begun to slow down, so the size of the market is not in the data")
	}
	b.M = (-b.B - math.Sqrt(root)) / (2 * b.C)
	b.P = b.A / b.M
	b.Q = -b.M * b.C
	if !(b.P > 0) || !(b.Q > 0) {
		return nil, fmt.Errorf("fitting a diffusion curve: the coefficients p = %.3g, q = %.3g are not positive", b.P, b.Q)
	}
	return b, nil
}

func checkAdopters(x []float64) error {
	if len(x) < minBassPeriods {
		return fmt.Errorf("%d periods, at least %d are needed", len(x), minBassPeriods)
	}
	for i, v := range x {
		if !(v >= 0) || math.IsInf(v, 0) {
			return fmt.Errorf("adopters of period %d are %v", i+1, v)
		}
	}
	if Sum(x) == 0 {
		return fmt.Errorf("nobody has adopted yet")
	}
	return nil
}

// A Market says what is known of M. The zero value is nothing.
type Market struct {
	Eligible float64 // the population that could adopt: M is at most this; 0: unknown
	Fixed    bool    // M is Eligible
}

// SrinivasanMason fits n_t = M·(F(t)−F(t−1)) by nonlinear least squares
// (Srinivasan and Mason 1986): the fit to use. Errors as [BassOLS], except that
// a market whose size is not in the data is fitted when Eligible bounds it.
func SrinivasanMason(adopters []float64, market Market) (*Bass, error) {
	return bassNLS(adopters, market, func(p, q float64, t int) (v, dp, dq float64) {
		a, ap, aq := bassShare(p, q, float64(t))
		b, bp, bq := bassShare(p, q, float64(t-1))
		return a - b, ap - bp, aq - bq
	})
}

// BassDensity fits n_t = M·f(t), f = F′ at the end of the period, by nonlinear
// least squares (as in R's nls example of VCR sales). Errors as [SrinivasanMason].
func BassDensity(adopters []float64, market Market) (*Bass, error) {
	return bassNLS(adopters, market, func(p, q float64, t int) (v, dp, dq float64) {
		return bassDensity(p, q, float64(t))
	})
}

func bassNLS(adopters []float64, market Market, shape func(p, q float64, t int) (v, dp, dq float64)) (*Bass, error) {
	if err := checkAdopters(adopters); err != nil {
		return nil, fmt.Errorf("fitting a diffusion curve: %w", err)
	}
	start := []float64{2 * Sum(adopters), 0.03, 0.38}
	if ols, err := BassOLS(adopters); err == nil {
		start = []float64{ols.M, ols.P, ols.Q}
	}
	if market.Eligible < 0 || market.Fixed && market.Eligible == 0 {
		return nil, fmt.Errorf("fitting a diffusion curve: the eligible population is %v", market.Eligible)
	}
	if !market.Fixed {
		b, err := bassFit(adopters, start, 0, shape)
		if market.Eligible == 0 || err == nil && b.M <= market.Eligible {
			return b, err
		}
		// The sum of squares is least at the bound: fit p and q there.
	}
	return bassFit(adopters, start[1:], market.Eligible, shape)
}

// bassFit estimates (M, p, q), or (p, q) for a given m > 0.
func bassFit(adopters, start []float64, m float64, shape func(p, q float64, t int) (v, dp, dq float64)) (*Bass, error) {
	residuals := func(theta []float64) ([]float64, [][]float64) {
		size, pq := m, theta
		if m == 0 {
			size, pq = theta[0], theta[1:]
		}
		r, jac := make([]float64, len(adopters)), make([][]float64, len(adopters))
		for i, y := range adopters {
			v, dp, dq := shape(pq[0], pq[1], i+1)
			r[i] = size*v - y
			if m == 0 {
				jac[i] = []float64{v, size * dp, size * dq}
			} else {
				jac[i] = []float64{size * dp, size * dq}
			}
		}
		return r, jac
	}
	theta, err := levenberg(start, residuals)
	if err != nil {
		return nil, fmt.Errorf("fitting a diffusion curve: %w", err)
	}
	r, jac := residuals(theta)
	se, sigma := nlsErrors(r, jac)
	b := &Bass{M: m, SEM: math.NaN(), RSE: sigma, Bounded: m > 0}
	if m == 0 {
		b.M, b.SEM, theta, se = theta[0], se[0], theta[1:], se[1:]
	}
	b.P, b.Q, b.SEP, b.SEQ = theta[0], theta[1], se[0], se[1]
	// A market of a million times those seen, or parameters at nothing, are
	// the trace of a minimum that lies at infinity.
	if !(b.M < 1e6*Sum(adopters)) || !(b.P > 1e-12) || !(b.Q > 1e-12) {
		return nil, fmt.Errorf("fitting a diffusion curve: no finite market fits best (M = %.3g, p = %.3g, q = %.3g); give the eligible population", b.M, b.P, b.Q)
	}
	return b, nil
}

// bassShare is F(t) and its derivatives by p and q.
func bassShare(p, q, t float64) (v, dp, dq float64) {
	e := math.Exp(-(p + q) * t)
	d := 1 + q/p*e
	v = -math.Expm1(-(p+q)*t) / d
	// ∂F = (−∂E·D − (1−E)·(∂c·E + c·∂E))/D², with E = e^{−(p+q)t}, c = q/p.
	de := -t * e
	dp = (-de - v*(-q/(p*p)*e+q/p*de)) / d
	dq = (-de - v*(e/p+q/p*de)) / d
	return v, dp, dq
}

// bassDensity is f(t) = (p+q)²/p·E/D² and its derivatives by p and q.
func bassDensity(p, q, t float64) (v, dp, dq float64) {
	e := math.Exp(-(p + q) * t)
	d := 1 + q/p*e
	a := (p + q) * (p + q) / p
	v = a * e / (d * d)
	de := -t * e
	ap, aq := 2*(p+q)/p-a/p, 2*(p+q)/p
	dp = (ap*e+a*de)/(d*d) - 2*v/d*(-q/(p*p)*e+q/p*de)
	dq = (aq*e+a*de)/(d*d) - 2*v/d*(e/p+q/p*de)
	return v, dp, dq
}
