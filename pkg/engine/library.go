package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// The library this package was written for and tested with. scripts/get-engine.sh
// names the same build.
const (
	libraryName    = "libchdb.so"
	libraryVersion = "26.7.3"
	librarySize    = 566330096
	librarySHA256  = "36ad4e999882821ef13cf2d0f52c93f48e6ee1b4498b35a201c23ce4b8d15bf5"
)

// libraryEnv names a library to use in place of the verified one.
const libraryEnv = "PAYOFF_ENGINE_LIBRARY"

// ErrLibrary says that the engine's library is missing, is not the build this
// program needs, or does not load. The message says what to run.
var ErrLibrary = errors.New("the ClickHouse library is not usable")

// FindLibrary returns the path of the engine's library. It looks at
// $PAYOFF_ENGINE_LIBRARY, then beside the executable (there, in lib/ and in
// ../lib/), then in .cache/engine of the working directory and its parents.
// Size and hash are checked, except for a library named by the environment,
// which is somebody's decision. Every error is an [ErrLibrary].
func FindLibrary() (string, error) {
	if path := os.Getenv(libraryEnv); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%w: %s names %s: %w", ErrLibrary, libraryEnv, path, err)
		}
		return path, nil
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", fmt.Errorf("%w: the embedded ClickHouse is packaged for linux/amd64, not for %s/%s: use a ClickHouse server", ErrLibrary, runtime.GOOS, runtime.GOARCH)
	}
	places := libraryPlaces()
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return path, verifyLibrary(path)
		}
	}
	return "", fmt.Errorf("%w: %s was not found beside the program or in .cache/engine: run `make engine`, or name it in %s", ErrLibrary, libraryName, libraryEnv)
}

// libraryPlaces lists where the library may be, the nearest first.
func libraryPlaces() []string {
	var places []string
	if exe, err := os.Executable(); err == nil {
		dir := filepath.Dir(exe)
		places = append(places,
			filepath.Join(dir, "lib", libraryName),
			filepath.Join(dir, libraryName),
			filepath.Join(dir, "..", "lib", libraryName))
	}
	dir, err := os.Getwd()
	if err != nil {
		return places
	}
	for {
		places = append(places, filepath.Join(dir, ".cache", "engine", libraryName))
		parent := filepath.Dir(dir)
		if parent == dir {
			return places
		}
		dir = parent
	}
}

// verifyLibrary checks that path is the build this program needs. Reading half a
// gigabyte takes a second, so the hash is taken once: a file beside the library
// keeps it, and counts while it is not older than the library.
func verifyLibrary(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	if info.Size() != librarySize {
		return wrongLibrary(path, fmt.Sprintf("it has %d bytes, not %d", info.Size(), librarySize))
	}
	stamp := path + ".sha256"
	if st, err := os.Stat(stamp); err == nil && !st.ModTime().Before(info.ModTime()) {
		kept, err := os.ReadFile(stamp)
		if err == nil && string(bytes.TrimSpace(kept)) == librarySHA256 {
			return nil
		}
	}
	sum, err := hashFile(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLibrary, err)
	}
	if sum != librarySHA256 {
		return wrongLibrary(path, "its SHA-256 is "+sum)
	}
	// A library in a read-only place is hashed each time.
	if err := os.WriteFile(stamp, []byte(sum+"\n"), 0o644); err != nil && !errors.Is(err, fs.ErrPermission) && !strings.Contains(err.Error(), "read-only") {
		return fmt.Errorf("%w: keeping the hash of %s: %w", ErrLibrary, path, err)
	}
	return nil
}

func wrongLibrary(path, why string) error {
	return fmt.Errorf("%w: %s is not libchdb %s: %s: remove it and run `make engine`", ErrLibrary, path, libraryVersion, why)
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("hashing %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
