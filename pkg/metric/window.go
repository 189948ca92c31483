package metric

import (
	"fmt"
	"time"
)

// A Grain is a kind of calendar window in the organisation's time zone.
type Grain string

// The grains. A week begins on Monday; a week with a clock change has 7 days.
const (
	Day     Grain = "day"
	Week    Grain = "week"
	Month   Grain = "month"
	Quarter Grain = "quarter"
	Year    Grain = "year"
)

// Grains lists all grains, the finest first.
var Grains = []Grain{Day, Week, Month, Quarter, Year}

// A Window is the half-open range of time [Start, End).
type Window struct {
	Grain      Grain
	Start, End time.Time
}

// Contains reports whether t lies in the window: Start does, End does not.
func (w Window) Contains(t time.Time) bool { return !t.Before(w.Start) && t.Before(w.End) }

func (w Window) String() string {
	return fmt.Sprintf("%s [%s, %s)", w.Grain, w.Start.UTC().Format(time.RFC3339), w.End.UTC().Format(time.RFC3339))
}

// At is the window of grain g that contains t, by the calendar of loc.
func At(g Grain, t time.Time, loc *time.Location) Window {
	y, m, d := t.In(loc).Date()
	switch g {
	case Week:
		d -= (int(t.In(loc).Weekday()) + 6) % 7
	case Month:
		d = 1
	case Quarter:
		m, d = (m-1)/3*3+1, 1
	case Year:
		m, d = time.January, 1
	}
	return Window{g, midnight(y, m, d, loc), next(g, y, m, d, loc)}
}

func next(g Grain, y int, m time.Month, d int, loc *time.Location) time.Time {
	switch g {
	case Week:
		d += 7
	case Month:
		m++
	case Quarter:
		m += 3
	case Year:
		y++
	default:
		d++
	}
	return midnight(y, m, d, loc)
}

// midnight is the first instant of the day. Where a clock change skips midnight,
// time.Date gives an instant of the day before or after it: the first instant of
// the day is found by stepping to it.
func midnight(y int, m time.Month, d int, loc *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, loc)
	want := time.Date(y, m, d, 12, 0, 0, 0, time.UTC)
	if ty, tm, td := t.Date(); ty != want.Year() || tm != want.Month() || td != want.Day() || t.Hour() != 0 {
		for h := -3 * time.Hour; h <= 3*time.Hour; h += 15 * time.Minute {
			if c := t.Add(h); c.In(loc).Day() == want.Day() && c.Add(-time.Millisecond).In(loc).Day() != want.Day() {
				return c.UTC()
			}
		}
	}
	return t.UTC()
}

// Between lists the windows of grain g that intersect [from, to), in order.
func Between(g Grain, from, to time.Time, loc *time.Location) []Window {
	var out []Window
	for w := At(g, from, loc); w.Start.Before(to); w = At(g, w.End, loc) {
		out = append(out, w)
	}
	return out
}

// ParseWindow reads how people name a window: a day 2026-11-16, a week 2026-W47,
// a month 2026-11, a quarter 2026-Q4 or a year 2026.
func ParseWindow(s string, loc *time.Location) (Window, error) {
	var y, a, b int
	if n, err := fmt.Sscanf(s, "%4d-W%2d", &y, &a); n == 2 && err == nil && len(s) == 8 && a >= 1 {
		// The week with January 4th is ISO week 1.
		w := At(Week, time.Date(y, time.January, 4+7*(a-1), 12, 0, 0, 0, loc), loc)
		if wy, ww := w.Start.In(loc).ISOWeek(); wy == y && ww == a {
			return w, nil
		}
		return Window{}, fmt.Errorf("%d has no week %d", y, a)
	}
	if n, err := fmt.Sscanf(s, "%4d-Q%1d", &y, &a); n == 2 && err == nil && len(s) == 7 && a >= 1 && a <= 4 {
		return At(Quarter, time.Date(y, time.Month(3*a-2), 1, 12, 0, 0, 0, loc), loc), nil
	}
	if n, err := fmt.Sscanf(s, "%4d-%2d-%2d", &y, &a, &b); n == 3 && err == nil && len(s) == 10 {
		if t := time.Date(y, time.Month(a), b, 12, 0, 0, 0, loc); t.Day() == b && t.Month() == time.Month(a) {
			return At(Day, t, loc), nil
		}
		return Window{}, fmt.Errorf("%s is no date", s)
	}
	if n, err := fmt.Sscanf(s, "%4d-%2d", &y, &a); n == 2 && err == nil && len(s) == 7 && a >= 1 && a <= 12 {
		return At(Month, time.Date(y, time.Month(a), 1, 12, 0, 0, 0, loc), loc), nil
	}
	if n, err := fmt.Sscanf(s, "%4d", &y); n == 1 && err == nil && len(s) == 4 {
		return At(Year, time.Date(y, time.January, 1, 12, 0, 0, 0, loc), loc), nil
	}
	return Window{}, fmt.Errorf("%q is not a day (2026-11-16), week (2026-W47), month (2026-11), quarter (2026-Q4) or year (2026)", s)
}

// Label names a window as people do; ParseWindow reads it back.
func (w Window) Label(loc *time.Location) string {
	t := w.Start.In(loc)
	switch w.Grain {
	case Week:
		y, n := t.Add(12 * time.Hour).ISOWeek()
		return fmt.Sprintf("%04d-W%02d", y, n)
	case Month:
		return t.Format("2006-01")
	case Quarter:
		return fmt.Sprintf("%04d-Q%d", t.Year(), (int(t.Month())+2)/3)
	case Year:
		return t.Format("2006")
	default:
		return t.Format("2006-01-02")
	}
}

// Days names the first and the last day of a window, for whoever counts no weeks:
// "9 to 15 November 2026".
func (w Window) Days(loc *time.Location) string {
	const day, month, year = "2", "2 January", "2 January 2006"
	from, to := w.Start.In(loc), w.End.In(loc).Add(-time.Millisecond)
	form := day
	switch {
	case from.Year() != to.Year():
		form = year
	case from.Month() != to.Month():
		form = month
	case from.Day() == to.Day():
		return to.Format(year)
	}
	return from.Format(form) + " to " + to.Format(year)
}
