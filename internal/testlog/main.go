// Command testlog reads `go test -json` and prints what a person wants of it: the
// output of what failed, a line for each package, and every skipped test with its
// reason. It fails if a package failed or nothing ran.
//
// With -single it prints the package and the name of the one test that failed, and
// fails if there were others or if that was a race, a panic or a timeout. With
// -unstable it is told that this test has passed since, alone and more than once: it
// says so and does not fail for it.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
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
	broken                  bool            // something did not build
	running                 map[string]bool // begun and not ended, by package and test
}

func main() {
	single := flag.Bool("single", false, "print the one test that failed")
	unstable := flag.Bool("unstable", false, "the one test that failed has passed since")
	flag.Parse()
	r, err := read(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testlog:", err)
		os.Exit(2)
	}
	one, only := r.single()
	switch {
	case *single && only:
		fmt.Println(one)
		return
	case *single:
		os.Exit(1)
	}
	r.print(os.Stdout)
	switch {
	case r.passed == 0:
		os.Exit(1)
	case *unstable && only:
		fmt.Printf("unstable: %s failed beside the others and passed alone. It depends on how busy the machine is: mend it.\n", one)
	case r.broken || len(r.failures) > 0:
		os.Exit(1)
	}
}

// single is the one test that failed by what it checks, as its package and name.
func (r *result) single() (string, bool) {
	names := make(map[string]bool)
	for _, key := range r.failures {
		pkg, test, _ := strings.Cut(key, " ")
		if text := r.text(key); strings.Contains(text, "DATA RACE") || strings.Contains(text, "panic:") || strings.Contains(text, "[build failed]") {
			return "", false
		}
		if test != "" {
			top, _, _ := strings.Cut(test, "/")
			names[pkg+" "+top] = true
		}
	}
	if r.broken || len(r.running) > 0 || len(names) != 1 {
		return "", false
	}
	for name := range names {
		for _, key := range r.failures {
			if !strings.HasPrefix(name+" ", key) && !strings.HasPrefix(key, name) {
				return "", false // another package
			}
		}
		return name, true
	}
	return "", false
}

func read(in io.Reader) (*result, error) {
	r := &result{output: make(map[string]*strings.Builder), running: make(map[string]bool)}
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
	case "run":
		r.running[key] = true
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
	delete(r.running, key)
	if e.Test == "" {
		r.packages = append(r.packages, fmt.Sprintf("%-4s %7.1fs  %s", e.Action, e.Elapsed, e.Package))
		if e.Action == "fail" {
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
