package acme

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A change is a pull request, or a push where there are none.
type change struct {
	repo     *repo
	touches  []*Service // whose deployments it sets off; the first is the one it is of
	team     *Team
	author   string
	bot      bool
	merge    mergeStyle
	opened   time.Time
	ready    time.Time
	reviewed time.Time
	merged   time.Time // zero: abandoned, at closed
	closed   time.Time
	authored []time.Time // of its commits, in order
	paths    []string
	hotfix   bool
	fixes    string      // the incident it repairs; ""
	reverts  *deployment // what it takes back: the change this brought last

	number int
	shas   []string // of the commits of its branch, as they were written
	main   string   // where the default branch stood after it
}

const pullsPerDay = 0.36 // of one engineer, on a usual day

// pullRequests makes up what people and bots proposed for a service.
func (w *World) pullRequests(g *group, s *Service) (out []*change) {
	d := newDice(w.o.Seed, "changes", s.Name)
	for at := s.From; at.Before(s.To); at = at.Add(day) {
		t := s.Team(at)
		rate := pullsPerDay * 0.8 * float64(len(t.members(at))) * t.zone.activity(at) * s.weight / w.load(t, at)
		for range d.poisson(rate) {
			out = append(out, w.pullRequest(d, g, s, t, at))
		}
		if t.zone.works(at) && d.chance(0.28) {
			out = append(out, w.update(d, s, t, at))
		}
	}
	return out
}

// load is the weight of all that a team owns at a time.
func (w *World) load(t *Team, at time.Time) float64 {
	sum := 0.0
	for _, s := range w.Services {
		if s.Team(at) == t && s.at(at) {
			sum += s.weight
		}
	}
	return sum
}

// pace is how long work takes a team at a time, 1 for the average at the beginning.
func (t *Team) pace(at time.Time) float64 {
	years := at.Sub(Start).Hours() / (365 * 24)
	return math.Exp(-0.30*t.quality) * math.Pow(yearlyTrend, years)
}

func (w *World) pullRequest(d dice, g *group, s *Service, t *Team, at time.Time) *change {
	r := s.repos[0]
	if len(s.repos) > 1 && d.chance(0.4) {
		r = s.repos[1]
	}
	z, f := t.zone, t.pace(at)
	c := &change{repo: r, touches: []*Service{s}, team: t, author: t.engineer(d, at).Account, merge: t.merge}
	if r.mono {
		c.merge = squash // a monorepo has one way for all
	}
	begin := z.moment(d, at)
	c.ready = z.later(begin, d.logNormal(5, 1)*f)
	c.opened = c.ready
	if d.chance(0.2) { // opened as a draft
		c.opened = begin.Add(time.Duration(d.between(0.1, 0.7) * float64(c.ready.Sub(begin))))
	}
	c.reviewed = z.later(c.ready, d.logNormal(2.2, 1)*f)
	end := z.later(c.reviewed, d.logNormal(2.5, 1)*f)
	n := 1
	for n < 8 && d.chance(0.5) {
		n++
	}
	if c.merge == trunk {
		n, end = 1, z.later(begin, d.between(0.1, 1.5))
		c.ready, c.opened, c.reviewed = begin, begin, begin
	}
	c.authored = spread(d, begin, c.ready, n)
	if d.chance(0.04) && c.merge != trunk {
		c.closed = end
	} else {
		c.merged = end
	}
	c.paths = paths(d, s, n)
	if r.mono && d.chance(0.06) { // touches what the team's services share
		c.paths = append(c.paths, "libs/"+t.line+"/shared.go")
		for _, other := range g.services {
			if other != s && other.Team(at) == t && other.at(at) {
				c.touches = append(c.touches, other)
			}
		}
	}
	return c
}

// spread puts n moments between two, the first at the beginning.
func spread(d dice, from, to time.Time, n int) []time.Time {
	out := []time.Time{from}
	for range n - 1 {
		out = append(out, from.Add(time.Duration(d.Float64()*float64(to.Sub(from)))))
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

var files = []string{"main.go", "handler.go", "store.go", "client.go", "config.yaml", "handler_test.go", "store_test.go", "README.md", "schema.sql", "metrics.go"}

func paths(d dice, s *Service, n int) (out []string) {
	for range 1 + d.IntN(n+2) {
		out = append(out, s.path+pick(d, files))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// update is a dependency brought up to date by a bot.
func (w *World) update(d dice, s *Service, t *Team, at time.Time) *change {
	opened := t.zone.moment(d, at).Add(-7 * time.Hour)
	c := &change{repo: s.repos[0], touches: []*Service{s}, team: t, author: "renovate[bot]", bot: true, merge: squash, opened: opened, ready: opened, paths: []string{s.path + "go.mod", s.path + "go.sum"}}
	if len(s.Name)%3 == 0 {
		c.author = "dependabot[bot]"
	}
	if t.merge == trunk && !c.repo.mono {
		c.merge = rebase
	}
	c.authored = []time.Time{opened}
	c.reviewed = t.zone.later(opened, d.logNormal(4, 1.2))
	c.merged = c.reviewed.Add(time.Duration(d.between(2, 20) * float64(time.Minute)))
	return c
}

// repair is a change made in a hurry: written, read by a colleague and merged
// within the time there is.
func (w *World) repair(d dice, s *Service, t *Team, from, merged time.Time) *change {
	c := &change{repo: s.repos[0], touches: []*Service{s}, team: t, author: t.engineer(d, from).Account, merge: t.merge, merged: merged, paths: paths(d, s, 1)}
	if c.repo.mono {
		c.merge = squash
	}
	at := func(share float64) time.Time { return from.Add(time.Duration(share * float64(merged.Sub(from)))) }
	c.authored = []time.Time{at(0.4)}
	c.opened, c.ready, c.reviewed = at(0.6), at(0.6), at(0.8)
	return c
}

// land puts the changes of a repository in the order they came to the default
// branch and names their commits.
func (w *World) land(r *repo, all []*change) {
	d := newDice(w.o.Seed, "hash", r.name)
	slices.SortStableFunc(all, func(a, b *change) int { return a.opened.Compare(b.opened) })
	for _, c := range all {
		if c.merge != trunk {
			r.pulls++
			c.number = r.pulls
		}
		for range c.authored {
			c.shas = append(c.shas, d.hash())
		}
	}
	for _, c := range all {
		if !c.merged.IsZero() {
			r.mains = append(r.mains, c)
		}
	}
	slices.SortStableFunc(r.mains, func(a, b *change) int { return a.merged.Compare(b.merged) })
	for i, c := range r.mains {
		if i > 0 && !c.merged.After(r.mains[i-1].merged) {
			c.merged = r.mains[i-1].merged.Add(time.Second)
		}
		c.main = c.shas[len(c.shas)-1]
		if c.merge == squash || c.merge == mergeCommit {
			c.main = d.hash()
		}
	}
}

// head is where the default branch stood at a time, nil before its first commit.
func (r *repo) head(at time.Time) *change {
	i, found := slices.BinarySearchFunc(r.mains, at, func(c *change, at time.Time) int { return c.merged.Compare(at) })
	if found {
		return r.mains[i]
	}
	if i == 0 {
		return nil
	}
	return r.mains[i-1]
}

func (r *repo) hashAt(at time.Time) string {
	if c := r.head(at); c != nil {
		return c.main
	}
	return ""
}

// tellChange tells of a change, its commits and its builds.
func (w *World) tellChange(s *stream, d dice, c *change) {
	w.tellCommits(s, c)
	if c.merge == trunk {
		w.tellPush(s, c)
	} else {
		w.tellPull(s, d, c)
	}
	if !c.merged.IsZero() {
		outcome := "success"
		if d.chance(0.06) {
			outcome = "failure"
		}
		w.tellBuild(s, c, time.Duration(d.logNormal(11, 0.4)*float64(time.Minute)), outcome)
	}
}

func list(hashes ...string) (out []string) {
	for _, h := range hashes {
		if h != "" {
			out = append(out, h)
		}
	}
	return out
}

// tellCommits tells of the commits as the forge shows them: those of a branch when
// they were written, what a merge made when it was merged.
func (w *World) tellCommits(s *stream, c *change) {
	before := c.repo.hashAt(c.merged.Add(-1))
	if c.merge == rebase || c.merge == trunk {
		for i := range c.shas {
			if c.merged.IsZero() {
				return // a branch that was never merged is gone
			}
			parent := before
			if i > 0 {
				parent = c.shas[i-1]
			}
			w.tellCommit(s, c, c.shas[i], c.authored[i], c.merged.Add(-time.Duration(len(c.shas)-1-i)*time.Millisecond), list(parent), true)
		}
		return
	}
	parent := c.repo.hashAt(c.authored[0])
	for i, sha := range c.shas {
		w.tellCommit(s, c, sha, c.authored[i], c.authored[i], list(parent), true)
		parent = sha
	}
	switch {
	case c.merged.IsZero():
	case c.merge == squash:
		w.tellCommit(s, c, c.main, c.merged, c.merged, list(before), true)
	default:
		w.tellCommit(s, c, c.main, c.merged, c.merged, list(before, parent), false)
	}
}

func (w *World) tellCommit(s *stream, c *change, sha string, authored, committed time.Time, parents []string, touches bool) {
	s.add(committed, func(e *Event) {
		e.Source, e.ID, e.Kind, e.Subject, e.Actor = sourceForge, "commit:"+sha, events.CommitRecorded, sha, c.author
		e.Content = events.Fields{Repository: ref(c.repo.name), Parents: parents, AuthorTime: events.FormatTime(authored), CommitterTime: events.FormatTime(committed)}
		if touches {
			e.Content.Paths = c.paths
		}
		if c.reverts != nil && sha == c.main {
			e.Content.Reverts = list(c.repo.hashAt(c.reverts.cut))
		}
		e.Content.Fixes = list(c.fixes)
	})
}

func (w *World) tellPush(s *stream, c *change) {
	s.add(c.merged, func(e *Event) {
		e.Source, e.ID, e.Kind, e.Subject, e.Actor = sourceForge, "push:"+c.main, events.BranchPushed, c.repo.name, c.author
		e.Content = events.Fields{Repository: ref(c.repo.name), Ref: "main", DefaultBranch: true, Before: c.repo.hashAt(c.merged.Add(-1)), Commit: c.main, Commits: c.shas, CommitCount: int64(len(c.shas))}
	})
}

func (w *World) tellPull(s *stream, d dice, c *change) {
	name := c.repo.name + "#" + strconv.Itoa(c.number)
	tell := func(at time.Time, kind events.Kind, transition, actor string, more func(*events.Fields)) {
		s.add(at, func(e *Event) {
			e.Source, e.ID, e.Kind, e.Subject, e.Actor = sourceForge, "pull:"+name+":"+transition, kind, name, actor
			e.Content = events.Fields{Repository: ref(c.repo.name)}
			e.Custom = events.Fields{Number: int64(c.number), Ref: "main", DefaultBranch: true, CreatedAt: events.FormatTime(c.opened), HeadCommit: c.shas[len(c.shas)-1], Hotfix: c.hotfix}
			if c.bot {
				e.Custom.Labels = []string{"dependencies"}
			}
			more(&e.Custom)
		})
	}
	tell(c.opened, events.ChangeCreated, "opened", c.author, func(f *events.Fields) {
		f.State = "open"
		if c.opened.Before(c.ready) {
			f.State = "draft"
		} else {
			f.ReadyAt = events.FormatTime(c.ready)
		}
	})
	if c.opened.Before(c.ready) {
		tell(c.ready, events.ChangeUpdated, "ready", c.author, func(f *events.Fields) { f.State, f.ReadyAt = "open", events.FormatTime(c.ready) })
	}
	w.tellReviews(tell, d, c)
	size := int64(d.logNormal(40, 1.1)) + 1
	switch {
	case c.merged.IsZero():
		tell(c.closed, events.ChangeAbandoned, "closed", c.author, func(f *events.Fields) { f.State = "closed" })
	default:
		tell(c.merged, events.ChangeMerged, "merged", c.author, func(f *events.Fields) {
			f.State, f.MergedAt, f.MergeCommit = "closed", events.FormatTime(c.merged), c.main
			f.Commits, f.CommitCount, f.Additions, f.Deletions = c.shas, int64(len(c.shas)), size, size/3
			if c.merge == rebase {
				f.Commits = nil // the branch's own commits are gone
			}
			if c.reverts != nil {
				f.Reverts = list(c.repo.hashAt(c.reverts.cut))
			}
		})
	}
}

type tellFunc func(at time.Time, kind events.Kind, transition, actor string, more func(*events.Fields))

// tellReviews: a colleague reads a person's change, once or twice. What bots
// propose is merged unread for one half.
func (w *World) tellReviews(tell tellFunc, d dice, c *change) {
	if c.bot && d.chance(0.5) {
		return
	}
	reader := c.team.engineer(d, c.reviewed).Account
	for reader == c.author {
		reader = pick(d, c.team.members(c.reviewed)).Account
	}
	last := cmp.Or(c.merged, c.closed)
	if d.chance(0.3) {
		tell(c.reviewed, events.ChangeReviewed, "review1", reader, func(f *events.Fields) { f.State = "changes_requested" })
		tell(c.reviewed.Add(last.Sub(c.reviewed)*3/4), events.ChangeReviewed, "review2", reader, func(f *events.Fields) { f.State = "approved" })
		return
	}
	tell(c.reviewed, events.ChangeReviewed, "review1", reader, func(f *events.Fields) { f.State = "approved" })
}

func (w *World) tellBuild(s *stream, c *change, took time.Duration, outcome string) {
	s.add(c.merged.Add(took), func(e *Event) {
		e.Source, e.ID, e.Kind, e.Subject = sourceForge, "build:"+c.main, events.PipelineFinished, "run:"+c.main[:12]
		e.Content = events.Fields{Pipeline: "build", Outcome: outcome, URI: fmt.Sprintf("https://forge.acme.example/%s/builds/%s", c.repo.name, c.main[:12])}
		e.Custom = events.Fields{Repository: ref(c.repo.name), Commit: c.main, Ref: "main", StartedAt: events.FormatTime(c.merged), RunID: c.main[:12]}
	})
}
