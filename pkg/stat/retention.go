package stat

import "math"

// A Usage is when one unit used a product, in whole periods (days, weeks) since
// its first use in period 0.
type Usage struct {
	Periods  []int
	Followed int // the last period that is complete for this unit
}

// Retention returns, for periods 1 to last, the share of units that used the
// product in period n, and the share that used it in period n or any later one
// (within what was followed). Both count the units followed to the end of
// period n; NaN where there are none. Element n−1 is period n.
func Retention(units []Usage, last int) (inPeriod, orLater []float64) {
	for n := 1; n <= last; n++ {
		followed, in, later := 0, 0, 0
		for _, u := range units {
			if u.Followed < n {
				continue
			}
			followed++
			inside, after := false, false
			for _, p := range u.Periods {
				inside = inside || p == n
				after = after || p >= n && p <= u.Followed
			}
			if inside {
				in++
			}
			if after {
				later++
			}
		}
		if followed == 0 {
			inPeriod, orLater = append(inPeriod, math.NaN()), append(orLater, math.NaN())
			continue
		}
		inPeriod = append(inPeriod, float64(in)/float64(followed))
		orLater = append(orLater, float64(later)/float64(followed))
	}
	return inPeriod, orLater
}
