package stat

import (
	"math"
	"testing"
)

func TestRetention(t *testing.T) {
	var ref struct {
		Case struct {
			Users   [][]int
			InDay   []float64 `json:"n_day_pct_1_6"`
			OrLater []float64 `json:"unbounded_pct_1_6"`
		} `json:"n_day_vs_unbounded"`
	}
	expected(t, "retention", &ref)
	var units []Usage
	for _, days := range ref.Case.Users {
		units = append(units, Usage{days, 6})
	}
	in, later := Retention(units, 6)
	for i := range ref.Case.InDay {
		near(t, "in the period", math.Floor(100*in[i]), ref.Case.InDay[i], 0)
		near(t, "or later", math.Floor(100*later[i]), ref.Case.OrLater[i], 0)
	}

	// Who has not been followed so long is not counted as lost.
	in, later = Retention(append(units, Usage{[]int{0, 1}, 1}), 7)
	near(t, "period 1", in[0], 2.0/4, 0)
	near(t, "period 2 or later", later[1], 1.0/3, 0)
	isNaN(t, "period 7", in[6], later[6])
}
