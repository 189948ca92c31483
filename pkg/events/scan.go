package events

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"
)

// ScanRow is DecodeRow for the loader, at several times its speed: it leaves
// r.Data empty, and the strings of r and r.RawData share memory with b, which
// must not change while they are in use.
//
// What Encode writes is read in one pass over the bytes, without building a Data.
// Anything else (white space, escapes, a field that Encode does not write) goes
// through DecodeRow, so that both accept the same and say the same of it.
func ScanRow(b []byte, r *Row) error {
	if fastRow(b, r) {
		return nil
	}
	err := DecodeRow(b, r)
	r.Data = Data{}
	return err
}

// fastRow fills r and reports true, or reports false and leaves r undefined.
func fastRow(b []byte, r *Row) bool {
	s := scanner{b: b}
	var w struct {
		id, source, typ, subject, time, recorded, received, actorKind, actor, flags, version string
		body                                                                                 body
		raw                                                                                  []byte
	}
	ok := s.object(func(key []byte) (int, bool) {
		switch string(key) {
		case "specversion":
			return 11, s.skipString()
		case "datacontenttype":
			return 12, s.skipString()
		case "id":
			return 0, s.stringTo(&w.id)
		case "source":
			return 1, s.stringTo(&w.source)
		case "type":
			return 2, s.stringTo(&w.typ)
		case "subject":
			return 3, s.stringTo(&w.subject)
		case "time":
			return 4, s.stringTo(&w.time)
		case "recordedtime":
			return 5, s.stringTo(&w.recorded)
		case "receivedtime":
			return 6, s.stringTo(&w.received)
		case "actorkind":
			return 7, s.stringTo(&w.actorKind)
		case "actor":
			return 8, s.stringTo(&w.actor)
		case "flags":
			return 9, s.stringTo(&w.flags)
		case "factversion":
			return 10, s.stringTo(&w.version)
		case "data":
			from := s.i
			ok := s.data(&w.body)
			w.raw = b[from:s.i:s.i]
			return 13, ok
		}
		return 0, false
	})
	if !ok || s.i != len(b) || w.raw == nil {
		return false
	}
	kind, known := kindByType[w.typ]
	if !known {
		return false
	}
	*r = Row{
		Event:   Event{ID: w.id, Source: w.source, Kind: kind, Type: w.typ, Subject: w.subject, ActorKind: w.actorKind, Actor: w.actor},
		RawData: w.raw,
	}
	var err error
	if r.RawID, err = ParseID(w.id); err != nil {
		return false
	}
	if r.Version, err = ParseVersion(w.version); err != nil {
		return false
	}
	if !fastTime(w.time, &r.Time) || !fastTime(w.recorded, &r.RecordedAt) || !fastTime(w.received, &r.ReceivedAt) {
		return false
	}
	if w.flags != "" {
		r.Flags = strings.Split(w.flags, ",")
	}
	r.promote(&w.body.content, &w.body.custom)
	return true
}

// kindByType are the types that Payoff itself writes.
var kindByType = func() map[string]Kind {
	m := make(map[string]Kind, len(definitions))
	for _, d := range definitions {
		m[d.Type] = d.Kind
	}
	return m
}()

// fastTime reads what FormatTime writes: "" or 2006-01-02T15:04:05.000Z.
func fastTime(s string, t *time.Time) bool {
	if s == "" {
		return true
	}
	if len(s) != len("2006-01-02T15:04:05.000Z") || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[23] != 'Z' {
		return false
	}
	var n [7]int
	for i, at := range [7][2]int{{0, 4}, {5, 7}, {8, 10}, {11, 13}, {14, 16}, {17, 19}, {20, 23}} {
		for _, c := range []byte(s[at[0]:at[1]]) {
			if c < '0' || c > '9' {
				return false
			}
			n[i] = n[i]*10 + int(c-'0')
		}
	}
	// Days 29 to 31 and whatever else is rare are left to time.Parse.
	if n[1] < 1 || n[1] > 12 || n[2] < 1 || n[2] > 28 || n[3] > 23 || n[4] > 59 || n[5] > 59 {
		var err error
		*t, err = ParseTime(s)
		return err == nil
	}
	*t = time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], n[6]*int(time.Millisecond), time.UTC)
	return true
}

// A body is what promote needs of an event's Data.
type body struct{ content, custom promoted }

// promoted are the fields that become columns.
type promoted struct {
	service, environment, repository, commit, ref, outcome, incident, team, unit, capability, startedAt string
}

// promoted returns those of f.
func (f *Fields) promoted() promoted {
	return promoted{
		service: refID(f.Service), environment: refID(f.Environment), repository: refID(f.Repository),
		commit: f.Commit, ref: f.Ref, outcome: f.Outcome, incident: f.Incident, team: f.Team, unit: f.Unit, capability: f.Capability, startedAt: f.StartedAt,
	}
}

// at returns where the field of that name goes, or nil if it is no column.
func (p *promoted) at(name []byte) *string {
	switch string(name) {
	case "service":
		return &p.service
	case "environment":
		return &p.environment
	case "repository":
		return &p.repository
	case "commit":
		return &p.commit
	case "ref":
		return &p.ref
	case "outcome":
		return &p.outcome
	case "incident":
		return &p.incident
	case "team":
		return &p.team
	case "unit":
		return &p.unit
	case "capability":
		return &p.capability
	case "startedAt":
		return &p.startedAt
	}
	return nil
}

// A scanner reads compact JSON without escapes. Its methods report false for
// what they do not take; nothing can be said of the position then.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) take(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

// object reads {"key":value,…}. member reads one value and returns a number for
// its key, below 128; a key that comes twice is not taken.
func (s *scanner) object(member func(key []byte) (number int, ok bool)) bool {
	if !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	var seen [2]uint64
	for {
		key, ok := s.string()
		if !ok || !s.take(':') {
			return false
		}
		n, ok := member(key)
		if !ok || seen[n/64]&(1<<(n%64)) != 0 {
			return false
		}
		seen[n/64] |= 1 << (n % 64)
		if !s.take(',') {
			return s.take('}')
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// string reads a string and returns what is between the quotes.
func (s *scanner) string() ([]byte, bool) {
	if !s.take('"') {
		return nil, false
	}
	b, i, ascii := s.b, s.i, true
	for {
		if i+8 <= len(b) {
			// Eight bytes at once: the lowest high bit of m marks the first
			// byte that is a quote, a backslash, a control or not ASCII.
			x := binary.LittleEndian.Uint64(b[i:])
			quote, slash := x^ones*'"', x^ones*'\\'
			m := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*0x20)&^x | x) & highs
			if m == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(m) / 8
		}
		if i >= len(b) {
			return nil, false
		}
		switch c := b[i]; {
		case c == '"':
			v := b[s.i:i]
			s.i = i + 1
			return v, ascii || utf8.Valid(v)
		case c == '\\' || c < 0x20:
			return nil, false
		case c >= 0x80:
			ascii = false
		}
		i++
	}
}

func (s *scanner) skipString() bool { _, ok := s.string(); return ok }

func (s *scanner) stringTo(to *string) bool {
	v, ok := s.string()
	*to = unsafe.String(unsafe.SliceData(v), len(v))
	return ok
}

func (s *scanner) literal(text string) bool {
	if bytes.HasPrefix(s.b[s.i:], []byte(text)) {
		s.i += len(text)
		return true
	}
	return false
}

// integer reads up to 18 digits: all of them fit into an int64.
func (s *scanner) integer() bool {
	s.take('-')
	from := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	n := s.i - from
	return n > 0 && n <= 18 && (n == 1 || s.b[from] != '0')
}

// decimal reads an integer with at most 18 digits after its point.
func (s *scanner) decimal() bool {
	if !s.integer() {
		return false
	}
	if !s.take('.') {
		return s.i == len(s.b) || s.b[s.i] != 'e' && s.b[s.i] != 'E'
	}
	from := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	n := s.i - from
	return n > 0 && n <= 18 && (s.i == len(s.b) || s.b[s.i] != 'e' && s.b[s.i] != 'E')
}

func (s *scanner) strings() bool {
	if !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	for {
		if !s.skipString() {
			return false
		}
		if !s.take(',') {
			return s.take(']')
		}
	}
}

// data reads a Data.
func (s *scanner) data(to *body) bool {
	return s.object(func(key []byte) (int, bool) {
		switch string(key) {
		case "context":
			return 0, s.object(func(key []byte) (int, bool) {
				switch string(key) {
				case "specversion":
					return 0, s.skipString()
				case "id":
					return 1, s.skipString()
				case "source":
					return 2, s.skipString()
				case "type":
					return 3, s.skipString()
				case "timestamp":
					return 4, s.skipString()
				}
				return 0, false
			})
		case "subject":
			return 1, s.object(func(key []byte) (int, bool) {
				switch string(key) {
				case "id":
					return 0, s.skipString()
				case "source":
					return 1, s.skipString()
				case "content":
					return 2, s.fields(&to.content)
				}
				return 0, false
			})
		case "customData":
			return 2, s.fields(&to.custom)
		}
		return 0, false
	})
}

// fields reads a Fields.
func (s *scanner) fields(to *promoted) bool {
	return s.object(func(key []byte) (int, bool) {
		f, ok := fieldByName[string(key)]
		if !ok {
			return 0, false
		}
		switch f.form {
		case formString:
			v := to.at(key)
			if v == nil {
				return f.number, s.skipString()
			}
			return f.number, s.stringTo(v)
		case formRef:
			return f.number, s.ref(to.at(key))
		case formStrings:
			return f.number, s.strings()
		case formBool:
			return f.number, s.literal("true") || s.literal("false")
		case formInteger:
			return f.number, s.integer()
		default:
			return f.number, s.decimal()
		}
	})
}

// ref reads a Ref, its ID into id.
func (s *scanner) ref(id *string) bool {
	return s.object(func(key []byte) (int, bool) {
		switch string(key) {
		case "id":
			return 0, s.stringTo(id)
		case "source":
			return 1, s.skipString()
		}
		return 0, false
	})
}

// A form is how a field is written in JSON.
type form int

const (
	formString form = iota
	formRef
	formStrings
	formBool
	formInteger
	formDecimal
)

type field struct {
	number int
	form   form
}

// fieldByName is made from Fields, so that it cannot fall behind it.
var fieldByName = func() map[string]field {
	forms := map[reflect.Type]form{
		reflect.TypeFor[string](): formString, reflect.TypeFor[*Ref](): formRef, reflect.TypeFor[[]string](): formStrings,
		reflect.TypeFor[bool](): formBool, reflect.TypeFor[*bool](): formBool,
		reflect.TypeFor[int64](): formInteger, reflect.TypeFor[float64](): formDecimal,
	}
	m := make(map[string]field)
	for i, f := range reflect.VisibleFields(reflect.TypeFor[Fields]()) {
		form, ok := forms[f.Type]
		if !ok {
			continue // read by DecodeRow
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		m[name] = field{i, form}
	}
	return m
}()
