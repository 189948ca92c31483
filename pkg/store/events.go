package store

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/ipc"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A Partition names one partition of one log.
type Partition struct {
	Epoch     uint32
	Topic     string
	Partition int32
}

// A Span is a run of offsets of a partition, First and Last included.
type Span struct {
	Partition
	First, Last int64
}

// Everything is the Last of a span that has no end.
const Everything = int64(1<<63 - 1)

// InsertEvents appends records, whose schema is events.Schema, to event_log in
// one insert. ErrRejected means that none of them is there if they share a load
// month, as all records of one call should. After ErrUnavailable they may be
// there in whole, in part or not at all: ask Present.
func (s *Store) InsertEvents(ctx context.Context, recs ...arrow.Record) error {
	n := int64(0)
	for _, rec := range recs {
		n += rec.NumRows()
	}
	if n == 0 {
		return nil
	}
	if err := s.insertArrow(ctx, insertInto("payoff_private.event_log", events.ColumnNames()), events.Schema, recs); err != nil {
		return fmt.Errorf("inserting %d rows into event_log: %w", n, err)
	}
	return nil
}

// insertArrow streams recs as the data of statement.
func (s *Store) insertArrow(ctx context.Context, statement string, schema *arrow.Schema, recs []arrow.Record) error {
	r, w := io.Pipe()
	go func() { w.CloseWithError(writeArrow(w, schema, recs)) }()
	err := s.conn.InsertFormat(s.writing(ctx), "ArrowStream", statement, r)
	r.Close() // ends the writer if the server did not read to the end
	return classify(ctx, err)
}

func writeArrow(w io.Writer, schema *arrow.Schema, recs []arrow.Record) error {
	aw := ipc.NewWriter(w, ipc.WithSchema(schema))
	for _, rec := range recs {
		if err := aw.Write(rec); err != nil {
			return err
		}
	}
	return aw.Close()
}

// FillEvents brings the rows of event_log in spans into events and freshness. It is
// how these are filled after each insert and how they are healed after a crash: it
// may be repeated at will, as the greatest version of a fact wins and the latest
// time is the same twice.
func (s *Store) FillEvents(ctx context.Context, spans ...Span) error {
	if len(spans) == 0 {
		return nil
	}
	columns := "`" + strings.Join(events.ColumnNames(), "`, `") + "`"
	where, args := within(spans)
	err := s.Exec(ctx, "INSERT INTO payoff_private.events ("+columns+") SELECT "+columns+
		" FROM payoff_private.event_log WHERE "+where, args...)
	if err != nil {
		return fmt.Errorf("filling events from %d spans of event_log: %w", len(spans), err)
	}
	err = s.Exec(ctx, `INSERT INTO payoff_private.freshness (source, last_occurred_at, last_received_at, last_loaded_at, facts)
		SELECT source, maxIf(occurred_at, NOT has(flags, 'impossible_time') AND occurred_at <= received_at + INTERVAL 1 DAY), max(received_at), max(loaded_at), uniqCombined64State(event_id)
		FROM payoff_private.event_log WHERE `+where+` GROUP BY source`, args...)
	if err != nil {
		return fmt.Errorf("filling freshness from %d spans of event_log: %w", len(spans), err)
	}
	return nil
}

// within is the condition that a row's position lies in one of spans.
func within(spans []Span) (string, []any) {
	var (
		terms []string
		args  []any
	)
	for i, sp := range spans {
		terms = append(terms, fmt.Sprintf(
			"(`log_epoch` = {e%[1]d:UInt32} AND `topic` = {t%[1]d:String} AND `partition` = {p%[1]d:Int32} AND `offset` BETWEEN {a%[1]d:Int64} AND {b%[1]d:Int64})", i))
		for name, v := range map[string]any{"e": sp.Epoch, "t": sp.Topic, "p": sp.Partition.Partition, "a": sp.First, "b": sp.Last} {
			args = append(args, clickhouse.Named(fmt.Sprintf("%s%d", name, i), v))
		}
	}
	return strings.Join(terms, " OR "), args
}
