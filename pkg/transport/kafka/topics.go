package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// partitions returns the numbers of topic's partitions. kafka-go answers from
// memory; a topic it does not know is asked for once more over new connections,
// since it may have been created a moment ago.
func (c *Client) partitions(ctx context.Context, topic string) ([]int, error) {
	ps, err := c.knownPartitions(ctx, topic)
	if errors.Is(err, transport.ErrUnknownTopic) {
		ps, err = c.knownPartitions(ctx, topic)
	}
	if err != nil {
		return nil, fmt.Errorf("looking up topic %s: %w", topic, err)
	}
	return ps, nil
}

func (c *Client) knownPartitions(ctx context.Context, topic string) (ps []int, err error) {
	err = c.do(ctx, func(ctx context.Context, s *session) error {
		m, err := s.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
		if err != nil {
			return err
		}
		if err := m.Topics[0].Error; err != nil {
			return err
		}
		ps = make([]int, len(m.Topics[0].Partitions))
		for i, p := range m.Topics[0].Partitions {
			ps[i] = p.ID
		}
		if len(ps) == 0 {
			return kafka.LeaderNotAvailable
		}
		return nil
	})
	return ps, err
}

// Offsets implements transport.Admin.
func (c *Client) Offsets(ctx context.Context, topic string) ([]transport.Offsets, error) {
	ps, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	os, err := c.offsets(ctx, topic, ps...)
	if err != nil {
		return nil, fmt.Errorf("asking for the offsets of %s: %w", topic, err)
	}
	return os, nil
}

func (c *Client) offsets(ctx context.Context, topic string, partitions ...int) (os []transport.Offsets, err error) {
	var ask []kafka.OffsetRequest
	for _, p := range partitions {
		ask = append(ask, kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p))
	}
	err = c.do(ctx, func(ctx context.Context, s *session) error {
		res, err := s.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ask}})
		if err != nil {
			return err
		}
		os = os[:0]
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
			os = append(os, transport.Offsets{Partition: p.Partition, First: p.FirstOffset, Next: p.LastOffset})
		}
		return nil
	})
	slices.SortFunc(os, func(a, b transport.Offsets) int { return cmp.Compare(a.Partition, b.Partition) })
	return os, err
}

// EnsureTopics implements transport.Admin. What exists is not asked to be
// created, so that an account without the right to create topics will do where
// an operator made them.
func (c *Client) EnsureTopics(ctx context.Context, specs []transport.TopicSpec) error {
	var missing, existing []transport.TopicSpec
	for _, spec := range specs {
		switch _, err := c.partitions(ctx, spec.Name); {
		case err == nil:
			existing = append(existing, spec)
		case errors.Is(err, transport.ErrUnknownTopic):
			missing = append(missing, spec)
		default:
			return err
		}
	}
	beaten, err := c.createTopics(ctx, missing)
	if err != nil {
		return fmt.Errorf("creating %d topics: %w", len(missing), err)
	}
	if err := c.awaitTopics(ctx, missing); err != nil {
		return err
	}
	var wrong []error
	for _, spec := range append(existing, beaten...) {
		if err := c.checkTopic(ctx, spec); err != nil {
			wrong = append(wrong, err)
		}
	}
	return errors.Join(wrong...)
}

// createTopics returns those that another process created first.
func (c *Client) createTopics(ctx context.Context, specs []transport.TopicSpec) (beaten []transport.TopicSpec, err error) {
	if len(specs) == 0 {
		return nil, nil
	}
	req := &kafka.CreateTopicsRequest{}
	for _, spec := range specs {
		req.Topics = append(req.Topics, topicConfig(spec))
	}
	err = c.do(ctx, func(ctx context.Context, s *session) error {
		beaten = nil
		res, err := s.CreateTopics(ctx, req)
		if err != nil {
			return err
		}
		for _, spec := range specs {
			switch err := res.Errors[spec.Name]; {
			case errors.Is(err, kafka.TopicAlreadyExists):
				beaten = append(beaten, spec)
			case err != nil:
				return fmt.Errorf("topic %s: %w", spec.Name, err)
			}
		}
		return nil
	})
	return beaten, err
}

// awaitTopics waits for every partition to have a leader: Kafka answers the
// creation before all brokers know of it.
func (c *Client) awaitTopics(ctx context.Context, specs []transport.TopicSpec) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.RequestTimeout)
	defer cancel()
	var pause backoff
	for _, spec := range specs {
		for {
			_, err := c.Offsets(ctx, spec.Name)
			if err == nil {
				break
			}
			if !passing(err) || !pause.wait(ctx) {
				return fmt.Errorf("waiting for the new topic %s: %w", spec.Name, err)
			}
		}
	}
	return nil
}

// messageBytes is Kafka's max.message.bytes for records of n bytes: it limits
// the batch, after a compression that may have failed to make it smaller.
func messageBytes(n int) int { return n + n/64 + 1024 }

func topicConfig(spec transport.TopicSpec) kafka.TopicConfig {
	t := kafka.TopicConfig{Topic: spec.Name, NumPartitions: -1, ReplicationFactor: -1}
	if spec.Partitions > 0 {
		t.NumPartitions = spec.Partitions
	}
	if spec.Replicas > 0 {
		t.ReplicationFactor = spec.Replicas
	}
	set := func(name string, value int64) {
		t.ConfigEntries = append(t.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: strconv.FormatInt(value, 10)})
	}
	t.ConfigEntries = append(t.ConfigEntries, kafka.ConfigEntry{ConfigName: "cleanup.policy", ConfigValue: "delete"})
	if spec.Retention != 0 {
		set("retention.ms", retentionMillis(spec))
		// A broker-wide limit by size must not shorten the time that was asked for.
		set("retention.bytes", -1)
	}
	if spec.MaxRecordBytes > 0 {
		set("max.message.bytes", int64(messageBytes(spec.MaxRecordBytes)))
	}
	if spec.MinInSync > 0 {
		set("min.insync.replicas", int64(spec.MinInSync))
	}
	return t
}

// retentionMillis is Retention as Kafka writes it, -1 for ever.
func retentionMillis(spec transport.TopicSpec) int64 {
	if spec.Retention < 0 {
		return -1
	}
	return spec.Retention.Milliseconds()
}

// checkTopic reports, in one error, all that would lose or refuse records.
func (c *Client) checkTopic(ctx context.Context, spec transport.TopicSpec) error {
	ps, err := c.partitions(ctx, spec.Name)
	if err != nil {
		return err
	}
	conf, err := c.topicSettings(ctx, spec.Name)
	if err != nil {
		return fmt.Errorf("reading the settings of topic %s, which needs the right DescribeConfigs: %w", spec.Name, err)
	}
	var wrong []string
	if spec.Partitions == 1 && len(ps) != 1 {
		wrong = append(wrong, fmt.Sprintf("it has %d partitions and must have exactly 1: delete it, it will be created again", len(ps)))
	}
	if strings.Contains(conf["cleanup.policy"], "compact") {
		wrong = append(wrong, "cleanup.policy is "+conf["cleanup.policy"]+", which drops records that share a key: set it to delete")
	}
	wrong = append(wrong, checkRetention(spec, conf)...)
	if have, ok := number(conf["max.message.bytes"]); ok && have < int64(spec.MaxRecordBytes) {
		wrong = append(wrong, fmt.Sprintf("max.message.bytes is %d: set it to at least %d", have, messageBytes(spec.MaxRecordBytes)))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the Kafka topic %s cannot be used as it is: %s", spec.Name, strings.Join(wrong, "; "))
	}
	return nil
}

func checkRetention(spec transport.TopicSpec, conf map[string]string) (wrong []string) {
	if spec.Retention == 0 {
		return nil
	}
	want := retentionMillis(spec)
	have, ok := number(conf["retention.ms"])
	if ok && have >= 0 && (want < 0 || have < want) {
		wrong = append(wrong, fmt.Sprintf("it keeps records for %v only: set retention.ms to %s",
			time.Duration(have)*time.Millisecond, atLeast(want)))
	}
	if size, ok := number(conf["retention.bytes"]); ok && size >= 0 {
		wrong = append(wrong, fmt.Sprintf("retention.bytes is %d, which may delete records sooner than retention.ms: set it to -1", size))
	}
	return wrong
}

func atLeast(millis int64) string {
	if millis < 0 {
		return "-1, for ever"
	}
	return fmt.Sprintf("at least %d", millis)
}

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

func (c *Client) topicSettings(ctx context.Context, topic string) (conf map[string]string, err error) {
	err = c.do(ctx, func(ctx context.Context, s *session) error {
		res, err := s.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{
			Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: topic}},
		})
		if err != nil {
			return err
		}
		conf = map[string]string{}
		for _, r := range res.Resources {
			if r.Error != nil {
				return r.Error
			}
			for _, e := range r.ConfigEntries {
				conf[e.ConfigName] = e.ConfigValue
			}
		}
		return nil
	})
	return conf, err
}
