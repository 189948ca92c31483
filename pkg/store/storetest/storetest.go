// Package storetest gives tests a migrated store on an engine of their own.
package storetest

import (
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// Open starts an engine, migrates it and returns the store; both end with the
// test.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return On(t, enginetest.Start(t))
}

// On migrates a running engine and returns the store on it.
func On(t testing.TB, e *engine.Engine) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{DialContext: e.DialContext, User: engine.OwnerUser, Password: enginetest.PayoffPassword})
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
