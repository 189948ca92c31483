//go:build linux

package engine

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"
)

// TestSignals loads the engine into the test's own process. Go's handlers must be
// Go's still, and the engine's own must run on the signal stack: then goroutines
// survive being interrupted by it, and a nil dereference can be recovered from.
func TestSignals(t *testing.T) {
	path, err := FindLibrary()
	if err != nil {
		t.Fatal(err)
	}
	before := handler(syscall.SIGSEGV)
	lib, err := openLibrary(path)
	if err != nil {
		t.Fatal(err)
	}
	args, err := writeConfig(t.TempDir(), 0)
	if err != nil {
		t.Fatal(err)
	}
	c, err := lib.open(args...)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if after := handler(syscall.SIGSEGV); after.handler != before.handler {
		t.Error("the engine has taken over SIGSEGV")
	}
	if sa := handler(stackTraceSignal); sa.handler <= 1 || sa.flags&saOnStack == 0 {
		t.Errorf("the handler of signal %d is %+v, want one with SA_ONSTACK", stackTraceSignal, sa)
	}
	var busy atomic.Bool
	busy.Store(true)
	var wg sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		wg.Go(func() {
			for n := 0; busy.Load(); n++ {
				if deep(200) != 200 {
					t.Error("a stack was corrupted")
				}
			}
		})
	}
	for range 10 {
		rows, err := c.lines("SELECT count() FROM system.stack_trace WHERE thread_id != 0")
		if err != nil || len(rows) != 1 {
			t.Errorf("got %q, %v", rows, err)
		}
	}
	busy.Store(false)
	wg.Wait()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("a nil dereference did not panic")
			}
		}()
		var nothing *sigaction
		nothing.flags++
	}()
}

// deep needs a stack that has to grow.
func deep(n int) int {
	var pad [64]int
	if n == 0 {
		return 0
	}
	pad[n%64] = deep(n-1) + 1
	return pad[n%64]
}

func handler(sig syscall.Signal) sigaction {
	var sa sigaction
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), 0, uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa.mask), 0, 0)
	return sa
}

func TestNewException(t *testing.T) {
	for text, want := range map[string]int{
		"Code: 60. DB::Exception: Unknown table. (UNKNOWN_TABLE)": 60,
		"something else": 1001,
	} {
		e := newException(text).(*exception)
		if e.code != want || !strings.Contains(e.Error(), strings.Fields(text)[0]) {
			t.Errorf("%q has code %d, want %d", text, e.code, want)
		}
	}
}
