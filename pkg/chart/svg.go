package chart

import (
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Sizes in units of the view box.
const (
	width    = 400.0
	textSize = 15.0 // of all labels, see the package comment
	lineGap  = 18.0 // from one line of text to the next
	edge     = 8.0  // kept free at the right
)

// svg collects one drawing. All text that enters it is escaped.
type svg struct{ b strings.Builder }

// open begins the drawing; id makes the ids of title and description.
func (s *svg) open(id, class string, w, h float64, title, desc string) {
	id = html.EscapeString(id)
	s.b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" class="chart ` + class + `" viewBox="0 0 ` + num(w) + ` ` + num(h) +
		`" width="100%" fill="none" role="img" aria-labelledby="` + id + `-title ` + id + `-desc">` + "\n")
	s.b.WriteString(`<title id="` + id + `-title">` + html.EscapeString(title) + "</title>\n")
	s.b.WriteString(`<desc id="` + id + `-desc">` + html.EscapeString(desc) + "</desc>\n")
}

func (s *svg) close() template.HTML {
	s.b.WriteString("</svg>\n")
	return template.HTML(s.b.String())
}

// stroke draws an open path of constant width; attributes are the look without a
// stylesheet. An empty path draws nothing.
func (s *svg) stroke(class, d, attributes string) {
	if d == "" {
		return
	}
	s.b.WriteString(`<path class="` + class + `" d="` + d + `" stroke="currentColor" vector-effect="non-scaling-stroke"` + space(attributes) + "/>\n")
}

// fill draws a closed path.
func (s *svg) fill(class, d, attributes string) {
	if d == "" {
		return
	}
	s.b.WriteString(`<path class="` + class + `" d="` + d + `" fill="currentColor"` + space(attributes) + "/>\n")
}

func space(s string) string {
	if s == "" {
		return ""
	}
	return " " + s
}

func (s *svg) text(class string, x, y float64, anchor, text string) {
	a := ""
	if anchor != "start" {
		a = ` text-anchor="` + anchor + `"`
	}
	s.b.WriteString(`<text class="` + class + `" x="` + num(x) + `" y="` + num(y) + `"` + a + ` font-size="` + num(textSize) + `" fill="currentColor">` +
		html.EscapeString(text) + "</text>\n")
}

// slot is an unseen area that tells its text to a pointer resting on it; it
// stands in a group that takes pointers.
func (s *svg) slot(x0, x1, y0, y1 float64, text string) {
	s.b.WriteString(`<path d="` + at("M", x0, y0) + "H" + num(x1) + "V" + num(y1) + "H" + num(x0) + `z"><title>` + html.EscapeString(text) + "</title></path>\n")
}

// num writes a coordinate with at most one decimal.
func num(v float64) string {
	v = math.Round(v*10) / 10
	if v == 0 {
		v = 0 // not -0
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// at writes a path command with its point.
func at(command string, x, y float64) string { return command + num(x) + " " + num(y) }

// dot is a subpath of no length: a round cap makes it a dot of constant size.
func dot(x, y float64) string { return at("M", x, y) + "h0" }

// textWidth is a generous estimate of the width of a label.
func textWidth(s string) float64 { return float64(utf8.RuneCountInString(s)) * textSize * 0.58 }
