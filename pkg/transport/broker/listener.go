package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
)

// A listener accepts connections from the network, if it has an address there,
// and from within the process.
type listener struct {
	tcp    net.Listener // nil without an address
	inside chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	open map[*conn]struct{}
}

func listen(address string) (*listener, error) {
	l := &listener{
		inside: make(chan net.Conn),
		closed: make(chan struct{}),
		open:   map[*conn]struct{}{},
	}
	if address == "" {
		return l, nil
	}
	tcp, err := listenTCP(address)
	if err != nil {
		return nil, err
	}
	l.tcp = tcp
	go l.acceptTCP()
	return l, nil
}

func (l *listener) acceptTCP() {
	for {
		c, err := l.tcp.Accept()
		if err != nil {
			return
		}
		select {
		case l.inside <- c:
		case <-l.closed:
			c.Close()
			return
		}
	}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.inside:
		return l.track(c), nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.inside <- server:
		return client, nil
	case <-l.closed:
		return nil, fmt.Errorf("dialing the embedded broker: %w", net.ErrClosed)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		if l.tcp != nil {
			l.tcp.Close()
		}
	})
	return nil
}

// Addr implements net.Listener. kfake tells it to clients.
func (l *listener) Addr() net.Addr {
	if l.tcp == nil {
		return insideAddr{}
	}
	return l.tcp.Addr()
}

type insideAddr struct{}

func (insideAddr) Network() string { return "inside" }
func (insideAddr) String() string  { return "localhost:9092" }

// A conn is taken off the listener's list when it closes.
type conn struct {
	net.Conn
	l *listener
}

func (l *listener) track(c net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := &conn{c, l}
	l.open[t] = struct{}{}
	return t
}

func (c *conn) Close() error {
	c.l.mu.Lock()
	delete(c.l.open, c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}

// hangUp closes the connections that are left.
func (l *listener) hangUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.Conn.Close()
	}
}

// logger passes what kfake says on: its warnings are about records and offsets
// it could not write, the rest is about requests.
type logger struct{ to *slog.Logger }

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if l.to.Enabled(context.Background(), to) {
		l.to.Log(context.Background(), to, fmt.Sprintf(format, args...), "component", "broker")
	}
}

func orDiscard(l *slog.Logger) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return l
}
