package events

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Actor kinds. A person is carried as a pseudonym, a bot by its name.
const (
	Human = "human"
	Bot   = "bot"
)

// Flags mark a fact that is kept but enters no metric, or enters it with a
// lesser quality. They are listed by `payoff doctor`.
const (
	FlagImpossibleTime = "impossible_time" // occurred outside of [Earliest, Latest)
	FlagFutureAuthored = "future_authored" // authored after it was committed or merged
	FlagNoService      = "no_service"      // a delivery fact that names no service
	FlagNoEnvironment  = "no_environment"  // a deployment that names no environment
)

// An Event is one fact in canonical form: what every door of Payoff makes and
// the log, Kafka and ClickHouse carry. Make one with New; fields are not to be
// altered afterwards, as Version covers them.
type Event struct {
	ID         string    // identity of the fact, from NewID
	Source     string    // who reported it: "github", "git", the CloudEvents source of a sender
	Kind       Kind      // what happened
	Type       string    // CloudEvents type; its version is the one the sender wrote
	Subject    string    // the entity it happened to: a service, a commit, an incident
	Time       time.Time // when it happened, UTC, milliseconds
	RecordedAt time.Time // when the provider last touched its record; zero if it does not say
	ReceivedAt time.Time // when it reached Payoff; takes no part in identity or version
	ActorKind  string    // Human, Bot or ""
	Actor      string    // a person's pseudonym or a bot's name; "" if unknown
	Flags      []string  // sorted
	Version    Version
	Data       Data
}

// Data is the canonical CDEvents body. For the types of CDEvents, Content holds
// what their schema knows and Custom the rest; for our own types all is Content.
type Data struct {
	Context *Context `json:"context,omitzero"`
	Subject Subject  `json:"subject"`
	Custom  Fields   `json:"customData,omitzero"`
}

// Context is CDEvents' own envelope, repeated inside the body as CDEvents asks.
type Context struct {
	SpecVersion string `json:"specversion"` // "0.5.1"
	ID          string `json:"id"`
	Source      string `json:"source"`
	Type        string `json:"type"`
	Timestamp   string `json:"timestamp"`
}

// Subject is the entity and what is said of it.
type Subject struct {
	ID      string `json:"id"`
	Source  string `json:"source,omitzero"`
	Content Fields `json:"content"`
}

// A Ref points at another entity.
type Ref struct {
	ID     string `json:"id"`
	Source string `json:"source,omitzero"`
}

// Fields is the union of all that Payoff keeps of an event's body. What is not
// named here is dropped at the edge and lives on only in the sealed delivery:
// that is how free text and names stay out of the store. Times are RFC 3339.
type Fields struct {
	// Delivery.
	Environment *Ref     `json:"environment,omitzero"`
	Service     *Ref     `json:"service,omitzero"`
	Repository  *Ref     `json:"repository,omitzero"`
	ArtifactID  string   `json:"artifactId,omitzero"` // package URL
	Commit      string   `json:"commit,omitzero"`     // full hash
	Version     string   `json:"version,omitzero"`    // as the team names it: "v1.4.2"
	Ref         string   `json:"ref,omitzero"`        // branch or tag
	StartedAt   string   `json:"startedAt,omitzero"`
	Outcome     string   `json:"outcome,omitzero"` // CDEvents: success, failure, cancel, error; attempts: failed, cancelled, unknown
	RunID       string   `json:"runId,omitzero"`   // pipeline run that did it
	Attempt     string   `json:"attempt,omitzero"` // provider's id of the attempt, shared by its transitions
	Pipeline    string   `json:"pipelineName,omitzero"`
	Aliases     []string `json:"aliases,omitzero"`     // further names of the same version
	Fixes       []string `json:"fixes,omitzero"`       // deployments or incidents this one repairs
	Hotfix      bool     `json:"hotfix,omitzero"`      // marked as a hotfix by its label or branch
	TimeQuality string   `json:"timeQuality,omitzero"` // "commit": the time is that of the commit
	LinkQuality string   `json:"linkQuality,omitzero"` // "squash", "push_order"

	// Changes and commits.
	Number        int64    `json:"number,omitzero"` // of the pull request
	Parents       []string `json:"parents,omitzero"`
	Paths         []string `json:"paths,omitzero"` // touched paths, sorted, at most MaxPaths
	PathsCut      bool     `json:"pathsCut,omitzero"`
	AuthorTime    string   `json:"authorTime,omitzero"`
	CommitterTime string   `json:"committerTime,omitzero"`
	CreatedAt     string   `json:"createdAt,omitzero"`
	ReadyAt       string   `json:"readyAt,omitzero"`
	MergedAt      string   `json:"mergedAt,omitzero"`
	MergeCommit   string   `json:"mergeCommit,omitzero"`
	HeadCommit    string   `json:"headCommit,omitzero"`
	Commits       []string `json:"commits,omitzero"` // of the pull request or push, oldest first
	CommitCount   int64    `json:"commitCount,omitzero"`
	Additions     int64    `json:"additions,omitzero"`
	Deletions     int64    `json:"deletions,omitzero"`
	Before        string   `json:"before,omitzero"` // where the branch stood
	Forced        bool     `json:"forced,omitzero"`
	DefaultBranch bool     `json:"defaultBranch,omitzero"` // Ref is the repository's default branch
	Reverts       []string `json:"reverts,omitzero"`       // commits this one takes back
	CherryPickOf  string   `json:"cherryPickOf,omitzero"`
	Boundary      bool     `json:"boundary,omitzero"` // parents are unknown: a shallow clone ends here

	// Incidents, pages, tickets.
	Severity   string   `json:"severity,omitzero"`
	Urgency    string   `json:"urgency,omitzero"`
	Impact     *bool    `json:"impact,omitzero"`
	Cause      string   `json:"cause,omitzero"`      // what it says caused it: "deployment", "capacity", …
	Deployment string   `json:"deployment,omitzero"` // the deployment it names
	Incident   string   `json:"incident,omitzero"`   // the incident a page or ticket belongs to
	Key        string   `json:"key,omitzero"`        // de-duplication key of pages
	Rotation   string   `json:"rotation,omitzero"`
	Label      string   `json:"label,omitzero"` // impacting, false_alarm, not_cause
	TicketType string   `json:"ticketType,omitzero"`
	Priority   string   `json:"priority,omitzero"`
	Group      string   `json:"group,omitzero"`
	Labels     []string `json:"labels,omitzero"`
	Resolution string   `json:"resolution,omitzero"`
	State      string   `json:"state,omitzero"`
	Category   string   `json:"category,omitzero"`
	Tier       string   `json:"tier,omitzero"`
	Channel    string   `json:"channel,omitzero"`
	URI        string   `json:"uri,omitzero"`
	TicketURI  string   `json:"ticketURI,omitzero"`
	Tickets    []string `json:"tickets,omitzero"` // work items a commit names

	// Organisation, adoption, work.
	Team       string  `json:"team,omitzero"`
	Role       string  `json:"role,omitzero"`
	Left       bool    `json:"left,omitzero"` // membership: left rather than joined
	Capability string  `json:"capability,omitzero"`
	Unit       string  `json:"unit,omitzero"`     // team, service or person (pseudonym) that used or was offered
	UnitKind   string  `json:"unitKind,omitzero"` // team, service, person
	Gesture    string  `json:"gesture,omitzero"`  // what was done with the capability
	Value      bool    `json:"value,omitzero"`    // the gesture is the capability's value event
	Quantity   float64 `json:"quantity,omitzero"`
	Class      string  `json:"class,omitzero"` // of work
	Hours      float64 `json:"hours,omitzero"`

	Metrics []string `json:"metrics,omitzero"` // that a change of a process concerns; none: all

	// What an organisation declares of one entity: all its rows, or none when
	// it declares the entity no more.
	Rows []Declared `json:"rows,omitzero"`
}

// A Declared is one dated row of an entity of the organisation. The subject of
// its event is "unit/…", "team/…", "person/…", "service/…", "capability/…",
// "rotation/…" or "calendar/…", and says which fields have a meaning. A row holds
// in [From, To).
type Declared struct {
	From string `json:"from,omitzero"` // "": since ever
	To   string `json:"to,omitzero"`   // "": until further notice

	Unit string `json:"unit,omitzero"` // of a team
	Line string `json:"line,omitzero"` // of a team: the same through renames, merges and splits

	Person string `json:"person,omitzero"` // pseudonym of the person
	Alias  string `json:"alias,omitzero"`  // another pseudonym of the same person
	Team   string `json:"team,omitzero"`   // of a person; owner of a service, capability or rotation
	Role   string `json:"role,omitzero"`   // of a person in Team

	Repository string   `json:"repository,omitzero"` // of a service
	Paths      []string `json:"paths,omitzero"`      // globs in Repository; none: all of it
	Tier       string   `json:"tier,omitzero"`       // how much depends on the service, as the organisation says it

	MemberKind string `json:"memberKind,omitzero"` // of a capability's population: team, service or people
	Member     string `json:"member,omitzero"`     // the team or service that could use it; people: of that team
	Exempt     bool   `json:"exempt,omitzero"`     // could, and need not

	Calendar string   `json:"calendar,omitzero"` // of a rotation
	Zone     string   `json:"zone,omitzero"`     // of a calendar: IANA name
	Days     []string `json:"days,omitzero"`     // working days: mon, tue, …
	Opens    string   `json:"opens,omitzero"`    // "09:00"
	Closes   string   `json:"closes,omitzero"`   // "17:00"
	Holidays []string `json:"holidays,omitzero"` // "2026-12-25"
}

// MaxPaths bounds the paths kept of one commit. A service is found by its globs
// among them; a commit that touches more is marked PathsCut and belongs to all
// services of its repository.
const MaxPaths = 300

// A Draft is what a collector knows of a fact before New makes it canonical.
type Draft struct {
	Source    string
	Kind      Kind
	Type      string   // "" for the type Payoff writes
	Natural   []string // the provider's name of the object and its transition
	Subject   string
	Time      time.Time
	Recorded  time.Time
	Received  time.Time
	Sequence  uint64 // 0: from Recorded
	Mapping   uint16 // version of the mapping code, from 1
	ActorKind string
	Actor     string
	Content   Fields
	Custom    Fields
	Flags     []string
}

// New makes the canonical event of a draft: derives identity and version, sorts
// what is a set, flags what is impossible. It refuses only what has no meaning:
// an unknown kind, an empty source, subject or natural key.
func New(d Draft) (Event, error) {
	switch {
	case !d.Kind.Known():
		return Event{}, &FieldError{Field: "type", Reason: fmt.Sprintf("%q is not a kind Payoff knows", d.Kind)}
	case d.Source == "":
		return Event{}, &FieldError{Field: "source", Reason: "is empty"}
	case d.Subject == "":
		return Event{}, &FieldError{Field: "subject", Reason: "is empty"}
	case len(d.Natural) == 0:
		return Event{}, &FieldError{Field: "id", Reason: "the fact has no natural key"}
	}
	e := Event{
		ID: NewID(d.Source, d.Kind, d.Natural...), Source: d.Source, Kind: d.Kind, Type: d.Type, Subject: d.Subject,
		Time: milli(d.Time), RecordedAt: milli(d.Recorded), ReceivedAt: milli(d.Received),
		ActorKind: d.ActorKind, Actor: d.Actor, Flags: slices.Clone(d.Flags),
		Data: Data{Subject: Subject{ID: d.Subject, Content: d.Content}, Custom: d.Custom},
	}
	if e.Type == "" {
		e.Type = d.Kind.Type()
	}
	if !Believable(e.Time) {
		e.Flags = append(e.Flags, FlagImpossibleTime)
	}
	slices.Sort(e.Flags)
	e.Flags = slices.Compact(e.Flags)
	e.Data.Subject.Content.sortSets()
	e.Data.Custom.sortSets()
	e.Data.Context = &Context{SpecVersion: "0.5.1", ID: e.ID, Source: e.Source, Type: e.Type, Timestamp: FormatTime(e.Time)}
	if err := e.setVersion(d); err != nil {
		return Event{}, err
	}
	return e, nil
}

func milli(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC().Truncate(time.Millisecond)
}

func (f *Fields) sortSets() {
	for _, set := range []*[]string{&f.Aliases, &f.Fixes, &f.Labels, &f.Tickets, &f.Reverts, &f.Paths} {
		if len(*set) > 1 {
			*set = slices.Clone(*set)
			slices.Sort(*set)
			*set = slices.Compact(*set)
		}
	}
	if len(f.Paths) > MaxPaths {
		f.Paths, f.PathsCut = f.Paths[:MaxPaths], true
	}
}

// setVersion hashes all that is said of the fact: a repeat hashes the same,
// whenever and however it was delivered.
func (e *Event) setVersion(d Draft) error {
	body, err := e.Data.appendTo(make([]byte, 0, 1024))
	if err != nil {
		return &FieldError{Field: "data", Reason: "cannot be written as JSON: " + err.Error()}
	}
	e.Version.Mapping = d.Mapping
	e.Version.Sequence = d.Sequence
	if d.Sequence == 0 {
		e.Version.Sequence = SequenceOf(d.Recorded)
	}
	h := sha256.New()
	for _, s := range []string{e.Type, e.Subject, FormatTime(e.Time), e.ActorKind, e.Actor, strings.Join(e.Flags, ",")} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	h.Write(body)
	copy(e.Version.Hash[:], h.Sum(nil))
	return nil
}

// FormatTime writes a time as the store keeps it: RFC 3339, UTC, milliseconds;
// "" for the zero time.
func FormatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return string(appendTime(make([]byte, 0, 24), t))
}

// appendTime is FormatTime without time.Format's reading of a layout.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 0 || year > 9999 {
		return t.AppendFormat(b, "2006-01-02T15:04:05.000Z")
	}
	hour, minute, second := t.Clock()
	b = digits(b, year, 4)
	b = digits(append(b, '-'), int(month), 2)
	b = digits(append(b, '-'), day, 2)
	b = digits(append(b, 'T'), hour, 2)
	b = digits(append(b, ':'), minute, 2)
	b = digits(append(b, ':'), second, 2)
	return append(digits(append(b, '.'), t.Nanosecond()/1e6, 3), 'Z')
}

// digits writes n with so many digits.
func digits(b []byte, n, width int) []byte {
	b = append(b, "0000"[:width]...)
	for i := len(b) - 1; n > 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
	return b
}

// ParseTime reads RFC 3339 with any offset and fraction; "" is the zero time.
func ParseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is not an RFC 3339 time such as 2026-11-20T09:30:00Z", s)
	}
	return t.UTC(), nil
}

// Key is the Kafka key: facts about one entity keep their order.
func (e *Event) Key() string {
	f := &e.Data.Subject.Content
	c := &e.Data.Custom
	switch {
	case e.Kind == CommitRecorded || e.Kind == BranchPushed || strings.HasPrefix(string(e.Kind), "change."):
		return EntityKey("repository", first(refID(f.Repository), refID(c.Repository), e.Subject))
	case strings.HasPrefix(string(e.Kind), "service.") || strings.HasPrefix(string(e.Kind), "deployment."):
		return EntityKey("service", first(refID(f.Service), refID(c.Service), e.Subject))
	default:
		family, _, _ := strings.Cut(string(e.Kind), ".")
		return EntityKey(family, e.Subject)
	}
}

func refID(r *Ref) string {
	if r == nil {
		return ""
	}
	return r.ID
}

func first(s ...string) string {
	for _, v := range s {
		if v != "" {
			return v
		}
	}
	return ""
}

// Encode writes the event as CloudEvents structured JSON: the value of a Kafka
// record on payoff.events.
func Encode(e *Event) ([]byte, error) {
	b, err := e.appendTo(make([]byte, 0, 1024))
	if err != nil {
		return nil, fmt.Errorf("encoding event %s: %w", e.ID, err)
	}
	return b, nil
}

// Decode reads what Encode wrote. An error wraps ErrInvalid and names the field.
func Decode(b []byte) (Event, error) {
	var r Row
	if err := DecodeRow(b, &r); err != nil {
		return Event{}, err
	}
	return r.Event, nil
}
