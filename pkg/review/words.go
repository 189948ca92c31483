package review

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/stat"
)

// quality says in words how far a point can be trusted.
func quality(q string) string {
	switch q {
	case metric.OK:
		return "complete"
	case metric.Partial:
		return "partial, not compared"
	case metric.LowN:
		return "few facts"
	default:
		return "no data"
	}
}

func interval(d metric.Def, p metric.Point) string {
	if p.CILow == nil || p.CIHigh == nil {
		return "–"
	}
	return d.Unit.Format(p.CILow) + " – " + d.Unit.Format(p.CIHigh)
}

// evidence is what a number rests on.
func evidence(d metric.Def, p metric.Point) string {
	n := fmt.Sprintf("n\u00a0%d", p.N)
	if p.CILow == nil || p.CIHigh == nil {
		return "no interval, " + n
	}
	return interval(d, p) + ", " + n
}

// facts is what n counts: "shipped changes".
func facts(d metric.Def) string { return strings.ReplaceAll(d.Facts[0], "_", " ") }

// better says which way is better, and whether the signal goes that way.
func better(d metric.Def, s stat.Signal) string {
	switch {
	case d.Direction == metric.Neither:
		return ""
	case (d.Direction == metric.Higher) == s.High:
		return "For the better: " + string(d.Direction) + " is better."
	}
	return "For the worse: " + string(d.Direction) + " is better."
}

func whom(s Subject) string {
	if s == (Subject{}) {
		return "all services"
	}
	return s.String()
}

func probability(p float64) string {
	if p < 0.0001 {
		return "p < 0.0001"
	}
	return "p = " + strconv.FormatFloat(p, 'f', 4, 64)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}

// sentence begins with a capital.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
