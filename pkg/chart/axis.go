package chart

import (
	"math"
	"strconv"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// A valueAxis is the vertical axis: what it spans, in the unit of the values, and
// what is written along it, in the unit people read.
type valueAxis struct {
	low, high float64
	ticks     []float64
	labels    []string
	caption   string // the unit of the labels
}

// steps is how many intervals an axis has at most.
const steps = 4

// newValueAxis spans 0 and all values between low and high, in round steps.
func newValueAxis(u metric.Unit, low, high float64) valueAxis {
	scale, caption := shown(u, math.Max(math.Abs(low), math.Abs(high)))
	low, high = math.Min(low, 0)/scale, math.Max(high, 0)/scale
	if high == low {
		high = low + 1
	}
	step := round((high - low) / steps)
	if u == metric.Count {
		step = math.Max(step, 1)
	}
	first, last := math.Floor(low/step), math.Ceil(high/step-1e-9)
	if u == metric.Ratio && high <= 100 {
		last = math.Min(last, math.Ceil(100/step))
	}
	a := valueAxis{low: first * step * scale, high: last * step * scale, caption: caption}
	decimals := max(0, -int(math.Floor(math.Log10(step)+1e-9)))
	for k := first; k <= last; k++ {
		a.ticks = append(a.ticks, k*step*scale)
		a.labels = append(a.labels, strconv.FormatFloat(k*step, 'f', decimals, 64))
	}
	return a
}

// shown is the unit in which values up to extent are labelled, as a multiple of
// the stored unit.
func shown(u metric.Unit, extent float64) (scale float64, caption string) {
	switch u {
	case metric.Milliseconds:
		for _, d := range []struct {
			unit time.Duration
			name string
		}{{24 * time.Hour, "days"}, {time.Hour, "hours"}, {time.Minute, "minutes"}} {
			if ms := float64(d.unit.Milliseconds()); extent >= 2*ms {
				return ms, d.name
			}
		}
		return 1000, "seconds"
	case metric.Ratio:
		return 0.01, "%"
	case metric.PerDay:
		return 1, "per day"
	case metric.PerWeek:
		return 1, "per week"
	case metric.Score:
		return 1, "score"
	default:
		return 1, "count"
	}
}

// round is the smallest of 1, 2 and 5 times a power of ten that is at least v.
func round(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// A dateTick is one label of the horizontal axis. A tick that names a window
// stands in its middle; one that names a boundary stands to its right.
type dateTick struct {
	at       time.Time
	label    string
	year     string // written beneath, on the first tick and where it changes
	boundary bool
}

// dateTicks labels [from, to), whose windows are of grain g, with no more than
// most labels: windows while they are few, then boundaries of coarser ones.
func dateTicks(g metric.Grain, from, to time.Time, loc *time.Location, most int) []dateTick {
	for _, c := range coarser(g) {
		if ws := starts(c, from, to, loc); len(ws) <= most {
			return label(g, c, ws, loc)
		}
	}
	ws := starts(metric.Year, from, to, loc)
	for _, every := range []int{2, 5, 10, 20, 50, 100} {
		var kept []metric.Window
		for _, w := range ws {
			if w.Start.In(loc).Year()%every == 0 {
				kept = append(kept, w)
			}
		}
		if len(kept) <= most {
			return label(g, metric.Year, kept, loc)
		}
	}
	return nil
}

// coarser lists the grains from g on.
func coarser(g metric.Grain) []metric.Grain {
	for i, c := range metric.Grains {
		if c == g {
			return metric.Grains[i:]
		}
	}
	return metric.Grains
}

// starts lists the windows of grain g that begin in [from, to).
func starts(g metric.Grain, from, to time.Time, loc *time.Location) []metric.Window {
	ws := metric.Between(g, from, to, loc)
	if len(ws) > 0 && ws[0].Start.Before(from) {
		ws = ws[1:]
	}
	return ws
}

func label(g, unit metric.Grain, ws []metric.Window, loc *time.Location) []dateTick {
	var out []dateTick
	year := ""
	for _, w := range ws {
		t := dateTick{at: w.Start, boundary: unit != g}
		if !t.boundary {
			t.at = w.Start.Add(w.End.Sub(w.Start) / 2)
		}
		day := w.Start.In(loc)
		switch {
		case unit == metric.Year:
			t.label = day.Format("2006")
		case unit == metric.Quarter && g == metric.Quarter:
			t.label = "Q" + strconv.Itoa((int(day.Month())+2)/3)
		case unit == metric.Day || unit == metric.Week:
			t.label = day.Format("2 Jan")
		default:
			t.label = day.Format("Jan")
		}
		if y := day.Format("2006"); y != year && unit != metric.Year {
			t.year, year = y, y
		}
		out = append(out, t)
	}
	return out
}
