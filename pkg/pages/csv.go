package pages

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
)

var csvColumns = []string{"metric", "version", "grain", "window_start", "window_end", "service", "team", "unit", "dims",
	"value", "numerator", "denominator", "n", "ci_low", "ci_high", "quality", "computed_at"}

// csv answers with all points of a metric and grain as RFC 4180: the columns of
// payoff.metric_points, times in UTC, empty where there is no value.
func (p *pages) csv(r *http.Request, name string) (answer, error) {
	d, grain, err := p.askedMetric(r, name)
	if err != nil {
		return answer{}, err
	}
	if grain == "" {
		grain = shownGrains[0]
	}
	ps, err := points.Read(r.Context(), p.Store, points.Ask{Metric: d, Grain: grain, All: true})
	if err != nil {
		return answer{}, err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	w.Write(csvColumns) // errors are kept, and returned below
	for _, pt := range ps {
		w.Write(csvRow(pt))
	}
	if w.Flush(); w.Error() != nil {
		return answer{}, fmt.Errorf("writing CSV of %s: %w", name, w.Error())
	}
	return answer{contentType: "text/csv; charset=utf-8; header=present", download: d.Name + "." + string(grain) + ".csv", body: b.Bytes()}, nil
}

func csvRow(p metric.Point) []string {
	number := func(v *float64) string {
		if v == nil {
			return ""
		}
		return strconv.FormatFloat(*v, 'f', -1, 64)
	}
	return []string{csvText(p.Metric), strconv.Itoa(p.Version), csvText(string(p.Grain)), csvTime(p.Start), csvTime(p.End),
		csvText(p.Service), csvText(p.Team), csvText(p.Unit), csvText(p.Dims), number(p.Value), number(p.Numerator), number(p.Denominator),
		strconv.FormatUint(p.N, 10), number(p.CILow), number(p.CIHigh), csvText(p.Quality), csvTime(p.ComputedAt)}
}

func csvTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// csvText keeps a spreadsheet from taking a text for a formula: names come from
// events. Numbers are ours and stay numbers, a minus included.
func csvText(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
