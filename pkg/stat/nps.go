package stat

import "math"

// NPS counts the answers to "how likely are you to recommend", 0-10:
// promoters 9-10, passives 7-8, detractors 0-6 (Reichheld 2003). Weighted
// counts are allowed: shares times the effective n.
type NPS struct {
	Promoters, Passives, Detractors float64
}

// N returns the number of answers.
func (n NPS) N() float64 { return n.Promoters + n.Passives + n.Detractors }

// exists says whether there is an answer and no count is negative.
func (n NPS) exists() bool {
	return n.Promoters >= 0 && n.Passives >= 0 && n.Detractors >= 0 && n.N() > 0 && !math.IsInf(n.N(), 0)
}

// Score returns 100·(share of promoters − share of detractors), −100 to 100.
func (n NPS) Score() float64 {
	if !n.exists() {
		return math.NaN()
	}
	return 100 * (n.Promoters - n.Detractors) / n.N()
}

// SE returns the standard error of the score in points:
// 100·√((P+D−(P−D)²)/n) (Rocks 2016). It is 0 when all answers are alike.
func (n NPS) SE() float64 {
	if !n.exists() {
		return math.NaN()
	}
	return 100 * trinomialSE(n.Promoters, n.Detractors, n.N())
}

func trinomialSE(promoters, detractors, n float64) float64 {
	p, d := promoters/n, detractors/n
	return math.Sqrt(max(p+d-(p-d)*(p-d), 0) / n)
}

// Wald returns score ± z·SE in points, clipped to ±100. It is too short for
// fewer than about 50 answers: publish [NPS.AdjustedWald].
func (n NPS) Wald(level float64) Interval {
	return around(n.Score(), critical(level)*n.SE()).clip(-100, 100)
}

// AdjustedWald returns the interval in points after adding ¾ of an answer to
// promoters and to detractors and 3 to n (Agresti-Min for a trinomial, Rocks
// 2016), clipped to ±100, and the adjusted score at its centre, which is not
// the score to show.
func (n NPS) AdjustedWald(level float64) (center float64, interval Interval) {
	return n.adjustedWald(level, 1)
}

// AdjustedWaldFinite is [NPS.AdjustedWald] for a random sample drawn from a
// population of the given size: its half width is multiplied by
// [FinitePopulationFactor], and a census gives its score. It does not exist if
// there are more answers than people.
func (n NPS) AdjustedWaldFinite(level, population float64) (center float64, interval Interval) {
	if n.N() == population && n.exists() {
		return n.Score(), Interval{n.Score(), n.Score()}
	}
	return n.adjustedWald(level, FinitePopulationFactor(n.N(), population))
}

func (n NPS) adjustedWald(level, factor float64) (float64, Interval) {
	if !n.exists() {
		return math.NaN(), noInterval
	}
	total, p, d := n.N()+3, n.Promoters+0.75, n.Detractors+0.75
	center := 100 * (p - d) / total
	half := 100 * critical(level) * trinomialSE(p, d, total) * factor
	return center, around(center, half).clip(-100, 100)
}

// NPSDifference tests two independent waves or groups with the two-sample
// trinomial z (Rocks 2016): first less second, in points.
func NPSDifference(first, second NPS) Difference {
	return difference(first.Score()-second.Score(), math.Hypot(first.SE(), second.SE()))
}
