package org

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"path"
	"slices"
	"strings"
)

// csv reads one section, named as the file is. The first line names the fields;
// lists have ; between their values.
func (r *reader) csv(name string, b []byte) {
	s, ok := sectionNamed(strings.TrimSuffix(path.Base(name), ".csv"))
	if !ok {
		r.problems.add(Place{File: name}, "is not named after a section; name it <section>.csv, with one of %s", sectionNames())
		return
	}
	c := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))
	c.TrimLeadingSpace = true
	var header []string
	for {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			r.problems.add(Place{name, parse.Line}, "is not CSV: %s", parse.Err)
			return
		}
		if err != nil {
			r.problems.add(Place{File: name}, "is not CSV: %s", err)
			return
		}
		line, _ := c.FieldPos(0)
		at := Place{name, line}
		if header == nil {
			if header = record; !r.csvHeader(s, at, header) {
				return
			}
			continue
		}
		r.add(s, at, csvCells(at, header, record))
	}
}

func (r *reader) csvHeader(s section, at Place, header []string) bool {
	before := len(r.problems)
	for i := range header {
		header[i] = strings.TrimSpace(header[i])
		if !slices.Contains(s.fields(), header[i]) {
			r.problems.add(at, "%s have no field %q; the fields are %s", s.name, header[i], strings.Join(s.fields(), ", "))
		}
	}
	return len(r.problems) == before
}

func csvCells(at Place, header, record []string) []cell {
	var cells []cell
	for i, v := range record {
		values := []string{v}
		if slices.Contains(lists, header[i]) {
			values = strings.Split(v, ";")
		}
		for j := range values {
			values[j] = strings.TrimSpace(values[j])
		}
		values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
		cells = append(cells, cell{header[i], values, at})
	}
	return cells
}
