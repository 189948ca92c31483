package chart

import (
	"html/template"
	"math"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// A Spark is a series the size of a word, from 0 to its greatest value.
type Spark struct {
	ID       string         // unique in its page
	Title    string         // what is drawn, of whom
	Unit     metric.Unit    // of the values, for the description
	Points   []metric.Point // one per window, in order; a nil Value is a gap
	Location *time.Location // of the calendar
}

// Size of a sparkline, with a margin for its dots.
const (
	sparkWidth, sparkHeight = 96.0, 26.0
	sparkMargin             = 4.0
)

// SVG draws the line; nothing when there are no points. The last complete value
// has a dot; partial values are left out, as in words this size they could not be
// told from others.
func (k Spark) SVG() template.HTML {
	if len(k.Points) == 0 {
		return ""
	}
	var s svg
	s.open(k.ID, "chart-spark", sparkWidth, sparkHeight, k.Title, Describe(k.Points, k.Unit, k.Location))
	f := frame{left: sparkMargin, right: sparkWidth - sparkMargin, top: sparkMargin, bottom: sparkHeight - sparkMargin,
		from: k.Points[0].Start, to: k.Points[len(k.Points)-1].End, axis: valueAxis{high: k.high()}}
	s.stroke("base", at("M", f.left, f.bottom)+"H"+num(f.right), `stroke-opacity=".3"`)
	line, single, end, command := "", "", "", "M"
	for i, p := range k.Points {
		if !whole(p) {
			command = "M"
			continue
		}
		x, y := f.middle(p), f.y(*p.Value)
		line, end = line+at(command, x, y), dot(x, y)
		if command == "M" && (i == len(k.Points)-1 || !whole(k.Points[i+1])) {
			single += end // nothing to join it to
		}
		command = "L"
	}
	s.stroke("line", line, `stroke-width="1.5" stroke-linejoin="round"`)
	s.stroke("lone", single, `stroke-width="2" stroke-linecap="round"`)
	s.stroke("dot", end, `stroke-width="5" stroke-linecap="round"`)
	return s.close()
}

func whole(p metric.Point) bool { return p.Value != nil && p.Quality != metric.Partial }

func (k Spark) high() float64 {
	high := 0.0
	for _, p := range k.Points {
		if whole(p) {
			high = math.Max(high, *p.Value)
		}
	}
	if high == 0 {
		return 1
	}
	return high
}
