package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/cloudevents"
	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/metric"
)

func (e *env) importEventsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "events FILE|-",
		Short: "Events from a file of CloudEvents, one JSON object a line",
		Long: `Read CloudEvents 1.0 as NDJSON: one event a line, of the types that
schemas/README.md lists. The file is checked whole before anything is taken:
lines that are wrong are named, and then nothing is.`,
		Example: `  payoff import events deploys.ndjson
  zcat history.ndjson.gz | payoff import events -`,
		Args: exactly(1, "FILE, or - for standard input"),
		RunE: func(c *cobra.Command, args []string) (err error) {
			cfg, err := e.config()
			if err != nil {
				return err
			}
			f, err := e.open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			total, err := checkEvents(f, args[0])
			if err != nil {
				return err
			}
			s, err := e.attach(c.Context())
			if err != nil {
				return err
			}
			defer finish(s, &err)
			return e.importEvents(c.Context(), s, cfg, f, total)
		},
	}
}

// open opens a file that can be read twice. Standard input is copied to one that
// has no name.
func (e *env) open(name string) (*os.File, error) {
	if name != "-" {
		return os.Open(name)
	}
	f, err := os.CreateTemp("", "payoff-import-*")
	if err != nil {
		return nil, fmt.Errorf("keeping standard input: %w", err)
	}
	if err := errors.Join(os.Remove(f.Name()), copyAll(f, e.in)); err != nil {
		return nil, errors.Join(fmt.Errorf("keeping standard input: %w", err), f.Close())
	}
	return f, nil
}

func copyAll(to *os.File, from io.Reader) error {
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	_, err := to.Seek(0, io.SeekStart)
	return err
}

// Lines go to the parser this many at a time.
const eventBatch = 2000

// maxLine bounds one event of a file.
const maxLine = 4 << 20

// shownErrors bounds how many wrong lines are named.
const shownErrors = 20

// eachBatch calls do with the lines of r, some at a time, and the number of each.
func eachBatch(r io.Reader, do func(body []byte, lines []int) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	var body bytes.Buffer
	var lines []int
	flush := func() error {
		if len(lines) == 0 {
			return nil
		}
		err := do(body.Bytes(), lines)
		body.Reset()
		lines = lines[:0]
		return err
	}
	n := 1
	for ; s.Scan(); n++ {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		body.Write(s.Bytes())
		body.WriteByte('\n')
		lines = append(lines, n)
		if len(lines) == eventBatch || body.Len() > maxLine {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than 4 MiB: an event is one line of JSON", n)
	}
	return errors.Join(s.Err(), flush())
}

var ndjson = http.Header{"Content-Type": {"application/x-ndjson"}}

// checkEvents reads the whole file, counts its events and names the wrong ones.
func checkEvents(f *os.File, name string) (int, error) {
	total := 0
	var wrong []error
	err := eachBatch(f, func(body []byte, lines []int) error {
		total += len(lines)
		_, _, err := cloudevents.Parse(collect.Delivery{Header: ndjson, Body: body})
		var refused *cloudevents.Refusal
		if !errors.As(err, &refused) {
			return err
		}
		for _, p := range refused.Problems {
			if len(wrong) < shownErrors {
				wrong = append(wrong, fmt.Errorf("%s:%d: %s: %s", name, lines[min(p.Index, len(lines)-1)], p.Field, p.Reason))
			} else {
				return errStop
			}
		}
		return nil
	})
	if errors.Is(err, errStop) {
		wrong, err = append(wrong, errors.New("and more")), nil
	}
	if len(wrong) > 0 {
		wrong = append(wrong, errors.New("nothing was taken; correct these lines and import again"))
	}
	return total, errors.Join(append(wrong, err)...)
}

var errStop = errors.New("enough")

func (e *env) importEvents(ctx context.Context, s instance.Session, cfg config.Config, f *os.File, total int) error {
	p, err := instance.Protector(cfg, s.Keys())
	if err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	bar := e.progress("sending")
	defer bar.done()
	sent := 0
	var doubtful []cloudevents.Problem
	err = eachBatch(f, func(body []byte, lines []int) error {
		drafts, warnings, err := cloudevents.Parse(collect.Delivery{Source: "import", Header: ndjson, Body: body, ReceivedAt: e.now()})
		if err != nil {
			return err
		}
		for _, w := range warnings {
			w.Index = lines[min(w.Index, len(lines)-1)]
			doubtful = append(doubtful, w)
		}
		var evs []events.Event
		if evs, err = p.Protect(drafts); err != nil {
			return err
		}
		sent += len(evs)
		bar.set(sent, total)
		return s.Accept(ctx, evs)
	})
	if err != nil {
		return err
	}
	bar.done()
	res, err := e.loadAndCompute(ctx, s)
	if err != nil {
		return err
	}
	for i, w := range doubtful {
		if i == shownErrors {
			fmt.Fprintf(e.err, "and %d more warnings\n", len(doubtful)-i)
			break
		}
		fmt.Fprintf(e.err, "line %d: %s: %s\n", w.Index, w.Field, w.Reason)
	}
	if e.json {
		return printJSON(e.out, map[string]any{"events": sent, "warnings": len(doubtful), "points": res.Points})
	}
	_, err = fmt.Fprintf(e.out, "%s loaded and computed.\n", metric.Counted(sent, "event is", "events are"))
	return err
}
