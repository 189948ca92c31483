package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/rollup"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

// The canaries all hold one word, which nothing else holds.
const (
	canaryWord   = "quetzalcanary"
	canaryName   = "Zebulon Quetzalcanary"
	canaryEmail  = "zebulon@quetzalcanary.example"
	canaryLogin  = "zebulon-quetzalcanary"
	canaryBranch = "quetzalcanary/try"
	canarySecret = "quetzalcanary-secret-of-the-endpoint"
	canaryText   = "Fix the till for " + canaryName + "\n\nAsked for by " + canaryEmail + ".\n\nCo-authored-by: " + canaryName + " <" + canaryEmail + ">\nRefs: SHOP-17\n"
)

// TestPrivacy sends a name, an e-mail address and a secret through every door and
// looks for them where they must not be: in any file of the data directory, record
// of Kafka, column of a table, or line of a log. What a tool sent is kept sealed:
// with the delivery key, and only with it, it comes back.
func TestPrivacy(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CANARY_SECRET", canarySecret)
	cfg := filepath.Join(t.TempDir(), "payoff.yaml")
	write(t, cfg, `
ingest:
  endpoints:
    - {source: github, name: main, secrets: [{env: CANARY_SECRET}]}
    - {source: pagerduty, name: main, secrets: [{env: CANARY_SECRET}]}
  tokens: [{name: canary, secret: {env: CANARY_SECRET}, sources: ["**"]}]
rollup: {every: 1h, flush: 50ms}
`)
	t.Setenv("PAYOFF_CONFIG", cfg)
	var logs []string
	u := startUp(t, dir, "-v")
	t.Cleanup(u.cancel)
	info := u.listening(t, dir)

	sent := sendToolCanaries(t, info)
	sendEventCanaries(t, info)
	logs = append(logs, importCanaries(t, dir)...)
	must(t, "rollup", "--data", dir)
	if sent == 0 {
		t.Fatal("no canary was sent")
	}

	if n := lastLine(must(t, "sql", "--data", dir, "--format", "csv", "SELECT count() FROM events WHERE kind IN ('change.created', 'branch.pushed', 'commit.recorded', 'incident.detected', 'service.deployed')")); n == "0" {
		t.Error("the canaries became no events: the test shows nothing")
	}
	searchTables(t, info)
	sealed := searchKafka(t, info)
	letters := decode[[]struct{ Position string }](t, must(t, "dead", "list", "--json", "--data", dir))
	u.cancel()
	if code := <-u.ended; code != exitDone {
		t.Errorf("payoff up: exit %d", code)
	}
	logs = append(logs, u.stdout.String(), u.stderr.String())

	if len(letters) == 0 {
		t.Fatal("nothing is parked: the test shows nothing")
	}
	opened := 0
	for _, l := range letters {
		if hasCanary([]byte(must(t, "dead", "show", l.Position, "--data", dir))) {
			opened++
		}
	}
	if opened == 0 {
		t.Error("no parked delivery gives the canary back")
	}
	if sealed < sent {
		t.Errorf("%d deliveries are kept sealed of %d sent", sealed, sent)
	}
	searchFiles(t, dir)
	for _, text := range logs {
		for line := range strings.Lines(text) {
			if hasCanary([]byte(line)) {
				t.Errorf("a log line: %s", line)
			}
		}
	}
}

func hasCanary(b []byte) bool { return bytes.Contains(bytes.ToLower(b), []byte(canaryWord)) }

// sendToolCanaries sends every payload of the sources' own tests with canaries in
// place of what people write, and some that no mapping understands. It returns how
// many were accepted.
func sendToolCanaries(t *testing.T, info instance.Info) int {
	t.Helper()
	sent := 0
	send := func(source, event string, body []byte) {
		req, err := http.NewRequest(http.MethodPost, "http://"+info.Listen+"/v1/hooks/"+source+"/main", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, []byte(canarySecret))
		mac.Write(body)
		sum := hex.EncodeToString(mac.Sum(nil))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-GitHub-Event", event)
		req.Header.Set("X-GitHub-Delivery", canaryLogin+fmt.Sprint(sent))
		req.Header.Set("X-Hub-Signature-256", "sha256="+sum)
		req.Header.Set("X-PagerDuty-Signature", "v1="+sum)
		req.Header.Set("User-Agent", canaryName)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			t.Errorf("%s %s: %s", source, event, resp.Status)
			return
		}
		sent++
	}
	for _, source := range []string{"github", "pagerduty"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "pkg", "collect", source, "testdata", "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no payloads of %s: %v", source, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var v any
			if err := json.Unmarshal(b, &v); err != nil {
				t.Fatal(err)
			}
			if b, err = json.Marshal(withCanaries(v, "", "")); err != nil {
				t.Fatal(err)
			}
			if !hasCanary(b) && !strings.Contains(f, "ping") {
				t.Errorf("there is no canary in %s", f)
			}
			event, _, _ := strings.Cut(filepath.Base(f), ".")
			send(source, event, b)
		}
		send(source, "push", []byte(`{"ref": "`+canaryBranch+`", "pusher": `)) // cut off
		send(source, "push", []byte(`{"ref": ["`+canaryEmail+`"], "event": {"event_type": {"`+canaryName+`": 1}}}`))
		send(source, "pull_request", []byte(`{"action": "opened", "pull_request": {"title": "`+canaryName+`", "created_at": "`+canaryName+`"}, "event": {"event_type": "incident.triggered", "occurred_at": "`+canaryEmail+`"}}`))
	}
	return sent
}

var (
	writtenByPeople = []string{"email", "login", "message", "title", "body", "username", "display_title", "content", "description"}
	people          = []string{"author", "committer", "pusher", "sender", "user", "creator", "actor", "triggering_actor", "owner", "assignee", "assignees",
		"agent", "requested_reviewers", "merged_by", "assigner", "user_reference", "closed_by"}
)

// withCanaries puts a canary wherever a person is named or has written.
func withCanaries(v any, key, parent string) any {
	switch v := v.(type) {
	case map[string]any:
		for k, w := range v {
			v[k] = withCanaries(w, k, key)
		}
	case []any:
		for i, w := range v {
			v[i] = withCanaries(w, key, parent)
		}
	case string:
		return canaryFor(v, key, parent)
	}
	return v
}

func canaryFor(v, key, parent string) string {
	person := slices.Contains(people, parent)
	switch {
	case key == "message" || key == "body":
		return canaryText
	case key == "email":
		return canaryEmail
	case slices.Contains(writtenByPeople, key):
		return canaryLogin + " " + canaryName
	case person && (key == "name" || key == "summary" || strings.HasSuffix(key, "url") || key == "self"):
		return canaryName
	case key == "ref" && strings.HasPrefix(v, "refs/heads/") && v != "refs/heads/main" && v != "refs/heads/master":
		return "refs/heads/" + canaryBranch
	case (key == "ref" || key == "label") && parent == "head", key == "head_branch":
		return canaryBranch
	}
	return v
}

// sendEventCanaries posts events, good ones and such as are refused.
func sendEventCanaries(t *testing.T, info instance.Info) {
	t.Helper()
	send := func(token, contentType, body string, want int) {
		if code, answer := post(t, "http://"+info.Listen+"/v1/events", token, contentType, body); code != want {
			t.Errorf("%d %s to %s", code, answer, body)
		}
	}
	for i, line := range canaryEvents() {
		if i == 0 {
			send(canarySecret, "application/cloudevents+json", line, http.StatusAccepted)
		}
	}
	send(canarySecret, "application/x-ndjson", strings.Join(canaryEvents(), "\n"), http.StatusAccepted)
	send(canarySecret, "application/cloudevents+json", `{"specversion":"1.0","id":"x","type":"`+canaryName+`","data":{"`+canaryEmail+`":1}}`, http.StatusBadRequest)
	send(canarySecret, "application/cloudevents+json", `{"`+canaryName, http.StatusBadRequest)
	send(canarySecret+"-wrong", "application/cloudevents+json", canaryEvents()[0], http.StatusUnauthorized)
}

// canaryEvents are events in which everything that a person may be in is one.
func canaryEvents() []string {
	at := `"time":"2026-03-02T09:00:00Z","recordedtime":"2026-03-02T09:00:01Z"`
	who := fmt.Sprintf(`"actor":%q,"creator":%q,"user":%q,"email":%q,"name":%q`, canaryEmail, canaryLogin, canaryEmail, canaryEmail, canaryName)
	free := fmt.Sprintf(`"description":%q,"title":%q,"message":%q,"branch":%q,"url":%q`, canaryText, canaryText, canaryText, canaryBranch, "https://example.com/"+canaryLogin)
	event := func(id, kind, subject, content string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/canary","type":%q,%s,"actor":%q,"data":{"subject":{"id":%q,"content":{%s,%s,%s}},"customData":{%s,%s}}}`,
			id, kind, at, canaryEmail, subject, content, who, free, who, free)
	}
	return []string{
		event("1", "dev.cdevents.service.deployed.0.3.0", "shop", `"environment":{"id":"production"}`),
		event("2", "dev.cdevents.incident.detected.0.3.0", "inc-1", `"environment":{"id":"production"},"service":{"id":"shop"}`),
		event("3", "dev.cdevents.change.created.0.4.0", "pr-1", `"repository":{"id":"acme/shop"}`),
		event("4", "dev.cdeventsx.payoff-commit.recorded.0.1.0", strings.Repeat("ab", 20), `"committerTime":"2026-03-02T09:00:00Z","repository":{"id":"acme/shop"}`),
		event("5", "dev.cdevents.ticket.created.0.2.0", "SHOP-17", `"uri":"https://tickets.example/SHOP-17","priority":"high"`),
	}
}

// importCanaries brings in a git history and a file, and returns what was logged.
func importCanaries(t *testing.T, dir string) []string {
	t.Helper()
	repo := filepath.Join(t.TempDir(), "shop")
	var b strings.Builder
	who := fmt.Sprintf("%s <%s>", canaryName, canaryEmail)
	for i := 1; i <= 4; i++ {
		fmt.Fprintf(&b, "commit refs/heads/main\nmark :%d\nauthor %s %d +0000\ncommitter %s %d +0000\ndata %d\n%s\n", i, who, 1_770_000_000+i*3600, who, 1_770_000_000+i*3600, len(canaryText), canaryText)
		fmt.Fprintf(&b, "M 644 inline file\ndata %d\n%s\n\n", len(canaryName), canaryName)
	}
	fmt.Fprintf(&b, "tag v1.0.0\nfrom :4\ntagger %s 1770020000 +0000\ndata %d\n%s\n", who, len(canaryText), canaryText)
	fmt.Fprintf(&b, "reset refs/heads/%s\nfrom :2\n\n", canaryBranch)
	runGit(t, "", nil, "init", "-q", "--bare", repo)
	runGit(t, repo, strings.NewReader(b.String()), "fast-import", "--quiet")
	file := filepath.Join(t.TempDir(), "events.ndjson")
	write(t, file, strings.Join(canaryEvents(), "\n"))
	wrong := filepath.Join(t.TempDir(), "wrong.ndjson")
	write(t, wrong, `{"`+canaryName)
	var logs []string
	for _, args := range [][]string{{"import", "git", repo}, {"import", "events", file}} {
		code, out, errOut := payoff(t, append(args, "--data", dir, "-v")...)
		if code != exitDone {
			t.Errorf("payoff %v: exit %d\n%s", args, code, errOut)
		}
		logs = append(logs, out, errOut)
	}
	if code, _, _ := payoff(t, "import", "events", wrong, "--data", dir); code != exitError {
		t.Errorf("a file of no events: exit %d", code)
	}
	return logs
}

// searchTables looks into every column of every table.
func searchTables(t *testing.T, info instance.Info) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Address: info.ClickHouse, User: engine.OwnerUser, Password: info.Password})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var tables []struct {
		Database string `ch:"database"`
		Name     string `ch:"name"`
	}
	if err := s.Select(t.Context(), &tables, "SELECT database, name FROM system.tables WHERE database IN ('payoff', 'payoff_private') AND engine NOT IN ('View', 'MaterializedView')"); err != nil {
		t.Fatal(err)
	}
	if len(tables) < 10 {
		t.Errorf("only %d tables to look into", len(tables))
	}
	for _, table := range tables {
		name := fmt.Sprintf("`%s`.`%s`", table.Database, table.Name)
		var n uint64
		var example string
		err := s.Conn().QueryRow(t.Context(), "SELECT count(), any(line) FROM (SELECT formatRow('JSONEachRow', *) AS line FROM "+name+") WHERE positionCaseInsensitive(line, '"+canaryWord[:7]+"' || '"+canaryWord[7:]+"') > 0").Scan(&n, &example) // in two halves, or the word would be in the log of queries
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n > 0 {
			t.Errorf("%d rows of %s: %.600s", n, name, example)
		}
	}
}

// searchKafka looks into every record and returns how many sealed deliveries there are.
func searchKafka(t *testing.T, info instance.Info) (sealed int) {
	t.Helper()
	c, err := kafka.Open(t.Context(), kafka.Options{Brokers: []string{info.Kafka}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, topic := range rollup.Topics() {
		offsets, err := c.Offsets(t.Context(), topic.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range offsets {
			err := c.Read(t.Context(), topic.Name, o.Partition, o.First, o.Next, func(recs []transport.Record) error {
				for _, r := range recs {
					if topic.Name == rollup.DeliveriesTopic || topic.Name == rollup.DeadTopic {
						sealed++
					}
					text := append(bytes.Clone(r.Key), r.Value...)
					for _, h := range r.Headers {
						text = append(append(text, h.Key...), h.Value...)
					}
					if hasCanary(text) {
						t.Errorf("a record of %s: %.600s", topic.Name, text)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	return sealed
}

// searchFiles looks into every file but those that hold secrets by design, whose
// mode it checks.
func searchFiles(t *testing.T, dir string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if rel == "instance.json" || strings.HasPrefix(rel, "keys"+string(filepath.Separator)) {
			info, err := d.Info()
			if err == nil && info.Mode().Perm() != 0o600 {
				t.Errorf("%s has mode %v, want 0600", rel, info.Mode())
			}
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen++
		if i := bytes.Index(bytes.ToLower(b), []byte(canaryWord)); i >= 0 {
			t.Errorf("%s, at byte %d: %q", rel, i, b[max(0, i-60):min(len(b), i+60)])
		}
		return nil
	})
	if err != nil || seen < 20 {
		t.Errorf("looked into %d files: %v", seen, err)
	}
}
