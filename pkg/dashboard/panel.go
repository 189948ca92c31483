package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// A look is what every panel of data must say, whatever its kind.
type look struct {
	title       string
	description string
	unit        string
	decimals    float64
	empty       string // said in place of data when there is none, with the reason
	query       Query
}

// set puts the look on a panel. Every builder of the SDK has the same methods,
// each returning its own type.
func set[B interface {
	Title(string) B
	Description(string) B
	Datasource(common.DataSourceRef) B
	Unit(string) B
	Decimals(float64) B
	NoValue(string) B
	Thresholds(cog.Builder[sdk.ThresholdsConfig]) B
	WithTarget(cog.Builder[variants.Dataquery]) B
}](b B, l look) B {
	return b.Title(l.title).Description(l.description).Datasource(source()).Unit(l.unit).Decimals(l.decimals).NoValue(l.empty).
		Thresholds(neutral()).WithTarget(built{l.query})
}

// neutral is a threshold of one colour. Without any, Grafana paints what is over
// 80 red.
func neutral() cog.Builder[sdk.ThresholdsConfig] {
	return sdk.NewThresholdsConfigBuilder().Mode(sdk.ThresholdsModeAbsolute).Steps([]sdk.Threshold{{Color: "text"}})
}

// built is a Query where the SDK wants what builds one.
type built struct{ q Query }

func (b built) Build() (variants.Dataquery, error) { return b.q, b.q.Validate() }

// number is a tile for each row: a column of text, which says whose number it is,
// of when and from how many, under the value.
func number(l look) *stat.PanelBuilder {
	return set(stat.NewPanelBuilder(), l).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Values(true).Limit(20).Calcs([]string{"lastNotNull"}).Fields("")).
		TextMode(common.BigValueTextModeValueAndName).Orientation(common.VizOrientationAuto).GraphMode(common.BigValueGraphModeNone).
		ColorMode(common.BigValueColorModeValue).JustifyMode(common.BigValueJustifyModeAuto).WideLayout(false).
		Text(common.NewVizTextDisplayOptionsBuilder().TitleSize(14).ValueSize(32)).
		ColorScheme(sdk.NewFieldColorBuilder().Mode(sdk.FieldColorModeIdThresholds))
}

// sentence shows one column of text.
func sentence(l look) *stat.PanelBuilder {
	return set(stat.NewPanelBuilder(), l).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Values(false).Calcs([]string{"lastNotNull"}).Fields("/.*/")).
		TextMode(common.BigValueTextModeValue).Orientation(common.VizOrientationHorizontal).GraphMode(common.BigValueGraphModeNone).
		ColorMode(common.BigValueColorModeNone).JustifyMode(common.BigValueJustifyModeAuto).WideLayout(true).
		Text(common.NewVizTextDisplayOptionsBuilder().ValueSize(16)).
		ColorScheme(sdk.NewFieldColorBuilder().Mode(sdk.FieldColorModeIdThresholds))
}

// lines draws columns of numbers over time.
func lines(l look) *timeseries.PanelBuilder {
	return set(timeseries.NewPanelBuilder(), l).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).Calcs([]string{})).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderNone)).
		Orientation(common.VizOrientationHorizontal).
		DrawStyle(common.GraphDrawStyleLine).LineInterpolation(common.LineInterpolationLinear).LineWidth(2).FillOpacity(0).GradientMode(common.GraphGradientModeNone).
		ShowPoints(common.VisibilityModeAlways).PointSize(5).SpanNulls(common.BoolOrFloat64{Bool: cog.ToPtr(false)}).
		Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNone).Group("A")).
		ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeOff)).
		AxisPlacement(common.AxisPlacementAuto).AxisSoftMin(0).
		ColorScheme(sdk.NewFieldColorBuilder().Mode(sdk.FieldColorModeIdPaletteClassicByName))
}

// grid shows all columns of all rows.
func grid(l look) *table.PanelBuilder {
	return set(table.NewPanelBuilder(), l).
		ShowHeader(true).CellHeight(common.TableCellHeightSm).Filterable(true).Align(common.FieldTextAlignmentAuto).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{}).CountRows(false)).
		ColorScheme(sdk.NewFieldColorBuilder().Mode(sdk.FieldColorModeIdThresholds))
}

// prose is a panel of Markdown.
func prose(title, description, markdown string) *text.PanelBuilder {
	return text.NewPanelBuilder().Title(title).Description(description).Mode(text.TextModeMarkdown).Content(markdown)
}

// A property overrides how one column is shown.
type property = sdk.DynamicConfigValue

func named(s string) property   { return property{Id: "displayName", Value: s} }
func inUnit(s string) property  { return property{Id: "unit", Value: s} }
func digits(n float64) property { return property{Id: "decimals", Value: n} }
func opens(l sdk.DashboardLink) property {
	return property{Id: "links", Value: []map[string]any{{"title": l.Title, "url": deref(l.Url), "targetBlank": false}}}
}

// Where a series is not drawn.
func hidden(legend, tooltip, plot bool) property {
	return property{Id: "custom.hideFrom", Value: map[string]bool{"legend": legend, "tooltip": tooltip, "viz": plot}}
}

func fixed(color string) property {
	return property{Id: "color", Value: map[string]string{"mode": "fixed", "fixedColor": color}}
}
