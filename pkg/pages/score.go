package pages

import (
	"context"
	"strconv"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// A scoreBlock is DORA's quick check of a service or unit.
type scoreBlock struct {
	Title, Href, Help string
	Last              *reading // nil: there is none
	Known             string   // "4 of 5 components"
	Reason            string   // why there is none
	Rows              []scoreRow
}

// A scoreRow is a component beside what DORA published for all industries.
type scoreRow struct{ Name, Help, Value, Industry string }

// industry is the mean of all industries by component (DORA 2025).
var industry = map[string]string{"lead_time": "5.5", "frequency": "4.8", "recovery": "7.4", "fail_rate": "8.1", "rework": "7.8", "stability": "7.9", "": "6.7"}

// score reads the score of a subject: the last complete week's.
func (p *pages) score(ctx context.Context, of subject) (*scoreBlock, error) {
	d, ok := p.defs["dora.score"]
	if !ok {
		return nil, nil
	}
	b, err := p.readBoard(ctx, metric.Week, of, []metric.Def{d})
	if err != nil {
		return nil, err
	}
	s := b.series[0]
	block := &scoreBlock{Title: d.Title, Href: metricHref(d.Name, metric.Week), Help: d.Help}
	i := s.last()
	if i < 0 {
		block.Reason = "There is no score: it needs 26 complete weeks, and at least three of its five components."
		return block, nil
	}
	pt := s.main[i]
	block.Last = p.reading(d, pt)
	if pt.Numerator != nil {
		block.Known = strconv.FormatFloat(*pt.Numerator, 'f', 0, 64) + " of 5 components"
	} else {
		block.Known = "median of " + metric.Counted(pt.N, "service", "services")
	}
	for _, st := range d.Stats {
		if v := s.stat(st, pt); of.Service != "" {
			row := scoreRow{Name: st.Title, Help: st.Help, Value: st.Unit.Format(v), Industry: orDash(industry[st.Name])}
			if v == nil {
				row.Value = "not known"
			}
			block.Rows = append(block.Rows, row)
		}
	}
	if of.Service != "" {
		block.Rows = append(block.Rows, scoreRow{Name: "Overall", Help: "Mean of the components that are known.", Value: block.Last.Value, Industry: industry[""]})
	}
	return block, nil
}
