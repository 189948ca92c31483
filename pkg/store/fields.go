package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// A Field ties a column to a member of T: one definition both to read and to write
// it, column by column, which takes a fraction of the time that row by row takes.
// A member's zero value stands for null where its constructor says so.
type Field[T any] struct {
	Name string
	kind arrow.DataType
	add  func(b array.Builder, rows []T) error
	take func(a arrow.Array, rows []T) error
}

// Constant is a column that has one value in all rows that are written.
type Constant struct {
	Name  string
	Value uint64
}

// chunk is how many rows are encoded while the server takes in those before them.
const chunk = 1 << 16

// WriteFields writes rows into the fields' columns of table, and the constants into
// theirs.
func WriteFields[T any](ctx context.Context, s *Store, table string, fields []Field[T], rows []T, constants ...Constant) error {
	if len(rows) == 0 {
		return nil
	}
	var columns []arrow.Field
	var names []string
	for _, f := range fields {
		names, columns = append(names, f.Name), append(columns, arrow.Field{Name: f.Name, Type: f.kind, Nullable: true})
	}
	for _, c := range constants {
		names, columns = append(names, c.Name), append(columns, arrow.Field{Name: c.Name, Type: arrow.PrimitiveTypes.Uint64})
	}
	schema := arrow.NewSchema(columns, nil)
	r, w := io.Pipe()
	encoded := make(chan error, 1)
	go func() {
		err := encode(w, schema, fields, rows, constants)
		w.CloseWithError(err)
		encoded <- err
	}()
	err := classify(ctx, s.conn.InsertFormat(s.writing(ctx), "ArrowStream", insertInto(table, names), r))
	r.Close() // ends the encoder if the server did not read to the end
	if wrong := <-encoded; wrong != nil && !errors.Is(wrong, io.ErrClosedPipe) {
		err = wrong
	}
	if err != nil {
		return fmt.Errorf("inserting %d rows into %s: %w", len(rows), table, err)
	}
	return nil
}

func encode[T any](w io.Writer, schema *arrow.Schema, fields []Field[T], rows []T, constants []Constant) error {
	out := ipc.NewWriter(w, ipc.WithSchema(schema))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for len(rows) > 0 {
		n := min(len(rows), chunk)
		b.Reserve(n)
		for i, f := range fields {
			if err := f.add(b.Field(i), rows[:n]); err != nil {
				return fmt.Errorf("column %s: %w", f.Name, err)
			}
		}
		for i, c := range constants {
			for range n {
				b.Field(len(fields) + i).(*array.Uint64Builder).Append(c.Value)
			}
		}
		rec := b.NewRecord()
		err := out.Write(rec)
		rec.Release()
		if err != nil {
			return err
		}
		rows = rows[n:]
	}
	return out.Close()
}

// ReadFields runs a query whose columns are those of the fields, in their order
// and by whatever name, and returns its rows.
func ReadFields[T any](ctx context.Context, s *Store, fields []Field[T], sql string, args ...any) ([]T, error) {
	plain := clickhouse.Settings{"output_format_arrow_low_cardinality_as_dictionary": 0, "output_format_arrow_compression_method": "none"}
	body, err := s.QueryFormat(clickhouse.Context(ctx, clickhouse.WithSettings(plain)), "ArrowStream", sql, args...)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	recs, err := records(body)
	if err != nil {
		return nil, classify(ctx, err)
	}
	return rowsOf(recs, fields)
}

// records reads a stream whole: then it is known how many rows it has.
func records(r io.Reader) ([]arrow.Record, error) {
	in, err := ipc.NewReader(r, ipc.WithAllocator(memory.NewGoAllocator())) // texts point into what it allocates
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer in.Release()
	var recs []arrow.Record
	for in.Next() {
		rec := in.Record()
		rec.Retain()
		recs = append(recs, rec)
	}
	return recs, in.Err()
}

func rowsOf[T any](recs []arrow.Record, fields []Field[T]) ([]T, error) {
	n := 0
	for _, rec := range recs {
		n += int(rec.NumRows())
	}
	rows := make([]T, n)
	rest := rows
	for _, rec := range recs {
		if int(rec.NumCols()) != len(fields) {
			return nil, fmt.Errorf("the answer has %d columns, not %d", rec.NumCols(), len(fields))
		}
		for i, f := range fields {
			if err := f.take(rec.Column(i), rest[:rec.NumRows()]); err != nil {
				return nil, fmt.Errorf("column %s: %w", rec.ColumnName(i), err)
			}
		}
		rest = rest[rec.NumRows():]
	}
	return rows, nil
}

// field makes a Field of how one value is put into a builder and taken from an
// array.
func field[T any, B array.Builder, A arrow.Array](name string, kind arrow.DataType, add func(B, *T) error, take func(a A, i int, t *T)) Field[T] {
	return Field[T]{
		Name: name, kind: kind,
		add: func(b array.Builder, rows []T) error {
			to := b.(B)
			for i := range rows {
				if err := add(to, &rows[i]); err != nil {
					return err
				}
			}
			return nil
		},
		take: func(a arrow.Array, rows []T) error {
			from, ok := a.(A)
			if !ok {
				return fmt.Errorf("it is of type %s, not %s", a.DataType(), kind)
			}
			for i := range rows {
				take(from, i, &rows[i])
			}
			return nil
		},
	}
}

// orNull is a field of a pointer to a value; nil is null.
func orNull[T, V any, B interface {
	array.Builder
	Append(V)
}, A interface {
	arrow.Array
	Value(int) V
}](name string, kind arrow.DataType, at func(*T) **V) Field[T] {
	return field(name, kind,
		func(b B, t *T) error {
			if p := *at(t); p != nil {
				b.Append(*p)
			} else {
				b.AppendNull()
			}
			return nil
		},
		func(a A, i int, t *T) {
			if a.IsValid(i) {
				v := a.Value(i)
				*at(t) = &v
			}
		})
}

// Text is a String, of low cardinality or not.
func Text[T any](name string, at func(*T) *string) Field[T] {
	return field(name, arrow.BinaryTypes.String,
		func(b *array.StringBuilder, t *T) error { b.Append(*at(t)); return nil },
		func(a *array.String, i int, t *T) { *at(t) = a.Value(i) })
}

// Flag is a Bool.
func Flag[T any](name string, at func(*T) *bool) Field[T] {
	return field(name, arrow.FixedWidthTypes.Boolean,
		func(b *array.BooleanBuilder, t *T) error { b.Append(*at(t)); return nil },
		func(a *array.Boolean, i int, t *T) { *at(t) = a.Value(i) })
}

// FlagOrNull is a Bool; nil is null.
func FlagOrNull[T any](name string, at func(*T) **bool) Field[T] {
	return orNull[T, bool, *array.BooleanBuilder, *array.Boolean](name, arrow.FixedWidthTypes.Boolean, at)
}

// Count is a UInt32.
func Count[T any](name string, at func(*T) *int) Field[T] {
	return field(name, arrow.PrimitiveTypes.Uint32,
		func(b *array.Uint32Builder, t *T) error { b.Append(uint32(*at(t))); return nil },
		func(a *array.Uint32, i int, t *T) { *at(t) = int(a.Value(i)) })
}

// Milliseconds is a duration in an Int64.
func Milliseconds[T any](name string, at func(*T) *time.Duration) Field[T] {
	return field(name, arrow.PrimitiveTypes.Int64,
		func(b *array.Int64Builder, t *T) error { b.Append(at(t).Milliseconds()); return nil },
		func(a *array.Int64, i int, t *T) { *at(t) = time.Duration(a.Value(i)) * time.Millisecond })
}

// Number is an Int64.
func Number[T any](name string, at func(*T) *int64) Field[T] {
	return field(name, arrow.PrimitiveTypes.Int64,
		func(b *array.Int64Builder, t *T) error { b.Append(*at(t)); return nil },
		func(a *array.Int64, i int, t *T) { *at(t) = a.Value(i) })
}

// NumberOrNull is an Int64; nil is null.
func NumberOrNull[T any](name string, at func(*T) **int64) Field[T] {
	return orNull[T, int64, *array.Int64Builder, *array.Int64](name, arrow.PrimitiveTypes.Int64, at)
}

// Total is a UInt64.
func Total[T any](name string, at func(*T) *uint64) Field[T] {
	return field(name, arrow.PrimitiveTypes.Uint64,
		func(b *array.Uint64Builder, t *T) error { b.Append(*at(t)); return nil },
		func(a *array.Uint64, i int, t *T) { *at(t) = a.Value(i) })
}

// FloatOrNull is a Float64; nil is null.
func FloatOrNull[T any](name string, at func(*T) **float64) Field[T] {
	return orNull[T, float64, *array.Float64Builder, *array.Float64](name, arrow.PrimitiveTypes.Float64, at)
}

// Time is a DateTime64(3); the zero time is null.
func Time[T any](name string, at func(*T) *time.Time) Field[T] {
	return field(name, &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"},
		func(b *array.TimestampBuilder, t *T) error {
			if v := *at(t); v.IsZero() {
				b.AppendNull()
			} else {
				b.Append(arrow.Timestamp(v.UnixMilli()))
			}
			return nil
		},
		func(a *array.Timestamp, i int, t *T) {
			if a.IsValid(i) {
				*at(t) = time.UnixMilli(int64(a.Value(i))).UTC()
			}
		})
}

// ID is a UUID in its text form; "" is null.
func ID[T any](name string, at func(*T) *string) Field[T] {
	f := field(name, &arrow.FixedSizeBinaryType{ByteWidth: 16},
		func(b *array.FixedSizeBinaryBuilder, t *T) error {
			text := *at(t)
			if text == "" {
				b.AppendNull()
				return nil
			}
			var id [16]byte
			if err := parseID(&id, text); err != nil {
				return err
			}
			b.Append(id[:])
			return nil
		}, func(*array.FixedSizeBinary, int, *T) {})
	f.take = func(a arrow.Array, rows []T) error {
		ids, ok := a.(*array.FixedSizeBinary)
		if !ok {
			return fmt.Errorf("it is of type %s, not a UUID", a.DataType())
		}
		text := make([]byte, 0, idLength*len(rows)) // one text for all
		for i := range rows {
			if ids.IsValid(i) {
				text = appendID(text, ids.Value(i))
			}
		}
		all := string(text)
		for i := range rows {
			if ids.IsValid(i) {
				*at(&rows[i]), all = all[:idLength], all[idLength:]
			}
		}
		return nil
	}
	return f
}

const idLength = 36

// groups are where the hexadecimal groups of a UUID's text begin and end.
var groups = [][2]int{{0, 8}, {9, 13}, {14, 18}, {19, 23}, {24, 36}}

func appendID(to, id []byte) []byte {
	for i, g := range groups {
		if i > 0 {
			to = append(to, '-')
		}
		n := (g[1] - g[0]) / 2
		to, id = hex.AppendEncode(to, id[:n]), id[n:]
	}
	return to
}

func parseID(id *[16]byte, text string) error {
	digits := make([]byte, 0, 32)
	if len(text) == idLength {
		for _, g := range groups {
			digits = append(digits, text[g[0]:g[1]]...)
		}
	}
	if n, err := hex.Decode(id[:], digits); err != nil || n != len(id) {
		return fmt.Errorf("%q is no UUID", text)
	}
	return nil
}

// Texts is an Array(String), of low cardinality or not.
func Texts[T any](name string, at func(*T) *[]string) Field[T] {
	f := field(name, arrow.ListOf(arrow.BinaryTypes.String),
		func(b *array.ListBuilder, t *T) error {
			b.Append(true)
			texts := b.ValueBuilder().(*array.StringBuilder)
			for _, s := range *at(t) {
				texts.Append(s)
			}
			return nil
		}, func(*array.List, int, *T) {})
	f.take = func(a arrow.Array, rows []T) error {
		lists, ok := a.(*array.List)
		if !ok {
			return fmt.Errorf("it is of type %s, not a list", a.DataType())
		}
		texts, ok := lists.ListValues().(*array.String)
		if !ok {
			return fmt.Errorf("it is of type %s, not a list of texts", a.DataType())
		}
		all := make([]string, texts.Len()) // one array for all
		for i := range all {
			all[i] = texts.Value(i)
		}
		for i := range rows {
			if from, to := lists.ValueOffsets(i); from < to {
				*at(&rows[i]) = all[from:to:to]
			}
		}
		return nil
	}
	return f
}

// Pairs is an Array(Tuple(a String, b String)).
func Pairs[T any](name, first, second string, get func(*T) [][2]string, set func(*T, [][2]string)) Field[T] {
	of := arrow.ListOf(arrow.StructOf(arrow.Field{Name: first, Type: arrow.BinaryTypes.String}, arrow.Field{Name: second, Type: arrow.BinaryTypes.String}))
	return field(name, of,
		func(b *array.ListBuilder, t *T) error {
			b.Append(true)
			pairs := b.ValueBuilder().(*array.StructBuilder)
			for _, p := range get(t) {
				pairs.Append(true)
				pairs.FieldBuilder(0).(*array.StringBuilder).Append(p[0])
				pairs.FieldBuilder(1).(*array.StringBuilder).Append(p[1])
			}
			return nil
		},
		func(a *array.List, i int, t *T) {
			from, to := a.ValueOffsets(i)
			pairs := a.ListValues().(*array.Struct)
			firsts, seconds := pairs.Field(0).(*array.String), pairs.Field(1).(*array.String)
			var list [][2]string
			for j := int(from); j < int(to); j++ {
				list = append(list, [2]string{firsts.Value(j), seconds.Value(j)})
			}
			set(t, list)
		})
}

// Select is a SELECT of the fields' columns, to go before FROM.
func Select[T any](fields []Field[T]) string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = "`" + f.Name + "`"
	}
	return "SELECT " + strings.Join(names, ", ")
}
