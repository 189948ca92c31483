package export

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

func TestTable(t *testing.T) {
	s := storetest.Open(t)
	dir := t.TempDir()
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	labels := []string{"=cmd()", "-1.5", "plain", "+x"}
	err := s.Insert(t.Context(), "payoff.calendar", []string{"grain", "window_start", "window_end", "label"}, len(labels), func(i int) []any {
		return []any{"day", at.AddDate(0, 0, i), at.AddDate(0, 0, i+1), labels[i]}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{Parquet, Arrow, CSV} {
		t.Run(format, func(t *testing.T) {
			f, err := Table(t.Context(), s, dir, "calendar", format, "")
			if err != nil {
				t.Fatal(err)
			}
			if f.Rows != int64(len(labels)) || f.SHA256 == "" || len(f.Columns) != 4 {
				t.Errorf("the manifest says %+v", f)
			}
			rows, comment := readBack(t, filepath.Join(dir, f.File), format)
			if rows != len(labels) {
				t.Errorf("%d rows are in the file, want %d", rows, len(labels))
			}
			if format != CSV && !strings.Contains(comment, "week (Monday first)") {
				t.Errorf("the schema does not say what grain means: %q", comment)
			}
		})
	}
	t.Run("unknown table", func(t *testing.T) {
		if _, err := Table(t.Context(), s, dir, "nothing", CSV, ""); err == nil || !strings.Contains(err.Error(), "SHOW TABLES") {
			t.Errorf("error = %v", err)
		}
	})
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("half files are left: %v %v", left, err)
	}
}

func readBack(t *testing.T, name, format string) (rows int, comment string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	switch format {
	case CSV:
		all, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{"'=cmd()": true, "-1.5": true, "plain": true, "'+x": true}
		for _, r := range all[1:] {
			if !want[r[3]] {
				t.Errorf("cell %q", r[3])
			}
		}
		return len(all) - 1, ""
	case Arrow:
		r, err := ipc.NewFileReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for i := range r.NumRecords() {
			rec, err := r.Record(i)
			if err != nil {
				t.Fatal(err)
			}
			rows += int(rec.NumRows())
		}
		comment, _ = r.Schema().Field(0).Metadata.GetValue("comment")
	default:
		p, err := file.NewParquetReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		r, err := pqarrow.NewFileReader(p, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		schema, err := r.Schema()
		if err != nil {
			t.Fatal(err)
		}
		comment, _ = schema.Field(0).Metadata.GetValue("comment")
		rows = int(p.NumRows())
	}
	return rows, comment
}
