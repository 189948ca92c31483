package engine_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/ipc"
	"github.com/apache/arrow/go/v15/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
)

// everyType has one value of each type the product stores, and what a Scan gives.
var everyType = []struct {
	typ   string
	value any
}{
	{"UInt8", uint8(255)}, {"UInt16", uint16(65535)}, {"UInt32", uint32(1 << 31)}, {"UInt64", uint64(1 << 63)},
	{"Int8", int8(-128)}, {"Int32", int32(-1)}, {"Int64", int64(-1 << 62)},
	{"Float32", float32(1.5)}, {"Float64", 0.1},
	{"Bool", true},
	{"String", "naïve \x00\t'\\ text"},
	{"FixedString(4)", "abcd"},
	{"LowCardinality(String)", "low"},
	{"Nullable(String)", (*string)(nil)},
	{"Date", time.Date(2026, 3, 9, 0, 0, 0, 0, time.UTC)},
	{"DateTime", time.Date(2026, 3, 9, 1, 2, 3, 0, time.UTC)},
	{"DateTime64(3, 'UTC')", time.Date(2026, 3, 9, 1, 2, 3, 4e6, time.UTC)},
	{"UUID", uuid.MustParse("61f0c404-5cb3-11e7-907b-a6006ad3dba0")},
	{"IPv4", net.ParseIP("192.0.2.1").To4()},
	{"Enum8('open' = 1, 'closed' = 2)", "closed"},
	{"Array(String)", []string{"a", "", "c"}},
	{"Array(UInt64)", []uint64{}},
	{"Map(String, UInt64)", map[string]uint64{"a": 1, "b": 2}},
	{"Tuple(a String, b UInt8)", map[string]any{"a": "x", "b": uint8(2)}},
}

var compressions = []clickhouse.CompressionMethod{
	clickhouse.CompressionNone, clickhouse.CompressionLZ4, clickhouse.CompressionZSTD, clickhouse.CompressionGZIP,
}

func TestEveryTypeInEveryCompression(t *testing.T) {
	e := enginetest.Start(t)
	for _, method := range compressions {
		t.Run(method.String(), func(t *testing.T) {
			o := enginetest.ClickHouse(e, engine.OwnerUser, enginetest.PayoffPassword)
			o.Compression = &clickhouse.Compression{Method: method}
			conn := enginetest.Open(t, o)
			table := "types_" + method.String()
			columns := make([]string, len(everyType))
			row := make([]any, len(everyType))
			for i, c := range everyType {
				columns[i] = fmt.Sprintf("c%d %s", i, c.typ)
				row[i] = c.value
			}
			mustExec(t, conn, fmt.Sprintf("CREATE TABLE %s (%s) ENGINE = MergeTree ORDER BY c3", table, strings.Join(columns, ", ")))
			const rows = 3000 // some frames of compression
			batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO "+table)
			if err != nil {
				t.Fatal(err)
			}
			for range rows {
				if err := batch.Append(row...); err != nil {
					t.Fatal(err)
				}
			}
			if err := batch.Send(); err != nil {
				t.Fatal(err)
			}
			got, err := conn.Query(t.Context(), "SELECT * FROM "+table)
			if err != nil {
				t.Fatal(err)
			}
			defer got.Close()
			n := 0
			for ; got.Next(); n++ {
				values := make([]any, len(everyType))
				for i, c := range everyType {
					values[i] = reflect.New(reflect.TypeOf(c.value)).Interface()
				}
				if err := got.Scan(values...); err != nil {
					t.Fatal(err)
				}
				if n > 0 {
					continue
				}
				for i, c := range everyType {
					if diff := cmp.Diff(c.value, reflect.ValueOf(values[i]).Elem().Interface()); diff != "" {
						t.Errorf("%s: %s", c.typ, diff)
					}
				}
			}
			if err := got.Err(); err != nil || n != rows {
				t.Errorf("read %d rows, %v; want %d", n, err, rows)
			}
		})
	}
}

func TestJSONAndAggregateStates(t *testing.T) {
	conn := enginetest.Conn(t, enginetest.Start(t))
	mustExec(t, conn, "CREATE TABLE j (id UInt64, doc JSON) ENGINE = MergeTree ORDER BY id")
	mustExec(t, conn, `INSERT INTO j VALUES (1, '{"a": {"b": 7}, "tags": ["x", "y"]}'), (2, '{}')`)
	var doc string
	if err := conn.QueryRow(t.Context(), "SELECT toString(doc.a.b) FROM j WHERE id = {id:UInt64}", clickhouse.Named("id", 1)).Scan(&doc); err != nil || doc != "7" {
		t.Errorf("doc.a.b = %q, %v", doc, err)
	}
	rows, err := conn.Query(t.Context(), "SELECT doc FROM j ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var v clickhouse.JSON
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	mustExec(t, conn, "CREATE TABLE agg (k String, q AggregateFunction(quantilesTDigest(0.5), Float64), u AggregateFunction(uniq, UInt64)) ENGINE = AggregatingMergeTree ORDER BY k")
	mustExec(t, conn, "INSERT INTO agg SELECT 'a', quantilesTDigestState(0.5)(toFloat64(number)), uniqState(number) FROM numbers(101)")
	var q []float32
	var u uint64
	if err := conn.QueryRow(t.Context(), "SELECT quantilesTDigestMerge(0.5)(q), uniqMerge(u) FROM agg").Scan(&q, &u); err != nil || q[0] != 50 || u != 101 {
		t.Errorf("merged to %v and %d, %v", q, u, err)
	}
}

func TestParametersAndSettings(t *testing.T) {
	conn := enginetest.Conn(t, enginetest.Start(t))
	for _, test := range []struct {
		sql  string
		args []any
		want string
	}{
		{"SELECT toString({x:String})", []any{clickhouse.Named("x", "it's \\ \"x\"\n\tü")}, "it's \\ \"x\"\n\tü"},
		{"SELECT toString(length({x:Array(String)}))", []any{clickhouse.Named("x", []string{"a'b", "c"})}, "2"},
		{"SELECT toString({x:UInt64} + {y:UInt64})", []any{clickhouse.Named("x", 1), clickhouse.Named("y", 2)}, "3"},
		{"SELECT ? || ?", []any{"a'", "b"}, "a'b"},
		{"SELECT toString(?)", []any{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, "2026-01-02 03:04:05"},
	} {
		var got string
		if err := conn.QueryRow(t.Context(), test.sql, test.args...).Scan(&got); err != nil || got != test.want {
			t.Errorf("%s %v = %q, %v; want %q", test.sql, test.args, got, err, test.want)
		}
	}
	ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(clickhouse.Settings{"max_threads": 3, "log_comment": "it's"}))
	var threads, comment string
	if err := conn.QueryRow(ctx, "SELECT toString(getSetting('max_threads')), getSetting('log_comment')").Scan(&threads, &comment); err != nil || threads != "3" || comment != "it's" {
		t.Errorf("settings are %q and %q, %v", threads, comment, err)
	}
	// And they are gone with the request.
	if err := conn.QueryRow(t.Context(), "SELECT getSetting('log_comment')").Scan(&comment); err != nil || comment != "" {
		t.Errorf("log_comment is still %q, %v", comment, err)
	}
	var asynchronous, dedup string
	if err := conn.QueryRow(t.Context(), "SELECT toString(getSetting('async_insert')), getSetting('deduplicate_insert')").Scan(&asynchronous, &dedup); err != nil || asynchronous != "false" || dedup != "disable" {
		t.Errorf("async_insert is %s and deduplicate_insert %s, %v", asynchronous, dedup, err)
	}
}

func TestTypedErrors(t *testing.T) {
	conn := enginetest.Conn(t, enginetest.Start(t))
	for _, test := range []struct {
		sql  string
		code int32
	}{
		{"SELEC 1", 62},
		{"SELECT * FROM nowhere", 60},
		{"SELECT nothing", 47},
		{"SELECT noFunction(1)", 46},
		{"USE nowhere", 81},
		{"INSERT INTO nowhere VALUES (1)", 60},
		{"SELECT toUInt8('x')", 6},
		{"SELECT 1; SELECT 2", 62},
		{"SELECT 1 INTO OUTFILE '/tmp/payoff-outfile'", 48},
		{"SELECT file('/etc/hostname')", 497},
		{"SELECT * FROM file('/etc/hostname', 'LineAsString')", 497},
		{"SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')", 497},
		{"CREATE TABLE x (a String) ENGINE = File(CSV, '/etc/hostname')", 497},
		{"CREATE TABLE x (a String) ENGINE Executable('id', 'CSV')", 497},
		{"SELECT * FROM default.`/etc/hostname`", 497},
		{"SELECT throwIf(number = 99) FROM numbers(100) FORMAT Null", 395},
		{"CREATE DATABASE x ENGINE = Filesystem('/etc')", 497},
		{"CREATE DICTIONARY x (a String) PRIMARY KEY a SOURCE(EXECUTABLE(command 'id' format 'CSV')) LAYOUT(COMPLEX_KEY_HASHED()) LIFETIME(0)", 497},
		{"SELECT count() FROM system.stack_trace", 497},
		{"SYSTEM SHUTDOWN", 497},
		{"CREATE USER u", 514},
	} {
		err := conn.Exec(t.Context(), test.sql)
		var exc *clickhouse.Exception
		if !errors.As(err, &exc) || exc.Code != test.code {
			t.Errorf("%s: %v, want code %d", test.sql, err, test.code)
		}
	}
	// The engine would have run the first and then told of the second.
	if err := conn.Exec(t.Context(), "CREATE TABLE first (a UInt8) ENGINE = Memory; SELEC"); err == nil {
		t.Error("two statements were run")
	}
	if err := conn.Exec(t.Context(), "SELECT * FROM first"); err == nil {
		t.Error("the first of two statements was run")
	}
	mustExec(t, conn, "CREATE TABLE engines (engine String, file String, source String) ENGINE = Memory")
	mustExec(t, conn, "INSERT INTO engines (engine, file, source) VALUES ('File', 'x', 'y')")
	mustExec(t, conn, "SELECT engine, file, source FROM engines WHERE engine = file OR file LIKE 'x'")
}

func TestMidStreamException(t *testing.T) {
	e := enginetest.Start(t)
	for _, method := range compressions {
		o := enginetest.ClickHouse(e, engine.OwnerUser, enginetest.PayoffPassword)
		o.Compression = &clickhouse.Compression{Method: method}
		conn := enginetest.Open(t, o)
		rows, err := conn.Query(t.Context(), "SELECT throwIf(number = 3000000, 'too far') FROM numbers(4000000) SETTINGS max_block_size = 65536, max_threads = 1")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for rows.Next() {
			n++
		}
		var exc *clickhouse.Exception
		if err := rows.Err(); !errors.As(err, &exc) || exc.Code != 395 || !strings.Contains(exc.Message, "too far") {
			t.Errorf("%s: after %d rows: %v, want code 395", method, n, err)
		}
		if n == 0 {
			t.Errorf("%s: no rows before the exception", method)
		}
		rows.Close()
	}
}

func TestCancelledQueryStops(t *testing.T) {
	e := enginetest.Start(t)
	conn := enginetest.Conn(t, e)
	for name, sql := range map[string]string{
		"before the first block": "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number)) AND 'forever' != ''",
		"while it streams":       "SELECT number, 'forever' FROM numbers(1000000000000)",
		"an insert":              "INSERT INTO FUNCTION null('n UInt64') SELECT number FROM numbers(1000000000000) WHERE 'forever' != ''",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			rows, err := conn.Query(ctx, sql)
			for err == nil && rows.Next() {
			}
			left := time.Now()
			waitFor(t, 2*time.Second, "the query to be gone", func() bool {
				var n uint64
				if err := conn.QueryRow(t.Context(), "SELECT count() FROM system.processes WHERE query LIKE '%forever%' AND query NOT LIKE '%processes%'").Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n == 0
			})
			if d := time.Since(left); d > time.Second {
				t.Errorf("the query ran on for %s after its client had left", d)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	e := enginetest.StartIn(t, engine.Options{Dir: t.TempDir(), MemoryLimit: 1 << 30})
	conn := enginetest.Conn(t, e)
	for _, test := range []struct {
		name     string
		sql      string
		settings clickhouse.Settings
		code     int32
	}{
		{"time", "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))", clickhouse.Settings{"max_execution_time": 1}, 159},
		{"time of a stream", "SELECT number FROM numbers(1000000000000) WHERE sipHash64(number) = 1", clickhouse.Settings{"max_execution_time": 1}, 159},
		{"memory of a query", "SELECT uniqExact(number) FROM numbers(100000000)", clickhouse.Settings{"max_memory_usage": 50 << 20}, 241},
		{"memory of the engine", "SELECT length(groupArray(repeat(toString(number), 100))) FROM numbers(30000000)", nil, 241},
		{"rows", "SELECT number FROM numbers(1000)", clickhouse.Settings{"max_result_rows": 10}, 396},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := clickhouse.Context(t.Context(), clickhouse.WithSettings(test.settings))
			rows, err := conn.Query(ctx, test.sql)
			if err == nil {
				for rows.Next() {
				}
				err = rows.Err()
				rows.Close()
			}
			var exc *clickhouse.Exception
			if !errors.As(err, &exc) || exc.Code != test.code {
				t.Errorf("got %v, want code %d", err, test.code)
			}
		})
	}
	if e.Restarts() != 0 {
		t.Errorf("the engine was restarted %d times", e.Restarts())
	}
}

func TestStandardDatabaseInterface(t *testing.T) {
	db := clickhouse.OpenDB(enginetest.ClickHouse(enginetest.Start(t), engine.OwnerUser, enginetest.PayoffPassword))
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	var name sql.NullString
	if err := db.QueryRowContext(t.Context(), "SELECT {x:Nullable(String)}", clickhouse.Named("x", "n")).Scan(&name); err != nil || name.String != "n" {
		t.Errorf("got %v, %v", name, err)
	}
}

func TestFormats(t *testing.T) {
	conn := enginetest.Conn(t, enginetest.Start(t))
	mustExec(t, conn, "CREATE TABLE f (n Int64, s String) ENGINE = MergeTree ORDER BY n")
	if err := conn.InsertFormat(t.Context(), "ArrowStream", "INSERT INTO f", arrowRows(t, 0, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := conn.InsertFormat(t.Context(), "JSONEachRow", "INSERT INTO f", strings.NewReader(`{"n": 5000, "s": "json"}`+"\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.InsertFormat(t.Context(), "CSV", "INSERT INTO f", strings.NewReader("x,y\n")); err == nil {
		t.Error("a CSV with text for a number was inserted")
	}
	r, err := conn.QueryFormat(t.Context(), "ArrowStream", "SELECT n, s FROM f ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	records, err := ipc.NewReader(r)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Release()
	n := int64(0)
	for records.Next() {
		n += records.Record().NumRows()
	}
	if records.Err() != nil || n != 1001 {
		t.Errorf("read %d rows of Arrow, %v; want 1001", n, records.Err())
	}
	for format, want := range map[string]string{
		"CSVWithNames": "\"n\",\"s\"\n5000,\"json\"\n",
		"JSONEachRow":  "{\"n\":5000,\"s\":\"json\"}\n",
		"Markdown":     "| n | s |\n|-:|:-|\n| 5000 | json |\n",
	} {
		r, err := conn.QueryFormat(t.Context(), format, "SELECT n, s FROM f WHERE n = 5000")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || string(got) != want {
			t.Errorf("%s = %q, %v; want %q", format, got, err, want)
		}
	}
}

// arrowRows encodes rows from to to as an Arrow stream.
func arrowRows(tb testing.TB, from, to int64) io.Reader {
	tb.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64}, {Name: "s", Type: arrow.BinaryTypes.String},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := from; i < to; i++ {
		b.Field(0).(*array.Int64Builder).Append(i)
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprint("row ", i))
	}
	rec := b.NewRecord()
	defer rec.Release()
	var buf bytes.Buffer
	w := ipc.NewWriter(&buf, ipc.WithSchema(schema))
	if err := w.Write(rec); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return &buf
}

func TestViewsRunAsTheirDefiner(t *testing.T) {
	conn := enginetest.Conn(t, enginetest.Start(t))
	for _, sql := range []string{
		"CREATE TABLE base (n UInt64) ENGINE = MergeTree ORDER BY n",
		"CREATE VIEW v AS SELECT n FROM base",
		"CREATE TABLE target (n UInt64) ENGINE = MergeTree ORDER BY n",
		"CREATE MATERIALIZED VIEW mv TO target AS SELECT n FROM base",
		"INSERT INTO base SELECT number FROM numbers(3)",
	} {
		mustExec(t, conn, sql)
	}
	var ddl string
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT create_table_query, (SELECT count() FROM target) FROM system.tables WHERE name = 'v'").Scan(&ddl, &n); err != nil || !strings.Contains(ddl, "SQL SECURITY DEFINER") || n != 3 {
		t.Errorf("the view is %q and the materialised view has %d rows, %v", ddl, n, err)
	}
}

func mustExec(tb testing.TB, conn driver.Conn, sql string) {
	tb.Helper()
	if err := conn.Exec(tb.Context(), sql); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
}

// waitFor waits until a condition holds.
func waitFor(tb testing.TB, patience time.Duration, what string, cond func() bool) {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for !cond() {
		if time.Now().After(deadline) {
			tb.Fatalf("waited %s for %s", patience, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
