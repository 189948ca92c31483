package dashboard

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/metric/metrictest"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

var until = time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC)

// open starts an engine; the reader is what Grafana gets.
func open(t *testing.T) (e *engine.Engine, owner, reader *store.Store) {
	t.Helper()
	e = storetest.Start(t)
	owner = storetest.On(t, e)
	reader, err := store.Open(t.Context(), store.Options{DialContext: e.DialContext, User: engine.ReaderUser, Password: enginetest.ReaderPassword})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := reader.Close(); err != nil {
			t.Errorf("closing the reader's store: %v", err)
		}
	})
	return e, owner, reader
}

// history is half a year of three services, one with a quote in its name, with an
// incident now and then.
func history(t *testing.T) []events.Event {
	t.Helper()
	var out []events.Event
	add := func(kind, subject string, at time.Time, content, custom events.Fields) {
		e, err := events.New(events.Draft{Source: "test", Kind: events.Kind(kind), Subject: subject, Time: at, Received: at.Add(time.Minute), Mapping: 1,
			ActorKind: events.Human, Natural: []string{kind, subject, at.String()}, Content: content, Custom: custom})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e)
	}
	production := &events.Ref{ID: "production"}
	for i, service := range []string{"checkout", "o'hara", "search"} {
		repository := &events.Ref{ID: "acme/" + service}
		parent := ""
		for k := range 120 {
			at := until.AddDate(0, 0, -182).Add(time.Duration(k*36+i*5+k*k%17) * time.Hour)
			commit := fmt.Sprintf("%039x%d", k+1, i)
			content := events.Fields{Repository: repository, AuthorTime: events.FormatTime(at)}
			if parent != "" {
				content.Parents = []string{parent}
			}
			add("commit.recorded", commit, at, content, events.Fields{})
			parent = commit
			if k%2 == 0 {
				ended := at.Add(time.Duration(3+k%40) * time.Hour)
				add("service.deployed", service, ended, events.Fields{Environment: production}, events.Fields{Version: fmt.Sprint("v", k), Commit: commit, Repository: repository})
			}
			if k%20 == 10 {
				name := fmt.Sprintf("inc-%d-%d", i, k)
				impact := true
				about := events.Fields{Environment: production, Service: &events.Ref{ID: service}}
				add("incident.detected", name, at.Add(50*time.Hour), about, events.Fields{Impact: &impact})
				add("incident.resolved", name, at.Add(53*time.Hour), about, events.Fields{})
			}
		}
	}
	return out
}

func loadAndCompute(t *testing.T, s *store.Store, evs []events.Event) {
	t.Helper()
	var offset int64
	if len(evs) > 0 {
		if err := metrictest.Load(t.Context(), s, evs, &offset, until); err != nil {
			t.Fatal(err)
		}
	}
	c := compute.New(compute.Options{Store: s, Metrics: catalogue.All(), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return until },
		Rules: compute.Rules{Location: time.UTC, Tier: strings.ToLower, Digest: "test"}})
	if _, err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func check(t *testing.T, reader *store.Store) []Report {
	t.Helper()
	var out []Report
	c := Checker{Store: reader, Defs: catalogue.All(), From: until.AddDate(0, 0, -182), To: until, Now: time.Now}
	for _, d := range boards(t) {
		r, err := c.Check(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Faults {
			t.Error(f)
		}
		out = append(out, r)
	}
	return out
}

// TestCheck runs every query on a store with some history: each answers in its
// shape, and each number has the digits of the published point.
func TestCheck(t *testing.T) {
	_, owner, reader := open(t)
	loadAndCompute(t, owner, history(t))
	reports := check(t, reader)
	if reports[0].Compared < 1000 {
		t.Errorf("only %d numbers were compared", reports[0].Compared)
	}
	rows := make(map[string]int)
	for _, r := range reports {
		for _, x := range r.Timings {
			rows[x.Panel] = x.Rows
		}
	}
	for _, panel := range []string{"Change lead time", "Change lead time by ${bucket}", "Change fail rate", "Deployment frequency: every service, team and unit", "Sources", "variable service"} {
		if rows[panel] == 0 {
			t.Errorf("%s has no rows", panel)
		}
	}
	for _, r := range reports {
		for _, x := range r.Timings {
			t.Logf("%-70s %4d rows  p50 %v  p95 %v", x.Panel, x.Rows, x.P50.Round(time.Millisecond), x.P95.Round(time.Millisecond))
		}
	}
	faultsAreFound(t, reader)
	areTimed(t, reader)
}

// areTimed: every query is timed at least once however little time there is, and
// again in turn while there is some.
func areTimed(t *testing.T, reader *store.Store) {
	var clock time.Time
	ticks := 0
	c := Checker{Store: reader, Defs: catalogue.All(), From: until.AddDate(0, 0, -182), To: until, Now: func() time.Time { ticks++; return clock.Add(time.Duration(ticks) * time.Second) }}
	one := boards(t)[1:]
	once, err := c.Time(t.Context(), one, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for _, d := range one {
		all += len(queries(d))
	}
	for _, x := range once {
		if x.Runs != 1 || x.P95 != time.Second {
			t.Errorf("%s ran %d times and took %v of a clock that ticks by the second", x.Panel, x.Runs, x.P95)
		}
	}
	again, err := c.Time(t.Context(), one, time.Duration(3*all)*time.Second)
	if err != nil || len(once) != all || len(again) != all || again[0].Runs != 2 || again[all-1].Runs != 1 {
		t.Errorf("%d and %d of %d queries were timed: %v", len(once), len(again), all, err)
	}
	if s := Slowest([]Timing{{P95: 1}, {P95: 3}, {P95: 2}}, 2); len(s) != 2 || s[0].P95 != 3 || s[1].P95 != 2 {
		t.Errorf("the slowest are %v", s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Time(ctx, one, time.Hour); err == nil {
		t.Error("a timing that was stopped goes on")
	}
}

// faultsAreFound breaks the query of a number: each break is found.
func faultsAreFound(t *testing.T, reader *store.Store) {
	c := Checker{Store: reader, Defs: catalogue.All(), From: until.AddDate(0, 0, -182), To: until, Now: time.Now}
	breaks := map[string]struct{ old, with, want string }{
		"another digit":   {"point.1 AS value", "point.1 * (1 + 1e-15) + 1e-9 AS value", "the published point is"},
		"another window":  {"maxIf(window_start", "minIf(window_start", "the published point is"},
		"unknown column":  {"(value, n", "(valeu, n", "valeu"},
		"unknown macro":   {"$__timeFilter_ms(window_start)", "$__timeFitler_ms(window_start)", "is not a macro"},
		"fewer of chosen": {"LIMIT 20", "LIMIT 0", "published points are"},
	}
	for name, b := range breaks {
		t.Run(name, func(t *testing.T) {
			d, err := Delivery(catalogue.All())
			if err != nil {
				t.Fatal(err)
			}
			p := panelNamed(&d, "Change lead time")
			q := p.Targets[0].(Query)
			if !strings.Contains(q.RawSQL, b.old) {
				t.Fatalf("the query has no %q", b.old)
			}
			q.RawSQL = strings.Replace(q.RawSQL, b.old, b.with, 1)
			p.Targets[0] = q
			d.Panels = onlyPanel(p)
			r, err := c.Check(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.Faults, "\n"); !strings.Contains(got, b.want) {
				t.Errorf("faults are %q, want one with %q", got, b.want)
			}
		})
	}
}

// TestEmpty: nothing errs on an empty store, neither before the first rollup nor
// after it; what has no rows says why, and the strip says how to begin.
func TestEmpty(t *testing.T) {
	e, owner, reader := open(t)
	t.Run("computed", func(t *testing.T) {
		loadAndCompute(t, owner, nil)
		check(t, reader)
	})
	conn := grafana(t, e)
	v := View{From: until.AddDate(0, 0, -182), To: until, Bucket: "week"}
	for _, d := range boards(t) {
		for p := range panelsOf(d) {
			for _, target := range p.Targets {
				sql, err := v.Expand(target.(Query).RawSQL)
				if err != nil {
					t.Fatal(err)
				}
				said := told(t, conn, sql)
				switch {
				case *p.Id == id("freshness"):
					if len(said) != 1 || !strings.Contains(said[0], "payoff import git") {
						t.Errorf("%s says %q", *p.Title, said)
					}
				case p.Type == "stat":
					if len(said) == 0 || !strings.Contains(said[0], "no complete week in this range") {
						t.Errorf("%s says %q", *p.Title, said)
					}
				case len(said) != 0:
					t.Errorf("%s has rows: %q", *p.Title, said)
				case len(*p.FieldConfig.Defaults.NoValue) < 20:
					t.Errorf("%s says only %q", *p.Title, *p.FieldConfig.Defaults.NoValue)
				}
			}
		}
	}
}

// grafana is a connection as Grafana's data source makes it: the reader, the
// database, a limit of time sent with every query.
func grafana(t *testing.T, e *engine.Engine) clickhouse.Conn {
	t.Helper()
	o := enginetest.ClickHouse(e, engine.ReaderUser, enginetest.ReaderPassword)
	o.Auth.Database = "payoff"
	o.Compression = &clickhouse.Compression{Method: clickhouse.CompressionGZIP}
	o.Settings = clickhouse.Settings{"max_execution_time": 64}
	return enginetest.Open(t, o)
}

// told returns the first column of an answer, as text.
func told(t *testing.T, conn clickhouse.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	f, err := read(rows)
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	var out []string
	for _, row := range f.rows {
		out = append(out, fmt.Sprint(row[0]))
	}
	return out
}

// onlyPanel is a dashboard's list of one panel.
func onlyPanel(p *sdk.Panel) []sdk.PanelOrRowPanel { return []sdk.PanelOrRowPanel{{Panel: p}} }
