package kafka

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

const (
	minPause = 50 * time.Millisecond
	maxPause = 2 * time.Second
)

// A backoff is the pause before the next try: twice the last, with jitter so
// that members that lost one broker do not return to it in step.
type backoff struct{ next time.Duration }

// wait pauses and reports whether ctx still goes on.
func (b *backoff) wait(ctx context.Context) bool {
	b.next = min(max(2*b.next, minPause), maxPause)
	t := time.NewTimer(b.next/2 + rand.N(b.next/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (b *backoff) reset() { b.next = 0 }

// passing reports whether waiting may cure err.
func passing(err error) bool {
	return errors.Is(err, transport.ErrUnavailable) || errors.Is(err, transport.ErrUnknownTopic)
}
