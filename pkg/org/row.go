package org

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A Row is one dated line of an organisation's files.
type Row struct {
	At        Place
	Name      string // of the entity; an account for people and members
	Continues []string
	Aliases   []string
	Period
	Said events.Declared // what it says beside; its period and person are set when it is declared
}

// A section is one kind of rows: a key of the YAML, a file of the CSV.
type section struct {
	name  string   // "teams"
	key   string   // the field that names the entity: "team"
	class string   // of the entity: the rows of people and members are of one
	has   []string // further fields, beside from and to
	needs []string // those that may not be missing
}

var sections = []section{
	{"units", "unit", "unit", nil, nil},
	{"teams", "team", "team", []string{"unit", "continues"}, []string{"unit"}},
	{"people", "person", "person", []string{"aliases"}, nil},
	{"members", "person", "person", []string{"team", "role"}, []string{"team"}},
	{"services", "service", "service", []string{"repository", "paths", "tier", "team"}, nil},
	{"owners", "service", "service", []string{"team"}, []string{"team"}},
	{"capabilities", "capability", "capability", []string{"team"}, nil},
	{"populations", "capability", "capability", []string{"kind", "member", "exempt"}, []string{"kind", "member"}},
	{"rotations", "rotation", "rotation", []string{"team", "calendar"}, []string{"team", "calendar"}},
	{"calendars", "calendar", "calendar", []string{"zone", "days", "opens", "closes", "holidays"}, []string{"zone", "days", "opens", "closes"}},
}

func sectionNamed(name string) (section, bool) {
	i := slices.IndexFunc(sections, func(s section) bool { return s.name == name })
	if i < 0 {
		return section{}, false
	}
	return sections[i], true
}

func sectionNames() string {
	names := make([]string, len(sections))
	for i, s := range sections {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

func (s section) fields() []string { return append(append([]string{s.key}, s.has...), "from", "to") }

// A cell is the value of one field: several values for a list.
type cell struct {
	field  string
	values []string
	at     Place
}

// row makes a row of its cells; empty ones are as good as missing.
func (s section) row(at Place, cells []cell, loc *time.Location, p *Problems) (Row, bool) {
	r := Row{At: at, Period: whole}
	before, seen := len(*p), make(map[string]bool)
	for _, c := range cells {
		if !slices.Contains(s.fields(), c.field) {
			p.add(c.at, "%s have no field %q; the fields are %s", s.name, c.field, strings.Join(s.fields(), ", "))
			continue
		}
		if seen[c.field] {
			p.add(c.at, "%q is given twice; keep one of them", c.field)
		}
		if len(c.values) == 0 {
			continue
		}
		seen[c.field] = true
		if err := r.set(s, c, loc); err != nil {
			p.add(c.at, "%s", err)
		}
	}
	for _, f := range append([]string{s.key}, s.needs...) {
		if !seen[f] {
			p.add(at, "this row of %s has no %s; every row needs one", s.name, f)
		}
	}
	if len(*p) == before && r.empty() {
		p.add(at, "%s holds from %s to %s, which is no time at all: to is the first day it holds no more, and comes after from", r.Name, day(r.From), day(r.To))
	}
	return r, len(*p) == before
}

var lists = []string{"continues", "aliases", "paths", "days", "holidays"}

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

func (r *Row) set(s section, c cell, loc *time.Location) error {
	v := c.values[0]
	if len(c.values) > 1 && !slices.Contains(lists, c.field) {
		return fmt.Errorf("%s is a list; it takes one value", c.field)
	}
	for _, v := range c.values {
		if err := checkText(c.field, v); err != nil {
			return err
		}
	}
	if c.field == s.key {
		r.Name = v
		return nil
	}
	var err error
	switch c.field {
	case "from":
		r.From, err = parseDay(v, loc)
	case "to":
		r.To, err = parseDay(v, loc)
	case "unit":
		r.Said.Unit = v
	case "continues":
		r.Continues = c.values
	case "aliases":
		r.Aliases = c.values
	case "team":
		r.Said.Team = v
	case "role":
		r.Said.Role = v
	case "repository":
		r.Said.Repository = v
	case "paths":
		r.Said.Paths, err = parsePaths(c.values)
	case "tier":
		r.Said.Tier = v
	case "kind":
		r.Said.MemberKind, err = oneOf(c.field, v, "team", "service", "people")
	case "member":
		r.Said.Member = v
	case "exempt":
		v, err = oneOf(c.field, v, "true", "false")
		r.Said.Exempt = v == "true"
	case "calendar":
		r.Said.Calendar = v
	case "zone":
		r.Said.Zone = v
		if _, e := time.LoadLocation(v); e != nil {
			err = fmt.Errorf("%q is no time zone such as Europe/Berlin", v)
		}
	case "days":
		r.Said.Days, err = parseDays(c.values)
	case "opens", "closes":
		err = r.setHour(c.field, v)
	case "holidays":
		for _, h := range c.values {
			if _, e := time.Parse(time.DateOnly, h); e != nil {
				return fmt.Errorf("%q is no day such as 2026-12-25", h)
			}
		}
		r.Said.Holidays = c.values
	}
	return err
}

// longest is how long a name may be; the schema of the event says the same.
const longest = 200

func checkText(field, v string) error {
	if len(v) > longest {
		return fmt.Errorf("%s has %d characters; at most %d are allowed", field, len(v), longest)
	}
	if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return fmt.Errorf("%s %q holds a character that is not text", field, v)
	}
	return nil
}

func parseDay(v string, loc *time.Location) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, v, loc)
	if err != nil {
		return t, fmt.Errorf("%q is no day such as 2026-03-01; rows begin and end with a day", v)
	}
	if !events.Believable(t) {
		return t, fmt.Errorf("%s is not between 1990 and 2100; leave an end that is open empty", v)
	}
	return t, nil
}

func parsePaths(globs []string) ([]string, error) {
	var out []string
	for _, g := range globs {
		g = strings.TrimPrefix(strings.TrimPrefix(g, "./"), "/")
		if g == "" || !doublestar.ValidatePattern(g) {
			return nil, fmt.Errorf("%q is no glob such as services/checkout/**", g)
		}
		if strings.HasSuffix(g, "/") {
			g += "**"
		}
		out = append(out, g)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func parseDays(values []string) ([]string, error) {
	var out []string
	for _, v := range values {
		first, last, isRange := strings.Cut(strings.ToLower(v), "-")
		if !isRange {
			last = first
		}
		a, b := slices.Index(weekdays, first), slices.Index(weekdays, last)
		if a < 0 || b < a {
			return nil, fmt.Errorf("%q is no day of the week; they are %s, or mon-fri", v, strings.Join(weekdays, ", "))
		}
		out = append(out, weekdays[a:b+1]...)
	}
	slices.SortFunc(out, func(a, b string) int { return slices.Index(weekdays, a) - slices.Index(weekdays, b) })
	return slices.Compact(out), nil
}

func (r *Row) setHour(field, v string) error {
	if _, err := time.Parse("15:04", v); err != nil && (field != "closes" || v != "24:00") {
		return fmt.Errorf("%s is %q; it is an hour such as 09:00", field, v)
	}
	if len(v) == len("9:00") {
		v = "0" + v
	}
	if field == "opens" {
		r.Said.Opens = v
	} else {
		r.Said.Closes = v
	}
	return nil
}

func oneOf(field, v string, allowed ...string) (string, error) {
	if !slices.Contains(allowed, v) {
		return "", fmt.Errorf("%s is %q; it is one of %s", field, v, strings.Join(allowed, ", "))
	}
	return v, nil
}
