package events

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"
)

// cell is the value of a column in row i, as text; "null" for none.
func cell(t *testing.T, rec arrow.Record, name string, i int) string {
	t.Helper()
	at := rec.Schema().FieldIndices(name)
	if len(at) != 1 {
		t.Fatalf("%d columns are named %s", len(at), name)
	}
	col := rec.Column(at[0])
	if col.IsNull(i) {
		return "null"
	}
	switch c := col.(type) {
	case *array.FixedSizeBinary:
		return string(c.Value(i))
	case *array.Timestamp:
		return FormatTime(time.UnixMilli(int64(c.Value(i))))
	}
	return col.ValueStr(i)
}

func TestBuilderKeepsWhatTheRowSays(t *testing.T) {
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	defer mem.AssertSize(t, 0)
	b := NewBuilder(mem)
	defer b.Release()
	var rows []Row
	for seed := range uint64(300) {
		e := mustNew(t, random(rand.New(rand.NewPCG(seed, 4))))
		r, err := NewRow(e)
		if err != nil {
			t.Fatal(err)
		}
		r.LogEpoch, r.Topic, r.Partition, r.Offset, r.LoadedAt = 2, "t", int32(seed%3), int64(seed), noon
		rows = append(rows, r)
		b.Append(&r)
	}
	if b.Len() != len(rows) {
		t.Errorf("Len = %d, want %d", b.Len(), len(rows))
	}
	rec := b.Record()
	defer rec.Release()
	if b.Len() != 0 || rec.NumRows() != int64(len(rows)) {
		t.Fatalf("the record has %d rows, and %d are left; want %d and 0", rec.NumRows(), b.Len(), len(rows))
	}
	for i, r := range rows {
		v := r.Version.Bytes()
		slices.Reverse(v[:])
		null := func(at time.Time) string {
			if at.IsZero() {
				return "null"
			}
			return FormatTime(at)
		}
		for name, want := range map[string]string{
			"log_epoch": "2", "topic": "t", "event_id": string(r.RawID[:]), "version": string(v[:]), "source": r.Source, "kind": string(r.Kind), "type": r.Type,
			"subject": r.Subject, "occurred_at": FormatTime(r.Time), "recorded_at": null(r.RecordedAt), "started_at": null(r.StartedAt), "actor_kind": r.ActorKind, "actor": r.Actor,
			"service": r.Service, "environment": r.Environment, "repository": r.Repository, "commit": r.Commit, "ref": r.Ref, "outcome": r.Outcome,
			"incident": r.Incident, "team": r.Team, "unit": r.Unit, "capability": r.Capability, "data": string(r.RawData),
		} {
			if got := cell(t, rec, name, i); got != want {
				t.Errorf("row %d: %s = %q, want %q", i, name, got, want)
			}
		}
		flags := rec.Column(rec.Schema().FieldIndices("flags")[0]).(*array.List)
		from, to := flags.ValueOffsets(i)
		var got []string
		for j := from; j < to; j++ {
			got = append(got, flags.ListValues().(*array.String).Value(int(j)))
		}
		if !slices.Equal(got, r.Flags) {
			t.Errorf("row %d: flags = %v, want %v", i, got, r.Flags)
		}
	}
}

func TestTimesBeyondTheColumnAreAtItsBound(t *testing.T) {
	b := NewBuilder(memory.DefaultAllocator)
	defer b.Release()
	for _, at := range []time.Time{{}, time.Date(1066, 10, 14, 0, 0, 0, 0, time.UTC), time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		d := typical(1)[0]
		d.Time, d.Custom.StartedAt = at, FormatTime(at)
		r, err := NewRow(mustNew(t, d))
		if err != nil {
			t.Fatal(err)
		}
		b.Append(&r)
	}
	rec := b.Record()
	defer rec.Release()
	for i, want := range []string{FormatTime(minInstant), FormatTime(minInstant), FormatTime(maxInstant)} {
		if got := cell(t, rec, "occurred_at", i); got != want {
			t.Errorf("row %d occurred at %s, want %s", i, got, want)
		}
		if got := cell(t, rec, "started_at", i); got != "null" {
			t.Errorf("row %d started at %s, want null", i, got)
		}
	}
}

func TestColumnsAreWhole(t *testing.T) {
	names := ColumnNames()
	if len(names) != len(Columns) || len(names) != Schema.NumFields() {
		t.Fatalf("%d names, %d columns, %d fields", len(names), len(Columns), Schema.NumFields())
	}
	sql := SQLColumns()
	for i, c := range Columns {
		if slices.Index(names, c.Name) != i {
			t.Errorf("%s comes twice or is out of order", c.Name)
		}
		if c.Comment == "" || c.add == nil {
			t.Errorf("%s has no comment or no value", c.Name)
		}
		if Schema.Field(i).Nullable != strings.HasPrefix(c.SQL, "Nullable(") {
			t.Errorf("%s is nullable in one place only", c.Name)
		}
		if want := "`" + c.Name + "` " + c.SQL + " COMMENT '" + strings.ReplaceAll(c.Comment, "'", "''") + "'"; !strings.Contains(sql, want) {
			t.Errorf("SQLColumns lacks %s", want)
		}
	}
}

func TestPromotedFields(t *testing.T) {
	promote := func(k Kind, subject string, content, custom Fields) Row {
		t.Helper()
		r, err := NewRow(mustNew(t, Draft{Source: "s", Kind: k, Natural: []string{"n"}, Subject: subject, Time: noon, Content: content, Custom: custom}))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	if r := promote(ServiceDeployed, "payments", Fields{}, Fields{}); r.Service != "payments" {
		t.Errorf("the subject of service.deployed is the service; got %q", r.Service)
	}
	if r := promote(ServiceDeployed, "pod", Fields{}, Fields{Service: &Ref{ID: "payments"}}); r.Service != "payments" {
		t.Errorf("a service that is named goes before the subject; got %q", r.Service)
	}
	if r := promote(ServiceDeployed, "pod", Fields{Service: &Ref{ID: "content"}}, Fields{Service: &Ref{ID: "custom"}}); r.Service != "content" {
		t.Errorf("content goes before custom data; got %q", r.Service)
	}
	if r := promote(IncidentResolved, "INC-1", Fields{}, Fields{}); r.Incident != "INC-1" || r.Service != "" {
		t.Errorf("incident %q of service %q; want INC-1 of none", r.Incident, r.Service)
	}
	if r := promote(CommitRecorded, "c0ffee", Fields{}, Fields{}); r.Commit != "c0ffee" {
		t.Errorf("the subject of commit.recorded is the commit; got %q", r.Commit)
	}
	r := promote(DeploymentFailed, "x", Fields{StartedAt: "1066-10-14T09:00:00Z"}, Fields{})
	if !r.StartedAt.IsZero() || !slices.Contains(r.Flags, FlagImpossibleTime) {
		t.Errorf("an impossible start is %v with flags %v", r.StartedAt, r.Flags)
	}
	if r := promote(DeploymentFailed, "x", Fields{StartedAt: "yesterday"}, Fields{}); !r.StartedAt.IsZero() || len(r.Flags) != 0 {
		t.Errorf("a start that is no time is %v with flags %v", r.StartedAt, r.Flags)
	}
}
