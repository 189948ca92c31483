package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// A lossy proxy forwards every request, and of the answers loses one in a while:
// the connection breaks after the server has done what was asked.
type lossy struct {
	oneIn atomic.Int64 // loses one answer in so many; 0: none
	lost  atomic.Int64

	mu  sync.Mutex
	rng *rand.Rand
}

func (p *lossy) loses() bool {
	n := p.oneIn.Load()
	if n == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rng.Int64N(n) != 0 {
		return false
	}
	p.lost.Add(1)
	return true
}

// lossyKafka is in front of a broker. Clients go on to the addresses that a broker
// names, so it puts its own in their place.
func lossyKafka(t *testing.T, broker string, seed uint64) (*lossy, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossy{rng: rand.New(rand.NewPCG(seed, 1))}
	from, to := kafkaAddress(t, broker), kafkaAddress(t, l.Addr().String())
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client, broker, from, to) // until either side hangs up
		}
	}()
	t.Cleanup(func() { l.Close() })
	return p, l.Addr().String()
}

// kafkaAddress is an address as answers hold it: a string and a number.
func kafkaAddress(t *testing.T, addr string) []byte {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return binary.BigEndian.AppendUint32([]byte(host), uint32(n))
}

func (p *lossy) serve(client net.Conn, broker string, from, to []byte) {
	defer client.Close()
	server, err := net.Dial("tcp", broker)
	if err != nil {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(server, client) // ends with either side
		server.Close()
	}()
	for {
		answer, err := readFrame(server)
		if err != nil || p.loses() {
			return
		}
		if _, err := client.Write(bytes.ReplaceAll(answer, from, to)); err != nil {
			return
		}
	}
}

// readFrame reads one answer of Kafka's protocol: its length and so many bytes.
func readFrame(r io.Reader) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > 256<<20 {
		return nil, fmt.Errorf("an answer of %d bytes", n)
	}
	frame := append(head[:], make([]byte, n)...)
	_, err := io.ReadFull(r, frame[4:])
	return frame, err
}

// lossyHTTP is in front of ClickHouse's HTTP interface.
func lossyHTTP(t *testing.T, server string, seed uint64) (*lossy, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &lossy{rng: rand.New(rand.NewPCG(seed, 2))}
	target := &url.URL{Scheme: "http", Host: server}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(resp *http.Response) error {
			if !p.loses() {
				return nil
			}
			_, err := io.Copy(io.Discard, resp.Body)
			return errors.Join(err, errLost)
		},
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }, // breaks the connection
	}
	srv := &http.Server{Handler: proxy}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = srv.Serve(l) }() // ErrServerClosed
	t.Cleanup(func() { srv.Close(); <-ended })
	return p, l.Addr().String()
}

var errLost = errors.New("lost")
