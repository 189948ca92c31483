package compute_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// The oracle is the definitions of delivery, written once more as plainly as can
// be: sets instead of graph walks, loops instead of SQL. It is slow and shares no
// code with what it checks.

type oCommit struct {
	hash, actor, person string // actor is the kind; person is "" where it is not known
	parents             []string
	authored, committed time.Time
	reverts             string
	paths               []string // what it touches; only told where services share a repository
	stands              []string // a squash: the commits of its pull request
}

// An oAttempt is one try to put a version into one environment.
type oAttempt struct {
	version, commit, environment string
	start, end                   time.Time
	ok, hotfix                   bool
	fixes                        string // version of the deployment it repairs
}

type oDeployment struct {
	version, commit string
	start, end      time.Time
	ok, hotfix      bool
	fixes           string

	// found by the oracle
	latest map[string]*oAttempt // by environment
	class  string
	marks  int
	failed string // strongest rule
	caused []*oIncident
	cured  []time.Time
	rework bool
}

type oIncident struct {
	began, mitigated, resolved time.Time
	deployment                 string // version it names
	impact                     *bool
	cause, environment         string
}

type oService struct {
	name, folder string // folder: its paths in the repository; "" for all
	commits      map[string]*oCommit
	attempts     []*oAttempt
	deployments  []*oDeployment
	incidents    []*oIncident
	owners       []oTelling // teams
	leads        []oLead
	first        time.Time
	retired      time.Time    // zero if it is not
	shipped      []oCommitted // what reached production
	merged       []oCommitted // what came to the default branch, but for the baseline
}

type oCommitted struct {
	at     time.Time
	person string
}

type oLead struct {
	at time.Time
	ms *float64
}

// An oTelling is what something is from a time on, until the next; "" is nobody.
type oTelling struct {
	from  time.Time
	value string
}

// told is the last of the tellings, which are in order, that began by t.
func told(all []oTelling, t time.Time) string {
	value := ""
	for _, o := range all {
		if !o.from.After(t) {
			value = o.value
		}
	}
	return value
}

func (s *oService) reach(hash string) map[string]bool {
	seen := map[string]bool{}
	todo := []string{hash}
	for len(todo) > 0 {
		h := todo[0]
		todo = todo[1:]
		if c := s.commits[h]; c != nil && !seen[h] {
			seen[h] = true
			todo = append(todo, c.parents...)
		}
	}
	return seen
}

// has reports whether a commit is a change of the service.
func (s *oService) has(c *oCommit) bool {
	return s.folder == "" || slices.ContainsFunc(c.paths, func(p string) bool { return strings.HasPrefix(p, s.folder+"/") })
}

// group makes deployments of attempts.
func (s *oService) group() {
	slices.SortFunc(s.attempts, func(a, b *oAttempt) int { return a.start.Compare(b.start) })
	s.deployments = nil
	for _, a := range s.attempts {
		var d *oDeployment
		for _, other := range s.deployments {
			if other.version == a.version {
				d = other
			}
		}
		if d == nil || a.start.Sub(d.start) >= 6*time.Hour || d.latest[a.environment] != nil && d.latest[a.environment].ok {
			d = &oDeployment{version: a.version, commit: a.commit, start: a.start, hotfix: a.hotfix, fixes: a.fixes, latest: map[string]*oAttempt{}}
			s.deployments = append(s.deployments, d)
		}
		d.latest[a.environment] = a
		if a.end.After(d.end) {
			d.end = a.end
		}
	}
	for _, d := range s.deployments {
		d.ok = true
		for _, a := range d.latest {
			d.ok = d.ok && a.ok
		}
	}
	slices.SortFunc(s.deployments, func(a, b *oDeployment) int { return cmp.Or(a.end.Compare(b.end), a.start.Compare(b.start)) })
}

// only is the deployment of a version, nil if there are none or several.
func (s *oService) only(version string) *oDeployment {
	var found *oDeployment
	for _, d := range s.deployments {
		if version != "" && d.version == version {
			if found != nil {
				return nil
			}
			found = d
		}
	}
	return found
}

// work out everything that is true of the service.
func (s *oService) work() {
	s.group()
	s.first = s.deployments[0].start
	shippedBy := map[string]int{}
	running := ""
	for i, d := range s.deployments {
		if d.start.Before(s.first) {
			s.first = d.start
		}
		if !d.ok {
			continue
		}
		d.marks = -1
		by, shipped := shippedBy[d.commit]
		switch {
		case !shipped:
			d.class = "release"
			if len(shippedBy) == 0 {
				d.class = "baseline"
			}
			for h := range s.reach(d.commit) {
				if _, done := shippedBy[h]; done {
					continue
				}
				shippedBy[h] = i
				if stands := s.commits[h].stands; len(stands) > 0 {
					for _, o := range stands {
						shippedBy[o] = i
						s.lead(s.commits[o], d)
					}
					continue
				}
				s.lead(s.commits[h], d)
			}
		case d.commit == running:
			d.class = "redeployment"
		case s.reach(running)[d.commit] || by < shippedBy[running]:
			d.class = "rollback"
			d.marks = s.after(d.commit, i, by)
		default:
			d.class = "re_release"
		}
		running = d.commit
	}
	s.fail(shippedBy)
	s.merge(shippedBy)
}

// counts reports whether a commit is a change of the service by a person.
func (s *oService) counts(c *oCommit) bool { return len(c.parents) < 2 && c.actor != "bot" && s.has(c) }

// merge finds when changes came to the default branch: with the first commit of
// its line that contains them. Where no pull request was merged, it is not known.
func (s *oService) merge(shippedBy map[string]int) {
	head := ""
	for h, c := range s.commits {
		if len(c.stands) > 0 && (head == "" || c.committed.After(s.commits[head].committed)) {
			head = h
		}
	}
	if head == "" || len(shippedBy) == 0 {
		return
	}
	line := []string{head}
	for c := s.commits[head]; len(c.parents) > 0; c = s.commits[c.parents[0]] {
		line = append(line, c.parents[0])
	}
	seen := map[string]bool{}
	for _, step := range slices.Backward(line) {
		for h := range s.reach(step) {
			by, shipped := shippedBy[h]
			if seen[h] || shipped && s.deployments[by].class == "baseline" || !shipped && !s.retired.IsZero() { // nothing waits for what is retired
				continue
			}
			seen[h] = true
			changes := s.commits[h].stands
			if len(changes) == 0 {
				changes = []string{h}
			}
			for _, o := range changes {
				if c := s.commits[o]; s.counts(c) {
					s.merged = append(s.merged, oCommitted{s.commits[step].committed, c.person})
				}
			}
		}
	}
}

// lead takes note of the lead time of a commit that d ships, if it has one.
func (s *oService) lead(c *oCommit, d *oDeployment) {
	if !s.counts(c) {
		return
	}
	s.shipped = append(s.shipped, oCommitted{d.end, c.person})
	if d.class == "baseline" {
		return
	}
	began := c.authored
	if c.committed.Before(began) {
		began = c.committed
	}
	l := oLead{at: d.end}
	if ms := float64(d.end.Sub(began).Milliseconds()); ms >= 0 {
		l.ms = &ms
	}
	s.leads = append(s.leads, l)
}

// after is the first successful deployment after the latest of the commit before i,
// or the one that shipped it if it never was deployed by itself.
func (s *oService) after(commit string, i, by int) int {
	target := -1
	for j := range i {
		if s.deployments[j].ok && s.deployments[j].commit == commit {
			target = j
		}
	}
	if target < 0 {
		return by
	}
	for j := target + 1; ; j++ {
		if s.deployments[j].ok {
			return j
		}
	}
}

const week = 7 * 24 * time.Hour

func (d *oDeployment) mark(rule string) {
	if d.failed == "" || rule < d.failed {
		d.failed = rule
	}
}

func (s *oService) fail(shippedBy map[string]int) {
	for i, d := range s.deployments {
		if !d.ok {
			continue
		}
		placed := false
		undo := func(j int, rule string) {
			if f := s.deployments[j]; d.end.Sub(f.end) < week {
				f.mark(rule)
				f.cured = append(f.cured, d.end)
				placed = true
			}
		}
		if d.class == "rollback" {
			d.rework = true
			undo(d.marks, "b")
		}
		for h, by := range shippedBy {
			c := s.commits[h]
			of, known := shippedBy[c.reverts]
			if by != i || d.class == "baseline" || c.reverts == "" || !s.has(c) || !known || of >= i || d.end.Sub(s.deployments[of].end) >= week {
				continue
			}
			d.rework = true
			undo(of, "b")
		}
		d.rework = d.rework || d.hotfix || d.fixes != ""
		if placed {
			continue
		}
		if f := s.only(d.fixes); f != nil && f.end.Before(d.end) {
			undo(slices.Index(s.deployments, f), "c")
		}
		if d.hotfix && d.fixes == "" && i > 0 {
			undo(i-1, "c")
		}
	}
	for _, in := range s.incidents {
		if in.impact != nil && !*in.impact || in.cause != "" && in.cause != "deployment" {
			continue
		}
		if d := s.only(in.deployment); d != nil {
			d.mark("a")
			d.caused = append(d.caused, in)
			continue
		}
		var best *oDeployment
		for _, d := range s.deployments {
			if d.ok && !d.start.After(in.began) && in.began.Sub(d.end) < 24*time.Hour && (best == nil || d.start.After(best.start)) {
				best = d
			}
		}
		if best != nil {
			best.mark("d")
			best.caused = append(best.caused, in)
		}
	}
}

// recovery is milliseconds; nil while open and where it is not positive.
func (d *oDeployment) recovery() *float64 {
	failed, restored := d.end, time.Time{}
	for _, in := range d.caused {
		if in.began.Before(failed) {
			failed = in.began
		}
		r := in.resolved
		if !in.mitigated.IsZero() {
			r = in.mitigated
		}
		if r.IsZero() {
			return nil
		}
		if r.After(restored) {
			restored = r
		}
	}
	if len(d.caused) == 0 {
		restored = slices.MinFunc(d.cured, time.Time.Compare)
	}
	if !restored.After(failed) {
		return nil
	}
	ms := float64(restored.Sub(failed).Milliseconds())
	return &ms
}

// hidden reports whether the service is shown only inside its unit: all that was
// merged, or all that reached production, in the window while a team owned it, is
// of one person.
func (s *oService) hidden(w metric.Window) bool {
	for _, all := range [][]oCommitted{s.shipped, s.merged} {
		people := map[string]bool{}
		for _, c := range all {
			if c.person != "" && w.Contains(c.at) && told(s.owners, c.at) != "" {
				people[c.person] = true
			}
		}
		if len(people) == 1 {
			return true
		}
	}
	return false
}

type oPoint struct {
	value *float64
	n     uint64
}

// oPoints computes the window's points of some services together: of all that
// happened while belongs says that the service was of theirs.
func oPoints(services []*oService, w metric.Window, horizon time.Time, belongs func(*oService, time.Time) bool) map[string]oPoint {
	out := map[string]oPoint{}
	var leads, recoveries []float64
	var missing, open, deployed, days, succeeded, tried, failed, abc, rework float64
	on := map[int64]bool{}
	for _, s := range services {
		from, to := w.Start, w.End
		if s.first.After(from) {
			from = s.first
		}
		if horizon.Before(to) {
			to = horizon
		}
		if !s.retired.IsZero() && s.retired.Before(to) {
			to = s.retired
		}
		for t := from; t.Before(to); t = t.Truncate(24 * time.Hour).Add(24 * time.Hour) {
			if belongs(s, t) {
				days++
			}
		}
		for _, l := range s.leads {
			switch {
			case !w.Contains(l.at) || !belongs(s, l.at):
			case l.ms == nil:
				missing++
			default:
				leads = append(leads, *l.ms)
			}
		}
		for _, d := range s.deployments {
			if !w.Contains(d.end) || !belongs(s, d.end) {
				continue
			}
			if d.ok {
				succeeded++
				if d.class != "redeployment" {
					deployed++
					on[d.end.Unix()/86400] = true
				}
				if d.rework {
					rework++
				}
			}
			if d.ok || d.failed != "" {
				tried++
			}
			if d.failed == "" {
				continue
			}
			failed++
			if d.failed < "d" {
				abc++
			}
			if r := d.recovery(); r != nil {
				recoveries = append(recoveries, *r)
			} else {
				open++
			}
		}
	}
	num := func(v float64) *float64 { return &v }
	if days > 0 {
		out["dora.deployment_frequency"] = oPoint{num(deployed / days), uint64(deployed)}
		out["dora.deployment_frequency/days"] = oPoint{num(float64(len(on))), uint64(deployed)}
		out["dora.failed_deployments"] = oPoint{num(failed * 7 / days), uint64(failed)}
	}
	if len(leads)+int(missing) > 0 {
		n := uint64(len(leads))
		out["dora.change_lead_time"] = oPoint{oQuantile(leads, 0.5), n}
		out["dora.change_lead_time/p75"] = oPoint{oQuantile(leads, 0.75), n}
		out["dora.change_lead_time/p90"] = oPoint{oQuantile(leads, 0.9), n}
		out["dora.change_lead_time/missing"] = oPoint{num(missing), n + uint64(missing)}
	}
	if tried > 0 {
		out["dora.change_fail_rate"] = oPoint{num(failed / tried), uint64(tried)}
		out["dora.change_fail_rate/rules_abc"] = oPoint{num(abc / tried), uint64(tried)}
	}
	if succeeded > 0 {
		out["dora.deployment_rework_rate"] = oPoint{num(rework / succeeded), uint64(succeeded)}
	}
	if failed > 0 {
		out["dora.failed_deployment_recovery_time"] = oPoint{oQuantile(recoveries, 0.5), uint64(len(recoveries))}
		out["dora.failed_deployment_recovery_time/p75"] = oPoint{oQuantile(recoveries, 0.75), uint64(len(recoveries))}
		out["dora.failed_deployment_recovery_time/p90"] = oPoint{oQuantile(recoveries, 0.9), uint64(len(recoveries))}
		out["dora.failed_deployment_recovery_time/open"] = oPoint{num(open), uint64(failed)}
	}
	return out
}

// oQuantile is of type 7: h = (n-1)p, counted from 1, as the store rounds it.
func oQuantile(x []float64, p float64) *float64 {
	if len(x) == 0 {
		return nil
	}
	slices.Sort(x)
	h := float64(len(x)-1)*p + 1
	i := int(h)
	v := x[i-1]
	if i < len(x) {
		v += (h - float64(i)) * (x[i] - v)
	}
	return &v
}
