package stat

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// nlsSteps bounds the work of one fit.
const nlsSteps = 2000

// levenberg minimises Σr² over positive parameters by Levenberg and Marquardt's
// method on their logarithms. residuals returns r and ∂r/∂θ, one row per
// observation.
func levenberg(theta []float64, residuals func([]float64) (r []float64, jacobian [][]float64)) ([]float64, error) {
	k := len(theta)
	r, jac := residuals(theta)
	ssr := dot(r, r)
	damping := 1e-3
	for range nlsSteps {
		normal, gradient := mat.NewSymDense(k, nil), mat.NewVecDense(k, nil)
		for i := range r {
			for a := range k {
				ja := jac[i][a] * theta[a]
				gradient.SetVec(a, gradient.AtVec(a)-ja*r[i])
				for b := a; b < k; b++ {
					normal.SetSym(a, b, normal.At(a, b)+ja*jac[i][b]*theta[b])
				}
			}
		}
		moved := false
		for ; damping < 1e15; damping *= 4 {
			step, ok := dampedStep(normal, gradient, damping)
			if !ok {
				continue
			}
			next := make([]float64, k)
			largest := 0.0
			for a := range k {
				next[a] = theta[a] * math.Exp(step.AtVec(a))
				largest = max(largest, math.Abs(step.AtVec(a)))
			}
			nr, njac := residuals(next)
			nssr := dot(nr, nr)
			if !(nssr <= ssr) {
				continue
			}
			small := largest < 1e-11
			theta, r, jac, ssr = next, nr, njac, nssr
			damping = max(damping/10, 1e-14)
			if small {
				return theta, nil
			}
			moved = true
			break
		}
		if !moved { // no step improves on the last digits: the minimum
			return theta, nil
		}
	}
	return nil, fmt.Errorf("no convergence after %d steps", nlsSteps)
}

// dampedStep solves (J′J + damping·diag(J′J))δ = −J′r.
func dampedStep(normal *mat.SymDense, gradient *mat.VecDense, damping float64) (*mat.VecDense, bool) {
	k := gradient.Len()
	a := mat.NewSymDense(k, nil)
	a.CopySym(normal)
	for i := range k {
		a.SetSym(i, i, normal.At(i, i)*(1+damping))
	}
	var chol mat.Cholesky
	if !chol.Factorize(a) {
		return nil, false
	}
	var step mat.VecDense
	if err := chol.SolveVecTo(&step, gradient); err != nil {
		return nil, false
	}
	for i := range k {
		if !(math.Abs(step.AtVec(i)) < 50) {
			return nil, false
		}
	}
	return &step, true
}

// nlsErrors returns the standard errors √(s²·diag(J′J)⁻¹) and s, with n−k
// degrees of freedom; NaN where there are none.
func nlsErrors(r []float64, jac [][]float64) (se []float64, sigma float64) {
	k := len(jac[0])
	se = make([]float64, k)
	for a := range se {
		se[a] = math.NaN()
	}
	if len(r) <= k {
		return se, math.NaN()
	}
	sigma = math.Sqrt(dot(r, r) / float64(len(r)-k))
	x := make([]Column, k)
	for a := range k {
		x[a] = Column{Name: fmt.Sprint(a), Values: make([]float64, len(r))}
		for i := range r {
			x[a].Values[i] = jac[i][a]
		}
	}
	ls, err := leastSquares(r, x, nil, nil)
	if err != nil {
		return se, sigma
	}
	for a := range se {
		se[a] = sigma * math.Sqrt(ls.bread[a][a])
	}
	return se, sigma
}
