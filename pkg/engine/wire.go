//go:build linux || darwin

package engine

import (
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/klauspost/compress/zstd"
)

// frameSize is how many bytes go into one frame of ClickHouse's own compression.
const frameSize = 1 << 20

// requestBody undoes what the client did to the body: Content-Encoding first,
// then ClickHouse's own compression if decompress=1 says so. The caller closes it.
func requestBody(r *http.Request, decompress bool) (io.ReadCloser, error) {
	var body io.ReadCloser
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		body = io.NopCloser(r.Body)
	case "gzip":
		zr, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, badArguments("Reading a gzip body: %s", err)
		}
		body = zr
	case "deflate":
		zr, err := zlib.NewReader(r.Body)
		if err != nil {
			return nil, badArguments("Reading a deflate body: %s", err)
		}
		body = zr
	case "zstd":
		// The window bounds what a small body can make us allocate.
		zr, err := zstd.NewReader(r.Body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, badArguments("Reading a zstd body: %s", err)
		}
		body = zr.IOReadCloser()
	default:
		return nil, notImplemented("Content-Encoding %s; send gzip, deflate or zstd", encoding)
	}
	if decompress {
		body = &frameReader{Reader: compress.NewReader(body), Closer: body}
	}
	return body, nil
}

// A frameReader reads ClickHouse's compressed frames. Its source wraps io.EOF, and
// serves its last frame once more to whoever reads on after an error, so errors
// are kept here.
type frameReader struct {
	io.Reader
	io.Closer
	err error
}

func (f *frameReader) Read(p []byte) (n int, err error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err = f.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = io.EOF
	}
	f.err = err
	return n, err
}

// A wire writes an answer: through ClickHouse's frames if compress=1 asked for
// them, else through the Content-Encoding the client accepts.
type wire struct {
	http    http.ResponseWriter
	out     io.Writer
	encoder interface {
		io.WriteCloser
		Flush() error
	}
	frames *compress.Writer
}

// framing returns the writer of frames that the request asks for, or nil.
func framing(p *request) *compress.Writer {
	if !p.compress {
		return nil
	}
	if strings.EqualFold(p.frameMethod, "ZSTD") {
		return compress.NewWriter(compress.LevelZero, compress.ZSTD)
	}
	return compress.NewWriter(compress.LevelZero, compress.LZ4)
}

// encode chooses a Content-Encoding and announces it; to be called before the
// header is written, and only when there will be a body.
func (w *wire) encode(r *http.Request) {
	w.out = w.http
	if w.frames != nil {
		return // already small; ClickHouse's clients ask for one or the other
	}
	accepted := strings.ToLower(r.Header.Get("Accept-Encoding"))
	switch {
	case strings.Contains(accepted, "zstd"):
		enc, err := zstd.NewWriter(w.http, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return
		}
		w.encoder = enc
		w.http.Header().Set("Content-Encoding", "zstd")
	case strings.Contains(accepted, "gzip"):
		enc, err := gzip.NewWriterLevel(w.http, gzip.BestSpeed)
		if err != nil {
			return
		}
		w.encoder = enc
		w.http.Header().Set("Content-Encoding", "gzip")
	}
	if w.encoder != nil {
		w.out = w.encoder
		w.http.Header().Add("Vary", "Accept-Encoding")
	}
}

// Write sends p, cut into frames where they are asked for.
func (w *wire) Write(p []byte) (int, error) {
	if w.frames == nil {
		return w.out.Write(p)
	}
	total := len(p)
	for len(p) > 0 {
		n := min(len(p), frameSize)
		if err := w.frames.Compress(p[:n]); err != nil {
			return total - len(p), err
		}
		if _, err := w.out.Write(w.frames.Data); err != nil {
			return total - len(p), err
		}
		p = p[n:]
	}
	return total, nil
}

// flush sends what is buffered on its way.
func (w *wire) flush() error {
	if w.encoder != nil {
		if err := w.encoder.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(w.http).Flush()
}

// close ends the encoding; it does not end the answer.
func (w *wire) close() error {
	if w.encoder == nil {
		return nil
	}
	return w.encoder.Close()
}
