package review

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/metric/metrictest"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// monday is six in the morning after week 2026-W46.
var monday = time.Date(2026, 11, 16, 5, 0, 0, 0, time.UTC)

// history is ten months of two services; search deploys five times as
// often in the last week.
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
	r := rand.New(rand.NewPCG(4, 2))
	n := 0
	parents := make(map[string]string)
	deploy := func(service string, at time.Time) {
		n++
		commit := fmt.Sprintf("%040x", n)
		content := events.Fields{Repository: &events.Ref{ID: "acme/" + service}, AuthorTime: events.FormatTime(at.Add(-time.Duration(20+r.IntN(40)) * time.Hour))}
		if p := parents[service]; p != "" {
			content.Parents = []string{p}
		}
		parents[service] = commit
		add("commit.recorded", commit, at.Add(-time.Hour), content, events.Fields{})
		add("service.deployed", service, at, events.Fields{Environment: &events.Ref{ID: "production"}},
			events.Fields{Version: fmt.Sprintf("v1.%d", n), Commit: commit, Repository: &events.Ref{ID: "acme/" + service}})
	}
	for w := range 45 {
		start := monday.AddDate(0, 0, 7*(w-45)).Add(3 * time.Hour)
		for i, service := range []string{"payments", "search"} {
			deploys := 5 + r.IntN(3)
			if w == 44 && i == 1 {
				deploys *= 5
			}
			for k := range deploys {
				deploy(service, start.Add(time.Duration(k)*144*time.Hour/time.Duration(deploys)+time.Duration(i)*time.Minute))
			}
		}
	}
	deploy("payments", monday.Add(-time.Hour)) // what is heard of Monday makes the week before complete
	return out
}

func loadAndCompute(t *testing.T, s *store.Store, evs []events.Event, offset *int64, now time.Time) {
	t.Helper()
	if err := metrictest.Load(t.Context(), s, evs, offset, now); err != nil {
		t.Fatal(err)
	}
	c := compute.New(compute.Options{Store: s, Metrics: catalogue.All(), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		Rules: compute.Rules{Location: berlin, Tier: strings.ToLower, Digest: "test"}})
	if _, err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestDesk publishes the review of a week from a real engine, then learns more
// about the week: the published one stays, byte for byte, and what it would say
// now, and would have said then, can be asked for.
func TestDesk(t *testing.T) {
	now := monday
	s := storetest.Open(t)
	desk := Desk{Store: s, Location: berlin, Organisation: "Acme", Metrics: catalogue.All(), Now: func() time.Time { return now }}
	w := desk.LastWeek()
	if l := w.Label(berlin); l != "2026-W46" {
		t.Fatalf("the last week is %s", l)
	}
	var refused AskError
	if _, err := desk.Publish(t.Context(), w); !errors.As(err, &refused) {
		t.Errorf("publishing a review of nothing: %v", err)
	}

	var offset int64
	evs := history(t)
	// Before anything is heard of Monday no number covers the whole week: the review
	// waits.
	known := len(evs) - 2
	loadAndCompute(t, s, evs[:known], &offset, now)
	if e, err := desk.PublishDue(t.Context()); err != nil || !e.PublishedAt.IsZero() || e.Review.ready() || !e.Review.Partial {
		t.Errorf("a week known in part: published at %v, %v", e.PublishedAt, err)
	} else if e.Review.KnownTo != "15 November 2026" {
		t.Errorf("before anything is heard of Monday data is known until %s", e.Review.KnownTo)
	}
	loadAndCompute(t, s, evs[known:], &offset, now)
	begin := time.Now()
	before, err := desk.Weekly(t.Context(), w, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("reviewed in %v", time.Since(begin))
	if len(before.Review.Signals) == 0 || before.Review.Signals[0].Subject != "search" || before.Review.Signals[0].Name != "dora.deployment_frequency" {
		t.Errorf("signals: %v; %s", said(*before.Review), before.Markdown)
	}
	if !before.PublishedAt.IsZero() {
		t.Error("an unpublished review says that it was published")
	}
	if before.Review.KnownTo != "16 November 2026" {
		t.Errorf("with what is heard of Monday data is known until %s", before.Review.KnownTo)
	}
	if !before.Review.ready() {
		t.Error("no number covers the whole week")
	}
	published, err := desk.PublishDue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if string(published.HTML) != string(before.HTML) || !published.PublishedAt.Equal(now) {
		t.Errorf("what was published at %v is not what was shown: %s", published.PublishedAt, cmp.Diff(string(before.HTML), string(published.HTML)))
	}

	// The same facts again, shuffled and doubled: the same bytes.
	again := slices.Concat(evs, evs)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
	other := storetest.Open(t)
	var otherOffset int64
	loadAndCompute(t, other, again, &otherOffset, now)
	desk2 := desk
	desk2.Store = other
	same, err := desk2.Weekly(t.Context(), w, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if string(same.HTML) != string(before.HTML) || string(same.Markdown) != string(before.Markdown) {
		t.Errorf("the events shuffled and doubled give other bytes:\n%s", cmp.Diff(string(before.Markdown), string(same.Markdown)))
	}

	// A day later three deployments of the week become known.
	now = monday.Add(24 * time.Hour)
	var late []events.Event
	for i := range 3 {
		e, err := events.New(events.Draft{Source: "test", Kind: "service.deployed", Subject: "payments", Time: w.Start.Add(time.Duration(30+i) * time.Hour), Received: now, Mapping: 1,
			ActorKind: events.Human, Natural: []string{"late", fmt.Sprint(i)}, Content: events.Fields{Environment: &events.Ref{ID: "production"}}, Custom: events.Fields{Version: fmt.Sprintf("late-%d", i)}})
		if err != nil {
			t.Fatal(err)
		}
		late = append(late, e)
	}
	loadAndCompute(t, s, late, &offset, now)
	still, err := desk.Weekly(t.Context(), w, time.Time{})
	if err != nil || string(still.HTML) != string(before.HTML) || string(still.Markdown) != string(before.Markdown) {
		t.Errorf("the published review has changed: %v", err)
	}
	if e, err := desk.Publish(t.Context(), w); err != nil || e.SHA256 != published.SHA256 || !e.PublishedAt.Equal(monday) {
		t.Errorf("publishing again gives %+v, %v", e.PublishedAt, err)
	}
	today, err := desk.Weekly(t.Context(), w, now)
	if err != nil {
		t.Fatal(err)
	}
	number := func(e Edition) string {
		for _, f := range e.Review.Sections[0].Figures {
			if f.Name == "dora.deployment_frequency" {
				return fmt.Sprint(f.Weeks[0])
			}
		}
		return ""
	}
	if a, b := number(before), number(today); a == b || a == "" {
		t.Errorf("late deployments change nothing: %s, %s", a, b)
	}
	then, err := desk.Weekly(t.Context(), w, monday)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before.Review.Sections, then.Review.Sections); diff != "" {
		t.Errorf("the numbers as of Monday are others (-published +now):\n%s", diff)
	}
	if !strings.Contains(string(then.Markdown), "as it is known today") {
		t.Error("it does not say that what happened is told as known today")
	}

	page, err := desk.Page(t.Context(), w, time.Time{})
	if err != nil || !strings.Contains(string(page), "unchanged since") || !strings.Contains(string(page), `href="/review/2026-W46?as-of=now"`) || !strings.Contains(string(page), `href="/review/2026-W45"`) {
		t.Errorf("the page of a published review: %v\n%.800s", err, page)
	}

	// Somebody edits the published text.
	if err := s.Exec(t.Context(), "ALTER TABLE payoff.reviews UPDATE html = replaceOne(html, 'Weekly', 'Weakly') WHERE 1 SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := desk.Published(t.Context(), w); err == nil || !strings.Contains(err.Error(), "was changed after it was published") {
		t.Errorf("an edited review: %v", err)
	}
	if out := os.Getenv("REVIEW_OUT"); out != "" {
		if err := os.WriteFile(out, page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAsked(t *testing.T) {
	desk := Desk{Location: berlin, Now: func() time.Time { return monday }}
	for name, want := range map[string]string{
		"2026-W48": "2026-W48 has not begun: it begins on 23 November 2026. The last week that is over is 2026-W46",
		"2026-11":  "2026-11 is a month, and a review is of a week such as 2026-W46",
		"2026-W54": "2026 has no week 54",
		"soon":     `"soon" is not a day`,
	} {
		if _, err := desk.Week(name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("week %q: %v, want %s", name, err, want)
		}
	}
	for name, want := range map[string]string{"": "2026-W46", "2026-W47": "2026-W47", "2025-W01": "2025-W01"} {
		if w, err := desk.Week(name); err != nil || w.Label(berlin) != want || w.Grain != metric.Week {
			t.Errorf("week %q: %v, %v", name, w, err)
		}
	}
	for s, want := range map[string]string{"yesterday": "neither a time", "2026-11-17T09:00:00Z": "lies ahead"} {
		if _, err := desk.AsOf(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("as of %q: %v", s, err)
		}
	}
	if _, err := desk.Publish(t.Context(), metric.At(metric.Week, monday, berlin)); err == nil || err.Error() != "2026-W47 is not over: it can be published from Monday 23 November 2026 on" {
		t.Errorf("publishing the running week: %v", err)
	}
}

// TestChangeIsRecorded: what somebody posts as a change of a process reaches the
// review, a correction replaces it, and what is withdrawn is gone.
func TestChangeIsRecorded(t *testing.T) {
	s := storetest.Open(t)
	var offset int64
	record := func(sequence uint64, c events.Fields, at time.Time) []metric.Change {
		t.Helper()
		e, err := events.New(events.Draft{Source: "test", Kind: events.ProcessChanged, Natural: []string{"1"}, Subject: "Other machines", Time: at, Received: at, Sequence: sequence, Mapping: 1, Content: c})
		if err != nil {
			t.Fatal(err)
		}
		if err := metrictest.Load(t.Context(), s, []events.Event{e}, &offset, at); err != nil {
			t.Fatal(err)
		}
		out, err := points.Changes(t.Context(), s, monday)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	at := monday.AddDate(0, -3, 0)
	c := metric.Change{At: at, What: "Other machines", Metrics: []string{"dora.change_lead_time"}, Service: "search"}
	if diff := cmp.Diff([]metric.Change{c}, record(1, events.Fields{Metrics: c.Metrics, Service: &events.Ref{ID: "search"}}, at)); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	c = metric.Change{At: at.AddDate(0, 1, 0), What: c.What, Metrics: []string{}, Unit: "commerce"}
	if diff := cmp.Diff([]metric.Change{c}, record(2, events.Fields{Unit: "commerce"}, c.At)); diff != "" {
		t.Errorf("corrected (-want +got):\n%s", diff)
	}
	if got := record(3, events.Fields{Unit: "commerce", State: "withdrawn"}, c.At); got != nil {
		t.Errorf("withdrawn: %v", got)
	}
}
