package git

import (
	"regexp"
	"slices"
	"strings"
)

// botMail are the addresses under which well-known bots commit without saying
// "[bot]".
var botMail = []string{
	"action@github.com", "bot@renovateapp.com", "bot@dependabot.com", "support@dependabot.com",
	"support@greenkeeper.io", "snyk-bot@snyk.io", "semantic-release-bot@martynus.net", "github-bot@pyup.io",
}

// projectBot is the address of a forge's project or group access token.
var projectBot = regexp.MustCompile(`^(?:project|group)_?\d+_bot(?:_?[0-9a-f]*)?@`)

// botName returns the name of the bot behind an author, "" for a person or when
// that is not sure: a person taken for a bot would drop out of the numbers. A
// bot's name is kept as it is, so it is never a part of a person's address.
func botName(name, email string) string {
	email = strings.ToLower(email)
	local, _, _ := strings.Cut(email, "@")
	switch {
	case strings.HasSuffix(strings.ToLower(name), "[bot]"):
		return name
	case strings.HasSuffix(local, "[bot]"): // 49699333+dependabot[bot]@…
		return local[strings.LastIndexByte(local, '+')+1:]
	case slices.Contains(botMail, email), projectBot.MatchString(email):
		return local
	}
	return ""
}
