package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"coffer/blob"
	"coffer/blob/blobtest"
)

// TestAcknowledgedPutsSurviveACrash cuts the power at some moment of concurrent
// Puts, with none, some or all of what was not synced on the disk.
func TestAcknowledgedPutsSurviveACrash(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for cut := range 24 {
		mem := vfs.NewCrashableMem()
		s := open(t, mem, "/deep/er/data", "/other")
		s.blockBytes = blockBytesMin

		var mu sync.Mutex // guards acked
		acked := map[blob.Ref]uint64{}
		reached, ended := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		for i := range uint64(4) {
			wg.Go(func() {
				for n := range uint64(14) {
					seed := 1 + i + 4*n
					ref, _, err := s.Put(t.Context(), bytes.NewReader(crashContent(seed)))
					if err != nil {
						t.Errorf("Put = %v", err)
						return
					}
					mu.Lock()
					if acked[ref] = seed; len(acked) == 1+2*cut {
						close(reached)
					}
					mu.Unlock()
				}
			})
		}
		go func() {
			wg.Wait()
			close(ended)
		}()
		select {
		case <-reached:
		case <-ended: // a Put failed
		}
		mu.Lock()
		want := maps.Clone(acked)
		mu.Unlock()
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[cut%3], RNG: rng})
		<-ended

		after := open(t, clone, "/deep/er/data", "/other")
		for ref, seed := range want {
			blobtest.Check(t, after, ref, crashContent(seed))
		}
		checkAllWholeOrDamaged(t, after)
	}
}

// crashContent is content that names its own seed, so that also a blob whose Put
// never returned can be checked.
func crashContent(seed uint64) []byte {
	return append([]byte(fmt.Sprintf("%08d", seed)), blobtest.Content(seed, int(seed*7919%50_000))...)
}

func checkAllWholeOrDamaged(t *testing.T, s *Store) {
	t.Helper()
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Open(t.Context(), info.Ref)
		var damaged *blob.DamagedError
		if errors.As(err, &damaged) {
			continue
		}
		if err != nil {
			t.Errorf("Open(%s) after a crash = %v, want a *DamagedError", info.Ref, err)
			continue
		}
		var got bytes.Buffer
		_, err = b.CopyRange(&got, 0, b.Size())
		if errors.As(err, &damaged) {
			_ = b.Close() // only read
			continue
		}
		var seed uint64
		if _, serr := fmt.Sscanf(string(got.Bytes()[:8]), "%d", &seed); err != nil || serr != nil || !bytes.Equal(got.Bytes(), crashContent(seed)) {
			t.Errorf("%s after a crash: CopyRange = %v, or bytes that nobody put", info.Ref, err)
		}
		_ = b.Close() // only read
	}
}

// TestAFirstOpenMayBeCutAnywhere cuts the power at each operation of the first
// Open: the next one must get a disk.
func TestAFirstOpenMayBeCutAnywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	// The identity's operations are the last ones, from 770; those before make folders.
	for _, index := range []int32{0, 1, 2, 3, 5, 100, 767, 768, 769, 770, 771, 772, 773, 774, 775, 776, 777, 778, 779, 780, 781, 782} {
		for _, percent := range []int{0, 50, 100} {
			mem := vfs.NewCrashableMem()
			_, err := Open(Options{FS: errorfs.Wrap(mem, errorfs.OnIndex(index)), Dirs: []string{"/x/data"}})
			if !errors.Is(err, errorfs.ErrInjected) {
				t.Errorf("Open with operation %d failing = %v, want %v", index, err, errorfs.ErrInjected)
			}
			s := open(t, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}), "/x/data")
			blobtest.Check(t, s, blobtest.Put(t, s, []byte("x")), []byte("x"))
		}
	}
}

// recorder injects one error and notes what was synced.
type recorder struct {
	mu     sync.Mutex
	failAt int // counted over the operations that change something; -1 for none
	failed string
	ops    []string
	again  int // syncs of what failed, after it
	err    error
}

func (r *recorder) String() string { return "recorder" }

func (r *recorder) MaybeError(op errorfs.Op) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		if r.failed == op.Path {
			r.again++
		}
	case errorfs.OpCreate, errorfs.OpStat, errorfs.OpFileWrite, errorfs.OpOpenDir:
	default:
		return nil
	}
	r.ops = append(r.ops, fmt.Sprintf("%d %s", op.Kind, op.Path))
	if len(r.ops)-1 == r.failAt {
		r.failed = op.Path
		return r.err
	}
	return nil
}

// TestEachFaultOfAPutIsSurfaced fails each operation of a Put once: the Put
// fails, what failed is not synced afterwards, no descriptor stays open, and the
// store goes on.
func TestEachFaultOfAPutIsSurfaced(t *testing.T) {
	for _, size := range []int{0, 100, chunkBytes, 3*chunkBytes + 5, flushBytes + 1} {
		content := blobtest.Content(1, size)
		rec := &recorder{failAt: -1, err: syscall.EIO}
		s := open(t, errorfs.Wrap(vfs.Default, rec), t.TempDir())
		for index := 0; ; index++ {
			before := openFiles(t)
			rec.failAt, rec.failed, rec.ops, rec.again = index, "", nil, 0
			ref, n, err := s.Put(t.Context(), bytes.NewReader(content))
			if rec.failed == "" {
				if err != nil || index < 5 {
					t.Errorf("Put of %d bytes with %d operations = %v", size, len(rec.ops), err)
				}
				break
			}
			var reader *blob.ReaderError
			if ref != "" || n != 0 || !errors.Is(err, syscall.EIO) || errors.As(err, &reader) {
				t.Errorf("Put of %d bytes with %q failing = %q, %d, %v, want %v", size, rec.ops[index], ref, n, err, syscall.EIO)
			}
			if rec.again > 0 {
				t.Errorf("Put of %d bytes with %q failing: synced again %d times, want never", size, rec.ops[index], rec.again)
			}
			if after := openFiles(t); after != before {
				t.Errorf("Put of %d bytes with %q failing: %d open files, want %d", size, rec.ops[index], after, before)
			}
			for info := range s.List(t.Context(), "") {
				t.Errorf("Put of %d bytes with %q failing left %s", size, rec.ops[index], info.Ref)
			}
			rec.failAt = -1
			next := blobtest.Put(t, s, content)
			checkWhole(t, s, next, content)
			if err := s.Delete(t.Context(), next); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// checkWhole is blobtest.Check, and closes the blob at once.
func checkWhole(t *testing.T, s *Store, ref blob.Ref, want []byte) {
	t.Helper()
	b, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var got bytes.Buffer
	if _, err := b.CopyRange(&got, 0, b.Size()); err != nil || !bytes.Equal(got.Bytes(), want) {
		t.Errorf("CopyRange of %s = %v, or other bytes", ref, err)
	}
}

// openFiles counts the descriptors of this process; the tests of this package do
// not run in parallel.
func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc/self/fd to count descriptors")
	}
	n := 0
	for _, fd := range all {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && strings.HasPrefix(to, os.TempDir()) {
			n++
		}
	}
	return n
}

func TestAFullDiskIsToldFromOtherErrors(t *testing.T) {
	full := true
	s := open(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full && op.Kind == errorfs.OpFileWrite && !strings.Contains(op.Path, identityName) {
			return syscall.ENOSPC
		}
		return nil
	})), "/data")
	if _, _, err := s.Put(t.Context(), strings.NewReader("x")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Put on a full disk = %v, want %v", err, syscall.ENOSPC)
	}
	full = false
	blobtest.Check(t, s, blobtest.Put(t, s, []byte("x")), []byte("x"))
}

// shortFS writes all but the last byte, and says no more about it.
type shortFS struct{ vfs.FS }

type shortFile struct{ vfs.File }

func (f shortFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, c)
	return shortFile{file}, err
}

func (f shortFile) Write(p []byte) (int, error) { return f.File.Write(p[:len(p)-1]) }

func TestAShortWriteIsAnError(t *testing.T) {
	mem := vfs.NewMem()
	open(t, mem, "/data")
	s := open(t, shortFS{mem}, "/data")
	for _, size := range []int{0, 1, 2 * chunkBytes} {
		if ref, _, err := s.Put(t.Context(), bytes.NewReader(make([]byte, size))); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("Put of %d bytes with short writes = %q, %v, want %v", size, ref, err, io.ErrShortWrite)
		}
	}
}

func TestAReadErrorIsNoDamage(t *testing.T) {
	failing := false
	s := open(t, errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing && op.Kind == errorfs.OpFileReadAt {
			return syscall.EIO
		}
		return nil
	})), "/data")
	ref := blobtest.Put(t, s, []byte("hello"))
	b, err := s.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	failing = true
	_, openErr := s.Open(t.Context(), ref)
	n, readErr := b.ReadAt(make([]byte, 5), 0)
	for _, err := range []error{openErr, readErr} {
		var damaged *blob.DamagedError
		if !errors.Is(err, syscall.EIO) || !errors.Is(err, blob.ErrUnreadable) || errors.As(err, &damaged) || errors.Is(err, blob.ErrNotFound) || n != 0 {
			t.Errorf("a read error came back as %v after %d bytes, want %v", err, n, syscall.EIO)
		}
	}
}
