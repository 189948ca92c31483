package git

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// gitIn runs git in a directory and returns what it writes.
func gitIn(t testing.TB, dir string, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "protocol.file.allow=always", "-c", "user.name=A", "-c", "user.email=a@example.test"}, args...)...)
	cmd.Env = append(environment(os.Environ()), "GIT_CONFIG_GLOBAL="+os.DevNull)
	cmd.Stdin = bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// A stream is a history in the making, for git fast-import.
type stream struct {
	bytes.Buffer
	marks int
}

// commitSpec is a commit; what is not said is usual.
type commitSpec struct {
	branch  string // "main"
	at      int64  // committer time
	authorT int64  // author time, if another
	author  string // "A <a@example.test>"
	from    []int  // marks of its parents
	files   []string
	message string
}

func (s *stream) commit(c commitSpec) int {
	s.marks++
	if c.branch == "" {
		c.branch = "main"
	}
	if c.author == "" {
		c.author = "A <a@example.test>"
	}
	if c.authorT == 0 {
		c.authorT = c.at
	}
	fmt.Fprintf(s, "commit refs/heads/%s\nmark :%d\nauthor %s %d +0130\ncommitter C <c@example.test> %d -0700\ndata %d\n%s\n",
		c.branch, s.marks, c.author, c.authorT, c.at, len(c.message), c.message)
	for i, p := range c.from {
		fmt.Fprintf(s, "%s :%d\n", [...]string{"from", "merge"}[min(i, 1)], p)
	}
	for _, f := range c.files {
		content := strconv.Itoa(s.marks)
		fmt.Fprintf(s, "M 100644 inline %s\ndata %d\n%s\n", f, len(content), content)
	}
	fmt.Fprintln(s)
	return s.marks
}

// line adds commits one after the other, one at each time.
func (s *stream) line(at ...int64) (last int) {
	for _, t := range at {
		c := commitSpec{at: t, files: []string{"f"}}
		if last > 0 {
			c.from = []int{last}
		}
		last = s.commit(c)
	}
	return last
}

func (s *stream) lightTag(name string, mark int) {
	fmt.Fprintf(s, "reset refs/tags/%s\nfrom :%d\n\n", name, mark)
}

func (s *stream) tag(name string, mark int, at int64) {
	fmt.Fprintf(s, "tag %s\nfrom :%d\ntagger T <t@example.test> %d +0000\ndata 0\n\n", name, mark, at)
}

// repo imports the history into a new bare repository called demo.
func (s *stream) repo(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "demo.git")
	gitIn(t, ".", nil, "init", "-q", "--bare", "--initial-branch=main", dir)
	gitIn(t, dir, s.Bytes(), "fast-import", "--quiet")
	return dir
}

// read reads all of a repository.
func read(t testing.TB, o Options) ([]events.Draft, Summary) {
	t.Helper()
	var all []events.Draft
	sum, err := Read(context.Background(), o, func(batch []events.Draft) error {
		all = append(all, batch...)
		return nil
	}, nil)
	if err != nil {
		t.Fatalf("reading %s: %v", o.Dir, err)
	}
	return all, sum
}

func commitsOf(drafts []events.Draft) map[string]events.Draft {
	out := make(map[string]events.Draft)
	for _, d := range drafts {
		if d.Kind == events.CommitRecorded {
			out[d.Subject] = d
		}
	}
	return out
}

func deploymentsOf(drafts []events.Draft) (out []events.Draft) {
	for _, d := range drafts {
		if d.Kind == events.ServiceDeployed {
			out = append(out, d)
		}
	}
	return out
}

// told writes deployments as "v1.2.0 @1000 commit =[v1.2]".
func told(drafts []events.Draft) (out []string) {
	for _, d := range deploymentsOf(drafts) {
		s := fmt.Sprintf("%s @%d", d.Custom.Version, d.Time.Unix())
		if d.Custom.TimeQuality != "" {
			s += " " + d.Custom.TimeQuality
		}
		if len(d.Custom.Aliases) > 0 {
			s += fmt.Sprintf(" =%s", d.Custom.Aliases)
		}
		out = append(out, s)
	}
	return out
}

// canonical makes the events of drafts, as the edge does, and checks each
// against the schema of its kind.
func canonical(t testing.TB, drafts []events.Draft) map[string]events.Event {
	t.Helper()
	out := make(map[string]events.Event)
	for _, d := range drafts {
		e, err := events.New(d)
		if err != nil {
			t.Fatalf("%s %s: %v", d.Kind, d.Subject, err)
		}
		b, err := events.Encode(&e)
		if err != nil {
			t.Fatalf("%s %s: %v", d.Kind, d.Subject, err)
		}
		var row events.Row
		if err := events.DecodeRow(b, &row); err != nil {
			t.Fatalf("%s %s: %v", d.Kind, d.Subject, err)
		}
		if err := events.ValidateBody(e.Kind, row.RawData); err != nil {
			t.Fatalf("%s %s: %v\n%s", d.Kind, d.Subject, err, b)
		}
		if _, twice := out[e.ID]; twice {
			t.Fatalf("%s %s: two facts have the identity %s", d.Kind, d.Subject, e.ID)
		}
		out[e.ID] = e
	}
	return out
}
