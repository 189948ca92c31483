package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/collect/git"
	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
)

func (e *env) importCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "import",
		Short: "Take in events from a file, the history of a git repository, or the organisation",
		Long: `Take in what a company already has. Importing again changes nothing: a fact
has one identity however often it is told, so a broken-off import is simply
repeated. The command returns when everything is loaded and computed.`,
	}
	c.AddCommand(e.importGitCmd(), e.importEventsCmd(), e.importOrgCmd())
	return c
}

func (e *env) importGitCmd() *cobra.Command {
	var o git.Options
	c := &cobra.Command{
		Use:   "git DIR",
		Short: "Delivery metrics from the history of a repository",
		Long: `Read the history of a clone: its commits, and every tag that is a version (and
no pre-release) as a deployment to production. Bare, shallow and worktree clones
are understood. The service is named after the repository.`,
		Example: `  payoff import git .
  payoff import git ~/src/shop --service checkout --tags 'checkout/v*'
  payoff import git . --deploys-from-merges main     for a repository without version tags`,
		Args: exactly(1, "DIR, a clone of a git repository"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			o.Dir = args[0]
			cfg, err := e.config()
			if err != nil {
				return err
			}
			s, err := e.attach(c.Context())
			if err != nil {
				return err
			}
			defer finish(s, &err)
			return e.importGit(c.Context(), s, cfg, o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Service, "service", "", "`name` of the service (default: the repository's)")
	f.StringVar(&o.Tags, "tags", "", "`pattern` of the tags that are deployments, such as 'api/v*'")
	f.BoolVar(&o.Prereleases, "prereleases", false, "count pre-releases as deployments")
	f.StringVar(&o.MergesInto, "deploys-from-merges", "", "every step of this `branch` is a deployment; tags are not looked at")
	c.MarkFlagsMutuallyExclusive("tags", "deploys-from-merges")
	return c
}

func (e *env) importGit(ctx context.Context, s instance.Session, cfg config.Config, o git.Options) error {
	p, err := instance.Protector(cfg, s.Keys())
	if err != nil {
		return err
	}
	bar := e.progress("reading")
	now := e.now()
	sum, err := git.Read(ctx, o, func(drafts []events.Draft) error {
		for i := range drafts {
			drafts[i].Received = now
		}
		evs, err := p.Protect(drafts)
		if err != nil {
			return err
		}
		return s.Accept(ctx, evs)
	}, bar.set)
	bar.done()
	var none *git.NoReleasesError
	var empty *git.NoCommitsError
	switch {
	case errors.As(err, &none), errors.As(err, &empty):
		return no{err}
	case err != nil:
		return err
	}
	res, err := e.loadAndCompute(ctx, s)
	if err != nil {
		return err
	}
	return e.showImport(ctx, s, cfg, sum, res)
}

// loadAndCompute waits, with progress bars, until what was accepted is computed.
func (e *env) loadAndCompute(ctx context.Context, s instance.Session) (compute.Result, error) {
	bar := e.progress("loading")
	err := s.Loaded(ctx, func(loaded, total int64) { bar.set(int(loaded), int(total)) })
	bar.done()
	if err != nil {
		return compute.Result{}, err
	}
	spin := e.progress("computing")
	defer spin.done()
	return s.Compute(ctx)
}

// gitAnswer is what `import git --json` prints.
type gitAnswer struct {
	git.Summary
	DeploymentFrequency []metric.Point `json:"deployment_frequency"`
	ChangeLeadTime      []metric.Point `json:"change_lead_time"`
}

func (e *env) showImport(ctx context.Context, s instance.Session, cfg config.Config, sum git.Summary, _ compute.Result) error {
	r, err := s.Reader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	answer := gitAnswer{Summary: sum}
	for _, ask := range []struct {
		name string
		to   *[]metric.Point
	}{{"dora.deployment_frequency", &answer.DeploymentFrequency}, {"dora.change_lead_time", &answer.ChangeLeadTime}} {
		d, err := catalogue.Find(ask.name)
		if err != nil {
			return err
		}
		if *ask.to, err = points.Read(ctx, r, points.Ask{Metric: d, Grain: metric.Quarter, Services: []string{sum.Service}}); err != nil {
			return err
		}
	}
	if e.json {
		return printJSON(e.out, answer)
	}
	fmt.Fprintf(e.out, "%s: %d commits and %d deployments of %s, %s to %s", sum.Repository, sum.Commits, sum.Deployments, sum.Service,
		sum.First.Format(time.DateOnly), sum.Last.Format(time.DateOnly))
	if sum.Prereleases > 0 {
		fmt.Fprintf(e.out, "; %d pre-releases left out (--prereleases counts them)", sum.Prereleases)
	}
	if sum.Shallow {
		fmt.Fprint(e.out, "\nThe clone is shallow: what is before its edge is unknown; `git fetch --unshallow` and import again for all of it")
	}
	fmt.Fprint(e.out, "\n\n")
	told := slices.Concat(answer.DeploymentFrequency, answer.ChangeLeadTime)
	if sum.Deployments > 0 && len(points.Hidden([]string{sum.Service}, told)) > 0 {
		fmt.Fprintf(e.out, "%s is shown only inside its unit: %s.\n", sum.Service, points.WhyHidden)
		return nil
	}
	if err := quarters(e.out, answer, cfg.Location()); err != nil {
		return err
	}
	fmt.Fprintf(e.out, `
Next:
  payoff metrics query dora.change_lead_time --by month --service %[1]s
  payoff sql "SELECT artifact_version, ended_at, class, changes FROM deployments WHERE service = '%[1]s' ORDER BY ended_at DESC LIMIT 10"
  payoff up     pages with charts, and a door for events from your tools
`, sum.Service)
	return nil
}

// shownQuarters is how many quarters the table shows: two years.
const shownQuarters = 8

func quarters(w io.Writer, a gitAnswer, loc *time.Location) error {
	type row struct{ frequency, lead, p90 *metric.Point }
	byStart := make(map[time.Time]*row)
	var order []time.Time
	at := func(p *metric.Point) *row {
		r := byStart[p.Start]
		if r == nil {
			r = &row{}
			byStart[p.Start], order = r, append(order, p.Start)
		}
		return r
	}
	for i := range a.DeploymentFrequency {
		if p := &a.DeploymentFrequency[i]; p.Dims == "" {
			at(p).frequency = p
		}
	}
	for i := range a.ChangeLeadTime {
		switch p := &a.ChangeLeadTime[i]; p.Dims {
		case "":
			at(p).lead = p
		case `{"stat":"p90"}`:
			at(p).p90 = p
		}
	}
	t := newTable(w, "quarter", ">deployments", ">per day", ">changes", ">median lead time", ">95 % interval", ">p90", "note")
	if len(order) > shownQuarters {
		order = order[len(order)-shownQuarters:]
	}
	for _, start := range order {
		r := byStart[start]
		cells := []string{metric.At(metric.Quarter, start, loc).Label(loc), "–", "–", "0", "–", "", "–", ""}
		if f := r.frequency; f != nil {
			cells[1], cells[2], cells[7] = fmt.Sprint(f.N), metric.PerDay.Format(f.Value), note(f.Quality)
		}
		if l := r.lead; l != nil {
			cells[3], cells[4], cells[5] = fmt.Sprint(l.N), metric.Milliseconds.Format(l.Value), interval(metric.Milliseconds, l)
			if l.Quality == metric.LowN {
				cells[7] = note(l.Quality)
			}
		}
		if r.p90 != nil {
			cells[6] = metric.Milliseconds.Format(r.p90.Value)
		}
		t.row(cells...)
	}
	return t.flush()
}

func interval(u metric.Unit, p *metric.Point) string {
	if p.CILow == nil || p.CIHigh == nil {
		return ""
	}
	return u.Format(p.CILow) + " – " + u.Format(p.CIHigh)
}

// note says in words what a quality means to a reader; "" when all is well.
func note(quality string) string {
	switch quality {
	case metric.Partial:
		return "partial"
	case metric.LowN:
		return "few changes"
	case metric.NoData:
		return "no data"
	}
	return ""
}

// exactly wants n arguments and says what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return fmt.Errorf("%s takes %s; see '%s --help'", c.CommandPath(), what, c.CommandPath())
		}
		return nil
	}
}
