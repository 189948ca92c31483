package instance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/payoff-metrics/payoff/pkg/config"
	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/store"
	"github.com/payoff-metrics/payoff/pkg/transport/broker"
	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

// This file is the one switch between the embedded engines and real ones: an
// address in the configuration decides.

// openStore connects to the configured ClickHouse, or starts the embedded one.
func (i *Instance) openStore(ctx context.Context) error {
	c := i.o.Config.ClickHouse
	if c.Address != "" {
		i.info.ClickHouse = c.Address
		var err error
		if i.Store, err = i.connect(ctx); err != nil {
			return fmt.Errorf("%w; clickhouse.address in the configuration names %s", err, c.Address)
		}
		i.stack.Push("store", func(context.Context) error { return i.Store.Close() })
		return nil
	}
	listen := ""
	if i.o.Listen {
		listen = c.Listen
	}
	e, err := engine.Start(ctx, engine.Options{
		Dir: filepath.Join(i.o.Dir, "engine"), Listen: listen, PayoffPassword: i.info.Password, ReaderPassword: i.info.ReaderPassword,
		AllowedHosts: i.o.Config.Ingest.AllowedHosts, MemoryLimit: uint64(c.Memory), Logger: i.o.Logger.With("part", "engine"),
	})
	if err != nil {
		return taken(err, "--clickhouse-listen", "clickhouse.listen")
	}
	i.stack.Push("engine", e.Stop)
	i.Engine, i.info.ClickHouse = e, e.Addr()
	if i.Store, err = store.Open(ctx, store.Options{DialContext: e.DialContext, User: engine.OwnerUser, Password: i.info.Password}); err != nil {
		return err
	}
	i.stack.Push("store", func(context.Context) error { return i.Store.Close() })
	return nil
}

// connect opens the configured ClickHouse.
func (i *Instance) connect(ctx context.Context) (*store.Store, error) {
	c := i.o.Config.ClickHouse
	tlsConfig, err := tlsOf(c.TLS)
	if err != nil {
		return nil, fmt.Errorf("clickhouse.tls: %w", err)
	}
	password, err := c.Password.Read()
	if err != nil {
		return nil, fmt.Errorf("clickhouse.password: %w", err)
	}
	return store.Open(ctx, store.Options{Address: c.Address, User: c.User, Password: string(password), TLS: tlsConfig})
}

// openTransport connects to the configured Kafka, or starts the embedded broker.
func (i *Instance) openTransport(ctx context.Context) error {
	k := i.o.Config.Kafka
	opts := kafka.Options{Brokers: k.Brokers, ClientID: "payoff"}
	if len(k.Brokers) == 0 {
		listen := ""
		if i.o.Listen {
			listen = k.Listen
		}
		b, err := broker.Start(broker.Options{Dir: filepath.Join(i.o.Dir, "kafka"), Listen: listen, Logger: i.o.Logger.With("part", "broker")})
		if err != nil {
			return taken(err, "--kafka-listen", "kafka.listen")
		}
		i.stack.Push("broker", func(context.Context) error { return b.Close() })
		i.watchBroker(b)
		i.Broker, i.info.Kafka = b, b.Addr()
		opts.Brokers, opts.Dial = []string{b.Addr()}, b.Dial
	} else {
		if err := secure(&opts, k); err != nil {
			return err
		}
		i.info.Kafka = k.Brokers[0]
	}
	c, err := kafka.Open(ctx, opts)
	if err != nil {
		return fmt.Errorf("opening Kafka: %w", err)
	}
	i.Transport = c
	i.stack.Push("transport", func(context.Context) error { return c.Close() })
	return nil
}

// taken adds to the error of a taken address how another is chosen.
func taken(err error, flag, key string) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; %s or %s in the configuration chooses another", err, flag, key)
	}
	return err
}

func secure(opts *kafka.Options, k config.Kafka) error {
	var err error
	if opts.TLS, err = tlsOf(k.TLS); err != nil {
		return fmt.Errorf("kafka.tls: %w", err)
	}
	if k.SASL.Mechanism == "" {
		return nil
	}
	password, err := k.SASL.Password.Read()
	if err != nil {
		return fmt.Errorf("kafka.sasl.password: %w", err)
	}
	opts.SASL = kafka.SASL{Mechanism: k.SASL.Mechanism, User: k.SASL.User, Password: string(password)}
	return nil
}

// tlsOf makes the client's TLS configuration; nil when TLS is not enabled.
func tlsOf(t config.TLS) (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.CA != "" {
		b, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("reading the certificate authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(b) {
			return nil, errors.New(t.CA + " holds no PEM certificate")
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
