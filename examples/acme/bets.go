package acme

import (
	"cmp"
	"slices"
	"time"
)

// What Launchpad truly does to the teams that have it. Everything else that the
// two bets seem to do is chance, the season, or who took part.
const (
	launchpadWait = 0.35 // a finished change waits this share of the time it would have waited
	launchpadFail = 0.75 // and a deployment fails this often, compared with before
)

// What is true of everybody, bet or not: builds became faster over the two years.
const yearlyTrend = 0.90

// placeBets decides who took up what, and when.
//
// Blueprint went to the ten best teams, because they wanted it: whoever compares
// them with the rest sees how good they are. Launchpad went to twenty teams in five
// waves by lottery, drawn apart among those with and without Blueprint, so that the
// two can be told from each other.
func (w *World) placeBets() {
	var able []*Team
	for _, t := range w.Teams {
		if !t.platform && t.Continues == nil && t.Name != "cart" { // cart ends in checkout's team
			able = append(able, t)
		}
	}
	adopters := w.placeBlueprint(able)
	d := newDice(w.o.Seed, "launchpad")
	var order []*Team
	for _, stratum := range []bool{true, false} {
		var drawn []*Team
		for _, t := range able {
			if slices.Contains(adopters, t) == stratum {
				drawn = append(drawn, t)
			}
		}
		d.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
		order = append(order, drawn[:(len(drawn)*6+5)/10]...)
	}
	d.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	for i, t := range order {
		wave := i * len(launchpadWaves) / len(order)
		t.bets[Launchpad] = weeksBack(launchpadWaves[wave])
	}
	w.placeOthers()
}

// placeBlueprint gives it to the best three tenths, each at a time of its own.
func (w *World) placeBlueprint(able []*Team) []*Team {
	d := newDice(w.o.Seed, "blueprint")
	best := slices.Clone(able)
	slices.SortFunc(best, func(a, b *Team) int { return cmp.Compare(b.quality, a.quality) })
	best = best[:(len(best)*3+9)/10]
	for _, t := range best {
		back := blueprintWindow[1] + d.IntN(blueprintWindow[0]-blueprintWindow[1])
		t.bets[Blueprint] = weeksBack(back)
	}
	return best
}

// placeOthers decides who took up the capabilities that are not bets, and when.
func (w *World) placeOthers() {
	d := newDice(w.o.Seed, "others")
	for _, t := range w.Teams {
		if t.Continues != nil {
			continue // it has what its line has
		}
		// Vault: a third by choice in their own time, nearly all when they must.
		switch {
		case d.chance(0.33):
			t.bets[Vault] = weeksBack(55 + d.IntN(45)).Add(time.Duration(d.IntN(5)) * day)
		case d.chance(0.94):
			t.bets[Vault] = VaultMandate.Add(time.Duration(d.between(-10, 42)) * day)
		}
		// Flagship: two of three try it, most leave within a few months.
		if d.chance(0.67) {
			t.bets[Flagship] = weeksBack(30 + d.IntN(60))
		}
		// Skiff: two of five, from the beginning on; most of the others built Devbox.
		switch {
		case d.chance(0.42):
			t.bets[Skiff] = weeksBack(60 + d.IntN(40))
		case d.chance(0.65):
			t.bets[Devbox] = weeksBack(70 + d.IntN(32))
		}
	}
	w.placeTelescope()
}

// placeTelescope spreads it as Bass has it: a few begin by themselves, the others
// because of those who have it (p = 0.005, q = 0.11 a week).
func (w *World) placeTelescope() {
	d := newDice(w.o.Seed, "telescope")
	const p, q = 0.005, 0.11
	var teams []*Team
	for _, t := range w.Teams {
		if t.Continues == nil {
			teams = append(teams, t)
		}
	}
	had := 0
	for back := 95; back > 0; back-- {
		share, now := float64(had)/float64(len(teams)), 0
		for _, t := range teams {
			if _, has := t.bets[Telescope]; !has && d.chance(p+q*share) {
				t.bets[Telescope] = weeksBack(back)
				now++
			}
		}
		had += now
	}
}

// works reports whether a capability does in this world what it does.
func (w *World) works(capability string) bool { return !slices.Contains(w.o.Without, capability) }

// Since is when the team took up a capability or the rival of one; false if it never
// did.
func (t *Team) Since(capability string) (time.Time, bool) {
	at, ok := t.bets[capability]
	return at, ok
}
