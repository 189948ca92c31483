package handbook

import (
	"flag"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/rollup/compute"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

var update = flag.Bool("update", false, "write the generated files")

// TestFresh compares the checked-in handbook and schema with what the catalogue
// and the migrations make.
func TestFresh(t *testing.T) {
	s := storetest.Open(t)
	c := compute.New(compute.Options{
		Store: s, Metrics: catalogue.All(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Rules: compute.Rules{Location: time.UTC, Tier: func(string) string { return "production" }},
	})
	if _, err := c.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	handbook, err := Handbook(t.Context(), s, catalogue.All())
	if err != nil {
		t.Fatal(err)
	}
	schema, err := Schema(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"../../schemas/handbook.md": handbook, "../../schemas/clickhouse.sql": schema} {
		if *update {
			if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(name)
		if err != nil || string(want) != got {
			t.Errorf("%s is not what the sources make (%v): run make generate", name, err)
		}
	}
}
