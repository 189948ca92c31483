package acme

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Name of the organisation.
const Name = "Acme"

// Options choose the organisation. The zero value is the one the documentation
// speaks of.
type Options struct {
	Seed uint64 // 0: 1

	// Teams at work at one time, 6 to 40; 0: 40. Services and people are in
	// proportion. Fewer than 40 leave stories out that need the teams they are of.
	Teams int

	// Without names capabilities that do nothing: everybody who would have them
	// works as if there were none. The difference between the two worlds is what
	// a capability truly did. Only Launchpad and Vault do something to delivery.
	Without []string
}

// The two years: they begin on a Monday and end on the Monday after the last whole
// week, at noon, so that what is told covers that week.
var (
	Start = time.Date(2024, 11, 18, 0, 0, 0, 0, time.UTC)
	End   = time.Date(2026, 11, 16, 12, 0, 0, 0, time.UTC)

	monday = End.Truncate(week) // weeks of time.Time begin on a Monday
)

// weeksBack is the Monday n weeks before the last.
func weeksBack(n int) time.Time { return monday.Add(-time.Duration(n) * week) }

// Days on which something changed for good. Stories refer to them.
var (
	Reorganisation  = weeksBack(63) // 2025-09-01: two teams merge, one is split, one renamed, three services change hands
	SelfService     = weeksBack(54) // 2025-11-03: environments are provisioned without a ticket
	AlertCleanup    = weeksBack(41) // 2026-02-02: a noisy rotation throws out its dead alerts
	VaultMandate    = weeksBack(37) // 2026-03-02: keeping secrets in Vault becomes an obligation
	VaultAnnounced  = weeksBack(45) // 2026-01-05: the mandate is announced
	RewriteBegins   = weeksBack(32) // 2026-04-06: a service is rewritten while it runs
	RewriteEnds     = weeksBack(19) // 2026-07-06
	launchpadWaves  = []int{80, 72, 60, 44, 32}
	blueprintWindow = [2]int{76, 40}
)

// Capabilities of the platform, and the rival of one.
const (
	Launchpad = "launchpad" // deployment platform, rolled out by lottery: the good bet
	Blueprint = "blueprint" // service templates, taken by the best teams: the bad bet
	Vault     = "vault"     // store of secrets, mandated late
	Telescope = "telescope" // observability, loved
	Skiff     = "skiff"     // development environments, shadowed by Devbox
	Flagship  = "flagship"  // feature flags, tried and left
	Devbox    = "devbox"    // what teams built themselves instead of Skiff
)

// Capabilities lists them without the rival.
var Capabilities = []string{Launchpad, Blueprint, Vault, Telescope, Skiff, Flagship}

func (o *Options) validate() error {
	if o.Seed == 0 {
		o.Seed = 1
	}
	if o.Teams == 0 {
		o.Teams = 40
	}
	var errs []error
	if o.Teams < 6 || o.Teams > 40 {
		errs = append(errs, fmt.Errorf("the number of teams is %d; it is from 6 to 40", o.Teams))
	}
	for _, c := range o.Without {
		if !slices.Contains(Capabilities, c) {
			errs = append(errs, fmt.Errorf("what to leave out names %q, which is no capability; they are %v", c, Capabilities))
		}
	}
	return errors.Join(errs...)
}

// Generate makes up the organisation and tells emit of everything that happened in
// it. Events come stream by stream, each in the order of time. The event is emit's
// until it returns. An error of emit ends generating and is returned.
func Generate(o Options, emit func(*Event) error) error {
	w, err := Build(o)
	if err != nil {
		return err
	}
	return w.Tell(emit)
}

// Tell emits what happened in the organisation, as Generate does.
func (w *World) Tell(emit func(*Event) error) error {
	s := &stream{from: Start, until: End}
	for _, g := range w.groups {
		w.deliver(g, s)
		if err := s.flush(emit); err != nil {
			return err
		}
	}
	for _, tell := range []func(*stream, func(*Event) error) error{w.tellOnCall, w.tellUsage, w.tellTickets, w.tellWork, w.tellProcesses} {
		if err := tell(s, emit); err != nil {
			return err
		}
	}
	return nil
}

// Version of the generator: raised when the same options make another
// organisation.
const Version = 2

// About is how many events Tell will emit, to a tenth: for progress bars.
func (w *World) About() int {
	const perService = 8_400
	return perService * len(w.Services)
}
