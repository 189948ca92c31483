// Package enginetest gives tests the real engine: a ClickHouse of their own, in a
// child process made of the test binary itself, with its data in a temporary
// directory.
//
// Importing it is enough: a test binary that was started to be the engine becomes
// it before its first test.
package enginetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/payoff-metrics/payoff/internal/race"
	"github.com/payoff-metrics/payoff/pkg/engine"
)

// Passwords of the engines started here.
const (
	PayoffPassword = "payoff-test-password"
	ReaderPassword = "reader-test-password"
)

func init() {
	engine.RunIfChild()
	race.EndChildrenAtOnce()
}

// Start starts an engine and stops it when the test ends. A missing library
// fails the test: it must not be skipped unseen.
func Start(t testing.TB) *engine.Engine {
	t.Helper()
	return StartIn(t, engine.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
}

// StartIn is Start with options; passwords, logger and arguments are filled in.
func StartIn(t testing.TB, o engine.Options) *engine.Engine {
	t.Helper()
	o.PayoffPassword, o.ReaderPassword = PayoffPassword, ReaderPassword
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := engine.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
		defer cancel()
		if err := e.Stop(ctx); err != nil {
			t.Errorf("stopping the engine: %v", err)
		}
	})
	return e
}

// ClickHouse returns the options of clickhouse-go for an engine, over its Unix
// socket, with lz4 as the product uses it.
func ClickHouse(e *engine.Engine, user, password string) *clickhouse.Options {
	return &clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{"embedded:0"},
		Auth:        clickhouse.Auth{Database: "default", Username: user, Password: password},
		DialContext: e.DialContext,
		Compression: &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
	}
}

// Conn returns a connection of the user payoff, closed when the test ends.
func Conn(t testing.TB, e *engine.Engine) clickhouse.Conn {
	t.Helper()
	return Open(t, ClickHouse(e, engine.OwnerUser, PayoffPassword))
}

// ReaderConn returns a connection of the user reader, closed when the test ends.
func ReaderConn(t testing.TB, e *engine.Engine) clickhouse.Conn {
	t.Helper()
	o := ClickHouse(e, engine.ReaderUser, ReaderPassword)
	o.Auth.Database = "payoff"
	return Open(t, o)
}

// Open opens a connection that is closed when the test ends.
func Open(t testing.TB, o *clickhouse.Options) clickhouse.Conn {
	t.Helper()
	conn, err := clickhouse.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("closing a connection: %v", err)
		}
	})
	return conn
}
