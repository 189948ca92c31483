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

// A waitingChange is finished work that no deployment to production has shipped.
type waitingChange struct {
	Repository string    `ch:"repository"`
	Commit     string    `ch:"commit"`
	Merged     time.Time `ch:"merged_at"`
}

// waitingAges counts them by age; changes by bots apart.
type waitingAges struct {
	Day   uint64 `ch:"day"`
	Week  uint64 `ch:"week"`
	Month uint64 `ch:"month"`
	Older uint64 `ch:"older"`
	Bots  uint64 `ch:"bots"`
}

func (w waitingAges) people() uint64 { return w.Day + w.Week + w.Month + w.Older }

func (p *pages) waiting(ctx context.Context, service string) (waitingAges, []waitingChange, error) {
	args := []any{store.Param("service", service), store.Millis("now", p.Now()), store.Param("limit", uint32(shownWaiting))}
	const of = ` FROM payoff.waiting_changes WHERE service = {service:String} AND tier = 'production'`
	var ages []waitingAges
	err := p.Store.Select(ctx, &ages, `
		WITH dateDiff('hour', merged_at, {now:DateTime64(3)}) AS age, actor_kind != 'bot' AS person
		SELECT countIf(person AND age < 24) AS day, countIf(person AND age >= 24 AND age < 168) AS week,
			countIf(person AND age >= 168 AND age < 720) AS month, countIf(person AND age >= 720) AS older, countIf(NOT person) AS bots`+of, args...)
	if err != nil {
		return waitingAges{}, nil, fmt.Errorf("counting the undeployed changes of %s: %w", service, err)
	}
	var oldest []waitingChange
	err = p.Store.Select(ctx, &oldest, `SELECT toString(repository) AS repository, commit, merged_at`+of+`
		AND actor_kind != 'bot' ORDER BY merged_at, commit LIMIT {limit:UInt32}`, args...)
	if err != nil {
		return waitingAges{}, nil, fmt.Errorf("reading the undeployed changes of %s: %w", service, err)
	}
	return ages[0], oldest, nil
}

// waitingBlock is what a service page shows of it.
type waitingBlock struct {
	Total  uint64
	Ages   []glance
	Bots   uint64
	Oldest []waitingRow
}

type waitingRow struct{ Commit, Href, Repository, When, Stamp, Ago string }

func (p *pages) waitingBlock(a waitingAges, oldest []waitingChange) waitingBlock {
	b := waitingBlock{Total: a.people(), Bots: a.Bots}
	for _, g := range []struct {
		title string
		n     uint64
	}{{"under a day", a.Day}, {"1 to 7 days", a.Week}, {"7 to 30 days", a.Month}, {"30 days and more", a.Older}} {
		b.Ages = append(b.Ages, glance{Title: g.title, Text: strconv.FormatUint(g.n, 10)})
	}
	for _, c := range oldest {
		b.Oldest = append(b.Oldest, waitingRow{shortHash(c.Commit), changeHref(c.Repository, c.Commit), c.Repository, p.time(c.Merged), stamp(c.Merged), ago(c.Merged, p.Now())})
	}
	return b
}
