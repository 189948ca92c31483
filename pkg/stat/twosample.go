package stat

import "math"

// A TTest compares two means, first less second, in the unit of the data.
// Fields that do not exist are NaN.
type TTest struct {
	Estimate float64
	SE       float64
	T        float64 // Estimate ÷ SE; NaN if SE is 0
	DF       float64
	P        float64 // two-sided
}

func tTest(estimate, se, df float64) TTest {
	t := TTest{estimate, se, math.NaN(), df, math.NaN()}
	if se > 0 {
		t.T = estimate / se
		t.P = tTwoSided(t.T, df)
	}
	return t
}

// Interval returns Estimate ± t·SE; none if SE is 0 or does not exist.
func (t TTest) Interval(level float64) Interval {
	if !(t.SE > 0) {
		return noInterval
	}
	return around(t.Estimate, tCritical(level, t.DF)*t.SE)
}

// Welch compares the means of two independent samples without assuming equal
// variances, with Satterthwaite's degrees of freedom (Welch 1947). Each sample
// needs two values.
func Welch(a, b []float64) TTest {
	va, vb := Variance(a)/float64(len(a)), Variance(b)/float64(len(b))
	df := math.NaN()
	if va+vb > 0 {
		df = (va + vb) * (va + vb) / (va*va/float64(len(a)-1) + vb*vb/float64(len(b)-1))
	}
	return tTest(Mean(a)-Mean(b), math.Sqrt(va+vb), df)
}

// PooledT compares the means of two independent samples assuming one variance
// (Student 1908). There must be three values or more, and one in each sample.
func PooledT(a, b []float64) TTest {
	na, nb := float64(len(a)), float64(len(b))
	df := na + nb - 2
	if na < 1 || nb < 1 || df < 1 {
		return tTest(Mean(a)-Mean(b), math.NaN(), math.NaN())
	}
	v := (sumSquares(a) + sumSquares(b)) / df
	return tTest(Mean(a)-Mean(b), math.Sqrt(v*(1/na+1/nb)), df)
}

// PairedT compares the same units' two values, first[i] with second[i]. It
// does not exist for samples of different length or fewer than two pairs.
func PairedT(first, second []float64) TTest {
	nan := math.NaN()
	if len(first) != len(second) || len(first) < 2 {
		return TTest{nan, nan, nan, nan, nan}
	}
	d := make([]float64, len(first))
	for i := range d {
		d[i] = first[i] - second[i]
	}
	n := float64(len(d))
	return tTest(Mean(d), math.Sqrt(Variance(d)/n), n-1)
}

// PartialOverlap compares the means of two waves that share some people:
// z = (x̄₁−x̄₂)/√(S₁²/n₁+S₂²/n₂−2r·S₁S₂·nc/(n₁n₂)), r the correlation among the
// nc people in both (Derrick, Toher and White 2017). only1 and only2 are the
// values of people in one wave, both those of people in both. Without pairs it
// is the z test of independent samples. With one or two pairs r means nothing
// and the result is NaN: pass them as unpaired. A correlation that does not
// exist because the pairs are constant counts as 0.
func PartialOverlap(only1, only2 []float64, both [][2]float64) Difference {
	nan := math.NaN()
	if len(both) == 1 || len(both) == 2 {
		return difference(nan, nan)
	}
	var p1, p2 []float64
	for _, b := range both {
		p1, p2 = append(p1, b[0]), append(p2, b[1])
	}
	x1, x2 := append(append([]float64{}, only1...), p1...), append(append([]float64{}, only2...), p2...)
	n1, n2, s1, s2 := float64(len(x1)), float64(len(x2)), SD(x1), SD(x2)
	shared := 0.0
	if r := pearson(p1, p2); !math.IsNaN(r) {
		shared = 2 * r * s1 * s2 * float64(len(both)) / (n1 * n2)
	}
	variance := s1*s1/n1 + s2*s2/n2 - shared
	return difference(Mean(x1)-Mean(x2), math.Sqrt(variance))
}

// pearson is the product-moment correlation, NaN for a constant.
func pearson(x, y []float64) float64 {
	xx, yy := sumSquares(x), sumSquares(y)
	if len(x) != len(y) || !(xx > 0) || !(yy > 0) {
		return math.NaN()
	}
	r := sumProducts(x, y) / math.Sqrt(xx) / math.Sqrt(yy)
	return min(max(r, -1), 1)
}
