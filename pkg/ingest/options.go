package ingest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/seal"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

// Topics of the log that ingest writes.
const (
	EventsTopic     = "payoff.events"
	DeliveriesTopic = "payoff.deliveries"
	DeadTopic       = "payoff.dead"
)

// An Endpoint is one webhook: POST /v1/hooks/{Source}/{Name}.
type Endpoint struct {
	Source  string   // name of a collect.Source of Options.Sources
	Name    string   // letters, digits, - and _
	Secrets [][]byte // any of them verifies; without one everything is refused
	MaxBody int64    // bytes of a body; 1 MiB if zero, 25 MiB for github, which sends as much
	Limits  Limits
}

// Limits bound what one endpoint or token may ask for at once.
type Limits struct {
	InFlight int     // requests at once; 256 if zero
	Rate     float64 // requests a second, with a second's worth saved up; unbounded if zero
}

// A Token lets its bearer post events.
type Token struct {
	Name    string   // for logs
	Secret  []byte   // at least 16 bytes
	Sources []string // globs of CloudEvents sources; "*" is all
	Kinds   []string // globs of kinds such as "incident.*"; none is all

	// Canonical makes it the token of the instance's own importers: it may use
	// POST /v1/canonical, which takes events as they are.
	Canonical bool

	Limits Limits
}

// Options say what ingest is made of. Dir, Sealer, Protector.People, Publisher
// and Now are required, and one of Listener and Address to serve.
type Options struct {
	Listener net.Listener // taken over; or
	Address  string       // host:port; neither: only Handler and Accept

	Endpoints []Endpoint
	Sources   []collect.Source
	Tokens    []Token

	Dir       string // of the log on disk ("log") and of what Kafka will not take ("rejected")
	MaxLog    int64  // bytes of the log; spool's default if zero
	Sealer    *seal.Sealer
	Protector collect.Protector
	Publisher transport.Publisher // used, not closed

	Log      *slog.Logger          // none if nil
	Registry prometheus.Registerer // none if nil
	Now      func() time.Time

	MaxBody      int64 // of POST /v1/events, after decompression; 1 MiB if zero
	MaxCanonical int64 // of POST /v1/canonical, after decompression; 32 MiB if zero
	MaxBuffered  int64 // bytes of large bodies being read at once; 512 MiB if zero
	MaxRatio     int64 // of decompression; 100 if zero
	Connections  int   // at once; beyond it the one longest idle is closed; 2,048 if zero

	HeaderTimeout time.Duration // to send the headers of a request; 5 s if zero
	BodyTimeout   time.Duration // to send all of it; 30 s if zero
	IdleTimeout   time.Duration // between requests; 60 s if zero
	StopTimeout   time.Duration // for requests under way at the stop, then as long again to drain; 10 s if zero
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

func (o *Options) setDefaults() {
	setDefault(&o.MaxBody, 1<<20)
	setDefault(&o.MaxCanonical, 32<<20)
	setDefault(&o.MaxBuffered, 512<<20)
	setDefault(&o.MaxRatio, 100)
	setDefault(&o.Connections, 2048)
	setDefault(&o.HeaderTimeout, 5*time.Second)
	setDefault(&o.BodyTimeout, 30*time.Second)
	setDefault(&o.IdleTimeout, time.Minute)
	setDefault(&o.StopTimeout, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

const minSecret = 16

var endpointName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// validate reports all that is wrong at once.
func (o *Options) validate() error {
	var errs []error
	for name, missing := range map[string]bool{
		"Dir": o.Dir == "", "Sealer": o.Sealer == nil, "Protector.People": o.Protector.People == nil,
		"Publisher": o.Publisher == nil, "Now": o.Now == nil,
	} {
		if missing {
			errs = append(errs, fmt.Errorf("%s is missing", name))
		}
	}
	sources := map[string]bool{}
	for _, s := range o.Sources {
		sources[s.Name()] = true
	}
	seen := map[string]bool{}
	for _, e := range o.Endpoints {
		path := e.Source + "/" + e.Name
		switch {
		case !sources[e.Source]:
			errs = append(errs, fmt.Errorf("endpoint %s: there is no source %q", path, e.Source))
		case !endpointName.MatchString(e.Name):
			errs = append(errs, fmt.Errorf("endpoint %s: the name is not made of letters, digits, - and _", path))
		case seen[path]:
			errs = append(errs, fmt.Errorf("endpoint %s is there twice", path))
		}
		seen[path] = true
	}
	return errors.Join(append(errs, o.validateTokens()...)...)
}

func (o *Options) validateTokens() (errs []error) {
	secrets := map[[sha256.Size]byte]string{}
	for _, t := range o.Tokens {
		if len(t.Secret) < minSecret {
			errs = append(errs, fmt.Errorf("token %s: its secret has %d bytes; %d are the least", t.Name, len(t.Secret), minSecret))
		}
		if len(t.Sources) == 0 && !t.Canonical {
			errs = append(errs, fmt.Errorf(`token %s names no sources; "*" is all`, t.Name))
		}
		if _, err := newGrant(t); err != nil {
			errs = append(errs, fmt.Errorf("token %s: %w", t.Name, err))
		}
		sum := sha256.Sum256(t.Secret)
		if other, ok := secrets[sum]; ok {
			errs = append(errs, fmt.Errorf("tokens %s and %s have one secret", other, t.Name))
		}
		secrets[sum] = t.Name
	}
	return errs
}
