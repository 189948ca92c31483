// Package transport is the contract of the log between ingest and rollup:
// what it keeps, in which order, and what every error asks of the caller.
//
//	ingest --Publish--> log --Consume, Fetch--> rollup --Commit--> log
//
// A log has topics, a topic has partitions, and a partition is a sequence of
// records numbered by their offset. Records with one key share a partition and
// keep their order. The log delivers at least once: a reader that counts
// exactly once keeps positions beside what it stores, and the log's own
// committed offsets only make its start quicker.
//
// An engine lives in a folder of its own beneath this one and passes the suite
// in package transporttest.
package transport

import (
	"context"
	"time"
)

// A Header is a named value that travels beside a record's value. Names may
// repeat and their order is kept.
type Header struct {
	Key   string
	Value []byte
}

// A Record is one entry of the log.
type Record struct {
	Topic string

	// Partition and Offset are where the record stands. They are set on what
	// is read and ignored on what is published: the key chooses the
	// partition, the log the offset.
	Partition int
	Offset    int64

	// Key chooses the partition, by the hash Kafka's own clients use. Records
	// with a nil key go to any partition.
	Key   []byte
	Value []byte

	Headers []Header

	// Time is when the record was published, to the millisecond; zero means
	// now. Retention counts from it, so the time at which something happened
	// in the world does not belong here: an import of old events would be
	// deleted at once.
	Time time.Time
}

// A TopicPartition names one partition.
type TopicPartition struct {
	Topic     string
	Partition int
}

// Offsets are the bounds of a partition: records from First up to, but not
// including, Next can be read. Next is the offset of the record to be written
// next.
type Offsets struct {
	Partition   int
	First, Next int64
}

// A TopicSpec says how a topic must be. Its records are always deleted by age
// and never compacted.
type TopicSpec struct {
	Name string

	// Partitions is the number of partitions of a topic to be created; zero
	// leaves it to the broker. An existing topic may have another number,
	// unless 1 is asked for: that asks for one order over all records, or for
	// one owner, and any other number is an error.
	Partitions int

	// Retention is how long a record is kept at least; zero leaves it to the
	// broker, a negative one means for ever.
	Retention time.Duration

	// MaxRecordBytes is the size of the largest record the topic must take,
	// headers included; zero leaves it to the broker.
	MaxRecordBytes int

	// Replicas is the number of copies of a topic to be created, and
	// MinInSync how many of them must have a record before Publish returns;
	// zero leaves either to the broker.
	Replicas  int
	MinInSync int
}

// A Publisher appends to the log.
type Publisher interface {
	// Publish appends recs and returns nil only once every in-sync replica
	// has every one of them. Records with one key are appended in the order
	// of recs, and after those of every call that returned before this one
	// began.
	//
	// It retries on its own for a short while without writing a record twice,
	// unless the broker is killed and forgets what it has. When it gives up it returns a *PartialError with the
	// indices of the records that are not known to be written; a record is
	// never written after an earlier one of its partition failed for want of
	// the broker. Publishing those again is the caller's decision and may
	// write some of them twice.
	//
	// Publish keeps nothing of recs after it returns, and may be called by
	// many goroutines at once: calls that meet share their requests. When ctx
	// ends it returns early, with a PartialError like any other.
	Publish(ctx context.Context, recs []Record) error
}

// A Consumer reads the log.
type Consumer interface {
	// Consume takes part in the group that shares out the partitions of
	// topics, and calls handle with every generation of the group this member
	// belongs to, one at a time. The context of handle ends, with cause
	// ErrFenced, when the generation does (a member came or went, or this one
	// lost touch with the broker); handle must then return without delay, for
	// the group waits for it. A member without partitions is called too.
	//
	// Consume returns nil when handle returns nil before its generation
	// ended, and any error of handle except those by which a generation ends
	// (ErrFenced and the end of its context); after these it joins again. It
	// joins again for as long as the broker cannot be reached. It returns
	// ctx.Err() when ctx ends, having left the group, and ErrAuth or
	// ErrUnknownTopic as soon as it meets them.
	Consume(ctx context.Context, group string, topics []string, handle func(ctx context.Context, g Generation) error) error

	// Read calls fn with the records from offset from up to, but not
	// including, to, in order, batch by batch, and outside any group. It
	// returns nil once it has passed to, fn's error as it is, and
	// ErrOffsetOutOfRange if the log does not reach that far or no longer
	// begins that early. It does not retry: on ErrUnavailable the caller goes
	// on from the last offset it was given. fn may keep the records.
	Read(ctx context.Context, topic string, partition int, from, to int64, fn func([]Record) error) error
}

// An Admin prepares topics and looks at them.
type Admin interface {
	// EnsureTopics creates the topics that are missing and returns once they
	// can be used. One that exists and would lose records that its spec wants
	// kept (compacted, or kept for a shorter time or fewer bytes) or would
	// refuse some is an error that says what to change; nothing that exists
	// is altered. It may be called again, and by several processes at once.
	EnsureTopics(ctx context.Context, specs []TopicSpec) error

	// Offsets returns the bounds of every partition of topic, by partition.
	// Asked, not remembered: they are those of the moment.
	Offsets(ctx context.Context, topic string) ([]Offsets, error)

	// ID returns the identity of the log, which differs if its data was
	// replaced by another's or deleted. Asked, not remembered.
	ID(ctx context.Context) (string, error)
}

// A Client is a connection to the log. All its methods may be called by many
// goroutines at once.
type Client interface {
	Publisher
	Consumer
	Admin

	// Close ends what is under way with ErrClosed and releases everything.
	// Closing again does nothing.
	Close() error
}

// An Assignment is a partition that a generation gives to a member.
type Assignment struct {
	TopicPartition

	// Committed is the offset from which the group goes on, -1 if it has
	// committed none.
	Committed int64
}

// A Generation is a member's share of a group until the next rebalance. Its
// methods may be called by many goroutines at once.
type Generation interface {
	// ID is the number of the generation, and MemberID this member's name in
	// it.
	ID() int32
	MemberID() string

	// Assigned returns the member's partitions, by topic and partition.
	Assigned() []Assignment

	// Fetch returns a reader of tp from offset from, which must be one of the
	// log's, not -1. It reads ahead from the call on, by one batch, until ctx
	// ends or it is closed.
	Fetch(ctx context.Context, tp TopicPartition, from int64) Fetcher

	// Commit records where the group goes on: for each partition the offset
	// of the next record to be read. It returns ErrFenced, and records
	// nothing, if the generation is no longer the group's; the caller then
	// stops working on its partitions.
	Commit(ctx context.Context, next map[TopicPartition]int64) error
}

// A Fetcher reads one partition. It is for one goroutine.
type Fetcher interface {
	// Next waits for records and returns them as they arrive, at least one.
	// The caller may keep them; those of a batch share memory.
	//
	// After an error the fetcher stands where it stood: ErrUnavailable and
	// ErrUnknownTopic are tried again on their own, each pause longer than the
	// last, and reported once a try, so the caller counts them and calls Next
	// again. ErrOffsetOutOfRange (as *OffsetError) does not pass by waiting.
	// The end of ctx loses no record: another Next returns it.
	Next(ctx context.Context) ([]Record, error)

	// End returns the offset of the record to be written next as the last
	// answer of the broker gave it, or -1 before there was one. End minus the
	// offset after the last record read is the lag.
	End() int64

	// Close stops reading.
	Close() error
}
