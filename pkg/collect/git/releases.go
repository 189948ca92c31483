package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A release is a deployment as the repository tells of it.
type release struct {
	commit  string
	time    time.Time
	quality string // qualityCommit if the time is the commit's
	name    string
	version version  // that name is read as; none for a step of a branch
	aliases []string // further names, the highest version first
	ref     string
	// later is how many releases of the same time come after this one.
	later int
	// newest is the time of the youngest of its tags.
	newest time.Time
	// sequence is greater whenever there is more to say of the same release: it
	// is newest, plus one for each alias and each other release of the same time.
	sequence uint64
}

const qualityCommit = "commit"

// A tag is a version tag.
type tag struct {
	name    string
	version version
	commit  string
	time    time.Time
	quality string
}

// tagFields are told by for-each-ref: the object a tag ref names, and the one
// that one names if it is an annotated tag.
const tagFields = "%(refname:lstrip=2)%00%(objecttype)%00%(objectname)%00%(committerdate:raw)%00%(taggerdate:raw)%00" +
	"%(*objecttype)%00%(*objectname)%00%(*committerdate:raw)"

// readTags lists the tags that are versions of the service, and counts the rest.
// Without any the error is a *NoReleasesError.
func (r *repository) readTags(ctx context.Context, o Options, s selector, sum *Summary) ([]tag, error) {
	out, err := r.output(ctx, "for-each-ref", "--format="+tagFields, "refs/tags")
	if err != nil {
		return nil, err
	}
	var tags []tag
	var other string // one that is none
	for line := range strings.Lines(out) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\x00")
		if len(f) != 8 {
			return nil, fmt.Errorf("reading tags: git wrote %.80q where a tag was to be", line)
		}
		sum.Tags++
		v, ok := s.version(f[0])
		switch {
		case !ok:
			sum.OtherTags++
			other = f[0]
			continue
		case v.Prerelease() != "" && !o.Prereleases:
			sum.Prereleases++
			continue
		}
		t, ok, err := r.resolveTag(ctx, f)
		if err != nil {
			return nil, err
		}
		if !ok {
			sum.OtherTags++
			other = f[0]
			continue
		}
		t.version = v
		tags = append(tags, t)
	}
	if len(tags) == 0 {
		return nil, &NoReleasesError{Repository: sum.Repository, Branch: r.main, Tags: sum.Tags, Prereleases: sum.Prereleases,
			Glob: o.Tags, Example: other, Shallow: sum.Shallow}
	}
	return tags, nil
}

// resolveTag finds the commit and the time of a tag from its tagFields; false if
// it names no commit, but a tree or a blob.
func (r *repository) resolveTag(ctx context.Context, f []string) (tag, bool, error) {
	t := tag{name: f[0]}
	objectType, object, committed := f[1], f[2], f[3]
	if objectType == "tag" {
		objectType, object, committed = f[5], f[6], f[7]
	}
	if objectType == "tag" { // a tag of a tag
		out, err := r.output(ctx, "rev-list", "--no-walk", "--timestamp", "--end-of-options", "refs/tags/"+t.name+"^{commit}")
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return t, false, nil
		} else if err != nil {
			return t, false, err
		}
		objectType = "commit"
		committed, object, _ = strings.Cut(strings.TrimSpace(out), " ")
	}
	t.commit = object
	var tagged bool
	if t.time, tagged = parseTime(seconds(f[4])); !tagged { // lightweight, or of before there were taggers
		t.quality = qualityCommit
		t.time = commitTime(seconds(committed))
	}
	return t, objectType == "commit", nil
}

// seconds is the first part of a raw date such as "1700000000 +0100".
func seconds(raw string) string {
	s, _, _ := strings.Cut(raw, " ")
	return s
}

// releasesOfTags makes one release of the tags of each commit: the highest
// version is the release, the others its aliases.
func releasesOfTags(tags []tag) []release {
	slices.SortFunc(tags, func(a, b tag) int {
		return cmp.Or(cmp.Compare(a.commit, b.commit), b.version.compare(a.version), cmp.Compare(b.name, a.name))
	})
	var all []release
	for _, t := range tags {
		if last := len(all) - 1; last >= 0 && all[last].commit == t.commit {
			all[last].aliases = append(all[last].aliases, t.name)
			if t.time.After(all[last].newest) {
				all[last].newest = t.time
			}
			continue
		}
		all = append(all, release{commit: t.commit, time: t.time, quality: t.quality, name: t.name, version: t.version,
			ref: "refs/tags/" + t.name, newest: t.time})
	}
	slices.SortFunc(all, func(a, b release) int {
		return cmp.Or(a.time.Compare(b.time), a.version.compare(b.version), cmp.Compare(a.name, b.name))
	})
	return number(all)
}

// readSteps makes a release of every step of a branch: of its commits along the
// first parents, be they merges or not.
func (r *repository) readSteps(ctx context.Context, b branch) ([]release, error) {
	var steps []release
	read := func(out io.Reader) error {
		return eachLine(out, func(line string) error {
			stamp, hash, _ := strings.Cut(line, " ")
			if !isHash(hash) {
				return fmt.Errorf("reading %s: git wrote %.80q where a commit was to be", b.ref, line)
			}
			at := commitTime(stamp)
			steps = append(steps, release{commit: hash, time: at, quality: qualityCommit, name: hash[:shortHash],
				ref: b.ref, newest: at})
			return nil
		})
	}
	if err := r.stream(ctx, read, []string{"rev-list", "--first-parent", "--timestamp", b.commit}); err != nil {
		return nil, err
	}
	slices.Reverse(steps)
	return number(straighten(steps)), nil
}

// newSteps are those that were not there when the branch stood at told, with those
// of the same time, whose order is another now.
func (r *repository) newSteps(ctx context.Context, steps []release, told string) ([]release, error) {
	before := make(map[string]bool)
	read := func(out io.Reader) error {
		return eachLine(out, func(hash string) error { before[hash] = true; return nil })
	}
	if err := r.stream(ctx, read, []string{"rev-list", "--first-parent", told}); err != nil {
		return nil, err
	}
	times := make(map[time.Time]bool)
	for _, s := range steps {
		if !before[s.commit] {
			times[s.time] = true
		}
	}
	return slices.DeleteFunc(steps, func(s release) bool { return !times[s.time] }), nil
}

// shortHash is how much of a hash names a version.
const shortHash = 12

// maxSkew is by how much clocks that disagree are believed to do so.
const maxSkew = 24 * time.Hour

// straighten moves a step that seems to come before the step it stands on to the
// time of that one. Otherwise clocks that disagree by a minute would make a
// rollback of it. A greater difference is a wrong date, and stays its own.
// As only older steps have a say, a branch that grows changes none of its past.
func straighten(steps []release) []release {
	for i := 1; i < len(steps); i++ {
		if before := steps[i-1].time; steps[i].time.Before(before) && before.Sub(steps[i].time) <= maxSkew {
			steps[i].time = before
		}
	}
	slices.SortStableFunc(steps, func(a, b release) int { return a.time.Compare(b.time) })
	return steps
}

// number tells releases of one time apart, and gives all their sequence.
func number(sorted []release) []release {
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && sorted[to].time.Equal(sorted[from].time) {
			to++
		}
		for i := from; i < to; i++ {
			r := &sorted[i]
			r.later = to - 1 - i
			r.sequence = events.SequenceOf(r.newest) + uint64(len(r.aliases)+to-from-1)
		}
		from = to
	}
	return sorted
}
