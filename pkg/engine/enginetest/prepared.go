package enginetest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/engine"
)

// Prepared is what an engine keeps in its directory once something has been done with
// it. The first test of a binary that asks has an engine do it; the files are kept in
// memory for the others.
type Prepared struct {
	mu    sync.Mutex
	files []file
}

// A file of an engine's directory; of a link, content is where it points.
type file struct {
	name    string
	mode    fs.FileMode
	content []byte
}

// Copy writes the files into dir, the directory of an engine to be started.
func (p *Prepared) Copy(t testing.TB, dir string, do func(context.Context, *engine.Engine) error) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files == nil {
		var err error
		if p.files, err = prepare(t.Context(), t.TempDir(), do); err != nil {
			t.Fatalf("preparing an engine's directory: %v", err)
		}
	}
	for _, f := range p.files {
		if err := f.write(dir); err != nil {
			t.Fatalf("copying an engine's directory: %v", err)
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

// prepare returns the files of an engine that has done something and ended.
func prepare(ctx context.Context, dir string, do func(context.Context, *engine.Engine) error) ([]file, error) {
	e, err := engine.Start(ctx, engine.Options{Dir: dir, PayoffPassword: PayoffPassword})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(do(ctx, e), e.Stop(ctx)); err != nil {
		return nil, err
	}
	files, err := read(dir)
	if err != nil {
		return nil, fmt.Errorf("reading what it left: %w", err)
	}
	return files, nil
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
