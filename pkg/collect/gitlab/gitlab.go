// Package gitlab normalises webhooks of GitLab: deployments, pipelines, merge
// requests, comments on these, and pushes.
//
//	deployment    success: service.deployed
//	              failed, canceled: deployment.failed
//	              created, running, blocked: deployment.started
//	pipeline      success, failed, canceled: pipelinerun.finished
//	merge_request open: change.created
//	              update that ends the draft, or brings commits: change.updated
//	              approved, approval: change.reviewed
//	              merge: change.merged
//	              close: change.abandoned
//	note          on a merge request, by another than its author: change.reviewed
//	push          branch.pushed, and commit.recorded for each commit
//
// Everything else, a tag too, tells nothing and is no error. A fact is identified by
// GitLab's object and its transition, never by the delivery, so that a webhook and
// its retry are one fact.
package gitlab

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/message"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// Mapping is the version of this mapping. Raise it when the same payload gives
// other facts: at replay the greater one wins.
const Mapping = 1

// Options are what a company decides about its projects.
type Options struct {
	Services collect.Services // what is deployed from where
	Hotfix   collect.Patterns // branches that mark a change as a hotfix
	Now      func() time.Time // checks the age of signed deliveries
}

// A Source is a collect.Source.
type Source struct {
	options Options
	signed  collect.HMAC
}

// New makes the source of GitLab.
func New(o Options) *Source {
	return &Source{options: o, signed: collect.HMAC{
		Header: "Webhook-Signature", Prefix: "v1,", Separator: " ", Decode: base64.StdEncoding.DecodeString, Hash: sha256.New,
		Signed: "{id}.{ts}.{body}", TimeIn: "Webhook-Timestamp", IDIn: "Webhook-Id", Tolerance: 5 * time.Minute, Now: o.Now,
	}}
}

// Name is "gitlab".
func (*Source) Name() string { return "gitlab" }

var shared = collect.SharedToken{Header: "X-Gitlab-Token"}

// Verify checks the signature of a hook with a signing token (Standard Webhooks), or
// the secret that a hook without one sends along.
func (s *Source) Verify(h http.Header, body []byte, secrets [][]byte) error {
	if h.Get("Webhook-Signature") == "" {
		return shared.Verify(h, body, secrets)
	}
	keys := make([][]byte, len(secrets))
	for i, secret := range secrets {
		keys[i] = secret
		if encoded, ok := strings.CutPrefix(string(secret), "whsec_"); ok {
			if key, err := base64.StdEncoding.DecodeString(encoded); err == nil {
				keys[i] = key
			}
		}
	}
	return s.signed.Verify(h, body, keys)
}

var normalisers = map[string]func(*fact) ([]events.Draft, error){
	"deployment":    (*fact).deployment,
	"pipeline":      (*fact).pipeline,
	"merge_request": (*fact).mergeRequest,
	"note":          (*fact).note,
	"push":          (*fact).push,
}

// Normalise implements collect.Source.
func (s *Source) Normalise(d collect.Delivery) ([]events.Draft, error) {
	var kind struct {
		Kind string `json:"object_kind"`
	}
	if err := collect.ParseJSON(d.Body, &kind); err != nil {
		return nil, err
	}
	if kind.Kind == "" {
		return nil, collect.Missing("object_kind")
	}
	normalise, ok := normalisers[kind.Kind]
	if !ok {
		return nil, nil
	}
	f := fact{source: s, received: d.ReceivedAt}
	if err := collect.ParseJSON(d.Body, &f.payload); err != nil {
		return nil, err
	}
	if f.Project.Path == "" {
		return nil, collect.Missing("project.path_with_namespace")
	}
	return normalise(&f)
}

// A fact is one delivery on its way to drafts.
type fact struct {
	payload
	source   *Source
	received time.Time
}

// draft begins a draft of what natural names. Every natural key begins with
// GitLab's word for the object and its project.
func (f *fact) draft(k events.Kind, natural ...string) events.Draft {
	return events.Draft{Source: f.source.Name(), Kind: k, Natural: natural, Received: f.received, Mapping: Mapping}
}

func (f *fact) repository() *events.Ref { return &events.Ref{ID: f.Project.Path} }

func (f *fact) isDefault(branch string) bool {
	return branch != "" && branch == f.Project.DefaultBranch
}

// service is named by the configuration, else by the project.
func (f *fact) service(environment string) string {
	_, name, _ := strings.Cut(f.Project.Path, "/")
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	return cmp.Or(f.source.options.Services.Find(f.Project.Path, environment), name, f.Project.Path)
}

func account(username string) string {
	if username == "" {
		return ""
	}
	return "gitlab:" + username
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

// kindOfStatus says what the states of a deployment tell; a skipped one was none.
var kindOfStatus = map[string]events.Kind{
	"created": events.DeploymentStarted, "running": events.DeploymentStarted, "blocked": events.DeploymentStarted,
	"success": events.ServiceDeployed,
	"failed":  events.DeploymentFailed, "canceled": events.DeploymentFailed,
	"skipped": "",
}

func (f *fact) deployment() ([]events.Draft, error) {
	kind, ok := kindOfStatus[f.Status]
	switch {
	case f.DeploymentID == 0:
		return nil, collect.Missing("deployment_id")
	case !ok:
		return nil, &events.FieldError{Field: "status", Reason: "is none of created, running, blocked, success, failed, canceled, skipped"}
	case kind == "":
		return nil, nil
	case f.ChangedAt.IsZero():
		return nil, collect.Missing("status_changed_at")
	}
	d := f.draft(kind, "deployment", f.Project.Path, id(f.DeploymentID), f.Status, f.ChangedAt.String())
	d.Time, d.Recorded = f.ChangedAt.Time, f.ChangedAt.Time
	d.Subject, d.Actor = "deployment:"+id(f.DeploymentID), account(f.User.Username)
	d.Content = events.Fields{
		Repository: f.repository(), Commit: f.commitOfURL(), Ref: f.Ref, DefaultBranch: f.isDefault(f.Ref), Attempt: id(f.DeploymentID),
		Service: &events.Ref{ID: f.service(f.Environment)},
	}
	if f.Environment != "" {
		d.Content.Environment = &events.Ref{ID: f.Environment}
	}
	switch kind {
	case events.DeploymentFailed:
		d.Content.Outcome = map[string]string{"failed": "failed", "canceled": "cancelled"}[f.Status]
	case events.ServiceDeployed: // CDEvents: the subject is the service, and content is little more than its environment
		d.Subject, d.Custom = d.Content.Service.ID, d.Content
		d.Content, d.Custom.Environment = events.Fields{Environment: d.Custom.Environment}, nil
	}
	return []events.Draft{d}, nil
}

// commitOfURL is the whole hash of the deployed commit, which the payload only has at
// the end of a URL; "" if it is not there.
func (f *fact) commitOfURL() string {
	hash := f.CommitURL[strings.LastIndexByte(f.CommitURL, '/')+1:]
	if whole := len(hash) == 40 || len(hash) == 64; !whole || strings.Trim(hash, "0123456789abcdef") != "" || !strings.HasPrefix(hash, f.ShortSHA) {
		return ""
	}
	return hash
}

// outcomes are CDEvents' words for GitLab's. What was skipped, waits or runs is none.
var outcomes = map[string]string{"success": "success", "failed": "failure", "canceled": "cancel"}

func (f *fact) pipeline() ([]events.Draft, error) {
	o := f.Object
	if o == nil || o.ID == 0 {
		return nil, collect.Missing("object_attributes.id")
	}
	outcome, ok := outcomes[o.Status]
	switch {
	case !ok:
		return nil, nil
	case o.FinishedAt.IsZero():
		return nil, collect.Missing("object_attributes.finished_at")
	}
	// A pipeline that is retried ends once more, at another time.
	d := f.draft(events.PipelineFinished, "pipeline", f.Project.Path, id(o.ID), o.FinishedAt.String())
	d.Time, d.Recorded = o.FinishedAt.Time, o.FinishedAt.Time
	d.Subject, d.Actor = "run:"+id(o.ID), account(f.User.Username)
	// Its own name may hold the title of a commit.
	d.Content = events.Fields{Pipeline: f.Project.Path, Outcome: outcome, URI: o.URL}
	d.Custom = events.Fields{
		Repository: f.repository(), Commit: o.SHA, Ref: o.Ref, DefaultBranch: f.isDefault(o.Ref), RunID: id(o.ID), StartedAt: o.CreatedAt.String(),
		Service: &events.Ref{ID: f.service("")},
	}
	return []events.Draft{d}, nil
}

func (f *fact) mergeRequest() ([]events.Draft, error) {
	o := f.Object
	if o == nil || o.Number == 0 {
		return nil, collect.Missing("object_attributes.iid")
	}
	d, told := f.transition(o)
	switch {
	case !told:
		return nil, nil
	case d.Time.IsZero():
		return nil, collect.Missing("the time of " + o.Action + " in object_attributes")
	}
	d.Recorded = o.UpdatedAt.Time
	f.describe(&d, o, f.Labels)
	switch d.Kind {
	case events.ChangeReviewed:
		d.Actor, d.Custom.State = account(f.User.Username), "approved"
		return []events.Draft{d}, nil
	case events.ChangeMerged:
		d.Custom.MergeCommit, d.Custom.MergedAt = o.mergeCommit(), events.FormatTime(d.Time)
	case events.ChangeCreated:
		if !o.draft() {
			d.Custom.ReadyAt = o.CreatedAt.String()
		}
	case events.ChangeUpdated:
		if f.leftDraft() {
			d.Custom.ReadyAt = events.FormatTime(d.Time)
		}
	}
	// The payload names who did it, and of the author only a number.
	if f.User.ID == o.AuthorID {
		d.Actor = account(f.User.Username)
	}
	return []events.Draft{d}, nil
}

// transition is what happened to a merge request, if it is told of.
func (f *fact) transition(o *object) (events.Draft, bool) {
	natural := func(k events.Kind, at stamp, more ...string) (events.Draft, bool) {
		d := f.draft(k, append([]string{"merge_request", f.Project.Path, id(o.Number)}, more...)...)
		d.Time = at.Time
		return d, true
	}
	switch {
	case o.Action == "open":
		return natural(events.ChangeCreated, o.CreatedAt, "open")
	case o.Action == "merge":
		return natural(events.ChangeMerged, o.UpdatedAt, "merge")
	case o.Action == "close":
		return natural(events.ChangeAbandoned, o.UpdatedAt, "close", o.UpdatedAt.String())
	case o.Action == "approved" || o.Action == "approval":
		return natural(events.ChangeReviewed, o.UpdatedAt, "approved", id(f.User.ID), o.UpdatedAt.String())
	case o.Action == "update" && f.leftDraft():
		return natural(events.ChangeUpdated, o.UpdatedAt, "ready", o.UpdatedAt.String())
	case o.Action == "update" && o.OldRevision != "":
		return natural(events.ChangeUpdated, o.UpdatedAt, "commits", o.LastCommit.ID)
	}
	return events.Draft{}, false
}

func (f *fact) leftDraft() bool {
	return f.Changes.Draft != nil && f.Changes.Draft.Previous && !f.Changes.Draft.Current
}

func (o *object) draft() bool { return o.Draft || o.InProgress }

// mergeCommit is what the merge put on the branch. A merge by fast-forward has no
// commit of its own: it is the last of the source branch, unless it was squashed.
func (o *object) mergeCommit() string {
	if commit := cmp.Or(o.MergeCommit, o.SquashCommit); commit != "" || o.Squash {
		return commit
	}
	return o.LastCommit.ID
}

// note is a comment. GitLab knows no reviews: one on a merge request by another than
// its author is one.
func (f *fact) note() ([]events.Draft, error) {
	o, on := f.Object, f.MergeRequest
	switch {
	case o == nil || o.ID == 0:
		return nil, collect.Missing("object_attributes.id")
	case o.On != "MergeRequest" || o.System:
		return nil, nil
	case on == nil || on.Number == 0:
		return nil, collect.Missing("merge_request.iid")
	case o.CreatedAt.IsZero():
		return nil, collect.Missing("object_attributes.created_at")
	case o.AuthorID == on.AuthorID:
		return nil, nil
	}
	d := f.draft(events.ChangeReviewed, "note", f.Project.Path, id(o.ID))
	d.Time, d.Recorded = o.CreatedAt.Time, o.UpdatedAt.Time
	f.describe(&d, on, on.Labels)
	d.Actor, d.Custom.State = account(f.User.Username), "commented"
	return []events.Draft{d}, nil
}

// describe sets what every fact about a merge request says of it.
func (f *fact) describe(d *events.Draft, o *object, labels []label) {
	d.Subject = f.Project.Path + "!" + id(o.Number)
	d.Content = events.Fields{Repository: f.repository()}
	marks := message.Parse(o.Title + "\n\n" + o.Description + "\n\n" + o.SourceBranch)
	d.Custom = events.Fields{
		Number: o.Number, Ref: o.TargetBranch, DefaultBranch: f.isDefault(o.TargetBranch), State: o.State, HeadCommit: o.LastCommit.ID,
		CreatedAt: o.CreatedAt.String(), Tickets: marks.Tickets, Reverts: marks.Reverts, Fixes: marks.Fixes,
		Hotfix: f.source.options.Hotfix.Match(o.SourceBranch),
	}
	if o.draft() {
		d.Custom.State = "draft"
	}
	for _, l := range labels {
		d.Custom.Labels = append(d.Custom.Labels, l.Title)
	}
}

const zeroHash = "0000000000000000000000000000000000000000"

// push tells of a branch that moved. The payload does not say when: it is dated by
// the commit it moved to. Without that one it tells nothing: a branch that begins at
// a commit that is known.
func (f *fact) push() ([]events.Draft, error) {
	branch, ok := strings.CutPrefix(f.Ref, "refs/heads/")
	switch {
	case f.Ref == "":
		return nil, collect.Missing("ref")
	case f.After == "":
		return nil, collect.Missing("after")
	case !ok || f.After == zeroHash || len(f.Commits) == 0:
		return nil, nil
	}
	d := f.draft(events.BranchPushed, "push", f.Project.Path, f.Ref, f.Before, f.After)
	d.Subject, d.Actor = f.Project.Path, account(f.Username)
	d.Content = events.Fields{Repository: f.repository(), Ref: branch, DefaultBranch: f.isDefault(branch), Commit: f.After, CommitCount: f.TotalCommits}
	if f.Before != zeroHash && f.TotalCommits <= int64(len(f.Commits)) {
		d.Content.Before = f.Before // the list is cut at 20: what follows the first of them is not known then
	}
	out := []events.Draft{d}
	for i := range f.Commits {
		c, err := f.commit(&f.Commits[i])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
		out[0].Content.Commits = append(out[0].Content.Commits, c.Subject)
		if out[0].Time.IsZero() || c.Subject == f.After {
			out[0].Time, out[0].Recorded = c.Time, c.Time
		}
	}
	return out, nil
}

// redacted stands where an author shows no address.
const redacted = "[REDACTED]"

// commit is one commit of a push. The payload names neither parents nor the time of
// the author.
func (f *fact) commit(c *commit) (events.Draft, error) {
	switch {
	case c.ID == "":
		return events.Draft{}, collect.Missing("commits.id")
	case c.Timestamp.IsZero():
		return events.Draft{}, collect.Missing("commits.timestamp")
	}
	d := f.draft(events.CommitRecorded, "commit", f.Project.Path, c.ID)
	d.Subject, d.Time = c.ID, c.Timestamp.Time
	marks := message.Parse(c.Message)
	d.Content = events.Fields{
		Repository: f.repository(), CommitterTime: c.Timestamp.String(),
		Paths:   append(append(append([]string(nil), c.Added...), c.Removed...), c.Modified...),
		Reverts: marks.Reverts, CherryPickOf: marks.CherryPickOf, Fixes: marks.Fixes, Tickets: marks.Tickets,
	}
	if d.Actor = c.Author.Email; d.Actor == "" || d.Actor == redacted {
		d.Actor = c.Author.Name
	}
	return d, nil
}
