package compute_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// TestAnyOrderGivesWhatTheDefinitionsSay makes random services and their events,
// and holds every point of the five metrics against the oracle, to the last digit.
// Then it loads the same events shuffled, some twice, in several portions with a
// computing after each: every point must come out the same.
func TestAnyOrderGivesWhatTheDefinitionsSay(t *testing.T) {
	r := rand.New(rand.NewPCG(2026, 11))
	var services []*oService
	var evs []events.Event
	for i := range 40 {
		s := randomService(r, fmt.Sprintf("service-%02d", i))
		services = append(services, s)
		evs = append(evs, s.events(t)...)
	}
	horizon := time.Time{}
	for _, e := range evs {
		if e.Time.After(horizon) {
			horizon = e.Time
		}
	}
	for _, s := range services {
		s.work()
	}
	s := storetest.Open(t)
	var offset int64
	load(t, s, evs, &offset)
	computeAll(t, s)
	first := readPoints(t, s)
	agree(t, first, services, horizon.Add(time.Millisecond))

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
			computeAll(t, s)
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

func computeAll(t *testing.T, s *store.Store) {
	t.Helper()
	var judged []metric.Def // those the oracle knows
	for _, d := range dora.Defs() {
		switch d.Name {
		case "dora.deployment_frequency", "dora.change_lead_time", "dora.change_fail_rate", "dora.failed_deployment_recovery_time", "dora.deployment_rework_rate", "dora.failed_deployments":
			d.Grains = []metric.Grain{metric.Week, metric.Month}
			judged = append(judged, d)
		}
	}
	if _, err := computer(s, judged).Run(t.Context()); err != nil {
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
		SELECT concat(metric, ifNull(concat('/', nullIf(JSONExtractString(dims, 'stat'), '')), ''), ' ', grain, ' ', toString(toUnixTimestamp64Milli(window_start)), ' ', if(service = '', '-', service)),
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

// agree holds the points against the oracle, over all weeks and months.
func agree(t *testing.T, got map[string]string, services []*oService, horizon time.Time) {
	t.Helper()
	wrong, compared := 0, 0
	check := func(subject string, w metric.Window, of []*oService) {
		for name, p := range oPoints(of, w, horizon) {
			k := fmt.Sprintf("%s %s %d %s", name, w.Grain, w.Start.UnixMilli(), subject)
			want := "null"
			if p.value != nil {
				want = clickhouseFloat(*p.value)
			}
			want += fmt.Sprintf(" %d ", p.n)
			compared++
			if !strings.HasPrefix(normal(got[k]), want) {
				if wrong++; wrong < 20 {
					t.Errorf("%s: %q, the oracle says %q", k, got[k], want)
				}
			}
		}
	}
	for _, g := range []metric.Grain{metric.Week, metric.Month} {
		for _, w := range metric.Between(g, start, horizon, time.UTC) {
			check("-", w, services)
			for _, s := range services {
				check(s.name, w, []*oService{s})
			}
		}
	}
	if wrong > 0 || compared < 1000 {
		t.Errorf("%d of %d points differ", wrong, compared)
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

// randomService makes a history with merges, reverts and bots, and deployments
// and incidents of every sort, at times that never coincide.
func randomService(r *rand.Rand, name string) *oService {
	s := &oService{name: name, commits: make(map[string]*oCommit)}
	at := start.Add(time.Duration(r.IntN(72*3600*1000)) * time.Millisecond)
	step := func(hours int) time.Time {
		at = at.Add(time.Duration(1+r.IntN(hours*3600*1000)) * time.Millisecond)
		return at
	}
	var hashes []string
	for i := range 12 + r.IntN(20) {
		c := &oCommit{hash: fmt.Sprintf("%s-%03d", name, i), actor: events.Human, committed: step(12)}
		c.authored = c.committed.Add(-time.Duration(r.IntN(90*3600*1000)-3600*1000) * time.Millisecond)
		if r.IntN(6) == 0 {
			c.actor = events.Bot
		}
		if i > 0 {
			c.parents = []string{hashes[max(0, i-1-r.IntN(2))]}
			if r.IntN(5) == 0 && i > 2 {
				if other := hashes[max(0, i-3)]; other != c.parents[0] {
					c.parents = append(c.parents, other)
				}
			}
			if r.IntN(5) == 0 {
				c.reverts = hashes[r.IntN(i)]
			}
		}
		s.commits[c.hash] = c
		hashes = append(hashes, c.hash)
		if r.IntN(2) == 0 {
			s.deploy(r, hashes[max(0, len(hashes)-1-r.IntN(1+r.IntN(5)))], step)
		}
	}
	s.deploy(r, hashes[len(hashes)-1], step)
	for range r.IntN(12) {
		d := s.deployments[r.IntN(len(s.deployments))]
		in := &oIncident{began: d.end.Add(time.Duration(r.IntN(50*3600*1000)-3600*1000) * time.Millisecond)}
		if r.IntN(4) == 0 {
			in.deployment = d.version
		}
		if r.IntN(3) > 0 {
			in.mitigated = in.began.Add(time.Duration(r.IntN(5*3600*1000)) * time.Millisecond)
		}
		if r.IntN(4) > 0 {
			in.resolved = in.began.Add(time.Duration(5*3600*1000+r.IntN(5*3600*1000)) * time.Millisecond)
		}
		if r.IntN(3) == 0 {
			impact := r.IntN(2) == 0
			in.impact = &impact
		}
		in.cause = []string{"", "", "", "deployment", "capacity"}[r.IntN(5)]
		s.incidents = append(s.incidents, in)
	}
	return s
}

func (s *oService) deploy(r *rand.Rand, commit string, step func(int) time.Time) {
	d := &oDeployment{version: fmt.Sprintf("%s-v%d", s.name, len(s.deployments)), commit: commit, start: step(20), ok: r.IntN(6) > 0}
	d.end = step(2)
	d.hotfix = r.IntN(8) == 0
	if r.IntN(8) == 0 && len(s.deployments) > 0 {
		d.fixes = s.deployments[r.IntN(len(s.deployments))].version
	}
	s.deployments = append(s.deployments, d)
}

func (s *oService) events(t *testing.T) []events.Event {
	c := &company{}
	repo := &events.Ref{ID: "acme/" + s.name}
	for _, m := range s.commits {
		f := events.Fields{Repository: repo, Parents: m.parents, AuthorTime: events.FormatTime(m.authored)}
		if m.reverts != "" {
			f.Reverts = []string{m.reverts}
		}
		c.add(t, events.Draft{Source: "test", Kind: events.CommitRecorded, Natural: []string{m.hash}, Subject: m.hash, Time: m.committed, ActorKind: m.actor, Content: f})
	}
	for _, d := range s.deployments {
		f := events.Fields{Repository: repo, Version: d.version, Commit: d.commit, StartedAt: events.FormatTime(d.start), Hotfix: d.hotfix}
		if d.fixes != "" {
			f.Fixes = []string{d.fixes}
		}
		production := &events.Ref{ID: "production"}
		draft := events.Draft{Source: "test", Kind: events.ServiceDeployed, Natural: []string{d.version}, Subject: s.name, Time: d.end, ActorKind: events.Human,
			Content: events.Fields{Environment: production}, Custom: f}
		if !d.ok {
			f.Service, f.Environment, f.Outcome = &events.Ref{ID: s.name}, production, "failed"
			draft.Kind, draft.Content, draft.Custom = events.DeploymentFailed, f, events.Fields{}
		}
		c.add(t, draft)
	}
	for i, in := range s.incidents {
		id := fmt.Sprintf("%s-i%d", s.name, i)
		f := events.Fields{Service: &events.Ref{ID: s.name}, Environment: &events.Ref{ID: "production"}, Impact: in.impact, Cause: in.cause, Deployment: in.deployment}
		for _, tr := range []struct {
			kind events.Kind
			at   time.Time
		}{{events.IncidentDetected, in.began}, {events.IncidentMitigated, in.mitigated}, {events.IncidentResolved, in.resolved}} {
			if !tr.at.IsZero() {
				c.add(t, events.Draft{Source: "test", Kind: tr.kind, Natural: []string{id, string(tr.kind)}, Subject: id, Time: tr.at, Content: f})
			}
		}
	}
	return c.events
}
