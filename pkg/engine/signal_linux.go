package engine

import (
	"syscall"
	"unsafe"
)

// sigaction is the kernel's struct sigaction on linux/amd64 and linux/arm64.
type sigaction struct {
	handler  uintptr
	flags    uint64
	restorer uintptr
	mask     uint64
}

const (
	stackTraceSignal = 34 // SIGRTMIN of glibc: used by system.stack_trace
	saOnStack        = 0x08000000
)

// fixSignalStack makes the engine's handler of signal 34 run on the signal
// stack. The engine installs it without SA_ONSTACK, so it would run on, and
// overflow, the small stack of whichever goroutine it interrupts.
func fixSignalStack() {
	var sa sigaction
	size := unsafe.Sizeof(sa.mask)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, stackTraceSignal, 0, uintptr(unsafe.Pointer(&sa)), size, 0, 0)
	if errno != 0 || sa.handler <= 1 || sa.flags&saOnStack != 0 {
		return // not installed, ignored, or right already
	}
	sa.flags |= saOnStack
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, stackTraceSignal, uintptr(unsafe.Pointer(&sa)), 0, size, 0, 0)
}
