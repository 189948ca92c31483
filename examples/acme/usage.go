package acme

import (
	"fmt"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// tellUsage tells, team by team, of what the platform offered, what was made an
// obligation, and of every use. Uses of Launchpad and Blueprint are by service;
// those of the others by person, as their tools know them.
func (w *World) tellUsage(s *stream, emit func(*Event) error) error {
	for _, t := range w.Teams {
		w.tellOffers(s, t)
		for _, c := range append(Capabilities[:len(Capabilities):len(Capabilities)], Devbox) {
			w.tellUses(s, t, c)
		}
		if err := s.flush(emit); err != nil {
			return err
		}
	}
	return nil
}

// offered is when a capability became available to everybody; Launchpad became so
// to each team in its wave.
var offered = map[string]time.Time{
	Blueprint: weeksBack(blueprintWindow[0]), Vault: weeksBack(103), Telescope: weeksBack(96), Skiff: weeksBack(103), Flagship: weeksBack(92),
}

func (w *World) tellOffers(s *stream, t *Team) {
	tell := func(kind events.Kind, at time.Time, capability string) {
		s.add(at, func(e *Event) {
			e.Source, e.ID, e.Kind, e.Subject = sourceUsage, fmt.Sprintf("%s:%s:%s", kind, capability, t.Name), kind, t.Name
			e.Content = events.Fields{Capability: capability, Unit: t.Name, UnitKind: "team"}
		})
	}
	for _, c := range Capabilities {
		at, ok := offered[c]
		if c == Launchpad {
			at, ok = t.bets[c]
		}
		if ok && t.Continues == nil {
			tell(events.CapabilityOffered, at.Add(9*time.Hour), c)
		}
		if since, ok := t.bets[c]; ok && t.at(since) {
			tell(events.CapabilityAdopted, since.Add(10*time.Hour), c)
		}
	}
	if t.at(VaultMandate) {
		tell(events.CapabilityMandated, VaultMandate, Vault)
	}
}

// A habit is how a capability is used once a team has it.
type habit struct {
	perDay   float64 // uses of a person, or of a service, on a usual day
	share    float64 // of the people who use it
	gestures []string
	channel  string
	value    string  // the gesture that is of use to them
	keep     float64 // weekly chance that a team goes on
}

var habits = map[string]habit{
	Blueprint: {0.05, 1, []string{"service.created", "template.updated"}, "cli", "template.updated", 1},
	Vault:     {0.25, 0.5, []string{"secret.read", "secret.written"}, "api", "secret.read", 1},
	Telescope: {0.9, 0.7, []string{"query.run", "dashboard.opened", "alert.edited"}, "ui", "query.run", 1},
	Skiff:     {0.8, 0.7, []string{"environment.started", "environment.stopped"}, "cli", "environment.started", 1},
	Devbox:    {0.8, 0.7, []string{"environment.started", "environment.stopped"}, "cli", "environment.started", 1},
	Flagship:  {0.35, 0.4, []string{"flag.toggled", "flag.created"}, "ui", "flag.toggled", 0.93},
}

// tellUses tells of every use of a capability by the people of a team.
func (w *World) tellUses(s *stream, t *Team, capability string) {
	since, ok := t.bets[capability]
	if !ok || capability == Launchpad {
		w.tellPaved(s, t, ok && capability == Launchpad)
		return
	}
	h := habits[capability]
	d := newDice(w.o.Seed, "usage", capability, t.Name)
	from := since
	if t.From.After(from) {
		from = t.From
	}
	for at := from.Truncate(day); at.Before(t.To); at = at.Add(day) {
		if at.Weekday() == time.Monday && !d.chance(h.keep) {
			return // they went back to how they did it before
		}
		n := d.poisson(h.perDay * h.share * float64(len(t.members(at))) * t.zone.activity(at))
		for i := range n {
			w.tellUse(s, d, t, capability, h, t.zone.moment(d, at), fmt.Sprintf("%s:%s:%s:%d", capability, t.Name, at.Format("060102"), i))
		}
	}
}

func (w *World) tellUse(s *stream, d dice, t *Team, capability string, h habit, at time.Time, id string) {
	who, gesture := t.engineer(d, at).Account, h.gestures[d.weighted(6, 3, 1)%len(h.gestures)]
	s.add(at, func(e *Event) {
		e.Source, e.ID, e.Kind, e.Subject, e.Actor = sourceUsage, id, events.UsageRecorded, capability, who
		e.Content = events.Fields{Capability: capability, Unit: who, UnitKind: "person", Team: t.Name, Gesture: gesture, Value: gesture == h.value, Quantity: 1, Channel: h.channel}
	})
}

// tellPaved tells of a team's daily use of Launchpad, by service.
func (w *World) tellPaved(s *stream, t *Team, has bool) {
	if !has {
		return
	}
	d := newDice(w.o.Seed, "usage", Launchpad, t.Name)
	since := t.bets[Launchpad]
	if t.From.After(since) {
		since = t.From
	}
	for at := since; at.Before(t.To); at = at.Add(day) {
		for _, svc := range w.owned(t, at) {
			for i := range d.poisson(0.9 * t.zone.activity(at)) {
				moment, gesture := t.zone.moment(d, at), [...]string{"release.shipped", "preview.opened"}[d.weighted(3, 1)]
				s.add(moment, func(e *Event) {
					e.Source, e.ID, e.Kind, e.Subject = sourceUsage, fmt.Sprintf("%s:%s:%s:%d", Launchpad, svc.Name, at.Format("060102"), i), events.UsageRecorded, Launchpad
					e.Content = events.Fields{Capability: Launchpad, Unit: svc.Name, UnitKind: "service", Service: ref(svc.Name), Team: t.Name, Gesture: gesture, Value: gesture == "release.shipped", Quantity: 1, Channel: "api"}
				})
			}
		}
	}
}
