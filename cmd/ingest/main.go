// Command ingest takes events in: webhooks and posted events, kept on disk before
// they are answered, then published to Kafka. Run several behind a load balancer.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/instance"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// What lives is small and what passes is not: collecting a quarter as often
	// costs at most a hundred megabytes and saves a tenth of the processor.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

func run(ctx context.Context, args []string, stderr io.Writer) int {
	f := flag.NewFlagSet("ingest", flag.ContinueOnError)
	f.SetOutput(stderr)
	data := f.String("data", "payoff-data", "`directory` of the log on disk and the keys; the keys must be those of every ingest")
	file := f.String("config", os.Getenv("PAYOFF_CONFIG"), "configuration `file`")
	if err := f.Parse(args); err != nil {
		return 2
	}
	cfg, err := config.Load(*file, os.Environ())
	if err == nil {
		err = instance.RunIngest(ctx, instance.Options{Dir: *data, Config: cfg, Logger: slog.New(slog.NewJSONHandler(stderr, nil)), Now: time.Now, Patience: 10 * time.Second})
	}
	if err != nil {
		fmt.Fprintln(stderr, "ingest:", err)
		return 2
	}
	return 0
}
