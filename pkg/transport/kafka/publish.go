package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

// maxRecordBytes is the size above which a record is not even sent. Brokers cut
// the connection at 100 MiB a request (socket.request.max.bytes), which would
// look like an outage and be retried for ever.
const maxRecordBytes = 64 << 20

// Publish implements transport.Publisher. Every partition has a lane with at
// most one request in flight; while that is under way, the records of other
// calls gather behind it and leave together. So batches grow with the load and
// nothing ever waits for a timer.
func (c *Client) Publish(ctx context.Context, recs []transport.Record) error {
	if len(recs) == 0 {
		return nil
	}
	failed := map[int]error{}
	var parcels []*parcel
	for topic, indices := range byTopic(recs) {
		ps, err := c.patientPartitions(ctx, topic)
		if err != nil {
			for _, i := range indices {
				failed[i] = err
			}
			continue
		}
		parcels = append(parcels, c.parcels(ctx, recs, indices, topic, ps)...)
	}
	for _, p := range parcels {
		p.lane.submit(p)
	}
	for _, p := range parcels {
		p.lane.await(p)
		for i, err := range p.failed {
			failed[i] = err
		}
	}
	return partialError(failed, len(recs))
}

// patientPartitions is partitions with the patience of Publish.
func (c *Client) patientPartitions(ctx context.Context, topic string) ([]int, error) {
	patience, cancel := context.WithTimeout(ctx, c.o.PublishTimeout)
	defer cancel()
	var pause backoff
	for {
		ps, err := c.partitions(ctx, topic)
		if !errors.Is(err, transport.ErrUnavailable) || !pause.wait(patience) {
			return ps, err
		}
	}
}

func byTopic(recs []transport.Record) map[string][]int {
	topics := make(map[string][]int, 1)
	for i := range recs {
		topics[recs[i].Topic] = append(topics[recs[i].Topic], i)
	}
	return topics
}

// parcels makes one parcel for each partition that any of the records goes to.
func (c *Client) parcels(ctx context.Context, recs []transport.Record, indices []int, topic string, partitions []int) []*parcel {
	// Records without a key go to the partitions in turn, but all of one call
	// to the same, so that they still make large batches.
	keyless := partitions[int(c.turn.Add(1))%len(partitions)]
	byPartition := map[int]*parcel{}
	for _, i := range indices {
		partition := keyless
		if recs[i].Key != nil {
			partition = c.balancer.Balance(kafka.Message{Key: recs[i].Key}, partitions...)
		}
		p := byPartition[partition]
		if p == nil {
			p = &parcel{
				ctx:    ctx,
				lane:   c.lane(transport.TopicPartition{Topic: topic, Partition: partition}),
				done:   make(chan struct{}),
				failed: map[int]error{},
			}
			byPartition[partition] = p
		}
		p.recs = append(p.recs, &recs[i])
		p.indices = append(p.indices, i)
	}
	return slices.Collect(maps.Values(byPartition))
}

func (c *Client) lane(tp transport.TopicPartition) *lane {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[tp]
	if l == nil {
		l = &lane{c: c, tp: tp}
		c.lanes[tp] = l
	}
	return l
}

func partialError(failed map[int]error, total int) error {
	if len(failed) == 0 {
		return nil
	}
	e := &transport.PartialError{Total: total}
	for i := range failed {
		e.Failed = append(e.Failed, i)
	}
	slices.Sort(e.Failed)
	for _, i := range e.Failed {
		e.Causes = append(e.Causes, failed[i])
	}
	return e
}

// send writes an encoded batch of a lane and returns what the broker says.
func (c *Client) send(ctx context.Context, tp transport.TopicPartition, batch []byte) error {
	return c.do(ctx, func(ctx context.Context, s *session) error {
		res, err := s.RawProduce(ctx, &kafka.RawProduceRequest{
			Topic:        tp.Topic,
			Partition:    tp.Partition,
			RequiredAcks: kafka.RequireAll,
			RawRecords:   protocol.RawRecordSet{Reader: bytes.NewReader(batch)},
		})
		if err != nil {
			return err
		}
		return res.Error
	})
}

// newProducer asks the cluster for an identity nobody had before.
func (c *Client) newProducer(ctx context.Context) (p producer, err error) {
	err = c.do(ctx, func(ctx context.Context, s *session) error {
		res, err := s.InitProducerID(ctx, &kafka.InitProducerIDRequest{})
		if err != nil {
			return err
		}
		if res.Error != nil {
			return res.Error
		}
		p = producer{id: int64(res.Producer.ProducerID), epoch: int16(res.Producer.ProducerEpoch)}
		return nil
	})
	if errors.Is(err, transport.ErrAuth) {
		err = fmt.Errorf("%w (publishing without repeats needs the right to write to the topic or, before Kafka 3.0, IdempotentWrite on the cluster)", err)
	}
	return p, err
}
