package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// An Entry of the ledger says that a run of offsets is loaded and what became
// of its records. Entries of a partition follow one another without a hole.
type Entry struct {
	Partition
	First, Last  int64  // Last included; First-1 for the empty entry that opens an epoch
	Rows, Parked uint64 // fewer than Last-First+1 together where the log has offsets without a record
	Loader       string
	Generation   int32
	LoadedAt     time.Time
}

// LedgerEnds returns, for each partition of the epoch that has entries, the
// offset at which loading goes on.
func (s *Store) LedgerEnds(ctx context.Context, epoch uint32) (map[Partition]int64, error) {
	var rows []struct {
		Topic     string `ch:"topic"`
		Partition int32  `ch:"partition"`
		Next      int64  `ch:"next"`
	}
	err := s.Select(ctx, &rows, "SELECT `topic`, `partition`, max(`last_offset`) + 1 AS next FROM payoff.ingest_ledger"+
		" WHERE `log_epoch` = {epoch:UInt32} GROUP BY `topic`, `partition`", clickhouse.Named("epoch", epoch))
	if err != nil {
		return nil, fmt.Errorf("reading the ledger of log epoch %d: %w", epoch, err)
	}
	ends := make(map[Partition]int64, len(rows))
	for _, r := range rows {
		ends[Partition{epoch, r.Topic, r.Partition}] = r.Next
	}
	return ends, nil
}

// Record writes entries to the ledger. Call it last: an entry promises that all
// it spans is stored.
func (s *Store) Record(ctx context.Context, entries []Entry) error {
	columns := []string{"log_epoch", "topic", "partition", "first_offset", "last_offset", "rows", "parked", "loader", "generation", "loaded_at"}
	return s.Insert(ctx, "payoff.ingest_ledger", columns, len(entries), func(i int) []any {
		e := &entries[i]
		return []any{e.Epoch, e.Topic, e.Partition.Partition, e.First, e.Last, e.Rows, e.Parked, e.Loader, e.Generation, e.LoadedAt.UTC()}
	})
}

// Present returns the positions of span that are stored: the offset of each row
// of event_log with its event's identity, and that of each parked record with
// the zero identity.
func (s *Store) Present(ctx context.Context, span Span) (map[int64][16]byte, error) {
	where, args := within([]Span{span})
	rows, err := s.Query(ctx, "SELECT `offset`, toString(event_id) FROM payoff_private.event_log WHERE "+where+
		" UNION ALL SELECT `offset`, '' FROM payoff_private.dead_letters WHERE "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading what is stored of %s/%d from offset %d on: %w", span.Topic, span.Partition.Partition, span.First, err)
	}
	defer rows.Close()
	present := make(map[int64][16]byte)
	for rows.Next() {
		var (
			offset int64
			text   string
		)
		if err := rows.Scan(&offset, &text); err != nil {
			return nil, classify(ctx, err)
		}
		if text == "" {
			if _, isRow := present[offset]; !isRow {
				present[offset] = [16]byte{}
			}
			continue
		}
		if present[offset], err = events.ParseID(text); err != nil {
			return nil, fmt.Errorf("reading event_log at offset %d: %w", offset, err)
		}
	}
	return present, classify(ctx, rows.Err())
}

// Positions counts the positions of the spans that are stored, as rows or parked, by
// partition.
func (s *Store) Positions(ctx context.Context, spans ...Span) (map[Partition]uint64, error) {
	where, args := within(spans)
	var rows []struct {
		Epoch     uint32 `ch:"log_epoch"`
		Topic     string `ch:"topic"`
		Partition int32  `ch:"partition"`
		N         uint64 `ch:"n"`
	}
	err := s.Select(ctx, &rows, "SELECT `log_epoch`, toString(`topic`) AS topic, `partition`, uniqExact(`offset`) AS n FROM ("+
		"SELECT `log_epoch`, `topic`, `partition`, `offset` FROM payoff_private.event_log WHERE "+where+
		" UNION ALL SELECT `log_epoch`, `topic`, `partition`, `offset` FROM payoff_private.dead_letters WHERE "+where+
		") GROUP BY `log_epoch`, `topic`, `partition`", args...)
	if err != nil {
		return nil, fmt.Errorf("counting what is stored of %d spans: %w", len(spans), err)
	}
	out := make(map[Partition]uint64, len(rows))
	for _, r := range rows {
		out[Partition{r.Epoch, r.Topic, r.Partition}] = r.N
	}
	return out, nil
}

// Stored returns the greatest offset of each span that is stored, as a row or parked; a
// partition of whose span nothing is has none. Spans are of one epoch.
func (s *Store) Stored(ctx context.Context, spans []Span) (map[Partition]int64, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	where, args := within(spans)
	var rows []struct {
		Topic     string `ch:"topic"`
		Partition int32  `ch:"partition"`
		Last      int64  `ch:"last"`
	}
	err := s.Select(ctx, &rows, "SELECT toString(`topic`) AS topic, `partition`, max(`offset`) AS last FROM ("+
		"SELECT `topic`, `partition`, `offset` FROM payoff_private.event_log WHERE "+where+
		" UNION ALL SELECT `topic`, `partition`, `offset` FROM payoff_private.dead_letters WHERE "+where+
		") GROUP BY `topic`, `partition`", args...)
	if err != nil {
		return nil, fmt.Errorf("reading the last stored offsets of %d partitions: %w", len(spans), err)
	}
	out := make(map[Partition]int64, len(rows))
	for _, r := range rows {
		out[Partition{spans[0].Epoch, r.Topic, r.Partition}] = r.Last
	}
	return out, nil
}

// An Epoch is one log's life in this store.
type Epoch struct {
	Number    uint32
	LogID     string
	StartedAt time.Time
}

// CurrentEpoch returns the current epoch; its Number is 0 in a store that has
// never been loaded.
func (s *Store) CurrentEpoch(ctx context.Context) (Epoch, error) {
	var rows []struct {
		Number    uint32    `ch:"log_epoch"`
		LogID     string    `ch:"log_id"`
		StartedAt time.Time `ch:"started_at"`
	}
	// Of two loaders that opened one epoch at once the first counts, for both.
	err := s.Select(ctx, &rows, "SELECT `log_epoch`, log_id, started_at FROM payoff_private.log_epochs ORDER BY `log_epoch` DESC, started_at, log_id LIMIT 1")
	if err != nil {
		return Epoch{}, fmt.Errorf("reading the log epoch: %w", err)
	}
	if len(rows) == 0 {
		return Epoch{}, nil
	}
	return Epoch(rows[0]), nil
}

// OpenEpoch records e. Ledger entries that open its partitions are written
// before, so that no loader sees the epoch without them.
func (s *Store) OpenEpoch(ctx context.Context, e Epoch) error {
	return s.Insert(ctx, "payoff_private.log_epochs", []string{"log_epoch", "log_id", "started_at"}, 1, func(int) []any {
		return []any{e.Number, e.LogID, e.StartedAt.UTC()}
	})
}
