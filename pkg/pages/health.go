package pages

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
)

// shownRestatements is how many corrections a page lists.
const shownRestatements = 20

// healthPage is what `/health` shows: how well we know what we say.
type healthPage struct {
	layout
	Age     string // of the latest computed number
	Sources []sourceRow
	Parked  []parkedRow
	doubts
}

// doubts are what takes a scan to find, and what does not change with the clock
// but by the day.
type doubts struct {
	Shares    []shareRow
	Findings  []findingRow
	Restated  []restatedRow
	Corrected []glance // how many, in the last 7 and 30 days
}

// A shareRow is how much of something is not known.
type shareRow struct{ What, Share, Of, Meaning string }

// parkedRow is one reason for which records were not understood.
type parkedRow struct {
	Source string    `ch:"source"`
	Reason string    `ch:"reason"`
	N      uint64    `ch:"n"`
	Last   time.Time `ch:"last"`
	When   string
}

// findingRow is one kind of doubt, in how many places.
type findingRow struct {
	Kind     string   `ch:"kind"`
	N        uint64   `ch:"n"`
	What     string   `ch:"what"`
	Todo     string   `ch:"todo"`
	Examples []string `ch:"examples"`
}

func (p *pages) health(r *http.Request) (answer, error) {
	ctx := r.Context()
	page := healthPage{layout: p.layout("Data health", "health")}
	today := p.Now().In(p.Location).Format(time.DateOnly)
	err := together(ctx,
		func(ctx context.Context) error {
			sources, err := p.sources(ctx)
			for _, s := range sources {
				page.Sources = append(page.Sources, p.sourceRow(s))
			}
			return err
		},
		func(ctx context.Context) error { return p.age(ctx, &page) },
		func(ctx context.Context) error { return p.parked(ctx, &page) },
		func(ctx context.Context) (err error) {
			page.doubts, err = remember(ctx, p, &p.doubted, today, func() (doubts, error) { return p.readDoubts(ctx) })
			return err
		})
	if err != nil {
		return answer{}, err
	}
	return p.render("health", page)
}

// readDoubts fills the parts side by side; no two write the same of them.
func (p *pages) readDoubts(ctx context.Context) (d doubts, err error) {
	var shares, corrected doubts
	err = together(ctx,
		func(ctx context.Context) error { return p.shares(ctx, &shares) },
		func(ctx context.Context) error { return p.findings(ctx, &d) },
		func(ctx context.Context) error { return p.corrected(ctx, &corrected) })
	d.Shares, d.Restated, d.Corrected = shares.Shares, corrected.Restated, corrected.Corrected
	return d, err
}

func (p *pages) age(ctx context.Context, page *healthPage) error {
	var rows []struct {
		At time.Time `ch:"at"`
	}
	if err := p.Store.Select(ctx, &rows, `SELECT max(computed_at) AS at FROM payoff.metric_point_log`); err != nil {
		return fmt.Errorf("reading when numbers were computed: %w", err)
	}
	if at := rows[0].At; at.Unix() > 0 {
		page.Age = "The latest number was computed " + ago(at, p.Now()) + ", " + p.time(at) + "."
	}
	return nil
}

// shares are what is counted with doubt or not at all, of what there is.
func (p *pages) shares(ctx context.Context, into *doubts) error {
	var rows []struct {
		What    string `ch:"what"`
		Meaning string `ch:"meaning"`
		Hits    uint64 `ch:"hits"`
		Of      uint64 `ch:"total"`
	}
	err := p.Store.Select(ctx, &rows, `
		SELECT what, meaning, hits, total FROM (
		SELECT 1 AS rank, 'Deployments whose commit is not known' AS what, 'What they shipped is not known, so their changes have no lead time.' AS meaning,
			countIf(link_quality = 'unknown_commit') AS hits, count() AS total FROM payoff.deployments WHERE tier = 'production'
		UNION ALL
		SELECT 2, 'Deployments without a tier', 'They are in no metric: map their environments in payoff.yaml.', countIf(tier = 'unknown'), count() FROM payoff.deployments
		UNION ALL
		SELECT 3, 'Incidents put down to no deployment', 'The change fail rate is too low by as much as links are missing.', countIf(state IN ('unattributed', 'unknown_service')), count()
		FROM payoff.incidents WHERE state IN ('placed', 'unattributed', 'unknown_service')
		UNION ALL
		SELECT 4, 'Services no longer heard of', 'Nothing has been told of them for 7 days or more before the latest of all, and they are not retired.',
			countIf(retired_at IS NULL AND known_to < (SELECT max(known_to) FROM payoff.service_coverage) - INTERVAL 7 DAY), count()
		FROM payoff.service_coverage WHERE tier = 'production') ORDER BY rank`)
	if err != nil {
		return fmt.Errorf("reading how much is not known: %w", err)
	}
	for _, r := range rows {
		row := shareRow{What: r.What, Share: "no data", Of: "–", Meaning: r.Meaning}
		if r.Of > 0 {
			v := float64(r.Hits) / float64(r.Of)
			row.Share, row.Of = metric.Ratio.Format(&v), fmt.Sprintf("%d of %d", r.Hits, r.Of)
		}
		into.Shares = append(into.Shares, row)
	}
	return p.metricShares(ctx, into)
}

// metricShares are the published shares about data, in their last complete quarter.
func (p *pages) metricShares(ctx context.Context, into *doubts) error {
	for _, name := range []string{"dora.bot_share", "dora.squash_share"} {
		d, ok := p.defs[name]
		if !ok {
			continue
		}
		ps, err := points.Read(ctx, p.Store, points.Ask{Metric: d, Grain: metric.Quarter, Main: true})
		if err != nil {
			return err
		}
		row := shareRow{What: d.Title, Share: "no data", Of: "–", Meaning: d.Question}
		if i := lastComplete(ps); i >= 0 {
			row.Share, row.Of = d.Unit.Format(ps[i].Value), evidence(d, ps[i])+", "+p.label(ps[i])
		}
		into.Shares = append(into.Shares, row)
	}
	return nil
}

func (p *pages) parked(ctx context.Context, page *healthPage) error {
	err := p.Store.Select(ctx, &page.Parked, `
		SELECT toString(source) AS source, left(reason, 300) AS reason, count() AS n, max(parked_at) AS last FROM payoff.dead_letters
		WHERE replayed_at IS NULL GROUP BY source, reason ORDER BY n DESC, source, reason LIMIT 20`)
	if err != nil {
		return fmt.Errorf("reading what is parked: %w", err)
	}
	for i := range page.Parked {
		page.Parked[i].Source, page.Parked[i].When = orDash(page.Parked[i].Source), ago(page.Parked[i].Last, p.Now())
	}
	return nil
}

func (p *pages) findings(ctx context.Context, into *doubts) error {
	err := p.Store.Select(ctx, &into.Findings, `
		SELECT toString(kind) AS kind, count() AS n, what, any(todo) AS todo, arraySlice(arraySort(groupUniqArray(subject)), 1, 3) AS examples
		FROM payoff.findings GROUP BY kind, what ORDER BY n DESC, kind, what`)
	if err != nil {
		return fmt.Errorf("reading the findings: %w", err)
	}
	return nil
}

// corrected are the weekly numbers of complete weeks that were said otherwise
// before.
func (p *pages) corrected(ctx context.Context, into *doubts) error {
	midnight := metric.At(metric.Day, p.Now(), p.Location).Start
	rs, err := p.restatements(ctx, "", metric.Week, midnight.AddDate(0, 0, -30), midnight.AddDate(0, 0, -7), shownRestatements)
	var month, week uint64
	if len(rs) > 0 {
		month, week = rs[0].Total, rs[0].Lately
	}
	into.Corrected = []glance{{Title: "In the last 7 days", Text: fmt.Sprint(week)}, {Title: "In the last 30 days", Text: fmt.Sprint(month)}}
	into.Restated = p.restatedRows(rs)
	return err
}
