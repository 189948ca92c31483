package store

import (
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Rows are what a query returned; close them.
type Rows = driver.Rows

// Param is the value of the placeholder {name:Type} of a statement.
func Param(name string, value any) any { return clickhouse.Named(name, value) }

// Millis is the value of a placeholder of type DateTime64(3).
func Millis(name string, t time.Time) any {
	return clickhouse.DateNamed(name, t, clickhouse.MilliSeconds)
}

// Micros is the value of a placeholder of type DateTime64(6).
func Micros(name string, t time.Time) any {
	return clickhouse.DateNamed(name, t, clickhouse.MicroSeconds)
}
