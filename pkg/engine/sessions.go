//go:build linux || darwin

package engine

import (
	"slices"
	"strings"
	"sync"
)

// maxIdle is how many sessions wait for a statement: a program has few kinds of them.
const maxIdle = 8

// sessions keeps sessions whose statement changed nothing of them for the next that is
// set up in the same way: by the same user, with the same database and settings.
// Opening one and setting it up takes longer than a small statement is run.
type sessions struct {
	mu     sync.Mutex
	idle   []idleSession // the longest idle first
	closed bool
}

type idleSession struct {
	setup string
	c     *connection
}

// take returns an idle session of that setup, the last that was kept; nil if there is none.
func (s *sessions) take(setup []string) *connection {
	key := strings.Join(setup, "\x00")
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, found := range slices.Backward(s.idle) {
		if found.setup == key {
			s.idle = slices.Delete(s.idle, i, i+1)
			return found.c
		}
	}
	return nil
}

// keep takes over a session. The one that was idle longest is closed if there are too many.
func (s *sessions) keep(setup []string, c *connection) {
	s.mu.Lock()
	if !s.closed {
		s.idle = append(s.idle, idleSession{strings.Join(setup, "\x00"), c})
		c = nil
	}
	if len(s.idle) > maxIdle {
		c = s.idle[0].c
		s.idle = slices.Delete(s.idle, 0, 1)
	}
	s.mu.Unlock()
	if c != nil {
		c.close()
	}
}

// close closes the sessions, and from then on those that come back.
func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.idle {
		i.c.close()
	}
	s.idle, s.closed = nil, true
}
