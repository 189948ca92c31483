// Command rollup loads Kafka into ClickHouse, each record exactly once; one of
// several, chosen among themselves, computes facts and metrics from it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/instance"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

func run(ctx context.Context, args []string, stderr io.Writer) int {
	f := flag.NewFlagSet("rollup", flag.ContinueOnError)
	f.SetOutput(stderr)
	data := f.String("data", "payoff-data", "`directory` of the keys")
	file := f.String("config", os.Getenv("PAYOFF_CONFIG"), "configuration `file`")
	metrics := f.String("metrics-listen", "", "`address` of /metrics and /healthz")
	if err := f.Parse(args); err != nil {
		return 2
	}
	cfg, err := config.Load(*file, os.Environ())
	if err == nil {
		o := instance.Options{Dir: *data, Config: cfg, Logger: slog.New(slog.NewJSONHandler(stderr, nil)), Now: time.Now, Patience: 10 * time.Second}
		err = instance.RunRollup(ctx, o, *metrics)
	}
	if err != nil {
		fmt.Fprintln(stderr, "rollup:", err)
		return 2
	}
	return 0
}
