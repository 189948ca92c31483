package git

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A Remote is a repository elsewhere.
type Remote struct {
	URL   string // https, ssh (also host:path), or a path of this machine; without a password
	User  string // that Token is of; "" where any will do
	Token []byte // password or token for https; nil for none
}

// CheckURL says what is wrong with a URL. It does not repeat it: there may be a
// secret in it.
func CheckURL(remote string) error {
	_, err := schemeOf(remote)
	return err
}

// scp is git's short form of an ssh URL: git@host:owner/name.
var scp = regexp.MustCompile(`^([A-Za-z0-9_.-]+@)?[A-Za-z0-9_.-]{2,}:[^:]`)

func schemeOf(remote string) (string, error) {
	if scheme, _, ok := strings.Cut(remote, "://"); ok {
		u, err := url.Parse(remote)
		switch {
		case err != nil:
			return "", errors.New("the URL of the repository cannot be read")
		case scheme != "https" && scheme != "ssh" && scheme != "file":
			return "", errors.New("the URL of the repository begins neither with https://, ssh:// nor file://")
		case u.User != nil && scheme != "ssh":
			return "", errors.New("the URL of the repository holds an account; take it out, and name user and token beside the URL")
		}
		if _, secret := u.User.Password(); secret {
			return "", errors.New("the URL of the repository holds a password; ssh takes a key from its own configuration")
		}
		return scheme, nil
	}
	switch {
	case filepath.IsAbs(remote):
		return "file", nil
	case strings.Contains(remote, "::"): // a remote helper: any program
		return "", errors.New("the URL of the repository names a helper of git; use https://, ssh:// or file://")
	case scp.MatchString(remote):
		return "ssh", nil
	}
	return "", errors.New("the URL of the repository is neither https://…, ssh://…, host:path nor an absolute path")
}

// Pull brings the bare clone in o.Dir up to the remote, making it if it is not
// there, and hands to emit, as Read does, what was not told before: the commits that
// are new, where the default branch stands, and the deployments if a tag or the
// branch they are found by has moved. What was told is noted in the clone once emit
// has taken everything: a pull that is broken off tells the rest again, which is
// harmless, and a clone that is deleted is told anew from the beginning.
//
// Only the remote itself is asked: redirects are not followed, submodules and
// helpers not called. The token is in no argument, file or error.
func Pull(ctx context.Context, from Remote, o Options, emit func([]events.Draft) error) (Summary, error) {
	if o.Repository == "" {
		o.Repository = NameOfURL(from.URL)
	}
	sum := Summary{Repository: o.Repository, Service: o.Service}
	m, err := openMirror(ctx, from, o)
	if err != nil {
		return sum, from.conceal(err)
	}
	if err := m.fetch(ctx); err != nil {
		return sum, from.conceal(fmt.Errorf("fetching %s: %w", o.Repository, err))
	}
	sum, err = m.tell(ctx, o, emit)
	// Where no tag is a deployment yet, the commits are told all the same: a person
	// reads of the tags, and deployments that are told otherwise find their commits.
	if none := (*NoReleasesError)(nil); errors.As(err, &none) {
		o.GraphOnly = true
		if _, graph := m.tell(ctx, o, emit); graph != nil {
			return sum, graph
		}
	}
	return sum, err
}

// tell hands over what was not told before with these options, and notes it.
func (m *mirror) tell(ctx context.Context, o Options, emit func([]events.Draft) error) (Summary, error) {
	sum := Summary{Repository: o.Repository, Service: o.Service}
	// Asked for otherwise, the same repository tells something else.
	asked := fmt.Sprintf("%d\x00%s\x00%s\x00%s\x00%s\x00%v\x00%v", mapping, o.Repository, o.Service, o.Tags, o.MergesInto, o.Prereleases, o.GraphOnly)
	m.space = fmt.Sprintf("%s/%x/", toldRefs, sha1.Sum([]byte(asked)))
	now, err := m.standing(ctx)
	if err != nil {
		return sum, err
	}
	told, err := m.refs(ctx, toldRefs)
	if err != nil {
		return sum, err
	}
	marks := m.marks(now)
	switch {
	case len(now) == 0:
		return sum, &NoCommitsError{Repository: o.Repository}
	case maps.Equal(marks, told):
		return sum, nil
	case !m.first(told):
		o.told, o.toldSteps = m.space+"*", told[m.mark("refs/heads/"+o.MergesInto)]
		o.GraphOnly = o.GraphOnly || o.MergesInto == "" && !m.tagsMoved(now, told)
	}
	if sum, err = Read(ctx, o, emit, nil); err != nil {
		return sum, err
	}
	return sum, m.note(ctx, marks, told)
}

// standing is where the branches, the tags and HEAD stand.
func (m *mirror) standing(ctx context.Context) (map[string]string, error) {
	refs, err := m.refs(ctx, "refs/heads", "refs/tags")
	if err != nil {
		return nil, err
	}
	head, err := m.line(ctx, "symbolic-ref", "--quiet", "HEAD")
	if commit := refs[head]; commit != "" {
		refs["HEAD is "+head] = commit
	}
	return refs, err
}

// tagsMoved reports whether a tag is new, other or gone.
func (m *mirror) tagsMoved(now, told map[string]string) bool {
	left := len(told)
	for name, object := range now {
		was, known := told[m.mark(name)]
		if strings.HasPrefix(name, "refs/tags/") && was != object {
			return true
		}
		if known {
			left--
		}
	}
	return left > 0 // perhaps a branch: then the tags are told once more
}

// toldRefs is where the clone notes what was told: refs, so that git keeps what they
// name and can leave out what they reach.
const toldRefs = "refs/payoff/told"

// A mirror is a bare clone.
type mirror struct {
	*runner
	remote Remote
	scheme string
	space  string // of the refs that note what was told with the options at hand
}

func openMirror(ctx context.Context, from Remote, o Options) (*mirror, error) {
	scheme, err := schemeOf(from.URL)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the clone: %w", err)
	}
	run, err := newRunner(ctx, o.Dir)
	if err != nil {
		return nil, err
	}
	m := &mirror{runner: run, remote: from, scheme: scheme}
	if _, err := os.Stat(filepath.Join(o.Dir, "HEAD")); errors.Is(err, os.ErrNotExist) {
		_, err = m.output(ctx, "init", "--quiet", "--bare", "--template=")
		return m, err
	}
	return m, nil
}

// fetch brings branches, tags and the default branch up to the remote's.
func (m *mirror) fetch(ctx context.Context) error {
	run := *m.runner
	run.env = append(withoutConfig(m.env), m.credentials()...)
	run.settings = []string{"-c", "protocol." + m.scheme + ".allow=always", "-c", "http.followRedirects=false", "-c", "gc.autoDetach=false", "-c", "maintenance.autoDetach=false"}
	head, err := run.output(ctx, "ls-remote", "--symref", "--", m.remote.URL, "HEAD")
	if err != nil {
		return err
	}
	if _, err := run.output(ctx, "fetch", "--quiet", "--prune", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--", m.remote.URL,
		"+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"); err != nil {
		return err
	}
	for line := range strings.Lines(head) {
		if ref, ok := strings.CutPrefix(strings.TrimSuffix(strings.TrimSpace(line), "\tHEAD"), "ref: "); ok && strings.HasPrefix(ref, "refs/heads/") {
			_, err := m.output(ctx, "symbolic-ref", "HEAD", ref)
			return err
		}
	}
	return nil
}

// credentials go by the environment, which other users of the machine cannot read,
// and to the remote's host alone.
func (m *mirror) credentials() []string {
	env := []string{"GIT_SSH_COMMAND=ssh -o BatchMode=yes"}
	u, err := url.Parse(m.remote.URL)
	if err != nil || m.scheme != "https" || len(m.remote.Token) == 0 {
		return env
	}
	user := m.remote.User
	if user == "" {
		user = "payoff"
	}
	basic := base64.StdEncoding.EncodeToString([]byte(user + ":" + string(m.remote.Token)))
	return append(env, "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.https://"+u.Host+"/.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic "+basic)
}

func withoutConfig(env []string) []string {
	var out []string
	for _, v := range env {
		if !strings.HasPrefix(v, "GIT_CONFIG_COUNT=") && !strings.HasPrefix(v, "GIT_CONFIG_KEY_") && !strings.HasPrefix(v, "GIT_CONFIG_VALUE_") {
			out = append(out, v)
		}
	}
	return out
}

// conceal takes the token, and what a URL logs in with, out of what git said.
func (f Remote) conceal(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if len(f.Token) > 0 {
		text = strings.ReplaceAll(text, string(f.Token), "…")
	}
	if text = login.ReplaceAllString(text, "://"); text == err.Error() {
		return err
	}
	return errors.New(text)
}

var login = regexp.MustCompile(`://[^/\s?#'"]*@`)

// refs are the objects that refs name.
func (m *mirror) refs(ctx context.Context, under ...string) (map[string]string, error) {
	out, err := m.output(ctx, append([]string{"for-each-ref", "--format=%(refname) %(objectname)"}, under...)...)
	refs := make(map[string]string)
	for line := range strings.Lines(out) {
		if name, object, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			refs[name] = object
		}
	}
	return refs, err
}

// marks are the refs that note that these were told. Their names are hashes: those
// of branches could stand in one another's way.
func (m *mirror) marks(refs map[string]string) map[string]string {
	out := make(map[string]string, len(refs))
	for name, object := range refs {
		out[m.mark(name)] = object
	}
	return out
}

func (m *mirror) mark(name string) string {
	return fmt.Sprintf("%s%x", m.space, sha1.Sum([]byte(name)))
}

// first reports whether nothing was told yet with these options.
func (m *mirror) first(told map[string]string) bool {
	for name := range told {
		if strings.HasPrefix(name, m.space) {
			return false
		}
	}
	return true
}

// note remembers what was told, all at once.
func (m *mirror) note(ctx context.Context, marks, before map[string]string) error {
	var in bytes.Buffer
	for name, object := range marks {
		if before[name] != object {
			fmt.Fprintf(&in, "update %s %s\n", name, object)
		}
	}
	for name := range before {
		if _, still := marks[name]; !still {
			fmt.Fprintf(&in, "delete %s\n", name)
		}
	}
	cmd, complaint := m.command(ctx, "update-ref", "--stdin")
	cmd.Stdin = &in
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("noting what was told of the repository: %w", complaint.explain(ctx, m.dir, err))
	}
	return nil
}
