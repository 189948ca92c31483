//go:build linux || darwin

package engine

import "strings"

// A streamed format may be cut anywhere between rows: the answer is the chunks
// put one behind the other. In all others (a header, an envelope, a footer) each
// chunk would be a document of its own, so they are materialised.
var streamedFormats = map[string]bool{
	"native": true, "rowbinary": true, "msgpack": true,
	"tabseparated": true, "tsv": true, "tabseparatedraw": true, "tsvraw": true, "raw": true, "tskv": true,
	"csv": true, "lineasstring": true,
	"jsoneachrow": true, "jsonlines": true, "ndjson": true, "jsonstringseachrow": true,
	"jsoncompacteachrow": true, "jsoncompactstringseachrow": true,
}

// contentType returns the media type ClickHouse gives a format.
func contentType(format string) string {
	f := strings.ToLower(format)
	withNames := strings.Contains(f, "withnames")
	switch {
	case strings.HasPrefix(f, "csv") && withNames:
		return "text/csv; charset=UTF-8; header=present"
	case strings.HasPrefix(f, "csv"):
		return "text/csv; charset=UTF-8; header=absent"
	case strings.HasPrefix(f, "json") && strings.Contains(f, "eachrow"), f == "jsonlines", f == "ndjson":
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(f, "json"):
		return "application/json; charset=UTF-8"
	case f == "xml":
		return "application/xml; charset=UTF-8"
	case strings.HasPrefix(f, "tabseparated"), strings.HasPrefix(f, "tsv"), f == "raw", f == "tskv":
		return "text/tab-separated-values; charset=UTF-8"
	case strings.HasPrefix(f, "pretty"), f == "values", f == "vertical", f == "markdown", f == "lineasstring":
		return "text/plain; charset=UTF-8"
	default:
		return "application/octet-stream"
	}
}
