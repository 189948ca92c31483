// Package config reads payoff.yaml: the one file that says where things are and
// how a company's words map to Payoff's. It stands beside the flow; commands read
// it once and hand its parts to the processes.
//
// A key that is not known is an error that names its line. Any scalar or list of
// scalars is overridden by a variable named after its path: kafka.brokers by
// PAYOFF_KAFKA_BROKERS (commas between items). Secrets never stand in the file:
// it names a file or a variable that holds them.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // calendars work on machines without a zone database

	"go.yaml.in/yaml/v3"
)

// Config is payoff.yaml.
type Config struct {
	Organisation Organisation `yaml:"organisation"`
	Tiers        []TierRule   `yaml:"tiers"`
	Bots         []string     `yaml:"bots"`   // glob patterns of account names that are bots
	Hotfix       []string     `yaml:"hotfix"` // glob patterns of branches and labels that mark a hotfix
	Ingest       Ingest       `yaml:"ingest"` //
	Kafka        Kafka        `yaml:"kafka"`  // no brokers: the embedded one
	ClickHouse   ClickHouse   `yaml:"clickhouse"`
	Rollup       Rollup       `yaml:"rollup"`
	Collect      Collect      `yaml:"collect"` // what is fetched, as against sent
	PagerDuty    PagerDuty    `yaml:"pagerduty"`
	Windows      Windows      `yaml:"windows"`
	Services     []Service    `yaml:"services"` // how repositories and environments name services, and what is special to one
}

// Organisation is whose numbers these are.
type Organisation struct {
	Name     string `yaml:"name"`
	Timezone string `yaml:"timezone"` // IANA name: days, weeks and months are counted in it
}

// A TierRule maps environments to a tier. Rules are tried in order.
type TierRule struct {
	Environment string `yaml:"environment"` // glob pattern, case-insensitive
	Tier        string `yaml:"tier"`        // production, staging, testing, development
}

// Windows say how far the causes of a failure are looked for.
type Windows struct {
	Failure Duration `yaml:"failure"` // after a deployment's end: an incident that begins in it is put down to the deployment
	Remedy  Duration `yaml:"remedy"`  // after a deployment: a rollback, revert or hotfix in it repairs the deployment
}

// A Service maps what a source calls something to a service. Which paths of a
// shared repository are whose stands in the organisation: it has dates.
type Service struct {
	Name        string  `yaml:"name"`
	Repository  string  `yaml:"repository"`  // owner/name whose deployments are of this service
	Environment string  `yaml:"environment"` // glob; with it only deployments to these environments
	Windows     Windows `yaml:"windows"`     // of this service, where they are not those of all
}

// Ingest is the receiver.
type Ingest struct {
	Listen       string     `yaml:"listen"`        // address of events and hooks
	Pages        string     `yaml:"pages"`         // address of the pages
	AllowedHosts []string   `yaml:"allowed_hosts"` // Host headers the pages accept beside loopback names; events and hooks need a token or a signature instead
	Tokens       []Token    `yaml:"tokens"`
	Endpoints    []Endpoint `yaml:"endpoints"`
	MaxLog       ByteSize   `yaml:"max_log"` // size of the log on disk; above 80 % senders get 503
}

// A Token lets its bearer send events of some sources and kinds.
type Token struct {
	Name    string   `yaml:"name"`
	Secret  Secret   `yaml:"secret"`
	Sources []string `yaml:"sources"` // glob patterns of CloudEvents sources
	Kinds   []string `yaml:"kinds"`   // glob patterns of kinds; none: all
}

// An Endpoint is one webhook: POST /v1/hooks/{source}/{name}.
type Endpoint struct {
	Source  string   `yaml:"source"`
	Name    string   `yaml:"name"`
	Secrets []Secret `yaml:"secrets"` // any of them verifies: put the new one beside the old to rotate
}

// Kafka is the log between ingest and rollup.
type Kafka struct {
	Brokers []string `yaml:"brokers"`
	TLS     TLS      `yaml:"tls"`
	SASL    SASL     `yaml:"sasl"`
	Listen  string   `yaml:"listen"` // of the embedded broker
}

// TLS of a connection.
type TLS struct {
	Enabled bool   `yaml:"enabled"`
	CA      string `yaml:"ca"`   // file; empty: the system's
	Cert    string `yaml:"cert"` // file of the client's certificate
	Key     string `yaml:"key"`  // file of the client's key
}

// SASL of a connection to Kafka.
type SASL struct {
	Mechanism string `yaml:"mechanism"` // plain, scram-sha-256, scram-sha-512
	User      string `yaml:"user"`
	Password  Secret `yaml:"password"`
}

// ClickHouse is the store.
type ClickHouse struct {
	Address  string   `yaml:"address"` // host:port of its HTTP interface; empty: the embedded engine
	User     string   `yaml:"user"`
	Password Secret   `yaml:"password"`
	TLS      TLS      `yaml:"tls"`
	Listen   string   `yaml:"listen"` // of the embedded engine
	Memory   ByteSize `yaml:"memory"` // limit of the embedded engine
}

// Rollup is loading and computing.
type Rollup struct {
	Every Duration `yaml:"every"` // how often metrics are recomputed
	Flush Duration `yaml:"flush"` // longest time an event waits for its batch
}

// PagerDuty is what its words mean here.
type PagerDuty struct {
	Places []Place `yaml:"places"`
}

// A Place is what one of PagerDuty's services stands for.
type Place struct {
	Name        string `yaml:"name"`        // of PagerDuty's service, or its id
	Service     string `yaml:"service"`     // empty: called the same here
	Environment string `yaml:"environment"` // empty: production
	Rotation    string `yaml:"rotation"`    // whose pages they are; empty: called as the service
}

// Collect is what Payoff asks for by itself.
type Collect struct {
	Git []GitRepository `yaml:"git"`
}

// A GitRepository is kept up by fetching: its commits and where its default branch
// stands, and deployments if its tags or a branch tell of them.
type GitRepository struct {
	URL         string   `yaml:"url"`        // https, ssh or a path; without a secret
	Repository  string   `yaml:"repository"` // owner/name as webhooks call it; empty: taken from the URL
	Every       Duration `yaml:"every"`
	User        string   `yaml:"user"`  // that the token is of, where it matters
	Token       Secret   `yaml:"token"` // for https
	Service     string   `yaml:"service"`
	Tags        string   `yaml:"tags"`                // tags that are deployments, such as v*
	MergesInto  string   `yaml:"deploys_from_merges"` // every step of this branch is a deployment
	Prereleases bool     `yaml:"prereleases"`
}

// FetchEvery is how often a repository is fetched that does not say.
const FetchEvery = Duration(10 * time.Minute)

// A Secret says where a secret is.
type Secret struct {
	File string `yaml:"file"`
	Env  string `yaml:"env"`
}

// Read returns the secret without its trailing newline; nil when none is named.
func (s Secret) Read() ([]byte, error) {
	switch {
	case s.File != "" && s.Env != "":
		return nil, errors.New("a secret names both a file and a variable; keep one")
	case s.Env != "":
		v := os.Getenv(s.Env)
		if v == "" {
			return nil, fmt.Errorf("variable %s, which should hold a secret, is not set", s.Env)
		}
		return []byte(v), nil
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return nil, fmt.Errorf("reading a secret: %w", err)
		}
		if b = bytes.TrimRight(b, "\r\n"); len(b) == 0 {
			return nil, fmt.Errorf("file %s, which should hold a secret, is empty", s.File)
		}
		return b, nil
	}
	return nil, nil
}

// Duration is a time.Duration written as 500ms, 5s or 1h.
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil || v <= 0 {
		return fmt.Errorf("line %d: %q is not a positive duration such as 500ms, 5s or 1h", n.Line, n.Value)
	}
	*d = Duration(v)
	return nil
}

// ByteSize is a number of bytes written as 512MiB or 4GiB.
type ByteSize int64

var sizeForm = regexp.MustCompile(`^(\d+)\s*(B|KiB|MiB|GiB|TiB)?$`)

// UnmarshalYAML reads a size.
func (b *ByteSize) UnmarshalYAML(n *yaml.Node) error {
	m := sizeForm.FindStringSubmatch(n.Value)
	if m == nil {
		return fmt.Errorf("line %d: %q is not a size such as 512MiB or 4GiB", n.Line, n.Value)
	}
	v, err := strconv.ParseInt(m[1], 10, 40)
	if err != nil {
		return fmt.Errorf("line %d: %q is too large a size", n.Line, n.Value)
	}
	*b = ByteSize(v << map[string]int{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}[m[2]])
	return nil
}

// Default is the configuration of an empty file: everything on this machine.
func Default() Config {
	return Config{
		Organisation: Organisation{Name: "My organisation", Timezone: "UTC"},
		Tiers: []TierRule{
			{"prod*", "production"}, {"*-prod*", "production"}, {"live", "production"}, {"prd*", "production"},
			{"stag*", "staging"}, {"*-stag*", "staging"}, {"preprod*", "staging"}, {"uat*", "staging"},
			{"test*", "testing"}, {"qa*", "testing"}, {"*-test*", "testing"},
			{"dev*", "development"}, {"*-dev*", "development"}, {"preview*", "development"}, {"local*", "development"},
		},
		Bots:       []string{"*[[]bot]", "dependabot*", "renovate*", "github-actions*", "*-bot"},
		Hotfix:     []string{"hotfix", "hotfix/*", "hotfix-*"},
		Ingest:     Ingest{Listen: "127.0.0.1:8080", Pages: "127.0.0.1:8081", MaxLog: 4 << 30},
		Windows:    Windows{Failure: Duration(24 * time.Hour), Remedy: Duration(7 * 24 * time.Hour)},
		Kafka:      Kafka{Listen: "127.0.0.1:9092"},
		ClickHouse: ClickHouse{Listen: "127.0.0.1:8123", User: "payoff", Memory: 4 << 30},
		Rollup:     Rollup{Every: Duration(10 * time.Second), Flush: Duration(500 * time.Millisecond)},
	}
}

// Load reads the file at name, or the defaults when name is empty, and applies
// the variables of environ ("KEY=value"). Everything that is wrong is reported at
// once.
func Load(name string, environ []string) (Config, error) {
	c := Default()
	if name != "" {
		b, err := os.ReadFile(name)
		if err != nil {
			return c, fmt.Errorf("reading the configuration: %w", err)
		}
		if c, err = Parse(b); err != nil {
			return c, fmt.Errorf("%s: %w", name, err)
		}
	}
	if err := override(reflect.ValueOf(&c).Elem(), "PAYOFF", environ); err != nil {
		return c, err
	}
	return c, c.Validate()
}

// Parse reads the text of a configuration over the defaults.
func Parse(b []byte) (Config, error) {
	c := Default()
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, explain(err)
	}
	return c, nil
}

var unknownField = regexp.MustCompile(`line (\d+): field (\S+) not found in type config\.(\w+)`)

// explain turns the decoder's words about Go types into words about the file.
func explain(err error) error {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	msg = strings.TrimPrefix(msg, "unmarshal errors:\n  ")
	msg = unknownField.ReplaceAllStringFunc(msg, func(s string) string {
		m := unknownField.FindStringSubmatch(s)
		return fmt.Sprintf("line %s: %q is not a key here; the keys are %s", m[1], m[2], strings.Join(keysOf(m[3]), ", "))
	})
	return errors.New(strings.ReplaceAll(msg, "\n  ", "; "))
}

// keysOf lists the keys of the part of the configuration that has the Go type.
func keysOf(typ string) []string {
	var found []string
	var visit func(t reflect.Type)
	visit = func(t reflect.Type) {
		for t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for i := range t.NumField() {
			if t.Name() == typ && len(found) < t.NumField() {
				found = append(found, t.Field(i).Tag.Get("yaml"))
			}
			visit(t.Field(i).Type)
		}
	}
	visit(reflect.TypeFor[Config]())
	return found
}

// override sets what variables name. Lists of structures have no variables.
func override(v reflect.Value, prefix string, environ []string) error {
	for i := range v.NumField() {
		f, name := v.Field(i), prefix+"_"+strings.ToUpper(v.Type().Field(i).Tag.Get("yaml"))
		if f.Kind() == reflect.Struct {
			if err := override(f, name, environ); err != nil {
				return err
			}
			continue
		}
		value, ok := lookup(environ, name)
		if !ok {
			continue
		}
		if f.Kind() == reflect.Slice && f.Type().Elem().Kind() != reflect.String {
			return fmt.Errorf("variable %s: a list of this kind can only be set in the file", name)
		}
		node := yaml.Node{Kind: yaml.ScalarNode, Value: value}
		if f.Kind() == reflect.Slice {
			node = yaml.Node{Kind: yaml.SequenceNode}
			for item := range strings.SplitSeq(value, ",") {
				node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.TrimSpace(item)})
			}
		} else if f.Kind() == reflect.String {
			node.Tag = "!!str"
		}
		if err := node.Decode(f.Addr().Interface()); err != nil {
			return fmt.Errorf("variable %s: %w", name, err)
		}
	}
	return nil
}

func lookup(environ []string, name string) (string, bool) {
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}

// Tiers an environment can be mapped to.
var tiers = []string{"production", "staging", "testing", "development"}

// UnknownTier is the tier of an environment that no rule maps: in no delivery
// metric, and listed by `payoff doctor`.
const UnknownTier = "unknown"

// Validate reports everything that is wrong, one sentence a fault.
func (c Config) Validate() error {
	var wrong []error
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	if _, err := time.LoadLocation(c.Organisation.Timezone); err != nil || c.Organisation.Timezone == "" || c.Organisation.Timezone == "Local" {
		bad("organisation.timezone: %q is not an IANA time zone such as Europe/Berlin", c.Organisation.Timezone)
	}
	for i, r := range c.Tiers {
		if !contains(tiers, r.Tier) {
			bad("tiers[%d].tier: %q is not one of %s", i, r.Tier, strings.Join(tiers, ", "))
		}
		if _, err := path.Match(r.Environment, ""); err != nil || r.Environment == "" {
			bad("tiers[%d].environment: %q is not a pattern such as prod*", i, r.Environment)
		}
	}
	for _, l := range []struct {
		key      string
		patterns []string
	}{{"bots", c.Bots}, {"hotfix", c.Hotfix}} {
		for i, p := range l.patterns {
			if _, err := path.Match(p, ""); err != nil {
				bad("%s[%d]: %q is not a pattern", l.key, i, p)
			}
		}
	}
	for i, t := range c.Ingest.Tokens {
		if t.Name == "" || t.Secret == (Secret{}) || len(t.Sources) == 0 {
			bad("ingest.tokens[%d]: needs name, secret and sources", i)
		}
	}
	for i, e := range c.Ingest.Endpoints {
		if e.Source == "" || e.Name == "" || len(e.Secrets) == 0 {
			bad("ingest.endpoints[%d]: needs source, name and secrets; without a secret every delivery is refused", i)
		}
	}
	switch c.Kafka.SASL.Mechanism {
	case "", "plain", "scram-sha-256", "scram-sha-512":
	default:
		bad("kafka.sasl.mechanism: %q is not plain, scram-sha-256 or scram-sha-512", c.Kafka.SASL.Mechanism)
	}
	places := make(map[string]bool)
	for i, p := range c.PagerDuty.Places {
		if p.Name == "" || p.Service == "" && p.Environment == "" && p.Rotation == "" {
			bad("pagerduty.places[%d]: needs name, and service, environment or rotation", i)
		}
		if places[p.Name] {
			bad("pagerduty.places[%d]: %q stands for something else above; keep one of them", i, p.Name)
		}
		places[p.Name] = true
	}
	for i, g := range c.Collect.Git {
		switch {
		case g.URL == "":
			bad("collect.git[%d]: needs url", i)
		case g.Tags != "" && g.MergesInto != "":
			bad("collect.git[%d]: tags and deploys_from_merges are two ways to say what a deployment is; keep one", i)
		case g.Prereleases && g.Tags == "":
			bad("collect.git[%d].prereleases: goes with tags", i)
		}
	}
	windows := make(map[string]Windows)
	for i, s := range c.Services {
		if s.Name == "" || s.Repository == "" && (s.Windows == Windows{} || s.Environment != "") {
			bad("services[%d]: needs name and repository, or name and windows", i)
		}
		if s.Windows == (Windows{}) {
			continue
		}
		if w, twice := windows[s.Name]; twice && w != s.Windows {
			bad("services[%d].windows: service %s has other windows above; keep one of them", i, s.Name)
		}
		windows[s.Name] = s.Windows
	}
	return errors.Join(wrong...)
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// WindowsOf are the windows of a service.
func (c Config) WindowsOf(service string) Windows {
	w := c.Windows
	for _, s := range c.Services {
		if s.Name != service {
			continue
		}
		if s.Windows.Failure > 0 {
			w.Failure = s.Windows.Failure
		}
		if s.Windows.Remedy > 0 {
			w.Remedy = s.Windows.Remedy
		}
	}
	return w
}

// Location is the organisation's time zone; call it on a valid configuration.
func (c Config) Location() *time.Location {
	loc, err := time.LoadLocation(c.Organisation.Timezone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// Tier maps an environment to its tier by the first rule that matches.
func (c Config) Tier(environment string) string {
	for _, r := range c.Tiers {
		if ok, err := path.Match(strings.ToLower(r.Environment), strings.ToLower(environment)); ok && err == nil {
			return r.Tier
		}
	}
	return UnknownTier
}
