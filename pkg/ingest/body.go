package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
)

// freeBytes of a body are read without asking the budget: small ones are never
// kept out by large ones.
const freeBytes = 64 << 10

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// A reader reads bodies within bounds. close gives back what it took.
type reader struct {
	server *Server
	buf    *bytes.Buffer
	taken  int64
}

func (s *Server) newReader() *reader {
	buf := buffers.Get().(*bytes.Buffer)
	buf.Reset()
	return &reader{server: s, buf: buf}
}

// close makes the body's bytes invalid.
func (r *reader) close() {
	r.server.budget.give(r.taken)
	if r.buf.Cap() <= freeBytes { // a large one is not kept for the small ones to come
		buffers.Put(r.buf)
	}
}

// raw reads the body as it came.
func (r *reader) raw(req *http.Request, limit int64) ([]byte, *refusal) {
	if enc := req.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, refuse(http.StatusUnsupportedMediaType, "the body is compressed", "send it as it was signed, without Content-Encoding")
	}
	return r.read(req.Body, req.ContentLength, limit)
}

// plain reads the body and undoes gzip.
func (r *reader) plain(req *http.Request, limit, ratio int64) ([]byte, *refusal) {
	switch enc := strings.ToLower(req.Header.Get("Content-Encoding")); enc {
	case "", "identity":
		return r.read(req.Body, req.ContentLength, limit)
	case "gzip":
	default:
		return nil, refuse(http.StatusUnsupportedMediaType, "the body's Content-Encoding is not one that is read", "send it plain or with gzip")
	}
	packed := &counter{r: req.Body, left: limit}
	z, err := gzip.NewReader(packed)
	if err != nil {
		return nil, badGzip(err)
	}
	body, refused := r.read(&ratioReader{z: z, packed: packed, ratio: ratio}, -1, limit)
	if refused != nil {
		return nil, refused
	}
	if err := z.Close(); err != nil {
		return nil, badGzip(err)
	}
	return body, nil
}

func badGzip(err error) *refusal {
	if isTimeout(err) {
		return slowBody()
	}
	return refuse(http.StatusBadRequest, "the body is not gzip, as its Content-Encoding says", "send it plain, or compress all of it")
}

// read takes at most limit bytes, and memory as they come.
func (r *reader) read(from io.Reader, length, limit int64) ([]byte, *refusal) {
	if length > limit {
		return nil, tooLarge(limit)
	}
	if length > 0 && length <= freeBytes {
		r.buf.Grow(int(length) + bytes.MinRead)
	}
	for {
		want := int64(freeBytes)
		if have := int64(r.buf.Len()); have > 0 && have+want > freeBytes {
			if want = have; !r.server.budget.take(want) {
				return nil, retryLater(http.StatusServiceUnavailable, 1, "too many large bodies are being read at once", "send it again later, or in parts")
			}
			r.taken += want
		}
		_, err := io.CopyN(r.buf, from, min(want, limit+1-int64(r.buf.Len())))
		switch {
		case int64(r.buf.Len()) > limit:
			return nil, tooLarge(limit)
		case errors.Is(err, io.EOF):
			return r.buf.Bytes(), nil
		case err != nil:
			return nil, broken(err, limit)
		}
	}
}

func broken(err error, limit int64) *refusal {
	switch {
	case errors.Is(err, errPacked):
		return tooLarge(limit)
	case errors.Is(err, errRatio):
		return refuse(http.StatusRequestEntityTooLarge, "the body unpacks to far more than it is", "send it plain")
	case isTimeout(err):
		return slowBody()
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return badGzip(err)
	}
	return refuse(http.StatusBadRequest, "the body could not be read to its end", "send all of it, with its true length")
}

func slowBody() *refusal {
	return refuse(http.StatusRequestTimeout, "the body did not come in time", "send it faster, or in parts")
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return errors.Is(err, os.ErrDeadlineExceeded) || ok && timeout.Timeout()
}

func tooLarge(limit int64) *refusal {
	return refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d bytes", limit), "send it in parts")
}

var errPacked = errors.New("the packed body is too large")

// counter counts the packed bytes that were read, and stops after left.
type counter struct {
	r       io.Reader
	n, left int64
}

func (c *counter) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errPacked
	}
	n, err := c.r.Read(b[:min(int64(len(b)), c.left)])
	c.n += int64(n)
	c.left -= int64(n)
	return n, err
}

var errRatio = errors.New("the ratio of compression is too great")

// ratioReader ends when the unpacked bytes outgrow the packed ones.
type ratioReader struct {
	z      *gzip.Reader
	packed *counter
	ratio  int64
	n      int64
}

func (r *ratioReader) Read(b []byte) (int, error) {
	n, err := r.z.Read(b)
	r.n += int64(n)
	if r.n > freeBytes && r.n > r.ratio*r.packed.n {
		return n, errRatio
	}
	return n, err
}
