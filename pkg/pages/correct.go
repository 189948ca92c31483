package pages

import (
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// correction is a command, ready to copy, that sends an event about a failure:
// failure.dismissed or failure.confirmed. A correction is an event like others, so
// it is dated, and the last one counts.
func correction(kind, service, deployment, incident string) string {
	type ref struct {
		ID string `json:"id"`
	}
	var content struct {
		Service    ref    `json:"service"`
		Deployment string `json:"deployment,omitzero"`
		Incident   string `json:"incident,omitzero"`
	}
	content.Service.ID, content.Deployment, content.Incident = service, deployment, incident
	about, err := json.Marshal(content, jsontext.EscapeForHTML(false))
	if err != nil {
		return "" // three texts of valid UTF-8 can always be written
	}
	subject, err := json.Marshal(deployment + incident)
	if err != nil {
		return ""
	}
	const now = `'"$(date -u +%Y-%m-%dT%H:%M:%SZ)"'`
	return "curl -s \"$PAYOFF/v1/events\" -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/cloudevents+json' -d '" +
		`{"specversion":"1.0","id":"` + now + `","source":"/people","type":"dev.cdeventsx.payoff-` + kind + `.0.1.0","time":"` + now +
		`","data":{"subject":{"id":` + inQuotes(string(subject)) + `,"content":` + inQuotes(string(about)) + "}}}'"
}

// inQuotes is a text inside of a shell's single quotes.
func inQuotes(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }
