package pages

import (
	"fmt"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// quality says in words how far a point can be trusted.
func quality(q string) string {
	switch q {
	case metric.OK:
		return "complete"
	case metric.Partial:
		return "partial: the period is not wholly known"
	case metric.LowN:
		return fmt.Sprintf("few facts: fewer than %d", metric.MinN)
	default:
		return "no data"
	}
}

// facts is what a metric's n counts: "shipped changes".
func facts(d metric.Def) string { return words(d.Facts[0]) }

// fact is one of them.
func fact(d metric.Def) string { return strings.TrimSuffix(facts(d), "s") }

// reason says why a metric has no value, and the command that would give it one.
func reason(d metric.Def) (sentence, remedy string) {
	switch d.Facts[0] {
	case "deployments":
		return "No deployment to production is known yet.", "payoff import git DIR"
	case "shipped_changes":
		return "No change is known to have shipped after a first deployment: commits must be known beside deployments.", "payoff import git DIR"
	case "shipped_pull_requests":
		return "No shipped pull request shows this stage.", ""
	default:
		return "No " + facts(d) + " are known yet.", ""
	}
}

// interval is the 95 % interval of a point; "" when it has none.
func interval(u metric.Unit, p metric.Point) string {
	if p.CILow == nil || p.CIHigh == nil {
		return ""
	}
	return u.Format(p.CILow) + " – " + u.Format(p.CIHigh)
}

// evidence is what a number rests on: its interval and n.
func evidence(d metric.Def, p metric.Point) string {
	n := fmt.Sprintf("n\u00a0%d", p.N) // not to be broken at the end of a line
	if i := interval(d.Unit, p); i != "" {
		return i + ", " + n
	}
	return "no interval, " + n
}

// comparison compares a value with that of the window before, and says what may be
// read into the difference. Both are complete.
func comparison(d metric.Def, now, before metric.Point, period string) string {
	was := fmt.Sprintf("%s in %s (%s)", d.Unit.Format(before.Value), period, evidence(d, before))
	if now.Quality == metric.LowN || before.Quality == metric.LowN {
		return "Before: " + was + ". Too few facts to compare."
	}
	var s string
	switch {
	case *now.Value > *before.Value:
		s = "Up from " + was
	case *now.Value < *before.Value:
		s = "Down from " + was
	default:
		return "As before: " + was + "."
	}
	switch d.Direction {
	case metric.Higher:
		s += "; higher is better."
	case metric.Lower:
		s += "; lower is better."
	default:
		s += "."
	}
	switch {
	case now.CILow == nil || now.CIHigh == nil || before.CILow == nil || before.CIHigh == nil:
		return s + " Without an interval it may be chance."
	case *now.CILow <= *before.CIHigh && *before.CILow <= *now.CIHigh:
		return s + " The intervals overlap: it may be chance."
	default:
		return s + " The intervals do not overlap."
	}
}

// ago is how long before now t was, in the largest unit that fits.
func ago(t, now time.Time) string {
	d := now.Sub(t)
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{365 * 24 * time.Hour, "year"}, {30 * 24 * time.Hour, "month"}, {24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int(d / u.of); n > 0 {
			return metric.Counted(n, u.name, u.name+"s") + " ago"
		}
	}
	if d < -time.Minute {
		return "in the future"
	}
	return "just now"
}

// class says in words what kind of deployment it was.
func class(c string) string {
	switch c {
	case "baseline":
		return "baseline: the first known"
	case "redeployment":
		return "redeployment of what ran"
	case "re_release":
		return "re-release of what had shipped"
	default:
		return c
	}
}

// provenance says how well a deployment's time and changes are known.
func provenance(d deployment) string {
	var parts []string
	if d.TimeQuality == "commit" {
		parts = append(parts, "time of its commit")
	}
	switch d.LinkQuality {
	case "unknown_commit":
		parts = append(parts, "its commit is not in the known history")
	case "commit":
		parts = append(parts, "changes by commit")
	case "":
	default:
		parts = append(parts, words(d.LinkQuality))
	}
	return strings.Join(parts, "; ")
}
