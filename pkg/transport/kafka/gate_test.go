package kafka_test

import (
	"context"
	"net"
	"sync"
	"syscall"
)

// A gate is the network between a client and its brokers, which can fail.
type gate struct {
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	mu    sync.Mutex
	shut  bool
	conns map[*gatedConn]struct{}
}

func newGate() *gate {
	return &gate{dial: new(net.Dialer).DialContext, conns: map[*gatedConn]struct{}{}}
}

func (g *gate) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	conn, err := g.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &gatedConn{Conn: conn, g: g}
	g.conns[c] = struct{}{}
	return c, nil
}

// close cuts every connection and refuses new ones.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for c := range g.conns {
		c.Conn.Close()
	}
	clear(g.conns)
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
}

// silence makes all connections there are swallow what is written to them for
// ever, as they do when the other machine vanishes. New ones work.
func (g *gate) silence() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for c := range g.conns {
		c.mute = true
	}
}

type gatedConn struct {
	net.Conn
	g    *gate
	mute bool // guarded by g.mu
}

func (c *gatedConn) Write(p []byte) (int, error) {
	c.g.mu.Lock()
	mute := c.mute
	c.g.mu.Unlock()
	if mute {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c *gatedConn) Close() error {
	c.g.mu.Lock()
	delete(c.g.conns, c)
	c.g.mu.Unlock()
	return c.Conn.Close()
}
