package estimatecmd

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/payoff-metrics/payoff/pkg/impact"
)

// maxEvents is the number of event times that the table shows around treatment.
const maxEvents = 24

func writeTable(out io.Writer, r *impact.Result, refused error) error {
	var b strings.Builder
	if refused != nil {
		fmt.Fprintf(&b, "%s: %s.\n", impact.NotIdentified, withoutVerdict(refused))
	} else {
		fmt.Fprintln(&b, sentence(r))
	}
	fmt.Fprintf(&b, "\n%d units, %d treated; %d periods, %s to %s\n", r.Units, r.Treated, r.Periods, r.First, r.Last)
	if r.ChosenBecause != "" && refused == nil {
		fmt.Fprintf(&b, "%s: %s\n", r.Method, r.ChosenBecause)
	}
	if refused == nil {
		writeNumbers(&b, r)
	}
	writeList(&b, "Not estimable", r.NotEstimable)
	writeList(&b, "Warnings", r.Warnings)
	_, err := io.WriteString(out, b.String())
	return err
}

// sentence says what the estimate means.
func sentence(r *impact.Result) string {
	what := "changed the outcome by"
	if r.Method == impact.Counts {
		return fmt.Sprintf("The treatment multiplied the rate by %s (%s).", short(r.Count.RateRatio), support(r))
	}
	direction := "higher"
	if r.ATT < 0 {
		direction = "lower"
	}
	if math.IsNaN(r.P) {
		return fmt.Sprintf("The outcome of the treated units was %s %s than without the treatment, on average; how sure that is cannot be said.", short(math.Abs(r.ATT)), direction)
	}
	if r.P <= 0.05 {
		return fmt.Sprintf("The treatment %s %s on average (%s): an effect this large is unlikely by chance.", what, signed(r.ATT), support(r))
	}
	return fmt.Sprintf("No effect can be told from chance: the estimate is %s on average (%s).", signed(r.ATT), support(r))
}

func support(r *impact.Result) string {
	return fmt.Sprintf("%.0f %% interval %s to %s, p = %s", 100*r.Level, signed(r.Low), signed(r.High), short(r.P))
}

func short(x float64) string {
	switch {
	case math.IsNaN(x):
		return "-"
	case math.IsInf(x, 1):
		return "∞"
	case math.IsInf(x, -1):
		return "-∞"
	}
	return fmt.Sprintf("%.4g", x)
}

func signed(x float64) string {
	if x > 0 {
		return "+" + short(x)
	}
	return short(x)
}

func writeNumbers(b *strings.Builder, r *impact.Result) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")+"\t") }
	fmt.Fprintln(w)
	row("", "effect", "s.e.", "low", "high")
	row("overall", short(r.ATT), short(r.SE), short(r.Low), short(r.High))
	for _, a := range impact.Aggregates {
		if e, ok := r.Aggregates[a]; ok {
			row(string(a), short(e.ATT), short(e.SE), "", "")
		}
	}
	for _, c := range r.Agreement {
		row("check "+string(c.Method), short(c.ATT), short(c.SE), "", "")
	}
	if t := r.TWFE; t != nil && r.Method != impact.StaticTWFE {
		row("two-way fixed effects", short(t.ATT), short(t.SE), "", "")
	}
	w.Flush()
	if r.PKind != "" {
		fmt.Fprintf(b, "p = %s (%s; seed %d)\n", short(r.P), r.PKind, r.Seed)
	}
	if t := r.TWFE; t != nil {
		fmt.Fprintf(b, "two-way fixed effects weigh %d of %d treated observations negatively (sum %s)\n", t.Negative, t.Negative+t.Positive, short(t.NegativeSum))
	}
	if t := r.Pretest; t != nil {
		fmt.Fprintf(b, "before treatment: W = %s on %d degrees of freedom, p = %s; largest effect %s (reported, not a gate)\n", short(t.W), t.DF, short(t.P), short(t.Largest))
	}
	if !math.IsNaN(r.Breakdown) {
		fmt.Fprintf(b, "breakdown M̄ = %s: trends may depart by that many times the largest change seen before treatment\n", short(r.Breakdown))
	}
	writeEvents(b, r)
	writeSynthetic(b, r)
	writeSeries(b, r)
}

func writeEvents(b *strings.Builder, r *impact.Result) {
	if len(r.EventStudy) == 0 {
		return
	}
	fmt.Fprintln(b)
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := "low\thigh"
	if r.BandKind != "" {
		head = r.BandKind + " low\thigh"
	}
	fmt.Fprintf(w, "periods since\teffect\ts.e.\t%s\t\n", head)
	left := 0
	for _, e := range r.EventStudy {
		if e.Event < -maxEvents || e.Event > maxEvents {
			left++
			continue
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t\n", e.Event, short(e.ATT), short(e.SE), short(e.Low), short(e.High))
	}
	w.Flush()
	if left > 0 {
		fmt.Fprintf(b, "%d event times further away are in --json\n", left)
	}
}

func writeSynthetic(b *strings.Builder, r *impact.Result) {
	if r.Synthetic == nil {
		return
	}
	fmt.Fprintf(b, "\ncompared with %d donors; gap before treatment (root mean square) %s\n", r.Synthetic.Donors, short(r.Synthetic.PreRMSE))
	for i, u := range r.Synthetic.UnitWeights {
		if i == 10 {
			fmt.Fprintf(b, "  and %d more\n", len(r.Synthetic.UnitWeights)-10)
			break
		}
		fmt.Fprintf(b, "  %s  %.3f\n", u.Name, u.Weight)
	}
}

func writeSeries(b *strings.Builder, r *impact.Result) {
	if r.Series == nil {
		return
	}
	fmt.Fprintln(b)
	for _, c := range r.Series.Coefficients {
		fmt.Fprintf(b, "  %s  %s (s.e. %s)\n", c.Name, short(c.Estimate), short(c.SE))
	}
	for _, h := range r.Series.Effects {
		fmt.Fprintf(b, "  effect %d periods after the start  %s (s.e. %s)\n", h.Horizon, short(h.ATT), short(h.SE))
	}
}

func writeList(b *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	for i, s := range items {
		if i == 10 {
			fmt.Fprintf(b, "  and %d more in --json\n", len(items)-10)
			return
		}
		fmt.Fprintf(b, "  %s\n", s)
	}
}
