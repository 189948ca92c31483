//go:build linux || darwin

package engine

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// maxConcurrent is how many statements run at once; more wait for queueTime, and
// are then refused, as by a server.
const (
	maxConcurrent = 100
	queueTime     = 5 * time.Second
)

// maxMaterialised bounds a result that cannot be streamed, in bytes of the
// engine's columns.
const maxMaterialised = 1 << 30

// A facade speaks ClickHouse's HTTP interface for the library.
type facade struct {
	lib      *library
	args     []string // of every connection
	access   access
	policy   policy
	judged   verdicts // on statements of readers
	known    verdicts // what statements of others are
	sessions sessions
	self     identity
	slots    chan struct{}
	now      func() time.Time
	log      *slog.Logger
}

// newFacade opens the engine: the first connection loads all metadata.
func newFacade(lib *library, args []string, a access, now func() time.Time, log *slog.Logger) (*facade, *connection, error) {
	c, err := lib.open(args...)
	if err != nil {
		return nil, nil, err
	}
	f := &facade{lib: lib, args: args, access: a, slots: make(chan struct{}, maxConcurrent), now: now, log: log}
	if f.policy, err = newPolicy(c); err == nil {
		f.self, err = newIdentity(c)
	}
	if err != nil {
		c.close()
		return nil, nil, fmt.Errorf("asking the engine for its names: %w", err)
	}
	return f, c, nil
}

// localKey marks requests that came over the Unix socket, which no browser
// reaches.
type localKey struct{}

// ServeHTTP answers one request.
func (f *facade) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-ClickHouse-Server-Display-Name", f.self.displayName)
	w.Header().Set("X-ClickHouse-Timezone", f.self.timezone)
	if r.Context().Value(localKey{}) == nil {
		if err := f.access.checkOrigin(r); err != nil {
			f.fail(w, err)
			return
		}
	}
	params, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		f.fail(w, badArguments("Reading the URL: %s", err))
		return
	}
	root := r.URL.Path == "/" || r.URL.Path == ""
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Use GET to read, POST for everything.", http.StatusMethodNotAllowed)
	case r.URL.Path == "/ping", root && r.Method != http.MethodPost && !params.Has("query"):
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		io.WriteString(w, "Ok.\n")
	case !root:
		http.Error(w, "There is no handle "+r.URL.Path+". Use / or /ping for health checks, or /?query=… for queries.", http.StatusNotFound)
	default:
		f.answer(w, r, params)
	}
}

// answer checks who asks, reads the statement and runs it.
func (f *facade) answer(w http.ResponseWriter, r *http.Request, params url.Values) {
	id := params.Get("query_id")
	if id == "" {
		id = newQueryID()
	}
	w.Header().Set("X-ClickHouse-Query-Id", id)
	user, err := f.access.user(r, params)
	if err != nil {
		if e := (*exception)(nil); errors.As(err, &e) && e.status() == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Basic realm="ClickHouse server HTTP API"`)
		}
		f.fail(w, err)
		return
	}
	q, err := newRequest(r, user, params)
	if err != nil {
		f.fail(w, err)
		return
	}
	defer q.close()
	if err := f.queue(r.Context()); err != nil {
		f.fail(w, err)
		return
	}
	defer func() { <-f.slots }()
	a := &answer{facade: f, request: q, http: w, r: r, began: f.now()}
	a.wire = wire{http: w, frames: framing(q)}
	if err := a.run(r.Context()); err != nil {
		a.fail(err)
	}
}

// queue waits for a place among the running statements.
func (f *facade) queue(ctx context.Context) error {
	patience, cancel := context.WithTimeout(ctx, queueTime)
	defer cancel()
	select {
	case f.slots <- struct{}{}:
		return nil
	case <-patience.Done():
		return refuse(proto.ErrTooManySimultaneousQueries, "TOO_MANY_SIMULTANEOUS_QUERIES", "Too many simultaneous queries. Maximum: %d", maxConcurrent)
	}
}

// fail sends an error in place of an answer.
func (f *facade) fail(w http.ResponseWriter, err error) {
	e := &exception{code: 1001, text: "Code: 1001. DB::Exception: " + err.Error() + " (STD_EXCEPTION)"}
	errors.As(err, &e)
	h := w.Header()
	h.Del("Content-Encoding")
	h.Del("Content-Length")
	h.Set("Content-Type", "text/plain; charset=UTF-8")
	h.Set("X-ClickHouse-Exception-Code", fmt.Sprint(e.code))
	w.WriteHeader(e.status())
	io.WriteString(w, f.describe(e)+"\n")
}

// describe adds the version, as a server does.
func (f *facade) describe(e *exception) string {
	return e.text + " (version " + f.self.version + ")"
}

// open opens a connection and runs statements that set it up.
func (f *facade) open(setup ...string) (*connection, error) {
	c, err := f.lib.open(f.args...)
	if err != nil {
		return nil, err
	}
	for _, sql := range setup {
		if err := c.exec(sql); err != nil {
			c.close()
			return nil, err
		}
	}
	return c, nil
}

// Statements that make a session a reader's.
var asReader = []string{"SET ROLE " + readerRole, "USE " + publicDatabase}

// setup returns the statements that set up a session for the request: the reader's
// role, the database, the settings, and in the end readonly, after which none can
// change.
func (q *request) setup() []string {
	var list []string
	settings := q.settings
	if !q.streamed() {
		settings = append([]param{{"max_result_bytes", fmt.Sprint(maxMaterialised)}}, settings...)
	}
	switch {
	case q.user == ReaderUser:
		list = slices.Clone(asReader)
		settings = append(slices.Clone(readerDefaults), keepSettings(settings)...)
		settings = append(settings, param{"readonly", "1"})
	case q.readonly:
		settings = append(settings, param{"readonly", "2"})
	}
	if q.user != ReaderUser && q.database != "" {
		list = append(list, "USE "+quoteIdentifier(q.database))
	}
	if len(settings) > 0 {
		changes := make([]string, len(settings))
		for i, s := range settings {
			changes[i] = s.name + "=" + quoteString(s.value)
		}
		list = append(list, "SET "+strings.Join(changes, ", "))
	}
	return list
}

// readerDefaults hold until the reader chooses otherwise; a later value wins. Nothing
// is compiled to machine code: that is done when an expression is met for the third
// time, and takes longer than a reader's whole query, which is done in some 50 ms.
var readerDefaults = []param{
	{"max_result_bytes", fmt.Sprint(maxMaterialised)},
	{"max_execution_time", "300"},
	{"compile_expressions", "0"},
	{"compile_aggregate_expressions", "0"},
	{"compile_sort_description", "0"},
}

func keepSettings(settings []param) []param {
	var kept []param
	for _, s := range settings {
		if readerSettings[s.name] {
			kept = append(kept, s)
		}
	}
	return kept
}

// judge decides whether the request may run, and says what its statement is where
// it had to find out.
func (f *facade) judge(q *request) (*analysis, error) {
	if manyStatements(q.tokens) {
		return nil, errManyStatements
	}
	if err := f.policy.checkOutside(q.tokens); err != nil {
		return nil, err
	}
	if q.user != ReaderUser {
		return nil, nil
	}
	if err := f.judgeReader(q); err != nil {
		return nil, err
	}
	s := shapeOf(q.sql, q.tokens)
	what, ok := f.judged.of(s)
	if !ok {
		var err error
		if what, err = f.parseReader(q); err != nil {
			return nil, err
		}
		f.judged.allow(s, what)
	}
	return &what, nil
}

// classify says what a statement is that is not a reader's.
func (f *facade) classify(q *request, c *connection) (analysis, error) {
	if q.insert != "" { // its head takes no time to parse
		return c.classify(q.statement())
	}
	s := shapeOf(q.sql, q.tokens)
	if what, ok := f.known.of(s); ok {
		return what, nil
	}
	what, err := c.classify(q.sql)
	if err == nil && what.Class != classUnknown {
		f.known.allow(s, what)
	}
	return what, err
}

// judgeReader judges what can be judged without the engine.
func (f *facade) judgeReader(q *request) error {
	if db := strings.ToLower(q.database); db != "" && db != publicDatabase && db != "default" {
		return refuse(proto.ErrDatabaseAccessDenied, "DATABASE_ACCESS_DENIED", "The database %s is not open to readers", q.database)
	}
	if q.insert != "" {
		return errReadersRead
	}
	return f.policy.checkReaderText(q.tokens)
}

// parseReader judges a reader's statement by what the engine's parser makes of it.
// The engine is asked in a session of its own: settings of the reader's, like limit,
// could cut its answer short.
func (f *facade) parseReader(q *request) (analysis, error) {
	c, err := f.open(append(slices.Clone(asReader), "SET readonly=1")...)
	if err != nil {
		return analysis{}, err
	}
	defer c.close()
	what, err := c.classify(q.sql)
	if err != nil {
		return what, err
	}
	if what.Statements > 1 {
		return what, errManyStatements
	}
	if what.Class != classReadOnly && what.Class != classUnknown {
		return what, errReadersRead
	}
	res, err := c.query("EXPLAIN AST "+q.sql, "TSVRaw", q.params)
	if err != nil {
		if what.Class == classUnknown {
			// Neither parses it: its own error has the right positions.
			err = c.exec(q.sql)
		}
		return what, cmp.Or(err, errReadersRead)
	}
	defer res.free()
	if what.Class == classUnknown {
		return what, errReadersRead
	}
	return what, f.policy.checkReaderAST(strings.Split(string(res.bytes()), "\n"))
}

var (
	errManyStatements = refuse(proto.ErrSyntaxError, "SYNTAX_ERROR", "Multi-statements are not allowed")
	errReadersRead    = refuse(proto.ErrReadonly, "READONLY", "reader: Cannot execute query in readonly mode: readers may only read")
)

// kill cancels the running statement with the given mark, until it is gone: a
// statement that has not started yet cannot be found.
func (f *facade) kill(ctx context.Context, mark string) {
	c, err := f.lib.open(f.args...)
	if err != nil {
		f.log.Warn("cancelling a statement", "error", err)
		return
	}
	defer c.close()
	// ASYNC: waiting for a stream that nobody drains would never end.
	sql := "KILL QUERY WHERE query LIKE " + quoteString(mark+"%") + " ASYNC"
	for ctx.Err() == nil {
		if err := c.exec(sql); err != nil {
			f.log.Warn("cancelling a statement", "error", err)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// progress is what a statement read and wrote.
type progress struct {
	ReadRows, ReadBytes, WrittenRows, WrittenBytes, ResultRows, ResultBytes uint64
}

// summary is the value of X-ClickHouse-Summary.
func (p progress) summary(elapsed time.Duration) string {
	text, err := json.Marshal(struct {
		ReadRows     uint64 `json:"read_rows,string"`
		ReadBytes    uint64 `json:"read_bytes,string"`
		WrittenRows  uint64 `json:"written_rows,string"`
		WrittenBytes uint64 `json:"written_bytes,string"`
		TotalRows    uint64 `json:"total_rows_to_read,string"`
		ResultRows   uint64 `json:"result_rows,string"`
		ResultBytes  uint64 `json:"result_bytes,string"`
		ElapsedNS    int64  `json:"elapsed_ns,string"`
	}{p.ReadRows, p.ReadBytes, p.WrittenRows, p.WrittenBytes, 0, p.ResultRows, p.ResultBytes, elapsed.Nanoseconds()})
	if err != nil {
		return "{}"
	}
	return string(text)
}

func quoteString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

func quoteIdentifier(s string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(s) + "`"
}

// newQueryID returns a random UUID.
func newQueryID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
