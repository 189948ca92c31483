package compute_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric"
)

// An organisation is what the property test draws: repositories of one service or
// several, and teams and units to which these belong for a time.
type organisation struct {
	repositories []*repository
	services     []*oService
	teams        []string
	units        map[string][]oTelling // by team
	third        map[string]time.Time  // by team: when the third of its members joined
}

// A repository has a history with merges, reverts and bots. Where its changes come by
// pull requests, it has their commits, too; where several services share it, each has
// a folder. The one service of another may be deployed from a second repository, too.
type repository struct {
	name     string
	commits  map[string]*oCommit // the second repository's, too
	line     []string            // commits of the default branch, in order
	pulls    bool
	people   []string // whose commits these are; none where that is not known
	services []*oService
	second   *repository
	at       *time.Time // of what was made last
}

func randomOrganisation(r *rand.Rand) *organisation {
	o := &organisation{units: make(map[string][]oTelling), third: make(map[string]time.Time)}
	for i := range 5 {
		team := fmt.Sprintf("team-%d", i)
		o.teams = append(o.teams, team)
		o.third[team] = events.Earliest
		if i%2 > 0 {
			o.third[team] = randomDay(r)
		}
		o.units[team] = []oTelling{{events.Earliest, fmt.Sprintf("unit-%d", i%2)}}
		if i > 2 { // is moved
			o.units[team] = append(o.units[team], oTelling{randomDay(r), fmt.Sprintf("unit-%d", (i+1)%2)})
		}
	}
	for i := range 16 {
		o.repositories = append(o.repositories, o.randomRepository(r, fmt.Sprintf("repo-%02d", i)))
	}
	return o
}

// randomDay is in the time in which services are deployed, most often midnight.
func randomDay(r *rand.Rand) time.Time {
	return start.AddDate(0, 0, 3+r.IntN(20)).Add(time.Duration(max(0, r.IntN(24)-18)) * time.Hour)
}

// randomOwners are one to three teams, one after the other, or nobody for a time.
func (o *organisation) randomOwners(r *rand.Rand) []oTelling {
	owners := []oTelling{{events.Earliest, o.teams[r.IntN(len(o.teams))]}}
	for range r.IntN(3) {
		team := ""
		if r.IntN(4) > 0 {
			team = o.teams[r.IntN(len(o.teams))]
		}
		owners = append(owners, oTelling{randomDay(r), team})
	}
	slices.SortStableFunc(owners, func(a, b oTelling) int { return a.from.Compare(b.from) })
	return owners
}

func (o *organisation) randomRepository(r *rand.Rand, name string) *repository {
	at := start.Add(time.Duration(r.IntN(72*3600*1000)) * time.Millisecond)
	m := &repository{name: name, commits: make(map[string]*oCommit), pulls: r.IntN(2) == 0, at: &at}
	for i := range max(0, r.IntN(6)-1) {
		m.people = append(m.people, fmt.Sprintf("%s-p%d", name, i))
	}
	count := max(1, r.IntN(5)-1)
	for i := range count {
		s := &oService{name: fmt.Sprintf("%s-%d", name, i), commits: m.commits, owners: o.randomOwners(r)}
		if count > 1 {
			s.folder = s.name
		}
		m.services = append(m.services, s)
	}
	if count == 1 && r.IntN(2) == 0 {
		m.second = &repository{name: name + "-lib", commits: m.commits, pulls: r.IntN(2) == 0, people: m.people, services: m.services, at: m.at}
	}
	o.services = append(o.services, m.services...)
	environments := []string{"production"}
	if r.IntN(3) == 0 {
		environments = []string{"production-eu", "production-us", "production-ap"}[:2+r.IntN(2)]
	}
	for range 12 + r.IntN(20) {
		m.commit(r)
		if m.second != nil && (len(m.second.line) == 0 || r.IntN(2) == 0) {
			m.second.commit(r)
		}
		for _, s := range m.services {
			if r.IntN(2) == 0 {
				s.deploy(r, m.some(r), environments, m.step)
			}
		}
	}
	for _, s := range m.services {
		s.deploy(r, []oPart{{repository: m.name, commit: m.line[len(m.line)-1]}}, environments, m.step)
		s.group()
		s.repair(r)
		s.disturb(r, environments)
		if len(environments) == 1 && r.IntN(5) == 0 {
			s.retired = s.deployments[len(s.deployments)-1].end.Add(time.Duration(1+r.IntN(100*3600*1000)) * time.Millisecond)
		}
	}
	return m
}

// some is what is deployed: a late commit, one of the second repository with it, or
// that alone.
func (m *repository) some(r *rand.Rand) []oPart {
	pick := func(m *repository) oPart {
		return oPart{repository: m.name, commit: m.line[max(0, len(m.line)-1-r.IntN(1+r.IntN(5)))]}
	}
	if m.second == nil {
		return []oPart{pick(m)}
	}
	both := []oPart{pick(m), pick(m.second)}
	switch r.IntN(4) {
	case 0:
		return both[:1]
	case 1:
		return both[1:]
	}
	return both
}

func (m *repository) step(r *rand.Rand, hours int) time.Time {
	*m.at = m.at.Add(time.Duration(1+r.IntN(hours*3600*1000)) * time.Millisecond)
	return *m.at
}

// commit puts a commit onto the default branch: a merge, just one, or what comes of
// a pull request.
func (m *repository) commit(r *rand.Rand) {
	n := len(m.line)
	var parents []string
	if n > 0 {
		parents = []string{m.line[max(0, n-1-r.IntN(2))]}
	}
	switch {
	case n > 2 && r.IntN(5) == 0 && m.line[n-3] != parents[0]:
		m.land(r, append(parents, m.line[n-3]))
	case n > 0 && m.pulls && r.IntN(2) == 0:
		m.merge(r, parents[0])
	default:
		m.land(r, parents)
	}
}

// land puts one commit onto the default branch.
func (m *repository) land(r *rand.Rand, parents []string) *oCommit {
	c := m.add(r, fmt.Sprintf("%s-%03d", m.name, len(m.line)), parents)
	m.takeBack(r, c)
	m.line = append(m.line, c.hash)
	return c
}

// merge makes a pull request and merges it: as a squash, by a merge commit, or by
// rebasing its commits.
func (m *repository) merge(r *rand.Rand, base string) {
	var own []string
	last := base
	for i := range 1 + r.IntN(3) {
		c := m.add(r, fmt.Sprintf("%s-%03d-%d", m.name, len(m.line), i), []string{last})
		m.takeBack(r, c)
		own, last = append(own, c.hash), c.hash
	}
	switch r.IntN(3) {
	case 0:
		c := m.land(r, []string{base})
		c.authored, c.reverts, c.paths, c.stands, c.pull = c.committed, "", nil, own, own
		for _, o := range own {
			c.paths = append(c.paths, m.commits[o].paths...)
		}
	case 1:
		m.land(r, []string{base, last}).pull = own
	default:
		m.rebase(r, base, own)
	}
}

// rebase commits anew, at once, what is on a branch.
func (m *repository) rebase(r *rand.Rand, base string, own []string) {
	at := m.step(r, 12)
	for _, o := range own {
		of := m.commits[o]
		if of.authored.After(of.committed) {
			of.authored = of.committed
		}
		c := *of
		c.hash, c.parents, c.committed = fmt.Sprintf("%s-%03d", m.name, len(m.line)), []string{base}, at
		m.commits[c.hash] = &c
		m.line, base, at = append(m.line, c.hash), c.hash, at.Add(time.Second)
	}
	*m.at = at
	m.commits[base].pull = own
}

// takeBack lets one commit in five revert an earlier one, or one that it was squashed
// of, and so touch what that one did.
func (m *repository) takeBack(r *rand.Rand, c *oCommit) {
	if r.IntN(5) > 0 || len(m.line) == 0 {
		return
	}
	of := m.commits[m.line[r.IntN(len(m.line))]]
	if n := len(of.stands); n > 0 && r.IntN(2) == 0 {
		of = m.commits[of.stands[r.IntN(n)]]
	}
	if len(m.services) == 1 || len(c.parents) < 2 && len(of.parents) < 2 {
		c.reverts, c.paths = of.hash, of.paths
	}
}

// add makes a commit, with the paths it touches where services share the repository.
func (m *repository) add(r *rand.Rand, hash string, parents []string) *oCommit {
	c := &oCommit{repository: m.name, hash: hash, actor: events.Human, parents: parents, committed: m.step(r, 12)}
	c.authored = c.committed.Add(-time.Duration(r.IntN(90*3600*1000)-3600*1000) * time.Millisecond)
	switch {
	case r.IntN(6) == 0:
		c.actor = events.Bot
	case len(m.people) > 0:
		c.person = m.people[r.IntN(len(m.people))]
	}
	if len(m.services) > 1 && len(parents) < 2 {
		for range 1 + r.IntN(2) {
			c.paths = append(c.paths, fmt.Sprintf("%s/file-%d", m.services[r.IntN(len(m.services))].name, r.IntN(9)))
		}
	}
	m.commits[hash] = c
	return c
}

// deploy brings commits to the environments, one after the other; what fails may be
// tried again, and one may come so late that it is another deployment.
func (s *oService) deploy(r *rand.Rand, parts []oPart, environments []string, step func(*rand.Rand, int) time.Time) {
	version, hotfix, begin := fmt.Sprintf("%s-v%d", s.name, len(s.attempts)), r.IntN(8) == 0, step(r, 20)
	if r.IntN(12) == 0 && len(s.attempts) > 0 { // once more
		last := s.attempts[r.IntN(len(s.attempts))]
		version, parts, hotfix = last.version, s.partsOf(last.version), last.hotfix
	}
	upTo := func(hours int) time.Duration { return time.Duration(1+r.IntN(hours*3600*1000)) * time.Millisecond }
	var late time.Duration
	for i, e := range environments {
		for k, p := range parts {
			at := begin
			switch {
			case i == 0 && k == 0:
			case r.IntN(10) == 0:
				at = begin.Add(dora.SpanLimit + late)
				late += time.Millisecond // no two start at once
			default:
				at = begin.Add(upTo(7))
			}
			for {
				a := &oAttempt{version: version, environment: e, start: at, ok: r.IntN(6) > 0, hotfix: hotfix, oPart: oPart{p.repository, p.commit, at.Add(upTo(2))}}
				s.attempts = append(s.attempts, a)
				if a.ok || r.IntN(2) == 0 {
					break
				}
				at = a.end.Add(upTo(1))
			}
		}
	}
	step(r, 2)
}

// partsOf is what was deployed as a version.
func (s *oService) partsOf(version string) []oPart {
	var out []oPart
	for _, a := range s.attempts {
		if a.version == version && !slices.ContainsFunc(out, func(p oPart) bool { return p.repository == a.repository }) {
			out = append(out, oPart{repository: a.repository, commit: a.commit})
		}
	}
	return out
}

// repair lets some deployments name the earlier one that they repair.
func (s *oService) repair(r *rand.Rand) {
	for i, d := range s.deployments {
		if r.IntN(8) > 0 || i == 0 {
			continue
		}
		if of := s.deployments[r.IntN(i)]; of.version != d.version && s.only(of.version) != nil {
			for _, a := range s.attempts {
				if a.version == d.version {
					a.fixes = of.version
				}
			}
		}
	}
}

// disturb makes incidents, most of them soon after a deployment.
func (s *oService) disturb(r *rand.Rand, environments []string) {
	for range r.IntN(12) {
		d := s.deployments[r.IntN(len(s.deployments))]
		in := &oIncident{environment: environments[r.IntN(len(environments))], began: d.end.Add(time.Duration(r.IntN(50*3600*1000)-3600*1000) * time.Millisecond)}
		if r.IntN(4) == 0 && s.only(d.version) != nil {
			in.deployment = d.version
		}
		if r.IntN(3) > 0 {
			in.mitigated = in.began.Add(time.Duration(r.IntN(5*3600*1000)) * time.Millisecond)
		}
		if r.IntN(4) > 0 {
			in.resolved = in.began.Add(time.Duration(5*3600*1000+r.IntN(5*3600*1000)) * time.Millisecond)
		}
		if r.IntN(3) == 0 {
			impact := r.IntN(2) == 0
			in.impact = &impact
		}
		in.cause = []string{"", "", "", "deployment", "capacity"}[r.IntN(5)]
		s.incidents = append(s.incidents, in)
	}
}

// parts is where the code of the services is that share a repository.
func (o *organisation) parts() []dora.Part {
	var out []dora.Part
	for _, m := range o.repositories {
		for _, s := range m.services {
			if s.folder != "" {
				out = append(out, dora.Part{Service: s.name, Repository: m.name, Paths: []string{s.folder + "/**"}})
			}
		}
	}
	return out
}

// subjects are all that a window's points are of, and which service belongs to
// them when.
func (o *organisation) subjects(w metric.Window) map[string]func(*oService, time.Time) bool {
	out := map[string]func(*oService, time.Time) bool{"whole": func(*oService, time.Time) bool { return true }}
	for _, s := range o.services {
		if !s.hidden(w) {
			out["service "+s.name] = func(other *oService, _ time.Time) bool { return other == s }
		}
	}
	for _, team := range o.teams {
		out["team "+team] = func(s *oService, t time.Time) bool {
			return told(s.owners, t) == team && !t.Before(o.third[team]) // fewer than three members are shown only inside their unit
		}
		unit := o.units[team][0].value
		out["unit "+unit] = func(s *oService, t time.Time) bool { return told(o.units[told(s.owners, t)], t) == unit }
	}
	return out
}

// changes are the times at which anything belongs to another.
func (o *organisation) changes() []time.Time {
	var out []time.Time
	for _, s := range o.services {
		for _, owner := range s.owners {
			out = append(out, owner.from)
		}
	}
	for _, units := range o.units {
		for _, unit := range units {
			out = append(out, unit.from)
		}
	}
	for _, third := range o.third {
		out = append(out, third)
	}
	return out
}

func (o *organisation) events(t *testing.T) []events.Event {
	c := &company{}
	for _, m := range o.repositories {
		m.events(t, c)
	}
	o.declare(t, c)
	return c.events
}

func (m *repository) events(t *testing.T, c *company) {
	for _, k := range m.commits {
		repo := &events.Ref{ID: k.repository}
		f := events.Fields{Repository: repo, Parents: k.parents, AuthorTime: events.FormatTime(k.authored), Paths: slices.Compact(slices.Sorted(slices.Values(k.paths)))}
		if k.reverts != "" {
			f.Reverts = []string{k.reverts}
		}
		c.add(t, events.Draft{Source: "test", Kind: events.CommitRecorded, Natural: []string{k.hash}, Subject: k.hash, Time: k.committed, ActorKind: k.actor, Actor: k.person, Content: f})
		if len(k.pull) > 0 {
			c.add(t, events.Draft{Source: "test", Kind: events.ChangeMerged, Natural: []string{k.hash, "merged"}, Subject: k.repository + "#" + k.hash, Time: k.committed, ActorKind: events.Human,
				Content: events.Fields{Repository: repo}, Custom: events.Fields{MergeCommit: k.hash, Commits: k.pull, DefaultBranch: true}})
		}
	}
	for i, s := range m.services {
		s.events(t, c, m.services[(i+1)%len(m.services)].name)
	}
}

// events tells of some of its attempts first that they were another service's.
func (s *oService) events(t *testing.T, c *company, other string) {
	for i, a := range s.attempts {
		f := events.Fields{Repository: &events.Ref{ID: a.repository}, Version: a.version, Commit: a.commit, StartedAt: events.FormatTime(a.start), Hotfix: a.hotfix}
		if a.fixes != "" {
			f.Fixes = []string{a.fixes}
		}
		environment := &events.Ref{ID: a.environment}
		draft := events.Draft{Source: "test", Kind: events.ServiceDeployed, Natural: []string{s.name, fmt.Sprint(i)}, Subject: s.name, Time: a.end, ActorKind: events.Human,
			Content: events.Fields{Environment: environment}, Custom: f}
		if !a.ok {
			f.Service, f.Environment, f.Outcome = &events.Ref{ID: s.name}, environment, "failed"
			draft.Kind, draft.Content, draft.Custom = events.DeploymentFailed, f, events.Fields{}
		}
		if draft.Kind == events.ServiceDeployed && i%4 == 1 && other != s.name {
			draft.Subject, draft.Sequence = other, 1
			c.add(t, draft)
			draft.Subject, draft.Sequence = s.name, 2
		}
		c.add(t, draft)
	}
	if !s.retired.IsZero() {
		c.add(t, events.Draft{Source: "test", Kind: events.ServiceRemoved, Natural: []string{s.name, "removed"}, Subject: s.name, Time: s.retired, ActorKind: events.Human,
			Content: events.Fields{Environment: &events.Ref{ID: "production"}}})
	}
	for i, in := range s.incidents {
		id := fmt.Sprintf("%s-i%d", s.name, i)
		f := events.Fields{Service: &events.Ref{ID: s.name}, Environment: &events.Ref{ID: in.environment}, Impact: in.impact, Cause: in.cause, Deployment: in.deployment}
		for _, tr := range []struct {
			kind events.Kind
			at   time.Time
		}{{events.IncidentDetected, in.began}, {events.IncidentMitigated, in.mitigated}, {events.IncidentResolved, in.resolved}} {
			if !tr.at.IsZero() {
				c.add(t, events.Draft{Source: "test", Kind: tr.kind, Natural: []string{id, string(tr.kind)}, Subject: id, Time: tr.at, Content: f})
			}
		}
	}
}

// declare tells of the organisation: of each service first that it is another
// team's, which is then corrected.
func (o *organisation) declare(t *testing.T, c *company) {
	say := func(subject string, sequence uint64, rows []events.Declared) {
		c.add(t, events.Draft{Source: "org", Kind: events.OrgDeclared, Natural: []string{subject}, Subject: subject, Time: events.Earliest, Sequence: sequence, Content: events.Fields{Rows: rows}})
	}
	for _, team := range o.teams {
		say("team/"+team, 2, rows(o.units[team], func(d *events.Declared, unit string) { d.Unit = unit }))
		for i := range 3 {
			person := fmt.Sprintf("%s-p%d", team, i)
			since := ""
			if i == 2 {
				since = events.FormatTime(o.third[team])
			}
			say("person/"+person, 2, []events.Declared{{Person: person, Team: team, From: since}})
		}
	}
	owned := func(d *events.Declared, team string) { d.Team = team }
	for i, s := range o.services {
		say("service/"+s.name, 1, rows([]oTelling{{events.Earliest, o.teams[i%len(o.teams)]}}, owned))
		say("service/"+s.name, 2, rows(s.owners, owned))
	}
}

// rows says the tellings as an organisation's files do: with a first and a last day.
func rows(all []oTelling, set func(*events.Declared, string)) []events.Declared {
	var out []events.Declared
	for i, o := range all {
		d := events.Declared{From: events.FormatTime(o.from)}
		if i+1 < len(all) {
			d.To = events.FormatTime(all[i+1].from)
		}
		if set(&d, o.value); cmp.Or(d.Team, d.Unit) != "" {
			out = append(out, d)
		}
	}
	return out
}
