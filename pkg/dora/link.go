package dora

import (
	"cmp"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	Refs    []Ref                // beside those that the reports name
	Parts   []Part               // of repositories that several services share
	Work    map[string]time.Time // by ticket: when work on it began
	// Windows says how far causes are looked for; nil: the defaults.
	Windows func(service string) Windows
	// Horizon is the first instant of which a source has told nothing yet.
	Horizon func(Source) time.Time
}

// A Ref is a branch or tag of a repository that something was deployed from.
type Ref struct{ Repository, Name string }

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
// the same for any order of the input, and for repeats in it: repositories, and
// then services, are taken side by side, and what each gives is put in order.
func Link(in Input) Linked {
	if in.Windows == nil {
		in.Windows = DefaultWindows
	}
	histories := buildHistories(in)
	linkers := linkers(&in, histories)
	parts := make([]Linked, len(linkers))
	sideBySide(len(linkers), func(i int) { parts[i] = linkers[i].link() })
	out := join(parts)
	for i := range out.Coverage {
		out.Coverage[i].Until(in.Horizon)
	}
	return out
}

// linkers are those of all services and tiers that anything is reported of, in
// order.
func linkers(in *Input, histories map[string]*history) []*linker {
	by := make(map[subject]*linker)
	for i := range in.Reports {
		r := &in.Reports[i]
		s := subject{r.Service, r.Tier}
		l := by[s]
		if l == nil {
			l = &linker{subject: s, in: in, windows: in.Windows(s.service), all: histories}
			by[s] = l
		}
		l.reports = append(l.reports, r)
	}
	out := slices.Collect(maps.Values(by))
	slices.SortFunc(out, func(a, b *linker) int { return a.compare(b.subject) })
	return out
}

// sideBySide does n things that have nothing to do with each other, as many at once
// as there are processors.
func sideBySide(n int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range min(n, runtime.GOMAXPROCS(0)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	group.Wait()
}

func join(parts []Linked) Linked {
	return Linked{
		Deployments: joined(parts, func(l *Linked) []Deployment { return l.Deployments }),
		Shipped:     joined(parts, func(l *Linked) []Shipped { return l.Shipped }),
		Pulls:       joined(parts, func(l *Linked) []ShippedPull { return l.Pulls }),
		Waiting:     joined(parts, func(l *Linked) []Waiting { return l.Waiting }),
		Coverage:    joined(parts, func(l *Linked) []Coverage { return l.Coverage }),
		Faults:      joined(parts, func(l *Linked) []Fault { return l.Faults }),
	}
}

func joined[T any](parts []Linked, of func(*Linked) []T) []T {
	n := 0
	for i := range parts {
		n += len(of(&parts[i]))
	}
	out := make([]T, 0, n)
	for i := range parts {
		out = append(out, of(&parts[i])...)
	}
	return out
}

// A subject is what everything in delivery is counted by.
type subject struct{ service, tier string }

func (s subject) compare(o subject) int {
	return cmp.Or(cmp.Compare(s.service, o.service), cmp.Compare(s.tier, o.tier))
}

// An attempt is all reports of one try: what differs from the last of them.
type attempt struct {
	*Report
	Start, End time.Time
	Fixes      []string
	Hotfix     bool
	RolledBack bool
	names      []string // of all its reports
}

// attempts merges the reports of each attempt of one service and tier. The latest
// outcome counts; an attempt that has none is left out.
func attempts(reports []*Report) []*attempt {
	type key struct{ source, environment, attempt, alone string }
	all := make([]attempt, 0, len(reports)) // as many as there can be: it does not move
	merged := make(map[key]*attempt, len(reports))
	for _, r := range reports {
		k := key{source: r.Source, environment: r.Environment, attempt: r.Attempt}
		if r.Attempt == "" {
			k.alone = r.ID
		}
		if a := merged[k]; a != nil {
			a.merge(r)
			continue
		}
		all = append(all, attempt{Report: r, Start: r.Start, Fixes: r.Fixes, Hotfix: r.Hotfix, RolledBack: r.RolledBack, names: r.names()})
		a := &all[len(all)-1]
		if r.Outcome != "" || r.Removed {
			a.End = r.Time
		}
		merged[k] = a
	}
	out := make([]*attempt, 0, len(all))
	for i := range all {
		a := &all[i]
		if a.End.IsZero() {
			continue
		}
		if a.Start.IsZero() || a.Start.After(a.End) {
			a.Start = a.End
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b *attempt) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// merge takes another report of the same attempt in. Which of two ends counts is
// decided by time, then identity, never by which came first.
func (a *attempt) merge(r *Report) {
	a.names = append(a.names, r.names()...)
	a.Fixes, a.Hotfix, a.RolledBack = union(a.Fixes, r.Fixes), a.Hotfix || r.Hotfix, a.RolledBack || r.RolledBack
	if a.Start.IsZero() || !r.Start.IsZero() && r.Start.Before(a.Start) {
		a.Start = r.Start
	}
	if r.Outcome == "" && (a.Start.IsZero() || r.Time.Before(a.Start)) {
		a.Start = r.Time
	}
	if r.Outcome != "" && (a.End.IsZero() || r.Time.After(a.End) || r.Time.Equal(a.End) && r.ID > a.ID) {
		a.Report, a.End = r, r.Time
	}
}

// names are all that an incident or a remedy may call it by.
func (r *Report) names() []string {
	names := make([]string, 0, 5+len(r.Aliases))
	return append(append(names, r.ID, r.Attempt, r.RunID, r.Version, r.Commit), r.Aliases...)
}

// A try is a deployment in the making: the latest attempt of each of its parts, in
// the order of their first.
type try struct {
	Deployment
	parts      []*attempt
	rolledBack bool // the source calls it so
}

// deployments groups the attempts of one service and tier: those of one version
// (or pipeline run) that start less than SpanLimit after the first are one, if
// they go to different places, or try again where the last attempt did not
// succeed. The result is in the order "earlier" means: by end, start, id.
func deployments(as []*attempt) []*try {
	var tries []*try
	open := make(map[groupKey]*try, len(as))
	for _, a := range as {
		keys := groupKeys(a)
		var t *try
		for _, k := range keys {
			if o := open[k]; k != (groupKey{}) && o != nil && a.Start.Sub(o.Start) < SpanLimit && o.takes(a) {
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
			if k != (groupKey{}) {
				open[k] = t
			}
		}
	}
	for _, t := range tries {
		t.finish()
	}
	slices.SortFunc(tries, func(a, b *try) int {
		return cmp.Or(a.End.Compare(b.End), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return tries
}

type groupKey struct{ kind, source, name string }

// groupKeys names what makes attempts one: their version, else their commit; and
// their pipeline run. What it has not is the zero key.
func groupKeys(a *attempt) (keys [2]groupKey) {
	switch {
	case a.Version != "":
		keys[0] = groupKey{kind: "version", name: a.Version}
	case a.Commit != "":
		keys[0] = groupKey{kind: "commit", name: a.Commit}
	}
	if a.RunID != "" {
		keys[1] = groupKey{"run", a.Source, a.RunID}
	}
	return keys
}

func newTry(a *attempt) *try {
	return &try{Deployment: Deployment{Service: a.Service, Tier: a.Tier, ID: a.ID, Source: a.Source, Repository: a.Repository, Commit: a.Commit,
		Version: a.Version, Start: a.Start, TimeQuality: a.TimeQuality}}
}

// part is where the latest attempt at the place of a stands among the parts, -1 if
// none went there: an environment, from a repository.
func (t *try) part(a *attempt) int {
	return slices.IndexFunc(t.parts, func(b *attempt) bool { return a.Environment == b.Environment && a.Repository == b.Repository })
}

func (t *try) takes(a *attempt) bool {
	i := t.part(a)
	return i < 0 || t.parts[i].Outcome != Succeeded
}

func (t *try) add(a *attempt) {
	if i := t.part(a); i >= 0 {
		t.parts[i] = a
	} else {
		t.parts = append(t.parts, a)
	}
	t.Attempts++
	if t.Names == nil {
		t.Names = a.names
	} else {
		t.Names = append(t.Names, a.names...)
	}
	t.Fixes = union(t.Fixes, a.Fixes)
	t.Hotfix, t.rolledBack = t.Hotfix || a.Hotfix, t.rolledBack || a.RolledBack
	if a.End.After(t.End) {
		t.End = a.End
	}
}

func (t *try) finish() {
	t.Succeeded = true
	for _, a := range t.parts {
		t.Succeeded = t.Succeeded && a.Outcome == Succeeded
		t.Environments = append(t.Environments, a.Environment)
	}
	t.Environments, t.Names = set(t.Environments), set(t.Names)
}

// byRepository lists, for each repository of the deployment, the commit that was
// deployed and when the last of its environments had it. The list is made in out.
func (t *try) byRepository(out []part) []part {
	for _, a := range t.parts {
		i := slices.IndexFunc(out, func(q part) bool { return q.repository == a.Repository })
		if i < 0 {
			out = append(out, part{a.Repository, a.Commit, a.End})
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
func coverage(s subject, ts []*try, removed time.Time) Coverage {
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
