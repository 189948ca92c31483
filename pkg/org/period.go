package org

import (
	"fmt"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// Ever and Always are the ends of a period that is open: they are the bounds of
// the store's times, so that every period can be compared without exceptions.
var (
	Ever   = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	Always = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// A Period is the half-open range of time [From, To).
type Period struct{ From, To time.Time }

var whole = Period{Ever, Always}

func (p Period) empty() bool               { return !p.From.Before(p.To) }
func (p Period) contains(t time.Time) bool { return !t.Before(p.From) && t.Before(p.To) }
func (p Period) overlaps(o Period) bool    { return p.From.Before(o.To) && o.From.Before(p.To) }
func (p Period) covers(o Period) bool      { return !o.From.Before(p.From) && !o.To.After(p.To) }
func (p Period) String() string            { return fmt.Sprintf("from %s to %s", day(p.From), day(p.To)) }
func earliest(a, b time.Time) time.Time    { return pick(a.Before(b), a, b) }
func latest(a, b time.Time) time.Time      { return pick(a.After(b), a, b) }
func pick(first bool, a, b time.Time) time.Time {
	if first {
		return a
	}
	return b
}

// day writes a time as the files do. Times of files are midnights, so the day in
// the zone they were read in is the one that was written.
func day(t time.Time) string {
	switch {
	case !t.After(Ever):
		return "ever"
	case !t.Before(Always):
		return "now on"
	}
	return t.Format(time.DateOnly)
}

// declared is a period as events carry it; the open ends are left out.
func (p Period) declared() (from, to string) {
	if p.From.After(Ever) {
		from = events.FormatTime(p.From)
	}
	if p.To.Before(Always) {
		to = events.FormatTime(p.To)
	}
	return from, to
}

// periodOf reads what declared wrote. A time that does not read makes the period
// open there: the row was checked at the edge.
func periodOf(from, to string) Period {
	p := whole
	if t, err := events.ParseTime(from); err == nil && !t.IsZero() {
		p.From = latest(Ever, t)
	}
	if t, err := events.ParseTime(to); err == nil && !t.IsZero() {
		p.To = earliest(Always, t)
	}
	return p
}
