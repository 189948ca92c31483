package stat

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// MinAlpha is the reliability below which an index of several items is not
// published.
const MinAlpha = 0.6

// CronbachAlpha returns the internal consistency of items answered by the same
// people: k/(k−1)·(1−Σs²ᵢ/s²_total) (Cronbach 1951; psych's raw_alpha), and the
// number of people it rests on. answers holds one row per person, one value
// per item, polarity already turned ([Reverse]); a person with a NaN is left
// out. NaN for fewer than two items or people, rows of different length or
// totals that do not vary. It can be negative.
func CronbachAlpha(answers [][]float64) (alpha float64, n int) {
	if len(answers) == 0 || len(answers[0]) < 2 {
		return math.NaN(), 0
	}
	k := len(answers[0])
	items := make([][]float64, k)
	var totals []float64
	for _, row := range answers {
		if len(row) != k {
			return math.NaN(), 0
		}
		if hasNaN(row) {
			continue
		}
		for j, v := range row {
			items[j] = append(items[j], v)
		}
		totals = append(totals, Sum(row))
	}
	total := Variance(totals)
	if !(total > 0) {
		return math.NaN(), len(totals)
	}
	parts := make([]float64, k)
	for j := range items {
		parts[j] = Variance(items[j])
	}
	return float64(k) / float64(k-1) * (1 - Sum(parts)/total), len(totals)
}

// AlphaInterval returns Feldt's interval of Cronbach's alpha for n people and k
// items from quantiles of F (Feldt, Woodruff and Salih 1987). None for fewer
// than two of either.
func AlphaInterval(alpha float64, n, k int, level float64) Interval {
	if n < 2 || k < 2 || math.IsNaN(alpha) || !(level > 0 && level < 1) {
		return noInterval
	}
	tail := (1 - level) / 2
	d1, d2 := float64(n-1), float64((n-1)*(k-1))
	return Interval{1 - (1-alpha)*fQuantile(1-tail, d1, d2), 1 - (1-alpha)*fQuantile(tail, d1, d2)}
}

// fQuantile is the p quantile of F with d1 and d2 degrees of freedom.
func fQuantile(p, d1, d2 float64) float64 {
	b := betaQuantile(p, d1/2, d2/2)
	start := d2 * b / (d1 * (1 - b))
	f := distuv.F{D1: d1, D2: d2}
	return polish(start, p, f.CDF, f.Prob)
}

// IndexScore returns a person's mean over the items answered, in the items'
// unit, NaN unless at least two thirds of at least two items are there. NaN
// among the answers is an item without one.
func IndexScore(answers []float64) float64 {
	var given []float64
	for _, v := range answers {
		if !math.IsNaN(v) {
			given = append(given, v)
		}
	}
	if len(answers) < 2 || 3*len(given) < 2*len(answers) {
		return math.NaN()
	}
	return Mean(given)
}

// Reverse turns an answer on a scale from low to high around.
func Reverse(answer, low, high float64) float64 { return low + high - answer }

// UMUXLite returns the score 0-100 of the two items of UMUX-Lite, each 1-7
// (usefulness: "meets my requirements", ease: "is easy to use"), and its
// equivalent on the System Usability Scale, 0.65·score + 22.9 (Lewis, Utesch
// and Maher 2013). NaN for an answer outside 1-7.
func UMUXLite(usefulness, ease float64) (score, sus float64) {
	if !(usefulness >= 1 && usefulness <= 7 && ease >= 1 && ease <= 7) {
		return math.NaN(), math.NaN()
	}
	score = 100 * (usefulness + ease - 2) / 12
	return score, 0.65*score + 22.9
}
