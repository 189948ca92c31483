package pkg_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
)

const module = "github.com/payoff-metrics/payoff/"

// allowed says, for each package, which packages of this module its code (tests
// apart) may import. A package missing here fails the test: say where it belongs
// in the flow before adding it. A line without a package fails, too. Everything
// may know pkg/events; pkg/events knows nothing but the schemas.
var allowed = map[string][]string{
	"schemas":    {},
	"pkg/events": {"schemas"},

	// At the edge.
	"pkg/collect":             {},
	"pkg/collect/collecttest": {"pkg/collect", "pkg/seal"},
	"pkg/collect/message":     {},
	"pkg/collect/cloudevents": {"pkg/collect"},
	"pkg/collect/github":      {"pkg/collect", "pkg/collect/message"},
	"pkg/collect/gitlab":      {"pkg/collect", "pkg/collect/message"},
	"pkg/collect/pagerduty":   {"pkg/collect"},
	"pkg/collect/git":         {"pkg/collect/message"},
	"pkg/seal":                {},
	"pkg/spool":               {},

	// The seams.
	"pkg/transport":                 {},
	"pkg/transport/transporttest":   {"pkg/transport"},
	"pkg/transport/kafka":           {"pkg/transport"},
	"pkg/transport/kafka/kafkatest": {"pkg/transport", "pkg/transport/kafka"},
	"pkg/transport/broker":          {"pkg/transport", "pkg/transport/kafka"},
	"pkg/engine":                    {},
	"pkg/engine/enginetest":         {"internal/race", "pkg/engine"},
	"pkg/store":                     {},
	"pkg/store/storetest":           {"pkg/engine", "pkg/engine/enginetest", "pkg/store"},

	// What computes: no I/O, no clock.
	"pkg/stat":             {},
	"pkg/impact":           {"pkg/stat"},
	"pkg/metric":           {},
	"pkg/org":              {},
	"pkg/dora":             {"pkg/dora/graph", "pkg/metric", "pkg/org", "pkg/stat"},
	"pkg/dora/graph":       {},
	"pkg/metric/catalogue": {"pkg/dora", "pkg/metric"},

	// Commands' parts.
	"pkg/impact/panelfile":   {"pkg/impact"},
	"pkg/impact/estimatecmd": {"pkg/chart", "pkg/impact", "pkg/impact/panelfile", "pkg/stat"},
	"internal/coverage":      {"pkg/impact", "pkg/stat"},
	"internal/testlog":       {},
	"internal/browser":       {},
	"internal/race":          {},
	"internal/handbook":      {"pkg/metric", "pkg/store"},
	"examples/acme":          {},

	// Readers of points.
	"pkg/metric/points": {"pkg/metric", "pkg/store"},
	"pkg/export":        {"pkg/store"},
	"pkg/chart":         {"pkg/metric"},
	"pkg/behaviour":     {"pkg/chart", "pkg/metric", "pkg/stat"},
	"pkg/dashboard":     {"pkg/metric", "pkg/metric/points", "pkg/store"},
	"pkg/review":        {"pkg/behaviour", "pkg/chart", "pkg/metric", "pkg/metric/points", "pkg/store"},
	"pkg/pages":         {"pkg/behaviour", "pkg/chart", "pkg/metric", "pkg/metric/points", "pkg/stat", "pkg/store"},

	// Processes: nothing imports them but instance and commands.
	"pkg/lifecycle":         {},
	"pkg/config":            {},
	"pkg/ingest":            {"pkg/collect", "pkg/collect/cloudevents", "pkg/lifecycle", "pkg/seal", "pkg/spool", "pkg/transport"},
	"pkg/rollup/load":       {"pkg/store", "pkg/transport"},
	"pkg/rollup/leader":     {"pkg/transport"},
	"pkg/rollup/compute":    {"pkg/dora", "pkg/metric", "pkg/org", "pkg/stat", "pkg/store"},
	"pkg/rollup":            {"pkg/metric", "pkg/rollup/compute", "pkg/rollup/load", "pkg/store", "pkg/transport"},
	"pkg/metric/metrictest": {"pkg/dora", "pkg/metric", "pkg/rollup/compute", "pkg/store"},
	"pkg/instance": {"pkg/collect", "pkg/collect/cloudevents", "pkg/collect/git", "pkg/collect/github", "pkg/collect/gitlab", "pkg/collect/pagerduty", "pkg/config", "pkg/dora", "pkg/engine", "pkg/ingest", "pkg/lifecycle",
		"pkg/metric", "pkg/metric/catalogue", "pkg/org", "pkg/review", "pkg/rollup", "pkg/rollup/compute", "pkg/rollup/leader", "pkg/rollup/load", "pkg/seal", "pkg/store", "pkg/transport",
		"pkg/transport/broker", "pkg/transport/kafka"},
	"cmd/ingest": {"pkg/config", "pkg/instance"},
	"cmd/rollup": {"pkg/config", "pkg/instance"},
	"cmd/payoff": {"examples/acme", "pkg/collect", "pkg/collect/cloudevents", "pkg/collect/git", "pkg/config", "pkg/dashboard", "pkg/engine", "pkg/export", "pkg/impact/estimatecmd", "pkg/instance", "pkg/metric",
		"pkg/metric/catalogue", "pkg/metric/points", "pkg/org", "pkg/pages", "pkg/review", "pkg/rollup/compute", "pkg/seal", "pkg/store"},
}

// homes says in which folders alone a technology may be named.
var homes = map[string][]string{
	"github.com/segmentio/kafka-go":       {"pkg/transport/kafka"},
	"github.com/twmb/franz-go":            {"pkg/transport/broker"},
	"github.com/ebitengine/purego":        {"pkg/engine"},
	"github.com/ClickHouse/ch-go":         {"pkg/engine"},
	"github.com/ClickHouse/clickhouse-go": {"pkg/store", "pkg/engine/enginetest"},
	"github.com/chromedp":                 {"internal/browser"},
	"github.com/spf13/cobra":              {"cmd/payoff", "pkg/impact/estimatecmd"},
	"github.com/apache/arrow":             {"pkg/events", "pkg/store", "pkg/rollup/load", "pkg/impact/panelfile", "pkg/metric/metrictest", "pkg/export"},
}

// pure are the packages that compute: they do no I/O and do not look at the clock.
var pure = []string{"pkg/events", "pkg/stat", "pkg/impact", "pkg/metric", "pkg/org", "pkg/dora", "pkg/dora/graph", "pkg/chart", "pkg/behaviour"}

var impure = []string{"os", "os/exec", "net", "net/http", "database/sql", "syscall"}

// TestImports reads the sources itself: go test does not know what a child
// process read, and would reuse a stale pass.
func TestImports(t *testing.T) {
	found := packages(t)
	for name, imports := range found {
		rule, ok := allowed[name]
		if !ok {
			t.Errorf("%s has no line in the chart of imports: say where it stands in the flow", name)
			continue
		}
		for _, imp := range imports {
			check(t, name, imp, rule)
		}
	}
	for name := range allowed {
		if _, ok := found[name]; !ok {
			t.Errorf("the chart of imports has a line for %s, which is not there", name)
		}
	}
}

func check(t *testing.T, name, imp string, rule []string) {
	if local, ok := strings.CutPrefix(imp, module); ok {
		if local != "pkg/events" && !slices.Contains(rule, local) {
			t.Errorf("%s imports %s, which its line does not allow", name, local)
		}
		return
	}
	for technology, folders := range homes {
		if strings.HasPrefix(imp, technology) && !slices.Contains(folders, name) {
			t.Errorf("%s names %s, whose home is %s", name, technology, strings.Join(folders, ", "))
		}
	}
	if slices.Contains(pure, name) && slices.Contains(impure, imp) {
		t.Errorf("%s computes and imports %s", name, imp)
	}
}

// packages lists the imports of every package of the module, tests apart.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	root := os.DirFS("..")
	found := make(map[string]map[string]bool)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata" || d.Name() == "bin") {
			return fs.SkipDir
		}
		if path.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", name), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		dir := path.Dir(name)
		if found[dir] == nil {
			found[dir] = make(map[string]bool)
		}
		for _, imp := range f.Imports {
			found[dir][strings.Trim(imp.Path.Value, `"`)] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]string)
	for dir, imports := range found {
		out[dir] = []string{}
		for imp := range imports {
			out[dir] = append(out[dir], imp)
		}
		sort.Strings(out[dir])
	}
	return out
}
