package events

import (
	"errors"
	"fmt"
)

// ErrInvalid is wrapped by every error about an event that no retry will heal:
// the caller refuses it (at the edge) or parks it (behind the edge).
var ErrInvalid = errors.New("invalid event")

// A FieldError names the one field that is wrong and why, in words a person who
// sent the event can act on.
type FieldError struct {
	Field  string // path in the event: "time", "data.subject.id"
	Reason string
}

func (e *FieldError) Error() string { return fmt.Sprintf("%s: %s", e.Field, e.Reason) }

// Unwrap makes errors.Is(err, ErrInvalid) true.
func (e *FieldError) Unwrap() error { return ErrInvalid }
