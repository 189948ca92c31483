package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestErrorsNameTheLineAndWhatToDo(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "organisation:\n  name: Acme\n  timezon: UTC\n", `line 3: "timezon" is not a key here; the keys are name, timezone`},
		{"unknown top key", "kafkaa: {}\n", `line 1: "kafkaa" is not a key here; the keys are organisation, tiers`},
		{"bad duration", "rollup:\n  every: soon\n", `line 2: "soon" is not a positive duration`},
		{"negative duration", "rollup:\n  every: -5s\n", `line 2: "-5s" is not a positive duration`},
		{"bad size", "clickhouse:\n  memory: lots\n", `line 2: "lots" is not a size`},
		{"not yaml", "a: [", "line 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want it to contain %q", err, c.want)
			}
		})
	}
}

func TestValidateReportsEverythingAtOnce(t *testing.T) {
	c, err := Parse([]byte("organisation: {timezone: Mars/Base}\ntiers: [{environment: 'x', tier: moon}]\nkafka: {sasl: {mechanism: magic}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	err = c.Validate()
	for _, want := range []string{"Mars/Base", "moon", "magic"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want it to contain %q", err, want)
		}
	}
}

func TestWindowsOf(t *testing.T) {
	c, err := Parse([]byte("windows: {remedy: 72h}\nservices: [{name: cart, windows: {failure: 48h}}, {name: web, repository: acme/web}]\n"))
	if err != nil || c.Validate() != nil {
		t.Fatal(err, c.Validate())
	}
	day := Duration(24 * time.Hour)
	for service, want := range map[string]Windows{"cart": {2 * day, 3 * day}, "web": {day, 3 * day}, "other": {day, 3 * day}} {
		if got := c.WindowsOf(service); got != want {
			t.Errorf("the windows of %s are %v, want %v", service, got, want)
		}
	}
	for text, want := range map[string]string{
		"services: [{name: cart}]":                                                               "services[0]: needs name and repository, or name and windows",
		"services: [{name: cart, environment: prod}]":                                            "services[0]: needs name and repository",
		"services: [{windows: {failure: 48h}}]":                                                  "services[0]: needs name",
		"services: [{name: cart, windows: {failure: 1h}}, {name: cart, windows: {failure: 2h}}]": "services[1].windows: service cart has other windows above",
	} {
		c, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestCollect(t *testing.T) {
	for text, want := range map[string]string{
		"collect: {git: [{every: 5m}]}":                                                 "collect.git[0]: needs url",
		"collect: {git: [{url: /srv/x.git, tags: v*, deploys_from_merges: main}]}":      "collect.git[0]: tags and deploys_from_merges are two ways",
		"collect: {git: [{url: /srv/x.git, prereleases: true}]}":                        "collect.git[0].prereleases: goes with tags",
		"collect: {git: [{url: /srv/x.git, deploys_from_merges: main, every: 5m}]}":     "",
		"collect: {git: [{url: 'https://git.example.com/x', token: {env: GIT_TOKEN}}]}": "",
	} {
		c, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Validate(); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestVariablesOverrideTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "payoff.yaml")
	if err := os.WriteFile(file, []byte("kafka: {brokers: [a:9092]}\nclickhouse: {memory: 1GiB}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, []string{"PAYOFF_KAFKA_BROKERS=b:9092, c:9092", "PAYOFF_ORGANISATION_TIMEZONE=Europe/Berlin", "PAYOFF_ROLLUP_EVERY=1m"})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Kafka.Brokers, "|"); got != "b:9092|c:9092" {
		t.Errorf("brokers = %s", got)
	}
	if c.Organisation.Timezone != "Europe/Berlin" || c.ClickHouse.Memory != 1<<30 {
		t.Errorf("got %+v", c)
	}
	if _, err := Load(file, []string{"PAYOFF_ROLLUP_EVERY=soon"}); err == nil || !strings.Contains(err.Error(), "PAYOFF_ROLLUP_EVERY") {
		t.Errorf("error = %v, want it to name the variable", err)
	}
}

func TestTier(t *testing.T) {
	c := Default()
	for env, want := range map[string]string{"production": "production", "Prod-EU": "production", "eu-prod-1": "production", "staging": "staging", "preprod": "staging", "moon": UnknownTier, "": UnknownTier} {
		if got := c.Tier(env); got != want {
			t.Errorf("Tier(%q) = %q, want %q", env, got, want)
		}
	}
}

func TestSecret(t *testing.T) {
	t.Setenv("CONFIG_TEST_SECRET", "s3cret")
	for _, c := range []struct {
		s    Secret
		want string
		err  string
	}{
		{Secret{Env: "CONFIG_TEST_SECRET"}, "s3cret", ""},
		{Secret{Env: "CONFIG_TEST_MISSING"}, "", "CONFIG_TEST_MISSING"},
		{Secret{File: "/nonexistent/secret"}, "", "/nonexistent/secret"},
		{Secret{File: "a", Env: "b"}, "", "both"},
	} {
		b, err := c.s.Read()
		if string(b) != c.want || (c.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%+v: %q, %v", c.s, b, err)
		}
	}
}
