package main

import (
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"syscall"
)

// endWithParent makes the kernel end cmd when the thread that started it ends.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// syncData makes the bytes of f durable, but not what only describes it.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// diskSize returns the bytes that a file takes on its disk.
func diskSize(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// processCPU returns the CPU seconds that this process has used.
func processCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// discardTCP drops n bytes of a stream without copying them here: what
// MSG_TRUNC means for TCP, see tcp(7).
func discardTCP(c *net.TCPConn, n int64) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	for n > 0 {
		var got uintptr
		var errno syscall.Errno
		err := raw.Read(func(fd uintptr) bool {
			got, _, errno = syscall.Syscall6(syscall.SYS_RECVFROM, fd, 0, uintptr(min(n, 4<<20)),
				syscall.MSG_TRUNC|syscall.MSG_DONTWAIT, 0, 0)
			return errno != syscall.EAGAIN && errno != syscall.EINTR
		})
		switch {
		case err != nil:
			return err
		case errno != 0:
			return errno
		case got == 0:
			return io.ErrUnexpectedEOF
		}
		n -= int64(got)
	}
	return nil
}
