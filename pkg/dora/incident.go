package dora

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// An IncidentFact is one thing a source said of an incident.
type IncidentFact struct {
	ID          string // of the fact
	Source      string
	Kind        string // incident.detected, …, or page.labelled
	Incident    string
	Service     string
	Environment string
	Time        time.Time
	Started     time.Time // when the disturbance began; zero when it is not said
	Created     time.Time
	Impact      *bool
	Severity    string
	Cause       string
	Deployment  string
	Commit      string
	Label       string
}

// An Incident is all that is known of one disturbance of a service, and, once
// placed, the deployment it marks.
type Incident struct {
	Service, ID, Source               string
	Tier                              string
	Began                             time.Time // as stated, else detected
	Created, Detected                 time.Time
	Acknowledged, Mitigated, Resolved time.Time // zero when not; the last two after the last reopening
	Reopened                          time.Time // the last time
	Duration                          *int64    // created to resolved, in milliseconds; nil while open and where it would be negative
	Impact                            *bool
	Severity, Cause                   string
	Deployment, Commit                string // it names
	FalseAlarm                        bool
	State                             string
	DeploymentID                      string // it marks; "" for none
	Rule                              string
}

// States of an incident.
const (
	Placed         = "placed"       // it marks a deployment as failed
	Unattributed   = "unattributed" // it could, and marks none
	FalseAlarm     = "false_alarm"
	NoImpact       = "no_impact"
	OtherCause     = "other_cause"
	Dismissed      = "dismissed" // a person took it away
	UnknownService = "unknown_service"
)

// causes are the stated causes that speak of a deployment; any other is another.
var causes = []string{"", "deployment", "deploy", "change", "release"}

// An incidentKey tells incidents apart: ids are their source's own.
type incidentKey struct{ source, id string }

// Incidents gathers what was said. Of two things said of one matter the later
// counts, whatever the order of the input. The tier of an incident that names no
// environment is production: incidents are about what users see.
func Incidents(facts []IncidentFact, tier func(environment string) string) []Incident {
	by := make(map[incidentKey][]IncidentFact)
	for _, f := range facts {
		k := incidentKey{f.Source, f.Incident}
		by[k] = append(by[k], f)
	}
	var out []Incident
	for _, fs := range by {
		slices.SortFunc(fs, func(a, b IncidentFact) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
		if in, ok := incident(fs, tier); ok {
			out = append(out, in)
		}
	}
	sortIncidents(out)
	return out
}

func sortIncidents(in []Incident) {
	slices.SortFunc(in, func(a, b Incident) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Source, b.Source), cmp.Compare(a.ID, b.ID))
	})
}

// incident makes one of its facts, in order of time. Facts about an incident that
// was never detected tell nothing of when it began: it is none.
func incident(fs []IncidentFact, tier func(string) string) (Incident, bool) {
	in := Incident{ID: fs[0].Incident, Source: fs[0].Source}
	environment := ""
	for _, f := range fs {
		for _, said := range []struct {
			to   *string
			what string
		}{{&in.Service, f.Service}, {&environment, f.Environment}, {&in.Severity, f.Severity}, {&in.Cause, f.Cause}, {&in.Deployment, f.Deployment}, {&in.Commit, f.Commit}} {
			if said.what != "" {
				*said.to = said.what
			}
		}
		if f.Impact != nil {
			in.Impact = f.Impact
		}
		if f.Label != "" {
			in.FalseAlarm = f.Label == FalseAlarm
		}
		in.at(f)
	}
	if in.Detected.IsZero() {
		return in, false
	}
	in.Tier = "production"
	if environment != "" {
		in.Tier = tier(environment)
	}
	if in.Began.IsZero() || in.Began.After(in.Detected) {
		in.Began = in.Detected
	}
	if in.Created.IsZero() {
		in.Created = in.Detected
	}
	in.Duration = between(in.Created, in.Resolved)
	return in, true
}

// at takes the time of a transition in. Reopening takes back what ended it.
func (in *Incident) at(f IncidentFact) {
	first := func(to *time.Time) {
		if to.IsZero() {
			*to = f.Time
		}
	}
	switch f.Kind {
	case "incident.detected":
		first(&in.Detected)
		if !f.Started.IsZero() {
			in.Began = f.Started
		}
		if !f.Created.IsZero() {
			in.Created = f.Created
		}
	case "incident.acknowledged":
		first(&in.Acknowledged)
	case "incident.mitigated":
		first(&in.Mitigated)
	case "incident.resolved":
		first(&in.Resolved)
	case "incident.reopened":
		in.Reopened, in.Mitigated, in.Resolved = f.Time, time.Time{}, time.Time{}
	}
}

// between is to − from in milliseconds; nil where a time is unknown or the
// difference negative.
func between(from, to time.Time) *int64 {
	if from.IsZero() || to.IsZero() || to.Before(from) {
		return nil
	}
	ms := to.Sub(from).Milliseconds()
	return &ms
}

// excluded is why an incident marks no deployment; "" if it may.
func (in *Incident) excluded() string {
	switch {
	case in.FalseAlarm:
		return FalseAlarm
	case in.Impact != nil && !*in.Impact:
		return NoImpact
	case !slices.Contains(causes, strings.ToLower(in.Cause)):
		return OtherCause
	}
	return ""
}

// restored is when users were served again; zero while they are not.
func (in *Incident) restored() time.Time {
	if !in.Mitigated.IsZero() {
		return in.Mitigated
	}
	return in.Resolved
}
