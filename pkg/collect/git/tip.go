package git

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A tip is where the default branch stands.
type tip struct {
	branch string
	commit string
	time   time.Time
	// sequence grows with the branch: it is the time of its youngest commit, or of
	// the fetch, plus one for each commit. So a branch that was set back is believed
	// once it is fetched, and an import of an old clone is not.
	sequence uint64
}

// readTip finds where the default branch stands: at the origin, if the clone knows
// that, as what is not pushed is nobody's yet. There is none without a branch.
func (r *repository) readTip(ctx context.Context, fetched time.Time) ([]tip, error) {
	b, ok := r.branch("refs/remotes/origin/" + r.main)
	if !ok {
		if b, ok = r.branch(r.main); !ok {
			return nil, nil
		}
	}
	t := tip{branch: r.main}
	var newest time.Time
	var count uint64
	read := func(out io.Reader) error {
		return eachLine(out, func(line string) error {
			stamp, hash, _ := strings.Cut(line, " ")
			if !isHash(hash) {
				return fmt.Errorf("reading %s: git wrote %.80q where a commit was to be", b.ref, line)
			}
			at := commitTime(stamp)
			if t.commit == "" {
				t.commit, t.time = hash, at
			}
			if events.Believable(at) && at.After(newest) {
				newest = at
			}
			count++
			return nil
		})
	}
	if err := r.stream(ctx, read, []string{"rev-list", "--topo-order", "--timestamp", b.commit}); err != nil {
		return nil, err
	}
	if !events.Believable(t.time) && !newest.IsZero() {
		t.time = newest // a fact without a believable time would not be read
	}
	if fetched.After(newest) {
		newest = fetched
	}
	t.sequence = events.SequenceOf(newest) + count
	return []tip{t}, nil
}

// tipDraft is the fact of where the default branch stands. There is one for a
// repository: as the branch grows, it has newer versions.
func tipDraft(t tip, repository string) events.Draft {
	return events.Draft{
		Source: source, Kind: events.BranchPushed, Natural: []string{"default_branch", repository}, Subject: repository,
		Time: t.time, Sequence: t.sequence, Mapping: mapping,
		Content: events.Fields{Repository: &events.Ref{ID: repository}, Ref: t.branch, DefaultBranch: true, Commit: t.commit},
	}
}
