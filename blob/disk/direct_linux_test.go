package disk

import (
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"golang.org/x/sys/unix"

	"coffer/blob/blobtest"
)

// TestLargeBlobsPassTheCache writes blobs whose last chunk is whole, cut, aligned
// and not, on a file system that takes direct writes.
func TestLargeBlobsPassTheCache(t *testing.T) {
	dir := t.TempDir()
	f, err := vfs.Default.Create(filepath.Join(dir, "probe"), vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	direct := setDirect(f, true)
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil || direct != (flags&unix.O_DIRECT != 0) {
		t.Errorf("setDirect(true) = %t, and the flags of the file are %o, %v", direct, flags, err)
	}
	if direct && !setDirect(f, false) {
		t.Error("a file does not go back")
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if !direct {
		t.Logf("%s takes no direct writes: what follows goes through the cache", dir)
	}
	s := openWith(t, Options{Dirs: []string{filepath.Join(dir, "blobs")}})
	for _, size := range []int{chunkBytes, chunkBytes + 1, 2 * chunkBytes, 2*chunkBytes + 4096, 3*chunkBytes - 512, flushBytes + 77} {
		content := blobtest.Content(uint64(size), size)
		checkWhole(t, s, blobtest.Put(t, s, content), content)
	}
}

// TestAFileSystemThatRefusesADirectWriteStillTakesTheBlob: some take the flag, and
// then want larger alignments than any page.
func TestAFileSystemThatRefusesADirectWriteStillTakesTheBlob(t *testing.T) {
	var writes atomic.Int32
	var refuse atomic.Bool
	fs := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && refuse.Load() && writes.Add(1) == 1 {
			return syscall.EINVAL
		}
		return nil
	}))
	s := open(t, fs, t.TempDir())
	refuse.Store(true)
	content := blobtest.Content(1, 3*chunkBytes+5)
	ref := blobtest.Put(t, s, content)
	checkWhole(t, s, ref, content)
	if n := writes.Load(); n < 5 {
		t.Errorf("%d writes, want the first one twice", n)
	}
}

// cutFS writes the first half of a direct write and refuses the rest, as a file
// system may whose write was cut.
type cutFS struct {
	vfs.FS
	cut *atomic.Int32
}

func (f cutFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	return cutFile{file, f.cut}, err
}

type cutFile struct {
	vfs.File
	cut *atomic.Int32
}

func (f cutFile) Write(p []byte) (int, error) {
	if len(p) == chunkBytes && f.cut.Add(1) == 2 {
		n, err := f.File.Write(p[:len(p)/2])
		if err == nil {
			err = syscall.EINVAL
		}
		return n, err
	}
	return f.File.Write(p)
}

func TestADirectWriteThatIsCutIsGoneOnWith(t *testing.T) {
	cut := new(atomic.Int32)
	s := open(t, cutFS{vfs.Default, cut}, t.TempDir())
	content := blobtest.Content(2, 4*chunkBytes+5)
	checkWhole(t, s, blobtest.Put(t, s, content), content)
	if cut.Load() < 2 {
		t.Errorf("%d chunks were written whole, want the second one cut", cut.Load())
	}
}
