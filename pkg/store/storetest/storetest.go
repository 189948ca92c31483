// Package storetest gives tests a migrated store on an engine of their own.
package storetest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
	"github.com/payoff-metrics/payoff/pkg/store"
)

// Open starts an engine with a migrated store and returns the store; both end
// with the test.
func Open(t testing.TB) *store.Store {
	t.Helper()
	return On(t, Start(t))
}

// Start starts an engine whose store is migrated.
func Start(t testing.TB) *engine.Engine {
	t.Helper()
	dir := t.TempDir()
	Copy(t, dir)
	return enginetest.StartIn(t, engine.Options{Dir: dir, Listen: "127.0.0.1:0"})
}

// On migrates a running engine, where that is not done, and returns the store on it.
func On(t testing.TB, e *engine.Engine) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{DialContext: e.DialContext, User: engine.OwnerUser, Password: enginetest.PayoffPassword})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	if _, err := s.Migrate(t.Context(), time.Now, false); err != nil {
		t.Fatal(err)
	}
	return s
}

// A file of an engine's directory; of a link, content is where it points.
type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

var migrated struct {
	sync.Mutex
	files []file
}

// Copy writes into dir what an engine keeps there once its store is migrated: the
// first call of a test binary has one do it, which takes ten times as long as
// starting, and the files are kept in memory for the others.
func Copy(t testing.TB, dir string) {
	t.Helper()
	migrated.Lock()
	defer migrated.Unlock()
	if migrated.files == nil {
		once := t.TempDir()
		if err := migrate(t.Context(), once); err != nil {
			t.Fatalf("making a migrated store: %v", err)
		}
		files, err := read(once)
		if err != nil {
			t.Fatalf("reading a migrated store: %v", err)
		}
		migrated.files = files
	}
	for _, f := range migrated.files {
		if err := f.write(dir); err != nil {
			t.Fatalf("copying a migrated store: %v", err)
		}
	}
}

func (f file) write(dir string) error {
	name := filepath.Join(dir, f.name)
	switch f.mode.Type() {
	case fs.ModeDir:
		return os.MkdirAll(name, f.mode.Perm())
	case fs.ModeSymlink:
		return os.Symlink(string(f.content), name)
	}
	return os.WriteFile(name, f.content, f.mode.Perm())
}

// migrate has an engine migrate and end.
func migrate(ctx context.Context, dir string) (err error) {
	e, err := engine.Start(ctx, engine.Options{Dir: dir, PayoffPassword: enginetest.PayoffPassword})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Stop(ctx)) }()
	s, err := store.Open(ctx, store.Options{DialContext: e.DialContext, User: engine.OwnerUser, Password: enginetest.PayoffPassword})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	_, err = s.Migrate(ctx, time.Now, false)
	return err
}

// read returns what an engine that has ended keeps in dir.
func read(dir string) (files []file, err error) {
	err = filepath.WalkDir(filepath.Join(dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() == "status" { // of the process that had it open
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		f := file{mode: info.Mode()}
		if f.name, err = filepath.Rel(dir, path); err != nil {
			return err
		}
		switch f.mode.Type() {
		case fs.ModeSymlink:
			var to string
			to, err = os.Readlink(path)
			f.content = []byte(to)
		case 0:
			f.content, err = os.ReadFile(path)
		}
		files = append(files, f)
		return err
	})
	return files, err
}
