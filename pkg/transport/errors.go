package transport

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// What errors mean. Callers ask with errors.Is, never by the text.
var (
	// ErrUnavailable: the log cannot be reached or cannot write just now.
	// Try again, for ever, and raise an alarm.
	ErrUnavailable = errors.New("the log is unavailable")

	// ErrAuth: the log refuses who we are or what we ask, or we refuse its
	// certificate. Someone must change a setting; raise an alarm.
	ErrAuth = errors.New("access refused")

	// ErrUnknownTopic: the topic does not exist. Call EnsureTopics.
	ErrUnknownTopic = errors.New("unknown topic")

	// ErrTooLarge: the record is larger than the topic takes. It will never
	// be accepted: park it.
	ErrTooLarge = errors.New("record too large")

	// ErrRejected: the log refuses the record for what it holds, such as a
	// time too far in the future, or the topic for what it asks. It will never
	// be accepted: park the record, change the topic's spec.
	ErrRejected = errors.New("rejected by the log")

	// ErrFenced: the group went on without this member. Drop what was not
	// committed and return; another member has it, or will.
	ErrFenced = errors.New("the group's generation is over")

	// ErrOffsetOutOfRange: the log does not hold this offset, see
	// OffsetError. Records were deleted before they were read, or this is
	// another log: stop and tell.
	ErrOffsetOutOfRange = errors.New("offset out of range")

	// ErrClosed: the client was closed.
	ErrClosed = errors.New("the client is closed")
)

// A PartialError says which records of a Publish are not known to be written.
// All others are.
type PartialError struct {
	// Failed are the indices into the published slice, ascending.
	Failed []int

	// Causes are the reasons, Causes[i] that of Failed[i].
	Causes []error

	// Total is the number of records published.
	Total int
}

// Error names the first cause and how many records there are of how many.
func (e *PartialError) Error() string {
	if len(e.Failed) == 0 {
		return "no record failed"
	}
	return fmt.Sprintf("%d of %d records not known to be written, the first at index %d: %v",
		len(e.Failed), e.Total, e.Failed[0], e.Causes[0])
}

// Unwrap returns the distinct causes, so errors.Is(err, ErrTooLarge) asks
// whether any record was too large.
func (e *PartialError) Unwrap() []error {
	var distinct []error
	for _, c := range e.Causes {
		if !slices.Contains(distinct, c) {
			distinct = append(distinct, c)
		}
	}
	return distinct
}

// An OffsetError is ErrOffsetOutOfRange with the bounds that hold.
type OffsetError struct {
	TopicPartition
	Asked       int64
	First, Next int64 // what can be read now, half-open; -1 if not known
}

func (e *OffsetError) Error() string {
	return fmt.Sprintf("offset %d of %s/%d is not in the log, which holds offsets %d up to %d",
		e.Asked, e.Topic, e.Partition, e.First, e.Next)
}

// Is makes an OffsetError an ErrOffsetOutOfRange.
func (e *OffsetError) Is(target error) bool { return target == ErrOffsetOutOfRange }

// classes are the words of Classify, in the order in which they are tried.
var classes = []struct {
	err  error
	word string
}{
	{ErrAuth, "auth"},
	{ErrTooLarge, "too_large"},
	{ErrRejected, "rejected"},
	{ErrUnknownTopic, "unknown_topic"},
	{ErrOffsetOutOfRange, "out_of_range"},
	{ErrFenced, "fenced"},
	{ErrUnavailable, "unavailable"},
	{ErrClosed, "canceled"},
	{context.Canceled, "canceled"},
	{context.DeadlineExceeded, "canceled"},
}

// Classify returns one of ten words for err, fit for the label of a metric:
// none, auth, too_large, rejected, unknown_topic, out_of_range, fenced,
// unavailable, canceled, other.
func Classify(err error) string {
	if err == nil {
		return "none"
	}
	for _, c := range classes {
		if errors.Is(err, c.err) {
			return c.word
		}
	}
	return "other"
}
