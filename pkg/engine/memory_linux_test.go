package engine_test

import (
	"os"
	"strings"
	"testing"

	"github.com/payoff-metrics/payoff/pkg/engine"
	"github.com/payoff-metrics/payoff/pkg/engine/enginetest"
)

// TestReadsFromMemoryAreNotHandedOn: in a directory in memory the engine reads by itself.
func TestReadsFromMemoryAreNotHandedOn(t *testing.T) {
	if mounts, err := os.ReadFile("/proc/mounts"); err != nil || !strings.Contains(string(mounts), " /dev/shm tmpfs ") {
		t.Skipf("there is no file system in memory at /dev/shm: %v", err)
	}
	dir, err := os.MkdirTemp("/dev/shm", "payoff-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	e := enginetest.StartIn(t, engine.Options{Dir: dir, Listen: "127.0.0.1:0"})
	if _, got := (call{path: "/", body: "SELECT getSetting('local_filesystem_read_method')"}).do(t, e); got != "pread\n" {
		t.Errorf("it reads by %q", got)
	}
}
