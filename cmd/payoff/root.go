package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/examples/acme"
	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/impact/estimatecmd"
	"github.com/payoff-metrics/payoff/pkg/instance"
)

// version is set when a release is built.
var version = "dev"

// no is an error that means: everything worked, and the answer is no.
type no struct{ error }

// env is what all commands share.
type env struct {
	streams
	data    string
	file    string
	json    bool
	verbose bool
	environ []string
	now     func() time.Time
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	e := &env{streams: s, environ: os.Environ(), now: time.Now}
	root := e.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	var answer no
	var coded interface{ ExitCode() int }
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &answer):
		fmt.Fprintln(s.err, answer.Error())
		return exitNo
	case errors.As(err, &coded):
		if msg := err.Error(); msg != "" {
			fmt.Fprintln(s.err, "payoff:", msg)
		}
		return coded.ExitCode()
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(s.err, "payoff: interrupted")
		return exitError
	default:
		fmt.Fprintln(s.err, "payoff:", err)
		return exitError
	}
}

func (e *env) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "payoff",
		Short: "Do your platform bets pay off?",
		Long: `Payoff tells a platform team, and the leaders who fund it, whether their
platform bets pay off: it takes in deploys, incidents, tickets, usage and
surveys, and answers with numbers that can be trusted.`,
		Example: `  payoff import git .            numbers from this repository's own history
  payoff up                      run everything on this machine
  payoff metrics query dora.change_lead_time --by quarter
  payoff sql 'SELECT * FROM deployments LIMIT 10'`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	f := root.PersistentFlags()
	f.StringVar(&e.data, "data", "payoff-data", "data `directory`")
	f.StringVar(&e.file, "config", "", "configuration `file` (default payoff.yaml if it is there, or $PAYOFF_CONFIG)")
	f.BoolVar(&e.json, "json", false, "print JSON")
	f.BoolVarP(&e.verbose, "verbose", "v", false, "log what is done")
	impact := &cobra.Command{Use: "impact", Short: "Estimate what a change did, on any panel of data"}
	impact.AddCommand(estimatecmd.Command())
	root.AddCommand(e.upCmd(), e.importCmd(), e.rollupCmd(), e.sqlCmd(), e.metricsCmd(), e.dashboardsCmd(), e.reviewCmd(), e.verifyCmd(), e.deadCmd(), e.replayCmd(), e.migrateCmd(), e.configCmd(), e.collectCmd(), e.doctorCmd(), e.exportCmd(), e.demoCmd(), impact)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fmt.Errorf("%w; see '%s --help'", err, c.CommandPath())
	})
	refuseUnknown(root)
	return root
}

// refuseUnknown makes the groups of commands answer an unknown one with an error.
// Cobra's own answer to it is the help, and success.
func refuseUnknown(c *cobra.Command) {
	for _, sub := range c.Commands() {
		refuseUnknown(sub)
	}
	if !c.HasParent() || !c.HasSubCommands() || c.Runnable() {
		return
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return fmt.Errorf("unknown command %q for %q; see '%s --help'", args[0], c.CommandPath(), c.CommandPath())
	}
}

// config reads the configuration that the flags, the environment and the working
// directory name.
func (e *env) config() (config.Config, error) {
	name := e.file
	if name == "" {
		for _, kv := range e.environ {
			if v, ok := strings.CutPrefix(kv, "PAYOFF_CONFIG="); ok {
				name = v
			}
		}
	}
	if name == "" {
		if _, err := os.Stat("payoff.yaml"); err == nil {
			name = "payoff.yaml"
		}
	}
	cfg, err := config.Load(name, e.environ)
	if err == nil && cfg.Organisation.Name == config.Default().Organisation.Name && e.isExample() {
		cfg.Organisation.Name = acme.Name
	}
	return cfg, err
}

// isExample reports whether the data directory holds the example.
func (e *env) isExample() bool {
	_, err := os.Stat(demoPath(e.data))
	return err == nil
}

// logger writes to standard error: everything with --verbose, else what a person
// must know.
func (e *env) logger() *slog.Logger {
	level := slog.LevelError
	if e.verbose {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: level}))
}

// attach opens a session with the instance of the data directory.
func (e *env) attach(ctx context.Context) (instance.Session, error) {
	cfg, err := e.config()
	if err != nil {
		return nil, err
	}
	return instance.Attach(ctx, instance.Options{Dir: e.data, Config: cfg, Logger: e.logger(), Now: e.now, Patience: patience})
}

// patience is how long a command waits for the lock of an instance that is about
// to end.
const patience = 300 * time.Millisecond

// stopTime bounds an orderly end.
const stopTime = 30 * time.Second

// finish closes a session whatever became of ctx and joins its error.
func finish(s instance.Session, err *error) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	*err = errors.Join(*err, s.Close(ctx))
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}
