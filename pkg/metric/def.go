// Package metric says what a metric is: one Def with its SQL, read by everything
// that computes, shows, names or explains the number.
//
// It stands between the facts and their readers. The domains (dora, oncall, …)
// hold the Defs; the rollup turns a Def into a parameterised view, computes its
// points over calendar windows and appends what changed to the history:
//
//	facts ──▶ Def.SQL over windows ──▶ metric_point_log ──▶ metric_points ──▶ readers
//	                 └──▶ view metric_<name>(from=, to=, services=, teams=, units=) ──▶ readers
package metric

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Class says what a metric is to a decision.
type Class string

// The classes.
const (
	Impact    Class = "impact"    // what a bet aims at
	Guardrail Class = "guardrail" // must not get worse
	Health    Class = "health"    // is watched
)

// Direction says which way is better.
type Direction string

// The directions.
const (
	Higher  Direction = "higher"
	Lower   Direction = "lower"
	Neither Direction = "neither"
)

// Unit is the unit of a value as it is stored.
type Unit string

// The units. Durations are stored as milliseconds; readers show days or hours.
const (
	PerDay       Unit = "per_day"
	PerWeek      Unit = "per_week"
	Milliseconds Unit = "ms"
	Ratio        Unit = "ratio"
	Score        Unit = "score"
	Count        Unit = "count"
)

// Quality says how far a point can be trusted; the first that applies is given.
const (
	NoData  = "no_data" // nothing to compute from: the value is null
	Partial = "partial" // the window is not wholly covered: never compared
	LowN    = "low_n"   // from fewer than MinN facts
	OK      = "ok"
)

// MinN is the number of facts below which a median or a rate is LowN.
const MinN = 10

// A Def defines one metric, once, for everything that uses it.
type Def struct {
	Name       string    // "dora.change_lead_time": stable, it is stored
	Version    int       // raised when the meaning changes; points of versions are not compared
	Title      string    // as people call it
	Question   string    // the question it answers
	Help       string    // the definition in two or three sentences, with its source
	Audience   string    // who reads it
	Class      Class     //
	Direction  Direction //
	Unit       Unit      //
	Maturity   string    // "stable" or "trial"
	Owner      string    // who owns the definition
	Grains     []Grain   // windows it is stored for
	Dimensions []string  // levels it is published at: "service", "team", "unit", ""
	Guardrails []string  // metrics it is never shown without
	Stats      []Stat    // figures beside the main one
	Facts      []string  // tables of facts it reads; a changed fact touches the metric
	OfFacts    bool      // there are points only where the first of Facts has rows
	SQL        string    // one SELECT over the relation `windows`, see CreateView
	// Trailing is how far before a window's start the facts of its point reach.
	Trailing time.Duration
	// Fold computes the figures of one point where that takes order or iteration,
	// which SQL is no good at. The SQL then only selects: grain, window_start,
	// window_end, service, team, unit, ms, event and cut, a row for each sample and
	// window. Such a metric has no view, so that no number is computed in two ways.
	Fold func([]Sample) []Figure `json:"-"`
}

// A Sample is what one fact says to a metric that Go folds.
type Sample struct {
	MS    int64 // how long it took, or has taken so far
	Event bool  // false: it goes on
	Cut   bool  // its window is not wholly covered
}

// A Figure is one number of a point, or one beside it.
type Figure struct {
	Stat             string // "" for the main one
	Value, Low, High *float64
	N                uint64
	Quality          string
}

// A Stat is a figure beside the main one, stored under dims {"stat":"<name>"}.
type Stat struct {
	Name  string // "p90": it is stored
	Title string // as people read it, before the value: "Nine of ten within"
	Help  string
	Unit  Unit
}

// View is the name of the metric's parameterised view.
func (d Def) View() string {
	return "metric_" + strings.NewReplacer(".", "_", "-", "_").Replace(d.Name)
}

var nameForm = regexp.MustCompile(`^[a-z]+\.[a-z0-9_]+$`)

// Validate reports everything that is wrong with the definition.
func (d Def) Validate() error {
	var wrong []string
	check := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	check(nameForm.MatchString(d.Name), "name is not domain.name in lower case")
	check(d.Version > 0, "version is not positive")
	check(d.Title != "" && d.Question != "" && d.Help != "" && d.Audience != "" && d.Owner != "", "title, question, help, audience and owner are all needed")
	check(strings.HasSuffix(d.Question, "?"), "question does not end with a question mark")
	check(d.Class == Impact || d.Class == Guardrail || d.Class == Health, "class is not impact, guardrail or health")
	check(d.Class != Impact || len(d.Guardrails) > 0, "an impact metric names no guardrail")
	check(len(d.Grains) > 0, "no grains")
	check(len(d.Facts) > 0, "no facts")
	check(d.Fold == nil || d.Trailing == 0, "a folded metric takes its facts from its windows alone")
	check(strings.Contains(d.SQL, "windows") || strings.Contains(d.SQL, "spread"), "SQL reads neither the relation windows nor spread")
	for _, st := range d.Stats {
		check(st.Name != "" && st.Title != "" && st.Help != "" && st.Unit != "", fmt.Sprintf("the figure %q lacks a name, title, help or unit", st.Name))
	}
	if wrong != nil {
		return fmt.Errorf("metric %q: %s", d.Name, strings.Join(wrong, "; "))
	}
	return nil
}

// The two ways the one SQL is asked. A metric's SQL reads the relations
//
//	windows (grain, window_start, window_end)               what to compute, half-open, UTC
//	spread (piece, number, window_start, window_end, day)   which windows hold which of the pieces that all their ends cut time
//	                                                        into; day is that of window_start in the organisation's time zone
//	pieces (piece, one)                                     the pieces' first instants; one is 1, for ASOF JOIN
//
// and the values
//
//	asked_from, asked_to, asked_grains                      the first start and the last end of them, and their grains
//	asked_services, asked_teams, asked_units                arrays to filter by; empty means all
//	zone                                                    the organisation's time zone
//
// and returns grain, window_start, window_end, service, team, unit, dims, value,
// numerator, denominator, n, ci_low, ci_high, quality: a row for each service,
// team and unit and one for all that was asked for together.
//
// A fact lies in one piece and in a window of each grain. What adds up is added up by
// piece first, which is a fifth of the work. A window's number says its grain and
// start: asked_grains[bitAnd(number, 7)] and bitShiftRight(number, 3) milliseconds. A
// number is grouped by in a third of the time that the two take.
var viewHead = `WITH
    {from:DateTime64(3, 'UTC')} AS asked_from,
    {to:DateTime64(3, 'UTC')} AS asked_to,
    ['range'] AS asked_grains,
    windows AS (SELECT 'range' AS grain, {from:DateTime64(3, 'UTC')} AS window_start, {to:DateTime64(3, 'UTC')} AS window_end),
` + spreadOne + suppressions("") + askedOf

// spreadOne is what one window makes of the relations of pieces: there is one piece.
const spreadOne = `    (SELECT max(value) FROM payoff.organisation FINAL WHERE key = 'timezone') AS zone,
    pieces AS (SELECT asked_from AS piece, 1 AS one),
    spread AS
    (
        SELECT window_start AS piece, bitShiftLeft(toUnixTimestamp64Milli(window_start), 3) + 1 AS number, window_start, window_end,
            toDate32(window_start, zone) AS day
        FROM windows WHERE window_start < window_end
    ),
`

// Over says which windows of the calendar are computed.
type Over struct {
	Where    string    // condition on grain, window_start and window_end
	From, To time.Time // the first start and the last end of the windows
	Grains   []Grain   // of the windows
	Zone     string    // the organisation's time zone
	Services []string  // computed alone; none: all
	// Asked names the windows among those of a run, see Piece.
	Asked uint16
}

// A Piece is a piece of time and a window that holds it, as payoff_private.window_pieces
// keeps them for Batch.
type Piece struct {
	From   time.Time
	Number int64 // 0: no window holds it
	Window Window
}

// Pieces cuts time at all ends of the windows, of which those of each grain stand in
// order, and says which of the grains' windows hold which piece.
func Pieces(grains []Grain, windows []Window) []Piece {
	var ends []time.Time
	for _, w := range windows {
		ends = append(ends, w.Start, w.End)
	}
	slices.SortFunc(ends, time.Time.Compare)
	ends = slices.CompactFunc(ends, time.Time.Equal)
	held := make([]bool, len(ends))
	var out []Piece
	for i, g := range grains {
		at := 0
		for _, w := range windows {
			if w.Grain != g {
				continue
			}
			for ; at < len(ends) && ends[at].Before(w.End); at++ {
				if ends[at].Before(w.Start) {
					continue
				}
				held[at] = true
				out = append(out, Piece{From: ends[at], Number: w.Start.UnixMilli()<<3 + int64(i) + 1, Window: w})
			}
		}
	}
	for i, end := range ends {
		if !held[i] {
			out = append(out, Piece{From: end, Window: Window{Start: end, End: end}})
		}
	}
	return out
}

// head defines the relations and values. Those that a program knows are given by it,
// as asking the store for them takes a tenth of a small query.
func (o Over) head(relations string) string {
	return `WITH
    windows AS (SELECT grain, window_start, window_end FROM payoff.calendar WHERE ` + o.Where + `),
    ` + instant(o.From) + ` AS asked_from, ` + instant(o.To) + ` AS asked_to, CAST(` + Literals(o.Grains) + `, 'Array(String)') AS asked_grains,
` + relations + `    CAST(` + Literals(o.Services) + `, 'Array(String)') AS asked_services, CAST([], 'Array(String)') AS asked_teams, CAST([], 'Array(String)') AS asked_units
`
}

// Literals is a list of names as a statement has it.
func Literals[T ~string](names []T) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = "'" + escape(string(n)) + "'"
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

func (o Over) spread() string {
	return fmt.Sprintf(`    '%s' AS zone,
    pieces AS (SELECT DISTINCT piece, 1 AS one FROM payoff_private.window_pieces WHERE run = {run:UInt64} AND asked = %d),
    spread AS
    (
        SELECT piece, number, window_start, window_end, toDate32(window_start, zone) AS day FROM payoff_private.window_pieces
        WHERE run = {run:UInt64} AND asked = %d AND number != 0
    ),
`, escape(o.Zone), o.Asked, o.Asked)
}

func instant(t time.Time) string {
	return fmt.Sprintf("fromUnixTimestamp64Milli(%d, 'UTC')", t.UnixMilli())
}

// OfServices says that the metric is told of services, and of units by their services,
// and of nothing wider.
func (d Def) OfServices() bool {
	return len(d.Dimensions) > 0 && !slices.ContainsFunc(d.Dimensions, func(level string) bool { return level != "service" && level != "unit" })
}

// CreateView is the statement that makes the metric's parameterised view.
func (d Def) CreateView() string {
	return fmt.Sprintf("CREATE OR REPLACE VIEW payoff.%s\nDEFINER = CURRENT_USER SQL SECURITY DEFINER\nAS\n%sSELECT * FROM (\n%s\n) AS p\n%s\nCOMMENT '%s'",
		d.View(), viewHead, Straight(d.SQL), shownInView, escape(d.Title+": "+d.Question+" "+d.Help))
}

// Batch is the query that computes the metric over windows of the calendar, also of
// services that are not shown in them, which whoever asks leaves out: one query finds
// these for all metrics, see Suppressed. The windows' pieces stand in
// payoff_private.window_pieces under the number {run:UInt64}. Of a metric that Go folds
// Batch selects the samples.
func (d Def) Batch(o Over) string {
	return o.head(o.spread()) + "SELECT * FROM (\n" + Straight(d.SQL) + "\n) AS p\n"
}

// ShownBatch is Batch without what is not shown, which stands in
// payoff_private.suppressed under the same number.
func (d Def) ShownBatch(o Over) string { return d.Batch(o) + shownInBatch }

func escape(s string) string { return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) }
