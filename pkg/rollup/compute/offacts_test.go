package compute_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// A metric that says so has points only where its first facts have rows: of services that
// are known, in windows that are covered, there are none once those are gone.
func TestMetricsOfFactsHaveNoPointsWithout(t *testing.T) {
	s := storetest.Open(t)
	var offset int64
	load(t, s, newCompany(t, 3, 60).events, &offset)
	if _, err := computerWith(s, catalogue.All(), slog.New(slog.DiscardHandler), time.Now).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := func(d metric.Def) (n uint64) {
		t.Helper()
		err := s.Conn().QueryRow(t.Context(), "SELECT count() FROM payoff."+d.View()+"(from = '2024-01-01 00:00:00', to = '2024-03-01 00:00:00', services = [], teams = [], units = [])").Scan(&n)
		if err != nil {
			t.Fatalf("%s: %v", d.Name, err)
		}
		return n
	}
	of, told := make(map[string][]metric.Def), 0
	for _, d := range catalogue.All() {
		if d.OfFacts {
			of[d.Facts[0]] = append(of[d.Facts[0]], d)
			told += int(min(rows(d), 1))
		}
	}
	if len(of) < 4 || told < 5 {
		t.Fatalf("metrics are of %d tables, and %d of them have points", len(of), told)
	}
	for table, defs := range of {
		if err := s.Exec(t.Context(), "TRUNCATE TABLE payoff_private."+table); err != nil {
			t.Fatal(err)
		}
		for _, d := range defs {
			if n := rows(d); n > 0 {
				t.Errorf("%s has %d points without %s", d.Name, n, table)
			}
		}
	}
}
