package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/common"
)

// The data source the queries are written for. A query without a plugin version
// is taken for one of version 3 and migrated, which loses its type.
const (
	sourceType    = "grafana-clickhouse-datasource"
	sourceVersion = "4.20.0"
)

// A Format says what the data source makes of the rows.
type Format int

// The formats used here. In a Series the first column is the time, rows are in
// its order, and a column of text names the series.
const (
	Series Format = 0
	Table  Format = 1
)

// A Query is one query of a panel, an annotation or a variable, as version 4 of
// the ClickHouse data source keeps it.
type Query struct {
	RefID         string               `json:"refId"`
	Hide          bool                 `json:"hide"`
	Datasource    common.DataSourceRef `json:"datasource"`
	PluginVersion string               `json:"pluginVersion"`
	EditorType    string               `json:"editorType"`
	RawSQL        string               `json:"rawSql"`
	Format        Format               `json:"format"`
	QueryType     string               `json:"queryType"`
	Meta          Meta                 `json:"meta"`

	shows shows
}

// Meta is what the data source keeps beside the SQL.
type Meta struct {
	Timezone string `json:"timezone"`
}

func newQuery(sql string, f Format) Query {
	kind := "timeseries"
	if f == Table {
		kind = "table"
	}
	return Query{RefID: "A", Datasource: source(), PluginVersion: sourceVersion, EditorType: "sql", RawSQL: sql, Format: f, QueryType: kind, Meta: Meta{Timezone: "UTC"}}
}

// source is the data source that the reader of the dashboard has chosen.
func source() common.DataSourceRef {
	return common.DataSourceRef{Type: cog.ToPtr(sourceType), Uid: cog.ToPtr("${datasource}")}
}

// ImplementsDataqueryVariant marks a Query as one of the SDK's queries.
func (Query) ImplementsDataqueryVariant() {}

// DataqueryType is the type of the data source.
func (Query) DataqueryType() string { return sourceType }

// Validate reports what no data source could run.
func (q Query) Validate() error {
	if q.RawSQL == "" || q.RefID == "" {
		return fmt.Errorf("query %q has no SQL or no reference", q.RefID)
	}
	return nil
}

// Equals reports whether other says the same in JSON.
func (q Query) Equals(other variants.Dataquery) bool {
	o, ok := other.(Query)
	q.shows, o.shows = shows{}, shows{}
	return ok && reflect.DeepEqual(q, o)
}

// decodeQuery reads a Query and takes no field it does not know.
func decodeQuery(raw []byte) (variants.Dataquery, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	var q Query
	if err := d.Decode(&q); err != nil {
		return nil, fmt.Errorf("decoding a query: %w", err)
	}
	return q, nil
}
