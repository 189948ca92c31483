package spool

import (
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// memFS is a file system that behaves as real ones do on bad days. It is full at
// its capacity and then writes short; a sync that fails loses what it should have
// written, and the next one says nothing of it; and when the power is cut,
// anything may be left of what was not synced: parts of writes, holes, new files
// or none.
type memFS struct {
	mu       sync.Mutex
	files    map[string]*memFile // as the process sees them
	durable  map[string]*memFile // names that survive a power cut
	locked   map[string]bool
	capacity int64 // bytes; 0 is endless
	opsLeft  int   // until the power is cut; 0 is never
	dead     bool

	// fault is asked before each operation: "create", "open", "write", "short"
	// (a write that stops half-way), "sync", "truncate", "remove", "syncdir", "read".
	fault func(op, name string) error
	// onSync is called at the start of each Sync of a file, without the lock.
	onSync func(name string)
}

type memFile struct {
	live    []byte
	synced  []byte
	pending []change // between synced and live
}

// A change is a write, or a truncation to off.
type change struct {
	off  int64
	data []byte
	cut  bool
}

var errPower = errors.New("the power is off")

func newMemFS() *memFS {
	return &memFS{files: map[string]*memFile{}, durable: map[string]*memFile{}, locked: map[string]bool{}}
}

func apply(b []byte, c change) []byte {
	end := c.off + int64(len(c.data))
	if c.cut {
		if c.off <= int64(len(b)) {
			return b[:c.off]
		}
		end = c.off
	}
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[c.off:], c.data)
	return b
}

// op counts an operation and decides whether it happens. The lock is held.
func (m *memFS) op(op, name string) error {
	if m.opsLeft > 0 && !m.dead {
		m.opsLeft--
		m.dead = m.opsLeft == 0
	}
	if m.dead {
		return errPower
	}
	if m.fault != nil {
		return m.fault(op, name)
	}
	return nil
}

// afterPowerCut is the file system a restarted machine finds. With holes, writes
// that were not synced reach the disk in any order.
func (m *memFS) afterPowerCut(rng *rand.Rand, holes bool) *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := newMemFS()
	for _, name := range slices.Sorted(maps.Keys(m.files)) {
		if m.durable[name] == nil && rng.IntN(2) == 0 {
			continue // its directory was not synced
		}
		after.files[name] = m.files[name].afterPowerCut(rng, holes)
	}
	for name, f := range m.durable {
		if m.files[name] == nil && rng.IntN(2) == 0 {
			after.files[name] = f.afterPowerCut(rng, holes) // its removal was not synced
		}
	}
	after.durable = maps.Clone(after.files)
	return after
}

func (f *memFile) afterPowerCut(rng *rand.Rand, holes bool) *memFile {
	b := slices.Clone(f.synced)
	reached := rng.IntN(len(f.pending) + 1)
	for i, c := range f.pending {
		if holes && rng.IntN(2) == 0 {
			continue
		}
		if !holes && i >= reached {
			break
		}
		if !c.cut && (holes || i == reached-1) { // a write cut short
			c.data = c.data[:rng.IntN(len(c.data)+1)]
		}
		b = apply(b, c)
	}
	return &memFile{live: b, synced: slices.Clone(b)}
}

func (m *memFS) MkdirAll(string) error { return nil }

func (m *memFS) ReadDir(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name := range m.files {
		if filepath.Dir(name) == dir {
			names = append(names, filepath.Base(name))
		}
	}
	return names, m.op("readdir", dir)
}

func (m *memFS) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("create", name); err != nil {
		return nil, err
	}
	if m.files[name] != nil {
		return nil, fs.ErrExist
	}
	m.files[name] = &memFile{}
	return &handle{fs: m, name: name, f: m.files[name]}, nil
}

func (m *memFS) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("open", name); err != nil {
		return nil, err
	}
	if m.files[name] == nil {
		return nil, fs.ErrNotExist
	}
	return &handle{fs: m, name: name, f: m.files[name]}, nil
}

func (m *memFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("remove", name); err != nil {
		return err
	}
	if m.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(m.files, name)
	return nil
}

func (m *memFS) SyncDir(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.op("syncdir", dir); err != nil {
		return err
	}
	maps.DeleteFunc(m.durable, func(name string, _ *memFile) bool { return filepath.Dir(name) == dir })
	for name, f := range m.files {
		if filepath.Dir(name) == dir {
			m.durable[name] = f
		}
	}
	return nil
}

func (m *memFS) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked[name] {
		return nil, ErrLocked
	}
	m.locked[name] = true
	return unlocker(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.locked, name)
	}), nil
}

type unlocker func()

func (u unlocker) Close() error { u(); return nil }

// used is how many bytes all files take. The lock is held.
func (m *memFS) used() int64 {
	var n int64
	for _, f := range m.files {
		n += int64(len(f.live))
	}
	return n
}

type handle struct {
	fs   *memFS
	name string
	f    *memFile
}

func (h *handle) ReadAt(b []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.fs.op("read", h.name); err != nil {
		return 0, err
	}
	if off >= int64(len(h.f.live)) {
		return 0, io.EOF
	}
	n := copy(b, h.f.live[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (h *handle) WriteAt(b []byte, off int64) (int, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.fs.op("write", h.name); err != nil {
		return 0, err
	}
	n, err := len(b), error(nil)
	if e := h.fs.op("short", h.name); e != nil {
		n, err = n/2, e
	}
	grow := off + int64(n) - int64(len(h.f.live))
	if room := h.fs.capacity - h.fs.used(); h.fs.capacity > 0 && grow > room {
		n, err = n-int(grow-max(0, room)), syscall.ENOSPC
	}
	if n > 0 {
		c := change{off: off, data: slices.Clone(b[:n])}
		h.f.live = apply(h.f.live, c)
		h.f.pending = append(h.f.pending, c)
	}
	return max(n, 0), err
}

func (h *handle) Truncate(size int64) error {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	if err := h.fs.op("truncate", h.name); err != nil {
		return err
	}
	c := change{off: size, cut: true}
	h.f.live = apply(h.f.live, c)
	h.f.pending = append(h.f.pending, c)
	return nil
}

func (h *handle) Sync() error {
	if h.fs.onSync != nil {
		h.fs.onSync(h.name)
	}
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	err := h.fs.op("sync", h.name)
	if errors.Is(err, errPower) {
		return err
	}
	if err == nil {
		for _, c := range h.f.pending {
			h.f.synced = apply(h.f.synced, c)
		}
	}
	h.f.pending = nil // a failed sync drops them, and the next knows nothing of it
	return err
}

func (h *handle) Size() (int64, error) {
	h.fs.mu.Lock()
	defer h.fs.mu.Unlock()
	return int64(len(h.f.live)), nil
}

func (h *handle) Close() error { return nil }
