package git

import (
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

const (
	source  = "git" // of all events made here
	mapping = 2     // version of this code in every fact's version
	batch   = 1000  // drafts handed over at a time

	production = "production" // the environment a release stands for
	maxAliases = 1000         // as many as the event's schema takes
)

// A commit never changes, but a clone may not have all of it. The sequence of
// its fact says how much was there to read, so that a full clone read later, or
// earlier, has the last word over a shallow one.
const (
	knownHash  = 1 // neither parents nor paths: a shallow clone ends here
	knownGraph = 2 // parents, no paths
	knownAll   = 3
)

// A writer turns what was read into drafts and hands them over in batches.
type writer struct {
	emit     func([]events.Draft) error
	progress func(done, total int)
	total    int
	done     int
	sum      *Summary
	drafts   []events.Draft
}

func (w *writer) add(d events.Draft) error {
	if w.drafts = append(w.drafts, d); len(w.drafts) < batch {
		return nil
	}
	return w.flush()
}

func (w *writer) flush() error {
	if len(w.drafts) == 0 {
		return nil
	}
	if err := w.emit(w.drafts); err != nil {
		return err
	}
	w.done += len(w.drafts)
	w.drafts = w.drafts[:0]
	if w.progress != nil {
		w.progress(w.done, max(w.done, w.total)) // more, if a commit was made meanwhile
	}
	return nil
}

func (w *writer) commit(r *repository) func(*commit) error {
	return func(c *commit) error {
		w.sum.Commits++
		if events.Believable(c.committed) {
			if w.sum.First.IsZero() || c.committed.Before(w.sum.First) {
				w.sum.First = c.committed
			}
			if c.committed.After(w.sum.Last) {
				w.sum.Last = c.committed
			}
		}
		return w.add(commitDraft(c, w.sum.Repository, r.shallow[c.hash], r.treeless))
	}
}

func (w *writer) release(rel release) error {
	w.sum.Deployments++
	w.sum.Aliases += len(rel.aliases)
	return w.add(releaseDraft(rel, w.sum.Repository, w.sum.Service))
}

// commitDraft is the fact of a commit. boundary: the clone ends at it, so that
// it looks like a root that adds every file there is. treeless: its paths were
// not read. A commit whose paths are not known belongs to all services.
func commitDraft(c *commit, repository string, boundary, treeless bool) events.Draft {
	d := events.Draft{
		Source: source, Kind: events.CommitRecorded, Natural: []string{repository, c.hash}, Subject: c.hash,
		Time: c.committed, Sequence: knownAll, Mapping: mapping,
		Content: events.Fields{
			Repository: &events.Ref{ID: repository}, Parents: c.parents,
			AuthorTime: events.FormatTime(c.authored), CommitterTime: events.FormatTime(c.committed),
			Paths: c.paths, PathsCut: c.pathsCut,
			Reverts: c.marks.Reverts, CherryPickOf: c.marks.CherryPickOf, Fixes: c.marks.Fixes, Tickets: c.marks.Tickets,
		},
	}
	switch {
	case boundary:
		d.Sequence = knownHash
		d.Content.Boundary, d.Content.Paths, d.Content.PathsCut = true, nil, true
	case treeless:
		d.Sequence = knownGraph
		d.Content.PathsCut = len(c.parents) < 2
	}
	d.ActorKind, d.Actor = actor(c.name, c.email)
	if c.authored.After(c.committed) {
		d.Flags = []string{events.FlagFutureAuthored}
	}
	return d
}

// actor is a bot by its name or a person by the e-mail address, which the edge
// makes a pseudonym; where there is no address, by the name.
func actor(name, email string) (kind, id string) {
	switch bot := botName(name, email); {
	case bot != "":
		return events.Bot, bot
	case email != "":
		return events.Human, email
	case name != "":
		return events.Human, name
	}
	return "", ""
}

// releaseDraft is the fact of a deployment to production. Deployments are
// ordered by their end, then their start: of those that end at one time, each
// later version starts a millisecond later.
func releaseDraft(rel release, repository, service string) events.Draft {
	d := events.Draft{
		Source: source, Kind: events.ServiceDeployed, Natural: []string{"release", repository, service, rel.commit}, Subject: service,
		Time: rel.time, Sequence: rel.sequence, Mapping: mapping,
		Content: events.Fields{Environment: &events.Ref{ID: production}},
		Custom: events.Fields{
			Repository: &events.Ref{ID: repository}, Commit: rel.commit, Version: rel.name,
			Aliases: slices.Clone(rel.aliases[:min(len(rel.aliases), maxAliases)]), Ref: rel.ref, TimeQuality: rel.quality,
		},
	}
	if rel.later > 0 {
		d.Custom.StartedAt = events.FormatTime(rel.time.Add(-time.Duration(rel.later) * time.Millisecond))
	}
	return d
}
