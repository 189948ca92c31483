package collect

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A Pseudonymiser turns an account into a pseudonym: the same account always
// into the same, "" into "". Pseudonyms begin with "p_".
type Pseudonymiser interface{ Person(account string) string }

// A Protector makes events of drafts and leaves no person in them. It is the
// only way from a draft to an event.
//
//   - The actor, and the unit of a usage by a person, become pseudonyms. Bots
//     keep their name.
//   - E-mail addresses anywhere in the event become the pseudonym of their
//     owner.
//   - Names of branches become "branch_…", as people put their names in them,
//     except those that cannot tell of anybody: the default branch, tags,
//     versions, commits and the usual names of trunks. Whether it was a hotfix
//     branch is noted before.
//
// Protecting what is protected changes nothing.
type Protector struct {
	People Pseudonymiser
	Bots   BotRule
	Hotfix Patterns // branches and labels that mark a hotfix
}

// Protect makes the events of drafts, in their order. An error names the first
// draft that has no meaning and wraps events.ErrInvalid; there are no events
// then. The drafts are spent: they are altered in place.
func (p Protector) Protect(drafts []events.Draft) ([]events.Event, error) {
	out := make([]events.Event, 0, len(drafts))
	for i := range drafts {
		e, err := p.event(&drafts[i])
		if err != nil {
			return nil, fmt.Errorf("fact %d (%s): %w", i, drafts[i].Kind, err)
		}
		out = append(out, e)
	}
	return out, nil
}

// Event makes the event of one draft. Its error is a *events.FieldError.
func (p Protector) Event(d events.Draft) (events.Event, error) { return p.event(&d) }

func (p Protector) event(d *events.Draft) (events.Event, error) {
	p.protectActor(d)
	p.protectSubject(d)
	for _, f := range []*events.Fields{&d.Content, &d.Custom} {
		p.protectRef(f)
		p.protectUnit(d.Kind, f)
		p.protectRows(f)
		p.protectAddresses(f)
	}
	d.Flags = append(slices.Clone(d.Flags), flags(d)...)
	return events.New(*d)
}

// Actor returns the kind and the name under which the store knows an account:
// the pseudonym of a person, the name of a bot, twice "" for nobody.
func (p Protector) Actor(account string) (kind, name string) {
	account = strings.TrimSpace(account)
	if account == "" {
		return "", ""
	}
	if bot, ok := p.Bots.Bot(account); ok {
		return events.Bot, bot
	}
	return events.Human, p.person(account)
}

func (p Protector) protectActor(d *events.Draft) {
	kind, name := p.Actor(d.Actor)
	// A sender may say that an account is a bot's. Its name is kept then, but
	// an address is not, as it could be anybody's.
	if d.ActorKind == events.Bot && kind == events.Human && !IsPseudonym(d.Actor) {
		kind, name = events.Bot, p.replaceAddresses(withoutProvider(d.Actor))
	}
	if kind == "" {
		kind = d.ActorKind
	}
	d.ActorKind, d.Actor = kind, name
}

func (p Protector) person(account string) string {
	if IsPseudonym(account) {
		return account
	}
	return p.People.Person(canonicalAccount(account))
}

var pseudonym = regexp.MustCompile(`^p_[a-z2-7]{16,}$`)

// IsPseudonym reports whether s has the form of a person's pseudonym.
func IsPseudonym(s string) bool { return strings.HasPrefix(s, "p_") && pseudonym.MatchString(s) }

// protectSubject: who joins or leaves a team is the subject itself.
func (p Protector) protectSubject(d *events.Draft) {
	account, isPerson := strings.CutPrefix(d.Subject, "person/")
	switch {
	case d.Kind == events.MembershipChanged:
		_, d.Subject = p.Actor(d.Subject)
	case d.Kind == events.OrgDeclared && isPerson:
		d.Subject = p.PersonEntity(account)
	default:
		d.Subject = p.replaceAddresses(d.Subject)
	}
}

var personEntity = regexp.MustCompile(`^person/e_[a-z2-7]{16}$`)

// PersonEntity is the subject under which a person of the organisation is
// declared. Analysts see subjects, so it is made of the pseudonym and is not it:
// it leads to nothing the person did.
func (p Protector) PersonEntity(account string) string {
	if s := "person/" + account; personEntity.MatchString(s) {
		return s
	}
	_, hash, _ := strings.Cut(p.People.Person("entity\x00"+p.person(account)), "_")
	return "person/e_" + hash[:min(len(hash), branchHash)]
}

// protectRows: accounts in what an organisation declares of a person.
func (p Protector) protectRows(f *events.Fields) {
	if len(f.Rows) == 0 {
		return
	}
	f.Rows = slices.Clone(f.Rows) // the draft is its owner's
	for i := range f.Rows {
		r := &f.Rows[i]
		_, r.Person = p.Actor(r.Person)
		_, r.Alias = p.Actor(r.Alias)
		for _, name := range []*string{&r.Unit, &r.Line, &r.Team, &r.Role, &r.Repository, &r.Tier, &r.Member, &r.Calendar} {
			*name = p.replaceAddresses(*name)
		}
	}
}

func (p Protector) protectUnit(k events.Kind, f *events.Fields) {
	if f.UnitKind == "person" || k == events.MembershipChanged {
		_, f.Unit = p.Actor(f.Unit)
	}
}

// tellsNobody are names of refs in which no person can hide.
var tellsNobody = regexp.MustCompile(`^(refs/tags/.+|branch_[a-z2-7]{16}|[0-9a-f]{40}|[0-9a-f]{64}|v?[0-9]+(\.[0-9]+)*([-+.](alpha|beta|rc)?[.-]?[0-9]*)?|releases?[/-]v?[0-9]+(\.([0-9]+|x))*|main|master|trunk|develop|development|production|staging)$`)

const branchHash = 16 // characters of a branch's pseudonym: 80 bits

func (p Protector) protectRef(f *events.Fields) {
	for _, label := range f.Labels {
		f.Hotfix = f.Hotfix || p.Hotfix.Match(label)
	}
	if f.Ref == "" {
		return
	}
	f.Ref = strings.TrimPrefix(f.Ref, "refs/heads/")
	f.Hotfix = f.Hotfix || p.Hotfix.Match(f.Ref)
	if !f.DefaultBranch && !tellsNobody.MatchString(f.Ref) {
		_, hash, _ := strings.Cut(p.People.Person("branch\x00"+f.Ref), "_")
		f.Ref = "branch_" + hash[:min(len(hash), branchHash)]
	}
}

// address finds e-mail addresses generously, also quoted, percent-encoded and
// without a dot: a false find costs a name, a missed one a person's privacy.
var address = regexp.MustCompile(`(?i)("[^"]+"|[^\s<>()\[\]{}"',;:/\\@|=%]+(?:\[bot\])?)(?:@|%40)([\pL\pN](?:[\pL\pN.-]*[\pL\pN])?)`)

var (
	// notDomain is what follows an @ that names a version, as in a package URL.
	notDomain = regexp.MustCompile(`(?i)^(v?[0-9]+|v?[0-9]+\.[0-9]+(\.[0-9]+)*([-+].*)?|sha[0-9]+|[0-9a-f]{7,64}|latest|main|master|head|stable)$`)
	// login is who a URL logs in as, with the password.
	login = regexp.MustCompile(`://[^/\s?#]*@`)
)

func mayHoldAddress(s string) bool {
	return strings.IndexByte(s, '@') >= 0 || strings.Contains(s, "%40")
}

func (p Protector) replaceAddresses(s string) string {
	if !mayHoldAddress(s) {
		return s
	}
	s = login.ReplaceAllString(s, "://")
	return address.ReplaceAllStringFunc(s, func(found string) string {
		part := address.FindStringSubmatch(found)
		if notDomain.MatchString(part[2]) || part[1] == "git" { // git@host:owner/name is a repository
			return found
		}
		_, name := p.Actor(part[1] + "@" + part[2])
		return name
	})
}

// The members of Fields in which text can stand.
var textFields, listFields, refFields = func() (text, list, refs []int) {
	t := reflect.TypeFor[events.Fields]()
	for i := range t.NumField() {
		switch t.Field(i).Type {
		case reflect.TypeFor[string]():
			text = append(text, i)
		case reflect.TypeFor[[]string]():
			list = append(list, i)
		case reflect.TypeFor[*events.Ref]():
			refs = append(refs, i)
		}
	}
	return text, list, refs
}()

func (p Protector) protectAddresses(f *events.Fields) {
	v := reflect.ValueOf(f).Elem()
	for _, i := range textFields {
		field := v.Field(i)
		if s := field.String(); mayHoldAddress(s) {
			field.SetString(p.replaceAddresses(s))
		}
	}
	for _, i := range listFields {
		list := v.Field(i).Interface().([]string)
		if !slices.ContainsFunc(list, mayHoldAddress) {
			continue
		}
		list = slices.Clone(list) // the draft is its owner's
		for j := range list {
			list[j] = p.replaceAddresses(list[j])
		}
		v.Field(i).Set(reflect.ValueOf(list))
	}
	for _, i := range refFields {
		if r := v.Field(i).Interface().(*events.Ref); r != nil && (mayHoldAddress(r.ID) || mayHoldAddress(r.Source)) {
			v.Field(i).Set(reflect.ValueOf(&events.Ref{ID: p.replaceAddresses(r.ID), Source: p.replaceAddresses(r.Source)}))
		}
	}
}

// flags marks what is kept but cannot be counted, and what cannot be so.
func flags(d *events.Draft) []string {
	var out []string
	content, custom := &d.Content, &d.Custom
	switch d.Kind {
	case events.ServiceDeployed, events.ServiceUpgraded, events.ServiceRolledBack, events.DeploymentFailed, events.DeploymentStarted:
		if content.Environment == nil && custom.Environment == nil {
			out = append(out, events.FlagNoEnvironment)
		}
	}
	if d.Kind == events.DeploymentFailed || d.Kind == events.DeploymentStarted {
		if content.Service == nil && custom.Service == nil {
			out = append(out, events.FlagNoService)
		}
	}
	if d.Kind == events.CommitRecorded && later(content.AuthorTime, content.CommitterTime) {
		out = append(out, events.FlagFutureAuthored)
	}
	return out
}

func later(a, b string) bool {
	at, errA := events.ParseTime(a)
	bt, errB := events.ParseTime(b)
	return errA == nil && errB == nil && !at.IsZero() && !bt.IsZero() && at.After(bt)
}
