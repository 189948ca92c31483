// Package kafka is the transport over Apache Kafka and what speaks its
// protocol, the embedded broker among them. kafka-go is the only client.
//
// kafka-go's Writer and Reader are not used: the one waits for batches, cannot
// be idempotent and retries out of order; the other, in a group, can set the
// group's offset back without an error, and may fall silent after a broker's
// restart. This package stands on kafka-go's Client (Produce, Fetch,
// OffsetCommit: one request, one answer, one deadline) and ConsumerGroup.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// DialFunc opens a connection to a broker at the address it advertises.
type DialFunc func(ctx context.Context, network, address string) (net.Conn, error)

// Options say which cluster, as whom, and how patiently. The zero value of
// every field but Brokers is a good one.
type Options struct {
	Brokers  []string // addresses to begin with, host:port
	TLS      *tls.Config
	SASL     SASL
	ClientID string // named in the broker's logs and quotas; "payoff" if empty

	// Compression of what is published: none, gzip, snappy, lz4 or zstd;
	// snappy if empty.
	Compression string

	// Dial replaces the network's own way to connect, for unix sockets and
	// networks inside the process. TLS and SASL run on top of it.
	Dial DialFunc

	// BatchBytes is how many bytes of records, before compression, go into
	// one request for one partition: 900 kB if zero, which fits into the 1 MB
	// that brokers take by default. A larger record goes alone.
	BatchBytes int

	// FetchBytes is how much a fetch asks of one partition, compressed: 2 MiB
	// if zero. A reader holds at most two answers of that size, and what they
	// grow to.
	FetchBytes int

	// RequestTimeout is how long any answer may take before the connection
	// is given up: 10 s if zero.
	RequestTimeout time.Duration

	// PublishTimeout is how long Publish retries before it returns
	// ErrUnavailable: 10 s if zero.
	PublishTimeout time.Duration

	// FetchWait is how long a broker may hold a fetch that has nothing to
	// return: 1 s if zero. New records end the wait.
	FetchWait time.Duration

	// SessionTimeout is how long a group waits for a member that has fallen
	// silent: 10 s if zero. Kafka refuses less than 6 s unless its
	// group.min.session.timeout.ms allows it. A fifth of it, but at most 3 s,
	// is how soon a member learns of a rebalance.
	SessionTimeout time.Duration

	// RebalanceTimeout is how long a group waits for a member's handle to
	// return: 30 s if zero.
	RebalanceTimeout time.Duration

	Logger *slog.Logger     // nothing is logged if nil
	Now    func() time.Time // time.Now if nil; stamps records without a time
}

// SASL says who we are. Without a mechanism nobody is asked.
type SASL struct {
	Mechanism string // plain, scram-sha-256 or scram-sha-512
	User      string
	Password  string
}

// Client is a transport.Client. Open makes one.
type Client struct {
	o        Options
	sasl     sasl.Mechanism
	codec    compress.Compression
	ctx      context.Context // ends at Close
	close    context.CancelCauseFunc
	balancer kafka.Murmur2Balancer
	turn     atomic.Uint32 // counts calls of Publish

	mu      sync.Mutex
	current *session
	lanes   map[transport.TopicPartition]*lane
}

var _ transport.Client = (*Client)(nil)

// Open checks o, all of it at once, and knocks on the cluster's door. Wrong
// credentials or certificates fail here, with ErrAuth, so that they are seen at
// the start. A cluster that does not answer is no error: it may come later, and
// every method says ErrUnavailable until it does. ctx bounds the knock only.
func Open(ctx context.Context, o Options) (*Client, error) {
	c := &Client{o: o.withDefaults(), lanes: map[transport.TopicPartition]*lane{}}
	if err := c.configure(); err != nil {
		return nil, err
	}
	c.ctx, c.close = context.WithCancelCause(context.Background())
	c.current = c.connect()
	if _, err := c.ID(ctx); errors.Is(err, transport.ErrAuth) {
		c.Close()
		return nil, fmt.Errorf("opening %s: %w", strings.Join(o.Brokers, ","), err)
	}
	return c, nil
}

func (o Options) withDefaults() Options {
	setDefault(&o.ClientID, "payoff")
	setDefault(&o.Compression, "snappy")
	setDefault(&o.BatchBytes, 900_000)
	setDefault(&o.FetchBytes, 2<<20)
	setDefault(&o.RequestTimeout, 10*time.Second)
	setDefault(&o.PublishTimeout, 10*time.Second)
	setDefault(&o.FetchWait, time.Second)
	setDefault(&o.SessionTimeout, 10*time.Second)
	setDefault(&o.RebalanceTimeout, 30*time.Second)
	if o.Dial == nil {
		o.Dial = (&net.Dialer{KeepAlive: 15 * time.Second}).DialContext
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// configure turns names into what they stand for and reports all that is wrong.
func (c *Client) configure() error {
	var errs []error
	if len(c.o.Brokers) == 0 {
		errs = append(errs, errors.New("no address of a Kafka broker is given"))
	}
	for _, b := range c.o.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			errs = append(errs, fmt.Errorf("the Kafka broker %q is not host:port: %w", b, err))
		}
	}
	if err := c.codec.UnmarshalText([]byte(c.o.Compression)); err != nil {
		errs = append(errs, fmt.Errorf("the Kafka compression %q is none of none, gzip, snappy, lz4, zstd", c.o.Compression))
	}
	var err error
	if c.sasl, err = c.o.SASL.mechanism(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s SASL) mechanism() (sasl.Mechanism, error) {
	if s.Mechanism != "" && s.User == "" {
		return nil, fmt.Errorf("the Kafka SASL mechanism %q needs a user", s.Mechanism)
	}
	switch s.Mechanism {
	case "":
		if s.User != "" {
			return nil, errors.New("a Kafka user is given without a SASL mechanism: plain, scram-sha-256 or scram-sha-512")
		}
		return nil, nil
	case "plain":
		return plain.Mechanism{Username: s.User, Password: s.Password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, s.User, s.Password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, s.User, s.Password)
	}
	return nil, fmt.Errorf("the Kafka SASL mechanism %q is none of plain, scram-sha-256, scram-sha-512", s.Mechanism)
}

// Close implements transport.Client.
func (c *Client) Close() error {
	c.close(transport.ErrClosed)
	c.forget(nil)
	return nil
}

// ID returns the cluster's id. It asks over a connection of its own, because
// kafka-go answers questions about the cluster from memory.
func (c *Client) ID(ctx context.Context) (string, error) {
	if c.ctx.Err() != nil {
		return "", transport.ErrClosed
	}
	s := c.connect()
	defer s.transport.CloseIdleConnections()
	m, err := s.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}})
	if err != nil {
		return "", fmt.Errorf("asking %s for the cluster's id: %w", c.brokers(), c.explain(ctx, err))
	}
	return m.ClusterID, nil
}

func (c *Client) brokers() string { return strings.Join(c.o.Brokers, ",") }
