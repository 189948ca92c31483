package org

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// Source is the source of the events of an import.
const Source = "org"

// Mapping is the version of the code that makes events of an organisation.
const Mapping = 1

// Accounts knows people by their accounts: collect.Protector.
type Accounts interface {
	// Actor is the kind and pseudonym of an account.
	Actor(account string) (kind, name string)
	// PersonEntity is the subject a person is declared under.
	PersonEntity(account string) string
}

// Drafts are one fact for each entity, in a fixed order: all its rows, and none
// for the entities of before that the files name no longer. The time of the import
// decides which of two declarations is the later one; it is no part of what is
// said, so that the same files make the same facts. The error is Problems: a bot
// is nobody's member.
func (o *Organisation) Drafts(people Accounts, imported time.Time, before []string) ([]events.Draft, error) {
	var p Problems
	entities := make(map[string][]events.Declared)
	for _, s := range sections {
		for _, r := range o.rows[s.name] {
			subject := s.class + "/" + r.Name
			if s.class == "person" {
				kind, name := people.Actor(r.Name)
				if kind == events.Bot {
					p.add(r.At, "%s is a bot by the configuration, and bots are in no team: leave the row out", name)
					continue
				}
				subject = people.PersonEntity(r.Name)
			}
			entities[subject] = append(entities[subject], o.declared(s, r, people)...)
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	for _, subject := range before {
		if _, still := entities[subject]; !still {
			entities[subject] = nil
		}
	}
	var out []events.Draft
	for _, subject := range slices.Sorted(maps.Keys(entities)) {
		out = append(out, draft(subject, entities[subject], imported))
	}
	return out, nil
}

// declared are the rows of an event that a row of a file makes: one, and for
// people one for each alias.
func (o *Organisation) declared(s section, r Row, people Accounts) []events.Declared {
	d := r.Said
	d.From, d.To = r.declared()
	if s.name == "teams" {
		d.Line = o.lead[r.Name]
	}
	if s.class != "person" {
		return []events.Declared{d}
	}
	_, d.Person = people.Actor(r.Name)
	if s.name == "members" {
		return []events.Declared{d}
	}
	var out []events.Declared
	for _, a := range r.Aliases {
		_, d.Alias = people.Actor(a)
		if d.Alias != d.Person {
			out = append(out, d)
		}
	}
	return out
}

func draft(subject string, rows []events.Declared, imported time.Time) events.Draft {
	slices.SortFunc(rows, func(a, b events.Declared) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)))
	})
	since := events.Earliest
	if len(rows) > 0 {
		since = latest(since, periodOf(rows[0].From, "").From)
	}
	return events.Draft{
		Source: Source, Kind: events.OrgDeclared, Natural: []string{subject}, Subject: subject, Time: since, Received: imported,
		Sequence: uint64(imported.UnixMilli()), Mapping: Mapping, Content: events.Fields{Rows: rows},
	}
}

// News are those of the events that say something else than the store knows: by
// subject, the version of what it was told last.
func News(evs []events.Event, known map[string]events.Version) []events.Event {
	return slices.DeleteFunc(slices.Clone(evs), func(e events.Event) bool {
		was, ok := known[e.Subject]
		return ok && was.Mapping == e.Version.Mapping && was.Hash == e.Version.Hash
	})
}

// Counts are how many entities of each kind there are.
type Counts struct {
	Units        int `json:"units"`
	Teams        int `json:"teams"`
	People       int `json:"people"`
	Services     int `json:"services"`
	Capabilities int `json:"capabilities"`
	Rotations    int `json:"rotations"`
}

// Counts counts the entities.
func (o *Organisation) Counts() Counts {
	return Counts{Units: o.count("units"), Teams: o.count("teams"), People: o.count("members"), Services: o.count("services"),
		Capabilities: o.count("capabilities"), Rotations: o.count("rotations")}
}

func (o *Organisation) count(section string) int {
	return len(grouped(o.rows[section], func(r *Row) string { return account(r.Name) }))
}

// Warnings are what an organisation may lack, and what follows from it.
func (o *Organisation) Warnings() []string {
	var out []string
	var ownerless []string
	for _, s := range o.rows["services"] {
		if !o.has("owners", s.Name) && !slices.Contains(ownerless, s.Name) {
			ownerless = append(ownerless, s.Name)
		}
	}
	if len(ownerless) > 0 {
		slices.Sort(ownerless)
		more := ""
		if n := len(ownerless) - someNames; n > 0 {
			ownerless, more = ownerless[:someNames], fmt.Sprintf(" and %d more", n)
		}
		out = append(out, fmt.Sprintf("no team owns %s%s: their numbers are in no team and no unit", strings.Join(ownerless, ", "), more))
	}
	if len(o.rows["teams"]) > 0 && len(o.rows["members"]) == 0 {
		out = append(out, "no members are declared: teams of fewer than 3 people cannot be told, and every team is shown")
	}
	return out
}
