package git

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// Options say what is read, and how deployments are found in it.
type Options struct {
	Dir         string // of a clone: bare or not, shallow or not, a worktree, or a directory inside of one
	Service     string // "" for the last part of Repository
	Repository  string // "" for the owner/name of the origin's URL, else the directory's name
	Tags        string // glob of the tags that are deployments, such as "api/v*", where * stops at a slash; "" for those of the service
	Prereleases bool   // pre-releases are deployments too
	MergesInto  string // every step of this branch is a deployment, and no tag is
	GraphOnly   bool   // nothing in the repository says what was deployed: only commits and the default branch are told of

	// Fetched is when the clone was brought up to its remote, which then has the last
	// word on where its default branch stands; zero where that is not known.
	Fetched time.Time

	told      string // pattern of refs whose commits were told of before; "" for none
	toldSteps string // where MergesInto stood then; "" for nowhere
}

// A Summary says what was read.
type Summary struct {
	Repository  string    `json:"repository"`
	Service     string    `json:"service"`
	Commits     int       `json:"commits"`
	Deployments int       `json:"deployments"`
	Aliases     int       `json:"aliases"`     // version tags beside another, higher one on the same commit
	Tags        int       `json:"tags"`        // all there are; 0 when a branch's steps are the deployments
	Prereleases int       `json:"prereleases"` // tags left out as pre-releases
	OtherTags   int       `json:"other_tags"`  // tags left out as no versions of the service, or not of a commit
	Shallow     bool      `json:"shallow"`     // history is cut off: parents and paths of its oldest commits are unknown
	Treeless    bool      `json:"treeless"`    // a partial clone that does not say which paths its commits touch
	First       time.Time `json:"first"`       // committer time of the oldest commit with a believable one
	Last        time.Time `json:"last"`        // and of the youngest
}

// A NoReleasesError says that no tag stands for a deployment.
type NoReleasesError struct {
	Repository  string
	Branch      string // the default branch, "" if there is no branch
	Tags        int
	Prereleases int
	Glob        string // Options.Tags
	Example     string // a tag that is no version of the service
	Shallow     bool
}

func (e *NoReleasesError) Error() string {
	branch := e.Branch
	if branch == "" {
		branch = "BRANCH"
	}
	return fmt.Sprintf("%s; if what is merged is deployed, use --deploys-from-merges %s", e.reason(), branch)
}

func (e *NoReleasesError) reason() string {
	switch {
	case e.Tags == 0 && e.Shallow:
		return fmt.Sprintf("%s has no tags, so nothing in it says what was deployed when; it is a shallow clone, and git fetch --unshallow --tags may bring some", e.Repository)
	case e.Tags == 0:
		return fmt.Sprintf("%s has no tags, so nothing in it says what was deployed when", e.Repository)
	case e.Prereleases > 0:
		return fmt.Sprintf("no tag of %s is a released version (tags: %d, pre-releases among them: %d; --prereleases takes those as deployments)", e.Repository, e.Tags, e.Prereleases)
	case e.Glob != "":
		return fmt.Sprintf("no tag of %s matches %q and reads as a version (tags: %d, one of them %q)", e.Repository, e.Glob, e.Tags, e.Example)
	}
	return fmt.Sprintf("no tag of %s is a version such as v1.2.3 (tags: %d, one of them %q; --tags 'PATTERN' chooses others)", e.Repository, e.Tags, e.Example)
}

// A NoCommitsError says that a repository is empty.
type NoCommitsError struct{ Repository string }

func (e *NoCommitsError) Error() string {
	return fmt.Sprintf("%s has no commits yet, so there is nothing to import", e.Repository)
}

// Read hands the commits, where the default branch stands, and then the deployments
// of a repository to emit, in batches that emit must not keep after it returns. An error of emit ends the
// reading and is returned. The same repository gives the same facts each time,
// so a reading that was broken off is simply repeated. progress may be nil; it
// is told how many drafts of all have been taken by emit.
//
// Nothing is emitted if there is nothing to tell: then the error is a
// *NoReleasesError or a *NoCommitsError.
func Read(ctx context.Context, o Options, emit func([]events.Draft) error, progress func(done, total int)) (Summary, error) {
	if err := o.validate(); err != nil {
		return Summary{}, err
	}
	r, err := open(ctx, o.Dir)
	if err != nil {
		return Summary{}, err
	}
	sum := Summary{Repository: o.Repository, Service: o.Service, Shallow: len(r.shallow) > 0, Treeless: r.treeless}
	if sum.Repository == "" {
		sum.Repository = r.name
	}
	if sum.Service == "" {
		sum.Service = lastPart(sum.Repository)
	}
	r.told = o.told
	total, err := r.countCommits(ctx)
	if err != nil {
		return sum, err
	}
	if total == 0 && o.told == "" {
		return sum, &NoCommitsError{Repository: sum.Repository}
	}
	releases, err := r.readReleases(ctx, o, &sum)
	if err != nil {
		return sum, err
	}
	tip, err := r.readTip(ctx, o.Fetched)
	if err != nil {
		return sum, err
	}
	w := &writer{emit: emit, progress: progress, total: total + len(tip) + len(releases), sum: &sum}
	if err := r.stream(ctx, func(out io.Reader) error { return readCommits(out, w.commit(r)) }, r.logCommands()...); err != nil {
		return sum, err
	}
	for _, t := range tip {
		if err := w.add(tipDraft(t, sum.Repository)); err != nil {
			return sum, err
		}
	}
	for _, rel := range releases {
		if err := w.release(rel); err != nil {
			return sum, err
		}
	}
	return sum, w.flush()
}

func (o Options) validate() error {
	switch {
	case o.Dir == "":
		return fmt.Errorf("no directory of a repository is named")
	case o.MergesInto != "" && (o.Tags != "" || o.Prereleases):
		return fmt.Errorf("--deploys-from-merges takes every merge as a deployment and no tag, so it does not go with --tags and --prereleases")
	case !doublestar.ValidatePattern(o.Tags):
		return fmt.Errorf("--tags %q is not a pattern such as 'api/v*'", o.Tags)
	}
	return nil
}

// readReleases finds the deployments; there is at least one if err is nil, and
// deployments are asked for.
func (r *repository) readReleases(ctx context.Context, o Options, sum *Summary) ([]release, error) {
	if o.GraphOnly {
		return nil, nil
	}
	if o.MergesInto != "" {
		b, ok := r.branch(o.MergesInto)
		if !ok {
			return nil, fmt.Errorf("%s has no branch %q; its default branch is %q", sum.Repository, o.MergesInto, r.main)
		}
		steps, err := r.readSteps(ctx, b)
		if err != nil || o.toldSteps == "" {
			return steps, err
		}
		return r.newSteps(ctx, steps, o.toldSteps)
	}
	tags, err := r.readTags(ctx, o, newSelector(o, sum.Repository, sum.Service), sum)
	if err != nil {
		return nil, err
	}
	return releasesOfTags(tags), nil
}

// revisions are all branches, here and at remotes, all tags, and HEAD when it is
// on none of them. Stashes, notes and what tools keep under other refs are not
// part of the history.
func (r *repository) revisions() []string {
	args := []string{"--branches", "--tags", "--remotes"}
	if r.head != "" {
		args = append(args, r.head)
	}
	if r.told != "" {
		args = append(args, "--not", "--glob="+r.told)
	}
	return args
}

func (r *repository) countCommits(ctx context.Context) (n int, err error) {
	out, err := r.line(ctx, append([]string{"rev-list", "--count"}, r.revisions()...)...)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscan(out, &n); err != nil {
		return 0, fmt.Errorf("counting commits: git wrote %.40q where a number was to be", out)
	}
	return n, nil
}

// logCommands write all commits in the format that readCommits reads. diff-tree
// compares trees alone, and shows no paths of a merge. Where the trees are not
// there, rev-list tells the rest.
func (r *repository) logCommands() [][]string {
	list := append([]string{"rev-list"}, r.revisions()...)
	if r.treeless {
		return [][]string{slices.Insert(list, 1, "--format="+header)}
	}
	return [][]string{list, {"diff-tree", "--stdin", "--always", "--root", "-r", "-z", "--raw", "--no-renames", "--format=" + header}}
}
