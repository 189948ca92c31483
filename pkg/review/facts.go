package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/behaviour"
	"github.com/payoff-metrics/payoff/pkg/metric"
)

// Kinds of facts.
const (
	Deployed       = "deployed"       // a successful deployment to production that was no redeployment
	RolledBack     = "rolled_back"    // a successful deployment that was a rollback
	FirstDeployed  = "first_deployed" // the first known deployment of the service
	FailedToDeploy = "unsuccessful"   // an attempt that ended without success
	Incident       = "incident"       // began in the week
	Failure        = "failure"        // a deployment that needed intervention
)

// A Fact happened in the reviewed week.
type Fact struct {
	Kind              string
	ID                string // of the provider or ours: the same fact has the same
	At                time.Time
	behaviour.Subject        // service, with the team and unit it belonged to
	Name              string // version of a deployment, id of an incident
	Detail            string // severity of an incident, rule of a failure
}

// happenings are the facts of a week, each once, in order.
type happenings []Fact

func tally(in Input) happenings {
	var out happenings
	for _, f := range in.Facts {
		if in.Week.Contains(f.At) {
			out = append(out, f)
		}
	}
	order := func(a, b Fact) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	}
	slices.SortFunc(out, order)
	return slices.CompactFunc(out, func(a, b Fact) bool { return order(a, b) == 0 })
}

func (h happenings) of(s behaviour.Subject) happenings {
	var out happenings
	for _, f := range h {
		if (s.Service == "" || s.Service == f.Service) && (s.Team == "" || s.Team == f.Team) && (s.Unit == "" || s.Unit == f.Unit) {
			out = append(out, f)
		}
	}
	return out
}

func (h happenings) count(kind string) int {
	n := 0
	for _, f := range h {
		if f.Kind == kind {
			n++
		}
	}
	return n
}

// How many facts of one kind are named: of the organisation, and beside a signal of a
// part of it. The rest is counted. Beside a signal of the whole all are, as any few of
// them explain nothing and the review names them once already.
const (
	namedInAll  = 10
	namedBeside = 3
)

// namedBesideSignal is how many facts are named beside a signal of a subject.
func namedBesideSignal(of behaviour.Subject) int {
	if of == (behaviour.Subject{}) {
		return 0
	}
	return namedBeside
}

// whatHappened are the week's facts of a subject in sentences; with most 0, counted.
func (b *builder) whatHappened(of behaviour.Subject, most int) []string {
	h := b.happened.of(of)
	var counts []string
	for _, k := range []struct{ kind, one, many string }{
		{Deployed, "deployment to production", "deployments to production"},
		{FailedToDeploy, "unsuccessful attempt", "unsuccessful attempts"},
		{RolledBack, "rollback", "rollbacks"},
		{Failure, "deployment that needed intervention", "deployments that needed intervention"},
		{Incident, "incident", "incidents"},
	} {
		if n := h.count(k.kind); n > 0 {
			counts = append(counts, metric.Counted(n, k.one, k.many))
		}
	}
	out := []string{"No deployment and no incident is known of the week."}
	if counts != nil {
		out = []string{strings.Join(counts, ", ") + "."}
	}
	for _, k := range []struct {
		kind, what string
	}{{Incident, "Incident"}, {Failure, "Needed intervention"}, {RolledBack, "Rolled back"}, {FirstDeployed, "First deployment known"}} {
		out = append(out, b.name(k.what, k.kind, h, most)...)
	}
	if of == (behaviour.Subject{}) && b.in.FactsLater {
		out = append(out, "Numbers are those published until "+b.AsOf.In(b.Location).Format("2 January 2006, 15:04 MST")+"; what happened is told as it is known today.")
	}
	if of == (behaviour.Subject{}) && b.in.Restated > 0 {
		out = append(out, fmt.Sprintf("Late or corrected events changed %s of %s that had been published before.",
			metric.Counted(b.in.Restated, "weekly number", "weekly numbers"), metric.Counted(b.in.RestatedWeeks, "week", "weeks")))
	}
	return out
}

// name tells the first facts of a kind, and counts the others and those of services
// that are not shown, in the week or, without their names, in the quarter: what failed
// there is as good as a person's failure.
func (b *builder) name(what, kind string, h happenings, most int) []string {
	var out []string
	left := 0
	for _, f := range h {
		if f.Kind != kind || most == 0 {
			continue
		}
		owned := f.Team != "" || f.Unit != ""
		if len(out) == most || slices.Contains(b.in.Hidden, f.Service) || owned && f.Service == "" {
			left++
			continue
		}
		s := what + ": " + f.Service
		if f.Name != "" {
			s += " " + f.Name
		}
		s += ", " + f.At.In(b.Location).Format("Mon 2 Jan 15:04")
		if f.Detail != "" {
			s += ", " + f.Detail
		}
		out = append(out, s+".")
	}
	switch {
	case left > 0 && out == nil:
		out = append(out, fmt.Sprintf("%s: %d, of services that are shown only inside their unit.", what, left))
	case left > 0:
		out = append(out, fmt.Sprintf("And %d more.", left))
	}
	return out
}
