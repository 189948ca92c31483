package cloudevents

import (
	"cmp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// A body is a CDEvent as far as it is read.
type body struct {
	Context *context `json:"context"`
	Subject struct {
		ID      string `json:"id"`
		Content said   `json:"content"`
	} `json:"subject"`
	CustomData jsontext.Value `json:"customData"` // an object; a text is of no use

	Custom said `json:"-"` // read from CustomData
}

// said is an object of a body: what is kept, and who is named in it.
type said struct {
	events.Fields
	Actor   jsontext.Value `json:"actor"`
	Creator jsontext.Value `json:"creator"`
	User    jsontext.Value `json:"user"`
}

// readBody projects a valid body onto what is kept of it.
func readBody(data []byte) (*body, error) {
	var b body
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, inside("data", err)
	}
	if b.CustomData.Kind() == '{' {
		if err := json.Unmarshal(b.CustomData, &b.Custom); err != nil {
			return nil, inside("data.customData", err)
		}
	}
	if err := canonical("data.subject.content", &b.Subject.Content.Fields); err != nil {
		return nil, err
	}
	return &b, canonical("data.customData", &b.Custom.Fields)
}

// inside puts the path of an object before the field an error names.
func inside(object string, err error) error {
	fe, ok := collect.FieldError(err, "").(*events.FieldError)
	if !ok {
		return err
	}
	if fe.Field == "" {
		return &events.FieldError{Field: object, Reason: fe.Reason}
	}
	return &events.FieldError{Field: object + "." + fe.Field, Reason: fe.Reason}
}

// canonical gives times and hashes the one form in which they are compared.
func canonical(object string, f *events.Fields) error {
	for _, t := range []struct {
		name string
		text *string
	}{
		{"startedAt", &f.StartedAt}, {"authorTime", &f.AuthorTime}, {"committerTime", &f.CommitterTime},
		{"createdAt", &f.CreatedAt}, {"readyAt", &f.ReadyAt}, {"mergedAt", &f.MergedAt},
	} {
		at, err := events.ParseTime(*t.text)
		if err != nil {
			return &events.FieldError{Field: object + "." + t.name, Reason: err.Error()}
		}
		*t.text = events.FormatTime(at)
	}
	for _, hash := range []*string{&f.Commit, &f.Before, &f.MergeCommit, &f.HeadCommit, &f.CherryPickOf} {
		*hash = strings.ToLower(*hash)
	}
	for _, hashes := range [][]string{f.Parents, f.Commits, f.Reverts} {
		for i := range hashes {
			hashes[i] = strings.ToLower(hashes[i])
		}
	}
	return nil
}

// setActor names who did it: the extension says so best, then the body.
func (e *envelope) setActor(d *events.Draft, b *body) {
	content, custom := &b.Subject.Content, &b.Custom
	d.ActorKind = e.ActorKind
	d.Actor = cmp.Or(e.Actor, text(custom.Actor), text(content.Actor), text(content.Creator), text(custom.Creator), text(content.User), text(custom.User))
}

// text is the string v holds, "" if it holds none: emitters write objects too.
func text(v jsontext.Value) string {
	var s string
	if v.Kind() == '"' && json.Unmarshal(v, &s) == nil {
		return s
	}
	return ""
}
