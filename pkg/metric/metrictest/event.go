package metrictest

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

var short = map[string]string{"env": "environment", "repo": "repository", "author": "authorTime", "started": "startedAt"}

// event makes the event of one line of a load block.
func event(r row) (events.Event, error) {
	if len(r.fields) < 3 {
		return events.Event{}, fmt.Errorf("line %d: an event is time, kind, subject and fields", r.line)
	}
	at, err := parseTime(r.fields[0])
	if err != nil {
		return events.Event{}, fmt.Errorf("line %d: %w", r.line, err)
	}
	d := events.Draft{Source: "test", Kind: events.Kind(r.fields[1]), Subject: r.fields[2], Time: at, Received: at, Mapping: 1, ActorKind: events.Human}
	id := r.fields[0] + " " + r.fields[1] + " " + r.fields[2]
	var f events.Fields
	for _, kv := range r.fields[3:] {
		k, v, ok := strings.Cut(kv, "=")
		if !ok {
			return events.Event{}, fmt.Errorf("line %d: %q is not field=value", r.line, kv)
		}
		if s, ok := short[k]; ok {
			k = s
		}
		switch k {
		case "id":
			id = v
		case "source":
			d.Source = v
		case "by":
			d.Actor = v
			if strings.HasSuffix(v, "[bot]") {
				d.ActorKind = events.Bot
			}
		case "seq":
			if d.Sequence, err = strconv.ParseUint(v, 10, 64); err != nil {
				return events.Event{}, fmt.Errorf("line %d: %w", r.line, err)
			}
		default:
			if err := setField(&f, k, v); err != nil {
				return events.Event{}, fmt.Errorf("line %d: %w", r.line, err)
			}
		}
	}
	d.Natural = []string{id}
	// CDEvents' types know only a few fields; the rest is custom.
	switch {
	case strings.HasPrefix(r.fields[1], "service."):
		d.Content, d.Custom = events.Fields{Environment: f.Environment}, f
		d.Custom.Environment = nil
	case strings.HasPrefix(r.fields[1], "change."):
		d.Content, d.Custom = events.Fields{Repository: f.Repository}, f
		d.Custom.Repository = nil
	default:
		d.Content = f
	}
	e, err := events.New(d)
	if err != nil {
		return e, fmt.Errorf("line %d: %w", r.line, err)
	}
	return e, nil
}

// parseTime reads 2026-03-02T00:00Z, with or without seconds, fraction, offset.
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04Z07:00", time.RFC3339Nano, "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time such as 2026-03-02T00:00Z", s)
}

// declared makes the facts of an org block: one for each entity.
func declared(lines []row) ([]events.Draft, error) {
	rows := make(map[string][]events.Declared)
	var subjects []string
	for _, l := range lines {
		subject := l.fields[0]
		if _, known := rows[subject]; !known {
			subjects, rows[subject] = append(subjects, subject), nil
		}
		if len(l.fields) == 2 && l.fields[1] == "none" {
			continue
		}
		var d events.Declared
		for _, kv := range l.fields[1:] {
			k, v, ok := strings.Cut(kv, "=")
			if !ok {
				return nil, fmt.Errorf("line %d: %q is not field=value", l.line, kv)
			}
			if k == "from" || k == "to" {
				t, err := parseTime(v)
				if err != nil {
					return nil, fmt.Errorf("line %d: %w", l.line, err)
				}
				v = events.FormatTime(t)
			}
			if err := setField(&d, k, v); err != nil {
				return nil, fmt.Errorf("line %d: %w", l.line, err)
			}
		}
		rows[subject] = append(rows[subject], d)
	}
	var out []events.Draft
	for _, s := range subjects {
		out = append(out, events.Draft{Source: "org", Kind: events.OrgDeclared, Natural: []string{s}, Subject: s, Time: events.Earliest, Received: events.Earliest,
			Mapping: 1, Content: events.Fields{Rows: rows[s]}})
	}
	return out, nil
}

// setField sets the field with the JSON name of a body, or of a declared row.
func setField(f any, name, value string) error {
	v := reflect.ValueOf(f).Elem()
	for i := range v.NumField() {
		tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if tag != name {
			continue
		}
		field := v.Field(i)
		switch field.Interface().(type) {
		case string:
			if strings.HasSuffix(name, "Time") || strings.HasSuffix(name, "At") {
				t, err := parseTime(value)
				if err != nil {
					return err
				}
				value = events.FormatTime(t)
			}
			field.SetString(value)
		case []string:
			field.Set(reflect.ValueOf(strings.Split(value, ",")))
		case *events.Ref:
			field.Set(reflect.ValueOf(&events.Ref{ID: value}))
		case bool:
			field.SetBool(value == "true")
		case *bool:
			b := value == "true"
			field.Set(reflect.ValueOf(&b))
		case int64:
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return err
			}
			field.SetInt(n)
		case float64:
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return err
			}
			field.SetFloat(n)
		}
		return nil
	}
	return fmt.Errorf("%q is not a field of an event's body", name)
}
