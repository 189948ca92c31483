package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// A table aligns its columns. A heading that begins with > is of a column of
// numbers, aligned to the right.
type table struct {
	w     io.Writer
	right []bool
	rows  [][]string
}

func newTable(w io.Writer, headings ...string) *table {
	t := &table{w: w, right: make([]bool, len(headings))}
	head := make([]string, len(headings))
	for i, h := range headings {
		head[i], t.right[i] = strings.CutPrefix(h, ">")
	}
	t.rows = append(t.rows, head)
	return t
}

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) flush() error {
	width := make([]int, len(t.right))
	for _, r := range t.rows {
		for i, c := range r {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, r := range t.rows {
		var line strings.Builder
		for i, c := range r {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i > 0 {
				line.WriteString("  ")
			}
			if t.right[i] {
				line.WriteString(pad + c)
			} else {
				line.WriteString(c + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(t.w, b.String())
	return err
}

// terminal reports whether w is a terminal: only there bars and colour make sense.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// A progress shows how far long work is, on a terminal, once it has taken a
// moment. Elsewhere it shows nothing.
type progress struct {
	bar   *progressbar.ProgressBar
	out   io.Writer
	what  string
	since time.Time
	now   func() time.Time
}

func (e *env) progress(what string) *progress {
	p := &progress{what: what, now: e.now, since: e.now()}
	if terminal(e.err) && !e.json {
		p.out = e.err
	}
	return p
}

// appearAfter keeps short work free of bars.
const appearAfter = 500 * time.Millisecond

func (p *progress) set(done, total int) {
	if p.out == nil || p.bar == nil && p.now().Sub(p.since) < appearAfter {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(fmt.Sprintf("%-9s", p.what)),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
	if total > 0 {
		p.bar.ChangeMax(total)
	}
	_ = p.bar.Set(done) // a bar that cannot be drawn is no reason to stop
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
