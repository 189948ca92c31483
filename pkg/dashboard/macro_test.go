package dashboard

import (
	"strings"
	"testing"
	"time"
)

// TestExpand holds the expansions that version 4.20.0 of the data source makes.
func TestExpand(t *testing.T) {
	v := View{From: time.Unix(1762905600, 0), To: time.Unix(1763510400, 0), Interval: time.Hour, Bucket: "week", Services: []string{"a", "o'hara"}}
	v.Options.Teams = []string{"x", "y"}
	tests := map[string]struct{ sql, want string }{
		"timeFilter":      {"$__timeFilter(ts)", "ts >= toDateTime(1762905600) AND ts <= toDateTime(1763510400)"},
		"timeFilter_ms":   {"$__timeFilter_ms(ts)", "ts >= fromUnixTimestamp64Milli(1762905600000) AND ts <= fromUnixTimestamp64Milli(1763510400000)"},
		"dateFilter":      {"$__dateFilter(d)", "d >= toDate('2025-11-12') AND d <= toDate('2025-11-19')"},
		"dt":              {"$__dt(d, ts)", "(d >= toDate('2025-11-12') AND d <= toDate('2025-11-19')) AND (ts >= toDateTime(1762905600) AND ts <= toDateTime(1763510400))"},
		"timeFrom":        {"$__timeFrom(ts) AND $__timeTo(ts)", "ts >= toDateTime(1762905600) AND ts <= toDateTime(1763510400)"},
		"fromTime":        {"$__fromTime, $__toTime", "toDateTime(1762905600), toDateTime(1763510400)"},
		"fromTime_ms":     {"$__fromTime_ms, $__toTime_ms", "fromUnixTimestamp64Milli(1762905600000), fromUnixTimestamp64Milli(1763510400000)"},
		"timeInterval":    {"$__timeInterval(ts)", "toStartOfInterval(toDateTime(ts), INTERVAL 3600 second)"},
		"timeInterval_ms": {"$__timeInterval_ms(ts)", "toStartOfInterval(toDateTime64(ts, 3), INTERVAL 3600000 millisecond)"},
		"timeGroup":       {"$__timeGroup(ts, 5m)", "toStartOfInterval(toDateTime(ts), INTERVAL 300 second)"},
		"interval":        {"$__interval_s $__interval_ms", "3600 3600000"},
		"nested":          {"$__timeFrom(f(a, g(b)))", "f(a, g(b)) >= toDateTime(1762905600)"},
		"chosen":          {"$__conditionalAll(service IN (${service:singlequote}), $service)", `service IN ('a','o\'hara')`},
		"all":             {"$__conditionalAll(team IN (${team:singlequote}), $team)", "1=1"},
		"all, listed":     {"[${team:singlequote}]", "['x','y']"},
		"nothing there":   {"[${unit:singlequote}]", "[]"},
		"one":             {"INTERVAL 1 ${bucket}", "INTERVAL 1 week"},
		"comments":        {"1 -- $__timeFilter(ts)\n+ /* $__x */ 2", "1 " + strings.Repeat(" ", len("-- $__timeFilter(ts)")) + "\n+ " + strings.Repeat(" ", len("/* $__x */")) + " 2"},
		"quoted comment":  {"'--' AS x, $__toTime", "'--' AS x, toDateTime(1763510400)"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := v.Expand(tc.sql)
			if err != nil || got != tc.want {
				t.Errorf("%s becomes\n%s (%v), want\n%s", tc.sql, got, err, tc.want)
			}
		})
	}
}

func TestExpandRefuses(t *testing.T) {
	v := View{Services: []string{"a", "b"}}
	for sql, want := range map[string]string{
		"$__timeFilter":                 "takes 1 arguments, not 0",
		"$__timeFilter(a, b)":           "takes 1 arguments, not 2",
		"$__timeFilter(a":               "do not close",
		"$__timeGroup(ts, 7d)":          "unknown unit",
		"$__columns(ts, k, v) FROM t":   "is not a macro that is used here",
		"$__conditionalAll(a)":          "takes a condition and a variable",
		"$__conditionalAll(a, b c)":     "is not a variable",
		"$__conditionalAll(a, $nobody)": `no variable "nobody"`,
		"${nobody}":                     `no variable "nobody"`,
		"${service}":                    "has several values",
		"${service:csv}":                "is not known here",
		"$__conditionalAll":             "without its arguments",
	} {
		if _, err := v.Expand(sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", sql, err, want)
		}
	}
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"SELECT $__timeFilter(ts) -- x", "$__conditionalAll(a IN (${team:singlequote}), $team)", "'\\", "/*", "$__dt((", "${bucket:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		v := View{Bucket: "day"}
		out, err := v.Expand(sql)
		if err == nil && strings.Contains(blankComments(sql), "$__timeFilter(") && strings.Contains(out, "$__timeFilter(") && !strings.Contains(sql, "'") {
			t.Errorf("%q becomes %q", sql, out)
		}
	})
}
