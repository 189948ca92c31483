package engine

import (
	"errors"
	"log/slog"
)

// The users of the engine's HTTP interface.
const (
	OwnerUser  = "payoff" // may do everything
	ReaderUser = "reader" // may read database payoff
)

// Options say how to start an engine.
type Options struct {
	Dir     string // where the engine keeps everything; made if missing
	Library string // path of libchdb; "" means FindLibrary
	Listen  string // TCP address for clients outside this process; "" for none

	PayoffPassword string // of user payoff, who may do everything; required
	ReaderPassword string // of user reader; "" shuts the reader out

	// AllowedHosts are names, beside the loopback ones, that requests over TCP
	// may carry in Host.
	AllowedHosts []string

	// MemoryLimit bounds what the engine's queries and merges take, in bytes; 0
	// means a quarter of the machine. Resident memory can reach twice as much
	// and 250 MB for a moment.
	MemoryLimit uint64

	Logger *slog.Logger // nil means no log

	Exe  string   // the program to re-execute; "" means this one
	Args []string // its arguments
}

// ErrInUse says that another process has the directory open.
var ErrInUse = errors.New("the directory is in use")
