package dora

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Defaults of Windows.
const (
	FailureWindow = 24 * time.Hour     // W
	RemedyWindow  = 7 * 24 * time.Hour // R
)

// Windows say how far causes are looked for: an incident is put down to a
// deployment that ended less than Failure before it, a remedy to one that ended
// less than Remedy before it.
type Windows struct{ Failure, Remedy time.Duration }

// A Correction is what a person said of a failure.
type Correction struct {
	ID         string
	Time       time.Time
	Confirmed  bool // else dismissed
	Service    string
	Deployment string // any of its names; "" for an incident that is of none
	Incident   string // "" when it is about the deployment itself
}

// Rules that mark a deployment as failed, the strongest first.
const (
	RuleConfirmed = "confirmed" // a person said so
	RuleA         = "a"         // an incident names it or its commit
	RuleB         = "b"         // it was rolled back, or a change of it was reverted
	RuleC         = "c"         // a hotfix names it, or follows it
	RuleD         = "d"         // an incident of the service soon after
)

var strength = []string{RuleConfirmed, RuleA, RuleB, RuleC, RuleD}

// A Failure is a deployment that needed intervention.
type Failure struct {
	Service, Tier, DeploymentID string
	Ended                       time.Time // of the deployment
	Succeeded                   bool
	Rule                        string
	Incidents                   []string // sorted
	Remedies                    []string // deployments, sorted
	Failed                      time.Time
	Restored                    time.Time // zero while open
	Recovery                    *int64    // milliseconds; nil while open and where it is not positive
	Open                        bool
}

// PlaceInput is all that placing needs to know of some services: all their
// deployments, the incidents and corrections of theirs and those that name a
// deployment of theirs.
type PlaceInput struct {
	Deployments []Deployment
	Shippers    map[string][]string // by commit named in an incident: deployments that shipped it
	Incidents   []Incident
	Corrections []Correction
	Windows     func(service string) Windows
}

// Place finds the failed deployments by the rules, in their order, and says of
// each incident which deployment it marks. The result does not depend on the
// order of the input.
func Place(in PlaceInput) ([]Failure, []Incident) {
	p := newPlacer(in)
	p.remedies()
	for i := range p.incidents {
		p.incident(&p.incidents[i])
	}
	p.correct()
	return p.failures(), p.incidents
}

// A mark is one reason to call a deployment failed.
type mark struct {
	rule     string
	incident *Incident // or
	remedy   *Deployment
}

type placer struct {
	PlaceInput
	incidents []Incident
	subjects  []subject // in order
	order     map[subject]*deployed
	byID      map[string]*Deployment   // those that anything names
	byName    map[string][]*Deployment // likewise
	marks     map[string][]mark        // by deployment
	remedied  map[named]placed         // by service and the incident a placed remedy of it names
	pinned    map[string]Correction    // by incident
}

// deployed is all that was deployed of a service and tier.
type deployed struct {
	earlier []*Deployment // earlier first: by end, start, id
	started []*Deployment // in the order of their starts; nil until asked for
	until   []time.Time   // by started: the last end so far
}

// named is an incident as a remedy of its service calls it.
type named struct{ service, incident string }

// placed is where a remedy belongs.
type placed struct {
	at     *Deployment
	rule   string
	remedy *Deployment
}

func newPlacer(in PlaceInput) *placer {
	p := &placer{
		PlaceInput: in, incidents: slices.Clone(in.Incidents), order: make(map[subject]*deployed), byID: make(map[string]*Deployment),
		byName: make(map[string][]*Deployment), marks: make(map[string][]mark), remedied: make(map[named]placed), pinned: make(map[string]Correction),
	}
	p.Corrections = slices.Clone(in.Corrections)
	slices.SortFunc(p.Corrections, func(a, b Correction) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
	for _, c := range p.Corrections {
		if c.Incident != "" {
			p.pinned[c.Incident] = c // the last word counts
		}
	}
	sortIncidents(p.incidents)
	p.arrange()
	return p
}

// arrange puts the deployments in order, and files those that anything names.
func (p *placer) arrange() {
	called := p.called()
	var of *deployed
	var last subject
	for i := range p.Deployments {
		d := &p.Deployments[i]
		if s := (subject{d.Service, d.Tier}); of == nil || s != last {
			if of, last = p.order[s], s; of == nil {
				of = new(deployed)
				p.order[s] = of
				p.subjects = append(p.subjects, s)
			}
		}
		of.earlier = append(of.earlier, d)
	}
	slices.SortFunc(p.subjects, subject.compare)
	for _, s := range p.subjects {
		ds := p.order[s].earlier
		slices.SortFunc(ds, func(a, b *Deployment) int {
			return cmp.Or(a.End.Compare(b.End), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
		})
		for _, d := range ds {
			if called[d.ID] {
				p.byID[d.ID] = d
			}
			for _, n := range d.Names {
				if called[n] {
					p.byName[n] = append(p.byName[n], d)
				}
			}
		}
	}
}

// called are the names that anything calls a deployment by.
func (p *placer) called() map[string]bool {
	is := make(map[string]bool)
	name := func(names ...string) {
		for _, n := range names {
			is[strings.TrimPrefix(n, "deployment:")] = true
		}
	}
	for i := range p.Deployments {
		d := &p.Deployments[i]
		name(d.Fixes...)
		name(d.TakesBack...)
		if d.Marks != "" {
			name(d.Marks)
		}
	}
	for i := range p.incidents {
		name(p.incidents[i].Deployment, p.incidents[i].Commit)
	}
	for _, c := range p.Corrections {
		name(c.Deployment)
	}
	for _, ids := range p.Shippers {
		name(ids...)
	}
	delete(is, "")
	return is
}

// remedies places what repaired something: rule b before rule c.
func (p *placer) remedies() {
	for _, s := range p.subjects {
		reach := p.Windows(s.service).Remedy
		for i, d := range p.order[s].earlier {
			if !d.Succeeded {
				continue
			}
			at, rule := p.undone(d, reach), RuleB
			if at == nil {
				at, rule = p.hotfixed(s, i, reach), RuleC
			}
			for _, f := range at {
				p.mark(f, mark{rule: rule, remedy: d})
			}
			if len(at) == 0 {
				continue
			}
			for _, name := range d.Fixes {
				if k := (named{s.service, name}); p.remedied[k] == (placed{}) {
					p.remedied[k] = placed{at[len(at)-1], rule, d}
				}
			}
		}
	}
}

// undone are the deployments that d rolled back or reverted.
func (p *placer) undone(d *Deployment, reach time.Duration) []*Deployment {
	var out []*Deployment
	add := func(id string) {
		f := p.byID[id]
		if f != nil && d.End.Sub(f.End) < reach && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	if d.Class == Rollback && d.Marks != "" {
		add(d.Marks)
	}
	for _, id := range d.TakesBack {
		add(id)
	}
	return out
}

// hotfixed are the deployments that the i-th of a subject names as repaired; if
// it is marked as a hotfix and names nothing, the one before it.
func (p *placer) hotfixed(s subject, i int, reach time.Duration) []*Deployment {
	d := p.order[s].earlier[i]
	var out []*Deployment
	for _, name := range d.Fixes {
		if f := p.named(name, s, d.Start); f != nil && f != d && earlierThan(f, d) && d.End.Sub(f.End) < reach && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	if d.Hotfix && len(d.Fixes) == 0 && i > 0 {
		if f := p.order[s].earlier[i-1]; d.End.Sub(f.End) < reach {
			out = append(out, f)
		}
	}
	return out
}

func earlierThan(a, b *Deployment) bool {
	return cmp.Or(a.End.Compare(b.End), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) < 0
}

// named finds the deployment of a subject that is called so: of several the one
// that started last before the time, else the first.
func (p *placer) named(name string, s subject, before time.Time) *Deployment {
	name = strings.TrimPrefix(name, "deployment:")
	if name == "" {
		return nil
	}
	if d := p.choose(p.byName[name], s, before); d != nil || !shortHash(name) {
		return d
	}
	of := p.order[s]
	if of == nil {
		return nil
	}
	var among []*Deployment // a commit may be shortened
	for _, d := range of.earlier {
		if slices.ContainsFunc(d.Names, func(n string) bool { return len(n) >= 40 && strings.HasPrefix(n, name) }) {
			among = append(among, d)
		}
	}
	return p.choose(among, s, before)
}

func shortHash(s string) bool {
	return len(s) >= 7 && len(s) < 40 && strings.Trim(s, "0123456789abcdef") == ""
}

func (p *placer) choose(among []*Deployment, s subject, before time.Time) *Deployment {
	var first, last *Deployment
	for _, d := range among {
		if d.Service != s.service || d.Tier != s.tier {
			continue
		}
		if first == nil || startsBefore(d, first) {
			first = d
		}
		if !d.Start.After(before) && (last == nil || startsBefore(last, d)) {
			last = d
		}
	}
	if last != nil {
		return last
	}
	return first
}

func startsBefore(a, b *Deployment) bool {
	return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), cmp.Compare(a.ID, b.ID)) < 0
}

// incident places one incident: a, then with a remedy that names it, then d.
func (p *placer) incident(in *Incident) {
	said, corrected := p.pinned[in.ID]
	if corrected && !said.Confirmed {
		in.State = Dismissed
		return
	}
	if corrected {
		if d := p.named(said.Deployment, subject{said.Service, in.Tier}, in.Began); d != nil {
			p.put(in, d, RuleA)
			return
		}
	}
	if why := in.excluded(); why != "" {
		in.State = why
		return
	}
	if d := p.nameOf(in); d != nil {
		p.put(in, d, RuleA)
		return
	}
	if r, ok := p.remedied[named{in.Service, in.ID}]; ok {
		p.put(in, r.at, r.rule)
		return
	}
	if in.Service == "" {
		in.State = UnknownService
		return
	}
	if d := p.soonBefore(in); d != nil {
		p.put(in, d, RuleD)
		return
	}
	in.State = Unattributed
}

func (p *placer) put(in *Incident, d *Deployment, rule string) {
	in.State, in.DeploymentID, in.Rule = Placed, d.ID, rule
	p.mark(d, mark{rule: rule, incident: in})
}

func (p *placer) mark(d *Deployment, m mark) { p.marks[d.ID] = append(p.marks[d.ID], m) }

// nameOf is the deployment an incident names, by itself or by its commit: of its
// own service if one is called so, else of the only other service that has one.
func (p *placer) nameOf(in *Incident) *Deployment {
	for _, name := range []string{in.Deployment, in.Commit} {
		if name == "" {
			continue
		}
		own := subject{in.Service, in.Tier}
		if d := p.named(name, own, in.Began); d != nil {
			return d
		}
		if d := p.choose(p.shippers(name), own, in.Began); d != nil {
			return d
		}
		among := p.byName[strings.TrimPrefix(name, "deployment:")]
		if other := onlyService(among, in.Tier); other != "" {
			return p.choose(among, subject{other, in.Tier}, in.Began)
		}
	}
	return nil
}

// shippers are the deployments that shipped a commit without being of it.
func (p *placer) shippers(commit string) []*Deployment {
	var out []*Deployment
	for _, id := range p.Shippers[commit] {
		if d := p.byID[id]; d != nil {
			out = append(out, d)
		}
	}
	return out
}

// onlyService is the service all deployments of the tier are of; "" if they are
// of several: a guess would be worse than none.
func onlyService(among []*Deployment, tier string) string {
	service := ""
	for _, d := range among {
		switch {
		case d.Tier != tier:
		case service == "":
			service = d.Service
		case service != d.Service:
			return ""
		}
	}
	return service
}

// soonBefore is the successful deployment that started last of those that had
// started when the incident began, and ended less than W before.
func (p *placer) soonBefore(in *Incident) *Deployment {
	of := p.order[subject{in.Service, in.Tier}]
	if of == nil {
		return nil
	}
	of.sortStarts()
	w := p.Windows(in.Service).Failure
	i, _ := slices.BinarySearchFunc(of.started, in.Began, func(d *Deployment, began time.Time) int {
		if d.Start.After(began) {
			return 1
		}
		return -1
	})
	for i--; i >= 0 && in.Began.Before(of.until[i].Add(w)); i-- {
		if d := of.started[i]; d.Succeeded && in.Began.Before(d.End.Add(w)) {
			return d
		}
	}
	return nil
}

func (of *deployed) sortStarts() {
	if of.started != nil {
		return
	}
	of.started = slices.Clone(of.earlier)
	slices.SortFunc(of.started, func(a, b *Deployment) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), cmp.Compare(a.ID, b.ID))
	})
	of.until = make([]time.Time, len(of.started))
	var last time.Time
	for i, d := range of.started {
		if d.End.After(last) {
			last = d.End
		}
		of.until[i] = last
	}
}

// correct applies what people said of deployments; the last word counts.
func (p *placer) correct() {
	last := make(map[string]Correction)
	for _, c := range p.Corrections {
		if c.Incident != "" {
			continue
		}
		for _, s := range p.subjects {
			if s.service != c.Service {
				continue
			}
			if d := p.named(c.Deployment, s, c.Time); d != nil {
				last[d.ID] = c
			}
		}
	}
	for id, c := range last {
		if c.Confirmed {
			p.marks[id] = append(p.marks[id], mark{rule: RuleConfirmed})
			continue
		}
		delete(p.marks, id)
		for i := range p.incidents {
			if in := &p.incidents[i]; in.DeploymentID == id {
				in.State, in.DeploymentID, in.Rule = Unattributed, "", ""
			}
		}
	}
}

// failures makes one failure of each marked deployment: it fails once, by its
// strongest rule.
func (p *placer) failures() []Failure {
	var out []Failure
	for _, s := range p.subjects {
		for _, d := range p.order[s].earlier {
			if marks := p.marks[d.ID]; len(marks) > 0 {
				out = append(out, failure(d, marks))
			}
		}
	}
	return out
}

func failure(d *Deployment, marks []mark) Failure {
	f := Failure{Service: d.Service, Tier: d.Tier, DeploymentID: d.ID, Ended: d.End, Succeeded: d.Succeeded, Rule: RuleD, Failed: d.End}
	var byIncident, byRemedy time.Time
	for _, m := range marks {
		if slices.Index(strength, m.rule) < slices.Index(strength, f.Rule) {
			f.Rule = m.rule
		}
		switch {
		case m.incident != nil:
			f.Incidents = append(f.Incidents, m.incident.ID)
			if m.incident.Began.Before(f.Failed) {
				f.Failed = m.incident.Began
			}
			r := m.incident.restored()
			f.Open = f.Open || r.IsZero()
			if r.After(byIncident) {
				byIncident = r
			}
		case m.remedy != nil:
			f.Remedies = append(f.Remedies, m.remedy.ID)
			if byRemedy.IsZero() || m.remedy.End.Before(byRemedy) {
				byRemedy = m.remedy.End
			}
		}
	}
	slices.Sort(f.Incidents)
	slices.Sort(f.Remedies)
	f.Remedies = slices.Compact(f.Remedies)
	f.Restored = byIncident
	if len(f.Incidents) == 0 {
		f.Restored, f.Open = byRemedy, byRemedy.IsZero()
	}
	if f.Open {
		f.Restored = time.Time{}
	} else if f.Restored.After(f.Failed) {
		f.Recovery = between(f.Failed, f.Restored)
	}
	return f
}
