package acme

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A category of tickets: how many a working day, from 40 teams, and how long they
// take in working hours.
type category struct {
	name     string
	perDay   float64
	answered float64 // median hours to the first response
	resolved float64 // and from there to the end
}

var categories = []category{
	{"production_help", 1.2, 0.7, 3},
	{"bug", 2.5, 3, 16},
	{"how_to", 5, 2, 3},
	{"feature_request", 1.5, 7, 60},
	{"review_request", 2, 4, 8},
	{"consultation", 1, 6, 12},
	{"provisioning", 6, 3, 9},
}

// many is how many tickets of a category there are on a day, compared with usual.
func (c category) many(at time.Time) float64 {
	switch {
	case c.name == "provisioning" && !at.Before(SelfService):
		return 0.15
	case c.name == "how_to" && !at.Before(VaultMandate) && at.Before(VaultMandate.Add(8*week)):
		return 2.6 // everybody asks how secrets are moved
	}
	return 1
}

// tellTickets tells of what the teams asked the platform teams for.
func (w *World) tellTickets(s *stream, emit func(*Event) error) error {
	d := newDice(w.o.Seed, "tickets")
	n := 0
	for at := Start; at.Before(End); at = at.Add(day) {
		for _, c := range categories {
			rate := c.perDay * c.many(at) * float64(w.o.Teams) / allTeams * berlin.activity(at)
			for range d.poisson(rate) {
				n++
				w.tellTicket(s, d, c, at, fmt.Sprintf("HELP-%d", n))
			}
		}
	}
	return s.flush(emit)
}

// someTeam picks a team at work that does, or does not, build the platform.
func (w *World) someTeam(d dice, at time.Time, platform bool) *Team {
	var all []*Team
	for _, t := range w.Teams {
		if t.at(at) && t.platform == platform {
			all = append(all, t)
		}
	}
	return pick(d, all)
}

func (w *World) tellTicket(s *stream, d dice, c category, at time.Time, id string) {
	asking, helping := w.someTeam(d, at, false), w.someTeam(d, at, true)
	opened := asking.zone.moment(d, at)
	tier := []string{"standard", "standard", "priority"}[d.IntN(3)]
	if c.name == "production_help" {
		tier = "critical"
	}
	channel := []string{"tool", "chat", "office_hours"}[d.weighted(0.6, 0.33, 0.07)]
	capability := pick(d, Capabilities)
	if c.name == "how_to" && c.many(at) > 1 && d.chance(0.6) {
		capability = Vault
	}
	asker, helper := pick(d, asking.members(at)).Account, pick(d, helping.members(at)).Account
	tell := func(at time.Time, kind events.Kind, transition, who, state string) {
		s.add(at, func(e *Event) {
			e.Source, e.ID, e.Kind, e.Subject, e.Actor = sourceDesk, id+":"+transition, kind, id, who
			e.Content = events.Fields{TicketType: c.name, Group: helping.Name, URI: "https://help.acme.example/" + id}
			e.Custom = events.Fields{State: state, Category: c.name, Tier: tier, Channel: channel, Team: asking.Name, Capability: capability, CreatedAt: events.FormatTime(opened)}
			if kind == events.TicketClosed {
				e.Content.Resolution = "done"
			}
		})
	}
	tell(opened, events.TicketCreated, "created", asker, "open")
	answered := helping.zone.later(opened, d.logNormal(c.answered, 0.9))
	tell(answered, events.TicketUpdated, "answered", helper, "in_progress")
	after := answered
	if d.chance(0.3) {
		after = asking.zone.later(answered, d.logNormal(4, 0.8))
		tell(after.Add(-time.Minute), events.TicketUpdated, "waiting", helper, "waiting_for_requester")
	}
	closed := helping.zone.later(after, d.logNormal(c.resolved, 0.9))
	tell(closed, events.TicketClosed, "closed", helper, "closed")
	if d.chance(0.04) {
		again := asking.zone.later(closed, d.logNormal(6, 0.6))
		tell(again, events.TicketUpdated, "reopened", asker, "reopened")
		tell(helping.zone.later(again, d.logNormal(c.resolved, 0.7)), events.TicketClosed, "closed2", helper, "closed")
	}
}

// workClasses share out a team's week: what is built, and what keeps it running.
var workClasses = []string{"feature", "on_call", "support", "incident", "security", "follow_up", "migration"}

// tellWork tells, team by team and week by week, what its hours went into.
func (w *World) tellWork(s *stream, emit func(*Event) error) error {
	for _, t := range w.Teams {
		d := newDice(w.o.Seed, "work", t.Name)
		for at := t.From; at.Before(t.To); at = at.Add(week) {
			shares := []float64{0.62, 0.06, 0.06, 0.05, 0.06, 0.04, 0.03}
			if t.platform {
				shares[2] = 0.2
			}
			if t.noisy && at.Before(AlertCleanup) {
				shares[1] = 0.22
			}
			if t.has(Vault, at) && !t.has(Vault, at.Add(-4*week)) {
				shares[slices.Index(workClasses, "migration")] = 0.15
			}
			hours := float64(len(t.members(at))) * 32 * t.zone.activity(at.Add(36*time.Hour)) / 1.1
			for i, class := range workClasses {
				spent := math.Round(hours * shares[i] * d.logNormal(1, 0.2))
				s.add(at.Add(4*day+16*time.Hour), func(e *Event) {
					e.Source, e.ID, e.Kind, e.Subject = sourcePlanning, fmt.Sprintf("%s:%s:%s", t.Name, at.Format(time.DateOnly), class), events.WorkRecorded, t.Name
					e.Content = events.Fields{Team: t.Name, Class: class, Hours: spent}
				})
			}
		}
		if err := s.flush(emit); err != nil {
			return err
		}
	}
	return nil
}
