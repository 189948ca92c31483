package compute_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// A run may die when it has written who owns what, and before it has brought that to
// facts that were linked long ago: the next one does.
func TestOwnersThatADeadRunDeclared(t *testing.T) {
	hash := func(n int) string { return fmt.Sprintf("%040x", n) }
	at := func(hour int) time.Time { return start.Add(time.Duration(hour) * time.Hour) }
	told := &company{}
	for n := 1; n <= 2; n++ {
		told.add(t, events.Draft{Source: "git", Kind: events.CommitRecorded, Natural: []string{"acme/shop", hash(n)}, Subject: hash(n), Time: at(n), Actor: "p1", ActorKind: events.Human,
			Content: events.Fields{Repository: &events.Ref{ID: "acme/shop"}, Parents: []string{hash(n - 1)}[min(1, 2-n):]}})
		told.add(t, deployed("shop", "acme/shop", fmt.Sprint(n), hash(n), at(n+2)))
	}
	s := storetest.Open(t)
	var offset int64
	load(t, s, told.events, &offset)
	o := &organisation{}
	computeAll(t, s, o)
	declared := &company{}
	for subject, d := range map[string]events.Declared{"unit/trade": {}, "team/a": {Unit: "trade"}, "service/shop": {Team: "a"}} {
		declared.add(t, events.Draft{Source: "org", Kind: events.OrgDeclared, Natural: []string{subject}, Subject: subject, Time: at(9), Content: events.Fields{Rows: []events.Declared{d}}})
	}
	load(t, s, declared.events, &offset)
	computeAll(t, s, o)
	want := unnamed(t, s)
	if want != "2 committed, 1 quarters of 1 services, 1 of 1 repositories" {
		t.Fatalf("of what one person committed there is: %s", want)
	}
	for _, sql := range []string{
		"TRUNCATE TABLE payoff_private.committers", "TRUNCATE TABLE payoff_private.hidden",
		"ALTER TABLE payoff_private.compute_state DELETE WHERE generation = (SELECT max(generation) FROM payoff_private.compute_state) SETTINGS mutations_sync = 2",
	} {
		if err := s.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	computeAll(t, s, o)
	if got := unnamed(t, s); got != want {
		t.Errorf("after a run that died there is: %s, not %s", got, want)
	}
}

func unnamed(t *testing.T, s *store.Store) (said string) {
	t.Helper()
	err := s.Conn().QueryRow(t.Context(), `
		SELECT concat(toString((SELECT uniqExact(at) FROM payoff_private.committers FINAL WHERE step = 'shipped')), ' committed, ',
			toString(uniqExactIf(quarter, service != '')), ' quarters of ', toString(uniqExactIf(service, service != '')), ' services, ',
			toString(uniqExactIf(quarter, repository != '')), ' of ', toString(uniqExactIf(repository, repository != '')), ' repositories')
		FROM payoff_private.hidden FINAL`).Scan(&said)
	if err != nil {
		t.Fatal(err)
	}
	return said
}
