// Package schemas holds the published JSON Schemas (2020-12) of every event type
// and version, embedded: the edge validates against these very files.
package schemas

import "embed"

// Files are the schemas, each named <kind>.<version of the type>.json.
//
//go:embed *.json
var Files embed.FS
