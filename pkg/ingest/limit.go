package ingest

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// A limiter bounds the requests of one endpoint or token: how many at once, and
// how many a second.
type limiter struct {
	inFlight chan struct{}
	rate     float64
	now      func() time.Time

	mu    sync.Mutex
	saved float64 // requests that may come at once
	at    time.Time
}

func newLimiter(l Limits, now func() time.Time) *limiter {
	setDefault(&l.InFlight, 256)
	return &limiter{inFlight: make(chan struct{}, l.InFlight), rate: l.Rate, now: now, saved: max(1, l.Rate), at: now()}
}

// acquire reports whether a request may go on; then release must follow. wait
// is after how many seconds it may be tried again.
func (l *limiter) acquire() (wait int, ok bool) {
	select {
	case l.inFlight <- struct{}{}:
	default:
		return 1, false
	}
	if wait := l.spend(); wait > 0 {
		l.release()
		return wait, false
	}
	return 0, true
}

func (l *limiter) release() { <-l.inFlight }

func (l *limiter) spend() (wait int) {
	if l.rate <= 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.saved = min(max(1, l.rate), l.saved+l.rate*max(0, now.Sub(l.at).Seconds()))
	l.at = now
	if l.saved < 1 {
		return int((1-l.saved)/l.rate) + 1
	}
	l.saved--
	return 0
}

// A budget bounds the memory of bodies.
type budget struct {
	free atomic.Int64
}

func (b *budget) take(n int64) bool {
	if b.free.Add(-n) < 0 {
		b.free.Add(n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.free.Add(n) }

// conns bounds the connections: when one more comes, the one that has waited
// longest without a request is closed. So idle ones keep nobody out.
type conns struct {
	max int
	now func() time.Time

	mu      sync.Mutex
	waiting map[net.Conn]time.Time // since when there is no request on it
	busy    map[net.Conn]struct{}
}

func newConns(max int, now func() time.Time) *conns {
	return &conns{max: max, now: now, waiting: map[net.Conn]time.Time{}, busy: map[net.Conn]struct{}{}}
}

// state is http.Server.ConnState.
func (c *conns) state(conn net.Conn, st http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch st {
	case http.StateNew, http.StateIdle:
		delete(c.busy, conn)
		c.waiting[conn] = c.now()
		if st == http.StateNew && len(c.waiting)+len(c.busy) > c.max {
			c.closeOldest(conn)
		}
	case http.StateActive:
		delete(c.waiting, conn)
		c.busy[conn] = struct{}{}
	default:
		delete(c.waiting, conn)
		delete(c.busy, conn)
	}
}

// closeOldest makes room for conn, and closes conn itself if all others are at
// work.
func (c *conns) closeOldest(conn net.Conn) {
	victim := conn
	for other, since := range c.waiting {
		if other != conn && (victim == conn || since.Before(c.waiting[victim])) {
			victim = other
		}
	}
	delete(c.waiting, victim)
	victim.Close()
}

func (c *conns) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waiting) + len(c.busy)
}

// pause waits for d or the end of ctx, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
