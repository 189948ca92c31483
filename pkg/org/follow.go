package org

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// follow fills in what files leave to be understood: the owner that stands beside
// a service, the line of every team, and who takes over from a team that ends.
func (o *Organisation) follow(p *Problems) {
	o.ownersBeside()
	o.lead = o.lines()
	for _, section := range []string{"members", "owners", "capabilities", "rotations"} {
		var out []Row
		for _, r := range o.rows[section] {
			out = append(out, o.succession(r, p)...)
		}
		o.rows[section] = out
	}
}

// ownersBeside makes rows of owners of the teams that rows of services name.
func (o *Organisation) ownersBeside() {
	for i := range o.rows["services"] {
		s := &o.rows["services"][i]
		if s.Said.Team == "" {
			continue
		}
		row := Row{At: s.At, Name: s.Name, Period: s.Period}
		row.Said.Team, s.Said.Team = s.Said.Team, ""
		same := func(r Row) bool { return r.Name == row.Name && r.Said.Team == row.Said.Team && r.Period == row.Period }
		if !slices.ContainsFunc(o.rows["owners"], same) { // a service of two repositories has two rows
			o.rows["owners"] = append(o.rows["owners"], row)
		}
	}
}

// spanOf is from the beginning of the first to the end of the last row of that
// name.
func (o *Organisation) spanOf(section, name string) (Period, bool) {
	span, ok := Period{Always, Ever}, false
	for _, r := range o.rows[section] {
		if r.Name == name {
			span, ok = Period{earliest(span.From, r.From), latest(span.To, r.To)}, true
		}
	}
	return span, ok
}

// lines gives each team its line. Teams that continue one another, by being
// renamed, merged or split, are of one line, which is named after the oldest:
// their numbers together can be compared over the years.
func (o *Organisation) lines() map[string]string {
	parent := make(map[string]string)
	var find func(string) string
	find = func(t string) string {
		if p, ok := parent[t]; ok && p != t {
			return find(p)
		}
		return t
	}
	older := func(a, b string) int {
		sa, _ := o.spanOf("teams", a)
		sb, _ := o.spanOf("teams", b)
		return cmp.Or(sa.From.Compare(sb.From), sa.To.Compare(sb.To), strings.Compare(a, b))
	}
	for _, t := range o.rows["teams"] {
		for _, was := range t.Continues {
			if a, b := find(t.Name), find(was); a != b && older(a, b) < 0 {
				parent[b] = a
			} else if a != b {
				parent[a] = b
			}
		}
	}
	lead := make(map[string]string)
	for _, t := range o.rows["teams"] {
		lead[t.Name] = find(t.Name)
	}
	return lead
}

// successors are the teams that continue the one that ended at the time.
func (o *Organisation) successors(team string, ended time.Time) []string {
	found := make(map[string]bool)
	for _, t := range o.rows["teams"] {
		if slices.Contains(t.Continues, team) {
			if span, _ := o.spanOf("teams", t.Name); span.contains(ended) {
				found[t.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// succession lets a row that outlasts its team go over to the team that continues
// it: a renamed team keeps its services and members.
func (o *Organisation) succession(r Row, p *Problems) []Row {
	var out []Row
	for range len(o.rows["teams"]) + 1 { // a circle of teams is found by check
		span, known := o.spanOf("teams", r.Said.Team)
		if !known || !r.contains(span.To) || r.From.Equal(span.To) {
			break
		}
		next := o.successors(r.Said.Team, span.To)
		if len(next) == 0 && !r.To.Equal(Always) {
			break // it says itself until when, and check says that this is too late
		}
		if len(next) != 1 {
			what := "no team continues it"
			if len(next) > 1 {
				what = "it is continued by " + strings.Join(next, " and ")
			}
			p.add(r.At, "team %s ends on %s and %s: end this row of %s on that day, too, and say in another whose it is from then on", r.Said.Team, day(span.To), what, r.Name)
			break
		}
		before := r
		before.To, r.From = span.To, span.To
		r.Said.Team = next[0]
		out = append(out, before)
	}
	return append(out, r)
}
