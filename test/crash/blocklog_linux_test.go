package crash_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// blockLog is a file that a disk image can be in, which notes each write and each
// flush: a file system in user space with one file, spoken to the kernel in its own
// protocol (linux/fuse.h).
type blockLog struct {
	dir  string // where it is mounted
	fd   int
	back *os.File // what was written so far

	mu     sync.Mutex // guards what follows
	noting bool
	noted  []blockWrite
}

// blockWrite is one write to the disk, or a flush of all before it.
type blockWrite struct {
	flush  bool
	offset int64
	data   []byte
}

// The operations of the protocol that one file needs.
const (
	fuseLookup    = 1
	fuseForget    = 2
	fuseGetattr   = 3
	fuseOpen      = 14
	fuseRead      = 15
	fuseWrite     = 16
	fuseStatfs    = 17
	fuseRelease   = 18
	fuseFsync     = 20
	fuseFlush     = 25
	fuseInit      = 26
	fuseInterrupt = 36
	fuseBatch     = 42

	fuseInHeader  = 40
	fuseOutHeader = 16
	fuseWriteMax  = 128 << 10
	fuseRoot      = 1
	fuseFile      = 2
)

const blockLogFile = "image"

// newBlockLog serves the file at path, or skips the test where that is not possible.
func newBlockLog(t *testing.T, path string) *blockLog {
	t.Helper()
	back, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := &blockLog{dir: filepath.Join(t.TempDir(), "fuse"), back: back}
	if err := os.Mkdir(b.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if b.fd, err = unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: file systems in user space: %v", err)
	}
	options := "fd=" + strconv.Itoa(b.fd) + ",rootmode=40000,user_id=0,group_id=0,allow_other"
	if err := unix.Mount("blocklog", b.dir, "fuse.blocklog", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		_ = unix.Close(b.fd)
		t.Skipf("SKIPPED, NOT TESTED: file systems in user space: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.serve()
	}()
	t.Cleanup(func() {
		_ = unix.Unmount(b.dir, unix.MNT_DETACH) // which ends serve
		<-done
		_ = unix.Close(b.fd)
		_ = back.Close()
	})
	return b
}

func (b *blockLog) file() string { return filepath.Join(b.dir, blockLogFile) }

// note begins to note writes, after a copy of the disk to path.
func (b *blockLog) note(copyTo func(from string) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.noting = true
	return copyTo(b.back.Name())
}

// position is how many writes were noted.
func (b *blockLog) position() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.noted)
}

// all are the writes so far.
func (b *blockLog) all() []blockWrite {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.noted
}

// serve answers the kernel until the file system is unmounted.
func (b *blockLog) serve() {
	request := make([]byte, fuseWriteMax+8192)
	for {
		n, err := unix.Read(b.fd, request)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil || n < fuseInHeader {
			return // ENODEV: it is unmounted
		}
		in := request[:n]
		opcode, unique := binary.NativeEndian.Uint32(in[4:]), binary.NativeEndian.Uint64(in[8:])
		body, errno := b.answer(opcode, binary.NativeEndian.Uint64(in[16:]), in[fuseInHeader:])
		switch opcode {
		case fuseForget, fuseBatch, fuseInterrupt:
			continue // nobody waits for an answer
		}
		if errno != 0 {
			body = nil
		}
		out := make([]byte, fuseOutHeader, fuseOutHeader+len(body))
		binary.NativeEndian.PutUint32(out, uint32(fuseOutHeader+len(body)))
		binary.NativeEndian.PutUint32(out[4:], uint32(-int32(errno)))
		binary.NativeEndian.PutUint64(out[8:], unique)
		_, _ = unix.Write(b.fd, append(out, body...)) // who asked may be gone
	}
}

// answer does one operation.
func (b *blockLog) answer(opcode uint32, node uint64, in []byte) ([]byte, unix.Errno) {
	number := func(at int) uint64 { return binary.NativeEndian.Uint64(in[at:]) }
	size := func(at int) int { return int(binary.NativeEndian.Uint32(in[at:])) }
	switch opcode {
	case fuseInit:
		out := make([]byte, 64)
		put32 := func(at int, n uint32) { binary.NativeEndian.PutUint32(out[at:], n) }
		put32(0, 7)
		put32(4, 31)
		put32(8, 128<<10) // read ahead
		put32(12, 1<<5)   // writes of more than a page
		put32(20, fuseWriteMax)
		put32(24, 1)
		return out, 0
	case fuseLookup:
		if string(in[:max(0, len(in)-1)]) != blockLogFile {
			return nil, unix.ENOENT
		}
		out := make([]byte, 40, 128)
		binary.NativeEndian.PutUint64(out, fuseFile)
		return append(out, b.attributes(fuseFile)...), 0
	case fuseGetattr:
		return append(make([]byte, 16), b.attributes(node)...), 0
	case fuseOpen:
		return make([]byte, 16), 0
	case fuseStatfs:
		return make([]byte, 80), 0
	case fuseRelease, fuseFlush:
		return nil, 0
	case fuseRead:
		out := make([]byte, size(16))
		n, _ := b.back.ReadAt(out, int64(number(8)))
		return out[:n], 0
	case fuseWrite:
		data := in[40 : 40+size(16)]
		if err := b.write(int64(number(8)), data); err != nil {
			return nil, unix.EIO
		}
		out := make([]byte, 8)
		binary.NativeEndian.PutUint32(out, uint32(len(data)))
		return out, 0
	case fuseFsync:
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.noting {
			b.noted = append(b.noted, blockWrite{flush: true})
		}
		return nil, 0
	}
	return nil, unix.ENOSYS
}

func (b *blockLog) write(offset int64, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.noting {
		b.noted = append(b.noted, blockWrite{offset: offset, data: append([]byte(nil), data...)})
	}
	_, err := b.back.WriteAt(data, offset)
	return err
}

// attributes is struct fuse_attr.
func (b *blockLog) attributes(node uint64) []byte {
	out := make([]byte, 88)
	binary.NativeEndian.PutUint64(out, node)
	mode, size := uint32(unix.S_IFDIR|0o700), int64(0)
	if node == fuseFile {
		mode = unix.S_IFREG | 0o600
		if info, err := b.back.Stat(); err == nil {
			size = info.Size()
		}
	}
	binary.NativeEndian.PutUint64(out[8:], uint64(size))
	binary.NativeEndian.PutUint64(out[16:], uint64(size/512))
	binary.NativeEndian.PutUint32(out[60:], mode)
	binary.NativeEndian.PutUint32(out[64:], 1)
	binary.NativeEndian.PutUint32(out[80:], 4096)
	return out
}
