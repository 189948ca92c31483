package panelfile

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"
	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/impact"
)

var columns = Columns{Unit: "unit", Time: "time", FirstTreated: "first", Outcome: "y"}

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, text string
		columns    Columns
		want       []impact.Row
		dates      bool
	}{
		{"integers and every word for never", "unit,time,first,y\na,1,,1.5\nb,1,NA,2\nc,1,0,3\nd,1,inf,4\ne,1,2.0,5\n", columns, []impact.Row{
			{Line: 2, Unit: "a", Time: 1, Never: true, Outcome: 1.5}, {Line: 3, Unit: "b", Time: 1, Never: true, Outcome: 2},
			{Line: 4, Unit: "c", Time: 1, Never: true, Outcome: 3}, {Line: 5, Unit: "d", Time: 1, Never: true, Outcome: 4},
			{Line: 6, Unit: "e", Time: 1, First: 2, Outcome: 5},
		}, false},
		{"dates, weeks and midnights", "unit,time,first,y\na,2026-11-16,2026-W48,1\na,2026-11-17T00:00:00Z,2026-11-23 00:00:00,1\n", columns, []impact.Row{
			{Line: 2, Unit: "a", Time: 20773, First: 20780, Outcome: 1}, {Line: 3, Unit: "a", Time: 20774, First: 20780, Outcome: 1},
		}, true},
		{"order of columns, quotes, byte order mark, line breaks in cells", "\ufeffy,\"unit\", time ,first\r\n1,\"a\nb\",1,0\r\n2,c,1,0\r\n", columns, []impact.Row{
			{Line: 2, Unit: "a\nb", Time: 1, Never: true, Outcome: 1}, {Line: 4, Unit: "c", Time: 1, Never: true, Outcome: 2},
		}, false},
		{"semicolons, cluster, exposure and covariates", "unit;time;first;y;org;n;x1;x2\na;1;0;1;west;10;0.5;7\n",
			Columns{Unit: "unit", Time: "time", FirstTreated: "first", Outcome: "y", Cluster: "org", Offset: "n", Covariates: []string{"x2", "x1"}},
			[]impact.Row{{Line: 2, Unit: "a", Time: 1, Never: true, Outcome: 1, Cluster: "west", Offset: 10, Covariates: []float64{7, 0.5}}}, false},
	} {
		got, err := ReadCSV(strings.NewReader(c.text), c.columns)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got.Rows); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if got.Options.Dates != c.dates {
			t.Errorf("%s: dates %v, want %v", c.name, got.Options.Dates, c.dates)
		}
	}
}

func TestReadCSVRefuses(t *testing.T) {
	with := func(extra string) Columns {
		c := columns
		c.Cluster = extra
		return c
	}
	for _, c := range []struct {
		name, text string
		columns    Columns
		want       []string
	}{
		{"empty file", "", columns, []string{"empty", "first line"}},
		{"missing column", "unit,time,y\n", columns, []string{`no column "first"`, "unit, time, y"}},
		{"two columns of one name", "unit,time,first,y,y\n", columns, []string{`two columns "y"`}},
		{"text in a number", "unit,time,first,y\na,1,0,1\na,2,0,many\n", columns, []string{"line 3", `column "y"`, `"many" is not a number`}},
		{"missing outcome", "unit,time,first,y\na,1,0,\n", columns, []string{"line 2", "missing"}},
		{"not a number", "unit,time,first,y\na,1,0,NaN\n", columns, []string{"line 2", `"NaN" is not a number`}},
		{"infinite", "unit,time,first,y\na,1,0,1e999\n", columns, []string{"line 2", `"1e999" is not a number`}},
		{"empty unit", "unit,time,first,y\n ,1,0,1\n", columns, []string{"line 2", "unit is empty"}},
		{"mixed times", "unit,time,first,y\na,1,0,1\na,2026-11-16,0,1\n", columns, []string{"line 3", "all integers or all dates", "line 2 has an integer"}},
		{"mixed first treated", "unit,time,first,y\na,2026-11-16,2026,1\n", columns, []string{"line 2", `column "first"`, "all integers or all dates"}},
		{"fraction of a time", "unit,time,first,y\na,1.5,0,1\n", columns, []string{"line 2", "not a whole number"}},
		{"hours", "unit,time,first,y\na,2026-11-16T09:00:00Z,0,1\n", columns, []string{"line 2", "not midnight"}},
		{"no such week", "unit,time,first,y\na,2026-W54,0,1\n", columns, []string{"line 2", "neither an integer nor a date"}},
		{"before time", "unit,time,first,y\na,1,-inf,1\n", columns, []string{"line 2", `column "first"`}},
		{"short record", "unit,time,first,y\na,1,0\n", columns, []string{"line 2", "wrong number of fields"}},
		{"bare quote", "unit,time,first,y\na\"b,1,0,1\n", columns, []string{"line 2", "quote"}},
		{"empty cluster", "unit,time,first,y,c\na,1,0,1,\n", with("c"), []string{"line 2", "cluster is empty"}},
	} {
		_, err := ReadCSV(strings.NewReader(c.text), c.columns)
		if !errors.Is(err, impact.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", c.name, err)
			continue
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %q does not say %q", c.name, err, w)
			}
		}
	}
}

// writeParquet returns a small panel in Parquet's own types.
func writeParquet(t testing.TB) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "unit", Type: arrow.BinaryTypes.String},
		{Name: "time", Type: arrow.FixedWidthTypes.Date32},
		{Name: "first", Type: &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}, Nullable: true},
		{Name: "y", Type: arrow.PrimitiveTypes.Float64},
		{Name: "count", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	day := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	for i, unit := range []string{"a", "a", "b", "b"} {
		b.Field(0).(*array.StringBuilder).Append(unit)
		b.Field(1).(*array.Date32Builder).Append(arrow.Date32FromTime(day.AddDate(0, 0, 7*(i%2))))
		if unit == "a" {
			b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(day.AddDate(0, 0, 7).UnixMilli()))
		} else {
			b.Field(2).(*array.TimestampBuilder).AppendNull()
		}
		b.Field(3).(*array.Float64Builder).Append(float64(i) + 0.1)
		b.Field(4).(*array.Int64Builder).Append(int64(i))
	}
	rec := b.NewRecord()
	defer rec.Release()
	table := array.NewTableFromRecords(schema, []arrow.Record{rec})
	defer table.Release()
	var buf bytes.Buffer
	if err := pqarrow.WriteTable(table, &buf, 2, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func TestReadParquet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "panel.bin")
	if err := os.WriteFile(path, writeParquet(t), 0o644); err != nil {
		t.Fatal(err)
	}
	c := columns
	c.Covariates = []string{"count"}
	got, err := Read(t.Context(), path, c)
	if err != nil {
		t.Fatal(err)
	}
	want := []impact.Row{
		{Line: 1, Unit: "a", Time: 20773, First: 20780, Outcome: 0.1, Covariates: []float64{0}},
		{Line: 2, Unit: "a", Time: 20780, First: 20780, Outcome: 1.1, Covariates: []float64{1}},
		{Line: 3, Unit: "b", Time: 20773, Never: true, Outcome: 2.1, Covariates: []float64{2}},
		{Line: 4, Unit: "b", Time: 20780, Never: true, Outcome: 3.1, Covariates: []float64{3}},
	}
	if diff := cmp.Diff(want, got.Rows); diff != "" {
		t.Error(diff)
	}
	c.Outcome = "unit"
	if _, err := Read(t.Context(), path, c); err == nil || !strings.Contains(err.Error(), `row 1: column "unit"`) {
		t.Errorf("text as outcome: %v, want the row and the column", err)
	}
}

// TestBrokenParquet changes bytes of a good file. Whatever comes, it comes back.
func TestBrokenParquet(t *testing.T) {
	good := writeParquet(t)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 400 {
		b := slices.Clone(good)
		for range 1 + rng.IntN(4) {
			b[rng.IntN(len(b))] = byte(rng.IntN(256))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		f, err := ReadParquet(ctx, bytes.NewReader(b), columns)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			continue
		}
		check(t, f, err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if _, err := ReadParquet(cancelled, bytes.NewReader(good), columns); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("with an ended context: %v", err)
		}
	}
}

func TestReadMissingFile(t *testing.T) {
	if _, err := Read(t.Context(), filepath.Join(t.TempDir(), "none.csv"), columns); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}

// check holds what every input must do: an error of the right class, or rows
// that NewPanel takes or refuses without panic.
func check(t *testing.T, f *File, err error) {
	if err != nil {
		if !errors.Is(err, impact.ErrInvalid) {
			t.Errorf("error of no class: %v", err)
		}
		return
	}
	if p, err := impact.NewPanel(f.Rows, f.Options); err == nil {
		if len(p.Y) != len(p.Units) || len(p.Cohort) != len(p.Units) {
			t.Errorf("%d units, %d outcomes, %d cohorts", len(p.Units), len(p.Y), len(p.Cohort))
		}
	} else if !errors.Is(err, impact.ErrInvalid) {
		t.Errorf("error of no class: %v", err)
	}
}

func FuzzReadCSV(f *testing.F) {
	for _, s := range []string{
		"unit,time,first,y\na,1,2,1\na,2,2,3\nb,1,0,1\nb,2,,1\n",
		"unit\ttime\tfirst\ty\na\t2026-11-16\t2026-W48\t1e300\n",
		"\ufeffunit;time;first;y\n\"a\nb\";-9223372036854775808;inf;NaN\n",
		"unit,time,first,y\na,4503599627370496,-4503599627370496,0x1p-2\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := ReadCSV(bytes.NewReader(data), columns)
		check(t, file, err)
	})
}

func FuzzReadParquet(f *testing.F) {
	good := writeParquet(f)
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		file, err := ReadParquet(ctx, bytes.NewReader(data), columns)
		if errors.Is(err, context.DeadlineExceeded) {
			return // known: the library never returns on some broken files
		}
		check(t, file, err)
	})
}
