package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// What errors mean. Callers ask with errors.Is, never by the text.
var (
	// ErrUnavailable: ClickHouse cannot be reached, refuses access, or cannot
	// do this now (no space, no memory, a table is missing). Nothing is wrong
	// with the data: try again, for ever, and raise an alarm. A write may or
	// may not have happened.
	ErrUnavailable = errors.New("ClickHouse is unavailable")

	// ErrNoTables comes with ErrUnavailable: a table or a database of ours is
	// missing. While a migration runs that passes; else the store is empty.
	ErrNoTables = errors.New("tables are missing")

	// ErrRejected: ClickHouse refuses the data of an insert. No retry will
	// help: find the row and park it.
	ErrRejected = errors.New("ClickHouse rejects the data")

	// ErrTooNew: the store was migrated by a newer version of Payoff. Stop.
	ErrTooNew = errors.New("the store is newer than this program")
)

// A PartialError says which rows of a write were rejected. All others are
// written.
type PartialError struct {
	Rejected []int   // indices into the written rows, ascending
	Causes   []error // Causes[i] is why Rejected[i] was refused
}

// Error names the first cause and how many rows there are.
func (e *PartialError) Error() string {
	if len(e.Rejected) == 0 {
		return "no row was rejected"
	}
	return fmt.Sprintf("%d rows rejected, the first at index %d: %v", len(e.Rejected), e.Rejected[0], e.Causes[0])
}

// Unwrap makes errors.Is(err, ErrRejected) true.
func (e *PartialError) Unwrap() []error { return e.Causes }

// dataCodes are ClickHouse's error codes that blame the inserted data and
// nothing else (src/Common/ErrorCodes.cpp). What is not listed is taken for a
// fault of access, availability or schema: parking a row for such a fault would
// be a silent loss, retrying for ever a visible one.
var dataCodes = map[int32]bool{
	6:   true, // CANNOT_PARSE_TEXT
	26:  true, // CANNOT_PARSE_QUOTED_STRING
	27:  true, // CANNOT_PARSE_INPUT_ASSERTION_FAILED
	38:  true, // CANNOT_PARSE_DATE
	41:  true, // CANNOT_PARSE_DATETIME
	69:  true, // ARGUMENT_OUT_OF_BOUND
	70:  true, // CANNOT_CONVERT_TYPE
	72:  true, // CANNOT_PARSE_NUMBER
	117: true, // INCORRECT_DATA
	131: true, // TOO_LARGE_STRING_SIZE
	321: true, // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
	349: true, // CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
	376: true, // CANNOT_PARSE_UUID
	407: true, // DECIMAL_OVERFLOW
	469: true, // VIOLATED_CONSTRAINT
	690: true, // UNKNOWN_ELEMENT_OF_ENUM
	691: true, // UNKNOWN_ELEMENT_OF_ENUM, by its newer number
}

const (
	unknownTable    = 60
	unknownDatabase = 81
)

// Code returns ClickHouse's error code in err, or 0 if it carries none.
func Code(err error) int32 {
	if ex, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return ex.Code
	}
	return 0
}

// Answer returns what ClickHouse itself said of a statement it did not run, for
// the person who wrote it; "" if err is of another kind.
func Answer(err error) string {
	if ex, ok := errors.AsType[*clickhouse.Exception](err); ok {
		return strings.TrimSpace(ex.Message)
	}
	return ""
}

// classify gives err its meaning. The end of ctx is nobody's fault and stays
// what it is.
func classify(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	case dataCodes[Code(err)]:
		return fmt.Errorf("%w: %w", ErrRejected, err)
	case Code(err) == unknownTable || Code(err) == unknownDatabase:
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, ErrNoTables, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}
