package kafka_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/payoff-metrics/payoff/pkg/transport"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

const topic = "payoff.test"

// fake starts a broker in memory with the topic.
func fake(t testing.TB, opts ...kfake.Opt) (*kfake.Cluster, kafka.Options) {
	t.Helper()
	opts = append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.SeedTopics(1, topic), kfake.GroupMinSessionTimeout(500 * time.Millisecond),
	}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster, kafka.Options{
		Brokers:        cluster.ListenAddrs(),
		SessionTimeout: time.Second,
		PublishTimeout: 2 * time.Second,
		RequestTimeout: 2 * time.Second,
	}
}

func open(t testing.TB, o kafka.Options) *kafka.Client {
	t.Helper()
	c, err := kafka.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func limit(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// records makes records from the values.
func records(values ...string) (recs []transport.Record) {
	for _, v := range values {
		recs = append(recs, transport.Record{Topic: topic, Key: []byte("k"), Value: []byte(v)})
	}
	return recs
}

// stored returns the values that the topic holds.
func stored(t testing.TB, c *kafka.Client) (values []string) {
	t.Helper()
	bounds, err := c.Offsets(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bounds {
		err := c.Read(t.Context(), topic, b.Partition, b.First, b.Next, func(recs []transport.Record) error {
			for _, r := range recs {
				values = append(values, string(r.Value))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return values
}

func TestOpenReportsAllThatIsWrong(t *testing.T) {
	_, err := kafka.Open(t.Context(), kafka.Options{
		Brokers:     []string{"nowhere"},
		Compression: "rar",
		SASL:        kafka.SASL{Mechanism: "kerberos", User: "u"},
	})
	for _, s := range []string{"nowhere", "rar", "kerberos"} {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("Open = %v, which does not say %q", err, s)
		}
	}
	for _, o := range []kafka.Options{
		{},
		{Brokers: []string{"a:1"}, SASL: kafka.SASL{Mechanism: "plain"}},
		{Brokers: []string{"a:1"}, SASL: kafka.SASL{User: "u"}},
	} {
		if _, err := kafka.Open(t.Context(), o); err == nil {
			t.Errorf("Open(%+v) = nil", o)
		}
	}
}

func TestOpenWithoutBroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // its port now refuses
	c := open(t, kafka.Options{Brokers: []string{l.Addr().String()}, PublishTimeout: 100 * time.Millisecond})
	if err := c.Publish(t.Context(), records("a")); !errors.Is(err, transport.ErrUnavailable) {
		t.Errorf("Publish = %v, want ErrUnavailable", err)
	}
}

// certificate makes a certificate for 127.0.0.1 and the pool that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "kafka"},
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestSecured publishes, reads and commits over TLS with each way to say who we
// are, and checks that a certificate nobody vouches for is told at once. (kfake
// hangs up on a wrong password without a word, so that is for the real Kafka.)
func TestSecured(t *testing.T) {
	cert, roots := certificate(t)
	for _, s := range []kafka.SASL{
		{},
		{Mechanism: "plain", User: "payoff", Password: "secret"},
		{Mechanism: "scram-sha-256", User: "payoff", Password: "secret"},
		{Mechanism: "scram-sha-512", User: "payoff", Password: "secret"},
	} {
		t.Run("TLS "+s.Mechanism, func(t *testing.T) {
			opts := []kfake.Opt{kfake.TLS(&tls.Config{Certificates: []tls.Certificate{cert}})}
			if s.Mechanism != "" {
				opts = append(opts, kfake.EnableSASL(), kfake.Superuser(strings.ToUpper(s.Mechanism), s.User, s.Password))
			}
			_, o := fake(t, opts...)
			o.SASL, o.TLS = s, &tls.Config{RootCAs: roots}
			c := open(t, o)
			if err := c.Publish(t.Context(), records("a", "b")); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{"a", "b"}, stored(t, c)); d != "" {
				t.Error(d)
			}
			err := c.Consume(limit(t), "g", []string{topic}, func(ctx context.Context, g transport.Generation) error {
				return g.Commit(ctx, map[transport.TopicPartition]int64{{Topic: topic}: 2})
			})
			if err != nil {
				t.Errorf("Consume: %v", err)
			}

			stranger := o
			stranger.TLS = &tls.Config{}
			refused(t, stranger, "a certificate nobody vouches for")
		})
	}
}

func refused(t *testing.T, o kafka.Options, what string) {
	t.Helper()
	_, err := kafka.Open(t.Context(), o)
	if !errors.Is(err, transport.ErrAuth) {
		t.Errorf("Open with %s = %v, want ErrAuth", what, err)
	}
	if err != nil && strings.Contains(err.Error(), "guess") {
		t.Errorf("the error tells the password: %v", err)
	}
}

// TestPublishMeets checks what Publish makes of the broker's errors: which it
// retries, which it reports as what, and that no record is written twice.
func TestPublishMeets(t *testing.T) {
	for _, test := range []struct {
		err  *kerr.Error
		want error // nil: it is retried, and all is written once
	}{
		{kerr.NotLeaderForPartition, nil},
		{kerr.NotEnoughReplicas, nil},
		{kerr.RequestTimedOut, nil}, // though the broker did append
		{kerr.UnknownServerError, nil},
		{kerr.KafkaStorageError, nil},
		{kerr.OutOfOrderSequenceNumber, nil},
		{kerr.UnknownProducerID, nil},
		{kerr.InvalidProducerEpoch, nil},
		{kerr.UnknownTopicOrPartition, nil}, // as it looks while a topic's leader moves
		{kerr.TopicAuthorizationFailed, transport.ErrAuth},
		{kerr.InvalidRecord, transport.ErrRejected},
		{kerr.InvalidTimestamp, transport.ErrRejected},
		{kerr.MessageTooLarge, transport.ErrTooLarge},
	} {
		t.Run(test.err.Message, func(t *testing.T) {
			cluster, o := fake(t)
			c := open(t, o)
			if err := c.Publish(t.Context(), records("before")); err != nil {
				t.Fatal(err)
			}
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: test.err})
			err := c.Publish(t.Context(), records("a"))
			want := []string{"before", "a"}
			if test.want != nil {
				want = want[:1]
			}
			if !errors.Is(err, test.want) {
				t.Errorf("Publish = %v, want %v", err, test.want)
			}
			if err := c.Publish(t.Context(), records("after")); err != nil {
				t.Errorf("the next Publish = %v", err)
			}
			if d := cmp.Diff(append(want, "after"), stored(t, c)); d != "" {
				t.Errorf("written (-want +got):\n%s", d)
			}
		})
	}
}

// TestPublishGivesUp checks that what follows a batch of unknown fate is not
// taken for a repeat of it.
func TestPublishGivesUp(t *testing.T) {
	cluster, o := fake(t)
	o.PublishTimeout = 300 * time.Millisecond
	c := open(t, o)
	fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	err := c.Publish(t.Context(), records("lost", "too"))
	var partial *transport.PartialError
	if !errors.Is(err, transport.ErrUnavailable) || !errors.As(err, &partial) || len(partial.Failed) != 2 {
		t.Fatalf("Publish = %v, want both to fail with ErrUnavailable", err)
	}
	fault.Remove()
	if err := c.Publish(t.Context(), records("new", "ones")); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"new", "ones"}, stored(t, c)); d != "" {
		t.Errorf("written (-want +got):\n%s", d)
	}
}

// TestPublishStopsAtAHole checks that records do not overtake those of the same
// call that could not be written.
func TestPublishStopsAtAHole(t *testing.T) {
	cluster, o := fake(t)
	o.PublishTimeout, o.BatchBytes = 300*time.Millisecond, 1000
	c := open(t, o)
	recs := records(strings.Split(strings.Repeat(strings.Repeat("x", 300)+" ", 10), " ")[:10]...)
	var first kmsg.Request
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1, When: func(r kmsg.Request) bool {
		if first == nil {
			first = r
		}
		return r != first // the first batch passes
	}})
	err := c.Publish(t.Context(), recs)
	var partial *transport.PartialError
	if !errors.As(err, &partial) {
		t.Fatalf("Publish = %v, want a PartialError", err)
	}
	written := len(recs) - len(partial.Failed)
	if written == 0 || partial.Failed[0] != written || len(partial.Causes) != len(partial.Failed) {
		t.Errorf("failed = %v, want all but a first part", partial.Failed)
	}
	if got := len(stored(t, c)); got != written {
		t.Errorf("%d records are written, %d are reported so", got, written)
	}
}

// TestPublishCanBeStopped checks that a call ends with its context while the
// broker does not answer, also when it waits behind another.
func TestPublishCanBeStopped(t *testing.T) {
	cluster, o := fake(t)
	o.PublishTimeout = time.Minute
	c := open(t, o)
	fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	first, stopFirst := context.WithCancel(t.Context())
	second, stopSecond := context.WithCancel(t.Context())
	errs := make(chan error, 2)
	go func() { errs <- c.Publish(first, records("one")) }()
	if err := fault.Wait(limit(t), 1); err != nil {
		t.Fatal(err)
	}
	go func() { errs <- c.Publish(second, records("two")) }()
	stopSecond()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiting Publish = %v, want context.Canceled", err)
	}
	stopFirst()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Errorf("the writing Publish = %v, want context.Canceled", err)
	}
}

// TestFetchMeets checks that a fetcher reports each failed try and goes on
// where it was.
func TestFetchMeets(t *testing.T) {
	for _, e := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.UnknownServerError, kerr.KafkaStorageError, kerr.UnknownTopicOrPartition} {
		t.Run(e.Message, func(t *testing.T) {
			cluster, o := fake(t)
			c := open(t, o)
			if err := c.Publish(t.Context(), records("a", "b")); err != nil {
				t.Fatal(err)
			}
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: e, Count: 2})
			var got []string
			var failures int
			err := c.Consume(limit(t), "g", []string{topic}, func(ctx context.Context, g transport.Generation) error {
				f := g.Fetch(ctx, transport.TopicPartition{Topic: topic}, 1)
				defer f.Close()
				for len(got) == 0 {
					recs, err := f.Next(ctx)
					switch {
					case err == nil:
						got = append(got, string(recs[0].Value))
					case ctx.Err() != nil:
						return err
					default:
						failures++
					}
				}
				return nil
			})
			if err != nil || failures != 2 || !slices.Equal(got, []string{"b"}) {
				t.Errorf("Consume = %v, %d failures, read %q; want 2 failures, then b", err, failures, got)
			}
		})
	}
}

func TestDeletedRecordsAreOutOfRange(t *testing.T) {
	_, o := fake(t)
	c := open(t, o)
	if err := c.Publish(t.Context(), records("a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	deleteBefore(t, o, 2)
	err := c.Read(t.Context(), topic, 0, 1, 3, func([]transport.Record) error { return nil })
	var out *transport.OffsetError
	if !errors.As(err, &out) || out.First != 2 || out.Next != 3 {
		t.Errorf("Read = %v, want an OffsetError with what is left, 2 up to 3", err)
	}
}

func deleteBefore(t *testing.T, o kafka.Options, offset int64) {
	t.Helper()
	conn, err := net.Dial("tcp", o.Brokers[0])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.Version = 1
	rt := kmsg.NewDeleteRecordsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewDeleteRecordsRequestTopicPartition()
	rp.Offset = offset
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	if _, err := conn.Write(kmsg.NewRequestFormatter().AppendRequest(nil, req, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // it has answered
		t.Fatal(err)
	}
}

func TestSilentBroker(t *testing.T) {
	_, o := fake(t)
	testSilentBroker(t, o)
}

// testSilentBroker checks that connections on which nothing comes back any more
// are noticed and replaced, by publishers and readers.
func testSilentBroker(t *testing.T, o kafka.Options) {
	g := newGate()
	o.Dial = g.Dial
	o.RequestTimeout = time.Second
	c := open(t, o)
	ctx := limit(t)
	ensure(t, c)
	bounds, err := c.Offsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	start := bounds[0].Next
	got := make(chan string, 10)
	var once sync.Once
	ready := make(chan struct{})
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		done <- c.Consume(ctx, fmt.Sprint("silent-", start), []string{topic}, func(ctx context.Context, gen transport.Generation) error {
			f := gen.Fetch(ctx, transport.TopicPartition{Topic: topic}, start)
			defer f.Close()
			once.Do(func() { close(ready) })
			for ctx.Err() == nil {
				recs, err := f.Next(ctx)
				if err != nil {
					continue
				}
				for _, r := range recs {
					got <- string(r.Value)
				}
				start = recs[len(recs)-1].Offset + 1
			}
			return context.Cause(ctx)
		})
	}()
	<-ready
	if err := c.Publish(ctx, records("before")); err != nil {
		t.Fatal(err)
	}
	if v := <-got; v != "before" {
		t.Fatalf("read %q", v)
	}
	g.silence()
	if err := c.Publish(ctx, records("after")); err != nil {
		t.Fatalf("Publish after a connection fell silent: %v", err)
	}
	select {
	case v := <-got:
		if v != "after" {
			t.Errorf("read %q, want after, once", v)
		}
	case <-ctx.Done():
		t.Error("the reader stayed silent")
	}
	cancel()
	<-done
}

func ensure(t *testing.T, c *kafka.Client) {
	t.Helper()
	if err := c.EnsureTopics(t.Context(), []transport.TopicSpec{{Name: topic, Partitions: 1}}); err != nil {
		t.Fatal(err)
	}
}

func TestLostMember(t *testing.T) {
	_, o := fake(t)
	testLostMember(t, o)
}

// testLostMember elects an owner of a one-partition topic the way a leader is:
// whoever has the partition is it. When the owner's network goes, another one
// is chosen, the old one's generation ends, and it cannot commit.
func testLostMember(t *testing.T, o kafka.Options) {
	ctx := limit(t)
	group := "owner-" + rand.Text()
	g := newGate()
	lost := o
	lost.Dial = g.Dial
	c := open(t, lost)
	ensure(t, c)

	own := func(owner chan<- transport.Generation, resigned chan<- error) func(context.Context, transport.Generation) error {
		return func(ctx context.Context, g transport.Generation) error {
			if len(g.Assigned()) > 0 {
				owner <- g
			}
			<-ctx.Done()
			if len(g.Assigned()) > 0 {
				resigned <- context.Cause(ctx)
			}
			return context.Cause(ctx)
		}
	}
	first, second := make(chan transport.Generation, 9), make(chan transport.Generation, 9)
	resigned, ignored := make(chan error, 9), make(chan error, 9)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { c.Consume(ctx, group, []string{topic}, own(first, resigned)) })
	old := <-first

	g.close()
	other := open(t, o)
	wg.Go(func() { other.Consume(ctx, group, []string{topic}, own(second, ignored)) })
	if err := <-resigned; !errors.Is(err, transport.ErrFenced) {
		t.Errorf("the lost owner's context ended with %v, want ErrFenced", err)
	}
	select {
	case <-second:
	case <-ctx.Done():
		t.Fatal("no other owner was chosen")
	}
	g.open()
	err := old.Commit(ctx, map[transport.TopicPartition]int64{{Topic: topic}: 0})
	if !errors.Is(err, transport.ErrFenced) {
		t.Errorf("the old owner's Commit = %v, want ErrFenced", err)
	}
}

// TestStopWhileJoining checks that a member that waits for another to let go
// can still be stopped at once.
func TestStopWhileJoining(t *testing.T) {
	_, o := fake(t)
	ctx := limit(t)
	leading, rebalancing, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once sync.Once
	var wg sync.WaitGroup
	defer wg.Wait()
	first, second := open(t, o), open(t, o)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() {
		first.Consume(ctx, "g", []string{topic}, func(ctx context.Context, g transport.Generation) error {
			once.Do(func() {
				close(leading)
				<-ctx.Done()
				close(rebalancing)
			})
			<-release // up to the rebalance timeout of 30 s
			return context.Cause(ctx)
		})
	})
	<-leading
	joining, stop := context.WithCancel(ctx)
	joined := make(chan error, 1)
	go func() {
		joined <- second.Consume(joining, "g", []string{topic}, func(context.Context, transport.Generation) error {
			return errors.New("joined")
		})
	}()
	<-rebalancing
	stop()
	select {
	case err := <-joined:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Consume = %v, want context.Canceled", err)
		}
	case <-time.After(15 * time.Second):
		t.Error("Consume still waits for the other member")
	}
	cancel()
	close(release)
}

// TestNewPartitions checks that a group takes up partitions that are added to
// its topic, also while they are being assigned.
func TestNewPartitions(t *testing.T) {
	for _, when := range []string{"after the assignment", "between the assignment and its start"} {
		t.Run(when, func(t *testing.T) {
			cluster, o := fake(t)
			ctx, cancel := context.WithCancel(limit(t))
			added := make(chan struct{})
			add := sync.OnceFunc(func() {
				addPartitions(t, o, 3)
				close(added)
			})
			if when != "after the assignment" {
				cluster.ControlKey(int16(kmsg.SyncGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
					cluster.SleepControl(add)
					return nil, nil, false
				})
			}
			assigned := make(chan int, 9)
			done := make(chan error, 1)
			c := open(t, o)
			go func() {
				done <- c.Consume(ctx, "g", []string{topic}, func(ctx context.Context, g transport.Generation) error {
					assigned <- len(g.Assigned())
					<-ctx.Done()
					return context.Cause(ctx)
				})
			}()
			if n := <-assigned; n != 1 {
				t.Errorf("%d partitions are assigned, want 1", n)
			}
			add()
			<-added
			for n := 0; n != 3; {
				select {
				case n = <-assigned:
				case <-ctx.Done():
					t.Fatalf("%d partitions are assigned, want 3", n)
				}
			}
			cancel()
			<-done
		})
	}
}

// addPartitions gives the topic n partitions.
func addPartitions(t *testing.T, o kafka.Options, n int32) {
	tr := &kafkago.Transport{}
	defer tr.CloseIdleConnections()
	admin := &kafkago.Client{Addr: kafkago.TCP(o.Brokers...), Transport: tr}
	res, err := admin.CreatePartitions(limit(t), &kafkago.CreatePartitionsRequest{
		Topics: []kafkago.TopicPartitionsConfig{{Name: topic, Count: n}},
	})
	if err != nil || res.Errors[topic] != nil {
		t.Errorf("adding partitions: %v %v", err, res)
	}
}

func TestSessionTimeoutRefused(t *testing.T) {
	_, o := fake(t)
	o.SessionTimeout = 100 * time.Millisecond
	err := open(t, o).Consume(limit(t), "g", []string{topic}, func(context.Context, transport.Generation) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "group.min.session.timeout.ms") {
		t.Errorf("Consume = %v, which does not say which setting to look at", err)
	}
}

func TestCompactedTopic(t *testing.T) {
	_, o := fake(t)
	testCompactedTopic(t, o)
}

func testCompactedTopic(t *testing.T, o kafka.Options) {
	name := "compacted." + rand.Text()
	tr := &kafkago.Transport{TLS: o.TLS, SASL: mechanism(t, o.SASL)}
	defer tr.CloseIdleConnections()
	admin := &kafkago.Client{Addr: kafkago.TCP(o.Brokers...), Transport: tr}
	res, err := admin.CreateTopics(limit(t), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{
		Topic: name, NumPartitions: 1, ReplicationFactor: 1,
		ConfigEntries: []kafkago.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}, {ConfigName: "retention.bytes", ConfigValue: "1000"}},
	}}})
	if err != nil || res.Errors[name] != nil {
		t.Fatal(err, res.Errors[name])
	}
	err = open(t, o).EnsureTopics(t.Context(), []transport.TopicSpec{{Name: name, Retention: time.Hour}})
	for _, s := range []string{name, "cleanup.policy", "retention.bytes"} {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("EnsureTopics of a compacted topic = %v, which does not say %q", err, s)
		}
	}
}

func mechanism(t *testing.T, s kafka.SASL) sasl.Mechanism {
	algorithm := scram.SHA256
	switch s.Mechanism {
	case "":
		return nil
	case "plain":
		return plain.Mechanism{Username: s.User, Password: s.Password}
	case "scram-sha-512":
		algorithm = scram.SHA512
	}
	m, err := scram.Mechanism(algorithm, s.User, s.Password)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// testWrongPassword checks that credentials fail at the start.
func testWrongPassword(t *testing.T, o kafka.Options) {
	o.SASL.Password = "guess"
	refused(t, o, "a wrong password")
}

// testFutureRecord checks that a record whose time the broker refuses fails
// alone. kfake does not look at the time.
func testFutureRecord(t *testing.T, o kafka.Options) {
	c := open(t, o)
	ensure(t, c)
	before := len(stored(t, c))
	recs := records("a", "from the future", "b")
	recs[1].Time = time.Now().Add(1000 * time.Hour)
	err := c.Publish(t.Context(), recs)
	var partial *transport.PartialError
	if !errors.Is(err, transport.ErrRejected) || !errors.As(err, &partial) || !slices.Equal(partial.Failed, []int{1}) {
		t.Errorf("Publish = %v, want ErrRejected for index 1", err)
	}
	if n := len(stored(t, c)) - before; n != 2 {
		t.Errorf("%d records were written, want 2", n)
	}
}
