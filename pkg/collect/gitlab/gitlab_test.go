package gitlab_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/collecttest"
	"github.com/payoff-metrics/payoff/pkg/collect/gitlab"
	"github.com/payoff-metrics/payoff/pkg/events"
)

func source(t testing.TB) *gitlab.Source {
	t.Helper()
	services, err := collect.NewServices(collect.ServiceRule{Service: "website", Repository: "root/*", Environment: "production"})
	if err != nil {
		t.Fatal(err)
	}
	return gitlab.New(gitlab.Options{Services: services, Hotfix: collect.DefaultHotfix, Now: func() time.Time { return collecttest.ReceivedAt }})
}

func delivery(body []byte) collect.Delivery {
	return collect.Delivery{Source: "gitlab", Endpoint: "main", Body: body, ReceivedAt: collecttest.ReceivedAt, Header: http.Header{"Content-Type": {"application/json"}}}
}

func suite(t testing.TB) collecttest.Suite {
	return collecttest.Suite{
		Source:   source(t),
		Delivery: func(_ string, body []byte) collect.Delivery { return delivery(body) },
		Kept: []string{
			"project.path_with_namespace", "environment", "object_attributes.sha", "object_attributes.state", "object_attributes.merge_commit_sha",
			"object_attributes.last_commit.id", "labels.title", "after", "merge_request.last_commit.id", "merge_request.labels.title", "commits.id", "commits.added", "commits.modified",
		},
	}
}

func TestSuite(t *testing.T) { suite(t).Run(t) }

func altered(t testing.TB, file string, set map[string]any) []byte {
	t.Helper()
	return collecttest.Alter(t, collecttest.Read(t, "testdata/"+file), set)
}

func TestStates(t *testing.T) {
	for status, want := range map[string][]events.Kind{
		"created": {events.DeploymentStarted}, "running": {events.DeploymentStarted}, "blocked": {events.DeploymentStarted},
		"success": {events.ServiceDeployed}, "failed": {events.DeploymentFailed}, "canceled": {events.DeploymentFailed}, "skipped": nil,
	} {
		var got []events.Kind
		for _, e := range suite(t).Events(t, delivery(altered(t, "deployment.success.json", map[string]any{"status": status}))) {
			got = append(got, e.Kind)
		}
		if !slices.Equal(got, want) {
			t.Errorf("status %s became %v, want %v", status, got, want)
		}
	}
	for status, want := range map[string]string{"success": "success", "failed": "failure", "canceled": "cancel", "skipped": "", "manual": "", "running": "", "created": ""} {
		evs := suite(t).Events(t, delivery(altered(t, "pipeline.success.json", map[string]any{"object_attributes.status": status})))
		if want == "" && len(evs) > 0 || want != "" && evs[0].Data.Subject.Content.Outcome != want {
			t.Errorf("status %s became %d events, want outcome %q", status, len(evs), want)
		}
	}
}

// TestMergeCommit: what a merge put on the branch, by each way to merge.
func TestMergeCommit(t *testing.T) {
	for _, c := range []struct {
		set  map[string]any
		want string
	}{
		{map[string]any{"object_attributes.merge_commit_sha": "m"}, "m"},
		{map[string]any{"object_attributes.merge_commit_sha": nil, "object_attributes.squash_commit_sha": "s", "object_attributes.squash": true}, "s"},
		{map[string]any{"object_attributes.merge_commit_sha": nil, "object_attributes.squash": true}, ""},
		{map[string]any{"object_attributes.merge_commit_sha": nil}, "da1560886d4f094c3e6c9ef40349f7d38b5d27d7"}, // by fast-forward
	} {
		got := suite(t).Events(t, delivery(altered(t, "merge_request.merge.json", c.set)))[0].Data.Custom
		if got.MergeCommit != c.want {
			t.Errorf("with %v the merge commit is %q, want %q", c.set, got.MergeCommit, c.want)
		}
	}
}

// TestActors: who opened a merge request is its author; who merged it is not, unless
// it is the same.
func TestActors(t *testing.T) {
	actor := func(file string, set map[string]any) string {
		return suite(t).Events(t, delivery(altered(t, file, set)))[0].Actor
	}
	author := actor("merge_request.open.json", map[string]any{"user.id": 51})
	if author == "" || actor("merge_request.merge.json", map[string]any{"user.id": 51}) != author {
		t.Error("the author who merges is not the author who opened")
	}
	if got := actor("merge_request.merge.json", map[string]any{"user.id": 7, "user.username": "other"}); got != "" {
		t.Errorf("who merged the work of another is its author: %s", got)
	}
	if got := actor("merge_request.approved.json", map[string]any{"user.id": 7, "user.username": "other"}); got == "" || got == author {
		t.Errorf("who approved is %q", got)
	}
}

// TestComments: a comment on a merge request by another is a review; the author's own,
// GitLab's notes of what was done, and comments on anything else are none.
func TestComments(t *testing.T) {
	count := func(set map[string]any) int {
		return len(suite(t).Events(t, delivery(altered(t, "note.merge_request.json", set))))
	}
	if n := count(nil); n != 1 {
		t.Errorf("a comment became %d events", n)
	}
	for _, set := range []map[string]any{
		{"object_attributes.author_id": 51}, {"object_attributes.system": true}, {"object_attributes.noteable_type": "Issue"},
	} {
		if n := count(set); n != 0 {
			t.Errorf("with %v it became %d events", set, n)
		}
	}
	if a, b := collecttest.Read(t, "testdata/note.merge_request.json"), altered(t, "note.merge_request.json", map[string]any{"object_attributes.note": "edited", "object_attributes.updated_at": "2013-12-04 11:00:00 UTC"}); suite(t).Events(t, delivery(a))[0].ID != suite(t).Events(t, delivery(b))[0].ID {
		t.Error("a comment that is edited is another review")
	}
}

// TestPushes: a tag, a branch that is gone or begins at a known commit tell nothing;
// of a list that was cut it is not known what it follows.
func TestPushes(t *testing.T) {
	zero := strings.Repeat("0", 40)
	for _, set := range []map[string]any{{"ref": "refs/tags/v1"}, {"after": zero}, {"commits": []any{}}} {
		if evs := suite(t).Events(t, delivery(altered(t, "push.branch.json", set))); len(evs) > 0 {
			t.Errorf("a push with %v tells %d events", set, len(evs))
		}
	}
	before := func(set map[string]any) string {
		return suite(t).Events(t, delivery(altered(t, "push.branch.json", set)))[0].Data.Subject.Content.Before
	}
	if got := before(nil); got != "" {
		t.Errorf("2 of 4 commits are listed, and they follow %s", got)
	}
	if got := before(map[string]any{"total_commits_count": 2}); got != "95790bf891e76fee5e1747ab589903a6a1f80f22" {
		t.Errorf("the commits follow %q", got)
	}
	redacted := suite(t).Events(t, delivery(altered(t, "push.branch.json", map[string]any{"commits": []any{
		map[string]any{"id": "a", "timestamp": "2026-01-01T00:00:00Z", "author": map[string]any{"name": "Ann", "email": "[REDACTED]"}},
		map[string]any{"id": "b", "timestamp": "2026-01-01T00:00:00Z", "author": map[string]any{"name": "Bob", "email": "[REDACTED]"}},
	}})))
	if redacted[1].Actor == redacted[2].Actor {
		t.Error("two authors who show no address are one")
	}
}

// TestIdentity: a retry is the same fact, another transition is not.
func TestIdentity(t *testing.T) {
	first := func(file string, set map[string]any) string {
		d := delivery(altered(t, file, set))
		d.ReceivedAt = d.ReceivedAt.Add(time.Hour)
		return suite(t).Events(t, d)[0].ID
	}
	for _, file := range []string{"deployment.success.json", "merge_request.merge.json", "pipeline.success.json", "push.branch.json"} {
		if a := suite(t).Events(t, delivery(altered(t, file, nil))); a[0].ID != first(file, nil) {
			t.Errorf("%s: a retry is another fact", file)
		}
	}
	if first("deployment.success.json", nil) == first("deployment.success.json", map[string]any{"status": "running"}) {
		t.Error("that a deployment runs and that it succeeded are one fact")
	}
	if first("merge_request.merge.json", nil) != first("merge_request.merge.json", map[string]any{"object_attributes.updated_at": "2020-01-01T00:00:00Z"}) {
		t.Error("one merge, told with another time of update, is two facts")
	}
}

// TestChangedPayload: what cannot be understood is an error that names the field and
// holds nothing of what was in it.
func TestChangedPayload(t *testing.T) {
	const secret = "Jane Doe"
	for _, c := range []struct {
		file  string
		set   map[string]any
		field string
	}{
		{"deployment.success.json", map[string]any{"status": secret}, "status"},
		{"deployment.success.json", map[string]any{"deployment_id": secret}, "deployment_id"},
		{"deployment.success.json", map[string]any{"deployment_id": 0}, "deployment_id"},
		{"deployment.success.json", map[string]any{"status_changed_at": secret}, "status_changed_at"},
		{"deployment.success.json", map[string]any{"status_changed_at": nil}, "status_changed_at"},
		{"deployment.success.json", map[string]any{"project.path_with_namespace": ""}, "project.path_with_namespace"},
		{"pipeline.success.json", map[string]any{"object_attributes": nil}, "object_attributes.id"},
		{"pipeline.success.json", map[string]any{"object_attributes.finished_at": nil}, "object_attributes.finished_at"},
		{"merge_request.merge.json", map[string]any{"object_attributes.iid": 0}, "object_attributes.iid"},
		{"merge_request.merge.json", map[string]any{"object_attributes.updated_at": nil}, "the time of merge in object_attributes"},
		{"push.branch.json", map[string]any{"commits": []any{map[string]any{"message": secret}}}, "commits.id"},
		{"push.branch.json", map[string]any{"commits": secret}, "commits"},
		{"push.branch.json", map[string]any{"object_kind": ""}, "object_kind"},
	} {
		_, err := source(t).Normalise(delivery(altered(t, c.file, c.set)))
		fe, ok := errors.AsType[*events.FieldError](err)
		if !ok || fe.Field != c.field || !errors.Is(err, events.ErrInvalid) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s with %v: %v, want an error about %s", c.file, c.set, err, c.field)
		}
	}
	for _, body := range []string{"", "not JSON", "[]", `{"object_kind":`, "\xff\xfe"} {
		if _, err := source(t).Normalise(delivery([]byte(body))); !errors.Is(err, events.ErrInvalid) {
			t.Errorf("body %q: %v, want an invalid event", body, err)
		}
	}
}

func TestVerify(t *testing.T) {
	body := []byte(`{"object_kind":"push"}`)
	secrets := [][]byte{[]byte("old"), []byte("a secret")}
	for token, want := range map[string]error{"a secret": nil, "old": nil, "another": collect.ErrSignature, "": collect.ErrUnsigned} {
		if err := source(t).Verify(http.Header{"X-Gitlab-Token": {token}}, body, secrets); !errors.Is(err, want) {
			t.Errorf("token %q: %v, want %v", token, err, want)
		}
	}
	if err := source(t).Verify(http.Header{"X-Gitlab-Token": {""}}, body, nil); !errors.Is(err, collect.ErrNoSecret) {
		t.Errorf("no secret is configured: %v", err)
	}
	key := []byte("0123456789abcdef0123456789abcdef")
	sign := func(id, ts string, body []byte) string {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", id, ts, body)
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	now := fmt.Sprint(collecttest.ReceivedAt.Unix())
	old := fmt.Sprint(collecttest.ReceivedAt.Add(-time.Hour).Unix())
	secrets = [][]byte{[]byte("whsec_" + base64.StdEncoding.EncodeToString(key))}
	for _, c := range []struct {
		name, id, ts, signature string
		want                    error
	}{
		{"signed", "m1", now, sign("m1", now, body), nil},
		{"one of two", "m1", now, "v1,AAAA " + sign("m1", now, body), nil},
		{"another body", "m1", now, sign("m1", now, []byte("{}")), collect.ErrSignature},
		{"another id", "m2", now, sign("m1", now, body), collect.ErrSignature},
		{"old", "m1", old, sign("m1", old, body), collect.ErrStale},
	} {
		h := http.Header{"Webhook-Id": {c.id}, "Webhook-Timestamp": {c.ts}, "Webhook-Signature": {c.signature}, "X-Gitlab-Token": {string(secrets[0])}}
		if err := source(t).Verify(h, body, secrets); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, file := range collecttest.Files(f) {
		f.Add(collecttest.Read(f, file))
	}
	s := suite(f)
	f.Fuzz(func(t *testing.T, body []byte) { s.Fuzz(t, delivery(body)) })
}
