package acme

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Organisation is who is where, and what is whose, as the file that `payoff import
// org` takes: YAML, with the days of every row.
func (w *World) Organisation() []byte {
	var b strings.Builder
	b.WriteString("# Acme, an organisation that is made up. See examples/README.md.\n")
	section := func(name string) { fmt.Fprintf(&b, "\n%s:\n", name) }
	row := func(from, to time.Time, format string, args ...any) {
		fmt.Fprintf(&b, "  - {"+format, args...)
		if from.After(Start) {
			fmt.Fprintf(&b, ", from: %s", from.Format(time.DateOnly))
		}
		if to.Before(End) {
			fmt.Fprintf(&b, ", to: %s", to.Format(time.DateOnly))
		}
		b.WriteString("}\n")
	}
	section("units")
	for _, u := range units {
		row(Start, End, "unit: %s", u.name)
	}
	section("teams")
	for _, t := range w.Teams {
		if t.Continues == nil {
			row(t.From, t.To, "team: %s, unit: %s", t.Name, t.Unit)
			continue
		}
		var before []string
		for _, c := range t.Continues {
			before = append(before, c.Name)
		}
		row(t.From, t.To, "team: %s, unit: %s, continues: [%s]", t.Name, t.Unit, strings.Join(before, ", "))
	}
	section("members")
	for _, p := range w.People {
		for _, s := range p.Spells {
			if s.From.Before(s.To) {
				row(s.From, s.To, "person: %s, team: %s, role: %s", p.Account, s.Team.Name, p.Role)
			}
		}
	}
	w.declareServices(section, row)
	w.declarePlatform(section, row)
	return []byte(b.String())
}

type rowFunc func(from, to time.Time, format string, args ...any)

func (w *World) declareServices(section func(string), row rowFunc) {
	section("services")
	for _, s := range w.Services {
		tier := "2"
		if s.Critical {
			tier = "1"
		}
		for _, r := range s.repos {
			if s.path != "" {
				row(Start, End, "service: %s, repository: %s, paths: [%s**], tier: %q", s.Name, r.name, s.path, tier)
			} else {
				row(Start, End, "service: %s, repository: %s, tier: %q", s.Name, r.name, tier)
			}
		}
	}
	section("owners")
	for _, s := range w.Services {
		for i, o := range s.Owners {
			to := End
			if i+1 < len(s.Owners) {
				to = s.Owners[i+1].From
			}
			row(o.From, to, "service: %s, team: %s", s.Name, o.Team.Name)
		}
	}
}

// capabilityOwners are the platform teams that build the capabilities.
var capabilityOwners = map[string]string{
	Launchpad: "delivery-platform", Blueprint: "developer-experience", Vault: "security", Telescope: "observability", Skiff: "developer-experience", Flagship: "delivery-platform",
}

// declarePlatform: capabilities and who could use them, rotations and office hours.
func (w *World) declarePlatform(section func(string), row rowFunc) {
	owner := func(capability string) string {
		if w.Team(capabilityOwners[capability]) != nil {
			return capabilityOwners[capability]
		}
		return capabilityOwners[Launchpad]
	}
	section("capabilities")
	for _, c := range Capabilities {
		row(Start, End, "capability: %s, team: %s", c, owner(c))
	}
	section("populations")
	for _, c := range Capabilities {
		for _, t := range w.Teams {
			if t.Name != owner(c) {
				row(t.From, t.To, "capability: %s, kind: team, member: %s", c, t.Name)
			}
		}
	}
	section("calendars")
	var zones []*zone
	for _, u := range units {
		if slices.Contains(zones, u.zone) {
			continue
		}
		zones = append(zones, u.zone)
		var holidays []string
		for year := Start.Year(); year <= End.Year(); year++ {
			for _, d := range u.zone.away {
				holidays = append(holidays, fmt.Sprintf("%d-%s", year, d))
			}
		}
		row(Start, End, "calendar: %s, zone: %s, days: [mon-fri], opens: %q, closes: %q, holidays: [%s]", u.zone.calendar(), u.zone.name, "09:00", "18:00", strings.Join(holidays, ", "))
	}
	section("rotations")
	for _, t := range w.Teams {
		row(t.From, t.To, "rotation: %s, team: %s, calendar: %s", t.Name, t.Name, t.zone.calendar())
	}
}

// calendar is the name of the office's hours: "berlin".
func (z *zone) calendar() string {
	_, city, _ := strings.Cut(z.name, "/")
	return strings.ToLower(strings.ReplaceAll(city, "_", "-"))
}
