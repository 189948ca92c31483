package store

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// LogBounds are the bounds of one partition in the log itself: records from
// First up to, but not including, Next can be read.
type LogBounds struct {
	Topic       string
	Partition   int32
	First, Next int64
}

// Conservation is the account of the store, over all log epochs, up to the
// ledger's ends as they were when it was begun:
//
//	Loaded = Facts + Repeats + Older + Parked
type Conservation struct {
	Loaded  uint64 // records read from the log, by the ledger
	Facts   uint64 // distinct facts
	Repeats uint64 // records that say again what another one says of a fact
	Older   uint64 // versions of facts that a greater one has replaced
	Parked  uint64 // records in dead_letters
	Waiting uint64 // records of the log that are not loaded yet

	Findings []Finding // what does not add up
	Notes    []Finding // what is unusual and harms nothing
}

// A Finding is one thing and where it is.
type Finding struct {
	Where string // epoch, topic and partition, or a table
	What  string
}

func (f Finding) String() string { return f.Where + ": " + f.What }

// Verify draws up the account and checks it: that the ledger has no hole, that
// each partition has as many rows and parked records as the ledger says, that
// events holds the greatest version of each fact of event_log and nothing else,
// and that the log, whose bounds are given, goes on where the ledger ends. It may
// run while events are loaded. It reads whole tables, a part of the facts at a
// time.
func (s *Store) Verify(ctx context.Context, log []LogBounds) (*Conservation, error) {
	c := &Conservation{}
	runs, err := s.ledgerRuns(ctx)
	if err == nil {
		err = s.verifyPositions(ctx, c, runs)
	}
	if err == nil {
		err = s.verifyFacts(ctx, c, runs)
	}
	if err == nil {
		err = s.verifyLog(ctx, c, runs, log)
	}
	if err != nil {
		return nil, fmt.Errorf("verifying the store: %w", err)
	}
	if sum := c.Facts + c.Repeats + c.Older + c.Parked; c.Loaded != sum {
		c.find("account", "%d records are loaded, but %d facts, %d repeats, %d older versions and %d parked are %d",
			c.Loaded, c.Facts, c.Repeats, c.Older, c.Parked, sum)
	}
	return c, nil
}

func (c *Conservation) find(where, format string, args ...any) {
	c.Findings = append(c.Findings, Finding{where, fmt.Sprintf(format, args...)})
}

func (c *Conservation) note(where, format string, args ...any) {
	c.Notes = append(c.Notes, Finding{where, fmt.Sprintf(format, args...)})
}

// A ledgerRun is the ledger of one partition, all its entries together.
type ledgerRun struct {
	Epoch     uint32 `ch:"log_epoch"`
	Topic     string `ch:"topic"`
	Partition int32  `ch:"partition"`
	First     int64  `ch:"first"`
	Last      int64  `ch:"last"`
	Rows      uint64 `ch:"rows"`
	Parked    uint64 `ch:"parked"`
	Holes     string `ch:"holes"`    // "5-9, 20-20": the first few
	Overlaps  string `ch:"overlaps"` // likewise
}

func (r *ledgerRun) span() Span {
	return Span{Partition{r.Epoch, r.Topic, r.Partition}, r.First, r.Last}
}

func (s Span) String() string {
	return fmt.Sprintf("epoch %d, %s/%d", s.Epoch, s.Topic, s.Partition.Partition)
}

// ledgerRuns walks the entries of each partition in order. The first of an epoch
// begins at 0 or is the empty one that says where it begins.
func (s *Store) ledgerRuns(ctx context.Context) ([]ledgerRun, error) {
	var runs []ledgerRun
	err := s.Select(ctx, &runs, `
		SELECT log_epoch, topic, partition, min(first_offset) AS first, max(last_offset) AS last, sum(l.rows) AS rows, sum(l.parked) AS parked,
			arrayStringConcat(groupArrayIf(3)(concat(toString(before + 1), '-', toString(first_offset - 1)), first_offset > before + 1), ', ') AS holes,
			arrayStringConcat(groupArrayIf(3)(concat(toString(first_offset), '-', toString(least(before, last_offset))), first_offset <= before AND last_offset >= first_offset), ', ') AS overlaps
		FROM (
			SELECT *, if(row_number() OVER w = 1, if(last_offset < first_offset, last_offset, -1),
				max(last_offset) OVER (PARTITION BY log_epoch, topic, partition ORDER BY first_offset, last_offset ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS before
			FROM payoff.ingest_ledger
			WINDOW w AS (PARTITION BY log_epoch, topic, partition ORDER BY first_offset, last_offset)
		) AS l
		GROUP BY log_epoch, topic, partition
		ORDER BY log_epoch, topic, partition`)
	return runs, err
}

// verifyPositions compares each partition's entries with what is stored.
func (s *Store) verifyPositions(ctx context.Context, c *Conservation, runs []ledgerRun) error {
	rows, err := s.countPositions(ctx, "payoff_private.event_log FINAL", runs)
	if err != nil {
		return err
	}
	raw, err := s.countPositions(ctx, "payoff_private.event_log", runs)
	if err != nil {
		return err
	}
	parked, err := s.countPositions(ctx, "payoff_private.dead_letters FINAL", runs)
	if err != nil {
		return err
	}
	for i := range runs {
		r := &runs[i]
		at, where := r.span().Partition, r.span().String()
		if r.Holes != "" {
			c.find(where, "the ledger has a hole at offsets %s", r.Holes)
		}
		if twice := raw[at] - rows[at]; twice > 0 {
			c.note(where, "%d positions are stored more than once and read once", twice)
		}
		c.Parked += parked[at]
		if r.Overlaps == "" {
			c.Loaded += r.Rows + r.Parked
			if rows[at] != r.Rows || parked[at] != r.Parked {
				c.find(where, "up to offset %d the ledger has %d rows and %d parked, the tables %d and %d", r.Last, r.Rows, r.Parked, rows[at], parked[at])
			}
			continue
		}
		// The sums count some offsets twice: two owners at once, or an entry
		// whose insert was tried again.
		c.note(where, "the ledger has offsets %s more than once", r.Overlaps)
		c.Loaded += rows[at] + parked[at]
		if covered := uint64(r.Last - r.First + 1); rows[at]+parked[at] < covered {
			c.find(where, "of %d offsets up to %d, %d are neither rows nor parked", covered, r.Last, covered-rows[at]-parked[at])
		}
	}
	return nil
}

// countPositions counts the rows of table within runs, by partition.
func (s *Store) countPositions(ctx context.Context, table string, runs []ledgerRun) (map[Partition]uint64, error) {
	where, args := withinRuns(runs)
	var counts []struct {
		Epoch     uint32 `ch:"log_epoch"`
		Topic     string `ch:"topic"`
		Partition int32  `ch:"partition"`
		N         uint64 `ch:"n"`
	}
	err := s.Select(ctx, &counts, "SELECT `log_epoch`, `topic`, `partition`, count() AS n FROM "+table+
		" WHERE "+where+" GROUP BY `log_epoch`, `topic`, `partition`", args...)
	out := make(map[Partition]uint64, len(counts))
	for _, n := range counts {
		out[Partition{n.Epoch, n.Topic, n.Partition}] = n.N
	}
	return out, err
}

func withinRuns(runs []ledgerRun) (string, []any) {
	if len(runs) == 0 {
		return "0", nil
	}
	spans := make([]Span, len(runs))
	for i := range runs {
		spans[i] = runs[i].span()
	}
	return within(spans)
}

// verifyFacts compares event_log with events, fact by fact. What is beyond the
// ledger's ends is still being loaded: in event_log it is left out, in events it
// may stand for an older version.
func (s *Store) verifyFacts(ctx context.Context, c *Conservation, runs []ledgerRun) error {
	var rows uint64
	if err := s.scan(ctx, "SELECT count() FROM payoff_private.event_log", nil, &rows); err != nil {
		return err
	}
	const atOnce = 4_000_000 // records; bounds the memory of one GROUP BY
	buckets := rows/atOnce + 1
	for bucket := range buckets {
		if err := s.verifyBucket(ctx, c, runs, bucket, buckets); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) verifyBucket(ctx context.Context, c *Conservation, runs []ledgerRun, bucket, buckets uint64) error {
	where, args := withinRuns(runs)
	args = append(args, clickhouse.Named("bucket", bucket), clickhouse.Named("buckets", buckets))
	var records, versions, facts, missing, outdated, stray uint64
	err := s.scan(ctx, `
		SELECT sum(records), sum(versions), countIf(records > 0),
			countIf(records > 0 AND here = 0),
			countIf(records > 0 AND here > 0 AND current < latest),
			countIf(loaded > 0 AND (records = 0 OR known < 1))
		FROM (
			SELECT
				countIf(side = 'log') AS records, uniqExactIf(version, side = 'log') AS versions, maxIf(version, side = 'log') AS latest,
				countIf(side != 'log') AS here, countIf(side = 'loaded') AS loaded, maxIf(version, side != 'log') AS current,
				has(groupArrayIf(version, side = 'log'), maxIf(version, side = 'loaded')) AS known
			FROM (
				SELECT 'log' AS side, kind, source, event_id, version FROM payoff_private.event_log FINAL
				WHERE (`+where+`) AND cityHash64(event_id) % {buckets:UInt64} = {bucket:UInt64}
				UNION ALL
				SELECT if(`+where+`, 'loaded', 'loading'), kind, source, event_id, version FROM payoff_private.events FINAL
				WHERE cityHash64(event_id) % {buckets:UInt64} = {bucket:UInt64}
			)
			GROUP BY kind, source, event_id
		)`, args, &records, &versions, &facts, &missing, &outdated, &stray)
	if err != nil {
		return err
	}
	c.Repeats += records - versions
	c.Older += versions - facts
	c.Facts += facts
	for what, n := range map[string]uint64{
		"facts of event_log are not in events": missing, "facts have a greater version in event_log": outdated, "facts have a version that event_log does not have": stray,
	} {
		if n > 0 {
			c.find("events", "%d %s", n, what)
		}
	}
	return nil
}

// scan runs a query for one row.
func (s *Store) scan(ctx context.Context, sql string, args []any, dest ...any) error {
	return classify(ctx, s.conn.QueryRow(ctx, sql, args...).Scan(dest...))
}

// verifyLog compares the ends of the current epoch with the log.
func (s *Store) verifyLog(ctx context.Context, c *Conservation, runs []ledgerRun, log []LogBounds) error {
	epoch, err := s.CurrentEpoch(ctx)
	if err != nil {
		return err
	}
	ends := make(map[Partition]int64)
	for i := range runs {
		ends[runs[i].span().Partition] = runs[i].Last + 1
	}
	for _, b := range log {
		at := Partition{epoch.Number, b.Topic, b.Partition}
		end, known := ends[at]
		where := Span{Partition: at}.String()
		switch {
		case b.Next < end:
			c.find(where, "it is loaded up to offset %d, and the log's next record will be %d", end-1, b.Next)
		case b.First > end || !known && b.First > 0:
			c.find(where, "the log no longer holds offsets %d to %d, which are not loaded", end, b.First-1)
			c.Waiting += uint64(b.Next - b.First)
		default:
			c.Waiting += uint64(b.Next - end)
		}
	}
	return nil
}
