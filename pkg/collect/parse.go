package collect

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// lenient reads what a tool signed as its own parser would have written it.
var lenient = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// Missing says that a delivery lacks a member that must be there.
func Missing(field string) error {
	return &events.FieldError{Field: field, Reason: "is missing or empty"}
}

// ParseJSON reads body into v and passes over what v does not name. Its error
// is a *events.FieldError with the path of the value that does not fit; it
// holds nothing of what was in it, so it may be logged and stored.
func ParseJSON(body []byte, v any) error {
	return FieldError(json.Unmarshal(body, v, lenient), "body")
}

// FieldError says where an error of reading JSON lies, in the words of
// events.FieldError; root is the name of the whole. It is nil for nil.
func FieldError(err error, root string) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		field := strings.ReplaceAll(strings.TrimPrefix(string(e.JSONPointer), "/"), "/", ".")
		if field == "" {
			field = root
		}
		reason := "does not have the type it should have"
		if e.JSONKind == '"' {
			reason = "is a string that does not read as what it should be"
		} else if k := kindName(e.JSONKind); k != "" {
			reason = "is " + k + ", which is not the type it should have"
		}
		return &events.FieldError{Field: field, Reason: reason}
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		return &events.FieldError{Field: root, Reason: "has a member twice"}
	}
	reason := "is not JSON"
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		reason += ": look at byte " + strconv.FormatInt(e.ByteOffset, 10)
	}
	return &events.FieldError{Field: root, Reason: reason}
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '0':
		return "a number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return ""
}
