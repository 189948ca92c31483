package dora

import (
	"cmp"
	"slices"
	"time"
)

// SpanLimit bounds one deployment: attempts of a version that start less than
// this after the first are parts of it.
const SpanLimit = 6 * time.Hour

// Input is all that is known of some services: every report of theirs, and all
// that is known of the repositories they are deployed from.
type Input struct {
	Reports []Report
	Commits []Commit
	Pulls   []PullFact
	Pushes  []Push
	Parts   []Part               // of repositories that several services share
	Work    map[string]time.Time // by ticket: when work on it began
	// Windows says how far causes are looked for; nil: the defaults.
	Windows func(service string) Windows
	// Horizon is the first instant of which a source has told nothing yet.
	Horizon func(Source) time.Time
}

// Linked is what Link found, each list in a fixed order.
type Linked struct {
	Deployments []Deployment
	Shipped     []Shipped
	Pulls       []ShippedPull
	Waiting     []Waiting
	Coverage    []Coverage
	Faults      []Fault
}

// A Fault is something wrong with the facts that only linking sees.
type Fault struct {
	Service, Kind, Subject, Source string
	At                             time.Time
}

// CommitCycle is the fault of a commit that is its own ancestor: the subject is
// the smallest of the cycle, the source its repository.
const CommitCycle = "commit_cycle"

// DefaultWindows are those of every service without its own.
func DefaultWindows(string) Windows { return Windows{FailureWindow, RemedyWindow} }

// Link makes deployments of attempts and finds what each shipped. The result is
// the same for any order of the input, and for repeats in it.
func Link(in Input) Linked {
	if in.Windows == nil {
		in.Windows = DefaultWindows
	}
	histories := buildHistories(in)
	var out Linked
	byService := make(map[subject][]attempt)
	removed := make(map[subject]time.Time)
	for _, a := range attempts(in.Reports) {
		s := subject{a.Service, a.Tier}
		if a.Removed {
			if a.End.After(removed[s]) {
				removed[s] = a.End
			}
			continue
		}
		byService[s] = append(byService[s], a)
	}
	for _, s := range sortedKeys(byService) {
		l := newLinker(s, &in, histories, byService[s])
		for i := range l.tries {
			l.ship(i)
		}
		c := coverage(s, l.tries, removed[s])
		c.Window = in.Windows(s.service).Failure
		c.Until(in.Horizon)
		l.finish(!c.Retired.IsZero(), &out)
		out.Coverage = append(out.Coverage, c)
	}
	return out
}

// A subject is what everything in delivery is counted by.
type subject struct{ service, tier string }

func sortedKeys(m map[subject][]attempt) []subject {
	keys := make([]subject, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b subject) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.tier, b.tier))
	})
	return keys
}

// An attempt is all reports of one try.
type attempt struct {
	Report
	End   time.Time
	names []string // of all its reports
}

// attempts merges the reports of each attempt. The latest outcome counts; an
// attempt that has none is left out.
func attempts(reports []Report) []attempt {
	type key struct{ source, service, environment, attempt string }
	merged := make(map[key]*attempt)
	for _, r := range reports {
		k := key{r.Source, r.Service, r.Environment, r.Attempt}
		if r.Attempt == "" {
			k.attempt = "\x00" + r.ID
		}
		a, ok := merged[k]
		if !ok {
			a = &attempt{Report: r, names: r.names()}
			if r.Outcome != "" || r.Removed {
				a.End = r.Time
			}
			merged[k] = a
			continue
		}
		a.merge(r)
	}
	var out []attempt
	for _, a := range merged {
		if a.End.IsZero() {
			continue
		}
		if a.Start.IsZero() || a.Start.After(a.End) {
			a.Start = a.End
		}
		out = append(out, *a)
	}
	slices.SortFunc(out, func(a, b attempt) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// merge takes another report of the same attempt in. Which of two ends counts is
// decided by time, then identity, never by which came first.
func (a *attempt) merge(r Report) {
	a.names = append(a.names, r.names()...)
	fixes, hotfix, rolledBack := union(a.Fixes, r.Fixes), a.Hotfix || r.Hotfix, a.RolledBack || r.RolledBack
	start := a.Start
	if start.IsZero() || !r.Start.IsZero() && r.Start.Before(start) {
		start = r.Start
	}
	if r.Outcome == "" && (start.IsZero() || r.Time.Before(start)) {
		start = r.Time
	}
	if r.Outcome != "" && (a.End.IsZero() || r.Time.After(a.End) || r.Time.Equal(a.End) && r.ID > a.ID) {
		a.Report, a.End = r, r.Time
	}
	a.Start, a.Fixes, a.Hotfix, a.RolledBack = start, fixes, hotfix, rolledBack
}

// names are all that an incident or a remedy may call it by.
func (r *Report) names() []string {
	return append([]string{r.ID, r.Attempt, r.RunID, r.Version, r.Commit}, r.Aliases...)
}

// A try is a deployment in the making: the latest attempt of each of its parts.
type try struct {
	Deployment
	parts      map[place]attempt
	order      []place
	rolledBack bool // the source calls it so
}

// A place is where a part of a deployment goes, and from which repository.
type place struct{ environment, repository string }

// deployments groups the attempts of one service and tier: those of one version
// (or pipeline run) that start less than SpanLimit after the first are one, if
// they go to different places, or try again where the last attempt did not
// succeed. The result is in the order "earlier" means: by end, start, id.
func deployments(as []attempt) []try {
	var tries []*try
	open := make(map[string]*try)
	for _, a := range as {
		keys := groupKeys(a)
		var t *try
		for _, k := range keys {
			if o := open[k]; o != nil && a.Start.Sub(o.Start) < SpanLimit && o.takes(a) {
				t = o
				break
			}
		}
		if t == nil {
			t = newTry(a)
			tries = append(tries, t)
		}
		t.add(a)
		for _, k := range keys {
			open[k] = t
		}
	}
	out := make([]try, len(tries))
	for i, t := range tries {
		t.finish()
		out[i] = *t
	}
	slices.SortFunc(out, func(a, b try) int {
		return cmp.Or(a.End.Compare(b.End), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// groupKeys names what makes attempts one: their version, else their commit; and
// their pipeline run.
func groupKeys(a attempt) []string {
	var keys []string
	switch {
	case a.Version != "":
		keys = append(keys, "version\x00"+a.Version)
	case a.Commit != "":
		keys = append(keys, "commit\x00"+a.Commit)
	}
	if a.RunID != "" {
		keys = append(keys, "run\x00"+a.Source+"\x00"+a.RunID)
	}
	return keys
}

func newTry(a attempt) *try {
	return &try{
		Deployment: Deployment{Service: a.Service, Tier: a.Tier, ID: a.ID, Source: a.Source, Repository: a.Repository, Commit: a.Commit,
			Version: a.Version, Start: a.Start, TimeQuality: a.TimeQuality},
		parts: make(map[place]attempt),
	}
}

func (t *try) takes(a attempt) bool {
	last, there := t.parts[place{a.Environment, a.Repository}]
	return !there || last.Outcome != Succeeded
}

func (t *try) add(a attempt) {
	p := place{a.Environment, a.Repository}
	if _, there := t.parts[p]; !there {
		t.order = append(t.order, p)
	}
	t.parts[p] = a
	t.Attempts++
	t.Names = append(t.Names, a.names...)
	t.Fixes = union(t.Fixes, a.Fixes)
	t.Hotfix, t.rolledBack = t.Hotfix || a.Hotfix, t.rolledBack || a.RolledBack
	if a.End.After(t.End) {
		t.End = a.End
	}
}

func (t *try) finish() {
	t.Succeeded = true
	for _, p := range t.order {
		t.Succeeded = t.Succeeded && t.parts[p].Outcome == Succeeded
		t.Environments = append(t.Environments, p.environment)
	}
	t.Environments, t.Names = set(t.Environments), set(t.Names)
}

// byRepository lists, for each repository of the deployment, the commit that was
// deployed and when the last of its environments had it.
func (t *try) byRepository() []part {
	var out []part
	for _, p := range t.order {
		a := t.parts[p]
		i := slices.IndexFunc(out, func(q part) bool { return q.repository == p.repository })
		if i < 0 {
			out = append(out, part{p.repository, a.Commit, a.End})
			continue
		}
		if a.End.After(out[i].end) {
			out[i].end = a.End
		}
		if out[i].commit == "" {
			out[i].commit = a.Commit
		}
	}
	return out
}

type part struct {
	repository, commit string
	end                time.Time
}

// set sorts names and leaves out repeats and the empty one.
func set(names []string) []string {
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) > 0 && names[0] == "" {
		names = names[1:]
	}
	return names
}

// clockStart is the author time, or the committer time if that is earlier: work
// exists from when it was first written, and rebasing resets the committer's.
func clockStart(c *Commit) time.Time {
	if c.Authored.IsZero() || c.Committed.Before(c.Authored) {
		return c.Committed
	}
	return c.Authored
}

// coverage of a service runs from its first deployment; how far is for the
// horizons of its sources to say.
func coverage(s subject, ts []try, removed time.Time) Coverage {
	c := Coverage{Service: s.service, Tier: s.tier, First: ts[0].Start}
	for _, t := range ts {
		if t.Start.Before(c.First) {
			c.First = t.Start
		}
		c.Sources = append(c.Sources, SourceOf(t.Source, t.Repository))
	}
	slices.SortFunc(c.Sources, func(a, b Source) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Scope, b.Scope))
	})
	c.Sources = slices.Compact(c.Sources)
	// A service that was deployed again after its removal is not retired.
	if removed.After(ts[len(ts)-1].End) {
		c.Retired = removed
	}
	return c
}

// SourceOf is whose horizon covers a repository's deployments: a history that is
// read repository by repository tells of each alone, a webhook of all at once.
func SourceOf(source, repository string) Source {
	if source == "git" {
		return Source{source, repository}
	}
	return Source{Name: source}
}
