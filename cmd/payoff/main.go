// Command payoff is the door for people: it runs everything on one machine, takes
// in what they have, and answers from the numbers.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/payoff-metrics/payoff/pkg/engine"
)

func main() {
	engine.RunIfChild()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are where a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Exit codes.
const (
	exitDone  = 0
	exitNo    = 1 // the answer is no
	exitError = 2 // used wrongly, or failed
)
