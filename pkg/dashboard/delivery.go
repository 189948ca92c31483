package dashboard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/payoff-metrics/payoff/pkg/metric"
)

// Delivery is the dashboard of the metrics given: for each its last complete
// window, its course and its guardrails; health metrics and the tables by
// service, team and unit are folded away. It fails if a guardrail is not among
// the metrics.
func Delivery(defs []metric.Def) (Dashboard, error) {
	// What is not published for the whole, such as a score, has its place on the
	// page of a service, and nowhere else.
	defs = slices.DeleteFunc(slices.Clone(defs), func(d metric.Def) bool { return !slices.Contains(d.Dimensions, "") })
	slices.SortStableFunc(defs, func(a, b metric.Def) int { return rank(a.Class) - rank(b.Class) })
	sections := []section{{rows: [][]stack{
		{{intro()}},
		{{freshness()}},
	}}}
	tables := section{title: "By service, team and unit", folded: true}
	for _, d := range defs {
		s, err := chapter(d, defs)
		if err != nil {
			return Dashboard{}, err
		}
		sections = append(sections, s)
		tables.rows = append(tables.rows, []stack{{{key: d.Name + "/everyone", w: columns, h: 9, panel: everyoneTable(d)}}})
	}
	return assemble(DeliveryUID, "Delivery", "How fast and how safely change reaches the users, by DORA's definitions.",
		[]sdk.VariableModel{sourceVariable(), bucketVariable(), subjectVariable("unit", "Unit"), subjectVariable("team", "Team"), subjectVariable("service", "Service")},
		[]sdk.AnnotationQuery{rollbacks()}, append(sections, tables))
}

// rank puts what is aimed at first and what is only watched last.
func rank(c metric.Class) int {
	return slices.Index([]metric.Class{metric.Impact, metric.Guardrail, metric.Health}, c)
}

// height is that of a chapter, side the width of its outer columns.
const height, side = 9, 6

// chapter is the section of one metric: its last window with the figures beside
// it, its course, its guardrails.
func chapter(d metric.Def, defs []metric.Def) (section, error) {
	left := stack{{key: d.Name + "/latest", panel: number(lookOf(d, d.Title, latest(d, d.Unit, "")))}}
	for _, unit := range unitsBeside(d) {
		left = append(left, tile{key: d.Name + "/beside/" + string(unit), panel: number(beside(d, unit))})
	}
	var right stack
	for _, name := range d.Guardrails {
		at := slices.IndexFunc(defs, func(g metric.Def) bool { return g.Name == name })
		if at < 0 {
			return section{}, fmt.Errorf("building the dashboard: %s names the guardrail %s, which is not on it", d.Name, name)
		}
		g := defs[at]
		right = append(right, tile{key: d.Name + "/guardrail/" + name, panel: number(lookOf(g, "Guardrail: "+g.Title, latest(g, g.Unit, "")))})
	}
	row := []stack{left.share(), {{key: d.Name + "/trend", w: columns - side, h: height, panel: course(d)}}}
	if right != nil {
		row[1][0].w -= side
		row = append(row, right.share())
	}
	return section{title: d.Title, folded: d.Class == metric.Health, rows: [][]stack{row}}, nil
}

// share divides the height of a chapter among the tiles of an outer column.
func (s stack) share() stack {
	for i := range s {
		s[i].w, s[i].h = side, uint32(height*(i+1)/len(s)-height*i/len(s))
	}
	return s
}

// unitsBeside are the units of the figures beside the main one: a panel for each.
func unitsBeside(d metric.Def) []metric.Unit {
	var out []metric.Unit
	for _, s := range d.Stats {
		if !slices.Contains(out, s.Unit) {
			out = append(out, s.Unit)
		}
	}
	return out
}

// beside is the look of the figures of one unit.
func beside(d metric.Def, unit metric.Unit) look {
	var names []string
	var meaning strings.Builder
	for _, s := range d.Stats {
		if s.Unit == unit {
			names = append(names, s.Name)
			fmt.Fprintf(&meaning, "%s: %s ", s.Title, s.Help)
		}
	}
	l := lookOf(d, d.Title+": "+strings.Join(titlesOf(d, names), ", "), latest(d, unit, names...))
	l.unit, l.decimals = unitOf(unit)
	l.description = meaning.String() + "\n\n" + l.description
	return l
}

// lookOf says what a metric's panels have in common: the definition, where it
// comes from and who answers for it.
func lookOf(d metric.Def, title string, q Query) look {
	unit, decimals := unitOf(d.Unit)
	better := map[metric.Direction]string{metric.Higher: "Higher is better. ", metric.Lower: "Lower is better. "}[d.Direction]
	when := ""
	if q.shows.kind != "series" {
		when = " The last window in the range that is wholly covered."
	}
	return look{
		title: title,
		description: fmt.Sprintf("**%s** %s\n\n%sFrom %s, as published points of `%s` version %d (%s).%s Owner: %s.",
			d.Question, d.Help, better, factsOf(d), d.Name, d.Version, d.Maturity, when, d.Owner),
		unit: unit, decimals: decimals, query: q,
		empty: "nothing to count",
	}
}

// factsOf names the facts a metric is made from.
func factsOf(d metric.Def) string { return strings.ReplaceAll(strings.Join(d.Facts, ", "), "_", " ") }

func course(d metric.Def) cog.Builder[sdk.Panel] {
	l := lookOf(d, d.Title+" by ${bucket}", trend(d))
	l.description += " Grey lines: the 95 % interval. Grey points: windows not wholly covered, never to be compared."
	l.empty = fmt.Sprintf("No points of %s in this range for what is chosen: it is made from %s. The Data health dashboard says what has arrived.",
		strings.ToLower(d.Title), factsOf(d))
	thin := []property{fixed("#8e8e8e"), {Id: "custom.lineWidth", Value: 1}, {Id: "custom.showPoints", Value: "never"},
		{Id: "custom.lineStyle", Value: map[string]any{"fill": "dash", "dash": []int{4, 4}}}, hidden(true, false, false)}
	return lines(l).
		OverrideByName("value", []property{named("${__field.labels.subject}")}).
		OverrideByName("partial", []property{named("${__field.labels.subject}, not wholly covered"), fixed("#8e8e8e"), {Id: "custom.drawStyle", Value: "points"}, hidden(true, false, false)}).
		OverrideByName("low", append([]property{named("${__field.labels.subject}, 95 % from")}, thin...)).
		OverrideByName("high", append([]property{named("${__field.labels.subject}, 95 % to")}, thin...)).
		OverrideByName("n", []property{named("${__field.labels.subject}, n"), inUnit("none"), digits(0), hidden(true, false, true)})
}

func everyoneTable(d metric.Def) cog.Builder[sdk.Panel] {
	l := lookOf(d, d.Title+": every service, team and unit", everyone(d))
	l.description += " In the order of names: this is no ranking. A click chooses."
	l.empty = fmt.Sprintf("No complete window of %s in this range for what is chosen. The Data health dashboard says what has arrived.", strings.ToLower(d.Title))
	to := func(variable string) property {
		return opens(link("Only this "+variable, "/d/"+DeliveryUID+"?${__url_time_range}&${datasource:queryparam}&${bucket:queryparam}&var-"+variable+"=${__value.raw:percentencode}"))
	}
	return grid(l).
		OverrideByName("unit", []property{to("unit")}).OverrideByName("team", []property{to("team")}).OverrideByName("service", []property{to("service")}).
		OverrideByName("n", []property{inUnit("none"), digits(0)}).
		OverrideByName("low", []property{named("95 % from")}).OverrideByName("high", []property{named("95 % to")})
}

func intro() tile {
	return tile{key: "intro", w: columns, h: 4, panel: prose("How fast and how safely does change reach the users?",
		"What this dashboard is for and how to read it.",
		"Each metric stands beside its guardrails: a gain that costs them is none. Big numbers are of the last *complete* window in the range, with n and the 95 % interval; no number is shown as none, never as 0.\n\n"+
			"Shown by **${bucket}**: unit **${unit:text}** · team **${team:text}** · service **${service:text}** (each that is chosen has its own line; with nothing chosen, the whole). "+
			"Is something missing? [Data health](/d/"+HealthUID+choice+").")}
}

// rollbacks marks deployments that took one back. Off by default: many red lines
// hide the data.
func rollbacks() sdk.AnnotationQuery {
	q := newQuery(`SELECT ended_at AS time, concat('Rollback of ', if(service = '', 'a service that is shown only inside its unit', service)) AS text, [service::String] AS tags
FROM payoff.deployments
WHERE tier = 'production' AND class = 'rollback' AND $__timeFilter_ms(ended_at) AND $__conditionalAll(service IN (${service:singlequote}), $service)
ORDER BY time DESC
LIMIT 50`, Table)
	return sdk.AnnotationQuery{Name: "Rollbacks", Enable: false, Hide: cog.ToPtr(false), IconColor: "orange", Datasource: cog.ToPtr(source()), Target: q}
}

// assemble makes the dashboard around the sections.
func assemble(uid, title, description string, variables []sdk.VariableModel, notes []sdk.AnnotationQuery, sections []section) (Dashboard, error) {
	panels, err := layout(sections)
	if err != nil {
		return Dashboard{}, fmt.Errorf("building the dashboard %s: %w", uid, err)
	}
	return Dashboard{
		Uid: &uid, Title: cog.ToPtr("Payoff: " + title), Description: &description, Tags: []string{tag},
		Timezone: cog.ToPtr("utc"), WeekStart: cog.ToPtr("monday"), Editable: cog.ToPtr(false), Refresh: cog.ToPtr(""),
		GraphTooltip: cog.ToPtr(sdk.DashboardCursorSyncCrosshair), FiscalYearStartMonth: cog.ToPtr(uint8(0)),
		Time: &sdk.DashboardDashboardTime{From: "now-26w", To: "now"}, Timepicker: sdk.NewTimePickerConfig(),
		// Grafana 12.2 and before refuse 42, which the SDK would write.
		SchemaVersion: 41,
		Panels:        panels, Templating: sdk.DashboardDashboardTemplating{List: variables},
		Annotations: sdk.AnnotationContainer{List: notes}, Links: []sdk.DashboardLink{others()},
	}, nil
}
