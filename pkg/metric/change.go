package metric

import (
	"slices"
	"time"
)

// A Change of a process, as somebody recorded it: from then on numbers are judged
// by what came after.
type Change struct {
	At      time.Time
	What    string
	Metrics []string // none: all
	Service string   // whose process; all empty: everybody's
	Team    string
	Unit    string
}

// Touches reports whether the change is of a metric's process of a subject: it
// names exactly this subject, or nobody, and then it is everybody's.
func (c Change) Touches(name, service, team, unit string) bool {
	everybody := c.Service == "" && c.Team == "" && c.Unit == ""
	return (len(c.Metrics) == 0 || slices.Contains(c.Metrics, name)) &&
		(everybody || c.Service == service && c.Team == team && c.Unit == unit)
}
