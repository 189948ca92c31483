package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
	"github.com/payoff-metrics/payoff/pkg/events"
)

var day = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

func clock() time.Time { return day }

// open returns a store on an engine of its own, without any migration.
func open(t testing.TB) (*Store, *engine.Engine) {
	t.Helper()
	return openIn(t, t.TempDir())
}

func openIn(t testing.TB, dir string) (*Store, *engine.Engine) {
	t.Helper()
	e := enginetest.StartIn(t, engine.Options{Dir: dir, Listen: "127.0.0.1:0"})
	s, err := Open(t.Context(), Options{DialContext: e.DialContext, User: engine.OwnerUser, Password: enginetest.PayoffPassword})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, e
}

var prepared enginetest.Prepared

func migrated(t testing.TB) (*Store, *engine.Engine) {
	t.Helper()
	dir := t.TempDir()
	prepared.Copy(t, dir, func(ctx context.Context, e *engine.Engine) error {
		s, err := Open(ctx, Options{DialContext: e.DialContext, User: engine.OwnerUser, Password: enginetest.PayoffPassword})
		if err != nil {
			return err
		}
		_, err = s.Migrate(ctx, clock, false)
		return errors.Join(err, s.Close())
	})
	return openIn(t, dir)
}

// value runs a query for one value.
func value[T any](t testing.TB, s *Store, sql string) T {
	t.Helper()
	var v T
	if err := s.Conn().QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func TestMigrateIsRepeatable(t *testing.T) {
	s, _ := open(t)
	all, err := Steps()
	if err != nil {
		t.Fatal(err)
	}
	planned, err := s.Migrate(t.Context(), clock, true)
	if err != nil || len(planned) != len(all) {
		t.Fatalf("plan = %d steps, %v; want all %d", len(planned), err, len(all))
	}
	if n := value[uint64](t, s, "SELECT count() FROM system.tables WHERE database LIKE 'payoff%'"); n != 0 {
		t.Fatalf("a plan made %d tables", n)
	}
	done, err := s.Migrate(t.Context(), clock, false)
	if err != nil || len(done) != len(all) {
		t.Fatalf("first run = %d steps, %v; want all %d", len(done), err, len(all))
	}
	done, err = s.Migrate(t.Context(), clock, false)
	if err != nil || len(done) != 0 {
		t.Fatalf("second run = %d steps, %v; want none", len(done), err)
	}
	// A process that dies between a statement and its record runs it again.
	for _, step := range all {
		if err := s.Exec(t.Context(), step.SQL); err != nil {
			t.Errorf("running %s again: %v", step.Name, err)
		}
	}
	if err := s.CheckSchema(t.Context()); err != nil {
		t.Errorf("CheckSchema after all migrations: %v", err)
	}
}

func TestMigrationsSayWhy(t *testing.T) {
	all, err := Steps()
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range all {
		if !strings.HasPrefix(step.SQL, "-- ") {
			t.Errorf("%s does not open with a comment on why", step.Name)
		}
		code := ""
		for line := range strings.Lines(step.SQL) {
			if !strings.HasPrefix(line, "--") {
				code += line
			}
		}
		if strings.Contains(strings.TrimRight(code, "; \n"), ";\n") {
			t.Errorf("%s holds more than one statement", step.Name)
		}
		if !strings.Contains(code, "IF NOT EXISTS") && !strings.Contains(code, "OR REPLACE") && !strings.Contains(code, "IF EXISTS") {
			t.Errorf("%s may not be run again: it says neither IF [NOT] EXISTS nor OR REPLACE", step.Name)
		}
	}
}

func TestMigrateRefuses(t *testing.T) {
	s, _ := migrated(t)
	all, err := Steps()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("an edited file", func(t *testing.T) {
		edited := append([]Step(nil), all...)
		edited[4].Checksum = strings.Repeat("0", 64)
		_, err := s.pending(t.Context(), edited)
		if err == nil || !strings.Contains(err.Error(), "an applied migration is never edited") {
			t.Errorf("migrating with an edited file: %v", err)
		}
	})
	t.Run("a newer store", func(t *testing.T) {
		_, err := s.pending(t.Context(), all[:len(all)-1])
		if !errors.Is(err, ErrTooNew) || !strings.Contains(err.Error(), all[len(all)-1].Name) {
			t.Errorf("migrating a store that is one ahead: %v", err)
		}
	})
}

func TestMigrateStopsAtTheFirstError(t *testing.T) {
	s, _ := open(t)
	all, err := Steps()
	if err != nil {
		t.Fatal(err)
	}
	broken := append([]Step(nil), all[:5]...)
	broken[4].SQL = "CREATE TABLE payoff_private.events (x Nonsense) ENGINE = MergeTree ORDER BY x"
	done, err := s.apply(t.Context(), broken, clock)
	if err == nil || !strings.Contains(err.Error(), broken[4].Name) || len(done) != 4 {
		t.Fatalf("done %d steps, %v; want 4 and an error that names %s", len(done), err, broken[4].Name)
	}
	todo, err := s.pending(t.Context(), all[:5])
	if err != nil || len(todo) != 1 || todo[0].Name != all[4].Name {
		t.Fatalf("still to do: %v, %v; want the one that failed", todo, err)
	}
	if err := s.CheckSchema(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("CheckSchema of a store that is behind: %v, want ErrUnavailable", err)
	}
}

func TestStepsRefusesBadNames(t *testing.T) {
	for name, files := range map[string][]string{
		"no number":  {"first.sql"},
		"upper case": {"0001_First.sql"},
		"one number": {"0001_a.sql", "0001_b.sql"},
	} {
		dir := fstest.MapFS{}
		for _, f := range files {
			dir[f] = &fstest.MapFile{Data: []byte("SELECT 1")}
		}
		if _, err := steps(dir); err == nil {
			t.Errorf("%s: %v was taken", name, files)
		}
	}
}

func TestEverythingHasAComment(t *testing.T) {
	s, _ := migrated(t)
	var missing []struct {
		What string `ch:"what"`
	}
	err := s.Select(t.Context(), &missing, `
		SELECT concat(database, '.', table, '.', name) AS what FROM system.columns WHERE database IN ('payoff', 'payoff_private') AND comment = ''
		UNION ALL
		SELECT concat(database, '.', name) AS what FROM system.tables WHERE database IN ('payoff', 'payoff_private') AND comment = ''
		ORDER BY what`)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range missing {
		t.Errorf("%s has no comment", m.What)
	}
}

type column struct {
	Name    string `ch:"name"`
	Type    string `ch:"type"`
	Comment string `ch:"comment"`
}

// The event row has one definition, events.Columns; the tables say the same.
func TestTablesAgreeWithTheEventRow(t *testing.T) {
	s, _ := migrated(t)
	for table, private := range map[string]bool{
		"payoff_private.event_log": true, "payoff_private.events": true, "payoff.event_log": false, "payoff.events": false,
	} {
		var want []column
		for _, c := range events.Columns {
			if private || !c.Private {
				want = append(want, column{c.Name, c.SQL, c.Comment})
			}
		}
		database, name, _ := strings.Cut(table, ".")
		var got []column
		err := s.Select(t.Context(), &got, fmt.Sprintf("SELECT name, type, comment FROM system.columns WHERE database = '%s' AND table = '%s' ORDER BY position", database, name))
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s has\n%v\nwant\n%v", table, got, want)
		}
	}
}

func draft(i int) events.Draft {
	return events.Draft{
		Source: "test", Kind: events.ServiceDeployed, Natural: []string{fmt.Sprint("deploy-", i)}, Subject: "payments",
		Time: day.Add(time.Duration(i) * time.Second), Received: day, Mapping: 1, Sequence: 1, ActorKind: events.Human, Actor: "pseudonym-1",
		Content: events.Fields{Environment: &events.Ref{ID: "prod"}, StartedAt: events.FormatTime(day)},
		Custom:  events.Fields{Commit: strings.Repeat("ab", 20)},
	}
}

// rows makes a record of drafts at consecutive offsets from first on.
func rows(t testing.TB, first int64, drafts ...events.Draft) arrow.Record {
	t.Helper()
	b := events.NewBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i, d := range drafts {
		e, err := events.New(d)
		if err != nil {
			t.Fatal(err)
		}
		r, err := events.NewRow(e)
		if err != nil {
			t.Fatal(err)
		}
		r.LogEpoch, r.Topic, r.Partition, r.Offset, r.LoadedAt = 1, "t", 0, first+int64(i), day
		b.Append(&r)
	}
	return b.Record()
}

var p0 = Partition{Epoch: 1, Topic: "t"}

func TestInsertedEventsReadBackAsTheyWere(t *testing.T) {
	s, e := migrated(t)
	d := draft(1)
	d.Recorded, d.Flags = day.Add(time.Minute), []string{events.FlagNoService, events.FlagFutureAuthored}
	ev, err := events.New(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.InsertEvents(t.Context(), rows(t, 7, d)); err != nil {
		t.Fatal(err)
	}
	if err := s.FillEvents(t.Context(), Span{p0, 0, Everything}); err != nil {
		t.Fatal(err)
	}
	v := ev.Version.Bytes()
	for sql, want := range map[string]string{
		"toString(event_id)": ev.ID,
		"lower(leftPad(hex(reverse(reinterpretAsFixedString(version))), 64, '0'))": fmt.Sprintf("%x", v[:]),
		"toString(occurred_at)":         "2026-11-20 09:30:01.000",
		"toString(recorded_at)":         "2026-11-20 09:31:00.000",
		"toString(started_at)":          "2026-11-20 09:30:00.000",
		"arrayStringConcat(flags, ',')": "future_authored,no_service",
		"service":                       "payments", "environment": "prod", "actor": "pseudonym-1", "commit": strings.Repeat("ab", 20),
		"toString(`offset`)": "7", "JSONExtractString(data, 'subject', 'id')": "payments",
	} {
		for _, table := range []string{"event_log", "events"} {
			if got := value[string](t, s, "SELECT "+sql+" FROM payoff_private."+table); got != want {
				t.Errorf("%s of %s = %q, want %q", sql, table, got, want)
			}
		}
	}
	reader := enginetest.ReaderConn(t, e)
	var n uint64
	if err := reader.QueryRow(t.Context(), "SELECT count() FROM payoff.events WHERE service = 'payments'").Scan(&n); err != nil || n != 1 {
		t.Errorf("a reader sees %d facts, %v; want 1", n, err)
	}
	if err := reader.QueryRow(t.Context(), "SELECT count() FROM payoff_private.events").Scan(&n); err == nil {
		t.Error("a reader opened payoff_private")
	}
}

// The subject of a membership is a person, and so are a unit and a declaration
// of one.
func TestReadersSeeNoPersonAsSubject(t *testing.T) {
	s, _ := migrated(t)
	member := events.Draft{Source: "test", Kind: events.MembershipChanged, Natural: []string{"m"}, Subject: "pseudonym-2", Time: day, Received: day, Mapping: 1,
		Content: events.Fields{Team: "core"}}
	use := events.Draft{Source: "test", Kind: events.UsageRecorded, Natural: []string{"u"}, Subject: "pseudonym-3", Time: day, Received: day, Mapping: 1,
		Content: events.Fields{Capability: "ci", Unit: "pseudonym-3", UnitKind: "person"}}
	declared := events.Draft{Source: "test", Kind: events.OrgDeclared, Natural: []string{"o"}, Subject: "person/pseudonym-4", Time: day, Received: day, Mapping: 1}
	if err := s.InsertEvents(t.Context(), rows(t, 0, member, use, declared)); err != nil {
		t.Fatal(err)
	}
	if err := s.FillEvents(t.Context(), Span{p0, 0, Everything}); err != nil {
		t.Fatal(err)
	}
	for _, view := range []string{"payoff.events", "payoff.event_log"} {
		if n := value[uint64](t, s, "SELECT countIf(subject != '') FROM "+view); n != 0 {
			t.Errorf("%s shows %d people", view, n)
		}
	}
}

func TestGreatestVersionWinsInAnyOrder(t *testing.T) {
	s, _ := migrated(t)
	version := func(mapping uint16, sequence uint64, outcome string) events.Draft {
		d := draft(1)
		d.Mapping, d.Sequence, d.Custom.Outcome = mapping, sequence, outcome
		return d
	}
	// A later mapping beats any sequence, a later sequence any content; 256 is
	// where an order by the wrong end of the number would show.
	for i, d := range []events.Draft{version(1, 256, "b"), version(2, 1, "winner"), version(1, 255, "a"), version(1, 257, "c")} {
		if err := s.InsertEvents(t.Context(), rows(t, int64(i), d)); err != nil {
			t.Fatal(err)
		}
		if err := s.FillEvents(t.Context(), Span{p0, int64(i), int64(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if got := value[string](t, s, "SELECT outcome FROM payoff.events"); got != "winner" {
		t.Errorf("current version is %q, want that of the later mapping", got)
	}
	if got := value[string](t, s, "SELECT outcome FROM payoff.event_log ORDER BY version DESC LIMIT 1 OFFSET 1"); got != "c" {
		t.Errorf("second greatest version is %q, want that of sequence 257", got)
	}
}

func TestOnePositionStoredTwiceIsReadOnce(t *testing.T) {
	s, _ := migrated(t)
	for range 2 {
		if err := s.InsertEvents(t.Context(), rows(t, 3, draft(1), draft(2))); err != nil {
			t.Fatal(err)
		}
	}
	if n := value[uint64](t, s, "SELECT count() FROM payoff_private.event_log"); n != 4 {
		t.Fatalf("the raw table has %d rows; this test wants 4", n)
	}
	if n := value[uint64](t, s, "SELECT count() FROM payoff.event_log"); n != 2 {
		t.Errorf("payoff.event_log has %d rows, want 2", n)
	}
}

func TestRejectedDataIsToldFromUnavailability(t *testing.T) {
	s, e := migrated(t)
	if err := s.Exec(t.Context(), "ALTER TABLE payoff_private.event_log ADD CONSTRAINT poison CHECK subject != 'poison'"); err != nil {
		t.Fatal(err)
	}
	bad := draft(2)
	bad.Subject = "poison"
	err := s.InsertEvents(t.Context(), rows(t, 0, draft(1), bad, draft(3)))
	if !errors.Is(err, ErrRejected) || errors.Is(err, ErrUnavailable) {
		t.Errorf("a row against a constraint: %v, want ErrRejected", err)
	}
	if n := value[uint64](t, s, "SELECT count() FROM payoff_private.event_log"); n != 0 {
		t.Errorf("%d rows of a rejected insert are stored", n)
	}
	if err := s.Exec(t.Context(), "DROP TABLE payoff_private.event_log"); err != nil {
		t.Fatal(err)
	}
	if err := s.InsertEvents(t.Context(), rows(t, 0, draft(1))); !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrRejected) {
		t.Errorf("a missing table: %v, want ErrUnavailable", err)
	}
	if err := e.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.InsertEvents(t.Context(), rows(t, 0, draft(1))); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a stopped engine: %v, want ErrUnavailable", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.InsertEvents(ctx, rows(t, 0, draft(1))); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("an ended context: %v, want context.Canceled", err)
	}
}

func TestLedgerAndEpochs(t *testing.T) {
	s, _ := migrated(t)
	ctx := t.Context()
	if e, err := s.CurrentEpoch(ctx); err != nil || e.Number != 0 {
		t.Fatalf("epoch of an empty store = %v, %v", e, err)
	}
	for _, e := range []Epoch{{1, "first", day}, {2, "late", day.Add(time.Second)}, {2, "early", day}} {
		if err := s.OpenEpoch(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	if e, err := s.CurrentEpoch(ctx); err != nil || e.Number != 2 || e.LogID != "early" {
		t.Errorf("current epoch = %v, %v; want 2, the one opened first", e, err)
	}
	p1 := Partition{1, "t", 1}
	err := s.Record(ctx, []Entry{
		{Partition: p0, First: 0, Last: -1, LoadedAt: day},
		{Partition: p1, First: 0, Last: 9, Rows: 9, Parked: 1, Loader: "a", Generation: 3, LoadedAt: day},
		{Partition: p1, First: 10, Last: 10, Rows: 1, LoadedAt: day},
		{Partition: Partition{2, "t", 1}, First: 100, Last: 99, LoadedAt: day},
	})
	if err != nil {
		t.Fatal(err)
	}
	if plan := value[string](t, s, "SELECT arrayStringConcat(groupArray(explain), ' ') FROM (EXPLAIN SELECT `topic`, `partition`, max(`last_offset`) FROM payoff.ingest_ledger WHERE `log_epoch` = 1 GROUP BY `topic`, `partition` SETTINGS force_optimize_projection = 1)"); !strings.Contains(plan, "(ends)") {
		t.Errorf("the ledger's ends are not read from its projection: %s", plan)
	}
	ends, err := s.LedgerEnds(ctx, 1)
	if err != nil || len(ends) != 2 || ends[p0] != 0 || ends[p1] != 11 {
		t.Errorf("ledger ends = %v, %v", ends, err)
	}
}

func TestPresentTellsRowsFromParked(t *testing.T) {
	s, _ := migrated(t)
	ctx := t.Context()
	ahead := []Span{{p0, 5, Everything}, {Partition{1, "t", 1}, 0, Everything}}
	if last, err := s.Stored(ctx, ahead); err != nil || len(last) > 0 {
		t.Errorf("of nothing %v is stored, %v", last, err)
	}
	if err := s.InsertEvents(ctx, rows(t, 4, draft(4), draft(5))); err != nil {
		t.Fatal(err)
	}
	letter := DeadLetter{Partition: p0, Offset: 6, Source: "github", Reason: "is no event", Field: "data", ReceivedAt: day, ParkedAt: day, Body: []byte{0, 1, 0xff}, Headers: map[string]string{"a": "b"}}
	for range 2 {
		if err := s.Park(ctx, []DeadLetter{letter}); err != nil {
			t.Fatal(err)
		}
	}
	if last, err := s.Stored(ctx, ahead); err != nil || len(last) != 1 || last[p0] != 6 {
		t.Errorf("Stored = %v, %v; want 6 of the first partition", last, err)
	}
	ev, err := events.New(draft(5))
	if err != nil {
		t.Fatal(err)
	}
	id, err := events.ParseID(ev.ID)
	if err != nil {
		t.Fatal(err)
	}
	present, err := s.Present(ctx, Span{p0, 5, 100})
	if err != nil || len(present) != 2 || present[5] != id || present[6] != [16]byte{} {
		t.Errorf("present = %x, %v", present, err)
	}
	dead, err := s.DeadLetters(ctx, 0)
	if err != nil || len(dead) != 1 || string(dead[0].Body) != string(letter.Body) || dead[0].Headers["a"] != "b" || !dead[0].ReplayedAt.IsZero() {
		t.Fatalf("dead letters = %+v, %v", dead, err)
	}
	// A replay stands even if the letter is parked again by a late loader.
	if err := s.MarkReplayed(ctx, day.Add(time.Hour), Span{p0, 6, 6}); err != nil {
		t.Fatal(err)
	}
	if err := s.Park(ctx, []DeadLetter{letter}); err != nil {
		t.Fatal(err)
	}
	if dead, err = s.DeadLetters(ctx, 1, Span{p0, 6, 6}); err != nil || len(dead) != 1 || !dead[0].ReplayedAt.Equal(day.Add(time.Hour)) {
		t.Errorf("after a replay: %+v, %v", dead, err)
	}
}

// TestFreshness tells a fact twice, one whose time nobody believes and one of next
// year, and fills from all of them twice.
func TestFreshness(t *testing.T) {
	s, _ := migrated(t)
	far := draft(2)
	far.Time = time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC)
	ahead := draft(3)
	ahead.Time = ahead.Received.AddDate(1, 0, 0)
	if err := s.InsertEvents(t.Context(), rows(t, 0, draft(1), far, draft(1), ahead)); err != nil {
		t.Fatal(err)
	}
	for _, span := range []Span{{p0, 0, 0}, {p0, 0, 3}} {
		if err := s.FillEvents(t.Context(), span); err != nil {
			t.Fatal(err)
		}
	}
	if got := value[string](t, s, "SELECT concat(source, ' ', toString(last_occurred_at), ' ', toString(facts)) FROM payoff.freshness"); got != "test 2026-11-20 09:30:01.000 3" {
		t.Errorf("freshness = %q", got)
	}
}

// TestFactsNameWhoIsShown: a row of a fact names the team that is shown as its service's
// owner at the time.
func TestFactsNameWhoIsShown(t *testing.T) {
	s, _ := migrated(t)
	for _, sql := range []string{
		`INSERT INTO payoff_private.shown_owners (service, valid_from, valid_to, team, unit) VALUES
			('cart', '1900-01-01', '2026-02-01', '', 'commerce'), ('cart', '2026-02-01', '2026-03-01', 'grows', 'commerce'), ('cart', '2026-03-01', '2200-01-01', '', 'commerce')`,
		`INSERT INTO payoff_private.deployments (service, tier, deployment_id, ended_at)
			SELECT arrayJoin(['cart', 'nobodys']) AS service, 'production', toUUID(concat('00000000-0000-0000-0000-00000000000', toString(number))), toDateTime64('2026-01-15 00:00:00', 3, 'UTC') + toIntervalMonth(number) FROM numbers(3)`,
	} {
		if err := s.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	const rows = "SELECT arrayStringConcat(arrayMap(r -> r.2, arraySort(groupArray((ended_at, concat(team, '/', unit))))), ' ') FROM payoff.deployments WHERE service = '%s'"
	for service, want := range map[string]string{"cart": "/commerce grows/commerce /commerce", "nobodys": "/ / /"} {
		if got := value[string](t, s, fmt.Sprintf(rows, service)); got != want {
			t.Errorf("deployments of %s are of %q, want %q", service, got, want)
		}
	}
}
