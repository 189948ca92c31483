// Package panelfile reads panels for pkg/impact from CSV and Parquet files. It
// is the only part of the estimators that does I/O: what it returns are rows,
// which impact.NewPanel checks as a whole.
//
// Cells mean the same in both formats. Units and clusters are names. Times are
// integers or dates (2026-11-16, a midnight timestamp, 2026-11, 2026-W47), all
// of one kind. A first treated time that is empty, NA, 0 or inf is never.
package panelfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/impact"
)

// Columns name the columns of a panel. Cluster, Covariates and Offset may be
// empty.
type Columns struct {
	Unit, Time, FirstTreated, Outcome string
	Cluster                           string
	Covariates                        []string
	Offset                            string // exposure of a count
}

// all lists the columns to read, in the order of a record.
func (c Columns) all() []string {
	names := []string{c.Unit, c.Time, c.FirstTreated, c.Outcome}
	if c.Cluster != "" {
		names = append(names, c.Cluster)
	}
	if c.Offset != "" {
		names = append(names, c.Offset)
	}
	return append(names, c.Covariates...)
}

// A File is what a panel file holds: rows, and how to read them.
type File struct {
	Rows    []impact.Row
	Options impact.PanelOptions
}

// maxFile is the largest file that is read.
const maxFile = 1 << 30

var parquetMagic = []byte("PAR1")

// Read reads the panel in the file at path: Parquet if it starts with PAR1, CSV
// otherwise (tabs or semicolons if the header has them and no comma).
//
// Errors about contents wrap impact.ErrInvalid and name line, column and rule.
// See ReadParquet on ctx.
func Read(ctx context.Context, path string, c Columns) (*File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the panel %s: %w", path, err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%w: %s has %d bytes; a panel has at most %d", impact.ErrInvalid, path, info.Size(), maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the panel %s: %w", path, err)
	}
	f, err := parse(ctx, data, c)
	if err != nil {
		return nil, fmt.Errorf("reading the panel %s: %w", path, err)
	}
	return f, nil
}

func parse(ctx context.Context, data []byte, c Columns) (*File, error) {
	if bytes.HasPrefix(data, parquetMagic) {
		return ReadParquet(ctx, bytes.NewReader(data), c)
	}
	return ReadCSV(bytes.NewReader(data), c)
}

// A reader turns records into rows. The first time it meets decides whether the
// panel has dates or integers.
type reader struct {
	columns Columns
	word    string // what a record's place is called
	kind    kind
	kindAt  int
	rows    []impact.Row
}

type kind int

const (
	unknown kind = iota
	integers
	dates
)

func (k kind) String() string {
	if k == dates {
		return "a date"
	}
	return "an integer"
}

func (r *reader) file() *File {
	return &File{Rows: r.rows, Options: impact.PanelOptions{Dates: r.kind == dates, Covariates: r.columns.Covariates, RowWord: r.word}}
}

// add reads one record, whose cells are in the order of Columns.all.
func (r *reader) add(line int, cells []string) error {
	row := impact.Row{Line: line, Unit: strings.TrimSpace(cells[0])}
	bad := func(column, format string, args ...any) error {
		return fmt.Errorf("%w: %s %d: column %q: %s", impact.ErrInvalid, r.word, line, column, fmt.Sprintf(format, args...))
	}
	if row.Unit == "" {
		return bad(r.columns.Unit, "the unit is empty")
	}
	var err error
	if row.Time, err = r.time(line, cells[1]); err != nil {
		return bad(r.columns.Time, "%v", err)
	}
	if row.First, row.Never, err = r.first(line, cells[2]); err != nil {
		return bad(r.columns.FirstTreated, "%v", err)
	}
	if row.Outcome, err = number(cells[3]); err != nil {
		return bad(r.columns.Outcome, "%v", err)
	}
	rest := cells[4:]
	if r.columns.Cluster != "" {
		if row.Cluster = strings.TrimSpace(rest[0]); row.Cluster == "" {
			return bad(r.columns.Cluster, "the cluster is empty")
		}
		rest = rest[1:]
	}
	if r.columns.Offset != "" {
		if row.Offset, err = number(rest[0]); err != nil || row.Offset <= 0 {
			return bad(r.columns.Offset, "the exposure %q is not a number above 0", rest[0])
		}
		rest = rest[1:]
	}
	for k, s := range rest {
		x, err := number(s)
		if err != nil {
			return bad(r.columns.Covariates[k], "%v", err)
		}
		row.Covariates = append(row.Covariates, x)
	}
	r.rows = append(r.rows, row)
	return nil
}

// time parses a time of the panel and holds it to the kind of the first.
func (r *reader) time(line int, s string) (int64, error) {
	v, k, err := parseTime(s)
	if err != nil {
		return 0, err
	}
	if r.kind == unknown {
		r.kind, r.kindAt = k, line
	}
	if k != r.kind {
		return 0, fmt.Errorf("%q is %v, but %s %d has %v; times are all integers or all dates", s, k, r.word, r.kindAt, r.kind)
	}
	return v, nil
}

// first parses a first treated time; the row's time was read before it.
func (r *reader) first(line int, s string) (v int64, never bool, err error) {
	if isNever(s) {
		return 0, true, nil
	}
	v, err = r.time(line, s)
	return v, false, err
}

func isNever(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "na", "nan", "null", "none", "nil", "never", ".", "inf", "+inf", "infinity":
		return true
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	return err == nil && v == 0
}

// maxTime bounds integer times, so that differences cannot overflow.
const maxTime = 1 << 52

// parseTime reads an integer (2003, or 2003.0 as spreadsheets write it) or a
// date, as days since 1970-01-01.
func parseTime(s string) (int64, kind, error) {
	s = strings.TrimSpace(s)
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		if f != math.Trunc(f) || math.Abs(f) > maxTime {
			return 0, unknown, fmt.Errorf("%q is not a whole number; times are integers or dates", s)
		}
		return int64(f), integers, nil
	}
	if t, ok := isoWeek(s); ok {
		return days(t), dates, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01", time.RFC3339Nano, time.DateTime, "2006-01-02T15:04:05"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if t = t.UTC(); !t.Equal(t.Truncate(24 * time.Hour)) {
			return 0, unknown, fmt.Errorf("%q is not midnight UTC; times are integers or dates", s)
		}
		return days(t), dates, nil
	}
	return 0, unknown, fmt.Errorf("%q is neither an integer nor a date such as 2026-11-16", s)
}

func days(t time.Time) int64 { return int64(math.Floor(float64(t.Unix()) / 86400)) }

// isoWeek reads 2026-W47 as the Monday of that week.
func isoWeek(s string) (time.Time, bool) {
	year, week, ok := strings.Cut(s, "-W")
	y, errY := strconv.Atoi(year)
	w, errW := strconv.Atoi(week)
	if !ok || errY != nil || errW != nil || len(year) != 4 || len(week) != 2 || w < 1 {
		return time.Time{}, false
	}
	jan4 := time.Date(y, 1, 4, 0, 0, 0, 0, time.UTC)
	monday := jan4.AddDate(0, 0, -int(jan4.Weekday()+6)%7+7*(w-1))
	if iy, iw := monday.ISOWeek(); iy != y || iw != w {
		return time.Time{}, false
	}
	return monday, true
}

var errMissing = errors.New("the number is missing; remove the row or fill it in")

// number reads a finite number.
func number(s string) (float64, error) {
	s = strings.TrimSpace(s)
	switch strings.ToLower(s) {
	case "", "na", "null", "none", ".":
		return 0, errMissing
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a number", s)
	}
	return v, nil
}

// indexes finds the wanted columns in a header.
func indexes(header []string, c Columns) ([]int, error) {
	var out []int
	for _, want := range c.all() {
		at := -1
		for i, h := range header {
			if h != want {
				continue
			}
			if at >= 0 {
				return nil, fmt.Errorf("%w: there are two columns %q", impact.ErrInvalid, want)
			}
			at = i
		}
		if at < 0 {
			return nil, fmt.Errorf("%w: there is no column %q; the columns are %s", impact.ErrInvalid, want, strings.Join(header, ", "))
		}
		out = append(out, at)
	}
	return out, nil
}

// readAll reads r up to the limit of a file.
func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%w: more than %d bytes", impact.ErrInvalid, maxFile)
	}
	return data, err
}
