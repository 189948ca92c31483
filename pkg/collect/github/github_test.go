package github_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/collecttest"
	"github.com/payoff-metrics/payoff/pkg/collect/github"
	"github.com/payoff-metrics/payoff/pkg/events"
)

func source(t testing.TB) *github.Source {
	t.Helper()
	services, err := collect.NewServices(
		collect.ServiceRule{Service: "website", Repository: "Codertocat/*", Environment: "github-pages"},
		collect.ServiceRule{Service: "octo", Repository: "octo-org/octo-repo"},
	)
	if err != nil {
		t.Fatal(err)
	}
	return github.New(github.Options{Services: services, Hotfix: collect.DefaultHotfix})
}

func delivery(event string, body []byte) collect.Delivery {
	return collect.Delivery{
		Source: "github", Endpoint: "main", Body: body, ReceivedAt: collecttest.ReceivedAt,
		Header: http.Header{"X-Github-Event": {event}, "X-Github-Delivery": {"72d3162e"}, "Content-Type": {"application/json"}},
	}
}

func eventOf(file string) string {
	event, _, _ := strings.Cut(filepath.Base(file), ".")
	return event
}

func suite(t testing.TB) collecttest.Suite {
	return collecttest.Suite{
		Source:   source(t),
		Delivery: func(file string, body []byte) collect.Delivery { return delivery(eventOf(file), body) },
		Kept: []string{
			"repository.full_name", "repository.name", "deployment.original_environment", "deployment.sha",
			"workflow.name", "workflow_run.html_url", "workflow_run.head_sha",
			"pull_request.state", "pull_request.head.sha", "pull_request.merge_commit_sha", "pull_request.labels.name",
			"review.state", "review.commit_id", "before", "after", "commits.id", "commits.added", "commits.removed", "commits.modified",
		},
	}
}

func TestSuite(t *testing.T) { suite(t).Run(t) }

func altered(t testing.TB, file string, set map[string]any) []byte {
	t.Helper()
	return collecttest.Alter(t, collecttest.Read(t, "testdata/"+file), set)
}

func TestStates(t *testing.T) {
	for state, want := range map[string][]events.Kind{
		"success": {events.ServiceDeployed}, "failure": {events.DeploymentFailed}, "error": {events.DeploymentFailed},
		"in_progress": {events.DeploymentStarted}, "queued": {events.DeploymentStarted}, "pending": {events.DeploymentStarted}, "waiting": {events.DeploymentStarted},
		"inactive": nil,
	} {
		body := altered(t, "deployment_status.success.json", map[string]any{"deployment_status.state": state})
		var got []events.Kind
		for _, e := range suite(t).Events(t, delivery("deployment_status", body)) {
			got = append(got, e.Kind)
		}
		if !slices.Equal(got, want) {
			t.Errorf("state %s became %v, want %v", state, got, want)
		}
	}
	for conclusion, want := range map[string]string{
		"success": "success", "failure": "failure", "timed_out": "failure", "startup_failure": "failure", "cancelled": "cancel",
		"skipped": "", "neutral": "", "stale": "", "action_required": "",
	} {
		body := altered(t, "workflow_run.completed.json", map[string]any{"workflow_run.conclusion": conclusion})
		evs := suite(t).Events(t, delivery("workflow_run", body))
		if want == "" && len(evs) > 0 || want != "" && evs[0].Data.Subject.Content.Outcome != want {
			t.Errorf("conclusion %s became %d events %v, want outcome %q", conclusion, len(evs), evs, want)
		}
	}
}

// TestChangedPayload: what cannot be understood is an error that names the
// field and holds nothing of what was in it.
func TestChangedPayload(t *testing.T) {
	const secret = "Jane Doe"
	for _, c := range []struct {
		event, file string
		set         map[string]any
		field       string
	}{
		{"deployment_status", "deployment_status.success.json", map[string]any{"deployment_status.state": secret}, "deployment_status.state"},
		{"deployment_status", "deployment_status.success.json", map[string]any{"deployment_status.id": secret}, "deployment_status.id"},
		{"deployment_status", "deployment_status.success.json", map[string]any{"deployment_status.created_at": secret}, "deployment_status.created_at"},
		{"deployment_status", "deployment_status.success.json", map[string]any{"deployment": nil}, "deployment.id"},
		{"deployment", "deployment.created.json", map[string]any{"deployment.created_at": nil}, "deployment.created_at"},
		{"workflow_run", "workflow_run.completed.json", map[string]any{"workflow_run.updated_at": nil}, "workflow_run.updated_at"},
		{"pull_request", "pull_request.opened.json", map[string]any{"pull_request": nil}, "pull_request.number"},
		{"pull_request", "pull_request.merged.json", map[string]any{"pull_request.merged_at": nil}, "the time of closed in pull_request"},
		{"pull_request_review", "pull_request_review.submitted.json", map[string]any{"review.submitted_at": nil}, "review.submitted_at"},
		{"push", "push.forced.json", map[string]any{"commits": []any{map[string]any{"message": secret}}}, "commits.id"},
		{"push", "push.forced.json", map[string]any{"commits": secret}, "commits"},
		{"push", "push.forced.json", map[string]any{"repository.full_name": ""}, "repository.full_name"},
		{"", "push.forced.json", nil, "X-GitHub-Event"},
	} {
		_, err := source(t).Normalise(delivery(c.event, altered(t, c.file, c.set)))
		fe, ok := errors.AsType[*events.FieldError](err)
		if !ok || fe.Field != c.field || !errors.Is(err, events.ErrInvalid) {
			t.Errorf("%s with %v: %v, want an error about %s", c.file, c.set, err, c.field)
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s with %v: the error repeats the payload: %v", c.file, c.set, err)
		}
	}
	for _, body := range []string{"", "not JSON", "[]", `{"repository":`, "\xff\xfe"} {
		if _, err := source(t).Normalise(delivery("push", []byte(body))); !errors.Is(err, events.ErrInvalid) {
			t.Errorf("body %q: %v, want an invalid event", body, err)
		}
	}
}

// TestIdentity: a redelivery and the transition seen with other data are the
// same fact; other transitions are not.
func TestIdentity(t *testing.T) {
	ids := func(event, file string, set map[string]any, guid string) []string {
		d := delivery(event, altered(t, file, set))
		d.Header.Set("X-GitHub-Delivery", guid)
		d.ReceivedAt = d.ReceivedAt.Add(time.Hour)
		var out []string
		for _, e := range suite(t).Events(t, d) {
			out = append(out, e.ID)
		}
		return out
	}
	first := ids("pull_request", "pull_request.merged.json", nil, "a")
	again := ids("pull_request", "pull_request.merged.json", map[string]any{"pull_request.title": "other", "pull_request.updated_at": "2020-01-01T00:00:00Z"}, "b")
	if !slices.Equal(first, again) || len(first) != 1 {
		t.Errorf("one merge has the identities %v and %v", first, again)
	}
	if opened := ids("pull_request", "pull_request.opened.json", nil, "a"); slices.Equal(opened, first) {
		t.Error("opening and merging have one identity")
	}
	push := ids("push", "push.forced.json", nil, "a")
	back := ids("push", "push.forced.json", map[string]any{"repository.pushed_at": 1757933657}, "b")
	if push[0] == back[0] || !slices.Equal(push[1:], back[1:]) {
		t.Errorf("pushing the same again at another time: push %s and %s, commits %v and %v; want two pushes of the same commits", push[0], back[0], push[1:], back[1:])
	}
}

// TestHotfix: a deployment is a hotfix by its branch or because the pipeline says so,
// a pull request by its branch or a label, whenever that is given; the names are the
// configuration's.
func TestHotfix(t *testing.T) {
	hotfix, err := collect.NewPatterns("urgent/*", "sev1")
	if err != nil {
		t.Fatal(err)
	}
	s := suite(t)
	s.Source = github.New(github.Options{Hotfix: hotfix})
	label := func(name string) any { return []any{map[string]any{"name": name}} }
	for _, c := range []struct {
		event, file string
		set         map[string]any
		want        bool
	}{
		{"deployment_status", "deployment_status.success.json", nil, false},
		{"deployment_status", "deployment_status.success.json", map[string]any{"deployment.payload": map[string]any{"hotfix": true}}, true},
		{"pull_request", "pull_request.opened.json", nil, false},
		{"pull_request", "pull_request.opened.json", map[string]any{"pull_request.head.ref": "urgent/cart"}, true},
		{"pull_request", "pull_request.labeled.json", map[string]any{"label.name": "sev1", "pull_request.head.ref": "urgent/x"}, true},
	} {
		e := s.Events(t, delivery(c.event, altered(t, c.file, c.set)))[0]
		if got := e.Data.Custom.Hotfix; got != c.want {
			t.Errorf("%s with %v is a hotfix: %v", c.file, c.set, got)
		}
	}
	if evs := s.Events(t, delivery("pull_request", altered(t, "pull_request.labeled.json", map[string]any{"label.name": "docs"}))); len(evs) > 0 {
		t.Errorf("another label tells %d events", len(evs))
	}
	// The patterns of the edge are the same ones: those of the suite are the defaults.
	for file, set := range map[string]map[string]any{
		"deployment_status.success.json": {"deployment.ref": "hotfix/cart"},
		"pull_request.opened.json":       {"pull_request.labels": label("hotfix")},
	} {
		if e := suite(t).Events(t, delivery(eventOf(file), altered(t, file, set)))[0]; !e.Data.Custom.Hotfix {
			t.Errorf("%s with %v is no hotfix", file, set)
		}
	}
}

// TestCommitsOfAPullRequest: new commits tell the last one; a push to a branch lists
// what is the branch's own, and says it of the pull request it reverts.
func TestCommitsOfAPullRequest(t *testing.T) {
	body := altered(t, "pull_request.opened.json", map[string]any{"action": "synchronize", "pull_request.head.sha": "aa11", "pull_request.commits": 3,
		"pull_request.body": "Reverts Codertocat/Hello-World#1"})
	e := suite(t).Events(t, delivery("pull_request", body))[0]
	if c := e.Data.Custom; e.Kind != events.ChangeUpdated || c.HeadCommit != "aa11" || c.CommitCount != 3 || c.ReadyAt != "" || !slices.Equal(c.Reverts, []string{"Codertocat/Hello-World#1"}) {
		t.Errorf("new commits became %s %+v", e.Kind, c)
	}
	push := func(ref string) []string {
		commit := func(id string, distinct bool) any {
			return map[string]any{"id": id, "distinct": distinct, "timestamp": "2026-01-01T00:00:00Z"}
		}
		body := altered(t, "push.forced.json", map[string]any{"ref": ref, "commits": []any{commit("m1", false), commit("a1", true)}})
		evs := suite(t).Events(t, delivery("push", body))
		if len(evs) != 3 {
			t.Errorf("a push of two commits tells %d events, want 3", len(evs))
		}
		return evs[0].Data.Subject.Content.Commits
	}
	if topic, trunk := push("refs/heads/topic"), push("refs/heads/master"); !slices.Equal(topic, []string{"a1"}) || !slices.Equal(trunk, []string{"m1", "a1"}) {
		t.Errorf("a push lists %v on a branch and %v on the default branch", topic, trunk)
	}
}

// TestExtra: a pipeline may name service, version and what it repairs; prose and
// other forms are passed over.
func TestExtra(t *testing.T) {
	for payload, want := range map[string]struct {
		service, version string
		fixes            []string
	}{
		`{}`: {"Hello-World", "", nil},
		`""`: {"Hello-World", "", nil},
		`{"service":"payments","version":"v1","fixes":["PD-7","by Jane Doe"]}`: {"payments", "v1", []string{"PD-7"}},
		`"{\"service\":\"payments\",\"version\":\"the one of Jane\"}"`:         {"payments", "", nil},
		`{"service":["a","b"],"version":"v1"}`:                                 {"Hello-World", "", nil},
		`[1]`:                                                                  {"Hello-World", "", nil},
	} {
		body := altered(t, "deployment_status.success.json", map[string]any{"deployment.payload": json.RawMessage(payload)})
		got := suite(t).Events(t, delivery("deployment_status", body))[0].Data.Custom
		if got.Service.ID != want.service || got.Version != want.version || !slices.Equal(got.Fixes, want.fixes) {
			t.Errorf("%s: %s %s %v, want %v", payload, got.Service.ID, got.Version, got.Fixes, want)
		}
	}
}

func TestForm(t *testing.T) {
	d := delivery("ping", []byte("payload=%7B%22repository%22%3A%7B%22full_name%22%3A%22a%2Fb%22%7D%2C%22ref%22%3A%22refs%2Ftags%2Fx%22%7D"))
	d.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	d.Header.Set("X-GitHub-Event", "push")
	if drafts, err := source(t).Normalise(d); err != nil || len(drafts) != 0 {
		t.Errorf("a push of a tag as a form: %d drafts, %v", len(drafts), err)
	}
	d.Body = []byte("pay=load")
	if _, err := source(t).Normalise(d); !errors.Is(err, events.ErrInvalid) {
		t.Errorf("a form without payload: %v", err)
	}
}

func TestVerify(t *testing.T) {
	// The example of GitHub's documentation on validating deliveries.
	h := http.Header{"X-Hub-Signature-256": {"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"}}
	secrets := [][]byte{[]byte("It's a Secret to Everybody")}
	if err := source(t).Verify(h, []byte("Hello, World!"), secrets); err != nil {
		t.Errorf("GitHub's own example: %v", err)
	}
	if err := source(t).Verify(h, []byte("Hello, World?"), secrets); !errors.Is(err, collect.ErrSignature) {
		t.Errorf("altered: %v", err)
	}
	h.Set("X-Hub-Signature", "sha1=0000000000000000000000000000000000000000")
	h.Del("X-Hub-Signature-256")
	if err := source(t).Verify(h, []byte("Hello, World!"), secrets); !errors.Is(err, collect.ErrUnsigned) {
		t.Errorf("SHA-1 only: %v", err)
	}
}

func FuzzNormalise(f *testing.F) {
	for _, file := range collecttest.Files(f) {
		f.Add(eventOf(file), collecttest.Read(f, file))
	}
	s := suite(f)
	f.Fuzz(func(t *testing.T, event string, body []byte) { s.Fuzz(t, delivery(event, body)) })
}

func BenchmarkNormalise(b *testing.B) {
	for _, file := range []string{"deployment_status.success.json", "pull_request.merged.json"} {
		var compact bytes.Buffer
		if err := json.Compact(&compact, collecttest.Read(b, "testdata/"+file)); err != nil {
			b.Fatal(err)
		}
		b.Run(file, func(b *testing.B) {
			s, d := source(b), delivery(eventOf(file), compact.Bytes())
			b.SetBytes(int64(compact.Len()))
			for b.Loop() {
				if _, err := s.Normalise(d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
