package store

import (
	"context"
	"fmt"
	"time"
)

// A DeadLetter is a record that could not become a row.
type DeadLetter struct {
	Partition
	Offset     int64
	Source     string // who sent it, "" if not known
	Endpoint   string // the endpoint of the source that took it, "" if not known
	Reason     string // in words its sender can act on
	Field      string // the field that is wrong, "" if it is not one field
	ReceivedAt time.Time
	ParkedAt   time.Time
	ReplayedAt time.Time // zero: never
	Sealed     bool      // Body is sealed to the delivery key
	Headers    map[string]string
	Key        []byte
	Body       []byte
}

var deadColumns = []string{"log_epoch", "topic", "partition", "offset", "source", "endpoint", "reason", "field",
	"received_at", "parked_at", "replayed_at", "revision", "sealed", "headers", "key", "body"}

// Park writes letters. It may be repeated: a position is parked once.
func (s *Store) Park(ctx context.Context, letters []DeadLetter) error {
	return s.Insert(ctx, "payoff_private.dead_letters", deadColumns, len(letters), func(i int) []any {
		d := &letters[i]
		var replayed *time.Time
		if !d.ReplayedAt.IsZero() {
			replayed = &d.ReplayedAt
		}
		headers := d.Headers
		if headers == nil {
			headers = map[string]string{}
		}
		return []any{d.Epoch, d.Topic, d.Partition.Partition, d.Offset, d.Source, d.Endpoint, d.Reason, d.Field,
			storable(d.ReceivedAt), storable(d.ParkedAt), replayed, uint32(0), d.Sealed, headers, string(d.Key), string(d.Body)}
	})
}

// storable moves t into the range of the column, for times that come from a
// record nobody could read.
func storable(t time.Time) time.Time {
	lo, hi := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2299, 12, 31, 0, 0, 0, 0, time.UTC)
	if t.Before(lo) {
		return lo
	}
	if t.After(hi) {
		return hi
	}
	return t.UTC()
}

// DeadLetters returns those in spans, bodies included, in order of position;
// all of them when no span is given. At most limit, if limit is above zero.
func (s *Store) DeadLetters(ctx context.Context, limit int, spans ...Span) ([]DeadLetter, error) {
	where, args := "1", []any(nil)
	if len(spans) > 0 {
		where, args = within(spans)
	}
	sql := "SELECT `log_epoch`, `topic`, `partition`, `offset`, source, endpoint, reason, field, received_at, parked_at, replayed_at, sealed, headers, key, body" +
		" FROM payoff_private.dead_letters FINAL WHERE " + where + " ORDER BY `log_epoch`, `topic`, `partition`, `offset`"
	if limit > 0 {
		sql += fmt.Sprintf(" LIMIT %d", limit)
	}
	rows, err := s.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading dead letters: %w", err)
	}
	defer rows.Close()
	var out []DeadLetter
	for rows.Next() {
		var (
			d         DeadLetter
			replayed  *time.Time
			key, body string
		)
		if err := rows.Scan(&d.Epoch, &d.Topic, &d.Partition.Partition, &d.Offset, &d.Source, &d.Endpoint, &d.Reason, &d.Field,
			&d.ReceivedAt, &d.ParkedAt, &replayed, &d.Sealed, &d.Headers, &key, &body); err != nil {
			return nil, fmt.Errorf("reading dead letters: %w", classify(ctx, err))
		}
		if replayed != nil {
			d.ReplayedAt = *replayed
		}
		d.Key, d.Body = []byte(key), []byte(body)
		out = append(out, d)
	}
	return out, classify(ctx, rows.Err())
}

// MarkReplayed notes that the letters in spans were sent through the mapping
// again at the given time.
func (s *Store) MarkReplayed(ctx context.Context, at time.Time, spans ...Span) error {
	if len(spans) == 0 {
		return nil
	}
	where, args := within(spans)
	err := s.Exec(ctx, "INSERT INTO payoff_private.dead_letters SELECT * REPLACE (toDateTime64('"+formatTime(at)+"', 3, 'UTC') AS replayed_at, `revision` + 1 AS `revision`)"+
		" FROM payoff_private.dead_letters FINAL WHERE "+where, args...)
	if err != nil {
		return fmt.Errorf("marking dead letters as replayed: %w", err)
	}
	return nil
}
