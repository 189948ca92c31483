package review

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// A Desk gives reviews from a store, and publishes them into it.
type Desk struct {
	Store        *store.Store   // a reader's is enough for all but Publish; not closed
	Location     *time.Location // of the organisation's calendar
	Organisation string
	Metrics      []metric.Def // the catalogue
	Now          func() time.Time
}

// An Edition is one rendering of a week's review.
type Edition struct {
	Week        string    `json:"week"`
	PublishedAt time.Time `json:"published_at,omitzero"` // zero: it is not published
	AsOf        time.Time `json:"as_of"`
	SHA256      string    `json:"sha256"` // of HTML
	HTML        []byte    `json:"-"`
	Markdown    []byte    `json:"-"`
	Review      *Review   `json:"review,omitempty"` // nil for a published one: only its renderings are kept
}

// An AskError says why what was asked for cannot be given.
type AskError struct{ Reason string }

func (e AskError) Error() string { return e.Reason }

func asked(format string, args ...any) error { return AskError{fmt.Sprintf(format, args...)} }

// LastWeek is the last week that is over.
func (d Desk) LastWeek() metric.Window {
	return behaviour.LastWeek(d.Now(), d.Location)
}

// Week reads the name of a week; "" is the last that is over. It returns
// an AskError for what is no week or has not begun.
func (d Desk) Week(name string) (metric.Window, error) {
	if name == "" {
		return d.LastWeek(), nil
	}
	w, err := metric.ParseWindow(name, d.Location)
	if err != nil {
		return w, asked("%v", err)
	}
	if w.Grain != metric.Week {
		return w, asked("%s is a %s, and a review is of a week such as %s", name, w.Grain, d.LastWeek().Label(d.Location))
	}
	if w.Start.After(d.Now()) {
		return w, asked("%s has not begun: it begins on %s. The last week that is over is %s",
			name, w.Start.In(d.Location).Format("2 January 2006"), d.LastWeek().Label(d.Location))
	}
	return w, nil
}

// AsOf reads the time of --as-of: RFC 3339, or "now". "" is the zero time.
func (d Desk) AsOf(s string) (time.Time, error) {
	switch s {
	case "":
		return time.Time{}, nil
	case "now":
		return d.Now(), nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, asked("%q is neither a time such as 2026-11-16T09:00:00Z nor now", s)
	}
	if t.After(d.Now()) {
		return t, asked("%s lies ahead: what will be known then nobody knows", s)
	}
	return t, nil
}

// Weekly is the review of a week: at the zero time the published one, or, where
// none is, what it would say now; else what it would have said then.
func (d Desk) Weekly(ctx context.Context, w metric.Window, asOf time.Time) (Edition, error) {
	if !asOf.IsZero() {
		return d.write(ctx, w, asOf, false)
	}
	if e, found, err := d.Published(ctx, w); err != nil || found {
		return e, err
	}
	return d.write(ctx, w, d.Now(), true)
}

// write makes the review from what was known at asOf; latest says that this is now.
func (d Desk) write(ctx context.Context, w metric.Window, asOf time.Time, latest bool) (Edition, error) {
	in, err := d.gather(ctx, w, asOf, latest)
	if err != nil {
		return Edition{}, err
	}
	r, err := Build(in)
	if err != nil {
		return Edition{}, err
	}
	var html, md bytes.Buffer
	if err := HTML(&html, r); err != nil {
		return Edition{}, err
	}
	if err := Markdown(&md, r); err != nil {
		return Edition{}, err
	}
	return Edition{Week: r.Week, AsOf: asOf, SHA256: digest(html.Bytes()), HTML: html.Bytes(), Markdown: md.Bytes(), Review: &r}, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Published is the review of a week as it was published, if it was. It returns an
// error for one that is no longer what its digest says.
func (d Desk) Published(ctx context.Context, w metric.Window) (e Edition, found bool, err error) {
	var rows []struct {
		PublishedAt time.Time `ch:"published_at"`
		AsOf        time.Time `ch:"as_of"`
		HTML        string    `ch:"html"`
		Markdown    string    `ch:"markdown"`
		SHA256      string    `ch:"sha256"`
	}
	week := w.Label(d.Location)
	// The digest decides between two that two leaders published at once.
	if err := d.Store.Select(ctx, &rows, `
		SELECT published_at, as_of, html, markdown, sha256 FROM payoff.reviews
		WHERE week = {week:String} ORDER BY published_at, sha256 LIMIT 1`, store.Param("week", week)); err != nil {
		return e, false, fmt.Errorf("reading the published review of %s: %w", week, err)
	}
	if len(rows) == 0 {
		return e, false, nil
	}
	r := rows[0]
	if got := digest([]byte(r.HTML)); got != r.SHA256 {
		return e, false, fmt.Errorf("the published review of %s was changed after it was published: its digest is %.12s, recorded is %.12s", week, got, r.SHA256)
	}
	return Edition{Week: week, PublishedAt: r.PublishedAt, AsOf: r.AsOf, SHA256: r.SHA256, HTML: []byte(r.HTML), Markdown: []byte(r.Markdown)}, true, nil
}

// Publish publishes the review of a week that is over and returns it; one that is
// published already is returned as it is. A review without a number is not
// published: that is an AskError.
func (d Desk) Publish(ctx context.Context, w metric.Window) (Edition, error) {
	now := d.Now()
	week := w.Label(d.Location)
	if now.Before(w.End) {
		return Edition{}, asked("%s is not over: it can be published from %s on", week, w.End.In(d.Location).Format("Monday 2 January 2006"))
	}
	if e, found, err := d.Published(ctx, w); err != nil || found {
		return e, err
	}
	e, err := d.write(ctx, w, now, true)
	if err != nil {
		return e, err
	}
	if e.Review.Empty() {
		return e, asked("nothing is known of %s or the year before: there is nothing to publish", week)
	}
	columns := []string{"week", "published_at", "as_of", "html", "markdown", "sha256"}
	if err := d.Store.Insert(ctx, "payoff.reviews", columns, 1, func(int) []any {
		return []any{week, now, e.AsOf, string(e.HTML), string(e.Markdown), e.SHA256}
	}); err != nil {
		return e, fmt.Errorf("publishing the review of %s: %w", week, err)
	}
	e, _, err = d.Published(ctx, w) // another may have been first
	return e, err
}

// lastHour of the day on which a review waits for sources that are late.
const lastHour = 23

// PublishDue publishes the review of the last week, as a leader does every hour of
// Monday: once some number covers the whole week, or in the last hour of the day
// whatever is known. Until then the edition is not published and it is no
// error.
func (d Desk) PublishDue(ctx context.Context) (Edition, error) {
	w := d.LastWeek()
	if e, found, err := d.Published(ctx, w); err != nil || found {
		return e, err
	}
	e, err := d.write(ctx, w, d.Now(), true)
	if err != nil || e.Review.Empty() || !e.Review.ready() && d.Now().In(d.Location).Hour() < lastHour {
		return e, err
	}
	return d.Publish(ctx, w)
}

// Page is the review of a week as a page shows it: with a bar that says which
// edition it is and leads to the other, to the weeks beside it and to the rest.
func (d Desk) Page(ctx context.Context, w metric.Window, asOf time.Time) ([]byte, error) {
	e, err := d.Weekly(ctx, w, asOf)
	if err != nil {
		return nil, err
	}
	label := func(w metric.Window) string { return w.Label(d.Location) }
	here := "/review/" + label(w)
	b := Bar{Earlier: label(metric.At(metric.Week, w.Start.Add(-time.Millisecond), d.Location))}
	if later := metric.At(metric.Week, w.End, d.Location); !later.Start.After(d.Now()) {
		b.Later = label(later)
	}
	when := func(t time.Time) string { return t.In(d.Location).Format("2 January 2006, 15:04 MST") }
	switch {
	case !e.PublishedAt.IsZero():
		b.Says, b.Other, b.OtherHref = "Published on "+when(e.PublishedAt)+" and unchanged since.", "What it would say now", here+"?as-of=now"
	case asOf.IsZero():
		b.Says = "Not published: it says what is known now, and may still change."
	default:
		b.Says, b.Other, b.OtherHref = "What it says with what was known on "+when(e.AsOf)+".", "As it was published", here
	}
	return Framed(e.HTML, b)
}
