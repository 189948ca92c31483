package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/seal"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// owner runs do with an instance of the command's own: what it needs is not to be
// had from one that runs.
func (e *env) owner(ctx context.Context, do func(*instance.Instance) error) (err error) {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	i, err := instance.Start(ctx, instance.Options{Dir: e.data, Config: cfg, Logger: e.logger(), Now: e.now, Patience: patience})
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		err = errors.Join(err, i.Stop(stop))
	}()
	return do(i)
}

func (e *env) rollupCmd() *cobra.Command {
	var newEpoch bool
	c := &cobra.Command{
		Use: "rollup", Short: "Load what is accepted, then compute", Args: cobra.NoArgs,
		Long: `Load everything accepted so far, then bring facts and metric points up to it.
A running instance does this by itself every few seconds.`,
		Example: `  payoff rollup
  payoff rollup --new-log-epoch     after the loss or replacement of Kafka's log`,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if newEpoch {
				return e.newEpoch(c.Context())
			}
			s, err := e.attach(c.Context())
			if err != nil {
				return err
			}
			defer finish(s, &err)
			res, err := e.loadAndCompute(c.Context(), s)
			if err != nil {
				return err
			}
			if e.json {
				return printJSON(e.out, res)
			}
			_, err = fmt.Fprintf(e.out, "%d new rows; %d services linked: %d deployments and %d shipped changes differ; %d points written.\n",
				res.Rows, res.Services, res.Deployments, res.Changes, res.Points)
			return err
		},
	}
	c.Flags().BoolVar(&newEpoch, "new-log-epoch", false, "go on with another Kafka log than the store was loaded from, after its loss or replacement")
	return c
}

func (e *env) newEpoch(ctx context.Context) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	epoch, err := instance.NewLogEpoch(ctx, instance.Options{Dir: e.data, Config: cfg, Logger: e.logger(), Now: e.now, Patience: patience})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "Log epoch %d begins. What the log holds is loaded from its first record on; facts that are known already stay single.\n", epoch)
	return err
}

func (e *env) verifyCmd() *cobra.Command {
	return &cobra.Command{
		Use: "verify", Short: "Prove that log, ledger and tables agree", Args: cobra.NoArgs,
		Example: "  payoff verify\n  payoff verify --json",
		Long: `Compare the log with the ledger and the tables, count what became of every
record, and compute every metric anew beside what is published. Exit code 1 if
anything does not add up. It needs the data directory to itself.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return e.owner(c.Context(), func(i *instance.Instance) error { return e.verify(c.Context(), i) })
		},
	}
}

func (e *env) verify(ctx context.Context, i *instance.Instance) error {
	if _, err := i.Compute(ctx); err != nil {
		return err
	}
	a, err := i.Verify(ctx)
	if err != nil {
		return err
	}
	if e.json {
		if err := printJSON(e.out, a); err != nil {
			return err
		}
	} else {
		t := newTable(e.out, "account", ">records")
		t.row("loaded from the log", fmt.Sprint(a.Loaded))
		t.row("  distinct facts", fmt.Sprint(a.Facts))
		t.row("  repeats", fmt.Sprint(a.Repeats))
		t.row("  older versions", fmt.Sprint(a.Older))
		t.row("  parked", fmt.Sprint(a.Parked))
		t.row("in the log, not loaded", fmt.Sprint(a.Waiting))
		t.row("points that differ when computed anew", fmt.Sprint(a.WrongPoints))
		if err := t.flush(); err != nil {
			return err
		}
		for _, n := range a.Notes {
			fmt.Fprintln(e.out, "note:", n)
		}
	}
	if !a.OK() {
		var list []string
		for _, f := range a.Findings {
			list = append(list, f.String())
		}
		if a.WrongPoints > 0 {
			list = append(list, fmt.Sprintf("%d points differ when they are computed anew; they have been restated", a.WrongPoints))
		}
		return no{errors.New("it does not add up:\n  " + strings.Join(list, "\n  "))}
	}
	return nil
}

func (e *env) deadCmd() *cobra.Command {
	c := &cobra.Command{Use: "dead", Short: "What was accepted and could not be understood"}
	var limit int
	list := &cobra.Command{
		Use: "list", Short: "Parked records, with the reason", Args: cobra.NoArgs,
		Example: "  payoff dead list --limit 10",
		RunE:    func(c *cobra.Command, _ []string) error { return e.deadList(c.Context(), limit) },
	}
	list.Flags().IntVar(&limit, "limit", 50, "at most this many")
	show := &cobra.Command{
		Use: "show POSITION", Short: "One parked record, opened with the delivery key", Args: exactly(1, "a POSITION as `payoff dead list` prints it"),
		Long:    "Print a parked record as it was received. It may hold names: what is printed is for your eyes.",
		Example: "  payoff dead show 1/payoff.dead/0/17",
		RunE: func(c *cobra.Command, args []string) error {
			return e.owner(c.Context(), func(i *instance.Instance) error { return e.deadShow(c.Context(), i, args[0]) })
		},
	}
	replay := &cobra.Command{
		Use: "replay [POSITION…]", Short: "Send parked records through the mapping again",
		Long:    "Send parked deliveries through the mapping of this version again: all, or those named. What is understood now becomes events.",
		Example: "  payoff dead replay\n  payoff dead replay 1/payoff.dead/0/17",
		RunE: func(c *cobra.Command, args []string) error {
			return e.owner(c.Context(), func(i *instance.Instance) error { return e.deadReplay(c.Context(), i, args) })
		},
	}
	c.AddCommand(list, show, replay)
	return c
}

func (e *env) deadList(ctx context.Context, limit int) (err error) {
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
	var rows []struct {
		Position string    `ch:"position" json:"position"`
		Source   string    `ch:"source" json:"source"`
		Endpoint string    `ch:"endpoint" json:"endpoint"`
		Received time.Time `ch:"received_at" json:"received_at"`
		Field    string    `ch:"field" json:"field"`
		Reason   string    `ch:"reason" json:"reason"`
	}
	err = r.Select(ctx, &rows, fmt.Sprintf("SELECT concat(toString(log_epoch), '/', topic, '/', toString(partition), '/', toString(offset)) AS position,"+
		" source, endpoint, received_at, field, reason FROM payoff.dead_letters WHERE replayed_at IS NULL ORDER BY received_at DESC LIMIT %d", limit))
	if err != nil {
		return err
	}
	if e.json {
		return printJSON(e.out, rows)
	}
	if len(rows) == 0 {
		_, err = fmt.Fprintln(e.out, "Nothing is parked.")
		return err
	}
	t := newTable(e.out, "position", "source", "received", "field", "reason")
	for _, d := range rows {
		t.row(d.Position, strings.TrimSuffix(d.Source+"/"+d.Endpoint, "/"), d.Received.Format(time.RFC3339), d.Field, d.Reason)
	}
	return t.flush()
}

func (e *env) deadShow(ctx context.Context, i *instance.Instance, position string) error {
	span, err := instance.ParsePosition(position)
	if err != nil {
		return err
	}
	letters, err := i.Store.DeadLetters(ctx, 1, span)
	if err != nil {
		return err
	}
	if len(letters) == 0 {
		return no{fmt.Errorf("nothing is parked at %s; `payoff dead list` lists what is", position)}
	}
	body, err := i.OpenLetter(letters[0])
	if err != nil {
		return err
	}
	fmt.Fprintf(e.err, "%s/%s, received %s: %s %s\n", letters[0].Source, letters[0].Endpoint, letters[0].ReceivedAt.Format(time.RFC3339), letters[0].Field, letters[0].Reason)
	_, err = e.out.Write(append(body, '\n'))
	return err
}

func (e *env) deadReplay(ctx context.Context, i *instance.Instance, positions []string) error {
	var spans []store.Span
	for _, p := range positions {
		span, err := instance.ParsePosition(p)
		if err != nil {
			return err
		}
		spans = append(spans, span)
	}
	done, failed, err := i.ReplayDead(ctx, spans)
	if err != nil {
		return err
	}
	return e.replayed(done, failed)
}

func (e *env) replayCmd() *cobra.Command {
	return &cobra.Command{
		Use: "replay", Short: "Map every kept delivery again, after the mapping was improved", Args: cobra.NoArgs,
		Example: "  payoff replay",
		Long: `Open the sealed deliveries that the log still holds and send them through the
mapping of this version again. Facts that a better mapping changes get a newer
version; all others are repeats and change nothing.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return e.owner(c.Context(), func(i *instance.Instance) error {
				done, failed, err := i.Replay(c.Context())
				if err != nil {
					return err
				}
				return e.replayed(done, failed)
			})
		},
	}
}

func (e *env) replayed(done, failed int) error {
	if e.json {
		return printJSON(e.out, map[string]int{"mapped": done, "not_understood": failed})
	}
	_, err := fmt.Fprintf(e.out, "%d deliveries were mapped again; %d are still not understood.\n", done, failed)
	return err
}

func (e *env) migrateCmd() *cobra.Command {
	var plan bool
	var cluster string
	c := &cobra.Command{
		Use: "migrate", Short: "Bring the store's tables up to this version", Args: cobra.NoArgs,
		Example: "  payoff migrate --plan",
		Long:    "Bring the store's tables up to this version. Every start does it; with --plan the statements are printed and nothing is run. With --cluster the statements for a ClickHouse cluster are printed: replicated tables, and distributed ones for what grows with the events.",
		RunE: func(c *cobra.Command, _ []string) error {
			if cluster != "" {
				return e.clusterPlan(cluster)
			}
			cfg, err := e.config()
			if err != nil {
				return err
			}
			steps, err := instance.Migrate(c.Context(), instance.Options{Dir: e.data, Config: cfg, Logger: e.logger(), Now: e.now, Patience: patience}, plan)
			if err != nil {
				return err
			}
			for _, s := range steps {
				if plan {
					fmt.Fprintf(e.out, "-- %s\n%s\n", s.Name, s.SQL)
				} else {
					fmt.Fprintln(e.out, s.Name)
				}
			}
			if len(steps) == 0 {
				fmt.Fprintln(e.out, "The store is up to date.")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&plan, "plan", false, "print what would be run")
	c.Flags().StringVar(&cluster, "cluster", "", "print the statements for the cluster of this `name`")
	return c
}

func (e *env) clusterPlan(cluster string) error {
	steps, err := store.ClusterSteps(cluster)
	if err != nil {
		return err
	}
	for _, s := range steps {
		fmt.Fprintf(e.out, "-- %s\n%s;\n\n", s.Name, strings.TrimSpace(s.SQL))
	}
	return nil
}

func (e *env) configCmd() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "The configuration"}
	c.AddCommand(&cobra.Command{
		Use: "check", Short: "Say whether the configuration is right, secrets included", Args: cobra.NoArgs,
		Example: "  payoff config check --config /etc/payoff/payoff.yaml",
		RunE: func(*cobra.Command, []string) error {
			cfg, err := e.config()
			if err != nil {
				return no{err}
			}
			if err := instance.Check(cfg); err != nil {
				return no{err}
			}
			if e.json {
				return printJSON(e.out, cfg)
			}
			_, err = fmt.Fprintln(e.out, "The configuration is right.")
			return err
		},
	})
	return c
}

func (e *env) collectCmd() *cobra.Command {
	c := &cobra.Command{Use: "collect", Short: "Sources of events"}
	var header []string
	test := &cobra.Command{
		Use: "test SOURCE FILE", Short: "Show what a delivery of a tool becomes",
		Long:    "Map a saved webhook body, without its signature being checked, and print the events it becomes. Nothing is stored.",
		Example: "  payoff collect test github payload.json --header 'X-GitHub-Event: deployment_status'",
		Args:    exactly(2, "SOURCE and FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			return e.collectTest(args[0], args[1], header)
		},
	}
	test.Flags().StringArrayVar(&header, "header", nil, "a `header` of the delivery, Name: value")
	c.AddCommand(test)
	return c
}

func (e *env) collectTest(source, file string, header []string) error {
	cfg, err := e.config()
	if err != nil {
		return err
	}
	sources, err := instance.Sources(cfg)
	if err != nil {
		return err
	}
	var found collect.Source
	var names []string
	for _, s := range sources {
		names = append(names, s.Name())
		if s.Name() == source {
			found = s
		}
	}
	if found == nil {
		return fmt.Errorf("there is no source %q; the sources are %s", source, strings.Join(names, ", "))
	}
	in := e.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	d := collect.Delivery{Source: source, Header: make(map[string][]string), Body: body, ReceivedAt: e.now()}
	for _, h := range header {
		name, value, ok := strings.Cut(h, ":")
		if !ok {
			return fmt.Errorf("--header %q is not Name: value", h)
		}
		d.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	drafts, err := found.Normalise(d)
	if err != nil {
		return no{err}
	}
	// A secret of the moment: the pseudonyms shown are nobody's.
	people, err := seal.NewPseudonymiser(make([]byte, 32))
	if err != nil {
		return err
	}
	p, err := instance.Protector(cfg, instance.Keys{People: people})
	if err != nil {
		return err
	}
	evs, err := p.Protect(drafts)
	if err != nil {
		return no{err}
	}
	for i := range evs {
		b, err := events.Encode(&evs[i])
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "%s\n", b)
	}
	return nil
}
