package compute

import (
	"slices"
	"time"
)

// granule is what stretches are rounded to. Calendar windows begin and end on
// quarter hours in every time zone in use, so rounding touches no further window.
const granule = 15 * time.Minute

// A stretch is the half-open range of time [from, to).
type stretch struct{ from, to time.Time }

// dirt gathers, by table of facts, the stretches of time whose points must be
// computed anew, and the services whose facts they are of.
type dirt struct {
	by       map[string]*ranges
	services map[string]bool
	now      time.Time // as far as anything is known
}

func newDirt(now time.Time) dirt {
	return dirt{by: make(map[string]*ranges), services: make(map[string]bool), now: now}
}

// touch says that facts of the services may be among those that changed.
func (d dirt) touch(services ...string) {
	for _, s := range services {
		d.services[s] = true
	}
}

// add marks [from, to) for the metrics that read the fact.
func (d dirt) add(fact string, from, to time.Time) {
	r := d.by[fact]
	if r == nil {
		r = new(ranges)
		d.by[fact] = r
	}
	r.add(from, to)
}

func (d dirt) instant(fact string, t time.Time) { d.add(fact, t, t.Add(time.Millisecond)) }

// ranges is a set of stretches.
type ranges struct {
	granules map[int64]struct{}
	long     []stretch
}

func (r *ranges) add(from, to time.Time) {
	if !from.Before(to) {
		return
	}
	if to.Sub(from) > 24*time.Hour {
		r.long = append(r.long, stretch{from.Truncate(granule), to})
		return
	}
	if r.granules == nil {
		r.granules = make(map[int64]struct{})
	}
	for t := from.Truncate(granule); t.Before(to); t = t.Add(granule) {
		r.granules[t.UnixMilli()] = struct{}{}
	}
}

// list returns the marked stretches, merged and in order.
func (r *ranges) list() []stretch {
	all := slices.Clone(r.long)
	for ms := range r.granules {
		t := time.UnixMilli(ms).UTC()
		all = append(all, stretch{t, t.Add(granule)})
	}
	return merge(all)
}

// merge joins stretches that touch and puts them in order.
func merge(all []stretch) []stretch {
	slices.SortFunc(all, func(a, b stretch) int { return a.from.Compare(b.from) })
	var out []stretch
	for _, s := range all {
		if n := len(out); n > 0 && !s.from.After(out[n-1].to) {
			out[n-1].to = later(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
