package estimatecmd

import (
	"encoding/json"
	"io"
	"math"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/impact"
)

// number is a JSON number, null when it does not exist.
type number float64

// MarshalJSON writes null for NaN and infinities.
func (n number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

// document is the JSON object. Times are integers, or dates as strings, as the
// panel has them.
type document struct {
	Method        string                 `json:"method"`
	Verdict       string                 `json:"verdict,omitempty"`
	ATT           number                 `json:"att"`
	SE            number                 `json:"se"`
	CILow         number                 `json:"ci_low"`
	CIHigh        number                 `json:"ci_high"`
	CILevel       number                 `json:"ci_level"`
	P             number                 `json:"p"`
	PKind         *string                `json:"p_kind"`
	PSmallest     number                 `json:"p_smallest"`
	Control       string                 `json:"control,omitempty"`
	Base          string                 `json:"base,omitempty"`
	Aggregate     string                 `json:"aggregate,omitempty"`
	Units         int                    `json:"n_units"`
	Treated       int                    `json:"n_treated"`
	Periods       int                    `json:"n_periods"`
	Clusters      int                    `json:"n_clusters"`
	EventStudy    []event                `json:"event_study"`
	Band          string                 `json:"band,omitempty"`
	Groups        []group                `json:"groups"`
	ATTGT         []attgt                `json:"attgt"`
	Aggregates    map[string]estimate    `json:"aggregates"`
	Pretest       *pretest               `json:"pretest"`
	Breakdown     number                 `json:"breakdown"`
	TWFE          *twfe                  `json:"twfe"`
	Decomposition []comparison           `json:"decomposition,omitempty"`
	Agreement     []check                `json:"agreement,omitempty"`
	Weights       *weights               `json:"weights"`
	Coefficients  map[string]coefficient `json:"coefficients"`
	Effects       []horizon              `json:"effects,omitempty"`
	NominalSize   *number                `json:"measured_size,omitempty"`
	RateRatio     *number                `json:"rate_ratio,omitempty"`
	Dispersion    *number                `json:"dispersion,omitempty"`
	Path          []path                 `json:"counterfactual,omitempty"`
	Draws         int                    `json:"draws"`
	Seed          uint64                 `json:"seed"`
	ChosenBecause string                 `json:"chosen_because"`
	Warnings      []string               `json:"warnings"`
	NotEstimable  []string               `json:"not_estimable"`
}

type estimate struct {
	ATT number `json:"att"`
	SE  number `json:"se"`
}

type event struct {
	E      int    `json:"e"`
	ATT    number `json:"att"`
	SE     number `json:"se"`
	CILow  number `json:"ci_low"`
	CIHigh number `json:"ci_high"`
}

type group struct {
	Group any    `json:"group"`
	ATT   number `json:"att"`
	SE    number `json:"se"`
}

type attgt struct {
	Group any    `json:"group"`
	Time  any    `json:"time"`
	ATT   number `json:"att"`
	SE    number `json:"se"`
}

type pretest struct {
	W       number `json:"w"`
	DF      int    `json:"df"`
	P       number `json:"p"`
	Largest number `json:"largest"`
}

type twfe struct {
	ATT         number `json:"att"`
	SE          number `json:"se"`
	P           number `json:"p"`
	Positive    int    `json:"positive_weights"`
	PositiveSum number `json:"positive_weight_sum"`
	Negative    int    `json:"negative_weights"`
	NegativeSum number `json:"negative_weight_sum"`
}

type comparison struct {
	Treated   any    `json:"treated"`
	Control   any    `json:"control"` // null: never treated
	Forbidden bool   `json:"forbidden"`
	Weight    number `json:"weight"`
	ATT       number `json:"att"`
}

type check struct {
	Method string `json:"method"`
	ATT    number `json:"att"`
	SE     number `json:"se"`
}

// weights are by name; with several cohorts they are averaged by treated units.
type weights struct {
	Unit map[string]number `json:"unit"`
	Time map[string]number `json:"time"`
}

type coefficient struct {
	Estimate number `json:"estimate"`
	SE       number `json:"se"`
}

type horizon struct {
	Horizon int    `json:"horizon"`
	ATT     number `json:"att"`
	SE      number `json:"se"`
}

type path struct {
	Time           any    `json:"time"`
	Treated        number `json:"treated"`
	Counterfactual number `json:"counterfactual"`
}

func writeJSON(w io.Writer, r *impact.Result, refused error) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(newDocument(r, refused))
}

func newDocument(r *impact.Result, refused error) document {
	d := document{
		Method: string(r.Method), ATT: number(r.ATT), SE: number(r.SE), CILow: number(r.Low), CIHigh: number(r.High),
		CILevel: number(r.Level), P: number(r.P), PSmallest: number(r.Smallest),
		Control: string(r.Control), Base: string(r.Base), Aggregate: string(r.Aggregate),
		Units: r.Units, Treated: r.Treated, Periods: r.Periods, Clusters: r.Clusters,
		EventStudy: []event{}, Band: r.BandKind, Groups: []group{}, ATTGT: []attgt{}, Aggregates: map[string]estimate{},
		Breakdown: number(r.Breakdown), Coefficients: map[string]coefficient{},
		Draws: r.Draws, Seed: r.Seed, ChosenBecause: r.ChosenBecause,
		Warnings: append([]string{}, r.Warnings...), NotEstimable: append([]string{}, r.NotEstimable...),
	}
	if r.PKind != "" {
		d.PKind = &r.PKind
	}
	if refused != nil {
		d.Verdict = string(impact.NotIdentified)
		d.NotEstimable = append(d.NotEstimable, withoutVerdict(refused))
	}
	d.addEffects(r)
	d.addChecks(r)
	d.addSpecial(r)
	return d
}

// withoutVerdict is the reason of a refusal.
func withoutVerdict(err error) string {
	return strings.TrimPrefix(err.Error(), impact.ErrNotIdentified.Error()+": ")
}

// at returns period t as the panel has it.
func at(p *impact.Panel, t int) any {
	switch {
	case t == impact.Never:
		return nil
	case p.Dates:
		return p.Label(t)
	}
	return p.Times[t]
}

// errorOf is the standard error of a cell, null for a reference.
func errorOf(se float64) number {
	if se == 0 {
		return number(math.NaN())
	}
	return number(se)
}

func (d *document) addEffects(r *impact.Result) {
	for _, e := range r.EventStudy {
		d.EventStudy = append(d.EventStudy, event{e.Event, number(e.ATT), number(e.SE), number(e.Low), number(e.High)})
	}
	for _, c := range r.Cells {
		d.ATTGT = append(d.ATTGT, attgt{at(r.Panel, c.Group), at(r.Panel, c.Time), number(c.ATT), errorOf(c.SE)})
	}
	for _, g := range r.Groups {
		d.Groups = append(d.Groups, group{at(r.Panel, g.Key), number(g.ATT), errorOf(g.SE)})
	}
	for a, e := range r.Aggregates {
		d.Aggregates[string(a)] = estimate{number(e.ATT), errorOf(e.SE)}
	}
	for _, p := range r.Path {
		d.Path = append(d.Path, path{at(r.Panel, p.Time), number(p.Treated), number(p.Counterfactual)})
	}
}

func (d *document) addChecks(r *impact.Result) {
	if t := r.Pretest; t != nil {
		d.Pretest = &pretest{number(t.W), t.DF, number(t.P), number(t.Largest)}
	}
	if t := r.TWFE; t != nil {
		d.TWFE = &twfe{number(t.ATT), number(t.SE), number(t.P), t.Positive, number(t.PositiveSum), t.Negative, number(t.NegativeSum)}
	}
	for _, c := range r.Decomposition {
		d.Decomposition = append(d.Decomposition, comparison{at(r.Panel, c.Treated), at(r.Panel, c.Control), c.Forbidden, number(c.Weight), number(c.ATT)})
	}
	for _, c := range r.Agreement {
		d.Agreement = append(d.Agreement, check{string(c.Method), number(c.ATT), errorOf(c.SE)})
	}
}

func (d *document) addSpecial(r *impact.Result) {
	if s := r.Synthetic; s != nil {
		d.Weights = &weights{Unit: byName(s.UnitWeights), Time: byName(s.TimeWeights)}
	}
	if s := r.Series; s != nil {
		for _, c := range s.Coefficients {
			d.Coefficients[c.Name] = coefficient{number(c.Estimate), number(c.SE)}
		}
		for _, h := range s.Effects {
			d.Effects = append(d.Effects, horizon{h.Horizon, number(h.ATT), number(h.SE)})
		}
		size := number(s.Size)
		d.NominalSize = &size
	}
	if c := r.Count; c != nil {
		ratio, dispersion := number(c.RateRatio), number(c.Dispersion)
		d.RateRatio, d.Dispersion = &ratio, &dispersion
	}
}

// byName averages weights over cohorts.
func byName(ws []impact.Weight) map[string]number {
	total := 0.0
	for _, w := range ws {
		total += w.Weight
	}
	out := map[string]number{}
	for _, w := range ws {
		out[w.Name] += number(w.Weight / total)
	}
	return out
}
