package review

import (
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric/catalogue"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/store/storetest"
)

// BenchmarkWeekly writes the review of an organisation of 6 units, 40 teams and
// 150 services with two years of every metric, from the store to HTML.
func BenchmarkWeekly(b *testing.B) {
	s := storetest.Open(b)
	desk := Desk{Store: s, Location: time.UTC, Metrics: catalogue.All(), Now: func() time.Time { return monday }}
	for _, d := range desk.Metrics {
		for _, grain := range []string{"week", "month"} {
			start, count := "toStartOfWeek(toDate('2026-11-15'), 1) - INTERVAL (103 - w) WEEK", 104
			end := "start + INTERVAL 1 WEEK"
			if grain == "month" {
				start, count, end = "toStartOfMonth(toDate('2026-11-15')) - INTERVAL (23 - w) MONTH", 24, "start + INTERVAL 1 MONTH"
			}
			if err := s.Exec(b.Context(), `
				INSERT INTO payoff.metric_point_log
				SELECT {metric:String}, {version:UInt16}, {grain:String}, `+start+` AS start, `+end+`,
					if(of < 150, 'service-' || toString(of), ''), if(of >= 150 AND of < 190, 'team-' || toString(of), ''), if(of >= 190 AND of < 196, 'unit-' || toString(of), ''), '',
					0.1 + (cityHash64(of, w) % 1000) / 2000. AS value, NULL, NULL, 20, value / 2, value * 2, 'ok', 1, '2026-11-16 04:00:00'
				FROM (SELECT number % 197 AS of, intDiv(number, 197) AS w FROM numbers(197 * {count:UInt32}))`,
				store.Param("metric", d.Name), store.Param("version", uint16(d.Version)), store.Param("grain", grain), store.Param("count", uint32(count))); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		e, err := desk.Weekly(b.Context(), desk.LastWeek(), time.Time{})
		if err != nil {
			b.Fatal(err)
		}
		if len(e.Review.Sections) == 0 || len(e.Review.Sections[0].Levels) != 3 {
			b.Fatalf("the review is %s", e.Markdown)
		}
		b.ReportMetric(float64(len(e.HTML)), "B/review")
	}
}
