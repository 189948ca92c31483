package dashboard

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// register tells the SDK of the panels and the query used here. It keeps them in
// one map for the whole process.
var register = sync.OnceFunc(func() {
	r := cog.NewRuntime()
	for _, c := range []variants.PanelcfgConfig{stat.VariantConfig(), table.VariantConfig(), text.VariantConfig(), timeseries.VariantConfig()} {
		r.RegisterPanelcfgVariant(c)
	}
	r.RegisterDataqueryVariant(variants.DataqueryConfig{Identifier: sourceType, DataqueryUnmarshaler: decodeQuery, StrictDataqueryUnmarshaler: decodeQuery})
})

// Encode writes a dashboard as it is kept in dashboards/.
func Encode(d Dashboard) ([]byte, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encoding the dashboard %s: %w", deref(d.Uid), err)
	}
	// Panels are encoded with < and > escaped, and SQL is hard to read like that.
	v := jsontext.Value(raw)
	if err := v.Format(jsontext.PreserveRawStrings(false), jsontext.EscapeForHTML(false), jsontext.WithIndent("  ")); err != nil {
		return nil, fmt.Errorf("encoding the dashboard %s: %w", deref(d.Uid), err)
	}
	return append(v, '\n'), nil
}

// Decode reads a dashboard strictly: a field that Grafana's schema does not have,
// or one it needs and does not find, is an error.
func Decode(raw []byte) (Dashboard, error) {
	register()
	var d Dashboard
	// For valid input the SDK's strict reading returns an empty list of errors, and
	// takes it for a failure of every panel: the errors are good, the value is not.
	var list cog.BuildErrors
	if err := new(Dashboard).UnmarshalJSONStrict(raw); err != nil && (!errors.As(err, &list) || len(list) > 0) {
		return d, fmt.Errorf("decoding a dashboard: %w", err)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return d, fmt.Errorf("decoding a dashboard: %w", err)
	}
	return d, nil
}

func deref[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}
