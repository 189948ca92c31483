package git

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A repository is what is to be known before commits are read.
type repository struct {
	*runner
	name     string
	branches []branch
	head     string          // commit HEAD is at; "" while its branch is unborn
	main     string          // short name of the default branch
	shallow  map[string]bool // commits at which a shallow clone ends
	treeless bool            // a partial clone without trees: touched paths are not there to be read
	told     string          // pattern of refs whose commits are left out; "" for none
}

type branch struct {
	ref    string // "refs/heads/main", "refs/remotes/origin/main"
	commit string
	symref string // the ref it stands for, as refs/remotes/origin/HEAD does
}

func open(ctx context.Context, dir string) (*repository, error) {
	run, err := newRunner(ctx, dir)
	if err != nil {
		return nil, err
	}
	common, err := run.line(ctx, "rev-parse", "--git-common-dir")
	if err != nil {
		return nil, err
	}
	r := &repository{runner: run}
	for _, read := range []func(context.Context) error{r.readBranches, r.readHead, r.readShallow, r.readFilters} {
		if err := read(ctx); err != nil {
			return nil, err
		}
	}
	r.name, err = r.readName(ctx, common)
	return r, err
}

func (r *repository) readBranches(ctx context.Context) error {
	out, err := r.output(ctx, "for-each-ref", "--format=%(refname)%00%(objectname)%00%(symref)", "refs/heads", "refs/remotes")
	for line := range strings.Lines(out) {
		if f := strings.Split(strings.TrimSuffix(line, "\n"), "\x00"); len(f) == 3 {
			r.branches = append(r.branches, branch{ref: f[0], commit: f[1], symref: f[2]})
		}
	}
	return err
}

// readHead finds the default branch: the one the origin calls so, the one that
// is checked out, one with a usual name, any.
func (r *repository) readHead(ctx context.Context) error {
	var err error
	if r.head, err = r.line(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"); err != nil {
		return err
	}
	current, err := r.line(ctx, "symbolic-ref", "--quiet", "HEAD")
	if err != nil {
		return err
	}
	candidates := []string{strings.TrimPrefix(current, "refs/heads/"), "main", "master", "trunk"}
	for _, b := range r.branches {
		if origin, ok := strings.CutPrefix(b.symref, "refs/remotes/origin/"); ok && b.ref == "refs/remotes/origin/HEAD" {
			candidates = slices.Insert(candidates, 0, origin)
		}
	}
	for _, name := range candidates {
		if _, ok := r.branch(name); ok {
			r.main = name
			return nil
		}
	}
	if len(r.branches) > 0 {
		r.main = shortBranch(r.branches[0].ref)
	}
	return nil
}

// branch finds a branch by its name: the local one, the origin's, another's.
func (r *repository) branch(name string) (branch, bool) {
	for _, is := range []func(ref string) bool{
		func(ref string) bool { return ref == "refs/heads/"+name },
		func(ref string) bool { return ref == "refs/remotes/origin/"+name },
		func(ref string) bool { return strings.HasPrefix(ref, "refs/remotes/") && shortBranch(ref) == name },
		func(ref string) bool { return ref == name || ref == "refs/"+name || ref == "refs/remotes/"+name },
	} {
		if i := slices.IndexFunc(r.branches, func(b branch) bool { return is(b.ref) }); name != "" && i >= 0 {
			return r.branches[i], true
		}
	}
	return branch{}, false
}

// shortBranch is a branch's name without the remote it was seen at.
func shortBranch(ref string) string {
	if local, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return local
	}
	_, name, _ := strings.Cut(strings.TrimPrefix(ref, "refs/remotes/"), "/")
	return name
}

func (r *repository) readShallow(ctx context.Context) error {
	path, err := r.line(ctx, "rev-parse", "--git-path", "shallow")
	if err != nil {
		return err
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(r.dir, path)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading where the shallow clone ends: %w", err)
	}
	r.shallow = make(map[string]bool)
	for _, hash := range strings.Fields(string(text)) {
		r.shallow[hash] = true
	}
	return nil
}

func (r *repository) readFilters(ctx context.Context) error {
	out, err := r.line(ctx, "config", "--get-regexp", `^remote\..*\.partialclonefilter$`)
	r.treeless = strings.Contains(out, "tree:")
	return err
}

func (r *repository) readName(ctx context.Context, common string) (string, error) {
	origin, err := r.line(ctx, "config", "--get", "remote.origin.url")
	if err != nil {
		return "", err
	}
	if name := NameOfURL(origin); name != "" {
		return name, nil
	}
	if !filepath.IsAbs(common) {
		common = filepath.Join(r.dir, common)
	}
	if common, err = filepath.Abs(common); err != nil {
		return "", fmt.Errorf("naming the repository after its directory: %w", err)
	}
	if filepath.Base(common) == ".git" {
		common = filepath.Dir(common)
	}
	if name := lastPart(filepath.ToSlash(common)); name != "" {
		return name, nil
	}
	return "repository", nil
}

// NameOfURL is the owner/name in a remote's URL, in any of the forms git knows:
// https://host/owner/name.git, git@host:owner/name, ssh://host:22/owner/name.
// User and password have no part in it. Of a remote that is a local path only
// the name is taken, as a folder is no owner; "" if there is none.
func NameOfURL(remote string) string {
	remote = strings.TrimSpace(remote)
	if _, _, ok := strings.Cut(remote, "://"); ok {
		u, err := url.Parse(remote)
		switch {
		case err != nil:
			return ""
		case u.Scheme == "file":
			return lastPart(u.Path)
		}
		return lastTwoParts(u.Path)
	}
	host, path, ok := strings.Cut(remote, ":")
	if ok && !strings.Contains(host, "/") && len(host) > 1 { // one letter is a drive
		return lastTwoParts(path)
	}
	return lastPart(filepath.ToSlash(remote))
}

func lastTwoParts(path string) string {
	parts := pathParts(path)
	return strings.Join(parts[max(0, len(parts)-2):], "/")
}

func lastPart(path string) string {
	parts := pathParts(path)
	return strings.Join(parts[max(0, len(parts)-1):], "/")
}

// pathParts are the parts of a path that name something; `_git` is how one forge
// sets the repository apart from its project.
func pathParts(path string) []string {
	path = strings.TrimSuffix(strings.TrimRight(path, "/"), ".git")
	return slices.DeleteFunc(strings.Split(strings.ToValidUTF8(path, "\uFFFD"), "/"), func(s string) bool {
		return s == "" || s == "." || s == ".." || s == "_git"
	})
}
