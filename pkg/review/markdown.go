package review

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
)

// Markdown writes the review as CommonMark with tables. What came from outside is
// escaped: it is text, never markup.
func Markdown(w io.Writer, r Review) error {
	m := &markdown{}
	m.line("# Weekly review %s%s", r.Week, suffix(" · ", r.Organisation))
	m.line("%s. Numbers as known on %s, from data until %s.", r.Days, r.AsOf, r.KnownTo)
	if r.Running {
		m.line("**This week is not over: its numbers are partial, and nothing is compared.**")
	}
	if r.Partial {
		m.line("**Some numbers of this week are only partly known yet: they are marked partial and not compared, and are judged in the review of the week after.**")
	}
	m.line("## Signals")
	m.line("%s", r.Judgement)
	for i, s := range r.Signals {
		m.signal(i+1, s)
	}
	m.line("## What happened")
	m.list(r.Happened)
	for _, s := range r.Sections {
		m.section(s)
	}
	m.line("---")
	m.line("Intervals are 95 %%. Partial weeks and months, and the month, quarter and year to date, are labelled and never compared. n is how many facts a number rests on; a missing value is shown as –, never as 0. Teams and services stand in the order of their names.")
	_, err := w.Write(m.b.Bytes())
	return err
}

type markdown struct{ b bytes.Buffer }

// line writes a block; arguments are escaped, the format is not.
func (m *markdown) line(format string, args ...any) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = escape(s)
		}
	}
	if m.b.Len() > 0 {
		m.b.WriteByte('\n')
	}
	fmt.Fprintf(&m.b, format+"\n", args...)
}

var escaper = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "<", `\<`, ">", `\>`, "|", `\|`, "#", `\#`, "&", `\&`, "~", `\~`,
	"\n", " ", "\r", " ")

func escape(s string) string { return escaper.Replace(s) }

func suffix(sep, s string) string {
	if s == "" {
		return ""
	}
	return sep + s
}

func (m *markdown) list(items []string) {
	if len(items) > 0 {
		m.b.WriteByte('\n')
	}
	for _, i := range items {
		m.b.WriteString("- " + escape(i) + "\n")
	}
}

func (m *markdown) signal(rank int, s Signal) {
	m.line("### %d. %s of %s: %s", rank, s.Title, s.Subject, s.Value)
	m.line("%s. %s%s %s", s.Evidence, s.Says, suffix(" ", s.Better), s.Chance)
	items := beside(s.Beside)
	for _, h := range s.Happened {
		items = append(items, "That week: "+h)
	}
	m.list(items)
}

func beside(bs []behaviour.Beside) []string {
	var out []string
	for _, b := range bs {
		out = append(out, "Read with "+b.Title+": "+b.Text)
	}
	return out
}

func (m *markdown) section(s Section) {
	m.line("## %s", s.Title)
	for _, f := range s.Figures {
		m.line("### %s: %s", f.Title, f.Value)
		evidence := ""
		if f.Evidence != "" {
			evidence = f.Evidence + ". "
		}
		m.line("%s %s%s", f.Question, evidence, f.Verdict)
		m.list(beside(f.Beside))
		for _, rows := range [][]Row{f.Weeks, f.Months, f.ToDate} {
			m.table([]string{"Period", "Value", "95 % interval", "n " + f.Facts, "Quality"}, len(rows), func(i int) []string {
				r := rows[i]
				return []string{r.Period, r.Value, r.Interval, fmt.Sprint(r.N), r.Quality}
			})
		}
	}
	for _, l := range s.Levels {
		m.line("### %s", l.Title)
		if l.Note != "" {
			m.line("%s", l.Note)
			continue
		}
		m.table(append([]string{""}, l.Columns...), len(l.Rows), func(i int) []string {
			cells := []string{l.Rows[i].Name}
			for _, c := range l.Rows[i].Cells {
				text := c.Value
				if c.Evidence != "" {
					text += " (" + c.Evidence + ")"
				}
				cells = append(cells, text+suffix(", ", c.Note))
			}
			return cells
		})
	}
}

func (m *markdown) table(head []string, n int, row func(int) []string) {
	m.b.WriteByte('\n')
	write := func(cells []string) {
		for _, c := range cells {
			m.b.WriteString("| " + escape(c) + " ")
		}
		m.b.WriteString("|\n")
	}
	write(head)
	m.b.WriteString(strings.Repeat("|---", len(head)) + "|\n")
	for i := range n {
		write(row(i))
	}
}
