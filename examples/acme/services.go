package acme

import (
	"slices"
	"time"
)

// A Service is what a team runs, in [From, To).
type Service struct {
	Name     string
	Critical bool
	From, To time.Time
	Owners   []Ownership
	repos    []*repo // where it is built from: more than one for a few
	path     string  // its folder in a monorepo; "" if the repository is all its own
	regions  []string
	weight   float64 // share of its team's work
}

// An Ownership begins at From and lasts until the next.
type Ownership struct {
	Team *Team
	From time.Time
}

type repo struct {
	name  string
	mono  bool
	mains []*change // what came to the default branch, in order
	pulls int
}

// A group is repositories and services that depend on each other: one repository
// with one service for most, a monorepo with its services, a service with its two
// repositories.
type group struct {
	repos    []*repo
	services []*Service
}

// Team is the owner at a time.
func (s *Service) Team(at time.Time) *Team {
	owner := s.Owners[0].Team
	for _, o := range s.Owners[1:] {
		if !at.Before(o.From) {
			owner = o.Team
		}
	}
	return owner
}

func (s *Service) at(at time.Time) bool { return !at.Before(s.From) && at.Before(s.To) }

var suffixes = []string{"api", "web", "worker", "store"}

// monorepos hold the services of several teams.
var monorepos = map[string]string{
	"cart": "acme/commerce", "checkout": "acme/commerce", "search": "acme/commerce",
	"ledger": "acme/payments", "payouts": "acme/payments",
	"ingestion": "acme/data", "lakehouse": "acme/data",
}

// buildServices gives every team its services: four, every fourth team three.
func (w *World) buildServices() {
	d := newDice(w.o.Seed, "services")
	groups := map[string]*group{}
	for i, t := range w.Teams {
		if t.Continues != nil {
			continue
		}
		n := len(suffixes)
		if i%4 == 3 {
			n--
		}
		for _, suffix := range suffixes[:n] {
			s := &Service{Name: t.Name + "-" + suffix, Critical: suffix == "api", From: Start, To: End, Owners: []Ownership{{t, Start}}, weight: d.between(0.6, 1.4)}
			s.regions = []string{"production"}
			if suffix == "api" || suffix == "web" {
				s.regions = []string{"production-eu", "production-us"}
			}
			switch x := d.Float64(); { // some are younger than the two years, few are given up
			case x < 0.12:
				s.From = Start.Add(time.Duration(d.between(10, 80)) * week)
			case x < 0.16 && suffix == "store":
				s.To = monday.Add(-time.Duration(d.between(5, 40)) * week)
			}
			name, mono := monorepos[t.Name]
			if !mono {
				name = "acme/" + s.Name
			} else {
				s.path = "services/" + s.Name + "/"
			}
			g := groups[name]
			if g == nil {
				g = &group{repos: []*repo{{name: name, mono: mono}}}
				groups[name] = g
				w.groups = append(w.groups, g)
			}
			s.repos = g.repos[:1:1]
			if t.Unit == "customers" && suffix == "web" { // its screens live in a repository of their own
				screens := &repo{name: name + "-screens"}
				g.repos = append(g.repos, screens)
				s.repos = append(s.repos, screens)
			}
			g.services = append(g.services, s)
			w.Services = append(w.Services, s)
		}
	}
	w.handOver()
}

// handOver gives the services of teams that ended to those that continue them,
// half of a split team's to its other half, and three more to other teams.
func (w *World) handOver() {
	for _, s := range w.Services {
		t := s.Owners[0].Team
		heirs := w.heirs(t)
		second := s.Name == "orders-worker" || s.Name == "orders-store"
		if len(heirs) > 0 && (t.To.Equal(Reorganisation) || second) {
			s.Owners = append(s.Owners, Ownership{heirs[0], Reorganisation})
		}
	}
	for name, to := range map[string]string{"tracking-worker": "warehouse", "pricing-store": "catalog", "identity-worker": "accounts"} {
		i := slices.IndexFunc(w.Services, func(s *Service) bool { return s.Name == name })
		if t := w.Team(to); i >= 0 && t != nil {
			w.Services[i].Owners = append(w.Services[i].Owners, Ownership{t, Reorganisation})
		}
	}
}

// Build makes the organisation of the options, without its history.
func Build(o Options) (*World, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	w := &World{o: o}
	w.buildTeams()
	w.buildPeople()
	w.buildServices()
	w.placeBets()
	return w, nil
}
