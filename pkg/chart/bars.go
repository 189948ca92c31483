package chart

import (
	"html/template"
	"math"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// Bars are counts over consecutive windows of one grain.
type Bars struct {
	ID       string         // unique in its page
	Title    string         // what is counted, of whom
	Points   []metric.Point // one per window, in order; a nil Value is a gap
	Location *time.Location // of the calendar
}

// SVG draws the bars; nothing when there are no points. A count of 0 leaves its
// mark on the base line, a missing one leaves nothing.
func (b Bars) SVG() template.HTML {
	if len(b.Points) == 0 {
		return ""
	}
	high := 0.0
	for _, p := range b.Points {
		if p.Value != nil {
			high = math.Max(high, *p.Value)
		}
	}
	f := newFrame(b.Points, newValueAxis(metric.Count, 0, high), 0)
	var s svg
	s.open(b.ID, "chart-bars", width, f.height(), b.Title, Describe(b.Points, metric.Count, b.Location))
	f.axes(&s, b.Points[0].Grain, b.Location)
	b.draw(&s, f)
	f.slots(&s, b.Points, metric.Count, b.Location)
	return s.close()
}

func (b Bars) draw(s *svg, f frame) {
	solid, hollow, zeros := "", "", ""
	for _, p := range b.Points {
		if p.Value == nil {
			continue
		}
		x0, x1 := f.x(p.Start), f.x(p.End)
		gap := math.Min((x1-x0)*0.15, 6)
		x0, x1 = x0+gap, x1-gap
		switch box := at("M", x0, f.bottom) + "V" + num(f.y(*p.Value)) + "H" + num(x1) + "V" + num(f.bottom); {
		case *p.Value == 0:
			zeros += at("M", x0, f.bottom) + "H" + num(x1)
		case p.Quality == metric.Partial:
			hollow += box + "Z"
		default:
			solid += box + "Z"
		}
	}
	s.fill("bar", solid, `fill-opacity=".7"`)
	s.stroke("bar-hollow", hollow, `stroke-width="1.5" stroke-dasharray="3 3"`)
	s.stroke("bar-zero", zeros, `stroke-width="3"`)
}
