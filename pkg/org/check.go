package org

import (
	"slices"
	"strings"
)

// check finds what is wrong among rows that are each in order by themselves.
func (o *Organisation) check(p *Problems) {
	o.checkTime(p)
	o.checkReferences(p)
	o.checkTeams(p)
	o.checkPeople(p)
	o.checkPaths(p)
}

// exclusive says which rows of a section may not hold at once, and whether time
// may pass between them.
var exclusive = []struct {
	section string
	key     func(*Row) string
	gaps    bool
}{
	{"units", byName, false},
	{"teams", byName, false},
	{"owners", byName, false},
	{"capabilities", byName, false},
	{"rotations", byName, false},
	{"calendars", byName, false},
	{"people", byName, true},
	{"members", func(r *Row) string { return account(r.Name) + " in " + r.Said.Team }, true},
	{"services", func(r *Row) string { return r.Name + " in " + r.Said.Repository }, true},
	{"populations", func(r *Row) string { return r.Name + " for " + r.Said.MemberKind + " " + r.Said.Member }, true},
}

func byName(r *Row) string { return r.Name }

// account is how accounts are compared: as the pseudonymiser does.
func account(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func (o *Organisation) checkTime(p *Problems) {
	for _, x := range exclusive {
		s, _ := sectionNamed(x.section)
		for _, rows := range grouped(o.rows[x.section], x.key) {
			for i := 1; i < len(rows); i++ {
				a, b := rows[i-1], rows[i]
				switch {
				case a.overlaps(b.Period):
					p.add(b.At, "%s %s holds %s, and by %s %s: end the one where the other begins", s.key, x.key(&b), b.Period, a.At, a.Period)
				case a.To.Before(b.From) && !x.gaps:
					p.add(b.At, "%s %s holds from %s on, and by %s only to %s: let the one begin where the other ends", s.key, x.key(&b), day(b.From), a.At, day(a.To))
				}
			}
		}
	}
}

// grouped are the rows of each key by their beginning, in the order of the keys.
func grouped(rows []Row, key func(*Row) string) [][]Row {
	byKey := make(map[string][]Row)
	var keys []string
	for _, r := range rows {
		k := key(&r)
		if byKey[k] == nil {
			keys = append(keys, k)
		}
		byKey[k] = append(byKey[k], r)
	}
	var out [][]Row
	for _, k := range keys {
		slices.SortStableFunc(byKey[k], func(a, b Row) int { return a.From.Compare(b.From) })
		out = append(out, byKey[k])
	}
	return out
}

// checkReferences: whatever a row names must exist, for as long as the row holds.
func (o *Organisation) checkReferences(p *Problems) {
	for _, ref := range []struct {
		section, to string
		what        string
		name        func(*Row) string
	}{
		{"teams", "units", "unit", func(r *Row) string { return r.Said.Unit }},
		{"members", "teams", "team", func(r *Row) string { return r.Said.Team }},
		{"owners", "teams", "team", func(r *Row) string { return r.Said.Team }},
		{"owners", "services", "service", byName},
		{"capabilities", "teams", "team", func(r *Row) string { return r.Said.Team }},
		{"rotations", "teams", "team", func(r *Row) string { return r.Said.Team }},
		{"rotations", "calendars", "calendar", func(r *Row) string { return r.Said.Calendar }},
		{"populations", "capabilities", "capability", byName},
		{"populations", "teams", "team", func(r *Row) string { return member(r, "team", "people") }},
		{"populations", "services", "service", func(r *Row) string { return member(r, "service") }},
	} {
		for _, r := range o.rows[ref.section] {
			name := ref.name(&r)
			if name == "" {
				continue
			}
			span, ok := o.spanOf(ref.to, name)
			switch {
			case !ok:
				p.add(r.At, "there is no %s %s: add it to %s, or correct the name; there is %s", ref.what, name, ref.to, o.names(ref.to))
			case !span.covers(r.Period):
				p.add(r.At, "this row of %s holds %s, and %s %s only %s: keep the row within that time", r.Name, r.Period, ref.what, name, span)
			}
		}
	}
}

func member(r *Row, kinds ...string) string {
	if slices.Contains(kinds, r.Said.MemberKind) {
		return r.Said.Member
	}
	return ""
}

// someNames bounds how many names a problem lists.
const someNames = 12

func (o *Organisation) names(section string) string {
	var names []string
	for _, r := range o.rows[section] {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		return "none yet"
	case len(names) > someNames:
		return strings.Join(names[:someNames], ", ") + " …"
	}
	return strings.Join(names, ", ")
}

// checkTeams: a team continues others that were there until it began, or ended
// while it was there.
func (o *Organisation) checkTeams(p *Problems) {
	for _, t := range o.rows["teams"] {
		for _, was := range t.Continues {
			old, ok := o.spanOf("teams", was)
			span, _ := o.spanOf("teams", t.Name)
			switch {
			case was == t.Name:
				p.add(t.At, "team %s continues itself: name the team it was before", t.Name)
			case !ok:
				p.add(t.At, "team %s continues %s, which is not among the teams: add a row for it, with the day it ended", t.Name, was)
			case old.To.Before(span.From):
				p.add(t.At, "team %s continues %s, which ended on %s, and begins on %s: let the one begin where the other ends", t.Name, was, day(old.To), day(span.From))
			case old.From.After(t.From) && !old.overlaps(span):
				p.add(t.At, "team %s continues %s, which begins only on %s", t.Name, was, day(old.From))
			}
		}
	}
}

// checkPeople: everyone is in a team, and an account is one person's at a time.
func (o *Organisation) checkPeople(p *Problems) {
	inTeam := make(map[string]bool)
	for _, m := range o.rows["members"] {
		inTeam[account(m.Name)] = true
	}
	var aliases []Row
	persons := make(map[string]bool)
	for _, r := range o.rows["people"] {
		persons[account(r.Name)] = true
		if !inTeam[account(r.Name)] {
			p.add(r.At, "%s is a member of no team: add a row to members, or leave the person out", r.Name)
		}
		for _, a := range r.Aliases {
			aliases = append(aliases, Row{At: r.At, Name: account(a), Period: r.Period, Aliases: []string{r.Name}})
		}
	}
	for _, a := range aliases {
		if inTeam[a.Name] || persons[a.Name] {
			p.add(a.At, "%s is an alias of %s and a person by itself: keep it as one of the two", a.Name, a.Aliases[0])
		}
	}
	for _, rows := range grouped(aliases, byName) {
		for i := 1; i < len(rows); i++ {
			if a, b := rows[i-1], rows[i]; a.overlaps(b.Period) {
				p.add(b.At, "%s is an alias of %s, and by %s of %s at the same time: one account is one person's", b.Name, b.Aliases[0], a.At, a.Aliases[0])
			}
		}
	}
}

// checkPaths: what is done at one path of a repository is one service's.
func (o *Organisation) checkPaths(p *Problems) {
	services := o.rows["services"]
	for i, a := range services {
		for _, b := range services[:i] {
			if a.Name == b.Name || a.Said.Repository == "" || a.Said.Repository != b.Said.Repository || !a.overlaps(b.Period) {
				continue
			}
			if shared := sharedPath(a.Said.Paths, b.Said.Paths); shared != "" {
				p.add(a.At, "services %s and %s (%s) both have %s of %s: give each paths of its own, or end the one where the other begins", a.Name, b.Name, b.At, shared, a.Said.Repository)
			}
		}
	}
}

// sharedPath is a glob of the one that holds a path of the other; "" if there is
// none. No globs are the whole repository.
func sharedPath(a, b []string) string {
	a, b = orAll(a), orAll(b)
	for _, x := range a {
		for _, y := range b {
			if x == y || matches(x, sampleOf([]string{y})) || matches(y, sampleOf([]string{x})) {
				return longer(x, y)
			}
		}
	}
	return ""
}

func orAll(globs []string) []string {
	if len(globs) == 0 {
		return []string{"**"}
	}
	return globs
}

func longer(a, b string) string {
	if len(b) > len(a) {
		return b
	}
	return a
}

var plain = strings.NewReplacer("**", "x", "*", "x", "?", "x")

// sampleOf is a path the first of the globs matches.
func sampleOf(globs []string) string { return plain.Replace(orAll(globs)[0]) }

// KnownPaths lists the paths known of a repository; none when it is not known.
type KnownPaths func(repository string) ([]string, error)

// CheckPaths holds the services' globs against the paths that their repositories
// are known to have: a glob that matches none of them is a mistake, and so are two
// that match the same. Its error is Problems, or that of known.
func (o *Organisation) CheckPaths(known KnownPaths) error {
	var p Problems
	paths := make(map[string][]string)
	for _, s := range o.rows["services"] {
		repository := s.Said.Repository
		if _, asked := paths[repository]; !asked && repository != "" && len(s.Said.Paths) > 0 {
			var err error
			if paths[repository], err = known(repository); err != nil {
				return err
			}
		}
		if len(paths[repository]) == 0 {
			continue
		}
		for _, g := range s.Said.Paths {
			if !slices.ContainsFunc(paths[repository], func(path string) bool { return matches(g, path) }) {
				p.add(s.At, "no commit of %s touched a path that %q of service %s matches: correct the glob, which begins at the top of the repository, as %q does", repository, g, s.Name, paths[repository][0])
			}
		}
	}
	o.checkTaken(paths, &p)
	return p.err()
}

// checkTaken finds a known path that two services have at the same time.
func (o *Organisation) checkTaken(paths map[string][]string, p *Problems) {
	services := o.rows["services"]
	for i, a := range services {
		for _, b := range services[:i] {
			if a.Name == b.Name || a.Said.Repository != b.Said.Repository || !a.overlaps(b.Period) {
				continue
			}
			for _, path := range paths[a.Said.Repository] {
				if matchesAny(orAll(a.Said.Paths), path) && matchesAny(orAll(b.Said.Paths), path) {
					p.add(a.At, "services %s and %s (%s) both have %s of %s: give each paths of its own", a.Name, b.Name, b.At, path, a.Said.Repository)
					break
				}
			}
		}
	}
}
