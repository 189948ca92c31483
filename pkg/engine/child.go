//go:build linux || darwin

package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// childEnv marks the process that is to be the engine.
const childEnv = "PAYOFF_ENGINE_CHILD"

// Descriptors the parent passes to the child.
const (
	reportFD = 3 // the child says here that it is ready, or why not
	unixFD   = 4
	tcpFD    = 5
)

// lockPatience is how long a child waits for one that is still dying to let go
// of the data.
const lockPatience = 10 * time.Second

// childConfig goes from parent to child through its standard input: passwords
// have no business in arguments or the environment.
type childConfig struct {
	Dir         string
	Library     string
	TCP         bool // descriptor tcpFD is a listener
	Passwords   map[string]string
	Hosts       []string
	MemoryLimit uint64
}

// report is what the child says when it is ready, or has to give up.
type report struct {
	Error   string
	Library bool // the error is an ErrLibrary
}

// RunIfChild turns this process into the engine if it was started to be it, and
// then never returns. Call it first thing in main.
func RunIfChild() {
	if os.Getenv(childEnv) == "" {
		return
	}
	os.Unsetenv(childEnv)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := runChild(log); err != nil {
		log.Error("the engine stops", "error", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func runChild(log *slog.Logger) error {
	// A terminal's ^C is for the parent, which then stops the child.
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	reports := os.NewFile(reportFD, "report")
	input := json.NewDecoder(os.Stdin)
	var cfg childConfig
	if err := input.Decode(&cfg); err != nil {
		return fmt.Errorf("reading the configuration of the engine: %w", err)
	}
	// Standard input stays open for as long as the parent lives.
	orphaned, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
		// A stuck engine must not outlive its parent.
		time.Sleep(lockPatience)
		os.Exit(1)
	}()
	err := serveChild(orphaned, cfg, log, func() {
		_ = json.NewEncoder(reports).Encode(report{})
		reports.Close()
	})
	if err != nil {
		_ = json.NewEncoder(reports).Encode(report{Error: err.Error(), Library: errors.Is(err, ErrLibrary)})
	}
	return err
}

// serveChild opens the engine and serves until ctx ends.
func serveChild(ctx context.Context, cfg childConfig, log *slog.Logger, ready func()) error {
	listeners, err := inherited(cfg.TCP)
	if err != nil {
		return err
	}
	lib, err := openLibrary(cfg.Library)
	if err != nil {
		return err
	}
	args, err := writeConfig(cfg.Dir, cfg.MemoryLimit)
	if err != nil {
		return err
	}
	if err := awaitLock(ctx, dataDir(cfg.Dir)); err != nil {
		return err
	}
	a := access{passwords: cfg.Passwords, hosts: map[string]bool{}}
	for _, h := range cfg.Hosts {
		a.hosts[h] = true
	}
	f, keeper, err := newFacade(lib, args, a, time.Now, log)
	if err != nil {
		return err
	}
	// The engine lives as long as a connection is open: this one.
	defer keeper.close()
	defer f.sessions.close()
	ready()
	return serve(ctx, f, listeners, log)
}

// inherited takes over the parent's listeners: the Unix socket, then TCP.
func inherited(tcp bool) ([]net.Listener, error) {
	fds := []uintptr{unixFD}
	if tcp {
		fds = append(fds, tcpFD)
	}
	var list []net.Listener
	for _, fd := range fds {
		file := os.NewFile(fd, "listener")
		l, err := net.FileListener(file)
		if err != nil {
			return nil, fmt.Errorf("taking over listener %d: %w", fd, err)
		}
		file.Close()
		list = append(list, l)
	}
	return list, nil
}

// serve answers on all listeners until ctx ends; what is running then has a few
// seconds to finish.
func serve(ctx context.Context, h http.Handler, listeners []net.Listener, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if c.LocalAddr().Network() == "unix" {
				return context.WithValue(ctx, localKey{}, true)
			}
			return ctx
		},
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- srv.Serve(l) }()
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serving ClickHouse: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		log.Warn("statements were still running at the end", "error", err)
		srv.Close()
	}
	return nil
}

// awaitLock waits until no other process has the data open. The engine keeps a
// lock on the file status of its path and refuses with code 76 if it is taken,
// saying so on standard error alone; and what has died a moment ago may hold it
// still.
func awaitLock(ctx context.Context, path string) error {
	f, err := os.OpenFile(filepath.Join(path, "status"), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil // never opened before
	}
	if err != nil {
		return fmt.Errorf("opening the engine's data: %w", err)
	}
	defer f.Close()
	deadline := time.Now().Add(lockPatience)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the data in %s is open in another process: stop that one, or use another directory", path)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}
