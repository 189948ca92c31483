package acme

import (
	"fmt"
	"math"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// An incident is a disturbance of a service. One without impact was a false alarm.
type incident struct {
	id         string
	service    *Service
	team       *Team
	begin      time.Time
	mitigated  time.Time
	resolved   time.Time
	severity   string
	impact     bool
	cause      string      // as it says itself; "" if it says nothing
	deployment *deployment // that it names
	commit     *deployment // whose commit it names
}

// tellMishap tells of the incident a deployment caused. Of ten, four name the
// deployment and more than one its commit; the others leave it to be found out.
func (w *World) tellMishap(s *stream, d dice, p *deployment, id string, begin, mended time.Time) {
	in := &incident{id: id, service: p.service, team: p.team, begin: begin, mitigated: mended, resolved: mended.Add(time.Duration(d.logNormal(2, 0.8) * float64(time.Hour))), severity: severity(d), impact: true}
	switch d.weighted(0.40, 0.15, 0.45) {
	case 0:
		in.deployment, in.cause = p, "deployment"
	case 1:
		in.commit = p
	}
	w.tellIncident(s, in)
	if in.severity != "sev4" {
		w.tellPage(s, d, page{id: "P-" + id, team: p.team, service: p.service, incident: id, at: begin.Add(2 * time.Minute), until: mended, label: label(d, "impacting")})
	}
}

func severity(d dice) string {
	return [...]string{"sev1", "sev2", "sev3", "sev4"}[d.weighted(0.04, 0.16, 0.45, 0.35)]
}

// label is what people say of a page when they have the time to: of one in seven
// nothing is said.
func label(d dice, truth string) string {
	if d.chance(0.14) {
		return ""
	}
	return truth
}

func (w *World) tellIncident(s *stream, in *incident) {
	tell := func(at time.Time, kind events.Kind, transition string, fill func(content, custom *events.Fields)) {
		s.add(at, func(e *Event) {
			e.Source, e.ID, e.Kind, e.Subject = sourceIncidents, in.id+":"+transition, kind, in.id
			e.Content = events.Fields{Service: ref(in.service.Name), Environment: ref(in.service.regions[0])}
			fill(&e.Content, &e.Custom)
		})
	}
	impact := in.impact
	about := func(_, f *events.Fields) {
		f.Severity, f.Impact, f.Cause, f.Team = in.severity, &impact, in.cause, in.team.Name
		f.CreatedAt = events.FormatTime(in.begin.Add(4 * time.Minute))
		if in.deployment != nil {
			f.Deployment = in.deployment.id(len(in.deployment.waves) - 1)
		}
		if in.commit != nil {
			f.Commit = in.service.repos[0].hashAt(in.commit.cut)
		}
	}
	tell(in.begin, events.IncidentDetected, "detected", about)
	tell(in.begin.Add(9*time.Minute), events.IncidentAcknowledged, "acknowledged", func(f, _ *events.Fields) { f.Severity = in.severity })
	if in.mitigated.Before(in.resolved) {
		tell(in.mitigated, events.IncidentMitigated, "mitigated", func(f, _ *events.Fields) { f.Severity, f.Impact, f.Cause = in.severity, &impact, in.cause })
	}
	tell(in.resolved, events.IncidentResolved, "resolved", about)
}

// A page is one call of a person.
type page struct {
	id        string
	team      *Team
	service   *Service
	incident  string
	at, until time.Time
	label     string // impacting, false_alarm, not_cause; "": nobody said
}

func (w *World) tellPage(s *stream, d dice, p page) {
	rotation := p.team.Name
	tell := func(at time.Time, kind events.Kind, transition, actor string, fill func(*events.Fields)) {
		s.add(at, func(e *Event) {
			e.Source, e.ID, e.Kind, e.Subject, e.Actor = sourcePager, p.id+":"+transition, kind, p.id, actor
			e.Content = events.Fields{Rotation: rotation, Key: p.id, Incident: p.incident}
			fill(&e.Content)
		})
	}
	who := p.team.engineer(d, p.at).Account
	answered := p.at.Add(time.Duration(d.logNormal(4, 0.8) * float64(time.Minute)))
	tell(p.at, events.PageTriggered, "triggered", "", func(f *events.Fields) {
		f.Service, f.Environment, f.Urgency = ref(p.service.Name), ref(p.service.regions[0]), "high"
	})
	tell(answered, events.PageAcknowledged, "acknowledged", who, func(*events.Fields) {})
	if p.until.Before(answered) {
		p.until = answered.Add(3 * time.Minute)
	}
	tell(p.until, events.PageResolved, "resolved", who, func(*events.Fields) {})
	if p.label != "" {
		tell(p.until.Add(time.Duration(d.between(1, 30)*float64(time.Hour))), events.PageLabelled, "labelled", who, func(f *events.Fields) { f.Label = p.label })
	}
}

// tellOnCall tells, team by team, of what happened to services by itself, and of
// alarms about nothing.
func (w *World) tellOnCall(s *stream, emit func(*Event) error) error {
	for _, t := range w.Teams {
		d := newDice(w.o.Seed, "oncall", t.Name)
		for at := t.From; at.Before(t.To); at = at.Add(day) {
			own := w.owned(t, at)
			if len(own) == 0 {
				continue
			}
			for n := range d.poisson(0.10 * math.Exp(-0.2*t.quality)) {
				w.tellByItself(s, d, t, pick(d, own), at.Add(hourOfTrouble(d)), fmt.Sprintf("INC-%s-%s-%d", t.Name, at.Format("060102"), n))
			}
			for n := range d.poisson(t.alarms(at)) {
				called := at.Add(hourOfTrouble(d))
				w.tellPage(s, d, page{id: fmt.Sprintf("P-%s-%s-%d", t.Name, at.Format("060102"), n), team: t, service: pick(d, own), at: called,
					until: called.Add(time.Duration(d.logNormal(12, 0.9) * float64(time.Minute))), label: label(d, [...]string{"false_alarm", "not_cause"}[d.weighted(0.8, 0.2)])})
			}
		}
		if err := s.flush(emit); err != nil {
			return err
		}
	}
	return nil
}

// alarms is how many pages about nothing a team gets a day.
func (t *Team) alarms(at time.Time) float64 {
	if t.noisy && at.Before(AlertCleanup) {
		return 1.6
	}
	return 0.18
}

// hourOfTrouble: load makes trouble by day, batches and backups by night.
func hourOfTrouble(d dice) time.Duration {
	hours := math.Mod(24+14+4.5*d.NormFloat64(), 24)
	if d.chance(0.3) {
		hours = d.between(0, 24)
	}
	return time.Duration(hours * float64(time.Hour))
}

// owned are the services of a team at a time.
func (w *World) owned(t *Team, at time.Time) (out []*Service) {
	for _, s := range w.Services {
		if s.at(at) && s.Team(at) == t {
			out = append(out, s)
		}
	}
	return out
}

// tellByItself tells of an incident that no deployment caused. Two of three say
// what did.
func (w *World) tellByItself(s *stream, d dice, t *Team, svc *Service, begin time.Time, id string) {
	in := &incident{id: id, service: svc, team: t, begin: begin, severity: severity(d), impact: d.chance(0.8)}
	in.mitigated = begin.Add(time.Duration(d.logNormal(55, 1) * float64(time.Minute)))
	in.resolved = in.mitigated.Add(time.Duration(d.logNormal(1.5, 0.8) * float64(time.Hour)))
	if d.chance(0.65) {
		in.cause = pick(d, []string{"capacity", "dependency", "network", "data", "certificate", "third_party"})
	}
	w.tellIncident(s, in)
	if in.severity != "sev4" {
		truth := "impacting"
		if !in.impact {
			truth = "false_alarm"
		}
		w.tellPage(s, d, page{id: "P-" + id, team: t, service: svc, incident: id, at: begin.Add(2 * time.Minute), until: in.mitigated, label: label(d, truth)})
	}
}
