package chart

import (
	"html"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// A Strip is a line the size of a word, from 0 to its greatest value, for tables of
// hundreds: it has no title or description of its own, and its alternative text is
// its values. The stylesheet gives the width and the round caps of its lines: a
// review has more than a thousand.
type Strip struct {
	Name     string         // what the windows are: "6 weeks"
	Unit     metric.Unit    // of the values
	Points   []metric.Point // one per window, in order; a nil Value is a gap
	Location *time.Location // of the calendar
}

const stripWidth, stripHeight = 60.0, 18.0

// SVG draws the strip; nothing when no window has a value. Partial values are
// left out of the line and named in the text.
func (k Strip) SVG() template.HTML {
	said, known := make([]string, len(k.Points)), false
	for i, p := range k.Points {
		said[i] = k.Unit.Format(p.Value)
		known = known || p.Value != nil
		if p.Value == nil {
			said[i] = "no data"
		} else if p.Quality == metric.Partial {
			said[i] += " partial"
		}
	}
	if !known {
		return ""
	}
	line, dots := k.paths()
	label := html.EscapeString(k.Name + " to " + window(k.Points[len(k.Points)-1]).Label(k.Location) + ": " + strings.Join(said, ", "))
	b := strings.Builder{}
	b.WriteString(`<svg class="chart chart-strip" width="` + num(stripWidth) + `" height="` + num(stripHeight) +
		`" fill="none" stroke="currentColor" role="img" aria-label="` + label + `">`)
	if line != "" {
		b.WriteString(`<path class="line" d="` + line + `"/>`)
	}
	if dots != "" {
		b.WriteString(`<path class="dot" stroke-width="4" d="` + dots + `"/>`)
	}
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

func whole(p metric.Point) bool { return p.Value != nil && p.Quality != metric.Partial }

func (k Strip) high() float64 {
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

// paths are the line through complete values, and a dot where one stands alone or
// is the last window's.
func (k Strip) paths() (line, dots string) {
	high := k.high()
	left, bottom := 3.0, stripHeight-3
	step := (stripWidth - 2*left) / float64(max(1, len(k.Points)-1))
	for i, p := range k.Points {
		if !whole(p) {
			continue
		}
		x, y := left+float64(i)*step, bottom-*p.Value/high*(bottom-3)
		before := i > 0 && whole(k.Points[i-1])
		after := i < len(k.Points)-1 && whole(k.Points[i+1])
		switch {
		case before:
			line += at("L", x, y)
		case after:
			line += at("M", x, y)
		}
		if i == len(k.Points)-1 || !before && !after {
			dots += dot(x, y)
		}
	}
	return line, dots
}
