package acme

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// A World is the organisation: who is in it, what they run, and which bets were
// made, all with dates.
type World struct {
	o        Options
	Teams    []*Team
	Services []*Service
	People   []*Person
	groups   []*group
}

// A Team is at work in [From, To). A renamed team is another Team that Continues
// the first.
type Team struct {
	Name, Unit string
	From, To   time.Time
	Continues  []*Team
	zone       *zone
	*traits
	roster [][]*Person // by week since Start
}

// traits are what stays with a team through new names.
type traits struct {
	line     string // the first name
	platform bool
	style    style
	merge    mergeStyle
	quality  float64 // of its engineering: mean 0, standard deviation 1
	noisy    bool    // its alerts are, until AlertCleanup
	bets     map[string]time.Time
}

// A Person was in teams, one after the other.
type Person struct {
	Account string
	Role    string
	Spells  []Spell
}

// A Spell is the time a person was in a team: [From, To).
type Spell struct {
	Team     *Team
	From, To time.Time
}

type style int

const (
	continuous style = iota // every merge goes out at once
	onDemand                // when somebody finds it is time
	train                   // on Tuesdays
)

type mergeStyle int

const (
	squash mergeStyle = iota
	mergeCommit
	rebase
	trunk // no pull requests: straight to the default branch
)

type unit struct {
	name  string
	zone  *zone
	teams []string
}

var units = []unit{
	{"commerce", berlin, []string{"cart", "checkout", "search", "catalog", "pricing", "promotions", "recommendations", "reviews"}},
	{"payments", london, []string{"ledger", "payouts", "billing", "fraud", "wallets", "invoicing", "tax"}},
	{"logistics", newYork, []string{"orders", "tracking", "warehouse", "shipping", "returns", "routing", "suppliers"}},
	{"customers", kolkata, []string{"notifications", "accounts", "identity", "messaging", "loyalty", "preferences", "contact"}},
	{"data", losAngeles, []string{"ingestion", "lakehouse", "reporting", "experiments", "forecasting"}},
	{"platform", berlin, []string{"delivery-platform", "developer-experience", "observability", "security", "runtime", "networks"}},
}

const allTeams = 40

// buildTeams makes n teams, the first of every unit, and what became of them.
func (w *World) buildTeams() {
	d := newDice(w.o.Seed, "teams")
	for _, u := range units {
		k := max(1, int(math.Round(float64(len(u.teams)*w.o.Teams)/allTeams)))
		for i, name := range u.teams[:k] {
			t := &Team{Name: name, Unit: u.name, From: Start, To: End, zone: u.zone, traits: &traits{line: name, platform: u.name == "platform", bets: map[string]time.Time{}}}
			t.quality = d.NormFloat64()
			t.style = style(d.weighted(0.25, 0.45, 0.30))
			t.merge = mergeStyle(d.weighted(0.5, 0.25, 0.2, 0.05))
			if i == 3 { // one team in the middle of every unit is a trunk-based one
				t.style, t.merge = continuous, trunk
			}
			t.noisy = name == "notifications"
			w.Teams = append(w.Teams, t)
		}
	}
	w.reorganise()
}

// Team finds the team of that name, nil if there is none.
func (w *World) Team(name string) *Team {
	if i := slices.IndexFunc(w.Teams, func(t *Team) bool { return t.Name == name }); i >= 0 {
		return w.Teams[i]
	}
	return nil
}

// reorganise is what happened to teams on the day of the reorganisation: cart and
// checkout became basket, search was renamed discovery, and orders gave half of
// itself to fulfilment.
func (w *World) reorganise() {
	heir := func(name, of string, also ...string) {
		old := w.Team(of)
		if old == nil {
			return
		}
		t := *old
		t.Name, t.From, t.Continues = name, Reorganisation, []*Team{old}
		for _, a := range also {
			if other := w.Team(a); other != nil {
				t.Continues = append(t.Continues, other)
			}
		}
		for _, gone := range t.Continues {
			if name != "fulfilment" {
				gone.To = Reorganisation
			}
		}
		w.Teams = append(w.Teams, &t)
	}
	heir("basket", "checkout", "cart")
	heir("discovery", "search")
	heir("fulfilment", "orders")
}

// heirs are the teams that continue t, nil if it goes on itself.
func (w *World) heirs(t *Team) (out []*Team) {
	for _, h := range w.Teams {
		if slices.Contains(h.Continues, t) {
			out = append(out, h)
		}
	}
	return out
}

// at reports whether the team was at work at that time.
func (t *Team) at(at time.Time) bool { return !at.Before(t.From) && at.Before(t.To) }

// has reports whether the team had taken up a capability by then.
func (t *Team) has(capability string, at time.Time) bool {
	since, ok := t.bets[capability]
	return ok && !at.Before(since)
}

const teamSize = 15

// buildPeople fills the teams week by week: people leave, about one in nine a year,
// some move to another team, and others are hired for them. On the day of the
// reorganisation everybody goes where their team went.
func (w *World) buildPeople() {
	d := newDice(w.o.Seed, "people")
	names := map[string]int{}
	weeks := int(End.Sub(Start)/week) + 1
	for _, t := range w.Teams {
		t.roster = make([][]*Person, weeks)
	}
	for i := range weeks {
		at := Start.Add(time.Duration(i) * week)
		if at.Equal(Reorganisation) {
			w.moveAll(i)
		}
		for _, t := range w.Teams {
			if !t.at(at) {
				continue
			}
			var stay []*Person
			if i > 0 {
				stay = t.roster[i-1]
				if t.roster[i] != nil { // just moved in
					stay = t.roster[i]
				}
			}
			stay = slices.DeleteFunc(slices.Clone(stay), func(p *Person) bool {
				return i > 0 && d.chance(0.11/52) && p.leave(at)
			})
			for want := t.size(w); len(stay) < want && (i == 0 || at.Equal(Reorganisation) || d.chance(0.35)); {
				p := w.hire(d, names, len(stay))
				p.Spells = append(p.Spells, Spell{t, at, End})
				stay = append(stay, p)
			}
			t.roster[i] = stay
		}
		w.moveSome(d, i, at)
	}
}

// size is how many people a team is meant to have.
func (t *Team) size(w *World) int {
	if t.Name == "fulfilment" || t.Name == "orders" && !t.at(Reorganisation.Add(-1)) {
		return teamSize
	}
	return teamSize - 3 + int(newDice(w.o.Seed, "size", t.Name).IntN(7))
}

func (p *Person) leave(at time.Time) bool {
	p.Spells[len(p.Spells)-1].To = at
	return true
}

func (p *Person) join(t *Team, at time.Time) {
	p.leave(at)
	p.Spells = append(p.Spells, Spell{t, at, End})
}

// moveAll takes people from teams that end, or are split, into those that continue
// them, as of week i.
func (w *World) moveAll(i int) {
	at := Start.Add(time.Duration(i) * week)
	for _, t := range w.Teams {
		if t.Continues != nil || i == 0 {
			continue
		}
		heirs := w.heirs(t)
		if heirs == nil {
			continue
		}
		old := t.roster[i-1]
		if !t.To.Equal(at) { // split: the second half goes
			t.roster[i], old = slices.Clone(old[:len(old)/2]), old[len(old)/2:]
		}
		for _, p := range old {
			p.join(heirs[0], at)
		}
		heirs[0].roster[i] = append(heirs[0].roster[i], old...)
	}
}

// moveSome lets one person in a while change the team.
func (w *World) moveSome(d dice, i int, at time.Time) {
	if i == 0 || !d.chance(float64(w.o.Teams)/allTeams*0.7) {
		return
	}
	from, to := pick(d, w.Teams), pick(d, w.Teams)
	if !from.at(at) || !to.at(at) || from == to || len(from.roster[i]) < teamSize-4 {
		return
	}
	k := d.IntN(len(from.roster[i]))
	p := from.roster[i][k]
	if p.Spells[len(p.Spells)-1].From.Equal(at) {
		return // only just come
	}
	from.roster[i] = slices.Delete(slices.Clone(from.roster[i]), k, k+1)
	to.roster[i] = append(slices.Clone(to.roster[i]), p)
	p.join(to, at)
}

var (
	firstNames = strings.Fields(`Amara Ben Chen Dana Elif Farid Grace Hana Ivo Jonas Kemi Lena Maya Nils Olga Priya Quinn Rosa Sven Tariq
		Uma Victor Wen Ximena Yara Zoe Aiko Bilal Carla Dmitri Esther Felix Gita Hugo Ines Jamal Katja Liam Mei Noor`)
	lastNames = strings.Fields(`Adeyemi Bauer Costa Das Eriksen Fischer Garcia Haddad Ito Jensen Kaya Lopez Meyer Novak Okafor Patel Quist Rossi
		Silva Tanaka Usman Vogel Weber Xu Yilmaz Zhang Abbas Berg Chowdhury Diaz Ekström Ferrari Gupta Hansen Iyer Joshi Kovač Lind Moreau Nkosi`)
)

// hire makes a new person; the k-th of a team.
func (w *World) hire(d dice, names map[string]int, k int) *Person {
	name := strings.ToLower(pick(d, firstNames) + "." + pick(d, lastNames))
	name = strings.NewReplacer("ö", "o", "č", "c").Replace(name)
	if names[name]++; names[name] > 1 {
		name = fmt.Sprintf("%s%d", name, names[name])
	}
	p := &Person{Account: name + "@acme.example", Role: "engineer"}
	switch k {
	case 0:
		p.Role = "lead"
	case 1:
		p.Role = "product"
	case 2:
		p.Role = "design"
	}
	w.People = append(w.People, p)
	return p
}

// members are the people of a team at a time; before and after its days, its first
// and last.
func (t *Team) members(at time.Time) []*Person {
	if !at.Before(t.To) {
		at = t.To.Add(-1)
	}
	if at.Before(t.From) {
		at = t.From
	}
	return t.roster[at.Sub(Start)/week]
}

// engineer picks somebody of the team who writes code.
func (t *Team) engineer(d dice, at time.Time) *Person {
	all := t.members(at)
	for range 20 {
		if p := pick(d, all); p.Role == "engineer" || p.Role == "lead" {
			return p
		}
	}
	return all[0]
}

// Line is the first name of the team: the same through what it was renamed to.
func (t *Team) Line() string { return t.line }

// Platform reports whether the team builds the platform.
func (t *Team) Platform() bool { return t.platform }
