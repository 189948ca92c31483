// Command testlog reads `go test -json` and prints what a person wants of it: the
// output of what failed, a line for each package, and every skipped test with its
// reason. It fails if a package failed or nothing ran.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// event is a line of `go test -json`.
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// result is what became of all tests.
type result struct {
	passed, failed, skipped int
	output                  map[string]*strings.Builder // by package and test
	failures, skips         []string
	packages                []string
	broken                  bool
}

func main() {
	r, err := read(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(2)
	}
	r.print(os.Stdout)
	if r.broken || r.failed > 0 || r.passed == 0 {
		os.Exit(1)
	}
}

func read(in io.Reader) (*result, error) {
	r := &result{output: make(map[string]*strings.Builder)}
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 64<<10), 64<<20)
	for s.Scan() {
		var e event
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			// The go command's own words, such as of a package that does not build.
			fmt.Println(s.Text())
			continue
		}
		r.add(e)
	}
	return r, s.Err()
}

func (r *result) add(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		b := r.output[key]
		if b == nil {
			b = new(strings.Builder)
			r.output[key] = b
		}
		b.WriteString(e.Output)
	case "pass", "fail", "skip":
		r.end(e, key)
	case "build-output":
		fmt.Print(e.Output)
	case "build-fail":
		r.broken = true
	}
}

func (r *result) end(e event, key string) {
	if e.Test == "" {
		r.packages = append(r.packages, fmt.Sprintf("%-4s %7.1fs  %s", e.Action, e.Elapsed, e.Package))
		if e.Action == "fail" {
			r.broken = true
			r.failures = append(r.failures, key)
		}
		return
	}
	switch e.Action {
	case "pass":
		r.passed++
	case "fail":
		r.failed++
		r.failures = append(r.failures, key)
	case "skip":
		r.skipped++
		r.skips = append(r.skips, key)
	}
}

func (r *result) print(w io.Writer) {
	sort.Strings(r.packages)
	fmt.Fprintln(w, strings.Join(r.packages, "\n"))
	for _, key := range r.failures {
		fmt.Fprintf(w, "\n--- FAILED %s\n%s", key, r.text(key))
	}
	if len(r.skips) > 0 {
		fmt.Fprintf(w, "\nskipped, with the reason:\n")
		sort.Strings(r.skips)
		for _, key := range r.skips {
			fmt.Fprintf(w, "  %s: %s\n", key, reason(r.text(key)))
		}
	}
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}

func (r *result) text(key string) string {
	if b := r.output[key]; b != nil {
		return b.String()
	}
	return ""
}

// reason is what a test said when it skipped: the line that is not the frame.
func reason(output string) string {
	for _, line := range strings.Split(output, "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			if _, after, ok := strings.Cut(line, ".go:"); ok {
				if _, said, ok := strings.Cut(after, ": "); ok {
					return said
				}
			}
			return line
		}
	}
	return "no reason given"
}
