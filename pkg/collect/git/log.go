package git

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect/message"
	"github.com/payoff-metrics/payoff/pkg/events"
)

// A commit is what is read of one. Text is valid UTF-8.
type commit struct {
	hash      string
	parents   []string
	authored  time.Time // zero if the commit does not say
	committed time.Time
	name      string // of the author
	email     string
	marks     message.Marks
	paths     []string
	pathsCut  bool
	pathBytes int // of all paths, kept or not
}

// Bounds of what one commit may make us keep, whatever somebody wrote into it.
const (
	maxField     = 1 << 20   // bytes of one field as git writes it, the message above all
	maxPathBytes = 128 << 10 // bytes of all paths of a commit
	maxName      = 1000      // bytes of a name or an e-mail address
)

// header is a commit's part of the stream, for git's --format: fields, each
// closed by NUL, which none of them can hold. What follows is empty fields and
// the touched paths: in raw format, so that no path can be taken for a header.
const (
	header       = "C%H%x00%P%x00%at%x00%ct%x00%an%x00%ae%x00%B%x00"
	headerFields = 7
)

// readCommits reads the stream of the commands of logCommands and hands over
// each commit, which is only valid until each returns.
func readCommits(r io.Reader, each func(*commit) error) error {
	fields := fieldReader{r: bufio.NewReaderSize(r, 256<<10)}
	var c commit
	started := false
	for {
		f, err := fields.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		// A line end, and rev-list's line "commit …", may stand before.
		f = f[bytes.LastIndexByte(f, '\n')+1:]
		switch {
		case len(f) == 0:
		case f[0] == 'C':
			if started {
				if err := each(&c); err != nil {
					return err
				}
			}
			if err := c.readHeader(f[1:], &fields); err != nil {
				return err
			}
			started = true
		case f[0] == ':' && started:
			path, err := fields.next()
			if err != nil {
				return noEOF(err)
			}
			c.addPath(path)
		default:
			return fmt.Errorf("reading commits: git wrote %.60q where a commit or a path was to begin", f)
		}
	}
	if !started {
		return nil
	}
	return each(&c)
}

func (c *commit) readHeader(hash []byte, fields *fieldReader) error {
	var f [headerFields]string
	f[0] = string(hash)
	for i := 1; i < len(f); i++ {
		b, err := fields.next()
		if err != nil {
			return noEOF(err)
		}
		f[i] = string(b)
	}
	*c = commit{hash: f[0], name: cleanName(f[4]), email: cleanName(f[5])}
	if f[1] != "" {
		c.parents = strings.Split(f[1], " ")
	}
	for _, h := range append([]string{c.hash}, c.parents...) {
		if !isHash(h) {
			return fmt.Errorf("reading commits: git wrote %.80q where a hash was to be", h)
		}
	}
	c.authored, _ = parseTime(f[2])
	c.committed = commitTime(f[3])
	c.marks = message.Parse(strings.ToValidUTF8(f[6], "\uFFFD"))
	return nil
}

// addPath relies on git's order of paths, which is that of their bytes.
func (c *commit) addPath(path []byte) {
	c.pathBytes += len(path)
	if len(c.paths) >= events.MaxPaths || c.pathBytes > maxPathBytes {
		c.pathsCut = true
		return
	}
	c.paths = append(c.paths, strings.ToValidUTF8(string(path), "\uFFFD"))
}

func cleanName(s string) string {
	return strings.ToValidUTF8(strings.TrimSpace(s[:min(len(s), maxName)]), "\uFFFD")
}

func isHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// parseTime reads seconds since 1970 as git writes them: verbatim from the
// commit, so that they may be absent, or too great for any calendar.
func parseTime(s string) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	t := time.Unix(n, 0).UTC()
	if err != nil || t.Year() < 1 || t.Year() > 9999 || t.IsZero() {
		return time.Time{}, false
	}
	return t, true
}

// commitTime is parseTime for a time that must be: where it cannot be read, it is
// one that events flags as impossible.
func commitTime(s string) time.Time {
	t, ok := parseTime(s)
	if !ok {
		return time.Unix(0, 0).UTC()
	}
	return t
}

// A fieldReader reads fields that are closed by NUL.
type fieldReader struct {
	r   *bufio.Reader
	buf []byte // of a field that crosses the reader's buffer
}

// next returns the next field, of which it keeps maxField bytes; the slice is
// valid until the following call. The error is io.EOF between fields and
// io.ErrUnexpectedEOF within one.
func (f *fieldReader) next() ([]byte, error) {
	f.buf = f.buf[:0]
	for {
		part, err := f.r.ReadSlice(0)
		if err == nil && len(f.buf) == 0 {
			return part[:min(len(part)-1, maxField)], nil
		}
		f.buf = append(f.buf, part[:min(len(part), maxField+1-len(f.buf))]...)
		switch {
		case err == nil:
			return f.buf[:min(len(f.buf)-1, maxField)], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case err == io.EOF && len(bytes.TrimSpace(f.buf)) == 0: // rev-list ends its lines
			return nil, io.EOF
		default:
			return nil, noEOF(err)
		}
	}
}

// noEOF says of an end that it came too early.
func noEOF(err error) error {
	if err == io.EOF {
		return fmt.Errorf("reading commits: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// eachLine hands over every line of r.
func eachLine(r io.Reader, each func(line string) error) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if err := each(lines.Text()); err != nil {
			return err
		}
	}
	return lines.Err()
}
