// Package collect is the contract of a source: how a delivery of a tool is
// known to be genuine, and which facts it tells.
//
// It stands at the door, before the log on disk:
//
//	delivery ── Verify ──▶ Normalise ──▶ drafts ── Protect ──▶ events ──▶ log
//
// A source is technology of its own and lives in a folder beneath this one. It
// does no I/O and does not look at the clock. What it makes are drafts: they
// still hold the accounts and branch names of people. [Protector] is the one
// place where these become pseudonyms, so that no source can forget it.
package collect

import (
	"errors"
	"net/http"
	"time"

	"github.com/payoff-metrics/payoff/pkg/events"
)

// A Delivery is what one request brought.
type Delivery struct {
	Source     string      // name of the source: "github"
	Endpoint   string      // name of the configured endpoint
	Header     http.Header // as it came
	Body       []byte      // raw, after Content-Encoding was undone
	ReceivedAt time.Time
}

// A Source knows one tool. Its methods may be called at once and keep nothing
// of their arguments.
type Source interface {
	// Name is the source's name in addresses and configuration: "github".
	Name() string

	// Verify returns nil if the holder of one of secrets signed body. It works
	// on the raw bytes, before anything is parsed, and in constant time. Its
	// errors are ErrNoSecret, ErrUnsigned, ErrSignature and ErrStale; each is a
	// refusal, and none says more than its sender may know.
	Verify(h http.Header, body []byte, secrets [][]byte) error

	// Normalise returns the facts of a verified delivery. None and no error
	// means that the delivery tells nothing Payoff keeps, such as a ping. An
	// error wraps events.ErrInvalid: the tool sent what this version does not
	// understand, and the delivery is to be kept for a later one.
	Normalise(d Delivery) ([]events.Draft, error)
}

// Why a delivery is refused. The texts are for its sender.
var (
	// ErrNoSecret: the endpoint has no secret, so nothing can be verified.
	ErrNoSecret = errors.New("no secret is configured for this endpoint: set one here and at the sender")

	// ErrUnsigned: the delivery has no signature.
	ErrUnsigned = errors.New("the delivery is not signed: set the endpoint's secret at the sender")

	// ErrSignature: the signature is not that of any secret of the endpoint.
	ErrSignature = errors.New("the signature matches none of the endpoint's secrets: compare the secret at the sender with the one here")

	// ErrStale: the signed time lies too far from now.
	ErrStale = errors.New("the signed time is too far from now: check the clocks of both sides")
)
