package compute_test

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// The oracle is the definitions of delivery, written once more as plainly as can
// be: sets instead of graph walks, loops instead of SQL. It is slow and shares no
// code with what it checks.

type oCommit struct {
	repository          string
	hash, actor, person string // actor is the kind; person is "" where it is not known
	parents             []string
	authored, committed time.Time
	reverts             string
	paths               []string // what it touches; only told where services share a repository
	stands              []string // a squash: the commits of its pull request
	pull                []string // the commits a pull request lists that was merged with this one
}

// An oAttempt is one try to put a version into one environment.
type oAttempt struct {
	version, environment string
	oPart
	start      time.Time
	ok, hotfix bool
	fixes      string // version of the deployment it repairs
}

// An oPart is what of one repository was deployed, and when it was there.
type oPart struct {
	repository, commit string
	end                time.Time
}

// An oPlace is an environment and a repository whose part goes there.
type oPlace struct{ environment, repository string }

type oDeployment struct {
	version    string
	start, end time.Time
	ok, hotfix bool
	fixes      string

	// found by the oracle
	latest map[oPlace]*oAttempt
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
	retired      time.Time      // zero if it is not
	shippedBy    map[string]int // by commit: the deployment
	baselines    map[string]int // by repository: the deployment
	shipped      []oCommitted   // what reached production
	merged       []oCommitted   // what came to the default branch, but for the baseline
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
		to := oPlace{a.environment, a.repository}
		if d == nil || a.start.Sub(d.start) >= 6*time.Hour || d.latest[to] != nil && d.latest[to].ok {
			d = &oDeployment{version: a.version, start: a.start, hotfix: a.hotfix, fixes: a.fixes, latest: map[oPlace]*oAttempt{}}
			s.deployments = append(s.deployments, d)
		}
		d.latest[to] = a
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

// part is what the deployment brought of a repository; nil for nothing.
func (d *oDeployment) part(repository string) *oPart {
	var out *oPart
	for to, a := range d.latest {
		if to.repository == repository && (out == nil || a.end.After(out.end)) {
			out = &oPart{repository, a.commit, a.end}
		}
	}
	return out
}

// parts are those of all its repositories: first the one that was begun first.
func (d *oDeployment) parts(all []*oAttempt) []*oPart {
	var out []*oPart
	for _, a := range all {
		of := d.part(a.repository)
		if d.version == a.version && of != nil && !a.start.Before(d.start) && !slices.ContainsFunc(out, func(p *oPart) bool { return p.repository == of.repository }) {
			out = append(out, of)
		}
	}
	return out
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
	s.shippedBy, s.baselines = map[string]int{}, map[string]int{}
	running := map[string]string{} // by repository
	for i, d := range s.deployments {
		if d.start.Before(s.first) {
			s.first = d.start
		}
		if !d.ok {
			continue
		}
		d.marks = -1
		for _, p := range d.parts(s.attempts) {
			class := s.ship(i, p, running[p.repository])
			if rank := []string{"redeployment", "re_release", "rollback", "release", "baseline"}; slices.Index(rank, class) > slices.Index(rank, d.class) {
				d.class = class
			}
			running[p.repository] = p.commit
		}
	}
	s.fail()
	for repository := range s.baselines {
		s.merge(repository)
	}
}

// ship says what the i-th deployment's part of a repository is, where running ran.
func (s *oService) ship(i int, p *oPart, running string) string {
	by, shipped := s.shippedBy[p.commit]
	switch {
	case shipped && p.commit == running:
		return "redeployment"
	case shipped && (s.reach(running)[p.commit] || by < s.shippedBy[running]):
		if d := s.deployments[i]; d.marks < 0 {
			d.marks = s.after(p, i, by)
		}
		return "rollback"
	case shipped:
		return "re_release"
	}
	_, based := s.baselines[p.repository]
	if !based {
		s.baselines[p.repository] = i
	}
	for h := range s.reach(p.commit) {
		if _, done := s.shippedBy[h]; done {
			continue
		}
		s.shippedBy[h] = i
		if len(s.commits[h].stands) == 0 {
			s.lead(s.commits[h], p, !based)
		}
		for _, o := range s.commits[h].stands {
			s.shippedBy[o] = i
			s.lead(s.commits[o], p, !based)
		}
	}
	if !based {
		return "baseline"
	}
	return "release"
}

// inBaseline reports whether a shipped commit came with the first deployment from its
// repository.
func (s *oService) inBaseline(c *oCommit) bool {
	by, ok := s.baselines[c.repository]
	return ok && s.shippedBy[c.hash] == by
}

// counts reports whether a commit is a change of the service by a person.
func (s *oService) counts(c *oCommit) bool { return len(c.parents) < 2 && c.actor != "bot" && s.has(c) }

// merge finds when changes came to the default branch of a repository: with the first
// commit of its line that contains them. Where no pull request was merged, it is not
// known.
func (s *oService) merge(repository string) {
	head := ""
	for h, c := range s.commits {
		if c.repository == repository && len(c.pull) > 0 && (head == "" || c.committed.After(s.commits[head].committed)) {
			head = h
		}
	}
	if head == "" {
		return
	}
	line := []string{head}
	for c := s.commits[head]; len(c.parents) > 0; c = s.commits[c.parents[0]] {
		line = append(line, c.parents[0])
	}
	seen := map[string]bool{}
	for _, step := range slices.Backward(line) {
		for h := range s.reach(step) {
			_, shipped := s.shippedBy[h]
			if seen[h] || shipped && s.inBaseline(s.commits[h]) || !shipped && !s.retired.IsZero() { // nothing waits for what is retired
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

// lead takes note of the lead time of a commit that a part of a deployment ships, if
// it has one.
func (s *oService) lead(c *oCommit, p *oPart, baseline bool) {
	if !s.counts(c) {
		return
	}
	s.shipped = append(s.shipped, oCommitted{p.end, c.person})
	if baseline {
		return
	}
	began := c.authored
	if c.committed.Before(began) {
		began = c.committed
	}
	l := oLead{at: p.end}
	if ms := float64(p.end.Sub(began).Milliseconds()); ms >= 0 {
		l.ms = &ms
	}
	s.leads = append(s.leads, l)
}

// after is the first successful deployment from the repository after the latest of
// the commit before i, or the one that shipped it if it never was deployed by itself.
func (s *oService) after(p *oPart, i, by int) int {
	target := -1
	for j := range i {
		if of := s.deployments[j].part(p.repository); s.deployments[j].ok && of != nil && of.commit == p.commit {
			target = j
		}
	}
	if target < 0 {
		return by
	}
	for j := target + 1; ; j++ {
		if s.deployments[j].ok && s.deployments[j].part(p.repository) != nil {
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

func (s *oService) fail() {
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
		for h, by := range s.shippedBy {
			c := s.commits[h]
			of, known := s.shippedBy[c.reverts]
			if by != i || s.inBaseline(c) || c.reverts == "" || !s.has(c) || !known || of >= i ||
				d.part(c.repository).end.Sub(s.deployments[of].part(c.repository).end) >= week {
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
	value     *float64
	n         uint64
	low, high *float64
	quality   string
}

// An oSum is what a point is of: the facts of some services in a window.
type oSum struct {
	leads, recoveries                            []float64
	missing, open                                float64
	days, deployed, succeeded, tried             float64
	failed, abc, rework                          float64
	on, failedOn                                 map[int64]bool
	cutDays, cutYoung, cutLeads, cutOf, cutFails cut // of what their names say
	cutFailed                                    cut
}

// A cut is whether a point is of a window that is covered in part only: if it is so
// of every service that it is of.
type cut struct{ whole bool }

func (c *cut) is(cut bool) { c.whole = c.whole || !cut }

func (c cut) quality(n int) string {
	switch {
	case !c.whole:
		return "partial"
	case n < 10:
		return "low_n"
	}
	return "ok"
}

// oPoints computes the window's points of some services together: of all that
// happened while belongs says that the service was of theirs. Between the changes
// of a service nothing of that is different.
func oPoints(services []*oService, w metric.Window, horizon time.Time, changes []time.Time, belongs func(*oService, time.Time) bool) map[string]oPoint {
	sum := oSum{on: map[int64]bool{}, failedOn: map[int64]bool{}}
	for _, s := range services {
		sum.add(s, w, horizon, changes, belongs)
	}
	return sum.points()
}

func (sum *oSum) add(s *oService, w metric.Window, horizon time.Time, changes []time.Time, belongs func(*oService, time.Time) bool) {
	day := func(t time.Time) int64 { return t.Unix() / 86400 }
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
	uncovered := day(s.first) > day(w.Start) || to.Before(w.End)
	young := uncovered || horizon.Before(w.End.Add(24*time.Hour))
	for t := from; t.Before(to); t = t.Truncate(24 * time.Hour).Add(24 * time.Hour) {
		if belongs(s, t) {
			sum.days++
		}
	}
	for _, t := range append(changes, from) {
		if !t.Before(from) && t.Before(to) && belongs(s, t) {
			sum.cutDays.is(uncovered)
			sum.cutYoung.is(young)
		}
	}
	for _, l := range s.leads {
		if !w.Contains(l.at) || !belongs(s, l.at) {
			continue
		}
		sum.cutLeads.is(uncovered)
		if l.ms == nil {
			sum.missing++
		} else {
			sum.leads = append(sum.leads, *l.ms)
		}
	}
	for _, d := range s.deployments {
		if !w.Contains(d.end) || !belongs(s, d.end) {
			continue
		}
		if d.ok {
			sum.succeeded++
			sum.cutOf.is(uncovered)
			if d.class != "redeployment" {
				sum.deployed++
				sum.on[day(d.end)] = true
			}
			if d.rework {
				sum.rework++
			}
		}
		if d.ok || d.failed != "" {
			sum.tried++
			sum.cutFails.is(young)
		}
		if d.failed == "" {
			continue
		}
		sum.failed++
		sum.cutFailed.is(young)
		sum.failedOn[day(d.end)] = true
		if d.failed < "d" {
			sum.abc++
		}
		if r := d.recovery(); r != nil {
			sum.recoveries = append(sum.recoveries, *r)
		} else {
			sum.open++
		}
	}
}

func (sum *oSum) points() map[string]oPoint {
	out := map[string]oPoint{}
	if sum.days > 0 {
		perDays(out, "dora.deployment_frequency", sum.deployed, 1, sum.days, len(sum.on), sum.cutDays)
		perDays(out, "dora.failed_deployments", sum.failed, 7, sum.days, len(sum.failedOn), sum.cutYoung)
	}
	medians(out, "dora.change_lead_time", "missing", sum.leads, sum.missing, sum.cutLeads)
	if sum.tried > 0 {
		out["dora.change_fail_rate"] = share(sum.failed, sum.tried, sum.cutFails)
		out["dora.change_fail_rate/rules_abc"] = share(sum.abc, sum.tried, sum.cutFails)
	}
	if sum.succeeded > 0 {
		out["dora.deployment_rework_rate"] = share(sum.rework, sum.succeeded, sum.cutOf)
	}
	medians(out, "dora.failed_deployment_recovery_time", "open", sum.recoveries, sum.open, sum.cutFailed)
	return out
}

func number(v float64) *float64 { return &v }

const z95 = 1.959963984540054

// perDays is a count per covered days, with Byar's interval (Breslow and Day 1987).
func perDays(out map[string]oPoint, name string, n, scale, days float64, on int, c cut) {
	limit := func(n, sign float64) *float64 {
		if n == 0 {
			return number(0)
		}
		x := 1 - 1/(9*n) + sign*z95/(3*math.Sqrt(n))
		return number(n * x * x * x * scale / days)
	}
	quality := c.quality(10)
	out[name] = oPoint{number(n * scale / days), uint64(n), limit(n, -1), limit(n+1, 1), quality}
	out[name+"/days"] = oPoint{value: number(float64(on)), n: uint64(n), quality: quality}
}

// share is a rate with Wilson's interval.
func share(hits, n float64, c cut) oPoint {
	p := hits / n
	middle, half := p+z95*z95/(2*n), z95*math.Sqrt(p*(1-p)/n+z95*z95/(4*n*n))
	low, high := (middle-half)/(1+z95*z95/n), (middle+half)/(1+z95*z95/n)
	if hits == 0 {
		low = 0
	}
	if hits == n {
		high = 1
	}
	return oPoint{&p, uint64(n), &low, &high, c.quality(int(n))}
}

// medians are the median, with the order statistics that enclose it, its two
// neighbours, and the count of what has none.
func medians(out map[string]oPoint, name, without string, x []float64, missing float64, c cut) {
	if len(x)+int(missing) == 0 {
		return
	}
	n := len(x)
	for stat, p := range map[string]float64{"": 0.5, "/p75": 0.75, "/p90": 0.9} {
		point := oPoint{value: oQuantile(x, p), n: uint64(n), quality: c.quality(n)}
		if n == 0 {
			point.quality = "no_data"
		}
		half := z95 * math.Sqrt(float64(n)) / 2
		low, high := int(math.Floor(float64(n)/2-half)), int(math.Ceil(1+float64(n)/2+half))
		if stat == "" && low >= 1 && high <= n {
			point.low, point.high = &x[low-1], &x[high-1]
		}
		out[name+stat] = point
	}
	all := n + int(missing)
	out[name+"/"+without] = oPoint{value: &missing, n: uint64(all), quality: c.quality(all)}
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
