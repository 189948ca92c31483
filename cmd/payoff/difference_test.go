package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestNobodyIsFoundByDifference: a team of one is shown only inside its unit, and
// what is shown of the unit, its teams and its services does not add up to it.
func TestNobodyIsFoundByDifference(t *testing.T) {
	t.Parallel()
	data, dir := dataDir(t), t.TempDir()
	info := up(t, data, configured(t, onlyCommands))
	write(t, filepath.Join(dir, "org.yaml"), `
units: [{unit: commerce}, {unit: logistics}]
teams: [{team: cart, unit: commerce}, {team: payments, unit: commerce}, {team: tills, unit: commerce}, {team: fleet, unit: logistics}, {team: depots, unit: logistics}]
members:
`+members("cart", 5)+members("payments", 4)+members("tills", 1)+members("fleet", 3)+members("depots", 3)+`
services: [{service: cart-api, team: cart}, {service: cart-web, team: cart}, {service: pay-api, team: payments}, {service: till-api, team: tills}, {service: till-web, team: tills},
  {service: fleet-api, team: fleet}, {service: depot-api, team: depots}]
`)
	must(t, "import", "org", dir, "--data", data)
	// Each a power of two: every sum says what it is made of.
	deployments := map[string]int{"cart-api": 1, "cart-web": 2, "pay-api": 4, "till-api": 8, "till-web": 16, "fleet-api": 32, "depot-api": 64}
	var lines strings.Builder
	for service, n := range deployments {
		for i := range n {
			fmt.Fprintf(&lines, `{"specversion":"1.0","id":"%s-%d","source":"/ci/acme","type":"dev.cdevents.service.deployed.0.3.0","time":"2026-03-0%dT%02d:%02d:00Z",`+
				`"data":{"subject":{"id":%q,"content":{"environment":{"id":"production"},"artifactId":"pkg:oci/%s@1.%d"}},"customData":{"version":"1.%d"}}}`+"\n",
				service, i, 2+i%5, i/5, i%50, service, service, i, i)
		}
	}
	if status, said := post(t, "http://"+info.Listen+"/v1/events", info.Token, "application/x-ndjson", lines.String()); status != 202 {
		t.Fatalf("%d: %s", status, said)
	}
	must(t, "rollup", "--data", data)

	for name, from := range map[string]string{
		"points":   "metric_points WHERE metric = 'dora.deployment_frequency' AND grain = 'week' AND window_start = '2026-03-02' AND dims = ''",
		"the view": "metric_dora_deployment_frequency(from='2026-03-02', to='2026-03-09', services=[], teams=[], units=[]) WHERE dims = ''",
	} {
		out := must(t, "sql", "--data", data, "--format", "csv", "SELECT multiIf(service != '', 's ' || service, team != '', 't ' || team, unit != '', 'u ' || unit, 'all') AS of, n FROM "+from)
		shown := make(map[string]int)
		for _, line := range strings.Split(strings.TrimSpace(out), "\n")[1:] {
			of, n, _ := strings.Cut(strings.ReplaceAll(line, `"`, ""), ",")
			shown[of], _ = strconv.Atoi(strings.TrimSpace(n))
		}
		t.Logf("%s: %v", name, shown)
		if shown["all"] != 127 || shown["u commerce"] != 31 || shown["t payments"] != 4 || shown["t fleet"] != 32 || shown["t depots"] != 64 || shown["s fleet-api"] != 32 {
			t.Errorf("%s show %v, which hides too much", name, shown)
		}
		teams, services := shown["u commerce"], shown["u commerce"]
		for of, n := range shown {
			switch {
			case strings.HasPrefix(of, "t ") && of != "t fleet" && of != "t depots":
				teams -= n
			case strings.HasPrefix(of, "s ") && of != "s fleet-api" && of != "s depot-api":
				services -= n
			}
		}
		const tills = 8 + 16
		if teams == tills || services == tills || shown["t tills"] != 0 || shown["s till-api"]+shown["s till-web"] != 0 {
			t.Errorf("%s tell of the one person of tills: %v; commerce less its teams is %d, less its services %d", name, shown, teams, services)
		}
	}
}

func members(team string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  - {person: %s%d@acme.example, team: %s}\n", team, i, team)
	}
	return b.String()
}
