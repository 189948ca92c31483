package acme

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A deployment is one version of a service on its way to production.
type deployment struct {
	service *Service
	team    *Team
	number  int       // of the service
	start   time.Time // in its first region
	end     time.Time // in its last
	cut     time.Time // the default branch as it stood then
	waves   []attempt
	hotfix  bool
	fixes   string
	back    *deployment // rollback: what it goes back to
	staged  bool
}

// An attempt is one try in one region.
type attempt struct {
	region     string
	start, end time.Time
	failed     bool
}

func (p *deployment) version() string {
	if p.back != nil {
		return p.back.version()
	}
	return fmt.Sprintf("v1.%d.%d", p.number/10, p.number%10)
}

// id is what the deploying tool calls an attempt.
func (p *deployment) id(i int) string {
	return fmt.Sprintf("%s-%d-%s-%d", p.service.Name, p.number, p.waves[i].region, i)
}

// deliver tells of everything that happened in and around the repositories of a
// group: what was changed, deployed and repaired.
func (w *World) deliver(g *group, s *stream) {
	var changes []*change
	var deployments []*deployment
	for _, svc := range g.services {
		changes = append(changes, w.pullRequests(g, svc)...)
	}
	proposed := slices.Clone(changes)
	for _, svc := range g.services {
		l := &line{w: w, s: s, service: svc, d: newDice(w.o.Seed, "deploy", svc.Name)}
		l.run(proposed)
		changes = append(changes, l.repairs...)
		deployments = append(deployments, l.done...)
	}
	for _, r := range g.repos {
		r.mains, r.pulls = nil, 0
		var own []*change
		for _, c := range changes {
			if c.repo == r {
				own = append(own, c)
			}
		}
		w.land(r, own)
	}
	d := newDice(w.o.Seed, "tell", g.repos[0].name)
	for _, c := range changes {
		w.tellChange(s, d, c)
	}
	for _, p := range deployments {
		w.tellDeployment(s, p)
	}
	w.tellRemovals(s, g)
}

// A line brings the changes of one service to production, one deployment after the
// other.
type line struct {
	w       *World
	s       *stream
	d       dice
	service *Service
	done    []*deployment
	repairs []*change
	mishaps int
}

func (l *line) run(proposed []*change) {
	var due []*change
	for _, c := range proposed {
		if !c.merged.IsZero() && slices.Contains(c.touches, l.service) {
			due = append(due, c)
		}
	}
	slices.SortStableFunc(due, func(a, b *change) int { return a.merged.Compare(b.merged) })
	var quiet time.Time // nothing new goes out while a failure is being repaired
	for i := 0; i < len(due) && due[i].merged.Before(End); {
		merged := due[i].merged
		if merged.Before(quiet) {
			merged = quiet
		}
		team := l.service.Team(merged)
		start := l.when(team, merged)
		if !start.Before(l.service.To) {
			return
		}
		n := 0
		for i < len(due) && !due[i].merged.After(start) {
			i, n = i+1, n+1
		}
		p := l.deploy(team, start, start)
		quiet = p.end.Add(10 * time.Minute)
		if l.d.chance(l.risk(p, n)) {
			quiet = l.fail(p)
			remedy := l.done[len(l.done)-1]
			for i < len(due) && due[i].merged.Before(remedy.cut) {
				i++ // went out with the repair
			}
		}
	}
}

// when is the time at which a change merged at a time goes out.
func (l *line) when(t *Team, merged time.Time) time.Time {
	z, share := t.zone, 1.0
	paved := t.has(Launchpad, merged) && l.w.works(Launchpad)
	if paved {
		share = launchpadWait
	}
	var start time.Time
	wait := l.d.logNormal(1, 0.7)
	switch t.style {
	case continuous:
		start = merged.Add(time.Duration(wait * share * 40 * float64(time.Minute)))
	case onDemand:
		start = z.later(merged, 9*wait*share)
	case train:
		start = nextTrain(z, merged)
		if paved {
			start = z.later(merged.Add(time.Duration(share*float64(start.Sub(merged)))), 0.2*wait)
		}
	}
	if frozen(start) {
		start = z.later(thaw(start), 4*wait)
	}
	return start
}

// nextTrain leaves on Tuesdays at ten, with what was merged until the evening before.
func nextTrain(z *zone, merged time.Time) time.Time {
	t := merged.Add(16 * time.Hour).In(z.loc)
	y, m, d := t.Date()
	days := (int(time.Tuesday) - int(t.Weekday()) + 7) % 7
	at := time.Date(y, m, d+days, 10, 0, 0, 0, z.loc)
	if at.Before(t) {
		at = time.Date(y, m, d+days+7, 10, 0, 0, 0, z.loc)
	}
	return at
}

// risk is the probability that a deployment of n changes fails.
func (l *line) risk(p *deployment, n int) float64 {
	r := 0.06 * math.Exp(-0.3*p.team.quality) * (1 + 0.03*float64(min(n, 20)))
	if p.team.has(Launchpad, p.start) && l.w.works(Launchpad) {
		r *= launchpadFail
	}
	if md := int(p.start.Month())*100 + p.start.Day(); md >= 107 && md <= 114 {
		r *= 2.5 // three weeks of changes at once
	}
	if l.service.Name == rewritten && !p.start.Before(RewriteBegins) && p.start.Before(RewriteEnds) {
		r *= 4
	}
	return min(r, 0.6)
}

// rewritten is the service that was rewritten while it ran.
const rewritten = "ledger-api"

// deploy brings the default branch as of cut to all regions.
func (l *line) deploy(t *Team, start, cut time.Time) *deployment {
	p := &deployment{service: l.service, team: t, number: len(l.done) + 1, start: start, cut: cut, staged: true}
	at := start
	for _, region := range l.service.regions {
		if l.d.chance(0.04) {
			end := at.Add(l.minutes(8))
			p.waves = append(p.waves, attempt{region, at, end, true})
			at = end.Add(l.minutes(20))
		}
		end := at.Add(l.minutes(12))
		p.waves = append(p.waves, attempt{region, at, end, false})
		p.end, at = end, end.Add(l.minutes(5))
	}
	l.done = append(l.done, p)
	return p
}

// minutes is about that long.
func (l *line) minutes(median float64) time.Duration {
	return time.Duration(l.d.logNormal(median, 0.4) * float64(time.Minute))
}

// fail makes up the trouble a deployment gave and how it was ended; the result is
// when there was peace.
func (l *line) fail(p *deployment) time.Time {
	begin := p.end.Add(min(time.Duration(l.d.logNormal(35, 1)*float64(time.Minute)), 20*time.Hour))
	took := time.Duration(l.d.logNormal(75, 0.9) * math.Exp(-0.25*p.team.quality) * float64(time.Minute))
	remedy := l.d.weighted(0.45, 0.35, 0.20)
	if len(l.done) < 2 {
		remedy = 1 // nothing to go back to
	}
	mended := begin.Add(max(took, 12*time.Minute))
	id := ""
	if remedy != 0 || l.d.chance(0.75) { // some are put back before anybody calls it an incident
		l.mishaps++
		id = fmt.Sprintf("INC-%s-%d", l.service.Name, l.mishaps)
		l.w.tellMishap(l.s, l.d, p, id, begin, mended)
	}
	switch remedy {
	case 0:
		l.rollBack(p, mended)
	default:
		l.repair(p, id, begin, mended, remedy == 2)
	}
	return mended.Add(20 * time.Minute)
}

// rollBack puts the version before p back, which runs everywhere at mended.
func (l *line) rollBack(p *deployment, mended time.Time) {
	to := l.done[len(l.done)-2]
	if to.back != nil {
		to = to.back
	}
	b := &deployment{service: p.service, team: p.team, number: len(l.done) + 1, cut: to.cut, back: to, start: mended.Add(-8 * time.Minute), end: mended}
	for _, region := range p.service.regions {
		b.waves = append(b.waves, attempt{region, b.start, b.end, false})
	}
	l.done = append(l.done, b)
}

// repair merges a change that ends the trouble of p and deploys it.
func (l *line) repair(p *deployment, incident string, begin, mended time.Time, revert bool) {
	merged := begin.Add(mended.Sub(begin) / 2)
	c := l.w.repair(l.d, p.service, p.team, begin, merged)
	c.hotfix = !revert
	if revert {
		c.reverts = p
	}
	if l.d.chance(0.5) {
		c.fixes = incident
	}
	l.repairs = append(l.repairs, c)
	fix := &deployment{service: p.service, team: p.team, number: len(l.done) + 1, cut: merged, start: merged.Add(mended.Sub(merged) / 3), end: mended, hotfix: !revert}
	if l.d.chance(0.6) {
		fix.fixes = incident
	}
	for _, region := range p.service.regions {
		fix.waves = append(fix.waves, attempt{region, fix.start, mended, false})
	}
	l.done = append(l.done, fix)
}

// tellDeployment tells of all attempts, from staging to the last region.
func (w *World) tellDeployment(s *stream, p *deployment) {
	if p.staged {
		p := *p
		begin := p.start.Add(-40 * time.Minute)
		if begin.Before(p.cut) {
			begin = p.cut // nobody tries out what is not merged
		}
		p.waves = []attempt{{"staging", begin, begin.Add(min(12*time.Minute, p.start.Sub(begin))), false}}
		w.tellAttempt(s, &p, 0)
	}
	for i := range p.waves {
		w.tellAttempt(s, p, i)
	}
}

func (w *World) tellAttempt(s *stream, p *deployment, i int) {
	a := p.waves[i]
	for _, r := range p.service.repos {
		sha := r.hashAt(p.cut)
		if sha == "" {
			continue // nothing was in this repository yet
		}
		id := p.id(i)
		if r != p.service.repos[0] {
			id += "-screens"
		}
		pipeline := "jenkins"
		if p.team.has(Launchpad, p.start) {
			pipeline = Launchpad
		}
		s.add(a.end, func(e *Event) {
			e.Source, e.ID, e.Subject, e.Actor = sourceDeploy, id, p.service.Name, "deploy[bot]"
			said := events.Fields{Repository: ref(r.name), Commit: sha, Version: p.version(), Ref: "main", StartedAt: events.FormatTime(a.start), Attempt: id, RunID: p.service.Name + "/" + fmt.Sprint(p.number), Pipeline: pipeline}
			artifact := "pkg:oci/" + p.service.Name + "@" + p.version()
			if a.failed {
				e.Kind, e.Content = events.DeploymentFailed, said
				e.Content.Service, e.Content.Environment, e.Content.ArtifactID, e.Content.Outcome = ref(p.service.Name), ref(a.region), artifact, "failed"
				return
			}
			e.Kind = events.ServiceDeployed
			if p.back != nil {
				e.Kind = events.ServiceRolledBack
			}
			e.Content = events.Fields{Environment: ref(a.region), ArtifactID: artifact}
			e.Custom = said
			e.Custom.Hotfix, e.Custom.Fixes = p.hotfix, list(p.fixes)
		})
	}
}

// tellRemovals tells of services that were given up.
func (w *World) tellRemovals(s *stream, g *group) {
	for _, svc := range g.services {
		if !svc.To.Before(End) {
			continue
		}
		for _, region := range svc.regions {
			s.add(svc.To, func(e *Event) {
				e.Source, e.ID, e.Kind, e.Subject = sourceDeploy, svc.Name+"-removed-"+region, events.ServiceRemoved, svc.Name
				e.Content = events.Fields{Environment: ref(region)}
			})
		}
	}
}
