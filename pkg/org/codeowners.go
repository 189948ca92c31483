package org

import (
	"bufio"
	"bytes"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// ownerRules are the rules of one CODEOWNERS file, in its order: the last that
// matches a path says who owns it.
type ownerRules struct {
	at         Place
	repository string
	from       string // since when, as written; "" since ever
	rules      []ownerRule
}

type ownerRule struct {
	at      Place
	pattern string // as doublestar understands it
	unit    string // organisation of the account: "acme" of @acme/payments
	team    string // "" when it names people only: they are never told of
}

// codeowners reads a file such as
//
//	# payoff: repository=acme/shop from=2025-01-01
//	*                   @acme/platform
//	/services/checkout/ @acme/payments @ada
//
// The first line is ours and may be missing: the repository is then that of
// Options, or the folders the file stands in, and the rules hold since ever.
func (r *reader) codeowners(name string, b []byte) {
	rules := ownerRules{at: Place{File: name}, repository: r.repository()}
	s := bufio.NewScanner(bytes.NewReader(b))
	for line := 1; s.Scan(); line++ {
		at := Place{name, line}
		text := strings.TrimSpace(s.Text())
		if said, ok := strings.CutPrefix(text, "# payoff:"); ok {
			r.codeownersSays(at, said, &rules)
			continue
		}
		if i := strings.Index(text, " #"); i >= 0 {
			text = text[:i]
		}
		if fields := strings.Fields(text); len(fields) > 0 && !strings.HasPrefix(text, "#") && !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "^[") {
			r.ownerRule(at, fields, &rules)
		}
	}
	if s.Err() != nil {
		r.problems.add(Place{File: name}, "has a line that is longer than 64 KiB")
	}
	if rules.repository == "" {
		r.problems.add(rules.at, "does not say of which repository it is: begin it with the line # payoff: repository=owner/name")
	}
	r.rules = append(r.rules, rules)
}

func (r *reader) codeownersSays(at Place, said string, rules *ownerRules) {
	for _, kv := range strings.Fields(said) {
		k, v, _ := strings.Cut(kv, "=")
		switch k {
		case "repository":
			rules.repository = v
		case "from":
			if _, err := parseDay(v, r.o.Location); err != nil {
				r.problems.add(at, "%s", err)
			}
			rules.from = v
		default:
			r.problems.add(at, "%q is neither repository= nor from=", kv)
		}
	}
}

func (r *reader) ownerRule(at Place, fields []string, rules *ownerRules) {
	rule := ownerRule{at: at, pattern: ownerPattern(fields[0])}
	if !doublestar.ValidatePattern(rule.pattern) {
		r.problems.add(at, "%q is no pattern of paths", fields[0])
		return
	}
	for _, owner := range fields[1:] {
		unit, team, isTeam := strings.Cut(strings.TrimPrefix(owner, "@"), "/")
		if isTeam && strings.HasPrefix(owner, "@") {
			rule.unit, rule.team = unit, team[strings.LastIndex(team, "/")+1:]
			break
		}
	}
	rules.rules = append(rules.rules, rule)
}

// ownerPattern is a pattern of CODEOWNERS, which follows gitignore's rules, as a
// glob: one with a slash before its end is anchored at the root, others match
// anywhere, and a folder stands for all below it.
func ownerPattern(p string) string {
	if p == "*" || p == "/" {
		return "**"
	}
	folder := strings.HasSuffix(p, "/")
	p = strings.TrimSuffix(p, "/")
	if !strings.Contains(p, "/") {
		p = "**/" + p
	}
	p = strings.TrimPrefix(p, "/")
	if folder {
		p += "/**"
	}
	return p
}

// owner is the last rule that matches the path or a folder above it.
func (o ownerRules) owner(path string) (ownerRule, bool) {
	for i := len(o.rules) - 1; i >= 0; i-- {
		for _, g := range []string{o.rules[i].pattern, o.rules[i].pattern + "/**"} {
			if ok, err := doublestar.Match(g, path); ok && err == nil {
				return o.rules[i], true
			}
		}
	}
	return ownerRule{}, false
}

// applyCodeowners gives an owner to the services of a repository that have none:
// the one of the rule that matches the first of its paths. A repository without a
// service is one, of its own name. Where no file declares teams, those of the
// rules are taken as they are, each in a unit named as its account.
func (r *reader) applyCodeowners() {
	implied := len(r.org.rows["teams"]) == 0
	teams := make(map[string]bool)
	for _, rules := range r.rules {
		var services []Row
		for _, s := range r.org.rows["services"] {
			if s.Said.Repository == rules.repository && !r.org.owned(s.Name) {
				services = append(services, s)
			}
		}
		if len(services) == 0 && !r.org.serves(rules.repository) {
			name := rules.repository[strings.LastIndex(rules.repository, "/")+1:]
			r.put("services", rules.at, "service", name, "repository", rules.repository)
			services = []Row{{Name: name, Period: whole}}
		}
		for _, s := range services {
			rule, ok := rules.owner(sampleOf(s.Said.Paths))
			if !ok || rule.team == "" {
				continue
			}
			if implied && !teams[rule.team] {
				teams[rule.team] = true
				if !r.org.has("units", rule.unit) {
					r.put("units", rule.at, "unit", rule.unit)
				}
				r.put("teams", rule.at, "team", rule.team, "unit", rule.unit)
			}
			r.ownedBy(s, rule, rules.from)
		}
	}
}

// ownedBy adds the owner of a service, within the service's own period.
func (r *reader) ownedBy(s Row, rule ownerRule, from string) {
	p := s.Period
	if t, err := parseDay(from, r.o.Location); err == nil {
		p.From = latest(p.From, t)
	}
	if p.empty() {
		return
	}
	row := Row{At: rule.at, Name: s.Name, Period: p}
	row.Said.Team = rule.team
	r.org.rows["owners"] = append(r.org.rows["owners"], row)
}

func (o *Organisation) has(section, name string) bool {
	for _, r := range o.rows[section] {
		if r.Name == name {
			return true
		}
	}
	return false
}

// owned reports whether a file says who owns the service.
func (o *Organisation) owned(service string) bool {
	for _, r := range o.rows["services"] {
		if r.Name == service && r.Said.Team != "" {
			return true
		}
	}
	return o.has("owners", service)
}

func (o *Organisation) serves(repository string) bool {
	for _, r := range o.rows["services"] {
		if r.Said.Repository == repository {
			return true
		}
	}
	return false
}
