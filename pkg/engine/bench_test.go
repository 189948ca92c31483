package engine_test

import (
	"fmt"
	"io"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
)

func BenchmarkSelectOne(b *testing.B) {
	e := enginetest.Start(b)
	for name, conn := range map[string]driver.Conn{"payoff": enginetest.Conn(b, e), "reader": readerOf(b, e)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				var n uint8
				if err := conn.QueryRow(b.Context(), "SELECT 1").Scan(&n); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func readerOf(b *testing.B, e *engine.Engine) driver.Conn {
	mustExec(b, enginetest.Conn(b, e), "CREATE DATABASE payoff")
	return enginetest.ReaderConn(b, e)
}

func BenchmarkInsert(b *testing.B) {
	e := enginetest.Start(b)
	conn := enginetest.Conn(b, e)
	for _, rows := range []int64{1_000, 10_000, 100_000} {
		for name, insert := range map[string]func() error{
			"Native": func() error {
				batch, err := conn.PrepareBatch(b.Context(), "INSERT INTO bench")
				if err != nil {
					return err
				}
				for i := range rows {
					if err := batch.Append(i, "row "); err != nil {
						return err
					}
				}
				return batch.Send()
			},
			"Arrow": func() error {
				return conn.InsertFormat(b.Context(), "ArrowStream", "INSERT INTO bench", arrowRows(b, 0, rows))
			},
		} {
			b.Run(fmt.Sprintf("%s/%d", name, rows), func(b *testing.B) {
				mustExec(b, conn, "CREATE OR REPLACE TABLE bench (n Int64, s String) ENGINE = MergeTree ORDER BY n")
				for b.Loop() {
					if err := insert(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

func BenchmarkStream(b *testing.B) {
	e := enginetest.Start(b)
	for _, method := range []clickhouse.CompressionMethod{clickhouse.CompressionNone, clickhouse.CompressionLZ4} {
		o := enginetest.ClickHouse(e, engine.OwnerUser, enginetest.PayoffPassword)
		o.Compression = &clickhouse.Compression{Method: method}
		conn := enginetest.Open(b, o)
		b.Run("Native/"+method.String(), func(b *testing.B) {
			const rows = 1_000_000
			for b.Loop() {
				r, err := conn.Query(b.Context(), "SELECT number, toString(number) FROM numbers(1000000)")
				if err != nil {
					b.Fatal(err)
				}
				for r.Next() {
				}
				if err := r.Err(); err != nil {
					b.Fatal(err)
				}
				r.Close()
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
	conn := enginetest.Conn(b, e)
	b.Run("RowBinary", func(b *testing.B) {
		var n int64
		for b.Loop() {
			r, err := conn.QueryFormat(b.Context(), "RowBinary", "SELECT number FROM numbers(10000000)")
			if err != nil {
				b.Fatal(err)
			}
			if n, err = io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
			r.Close()
		}
		b.SetBytes(n)
	})
}
