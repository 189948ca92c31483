package compute_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/metrictest"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// A company is what the benchmarks compute: services that are each deployed about
// every second day with two changes, of which one in ten fails.
type company struct {
	services, days int
	events         []events.Event
}

var start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func newCompany(b testing.TB, services, days int) *company {
	c := &company{services: services, days: days}
	for s := range services {
		r := rand.New(rand.NewPCG(7, uint64(s)))
		service, repo := fmt.Sprintf("service-%03d", s), fmt.Sprintf("acme/service-%03d", s)
		last := ""
		for day := range days {
			if r.IntN(2) == 0 {
				continue
			}
			at := start.AddDate(0, 0, day).Add(time.Duration(8*3600+r.IntN(8*3600)) * time.Second)
			for i := range 2 {
				hash := fmt.Sprintf("%040x", (uint64(s)<<32|uint64(day))<<2|uint64(i))
				fields := events.Fields{Repository: &events.Ref{ID: repo}, AuthorTime: events.FormatTime(at.Add(-time.Duration(r.IntN(72*3600)+60) * time.Second))}
				if last != "" {
					fields.Parents = []string{last}
				}
				c.add(b, events.Draft{Source: "git", Kind: events.CommitRecorded, Natural: []string{repo, hash}, Subject: hash, Time: at.Add(-time.Minute), ActorKind: events.Human, Content: fields})
				last = hash
			}
			version := fmt.Sprintf("v%d", day)
			c.add(b, deployed(service, repo, version, last, at))
			if r.IntN(10) == 0 {
				c.add(b, events.Draft{Source: "pager", Kind: events.IncidentDetected, Natural: []string{service, version}, Subject: service + version, Time: at.Add(time.Hour),
					Content: events.Fields{Service: &events.Ref{ID: service}, Environment: &events.Ref{ID: "production"}}})
				c.add(b, events.Draft{Source: "pager", Kind: events.IncidentResolved, Natural: []string{service, version, "r"}, Subject: service + version, Time: at.Add(2 * time.Hour),
					Content: events.Fields{Service: &events.Ref{ID: service}, Environment: &events.Ref{ID: "production"}}})
			}
		}
	}
	return c
}

func deployed(service, repo, version, commit string, at time.Time) events.Draft {
	return events.Draft{Source: "ci", Kind: events.ServiceDeployed, Natural: []string{service, version}, Subject: service, Time: at, ActorKind: events.Human,
		Content: events.Fields{Environment: &events.Ref{ID: "production"}},
		Custom:  events.Fields{Repository: &events.Ref{ID: repo}, Version: version, Commit: commit}}
}

func (c *company) add(b testing.TB, d events.Draft) {
	d.Received, d.Mapping = d.Time, 1
	e, err := events.New(d)
	if err != nil {
		b.Fatal(err)
	}
	c.events = append(c.events, e)
}

func load(b testing.TB, s *store.Store, evs []events.Event, offset *int64) {
	b.Helper()
	for len(evs) > 0 {
		n := min(len(evs), 100_000)
		if err := metrictest.Load(b.Context(), s, evs[:n], offset, start); err != nil {
			b.Fatal(err)
		}
		evs = evs[n:]
	}
	rest(b, s)
}

// rest waits until the engine merges no more of what was loaded: that is loading's
// work, and would be counted as computing's.
func rest(b testing.TB, s *store.Store) {
	b.Helper()
	for merging := uint64(1); merging > 0; {
		if err := s.Conn().QueryRow(b.Context(), `SELECT count() FROM system.merges`).Scan(&merging); err != nil {
			b.Fatal(err)
		}
	}
}

func computerWith(s *store.Store, metrics []metric.Def, log *slog.Logger, now func() time.Time) *compute.Computer {
	return compute.New(compute.Options{
		Store: s, Metrics: metrics, Logger: log, Now: now,
		Rules: compute.Rules{Location: time.UTC, Digest: "bench", Tier: func(e string) string { t, _, _ := strings.Cut(e, "-"); return t }},
	})
}

// timed computes all delivery metrics; with -v it says how long each step takes,
// and how much processor time.
func timed(b *testing.B, s *store.Store) *compute.Computer {
	log := slog.New(slog.DiscardHandler)
	if testing.Verbose() {
		last := processor()
		log = slog.New(slog.NewTextHandler(b.Output(), &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				since := last
				last = processor()
				return slog.Duration("processor", last-since)
			}
			return a
		}}))
	}
	return computerWith(s, dora.Defs(), log, time.Now)
}

// processor is the time this process and the engine, its child, have spent on
// processors, where the system tells it: a machine shared with others makes the
// clock's time say little.
func processor() time.Duration {
	var sum time.Duration
	self := strconv.Itoa(os.Getpid())
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // state, parent, …; 11 and 12: user's and system's ticks
		if len(fields) > 12 && (fields[1] == self || name == "/proc/"+self+"/stat") {
			user, _ := strconv.Atoi(fields[11])
			system, _ := strconv.Atoi(fields[12])
			sum += time.Duration(user+system) * 10 * time.Millisecond
		}
	}
	return sum
}

// BenchmarkAllPoints links and computes everything that there is of 500 services
// over two years, from an empty store.
func BenchmarkAllPoints(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := storetest.Open(b)
		var offset int64
		load(b, s, newCompany(b, benchServices(), 730).events, &offset)
		runtime.GC() // of the events, which a rollup does not hold
		began := processor()
		b.StartTimer()
		res, err := timed(b, s).Run(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((processor() - began).Seconds(), "processor-s/op")
		b.ReportMetric(float64(res.Points), "points")
		b.ReportMetric(float64(offset), "events")
	}
}

// BenchmarkLateEvent computes what one deployment changes that arrives weeks late,
// among 500 services and two years.
func BenchmarkLateEvent(b *testing.B) {
	s := storetest.Open(b)
	var offset int64
	load(b, s, newCompany(b, benchServices(), 730).events, &offset)
	if _, err := timed(b, s).Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	late := &company{}
	var spent time.Duration
	for b.Loop() {
		b.StopTimer()
		n := len(late.events)
		late.add(b, deployed("service-007", "acme/service-007", fmt.Sprintf("late-%d", n), "", start.AddDate(0, 0, 600+n%60)))
		load(b, s, late.events[n:], &offset)
		began := processor()
		b.StartTimer()
		if _, err := timed(b, s).Run(b.Context()); err != nil {
			b.Fatal(err)
		}
		spent += processor() - began
	}
	b.ReportMetric(spent.Seconds()/float64(len(late.events)), "processor-s/op")
}

// BenchmarkRecompute derives, links and computes everything anew: the same company's
// log, filled up with uses of a capability to BENCH_EVENTS, as most of what a platform
// hears of is use.
func BenchmarkRecompute(b *testing.B) {
	s := storetest.Open(b)
	var offset int64
	load(b, s, newCompany(b, benchServices(), 730).events, &offset)
	for offset < benchEvents() {
		use := &company{}
		for range min(100_000, benchEvents()-offset) {
			n := offset + int64(len(use.events))
			at := start.Add(time.Duration(n*7919%(730*86400)) * time.Second)
			use.add(b, events.Draft{Source: "app", Kind: events.UsageRecorded, Natural: []string{"use", strconv.FormatInt(n, 10)}, Subject: "ci", Time: at, ActorKind: events.Human,
				Content: events.Fields{Capability: "ci", Unit: fmt.Sprintf("team-%d", n%40), UnitKind: "team", Gesture: "build", Value: true}})
		}
		load(b, s, use.events, &offset)
	}
	if _, err := timed(b, s).Run(b.Context()); err != nil {
		b.Fatal(err)
	}
	var spent time.Duration
	for b.Loop() {
		began := processor()
		if _, err := timed(b, s).RunAnew(b.Context()); err != nil {
			b.Fatal(err)
		}
		spent += processor() - began
	}
	b.ReportMetric(spent.Seconds()/float64(b.N), "processor-s/op")
	b.ReportMetric(float64(offset), "events")
}

func benchEvents() int64 {
	if n, err := strconv.ParseInt(os.Getenv("BENCH_EVENTS"), 10, 64); err == nil {
		return n
	}
	return 1_000_000
}

func benchServices() int {
	if n, err := strconv.Atoi(os.Getenv("BENCH_SERVICES")); err == nil {
		return n
	}
	return 500
}
