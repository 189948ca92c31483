package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMissingLibrary(t *testing.T) {
	t.Setenv(libraryEnv, "") // make names the library
	t.Chdir(t.TempDir())
	_, err := FindLibrary()
	if !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), "make engine") {
		t.Errorf("got %v, want ErrLibrary that says to run make engine", err)
	}
}

func TestWrongLibrary(t *testing.T) {
	t.Setenv(libraryEnv, "") // make names the library
	dir := t.TempDir()
	t.Chdir(dir)
	path := filepath.Join(dir, ".cache", "engine", libraryName)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(size int64) {
		t.Helper()
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := f.Truncate(size); err != nil { // holes: takes no room
			t.Fatal(err)
		}
	}
	for name, size := range map[string]int64{"its size is wrong": 10, "its content is wrong": librarySize} {
		write(size)
		_, err := FindLibrary()
		if !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), "make engine") || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want ErrLibrary that names it and says to run make engine", name, err)
		}
	}
}

func TestNamedLibrary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not-a-library.so")
	t.Setenv(libraryEnv, path)
	if _, err := FindLibrary(); !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), libraryEnv) {
		t.Errorf("got %v, want ErrLibrary that names %s", err, libraryEnv)
	}
	if err := os.WriteFile(path, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := FindLibrary(); got != path || err != nil {
		t.Errorf("FindLibrary() = %q, %v; want %q", got, err, path)
	}
	if _, err := openLibrary(path); !errors.Is(err, ErrLibrary) {
		t.Errorf("loading a text gave %v, want ErrLibrary", err)
	}
	if _, err := Start(t.Context(), Options{Dir: t.TempDir(), PayoffPassword: "x"}); !errors.Is(err, ErrLibrary) || !strings.Contains(err.Error(), "make engine") {
		t.Errorf("starting with a text gave %v, want ErrLibrary that says to run make engine", err)
	}
}

func TestStampIsTrustedOnce(t *testing.T) {
	path, err := FindLibrary()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(path + ".sha256")
	if err != nil || strings.TrimSpace(string(kept)) != librarySHA256 {
		t.Errorf("the stamp is %q, %v", kept, err)
	}
}
