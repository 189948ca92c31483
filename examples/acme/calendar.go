package acme

import (
	"math"
	"time"
)

const (
	day  = 24 * time.Hour
	week = 7 * day

	opens  = 9  // working hours of an office, local time
	closes = 18 //
)

// A zone is an office: where its people are, and when they are away.
type zone struct {
	name   string
	loc    *time.Location
	summer float64 // share of the usual work done in the long summer weeks
	away   []string
}

func loadZone(name string, summer float64, away ...string) *zone {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the zone database is part of the binary
	}
	return &zone{name: name, loc: loc, summer: summer, away: append(away, "12-25", "12-26", "01-01")}
}

var (
	berlin     = loadZone("Europe/Berlin", 0.6, "12-24", "05-01", "10-03")
	london     = loadZone("Europe/London", 0.7, "12-24", "08-25")
	newYork    = loadZone("America/New_York", 0.85, "07-04", "11-27", "11-28")
	losAngeles = loadZone("America/Los_Angeles", 0.85, "07-04", "11-27", "11-28")
	kolkata    = loadZone("Asia/Kolkata", 0.95, "01-26", "08-15", "10-02")
)

// works reports whether the office is open on the local day of t.
func (z *zone) works(t time.Time) bool {
	t = t.In(z.loc)
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		return false
	}
	date := t.Format("01-02")
	for _, d := range z.away {
		if d == date {
			return false
		}
	}
	return true
}

// activity is how much of the usual work is done on the local day of t.
func (z *zone) activity(t time.Time) float64 {
	t = t.In(z.loc)
	if !z.works(t) {
		return 0.01
	}
	a := [...]float64{time.Monday: 0.95, time.Tuesday: 1.1, time.Wednesday: 1.1, time.Thursday: 1.05, time.Friday: 0.8, time.Saturday: 0}[t.Weekday()]
	switch md := int(t.Month())*100 + t.Day(); {
	case md >= 1220 || md <= 102:
		a *= 0.15
	case md >= 1210 || md <= 108:
		a *= 0.75
	case md >= 712 && md <= 826:
		a *= z.summer
	}
	return a
}

// moment is a time of the local day in which people of the office do something:
// around 13:30, hardly before eight or after seven.
func (z *zone) moment(d dice, date time.Time) time.Time {
	y, m, dd := date.In(z.loc).Date()
	hour := math.Min(math.Max(13.5+2.4*d.NormFloat64(), 7.5), 20)
	return time.Date(y, m, dd, 0, 0, 0, 0, z.loc).Add(time.Duration(hour * float64(time.Hour)))
}

// later is after so many working hours from t, at a time the office is open.
func (z *zone) later(t time.Time, hours float64) time.Time {
	left := time.Duration(hours * float64(time.Hour))
	t = t.In(z.loc)
	for {
		y, m, d := t.Date()
		begin := time.Date(y, m, d, opens, 0, 0, 0, z.loc)
		end := time.Date(y, m, d, closes, 0, 0, 0, z.loc)
		if t.Before(begin) {
			t = begin
		}
		if z.works(t) && t.Before(end) {
			if room := end.Sub(t); left < room {
				return t.Add(left)
			} else {
				left -= room
			}
		}
		t = time.Date(y, m, d+1, opens, 0, 0, 0, z.loc)
	}
}

// The freeze: from 16 December to 6 January, both included, nothing goes to
// production but repairs.
func frozen(t time.Time) bool {
	md := int(t.Month())*100 + t.Day()
	return md >= 1216 || md <= 106
}

// thaw is the first moment after the freeze that t lies in.
func thaw(t time.Time) time.Time {
	y := t.Year()
	if t.Month() == time.December {
		y++
	}
	return time.Date(y, time.January, 7, 0, 0, 0, 0, time.UTC)
}
