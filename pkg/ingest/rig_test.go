package ingest_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/payoff-metrics/payoff/pkg/collect"
	"github.com/payoff-metrics/payoff/pkg/collect/github"
	"github.com/payoff-metrics/payoff/pkg/collect/pagerduty"
	"github.com/payoff-metrics/payoff/pkg/events"
	"github.com/payoff-metrics/payoff/pkg/ingest"
	"github.com/payoff-metrics/payoff/pkg/seal"
	"github.com/payoff-metrics/payoff/pkg/transport"
)

const (
	hookSecret     = "hook-secret-canary"
	ciToken        = "ci-token-0123456789"
	pagerToken     = "pager-token-0123456789"
	canonicalToken = "instance-token-0123456789"
)

// fakeKafka is a transport.Publisher that can be down, and refuse records.
type fakeKafka struct {
	mu     sync.Mutex
	recs   []transport.Record
	down   bool
	refuse func(transport.Record) error // nil: takes everything
}

func (k *fakeKafka) Publish(ctx context.Context, recs []transport.Record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := &transport.PartialError{Total: len(recs)}
	failed := map[string]bool{} // keys: after one record of a partition fails, so do those behind it
	for i, r := range recs {
		var err error
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case k.down:
			err = transport.ErrUnavailable
		case failed[r.Topic+string(r.Key)]:
			err = transport.ErrUnavailable
		case k.refuse != nil:
			err = k.refuse(r)
		}
		if err != nil {
			failed[r.Topic+string(r.Key)] = errors.Is(err, transport.ErrUnavailable)
			p.Failed, p.Causes = append(p.Failed, i), append(p.Causes, err)
			continue
		}
		r.Key, r.Value = bytes.Clone(r.Key), bytes.Clone(r.Value) // nothing of recs is kept
		k.recs = append(k.recs, r)
	}
	if len(p.Failed) > 0 {
		return p
	}
	return nil
}

func (k *fakeKafka) set(down bool, refuse func(transport.Record) error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.down, k.refuse = down, refuse
}

// topic returns the records of a topic, in order.
func (k *fakeKafka) topic(name string) (out []transport.Record) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, r := range k.recs {
		if r.Topic == name {
			out = append(out, r)
		}
	}
	return out
}

func header(r transport.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// buffer is a log that may be written at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// rig is an ingest with what stands around it.
type rig struct {
	t        testing.TB
	options  ingest.Options
	server   *ingest.Server
	kafka    *fakeKafka
	opener   *seal.Opener
	log      *buffer
	registry *prometheus.Registry
	client   *http.Client
}

func newRig(t testing.TB, change func(*ingest.Options)) *rig {
	t.Helper()
	key, err := seal.GenerateKey(seal.Delivery)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewSealer(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewKeyring(key)
	if err != nil {
		t.Fatal(err)
	}
	opener, err := seal.NewOpener(ring)
	if err != nil {
		t.Fatal(err)
	}
	people, err := seal.NewPseudonymiser([]byte(strings.Repeat("s", 32)))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, kafka: &fakeKafka{}, opener: opener, log: &buffer{}, registry: prometheus.NewRegistry(), client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	r.options = ingest.Options{
		Sources: []collect.Source{github.New(github.Options{}), pagerduty.New(pagerduty.Options{})},
		Endpoints: []ingest.Endpoint{
			{Source: "github", Name: "main", Secrets: [][]byte{[]byte("old"), []byte(hookSecret)}},
			{Source: "pagerduty", Name: "main", Secrets: [][]byte{[]byte(hookSecret)}},
			{Source: "github", Name: "open"},
		},
		Tokens: []ingest.Token{
			{Name: "ci", Secret: []byte(ciToken), Sources: []string{"/ci", "/ci/**"}},
			{Name: "pager", Secret: []byte(pagerToken), Sources: []string{"*"}, Kinds: []string{"incident.*"}},
			{Name: "instance", Secret: []byte(canonicalToken), Canonical: true},
		},
		Dir: t.TempDir(), Sealer: sealer, Publisher: r.kafka, Now: time.Now, Registry: r.registry,
		Protector:   collect.Protector{People: people, Hotfix: collect.DefaultHotfix},
		Log:         slog.New(slog.NewJSONHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		StopTimeout: time.Second,
	}
	if change != nil {
		change(&r.options)
	}
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		r.t.Fatal(err)
	}
	o := r.options
	o.Listener = l
	if r.server, err = ingest.Start(o); err != nil {
		r.t.Fatal(err)
	}
	server := r.server
	r.t.Cleanup(func() { server.Stop(context.Background()) })
}

func (r *rig) stop() {
	r.t.Helper()
	if err := r.server.Stop(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.client.CloseIdleConnections()
}

func (r *rig) url(path string) string { return "http://" + r.server.Addr().String() + path }

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) field(t testing.TB, name string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		t.Fatalf("answer %d is not JSON: %v: %s", a.status, err, a.body)
	}
	return strings.Trim(string(m[name]), `"`)
}

func (r *rig) do(method, path, body string, headers ...string) answer {
	r.t.Helper()
	req, err := http.NewRequest(method, r.url(path), strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	a, err := r.send(req)
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *rig) send(req *http.Request) (answer, error) {
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

func signature(secret, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// github delivers a webhook of GitHub.
func (r *rig) github(event, body string) answer {
	r.t.Helper()
	return r.do("POST", "/v1/hooks/github/main", body, "Content-Type", "application/json", "X-GitHub-Event", event, "X-GitHub-Delivery", "72d3162e",
		"X-Hub-Signature-256", "sha256="+signature(hookSecret, body))
}

// post posts events with a token.
func (r *rig) post(token, contentType, body string, headers ...string) answer {
	r.t.Helper()
	return r.do("POST", "/v1/events", body, append([]string{"Content-Type", contentType, "Authorization", "Bearer " + token}, headers...)...)
}

func (r *rig) drained() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
	defer cancel()
	if err := r.server.WaitDrained(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// until waits for a condition.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// stored returns the names and bytes of all files beneath a folder.
func stored(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		out[path], err = os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) { // drained just now
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func payload(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile("../collect/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// event is a posted CloudEvent.
func event(id, service string) string {
	return `{"specversion":"1.0","id":"` + id + `","source":"/ci","type":"dev.cdevents.service.deployed.0.3.0","time":"2026-03-02T08:00:00Z",` +
		`"data":{"subject":{"id":"` + service + `","content":{"environment":{"id":"production"}}},"customData":{"actor":"jane@example.com"}}}`
}

// canonical makes n canonical events about one service.
func canonical(t testing.TB, service string, n int) []events.Event {
	t.Helper()
	out := make([]events.Event, n)
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range out {
		var err error
		out[i], err = events.New(events.Draft{
			Source: "git", Kind: events.ServiceDeployed, Natural: []string{service, at.String(), string(rune(i))}, Subject: service,
			Time: at.Add(time.Duration(i) * time.Second), Mapping: 1, Content: events.Fields{Environment: &events.Ref{ID: "production"}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func lines(t testing.TB, evs []events.Event) string {
	t.Helper()
	var b strings.Builder
	for i := range evs {
		line, err := events.Encode(&evs[i])
		if err != nil {
			t.Fatal(err)
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}
