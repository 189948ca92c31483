// Package instance is one Payoff on one data directory: it starts the whole flow
// in one process, and finds the one that runs.
//
//	DATA/lock           flock: who holds it runs the instance
//	DATA/instance.json  where it listens and what opens it, mode 0600
//	DATA/keys           pseudonym secret and delivery keys
//	DATA/engine         the embedded ClickHouse
//	DATA/kafka          the embedded broker
//	DATA/spool          the log between the answer and Kafka
//	DATA/git            clones of the repositories that are fetched
//
// A command that finds the lock free takes it and runs the same stack without
// listeners for as long as it needs; otherwise it talks to the instance that
// holds it.
package instance

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// Info is instance.json. Secrets are random for each data directory and stay the
// same for its life.
type Info struct {
	PID            int    `json:"pid"`        // 0: not running
	Listen         string `json:"listen"`     // events and hooks
	Pages          string `json:"pages"`      // pages
	ClickHouse     string `json:"clickhouse"` // HTTP interface
	Kafka          string `json:"kafka"`      // bootstrap address
	Token          string `json:"token"`      // sends any event, and steers
	Password       string `json:"password"`   // of ClickHouse's user payoff
	ReaderPassword string `json:"reader_password"`
}

func infoPath(dir string) string { return filepath.Join(dir, "instance.json") }

// ReadInfo reads instance.json of a data directory.
func ReadInfo(dir string) (Info, error) {
	var info Info
	b, err := os.ReadFile(infoPath(dir))
	if err != nil {
		return info, err
	}
	if err := json.Unmarshal(b, &info); err != nil {
		return info, fmt.Errorf("reading %s: %w", infoPath(dir), err)
	}
	return info, nil
}

// secrets reads the instance's secrets or makes them.
func secrets(dir string) (Info, error) {
	info, err := ReadInfo(dir)
	if errors.Is(err, fs.ErrNotExist) {
		info = Info{Token: rand.Text(), Password: rand.Text(), ReaderPassword: rand.Text()}
		err = info.write(dir)
	}
	return info, err
}

// write replaces instance.json whole, so that no reader sees half of it.
func (i Info) write(dir string) error {
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	tmp := infoPath(dir) + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", infoPath(dir), err)
	}
	if err := os.Rename(tmp, infoPath(dir)); err != nil {
		return fmt.Errorf("writing %s: %w", infoPath(dir), err)
	}
	return nil
}

// ErrInUse says that another process has the data directory.
var ErrInUse = errors.New("the data directory is in use")

// lock takes the data directory, waiting as long as patience for one that is
// about to let it go.
func lock(ctx context.Context, dir string, patience time.Duration) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	l := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ok, err := l.TryLockContext(ctx, 50*time.Millisecond)
	switch {
	case ok:
		return l, nil
	case err == nil || errors.Is(err, context.DeadlineExceeded):
		info, _ := ReadInfo(dir)
		return nil, fmt.Errorf("%w: process %d runs on %s; stop it, or name another directory with --data", ErrInUse, info.PID, dir)
	default:
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
}
