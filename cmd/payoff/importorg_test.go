package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestImportOrg: the organisation comes in by its files, facts are told of its
// teams, the same files again are no news, a correction restates, and files that
// are wrong change nothing.
func TestImportOrg(t *testing.T) {
	t.Parallel()
	data, dir := dataDir(t), t.TempDir()
	up(t, data, configured(t, onlyCommands)) // so what the command says it computed is all
	repo := repository(t, "checkout", 12)
	if told := must(t, "import", "git", repo, "--data", data); !strings.Contains(told, "2026-Q1") {
		t.Errorf("the import says\n%s", told)
	}
	import1 := func(services string) orgAnswer {
		t.Helper()
		write(t, filepath.Join(dir, "org.yaml"), `
units: [{unit: commerce}]
teams: [{team: payments, unit: commerce}, {team: cart, unit: commerce}]
`+services)
		return decode[orgAnswer](t, must(t, "import", "org", dir, "--data", data, "--json"))
	}
	sql := func(query string) string {
		t.Helper()
		out := strings.ReplaceAll(must(t, "sql", "--data", data, "--format", "csv", query), `"`, "")
		return strings.Join(strings.Split(strings.TrimSpace(out), "\n")[1:], " ")
	}
	teams := "SELECT DISTINCT team FROM deployments ORDER BY team"

	first := import1("services: [{service: checkout, team: payments}]")
	if first.News != 4 || first.Entities != 4 || first.Points == 0 || first.Teams != 2 || len(first.Warnings) != 1 {
		t.Errorf("the first import says %+v", first)
	}
	if got := sql(teams); got != "payments" {
		t.Errorf("deployments are of %q, want payments", got)
	}
	if told := must(t, "import", "git", repo, "--data", data); !strings.Contains(told, "checkout is shown only inside its unit: all its changes are of one person") || strings.Contains(told, "2026-Q1") {
		t.Errorf("the import of a service of one person says\n%s", told)
	}
	if again := import1("services: [{service: checkout, team: payments}]"); again.News != 0 || again.Points != 0 {
		t.Errorf("the same files are news: %+v", again)
	}
	if other := import1("services: [{service: checkout, team: cart}]"); other.News != 1 || other.Points == 0 {
		t.Errorf("another owner says %+v", other)
	}
	if got := sql(teams); got != "cart" {
		t.Errorf("deployments are of %q, want cart", got)
	}
	if gone := import1(""); gone.News != 1 || gone.Entities != 4 {
		t.Errorf("taking the service back says %+v", gone)
	}
	if got := sql("SELECT subject FROM declarations WHERE NOT declared"); got != "service/checkout" {
		t.Errorf("taken back is %q, want service/checkout", got)
	}

	if people := import1("members: [{person: ada@acme.example, team: payments}]"); people.News != 1 || people.People != 1 {
		t.Errorf("a member says %+v", people)
	}
	if got := sql("SELECT concat(substring(subject, 1, 9), ' ', (SELECT toString(count()) FROM team_members WHERE members IS NULL)) FROM declarations WHERE startsWith(subject, 'person/')"); got != "person/e_ 2" {
		t.Errorf("the person is %q, want a stand-in, and two teams too small to tell their size", got)
	}

	write(t, filepath.Join(dir, "org.yaml"), "services: [{service: checkout, team: nobody}]")
	code, _, stderr := payoff(t, "import", "org", dir, "--data", data)
	if code != exitError || !strings.Contains(stderr, filepath.Join(dir, "org.yaml")+":1: there is no team nobody") {
		t.Errorf("a wrong file: exit %d, %q", code, stderr)
	}
	name := sql("SELECT DISTINCT repository FROM changes")
	write(t, filepath.Join(dir, "org.yaml"), "services: [{service: checkout, repository: "+name+", paths: [no/such/**]}]")
	code, _, stderr = payoff(t, "import", "org", dir, "--data", data)
	if code != exitError || !strings.Contains(stderr, `touched a path that "no/such/**" of service checkout matches`) {
		t.Errorf("a glob that matches nothing: exit %d, %q", code, stderr)
	}
	if got := sql("SELECT count() FROM declarations WHERE declared"); got != "4" {
		t.Errorf("after two wrong files %s entities are declared, want 4 as before", got)
	}
}
