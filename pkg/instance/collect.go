package instance

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/go-co-op/gocron/v2"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/git"
	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/ingest"
)

const (
	// look is how often a collector looks whether it is due: a new leader begins
	// within this time.
	look = 2 * time.Second

	// pullTime bounds one fetch, the first of a large repository included.
	pullTime = time.Hour

	// pullsAtOnce bounds how many repositories are fetched at the same time.
	pullsAtOnce = 2
)

// A puller keeps one repository up.
type puller struct {
	git.Remote
	o     git.Options
	every time.Duration
	next  time.Time // before it nothing is due
}

// pullers are the configured repositories; they are kept in a folder each.
func pullers(c config.Config, dir string) ([]*puller, error) {
	var out []*puller
	var wrong []error
	for n, g := range c.Collect.Git {
		bad := func(err error) { wrong = append(wrong, fmt.Errorf("collect.git[%d]: %w", n, err)) }
		if err := git.CheckURL(g.URL); err != nil {
			bad(err)
			continue
		}
		token, err := g.Token.Read()
		if err != nil {
			bad(err)
		}
		if g.Repository == "" {
			g.Repository = git.NameOfURL(g.URL)
		}
		if g.Every == 0 {
			g.Every = config.FetchEvery
		}
		folder := fmt.Sprintf("%x", sha256.Sum256(fmt.Append(nil, g.URL, "\x00", g.Service, "\x00", g.Tags, "\x00", g.MergesInto)))[:16]
		p := &puller{Remote: git.Remote{URL: g.URL, User: g.User, Token: token}, every: time.Duration(g.Every), o: git.Options{
			Dir: filepath.Join(dir, "git", folder), Repository: g.Repository, Service: g.Service, Tags: g.Tags, Prereleases: g.Prereleases, MergesInto: g.MergesInto,
			GraphOnly: g.Tags == "" && g.MergesInto == "",
		}}
		out = append(out, p)
	}
	return out, errors.Join(wrong...)
}

// startCollect fetches what is configured, in the process that leads.
func (i *Instance) startCollect(context.Context) error {
	all, err := pullers(i.o.Config, i.o.Dir)
	if err != nil || len(all) == 0 {
		return err
	}
	p, err := Protector(i.o.Config, i.Keys)
	if err != nil {
		return err
	}
	s, err := gocron.NewScheduler(gocron.WithDistributedElector(i.elector), gocron.WithStopTimeout(time.Minute))
	if err != nil {
		return fmt.Errorf("making the scheduler of collecting: %w", err)
	}
	places := make(chan struct{}, pullsAtOnce)
	for _, from := range all {
		task := func(ctx context.Context) {
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
				i.pull(ctx, p, from)
			case <-ctx.Done():
			}
		}
		if _, err := s.NewJob(gocron.DurationJob(min(look, from.every)), gocron.NewTask(task), gocron.WithSingletonMode(gocron.LimitModeReschedule),
			gocron.WithName("git "+from.o.Repository)); err != nil {
			return fmt.Errorf("scheduling the fetching of %s: %w", from.o.Repository, err)
		}
	}
	s.Start()
	i.stack.Push("collectors", func(context.Context) error { return s.Shutdown() })
	return nil
}

// pull fetches a repository that is due and tells what is new. How it ended is kept
// for doctor; what failed is tried again when it is due again.
func (i *Instance) pull(ctx context.Context, p collect.Protector, from *puller) {
	if i.o.Now().Before(from.next) {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	told, o := 0, from.o
	o.Fetched = i.o.Now()
	_, err := git.Pull(bounded, from.Remote, o, func(drafts []events.Draft) error {
		for n := range drafts {
			drafts[n].Received = i.o.Now()
		}
		evs, err := p.Protect(drafts)
		if err != nil {
			return err
		}
		told += len(evs)
		return i.accept(bounded, evs)
	})
	if ctx.Err() != nil {
		return // told to stop
	}
	from.next = i.o.Now().Add(from.every)
	said := ""
	if err != nil {
		said = err.Error()
		i.o.Logger.Error("collecting failed; it is tried again", "source", "git", "repository", from.o.Repository, "error", err, "in", from.every)
	}
	if err := i.Store.Insert(ctx, "payoff_private.collected", []string{"source", "name", "at", "told", "error"}, 1, func(int) []any {
		return []any{"git", from.o.Repository, i.o.Now(), uint64(told), said}
	}); err != nil && ctx.Err() == nil {
		i.o.Logger.Error("keeping how collecting ended", "repository", from.o.Repository, "error", err)
	}
}

// accept makes events durable: in the log on disk, or in Kafka where a process has
// none.
func (i *Instance) accept(ctx context.Context, evs []events.Event) error {
	if i.Ingest != nil {
		return i.Ingest.Accept(ctx, evs)
	}
	return ingest.Publish(ctx, i.Transport, evs)
}
