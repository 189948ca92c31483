package collect_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/seal"
)

func people(t testing.TB) *seal.Pseudonymiser {
	t.Helper()
	p, err := seal.NewPseudonymiser([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func protector(t testing.TB) collect.Protector {
	t.Helper()
	names, err := collect.NewPatterns("ci@example.com", "renovate*")
	if err != nil {
		t.Fatal(err)
	}
	return collect.Protector{People: people(t), Bots: collect.BotRule{Names: names}, Hotfix: collect.DefaultHotfix}
}

func draft(change func(*events.Draft)) events.Draft {
	d := events.Draft{
		Source: "test", Kind: events.ServiceDeployed, Natural: []string{"1"}, Subject: "payments",
		Time: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), Mapping: 1,
		Content: events.Fields{Environment: &events.Ref{ID: "production"}},
	}
	if change != nil {
		change(&d)
	}
	return d
}

func TestActor(t *testing.T) {
	p := protector(t)
	person := func(account string) string { return people(t).Person(account) }
	for _, c := range []struct{ account, kind, name string }{
		{"", "", ""},
		{"  ", "", ""},
		{"jane@example.com", events.Human, person("jane@example.com")},
		{" Jane@Example.com ", events.Human, person("jane@example.com")},
		{"github:octocat", events.Human, person("github:octocat")},
		{"octocat@users.noreply.github.com", events.Human, person("github:octocat")},
		{"583231+octocat@users.noreply.github.com", events.Human, person("github:octocat")},
		{"a+b@example.com", events.Human, person("a+b@example.com")},
		{person("jane@example.com"), events.Human, person("jane@example.com")},
		{"github:dependabot[bot]", events.Bot, "dependabot[bot]"},
		{"49699333+dependabot[bot]@users.noreply.github.com", events.Bot, "dependabot[bot]"},
		{"ci@example.com", events.Bot, "ci"},
		{"CI@example.com", events.Bot, "CI"},
		{"github:renovate-acme", events.Bot, "renovate-acme"},
		{"robot@example.com", events.Human, person("robot@example.com")},
	} {
		kind, name := p.Actor(c.account)
		if kind != c.kind || name != c.name {
			t.Errorf("Actor(%q) = %q, %q; want %q, %q", c.account, kind, name, c.kind, c.name)
		}
	}
}

func TestProtectRefs(t *testing.T) {
	p := protector(t)
	const hidden = "branch_…"
	for _, c := range []struct {
		ref           string
		defaultBranch bool
		want          string
		hotfix        bool
	}{
		{ref: "jane/try-this", want: hidden},
		{ref: "refs/heads/jane/try-this", want: hidden},
		{ref: "jane/try-this", defaultBranch: true, want: "jane/try-this"},
		{ref: "refs/heads/main", want: "main"},
		{ref: "refs/tags/v1.4.2", want: "refs/tags/v1.4.2"},
		{ref: "v1.4.2", want: "v1.4.2"},
		{ref: "2026.03.1-rc.2", want: "2026.03.1-rc.2"},
		{ref: "release/1.x", want: "release/1.x"},
		{ref: "release/jane", want: hidden},
		{ref: strings.Repeat("a1", 20), want: strings.Repeat("a1", 20)},
		{ref: "hotfix/jane-doe", want: hidden, hotfix: true},
		{ref: "HOTFIX-1", want: hidden, hotfix: true},
		{ref: "prefix/hotfix", want: hidden},
		{ref: "", want: ""},
	} {
		t.Run(c.ref, func(t *testing.T) {
			e, err := p.Event(draft(func(d *events.Draft) { d.Custom.Ref, d.Custom.DefaultBranch = c.ref, c.defaultBranch }))
			if err != nil {
				t.Fatal(err)
			}
			got := e.Data.Custom.Ref
			if strings.HasPrefix(got, "branch_") && len(got) == len("branch_")+16 && c.want == hidden {
				got = hidden
			}
			if got != c.want || e.Data.Custom.Hotfix != c.hotfix {
				t.Errorf("ref %q, hotfix %v; want %q, %v", got, e.Data.Custom.Hotfix, c.want, c.hotfix)
			}
		})
	}
}

func TestProtectHotfixLabel(t *testing.T) {
	e, err := protector(t).Event(draft(func(d *events.Draft) { d.Custom.Labels = []string{"bug", "Hotfix"} }))
	if err != nil || !e.Data.Custom.Hotfix {
		t.Errorf("hotfix %v, %v; want the label to mark it", e.Data.Custom.Hotfix, err)
	}
}

func TestProtectAddresses(t *testing.T) {
	p := protector(t)
	jane := people(t).Person("jane@example.com")
	for in, want := range map[string]string{
		"jane@example.com":                       jane,
		"by <Jane@Example.com>.":                 "by <" + jane + ">.",
		"mailto:jane@example.com?x=1":            "mailto:" + jane + "?x=1",
		"https://x.org/?by=jane%40example.com":   "https://x.org/?by=" + jane,
		"jane@example.com,jane@example.com":      jane + "," + jane,
		`"jane doe"@example.com`:                 people(t).Person(`"jane doe"@example.com`),
		"jane@corp":                              people(t).Person("jane@corp"),
		"j@163.com":                              people(t).Person("j@163.com"),
		"ci@example.com":                         "ci",
		"https://jane:hunter2@example.com/x":     "https://example.com/x",
		"pkg:oci/payments@sha256:0123abc":        "pkg:oci/payments@sha256:0123abc",
		"pkg:npm/%40angular/animation@12.3.1":    "pkg:npm/%40angular/animation@12.3.1",
		"pkg:golang/example.org/x@v1.0.0-rc.one": "pkg:golang/example.org/x@v1.0.0-rc.one",
		"actions/checkout@v4":                    "actions/checkout@v4",
		"git@example.com:acme/payments.git":      "git@example.com:acme/payments.git",
		"@":                                      "@",
		"nobody":                                 "nobody",
	} {
		e, err := p.Event(draft(func(d *events.Draft) { d.Custom.URI = in }))
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Data.Custom.URI; got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestProtectEveryField puts an address into every place of a draft that takes
// text: a member that is added to Fields is covered from its first day.
func TestProtectEveryField(t *testing.T) {
	const canary = "canary.person@example.com"
	fill := func(f *events.Fields) {
		v := reflect.ValueOf(f).Elem()
		for i := range v.NumField() {
			switch v.Field(i).Interface().(type) {
			case string:
				v.Field(i).SetString(canary)
			case []string:
				v.Field(i).Set(reflect.ValueOf([]string{"x", canary}))
			case *events.Ref:
				v.Field(i).Set(reflect.ValueOf(&events.Ref{ID: canary, Source: "by " + canary}))
			}
		}
	}
	for _, def := range events.Definitions() {
		d := draft(func(d *events.Draft) {
			d.Kind, d.Subject, d.Actor = def.Kind, canary, canary
			fill(&d.Content)
			fill(&d.Custom)
		})
		before := d.Content.Labels[1]
		e, err := protector(t).Event(d)
		if err != nil {
			t.Fatal(err)
		}
		b, err := events.Encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.ToLower(string(b)); strings.Contains(text, "canary") || strings.Contains(text, "example.com") {
			t.Errorf("%s: the address is in %s", def.Kind, b)
		}
		if d.Content.Labels[1] != before {
			t.Errorf("%s: the draft's own slice was altered", def.Kind)
		}
	}
}

func TestProtectPersonsWithoutAddress(t *testing.T) {
	p := protector(t)
	for name, d := range map[string]events.Draft{
		"actor": draft(func(d *events.Draft) { d.Actor = "janedoe" }),
		"unit": draft(func(d *events.Draft) {
			d.Kind = events.UsageRecorded
			d.Content.Unit, d.Content.UnitKind = "janedoe", "person"
		}),
		"member":         draft(func(d *events.Draft) { d.Kind = events.MembershipChanged; d.Subject = "janedoe" }),
		"member as unit": draft(func(d *events.Draft) { d.Kind = events.MembershipChanged; d.Content.Unit = "janedoe" }),
		"declared person": draft(func(d *events.Draft) {
			d.Kind, d.Subject = events.OrgDeclared, "person/github:janedoe"
			d.Content = events.Fields{Rows: []events.Declared{{Person: "github:janedoe", Alias: "janedoe@example.com", Team: "of janedoe@example.com"}}}
		}),
		"actor said to be bot": draft(func(d *events.Draft) { d.ActorKind, d.Actor = events.Bot, "janedoe@example.com" }),
	} {
		e, err := p.Event(d)
		if err != nil {
			t.Fatal(err)
		}
		b, err := events.Encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "janedoe") {
			t.Errorf("%s: the name is in %s", name, b)
		}
	}
	e, err := p.Event(draft(func(d *events.Draft) { d.Content.Unit, d.Content.UnitKind = "payments-team", "team" }))
	if err != nil || e.Data.Subject.Content.Unit != "payments-team" {
		t.Errorf("unit of kind team became %q, %v", e.Data.Subject.Content.Unit, err)
	}
	e, err = p.Event(draft(func(d *events.Draft) { d.ActorKind, d.Actor = events.Bot, "github:argo" }))
	if err != nil || e.Actor != "argo" || e.ActorKind != events.Bot {
		t.Errorf("actor %q of kind %q, %v; want the bot argo", e.Actor, e.ActorKind, err)
	}
}

func TestProtectIsIdempotent(t *testing.T) {
	p := protector(t)
	d := draft(func(d *events.Draft) {
		d.Actor, d.Subject = "jane@example.com", "of jane@example.com"
		d.Custom = events.Fields{Ref: "jane/x", Unit: "jane", UnitKind: "person", URI: "jane@example.com", Fixes: []string{"jane@example.com"}}
	})
	once, err := p.Event(d)
	if err != nil {
		t.Fatal(err)
	}
	d.Actor, d.ActorKind, d.Subject, d.Content, d.Custom, d.Flags = once.Actor, once.ActorKind, once.Subject, once.Data.Subject.Content, once.Data.Custom, once.Flags
	twice, err := p.Event(d)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(once, twice); diff != "" {
		t.Errorf("protecting again changed (-once +twice):\n%s", diff)
	}
}

func TestDeclaredPersonIsProtectedOnce(t *testing.T) {
	p := protector(t)
	d := draft(func(d *events.Draft) {
		d.Kind, d.Subject = events.OrgDeclared, "person/jane@example.com"
		d.Content = events.Fields{Rows: []events.Declared{{Person: "jane@example.com", Alias: "github:jane"}}}
	})
	once, err := p.Event(d)
	if err != nil {
		t.Fatal(err)
	}
	row := once.Data.Subject.Content.Rows[0]
	if row.Person != people(t).Person("jane@example.com") || row.Alias != people(t).Person("github:jane") {
		t.Errorf("accounts became %q and %q, want their pseudonyms", row.Person, row.Alias)
	}
	if strings.Contains(once.Subject, row.Person[2:]) {
		t.Errorf("the subject %q, which analysts see, holds the pseudonym", once.Subject)
	}
	d.Subject, d.Content = once.Subject, once.Data.Subject.Content
	if twice, err := p.Event(d); err != nil || !cmp.Equal(once, twice) {
		t.Errorf("protecting again changed, %v:\n%s", err, cmp.Diff(once, twice))
	}
	d.Subject = "person/" + people(t).Person("jane@example.com")
	if e, err := p.Event(d); err != nil || e.Subject != once.Subject {
		t.Errorf("the pseudonym's subject is %q, %v; want that of its account, %q", e.Subject, err, once.Subject)
	}
}

func TestFlags(t *testing.T) {
	p := protector(t)
	for _, c := range []struct {
		name string
		d    events.Draft
		want []string
	}{
		{"complete", draft(nil), nil},
		{"no environment", draft(func(d *events.Draft) { d.Content.Environment = nil }), []string{events.FlagNoEnvironment}},
		{"no service", draft(func(d *events.Draft) { d.Kind = events.DeploymentFailed }), []string{events.FlagNoService}},
		{"impossible", draft(func(d *events.Draft) { d.Time = time.Unix(0, 0) }), []string{events.FlagImpossibleTime}},
		{"authored after it was committed", draft(func(d *events.Draft) {
			d.Kind = events.CommitRecorded
			d.Content = events.Fields{AuthorTime: "2026-03-02T09:00:01Z", CommitterTime: "2026-03-02T09:00:00Z"}
		}), []string{events.FlagFutureAuthored}},
		{"authored as it was committed", draft(func(d *events.Draft) {
			d.Kind = events.CommitRecorded
			d.Content = events.Fields{AuthorTime: "2026-03-02T10:00:00+01:00", CommitterTime: "2026-03-02T09:00:00Z"}
		}), nil},
	} {
		e, err := p.Event(c.d)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, e.Flags); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestProtectNamesTheDraft(t *testing.T) {
	evs, err := protector(t).Protect([]events.Draft{draft(nil), draft(func(d *events.Draft) { d.Subject = "" })})
	if evs != nil || !errors.Is(err, events.ErrInvalid) || !strings.Contains(err.Error(), "fact 1") || !strings.Contains(err.Error(), "subject") {
		t.Errorf("%d events, error %v; want none and an error naming fact 1 and its subject", len(evs), err)
	}
}

func BenchmarkProtect(b *testing.B) {
	p := protector(b)
	d := draft(func(d *events.Draft) { d.Actor = "github:octocat"; d.Custom.Ref = "jane/x" })
	for b.Loop() {
		if _, err := p.Event(d); err != nil {
			b.Fatal(err)
		}
	}
}
