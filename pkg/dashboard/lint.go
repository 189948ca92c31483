package dashboard

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Lint checks the rules that every dashboard keeps, and names each fault by
// dashboard and panel.
func Lint(d Dashboard) []string {
	l := &linter{board: deref(d.Uid)}
	l.head(d)
	l.numbers(d)
	l.geometry(d)
	for _, v := range d.Templating.List {
		l.variable(v)
	}
	for _, a := range d.Annotations.List {
		l.annotation(a)
	}
	for p := range panelsOf(d) {
		l.panel(p)
	}
	if raw, err := Encode(d); err != nil {
		l.fault("", "%v", err)
	} else if _, err := Decode(raw); err != nil {
		l.fault("", "%v", err)
	}
	return l.faults
}

// panelsOf yields the panels of a dashboard, those in folded rows too.
func panelsOf(d Dashboard) func(yield func(*sdk.Panel) bool) {
	return func(yield func(*sdk.Panel) bool) {
		for _, p := range d.Panels {
			if p.Panel != nil && !yield(p.Panel) {
				return
			}
			if p.RowPanel == nil {
				continue
			}
			for i := range p.RowPanel.Panels {
				if !yield(&p.RowPanel.Panels[i]) {
					return
				}
			}
		}
	}
}

type linter struct {
	board  string
	faults []string
}

func (l *linter) fault(panel, format string, args ...any) {
	where := l.board
	if panel != "" {
		where += ", " + panel
	}
	l.faults = append(l.faults, where+": "+fmt.Sprintf(format, args...))
}

// need reports a fault unless ok.
func (l *linter) need(ok bool, panel, format string, args ...any) {
	if !ok {
		l.fault(panel, format, args...)
	}
}

func (l *linter) head(d Dashboard) {
	l.need(len(deref(d.Uid)) >= 8 && len(deref(d.Uid)) <= 40, "", "the uid has not 8 to 40 characters")
	l.need(deref(d.Title) != "" && deref(d.Description) != "", "", "title and description are needed")
	l.need(slices.Contains(d.Tags, tag), "", "the tag %s is missing: links between dashboards go by it", tag)
	l.need(d.Editable != nil && !*d.Editable, "", "it can be edited in the browser")
	l.need(d.Refresh != nil && *d.Refresh == "", "", "it refreshes itself")
	l.need(deref(d.Timezone) == "utc" && deref(d.WeekStart) == "monday", "", "time zone and first day of the week are not explicit")
	l.need(d.SchemaVersion <= 41, "", "schema version %d is refused by Grafana 12.2 and before", d.SchemaVersion)
	l.need(len(d.Links) > 0, "", "it links to no other dashboard")
	for _, k := range d.Links {
		l.need(k.Type != "" && k.KeepTime && k.IncludeVars && k.AsDropdown, "", "the link %s keeps not range and choice", k.Title)
	}
	l.need(len(d.Templating.List) > 0 && d.Templating.List[0].Name == "datasource", "", "the first variable is not the data source")
	strip := slices.ContainsFunc(d.Panels, func(p sdk.PanelOrRowPanel) bool { return p.Panel != nil && deref(p.Panel.Id) == id("freshness") })
	l.need(strip, "", "nothing says how fresh the data is")
}

// numbers checks that panels have numbers of their own.
func (l *linter) numbers(d Dashboard) {
	seen := make(map[uint32]string)
	take := func(n uint32, name string) {
		l.need(n != 0, name, "it has no number")
		l.need(seen[n] == "", name, "it has the number of %s: rename its key", seen[n])
		seen[n] = name
	}
	for _, p := range d.Panels {
		if p.RowPanel != nil {
			take(p.RowPanel.Id, deref(p.RowPanel.Title))
			l.need(p.RowPanel.Collapsed || len(p.RowPanel.Panels) == 0, deref(p.RowPanel.Title), "an open row holds panels: Grafana loses them")
		}
	}
	for p := range panelsOf(d) {
		take(deref(p.Id), deref(p.Title))
	}
}

// geometry checks that panels fill the grid: within it, over no other, no hole.
func (l *linter) geometry(d Dashboard) {
	cells := func(taken map[[2]uint32]string, g *sdk.GridPos, name string) {
		if g == nil || g.W == 0 || g.H == 0 || g.X+g.W > columns {
			l.fault(name, "it has no place within the %d columns", columns)
			return
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				at := [2]uint32{x, y}
				l.need(taken[at] == "", name, "it lies over %s", taken[at])
				taken[at] = name
			}
		}
	}
	whole := func(taken map[[2]uint32]string, name string) {
		lowest, highest := ^uint32(0), uint32(0)
		for at := range taken {
			lowest, highest = min(lowest, at[1]), max(highest, at[1])
		}
		if want := int(highest-lowest+1) * columns; len(taken) > 0 && len(taken) != want {
			l.fault(name, "%d cells of the grid are empty", want-len(taken))
		}
	}
	open := make(map[[2]uint32]string)
	for _, p := range d.Panels {
		if p.Panel != nil {
			cells(open, p.Panel.GridPos, deref(p.Panel.Title))
			continue
		}
		cells(open, p.RowPanel.GridPos, deref(p.RowPanel.Title))
		folded := make(map[[2]uint32]string)
		for _, inner := range p.RowPanel.Panels {
			cells(folded, inner.GridPos, deref(inner.Title))
		}
		whole(folded, deref(p.RowPanel.Title))
	}
	whole(open, "")
}

func (l *linter) variable(v sdk.VariableModel) {
	name := "variable " + v.Name
	l.need(deref(v.Label) != "" && deref(v.Description) != "", name, "label and description are needed")
	if v.Type != sdk.VariableTypeQuery {
		return
	}
	l.need(v.Datasource != nil && deref(v.Datasource.Uid) == "${datasource}", name, "it does not ask the chosen data source")
	l.need(deref(v.Refresh) == sdk.VariableRefreshOnTimeRangeChanged, name, "it is not refreshed with the range")
	l.need(deref(v.IncludeAll) && v.Current != nil && slices.Equal(v.Current.Value.ArrayOfString, []string{all}), name, "it does not begin with All")
}

func (l *linter) annotation(a sdk.AnnotationQuery) {
	name := "annotation " + a.Name
	q, ok := a.Target.(Query)
	l.need(ok, name, "it has no query")
	l.need(strings.Contains(q.RawSQL, "LIMIT") && !a.Enable, name, "it is not limited, or on by default")
	l.sql(name, "", q)
}

func (l *linter) panel(p *sdk.Panel) {
	name := deref(p.Title)
	l.need(name != "" && deref(p.Description) != "", name, "title and description are needed")
	if p.Type == "text" {
		return
	}
	l.need(p.Datasource != nil && deref(p.Datasource.Uid) == "${datasource}" && deref(p.Datasource.Type) == sourceType, name, "it does not ask the chosen data source")
	if p.FieldConfig == nil {
		l.fault(name, "it does not say how fields are shown")
		return
	}
	f := p.FieldConfig.Defaults
	l.need(deref(f.Unit) != "" && f.Decimals != nil, name, "unit and digits are needed")
	l.need(deref(f.NoValue) != "", name, "it does not say why it is empty")
	l.need(f.Thresholds != nil && len(f.Thresholds.Steps) > 0 && f.Thresholds.Steps[0].Value == nil, name, "thresholds are not explicit: Grafana would paint what is over 80 red")
	l.need(f.Color != nil && f.Color.Mode != "", name, "colours are not explicit")
	l.need(strings.Contains(deref(p.Description), "Owner:"), name, "the description names no owner")
	l.need(len(p.Targets) > 0, name, "it asks nothing")
	for _, t := range p.Targets {
		l.target(p, name, t)
	}
	l.options(p, name)
}

func (l *linter) target(p *sdk.Panel, name string, t variants.Dataquery) {
	q, ok := t.(Query)
	if !ok {
		l.fault(name, "its query is not one of the ClickHouse data source")
		return
	}
	l.need((p.Type == "timeseries") == (q.Format == Series), name, "format %d does not fit a panel of type %s", q.Format, p.Type)
	l.sql(name, deref(p.Description), q)
	if p.Type == "stat" && q.shows.kind != "" {
		l.need(strings.Contains(q.RawSQL, "' · n '") && strings.Contains(q.RawSQL, "95 %"), name, "it shows a number without n or interval")
	}
}

var (
	timeFirst   = regexp.MustCompile(`(?s)^SELECT\s.*?\bAS time\b`)
	trailing    = regexp.MustCompile(`(?i)\bSETTINGS\b`)
	qualified   = regexp.MustCompile(`(?i)\b(?:FROM|JOIN)\s+([a-z_][\w.]*)`)
	literal     = regexp.MustCompile(`'(?:[^'\\]|\\.)*'`)
	rangeMacros = regexp.MustCompile(`\$__(timeFilter|fromTime|toTime)`)
)

// sql checks the rules for the text of a query.
func (l *linter) sql(name, description string, q Query) {
	l.need(q.PluginVersion >= "4" && deref(q.Datasource.Uid) == "${datasource}", name, "the query's version or data source is missing")
	l.need(rangeMacros.MatchString(q.RawSQL) || strings.Contains(description, standing), name, "the query does not depend on the range, and the description does not say so")
	l.need(!trailing.MatchString(q.RawSQL), name, "the query ends with SETTINGS: ad-hoc filters would break it")
	for _, m := range qualified.FindAllStringSubmatch(literal.ReplaceAllString(q.RawSQL, "''"), -1) {
		l.need(strings.HasPrefix(m[1], "payoff."), name, "the table %s is not named with its database", m[1])
	}
	if q.Format == Series {
		l.need(timeFirst.MatchString(q.RawSQL), name, "the first column is not the time")
		l.need(strings.Contains(q.RawSQL, "ORDER BY time"), name, "the rows are not in the order of time")
	}
	l.need(!strings.Contains(q.RawSQL, "$__timeInterval") && !strings.Contains(q.RawSQL, "$__timeGroup"), name, "buckets are not calendar ones")
}

// options checks what the SDK leaves unset.
func (l *linter) options(p *sdk.Panel, name string) {
	switch o := p.Options.(type) {
	case *stat.Options:
		l.need(len(o.ReduceOptions.Calcs) > 0 && o.Orientation != "" && o.ColorMode != "" && o.TextMode != "", name, "reduce, orientation, colour or text mode is not set")
	case *timeseries.Options:
		l.need(o.Tooltip.Mode != "" && o.Tooltip.Sort != "" && o.Legend.ShowLegend && o.Legend.DisplayMode != "" && o.Orientation != nil, name, "legend, tooltip or orientation is not set")
	case *table.Options:
		l.need(o.Footer != nil && o.Footer.Reducer != nil && o.CellHeight != nil, name, "footer or height of cells is not set")
	default:
		l.fault(name, "panels of type %s are not linted", p.Type)
	}
}
