package compute_test

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/metric/metrictest"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// TestAnAttemptIsOfTheServiceOfItsLastVersion: a deployment is told of one service, then
// of another, then of the first again. Whichever version comes first, and whether a run
// computes between them or not, only the last one's service has it.
func TestAnAttemptIsOfTheServiceOfItsLastVersion(t *testing.T) {
	told := func(service string, sequence uint64) events.Event {
		one := &company{}
		d := deployed(service, "acme/shop", "1", "", start)
		d.Natural, d.Sequence = []string{"the deployment"}, sequence
		one.add(t, d)
		return one.events[0]
	}
	cart, shop, back := told("cart", 1), told("shop", 2), told("cart", 3)
	if cart.ID != shop.ID || shop.ID != back.ID {
		t.Fatal("the versions are not of one fact")
	}
	s := storetest.Open(t)
	for _, test := range []struct {
		name string
		runs [][]events.Event
		want string
	}{
		{"corrected", [][]events.Event{{cart}, {shop}}, "shop"},
		{"corrected before a run", [][]events.Event{{cart, shop}}, "shop"},
		{"the first version comes last", [][]events.Event{{shop}, {cart}}, "shop"},
		{"the first version comes again", [][]events.Event{{cart}, {shop}, {cart}}, "shop"},
		{"and back", [][]events.Event{{cart}, {shop}, {back}}, "cart"},
		{"and back, in another order", [][]events.Event{{back}, {cart}, {shop}}, "cart"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := metrictest.Clear(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			var offset int64
			for _, evs := range test.runs {
				load(t, s, evs, &offset)
				if _, err := computerWith(s, nil, slog.New(slog.DiscardHandler), time.Now).Run(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, table := range []string{"attempts", "deployments"} {
				var services []string
				if err := s.Conn().QueryRow(t.Context(), "SELECT groupArray(toString(service)) FROM payoff_private."+table+" FINAL").Scan(&services); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(services, []string{test.want}) {
					t.Errorf("%s has it of %q, not of %s", table, services, test.want)
				}
			}
		})
	}
}
