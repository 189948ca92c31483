package acme_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/payoff-metrics/payoff/examples/acme"
	"github.com/payoff-metrics/payoff/internal/race"
	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/cloudevents"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/org"
)

var small = acme.Options{Teams: 6}

// long skips what makes up years of events where that takes minutes.
func long(t *testing.T) {
	t.Helper()
	if race.Enabled {
		t.Skip("the example is made in one goroutine: not with -race; make check runs it without")
	}
}

// TestEverythingIsTaken: each event is one the door for events takes, without a
// warning, and none is told twice.
func TestEverythingIsTaken(t *testing.T) {
	long(t)
	type identity struct {
		kind       events.Kind
		source, id string
	}
	seen := map[identity]bool{}
	kinds := map[events.Kind]int{}
	var body []byte
	header := http.Header{"Content-Type": {"application/x-ndjson"}}
	lines := 0
	post := func() {
		drafts, warnings, err := cloudevents.Parse(collect.Delivery{Source: "events", Header: header, Body: body, ReceivedAt: acme.End})
		if err != nil || len(warnings) > 0 || len(drafts) != lines {
			t.Fatalf("%d drafts of %d, warnings %v, %v", len(drafts), lines, warnings, err)
		}
		body, lines = body[:0], 0
	}
	err := acme.Generate(small, func(e *acme.Event) error {
		id := identity{e.Kind, e.Source, e.ID}
		if seen[id] {
			t.Fatalf("%v is told twice", id)
		}
		seen[id] = true
		if e.Time.Before(acme.Start) || !e.Time.Before(acme.End) {
			t.Fatalf("%v is at %v, outside of the two years", id, e.Time)
		}
		if kinds[e.Kind]++; kinds[e.Kind] > 3000 {
			return nil // the schema of each kind has been held against enough
		}
		var err error
		if body, err = e.AppendJSON(body); err != nil {
			return err
		}
		if lines++; lines == 1000 {
			post()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	post()
	for _, k := range []events.Kind{events.CommitRecorded, events.ChangeMerged, events.ServiceDeployed, events.ServiceRolledBack, events.DeploymentFailed,
		events.IncidentMitigated, events.PageLabelled, events.TicketClosed, events.UsageRecorded, events.CapabilityMandated, events.WorkRecorded} {
		if kinds[k] == 0 {
			t.Errorf("there is no %s", k)
		}
	}
}

// TestCommitsHang: the history of every repository hangs together: each parent is a
// commit that is told, of the same repository, written before, and what is deployed
// anywhere was written before that.
func TestCommitsHang(t *testing.T) {
	type commit struct {
		repository string
		at         time.Time
	}
	commits := map[string]commit{}
	roots := map[string]int{}
	type brought struct {
		hash string
		at   time.Time
	}
	parents, deployed := map[string][]string{}, map[string]brought{}
	err := acme.Generate(small, func(e *acme.Event) error {
		switch e.Kind {
		case events.CommitRecorded:
			commits[e.Subject] = commit{e.Content.Repository.ID, e.Time}
			parents[e.Subject] = append([]string(nil), e.Content.Parents...)
		case events.ServiceDeployed, events.ServiceRolledBack:
			deployed[e.ID] = brought{e.Custom.Commit, parse(e.Custom.StartedAt)}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for hash, ps := range parents {
		c := commits[hash]
		if len(ps) == 0 {
			roots[c.repository]++
		}
		for _, p := range ps {
			switch before, ok := commits[p]; {
			case !ok:
				t.Fatalf("%s of %s has the parent %s, which is not told", hash, c.repository, p)
			case before.repository != c.repository || before.at.After(c.at):
				t.Fatalf("%s of %s at %v has a parent of %s at %v", hash, c.repository, c.at, before.repository, before.at)
			}
		}
	}
	for id, b := range deployed {
		switch c, ok := commits[b.hash]; {
		case !ok:
			t.Fatalf("%s brought %s, which is not told", id, b.hash)
		case c.at.After(b.at):
			t.Fatalf("%s began at %v to bring %s, which was written at %v", id, b.at, b.hash, c.at)
		}
	}
	if len(roots) < 10 {
		t.Errorf("%d repositories", len(roots))
	}
}

// digest is of every byte of what the options make.
func digest(t *testing.T, o acme.Options, holds func(*acme.Event) bool) [32]byte {
	t.Helper()
	h := sha256.New()
	var b []byte
	var err error
	if err := acme.Generate(o, func(e *acme.Event) error {
		if !holds(e) {
			return nil
		}
		if b, err = e.AppendJSON(b[:0]); err != nil {
			return err
		}
		h.Write(b)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

func TestSeed(t *testing.T) {
	long(t)
	every := func(*acme.Event) bool { return true }
	a := digest(t, small, every)
	if digest(t, acme.Options{Seed: 1, Teams: 6}, every) != a {
		t.Error("the same options make different events")
	}
	if digest(t, acme.Options{Seed: 2, Teams: 6}, every) == a {
		t.Error("two seeds make the same events")
	}
}

// TestBlueprintDoesNothing: what happens is the same, to the byte, whether or not
// Blueprint works. That is the truth about the bad bet. Launchpad is the check that
// the comparison can tell.
func TestBlueprintDoesNothing(t *testing.T) {
	long(t)
	o := acme.Options{Teams: 12}
	every := func(*acme.Event) bool { return true }
	with := digest(t, o, every)
	o.Without = []string{acme.Blueprint}
	if digest(t, o, every) != with {
		t.Error("Blueprint does something")
	}
	o.Without = []string{acme.Launchpad}
	if digest(t, o, every) == with {
		t.Error("Launchpad does nothing")
	}
}

// TestOrganisation: the file is one that an import takes, without a word.
func TestOrganisation(t *testing.T) {
	for _, teams := range []int{6, 13, 40} {
		w, err := acme.Build(acme.Options{Teams: teams})
		if err != nil {
			t.Fatal(err)
		}
		o, err := org.Read(fstest.MapFS{"organisation.yaml": {Data: w.Organisation()}}, ".", org.Options{Location: time.UTC})
		if err != nil {
			t.Fatalf("%d teams: %v", teams, err)
		}
		if c := o.Counts(); c.Teams != len(w.Teams) || c.Services != len(w.Services) || c.People != len(w.People) {
			t.Errorf("%d teams: %+v is declared; there are %d teams, %d services, %d people", teams, c, len(w.Teams), len(w.Services), len(w.People))
		}
		if warnings := o.Warnings(); len(warnings) > 0 {
			t.Errorf("%d teams: %v", teams, warnings)
		}
	}
}

// TestContract holds the organisation to what it is said to be.
func TestContract(t *testing.T) {
	w, err := acme.Build(acme.Options{})
	if err != nil {
		t.Fatal(err)
	}
	teams, people := 0, 0
	for _, x := range w.Teams {
		if !acme.End.After(x.To) {
			teams++
		}
	}
	for _, p := range w.People {
		if last := p.Spells[len(p.Spells)-1]; last.To.Equal(acme.End) {
			people++
		}
	}
	if teams != 40 || len(w.Services) != 150 || people < 540 || people > 640 {
		t.Errorf("%d teams, %d services, %d people; want 40, 150 and about 600", teams, len(w.Services), people)
	}
}

func TestOptions(t *testing.T) {
	err := acme.Generate(acme.Options{Teams: 41, Without: []string{"sleep"}}, func(*acme.Event) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "41") || !strings.Contains(err.Error(), "sleep") {
		t.Errorf("%v; want both faults", err)
	}
	enough := errors.New("enough")
	if err := acme.Generate(small, func(*acme.Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("%v; want the error of emit", err)
	}
}

func BenchmarkGenerate(b *testing.B) {
	n, size := 0, 0
	var buf bytes.Buffer
	for b.Loop() {
		if err := acme.Generate(acme.Options{Teams: 12}, func(e *acme.Event) error {
			line, err := e.AppendJSON(buf.AvailableBuffer())
			n++
			size += len(line)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(size)/float64(n), "bytes/event")
}
