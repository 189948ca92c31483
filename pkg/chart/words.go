package chart

import (
	"fmt"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// Say is a point in words: "2026-Q3: 2.1 d (1.9 d to 2.4 d), n 120, partial".
func Say(p metric.Point, u metric.Unit, loc *time.Location) string {
	label := window(p).Label(loc)
	if p.Value == nil {
		return label + ": no data"
	}
	var b strings.Builder
	b.WriteString(label + ": " + u.Format(p.Value))
	if p.CILow != nil && p.CIHigh != nil {
		b.WriteString(" (" + u.Format(p.CILow) + " to " + u.Format(p.CIHigh) + ")")
	}
	fmt.Fprintf(&b, ", n %d", p.N)
	switch p.Quality {
	case metric.Partial:
		b.WriteString(", partial")
	case metric.LowN:
		b.WriteString(", few facts")
	}
	return b.String()
}

// Describe says where a series went and where it ends. Partial values are told of
// and never compared.
func Describe(ps []metric.Point, u metric.Unit, loc *time.Location) string {
	if len(ps) == 0 {
		return "No data."
	}
	var whole []metric.Point
	missing, partial := 0, 0
	for _, p := range ps {
		switch {
		case p.Value == nil:
			missing++
		case p.Quality == metric.Partial:
			partial++
		default:
			whole = append(whole, p)
		}
	}
	say := []string{fmt.Sprintf("%s from %s to %s.", count(len(ps), string(ps[0].Grain)), window(ps[0]).Label(loc), window(ps[len(ps)-1]).Label(loc))}
	say = append(say, trend(whole, u, loc)...)
	if missing > 0 {
		say = append(say, count(missing, string(ps[0].Grain))+" without data.")
	}
	if partial > 0 {
		say = append(say, count(partial, string(ps[0].Grain))+" partial, not compared.")
	}
	return strings.Join(say, " ")
}

func trend(whole []metric.Point, u metric.Unit, loc *time.Location) []string {
	if len(whole) == 0 {
		return []string{"No complete value yet."}
	}
	first, last := whole[0], whole[len(whole)-1]
	if len(whole) == 1 {
		return []string{"One complete value, " + Say(last, u, loc) + "."}
	}
	low, high := first, first
	for _, p := range whole {
		if *p.Value < *low.Value {
			low = p
		}
		if *p.Value > *high.Value {
			high = p
		}
	}
	verb := "As at the beginning"
	switch {
	case *last.Value < *first.Value:
		verb = "Down"
	case *last.Value > *first.Value:
		verb = "Up"
	}
	named := func(p metric.Point) string { return u.Format(p.Value) + " in " + window(p).Label(loc) }
	return []string{
		fmt.Sprintf("%s: from %s to %s.", verb, named(first), named(last)),
		fmt.Sprintf("Lowest %s, highest %s.", named(low), named(high)),
		"Last complete value " + Say(last, u, loc) + ".",
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func window(p metric.Point) metric.Window {
	return metric.Window{Grain: p.Grain, Start: p.Start, End: p.End}
}
