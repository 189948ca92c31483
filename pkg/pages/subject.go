package pages

import (
	"net/url"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
)

// A subject is whose numbers are shown: those of a service, of a team, of a unit
// or, all empty, of the whole.
type subject struct{ Service, Team, Unit string }

var whole subject

// level is that of the points: service, team, unit or "" for the whole.
func (s subject) level() string {
	switch {
	case s.Service != "":
		return "service"
	case s.Team != "":
		return "team"
	case s.Unit != "":
		return "unit"
	}
	return ""
}

func (s subject) name() string { return s.Service + s.Team + s.Unit } // only one is set

// words is the subject behind what it has: "of team payments".
func (s subject) words() string {
	switch s.level() {
	case "service":
		return "of " + s.Service
	case "team":
		return "of team " + s.Team
	case "unit":
		return "of unit " + s.Unit
	}
	return "of all services"
}

func (s subject) path() string {
	if s == whole {
		return "/"
	}
	return "/" + s.level() + "/" + url.PathEscape(s.name())
}

func (s subject) href(g metric.Grain) string { return s.path() + "?grain=" + string(g) }

// ask is for the points of a metric of the subject.
func (s subject) ask(d metric.Def, g metric.Grain) points.Ask {
	ask := points.Ask{Metric: d, Grain: g}
	switch s.level() {
	case "service":
		ask.Services = []string{s.Service}
	case "team":
		ask.Teams = []string{s.Team}
	case "unit":
		ask.Units = []string{s.Unit}
	}
	return ask
}
