package gitlab

import (
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// payload is the union of what is read of the events. What is not named here is
// not even parsed.
type payload struct {
	Kind    string  `json:"object_kind"`
	Project project `json:"project"`
	User    user    `json:"user"`

	// Of a push.
	Ref          string   `json:"ref"` // a deployment has one, too
	Before       string   `json:"before"`
	After        string   `json:"after"`
	Username     string   `json:"user_username"`
	Commits      []commit `json:"commits"`
	TotalCommits int64    `json:"total_commits_count"`

	// Of a deployment.
	DeploymentID int64  `json:"deployment_id"`
	Status       string `json:"status"`
	ChangedAt    stamp  `json:"status_changed_at"`
	Environment  string `json:"environment"`
	ShortSHA     string `json:"short_sha"`
	CommitURL    string `json:"commit_url"`

	// Of a pipeline, a merge request or a comment.
	Object  *object `json:"object_attributes"`
	Labels  []label `json:"labels"`
	Changes struct {
		Draft *struct {
			Previous bool `json:"previous"`
			Current  bool `json:"current"`
		} `json:"draft"`
	} `json:"changes"`

	// Of a comment: what it is on.
	MergeRequest *object `json:"merge_request"`
}

type project struct {
	Path          string `json:"path_with_namespace"`
	DefaultBranch string `json:"default_branch"`
}

type user struct {
	ID       int64  `json:"id"`
	Username string `json:"username"`
}

type label struct {
	Title string `json:"title"`
}

type commit struct {
	ID        string `json:"id"`
	Message   string `json:"message"`
	Timestamp stamp  `json:"timestamp"` // of the committer
	Author    struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	} `json:"author"`
	Added    []string `json:"added"`
	Removed  []string `json:"removed"`
	Modified []string `json:"modified"`
}

// An object is a pipeline, a merge request or a comment.
type object struct {
	ID        int64 `json:"id"`
	CreatedAt stamp `json:"created_at"`

	// Of a pipeline.
	Status     string `json:"status"`
	Ref        string `json:"ref"`
	SHA        string `json:"sha"`
	FinishedAt stamp  `json:"finished_at"`
	URL        string `json:"url"`

	// Of a comment.
	On     string `json:"noteable_type"`
	System bool   `json:"system"` // GitLab itself says that something was done

	// Of a merge request.
	Number       int64   `json:"iid"`
	Action       string  `json:"action"`
	State        string  `json:"state"`
	Title        string  `json:"title"`
	Description  string  `json:"description"`
	Draft        bool    `json:"draft"`
	InProgress   bool    `json:"work_in_progress"` // its older name
	AuthorID     int64   `json:"author_id"`
	SourceBranch string  `json:"source_branch"`
	TargetBranch string  `json:"target_branch"`
	OldRevision  string  `json:"oldrev"` // where the source branch stood, if commits were pushed to it
	MergeCommit  string  `json:"merge_commit_sha"`
	SquashCommit string  `json:"squash_commit_sha"`
	Squash       bool    `json:"squash"`
	UpdatedAt    stamp   `json:"updated_at"`
	Labels       []label `json:"labels"` // where it is what a comment is on
	LastCommit   struct {
		ID string `json:"id"`
	} `json:"last_commit"`
}

// A stamp is a time as GitLab writes it: RFC 3339, "2016-08-12 15:26:29 UTC",
// "2021-04-28 21:50:00 +0200", null or absent.
// Embedded, the time would be read by its own methods.
type stamp struct{ Time time.Time }

// UnmarshalText reads any of the forms.
func (s *stamp) UnmarshalText(b []byte) error {
	for _, layout := range []string{"2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, string(b)); err == nil {
			s.Time = t.UTC()
			return nil
		}
	}
	t, err := events.ParseTime(string(b))
	s.Time = t
	return err
}

// IsZero reports whether there is none.
func (s stamp) IsZero() bool { return s.Time.IsZero() }

func (s stamp) String() string { return events.FormatTime(s.Time) }
