package collect

import (
	"fmt"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Patterns are globs that are compared without regard to case: * stands for any
// characters but /, ** also for these. The zero value matches nothing.
type Patterns struct{ globs []string }

// NewPatterns checks and keeps globs.
func NewPatterns(globs ...string) (Patterns, error) {
	var p Patterns
	for _, g := range globs {
		if g == "" || !doublestar.ValidatePattern(g) {
			return Patterns{}, fmt.Errorf("%q is not a pattern such as \"hotfix/*\"", g)
		}
		p.globs = append(p.globs, strings.ToLower(g))
	}
	return p, nil
}

func mustPatterns(globs ...string) Patterns {
	p, err := NewPatterns(globs...)
	if err != nil {
		panic(err)
	}
	return p
}

// Match reports whether any pattern matches the whole of s.
func (p Patterns) Match(s string) bool {
	if len(p.globs) == 0 || s == "" {
		return false
	}
	s = strings.ToLower(s)
	for _, g := range p.globs {
		if ok, err := doublestar.Match(g, s); ok && err == nil {
			return true
		}
	}
	return false
}

// DefaultHotfix are the names of branches and labels that mark a hotfix unless
// the configuration names others.
var DefaultHotfix = mustPatterns("hotfix", "hotfix/**", "hotfix-*", "hotfixes/**")

// A BotRule tells bots from people by their account.
type BotRule struct {
	// Names are further names of bots, beside those that end in "[bot]". They
	// are compared with the whole account ("ci@example.com"), and with the
	// account without its provider ("github:renovate" is "renovate").
	Names Patterns
}

const botSuffix = "[bot]"

// Bot returns the name of the bot that account belongs to, and whether it is a
// bot at all. The name has no provider and no address: one bot has one name,
// whether it is seen by its login or by the address of its commits.
func (r BotRule) Bot(account string) (string, bool) {
	name := botName(account)
	if strings.HasSuffix(name, botSuffix) || r.Names.Match(account) || r.Names.Match(name) {
		return name, true
	}
	return "", false
}

// botName takes "dependabot[bot]" out of "github:dependabot[bot]" and
// "49699333+dependabot[bot]@users.noreply.github.com".
func botName(account string) string {
	name, _, _ := strings.Cut(withoutProvider(canonicalAccount(account)), "@")
	return name
}

// withoutProvider takes "octocat" out of "github:octocat".
func withoutProvider(account string) string {
	if provider, name, ok := strings.Cut(account, ":"); ok && strings.Trim(provider, "abcdefghijklmnopqrstuvwxyz") == "" {
		return name
	}
	return account
}

// githubNoReply is the domain of the addresses behind which GitHub hides those
// of its users: "login@…" and, since 2017, "id+login@…".
const githubNoReply = "@users.noreply.github.com"

// canonicalAccount trims an account and takes GitHub's stand-in address for the
// login it was made from, so that a person's commits and reviews are one's.
func canonicalAccount(account string) string {
	account = strings.TrimSpace(account)
	if cut := len(account) - len(githubNoReply); cut > 0 && strings.EqualFold(account[cut:], githubNoReply) {
		login := account[:cut]
		if id, rest, ok := strings.Cut(login, "+"); ok && isNumber(id) {
			login = rest
		}
		return "github:" + login
	}
	return account
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// A ServiceRule says that deployments of a repository, to an environment, are
// of a service. Both are globs; an empty one matches everything.
type ServiceRule struct {
	Service     string
	Repository  string // "acme/payments", "acme/*"
	Environment string // "production", "prod-*"
}

// Services finds the service of a deployment by the first rule that matches.
type Services struct{ rules []serviceRule }

type serviceRule struct {
	service                 string
	repository, environment Patterns
}

// NewServices checks and keeps rules.
func NewServices(rules ...ServiceRule) (Services, error) {
	var s Services
	for i, r := range rules {
		if r.Service == "" {
			return Services{}, fmt.Errorf("service rule %d names no service", i+1)
		}
		compiled := serviceRule{service: r.Service}
		for _, g := range []struct {
			text string
			to   *Patterns
		}{{r.Repository, &compiled.repository}, {r.Environment, &compiled.environment}} {
			if g.text == "" {
				g.text = "**"
			}
			var err error
			if *g.to, err = NewPatterns(g.text); err != nil {
				return Services{}, fmt.Errorf("rule of service %s: %w", r.Service, err)
			}
		}
		s.rules = append(s.rules, compiled)
	}
	return s, nil
}

// Find returns the service that the first matching rule names, "" if none does.
func (s Services) Find(repository, environment string) string {
	for _, r := range s.rules {
		if r.repository.Match(repository) && (environment == "" || r.environment.Match(environment)) {
			return r.service
		}
	}
	return ""
}
