// Package storetest gives tests a migrated store on an engine of their own.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// Open starts an engine with a migrated store and returns the store; both end
// with the test.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return On(t, Start(t))
}

// Start starts an engine whose store is migrated.
func Start(t testing.TB) *engine.Engine {
	t.Helper()
	dir := t.TempDir()
	Copy(t, dir)
	return enginetest.StartIn(t, engine.Options{Dir: dir, Listen: "127.0.0.1:0"})
}

// On migrates a running engine, where that is not done, and returns the store on it.
func On(t testing.TB, e *engine.Engine) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), Options(e))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	if _, err := s.Migrate(t.Context(), time.Now, false); err != nil {
		t.Fatal(err)
	}
	return s
}

// Options are those of a store on an engine of enginetest.
func Options(e *engine.Engine) store.Options {
	return store.Options{DialContext: e.DialContext, User: engine.OwnerUser, Password: enginetest.PayoffPassword}
}

var migrated enginetest.Prepared

// Copy writes into dir what an engine keeps there once its store is migrated, which
// takes ten times as long as starting.
func Copy(t testing.TB, dir string) {
	t.Helper()
	migrated.Copy(t, dir, func(ctx context.Context, e *engine.Engine) error {
		s, err := store.Open(ctx, Options(e))
		if err != nil {
			return err
		}
		_, err = s.Migrate(ctx, time.Now, false)
		return errors.Join(err, s.Close())
	})
}
