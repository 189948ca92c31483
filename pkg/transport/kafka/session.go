package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// metadataTTL is the upper bound of the age of kafka-go's picture of the
// cluster. A request that fails because the picture is old discards it at once,
// so this is only how soon new partitions are noticed.
const metadataTTL = 5 * time.Second

// A session is a set of connections with one picture of the cluster. kafka-go
// offers no way to say that a connection or the picture has gone stale, so the
// whole session is replaced; requests under way on the old one finish there.
type session struct {
	*kafka.Client
	transport *kafka.Transport
	users     int // guarded by Client.mu, as is stale
	stale     bool
}

func (c *Client) connect() *session {
	t := &kafka.Transport{
		Dial:        c.o.Dial,
		DialTimeout: min(5*time.Second, c.o.RequestTimeout),
		MetadataTTL: metadataTTL,
		ClientID:    c.o.ClientID,
		TLS:         c.o.TLS,
		SASL:        c.sasl,
	}
	return &session{
		Client:    &kafka.Client{Addr: kafka.TCP(c.o.Brokers...), Timeout: c.o.RequestTimeout, Transport: t},
		transport: t,
	}
}

// do runs one request and translates its error. A request on a connection that
// the broker had closed meanwhile is run again on a new one; it must do no harm
// for being run twice.
func (c *Client) do(ctx context.Context, request func(ctx context.Context, s *session) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(c.ctx, func() { cancel(transport.ErrClosed) })()

	err := c.try(ctx, request)
	if hungUp(err) && ctx.Err() == nil {
		err = c.try(ctx, request)
	}
	return err
}

// try runs one request. After an error that new connections may cure, the next
// request gets new ones.
func (c *Client) try(ctx context.Context, request func(ctx context.Context, s *session) error) error {
	c.mu.Lock()
	s := c.current
	s.users++
	c.mu.Unlock()

	err := request(ctx, s)
	if err != nil {
		err = c.explain(ctx, unplaced(ctx, s, err))
	}
	if passing(err) {
		c.forget(s)
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	s.users--
	s.release()
	return err
}

// hungUp reports that the other side, or a restart of it, closed the connection.
func hungUp(err error) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// forget replaces the session s, unless another caller already has; nil stands
// for whichever is the current one.
func (c *Client) forget(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s == nil {
		s = c.current
	}
	if s != c.current {
		return
	}
	c.current = c.connect()
	s.stale = true
	s.release()
}

// release closes the connections of a stale session that nobody uses. Closing
// them earlier would let a late user open a pool that nobody closes.
func (s *session) release() {
	if s.stale && s.users == 0 {
		s.transport.CloseIdleConnections()
	}
}
