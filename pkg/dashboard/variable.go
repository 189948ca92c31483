package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	sdk "github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// buckets are the calendar windows a reader may choose.
var buckets = []string{"day", "week", "month", "quarter"}

// all is Grafana's value for "All".
const all = "$__all"

func sourceVariable() sdk.VariableModel {
	v := variable("datasource", sdk.VariableTypeDatasource, "Data source", "The ClickHouse to ask.")
	v.Query = &sdk.StringOrMap{String: cog.ToPtr(sourceType)}
	v.Refresh = cog.ToPtr(sdk.VariableRefreshOnDashboardLoad)
	v.Options = []sdk.VariableOption{}
	return v
}

func bucketVariable() sdk.VariableModel {
	v := variable("bucket", sdk.VariableTypeCustom, "By", "Calendar windows in the organisation's time zone; a week begins on Monday.")
	v.Query = &sdk.StringOrMap{String: cog.ToPtr("day,week,month,quarter")}
	for _, b := range buckets {
		v.Options = append(v.Options, option(b, b, b == "week"))
	}
	v.Current = cog.ToPtr(option("week", "week", true))
	v.AllowCustomValue = cog.ToPtr(false)
	return v
}

// subjectVariable lists what of one column of the points there is. Who has a point
// has one of a quarter, of which there are few.
func subjectVariable(column, label string) sdk.VariableModel {
	v := variable(column, sdk.VariableTypeQuery, label, "With nothing chosen in unit, team and service: the whole.")
	sql := "SELECT DISTINCT " + column + " FROM payoff.metric_point_log WHERE grain = 'quarter' AND " + column + " != '' ORDER BY " + column
	v.Query = &sdk.StringOrMap{Map: map[string]any{"refId": column, "queryType": "sql", "rawSql": sql}}
	v.Definition = &sql
	v.Datasource = cog.ToPtr(source())
	v.Refresh = cog.ToPtr(sdk.VariableRefreshOnTimeRangeChanged)
	v.Sort = cog.ToPtr(sdk.VariableSortDisabled)
	v.Multi, v.IncludeAll, v.AllowCustomValue = cog.ToPtr(true), cog.ToPtr(true), cog.ToPtr(false)
	v.Current = &sdk.VariableOption{Selected: cog.ToPtr(true), Text: many("All"), Value: many(all)}
	v.Options = []sdk.VariableOption{}
	return v
}

func variable(name string, kind sdk.VariableType, label, description string) sdk.VariableModel {
	return sdk.VariableModel{Type: kind, Name: name, Label: &label, Description: &description, Hide: cog.ToPtr(sdk.VariableHideDontHide), SkipUrlSync: cog.ToPtr(false)}
}

func option(text, value string, selected bool) sdk.VariableOption {
	return sdk.VariableOption{Selected: &selected, Text: one(text), Value: one(value)}
}

func one(s string) sdk.StringOrArrayOfString { return sdk.StringOrArrayOfString{String: &s} }

func many(s string) sdk.StringOrArrayOfString {
	return sdk.StringOrArrayOfString{ArrayOfString: []string{s}}
}

// others links to the other dashboards, with the range and the choice.
func others() sdk.DashboardLink {
	return sdk.DashboardLink{Title: "Payoff", Type: sdk.DashboardLinkTypeDashboards, Icon: "external link", Tooltip: "The other dashboards, for the same range and choice",
		Url: cog.ToPtr(""), Tags: []string{tag}, AsDropdown: true, IncludeVars: true, KeepTime: true}
}

// link opens a page of Grafana.
func link(title, url string) sdk.DashboardLink {
	return sdk.DashboardLink{Title: title, Type: sdk.DashboardLinkTypeLink, Icon: "external link", Tooltip: title, Url: &url, Tags: []string{}}
}

// choice carries the range and the choice of the reader to another dashboard.
const choice = "?${__url_time_range}&${datasource:queryparam}&${bucket:queryparam}&${unit:queryparam}&${team:queryparam}&${service:queryparam}"
