package panelfile

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"
	"github.com/apache/arrow/go/v15/parquet/schema"

	"github.com/payoff-metrics/payoff/pkg/impact"
)

// maxRows bounds the rows of a Parquet file, whose size says little of them.
const maxRows = 50_000_000

// ReadParquet reads a panel from Parquet. Rows are numbered from 1.
//
// It returns an error that wraps ctx's when ctx ends first: on some broken
// files the library never returns, and then its goroutine is left behind. It
// reads column chunks itself because the library's readers of whole tables
// panic in goroutines of their own, which nothing could recover.
func ReadParquet(ctx context.Context, src parquet.ReaderAtSeeker, c Columns) (*File, error) {
	type answer struct {
		file *File
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		f, err := readParquet(src, c)
		done <- answer{f, err}
	}()
	select {
	case a := <-done:
		return a.file, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("reading Parquet, which is broken or too large: %w", ctx.Err())
	}
}

func readParquet(src parquet.ReaderAtSeeker, c Columns) (f *File, err error) {
	// The library panics on some broken files.
	defer func() {
		if r := recover(); r != nil {
			f, err = nil, fmt.Errorf("%w: the Parquet file is broken: %v", impact.ErrInvalid, r)
		}
	}()
	size, err := src.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("sizing the Parquet file: %w", err)
	}
	props := parquet.NewReaderProperties(&budget{Allocator: memory.DefaultAllocator, bytes: maxFile + 256*size, calls: 10_000 + size})
	pf, err := file.NewParquetReader(src, file.WithReadProps(props))
	if err != nil {
		return nil, fmt.Errorf("%w: opening the Parquet file: %w", impact.ErrInvalid, err)
	}
	defer pf.Close()
	if n := pf.NumRows(); n < 0 || n > maxRows {
		return nil, fmt.Errorf("%w: the Parquet file has %d rows; a panel has at most %d", impact.ErrInvalid, n, maxRows)
	}
	var header []string
	for i := range pf.MetaData().Schema.NumColumns() {
		header = append(header, pf.MetaData().Schema.Column(i).Path())
	}
	at, err := indexes(header, c)
	if err != nil {
		return nil, err
	}
	rows := int(pf.NumRows())
	columns := make([][]string, len(at))
	for k, i := range at {
		if columns[k], err = readColumn(pf, i, rows); err != nil {
			return nil, fmt.Errorf("%w: reading column %q: %w", impact.ErrInvalid, header[i], err)
		}
	}
	out := reader{columns: c, word: "row"}
	cells := make([]string, len(at))
	for r := range rows {
		for k := range cells {
			cells[k] = columns[k][r]
		}
		if err := out.add(r+1, cells); err != nil {
			return nil, err
		}
	}
	return out.file(), nil
}

// readColumn returns the values of a column as CSV would write them, nulls
// empty.
func readColumn(pf *file.Reader, column, rows int) ([]string, error) {
	var out []string
	for g := range pf.NumRowGroups() {
		chunk, err := pf.RowGroup(g).Column(column)
		if err != nil {
			return nil, err
		}
		if chunk.Descriptor().MaxRepetitionLevel() > 0 || chunk.Descriptor().MaxDefinitionLevel() > 1 {
			return nil, fmt.Errorf("the column is nested; a panel has plain columns")
		}
		if out, err = readChunk(out, chunk, rows); err != nil {
			return nil, err
		}
	}
	if len(out) != rows {
		return nil, fmt.Errorf("%d of %d rows are there", len(out), rows)
	}
	return out, nil
}

func readChunk(out []string, chunk file.ColumnChunkReader, rows int) ([]string, error) {
	whole := func(v int64) string { return strconv.FormatInt(v, 10) }
	switch t := chunk.Descriptor().LogicalType().(type) {
	case schema.DateLogicalType:
		whole = func(v int64) string { return time.Unix(v*86400, 0).UTC().Format(time.DateOnly) }
	case *schema.TimestampLogicalType:
		if whole = timestamp(t); whole == nil {
			return nil, fmt.Errorf("times in %v are not supported", t)
		}
	case *schema.DecimalLogicalType:
		return nil, fmt.Errorf("decimals are not supported; write the column as floating point")
	}
	switch c := chunk.(type) {
	case *file.Int32ColumnChunkReader:
		return drain(out, chunk, rows, c.ReadBatch, func(v int32) string { return whole(int64(v)) })
	case *file.Int64ColumnChunkReader:
		return drain(out, chunk, rows, c.ReadBatch, whole)
	case *file.Float64ColumnChunkReader:
		return drain(out, chunk, rows, c.ReadBatch, func(v float64) string { return decimal(v, 64) })
	case *file.Float32ColumnChunkReader:
		return drain(out, chunk, rows, c.ReadBatch, func(v float32) string { return decimal(float64(v), 32) })
	case *file.BooleanColumnChunkReader:
		return drain(out, chunk, rows, c.ReadBatch, func(v bool) string { return map[bool]string{false: "0", true: "1"}[v] })
	case *file.ByteArrayColumnChunkReader:
		return drain(out, chunk, rows, c.ReadBatch, func(v parquet.ByteArray) string { return string(v) })
	}
	return nil, fmt.Errorf("columns of type %v are not supported; use integers, floating point, dates or text", chunk.Type())
}

func decimal(v float64, bits int) string {
	if math.IsNaN(v) {
		return "NaN"
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}

// timestamp returns how values of the type are written; nil for a unit without
// a meaning.
func timestamp(t *schema.TimestampLogicalType) func(int64) string {
	show := func(at time.Time) string { return at.UTC().Format(time.RFC3339Nano) }
	switch t.TimeUnit() {
	case schema.TimeUnitMillis:
		return func(v int64) string { return show(time.UnixMilli(v)) }
	case schema.TimeUnitMicros:
		return func(v int64) string { return show(time.UnixMicro(v)) }
	case schema.TimeUnitNanos:
		return func(v int64) string { return show(time.Unix(0, v)) }
	}
	return nil
}

// drain appends the values of a chunk. It stops when nothing more comes, or
// more than the file says it has.
func drain[T any](out []string, chunk file.ColumnChunkReader, rows int, read func(int64, []T, []int16, []int16) (int64, int, error), show func(T) string) ([]string, error) {
	const batch = 4096
	values, defined := make([]T, batch), make([]int16, batch)
	optional := chunk.Descriptor().MaxDefinitionLevel() > 0
	for len(out) <= rows {
		levels, n, err := read(batch, values, defined, nil)
		if err != nil {
			return nil, err
		}
		if levels == 0 {
			return out, nil
		}
		next := 0
		for i := range int(levels) {
			switch {
			case optional && defined[i] == 0:
				out = append(out, "")
			case next < n:
				out = append(out, show(values[next]))
				next++
			default:
				return nil, fmt.Errorf("%d values where %d are announced", n, levels)
			}
		}
	}
	return out, nil
}

// A budget is an allocator that panics when a file asks for more memory, or
// more often, than any file of its size needs. On broken files the library can
// ask for gigabytes, or go through the same page for ever.
type budget struct {
	memory.Allocator
	bytes, calls int64
}

func (b *budget) spend(n int) {
	b.calls--
	b.bytes -= int64(n)
	if b.calls < 0 || b.bytes < 0 {
		panic("it asks for more memory than a file of its size needs")
	}
}

// Allocate implements memory.Allocator.
func (b *budget) Allocate(n int) []byte {
	b.spend(n)
	return b.Allocator.Allocate(n)
}

// Reallocate implements memory.Allocator.
func (b *budget) Reallocate(n int, old []byte) []byte {
	b.spend(n)
	return b.Allocator.Reallocate(n, old)
}
