package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/dashboard"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
)

func (e *env) dashboardsCmd() *cobra.Command {
	c := &cobra.Command{Use: "dashboards", Short: "Grafana dashboards, made from the catalogue of metrics"}
	c.AddCommand(e.dashboardsGenerateCmd(), e.dashboardsCheckCmd(), e.dashboardsTimeCmd(), e.dashboardsPushCmd())
	return c
}

func (e *env) dashboardsGenerateCmd() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "generate", Short: "Write the dashboards, and what Grafana needs to find them", Args: cobra.NoArgs,
		Example: "  payoff dashboards generate --out /etc/grafana/provisioning/dashboards",
		RunE: func(*cobra.Command, []string) error {
			files, err := dashboard.Files(catalogue.All())
			if err != nil {
				return err
			}
			if err := os.MkdirAll(out, 0o755); err != nil {
				return err
			}
			names := slices.Sorted(maps.Keys(files))
			t := newTable(e.out, "file", ">bytes")
			for _, name := range names {
				if err := replaceFile(filepath.Join(out, name), files[name]); err != nil {
					return err
				}
				t.row(filepath.Join(out, name), fmt.Sprint(len(files[name])))
			}
			if e.json {
				return printJSON(e.out, names)
			}
			return t.flush()
		},
	}
	c.Flags().StringVar(&out, "out", "dashboards", "`directory` to write to")
	return c
}

// replaceFile writes a file so that a reader sees all of the old or of the new:
// Grafana reads the folder whenever it likes.
func replaceFile(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	defer os.Remove(f.Name()) // of no effect once it is renamed
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}

// span is the range the dashboards open with.
const span = 26 * 7 * 24 * time.Hour

func (e *env) dashboardsCheckCmd() *cobra.Command {
	var runs int
	var within time.Duration
	c := &cobra.Command{
		Use: "check", Short: "Run every query of the dashboards, and compare every number", Args: cobra.NoArgs,
		Example: "  payoff dashboards check --within 100ms",
		Long: `Hold the dashboards against their rules, run every query with its macros
expanded as Grafana's data source does, as a reader, by day, week, month and
quarter, for the whole and for some services, and compare each number with the
published point: same digits. The same queries then run on an empty store, where
none may fail. The slowest queries are listed with their times, with --verbose all
of them. Exit code 1 if something is wrong.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if within < 0 || runs < 1 {
				return fmt.Errorf("--within %v --runs %d: each query runs at least once, and may take some time, or 0 for as long as it likes", within, runs)
			}
			return e.checkDashboards(c.Context(), runs, within)
		},
	}
	c.Flags().IntVar(&runs, "runs", 1, "how often each query is run by each bucket, for the times")
	c.Flags().DurationVar(&within, "within", 0, "how long a query may take at the 95th percentile, such as 100ms; 0: as long as it likes")
	return c
}

// checked is what `dashboards check` answers.
type checked struct {
	dashboard.Report
	Empty dashboard.Report `json:"empty"`  // on an empty store
	P50   time.Duration    `json:"p50_ns"` // over every run of every query
	P95   time.Duration    `json:"p95_ns"`
}

func (e *env) checkDashboards(ctx context.Context, runs int, within time.Duration) error {
	bar := e.progress("checking")
	defer bar.done()
	var res checked
	var err error
	if res.Report, err = e.checkOn(ctx, e.attach, runs, bar); err != nil {
		return err
	}
	empty := func(ctx context.Context) (instance.Session, error) {
		dir, err := os.MkdirTemp("", "payoff-empty-")
		if err != nil {
			return nil, err
		}
		s, err := instance.Attach(ctx, instance.Options{Dir: dir, Config: config.Default(), Logger: e.logger(), Now: e.now, Patience: patience})
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		return removing{s, dir}, nil
	}
	if res.Empty, err = e.checkOn(ctx, empty, 1, bar); err != nil {
		return fmt.Errorf("on an empty store: %w", err)
	}
	bar.done()
	for _, f := range res.Empty.Faults {
		if !slices.Contains(res.Faults, f) {
			res.Faults = append(res.Faults, "on an empty store: "+f)
		}
	}
	for _, t := range res.Timings {
		if within > 0 && t.P95 > within {
			res.Faults = append(res.Faults, fmt.Sprintf("%s, %s: p95 is %v, more than %v", t.Dashboard, t.Panel, t.P95.Round(time.Millisecond), within))
		}
	}
	res.P50, res.P95 = dashboard.Overall(res.Timings)
	if e.json {
		err = printJSON(e.out, res)
	} else {
		err = e.tellChecked(res)
	}
	if err == nil && len(res.Faults) > 0 {
		return no{fmt.Errorf("%d faults", len(res.Faults))}
	}
	return err
}

// removing is a session whose directory goes with it.
type removing struct {
	instance.Session
	dir string
}

func (r removing) Close(ctx context.Context) error {
	return errors.Join(r.Session.Close(ctx), os.RemoveAll(r.dir))
}

// checkOn checks all dashboards on the store of a session.
func (e *env) checkOn(ctx context.Context, attach func(context.Context) (instance.Session, error), runs int, bar *progress) (all dashboard.Report, err error) {
	err = e.onBoards(ctx, attach, func(c dashboard.Checker, boards []dashboard.Dashboard) error {
		c.Runs, c.Progress = runs, bar.set
		for _, d := range boards {
			one, err := c.Check(ctx, d)
			if err != nil {
				return err
			}
			all.Timings = append(all.Timings, one.Timings...)
			all.Faults = append(all.Faults, one.Faults...)
			all.Compared += one.Compared
		}
		return nil
	})
	return all, err
}

// onBoards opens a session whose numbers are computed, and does something with its
// store and all dashboards.
func (e *env) onBoards(ctx context.Context, attach func(context.Context) (instance.Session, error), do func(dashboard.Checker, []dashboard.Dashboard) error) (err error) {
	s, err := attach(ctx)
	if err != nil {
		return err
	}
	defer finish(s, &err)
	if _, err := s.Compute(ctx); err != nil {
		return err
	}
	r, err := s.Reader(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	boards, err := dashboard.Boards(catalogue.All())
	if err != nil {
		return err
	}
	c := dashboard.Checker{Store: r, Defs: catalogue.All(), Now: e.now}
	if c.To, err = c.LastPoint(ctx, e.now()); err != nil {
		return err
	}
	c.From = c.To.Add(-span)
	return do(c, boards)
}

// timed is what `dashboards time` answers.
type timed struct {
	Timings []dashboard.Timing `json:"timings"`
	P50     time.Duration      `json:"p50_ns"` // over every run of every query
	P95     time.Duration      `json:"p95_ns"`
}

func (e *env) dashboardsTimeCmd() *cobra.Command {
	var budget time.Duration
	c := &cobra.Command{
		Use: "time", Short: "Say how long the queries of the dashboards take", Args: cobra.NoArgs,
		Example: "  payoff dashboards time --for 2m",
		Long: `Run every query of the dashboards as a reader, one after the other and again,
by day, week, month and quarter, for the whole and for some services, and say how
long they take. The five slowest are listed, with --verbose all of them.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if budget <= 0 {
				return fmt.Errorf("--for %v is no time to go on for; give one such as 2m, or 1s for once each", budget)
			}
			return e.timeDashboards(c.Context(), budget)
		},
	}
	c.Flags().DurationVar(&budget, "for", time.Minute, "how long to go on, more than 0; each query runs at least once")
	return c
}

func (e *env) timeDashboards(ctx context.Context, budget time.Duration) error {
	bar := e.progress("timing")
	defer bar.done()
	var res timed
	err := e.onBoards(ctx, e.attach, func(c dashboard.Checker, boards []dashboard.Dashboard) (err error) {
		c.Progress = bar.set
		res.Timings, err = c.Time(ctx, boards, budget)
		return err
	})
	if err != nil {
		return err
	}
	bar.done()
	res.P50, res.P95 = dashboard.Overall(res.Timings)
	if e.json {
		return printJSON(e.out, res)
	}
	if err := e.tellSlowest(res.Timings, 5); err != nil {
		return err
	}
	e.tellOverall(res.P50, res.P95)
	return nil
}

// tellSlowest lists the slowest queries, with --verbose all.
func (e *env) tellSlowest(list []dashboard.Timing, most int) error {
	if e.verbose {
		most = len(list)
	}
	t := newTable(e.out, "dashboard", "slowest queries", ">runs", ">rows", ">p50", ">p95")
	for _, x := range dashboard.Slowest(list, most) {
		t.row(x.Dashboard, x.Panel, fmt.Sprint(x.Runs), fmt.Sprint(x.Rows), x.P50.Round(time.Millisecond).String(), x.P95.Round(time.Millisecond).String())
	}
	return t.flush()
}

func (e *env) tellOverall(p50, p95 time.Duration) {
	fmt.Fprintf(e.out, "\nOver all queries half took at most %v, and 95 %% at most %v.\n", p50.Round(time.Millisecond), p95.Round(time.Millisecond))
}

func (e *env) tellChecked(res checked) error {
	if err := e.tellSlowest(res.Timings, 10); err != nil {
		return err
	}
	e.tellOverall(res.P50, res.P95)
	fmt.Fprintf(e.out, "%d queries ran here and on an empty store; %d rows of numbers were compared with the published points.\n", len(res.Timings), res.Compared)
	if res.Compared == 0 {
		fmt.Fprintln(e.out, "There was nothing to compare: the store has no points yet. `payoff import git DIR` brings some.")
	}
	for _, f := range res.Faults {
		fmt.Fprintf(e.out, "✗ %s\n", f)
	}
	return nil
}

func (e *env) dashboardsPushCmd() *cobra.Command {
	var g dashboard.Grafana
	var tokenFile string
	c := &cobra.Command{
		Use: "push", Short: "Put the dashboards into a Grafana through its API", Args: cobra.NoArgs,
		Long: `Put the dashboards into a Grafana through its API. The token is that of a service
account with the role Editor, alone in a file. Grafana needs a ClickHouse data
source; the dashboards offer the choice among those there are.`,
		Example: "  payoff dashboards push --url https://grafana.example.com --token-file grafana.token",
		RunE: func(c *cobra.Command, _ []string) error {
			if g.URL == "" || tokenFile == "" {
				return errors.New("push needs --url, the address of Grafana, and --token-file, a file with a token of a service account")
			}
			var err error
			if g.Token, err = readToken(tokenFile); err != nil {
				return err
			}
			g.Client = &http.Client{Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			return e.push(c.Context(), g)
		},
	}
	f := c.Flags()
	f.StringVar(&g.URL, "url", "", "`address` of Grafana")
	f.StringVar(&tokenFile, "token-file", "", "`file` with the token of a service account")
	f.StringVar(&g.Folder, "folder", "", "`uid` of the folder to put them into")
	f.BoolVar(&g.Overwrite, "overwrite", false, "replace what was changed in Grafana")
	return c
}

// maxToken is more than any token of Grafana is long.
const maxToken = 4096

func readToken(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxToken))
	if err != nil {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("%s holds no token: it is one word, alone in the file", name)
	}
	return token, nil
}

func (e *env) push(ctx context.Context, g dashboard.Grafana) error {
	boards, err := dashboard.Boards(catalogue.All())
	if err != nil {
		return err
	}
	var at []string
	for _, d := range boards {
		url, err := g.Push(ctx, d, "payoff "+version)
		if err != nil {
			return err
		}
		at = append(at, url)
	}
	if e.json {
		return printJSON(e.out, at)
	}
	for _, url := range at {
		fmt.Fprintln(e.out, url)
	}
	return nil
}
