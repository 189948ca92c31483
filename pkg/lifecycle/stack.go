// Package lifecycle closes what a process opened, in the reverse order of
// opening. Every process of Payoff owns one Stack: the store goes on first,
// then the transport, the consumers, the collectors and the HTTP server, so
// stopping begins where events come in and ends where they are kept.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A Stack holds what must be stopped. The zero Stack is empty and ready.
// Its methods may be called at once.
type Stack struct {
	mu    sync.Mutex
	steps []step
}

type step struct {
	name string
	stop func(context.Context) error
}

// Push puts stop on top of the stack. Call it on the line after the thing was
// opened, so that a start that fails later stops it too:
//
//	defer func() {
//		if err != nil {
//			err = errors.Join(err, stack.Stop(ctx))
//		}
//	}()
//
// Stop hands stop what is left of its own time; stop must return when that
// context is done, for what lies under it waits for its turn.
func (s *Stack) Push(name string, stop func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, step{name, stop})
}

// Stop calls every stop function once, last-first, one after the other. A
// failure does not spare the rest, nor does a context that is already done:
// each is called with ctx. The errors come back joined, each under its name.
// A stopped Stack is empty: stopping it again does nothing, and what is pushed
// while it stops is stopped as well.
func (s *Stack) Stop(ctx context.Context) error {
	var errs []error
	for {
		top, ok := s.pop()
		if !ok {
			return errors.Join(errs...)
		}
		if err := top.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stopping %s: %w", top.name, err))
		}
	}
}

func (s *Stack) pop() (step, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.steps)
	if n == 0 {
		return step{}, false
	}
	top := s.steps[n-1]
	s.steps[n-1] = step{} // lets go of what the closure holds
	s.steps = s.steps[:n-1]
	return top, true
}
