package chart

import (
	"cmp"
	"slices"
)

// A placedMark is a mark in a row of its own above the plot.
type placedMark struct {
	Mark
	row  int
	left bool // the label stands to the left of the line
}

// marks gives the marks within the drawn time a row each so that no labels
// overlap, and says how many rows there are. Rows are filled from the top.
func (l Line) marks() (placed []placedMark, rows int) {
	f := newFrame(l.Points, valueAxis{labels: []string{"0000"}}, 0) // for x alone: a wide axis is assumed
	ms := slices.Clone(l.Marks)
	slices.SortStableFunc(ms, func(a, b Mark) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Label, b.Label)) })
	var ends []float64 // of the last label in each row
	for _, m := range ms {
		if m.At.Before(f.from) || !m.At.Before(f.to) {
			continue
		}
		x, w := f.x(m.At), textWidth(m.Label)
		p := placedMark{Mark: m, left: x+w > f.right && x-w > 0}
		begin, end := x, x+w
		if p.left {
			begin, end = x-w, x
		}
		for p.row < len(ends) && ends[p.row] > begin-8 {
			p.row++
		}
		if p.row == len(ends) {
			ends = append(ends, 0)
		}
		ends[p.row] = end
		placed = append(placed, p)
	}
	return placed, len(ends)
}

func (m placedMark) draw(s *svg, f frame) {
	x, y := f.x(m.At), topSpace+float64(m.row)*lineGap
	s.stroke("mark", at("M", x, y-8)+"V"+num(f.bottom), `stroke-opacity=".6" stroke-dasharray="1 3"`)
	if m.left {
		s.text("mark-label", x-4, y+4, "end", m.Label)
		return
	}
	s.text("mark-label", x+4, y+4, "start", m.Label)
}
