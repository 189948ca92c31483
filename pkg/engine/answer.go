//go:build linux || darwin

package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"
)

// chunkSize is how much of an INSERT's data is handed over at once.
const chunkSize = 1 << 20

// An answer runs one request and writes what comes of it.
type answer struct {
	*facade
	*request
	http    http.ResponseWriter
	r       *http.Request
	wire    wire
	began   time.Time
	started bool   // the header is out
	tag     string // of an exception in the middle
}

// run answers the request. An error may come before or after the header: fail
// knows which.
func (a *answer) run(ctx context.Context) (err error) {
	if a.isHandshake() {
		return a.send(a.self.handshake(a.revision), progress{})
	}
	what, err := a.judge(a.request)
	if err != nil {
		return err
	}
	setup := a.setup()
	c := a.sessions.take(setup)
	if c == nil {
		if c, err = a.open(setup...); err != nil {
			return err
		}
	}
	harmless := false // it leaves the session as it was
	defer func() {
		if harmless && err == nil {
			a.sessions.keep(setup, c)
		} else {
			c.close()
		}
	}()
	if what == nil {
		found, err := a.classify(a.request, c)
		if err != nil {
			return err
		}
		what = &found
	}
	if what.Statements > 1 {
		return errManyStatements
	}
	harmless = what.Class == classReadOnly || len(a.tokens) > 0 && a.tokens[0].is("INSERT")
	mark := ""
	if what.Class != classUnknown {
		// A mark to find the statement by. What does not parse keeps the
		// positions its error speaks of.
		mark = "/*" + newQueryID() + "*/ "
		running, finished := context.WithCancel(context.WithoutCancel(ctx))
		defer finished()
		defer context.AfterFunc(ctx, func() { a.kill(running, mark) })()
	}
	switch {
	case a.insert != "":
		return a.insertData(ctx, c, mark)
	case what.Class == classReadOnly && a.streamed():
		return a.stream(c, mark)
	default:
		return a.materialise(c, mark)
	}
}

// materialise runs the statement to its end before the first byte is sent.
func (a *answer) materialise(c *connection, mark string) error {
	res, err := c.query(mark+a.sql, a.format, a.params)
	if err != nil {
		return err
	}
	defer res.free()
	return a.send(res.bytes(), res.progress())
}

// stream sends chunks as the engine produces them. The first is fetched before
// the header is written, so that most errors still get a status.
func (a *answer) stream(c *connection, mark string) error {
	st, err := c.stream(mark+a.sql, a.format, a.params)
	if e := (*exception)(nil); errors.As(err, &e) && e.code == int(proto.ErrBadArguments) {
		return a.materialise(c, mark) // a statement the engine does not stream
	}
	if err != nil {
		return err
	}
	defer st.free()
	first, err := st.next()
	if err != nil {
		return err
	}
	if first == nil {
		return a.send(nil, progress{})
	}
	a.start(first.progress(), true)
	for chunk := first; chunk != nil; {
		_, err := a.wire.Write(chunk.bytes())
		chunk.free()
		if err == nil {
			err = a.wire.flush()
		}
		if err != nil {
			return err // the client has left
		}
		if chunk, err = st.next(); err != nil {
			return err
		}
	}
	return a.wire.close()
}

// insertData hands the body over to the engine. If the body breaks off, nothing
// of the last block is written.
func (a *answer) insertData(ctx context.Context, c *connection, mark string) error {
	in, err := c.insert(mark+a.sql, a.insert, a.params)
	if err != nil {
		return err
	}
	defer in.free()
	buf := make([]byte, chunkSize)
	for {
		n, err := fill(a.data, buf)
		if err != nil && err != io.EOF {
			return badArguments("Reading the data of an INSERT: %s", err)
		}
		if !in.append(buf[:n]) || err == io.EOF {
			break // if append failed, done says why
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	written, err := in.done()
	if err != nil {
		return err
	}
	return a.send(nil, written)
}

// fill reads until buf is full. Unlike io.ReadFull it keeps the end of the data,
// io.EOF, apart from a body that broke off, io.ErrUnexpectedEOF.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// start writes the header of a good answer.
func (a *answer) start(p progress, body bool) {
	a.tag = strings.ToLower(rand.Text()[:16])
	h := a.http.Header()
	h.Set("Content-Type", contentType(a.format))
	h.Set("X-ClickHouse-Format", a.format)
	h.Set("X-ClickHouse-Summary", p.summary(a.now().Sub(a.began)))
	h.Set("X-ClickHouse-Exception-Tag", a.tag)
	if body {
		a.wire.encode(a.r)
	} else {
		h.Set("Content-Length", "0")
	}
	a.http.WriteHeader(http.StatusOK)
	a.started = true
}

// send writes a whole answer.
func (a *answer) send(body []byte, p progress) error {
	a.start(p, len(body) > 0)
	if len(body) == 0 {
		return nil
	}
	if _, err := a.wire.Write(body); err != nil {
		return err
	}
	return a.wire.close()
}

// fail reports an error: with a status while that is possible, else as
// ClickHouse does in the middle of an answer, in a block marked with the tag from
// the header, and by breaking the transfer off.
func (a *answer) fail(err error) {
	if !a.started {
		a.facade.fail(a.http, err)
		return
	}
	if e := (*exception)(nil); errors.As(err, &e) {
		msg := a.describe(e) + "\n"
		// Past ClickHouse's frames, through a Content-Encoding: as the server does
		// and its clients look for it.
		fmt.Fprintf(a.wire.out, "\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n", a.tag, msg, len(msg), a.tag)
		// Errors of writing to a client that has left change nothing here.
		_ = a.wire.close()
		_ = http.NewResponseController(a.http).Flush()
	}
	panic(http.ErrAbortHandler)
}
