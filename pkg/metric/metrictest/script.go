// Package metrictest proves numbers with scripts that the owner of a definition
// can read: events in, points out, on a real engine.
//
// A script is a list of cases. Lines that begin with # are comments.
//
//	case a window holds its start and not its end
//	zone Europe/Berlin
//	load
//	  2026-03-02T00:00Z  service.deployed  payments  env=production version=v1
//	  2026-03-09T00:00Z  service.deployed  payments  env=production version=v2
//	eval dora.deployment_frequency week 2026-W10
//	  payments  value=1 numerator=1 denominator=1 n=1
//	  -         value=1
//
// `load` takes events: time, kind, subject, then fields of the body by their
// JSON name (env, repo, author and by are short for environment, repository,
// authorTime and actor; id and seq set identity and sequence). Lists have
// commas. Several load blocks are loaded and computed one after the other.
//
// `org` declares entities of the organisation, as an import of its files does: a
// line is a dated row of an entity, all that is said of it stands in one block, and
// a later block says it anew. `none` takes the entity back.
//
//	org
//	  unit/commerce
//	  team/payments  unit=commerce to=2026-03-04
//	  service/cart   team=payments from=2026-03-01
//	  person/ada     person=p1 team=payments
//
// `eval METRIC GRAIN LABEL` compares the points of a calendar window, and the
// parameterised view over the same range with them; `eval METRIC range FROM TO
// [services=a,b]` the view alone. Each line names a service, team:NAME,
// unit:NAME or - for the whole, a figure beside the main one after a slash
// (payments/p90), and what is expected of it. Values in milliseconds may be
// written as durations (26h30m). A line `none` expects no points at all;
// without it, points that no line names are an error.
//
// `rows TABLE COLUMN,…` compares rows of a table or view, in any order: values
// separated by blanks, - for empty.
//
// Before its blocks a case may set the `zone`, limit a service to a `part` of a
// repository (part SERVICE REPOSITORY GLOB …), and say how far causes are looked
// for (windows SERVICE 24h 168h).
package metrictest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/dora"
)

// A scenario is one case of a script.
type scenario struct {
	name    string
	line    int
	zone    *time.Location
	parts   []dora.Part
	windows map[string]dora.Windows
	steps   []step
}

// windowsOf are the limits of a service, the defaults unless the case says so.
func (c *scenario) windowsOf(service string) dora.Windows {
	if w, ok := c.windows[service]; ok {
		return w
	}
	return dora.DefaultWindows(service)
}

// A step is one block of a case.
type step struct {
	line  int
	verb  string   // load, eval, rows
	args  []string // what follows the verb
	lines []row
}

// A row is an indented line.
type row struct {
	line   int
	fields []string
}

// parse reads a script. Errors name the line.
func parse(r io.Reader) ([]scenario, error) {
	var out []scenario
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		text := s.Text()
		fields := strings.Fields(text)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if text[0] == ' ' || text[0] == '\t' {
			if err := addRow(out, row{n, fields}); err != nil {
				return nil, err
			}
			continue
		}
		var err error
		if out, err = addStep(out, n, text, fields); err != nil {
			return nil, err
		}
	}
	return out, s.Err()
}

func addRow(out []scenario, r row) error {
	if len(out) == 0 || len(out[len(out)-1].steps) == 0 {
		return fmt.Errorf("line %d: an indented line belongs to load, org, eval or rows", r.line)
	}
	steps := out[len(out)-1].steps
	steps[len(steps)-1].lines = append(steps[len(steps)-1].lines, r)
	return nil
}

func addStep(out []scenario, n int, text string, fields []string) ([]scenario, error) {
	if fields[0] == "case" {
		return append(out, scenario{name: strings.TrimSpace(text[len("case"):]), line: n, zone: time.UTC, windows: make(map[string]dora.Windows)}), nil
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("line %d: a script begins with a case", n)
	}
	c := &out[len(out)-1]
	switch fields[0] {
	case "zone":
		loc, err := time.LoadLocation(strings.Join(fields[1:], " "))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		c.zone = loc
	case "part":
		if len(fields) < 4 {
			return nil, fmt.Errorf("line %d: part SERVICE REPOSITORY GLOB …", n)
		}
		c.parts = append(c.parts, dora.Part{Service: fields[1], Repository: fields[2], Paths: fields[3:]})
	case "windows":
		if len(fields) != 4 {
			return nil, fmt.Errorf("line %d: windows SERVICE FAILURE REMEDY", n)
		}
		var w dora.Windows
		var err1, err2 error
		w.Failure, err1 = time.ParseDuration(fields[2])
		w.Remedy, err2 = time.ParseDuration(fields[3])
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		c.windows[fields[1]] = w
	case "load", "org", "eval", "rows":
		c.steps = append(c.steps, step{line: n, verb: fields[0], args: fields[1:]})
	default:
		return nil, fmt.Errorf("line %d: %q is not case, zone, part, windows, load, eval or rows", n, fields[0])
	}
	return out, nil
}
