package compute_test

import (
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// TestAnyOrderGivesWhatTheDefinitionsSay makes a random organisation and its events,
// and holds every point of the five metrics, of services, teams, units and the
// whole, against the oracle, to the last digit. Then it loads the same events
// shuffled, some twice, in several portions with a computing after each: every
// point must come out the same.
func TestAnyOrderGivesWhatTheDefinitionsSay(t *testing.T) {
	r := rand.New(rand.NewPCG(2026, 11))
	o := randomOrganisation(r)
	evs := o.events(t)
	horizon := time.Time{}
	for _, e := range evs {
		if e.Time.After(horizon) {
			horizon = e.Time
		}
	}
	for _, s := range o.services {
		s.work()
	}
	s := storetest.Open(t)
	var offset int64
	load(t, s, evs, &offset)
	computeAll(t, s, o)
	first := readPoints(t, s)
	agree(t, first, o, horizon.Add(time.Millisecond))

	for round := range 2 {
		empty(t, s)
		shuffled := slices.Clone(evs)
		for range len(evs) / 3 {
			shuffled = append(shuffled, evs[r.IntN(len(evs))])
		}
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		offset = 0
		for len(shuffled) > 0 {
			n := min(len(shuffled), 1+r.IntN(len(evs)))
			load(t, s, shuffled[:n], &offset)
			computeAll(t, s, o)
			shuffled = shuffled[n:]
		}
		again := readPoints(t, s)
		for k, p := range first {
			if q, ok := again[k]; !ok || q != p {
				t.Errorf("round %d: %s is %q in order and %q in another", round, k, p, q)
			}
		}
		for k, q := range again {
			if _, ok := first[k]; !ok && !strings.HasSuffix(q, " no_data") {
				t.Errorf("round %d: %s is %q in another order only", round, k, q)
			}
		}
	}
}

func computeAll(t *testing.T, s *store.Store, o *organisation) {
	t.Helper()
	var judged []metric.Def // those the oracle knows
	for _, d := range dora.Defs() {
		switch d.Name {
		case "dora.deployment_frequency", "dora.change_lead_time", "dora.change_fail_rate", "dora.failed_deployment_recovery_time", "dora.deployment_rework_rate", "dora.failed_deployments":
			d.Grains = []metric.Grain{metric.Week, metric.Month}
			judged = append(judged, d)
		}
	}
	c := compute.New(compute.Options{
		Store: s, Metrics: judged, Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Rules: compute.Rules{Location: time.UTC, Digest: "property", Parts: o.parts(), Tier: func(e string) string { t, _, _ := strings.Cut(e, "-"); return t }},
	})
	if _, err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func empty(t *testing.T, s *store.Store) {
	t.Helper()
	var tables []string
	if err := s.Conn().QueryRow(t.Context(), `SELECT groupArray(concat(database, '.', name)) FROM system.tables
		WHERE database IN ('payoff', 'payoff_private') AND engine LIKE '%MergeTree' AND name NOT IN ('schema_migrations', 'calendar', 'organisation')`).Scan(&tables); err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if err := s.Exec(t.Context(), "TRUNCATE TABLE "+table); err != nil {
			t.Fatal(err)
		}
	}
}

// readPoints maps each point's key to all that it says.
func readPoints(t *testing.T, s *store.Store) map[string]string {
	t.Helper()
	rows, err := s.Query(t.Context(), `
		SELECT concat(metric, ifNull(concat('/', nullIf(JSONExtractString(dims, 'stat'), '')), ''), ' ', grain, ' ', toString(toUnixTimestamp64Milli(window_start)), ' ',
				multiIf(service != '', 'service ' || service, team != '', 'team ' || team, unit != '', 'unit ' || unit, 'whole')),
			concat(ifNull(toString(value), 'null'), ' ', toString(n), ' ', ifNull(toString(ci_low), 'null'), ' ', ifNull(toString(ci_high), 'null'), ' ', quality)
		FROM payoff.metric_points`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := make(map[string]string)
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			t.Fatal(err)
		}
		out[k] = v
	}
	return out
}

// agree holds the points against the oracle, over all weeks and months, and the
// points there are against those that it has.
func agree(t *testing.T, got map[string]string, o *organisation, horizon time.Time) {
	t.Helper()
	want, judged := make(map[string]string), make(map[string]bool)
	for _, g := range []metric.Grain{metric.Week, metric.Month} {
		for _, w := range metric.Between(g, start, horizon, time.UTC) {
			for subject, belongs := range o.subjects(w) {
				for name, p := range oPoints(o.services, w, horizon, belongs) {
					value := "null"
					if p.value != nil {
						value = clickhouseFloat(*p.value)
					}
					judged[name] = true
					want[fmt.Sprintf("%s %s %d %s", name, w.Grain, w.Start.UnixMilli(), subject)] = fmt.Sprintf("%s %d ", value, p.n)
				}
			}
		}
	}
	wrong := 0
	fail := func(k, want string) {
		if wrong++; wrong < 20 {
			t.Errorf("%s: %q, the oracle says %q", k, got[k], want)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if !strings.HasPrefix(normal(got[k]), want[k]) {
			fail(k, want[k])
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if name, _, _ := strings.Cut(k, " "); judged[name] && want[k] == "" {
			fail(k, "nothing")
		}
	}
	if wrong > 0 || len(want) < 1000 {
		t.Errorf("%d of %d points differ", wrong, len(want))
	}
}

// normal writes the value of a point as Go does, which is the shortest text that
// reads back as the same number, like ClickHouse's.
func normal(p string) string {
	value, rest, _ := strings.Cut(p, " ")
	var f float64
	if _, err := fmt.Sscan(value, &f); err == nil {
		value = clickhouseFloat(f)
	}
	return value + " " + rest
}

func clickhouseFloat(f float64) string { return fmt.Sprintf("%v", f) }
