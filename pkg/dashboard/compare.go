package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
)

// A shelf keeps the published points of a range by metric and grain, which many
// panels show.
type shelf map[[2]string][]metric.Point

func (c Checker) published(ctx context.Context, kept shelf, d metric.Def, bucket string) ([]metric.Point, error) {
	key := [2]string{d.Name, bucket}
	if all, ok := kept[key]; ok {
		return all, nil
	}
	// The range of the data source holds both its ends, that of points.Read one.
	all, err := points.Read(ctx, c.Store, points.Ask{Metric: d, Grain: metric.Grain(bucket), From: c.From, To: c.To.Add(time.Millisecond), All: true})
	if err == nil {
		kept[key] = all
	}
	return all, err
}

// compare holds the numbers of an answer against the published points, as
// points.Read gives them to the command line and the pages: same digits. It
// returns how many numbers or rows of them were compared.
func (c Checker) compare(ctx context.Context, kept shelf, a asked, v View, f frame) (int, error) {
	s := a.query.shows
	if s.kind == "" {
		return 0, nil
	}
	at := slices.IndexFunc(c.Defs, func(d metric.Def) bool { return d.Name == s.metric })
	if at < 0 {
		return 0, fmt.Errorf("%s is not in the catalogue", s.metric)
	}
	all, err := c.published(ctx, kept, c.Defs[at], v.Bucket)
	if err != nil {
		return 0, err
	}
	var want, got []string
	if s.kind == "latest" {
		want, got = v.latest(all, s.figures), f.text("value")
	} else {
		want, got = v.stored(all, s.kind), f.text("value", "partial", "low", "high", "n")
	}
	if len(want) != len(got) {
		return 0, fmt.Errorf("it shows %d rows, and the published points are %d", len(got), len(want))
	}
	for i := range want {
		if want[i] != got[i] {
			return i, fmt.Errorf("it shows %s, and the published point is %s", got[i], want[i])
		}
	}
	return len(slices.DeleteFunc(want, func(s string) bool { return s == null })), nil
}

// chose reports whether a point is of what is chosen.
func (v View) chose(p metric.Point) bool {
	switch {
	case p.Service != "":
		return slices.Contains(v.Services, p.Service)
	case p.Team != "":
		return slices.Contains(v.Teams, p.Team)
	case p.Unit != "":
		return slices.Contains(v.Units, p.Unit)
	}
	return v.whole()
}

// about reports whether a point is of a service, team or unit.
func about(p metric.Point) bool { return p.Service != "" || p.Team != "" || p.Unit != "" }

func (v View) whole() bool { return v.Services == nil && v.Teams == nil && v.Units == nil }

// lastOf is the start of the latest window in which the whole is covered.
func lastOf(all []metric.Point) (last time.Time) {
	for _, p := range all {
		if !about(p) && p.Dims == "" && (p.Quality == metric.OK || p.Quality == metric.LowN) && p.Start.After(last) {
			last = p.Start
		}
	}
	return last
}

// latest writes the values that latest asks for, in its order: what is chosen and
// has no point is null.
func (v View) latest(all []metric.Point, figures []string) []string {
	last := lastOf(all)
	type key struct{ service, team, unit, dims string }
	values := make(map[key]*float64)
	for _, p := range all {
		if p.Start.Equal(last) {
			values[key{p.Service, p.Team, p.Unit, p.Dims}] = p.Value
		}
	}
	var keys []key
	for _, d := range dims(figures) {
		if v.whole() {
			keys = append(keys, key{dims: d})
		}
		for _, s := range v.Services {
			keys = append(keys, key{service: s, dims: d})
		}
		for _, t := range v.Teams {
			keys = append(keys, key{team: t, dims: d})
		}
		for _, u := range v.Units {
			keys = append(keys, key{unit: u, dims: d})
		}
	}
	slices.SortFunc(keys, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.team, b.team), cmp.Compare(a.unit, b.unit), cmp.Compare(a.dims, b.dims))
	})
	var out []string
	for _, k := range keys[:min(20, len(keys))] {
		out = append(out, digitsOf(values[k]))
	}
	return out
}

// stored writes the points that trend or everyone ask for, in their order.
func (v View) stored(all []metric.Point, kind string) []string {
	last := lastOf(all)
	var picked []metric.Point
	for _, p := range all {
		show := v.chose(p)
		if kind == "subjects" {
			show = about(p) && p.Start.Equal(last) && (v.whole() || show)
		}
		if show && p.Dims == "" {
			picked = append(picked, p)
		}
	}
	var out []string
	if kind == "subjects" {
		slices.SortFunc(picked, func(a, b metric.Point) int {
			return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Team, b.Team), cmp.Compare(a.Service, b.Service))
		})
		for _, p := range picked {
			out = append(out, digitsOf(p.Value)+" "+digitsOf(p.CILow)+" "+digitsOf(p.CIHigh)+" "+strconv.FormatUint(p.N, 10))
		}
		return out
	}
	slices.SortFunc(picked, func(a, b metric.Point) int {
		return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Subject(), b.Subject()))
	})
	for _, p := range picked {
		value, partial, low, high := p.Value, (*float64)(nil), p.CILow, p.CIHigh
		if p.Quality == metric.Partial {
			value, partial, low, high = nil, p.Value, nil, nil
		}
		out = append(out, digitsOf(value)+" "+digitsOf(partial)+" "+digitsOf(low)+" "+digitsOf(high)+" "+strconv.FormatUint(p.N, 10))
	}
	return out
}

// null is how a number that does not exist is written.
const null = "null"

// digitsOf writes a number with all its digits.
func digitsOf(v *float64) string {
	if v == nil || math.IsNaN(*v) {
		return null
	}
	return strconv.FormatFloat(*v, 'f', -1, 64)
}

// text writes those of the columns that the frame has, row by row.
func (f frame) text(columns ...string) []string {
	var out []string
	for _, row := range f.rows {
		line := ""
		for _, name := range columns {
			i := slices.Index(f.columns, name)
			if i < 0 {
				continue
			}
			if line != "" {
				line += " "
			}
			switch x := row[i].(type) {
			case nil:
				line += null
			case float64:
				line += digitsOf(&x)
			default:
				line += fmt.Sprint(x)
			}
		}
		out = append(out, line)
	}
	return out
}
