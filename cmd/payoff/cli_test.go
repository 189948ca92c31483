package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/payoff-metrics/payoff/pkg/collect/git"
	"github.com/payoff-metrics/payoff/pkg/instance"
	"github.com/payoff-metrics/payoff/pkg/metric"
)

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			look(sub)
		}
		if c.HasSubCommands() || c.Name() == "help" || !c.IsAvailableCommand() {
			return
		}
		if c.Short == "" || c.Example == "" {
			t.Errorf("%s: short help %q, example %q", c.CommandPath(), c.Short, c.Example)
		}
		words := strings.Fields(c.CommandPath())[1:]
		code, out, errOut := payoff(t, append(words, "--help")...)
		if code != exitDone || errOut != "" || !strings.Contains(out, "Examples:") {
			t.Errorf("payoff %s --help: exit %d, %s%s", strings.Join(words, " "), code, out, errOut)
		}
	}
	look((&env{}).root())
}

// TestUsedWronglyIsExitCode2 and a sentence that says what to do; nothing is
// started for it, so it takes no data directory.
func TestUsedWronglyIsExitCode2(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "never-made")
	missing := filepath.Join(t.TempDir(), "missing")
	broken := filepath.Join(t.TempDir(), "payoff.yaml")
	write(t, broken, "ingest:\n  listen: 127.0.0.1:1\n  lisen: typo\n")
	for _, test := range []struct {
		line string
		says []string
	}{
		{"nonsense", []string{`unknown command "nonsense"`}},
		{"import nonsense", []string{`unknown command "nonsense" for "payoff import"`, "payoff import --help"}},
		{"metrics nonsense", []string{`unknown command "nonsense"`}},
		{"up --nonsense", []string{"unknown flag: --nonsense", "payoff up --help"}},
		{"up extra", []string{`unknown command "extra" for "payoff up"`}},
		{"verify extra", []string{`"extra"`}},
		{"import git", []string{"takes DIR", "payoff import git --help"}},
		{"import git a b", []string{"takes DIR"}},
		{"import git . --tags v* --deploys-from-merges main", []string{"tags", "deploys-from-merges"}},
		{"import events", []string{"takes FILE"}},
		{"import events " + missing, []string{missing, "no such file"}},
		{"sql", []string{"payoff sql --help"}},
		{"sql --format xml x", []string{`--format "xml"`, "csv"}},
		{"metrics show", []string{"takes the NAME of a metric"}},
		{"metrics show dora.nonsense", []string{`no metric "dora.nonsense"`, "dora.change_lead_time"}},
		{"metrics query dora.change_lead_time --by hour", []string{`--by "hour"`, "week"}},
		{"metrics query dora.change_lead_time --from sometime", []string{"--from", "sometime"}},
		{"metrics query dora.change_lead_time --as-of yesterday", []string{"--as-of", "yesterday", "2026-11-16T09:00:00Z"}},
		{"dead show", []string{"takes a POSITION"}},
		{"dead list --limit many", []string{"--limit", "many"}},
		{"collect test github", []string{"takes SOURCE and FILE"}},
		{"collect test nonsense " + broken, []string{`no source "nonsense"`, "github", "pagerduty"}},
		{"collect test github " + missing, []string{missing}},
		{"rollup --config " + missing, []string{missing}},
		{"rollup --config " + broken, []string{broken, "line 3", "lisen"}},
	} {
		t.Run(test.line, func(t *testing.T) {
			code, out, errOut := payoff(t, append(strings.Fields(test.line), "--data", dir)...)
			if code != exitError || out != "" {
				t.Errorf("exit %d, want %d; it prints %q", code, exitError, out)
			}
			wants(t, errOut, test.says...)
		})
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a command that was used wrongly has made a data directory")
	}
}

// TestImportGitOfOddRepositories: those that cannot be read say why and what to do.
func TestImportGitOfOddRepositories(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	up(t, dir, configured(t, onlyCommands))
	clone := func(args ...string) string {
		to := filepath.Join(t.TempDir(), "shop")
		runGit(t, "", nil, append(append([]string{"-c", "protocol.file.allow=always", "clone", "-q"}, args...), to)...)
		return to
	}
	tagged := repository(t, "tagged", 12)
	untagged := repository(t, "untagged", 12)
	for _, tag := range strings.Fields(runGit(t, untagged, nil, "tag")) {
		runGit(t, untagged, nil, "tag", "-d", tag)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	runGit(t, "", nil, "init", "-q", empty)
	worktree := filepath.Join(t.TempDir(), "worktree")
	runGit(t, clone("--branch", "main", tagged), nil, "worktree", "add", "-q", "--detach", worktree)
	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"no version tags", []string{untagged}, exitNo, []string{"--deploys-from-merges"}},
		{"merges instead of tags", []string{untagged, "--deploys-from-merges", "main"}, exitDone, []string{"12 deployments of untagged"}},
		{"no such branch", []string{untagged, "--deploys-from-merges", "trunk"}, exitError, []string{"trunk"}},
		{"no tag fits the pattern", []string{tagged, "--tags", "api/v*"}, exitNo, []string{"api/v*"}},
		{"no commits", []string{empty}, exitNo, []string{"no commit"}},
		{"no repository", []string{t.TempDir()}, exitError, []string{"not a git repository"}},
		{"no directory", []string{filepath.Join(dir, "nowhere")}, exitError, []string{"nowhere"}},
		{"bare", []string{tagged}, exitDone, []string{"12 commits and 4 deployments of tagged"}},
		{"shallow", []string{clone("--depth", "5", "--branch", "main", "file://"+tagged), "--service", "shallow"}, exitDone, []string{"shallow", "git fetch --unshallow"}},
		{"worktree", []string{worktree, "--service", "tree"}, exitDone, []string{"12 commits and 4 deployments of tree"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errOut := payoff(t, append(append([]string{"import", "git"}, test.args...), "--data", dir)...)
			if code != test.code {
				t.Errorf("exit %d, want %d", code, test.code)
			}
			wants(t, out+errOut, test.says...)
		})
	}
	sum := decode[git.Summary](t, must(t, "import", "git", tagged, "--json", "--data", dir))
	if sum.Commits != 12 || sum.Deployments != 4 {
		t.Errorf("--json prints %+v", sum)
	}
}

// TestImportKilledAndRepeatedIsAsOnce kills an import at several instants.
func TestImportKilledAndRepeatedIsAsOnce(t *testing.T) {
	t.Parallel()
	repo := repository(t, "big", 300)
	once, killed := dataDir(t), t.TempDir()
	must(t, "import", "git", repo, "--data", once)
	// The same keys, or persons and with them versions would differ.
	copyKeys(t, once, killed)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spool := func() bool {
		m, err := filepath.Glob(filepath.Join(killed, "spool", "log", "*.log"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range m {
			if info, err := os.Stat(f); err == nil && info.Size() > 10<<10 {
				return true // some of it is accepted
			}
		}
		return false
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), "PAYOFF_TEST_COMMAND=payoff import git "+repo+" --data "+killed)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the import to be half done", spool)
	if err := c.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Fatal("the import ended before it was killed: the test shows nothing")
	}
	eventually(t, "the engine of the killed import to end", func() bool {
		code, _, _ := payoff(t, "rollup", "--data", killed)
		return code == exitDone
	})
	must(t, "import", "git", repo, "--data", killed)
	if a, b := everything(t, once), everything(t, killed); a != b {
		t.Errorf("an import that was killed and repeated differs from one:\n%s", cmp.Diff(strings.Split(a, "\n"), strings.Split(b, "\n")))
	}
}

func copyKeys(t *testing.T, from, to string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(from, "keys", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no keys: %v", err)
	}
	if err := os.Mkdir(filepath.Join(to, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(to, "keys", filepath.Base(f)), string(b))
	}
}

func TestImportEvents(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	up(t, dir, configured(t, onlyCommands))
	event := func(id, at, version, extra string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":%q,"source":"/ci","type":"dev.cdevents.service.deployed.0.3.0","time":%q,%s"data":{"subject":{"id":"shop","content":{"environment":{"id":"production"}}},"customData":{"version":%q}}}`, id, at, extra, version)
	}
	ask := func(q string) string {
		t.Helper()
		return lastLine(must(t, "sql", "--data", dir, "--format", "csv", q))
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")

	write(t, file, event("1", "2026-03-02T09:00:00Z", "1", "")+"\n\n"+`{"specversion":"1.0"}`+"\n"+event("2", "2026-03-02T09:00:00", "1", "")+"\nnot JSON\n")
	code, _, errOut := payoff(t, "import", "events", file, "--data", dir)
	if code != exitError {
		t.Errorf("wrong lines: exit %d", code)
	}
	wants(t, errOut, file+":3: ", file+":4: time", file+":5: ", "nothing was taken")
	if n := ask("SELECT count() FROM events"); n != "0" {
		t.Errorf("%s events were taken from a file with wrong lines", n)
	}

	lines := strings.Join([]string{event("1", "2026-03-02T09:00:00Z", "1", ""), event("2", "1970-01-01T00:00:00Z", "1", ""), event("3", "2100-01-01T00:00:00Z", "1", ""), event("4", "9999-12-31T23:59:59Z", "1", "")}, "\n")
	var out, said bytes.Buffer
	if code := run(t.Context(), []string{"import", "events", "-", "--json", "--data", dir}, streams{strings.NewReader(lines), &out, &said}); code != exitDone {
		t.Fatalf("from standard input: exit %d\n%s", code, said.String())
	}
	if got := decode[struct{ Events, Warnings int }](t, out.String()); got.Events != 4 || got.Warnings < 2 {
		t.Errorf("--json prints %+v", got)
	}
	wants(t, said.String(), "line 2: ", "line 4: ")
	if n := ask("SELECT count() FROM events"); n != "4" {
		t.Errorf("%s events are there of 4", n)
	}
	if n := ask("SELECT max(n), min(toYear(window_start)), max(toYear(window_start)) FROM metric_points WHERE metric = 'dora.deployment_frequency' AND grain = 'year' AND service = 'shop'"); n != "1,2026,2026" {
		t.Errorf("deployments, first and last year are %s: times of 1970, 2100 and 9999 are in no metric", n)
	}

	// The same id with other data: a newer version if it says so, whatever the order.
	newer := event("1", "2026-03-02T09:00:00Z", "newer", `"recordedtime":"2026-03-05T00:00:00Z",`)
	older := event("1", "2026-03-02T09:00:00Z", "older", `"recordedtime":"2026-03-04T00:00:00Z",`)
	for _, body := range []string{newer, older, newer} {
		write(t, file, body)
		must(t, "import", "events", file, "--data", dir)
	}
	if v := ask("SELECT count(), any(artifact_version) FROM deployments WHERE toYear(ended_at) = 2026"); !strings.Contains(v, "newer") || !strings.HasPrefix(v, "1,") {
		t.Errorf("of three versions %s is the current one", v)
	}
}

// TestAnswers asks one instance everything that reads.
func TestAnswers(t *testing.T) {
	t.Parallel()
	dir := dataDir(t)
	_, stop := upUntil(t, dir, configured(t, onlyCommands))
	must(t, "import", "git", repository(t, "checkout", 30), "--data", dir)

	t.Run("sql", func(t *testing.T) {
		const q = "SELECT service, count() AS n FROM deployments GROUP BY service"
		for format, begins := range map[string]string{"csv": `"service","n"` + "\n" + `"checkout",10`, "json": "{", "parquet": "PAR1", "arrow": "\xff\xff\xff\xff", "table": ""} {
			out := must(t, "sql", "--format", format, q, "--data", dir)
			if !strings.HasPrefix(out, begins) || !strings.Contains(out, "checkout") && format != "parquet" {
				t.Errorf("--format %s prints %q", format, out)
			}
		}
		if got := decode[struct{ Rows int }](t, must(t, "sql", "--json", q, "--data", dir)); got.Rows != 1 {
			t.Errorf("--json prints %+v", got)
		}
		for query, says := range map[string]string{
			"SELEC 1":                               "Syntax error",
			"SELECT * FROM nonsense":                "nonsense",
			"SELECT 1; SELECT 2":                    "",
			"DROP TABLE events":                     "",
			"INSERT INTO bets SELECT * FROM bets":   "",
			"SELECT * FROM payoff_private.people":   "",
			"SELECT * FROM file('/etc/passwd')":     "",
			"SET max_threads = 1":                   "",
			"KILL QUERY WHERE 1":                    "",
			"SELECT * FROM url('http://localhost')": "",
		} {
			code, out, errOut := payoff(t, "sql", query, "--data", dir)
			if code != exitError || out != "" || strings.TrimSpace(errOut) == "payoff:" {
				t.Errorf("%s: exit %d, %q, %q", query, code, out, errOut)
			}
			wants(t, errOut, says)
		}
	})
	t.Run("metrics", func(t *testing.T) {
		wants(t, must(t, "metrics", "list"), "dora.change_lead_time", "dora.deployment_frequency")
		if list := decode[[]metric.Def](t, must(t, "metrics", "list", "--json")); len(list) < 3 {
			t.Errorf("%d metrics", len(list))
		}
		wants(t, must(t, "metrics", "show", "dora.change_lead_time"), "metric_dora_change_lead_time(", "SELECT")
		if d := decode[metric.Def](t, must(t, "metrics", "show", "dora.change_lead_time", "--json")); d.Name != "dora.change_lead_time" {
			t.Errorf("--json prints %+v", d)
		}
		query := []string{"metrics", "query", "dora.deployment_frequency", "--by", "month", "--service", "checkout", "--data", dir}
		wants(t, must(t, query...), "2026-01", "checkout")
		if pts := decode[[]metric.Point](t, must(t, append(query, "--json")...)); len(pts) == 0 {
			t.Error("--json prints no points")
		}
		if pts := decode[[]metric.Point](t, must(t, append(query, "--json", "--as-of", "2020-01-01T00:00:00Z")...)); len(pts) != 0 {
			t.Errorf("in 2020 %d points had been published", len(pts))
		}
		if pts := decode[[]metric.Point](t, must(t, append(query, "--json", "--as-of", "2290-01-01T00:00:00Z")...)); len(pts) == 0 {
			t.Error("--as-of a time to come shows no points")
		}
		if code, _, errOut := payoff(t, "metrics", "query", "dora.deployment_frequency", "--service", "nobody", "--data", dir); code != exitNo || !strings.Contains(errOut, "no points") || !strings.Contains(errOut, `"nobody"; those there are: checkout`) {
			t.Errorf("of an unknown service: exit %d, %s", code, errOut)
		}
		if code, _, errOut := payoff(t, "metrics", "query", "dora.deployment_frequency", "--team", "nobody", "--data", dir); code != exitNo || !strings.Contains(errOut, "there are none of any team yet") {
			t.Errorf("of an unknown team: exit %d, %s", code, errOut)
		}
	})
	t.Run("rollup", func(t *testing.T) {
		wants(t, must(t, "rollup", "--data", dir), "0 new rows", "0 points")
		if got := decode[map[string]any](t, must(t, "rollup", "--json", "--data", dir)); len(got) == 0 {
			t.Error("--json prints nothing")
		}
	})
	t.Run("dead", func(t *testing.T) {
		wants(t, must(t, "dead", "list", "--data", dir), "Nothing is parked")
	})
	t.Run("needs the directory to itself", func(t *testing.T) {
		for _, args := range [][]string{{"verify"}, {"replay"}, {"dead", "show", "1/payoff.dead/0/0"}, {"migrate"}, {"rollup", "--new-log-epoch"}} {
			code, _, errOut := payoff(t, append(args, "--data", dir)...)
			if code != exitError {
				t.Errorf("%v beside a running instance: exit %d", args, code)
			}
			wants(t, errOut, "in use", dir)
		}
	})
	stop()
	t.Run("alone", func(t *testing.T) {
		wants(t, must(t, "verify", "--data", dir), "distinct facts", "points that differ when computed anew")
		wants(t, must(t, "migrate", "--plan", "--data", dir), "up to date")
		if code, _, errOut := payoff(t, "dead", "show", "1/payoff.dead/0/999", "--data", dir); code != exitNo || !strings.Contains(errOut, "payoff dead list") {
			t.Errorf("nothing parked there: exit %d, %s", code, errOut)
		}
		if code, _, errOut := payoff(t, "dead", "show", "nonsense", "--data", dir); code != exitError || !strings.Contains(errOut, "1/payoff.dead/0/17") {
			t.Errorf("no position: exit %d, %s", code, errOut)
		}
	})
	t.Run("a new directory's plan", func(t *testing.T) {
		wants(t, must(t, "migrate", "--plan", "--data", t.TempDir()), "-- 0001_", "CREATE")
	})
}

// TestReplayChangesNothing maps what tools have sent once more.
func TestReplayChangesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("STORY_SECRET", "a webhook's secret")
	cfg := filepath.Join(t.TempDir(), "payoff.yaml")
	write(t, cfg, `ingest: {endpoints: [{source: github, name: main, secrets: [{env: STORY_SECRET}]}, {source: pagerduty, name: main, secrets: [{env: STORY_SECRET}]}]}`)
	t.Setenv("PAYOFF_CONFIG", cfg)
	info, stop := upUntil(t, dir)
	deliver(t, info, append(week(), delivery{"/v1/hooks/github/main", "push", `{"ref": 7}`}))
	must(t, "rollup", "--data", dir)
	stop()
	before := everything(t, dir)
	got := decode[map[string]int](t, must(t, "replay", "--json", "--data", dir))
	if got["mapped"] < len(week()) {
		t.Errorf("%v were mapped of %d deliveries", got, len(week()))
	}
	again := decode[map[string]int](t, must(t, "dead", "replay", "--json", "--data", dir))
	if again["mapped"] != 0 || again["not_understood"] != 1 {
		t.Errorf("of one parked delivery %v", again)
	}
	if after := everything(t, dir); after != before {
		t.Errorf("replaying has changed\n%s\ninto\n%s", before, after)
	}
	if a := decode[instance.Account](t, must(t, "verify", "--json", "--data", dir)); !a.OK() {
		t.Errorf("%+v", a)
	}
}

func TestConfigCheckAndCollectTest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "payoff.yaml")
	check := func(text string, want int, says ...string) {
		t.Helper()
		write(t, file, text)
		code, out, errOut := payoff(t, "config", "check", "--config", file)
		if code != want {
			t.Errorf("%q: exit %d, want %d", text, code, want)
		}
		wants(t, out+errOut, says...)
	}
	check("organisation: {name: Acme}", exitDone, "right")
	check("organisaton: {name: Acme}", exitNo, "line 1", "organisaton")
	check("ingest: {tokens: [{name: ci, secret: {env: NOT_SET_ANYWHERE}, sources: ['*']}]}", exitNo, "NOT_SET_ANYWHERE", "ci")
	check("organisation: {timezone: Nowhere/Land}", exitNo, "Nowhere/Land")
	write(t, file, "organisation: {name: Acme}")
	if out := must(t, "config", "check", "--config", file, "--json"); !json.Valid([]byte(out)) || !strings.Contains(out, "Acme") {
		t.Errorf("--json prints %s", out)
	}

	payload := filepath.Join(t.TempDir(), "payload.json")
	write(t, payload, week()[0].body)
	out := must(t, "collect", "test", "github", payload, "--header", "X-GitHub-Event: deployment_status")
	if !json.Valid([]byte(lastLine(out))) || !strings.Contains(out, "service.deployed") {
		t.Errorf("it prints %s", out)
	}
	if strings.Contains(out, "octocat") {
		t.Errorf("it prints the name of a person: %s", out)
	}
	gitlab := must(t, "collect", "test", "gitlab", filepath.Join("..", "..", "pkg", "collect", "gitlab", "testdata", "deployment.success.json"))
	if !json.Valid([]byte(lastLine(gitlab))) || !strings.Contains(gitlab, "279484c09fbe69ededfced8c1bb6e6d24616b468") || strings.Contains(gitlab, "user1") {
		t.Errorf("of a delivery of GitLab it prints %s", gitlab)
	}
	write(t, payload, "not JSON")
	if code, _, errOut := payoff(t, "collect", "test", "github", payload, "--header", "X-GitHub-Event: push"); code != exitNo || errOut == "" {
		t.Errorf("a payload that is not JSON: exit %d, %s", code, errOut)
	}
	if code, _, errOut := payoff(t, "collect", "test", "github", payload, "--header", "nonsense"); code != exitError || !strings.Contains(errOut, "Name: value") {
		t.Errorf("a wrong header: exit %d, %s", code, errOut)
	}
}
