package load

import (
	"errors"
	"fmt"

	"github.com/payoff-metrics/payoff/pkg/store"
)

// Why a log cannot be loaded as the continuation of what the store holds. They
// come wrapped in a *LogError.
var (
	// ErrOtherLog: the log's identity is not that of the epoch.
	ErrOtherLog = errors.New("the log is another one")

	// ErrMismatch: a stored position holds another event than the log.
	ErrMismatch = errors.New("the store holds another event at this position")

	// ErrBehind: the log ends before what was loaded from it.
	ErrBehind = errors.New("the log ends before what was loaded")

	// ErrGap: the log no longer holds records that were not loaded.
	ErrGap = errors.New("the log no longer holds what is to be loaded next")

	// ErrNoStore: the store's tables are gone, and with them what was loaded.
	ErrNoStore = errors.New("the store has lost its tables")

	// ErrNoLedger: the log has a past of which the ledger knows nothing.
	ErrNoLedger = errors.New("the ledger does not know the log's past")
)

// A LogError stops loading: going on would count twice or lose in silence, and
// which of the two sides is right only a person knows.
type LogError struct {
	Partition store.Partition // its Topic is "" if it is about the whole log
	Cause     error           // one of the errors above
	Detail    string
}

// Error says what is wrong, where, and what to do.
func (e *LogError) Error() string {
	where := ""
	if e.Partition.Topic != "" {
		where = fmt.Sprintf(" of %s/%d", e.Partition.Topic, e.Partition.Partition)
	}
	return fmt.Sprintf("loading%s stopped: %v: %s. Restore the log or the store that belongs to the other; or, to go on from what this log holds, run `payoff rollup --new-log-epoch`",
		where, e.Cause, e.Detail)
}

// Unwrap returns the cause.
func (e *LogError) Unwrap() error { return e.Cause }
