package metric

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Format writes a value in the unit people read: durations in days, hours,
// minutes or seconds, ratios in percent, a missing value as "–".
func (u Unit) Format(v *float64) string {
	if v == nil || math.IsNaN(*v) {
		return "–"
	}
	switch u {
	case Milliseconds:
		return duration(time.Duration(*v * float64(time.Millisecond)))
	case Ratio:
		return strconv.FormatFloat(*v*100, 'f', 1, 64) + " %"
	case PerDay:
		return significant(*v) + "/day"
	case PerWeek:
		return significant(*v) + "/week"
	case Score:
		return strconv.FormatFloat(*v, 'f', 1, 64)
	default:
		return count(*v)
	}
}

// significant writes three significant digits, zeros included, so that a column
// of numbers is of one precision, and all digits of the whole part.
func significant(v float64) string {
	if v == 0 {
		return "0"
	}
	_, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', 2, 64), "e") // of the rounded value
	n, err := strconv.Atoi(exponent)
	if err != nil { // infinite
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'f', max(0, 2-n), 64)
}

// Counted is how many there are of something, in words: "1 week", "3 weeks".
func Counted[N ~int | ~int64 | ~uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n) + " " + many
}

// count writes a whole number as one.
func count(v float64) string {
	if v == math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return significant(v)
}

func duration(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	const day = 24 * time.Hour
	switch {
	case d >= 100*day:
		return fmt.Sprintf("%s%.0f d", sign, float64(d)/float64(day))
	case d >= day:
		return fmt.Sprintf("%s%.1f d", sign, float64(d)/float64(day))
	case d >= time.Hour:
		return fmt.Sprintf("%s%.1f h", sign, float64(d)/float64(time.Hour))
	case d >= time.Minute:
		return fmt.Sprintf("%s%.1f min", sign, float64(d)/float64(time.Minute))
	default:
		return fmt.Sprintf("%s%.1f s", sign, float64(d)/float64(time.Second))
	}
}
