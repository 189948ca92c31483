package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/ingest"
)

func dial(t testing.TB, r *rig) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// TestSlow: neither headers nor bodies may take for ever.
func TestSlow(t *testing.T) {
	r := newRig(t, func(o *ingest.Options) {
		o.HeaderTimeout, o.BodyTimeout, o.IdleTimeout = 50*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond
	})
	c := dial(t, r)
	fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", ciToken)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(resp.Body); resp.StatusCode != 408 || !strings.Contains(string(b), "in time") {
		t.Errorf("a slow body: %d %s", resp.StatusCode, b)
	}
	for name, begin := range map[string]string{"slow headers": "POST /v1/events HT", "idle": ""} {
		c := dial(t, r)
		io.WriteString(c, begin)
		if b, err := io.ReadAll(c); err != nil || strings.Contains(string(b), "202") {
			t.Errorf("%s: %q, %v; want the connection closed", name, b, err)
		}
	}
	// A body that ends too early.
	c = dial(t, r)
	fmt.Fprintf(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: 100\r\n\r\n{", ciToken)
	c.(*net.TCPConn).CloseWrite()
	if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 400 {
		t.Errorf("a body cut short: %v, %v", resp, err)
	}
	r.drained()
	if len(r.kafka.recs) != 0 {
		t.Errorf("%d records were kept", len(r.kafka.recs))
	}
}

// TestIdleConnections: a thousand of them keep no delivery out.
func TestIdleConnections(t *testing.T) {
	r := newRig(t, func(o *ingest.Options) { o.Connections = 50 })
	for range 1000 {
		dial(t, r)
	}
	if a := r.post(ciToken, "application/cloudevents+json", event("1", "x")); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	until(t, "the connections beyond the bound are closed", func() bool {
		text := r.do("GET", "/metrics", "").body
		_, after, _ := strings.Cut(text, "\npayoff_ingest_connections ")
		var n int
		fmt.Sscan(after, &n)
		return n > 0 && n <= 50
	})
}

// waiting is a source whose Normalise waits until it is told to go on.
type waiting struct {
	entered, leave chan struct{}
}

func (waiting) Name() string                               { return "waiting" }
func (waiting) Verify(http.Header, []byte, [][]byte) error { return nil }
func (w waiting) Normalise(collect.Delivery) ([]events.Draft, error) {
	w.entered <- struct{}{}
	<-w.leave
	return nil, nil
}

func TestInFlightAndStop(t *testing.T) {
	w := waiting{make(chan struct{}), make(chan struct{})}
	r := newRig(t, func(o *ingest.Options) {
		o.Sources = append(o.Sources, w)
		o.Endpoints = append(o.Endpoints, ingest.Endpoint{Source: "waiting", Name: "main", Limits: ingest.Limits{InFlight: 1}})
		o.StopTimeout = 10 * time.Second
	})
	answers := make(chan answer, 1)
	go func() { answers <- r.do("POST", "/v1/hooks/waiting/main", "x") }()
	<-w.entered
	if a := r.do("POST", "/v1/hooks/waiting/main", "x"); a.status != 429 || a.header.Get("Retry-After") != "1" {
		t.Errorf("a second request: %d %v %s", a.status, a.header, a.body)
	}
	if a := r.post(ciToken, "application/cloudevents+json", event("1", "x")); a.status != 202 {
		t.Errorf("another door: %d", a.status)
	}
	// A stop waits for what is under way, and takes nothing new.
	stopped := make(chan error, 1)
	go func() { stopped <- r.server.Stop(context.Background()) }()
	until(t, "nothing new is taken", func() bool {
		c, err := net.Dial("tcp", r.server.Addr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(w.leave)
	if a := <-answers; a.status != 202 {
		t.Errorf("the request under way: %d %s", a.status, a.body)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if n := len(r.kafka.topic(ingest.DeliveriesTopic)); n != 2 {
		t.Errorf("%d deliveries in Kafka after the stop, want 2", n)
	}
	if err := r.server.Accept(context.Background(), canonical(t, "x", 1)); err == nil {
		t.Error("accepted after the stop")
	}
}

func TestRate(t *testing.T) {
	var ms atomic.Int64
	r := newRig(t, func(o *ingest.Options) {
		o.Now = func() time.Time { return time.UnixMilli(1772442000000 + ms.Load()) }
		o.Tokens[0].Limits.Rate = 2
		o.Endpoints[0].Limits.Rate = 1
	})
	for range 5 {
		if a := r.do("POST", "/v1/hooks/github/main", "{}", "X-Hub-Signature-256", "sha256="+signature("guess", "{}")); a.status != 401 {
			t.Fatalf("wrongly signed: %d", a.status)
		}
	}
	for i, want := range []int{202, 429} {
		if a := r.github("ping", "{}"); a.status != want {
			t.Errorf("webhook %d after others' without the secret: %d, want %d", i, a.status, want)
		}
	}
	send := func() answer { return r.post(ciToken, "application/cloudevents+json", event("1", "x")) }
	for i, want := range []int{202, 202, 429} {
		if a := send(); a.status != want || want == 429 && a.header.Get("Retry-After") != "1" {
			t.Errorf("request %d: %d %v, want %d", i, a.status, a.header, want)
		}
	}
	ms.Add(500)
	for i, want := range []int{202, 429} {
		if a := send(); a.status != want {
			t.Errorf("half a second later, request %d: %d, want %d", i, a.status, want)
		}
	}
}

// TestBudget: large bodies wait for one another, small ones for none.
func TestBudget(t *testing.T) {
	r := newRig(t, func(o *ingest.Options) { o.MaxBuffered = 300 << 10 })
	large := func() net.Conn {
		c := dial(t, r)
		fmt.Fprintf(c, "POST /v1/hooks/github/main HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
		c.Write(bytes.Repeat([]byte("x"), 250<<10))
		return c
	}
	c := large()
	until(t, "another large body is put off", func() bool {
		a := r.github("ping", strings.Repeat("x", 200<<10))
		if a.status == 503 && a.header.Get("Retry-After") != "" && strings.Contains(a.body, "later") {
			return true
		}
		c.Close() // it may be the one that was put off
		c = large()
		return false
	})
	if a := r.post(ciToken, "application/cloudevents+json", event("1", "x")); a.status != 202 {
		t.Errorf("a small body: %d %s", a.status, a.body)
	}
	c.Close()
	until(t, "the large body is taken once there is room", func() bool {
		return r.github("ping", strings.Repeat("x", 200<<10)).status == 202
	})
}
