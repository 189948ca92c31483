package org

import (
	"maps"
	"slices"
	"time"
)

// SmallTeam is how many members a team needs to be shown by itself.
const SmallTeam = 3

// A Shown is how what a service does is told of for a time. Team is empty where nobody
// owns it, and where its team is shown only inside its unit; Hidden is set where the
// service is, too. The rows of a service cover all time and do not overlap.
type Shown struct {
	Service, Team, Unit string
	Hidden              bool
	Period
}

// show finds how services are told of. Nothing below a team is shown, nor a team that
// is as good as a person: one of fewer than three members, if sizes are known.
//
// One person must not be found as what is left of the unit, either. So the services of
// a team of one are hidden with it, and where it is the only small team of its unit, a
// second team and a service of that are, too: the first by name, since choosing by size
// or activity would tell of those. Two people are no person: what is left of a unit may
// be theirs, as otherwise a whole team would not see its own numbers because of
// another's size.
func show(owned []Ownership, sizes []Size) []Shown {
	byService := make(map[string]*timeline[Ownership])
	byTeam := make(map[string]*timeline[Size])
	var times []time.Time
	for _, o := range owned {
		add(byService, o.Service, o)
		times = append(times, o.From)
	}
	for _, s := range sizes {
		add(byTeam, s.Team, s)
		times = append(times, s.From)
	}
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	services := slices.Sorted(maps.Keys(byService))
	rows := make(map[string][]Shown)
	for _, t := range times {
		now := moment{owner: make(map[string]Ownership), members: make(map[string]int)}
		for _, name := range services {
			now.owner[name] = byService[name].at(t, func(o Ownership) Period { return o.Period })
		}
		for team, sizes := range byTeam {
			now.members[team] = sizes.at(t, func(s Size) Period { return s.Period }).Members
		}
		teams, hidden := now.hide(services)
		for _, name := range services {
			o := now.owner[name]
			row := Shown{Service: name, Team: o.Team, Unit: o.Unit, Hidden: hidden[name], Period: Period{t, Always}}
			if teams[o.Team] {
				row.Team = ""
			}
			rows[name] = extend(rows[name], row)
		}
	}
	var out []Shown
	for _, name := range services {
		out = append(out, rows[name]...)
	}
	return out
}

// extend appends a row, unless it says the same as the one before.
func extend(rows []Shown, row Shown) []Shown {
	n := len(rows)
	if n == 0 {
		return append(rows, row)
	}
	last := &rows[n-1]
	if last.Team == row.Team && last.Unit == row.Unit && last.Hidden == row.Hidden {
		return rows
	}
	last.To = row.From
	return append(rows, row)
}

// A moment is who owns what, and how many members teams have, at one time.
type moment struct {
	owner   map[string]Ownership // by service
	members map[string]int       // by team; a team that is not there is of unknown size
}

// hide finds the teams and the services that are shown only inside their unit.
func (m moment) hide(services []string) (teams, hidden map[string]bool) {
	teams, hidden = make(map[string]bool), make(map[string]bool)
	units := make(map[string]*unitNow)
	for team, n := range m.members {
		teams[team] = n < SmallTeam
	}
	for _, service := range services {
		o := m.owner[service]
		n, known := m.members[o.Team]
		if !known {
			continue
		}
		u := units[o.Unit]
		if u == nil {
			u = &unitNow{small: make(map[string]int), first: make(map[string]string)}
			units[o.Unit] = u
		}
		if n == 1 {
			hidden[service] = true
		}
		if n == 1 || n == 2 {
			u.small[o.Team] = n
		} else if _, there := u.first[o.Team]; !there && n >= SmallTeam {
			u.first[o.Team] = service
		}
	}
	for _, u := range units {
		if second, ok := u.second(); ok {
			teams[second], hidden[u.first[second]] = true, true
		}
	}
	return teams, hidden
}

// A unitNow is what a unit has at one time.
type unitNow struct {
	small map[string]int    // members of its small teams
	first map[string]string // first service of each of the others
}

// second is the team that is hidden with the unit's only small one, a team of one.
func (u *unitNow) second() (string, bool) {
	if len(u.small) != 1 || len(u.first) == 0 {
		return "", false
	}
	for _, members := range u.small {
		if members != 1 {
			return "", false
		}
	}
	return slices.Min(slices.Collect(maps.Keys(u.first))), true
}

// A timeline is rows by time, read from the first to the last.
type timeline[T any] struct {
	rows []T
	next int
}

func add[T any](all map[string]*timeline[T], name string, row T) {
	if all[name] == nil {
		all[name] = &timeline[T]{}
	}
	all[name].rows = append(all[name].rows, row)
}

// at is the row of a time that is not before the one asked for last.
func (l *timeline[T]) at(t time.Time, period func(T) Period) T {
	for l.next+1 < len(l.rows) && !t.Before(period(l.rows[l.next]).To) {
		l.next++
	}
	return l.rows[l.next]
}
