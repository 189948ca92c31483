package github

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// payload is the union of what is read of the six events. What is not named
// here is not even parsed.
type payload struct {
	Action     string     `json:"action"`
	Repository repository `json:"repository"`

	Deployment       *deployment       `json:"deployment"`
	DeploymentStatus *deploymentStatus `json:"deployment_status"`
	WorkflowRun      *workflowRun      `json:"workflow_run"`
	Workflow         *struct {
		Name string `json:"name"`
	} `json:"workflow"`
	PullRequest *pullRequest `json:"pull_request"`
	Review      *review      `json:"review"`
	Label       struct {
		Name string `json:"name"`
	} `json:"label"` // that was given or taken

	// Of a push.
	Ref     string   `json:"ref"`
	Before  string   `json:"before"`
	After   string   `json:"after"`
	Deleted bool     `json:"deleted"`
	Forced  bool     `json:"forced"`
	Commits []commit `json:"commits"`
	Pusher  struct {
		Name string `json:"name"` // the login
	} `json:"pusher"`
}

type repository struct {
	Name          string         `json:"name"`
	FullName      string         `json:"full_name"`
	DefaultBranch string         `json:"default_branch"`
	PushedAt      jsontext.Value `json:"pushed_at"` // Unix seconds in a push, RFC 3339 elsewhere
}

type user struct {
	Login string `json:"login"`
}

type deployment struct {
	ID                  int64          `json:"id"`
	SHA                 string         `json:"sha"`
	Ref                 string         `json:"ref"`
	Environment         string         `json:"environment"`
	OriginalEnvironment string         `json:"original_environment"`
	Payload             jsontext.Value `json:"payload"` // free: an object, or a string that may hold one
	Creator             user           `json:"creator"`
	CreatedAt           stamp          `json:"created_at"`
	UpdatedAt           stamp          `json:"updated_at"`
}

type deploymentStatus struct {
	ID        int64  `json:"id"`
	State     string `json:"state"`
	CreatedAt stamp  `json:"created_at"`
	UpdatedAt stamp  `json:"updated_at"`
}

type workflowRun struct {
	ID           int64  `json:"id"`
	RunAttempt   int64  `json:"run_attempt"`
	Name         string `json:"name"`
	HeadSHA      string `json:"head_sha"`
	HeadBranch   string `json:"head_branch"`
	Conclusion   string `json:"conclusion"`
	HTMLURL      string `json:"html_url"`
	Actor        user   `json:"actor"`
	RunStartedAt stamp  `json:"run_started_at"`
	UpdatedAt    stamp  `json:"updated_at"`
	PullRequests []struct {
		Number int64 `json:"number"`
	} `json:"pull_requests"`
}

type pullRequest struct {
	Number         int64  `json:"number"`
	State          string `json:"state"`
	Title          string `json:"title"`
	Body           string `json:"body"`
	Draft          bool   `json:"draft"`
	Merged         bool   `json:"merged"`
	MergeCommitSHA string `json:"merge_commit_sha"`
	Commits        int64  `json:"commits"`
	Additions      int64  `json:"additions"`
	Deletions      int64  `json:"deletions"`
	User           user   `json:"user"`
	Labels         []struct {
		Name string `json:"name"`
	} `json:"labels"`
	Head struct {
		Ref string `json:"ref"`
		SHA string `json:"sha"`
	} `json:"head"`
	Base struct {
		Ref string `json:"ref"`
	} `json:"base"`
	CreatedAt stamp `json:"created_at"`
	UpdatedAt stamp `json:"updated_at"`
	ClosedAt  stamp `json:"closed_at"`
	MergedAt  stamp `json:"merged_at"`
}

type review struct {
	ID          int64  `json:"id"`
	State       string `json:"state"`
	CommitID    string `json:"commit_id"`
	User        user   `json:"user"`
	SubmittedAt stamp  `json:"submitted_at"`
	UpdatedAt   stamp  `json:"updated_at"`
}

type commit struct {
	ID        string    `json:"id"`
	Message   string    `json:"message"`
	Distinct  *bool     `json:"distinct"` // no push before had it; nil: not said
	Timestamp stamp     `json:"timestamp"`
	Author    signature `json:"author"`
	Committer signature `json:"committer"`
	Added     []string  `json:"added"`
	Removed   []string  `json:"removed"`
	Modified  []string  `json:"modified"`
}

func (c *commit) distinct() bool { return c.Distinct == nil || *c.Distinct }

type signature struct {
	Email    string `json:"email"`
	Username string `json:"username"`
	Date     stamp  `json:"date"`
}

// A stamp is a time as GitHub writes it: RFC 3339, null or absent.
type stamp struct{ time.Time }

// UnmarshalText reads RFC 3339.
func (s *stamp) UnmarshalText(b []byte) error {
	t, err := events.ParseTime(string(b))
	s.Time = t
	return err
}

func (s stamp) String() string { return events.FormatTime(s.Time) }

// parsePushedAt reads both forms of repository.pushed_at.
func parsePushedAt(v jsontext.Value) time.Time {
	var seconds int64
	if collect.ParseJSON(v, &seconds) == nil {
		return time.Unix(seconds, 0).UTC()
	}
	var at stamp
	if collect.ParseJSON(v, &at) == nil {
		return at.Time
	}
	return time.Time{}
}
