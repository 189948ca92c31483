package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldest is the oldest git whose plumbing has all the options used here.
const oldestMajor, oldestMinor = 2, 25

// pinned settings hold whatever the repository's own configuration says: it
// comes with the repository and is not to be trusted. The user's and the
// machine's configuration are left on, as only they can say safe.directory.
var pinned = []string{
	"-c", "core.quotePath=off",
	"-c", "core.fsmonitor=false",
	"-c", "core.hooksPath=" + os.DevNull,
	"-c", "protocol.allow=never",
	"-c", "i18n.logOutputEncoding=UTF-8",
	"-c", "safe.bareRepository=all", // the directory was named by the user
}

// A runner runs git in one directory.
type runner struct {
	path     string // of the git command
	dir      string
	env      []string
	settings []string // beside those that are pinned
}

func newRunner(ctx context.Context, dir string) (*runner, error) {
	path, err := exec.LookPath("git")
	if err != nil {
		return nil, errors.New("the git command is not found; install git, or put it on the PATH")
	}
	switch info, err := os.Stat(dir); {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no directory %s", dir)
	case err != nil:
		return nil, fmt.Errorf("looking for the repository: %w", err)
	case !info.IsDir():
		return nil, fmt.Errorf("%s is a file; name the directory of a repository", dir)
	}
	r := &runner{path: path, dir: dir, env: environment(os.Environ())}
	out, err := r.output(ctx, "version")
	if err != nil {
		return nil, err
	}
	if major, minor, ok := parseGitVersion(out); ok && (major < oldestMajor || major == oldestMajor && minor < oldestMinor) {
		return nil, fmt.Errorf("git %d.%d is too old to be read with; install %d.%d or newer", major, minor, oldestMajor, oldestMinor)
	}
	return r, nil
}

// environment is env without what would point git elsewhere, and with what
// keeps it from asking, fetching, replacing and translating.
func environment(env []string) []string {
	var out []string
	for _, v := range env {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "GIT_") && !strings.HasPrefix(name, "GIT_CONFIG_") || name == "LC_ALL" || name == "LANGUAGE" {
			continue
		}
		out = append(out, v)
	}
	return append(out, "LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1",
		"GIT_NO_REPLACE_OBJECTS=1", "GIT_GRAFT_FILE="+os.DevNull)
}

var gitVersion = regexp.MustCompile(`^git version (\d+)\.(\d+)`)

func parseGitVersion(out string) (major, minor int, ok bool) {
	m := gitVersion.FindStringSubmatch(out)
	if m == nil {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(m[1])
	minor, err2 := strconv.Atoi(m[2])
	return major, minor, err1 == nil && err2 == nil
}

func (r *runner) command(ctx context.Context, args ...string) (*exec.Cmd, *complaint) {
	cmd := exec.CommandContext(ctx, r.path, slices.Concat([]string{"-C", r.dir}, pinned, r.settings, args)...)
	cmd.Env = r.env
	cmd.WaitDelay = 5 * time.Second
	c := &complaint{verb: args[0]}
	cmd.Stderr = c
	return cmd, c
}

// output is what git writes for args; meant for what is short.
func (r *runner) output(ctx context.Context, args ...string) (string, error) {
	cmd, complaint := r.command(ctx, args...)
	out, err := cmd.Output()
	if err != nil {
		return "", complaint.explain(ctx, r.dir, err)
	}
	return string(out), nil
}

// line is output without its line end; "" when git has no answer (status 1).
func (r *runner) line(ctx context.Context, args ...string) (string, error) {
	out, err := r.output(ctx, args...)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return "", nil
	}
	return strings.TrimSuffix(out, "\n"), err
}

// stream hands what the last command writes to read, each command reading what
// the one before it writes. It returns when all have ended; if read fails, they
// are stopped.
func (r *runner) stream(ctx context.Context, read func(io.Reader) error, commands ...[]string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p, err := r.pipe(ctx, commands)
	if err != nil {
		cancel(err)
		p.wait()
		return err
	}
	readErr := read(p.out)
	if readErr != nil && !errors.Is(readErr, io.ErrUnexpectedEOF) {
		cancel(readErr)
	}
	// Output that ends too early has its reason in what git says.
	if err := p.wait(); err != nil {
		return err
	}
	return readErr
}

type pipeline struct {
	out   io.ReadCloser // of the last command
	waits []func() error
}

func (r *runner) pipe(ctx context.Context, commands [][]string) (*pipeline, error) {
	p := &pipeline{}
	for _, args := range commands {
		cmd, complaint := r.command(ctx, args...)
		if p.out != nil {
			cmd.Stdin = p.out
		}
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if p.out != nil {
			p.out.Close() // the command has its own, and is to be told when it stops reading
		}
		if err != nil {
			return p, fmt.Errorf("running git %s: %w", args[0], err)
		}
		p.out = out
		p.waits = append(p.waits, func() error {
			if err := cmd.Wait(); err != nil {
				return complaint.explain(ctx, r.dir, err)
			}
			return nil
		})
	}
	return p, nil
}

// wait returns the error of the last command that has one: when it ends, those
// before it fail for want of a reader.
func (p *pipeline) wait() error {
	var last error
	for _, wait := range p.waits {
		if err := wait(); err != nil {
			last = err
		}
	}
	return last
}

// A complaint keeps the first words of a command's standard error.
type complaint struct {
	verb string
	text bytes.Buffer
}

func (c *complaint) Write(p []byte) (int, error) {
	if room := 4096 - c.text.Len(); room > 0 {
		c.text.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

// explain turns git's exit into a sentence that says what to do, where we know.
func (c *complaint) explain(ctx context.Context, dir string, err error) error {
	text := c.text.String()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case c.verb == "ls-remote" || c.verb == "fetch": // what follows speaks of dir, these of the remote
	case strings.Contains(text, "dubious ownership"), strings.Contains(text, "unsafe repository"):
		return fmt.Errorf("%s belongs to another user, and git does not read such a repository unless told to; if you trust it, run: git config --global --add safe.directory '%s'", dir, dir)
	case strings.Contains(text, "not a git repository"):
		return fmt.Errorf("%s is not a git repository, nor is it inside of one; name the directory of a clone", dir)
	}
	for line := range strings.Lines(text) {
		if said, ok := strings.CutPrefix(strings.TrimSpace(line), "fatal: "); ok {
			return fmt.Errorf("running git %s in %s: %s: %w", c.verb, dir, said, err)
		}
	}
	return fmt.Errorf("running git %s in %s: %w", c.verb, dir, err)
}
