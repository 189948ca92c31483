package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// meanings maps Kafka's error codes to the contract's errors. What is not
// listed is ErrUnavailable: most of Kafka's errors pass, and a record must not
// be parked for one that is only unknown here.
var meanings = map[kafka.Error]error{
	kafka.TopicAuthorizationFailed:           transport.ErrAuth,
	kafka.GroupAuthorizationFailed:           transport.ErrAuth,
	kafka.ClusterAuthorizationFailed:         transport.ErrAuth,
	kafka.TransactionalIDAuthorizationFailed: transport.ErrAuth,
	kafka.SASLAuthenticationFailed:           transport.ErrAuth,
	kafka.UnsupportedSASLMechanism:           transport.ErrAuth,
	kafka.IllegalSASLState:                   transport.ErrAuth,
	kafka.SecurityDisabled:                   transport.ErrAuth,

	kafka.UnknownTopicOrPartition: transport.ErrUnknownTopic,
	kafka.InvalidTopic:            transport.ErrUnknownTopic,

	kafka.MessageSizeTooLarge: transport.ErrTooLarge,
	kafka.RecordListTooLarge:  transport.ErrTooLarge,

	kafka.InvalidRecord:    transport.ErrRejected,
	kafka.InvalidTimestamp: transport.ErrRejected,

	kafka.InvalidPartitionNumber:   transport.ErrRejected,
	kafka.InvalidReplicationFactor: transport.ErrRejected,
	kafka.InvalidConfiguration:     transport.ErrRejected,
	kafka.PolicyViolation:          transport.ErrRejected,

	kafka.IllegalGeneration:   transport.ErrFenced,
	kafka.UnknownMemberId:     transport.ErrFenced,
	kafka.RebalanceInProgress: transport.ErrFenced,
	kafka.FencedInstanceID:    transport.ErrFenced,

	kafka.OffsetOutOfRange: transport.ErrOffsetOutOfRange,
}

// explain joins err with the contract's error it stands for. A context that
// ended is reported as such, except when it was this client that closed.
func (c *Client) explain(ctx context.Context, err error) error {
	if c.ctx.Err() != nil {
		return transport.ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if m := meaning(err); !errors.Is(err, m) {
		return fmt.Errorf("%w: %w", m, err)
	}
	return err
}

func meaning(err error) error {
	for _, known := range []error{transport.ErrUnavailable, transport.ErrUnknownTopic, transport.ErrAuth} {
		if errors.Is(err, known) {
			return known
		}
	}
	var code kafka.Error
	if errors.As(err, &code) {
		if m, ok := meanings[code]; ok {
			return m
		}
		return transport.ErrUnavailable
	}
	var (
		refused *tls.CertificateVerificationError // we do not trust the broker
		alert   *net.OpError                      // or the broker does not trust us
	)
	if errors.As(err, &refused) || errors.As(err, &alert) && alert.Op == "remote error" {
		return transport.ErrAuth
	}
	return transport.ErrUnavailable
}

// unplaced is err, an error of s, or what is behind it. kafka-go says that it
// knows no such topic, or no such broker, also when it could not reach the
// cluster at all.
func unplaced(ctx context.Context, s *session, err error) error {
	noTopic := errors.Is(err, protocol.ErrNoTopic) || errors.Is(err, protocol.ErrNoPartition)
	if !noTopic && !errors.Is(err, kafka.BrokerNotAvailable) {
		return err
	}
	if _, unreachable := s.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}}); unreachable != nil {
		return unreachable
	}
	if noTopic {
		return fmt.Errorf("%w: %w", kafka.UnknownTopicOrPartition, err)
	}
	return err
}
