package impact

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// ErrInvalid says that the panel or the request breaks a rule. The caller
// shows the sentence, which names the row and the rule, and corrects the input.
var ErrInvalid = errors.New("invalid panel")

// ErrNotIdentified says that no data of this shape can answer the question,
// whatever its size. The caller shows the reason instead of a number.
var ErrNotIdentified = errors.New("NOT_IDENTIFIED")

// Never is the cohort of a unit that is not treated within the panel.
const Never = math.MaxInt

// maxMagnitude bounds outcomes and covariates: beyond it squares and their
// sums leave the range of float64 and every error would be infinite.
const maxMagnitude = 1e100

// A Row is one observation as it was read: one unit in one period.
type Row struct {
	Line       int       // where it was read, for messages; 0 if it was not
	Unit       string    // who
	Time       int64     // when: an integer, or days since 1970-01-01 if the panel has dates
	First      int64     // first treated period, in the unit of Time; ignored if Never
	Never      bool      // not treated
	Outcome    float64   // the outcome, in its own unit
	Cluster    string    // "" means that the unit is its own cluster
	Covariates []float64 // in the order of PanelOptions.Covariates
	Offset     float64   // exposure of a count (> 0), 0 if there is none
}

// PanelOptions say how rows are to be read as a panel.
type PanelOptions struct {
	Dates          bool     // times are days since 1970-01-01, and event time counts periods
	Covariates     []string // names, for messages
	DropIncomplete bool     // drop units with holes instead of refusing them
	RowWord        string   // what messages call the place of a row; default "line"
}

// at names the place of a row.
func (o PanelOptions) at(line int) string {
	return fmt.Sprintf("%s %d", cmp.Or(o.RowWord, "line"), line)
}

// A Panel is a balanced panel: every unit once in every period, sorted by unit
// and by time, so that the order of the rows that made it cannot be seen.
type Panel struct {
	Units     []string      // ascending
	Times     []int64       // ascending
	Cohort    []int         // per unit: index into Times of the first treated period, or Never
	Y         [][]float64   // outcome by unit and period
	X         [][][]float64 // covariates by unit, period and covariate; nil without any
	Names     []string      // of the covariates
	Cluster   []int         // per unit: index of its cluster, 0-based, by ascending name
	Clusters  int           // number of clusters
	Clustered bool          // a cluster was named, so clusters are not just the units
	Offset    [][]float64   // exposures by unit and period, nil without any
	Dates     bool          // Times are days since 1970-01-01
	Warnings  []string      // what was left out of the rows, in words
}

// NewPanel checks rows and arranges them as a balanced panel.
//
// Units treated in the first period or before have no untreated observation:
// they are left out and Warnings says so. A first treated time after the last
// period is never treated. A first treated time between two periods counts
// from the next period.
//
// The error wraps ErrInvalid and names the line and the rule.
func NewPanel(rows []Row, o PanelOptions) (*Panel, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: there are no rows; a panel needs at least two periods of two units", ErrInvalid)
	}
	rows = slices.Clone(rows)
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Time, b.Time), cmp.Compare(a.Line, b.Line))
	})
	if err := checkRows(rows, o); err != nil {
		return nil, err
	}
	p := &Panel{Dates: o.Dates, Names: slices.Clone(o.Covariates)}
	p.Times = times(rows)
	if err := p.fill(rows, o); err != nil {
		return nil, err
	}
	return p, nil
}

// checkRows applies the rules that can be seen from single rows and from
// neighbours in the sorted order.
func checkRows(rows []Row, o PanelOptions) error {
	for i, r := range rows {
		switch {
		case r.Unit == "":
			return fmt.Errorf("%w: %s: the unit is empty", ErrInvalid, o.at(r.Line))
		case badNumber(r.Outcome):
			return fmt.Errorf("%w: %s: the outcome of unit %q is %v; outcomes are numbers of at most %.0e in size", ErrInvalid, o.at(r.Line), r.Unit, r.Outcome, maxMagnitude)
		case len(r.Covariates) != len(o.Covariates):
			return fmt.Errorf("%w: %s: %d covariates, want %d", ErrInvalid, o.at(r.Line), len(r.Covariates), len(o.Covariates))
		case math.IsNaN(r.Offset) || r.Offset < 0 || r.Offset > maxMagnitude:
			return fmt.Errorf("%w: %s: the exposure %v is not a positive number", ErrInvalid, o.at(r.Line), r.Offset)
		}
		for k, x := range r.Covariates {
			if badNumber(x) {
				return fmt.Errorf("%w: %s: covariate %q is %v; covariates are numbers of at most %.0e in size", ErrInvalid, o.at(r.Line), o.Covariates[k], x, maxMagnitude)
			}
		}
		if i == 0 || rows[i-1].Unit != r.Unit {
			continue
		}
		if err := checkPair(rows[i-1], r, o); err != nil {
			return err
		}
	}
	return nil
}

// checkPair applies the rules for two rows of one unit.
func checkPair(a, b Row, o PanelOptions) error {
	dates := o.Dates
	first, second := min(a.Line, b.Line), max(a.Line, b.Line)
	switch {
	case a.Time == b.Time:
		return fmt.Errorf("%w: %s: unit %q already has a row for %s, %s; one row per unit and period", ErrInvalid, o.at(second), b.Unit, formatTime(b.Time, dates), o.at(first))
	case a.Never != b.Never || !a.Never && a.First != b.First:
		return fmt.Errorf("%w: %s: unit %q is first treated %s here and %s in %s; treatment starts once and stays", ErrInvalid, o.at(b.Line), b.Unit, firstWord(b, dates), firstWord(a, dates), o.at(a.Line))
	case a.Cluster != b.Cluster:
		return fmt.Errorf("%w: %s: unit %q is in cluster %q here and in %q in %s; a unit stays in its cluster", ErrInvalid, o.at(b.Line), b.Unit, b.Cluster, a.Cluster, o.at(a.Line))
	}
	return nil
}

func firstWord(r Row, dates bool) string {
	if r.Never {
		return "never"
	}
	return "in " + formatTime(r.First, dates)
}

func badNumber(x float64) bool { return math.IsNaN(x) || math.Abs(x) > maxMagnitude }

func times(rows []Row) []int64 {
	seen := map[int64]bool{}
	for _, r := range rows {
		seen[r.Time] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// fill builds the arrays from sorted, checked rows.
func (p *Panel) fill(rows []Row, o PanelOptions) error {
	clusterNames := []string{}
	var dropped, always, between []string
	for start := 0; start < len(rows); {
		end := start
		for end < len(rows) && rows[end].Unit == rows[start].Unit {
			end++
		}
		unit := rows[start:end]
		start = end
		name := unit[0].Unit
		if len(unit) != len(p.Times) {
			if !o.DropIncomplete {
				return fmt.Errorf("%w: %s: unit %q starts here and has no row for %s; every unit needs a row in each of the %d periods: join a unit that was renamed or merged under one name, fill the hole in, or ask to drop incomplete units", ErrInvalid, o.at(unit[0].Line), name, p.label(p.hole(unit)), len(p.Times))
			}
			dropped = append(dropped, name)
			continue
		}
		cohort, exact := p.cohortOf(unit[0])
		if cohort == 0 {
			always = append(always, name)
			continue
		}
		if !exact {
			between = append(between, name)
		}
		p.add(unit, cohort)
		clusterNames = append(clusterNames, unit[0].Cluster)
	}
	p.numberClusters(clusterNames)
	p.warnDropped("unit %s: dropped, it has no row in some period", "%d units dropped because they have no row in some period: %s", dropped)
	p.warnDropped("unit %s: dropped, it was treated in the first period or before, so it was never seen untreated", "%d units dropped because they were treated in the first period or before, so they were never seen untreated: %s", always)
	p.warnDropped("unit %s: its first treated time is not a period of the panel; it counts from the next period", "%d units have a first treated time that is not a period of the panel; it counts from the next period: %s", between)
	p.warnUneven()
	if len(p.Units) == 0 {
		return fmt.Errorf("%w: no unit is left: %s", ErrInvalid, p.Warnings[0])
	}
	return nil
}

func (p *Panel) add(unit []Row, cohort int) {
	y := make([]float64, len(unit))
	for t, r := range unit {
		y[t] = r.Outcome
	}
	if len(p.Names) > 0 {
		x := make([][]float64, len(unit))
		for t, r := range unit {
			x[t] = slices.Clone(r.Covariates)
		}
		p.X = append(p.X, x)
	}
	if unit[0].Offset > 0 {
		off := make([]float64, len(unit))
		for t, r := range unit {
			off[t] = r.Offset
		}
		p.Offset = append(p.Offset, off)
	}
	p.Units = append(p.Units, unit[0].Unit)
	p.Cohort = append(p.Cohort, cohort)
	p.Y = append(p.Y, y)
}

// hole returns the first period in which the unit has no row.
func (p *Panel) hole(unit []Row) int {
	for t, v := range p.Times {
		if t >= len(unit) || unit[t].Time != v {
			return t
		}
	}
	return len(p.Times) - 1
}

// cohortOf returns the index of the first treated period and whether the given
// time is a period of the panel.
func (p *Panel) cohortOf(r Row) (cohort int, exact bool) {
	if r.Never {
		return Never, true
	}
	i, exact := slices.BinarySearch(p.Times, r.First)
	if i == len(p.Times) {
		return Never, true
	}
	return i, exact
}

func (p *Panel) numberClusters(names []string) {
	distinct := map[string]bool{}
	for _, n := range names {
		distinct[n] = true
	}
	if len(distinct) == 1 && distinct[""] {
		p.Clusters = len(names)
		for i := range names {
			p.Cluster = append(p.Cluster, i)
		}
		return
	}
	order := slices.Sorted(maps.Keys(distinct))
	p.Clusters, p.Clustered = len(order), true
	for _, n := range names {
		i, _ := slices.BinarySearch(order, n)
		p.Cluster = append(p.Cluster, i)
	}
}

func (p *Panel) warnDropped(one, many string, names []string) {
	switch len(names) {
	case 0:
	case 1:
		p.Warnings = append(p.Warnings, fmt.Sprintf(one, strconv.Quote(names[0])))
	default:
		p.Warnings = append(p.Warnings, fmt.Sprintf(many, len(names), listSome(names)))
	}
}

// listSome names up to five things.
func listSome(names []string) string {
	s := ""
	for i, n := range names {
		if i == 5 {
			return s + fmt.Sprintf(" and %d more", len(names)-5)
		}
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s
}

// warnUneven tells when integer times have gaps: event time then counts the
// unit of time, as the reference packages do, and not periods.
func (p *Panel) warnUneven() {
	if p.Dates || len(p.Times) < 3 {
		return
	}
	step := p.Times[1] - p.Times[0]
	for t := 2; t < len(p.Times); t++ {
		if p.Times[t]-p.Times[t-1] != step {
			p.Warnings = append(p.Warnings, fmt.Sprintf("times are not evenly spaced (%s to %s): event time is the difference of the times, not the number of periods", p.label(t-1), p.label(t)))
			return
		}
	}
}

// Periods is the number of periods.
func (p *Panel) Periods() int { return len(p.Times) }

// Treated counts units that are treated within the panel.
func (p *Panel) Treated() int {
	n := 0
	for _, g := range p.Cohort {
		if g != Never {
			n++
		}
	}
	return n
}

// Cohorts returns the distinct first treated periods, ascending, without Never.
func (p *Panel) Cohorts() []int {
	seen := map[int]bool{}
	for _, g := range p.Cohort {
		if g != Never {
			seen[g] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Event returns the event time of period t for the cohort that is first treated
// in period g: the difference of the times if they are integers, the number of
// periods if they are dates.
func (p *Panel) Event(g, t int) int {
	if p.Dates {
		return t - g
	}
	return int(p.Times[t] - p.Times[g])
}

// Label returns the name of period t as it was read: an integer or an ISO date.
func (p *Panel) Label(t int) string { return p.label(t) }

func (p *Panel) label(t int) string { return formatTime(p.Times[t], p.Dates) }

func formatTime(v int64, dates bool) string {
	if !dates {
		return strconv.FormatInt(v, 10)
	}
	return time.Unix(v*86400, 0).UTC().Format(time.DateOnly)
}

// constant reports whether the outcome never changes, over units and periods.
func (p *Panel) constant() bool {
	for _, y := range p.Y {
		for _, v := range y {
			if v != p.Y[0][0] {
				return false
			}
		}
	}
	return true
}

// with returns the panel with other outcomes and cohorts, sharing the rest.
func (p *Panel) with(y [][]float64, cohort []int) *Panel {
	q := *p
	q.Y, q.Cohort = y, cohort
	return &q
}

// untilPeriod returns the panel cut to its first n periods; cohorts that start
// later are never treated in it.
func (p *Panel) untilPeriod(n int) *Panel {
	q := *p
	q.Times = p.Times[:n]
	q.Y = make([][]float64, len(p.Y))
	for i, y := range p.Y {
		q.Y[i] = y[:n]
	}
	if p.X != nil {
		q.X = make([][][]float64, len(p.X))
		for i, x := range p.X {
			q.X[i] = x[:n]
		}
	}
	q.Cohort = slices.Clone(p.Cohort)
	for i, g := range q.Cohort {
		if g != Never && g >= n {
			q.Cohort[i] = Never
		}
	}
	return &q
}

// minus returns the outcomes less tau in every treated observation: the
// outcomes under the hypothesis that the effect is tau everywhere.
func (p *Panel) minus(tau float64) [][]float64 {
	out := make([][]float64, len(p.Y))
	for i, y := range p.Y {
		out[i] = slices.Clone(y)
		for t := range y {
			if t >= p.Cohort[i] {
				out[i][t] -= tau
			}
		}
	}
	return out
}

func notIdentified(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotIdentified, fmt.Sprintf(format, args...))
}
