// Package kafkatest finds the real Kafka that tests may use.
package kafkatest

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/transport/kafka"
)

// Options returns how to reach the Kafka that PAYOFF_TEST_KAFKA and its
// companions name (see scripts/test-kafka.sh), with timeouts for tests. It
// skips the test if none is named.
func Options(t testing.TB) kafka.Options {
	t.Helper()
	brokers := os.Getenv("PAYOFF_TEST_KAFKA")
	if brokers == "" {
		t.Skip("SKIP: set PAYOFF_TEST_KAFKA, or run make test-kafka")
	}
	o := kafka.Options{
		Brokers:        strings.Split(brokers, ","),
		SessionTimeout: 2 * time.Second,
		PublishTimeout: 4 * time.Second,
		RequestTimeout: 5 * time.Second,
	}
	if file := os.Getenv("PAYOFF_TEST_KAFKA_CA"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			t.Fatalf("%s holds no certificate", file)
		}
		o.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	if mechanism := os.Getenv("PAYOFF_TEST_KAFKA_SASL"); mechanism != "" {
		o.SASL = kafka.SASL{
			Mechanism: mechanism,
			User:      os.Getenv("PAYOFF_TEST_KAFKA_USER"),
			Password:  os.Getenv("PAYOFF_TEST_KAFKA_PASSWORD"),
		}
	}
	return o
}
