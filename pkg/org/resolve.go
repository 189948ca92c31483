package org

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// An Entity is what the log tells last of one entity.
type Entity struct {
	Subject string // "team/payments"
	Rows    []events.Declared
}

// An Ownership is who owns a service for a time; nobody, when Team is empty. The
// ownerships of a service cover all time and do not overlap.
type Ownership struct {
	Service, Team, Unit string
	Period
}

// A Size is how many members a team has for a time. The sizes of a team cover all
// time and do not overlap.
type Size struct {
	Team    string
	Members int
	Period
}

// An Alias says that a pseudonym is another person for a time.
type Alias struct {
	Alias, Person string
	Period
}

// Resolved is what facts are attributed by, each list in a fixed order.
type Resolved struct {
	Ownerships []Ownership
	Sizes      []Size // none while no members are declared at all: unknown is not small
	Shown      []Shown
	Aliases    []Alias
}

// Resolve finds who owned what when. It gives one answer whatever the entities
// say, also where two sources contradict each other: the row that began last.
func Resolve(entities []Entity) Resolved {
	r := resolver{units: make(map[string][]dated), owners: make(map[string][]dated), members: make(map[string][]dated), aliases: make(map[string][]dated)}
	for _, e := range entities {
		class, name, _ := strings.Cut(e.Subject, "/")
		for _, d := range e.Rows {
			r.take(class, name, d)
		}
	}
	var out Resolved
	for _, service := range slices.Sorted(maps.Keys(r.owners)) {
		out.Ownerships = append(out.Ownerships, r.ownerships(service)...)
	}
	if len(r.members) > 0 {
		for _, team := range slices.Sorted(maps.Keys(r.units)) {
			out.Sizes = append(out.Sizes, r.sizes(team)...)
		}
	}
	out.Shown = show(out.Ownerships, out.Sizes)
	for _, alias := range slices.Sorted(maps.Keys(r.aliases)) {
		for _, s := range cut(boundaries(r.aliases[alias]), func(t time.Time) string { return at(r.aliases[alias], t) }) {
			if s.value != "" {
				out.Aliases = append(out.Aliases, Alias{alias, s.value, s.Period})
			}
		}
	}
	return out
}

// dated is a value for a time.
type dated struct {
	value string
	Period
}

type resolver struct {
	units   map[string][]dated // by team
	owners  map[string][]dated // teams by service
	members map[string][]dated // persons by team
	aliases map[string][]dated // persons by alias
}

func (r *resolver) take(class, name string, d events.Declared) {
	p := periodOf(d.From, d.To)
	if p.empty() {
		return
	}
	switch {
	case class == "team":
		r.units[name] = append(r.units[name], dated{d.Unit, p})
	case class == "service" && d.Team != "":
		r.owners[name] = append(r.owners[name], dated{d.Team, p})
	case class == "person" && d.Alias != "":
		r.aliases[d.Alias] = append(r.aliases[d.Alias], dated{d.Person, p})
	case class == "person" && d.Team != "":
		r.members[d.Team] = append(r.members[d.Team], dated{d.Person, p})
	}
}

// ownerships cuts time where the service's team changes, or that team's unit.
func (r *resolver) ownerships(service string) []Ownership {
	owners := r.owners[service]
	times := boundaries(owners)
	for _, o := range owners {
		times = append(times, boundaries(r.units[o.value])...)
	}
	var out []Ownership
	const sep = "\x00"
	for _, s := range cut(times, func(t time.Time) string {
		team := at(owners, t)
		return team + sep + at(r.units[team], t)
	}) {
		team, unit, _ := strings.Cut(s.value, sep)
		out = append(out, Ownership{service, team, unit, s.Period})
	}
	return out
}

func (r *resolver) sizes(team string) []Size {
	members := r.members[team]
	var out []Size
	for _, s := range cut(boundaries(members), func(t time.Time) int {
		there := make(map[string]bool)
		for _, m := range members {
			if m.contains(t) {
				there[m.value] = true
			}
		}
		return len(there)
	}) {
		out = append(out, Size{team, s.value, s.Period})
	}
	return out
}

// at is the value at a time; of several the one that began last.
func at(all []dated, t time.Time) string {
	var best dated
	for _, d := range all {
		if d.contains(t) && (best.value == "" || cmp.Or(d.From.Compare(best.From), cmp.Compare(d.value, best.value)) > 0) {
			best = d
		}
	}
	return best.value
}

func boundaries(all []dated) []time.Time {
	var out []time.Time
	for _, d := range all {
		out = append(out, d.From, d.To)
	}
	return out
}

type piece[T comparable] struct {
	value T
	Period
}

// cut divides all time at the given instants and joins neighbours of one value.
func cut[T comparable](times []time.Time, value func(time.Time) T) []piece[T] {
	times = append(slices.Clone(times), Ever, Always)
	slices.SortFunc(times, time.Time.Compare)
	times = slices.CompactFunc(times, time.Time.Equal)
	var out []piece[T]
	for i := 0; i+1 < len(times); i++ {
		v := value(times[i])
		if n := len(out); n > 0 && out[n-1].value == v {
			out[n-1].To = times[i+1]
			continue
		}
		out = append(out, piece[T]{v, Period{times[i], times[i+1]}})
	}
	return out
}
