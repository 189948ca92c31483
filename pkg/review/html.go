package review

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

var (
	//go:embed review.html
	reviewHTML string
	//go:embed review.css
	reviewCSS string
)

// The style stands in the document: it is read as mail and from disk. It is part
// of the template's own text, so nothing in it is ever data.
var document = template.Must(template.New("review").Parse(strings.Replace(reviewHTML, "/* style */", reviewCSS, 1)))

// HTML writes the review as one document that needs nothing else: style and
// charts are inside, there is no script.
func HTML(w io.Writer, r Review) error {
	var b bytes.Buffer
	if err := document.Execute(&b, r); err != nil {
		return fmt.Errorf("rendering the review of %s: %w", r.Week, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// bodyTag is where Framed puts its bar.
const bodyTag = "<body>\n"

// A Bar is what a page shows above a review and what is no part of it.
type Bar struct {
	Says           string // "Published on …, unchanged since."
	Other          string // the other way to see it
	OtherHref      string
	Earlier, Later string // weeks; may be empty
}

var bar = template.Must(template.New("bar").Parse(`<nav class="bar" aria-label="Reviews">
<a href="/">Overview</a>{{with .Earlier}} <a href="/review/{{.}}">{{.}}</a>{{end}}{{with .Later}} <a href="/review/{{.}}">{{.}}</a>{{end}}
<span>{{.Says}}{{with .Other}} <a href="{{$.OtherHref}}">{{.}}</a>{{end}}</span>
</nav>
`))

// Framed puts a bar above a rendered review.
func Framed(html []byte, b Bar) ([]byte, error) {
	var nav bytes.Buffer
	if err := bar.Execute(&nav, b); err != nil {
		return nil, fmt.Errorf("rendering the bar of a review: %w", err)
	}
	return bytes.Replace(html, []byte(bodyTag), append([]byte(bodyTag), nav.Bytes()...), 1), nil
}
