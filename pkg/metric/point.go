package metric

import (
	"strings"
	"time"
)

// A Point is one published number: a metric, over a window, for a service, a
// team, a unit or (all three empty) the whole. A nil figure does not exist; it is
// never 0 in its place.
type Point struct {
	Metric      string    `json:"metric"`
	Version     int       `json:"version"`
	Grain       Grain     `json:"grain"`
	Start       time.Time `json:"window_start"`
	End         time.Time `json:"window_end"`
	Service     string    `json:"service,omitempty"`
	Team        string    `json:"team,omitempty"`
	Unit        string    `json:"unit,omitempty"`
	Dims        string    `json:"dims,omitempty"` // canonical JSON of further dimensions, "" for none
	Value       *float64  `json:"value"`
	Numerator   *float64  `json:"numerator"`
	Denominator *float64  `json:"denominator"`
	N           uint64    `json:"n"`
	CILow       *float64  `json:"ci_low"`
	CIHigh      *float64  `json:"ci_high"`
	Quality     string    `json:"quality"`
	ComputedAt  time.Time `json:"computed_at,omitzero"`
}

// Subject is whose number it is, as people write it.
func (p Point) Subject() string {
	switch {
	case p.Service != "":
		return p.Service
	case p.Team != "":
		return "team " + p.Team
	case p.Unit != "":
		return "unit " + p.Unit
	}
	return "all"
}

// Figure is which figure of the metric it is: "" for the main one, else the name
// of the Stat.
func (p Point) Figure() string {
	name, found := strings.CutPrefix(p.Dims, `{"stat":"`)
	if !found {
		return p.Dims
	}
	return strings.TrimSuffix(name, `"}`)
}

// UnitOf is the unit of a figure of the metric, as Point.Figure names it.
func (d Def) UnitOf(figure string) Unit {
	for _, st := range d.Stats {
		if st.Name == figure {
			return st.Unit
		}
	}
	return d.Unit
}
