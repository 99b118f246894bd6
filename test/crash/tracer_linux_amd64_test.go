package crash_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is the tracer's own process: it stops another one at each of its
// system calls, by ptrace, and does to one of them what the order says. strace
// can nearly do it, but counts the calls of each thread by itself.

// fileCalls are the calls by which a server changes files, by number.
var fileCalls = map[uint64]string{
	unix.SYS_WRITE: "write", unix.SYS_PWRITE64: "pwrite64", unix.SYS_FSYNC: "fsync", unix.SYS_FDATASYNC: "fdatasync",
	unix.SYS_SYNC_FILE_RANGE: "sync_file_range", unix.SYS_FTRUNCATE: "ftruncate", unix.SYS_FALLOCATE: "fallocate",
	unix.SYS_RENAMEAT: "renameat", unix.SYS_RENAMEAT2: "renameat2", unix.SYS_RENAME: "rename", unix.SYS_UNLINK: "unlink",
	unix.SYS_UNLINKAT: "unlinkat", unix.SYS_LINKAT: "linkat", unix.SYS_MKDIRAT: "mkdirat",
	unix.SYS_PREAD64: "pread64", unix.SYS_READ: "read", unix.SYS_SENDFILE: "sendfile",
}

// pathCalls have no descriptor in their first argument.
var pathCalls = map[string]bool{"renameat": true, "renameat2": true, "rename": true, "unlink": true, "unlinkat": true, "linkat": true, "mkdirat": true}

// tracing is the state of the tracer.
type tracing struct {
	order   traceOrder
	calls   map[string]bool
	count   int
	pending map[int]int64 // what a thread's call shall return
	torn    map[int]bool  // threads whose process ends after the call
}

// tracerMain runs the tracer if this process was started as one.
func tracerMain() bool {
	text := os.Getenv(tracerVariable)
	if text == "" {
		return false
	}
	// Only the thread that attached may give orders.
	runtime.LockOSThread()
	t := &tracing{calls: map[string]bool{}, pending: map[int]int64{}, torn: map[int]bool{}}
	err := json.Unmarshal([]byte(text), &t.order)
	if err == nil {
		for _, c := range t.order.Calls {
			t.calls[c] = true
		}
		err = t.attach()
	}
	if err == nil {
		fmt.Println("ready")
		err = t.loop()
	}
	if err != nil {
		fmt.Println("error", err)
	}
	return true
}

// attach takes every thread, and those that they make.
func (t *tracing) attach() error {
	seen := map[int]bool{}
	for {
		tasks, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(t.order.PID), "task"))
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		fresh := false
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil || seen[tid] {
				continue
			}
			seen[tid], fresh = true, true
			// EPERM: a thread that is traced since its maker was.
			err = ptrace(unix.PTRACE_SEIZE, tid, 0, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACESYSGOOD)
			if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EPERM) && len(seen) > 1 {
				continue
			}
			if err != nil {
				return fmt.Errorf("attach to thread %d: %w", tid, err)
			}
			if err := ptrace(unix.PTRACE_INTERRUPT, tid, 0, 0); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("interrupt thread %d: %w", tid, err)
			}
		}
		if !fresh {
			return nil
		}
	}
}

func ptrace(request, tid int, addr, data uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), addr, data, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// loop answers each stop, until the traced process is gone.
func (t *tracing) loop() error {
	for {
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil:
			return fmt.Errorf("wait: %w", err)
		case !status.Stopped():
			continue
		}
		request, sig := unix.PTRACE_SYSCALL, uintptr(0)
		event := int(status) >> 16
		switch {
		case status.StopSignal() == syscall.SIGTRAP|0x80:
			if !t.stopped(tid) {
				continue // it hangs
			}
		case event == unix.PTRACE_EVENT_STOP && status.StopSignal() != syscall.SIGTRAP:
			request = unix.PTRACE_LISTEN
		case event == 0:
			sig = uintptr(status.StopSignal())
		}
		if err := ptrace(request, tid, 0, sig); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("let thread %d go on: %w", tid, err)
		}
	}
}

// syscallInfo is struct ptrace_syscall_info of linux/ptrace.h.
const (
	getSyscallInfo  = 0x420e
	syscallInfoSize = 88
	entryStop       = 1
	exitStop        = 2
)

// stopped looks at a thread before or after a system call, and tells whether it
// may go on.
func (t *tracing) stopped(tid int) bool {
	var info [syscallInfoSize]byte
	if err := ptrace(getSyscallInfo, tid, syscallInfoSize, uintptr(unsafe.Pointer(&info[0]))); err != nil {
		return true // it has ended meanwhile
	}
	switch info[0] {
	case entryStop:
		name := fileCalls[binary.NativeEndian.Uint64(info[24:])]
		if !t.calls[name] {
			return true
		}
		path, ok := t.path(name, binary.NativeEndian.Uint64(info[32:]))
		if !ok {
			return true
		}
		return t.called(tid, name, path)
	case exitStop:
		if t.torn[tid] {
			_ = unix.Kill(t.order.PID, unix.SIGKILL)
		}
		if result, ok := t.pending[tid]; ok {
			delete(t.pending, tid)
			t.change(tid, func(r *unix.PtraceRegs) { r.Rax = uint64(result) })
		}
	}
	return true
}

// path is the file of a call, if it is one that counts.
func (t *tracing) path(name string, descriptor uint64) (string, bool) {
	if pathCalls[name] {
		return "", true
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.order.PID, int32(descriptor)))
	return path, err == nil && strings.Contains(path, t.order.Path)
}

// called counts a call, and does what the order says if it is the one.
func (t *tracing) called(tid int, name, path string) bool {
	t.count++
	from, to := t.order.When, t.order.When
	if t.order.Last > to {
		to = t.order.Last
	}
	if t.count < from || t.count > to {
		return true
	}
	fmt.Println("hit", t.count, name, path)
	switch t.order.Action {
	case traceKill:
		_ = unix.Kill(t.order.PID, unix.SIGKILL)
	case traceHang:
		return false
	case traceError:
		t.change(tid, func(r *unix.PtraceRegs) { r.Orig_rax = ^uint64(0) })
		t.pending[tid] = -int64(t.order.Errno)
	case traceTorn:
		t.change(tid, func(r *unix.PtraceRegs) { r.Rdx /= 2 })
		t.torn[tid] = true
	case traceShort:
		t.change(tid, func(r *unix.PtraceRegs) { r.Rdx = (r.Rdx + 1) / 2 })
	case traceLie:
		t.change(tid, func(r *unix.PtraceRegs) {
			t.pending[tid] = int64(r.Rdx)
			r.Rdx /= 2
		})
	}
	return true
}

// change changes the registers of a stopped thread.
func (t *tracing) change(tid int, fn func(*unix.PtraceRegs)) {
	var regs unix.PtraceRegs
	if unix.PtraceGetRegs(tid, &regs) != nil {
		return // it has ended meanwhile
	}
	fn(&regs)
	_ = unix.PtraceSetRegs(tid, &regs)
}
