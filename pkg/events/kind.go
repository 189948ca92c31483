package events

import (
	"fmt"
	"sort"
	"strings"
)

// A Kind names what happened, without vendor prefix and version:
// "service.deployed", "commit.recorded". It is stored with every row, and it is
// part of a fact's identity, so a Kind is never renamed.
type Kind string

// The kinds. Those of CDEvents 0.5.1 keep their CDEvents names; the others are
// ours, registered as custom CDEvents (dev.cdeventsx.payoff-…).
const (
	ServiceDeployed   Kind = "service.deployed"
	ServiceUpgraded   Kind = "service.upgraded"
	ServiceRolledBack Kind = "service.rolledback"
	ServiceRemoved    Kind = "service.removed"

	DeploymentFailed  Kind = "deployment.failed"
	DeploymentStarted Kind = "deployment.started"

	IncidentDetected     Kind = "incident.detected"
	IncidentAcknowledged Kind = "incident.acknowledged"
	IncidentMitigated    Kind = "incident.mitigated"
	IncidentResolved     Kind = "incident.resolved"
	IncidentReopened     Kind = "incident.reopened"

	FailureConfirmed Kind = "failure.confirmed"
	FailureDismissed Kind = "failure.dismissed"

	TicketCreated Kind = "ticket.created"
	TicketUpdated Kind = "ticket.updated"
	TicketClosed  Kind = "ticket.closed"

	ChangeCreated   Kind = "change.created"
	ChangeReviewed  Kind = "change.reviewed"
	ChangeUpdated   Kind = "change.updated"
	ChangeMerged    Kind = "change.merged"
	ChangeAbandoned Kind = "change.abandoned"
	CommitRecorded  Kind = "commit.recorded"
	BranchPushed    Kind = "branch.pushed"

	PipelineQueued   Kind = "pipelinerun.queued"
	PipelineStarted  Kind = "pipelinerun.started"
	PipelineFinished Kind = "pipelinerun.finished"

	PageTriggered    Kind = "page.triggered"
	PageAcknowledged Kind = "page.acknowledged"
	PageResolved     Kind = "page.resolved"
	PageLabelled     Kind = "page.labelled"

	UsageRecorded      Kind = "usage.recorded"
	MembershipChanged  Kind = "membership.changed"
	OwnershipChanged   Kind = "ownership.changed"
	CapabilityOffered  Kind = "capability.offered"
	CapabilityMandated Kind = "capability.mandated"
	CapabilityAdopted  Kind = "capability.adopted"
	WorkRecorded       Kind = "work.recorded"
	OrgDeclared        Kind = "org.declared"
	ProcessChanged     Kind = "process.changed"
)

const (
	cdPrefix  = "dev.cdevents."
	ourPrefix = "dev.cdeventsx.payoff-"
)

// A Definition says all that is fixed about a Kind.
type Definition struct {
	Kind    Kind
	Type    string // CloudEvents type with the version we write
	Summary string // one sentence, for handbook and help
}

// version of the types we write; CDEvents 0.5.1 gives each of its own.
const ours = "0.1.0"

func cd(k Kind, version, summary string) Definition {
	return Definition{k, cdPrefix + string(k) + "." + version, summary}
}

func own(k Kind, summary string) Definition {
	return Definition{k, ourPrefix + string(k) + "." + ours, summary}
}

var definitions = []Definition{
	cd(ServiceDeployed, "0.3.0", "A version of a service was put into an environment and runs there."),
	cd(ServiceUpgraded, "0.3.0", "A running service was replaced by another version; counts as a deployment."),
	cd(ServiceRolledBack, "0.3.0", "A service was put back to an earlier version; counts as a deployment."),
	cd(ServiceRemoved, "0.3.0", "A service was taken out of an environment for good: its last covered day."),
	own(DeploymentFailed, "An attempt to deploy that did not succeed: failed, cancelled or unknown."),
	own(DeploymentStarted, "An attempt to deploy that has begun and whose end is not known yet."),
	cd(IncidentDetected, "0.3.0", "A disturbance of a service began to be known."),
	own(IncidentAcknowledged, "A person took the incident."),
	own(IncidentMitigated, "Users are served again, though the cause may remain."),
	cd(IncidentResolved, "0.3.0", "The incident is over."),
	own(IncidentReopened, "An incident thought over goes on."),
	own(FailureConfirmed, "A person says that a deployment failed, whatever the rules make of it."),
	own(FailureDismissed, "A person says that a deployment did not fail, or that an incident was not of a deployment."),
	cd(TicketCreated, "0.2.0", "Somebody asked for something."),
	cd(TicketUpdated, "0.2.0", "A ticket changed its state, category or owner."),
	cd(TicketClosed, "0.2.0", "A ticket was closed, with a resolution."),
	cd(ChangeCreated, "0.4.0", "A change was proposed: a pull request was opened."),
	cd(ChangeReviewed, "0.3.0", "A person reviewed a proposed change."),
	cd(ChangeUpdated, "0.3.0", "A proposed change was altered or became ready for review."),
	cd(ChangeMerged, "0.3.0", "A proposed change was merged."),
	cd(ChangeAbandoned, "0.3.0", "A proposed change was closed without being merged."),
	own(CommitRecorded, "A commit of a repository, with its parents, times and touched paths."),
	own(BranchPushed, "A branch moved to a commit."),
	cd(PipelineQueued, "0.3.0", "A pipeline run waits for a runner."),
	cd(PipelineStarted, "0.3.0", "A pipeline run began."),
	cd(PipelineFinished, "0.3.0", "A pipeline run ended, with an outcome."),
	own(PageTriggered, "A person was called."),
	own(PageAcknowledged, "A person answered a page."),
	own(PageResolved, "A page ended."),
	own(PageLabelled, "Somebody said what a page was: impacting, false alarm, paged but not the cause."),
	own(UsageRecorded, "A unit used a capability, once per gesture."),
	own(MembershipChanged, "A person joined or left a team."),
	own(OwnershipChanged, "A service got another owner."),
	own(CapabilityOffered, "A capability became available to a unit."),
	own(CapabilityMandated, "The use of a capability was made an obligation for a unit."),
	own(CapabilityAdopted, "A unit took up a capability."),
	own(WorkRecorded, "A piece of work was done, with its class and its effort."),
	own(OrgDeclared, "All that is known of one unit, team, person, service, capability, rotation or calendar of the organisation, in dated rows."),
	own(ProcessChanged, "Somebody changed for good how work is done: numbers from then on are judged by what came after."),
}

var byKind = func() map[Kind]Definition {
	m := make(map[Kind]Definition, len(definitions))
	for _, d := range definitions {
		m[d.Kind] = d
	}
	return m
}()

// Definitions returns all kinds, sorted by name.
func Definitions() []Definition {
	out := append([]Definition(nil), definitions...)
	sort.Slice(out, func(i, j int) bool { return out[i].Kind < out[j].Kind })
	return out
}

// Type is the CloudEvents type Payoff writes for k; "" when k is unknown.
func (k Kind) Type() string { return byKind[k].Type }

// Known reports whether k is in the vocabulary.
func (k Kind) Known() bool { _, ok := byKind[k]; return ok }

// ParseType takes a CloudEvents type apart into the Kind and the version of the
// type. Any version of a known kind is taken (old emitters write 0.1.x); a type
// outside the vocabulary is an error that wraps ErrInvalid.
func ParseType(typ string) (Kind, string, error) {
	rest, found := strings.CutPrefix(typ, cdPrefix)
	if !found {
		rest, found = strings.CutPrefix(typ, ourPrefix)
	}
	parts := strings.SplitN(rest, ".", 3)
	if !found || len(parts) < 2 {
		return "", "", unknownType(typ)
	}
	k := Kind(parts[0] + "." + parts[1])
	d, ok := byKind[k]
	if !ok || !strings.HasPrefix(d.Type, typ[:len(typ)-len(rest)]) {
		return "", "", unknownType(typ)
	}
	if len(parts) == 3 {
		return k, parts[2], nil
	}
	return k, "", nil
}

func unknownType(typ string) error {
	return &FieldError{Field: "type", Reason: fmt.Sprintf("%q is not an event type Payoff knows; the types are listed in schemas/README.md", typ)}
}
