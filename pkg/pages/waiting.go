package pages

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/payoff-metrics/payoff/pkg/store"
)

// shownWaiting is how many of the oldest undeployed changes are listed.
const shownWaiting = 10

// waitingAges counts finished work that no deployment to production has shipped, by
// age; changes by bots apart. The oldest stand in lists of the same length.
type waitingAges struct {
	Day          uint64      `ch:"day"`
	Week         uint64      `ch:"week"`
	Month        uint64      `ch:"month"`
	Older        uint64      `ch:"older"`
	Bots         uint64      `ch:"bots"`
	Commits      []string    `ch:"commits"`
	Repositories []string    `ch:"repositories"`
	Merged       []time.Time `ch:"merged"`
}

func (w waitingAges) people() uint64 { return w.Day + w.Week + w.Month + w.Older }

func (p *pages) waiting(ctx context.Context, service string) (waitingAges, error) {
	var ages []waitingAges
	err := p.Store.Select(ctx, &ages, `
		WITH dateDiff('hour', merged_at, {now:DateTime64(3)}) AS age, actor_kind != 'bot' AS person,
			arraySlice(arraySort(groupArrayIf((merged_at, commit, toString(repository)), person)), 1, {limit:UInt32}) AS oldest
		SELECT countIf(person AND age < 24) AS day, countIf(person AND age >= 24 AND age < 168) AS week,
			countIf(person AND age >= 168 AND age < 720) AS month, countIf(person AND age >= 720) AS older, countIf(NOT person) AS bots,
			oldest.1 AS merged, oldest.2 AS commits, oldest.3 AS repositories
		FROM payoff.waiting_changes WHERE service = {service:String} AND tier = 'production'`,
		store.Param("service", service), store.Millis("now", p.Now()), store.Param("limit", uint32(shownWaiting)))
	if err != nil {
		return waitingAges{}, fmt.Errorf("reading the undeployed changes of %s: %w", service, err)
	}
	return ages[0], nil
}

// waitingBlock is what a service page shows of it.
type waitingBlock struct {
	Total  uint64
	Ages   []glance
	Bots   uint64
	Oldest []waitingRow
}

type waitingRow struct{ Commit, Href, Repository, When, Stamp, Ago string }

func (p *pages) waitingBlock(a waitingAges) waitingBlock {
	b := waitingBlock{Total: a.people(), Bots: a.Bots}
	for _, g := range []struct {
		title string
		n     uint64
	}{{"under a day", a.Day}, {"1 to 7 days", a.Week}, {"7 to 30 days", a.Month}, {"30 days and more", a.Older}} {
		b.Ages = append(b.Ages, glance{Title: g.title, Text: strconv.FormatUint(g.n, 10)})
	}
	for i, commit := range a.Commits {
		at, repository := a.Merged[i], a.Repositories[i]
		b.Oldest = append(b.Oldest, waitingRow{shortHash(commit), changeHref(repository, commit), repository, p.time(at), stamp(at), ago(at, p.Now())})
	}
	return b
}
