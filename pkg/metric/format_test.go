package metric

import (
	"math"
	"testing"
)

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		unit Unit
		v    float64
		want string
	}{
		{PerDay, 0, "0/day"}, {PerDay, 0.5, "0.500/day"}, {PerDay, 0.491, "0.491/day"}, {PerDay, 0.00123, "0.00123/day"}, {PerDay, 0.9996, "1.00/day"},
		{PerDay, 9.996, "10.0/day"}, {PerDay, 99.96, "100/day"}, {PerDay, 1234.5, "1234/day"}, {PerWeek, 3.5, "3.50/week"},
		{Count, 5, "5"}, {Count, 2.5, "2.50"}, {Count, -0.5, "-0.500"}, {Score, 5.5, "5.5"}, {Score, 10, "10.0"}, {Ratio, 0.1234, "12.3 %"},
		{Milliseconds, 90_000, "1.5 min"}, {Milliseconds, 36 * 3_600_000, "1.5 d"}, {Milliseconds, -7_200_000, "-2.0 h"},
		{PerDay, math.NaN(), "–"}, {PerDay, math.Inf(1), "+Inf/day"},
	} {
		if got := c.unit.Format(&c.v); got != c.want {
			t.Errorf("%v %s reads %q, want %q", c.v, c.unit, got, c.want)
		}
	}
	if got := Ratio.Format(nil); got != "–" {
		t.Errorf("nothing reads %q", got)
	}
}

func TestCounted(t *testing.T) {
	for n, want := range map[int]string{0: "0 weeks", 1: "1 week", 2: "2 weeks", -1: "-1 weeks", 1000: "1000 weeks"} {
		if got := Counted(n, "week", "weeks"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
