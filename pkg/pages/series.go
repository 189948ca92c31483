package pages

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/payoff-metrics/payoff/pkg/metric"
	"github.com/payoff-metrics/payoff/pkg/metric/points"
)

// shownGrains are those pages can be read by, the coarsest first, with the number
// of windows that a page shows of each.
var shownGrains = []metric.Grain{metric.Quarter, metric.Month, metric.Week}

var shownWindows = map[metric.Grain]int{metric.Quarter: 12, metric.Month: 24, metric.Week: 26}

// A series is one metric of one subject: the points of consecutive windows, with
// a null point where none is published, and the figures beside them by name.
type series struct {
	def   metric.Def
	main  []metric.Point // of the windows a page shows
	all   []metric.Point // of every window there is, main at its end
	stats map[string]map[time.Time]metric.Point
}

// A board is several metrics of one subject over the same windows.
type board struct {
	grain  metric.Grain
	of     subject
	series []series
	hidden bool // of a service: it is shown only inside its unit
}

func (b board) find(name string) (series, bool) {
	for _, s := range b.series {
		if s.def.Name == name {
			return s, true
		}
	}
	return series{}, false
}

// grainOf is the grain a request asks for; "" when it leaves it to us.
func grainOf(r *http.Request) (metric.Grain, error) {
	g := metric.Grain(r.URL.Query().Get("grain"))
	if g != "" && !slices.Contains(shownGrains, g) {
		return "", badRequest("Numbers are shown by quarter, month or week, not by “" + clip(string(g)) + "”.")
	}
	return g, nil
}

// board reads the metrics of a subject. Without a grain it takes
// the coarsest that has two complete windows to compare.
func (p *pages) board(ctx context.Context, g metric.Grain, of subject, defs []metric.Def) (board, error) {
	if g != "" {
		return p.readBoard(ctx, g, of, defs)
	}
	var first board
	for i, g := range shownGrains {
		b, err := p.readBoard(ctx, g, of, defs)
		if err != nil || b.comparable() {
			return b, err
		}
		if i == 0 {
			first = b
		}
	}
	return first, nil
}

func (p *pages) readBoard(ctx context.Context, g metric.Grain, of subject, defs []metric.Def) (board, error) {
	b := board{grain: g, of: of, hidden: true}
	if len(defs) == 0 {
		return b, nil
	}
	ask := of.ask(defs[0], g)
	ask.More = defs[1:]
	ps, err := points.Read(ctx, p.Store, ask)
	if err != nil {
		return b, err
	}
	byMetric := make(map[string][]metric.Point)
	for _, pt := range ps {
		byMetric[pt.Metric] = append(byMetric[pt.Metric], pt)
	}
	ws := p.windows(g, ps)
	b.hidden = len(points.Hidden([]string{of.Service}, ps)) > 0
	for _, d := range defs {
		b.series = append(b.series, newSeries(d, byMetric[d.Name], ws))
	}
	return b, nil
}

// windows are those of grain g from the first that has a value to the last; the
// organisation's calendar says which lie between.
func (p *pages) windows(g metric.Grain, ps []metric.Point) []metric.Window {
	var from, to time.Time
	for _, pt := range ps {
		if pt.Value == nil {
			continue
		}
		if from.IsZero() || pt.Start.Before(from) {
			from = pt.Start
		}
		if pt.End.After(to) {
			to = pt.End
		}
	}
	if from.IsZero() {
		return nil
	}
	return metric.Between(g, from, to, p.Location)
}

func newSeries(d metric.Def, ps []metric.Point, ws []metric.Window) series {
	s := series{def: d, stats: make(map[string]map[time.Time]metric.Point)}
	main := make(map[time.Time]metric.Point)
	for _, pt := range ps {
		if pt.Dims == "" {
			main[pt.Start.UTC()] = pt
			continue
		}
		if s.stats[pt.Dims] == nil {
			s.stats[pt.Dims] = make(map[time.Time]metric.Point)
		}
		s.stats[pt.Dims][pt.Start.UTC()] = pt
	}
	for _, w := range ws {
		pt, ok := main[w.Start.UTC()]
		if !ok {
			pt = metric.Point{Metric: d.Name, Version: d.Version, Grain: w.Grain, Start: w.Start, End: w.End, Quality: metric.NoData}
		}
		s.all = append(s.all, pt)
	}
	if s.main = s.all; len(ws) > 0 {
		s.main = s.all[max(0, len(ws)-shownWindows[ws[0].Grain]):]
	}
	return s
}

// complete reports whether a point may be read and compared as its whole window.
func complete(p metric.Point) bool {
	return p.Value != nil && p.Quality != metric.Partial && p.Quality != metric.NoData
}

// last is the index of the last complete point shown; -1 when there is none.
func (s series) last() int { return lastComplete(s.main) }

func lastComplete(ps []metric.Point) int {
	for i := len(ps) - 1; i >= 0; i-- {
		if complete(ps[i]) {
			return i
		}
	}
	return -1
}

// comparable reports whether some series has a complete window and one before it.
func (b board) comparable() bool {
	for _, s := range b.series {
		if i := s.last(); i > 0 && complete(s.main[i-1]) {
			return true
		}
	}
	return false
}
