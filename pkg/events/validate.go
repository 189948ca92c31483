package events

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/payoff-metrics/payoff/schemas"
)

// compiled holds one schema per kind. Compiling is done once, at first use; the
// files are embedded, so an error here is a fault of the build.
var compiled = sync.OnceValues(func() (map[Kind]*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // nothing is ever loaded from elsewhere
	names, err := fs.Glob(schemas.Files, "*.json")
	if err != nil {
		return nil, fmt.Errorf("listing embedded schemas: %w", err)
	}
	out := make(map[Kind]*jsonschema.Schema, len(names))
	for _, name := range names {
		b, err := fs.ReadFile(schemas.Files, name)
		if err != nil {
			return nil, fmt.Errorf("reading embedded schema %s: %w", name, err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			return nil, fmt.Errorf("parsing embedded schema %s: %w", name, err)
		}
		if err := c.AddResource(name, doc); err != nil {
			return nil, fmt.Errorf("adding embedded schema %s: %w", name, err)
		}
		s, err := c.Compile(name)
		if err != nil {
			return nil, fmt.Errorf("compiling embedded schema %s: %w", name, err)
		}
		for k := range byKind {
			if name == schemaName(k) {
				out[k] = s
			}
		}
	}
	return out, nil
})

// schemaName is the file that holds the schema of the type we write for k.
func schemaName(k Kind) string {
	typ := strings.TrimPrefix(strings.TrimPrefix(k.Type(), cdPrefix), ourPrefix)
	return typ + ".json"
}

var english = message.NewPrinter(language.English)

// ValidateBody checks an event's body (JSON) against the published schema of its
// kind. It is tolerant of what the schema does not name and of the version the
// sender wrote. The error is a *FieldError with the path of the first field, in
// document order, that is wrong.
func ValidateBody(k Kind, body []byte) error {
	all, err := compiled()
	if err != nil {
		return err
	}
	s, ok := all[k]
	if !ok {
		return &FieldError{Field: "type", Reason: fmt.Sprintf("%q has no schema", k)}
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return &FieldError{Field: "data", Reason: "is not JSON: " + err.Error()}
	}
	err = s.Validate(v)
	if err == nil {
		return nil
	}
	ve, ok := err.(*jsonschema.ValidationError)
	if !ok {
		return &FieldError{Field: "data", Reason: err.Error()}
	}
	for len(ve.Causes) > 0 {
		ve = ve.Causes[0]
	}
	return &FieldError{Field: strings.Join(append([]string{"data"}, ve.InstanceLocation...), "."), Reason: ve.ErrorKind.LocalizedString(english)}
}
