package dora_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora"
)

// What is linked and placed does not depend on the order in which facts are known,
// on how often, or on which repository or service is ready first.
func TestLinkingKnowsNoOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	in := randomInput(r)
	want := dora.Link(in)
	if len(want.Deployments) == 0 || len(want.Shipped) == 0 || len(want.Pulls) == 0 || len(want.Waiting) == 0 || len(want.Coverage) == 0 {
		t.Fatalf("%d deployments, %d shipped, %d pull requests, %d waiting, %d coverages: the test tells nothing", len(want.Deployments), len(want.Shipped),
			len(want.Pulls), len(want.Waiting), len(want.Coverage))
	}
	failures, incidents := dora.Place(placing(want))
	if len(failures) == 0 {
		t.Fatal("no failures: the test tells nothing")
	}
	for range 20 {
		other := in
		other.Reports, other.Commits = again(r, in.Reports), again(r, in.Commits)
		other.Pulls, other.Pushes = again(r, in.Pulls), again(r, in.Pushes)
		got := dora.Link(other)
		if !reflect.DeepEqual(got, want) {
			t.Fatal("linked otherwise in another order")
		}
		p := placing(got)
		r.Shuffle(len(p.Deployments), func(i, j int) { p.Deployments[i], p.Deployments[j] = p.Deployments[j], p.Deployments[i] })
		r.Shuffle(len(p.Incidents), func(i, j int) { p.Incidents[i], p.Incidents[j] = p.Incidents[j], p.Incidents[i] })
		if f, i := dora.Place(p); !reflect.DeepEqual(f, failures) || !reflect.DeepEqual(i, incidents) {
			t.Fatal("placed otherwise in another order")
		}
	}
}

// again is a list in another order, some of it twice.
func again[T any](r *rand.Rand, all []T) []T {
	out := slices.Clone(all)
	for range len(all) / 3 {
		out = append(out, all[r.IntN(len(all))])
	}
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// randomInput is of ten services that share five repositories, with merges that
// pull requests brought, pushes, and deployments that go back and forth.
func randomInput(r *rand.Rand) dora.Input {
	began := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	var in dora.Input
	for repo := range 5 {
		name := fmt.Sprintf("acme/repo-%d", repo)
		hash := func(n int) string { return fmt.Sprintf("%08x%032x", n*2654435761&0xffffffff, repo<<16|n) }
		at := func(n int) time.Time { return began.Add(time.Duration(n) * time.Hour) }
		for n := range 60 {
			c := dora.Commit{Repository: name, Hash: hash(n), ParentsKnown: true, Authored: at(n).Add(-time.Duration(r.IntN(90)) * time.Hour), Committed: at(n), ActorKind: "human"}
			if n > 0 {
				c.Parents = []string{hash(n - 1)}
			}
			if n > 2 && r.IntN(4) == 0 {
				c.Parents = append(c.Parents, hash(n-2))
			}
			in.Commits = append(in.Commits, c)
			if r.IntN(3) == 0 {
				in.Pulls = append(in.Pulls, dora.PullFact{ID: fmt.Sprint(repo, n), Kind: "change.merged", Repository: name, Change: fmt.Sprintf("%s#%d", name, n), Time: at(n),
					ActorKind: "human", MergeCommit: hash(n), CommitCount: 1, Default: true})
			}
		}
		in.Pushes = append(in.Pushes, dora.Push{ID: name, Repository: name, Ref: "main", Default: true, Commit: hash(59), Time: at(60)})
		for service := range 2 {
			for n := range 30 {
				to := max(0, min(50, n*2+r.IntN(6)-2))
				when := at(to + 8 + n)
				in.Reports = append(in.Reports, dora.Report{ID: fmt.Sprintf("%d-%d-%d", repo, service, n), Source: "ci", Service: fmt.Sprintf("service-%d-%d", repo, service),
					Environment: "production", Tier: "production", Repository: name, Commit: hash(to), Version: fmt.Sprint("v", to), Outcome: dora.Succeeded, Time: when,
					Start: when.Add(-time.Duration(r.IntN(30)) * time.Minute), Hotfix: r.IntN(9) == 0})
			}
		}
	}
	in.Horizon = func(dora.Source) time.Time { return began.AddDate(0, 1, 0) }
	return in
}

func placing(l dora.Linked) dora.PlaceInput {
	in := dora.PlaceInput{Deployments: slices.Clone(l.Deployments), Windows: dora.DefaultWindows}
	for i := 0; i < len(l.Deployments); i += 7 {
		d := l.Deployments[i]
		in.Incidents = append(in.Incidents, dora.Incident{Service: d.Service, Tier: d.Tier, ID: "incident-" + d.ID, Source: "pager", Began: d.End.Add(5 * time.Hour), Detected: d.End.Add(6 * time.Hour)})
	}
	return in
}
