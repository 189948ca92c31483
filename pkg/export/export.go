// Package export takes tables out of the store into files that other tools read:
// Parquet and Arrow with the tables' own documentation in their schema, or CSV,
// and a manifest that says what each file holds.
//
// It is a reader: it stands behind the points, and asks as the user reader does.
package export

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/compress"
	"github.com/apache/arrow/go/v15/parquet/pqarrow"

	"github.com/payoff-metrics/payoff/pkg/store"
)

// Formats of files.
const (
	Parquet = "parquet"
	Arrow   = "arrow" // IPC file
	CSV     = "csv"   // RFC 4180, with a heading; cells that begin with = + - @ are quoted for spreadsheets
)

// A Column is one column of an exported table.
type Column struct {
	Name    string `ch:"name" json:"name"`
	Type    string `ch:"type" json:"type"` // ClickHouse's
	Comment string `ch:"comment" json:"comment"`
}

// A File is one exported table.
type File struct {
	Table   string   `json:"table"`
	Comment string   `json:"comment"`
	File    string   `json:"file"`
	Format  string   `json:"format"`
	Rows    int64    `json:"rows"`
	Bytes   int64    `json:"bytes"`
	SHA256  string   `json:"sha256"`
	Columns []Column `json:"columns"`
}

// A Manifest says what an export holds.
type Manifest struct {
	Made  time.Time `json:"made"`
	Files []File    `json:"files"`
}

// Write puts the manifest beside the files.
func (m Manifest) Write(dir string) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), append(b, '\n'), 0o644)
}

// Table exports one table of database payoff into dir, as TABLE.FORMAT. A file is
// there whole or not at all. where, if not empty, is a condition on its rows.
func Table(ctx context.Context, s *store.Store, dir, table, format, where string) (File, error) {
	f := File{Table: table, File: table + "." + format, Format: format}
	if err := describe(ctx, s, &f); err != nil {
		return f, err
	}
	tmp, err := os.CreateTemp(dir, "."+f.File+".*")
	if err != nil {
		return f, fmt.Errorf("exporting %s: %w", table, err)
	}
	defer os.Remove(tmp.Name()) // of no effect once it has its name
	if f.Rows, err = write(ctx, s, tmp, f, where); err == nil {
		f.SHA256, f.Bytes, err = sum(tmp)
	}
	if err != nil {
		return f, errors.Join(fmt.Errorf("exporting %s: %w", table, err), tmp.Close())
	}
	if err := errors.Join(tmp.Chmod(0o644), tmp.Close(), os.Rename(tmp.Name(), filepath.Join(dir, f.File))); err != nil {
		return f, fmt.Errorf("exporting %s: %w", table, err)
	}
	return f, nil
}

// sum hashes a file from its beginning.
func sum(f *os.File) (string, int64, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", 0, err
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// describe reads what the table says of itself.
func describe(ctx context.Context, s *store.Store, f *File) error {
	var comments []struct {
		Comment string `ch:"comment"`
	}
	if err := s.Select(ctx, &comments, "SELECT comment FROM system.tables WHERE database = 'payoff' AND name = {table:String}", store.Param("table", f.Table)); err != nil {
		return err
	}
	if len(comments) == 0 {
		return fmt.Errorf("there is no table %q; `payoff sql 'SHOW TABLES'` lists them", f.Table)
	}
	f.Comment = comments[0].Comment
	return s.Select(ctx, &f.Columns, "SELECT name, type, comment FROM system.columns WHERE database = 'payoff' AND table = {table:String} ORDER BY position", store.Param("table", f.Table))
}

// write streams the table's rows to w.
func write(ctx context.Context, s *store.Store, w *os.File, f File, where string) (int64, error) {
	query := "SELECT * FROM payoff.`" + f.Table + "`"
	if where != "" {
		query += " WHERE " + where
	}
	format := "ArrowStream"
	if f.Format == CSV {
		format = "CSVWithNames"
	}
	body, err := s.QueryFormat(ctx, format, query)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	if f.Format == CSV {
		return writeCSV(w, body)
	}
	r, err := ipc.NewReader(body)
	if errors.Is(err, io.EOF) {
		return 0, errors.New("the table is empty, and an empty answer has no schema to write")
	}
	if err != nil {
		return 0, err
	}
	defer r.Release()
	return writeRecords(w, r, f)
}

// documented adds the comments of the table and its columns to the schema.
func documented(schema *arrow.Schema, f File) *arrow.Schema {
	fields := make([]arrow.Field, schema.NumFields())
	for i := range fields {
		fields[i] = schema.Field(i)
		for _, c := range f.Columns {
			if c.Name == fields[i].Name {
				fields[i].Metadata = arrow.NewMetadata([]string{"comment", "clickhouse_type"}, []string{c.Comment, c.Type})
			}
		}
	}
	md := arrow.NewMetadata([]string{"table", "comment"}, []string{f.Table, f.Comment})
	return arrow.NewSchema(fields, &md)
}

// recordWriter is what both writers of records do.
type recordWriter interface {
	Write(arrow.Record) error
	Close() error
}

func writeRecords(w *os.File, r *ipc.Reader, f File) (int64, error) {
	schema := documented(r.Schema(), f)
	var out recordWriter
	var err error
	if f.Format == Arrow {
		out, err = ipc.NewFileWriter(w, ipc.WithSchema(schema), ipc.WithZstd())
	} else {
		props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd))
		// Only a writer: the Parquet writer would close a file.
		out, err = pqarrow.NewFileWriter(schema, struct{ io.Writer }{w}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	}
	if err != nil {
		return 0, err
	}
	var rows int64
	for r.Next() {
		// The same columns under the documented schema.
		rec := r.Record()
		if err := writeRecord(out, schema, rec); err != nil {
			return rows, err
		}
		rows += rec.NumRows()
	}
	return rows, errors.Join(r.Err(), out.Close())
}

// writeCSV guards cells against being taken for formulae by spreadsheets.
func writeCSV(w io.Writer, body io.Reader) (int64, error) {
	in, out := csv.NewReader(body), csv.NewWriter(w)
	in.ReuseRecord = true
	rows := int64(-1) // the heading is none
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			out.Flush()
			return max(rows, 0), out.Error()
		}
		if err != nil {
			return 0, err
		}
		for i, c := range row {
			row[i] = guarded(c)
		}
		if err := out.Write(row); err != nil {
			return 0, err
		}
		rows++
	}
}

// guarded puts an apostrophe before what a spreadsheet would compute; negative
// numbers are left as they are.
func guarded(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return cell
	}
	var number json.Number
	if json.Unmarshal([]byte(cell), &number) == nil && number != "" {
		return cell
	}
	return "'" + cell
}

func writeRecord(out recordWriter, schema *arrow.Schema, rec arrow.Record) error {
	same := array.NewRecord(schema, rec.Columns(), rec.NumRows())
	defer same.Release()
	return out.Write(same)
}
