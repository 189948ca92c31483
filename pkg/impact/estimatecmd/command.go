// Package estimatecmd is the command `payoff impact estimate`: a panel file and
// flags in, an estimate as a table or as JSON out. It needs no running system.
//
//	flags --panelfile.Read--> rows --impact.NewPanel--> panel --impact.Run--> result --> table | JSON | SVG
package estimatecmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/impact"
	"github.com/payoff-metrics/payoff/pkg/impact/panelfile"
)

// An ExitError carries the exit status of the command: 1 the answer is no
// (NOT_IDENTIFIED), 2 used wrongly or failed.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// ExitCode is the process's exit status.
func (e *ExitError) ExitCode() int { return e.Code }

// options are the flags.
type options struct {
	panel          string
	columns        panelfile.Columns
	dropIncomplete bool
	json           bool
	svg            string
	request        impact.Options
	seed           uint64
}

// Command returns `estimate`, to be added under `payoff impact`. Its errors are
// *ExitError; the caller prints them and exits with their code.
func Command() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:   "estimate --panel FILE --unit COL --time COL --first-treated COL --outcome COL",
		Short: "Estimate what a change did, from a panel in a CSV or Parquet file",
		Long: `Estimate what a change did to an outcome, from a panel: one row per unit and period,
with the period in which the unit was first treated. Needs no running system.

Times are integers or dates. A unit is never treated if its first treated time is empty, NA, 0 or inf,
or after the panel's last period.

The method auto chooses by the number of treated units, controls and periods and says why. Exit status:
0 there is an estimate, 1 the panel cannot answer (NOT_IDENTIFIED), 2 used wrongly or failed.`,
		Example: `  payoff impact estimate --panel teams.csv --unit team --time week --first-treated adopted --outcome lead_time
  payoff impact estimate --panel mpdta.csv --unit countyreal --time year --first-treated first.treat \
    --outcome lemp --method cs --control never --json`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), cmd.OutOrStdout(), o)
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &ExitError{2, err} })
	f := cmd.Flags()
	f.StringVar(&o.panel, "panel", "", "CSV or Parquet file")
	f.StringVar(&o.columns.Unit, "unit", "", "column of the unit")
	f.StringVar(&o.columns.Time, "time", "", "column of the period: integers or dates")
	f.StringVar(&o.columns.FirstTreated, "first-treated", "", "column of the first treated period")
	f.StringVar(&o.columns.Outcome, "outcome", "", "column of the outcome")
	f.StringVar(&o.columns.Cluster, "cluster", "", "column of the cluster (default: the unit)")
	f.StringSliceVar(&o.columns.Covariates, "covariates", nil, "columns of covariates, separated by commas")
	f.StringVar(&o.columns.Offset, "offset", "", "column of the exposure of a count (method poisson)")
	f.BoolVar(&o.dropIncomplete, "drop-incomplete", false, "drop units with holes instead of refusing the panel")
	f.StringVar((*string)(&o.request.Method), "method", "auto", "auto, cs, sa, imputation, twfe, sdid, sc, its or poisson")
	f.StringVar((*string)(&o.request.Control), "control", "notyet", "controls of cs: notyet or never")
	f.StringVar((*string)(&o.request.Base), "base", "varying", "base period of cs before treatment: varying or universal")
	f.StringVar((*string)(&o.request.Adjust), "adjust", "dr", "covariates of cs: reg, ipw or dr")
	f.StringVar((*string)(&o.request.Aggregate), "aggregate", "simple", "headline of cs: simple, dynamic, group or calendar")
	f.StringVar((*string)(&o.request.Inference), "inference", "", "analytic, wild, ri or placebo (default: what fits the method)")
	f.IntVar(&o.request.Draws, "draws", 999, "draws of bootstraps, redraws and placebos")
	f.Uint64Var(&o.seed, "seed", 1, "seed of all draws, at least 1")
	f.BoolVar(&o.json, "json", false, "print one JSON object")
	f.StringVar(&o.svg, "svg", "", "write the event study and the counterfactual to this SVG file")
	return cmd
}

// patience is how long reading the panel may take; see panelfile.ReadParquet.
const patience = 2 * time.Minute

func run(ctx context.Context, out io.Writer, o options) error {
	o.request.Seed = o.seed
	if err := o.validate(); err != nil {
		return &ExitError{2, err}
	}
	if ctx == nil { // cobra's Execute gives none
		ctx = context.Background()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	file, err := panelfile.Read(ctx, o.panel, o.columns)
	if err != nil {
		return &ExitError{2, err}
	}
	file.Options.DropIncomplete = o.dropIncomplete
	panel, err := impact.NewPanel(file.Rows, file.Options)
	if err != nil {
		return &ExitError{2, fmt.Errorf("reading the panel %s: %w", o.panel, err)}
	}
	result, err := impact.Run(panel, o.request)
	if err != nil && !errors.Is(err, impact.ErrNotIdentified) {
		return &ExitError{2, err}
	}
	if printErr := o.print(out, result, err); printErr != nil {
		return &ExitError{2, printErr}
	}
	if err != nil {
		return &ExitError{1, err}
	}
	return nil
}

// print writes the result, or why there is none.
func (o options) print(out io.Writer, r *impact.Result, refused error) error {
	if o.json {
		if err := writeJSON(out, r, refused); err != nil {
			return fmt.Errorf("writing the result: %w", err)
		}
	} else if err := writeTable(out, r, refused); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	if o.svg == "" || refused != nil {
		return nil
	}
	if err := os.WriteFile(o.svg, renderSVG(r, o.columns.Outcome), 0o644); err != nil {
		return fmt.Errorf("writing the picture: %w", err)
	}
	return nil
}

// validate reports all that is wrong with the flags at once.
func (o options) validate() error {
	var wrong []string
	for _, f := range []struct{ name, value string }{
		{"panel", o.panel}, {"unit", o.columns.Unit}, {"time", o.columns.Time},
		{"first-treated", o.columns.FirstTreated}, {"outcome", o.columns.Outcome},
	} {
		if f.value == "" {
			wrong = append(wrong, fmt.Sprintf("--%s is required", f.name))
		}
	}
	for _, f := range []struct {
		name, value string
		allowed     []string
	}{
		{"method", string(o.request.Method), []string{"auto", "cs", "sa", "imputation", "twfe", "sdid", "sc", "its", "poisson"}},
		{"control", string(o.request.Control), []string{"notyet", "never"}},
		{"base", string(o.request.Base), []string{"varying", "universal"}},
		{"adjust", string(o.request.Adjust), []string{"reg", "ipw", "dr"}},
		{"aggregate", string(o.request.Aggregate), []string{"simple", "dynamic", "group", "calendar"}},
		{"inference", string(o.request.Inference), []string{"", "analytic", "wild", "ri", "placebo"}},
	} {
		if !slices.Contains(f.allowed, f.value) {
			wrong = append(wrong, fmt.Sprintf("--%s is %q, want one of %s", f.name, f.value, strings.TrimPrefix(strings.Join(f.allowed, ", "), ", ")))
		}
	}
	if o.request.Draws < 19 || o.request.Draws > 1_000_000 {
		wrong = append(wrong, fmt.Sprintf("--draws is %d, want 19 to 1000000", o.request.Draws))
	}
	if o.seed == 0 {
		wrong = append(wrong, "--seed is 0, want at least 1")
	}
	if len(wrong) == 0 {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}
