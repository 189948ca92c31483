package events

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// A Column is one column of the event row: its name, its types in Arrow and in
// ClickHouse, what it means, and how a Row fills it. The list Columns is the one
// definition of the row: table, insert and export are made from it.
type Column struct {
	Name    string
	Type    arrow.DataType
	SQL     string // ClickHouse type
	Comment string
	Private bool // holds or leads to a person: only in payoff_private
	add     func(array.Builder, *Row)
}

var (
	msUTC    = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}
	str      = arrow.BinaryTypes.String
	dateTime = "DateTime64(3, 'UTC')"
	lowCard  = "LowCardinality(String)"
)

func text(name, sql, comment string, get func(*Row) string) Column {
	return Column{Name: name, Type: str, SQL: sql, Comment: comment, add: func(b array.Builder, r *Row) {
		b.(*array.StringBuilder).Append(get(r))
	}}
}

// instant writes a time; the zero time is null, and what the column cannot hold
// is written as its nearest bound (the row is flagged, the body keeps the text).
func instant(name, comment string, nullable bool, get func(*Row) time.Time) Column {
	sql := dateTime
	if nullable {
		sql = "Nullable(" + dateTime + ")"
	}
	return Column{Name: name, Type: msUTC, SQL: sql, Comment: comment, add: func(b array.Builder, r *Row) {
		t := get(r)
		if nullable && t.IsZero() {
			b.AppendNull()
			return
		}
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(clamp(t).UnixMilli()))
	}}
}

// Bounds of ClickHouse's DateTime64(3).
var minInstant, maxInstant = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2299, 12, 31, 23, 59, 59, 0, time.UTC)

func clamp(t time.Time) time.Time {
	if t.Before(minInstant) {
		return minInstant
	}
	if t.After(maxInstant) {
		return maxInstant
	}
	return t
}

func private(c Column) Column { c.Private = true; return c }

// Columns is the event row, in order.
var Columns = []Column{
	{Name: "log_epoch", Type: arrow.PrimitiveTypes.Uint32, SQL: "UInt32", Comment: "Which Kafka log the row was read from; raised when the log is replaced.",
		add: func(b array.Builder, r *Row) { b.(*array.Uint32Builder).Append(r.LogEpoch) }},
	text("topic", lowCard, "Kafka topic the row was read from.", func(r *Row) string { return r.Topic }),
	{Name: "partition", Type: arrow.PrimitiveTypes.Int32, SQL: "Int32", Comment: "Kafka partition.",
		add: func(b array.Builder, r *Row) { b.(*array.Int32Builder).Append(r.Partition) }},
	{Name: "offset", Type: arrow.PrimitiveTypes.Int64, SQL: "Int64", Comment: "Kafka offset; (log_epoch, topic, partition, offset) is the row's position.",
		add: func(b array.Builder, r *Row) { b.(*array.Int64Builder).Append(r.Offset) }},
	instant("loaded_at", "When the row was loaded.", false, func(r *Row) time.Time { return r.LoadedAt }),
	{Name: "event_id", Type: &arrow.FixedSizeBinaryType{ByteWidth: 16}, SQL: "UUID", Comment: "Identity of the fact: the same for a webhook, its redelivery and the API's answer.",
		add: func(b array.Builder, r *Row) { b.(*array.FixedSizeBinaryBuilder).Append(r.RawID[:]) }},
	{Name: "version", Type: &arrow.FixedSizeBinaryType{ByteWidth: 32}, SQL: "UInt256", Comment: "Version of the fact: mapping, provider's sequence, hash of the data. The greatest is current.",
		add: func(b array.Builder, r *Row) {
			v := r.Version.Bytes()
			slices.Reverse(v[:]) // ClickHouse keeps wide integers little-endian
			b.(*array.FixedSizeBinaryBuilder).Append(v[:])
		}},
	text("source", lowCard, "Who reported the fact.", func(r *Row) string { return r.Source }),
	text("kind", lowCard, "What happened, e.g. service.deployed.", func(r *Row) string { return string(r.Kind) }),
	text("type", lowCard, "CloudEvents type, with the version the sender wrote.", func(r *Row) string { return r.Type }),
	text("subject", "String", "The entity it happened to: a service, a commit, an incident.", func(r *Row) string { return r.Subject }),
	instant("occurred_at", "When it happened.", false, func(r *Row) time.Time { return r.Time }),
	instant("recorded_at", "When the provider last touched its record, if it says so.", true, func(r *Row) time.Time { return r.RecordedAt }),
	instant("received_at", "When it reached Payoff.", false, func(r *Row) time.Time { return r.ReceivedAt }),
	text("actor_kind", lowCard, "human, bot, or empty when unknown.", func(r *Row) string { return r.ActorKind }),
	private(text("actor", "String", "Pseudonym of a person, or name of a bot.", func(r *Row) string { return r.Actor })),
	text("service", lowCard, "Service it is about.", func(r *Row) string { return r.Service }),
	text("environment", lowCard, "Environment, as the source names it.", func(r *Row) string { return r.Environment }),
	text("repository", lowCard, "Repository, as owner/name.", func(r *Row) string { return r.Repository }),
	text("commit", "String", "Commit hash.", func(r *Row) string { return r.Commit }),
	text("ref", "String", "Branch or tag.", func(r *Row) string { return r.Ref }),
	text("outcome", lowCard, "How it ended.", func(r *Row) string { return r.Outcome }),
	instant("started_at", "When it began, where the body says so.", true, func(r *Row) time.Time { return r.StartedAt }),
	text("incident", "String", "Incident it belongs to.", func(r *Row) string { return r.Incident }),
	text("team", lowCard, "Team the event itself names.", func(r *Row) string { return r.Team }),
	private(text("unit", "String", "Unit that used or was offered a capability: a team, a service or a person's pseudonym.", func(r *Row) string { return r.Unit })),
	text("capability", lowCard, "Capability it is about.", func(r *Row) string { return r.Capability }),
	{Name: "flags", Type: arrow.ListOf(str), SQL: "Array(LowCardinality(String))", Comment: "What is doubtful about the fact, e.g. impossible_time.",
		add: func(b array.Builder, r *Row) {
			lb := b.(*array.ListBuilder)
			lb.Append(true)
			for _, f := range r.Flags {
				lb.ValueBuilder().(*array.StringBuilder).Append(f)
			}
		}},
	private(text("data", "String", "The canonical CDEvents body, JSON.", func(r *Row) string { return string(r.RawData) })),
}

// Schema is the Arrow schema of the event row.
var Schema = func() *arrow.Schema {
	fields := make([]arrow.Field, len(Columns))
	for i, c := range Columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type, Nullable: c.SQL[0] == 'N'}
	}
	return arrow.NewSchema(fields, nil)
}()

// A Builder gathers rows into Arrow records. It is not safe for concurrent use.
type Builder struct {
	rb *array.RecordBuilder
	n  int
}

// NewBuilder returns an empty Builder; Release it when done.
func NewBuilder(mem memory.Allocator) *Builder {
	return &Builder{rb: array.NewRecordBuilder(mem, Schema)}
}

// Append adds one row, copying what it needs.
func (b *Builder) Append(r *Row) {
	for i := range Columns {
		Columns[i].add(b.rb.Field(i), r)
	}
	b.n++
}

// Len is the number of rows gathered so far.
func (b *Builder) Len() int { return b.n }

// Record returns the gathered rows and empties the Builder. The caller releases
// the record.
func (b *Builder) Record() arrow.Record { b.n = 0; return b.rb.NewRecord() }

// Release frees the Builder's memory.
func (b *Builder) Release() { b.rb.Release() }

// ColumnNames lists the names of Columns, in order.
func ColumnNames() []string {
	names := make([]string, len(Columns))
	for i, c := range Columns {
		names[i] = c.Name
	}
	return names
}

// SQLColumns writes the column definitions of the row for a CREATE TABLE.
func SQLColumns() string {
	var s string
	for i, c := range Columns {
		if i > 0 {
			s += ",\n"
		}
		s += fmt.Sprintf("    `%s` %s COMMENT '%s'", c.Name, c.SQL, strings.ReplaceAll(c.Comment, "'", "''"))
	}
	return s
}
