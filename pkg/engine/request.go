//go:build linux || darwin

package engine

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/proto"
)

const (
	// peekSize is how much of a body is looked at to tell an INSERT with data
	// from a statement; its head must fit.
	peekSize = 256 << 10
	// maxStatement is the longest statement taken, data apart.
	maxStatement = 16 << 20
)

// notSettings are the parameters of ClickHouse's HTTP interface that are no
// settings; param_… are none either.
var notSettings = map[string]bool{
	"query": true, "database": true, "default_format": true, "query_id": true, "user": true, "password": true,
	"quota_key": true, "compress": true, "decompress": true, "client_protocol_version": true, "wait_end_of_query": true,
	"buffer_size": true, "session_timeout": true, "session_check": true, "stacktrace": true, "close_session": true,
	"enable_http_compression": true, "http_zlib_compression_level": true, "network_compression_method": true,
	"network_zstd_compression_level": true, "send_progress_in_http_headers": true, "http_response_buffer_size": true,
	"http_wait_end_of_query": true, "http_write_exception_in_output_format": true, "add_http_cors_header": true,
}

// A request is one statement and how it is to be run.
type request struct {
	user     string
	database string
	settings []param // chosen by the client
	params   []param // of {name:Type} placeholders

	sql    string        // the statement; of an INSERT with data, its head
	tokens []token       // of sql
	insert string        // format of the data of an INSERT, or ""
	data   io.ReadCloser // of an INSERT
	format string        // of the answer

	readonly    bool // asked with GET
	whole       bool // wait_end_of_query
	compress    bool
	frameMethod string
	revision    uint64 // client_protocol_version
	goClient    bool
}

// newRequest reads what ClickHouse's HTTP interface lets a client say. The body
// of an INSERT is left to be read; data is to be closed.
func newRequest(r *http.Request, user string, params url.Values) (*request, error) {
	q := &request{
		user:        user,
		database:    params.Get("database"),
		readonly:    r.Method != http.MethodPost,
		whole:       isOn(params.Get("wait_end_of_query")) || isOn(params.Get("http_wait_end_of_query")),
		compress:    isOn(params.Get("compress")),
		frameMethod: params.Get("network_compression_method"),
		goClient:    strings.Contains(r.UserAgent(), "clickhouse-go/"),
	}
	if h := r.Header.Get("X-ClickHouse-Database"); q.database == "" {
		q.database = h
	}
	q.revision, _ = strconv.ParseUint(params.Get("client_protocol_version"), 10, 32)
	if err := q.takeParams(params); err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return nil, notImplemented("External tables (multipart/form-data) are not offered by the embedded engine")
	}
	body, err := requestBody(r, isOn(params.Get("decompress")))
	if err != nil {
		return nil, err
	}
	if err := q.takeStatement(params.Get("query"), body); err != nil {
		body.Close()
		return nil, err
	}
	q.takeFormat(r, params)
	return q, nil
}

var settingName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)

func (q *request) takeParams(params url.Values) error {
	for _, name := range sortedNames(params) {
		value := params.Get(name)
		if p, ok := strings.CutPrefix(name, "param_"); ok {
			q.params = append(q.params, param{p, value})
			continue
		}
		switch {
		case notSettings[name]:
		case name == "session_id" || name == "role":
			return notImplemented("%s: the embedded engine keeps no sessions and has no roles", name)
		case !settingName.MatchString(name):
			return badArguments("%q is not the name of a setting", name)
		default:
			q.settings = append(q.settings, param{name, value})
		}
	}
	return nil
}

func sortedNames(params url.Values) []string {
	names := map[string]bool{}
	for name := range params {
		names[name] = true
	}
	return sortedKeys(names)
}

// takeStatement puts the query of the URL and the body together, and leaves the
// data of an INSERT unread.
func (q *request) takeStatement(query string, body io.ReadCloser) error {
	peeked := bufio.NewReaderSize(body, peekSize)
	begin, err := peeked.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return badArguments("Reading the body: %s", err)
	}
	text := query
	if text != "" {
		text += "\n"
	}
	if head, ok := parseInsert(text + string(begin)); ok {
		q.sql, q.insert = head.sql, head.format
		inline := ""
		if head.data < len(text) {
			inline = text[head.data:]
		} else if _, err := peeked.Discard(head.data - len(text)); err != nil {
			return badArguments("Reading the body: %s", err)
		}
		q.data = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(strings.NewReader(inline), peeked), body}
	} else {
		rest, err := io.ReadAll(io.LimitReader(peeked, maxStatement+1))
		if err != nil {
			return badArguments("Reading the body: %s", err)
		}
		if len(rest) > maxStatement {
			return refuse(proto.ErrQueryIsTooLarge, "QUERY_IS_TOO_LARGE", "The statement is longer than %d bytes", maxStatement)
		}
		q.sql = strings.TrimSpace(text + string(rest))
		body.Close()
	}
	q.tokens = tokens(q.sql)
	if len(q.tokens) == 0 {
		return refuse(proto.ErrSyntaxError, "SYNTAX_ERROR", "Empty query")
	}
	return nil
}

// takeFormat chooses the answer's format as ClickHouse does: the statement's
// FORMAT, the header, default_format, TabSeparated.
func (q *request) takeFormat(r *http.Request, params url.Values) {
	for _, f := range []string{outputFormat(q.tokens), r.Header.Get("X-ClickHouse-Format"), params.Get("default_format"), "TabSeparated"} {
		if f != "" {
			q.format = f
			return
		}
	}
}

// statement returns the whole statement, without the data of an INSERT.
func (q *request) statement() string {
	if q.insert == "" {
		return q.sql
	}
	return q.sql + " FORMAT " + q.insert
}

// streamed reports whether the answer may be sent in pieces.
func (q *request) streamed() bool {
	return !q.whole && streamedFormats[strings.ToLower(q.format)]
}

// close lets go of the body.
func (q *request) close() {
	if q.data != nil {
		q.data.Close()
	}
}

// isHandshake reports whether this is the first question of clickhouse-go.
func (q *request) isHandshake() bool {
	return q.goClient && q.revision > 0 && q.sql == handshakeQuery
}

func isOn(v string) bool { return v == "1" || strings.EqualFold(v, "true") }
