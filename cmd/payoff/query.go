package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
	"github.com/payoff-metrics/payoff/pkg/store"
)

func (e *env) metricsCmd() *cobra.Command {
	c := &cobra.Command{Use: "metrics", Short: "What is measured, what it means, and its numbers"}
	c.AddCommand(e.metricsListCmd(), e.metricsShowCmd(), e.metricsQueryCmd())
	return c
}

func (e *env) metricsListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "All metrics", Args: cobra.NoArgs,
		Example: "  payoff metrics list",
		RunE: func(*cobra.Command, []string) error {
			if e.json {
				return printJSON(e.out, catalogue.All())
			}
			t := newTable(e.out, "metric", "class", "better", "question")
			for _, d := range catalogue.All() {
				t.row(d.Name, string(d.Class), string(d.Direction), d.Question)
			}
			return t.flush()
		},
	}
}

func (e *env) metricsShowCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "A metric's definition", Args: exactly(1, "the NAME of a metric"),
		Example: "  payoff metrics show dora.change_lead_time",
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := catalogue.Find(args[0])
			if err != nil {
				return err
			}
			if e.json {
				return printJSON(e.out, d)
			}
			fmt.Fprintf(e.out, "%s: %s\n\n%s\n%s\n\n", d.Name, d.Title, d.Question, d.Help)
			t := newTable(e.out, "", "")
			t.rows = nil
			t.row("class", string(d.Class))
			t.row("better", string(d.Direction))
			t.row("unit", string(d.Unit))
			t.row("audience", d.Audience)
			t.row("owner", d.Owner)
			t.row("version", fmt.Sprintf("%d, %s", d.Version, d.Maturity))
			t.row("guardrails", strings.Join(d.Guardrails, ", "))
			for _, s := range d.Stats {
				t.row("beside it", s.Name+": "+s.Title+". "+s.Help)
			}
			t.row("any range", fmt.Sprintf("SELECT * FROM %s(from='2026-01-01', to='2026-04-01', services=[], teams=[], units=[])", d.View()))
			if err := t.flush(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.out, "\n%s", d.SQL)
			return err
		},
	}
}

func (e *env) metricsQueryCmd() *cobra.Command {
	var by, from, to, asOf string
	var ask points.Ask
	c := &cobra.Command{
		Use: "query NAME", Short: "A metric's published points", Args: exactly(1, "the NAME of a metric"),
		Example: `  payoff metrics query dora.change_lead_time --by quarter
  payoff metrics query dora.deployment_frequency --by week --service checkout --from 2026-W30
  payoff metrics query dora.change_lead_time --by month --as-of 2026-11-16T09:00:00Z   what was said then`,
		RunE: func(c *cobra.Command, args []string) error {
			d, err := catalogue.Find(args[0])
			if err != nil {
				return err
			}
			cfg, err := e.config()
			if err != nil {
				return err
			}
			loc := cfg.Location()
			ask.Metric = d
			if ask.Grain, err = grain(by); err != nil {
				return err
			}
			if ask.From, err = bound("--from", from, loc); err != nil {
				return err
			}
			if ask.To, err = bound("--to", to, loc); err != nil {
				return err
			}
			if asOf != "" {
				if ask.AsOf, err = time.Parse(time.RFC3339Nano, asOf); err != nil {
					return fmt.Errorf("--as-of %q is not a time such as 2026-11-16T09:00:00Z", asOf)
				}
			}
			return e.queryMetric(c.Context(), ask, loc)
		},
	}
	f := c.Flags()
	f.StringVar(&by, "by", "week", "windows: day, week, month, quarter or year")
	f.StringVar(&from, "from", "", "first `window`: a day, week (2026-W30), month, quarter (2026-Q3) or year")
	f.StringVar(&to, "to", "", "`window` to end before")
	f.StringVar(&asOf, "as-of", "", "what was published at that `time`")
	f.StringSliceVar(&ask.Services, "service", nil, "only of this `service` (may be repeated)")
	f.StringSliceVar(&ask.Teams, "team", nil, "only of this `team`")
	f.StringSliceVar(&ask.Units, "unit", nil, "only of this `unit`")
	f.BoolVar(&ask.All, "all", false, "of every service, team and unit")
	return c
}

func grain(s string) (metric.Grain, error) {
	for _, g := range metric.Grains {
		if string(g) == s {
			return g, nil
		}
	}
	return "", fmt.Errorf("--by %q is not day, week, month, quarter or year", s)
}

func bound(flag, s string, loc *time.Location) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	w, err := metric.ParseWindow(s, loc)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", flag, err)
	}
	return w.Start, nil
}

// unknown is an error that names the first service, team or unit of ask that no
// number tells of, and those there are.
func unknown(ctx context.Context, r *store.Store, ask points.Ask) error {
	for _, kind := range []struct {
		name  string
		asked []string
	}{{"service", ask.Services}, {"team", ask.Teams}, {"unit", ask.Units}} {
		if len(kind.asked) == 0 {
			continue
		}
		var known []string
		// Not a value of anybody's: kind.name is one of the three above.
		sql := "SELECT arraySort(groupUniqArray(" + kind.name + ")) FROM payoff.metric_points WHERE " + kind.name + " != ''"
		if err := r.Conn().QueryRow(ctx, sql).Scan(&known); err != nil {
			return fmt.Errorf("listing what there are numbers of: %w", err)
		}
		for _, name := range kind.asked {
			if !slices.Contains(known, name) {
				return no{fmt.Errorf("no points of %s: there is no number of a %s %q%s", ask.Metric.Name, kind.name, name, someOf(known, kind.name))}
			}
		}
	}
	return nil
}

// someOf lists names, few enough to be read.
func someOf(names []string, kind string) string {
	const shown = 12
	switch {
	case len(names) == 0:
		return fmt.Sprintf("; there are none of any %s yet", kind)
	case len(names) <= shown:
		return fmt.Sprintf("; those there are: %s", strings.Join(names, ", "))
	}
	return fmt.Sprintf("; of the %d there are, the first: %s", len(names), strings.Join(names[:shown], ", "))
}

func (e *env) queryMetric(ctx context.Context, ask points.Ask, loc *time.Location) (err error) {
	s, err := e.attach(ctx)
	if err != nil {
		return err
	}
	defer finish(s, &err)
	r, err := s.Reader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	pts, err := points.Read(ctx, r, ask)
	if err != nil {
		return err
	}
	if len(pts) == 0 {
		if err := unknown(ctx, r, ask); err != nil {
			return err
		}
	}
	if e.json {
		if pts == nil {
			pts = []metric.Point{}
		}
		return printJSON(e.out, pts)
	}
	if len(pts) == 0 {
		return no{fmt.Errorf("no points of %s by %s: nothing is known of what was asked for; `payoff import git DIR` brings a history", ask.Metric.Name, ask.Grain)}
	}
	t := newTable(e.out, string(ask.Grain), "of", "figure", ">value", ">n", ">95 % interval", "note")
	for _, p := range pts {
		u := ask.Metric.UnitOf(p.Figure())
		t.row(metric.Window{Grain: p.Grain, Start: p.Start, End: p.End}.Label(loc), p.Subject(), p.Figure(), u.Format(p.Value), fmt.Sprint(p.N), interval(u, &p), note(p.Quality))
	}
	return t.flush()
}
