//go:build linux || darwin

package engine

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// abi holds the functions of libchdb that this package calls. Text is passed as
// pointer and length, so nothing is copied and nothing needs a final zero byte.
type abi struct {
	version    func() string
	setSignals func(enabled int32)
	connect    func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	closeConn  func(conn unsafe.Pointer)
	classify   func(conn, sql unsafe.Pointer, n uintptr, db unsafe.Pointer, dn uintptr, out *analysis) int32

	query  starter
	stream starter
	fetch  func(conn, res unsafe.Pointer) unsafe.Pointer
	cancel func(conn, res unsafe.Pointer)

	insert        starter
	appendData    func(st, data unsafe.Pointer, n uintptr) int32
	done          func(st unsafe.Pointer) unsafe.Pointer
	insertError   func(st unsafe.Pointer) string
	destroyInsert func(st unsafe.Pointer)

	buffer       func(res unsafe.Pointer) unsafe.Pointer
	length       func(res unsafe.Pointer) uintptr
	errorText    func(res unsafe.Pointer) string
	readRows     func(res unsafe.Pointer) uint64
	readBytes    func(res unsafe.Pointer) uint64
	storageRows  func(res unsafe.Pointer) uint64
	storageBytes func(res unsafe.Pointer) uint64
	writtenRows  func(res unsafe.Pointer) uint64
	writtenBytes func(res unsafe.Pointer) uint64
	destroy      func(res unsafe.Pointer)
}

// A starter starts a statement: its text, the name of a format, and parameters as
// arrays of names and values with their lengths.
type starter func(conn, q unsafe.Pointer, qn uintptr, f unsafe.Pointer, fn uintptr, names, nameLens, values, valueLens unsafe.Pointer, n uintptr) unsafe.Pointer

// A library is libchdb, loaded into this process.
type library struct {
	abi
	onFirst sync.Once
}

// openLibrary loads the shared library at path and binds its functions. It must
// not be called twice in a process.
func openLibrary(path string) (lib *library, err error) {
	handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: run `make engine`", ErrLibrary, err)
	}
	lib = &library{}
	for name, fn := range map[string]any{
		"chdb_version":                     &lib.version,
		"chdb_set_signal_handlers_enabled": &lib.setSignals,
		"chdb_connect":                     &lib.connect,
		"chdb_close_conn":                  &lib.closeConn,
		"chdb_classify_query_n":            &lib.classify,
		"chdb_query_with_params_n":         &lib.query,
		"chdb_stream_query_with_params_n":  &lib.stream,
		"chdb_stream_fetch_result":         &lib.fetch,
		"chdb_stream_cancel_query":         &lib.cancel,
		"chdb_stream_insert_with_params_n": &lib.insert,
		"chdb_stream_append":               &lib.appendData,
		"chdb_stream_done":                 &lib.done,
		"chdb_stream_insert_error":         &lib.insertError,
		"chdb_destroy_insert_stream":       &lib.destroyInsert,
		"chdb_result_buffer":               &lib.buffer,
		"chdb_result_length":               &lib.length,
		"chdb_result_error":                &lib.errorText,
		"chdb_result_rows_read":            &lib.readRows,
		"chdb_result_bytes_read":           &lib.readBytes,
		"chdb_result_storage_rows_read":    &lib.storageRows,
		"chdb_result_storage_bytes_read":   &lib.storageBytes,
		"chdb_result_rows_written":         &lib.writtenRows,
		"chdb_result_bytes_written":        &lib.writtenBytes,
		"chdb_destroy_query_result":        &lib.destroy,
	} {
		symbol, err := purego.Dlsym(handle, name)
		if err != nil {
			return nil, fmt.Errorf("%w: %s has no function %s: run `make engine`", ErrLibrary, path, name)
		}
		purego.RegisterFunc(fn, symbol)
	}
	if v := lib.version(); v != libraryVersion {
		return nil, fmt.Errorf("%w: %s is version %s, %s is needed: run `make engine`", ErrLibrary, path, v, libraryVersion)
	}
	// Before the first connection: with the engine's own handlers in place a
	// recoverable fault in Go hangs the process.
	lib.setSignals(0)
	return lib, nil
}

// A connection is one session of the engine. It runs one statement at a time;
// callers must not use it concurrently.
type connection struct {
	lib    *library
	opened unsafe.Pointer // what close takes
	handle unsafe.Pointer // what everything else takes
}

// open opens a session. The reason of a failure is only written to standard
// error by the engine.
func (lib *library) open(args ...string) (*connection, error) {
	argv := make([]*byte, 0, len(args)+2)
	for _, a := range append([]string{"clickhouse"}, args...) {
		argv = append(argv, unsafe.StringData(a+"\x00"))
	}
	argv = append(argv, nil)
	opened := lib.connect(int32(len(argv)-1), unsafe.Pointer(unsafe.SliceData(argv)))
	runtime.KeepAlive(argv)
	if opened == nil {
		return nil, errors.New("opening a connection to the engine: refused; its log has the reason")
	}
	lib.onFirst.Do(fixSignalStack)
	return &connection{lib: lib, opened: opened, handle: *(*unsafe.Pointer)(opened)}, nil
}

func (c *connection) close() { c.lib.closeConn(c.opened) }

// analysis is chdb_query_analysis_v1.
type analysis struct {
	size       uint32
	Statements uint32
	Flags      uint32
	Class      uint32
}

// What classify says a statement is.
const (
	classReadOnly = 0 // SELECT, SHOW, DESCRIBE, EXPLAIN, EXISTS, CHECK
	classUnknown  = 4 // did not parse
)

// classify parses sql with the connection's own parser and says what it would do.
func (c *connection) classify(sql string) (analysis, error) {
	a := analysis{size: uint32(unsafe.Sizeof(analysis{}))}
	p, n := text(sql)
	rc := c.lib.classify(c.handle, p, n, nil, 0, &a)
	runtime.KeepAlive(sql)
	if rc != 0 {
		return a, errors.New("classifying a statement: the connection is closed")
	}
	return a, nil
}

// A param is the value of one {name:Type} placeholder, in ClickHouse's escaped
// text form.
type param struct{ name, value string }

// query runs one statement and materialises its result.
func (c *connection) query(sql, format string, params []param) (*result, error) {
	return c.result(c.call(c.lib.query, sql, format, params))
}

// lines runs a statement and returns its rows as text.
func (c *connection) lines(sql string) ([]string, error) {
	res, err := c.query(sql, "TSVRaw", nil)
	if err != nil {
		return nil, err
	}
	defer res.free()
	return strings.Split(strings.TrimSuffix(string(res.bytes()), "\n"), "\n"), nil
}

// exec runs a statement whose result is of no interest.
func (c *connection) exec(sql string) error {
	res, err := c.query(sql, "Null", nil)
	if err != nil {
		return err
	}
	res.free()
	return nil
}

// stream starts a statement whose result is fetched chunk by chunk.
func (c *connection) stream(sql, format string, params []param) (*stream, error) {
	res, err := c.result(c.call(c.lib.stream, sql, format, params))
	if err != nil {
		return nil, err
	}
	return &stream{conn: c, res: res}, nil
}

// insert starts an INSERT whose data follows in the given format. sql carries no
// FORMAT clause.
func (c *connection) insert(sql, format string, params []param) (*insertion, error) {
	p := c.call(c.lib.insert, sql, format, params)
	st := &insertion{lib: c.lib, p: p}
	if msg := c.lib.insertError(p); msg != "" {
		st.free()
		return nil, newException(msg)
	}
	return st, nil
}

// call starts a statement.
func (c *connection) call(start starter, sql, format string, params []param) unsafe.Pointer {
	n := len(params)
	// One longer than needed, so that there is always a first element to point at.
	names, values := make([]unsafe.Pointer, n+1), make([]unsafe.Pointer, n+1)
	nameLens, valueLens := make([]uintptr, n+1), make([]uintptr, n+1)
	for i, p := range params {
		names[i], nameLens[i] = text(p.name)
		values[i], valueLens[i] = text(p.value)
	}
	q, qn := text(sql)
	f, fl := text(format)
	res := start(c.handle, q, qn, f, fl,
		unsafe.Pointer(&names[0]), unsafe.Pointer(&nameLens[0]),
		unsafe.Pointer(&values[0]), unsafe.Pointer(&valueLens[0]), uintptr(n))
	runtime.KeepAlive(sql)
	runtime.KeepAlive(format)
	runtime.KeepAlive(params)
	return res
}

// result takes over p, or returns the error it carries.
func (c *connection) result(p unsafe.Pointer) (*result, error) {
	if p == nil {
		return nil, errors.New("running a statement: the engine returned nothing")
	}
	if msg := c.lib.errorText(p); msg != "" {
		c.lib.destroy(p)
		return nil, newException(msg)
	}
	return &result{lib: c.lib, p: p}, nil
}

// A result is a materialised answer, or one chunk of a streamed one. Its memory
// is the engine's until free.
type result struct {
	lib *library
	p   unsafe.Pointer
}

// bytes returns the encoded rows; they are gone after free.
func (r *result) bytes() []byte {
	n := r.lib.length(r.p)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(r.lib.buffer(r.p)), n)
}

// progress returns what the statement read and wrote.
func (r *result) progress() progress {
	return progress{
		ReadRows: r.lib.storageRows(r.p), ReadBytes: r.lib.storageBytes(r.p),
		WrittenRows: r.lib.writtenRows(r.p), WrittenBytes: r.lib.writtenBytes(r.p),
		ResultRows: r.lib.readRows(r.p), ResultBytes: r.lib.readBytes(r.p),
	}
}

func (r *result) free() { r.lib.destroy(r.p) }

// A stream is an answer that is being fetched.
type stream struct {
	conn *connection
	res  *result
}

// next returns the next chunk, to be freed by the caller, or nil at the end.
func (s *stream) next() (*result, error) {
	chunk, err := s.conn.result(s.conn.lib.fetch(s.conn.handle, s.res.p))
	if err != nil {
		return nil, err
	}
	if s.conn.lib.length(chunk.p) == 0 {
		chunk.free()
		return nil, nil
	}
	return chunk, nil
}

// free cancels what is left of the statement and releases it.
func (s *stream) free() {
	s.conn.lib.cancel(s.conn.handle, s.res.p)
	s.res.free()
}

// An insertion is an INSERT that is receiving its data.
type insertion struct {
	lib *library
	p   unsafe.Pointer
}

// append hands over a chunk, which is copied. It returns false if the insert has
// failed already; why, and whether the data parsed at all, only done tells.
func (s *insertion) append(data []byte) bool {
	if len(data) == 0 {
		return true
	}
	return s.lib.appendData(s.p, unsafe.Pointer(unsafe.SliceData(data)), uintptr(len(data))) == 0
}

// done ends the data, waits for the insert and returns what was written.
func (s *insertion) done() (progress, error) {
	p := s.lib.done(s.p)
	c := connection{lib: s.lib}
	res, err := c.result(p)
	if err != nil {
		return progress{}, err
	}
	defer res.free()
	return res.progress(), nil
}

// free releases the insert; without done before it, it is cancelled.
func (s *insertion) free() { s.lib.destroyInsert(s.p) }

// text returns what C needs to read s; an empty string points at a byte of its own.
func text(s string) (unsafe.Pointer, uintptr) {
	if s == "" {
		return unsafe.Pointer(&zero), 0
	}
	return unsafe.Pointer(unsafe.StringData(s)), uintptr(len(s))
}

var zero byte
