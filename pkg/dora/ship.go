package dora

import (
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora/graph"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// A linker walks the deployments of one service and tier in order.
type linker struct {
	subject
	in       *Input
	all      map[string]*history
	windows  Windows
	reports  []*Report
	attempts []*attempt
	tries    []*try
	versions map[version]string // commits of versions, from attempts that name both; nil until asked for
	repos    map[string]*walk
	running  int    // index of the successful deployment that is running; -1 for none
	scratch  []part // of the deployment that is being looked at

	shipped []Shipped
	member  map[string]func(int32) bool // by repository: what includes found
}

type version struct{ repository, name string }

// A walk is the way of one repository through the deployments.
type walk struct {
	name string
	*history
	*graph.Walker
	visits []visit // by the walker's number
	seen   []bool  // by commit: shipped, or found to wait: a change counts once
	late   []int32 // reached by a deployment that ended before they were merged
}

// A visit is one deployment's part of a repository.
type visit struct {
	part
	try      int
	baseline bool
	node     int32 // the commit's number; -1 when it is not known
}

// link finds all there is of its service and tier.
func (l *linker) link() (out Linked) {
	var removed time.Time
	for _, a := range attempts(l.reports) {
		switch {
		case !a.Removed:
			l.attempts = append(l.attempts, a)
		case a.End.After(removed):
			removed = a.End
		}
	}
	if len(l.attempts) == 0 {
		return out
	}
	l.tries, l.repos, l.member, l.running = deployments(l.attempts), make(map[string]*walk), make(map[string]func(int32) bool), -1
	for i := range l.tries {
		l.ship(i)
	}
	c := coverage(l.subject, l.tries, removed)
	c.Window = l.windows.Failure
	out.Coverage = []Coverage{c}
	l.finish(!c.Retired.IsZero(), &out)
	return out
}

func (l *linker) walk(repository string) *walk {
	w := l.repos[repository]
	if w == nil {
		h := l.all[repository]
		if h == nil {
			h = empty
		}
		include := l.includes(repository, h)
		w = &walk{name: repository, history: h, seen: make([]bool, len(h.commits)), Walker: graph.NewWalker(h.graph, include)}
		if include == nil {
			l.shipped = slices.Grow(l.shipped, len(h.commits)) // it ships about all
		}
		l.repos[repository] = w
	}
	return w
}

// includes says which commits of the repository are of the service: those that
// touch its paths, where it is limited to some at any time; nil for all. Each commit
// is looked at once.
func (l *linker) includes(repository string, h *history) func(int32) bool {
	include, ok := l.member[repository]
	if !ok {
		include = l.membership(repository, h)
		l.member[repository] = include
	}
	return include
}

func (l *linker) membership(repository string, h *history) func(int32) bool {
	var parts []Part
	limited := false
	for _, p := range l.in.Parts {
		if p.Service == l.service && p.Repository == repository {
			parts, limited = append(parts, p), limited || len(p.Paths) > 0
		}
	}
	if !limited {
		return nil
	}
	is := make([]int8, len(h.commits)) // 0: not looked at yet
	return func(n int32) bool {
		if is[n] == 0 {
			c := h.commits[n]
			if is[n] = -1; c == nil || c.AllPaths || slices.ContainsFunc(parts, func(p Part) bool { return p.Has(c.Committed, c.Paths) }) {
				is[n] = 1
			}
		}
		return is[n] > 0
	}
}

// commitOf is what a part deployed: its commit, or that of its version, or the
// version itself in its place, so that going back to it is seen.
func (l *linker) commitOf(p part, name string) string {
	if p.commit != "" || name == "" {
		return p.commit
	}
	if l.versions == nil {
		l.nameVersions()
	}
	if c := l.versions[version{p.repository, name}]; c != "" {
		return c
	}
	return "version:" + name
}

func (l *linker) nameVersions() {
	l.versions = make(map[version]string)
	for _, a := range l.attempts {
		if a.Commit == "" {
			continue
		}
		for _, name := range append([]string{a.Version}, a.Aliases...) {
			if name != "" {
				l.versions[version{a.Repository, name}] = a.Commit
			}
		}
	}
}

// ship finds what the i-th deployment brought.
func (l *linker) ship(i int) {
	t := l.tries[i]
	t.LinkQuality = LinkCommit
	if !t.Succeeded {
		t.Class = Unsuccessful
		return
	}
	class, known, baseline := graph.Redeployment, true, false
	l.scratch = t.byRepository(l.scratch[:0])
	for _, p := range l.scratch {
		p.commit = l.commitOf(p, t.Version)
		w := l.walk(p.repository)
		step := w.Next(p.commit)
		v := visit{part: p, try: i, baseline: step.Baseline, node: -1}
		if n, ok := w.graph.Lookup(p.commit); ok {
			v.node = n
			if w.pushed[n] {
				t.LinkQuality = LinkPushOrder
			}
		}
		w.visits = append(w.visits, v)
		known, baseline = known && step.Known, baseline || step.Baseline
		if step.Class == graph.Rollback && t.Marks == "" {
			t.Marks = l.tries[w.visits[step.Marks].try].ID
		}
		class = stronger(class, step.Class)
		l.bringLate(w, v)
		for _, n := range step.Ships {
			l.bring(w, v, n)
		}
	}
	t.Class = className(class, baseline)
	if !known {
		t.LinkQuality = LinkUnknownCommit
	}
	if t.rolledBack && t.Class != Rollback && t.Changes == 0 && !baseline && l.running >= 0 {
		t.Class, t.Marks = Rollback, l.tries[l.running].ID // the source knows better than a history that lacks what it went back to
	}
	if t.Class != Rollback {
		t.Marks = ""
	}
	if t.Class != Redeployment {
		l.running = i
	}
}

// stronger decides what a deployment of several repositories is: it brings
// something new if any part does, else it goes back if any part does.
func stronger(a, b graph.Class) graph.Class {
	rank := map[graph.Class]int{graph.Redeployment: 0, graph.Rerelease: 1, graph.Rollback: 2, graph.Normal: 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

func className(c graph.Class, baseline bool) string {
	switch {
	case baseline:
		return Baseline
	case c == graph.Redeployment:
		return Redeployment
	case c == graph.Rollback:
		return Rollback
	case c == graph.Rerelease:
		return Rerelease
	}
	return Release
}

// bringLate ships what an earlier deployment seemed to contain before it was
// merged, once a deployment that ended after its merge contains it.
func (l *linker) bringLate(w *walk, v visit) {
	if v.node < 0 {
		return
	}
	w.late = slices.DeleteFunc(w.late, func(n int32) bool {
		if w.pull[n].merged.After(v.end) || !w.graph.IsAncestor(n, v.node) {
			return false
		}
		v.baseline = false
		l.bring(w, v, n)
		return true
	})
}

// bring ships a commit, or the commits it stands for.
func (l *linker) bring(w *walk, v visit, n int32) {
	c := w.commits[n]
	if c == nil || w.alreadyShipped(c, len(w.visits)-1) {
		return // a cherry-pick of a shipped change is no new change
	}
	p := w.pull[n]
	if p != nil && p.merged.After(v.end) {
		w.late = append(w.late, n)
		return
	}
	s := Shipped{Commit: c.Hash, ActorKind: c.ActorKind, ClockStart: clockStart(c), LinkQuality: LinkCommit}
	if w.pushed[n] {
		s.LinkQuality = LinkPushOrder
	}
	q := w.squash[n]
	if q == nil {
		l.add(w, v, n, s, c)
		return
	}
	s.LinkQuality = LinkSquash
	if q.originals == nil {
		s.ClockStart = q.earliest(s.ClockStart)
		s.ActorKind = first(q.authorKind, s.ActorKind)
		l.add(w, v, n, s, c)
		return
	}
	for _, o := range l.standsFor(w, q) {
		if w.alreadyShipped(o, len(w.visits)-1) {
			continue
		}
		s.Commit, s.ActorKind, s.ClockStart = o.Hash, o.ActorKind, clockStart(o)
		l.add(w, v, n, s, o)
	}
}

// standsFor are the commits of a squashed pull request that are the service's: one
// of which no paths are told may be.
func (l *linker) standsFor(w *walk, q *pull) []*Commit {
	include := l.includes(w.name, w.history)
	if include == nil {
		return q.originals
	}
	return slices.DeleteFunc(slices.Clone(q.originals), func(o *Commit) bool {
		n, ok := w.graph.Lookup(o.Hash)
		return ok && len(o.Paths) > 0 && !include(n)
	})
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// add completes a shipped change: n is the commit that brought it, c the one it
// stands for.
func (l *linker) add(w *walk, v visit, n int32, s Shipped, c *Commit) {
	if !w.first(c) {
		return
	}
	t := l.tries[v.try]
	s.Service, s.Tier, s.Repository, s.DeploymentID = l.service, l.tier, w.name, t.ID
	s.Merged, s.At, s.Baseline = w.merged[n], v.end, v.baseline
	if !s.Merged.IsZero() && c.Authored.After(s.Merged) {
		s.Flags = append(s.Flags, FutureAuthored)
	}
	if !v.baseline {
		switch {
		case !events.Believable(s.ClockStart):
			s.Flags = append(s.Flags, events.FlagImpossibleTime)
		case s.At.Before(s.ClockStart):
			s.Flags = append(s.Flags, ShippedBeforeAuthored)
		default:
			s.LeadMS = between(s.ClockStart, s.At)
		}
		t.Changes++
		t.Fixes = union(union(t.Fixes, w.commits[n].Fixes), c.Fixes)
	}
	l.shipped = append(l.shipped, s)
}

// first reports whether a commit was not asked for before.
func (w *walk) first(c *Commit) bool {
	n, ok := w.graph.Lookup(c.Hash)
	if !ok || w.seen[n] {
		return false
	}
	w.seen[n] = true
	return true
}

// shippedBy is the visit that shipped what was merged at the time, false if none
// has: a deployment that ended before the merge did not.
func (w *walk) shippedBy(n int32, merged time.Time) (int, bool) {
	by := w.ShippedBy(n)
	if by < 0 {
		return 0, false
	}
	for ; by < len(w.visits); by++ {
		v := w.visits[by]
		if !merged.After(v.end) && (by == w.ShippedBy(n) || v.node >= 0 && w.graph.IsAncestor(n, v.node)) {
			return by, true
		}
	}
	return 0, false
}

// finish adds what the walk as a whole says, and hands everything over.
func (l *linker) finish(retired bool, out *Linked) {
	for _, repository := range sortedNames(l.repos) {
		w := l.repos[repository]
		if c := w.graph.Cycle(); c != nil {
			out.Faults = append(out.Faults, Fault{Service: l.service, Kind: CommitCycle, Subject: slices.Min(c), Source: repository, At: l.tries[0].Start})
		}
		l.shipPulls(w, out)
		l.takeBack(w)
		if !retired {
			l.wait(w, out)
		}
	}
	out.Deployments = make([]Deployment, 0, len(l.tries))
	for _, t := range l.tries {
		if t.Succeeded {
			t.Rework = t.rework()
		}
		t.TakesBack, t.Names = set(t.TakesBack), set(t.Names)
		out.Deployments = append(out.Deployments, t.Deployment)
	}
	out.Shipped = l.shipped
}

func sortedNames(m map[string]*walk) []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (t *try) rework() []string {
	var why []string
	for _, r := range []struct {
		is   bool
		name string
	}{{t.Hotfix, ReworkHotfix}, {len(t.Fixes) > 0, ReworkNames}, {len(t.TakesBack) > 0, ReworkRevert}, {t.Class == Rollback, ReworkRollback}} {
		if r.is {
			why = append(why, r.name)
		}
	}
	return why
}

// shipPulls finds the deployment of each pull request. What the baseline holds
// has no stages, and says nothing of the baseline.
func (l *linker) shipPulls(w *walk, out *Linked) {
	for _, p := range w.pulls {
		n, ok := w.graph.Lookup(p.mergeCommit)
		if !ok || p.merged.IsZero() || !l.owns(w, p, n) {
			continue
		}
		by, ok := w.shippedBy(n, p.merged)
		if !ok || w.visits[by].baseline {
			continue
		}
		v := w.visits[by]
		t := l.tries[v.try]
		t.Hotfix, t.Fixes = t.Hotfix || p.hotfix, union(t.Fixes, p.fixes)
		t.Names = append(t.Names, p.mergeCommit) // an incident may name what its squash or merge is called
		out.Pulls = append(out.Pulls, l.stages(w, p, v))
	}
}

// owns reports whether a pull request is of the service: whether any commit it
// brought is.
func (l *linker) owns(w *walk, p *pull, n int32) bool {
	include := l.includes(w.name, w.history)
	if include == nil {
		return true
	}
	return !w.graph.Merge(n) && include(n) || slices.ContainsFunc(p.brought, include)
}

func (l *linker) stages(w *walk, p *pull, v visit) ShippedPull {
	s := ShippedPull{
		Service: l.service, Tier: l.tier, Repository: w.name, Change: p.change, DeploymentID: l.tries[v.try].ID, ActorKind: p.authorKind,
		Authored: w.authored(p), Ready: p.ready, Reviewed: p.reviewed, Merged: p.merged, At: v.end,
	}
	for _, ticket := range p.tickets {
		if began, ok := l.in.Work[ticket]; ok && (s.WorkStarted.IsZero() || began.Before(s.WorkStarted)) {
			s.WorkStarted = began
		}
	}
	s.Coding, s.Pickup, s.Review = between(s.Authored, s.Ready), between(s.Ready, s.Reviewed), between(s.Reviewed, s.Merged)
	s.Deploy, s.Delivery = between(s.Merged, s.At), between(s.WorkStarted, s.At)
	return s
}

// takeBack finds which deployments shipped reverts of what earlier ones shipped.
func (l *linker) takeBack(w *walk) {
	include := l.includes(w.name, w.history)
	for _, r := range w.reverts {
		by, of := w.brought(r.by), w.brought(r.of)
		if by < 0 || of < 0 || of >= by || w.visits[by].baseline || include != nil && !w.graph.Merge(r.by) && !include(r.by) {
			continue
		}
		remedy, undone := w.visits[by], w.visits[of]
		if remedy.end.Sub(undone.end) < l.windows.Remedy && remedy.try != undone.try {
			t := l.tries[remedy.try]
			t.TakesBack = append(t.TakesBack, l.tries[undone.try].ID)
		}
	}
}

// brought is the number of the visit that shipped a commit, or the squash that stands
// for it; -1 while none has.
func (w *walk) brought(n int32) int {
	if squash, ok := w.stood[n]; ok && w.ShippedBy(n) < 0 {
		n = squash
	}
	return w.ShippedBy(n)
}

// alreadyShipped reports whether c names a commit it was picked from that a visit
// numbered below n has shipped, by itself or in a squash.
func (w *walk) alreadyShipped(c *Commit, n int) bool {
	if c.CherryPickOf == "" {
		return false
	}
	origin, ok := w.graph.Lookup(c.CherryPickOf)
	if !ok {
		return false
	}
	by := w.brought(origin)
	return by >= 0 && by < n
}

// wait lists what is on the default branch and not shipped. Before the baseline
// nothing waits: the service may never have been deployed from here.
func (l *linker) wait(w *walk, out *Linked) {
	if w.head == "" || !slices.ContainsFunc(w.visits, func(v visit) bool { return v.baseline }) {
		return
	}
	for _, n := range append(w.Unshipped(w.head), w.late...) {
		c := w.commits[n]
		if c == nil || w.merged[n].IsZero() || w.alreadyShipped(c, len(w.visits)) {
			continue
		}
		stands := []*Commit{c}
		if q := w.squash[n]; q != nil && q.originals != nil {
			stands = l.standsFor(w, q)
		}
		for _, o := range stands {
			if !w.alreadyShipped(o, len(w.visits)) && w.first(o) {
				out.Waiting = append(out.Waiting, Waiting{l.service, l.tier, w.name, o.Hash, o.ActorKind, clockStart(o), w.merged[n]})
			}
		}
	}
}
