package estimatecmd

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"

	"github.com/payoff-metrics/payoff/pkg/impact"
)

// The picture: two panels, one above the other, in user units.
const (
	svgWidth   = 760
	panelTall  = 260
	marginLeft = 80
	marginEdge = 24
	marginTop  = 48
	panelGap   = 64
)

// A scale maps data to user units.
type scale struct{ from, to, low, high float64 }

func (s scale) at(v float64) float64 {
	if s.to == s.from {
		return (s.low + s.high) / 2
	}
	return s.low + (v-s.from)/(s.to-s.from)*(s.high-s.low)
}

// renderSVG draws the event study and, beneath it, the treated mean against what
// it would have been. Title and description say the same in words.
func renderSVG(r *impact.Result, outcome string) []byte {
	var b bytes.Buffer
	panels := 0
	if len(r.EventStudy) > 0 {
		panels++
	}
	if len(r.Path) > 0 {
		panels++
	}
	height := marginTop + panels*(panelTall+panelGap)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title desc" font-family="sans-serif" font-size="12">`+"\n", svgWidth, height)
	fmt.Fprintf(&b, "<title id=\"title\">%s</title>\n", escape("Effect on "+outcome+" by "+string(r.Method)))
	fmt.Fprintf(&b, "<desc id=\"desc\">%s</desc>\n", escape(describe(r)))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", svgWidth, height)
	top := float64(marginTop)
	if len(r.EventStudy) > 0 {
		drawEvents(&b, r, outcome, top)
		top += panelTall + panelGap
	}
	if len(r.Path) > 0 {
		drawPath(&b, r, outcome, top)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func escape(s string) string {
	var b bytes.Buffer
	// A bytes.Buffer takes every write.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// describe tells in words what the picture shows.
func describe(r *impact.Result) string {
	s := sentence(r)
	for _, e := range r.EventStudy {
		s += fmt.Sprintf(" %d: %s", e.Event, short(e.ATT))
		if !math.IsNaN(e.Low) {
			s += fmt.Sprintf(" (%s to %s)", short(e.Low), short(e.High))
		}
		s += ";"
	}
	return s
}

// span is the range of values, never empty, with a twentieth to spare.
func span(values ...float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			low, high = min(low, v), max(high, v)
		}
	}
	if low > high {
		low, high = 0, 0
	}
	pad := (high - low) / 20
	if pad == 0 {
		pad = max(math.Abs(high)/20, 1e-9)
	}
	return low - pad, high + pad
}

func drawEvents(b *bytes.Buffer, r *impact.Result, outcome string, top float64) {
	values := []float64{0}
	for _, e := range r.EventStudy {
		values = append(values, e.ATT, e.Low, e.High)
	}
	low, high := span(values...)
	n := len(r.EventStudy)
	x := scale{float64(r.EventStudy[0].Event) - 0.5, float64(r.EventStudy[n-1].Event) + 0.5, marginLeft, svgWidth - marginEdge}
	y := scale{low, high, top + panelTall, top}
	heading := "Effect on " + outcome + " by periods since treatment"
	if r.BandKind != "" {
		heading += fmt.Sprintf(", with %s %.0f %% band", r.BandKind, 100*r.Level)
	}
	frame(b, heading, y, top)
	line(b, x.low, y.at(0), x.high, y.at(0), "#888", "4 3")
	line(b, x.at(-0.5), top, x.at(-0.5), top+panelTall, "#888", "4 3")
	step := max(1, (r.EventStudy[n-1].Event-r.EventStudy[0].Event)/15)
	for _, e := range r.EventStudy {
		cx := x.at(float64(e.Event))
		colour := "#0b5cad"
		if e.Event < 0 {
			colour = "#6b6b6b"
		}
		if !math.IsNaN(e.Low) && !math.IsInf(e.Low, 0) {
			line(b, cx, y.at(e.Low), cx, y.at(e.High), colour, "")
		}
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"><title>%d: %s</title></circle>`+"\n", cx, y.at(e.ATT), colour, e.Event, short(e.ATT))
		if e.Event%step == 0 {
			text(b, cx, top+panelTall+16, "middle", fmt.Sprint(e.Event))
		}
	}
}

func drawPath(b *bytes.Buffer, r *impact.Result, outcome string, top float64) {
	var values []float64
	for _, p := range r.Path {
		values = append(values, p.Treated, p.Counterfactual)
	}
	low, high := span(values...)
	n := len(r.Path)
	x := scale{float64(r.Path[0].Time), float64(r.Path[n-1].Time), marginLeft, svgWidth - marginEdge}
	y := scale{low, high, top + panelTall, top}
	frame(b, outcome+" of the largest treated cohort (solid) and what it would have been (dashed)", y, top)
	polyline(b, r.Path, x, y, func(p impact.Path) float64 { return p.Counterfactual }, "#b3541e", "6 4")
	polyline(b, r.Path, x, y, func(p impact.Path) float64 { return p.Treated }, "#0b5cad", "")
	step := max(1, n/8)
	for i, p := range r.Path {
		if i%step == 0 {
			text(b, x.at(float64(p.Time)), top+panelTall+16, "middle", r.Panel.Label(p.Time))
		}
	}
}

func frame(b *bytes.Buffer, heading string, y scale, top float64) {
	text(b, marginLeft, top-12, "start", heading)
	for _, v := range ticks(y.from, y.to) {
		line(b, marginLeft, y.at(v), svgWidth-marginEdge, y.at(v), "#e4e4e4", "")
		text(b, marginLeft-8, y.at(v)+4, "end", fmt.Sprintf("%.6g", v))
	}
}

// ticks returns three to seven round numbers in the range.
func ticks(low, high float64) []float64 {
	unit := math.Pow(10, math.Floor(math.Log10(high-low)))
	step := unit / 5
	for _, m := range []float64{0.5, 1, 2} {
		if (high-low)/step > 7 {
			step = unit * m
		}
	}
	var out []float64
	for k := math.Ceil(low / step); k*step <= high; k++ {
		out = append(out, k*step)
	}
	return out
}

func line(b *bytes.Buffer, x1, y1, x2, y2 float64, colour, dash string) {
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"`, x1, y1, x2, y2, colour)
	if dash != "" {
		fmt.Fprintf(b, ` stroke-dasharray="%s"`, dash)
	}
	b.WriteString("/>\n")
}

func polyline(b *bytes.Buffer, ps []impact.Path, x, y scale, value func(impact.Path) float64, colour, dash string) {
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" stroke-dasharray="%s" points="`, colour, dash)
	for _, p := range ps {
		fmt.Fprintf(b, "%.1f,%.1f ", x.at(float64(p.Time)), y.at(value(p)))
	}
	b.WriteString("\"/>\n")
}

func text(b *bytes.Buffer, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s" fill="#222">%s</text>`+"\n", x, y, anchor, escape(s))
}
