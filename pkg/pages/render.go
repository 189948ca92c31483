package pages

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/url"
)

//go:embed templates/*.html
var templateFiles embed.FS

// templates are the pages, each with the layout and the shared parts.
var templates = func() map[string]*template.Template {
	out := make(map[string]*template.Template)
	shared := template.Must(template.ParseFS(templateFiles, "templates/layout.html", "templates/parts.html"))
	for _, name := range []string{"start", "service", "team", "teams", "change", "health", "catalogue", "metric", "error"} {
		out[name] = template.Must(template.Must(shared.Clone()).ParseFS(templateFiles, "templates/"+name+".html"))
	}
	return out
}()

// A layout is what every page has around its content.
type layout struct {
	Title        string // of the page; the layout adds whose it is
	Organisation string
	Here         string // "overview", "teams", "health", "catalogue" or ""
	Style, Icon  string // addresses
	Reviewed     bool   // there are reviews
}

func (p *pages) layout(title, here string) layout {
	return layout{Title: title, Organisation: p.Organisation, Here: here, Style: "/static/" + styleName, Icon: "/static/" + iconName, Reviewed: p.Reviews != nil}
}

func (p *pages) render(name string, data any) (answer, error) {
	var b bytes.Buffer
	if err := templates[name].ExecuteTemplate(&b, "layout", data); err != nil {
		return answer{}, fmt.Errorf("rendering %s: %w", name, err)
	}
	return answer{contentType: "text/html; charset=utf-8", body: b.Bytes()}, nil
}

func (p *pages) errorPage(e *problem) (answer, error) {
	return p.render("error", struct {
		layout
		Sentence string
		Links    []link
	}{p.layout(e.title, ""), e.sentence, e.links})
}

// A link is a text that leads somewhere.
type link struct{ Text, Href string }

func linksTo(under string, names []string) []link {
	var out []link
	for _, n := range names {
		out = append(out, link{n, under + url.PathEscape(n)})
	}
	return out
}
