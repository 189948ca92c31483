package compute_test

import (
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// The oracle is the definitions of delivery, written once more as plainly as can
// be: sets instead of graph walks, loops instead of SQL. It is slow and shares no
// code with what it checks.

type oCommit struct {
	hash, actor         string
	parents             []string
	authored, committed time.Time
	reverts             string
}

type oDeployment struct {
	version, commit string
	start, end      time.Time
	ok, hotfix      bool
	fixes           string // version of the deployment it repairs

	// found by the oracle
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
	cause                      string
}

type oService struct {
	name        string
	commits     map[string]*oCommit
	deployments []*oDeployment
	incidents   []*oIncident
	leads       []oLead
	first       time.Time
}

type oLead struct {
	at time.Time
	ms *float64
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

// work out everything that is true of the service.
func (s *oService) work() {
	slices.SortFunc(s.deployments, func(a, b *oDeployment) int { return a.end.Compare(b.end) })
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
				if c := s.commits[h]; len(c.parents) < 2 && d.class != "baseline" && c.actor != "bot" {
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
	named := func(version string) *oDeployment {
		for _, d := range s.deployments {
			if version != "" && d.version == version {
				return d
			}
		}
		return nil
	}
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
			if by != i || d.class == "baseline" || c.reverts == "" || !known || of >= i || d.end.Sub(s.deployments[of].end) >= week {
				continue
			}
			d.rework = true
			undo(of, "b")
		}
		d.rework = d.rework || d.hotfix || d.fixes != ""
		if placed {
			continue
		}
		if f := named(d.fixes); f != nil && f.end.Before(d.end) {
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
		if d := named(in.deployment); d != nil {
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

type oPoint struct {
	value *float64
	n     uint64
}

// points computes the window's points of some services together.
func oPoints(services []*oService, w metric.Window, horizon time.Time) map[string]oPoint {
	out := map[string]oPoint{}
	var leads, recoveries []float64
	var missing, open, deployed, days, succeeded, tried, failed, abc, rework float64
	for _, s := range services {
		from, to := w.Start, w.End
		if s.first.After(from) {
			from = s.first
		}
		if horizon.Before(to) {
			to = horizon
		}
		if from.Before(to) {
			days += float64(dayNumber(to.Add(-time.Millisecond)) - dayNumber(from) + 1)
		}
		for _, l := range s.leads {
			switch {
			case !w.Contains(l.at):
			case l.ms == nil:
				missing++
			default:
				leads = append(leads, *l.ms)
			}
		}
		for _, d := range s.deployments {
			if !w.Contains(d.end) {
				continue
			}
			if d.ok {
				succeeded++
				if d.class != "redeployment" {
					deployed++
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
		out["dora.failed_deployments"] = oPoint{num(failed * 7 / days), uint64(failed)}
	}
	if len(leads)+int(missing) > 0 {
		n := uint64(len(leads))
		out["dora.change_lead_time"] = oPoint{oQuantile(leads, 0.5), n}
		out["dora.change_lead_time/p75"] = oPoint{oQuantile(leads, 0.75), n}
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
		out["dora.failed_deployment_recovery_time/open"] = oPoint{num(open), uint64(failed)}
	}
	return out
}

func dayNumber(t time.Time) int64 { return t.Unix() / 86400 }

// oQuantile is of type 7: h = (n-1)p.
func oQuantile(x []float64, p float64) *float64 {
	if len(x) == 0 {
		return nil
	}
	slices.Sort(x)
	h := float64(len(x)-1) * p
	i := int(h)
	v := x[i]
	if i+1 < len(x) {
		v += (h - float64(i)) * (x[i+1] - x[i])
	}
	return &v
}
