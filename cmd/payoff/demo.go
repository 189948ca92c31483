package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/payoff-metrics/payoff/examples/acme"
	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/org"
)

// demoOptions are what `payoff demo` is told.
type demoOptions struct {
	acme.Options
	once bool
}

func (e *env) demoCmd() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Two years of a made-up organisation, to look around in",
		Long: `Make up an organisation of 40 teams and all that its tools told in two years,
send it through the door for events as those tools would, load and compute it,
and run everything as 'payoff up' does. What was sent once is not sent again.
The stories that are in these numbers are told in examples/README.md.`,
		Example: `  payoff demo
  payoff demo --teams 10 --data /tmp/small      a smaller organisation
  payoff demo --once                            end when everything is computed`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := e.config()
			if err != nil {
				return err
			}
			return e.demo(c.Context(), cfg, o)
		},
	}
	f := c.Flags()
	f.Uint64Var(&o.Seed, "seed", 1, "another `number` makes another organisation")
	f.IntVar(&o.Teams, "teams", 40, "`number` of teams, 6 to 40")
	f.BoolVar(&o.once, "once", false, "end when everything is computed")
	return c
}

func (e *env) demo(ctx context.Context, cfg config.Config, o demoOptions) error {
	if cfg.Organisation.Name == config.Default().Organisation.Name {
		cfg.Organisation.Name = acme.Name
	}
	full, err := e.demoIsThere(o.Options)
	if err != nil {
		return err
	}
	if !full {
		if err := e.fillDemo(ctx, cfg, o.Options); err != nil {
			return err
		}
	}
	if o.once {
		return nil
	}
	e.fiveThings()
	return e.up(ctx, cfg)
}

// demoState is kept in the data directory of an example.
type demoState struct {
	Generator int    `json:"generator"` // version of what made it up
	Seed      uint64 `json:"seed"`
	Teams     int    `json:"teams"`
	Full      bool   `json:"full"` // everything was sent and computed
}

func demoPath(dir string) string { return filepath.Join(dir, "demo.json") }

// demoIsThere reports whether the data directory holds all of this example. A part
// of it is sent again, which is harmless; another example, or facts that are not
// made up, are not mixed with it.
func (e *env) demoIsThere(o acme.Options) (bool, error) {
	want := demoState{Generator: acme.Version, Seed: o.Seed, Teams: o.Teams}
	b, err := os.ReadFile(demoPath(e.data))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := instance.ReadInfo(e.data); err == nil {
			return false, fmt.Errorf("%s holds facts that are not made up, and the example would be mixed with them; name another directory with --data", e.data)
		}
		return false, e.writeDemoState(want)
	}
	var have demoState
	if err == nil {
		err = json.Unmarshal(b, &have)
	}
	if err != nil {
		return false, fmt.Errorf("reading what example is in %s: %w", e.data, err)
	}
	full := have.Full
	if have.Full = false; have != want {
		return false, fmt.Errorf("%s holds another example (seed %d, %d teams); name another directory with --data, or remove it", e.data, have.Seed, have.Teams)
	}
	return full, nil
}

func (e *env) writeDemoState(s demoState) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(e.data, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	return os.WriteFile(demoPath(e.data), append(b, '\n'), 0o600)
}

// fillDemo sends, loads and computes the example in an instance of its own, which
// listens where nobody else does and computes once, at the end.
func (e *env) fillDemo(ctx context.Context, cfg config.Config, o acme.Options) (err error) {
	w, err := acme.Build(o)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, listen := range []*string{&cfg.Ingest.Listen, &cfg.Kafka.Listen, &cfg.ClickHouse.Listen} {
		*listen = "127.0.0.1:0"
	}
	cfg.Rollup.Every = config.Duration(24 * time.Hour)
	i, err := instance.Start(ctx, instance.Options{Dir: e.data, Config: cfg, Listen: true, Patience: patience, Logger: e.logger(), Now: e.now, Failed: cancel})
	if err != nil {
		return err
	}
	defer func() {
		stop, done := context.WithTimeout(context.Background(), stopTime)
		defer done()
		err = errors.Join(err, i.Stop(stop))
	}()
	fmt.Fprintf(e.out, "Making up two years of an organisation: %d services, %d people.\n", len(w.Services), len(w.People))
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"who is where, declared", func(ctx context.Context) error { return e.declareDemo(ctx, cfg, i, w) }},
		{"what happened, made up and sent", func(ctx context.Context) error { return e.sendDemo(ctx, i.Info(), w) }},
		{"loaded", func(ctx context.Context) error {
			bar := e.progress("loading")
			defer bar.done()
			return i.Loaded(ctx, func(loaded, total int64) { bar.set(int(loaded), int(total)) })
		}},
		{"computed", func(ctx context.Context) error {
			spin := e.progress("computing")
			defer spin.done()
			_, err := i.Compute(ctx)
			return err
		}},
	}
	for _, step := range steps {
		began := e.now()
		if err := step.do(ctx); err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				return cause // a part has stopped for good, and the step with it
			}
			return err
		}
		fmt.Fprintf(e.out, "  %-34s %6.1f s\n", step.what, e.now().Sub(began).Seconds())
	}
	return e.writeDemoState(demoState{acme.Version, o.Seed, o.Teams, true})
}

// declareDemo declares the organisation from the file it also leaves behind, as
// `payoff import org` does with the files of a company.
func (e *env) declareDemo(ctx context.Context, cfg config.Config, i *instance.Instance, w *acme.World) error {
	name := filepath.Join(e.data, "organisation.yaml")
	if err := os.WriteFile(name, w.Organisation(), 0o600); err != nil {
		return fmt.Errorf("writing the organisation: %w", err)
	}
	o, err := readOrg(name, org.Options{Location: cfg.Location()})
	if err != nil {
		return err
	}
	p, err := instance.Protector(cfg, i.Keys)
	if err != nil {
		return err
	}
	drafts, err := o.Drafts(p, acme.Start, nil) // not now: what is sent again is the same
	if err != nil {
		return err
	}
	for i := range drafts {
		drafts[i].Received = e.now() // as what the tools tell is; no part of what is said
	}
	evs, err := p.Protect(drafts)
	if err != nil {
		return err
	}
	return i.Ingest.Accept(ctx, evs)
}

const (
	demoBatch   = 900 << 10 // bytes of a request; the door takes 1 MiB
	demoSenders = 3         // one waits for the disk while the others are read
	demoBuffers = demoSenders + 1
)

// sendDemo makes the events up and posts them to the door for events, as the tools
// of the organisation would, while the next are being made.
func (e *env) sendDemo(ctx context.Context, info instance.Info, w *acme.World) error {
	bar := e.progress("sending")
	defer bar.done()
	g, ctx := errgroup.WithContext(ctx)
	full, free := make(chan []byte), make(chan []byte, demoBuffers)
	for range demoBuffers {
		free <- make([]byte, 0, demoBatch+demoBatch/8)
	}
	for range demoSenders {
		g.Go(func() error {
			for batch := range full {
				if err := postEvents(ctx, info, batch); err != nil {
					return err
				}
				free <- batch[:0]
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(full)
		sent := 0
		batch := <-free
		pass := func() error {
			select {
			case full <- batch:
			case <-ctx.Done():
				return ctx.Err()
			}
			bar.set(sent, max(w.About(), sent))
			select {
			case batch = <-free:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := w.Tell(func(ev *acme.Event) (err error) {
			if batch, err = ev.AppendJSON(batch); err != nil {
				return err
			}
			if sent++; len(batch) < demoBatch {
				return nil
			}
			return pass()
		})
		if err != nil || len(batch) == 0 {
			return err
		}
		return pass()
	})
	return g.Wait()
}

// postEvents posts lines of events and tries again while it is told to wait.
func postEvents(ctx context.Context, info instance.Info, body []byte) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+info.Listen+"/v1/events", bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+info.Token)
		req.Header.Set("Content-Type", "application/x-ndjson")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return fmt.Errorf("sending %d bytes of events: %w", len(body), err)
		}
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return fmt.Errorf("reading the answer to events: %w", err)
		}
		switch resp.StatusCode {
		case http.StatusAccepted:
			return nil
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
			if err != nil {
				seconds = 1
			}
			select {
			case <-time.After(time.Duration(seconds) * time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			return fmt.Errorf("events were answered with %s: %s", resp.Status, bytes.TrimSpace(answer))
		}
	}
}

// fiveThings says what to try; `up` says the addresses.
func (e *env) fiveThings() {
	fmt.Fprintf(e.out, `
Five things to try, in another terminal where they are commands:

  1  The pages, at the address below: what changed, and what every number is made of.
  2  A number of your own choice:
       payoff metrics query dora.change_lead_time --by quarter --service %[1]s --data %[2]s
  3  The facts behind it:
       payoff sql --data %[2]s "SELECT artifact_version, ended_at, class, changes FROM deployments WHERE service = '%[1]s' ORDER BY ended_at DESC LIMIT 10"
  4  A story: for three weeks nothing goes out, then everything at once. examples/README.md has the others.
       payoff sql --data %[2]s "SELECT toMonday(ended_at) AS week, count(), countIf(class = 'rollback') FROM deployments WHERE tier = 'production' AND succeeded AND ended_at BETWEEN '2025-12-01' AND '2026-01-31' GROUP BY week ORDER BY week"
  5  Your own repository, beside these:
       payoff import git . --data %[2]s

`, "accounts-api", e.data)
}
