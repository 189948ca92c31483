package compute_test

import (
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/metrictest"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// TestAnyOrderGivesWhatTheDefinitionsSay makes a random organisation and its events,
// and holds every point of the five metrics, of services, teams, units and the
// whole, against the oracle, to the last digit. Then it loads the same events
// shuffled, some twice, in several portions with a computing after each, the last of
// them of one event, which touches few services: every point must come out the same,
// those of the score, and of the metric that Go folds, too, of which the oracle knows
// nothing.
func TestAnyOrderGivesWhatTheDefinitionsSay(t *testing.T) {
	for seed := range uint64(*seeds) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { anyOrder(t, rand.New(rand.NewPCG(2026, 11+seed))) })
	}
}

// alone is how many events are loaded one by one.
const alone = 4

var seeds = flag.Uint("property.seeds", 1, "how many random organisations to compute")

func anyOrder(t *testing.T, r *rand.Rand) {
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
	asTheirViews(t, s)

	for round := range 2 {
		if err := metrictest.Clear(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		shuffled := slices.Clone(evs)
		for range len(evs) / 3 {
			shuffled = append(shuffled, evs[r.IntN(len(evs))])
		}
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		offset = 0
		for len(shuffled) > 0 {
			n := min(len(shuffled), 1+r.IntN(len(evs)))
			if left := len(shuffled) - alone; left > 0 {
				n = min(n, left)
			} else {
				n = 1
			}
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
	var judged []metric.Def // those the oracle knows, and two of other forms
	for _, d := range dora.Defs() {
		switch d.Name {
		case "dora.deployment_frequency", "dora.change_lead_time", "dora.change_fail_rate", "dora.failed_deployment_recovery_time", "dora.deployment_rework_rate", "dora.failed_deployments":
			d.Grains = []metric.Grain{metric.Week, metric.Month}
			judged = append(judged, d)
		case "dora.score", "dora.merge_to_deploy":
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

// asTheirViews checks that metrics read the rows of facts that analysts do, but for the
// names that these do not read of what is hidden.
func asTheirViews(t *testing.T, s *store.Store) {
	t.Helper()
	for _, view := range []string{"deployments", "failed_deployments", "incidents", "shipped_changes", "shipped_pull_requests", "waiting_changes", "merged_changes", "owned_coverage"} {
		var all, unnamed string
		err := s.Conn().QueryRow(t.Context(), `
			WITH concat('`+"`', name, '`"+`') AS quoted
			SELECT arrayStringConcat(groupArray(quoted), ', '),
				arrayStringConcat(groupArrayIf(quoted, name NOT IN ('service', 'repository', 'commit', 'artifact_version', 'names', 'change', 'named_deployment', 'named_commit')), ', ')
			FROM system.columns WHERE database = 'payoff' AND table = '`+view+`'`).Scan(&all, &unnamed)
		if err != nil {
			t.Fatal(err)
		}
		asked := "FROM payoff." + view
		straight := metric.Straight(asked)
		var rows, others, named, less, more uint64
		err = s.Conn().QueryRow(t.Context(), fmt.Sprintf(`SELECT (SELECT count() %[1]s), (SELECT count() %[2]s),
			(SELECT count() FROM (SELECT %[3]s %[1]s WHERE service != '' EXCEPT SELECT %[3]s %[2]s)),
			(SELECT count() FROM (SELECT %[4]s %[1]s EXCEPT SELECT %[4]s %[2]s)), (SELECT count() FROM (SELECT %[4]s %[2]s EXCEPT SELECT %[4]s %[1]s))`,
			asked, straight, all, unnamed)).Scan(&rows, &others, &named, &less, &more)
		if err != nil {
			t.Fatal(err)
		}
		if straight == asked || rows != others || named != 0 || less != 0 || more != 0 || rows == 0 && !strings.Contains(view, "pull") {
			t.Errorf("%s has %d rows, of which metrics read %d; %d that say whose they are differ, of the others metrics miss %d and have %d more", view, rows, others, named, less, more)
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
	want, judged := make(map[string]oPoint), make(map[string]bool)
	for _, g := range []metric.Grain{metric.Week, metric.Month} {
		for _, w := range metric.Between(g, start, horizon, time.UTC) {
			for subject, belongs := range o.subjects(w) {
				for name, p := range oPoints(o.services, w, horizon, o.changes(), belongs) {
					judged[name] = true
					want[fmt.Sprintf("%s %s %d %s", name, w.Grain, w.Start.UnixMilli(), subject)] = p
				}
			}
		}
	}
	t.Log(len(want), "points")
	wrong := 0
	fail := func(k, want string) {
		if wrong++; wrong < 20 {
			t.Errorf("%s: %q, the oracle says %q", k, got[k], want)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(want)) {
		if p := want[k]; !p.is(got[k]) {
			fail(k, p.String())
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if name, _, _ := strings.Cut(k, " "); judged[name] && want[k].quality == "" {
			fail(k, "nothing")
		}
	}
	if wrong > 0 || len(want) < 1000 {
		t.Errorf("%d of %d points differ", wrong, len(want))
	}
}

// is reports whether a point is as it is stored: its value and count to the last
// digit, its interval but for the rounding of powers and roots.
func (p oPoint) is(stored string) bool {
	f := strings.Fields(stored)
	if len(f) != 5 {
		return false
	}
	same := func(text string, want *float64, off float64) bool {
		got, err := strconv.ParseFloat(text, 64)
		if err != nil || want == nil {
			return text == "null" && want == nil
		}
		return math.Abs(got-*want) <= off*math.Abs(*want)
	}
	return same(f[0], p.value, 0) && f[1] == strconv.FormatUint(p.n, 10) && same(f[2], p.low, 1e-12) && same(f[3], p.high, 1e-12) && f[4] == p.quality
}

func (p oPoint) String() string {
	text := func(f *float64) string {
		if f == nil {
			return "null"
		}
		return fmt.Sprint(*f)
	}
	return fmt.Sprint(text(p.value), " ", p.n, " ", text(p.low), " ", text(p.high), " ", p.quality)
}
