package store

import (
	"strings"
	"testing"
)

// filled is a store with 6 records of one partition: 3 facts, one of them in two
// versions and one repeated, and one parked.
func filled(t *testing.T) *Store {
	s, _ := migrated(t)
	fill(t, s)
	return s
}

func fill(t *testing.T, s *Store) {
	t.Helper()
	newer := draft(1)
	newer.Sequence = 2
	if err := s.InsertEvents(t.Context(), rows(t, 0, draft(1), draft(2), draft(3), newer, draft(2))); err != nil {
		t.Fatal(err)
	}
	if err := s.Park(t.Context(), []DeadLetter{{Partition: p0, Offset: 5, ReceivedAt: day, ParkedAt: day}}); err != nil {
		t.Fatal(err)
	}
	if err := s.FillEvents(t.Context(), Span{p0, 0, Everything}); err != nil {
		t.Fatal(err)
	}
	if err := s.OpenEpoch(t.Context(), Epoch{1, "log", day}); err != nil {
		t.Fatal(err)
	}
	record(t, s, Entry{Partition: p0, First: 0, Last: 3, Rows: 4, LoadedAt: day}, Entry{Partition: p0, First: 4, Last: 5, Rows: 1, Parked: 1, LoadedAt: day})
}

// empty truncates what fill and the harm after it wrote.
func empty(t *testing.T, s *Store) {
	for _, table := range []string{"payoff_private.event_log", "payoff_private.events", "payoff_private.dead_letters", "payoff_private.log_epochs", "payoff.ingest_ledger"} {
		exec("TRUNCATE TABLE IF EXISTS "+table)(t, s)
	}
}

func record(t *testing.T, s *Store, entries ...Entry) {
	t.Helper()
	if err := s.Record(t.Context(), entries); err != nil {
		t.Fatal(err)
	}
}

func verify(t *testing.T, s *Store, log ...LogBounds) *Conservation {
	t.Helper()
	c, err := s.Verify(t.Context(), log)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestVerifyCountsEachRecordOnce(t *testing.T) {
	s := filled(t)
	c := verify(t, s, LogBounds{"t", 0, 0, 9})
	if c.Loaded != 6 || c.Facts != 3 || c.Repeats != 1 || c.Older != 1 || c.Parked != 1 || c.Waiting != 3 || len(c.Findings) != 0 || len(c.Notes) != 0 {
		t.Errorf("account = %+v", c)
	}
}

// A large store is verified in parts; together they say what the whole says.
func TestVerifyInPartsSaysTheSame(t *testing.T) {
	s := filled(t)
	exec("DELETE FROM payoff_private.events WHERE `offset` = 2")(t, s)
	runs, err := s.ledgerRuns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var c Conservation
	for bucket := range uint64(5) {
		if err := s.verifyBucket(t.Context(), &c, runs, bucket, 5); err != nil {
			t.Fatal(err)
		}
	}
	if c.Facts != 3 || c.Repeats != 1 || c.Older != 1 || len(c.Findings) != 1 {
		t.Errorf("account in parts = %+v", c)
	}
}

func TestVerifyIgnoresWhatIsBeingLoaded(t *testing.T) {
	s := filled(t)
	newest := draft(1)
	newest.Sequence = 9
	if err := s.InsertEvents(t.Context(), rows(t, 6, draft(7), newest)); err != nil {
		t.Fatal(err)
	}
	for _, fill := range []bool{false, true} {
		if fill {
			if err := s.FillEvents(t.Context(), Span{p0, 6, 7}); err != nil {
				t.Fatal(err)
			}
		}
		if c := verify(t, s); c.Loaded != 6 || c.Facts != 3 || len(c.Findings) != 0 {
			t.Errorf("account while loading, events filled %t: %+v", fill, c)
		}
	}
}

func TestVerifyFinds(t *testing.T) {
	s, _ := migrated(t)
	for name, tt := range map[string]struct {
		harm func(*testing.T, *Store)
		log  []LogBounds
		want string
		note bool
	}{
		"a lost row":         {harm: exec("DELETE FROM payoff_private.event_log WHERE `offset` = 2"), want: "ledger has 5 rows and 1 parked, the tables 4 and 1"},
		"a lost dead letter": {harm: exec("DELETE FROM payoff_private.dead_letters WHERE `offset` = 5"), want: "the tables 5 and 0"},
		"a lost fact":        {harm: exec("DELETE FROM payoff_private.events WHERE `offset` = 2"), want: "1 facts of event_log are not in events"},
		"an old version": {harm: func(t *testing.T, s *Store) {
			exec("DELETE FROM payoff_private.events WHERE `offset` = 3")(t, s)
			if err := s.FillEvents(t.Context(), Span{p0, 0, 0}); err != nil {
				t.Fatal(err)
			}
		}, want: "1 facts have a greater version in event_log"},
		"a fact from nowhere": {harm: exec("INSERT INTO payoff_private.events SELECT * REPLACE(generateUUIDv4() AS event_id) FROM payoff_private.events LIMIT 1"), want: "1 facts have a version that event_log does not have"},
		"a hole":              {harm: func(t *testing.T, s *Store) { record(t, s, Entry{Partition: p0, First: 8, Last: 9, LoadedAt: day}) }, want: "hole at offsets 6-7"},
		"a beginning that is none": {harm: func(t *testing.T, s *Store) {
			record(t, s, Entry{Partition: Partition{1, "t", 3}, First: 4, Last: 9, LoadedAt: day})
		}, want: "hole at offsets 0-3"},
		"an overlap": {harm: func(t *testing.T, s *Store) {
			record(t, s, Entry{Partition: p0, First: 4, Last: 5, Rows: 1, Parked: 1, LoadedAt: day})
		}, want: "the ledger has offsets 4-5 more than once", note: true},
		"an overlap that hides a loss": {harm: func(t *testing.T, s *Store) {
			record(t, s, Entry{Partition: p0, First: 4, Last: 6, Rows: 2, Parked: 1, LoadedAt: day})
		}, want: "of 7 offsets up to 6, 1 are neither rows nor parked"},
		"a row stored twice": {harm: func(t *testing.T, s *Store) {
			if err := s.InsertEvents(t.Context(), rows(t, 2, draft(3))); err != nil {
				t.Fatal(err)
			}
		}, want: "1 positions are stored more than once", note: true},
		"a log that is behind": {log: []LogBounds{{"t", 0, 0, 5}}, want: "loaded up to offset 5, and the log's next record will be 5"},
		"a gap":                {log: []LogBounds{{"t", 0, 8, 12}}, want: "no longer holds offsets 6 to 7"},
		"an unknown past":      {log: []LogBounds{{"other", 0, 8, 12}}, want: "no longer holds offsets 0 to 7"},
	} {
		t.Run(name, func(t *testing.T) {
			empty(t, s)
			fill(t, s)
			if tt.harm != nil {
				tt.harm(t, s)
			}
			c := verify(t, s, tt.log...)
			found := c.Findings
			if tt.note {
				if len(found) > 0 {
					t.Errorf("findings: %v; want a note only", found)
				}
				found = c.Notes
			}
			for _, f := range found {
				if strings.Contains(f.String(), tt.want) {
					return
				}
			}
			t.Errorf("found %v, want %q", found, tt.want)
		})
	}
}

func exec(sql string) func(*testing.T, *Store) {
	return func(t *testing.T, s *Store) {
		t.Helper()
		if err := s.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}
