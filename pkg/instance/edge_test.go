package instance

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// normalised is what the sources of a configuration make of a saved delivery.
func normalised(t *testing.T, text, source, file string, header http.Header) []events.Draft {
	t.Helper()
	c, err := config.Parse([]byte(text))
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	sources, err := Sources(c)
	if err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(filepath.Join("..", "collect", source, "testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		if s.Name() == source {
			drafts, err := s.Normalise(collect.Delivery{Source: source, Endpoint: "main", Body: body, Header: header, ReceivedAt: time.Unix(0, 0)})
			if err != nil {
				t.Fatal(err)
			}
			return drafts
		}
	}
	t.Fatalf("no source is called %s", source)
	return nil
}

// TestSourcesMeanWhatTheConfigurationSays: services of repositories, and places of
// PagerDuty's services, are those of payoff.yaml.
func TestSourcesMeanWhatTheConfigurationSays(t *testing.T) {
	text := `
services: [{name: website, repository: root/test-deployment-webhooks, environment: stag*}, {name: other, windows: {failure: 1h}}]
pagerduty: {places: [{name: PF9KMXH, service: checkout, environment: prod-eu, rotation: payments}]}
`
	if d := normalised(t, text, "gitlab", "deployment.success.json", nil)[0]; d.Subject != "website" {
		t.Errorf("the deployment is of %s, want website", d.Subject)
	}
	drafts := normalised(t, text, "pagerduty", "triggered.json", nil)
	if c := drafts[0].Content; c.Service.ID != "checkout" || c.Environment.ID != "prod-eu" {
		t.Errorf("the incident is of %s in %s, want checkout in prod-eu", c.Service.ID, c.Environment.ID)
	}
	if c := drafts[1].Content; c.Rotation != "payments" {
		t.Errorf("the page is of %s, want payments", c.Rotation)
	}
}

// TestCheckNamesWhatCannotBeFetched: a secret in a URL is refused, and not repeated.
func TestCheckNamesWhatCannotBeFetched(t *testing.T) {
	c, err := config.Parse([]byte("collect: {git: [{url: 'https://u:s3cret@git.example.com/x'}, {url: /srv/x.git, token: {env: NOT_THERE}}]}"))
	if err != nil {
		t.Fatal(err)
	}
	err = Check(c)
	if err == nil || !strings.Contains(err.Error(), "collect.git[0]") || !strings.Contains(err.Error(), "NOT_THERE") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("check says %v", err)
	}
}
