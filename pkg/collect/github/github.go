// Package github normalises webhooks of GitHub: deployments, workflow runs,
// pull requests, reviews and pushes.
//
//	deployment, created            deployment.started
//	deployment_status, created     success: service.deployed
//	                               failure, error: deployment.failed
//	                               in_progress, queued, pending, waiting: deployment.started
//	                               inactive: nothing; it says that another deployment took over
//	workflow_run, completed        pipelinerun.finished, unless it was skipped
//	pull_request, opened           change.created
//	              ready_for_review change.updated
//	              synchronize      change.updated, with its last commit
//	              labeled          change.updated, if the label marks a hotfix
//	              closed           change.merged or change.abandoned
//	pull_request_review, submitted change.reviewed
//	push to a branch               branch.pushed, and commit.recorded for each commit
//
// Everything else tells nothing and is no error. A fact is identified by
// GitHub's object and its transition, never by the delivery's GUID, so that a
// webhook, its redelivery and the API's answer are one fact.
package github

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/message"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// Mapping is the version of this mapping. Raise it when the same payload gives
// other facts: at replay the greater one wins.
const Mapping = 2

// Options are what a company decides about its repositories.
type Options struct {
	Services collect.Services // what is deployed from where
	Hotfix   collect.Patterns // branches and labels that mark a change as a hotfix
}

// A Source is a collect.Source.
type Source struct{ options Options }

// New makes the source of GitHub.
func New(o Options) *Source { return &Source{o} }

// Name is "github".
func (*Source) Name() string { return "github" }

var signed = collect.HMAC{Header: "X-Hub-Signature-256", Prefix: "sha256=", Decode: hex.DecodeString, Hash: sha256.New}

// Verify checks X-Hub-Signature-256. The older SHA-1 signature is not enough.
func (*Source) Verify(h http.Header, body []byte, secrets [][]byte) error {
	return signed.Verify(h, body, secrets)
}

var normalisers = map[string]func(*fact) ([]events.Draft, error){
	"deployment":          (*fact).deployment,
	"deployment_status":   (*fact).deploymentStatus,
	"workflow_run":        (*fact).workflowRun,
	"pull_request":        (*fact).pullRequest,
	"pull_request_review": (*fact).review,
	"push":                (*fact).push,
}

// Normalise implements collect.Source.
func (s *Source) Normalise(d collect.Delivery) ([]events.Draft, error) {
	name := d.Header.Get("X-GitHub-Event")
	if name == "" {
		return nil, &events.FieldError{Field: "X-GitHub-Event", Reason: "is missing: the header says what the delivery is about"}
	}
	normalise, ok := normalisers[name]
	if !ok {
		return nil, nil
	}
	body, err := jsonOf(d)
	if err != nil {
		return nil, err
	}
	f := fact{source: s, delivery: d}
	if err := collect.ParseJSON(body, &f.payload); err != nil {
		return nil, err
	}
	if f.Repository.FullName == "" {
		return nil, collect.Missing("repository.full_name")
	}
	return normalise(&f)
}

// jsonOf undoes the form in which a hook of content type "form" wraps its JSON.
func jsonOf(d collect.Delivery) ([]byte, error) {
	if !strings.HasPrefix(strings.ToLower(d.Header.Get("Content-Type")), "application/x-www-form-urlencoded") {
		return d.Body, nil
	}
	form, err := url.ParseQuery(string(d.Body))
	if err != nil || !form.Has("payload") {
		return nil, &events.FieldError{Field: "payload", Reason: "is not in the form: choose application/json as the hook's content type"}
	}
	return []byte(form.Get("payload")), nil
}

// A fact is one delivery on its way to drafts.
type fact struct {
	payload
	source   *Source
	delivery collect.Delivery
}

// draft begins a draft of what natural names. Every natural key begins with
// GitHub's word for the object and its repository.
func (f *fact) draft(k events.Kind, natural ...string) events.Draft {
	return events.Draft{Source: f.source.Name(), Kind: k, Natural: natural, Received: f.delivery.ReceivedAt, Mapping: Mapping}
}

func (f *fact) repository() *events.Ref { return &events.Ref{ID: f.Repository.FullName} }

func (f *fact) isDefault(branch string) bool {
	return branch != "" && branch == f.Repository.DefaultBranch
}

// account names a user; "" when the account was deleted. Logins of bots end in
// "[bot]".
func account(login string) string {
	if login == "" {
		return ""
	}
	return "github:" + login
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

// deployment is the request to deploy: the attempt has begun.
func (f *fact) deployment() ([]events.Draft, error) {
	switch {
	case f.Action != "created":
		return nil, nil
	case f.Deployment == nil || f.Deployment.ID == 0:
		return nil, collect.Missing("deployment.id")
	case f.Deployment.CreatedAt.IsZero():
		return nil, collect.Missing("deployment.created_at")
	}
	d := f.draft(events.DeploymentStarted, "deployment", f.Repository.FullName, id(f.Deployment.ID))
	d.Time, d.Recorded = f.Deployment.CreatedAt.Time, f.Deployment.UpdatedAt.Time
	d.Subject = "deployment:" + id(f.Deployment.ID)
	d.Content = f.attempt()
	d.Actor = account(f.Deployment.Creator.Login)
	return []events.Draft{d}, nil
}

// attempt is what all transitions of a deployment say of it.
func (f *fact) attempt() events.Fields {
	dep := f.Deployment
	environment := cmp.Or(dep.OriginalEnvironment, dep.Environment)
	extra := readExtra(dep.Payload)
	fields := events.Fields{
		Repository: f.repository(), Commit: dep.SHA, Version: extra.Version, Fixes: extra.Fixes,
		Ref: dep.Ref, DefaultBranch: f.isDefault(dep.Ref),
		StartedAt: dep.CreatedAt.String(), Attempt: id(dep.ID),
		Service: &events.Ref{ID: f.service(environment, extra.Service)}, Hotfix: extra.Hotfix,
	}
	if environment != "" {
		fields.Environment = &events.Ref{ID: environment}
	}
	if f.WorkflowRun != nil && f.WorkflowRun.ID != 0 {
		fields.RunID = id(f.WorkflowRun.ID)
	}
	return fields
}

// service is named by the configuration, else by the deployment itself, else by
// its repository.
func (f *fact) service(environment, named string) string {
	return cmp.Or(f.source.options.Services.Find(f.Repository.FullName, environment), named, f.Repository.Name, f.Repository.FullName)
}

// kindOfState says what the states of a deployment tell. One that is inactive
// was succeeded by another, which has told so itself.
var kindOfState = map[string]events.Kind{
	"success":     events.ServiceDeployed,
	"failure":     events.DeploymentFailed,
	"error":       events.DeploymentFailed,
	"in_progress": events.DeploymentStarted,
	"queued":      events.DeploymentStarted,
	"pending":     events.DeploymentStarted,
	"waiting":     events.DeploymentStarted,
	"inactive":    "",
}

func (f *fact) deploymentStatus() ([]events.Draft, error) {
	st := f.DeploymentStatus
	switch {
	case f.Action != "" && f.Action != "created":
		return nil, nil
	case st == nil || st.ID == 0:
		return nil, collect.Missing("deployment_status.id")
	case st.CreatedAt.IsZero():
		return nil, collect.Missing("deployment_status.created_at")
	case f.Deployment == nil || f.Deployment.ID == 0:
		return nil, collect.Missing("deployment.id")
	}
	kind, ok := kindOfState[st.State]
	if !ok {
		return nil, &events.FieldError{Field: "deployment_status.state", Reason: "is none of success, failure, error, in_progress, queued, pending, waiting, inactive"}
	}
	if kind == "" {
		return nil, nil
	}
	d := f.draft(kind, "deployment_status", f.Repository.FullName, id(st.ID))
	d.Time, d.Recorded = st.CreatedAt.Time, st.UpdatedAt.Time
	d.Subject = "deployment:" + id(f.Deployment.ID)
	d.Content = f.attempt()
	d.Actor = account(f.Deployment.Creator.Login)
	switch kind {
	case events.DeploymentFailed:
		d.Content.Outcome = "failed"
	case events.ServiceDeployed: // CDEvents: the subject is the service, and content is little more than its environment
		d.Subject, d.Custom = d.Content.Service.ID, d.Content
		d.Content, d.Custom.Environment = events.Fields{Environment: d.Custom.Environment}, nil
	}
	return []events.Draft{d}, nil
}

// extra is what a pipeline may say in the payload of its deployment.
type extra struct {
	Service string   `json:"service"`
	Version string   `json:"version"`
	Fixes   []string `json:"fixes"`
	Hotfix  bool     `json:"hotfix"`
}

// readExtra takes what fits: the payload is the pipeline's own. What has blanks
// is prose, not the name of a thing.
func readExtra(v []byte) extra {
	var e extra
	if collect.ParseJSON(v, &e) != nil {
		var text string
		if collect.ParseJSON(v, &text) != nil || collect.ParseJSON([]byte(text), &e) != nil {
			return extra{}
		}
	}
	isProse := func(s string) bool { return strings.ContainsAny(s, " \t\r\n") }
	e.Fixes = slices.DeleteFunc(e.Fixes, isProse)
	if isProse(e.Version) {
		e.Version = ""
	}
	return e
}

// outcomes are CDEvents' words for GitHub's conclusions. What was skipped,
// neutral, stale, waits for a person or has no conclusion is no outcome.
var outcomes = map[string]string{
	"success":         "success",
	"failure":         "failure",
	"timed_out":       "failure",
	"startup_failure": "failure",
	"cancelled":       "cancel",
}

func (f *fact) workflowRun() ([]events.Draft, error) {
	run := f.WorkflowRun
	switch {
	case f.Action != "completed":
		return nil, nil
	case run == nil || run.ID == 0:
		return nil, collect.Missing("workflow_run.id")
	case run.UpdatedAt.IsZero():
		return nil, collect.Missing("workflow_run.updated_at")
	}
	outcome, ok := outcomes[run.Conclusion]
	if !ok {
		return nil, nil
	}
	d := f.draft(events.PipelineFinished, "workflow_run", f.Repository.FullName, id(run.ID), id(run.RunAttempt))
	d.Time, d.Recorded = run.UpdatedAt.Time, run.UpdatedAt.Time // created_at is when it was queued
	d.Subject = "run:" + id(run.ID)
	name := run.Name
	if f.Workflow != nil {
		name = cmp.Or(f.Workflow.Name, name)
	}
	d.Content = events.Fields{Pipeline: name, Outcome: outcome, URI: run.HTMLURL}
	d.Custom = events.Fields{
		Repository: f.repository(), Commit: run.HeadSHA, Ref: run.HeadBranch, DefaultBranch: f.isDefault(run.HeadBranch),
		RunID: id(run.ID), Attempt: id(run.RunAttempt), StartedAt: run.RunStartedAt.String(),
		Service: &events.Ref{ID: f.service("", "")},
	}
	if len(run.PullRequests) > 0 {
		d.Custom.Number = run.PullRequests[0].Number
	}
	d.Actor = account(run.Actor.Login)
	return []events.Draft{d}, nil
}

func (f *fact) pullRequest() ([]events.Draft, error) {
	pr := f.PullRequest
	if pr == nil || pr.Number == 0 {
		return nil, collect.Missing("pull_request.number")
	}
	number := id(pr.Number)
	var d events.Draft
	switch {
	case f.Action == "opened":
		d = f.draft(events.ChangeCreated, "pull_request", f.Repository.FullName, number, "opened")
		d.Time = pr.CreatedAt.Time
	case f.Action == "ready_for_review": // no member of the payload holds this very time
		d = f.draft(events.ChangeUpdated, "pull_request", f.Repository.FullName, number, f.Action, pr.UpdatedAt.String())
		d.Time = pr.UpdatedAt.Time
	case f.Action == "synchronize":
		d = f.draft(events.ChangeUpdated, "pull_request", f.Repository.FullName, number, f.Action, pr.Head.SHA)
		d.Time = pr.UpdatedAt.Time
	case f.Action == "labeled" && f.source.options.Hotfix.Match(f.Label.Name): // perhaps after the merge
		d = f.draft(events.ChangeUpdated, "pull_request", f.Repository.FullName, number, f.Action, f.Label.Name)
		d.Time = pr.UpdatedAt.Time
	case f.Action == "closed" && pr.Merged:
		d = f.draft(events.ChangeMerged, "pull_request", f.Repository.FullName, number, "merged")
		d.Time = pr.MergedAt.Time
	case f.Action == "closed":
		d = f.draft(events.ChangeAbandoned, "pull_request", f.Repository.FullName, number, "closed", pr.ClosedAt.String())
		d.Time = pr.ClosedAt.Time
	default:
		return nil, nil
	}
	if d.Time.IsZero() {
		return nil, collect.Missing("the time of " + f.Action + " in pull_request")
	}
	d.Recorded = pr.UpdatedAt.Time
	f.describe(&d)
	d.Custom.CommitCount, d.Custom.Additions, d.Custom.Deletions = pr.Commits, pr.Additions, pr.Deletions
	d.Custom.HeadCommit = pr.Head.SHA
	switch d.Kind {
	case events.ChangeMerged:
		d.Custom.MergeCommit, d.Custom.MergedAt = pr.MergeCommitSHA, pr.MergedAt.String()
	case events.ChangeUpdated:
		if f.Action == "ready_for_review" {
			d.Custom.ReadyAt = pr.UpdatedAt.String()
		}
	case events.ChangeCreated:
		if !pr.Draft {
			d.Custom.ReadyAt = pr.CreatedAt.String()
		}
	}
	d.Actor = account(pr.User.Login) // the author, also of what others did to it: lead time asks whose change it was
	return []events.Draft{d}, nil
}

// describe sets what every fact about a change says of it.
func (f *fact) describe(d *events.Draft) {
	pr := f.PullRequest
	d.Subject = f.Repository.FullName + "#" + id(pr.Number)
	d.Content = events.Fields{Repository: f.repository()}
	marks := message.Parse(pr.Title + "\n\n" + pr.Body + "\n\n" + pr.Head.Ref)
	d.Custom = events.Fields{
		Number: pr.Number, Ref: pr.Base.Ref, DefaultBranch: f.isDefault(pr.Base.Ref), State: pr.State,
		CreatedAt: pr.CreatedAt.String(), Tickets: marks.Tickets, Reverts: marks.Reverts, Fixes: marks.Fixes,
		Hotfix: f.source.options.Hotfix.Match(pr.Head.Ref),
	}
	if pr.Draft {
		d.Custom.State = "draft"
	}
	for _, l := range pr.Labels {
		d.Custom.Labels = append(d.Custom.Labels, l.Name)
	}
}

func (f *fact) review() ([]events.Draft, error) {
	switch {
	case f.Action != "submitted":
		return nil, nil
	case f.Review == nil || f.Review.ID == 0:
		return nil, collect.Missing("review.id")
	case f.Review.SubmittedAt.IsZero():
		return nil, collect.Missing("review.submitted_at")
	case f.PullRequest == nil || f.PullRequest.Number == 0:
		return nil, collect.Missing("pull_request.number")
	}
	d := f.draft(events.ChangeReviewed, "pull_request_review", f.Repository.FullName, id(f.Review.ID), "submitted")
	d.Time, d.Recorded = f.Review.SubmittedAt.Time, f.Review.SubmittedAt.Time
	if f.Review.UpdatedAt.After(d.Recorded) {
		d.Recorded = f.Review.UpdatedAt.Time
	}
	f.describe(&d)
	d.Custom.State, d.Custom.HeadCommit = strings.ToLower(f.Review.State), f.Review.CommitID
	d.Actor = account(f.Review.User.Login)
	return []events.Draft{d}, nil
}

const zeroHash = "0000000000000000000000000000000000000000"

func (f *fact) push() ([]events.Draft, error) {
	branch, ok := strings.CutPrefix(f.Ref, "refs/heads/")
	switch {
	case f.Ref == "":
		return nil, collect.Missing("ref")
	case !ok || f.Deleted:
		return nil, nil // a tag, or a branch that is gone
	case f.After == "":
		return nil, collect.Missing("after")
	}
	pushed := parsePushedAt(f.Repository.PushedAt)
	d := f.draft(events.BranchPushed, "push", f.Repository.FullName, f.Ref, f.Before, f.After, events.FormatTime(pushed))
	d.Subject = f.Repository.FullName
	d.Time, d.Recorded = pushed, pushed
	d.Content = events.Fields{
		Repository: f.repository(), Ref: branch, DefaultBranch: f.isDefault(branch), Commit: f.After, Forced: f.Forced,
	}
	if f.Before != zeroHash {
		d.Content.Before = f.Before
	}
	d.Actor = account(f.Pusher.Name)
	out := []events.Draft{d}
	for i := range f.Commits {
		c, err := f.commit(&f.Commits[i])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		// What another branch had before came by merging that one: it is none of the
		// line of this one. On the default branch all of it is new.
		if f.Commits[i].distinct() || f.isDefault(branch) {
			out[0].Content.Commits = append(out[0].Content.Commits, f.Commits[i].ID)
		}
		if pushed.IsZero() { // then the push is dated by its last commit
			out[0].Time = c.Time
		}
	}
	out[0].Content.CommitCount = int64(len(f.Commits))
	if out[0].Time.IsZero() {
		return nil, collect.Missing("repository.pushed_at")
	}
	return out, nil
}

// commit is one commit of a push. The payload names no parents.
func (f *fact) commit(c *commit) (events.Draft, error) {
	if c.ID == "" {
		return events.Draft{}, collect.Missing("commits.id")
	}
	if c.Timestamp.IsZero() {
		return events.Draft{}, collect.Missing("commits.timestamp")
	}
	committed, authored := c.Timestamp, c.Timestamp
	if !c.Committer.Date.IsZero() {
		committed = c.Committer.Date
	}
	if !c.Author.Date.IsZero() {
		authored = c.Author.Date
	}
	d := f.draft(events.CommitRecorded, "commit", f.Repository.FullName, c.ID)
	d.Subject, d.Time = c.ID, committed.Time
	marks := message.Parse(c.Message)
	d.Content = events.Fields{
		Repository: f.repository(), AuthorTime: authored.String(), CommitterTime: committed.String(),
		Paths:   append(append(append([]string(nil), c.Added...), c.Removed...), c.Modified...),
		Reverts: marks.Reverts, CherryPickOf: marks.CherryPickOf, Fixes: marks.Fixes, Tickets: marks.Tickets,
	}
	d.Actor = c.Author.Email
	if d.Actor == "" || strings.HasSuffix(c.Author.Username, "[bot]") {
		d.Actor = account(c.Author.Username)
	}
	return d, nil
}
