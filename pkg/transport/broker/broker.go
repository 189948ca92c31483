// Package broker is the log for one machine: a broker in the process that
// speaks Kafka's protocol and keeps its data in a folder, so that nothing needs
// to be installed to begin. Package kafka is its client as it is of a cluster.
//
// It is twmb/franz-go's kfake, written for tests of Kafka clients, with what it
// lacks for keeping data: a lock, an identity for each folder, small segments
// and synced writes. What it is not: replicated, authenticated, or careful
// about a failing disk (it does not look at the result of fsync). Killed, it
// keeps every record it acknowledged, but forgets which it had from whom, so one
// that was on its way may be written twice. It is meant for development and
// small sites.
package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
)

const (
	lockFile = "broker.lock"

	// segmentBytes bounds the memory a start needs, for segments are read
	// whole, and is the unit that retention deletes.
	segmentBytes = 16 << 20

	// minSessionTimeout lets a group notice a lost member quickly, as a
	// leader's election wants; Kafka's own least is 6 s.
	minSessionTimeout = time.Second

	defaultPartitions = 4
)

// ErrGone says that the folder is not the one the broker opened.
var ErrGone = errors.New("the broker's folder is gone")

// Options say where the broker keeps its data and where it listens.
type Options struct {
	// Dir is the folder of the data. It is made if missing.
	Dir string

	// Listen is the TCP address for clients of other processes, host:port;
	// port 0 takes a free one. If empty there is none, and only Dial reaches
	// the broker. The broker asks nobody who they are.
	Listen string

	// Partitions is the number of partitions of a topic that leaves it to the
	// broker: 4 if zero.
	Partitions int

	// NoSync leaves it to the operating system when to write to the disk:
	// half as much time a batch, and a power cut loses what was acknowledged
	// last. A killed process loses nothing either way.
	NoSync bool

	Logger *slog.Logger // nothing is logged if nil
}

// Broker is a running broker.
type Broker struct {
	dir       string
	lock      *flock.Flock
	locked    os.FileInfo // the lock file as it was when taken
	listener  *listener
	cluster   *kfake.Cluster
	closeOnce sync.Once
	closeErr  error
}

// Start opens the folder, which no other broker may have open, and serves it
// until Close. The identity of the log is kept in the folder: a new or emptied
// folder is another log.
func Start(o Options) (*Broker, error) {
	b := &Broker{dir: o.Dir}
	if err := b.open(o); err != nil {
		b.Close()
		return nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	return b, nil
}

func (b *Broker) open(o Options) (err error) {
	if err := b.lockDir(); err != nil {
		return err
	}
	if err := checkWhole(o.Dir); err != nil {
		return err
	}
	if b.listener, err = listen(o.Listen); err != nil {
		return err
	}
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ListenFn(func(string, string) (net.Listener, error) { return b.listener, nil }),
		kfake.DataDir(o.Dir),
		kfake.ClusterID(uuid.NewString()), // of a new folder; an old one has its own
		kfake.DefaultNumPartitions(cmp.Or(o.Partitions, defaultPartitions)),
		kfake.GroupMinSessionTimeout(minSessionTimeout),
		kfake.BrokerConfigs(map[string]string{"log.segment.bytes": strconv.Itoa(segmentBytes)}),
		kfake.WithLogger(logger{orDiscard(o.Logger)}),
	}
	if !o.NoSync {
		opts = append(opts, kfake.SyncWrites())
	}
	if b.cluster, err = kfake.NewCluster(opts...); err != nil {
		return fmt.Errorf("opening the data in %s: %w", o.Dir, err)
	}
	return nil
}

// lockDir makes the folder and takes its lock, which ends with the process.
func (b *Broker) lockDir() error {
	if b.dir == "" {
		return errors.New("no folder is given for its data")
	}
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return fmt.Errorf("making its folder: %w", err)
	}
	lock := flock.New(filepath.Join(b.dir, lockFile), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("locking its folder: %w", err)
	}
	if !ok {
		return fmt.Errorf("the folder %s is in use by another broker: stop that one or choose another folder", b.dir)
	}
	b.lock = lock
	b.locked, err = os.Stat(lock.Path())
	return err
}

// checkWhole refuses a folder that has records but not the file with its
// identity: kfake would begin a new log and append to the files of the old one.
func checkWhole(dir string) error {
	_, err := os.Stat(filepath.Join(dir, "meta.json"))
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "partitions")); err == nil {
		return fmt.Errorf("the folder %s has records but no meta.json: restore that file, or empty the folder to begin a new log", dir)
	}
	return nil
}

// Addr returns the address that clients begin with. Without a TCP address it is
// a name that only Dial knows.
func (b *Broker) Addr() string { return b.listener.Addr().String() }

// Dial connects to the broker within the process, whatever the address.
func (b *Broker) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	return b.listener.dial(ctx)
}

// Check returns ErrGone if the folder was deleted or replaced while the broker
// has it open. What is published from then on is lost at the end of the
// process, so the caller stops accepting.
func (b *Broker) Check() error {
	now, err := os.Stat(filepath.Join(b.dir, lockFile))
	if errors.Is(err, os.ErrNotExist) || err == nil && !os.SameFile(b.locked, now) {
		return fmt.Errorf("%w: %s was deleted or replaced while in use", ErrGone, b.dir)
	}
	return err
}

// Close stops the broker and closes its connections; clients see it as
// unavailable. The folder can be opened again when it returns. Close of a
// broker whose folder is gone says so and writes nothing, since its state
// belongs to no folder that is there now; kfake writes when it closes, so it is
// cut off from its clients instead and left to the end of the process.
func (b *Broker) Close() error {
	b.closeOnce.Do(func() {
		if b.cluster != nil {
			if b.closeErr = b.Check(); b.closeErr == nil {
				b.cluster.Close()
			}
		}
		if b.listener != nil {
			b.listener.Close()
			b.listener.hangUp()
		}
		if b.lock != nil {
			b.closeErr = errors.Join(b.closeErr, b.lock.Close())
		}
	})
	return b.closeErr
}

func listenTCP(address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("its address %q is not host:port: %w", address, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return nil, fmt.Errorf("its address %q names no interface: it is the address clients are told to connect to, so give one, such as 127.0.0.1", address)
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the address %s is taken by another program: stop that one or choose another address: %w", address, err)
	}
	return l, err
}
