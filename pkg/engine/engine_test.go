package engine_test

import (
	"testing"

	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
)

func TestStart(t *testing.T) {
	e := enginetest.Start(t)
	conn := enginetest.Conn(t, e)
	var n uint64
	if err := conn.QueryRow(t.Context(), "SELECT sum(number) FROM numbers(?)", 10).Scan(&n); err != nil {
		t.Fatal(err)
	}
	if n != 45 {
		t.Errorf("sum = %d, want 45", n)
	}
}
