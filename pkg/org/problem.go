package org

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Place is a line of a file.
type Place struct {
	File string
	Line int
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// A Problem is what is wrong at a place, and what to change there.
type Problem struct {
	At   Place
	Text string
}

// Problems are all that is wrong with an organisation's files.
type Problems []Problem

// shown bounds how many problems an error lists.
const shown = 20

// Error lists the problems by file and line.
func (p Problems) Error() string {
	var b strings.Builder
	for i, x := range p {
		if i == shown {
			fmt.Fprintf(&b, "and %d more\n", len(p)-i)
			break
		}
		fmt.Fprintf(&b, "%s: %s\n", x.At, x.Text)
	}
	b.WriteString("nothing was taken; correct these lines and import again")
	return b.String()
}

func (p *Problems) add(at Place, format string, args ...any) {
	*p = append(*p, Problem{at, fmt.Sprintf(format, args...)})
}

// err is the problems in the order of the files, each once; nil for none.
func (p Problems) err() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.At.File, b.At.File), cmp.Compare(a.At.Line, b.At.Line))
	})
	return slices.Compact(p)
}
