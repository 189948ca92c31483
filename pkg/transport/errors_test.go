package transport_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/transport"
)

func TestClassify(t *testing.T) {
	for _, test := range []struct {
		err  error
		want string
	}{
		{nil, "none"},
		{transport.ErrUnavailable, "unavailable"},
		{transport.ErrAuth, "auth"},
		{transport.ErrUnknownTopic, "unknown_topic"},
		{transport.ErrTooLarge, "too_large"},
		{transport.ErrRejected, "rejected"},
		{transport.ErrFenced, "fenced"},
		{&transport.OffsetError{}, "out_of_range"},
		{transport.ErrClosed, "canceled"},
		{context.Canceled, "canceled"},
		{context.DeadlineExceeded, "canceled"},
		{errors.New("no idea"), "other"},
		{fmt.Errorf("publishing: %w", &transport.PartialError{Failed: []int{4}, Causes: []error{transport.ErrTooLarge}}), "too_large"},
	} {
		if got := transport.Classify(test.err); got != test.want {
			t.Errorf("Classify(%v) = %q, want %q", test.err, got, test.want)
		}
	}
}

func TestPartialError(t *testing.T) {
	down := fmt.Errorf("dialing: %w", transport.ErrUnavailable)
	err := &transport.PartialError{Failed: []int{2, 5, 6}, Causes: []error{transport.ErrTooLarge, down, down}, Total: 9}
	if !errors.Is(err, transport.ErrTooLarge) || !errors.Is(err, transport.ErrUnavailable) || errors.Is(err, transport.ErrAuth) {
		t.Errorf("%v is not its causes", err)
	}
	if n := len(err.Unwrap()); n != 2 {
		t.Errorf("%d distinct causes, want 2", n)
	}
	want := "3 of 9 records not known to be written, the first at index 2: record too large"
	if err.Error() != want {
		t.Errorf("Error = %q, want %q", err, want)
	}
}
