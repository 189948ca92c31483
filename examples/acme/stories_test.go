package acme_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/examples/acme"
	"github.com/payoff-metrics/payoff/pkg/impact"
)

var update = flag.Bool("update", false, "write the numbers of the stories into README.md")

// A number is what a story shows, as README.md prints it, and the range in which it
// must be for the story to be told, whatever the seed.
type number struct {
	name      string
	value     float64
	low, high float64
	printAs   string
}

func date(y int, m time.Month, d int) time.Time { return time.Date(y, m, d, 0, 0, 0, 0, time.UTC) }

// numbers computes every story's from the events of one world, and of the worlds
// without one of the bets.
func numbers(y, withoutLaunchpad *tally) []number {
	var out []number
	add := func(name, printAs string, value, low, high float64) {
		out = append(out, number{name: name, value: value, low: low, high: high, printAs: printAs})
	}
	seasons(y, add)
	bets(y, withoutLaunchpad, add)
	capabilities(y, add)
	operations(y, add)
	return out
}

type addFunc func(name, printAs string, value, low, high float64)

func seasons(y *tally, add addFunc) {
	before, _ := y.shipments(date(2025, 11, 3), date(2025, 12, 1), all)
	during, _ := y.shipments(date(2025, 12, 17), date(2026, 1, 7), all)
	add("november", "%.0f", before/4, 300, 700)
	add("freeze", "%.0f", during/3, 0, before/4*0.12)
	n, remedies := y.shipments(date(2026, 1, 7), date(2026, 1, 15), all)
	usualN, usual := y.shipments(date(2025, 9, 1), date(2025, 12, 1), all)
	add("thaw", "%.1f %%", 100*remedies/n, 100*1.5*usual/usualN, 40)
	add("usual", "%.1f %%", 100*usual/usualN, 2, 12)
	merged := func(from, to time.Time) (n float64) {
		for _, m := range y.merges {
			if s := y.services[m.service]; s != nil && !isBot(m.actor) && !m.at.Before(from) && m.at.Before(to) && (s.Team(m.at).Unit == "commerce" || s.Team(m.at).Unit == "platform") {
				n++
			}
		}
		return n / (to.Sub(from).Hours() / (7 * 24))
	}
	spring := merged(date(2026, 5, 11), date(2026, 7, 6))
	add("spring", "%.0f", spring, 100, 600)
	add("summer", "%.0f", merged(date(2026, 7, 20), date(2026, 8, 24)), spring*0.5, spring*0.78)
	bots := 0.0
	for _, m := range y.merges {
		if isBot(m.actor) {
			bots++
		}
	}
	add("bots", "%.0f %%", 100*bots/float64(len(y.merges)), 15, 40)
}

func bets(y, without *tally, add addFunc) {
	paved := func(t *acme.Team, m *merge) bool {
		since, ok := t.Since(acme.Launchpad)
		return ok && !m.at.Before(since.Add(2*week))
	}
	with, had := median(y.leads(acme.Start, acme.End, paved)), median(without.leads(acme.Start, acme.End, paved))
	teams := 0.0
	for _, t := range y.world.Teams {
		if _, ok := t.Since(acme.Launchpad); ok && t.Continues == nil {
			teams++
		}
	}
	add("launchpad teams", "%.0f", teams, 20, 20)
	add("launchpad with", "%.0f h", with, 5, had)
	add("launchpad without", "%.0f h", had, 20, 200)
	add("launchpad truth", "%+.0f %%", 100*(with/had-1), -70, -20)

	adopted := func(t *acme.Team, m *merge) bool {
		since, ok := t.Since(acme.Blueprint)
		return ok && !m.at.Before(since)
	}
	rest := func(t *acme.Team, _ *merge) bool {
		_, ok := t.Since(acme.Blueprint)
		return !ok && !t.Platform()
	}
	last := acme.End.Add(-26 * week)
	theirs, others := median(y.leads(last, acme.End, adopted)), median(y.leads(last, acme.End, rest))
	later := func(t *acme.Team, _ *merge) bool { return !rest(t, nil) && !t.Platform() }
	before := acme.Start.Add(27 * week) // nobody had it yet
	add("blueprint before", "%+.0f %%", 100*(median(y.leads(acme.Start, before, later))/median(y.leads(acme.Start, before, rest))-1), -80, -10)
	add("blueprint adopters", "%.0f h", theirs, 5, 0.85*others)
	add("blueprint rest", "%.0f h", others, 10, 200)
	add("blueprint naive", "%+.0f %%", 100*(theirs/others-1), -80, -15)
}

func capabilities(y *tally, add addFunc) {
	monday := acme.End.Truncate(week)
	at := func(capability string, weeks int) float64 { // in the four weeks before
		end := monday.Add(-time.Duration(weeks) * week)
		return 100 * y.share(y.using(capability, end.Add(-4*week), end))
	}
	add("vault before", "%.0f %%", at(acme.Vault, 45), 15, 55)
	add("vault after", "%.0f %%", at(acme.Vault, 25), 85, 100)
	first, second, third := at(acme.Telescope, 78), at(acme.Telescope, 52), at(acme.Telescope, 26)
	add("telescope 26", "%.0f %%", first, 0, 60)
	add("telescope 52", "%.0f %%", second, first, 100)
	add("telescope 78", "%.0f %%", third, max(80, second), 100)
	add("telescope end", "%.0f %%", at(acme.Telescope, 0), 90, 100)
	add("skiff", "%.0f %%", at(acme.Skiff, 0), 20, 65)
	add("skiff year", "%.0f %%", at(acme.Skiff, 52), at(acme.Skiff, 0)-5, at(acme.Skiff, 0)+5)
	add("devbox", "%.0f %%", at(acme.Devbox, 0), 15, 60)
	tried := 100 * y.share(y.using(acme.Flagship, acme.Start, acme.End))
	add("flagship tried", "%.0f %%", tried, 45, 90)
	add("flagship stayed", "%.0f %%", at(acme.Flagship, 0), 0, tried/3)
}

func operations(y *tally, add addFunc) {
	noisy := func(from, to time.Time) (weekly, false_ float64) {
		n := 0.0
		for _, p := range y.pages {
			if p.rotation == "notifications" && !p.at.Before(from) && p.at.Before(to) {
				n++
				if p.label == "false_alarm" || p.label == "not_cause" {
					false_++
				}
			}
		}
		return n / (to.Sub(from).Hours() / (7 * 24)), 100 * false_ / n
	}
	before, falsely := noisy(acme.Start, acme.AlertCleanup)
	after, falselyAfter := noisy(acme.AlertCleanup, acme.End)
	add("alerts before", "%.1f", before, 9, 20)
	add("alerts after", "%.1f", after, 0.3, before/3)
	add("false before", "%.0f %%", falsely, 65, 100)
	add("false after", "%.0f %%", falselyAfter, 5, falsely)

	weekly := func(category string, from, to time.Time) float64 {
		return between(y.tickets[category], from, to) / (to.Sub(from).Hours() / (7 * 24))
	}
	asked := weekly("provisioning", acme.Start, acme.SelfService)
	add("provisioning before", "%.0f", asked, 15, 40)
	add("provisioning after", "%.0f", weekly("provisioning", acme.SelfService, acme.End), 1, asked*0.25)
	any := func(from, to time.Time) (n float64) {
		for category := range y.tickets {
			n += weekly(category, from, to)
		}
		return n
	}
	tickets := any(acme.SelfService.Add(-26*week), acme.SelfService)
	add("tickets before", "%.0f", tickets, 40, 130)
	add("tickets after", "%.0f", any(acme.SelfService, acme.VaultMandate), 10, 0.85*tickets)
	usual := weekly("how_to", acme.VaultMandate.Add(-26*week), acme.VaultMandate)
	add("how-to before", "%.0f", usual, 10, 35)
	add("how-to mandate", "%.0f", weekly("how_to", acme.VaultMandate, acme.VaultMandate.Add(8*week)), 1.8*usual, 4*usual)

	rewritten := func(s *acme.Service) bool { return s.Name == "ledger-api" }
	n, remedies := y.shipments(acme.RewriteBegins, acme.RewriteEnds, rewritten)
	n0, remedies0 := y.shipments(acme.Start, acme.RewriteBegins, rewritten)
	add("rewrite before", "%.0f %%", 100*remedies0/n0, 0, 14)
	add("rewrite", "%.0f %%", 100*remedies/n, max(12, 200*remedies0/n0), 70)

	moved := 0.0
	for _, s := range y.world.Services {
		if len(s.Owners) > 1 {
			moved++
		}
	}
	add("moved services", "%.0f", moved, 10, 30)
	recorded, everybody := 0.0, 0.0
	for _, c := range y.changes {
		if recorded++; c.team == "" && c.at.Truncate(week).Equal(acme.RolloutEnds) {
			everybody++
		}
	}
	add("recorded changes", "%.0f", recorded, 20, 25)
	add("recorded for everybody", "%.0f", everybody, 1, 1)
	add("people", "%.0f", float64(len(y.world.People)), 650, 900)
	add("events", "%.0f", float64(y.n), 1_000_000, 2_000_000)
}

// TestStories: for three seeds, every story the documentation tells shows in its
// number, and for the first the documentation has the very numbers.
func TestStories(t *testing.T) {
	long(t)
	for seed := uint64(1); seed <= 3; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			y := newTally(t, acme.Options{Seed: seed})
			without := newTally(t, acme.Options{Seed: seed, Without: []string{acme.Launchpad}})
			ns := numbers(y, without)
			for _, n := range ns {
				t.Logf("%-20s %s", n.name, fmt.Sprintf(n.printAs, n.value))
				if !(n.value >= n.low && n.value <= n.high) {
					t.Errorf("%s is %s, which does not tell its story: want %.3g to %.3g", n.name, fmt.Sprintf(n.printAs, n.value), n.low, n.high)
				}
			}
			if about := y.world.About(); y.n < 1_000_000 || about < y.n*9/10 || about > y.n*11/10 {
				t.Errorf("%d events, and about %d were promised; want at least a million", y.n, about)
			}
			ns = append(ns, estimates(t, y, without)...)
			if seed == 1 {
				checkReadme(t, ns)
			}
		})
	}
}

// estimates: an estimator that is not told the truth finds it. The effect of
// Launchpad on the logarithm of a team's median lead time is what it is known to
// be, give or take the interval; that of Blueprint, whose adopters look so good, is
// none.
func estimates(t *testing.T, y, withoutLaunchpad *tally) (ns []number) {
	with, without := panel(y, acme.Launchpad), panel(withoutLaunchpad, acme.Launchpad)
	truth, cells := 0.0, 0.0
	for i, r := range with {
		if !r.Never && r.Time >= r.First {
			truth += r.Outcome - without[i].Outcome
			cells++
		}
	}
	truth /= cells
	for _, bet := range []struct {
		capability string
		rows       []impact.Row
		truth      float64
	}{{acme.Launchpad, with, truth}, {acme.Blueprint, panel(y, acme.Blueprint), 0}} {
		p, err := impact.NewPanel(bet.rows, impact.PanelOptions{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := impact.Run(p, impact.Options{Method: impact.CS, Alpha: 0.01}) // six intervals are looked at
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-20s %+.3f (%+.3f to %+.3f), truly %+.3f", bet.capability, r.ATT, r.Low, r.High, bet.truth)
		if r.Low > bet.truth || r.High < bet.truth {
			t.Errorf("the effect of %s is estimated as %.3f (%.3f to %.3f); it is %.3f", bet.capability, r.ATT, r.Low, r.High, bet.truth)
		}
		percent := func(log float64) float64 { return 100 * (math.Exp(log) - 1) }
		ns = append(ns, number{name: bet.capability + " estimate", printAs: "%+.0f %%", value: percent(r.ATT)},
			number{name: bet.capability + " low", printAs: "%+.0f %%", value: percent(r.Low)}, number{name: bet.capability + " high", printAs: "%+.0f %%", value: percent(r.High)})
		if bet.capability == acme.Launchpad {
			ns = append(ns, number{name: "launchpad per team", printAs: "%+.0f %%", value: percent(bet.truth)})
		}
		if bet.capability == acme.Launchpad && r.High >= 0 {
			t.Errorf("the effect of Launchpad, %.3f (%.3f to %.3f), cannot be told from none", r.ATT, r.Low, r.High)
		}
	}
	return ns
}

// waitsForThaw: what is merged shortly before the freeze or in it waits for its end,
// under any platform. It would only add noise.
func waitsForThaw(at time.Time) bool {
	md := int(at.Month())*100 + at.Day()
	return md >= 1209 || md < 107
}

// panel is the logarithm of the median lead time, by team and four weeks, of changes
// merged in them; in the order of teams and time.
func panel(y *tally, capability string) (rows []impact.Row) {
	const period = 4 * week
	periods := int(acme.End.Sub(acme.Start)/period) - 1 // the last may not have been shipped
	leads := map[string][][]float64{}
	cohort := map[string]time.Time{}
	for _, x := range y.world.Teams {
		if since, ok := x.Since(capability); ok {
			cohort[x.Line()] = since
		}
	}
	for i := range y.merges {
		m := &y.merges[i]
		s := y.services[m.service]
		k := int(m.at.Sub(acme.Start) / period)
		if s == nil || m.out.IsZero() || isBot(m.actor) || k >= periods || waitsForThaw(m.at) {
			continue
		}
		// The first owner: a service that changed hands stays one team's.
		line := s.Owners[0].Team.Line()
		if s.Owners[0].Team.Platform() || line == "cart" {
			continue
		}
		if leads[line] == nil {
			leads[line] = make([][]float64, periods)
		}
		leads[line][k] = append(leads[line][k], m.out.Sub(m.first).Hours())
	}
	for _, line := range slices.Sorted(maps.Keys(leads)) {
		for k, l := range leads[line] {
			r := impact.Row{Unit: line, Time: int64(k), Never: true, Outcome: math.Log(median(l))}
			if since, ok := cohort[line]; ok {
				r.Never, r.First = false, int64((since.Sub(acme.Start)+period-1)/period)
			}
			rows = append(rows, r)
		}
	}
	return rows
}

var marked = regexp.MustCompile(`<!-- ([a-z0-9 -]+) -->(.*?)<!-- / -->`)

// checkReadme compares the numbers that README.md marks with those that are.
func checkReadme(t *testing.T, ns []number) {
	const name = "../README.md"
	was, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	is := map[string]string{}
	for _, n := range ns {
		is[n.name] = fmt.Sprintf(n.printAs, n.value)
	}
	told := map[string]bool{}
	now := marked.ReplaceAllFunc(was, func(m []byte) []byte {
		key := string(marked.FindSubmatch(m)[1])
		told[key] = true
		if _, ok := is[key]; !ok {
			t.Errorf("README.md marks %q, which is no number of a story", key)
		}
		return []byte("<!-- " + key + " -->" + is[key] + "<!-- / -->")
	})
	for key := range is {
		if !told[key] {
			t.Errorf("README.md does not tell of %q", key)
		}
	}
	if bytes.Equal(was, now) {
		return
	}
	if *update {
		if err := os.WriteFile(name, now, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("the numbers of README.md are not those of the example; run go test ./examples/acme -update")
}
