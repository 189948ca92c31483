// Package dora turns facts of delivery into deployments and shipped changes, and
// defines the delivery metrics over them.
//
// It stands between the loaded facts and the metric points. Link needs order (the
// commit graph, attempts in time) and is Go; the metrics are SQL over what Link
// found:
//
//	attempts, commits, pull requests ──▶ Link ──▶ deployments, shipped changes ──▶ *.sql ──▶ points
//	                                                   │
//	                incidents, corrections ──▶ Place ──▶ incidents, failed deployments ──▶ *.sql
//
// Definitions follow DORA's as published in 2025-2026, per service and tier.
package dora

import (
	"time"

	"github.com/payoff-metrics/payoff/pkg/org"
)

// Outcome of an attempt.
type Outcome string

// The outcomes. An attempt without a known end has none and makes no deployment.
const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled"
	Unknown   Outcome = "unknown"
)

// A Report is one thing a source said of an attempt: that it began, or how it
// ended. Reports with the same Attempt tell of one attempt.
type Report struct {
	ID          string // of the fact
	Source      string
	Attempt     string // provider's id; "" when the report stands alone
	Service     string
	Environment string
	Tier        string // of the environment, by the configured rules
	Repository  string
	Commit      string
	Version     string   // as the team names it
	Aliases     []string // further names of the version
	Ref         string   // branch or tag that was deployed
	RunID       string
	Fixes       []string // deployments and incidents it repairs
	Hotfix      bool
	RolledBack  bool      // the source calls it a rollback
	Outcome     Outcome   // "" while it runs
	Start       time.Time // zero when not known
	Time        time.Time // when it was so: the end, for an outcome
	TimeQuality string
	Removed     bool // the service was taken out of the environment for good
}

// A Commit is a commit as linking needs it.
type Commit struct {
	Repository   string
	Hash         string
	Parents      []string
	ParentsKnown bool      // a webhook tells of a commit and not of its parents
	Authored     time.Time // zero when not known
	Committed    time.Time
	ActorKind    string
	CherryPickOf string
	Reverts      []string // commits it takes back
	Fixes        []string // deployments and incidents it repairs
	Paths        []string // read only where a service is limited to some
	AllPaths     bool     // touched more than Paths says, or what it touched is not known
}

// A PullFact is one thing a source said of a pull request.
type PullFact struct {
	ID          string // of the fact
	Kind        string // change.created, change.reviewed, …
	Repository  string
	Change      string // owner/name#number
	Time        time.Time
	ActorKind   string
	Actor       string
	MergeCommit string
	HeadCommit  string
	Commits     []string
	CommitCount int64
	Created     time.Time
	Ready       time.Time
	Default     bool // it goes to the default branch
	Hotfix      bool
	Reverts     []string
	Fixes       []string
	Tickets     []string
}

// A Push is a branch that moved.
type Push struct {
	ID, Repository, Ref string
	Default             bool // the default branch
	Before, Commit      string
	Commits             []string // oldest first
	Time                time.Time
}

// A Part limits a service to some paths of a repository, as in a monorepo.
type Part = org.Part

// A Deployment is one version of one service brought to one tier: the attempts
// over its environments and repositories.
type Deployment struct {
	Service, Tier string
	ID            string // of its first attempt
	Source        string
	Repository    string
	Environments  []string
	Commit        string
	Version       string
	Start, End    time.Time
	Succeeded     bool
	Class         string
	Marks         string // Rollback: ID of the deployment it marks as failed; else ""
	Attempts      int
	Changes       int      // shipped, baseline not counted
	Names         []string // all it may be called by, sorted
	Hotfix        bool
	Fixes         []string // deployments and incidents it says it repairs
	TakesBack     []string // deployments of whose changes it ships a revert in time
	Rework        []string // why it is rework; none if it is not
	LinkQuality   string
	TimeQuality   string
}

// Classes of a deployment.
const (
	Baseline     = "baseline"     // the first: its commits have no lead time
	Release      = "release"      // brought something new
	Redeployment = "redeployment" // its commit was the one running
	Rollback     = "rollback"     // back to what ran before
	Rerelease    = "re_release"   // shipped before, and forward again
	Unsuccessful = "unsuccessful" // ships nothing
)

// Link qualities.
const (
	LinkCommit        = "commit"         // its commit is in the known history
	LinkUnknownCommit = "unknown_commit" // what it shipped cannot be known
	LinkSquash        = "squash"         // through the pull request it was squashed in
	LinkPushOrder     = "push_order"     // by the order of pushes: the graph is not known
)

// Why a deployment is rework.
const (
	ReworkRollback = "rollback"
	ReworkRevert   = "revert"
	ReworkHotfix   = "hotfix"
	ReworkNames    = "names_repaired"
)

// Flags of a shipped change.
const (
	FutureAuthored        = "future_authored"         // after its merge
	ShippedBeforeAuthored = "shipped_before_authored" // so it has no lead time
)

// A Shipped is one change and the deployment that brought it to a tier.
type Shipped struct {
	Service, Tier, Repository, Commit string
	DeploymentID                      string
	ActorKind                         string
	ClockStart                        time.Time // author time, or committer time if earlier
	Merged                            time.Time // when it came to the default branch; zero when not known
	At                                time.Time // end of the part of the deployment that shipped it
	LeadMS                            *int64    // nil for the baseline and where it would be negative
	Baseline                          bool
	LinkQuality                       string
	Flags                             []string // sorted
}

// A Waiting is a change on the default branch that no deployment has shipped.
type Waiting struct {
	Service, Tier, Repository, Commit string
	ActorKind                         string
	ClockStart, Merged                time.Time
}

// A ShippedPull is a pull request, the deployment that shipped it, and the
// stages of its way. A stage is nil where it is unknown or would be negative.
type ShippedPull struct {
	Service, Tier, Repository, Change        string
	DeploymentID                             string
	ActorKind                                string
	Authored, WorkStarted, Ready, Reviewed   time.Time // zero when not known
	Merged, At                               time.Time
	Coding, Pickup, Review, Deploy, Delivery *int64 // milliseconds
}

// A Coverage is the time in which the deployments of a service are known.
type Coverage struct {
	Service, Tier string
	First         time.Time     // start of the first known deployment
	To            time.Time     // first instant of which nothing is known
	KnownTo       time.Time     // the same, retirement left aside
	Midnight      time.Time     // the last before KnownTo, by the organisation's calendar: what waits is counted as of then
	Retired       time.Time     // taken out of its environment for good; zero if it runs
	Window        time.Duration // in which an incident is put down to a deployment before it
	Sources       []Source      // who reports its deployments, sorted
}

// A Source is who reports, and the repository where it is read by repository.
type Source struct{ Name, Scope string }

// Until sets To from the sources' horizons: a service is known as far as its
// furthest source has told, and not beyond its retirement.
func (c *Coverage) Until(horizon func(Source) time.Time) {
	c.KnownTo = time.Time{}
	for _, s := range c.Sources {
		if h := horizon(s); h.After(c.KnownTo) {
			c.KnownTo = h
		}
	}
	c.To = c.KnownTo
	if !c.Retired.IsZero() && c.Retired.Before(c.To) {
		c.To = c.Retired
	}
}
