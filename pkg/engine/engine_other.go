//go:build !linux && !darwin

package engine

import (
	"context"
	"fmt"
	"net"
	"runtime"
)

// An Engine is not offered on this platform.
type Engine struct{}

// Start returns an ErrLibrary: the library cannot be loaded on this platform.
func Start(context.Context, Options) (*Engine, error) {
	return nil, fmt.Errorf("%w: the embedded ClickHouse does not run on %s: use a ClickHouse server", ErrLibrary, runtime.GOOS)
}

// RunIfChild does nothing on this platform.
func RunIfChild() {}

// The methods of an Engine, which Start never returns here.

func (*Engine) Stop(context.Context) error { return nil }

func (*Engine) DialContext(context.Context, string) (net.Conn, error) { return nil, ErrLibrary }

func (*Engine) Addr() string { return "" }

func (*Engine) Pid() int { return 0 }

func (*Engine) Restarts() int { return 0 }

func (*Engine) Down() error { return ErrLibrary }

func (*Engine) Ready() bool { return false }
