//go:build linux || darwin

package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/gofrs/flock"
)

// An Engine is a ClickHouse in a child process that is watched and restarted.
// Its methods may be called at once from several goroutines.
type Engine struct {
	opts  Options
	log   *slog.Logger
	lock  *flock.Flock
	files []*os.File // the listeners, for every child to come
	sock  string
	tmp   string // directory of sock if it is not Dir
	addr  string

	stop    context.CancelFunc
	stopped chan struct{} // closed when the watcher has ended

	mu       sync.Mutex
	child    *child
	restarts int
	down     error // why there is no engine at the moment, or nil
}

// Start starts an engine and returns when it answers. ctx bounds the start alone;
// the engine runs until Stop. If another process has the directory open, the
// error is ErrInUse; if the library cannot be used, ErrLibrary; a taken address
// is the listener's own error.
func Start(ctx context.Context, o Options) (*Engine, error) {
	if o.PayoffPassword == "" {
		return nil, errors.New("starting the engine: PayoffPassword is empty")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	if o.Library == "" {
		if o.Library, err = FindLibrary(); err != nil {
			return nil, err
		}
	}
	// The child runs in Dir, where a relative path would mean something else.
	if o.Library, err = filepath.Abs(o.Library); err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	if o.Exe == "" {
		if o.Exe, err = ownProgram(); err != nil {
			return nil, fmt.Errorf("starting the engine: %w", err)
		}
	}
	e := &Engine{opts: o, log: o.Logger, stopped: make(chan struct{})}
	if err := e.open(ctx); err != nil {
		e.release()
		return nil, err
	}
	return e, nil
}

// ownProgram returns a path that starts this very program again, even when its
// file has been replaced by another version since.
func ownProgram() (string, error) {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self, nil
	}
	return os.Executable()
}

// open takes the lock and the addresses and starts the first child.
func (e *Engine) open(ctx context.Context) error {
	if err := os.MkdirAll(e.opts.Dir, 0o700); err != nil {
		return fmt.Errorf("starting the engine: %w", err)
	}
	e.lock = flock.New(filepath.Join(e.opts.Dir, "engine.lock"))
	if ok, err := e.lock.TryLock(); err != nil || !ok {
		e.lock = nil
		return errors.Join(fmt.Errorf("starting the engine in %s: %w by another process: stop that one, or use another directory", e.opts.Dir, ErrInUse), err)
	}
	if err := e.listen(ctx); err != nil {
		return err
	}
	c, err := e.spawn(ctx)
	if err != nil {
		return err
	}
	e.child = c
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	go e.watch(watching, c)
	return nil
}

// listen opens the listeners that all children serve one after the other.
func (e *Engine) listen(ctx context.Context) error {
	e.sock = filepath.Join(e.opts.Dir, "engine.sock")
	if len(e.sock) > 100 { // the kernel takes 107 bytes
		tmp, err := os.MkdirTemp("", "payoff-engine-")
		if err != nil {
			return fmt.Errorf("starting the engine: %w", err)
		}
		e.tmp, e.sock = tmp, filepath.Join(tmp, "engine.sock")
	}
	// What is there was left by a process that died: we hold the lock.
	if err := os.Remove(e.sock); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("starting the engine: %w", err)
	}
	var lc net.ListenConfig
	local, err := lc.Listen(ctx, "unix", e.sock)
	if err != nil {
		return fmt.Errorf("starting the engine: %w", err)
	}
	local.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := e.keep(local); err != nil {
		return err
	}
	if e.opts.Listen == "" {
		return nil
	}
	tcp, err := lc.Listen(ctx, "tcp", e.opts.Listen)
	if err != nil {
		return fmt.Errorf("starting the engine: %w", err)
	}
	e.addr = tcp.Addr().String()
	return e.keep(tcp)
}

// keep turns a listener into a file that children inherit.
func (e *Engine) keep(l net.Listener) error {
	defer l.Close()
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		return fmt.Errorf("starting the engine: passing on %s: %w", l.Addr(), err)
	}
	e.files = append(e.files, f)
	return nil
}

// A child is one run of the engine.
type child struct {
	cmd    *exec.Cmd
	input  io.Closer
	exited chan struct{} // closed when err is set
	err    error
}

// spawn starts a child and waits until it answers.
func (e *Engine) spawn(ctx context.Context) (*child, error) {
	reports, reportsChild, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	defer reports.Close()
	cmd := exec.Command(e.opts.Exe, e.opts.Args...)
	cmd.Args[0] = "payoff-engine"
	cmd.Env = childEnviron()
	cmd.Dir = e.opts.Dir
	cmd.ExtraFiles = append([]*os.File{reportsChild}, e.files...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	logged := &lineLogger{log: e.log}
	cmd.Stdout, cmd.Stderr = logged, logged
	cmd.WaitDelay = time.Second
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	err = cmd.Start()
	reportsChild.Close()
	if err != nil {
		return nil, fmt.Errorf("starting the engine: %w", err)
	}
	c := &child{cmd: cmd, input: input, exited: make(chan struct{})}
	go func() {
		c.err = cmd.Wait()
		close(c.exited)
	}()
	if err := e.greet(ctx, c, input, reports); err != nil {
		c.kill()
		return nil, err
	}
	e.log.Info("the engine is ready", "pid", cmd.Process.Pid, "dir", e.opts.Dir, "listen", e.addr)
	return c, nil
}

// greet sends the configuration, waits for the child's report, and asks it
// something.
func (e *Engine) greet(ctx context.Context, c *child, input io.Writer, reports *os.File) error {
	cfg := childConfig{
		Dir: e.opts.Dir, Library: e.opts.Library, TCP: e.addr != "", MemoryLimit: e.opts.MemoryLimit,
		Passwords: map[string]string{OwnerUser: e.opts.PayoffPassword, ReaderUser: e.opts.ReaderPassword},
	}
	for _, h := range e.opts.AllowedHosts {
		cfg.Hosts = append(cfg.Hosts, strings.ToLower(h))
	}
	if err := json.NewEncoder(input).Encode(cfg); err != nil {
		return fmt.Errorf("starting the engine: configuring it: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = reports.SetReadDeadline(time.Unix(1, 0)) })()
	var said report
	if err := json.NewDecoder(reports).Decode(&said); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("starting the engine: %w", ctx.Err())
		}
		<-c.exited
		return fmt.Errorf("starting the engine: it ended before it was ready (%v); see %s", c.err, filepath.Join(e.opts.Dir, "engine.log"))
	}
	if said.Library {
		return fmt.Errorf("starting the engine: %w%s", ErrLibrary, strings.TrimPrefix(said.Error, ErrLibrary.Error()))
	}
	if said.Error != "" {
		return fmt.Errorf("starting the engine: %s", said.Error)
	}
	if err := e.probe(ctx); err != nil {
		return fmt.Errorf("starting the engine: %w", err)
	}
	return nil
}

// childEnviron is a small environment: no secrets of the parent, and UTC, since
// the engine takes its time zone from it.
func childEnviron() []string {
	env := []string{childEnv + "=1", "TZ=UTC", "LC_ALL=C.UTF-8"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GORACE", "GOTRACEBACK", libraryEnv} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	<-c.exited
	c.input.Close()
}

// end asks the child to finish, and insists when ctx ends.
func (c *child) end(ctx context.Context) {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-c.exited:
		c.input.Close()
	case <-ctx.Done():
		c.kill()
	}
}

const (
	probeEvery   = 5 * time.Second
	probeTimeout = 30 * time.Second
	startTimeout = 10 * time.Minute // to load the metadata of very many parts
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// watch restarts the engine whenever it ends or stops answering, until ctx ends.
func (e *Engine) watch(ctx context.Context, c *child) {
	defer close(e.stopped)
	backoff := firstBackoff
	for {
		began := time.Now()
		e.guard(ctx, c)
		if ctx.Err() != nil {
			return
		}
		if time.Since(began) > time.Minute {
			backoff = firstBackoff
		}
		e.setDown(fmt.Errorf("the engine ended: %v", c.err))
		e.log.Error("the engine ended and will be restarted", "error", c.err, "after", backoff)
		for c = nil; c == nil; backoff = min(2*backoff, maxBackoff) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(backoff):
			}
			starting, cancel := context.WithTimeout(ctx, startTimeout)
			next, err := e.spawn(starting)
			cancel()
			if err != nil {
				e.setDown(err)
				e.log.Error("restarting the engine", "error", err)
				continue
			}
			c = next
		}
		e.mu.Lock()
		e.child, e.down = c, nil
		e.restarts++
		e.mu.Unlock()
	}
}

// guard returns when the child has ended, by itself or because it had stopped
// answering; or with ctx.
func (e *Engine) guard(ctx context.Context, c *child) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.exited:
			c.input.Close()
			return
		case <-tick.C:
		}
		asking, cancel := context.WithTimeout(ctx, probeTimeout)
		err := e.probe(asking)
		cancel()
		if err == nil || ctx.Err() != nil {
			continue
		}
		select {
		case <-c.exited:
		default:
			e.log.Error("the engine does not answer and is killed", "error", err)
			c.kill()
		}
	}
}

// probe asks the engine for SELECT 1.
func (e *Engine) probe(ctx context.Context) error {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, addr string) (net.Conn, error) { return e.DialContext(ctx, addr) },
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://engine/", strings.NewReader("SELECT 1"))
	if err != nil {
		return err
	}
	req.SetBasicAuth(OwnerUser, e.opts.PayoffPassword)
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("asking the engine: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if resp.Header.Get("X-ClickHouse-Exception-Code") == fmt.Sprint(int(proto.ErrTooManySimultaneousQueries)) {
		return nil // busy, and well
	}
	if err != nil || string(answer) != "1\n" {
		return fmt.Errorf("asking the engine: it answered %s %q: %w", resp.Status, answer, err)
	}
	return nil
}

func (e *Engine) setDown(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = err
}

// Stop ends the engine and lets go of its directory. What runs has a few seconds
// to finish; when ctx ends the engine is killed, which loses nothing that was
// acknowledged.
func (e *Engine) Stop(ctx context.Context) error {
	e.stop()
	<-e.stopped
	e.mu.Lock()
	c := e.child
	e.down = errors.New("the engine was stopped")
	e.mu.Unlock()
	c.end(ctx)
	return e.release()
}

// release gives back what open took.
func (e *Engine) release() error {
	var errs []error
	for _, f := range e.files {
		errs = append(errs, f.Close())
	}
	if e.files != nil {
		errs = append(errs, os.Remove(e.sock))
	}
	if e.tmp != "" {
		errs = append(errs, os.Remove(e.tmp))
	}
	if e.lock != nil {
		errs = append(errs, e.lock.Unlock())
	}
	e.files, e.tmp, e.lock = nil, "", nil
	return errors.Join(errs...)
}

// DialContext connects to the engine over its Unix socket; the address is not
// looked at. It fits clickhouse-go's Options.DialContext. While the engine is
// being restarted, a connection waits for it.
func (e *Engine) DialContext(ctx context.Context, _ string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", e.sock)
}

// Addr returns the TCP address the engine listens on, or "".
func (e *Engine) Addr() string { return e.addr }

// Pid returns the process of the current child.
func (e *Engine) Pid() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.child.cmd.Process.Pid
}

// Restarts returns how often the engine has been restarted.
func (e *Engine) Restarts() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.restarts
}

// Down returns why there is no engine at the moment, or nil while it runs.
func (e *Engine) Down() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.down
}

// Ready reports whether the engine runs.
func (e *Engine) Ready() bool { return e.Down() == nil }

// A lineLogger puts what the child writes to its standard error into the log.
type lineLogger struct {
	log *slog.Logger
	buf []byte
}

func (l *lineLogger) Write(p []byte) (int, error) {
	l.buf = append(l.buf, p...)
	for {
		n, line, _ := bufio.ScanLines(l.buf, false)
		if n == 0 {
			break
		}
		// The engine tells where it logs each time it starts.
		if len(line) > 0 && !bytes.HasPrefix(line, []byte("Logging ")) {
			l.log.Warn("engine: " + string(line))
		}
		l.buf = l.buf[n:]
	}
	if len(l.buf) > 64<<10 {
		l.buf = nil
	}
	return len(p), nil
}
