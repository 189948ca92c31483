package chart

import (
	"math"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// A frame is the plot area and its two scales.
type frame struct {
	left, right, top, bottom float64
	from, to                 time.Time
	axis                     valueAxis
}

const (
	plotHeight  = 132.0
	topSpace    = 26.0 // for the caption of the value axis
	captionLine = 12.0 // where it stands
	mostLabels  = 6    // on the date axis
)

// newFrame leaves room for the labels of the axis, and for rows of mark labels.
func newFrame(ps []metric.Point, a valueAxis, markRows int) frame {
	widest := 0.0
	for _, l := range a.labels {
		widest = math.Max(widest, textWidth(l))
	}
	top := topSpace + float64(markRows)*lineGap
	return frame{left: math.Ceil(widest) + 8, right: width - edge, top: top, bottom: top + plotHeight,
		from: ps[0].Start, to: ps[len(ps)-1].End, axis: a}
}

// height is that of the whole drawing, two lines of dates included.
func (f frame) height() float64 { return f.bottom + 6 + 2*lineGap }

func (f frame) x(t time.Time) float64 {
	share := float64(t.Sub(f.from)) / float64(f.to.Sub(f.from))
	return f.left + share*(f.right-f.left)
}

// y keeps to the plot area: an interval that leaves it ends at its edge.
func (f frame) y(v float64) float64 {
	share := (v - f.axis.low) / (f.axis.high - f.axis.low)
	return f.bottom - math.Max(0, math.Min(1, share))*(f.bottom-f.top)
}

// middle of a point's window.
func (f frame) middle(p metric.Point) float64 {
	return (f.x(p.Start) + f.x(p.End)) / 2
}

// axes draws grid, labels and dates.
func (f frame) axes(s *svg, g metric.Grain, loc *time.Location) {
	grid := ""
	for i, v := range f.axis.ticks {
		y := f.y(v)
		if v != 0 {
			grid += at("M", f.left, y) + "H" + num(f.right)
		}
		s.text("label", f.left-8, y+5, "end", f.axis.labels[i])
	}
	s.stroke("grid", grid, `stroke-opacity=".15"`)
	s.stroke("base", at("M", f.left, f.y(0))+"H"+num(f.right), `stroke-opacity=".5"`)
	s.text("caption", 0, captionLine, "start", f.axis.caption)
	f.dates(s, g, loc)
}

func (f frame) dates(s *svg, g metric.Grain, loc *time.Location) {
	ticks := ""
	for _, t := range dateTicks(g, f.from, f.to, loc, mostLabels) {
		x, anchor, wide := f.x(t.at), "middle", textWidth(t.label)/2
		if t.boundary {
			ticks += at("M", x, f.bottom) + "v" + num(lineGap)
			x, anchor, wide = x+4, "start", textWidth(t.label)
		}
		if x+wide > width {
			continue
		}
		s.text("label", x, f.bottom+lineGap, anchor, t.label)
		if t.year != "" {
			s.text("label", x, f.bottom+2*lineGap, anchor, t.year)
		}
	}
	s.stroke("tick", ticks, `stroke-opacity=".5"`)
}

// slots lets a pointer read each window.
func (f frame) slots(s *svg, ps []metric.Point, u metric.Unit, loc *time.Location) {
	s.b.WriteString(`<g class="slots" pointer-events="all">` + "\n")
	for _, p := range ps {
		s.slot(f.x(p.Start), f.x(p.End), f.top, f.bottom, Say(p, u, loc))
	}
	s.b.WriteString("</g>\n")
}
