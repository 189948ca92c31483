package stat

import "math"

// PoissonRate returns events ÷ exposure and its exact interval (Garwood 1936),
// in events per unit of exposure (team-weeks, say). The rate of no events is 0
// with an upper end above it. NaN unless events ≥ 0 is whole and exposure > 0.
func PoissonRate(events, exposure, level float64) (rate float64, interval Interval) {
	if !isCount(events) || !(exposure > 0) || math.IsInf(exposure, 0) {
		return math.NaN(), noInterval
	}
	if !(level > 0 && level < 1) {
		return events / exposure, noInterval
	}
	tail := (1 - level) / 2
	if events > 0 {
		interval.Low = chi2Quantile(tail, 2*events) / 2 / exposure
	}
	interval.High = chi2Quantile(1-tail, 2*events+2) / 2 / exposure
	return events / exposure, interval
}

// A RateRatio compares two Poisson rates, first ÷ second. Fields that do not
// exist are NaN; High is +Inf when the second rate may be 0.
type RateRatio struct {
	Estimate float64 // +Inf when only the second has no events
	Interval Interval
	P        float64 // exact, two-sided: all splits no likelier than the one seen
}

// PoissonRatio compares events₁/exposure₁ with events₂/exposure₂ exactly, by
// the binomial distribution of the events of the first given the total
// (Przyborowski and Wilenski 1940; R's poisson.test). NaN without any event.
func PoissonRatio(events1, exposure1, events2, exposure2, level float64) RateRatio {
	nan := math.NaN()
	if !isCount(events1) || !isCount(events2) || !(exposure1 > 0) || !(exposure2 > 0) || events1+events2 == 0 {
		return RateRatio{nan, noInterval, nan}
	}
	odds := func(p float64) float64 { return p / (1 - p) * exposure2 / exposure1 }
	share := ClopperPearson(events1, events1+events2, level)
	r := RateRatio{Estimate: events1 / exposure1 / (events2 / exposure2), Interval: noInterval}
	if share.Exists() {
		r.Interval = Interval{odds(share.Low), odds(share.High)}
	}
	r.P = binomialTest(int(events1), int(events1+events2), exposure1/(exposure1+exposure2))
	return r
}

// binomialTest is the exact two-sided p value of x out of n under p: the
// probability of all outcomes no likelier than x (R's binom.test).
func binomialTest(x, n int, p float64) float64 {
	log := func(k int) float64 {
		a, _ := math.Lgamma(float64(n) + 1)
		b, _ := math.Lgamma(float64(k) + 1)
		c, _ := math.Lgamma(float64(n-k) + 1)
		return a - b - c + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p)
	}
	// The probability rises to the mode and falls after it, so the likelier
	// outcomes are one block of neighbours; the rest are the two tails.
	limit := log(x) + 1e-7
	mode := min(int(float64(n+1)*p), n)
	if log(mode) <= limit {
		return 1
	}
	low, high := mode, mode
	if x < mode {
		low = x + 1
		high = lastAbove(mode, n, func(k int) bool { return log(k) > limit })
	} else {
		high = x - 1
		low = n - lastAbove(n-mode, n, func(k int) bool { return log(n-k) > limit })
	}
	return min(1, binomialCDF(low-1, n, p)+binomialCDF(n-high-1, n, 1-p))
}

// lastAbove is the last k in [from, to] with ok(k), for an ok that is true at
// from and, once false, stays so.
func lastAbove(from, to int, ok func(int) bool) int {
	for from < to {
		if mid := (from + to + 1) / 2; ok(mid) {
			from = mid
		} else {
			to = mid - 1
		}
	}
	return from
}

func isCount(x float64) bool { return x >= 0 && x == math.Trunc(x) && !math.IsInf(x, 0) }
