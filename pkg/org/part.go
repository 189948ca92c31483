package org

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

// A Part is where the code of a service is in [From, To): in the paths of a
// repository that match, or in all of it if there are no Paths, as in a repository
// of its own. A zero time does not limit.
type Part struct {
	Service    string    `json:"service"`
	Repository string    `json:"repository"`
	Paths      []string  `json:"paths,omitempty"` // globs, ** matches any number of directories
	From       time.Time `json:"from,omitzero"`
	To         time.Time `json:"to,omitzero"`
}

// Has reports whether what was done at a time to these paths was done to the part.
func (p *Part) Has(at time.Time, paths []string) bool {
	if at.Before(p.From) || !p.To.IsZero() && !at.Before(p.To) {
		return false
	}
	return len(p.Paths) == 0 || slices.ContainsFunc(paths, func(path string) bool { return matchesAny(p.Paths, path) })
}

// matches is what a glob of a service means.
func matches(glob, path string) bool {
	ok, err := doublestar.Match(glob, path)
	return ok && err == nil
}

func matchesAny(globs []string, path string) bool {
	return slices.ContainsFunc(globs, func(g string) bool { return matches(g, path) })
}

// Parts lists where the code of the declared services is, in a fixed order.
func Parts(entities []Entity) []Part {
	var out []Part
	for _, e := range entities {
		class, service, _ := strings.Cut(e.Subject, "/")
		for _, d := range e.Rows {
			period := periodOf(d.From, d.To)
			if class != "service" || d.Repository == "" || period.empty() {
				continue
			}
			p := Part{Service: service, Repository: d.Repository, Paths: d.Paths}
			if period.From.After(Ever) {
				p.From = period.From
			}
			if period.To.Before(Always) {
				p.To = period.To
			}
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Repository, b.Repository), a.From.Compare(b.From), a.To.Compare(b.To), slices.Compare(a.Paths, b.Paths))
	})
	return out
}
