package instance

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/github"
	"github.com/payoff-metrics/payoff/pkg/collect/gitlab"
	"github.com/payoff-metrics/payoff/pkg/collect/pagerduty"
	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/ingest"
	"github.com/payoff-metrics/payoff/pkg/seal"
)

// startIngest opens the door: the log on disk, hooks and events.
func (i *Instance) startIngest(context.Context) error {
	o, err := i.ingestOptions()
	if err != nil {
		return err
	}
	if i.Ingest, err = ingest.Start(o); err != nil {
		return taken(err, "--listen", "ingest.listen")
	}
	i.stack.Push("ingest", i.Ingest.Stop)
	if a := i.Ingest.Addr(); a != nil {
		i.info.Listen = a.String()
	}
	return nil
}

func (i *Instance) ingestOptions() (ingest.Options, error) {
	c := i.o.Config
	o := ingest.Options{
		Dir: filepath.Join(i.o.Dir, "spool"), MaxLog: int64(c.Ingest.MaxLog), Publisher: i.Transport,
		Log: i.o.Logger.With("part", "ingest"), Registry: i.Registry, Now: i.o.Now,
	}
	if i.o.Listen {
		o.Address = c.Ingest.Listen
	}
	if i.Broker != nil {
		o.Publisher = guarded{i.Transport, i.Broker.Check}
	}
	var err error
	if o.Sealer, err = seal.NewSealer(i.Keys.Deliveries.Public()); err != nil {
		return o, err
	}
	if o.Protector, err = Protector(c, i.Keys); err != nil {
		return o, err
	}
	if o.Sources, err = Sources(c); err != nil {
		return o, err
	}
	if o.Tokens, err = tokens(c); err != nil {
		return o, err
	}
	// The instance's own token: for its commands and for a first event by curl.
	o.Tokens = append(o.Tokens, ingest.Token{Name: "instance", Secret: []byte(i.info.Token), Sources: []string{"*", "**"}, Canonical: true})
	o.Endpoints, err = endpoints(c)
	return o, err
}

// Protector is the one way from a draft to an event, by the configuration.
func Protector(c config.Config, keys Keys) (collect.Protector, error) {
	bots, err := collect.NewPatterns(c.Bots...)
	if err != nil {
		return collect.Protector{}, fmt.Errorf("bots: %w", err)
	}
	hotfix, err := collect.NewPatterns(c.Hotfix...)
	if err != nil {
		return collect.Protector{}, fmt.Errorf("hotfix: %w", err)
	}
	return collect.Protector{People: keys.People, Bots: collect.BotRule{Names: bots}, Hotfix: hotfix}, nil
}

// Sources are the tools whose deliveries are understood.
func Sources(c config.Config) ([]collect.Source, error) {
	var rules []collect.ServiceRule
	for _, s := range c.Services {
		if s.Repository != "" {
			rules = append(rules, collect.ServiceRule{Service: s.Name, Repository: s.Repository, Environment: s.Environment})
		}
	}
	services, err := collect.NewServices(rules...)
	if err != nil {
		return nil, fmt.Errorf("services: %w", err)
	}
	hotfix, err := collect.NewPatterns(c.Hotfix...)
	if err != nil {
		return nil, fmt.Errorf("hotfix: %w", err)
	}
	places := make(map[string]pagerduty.Place, len(c.PagerDuty.Places))
	for _, p := range c.PagerDuty.Places {
		places[p.Name] = pagerduty.Place{Service: p.Service, Environment: p.Environment, Rotation: p.Rotation}
	}
	return []collect.Source{
		github.New(github.Options{Services: services, Hotfix: hotfix}),
		gitlab.New(gitlab.Options{Services: services, Hotfix: hotfix, Now: time.Now}),
		pagerduty.New(pagerduty.Options{Places: places}),
	}, nil
}

func tokens(c config.Config) ([]ingest.Token, error) {
	var out []ingest.Token
	for _, t := range c.Ingest.Tokens {
		secret, err := t.Secret.Read()
		if err != nil {
			return nil, fmt.Errorf("ingest.tokens, %s: %w", t.Name, err)
		}
		out = append(out, ingest.Token{Name: t.Name, Secret: secret, Sources: t.Sources, Kinds: t.Kinds})
	}
	return out, nil
}

func endpoints(c config.Config) ([]ingest.Endpoint, error) {
	var out []ingest.Endpoint
	for _, e := range c.Ingest.Endpoints {
		ep := ingest.Endpoint{Source: e.Source, Name: e.Name}
		for _, s := range e.Secrets {
			secret, err := s.Read()
			if err != nil {
				return nil, fmt.Errorf("ingest.endpoints, %s/%s: %w", e.Source, e.Name, err)
			}
			ep.Secrets = append(ep.Secrets, secret)
		}
		out = append(out, ep)
	}
	return out, nil
}
