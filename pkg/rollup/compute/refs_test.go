package compute_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// A branch whose commits' parents nobody told is followed by its pushes as soon as
// one service is deployed from it, for every service of the repository: also for one
// that is linked again while nothing is new of the other.
func TestBranchesThatOnlyOthersName(t *testing.T) {
	hash := func(n int) string { return fmt.Sprintf("%040x", n) }
	at := func(hour int) time.Time { return start.Add(time.Duration(hour) * time.Hour) }
	told := &company{}
	for n := 1; n <= 3; n++ {
		told.add(t, events.Draft{Source: "github", Kind: events.CommitRecorded, Natural: []string{"acme/shared", hash(n)}, Subject: hash(n), Time: at(n), ActorKind: events.Human,
			Content: events.Fields{Repository: &events.Ref{ID: "acme/shared"}}})
	}
	told.add(t, events.Draft{Source: "github", Kind: events.BranchPushed, Natural: []string{"acme/shared", "release"}, Subject: "acme/shared", Time: at(4),
		Content: events.Fields{Repository: &events.Ref{ID: "acme/shared"}, Ref: "release", Before: hash(1), Commit: hash(3), Commits: []string{hash(2), hash(3)}}})
	other := deployed("other", "acme/shared", "1", hash(1), at(5))
	other.Custom.Ref = "release"
	told.add(t, other)
	told.add(t, deployed("shop", "acme/shared", "1", hash(1), at(6)))
	told.add(t, deployed("shop", "acme/shared", "2", hash(3), at(7)))
	told.add(t, deployed("shop", "acme/alone", "3", hash(4), at(8)))

	s := storetest.Open(t)
	var offset int64
	load(t, s, told.events[:len(told.events)-1], &offset)
	o := &organisation{}
	computeAll(t, s, o)
	load(t, s, told.events[len(told.events)-1:], &offset)
	computeAll(t, s, o)
	want := []string{hash(1), hash(2), hash(3)}
	if got := shippedBy(t, s, "shop"); !slices.Equal(got, want) {
		t.Errorf("shop shipped\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func shippedBy(t *testing.T, s *store.Store, service string) (commits []string) {
	t.Helper()
	if err := s.Conn().QueryRow(t.Context(), "SELECT arraySort(groupArray(commit)) FROM payoff.shipped_changes WHERE service = {s:String}", store.Param("s", service)).Scan(&commits); err != nil {
		t.Fatal(err)
	}
	return commits
}
