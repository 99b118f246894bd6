package disk

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/blob"
	"coffer/blob/blobtest"
)

func TestStoreInMemory(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store { return open(t, vfs.NewMem(), "/data") })
}

func TestStoreOnDisk(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		return openWith(t, Options{Dirs: []string{t.TempDir()}, NoSync: testing.Short()})
	})
}

func TestStoreOnThreeDisksWithSmallBlocks(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) blob.Store {
		s := open(t, vfs.NewMem(), "/c", "b", "/deep/er/a")
		s.blockBytes = blockBytesMin
		return s
	})
}

// open opens a store with repeatable names.
func open(t testing.TB, fs vfs.FS, dirs ...string) *Store {
	t.Helper()
	return openWith(t, Options{FS: fs, Dirs: dirs})
}

func openWith(t testing.TB, opt Options) *Store {
	t.Helper()
	s, err := Open(opt)
	if err != nil {
		t.Fatalf("Open(%q) = %v", opt.Dirs, err)
	}
	return s
}

func TestDisksMayComeInAnyOrderAndLater(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, "/a", "/b")
	want := map[blob.Ref][]byte{}
	for i := range 30 {
		p := blobtest.Content(uint64(i), 100)
		want[blobtest.Put(t, s, p)] = p
	}
	s = open(t, mem, "/new", "/b", "/a")
	for ref, p := range want {
		blobtest.Check(t, s, ref, p)
	}

	s = open(t, mem, "/b")
	missing := 0
	for ref, p := range want {
		if s.disk(string(ref[:idBytes])) != nil {
			blobtest.Check(t, s, ref, p)
			continue
		}
		missing++
		// A blob on a missing disk is not lost, and must not be taken for it.
		_, err := s.Open(t.Context(), ref)
		if err == nil || errors.Is(err, blob.ErrNotFound) || !errors.Is(err, blob.ErrUnreadable) || !strings.Contains(err.Error(), "not attached") {
			t.Errorf("Open(%s) without its disk = %v, want that it is not attached", ref, err)
		}
		if err := s.Delete(t.Context(), ref); err == nil {
			t.Errorf("Delete(%s) without its disk = nil, want an error", ref)
		}
	}
	if missing == 0 || missing == len(want) {
		t.Errorf("%d of %d blobs are on one of two disks", missing, len(want))
	}
}

func TestFoldersThatAreNoDiskAreRefused(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(t *testing.T, mem *vfs.MemFS)
		want  string // "" if it is fine
	}{
		{"NothingWrong", func(*testing.T, *vfs.MemFS) {}, ""},
		{"BlobsWithoutIdentity", func(t *testing.T, mem *vfs.MemFS) { remove(t, mem, "/data/identity") }, "identity was lost"},
		{"OtherThings", func(t *testing.T, mem *vfs.MemFS) {
			if err := mem.RemoveAll("/data"); err != nil {
				t.Fatal(err)
			}
			writeFile(t, mem, "/data/thesis.txt", []byte("x"))
		}, "not a blob disk"},
		{"AnInterruptedFirstOpen", func(t *testing.T, mem *vfs.MemFS) {
			if err := mem.RemoveAll("/data"); err != nil {
				t.Fatal(err)
			}
			writeFile(t, mem, "/data/identity.new", nil)
			if err := mem.MkdirAll("/data/07", dirPerm); err != nil {
				t.Fatal(err)
			}
		}, ""},
		{"AShortIdentity", func(t *testing.T, mem *vfs.MemFS) { writeFile(t, mem, "/data/identity", []byte("CFDK")) }, "not the identity"},
		{"AFlippedIdentity", func(t *testing.T, mem *vfs.MemFS) {
			p := readFile(t, mem, "/data/identity")
			p[9] ^= 1
			writeFile(t, mem, "/data/identity", p)
		}, "checksum"},
		{"ACopyOfAnotherDisk", func(t *testing.T, mem *vfs.MemFS) {
			open(t, mem, "/other")
			writeFile(t, mem, "/other/identity", readFile(t, mem, "/data/identity"))
		}, "copy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mem := vfs.NewMem()
			blobtest.Put(t, open(t, mem, "/data"), []byte("x"))
			tt.spoil(t, mem)
			_, err := Open(Options{FS: mem, Dirs: []string{"/data", "/other"}})
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Open = %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := Open(Options{}); err == nil {
		t.Error("Open without folders = nil, want an error")
	}
}

func TestRepeatedRandomnessNeverReplacesABlob(t *testing.T) {
	mem := vfs.NewMem()
	open(t, mem, "/data")
	again := func() *Store {
		return openWith(t, Options{FS: mem, Dirs: []string{"/data"}, Rand: rand.NewChaCha8([32]byte{7})})
	}
	s := again()
	ref := blobtest.Put(t, s, []byte("first"))
	if got, _, err := again().Put(t.Context(), strings.NewReader("second")); err == nil {
		t.Errorf("Put with the randomness of %s = %s, want an error", ref, got)
	}
	blobtest.Check(t, s, ref, []byte("first"))
}

func TestListTellsOnlyOfNamesThatAreRefs(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, "/data")
	ref := blobtest.Put(t, s, []byte("x"))
	_, name, _ := parseRef(ref)
	other := "00"
	if name[:2] == other {
		other = "01"
	}
	for _, path := range []string{name[:2] + "/notes.txt", name[:2] + "/" + strings.ToUpper(name), other + "/" + name, "00/" + name[:31]} {
		writeFile(t, mem, "/data/"+path, nil)
	}
	var got []blob.Ref
	for info, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, info.Ref)
	}
	if len(got) != 1 || got[0] != ref {
		t.Errorf("List = %q, want only %q", got, ref)
	}
	// Reclaim and scrub must not take a disk that went away for an empty one.
	if err := mem.RemoveAll("/data/00"); err != nil {
		t.Fatal(err)
	}
	for _, err := range s.List(t.Context(), "") {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("List without a folder = %v, want %v", err, fs.ErrNotExist)
		}
		break
	}
}

func TestFilesAreTheirOwnersOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	blobtest.Put(t, openWith(t, Options{Dirs: []string{dir}}), []byte("x"))
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = fs.ModeDir | 0o700
		} else {
			files++
		}
		if err == nil && info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return err
	})
	if err != nil || files != 2 {
		t.Errorf("walk of %d files = %v, want 2 files", files, err)
	}
}

func TestUsageIsThatOfTheDisks(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, "/a", "/b")
	mem.TestingSetDiskUsage(vfs.DiskUsage{AvailBytes: 5 << 20, TotalBytes: 9 << 20})
	got, err := s.Usage()
	if err != nil || len(got) != 2 || got[0].ID >= got[1].ID || got[1].Free != 5<<20 || got[1].Total != 9<<20 {
		t.Errorf("Usage = %+v, %v, want two disks with 5 of 9 MiB free", got, err)
	}
	blobtest.Check(t, s, blobtest.Put(t, s, []byte("x")), []byte("x"))
}

// usageFS has as much free space as free says.
type usageFS struct {
	vfs.FS
	free map[string]uint64
}

func (f usageFS) GetDiskUsage(dir string) (vfs.DiskUsage, error) {
	if n, ok := f.free[dir]; ok {
		return vfs.DiskUsage{AvailBytes: n}, nil
	}
	return vfs.DiskUsage{}, errors.New("disk does not answer")
}

func TestDisksFillInProportionToTheirFreeSpace(t *testing.T) {
	s := open(t, usageFS{vfs.NewMem(), map[string]uint64{"/a": 30 << 20, "/b": 10 << 20, "/full": 0}}, "/a", "/b", "/full", "/sick")
	got := map[string]int{}
	for range 4000 {
		d, _, err := s.newName()
		if err != nil {
			t.Fatal(err)
		}
		got[d.dir]++
	}
	if got["/a"] < 2800 || got["/a"] > 3200 || got["/a"]+got["/b"] != 4000 {
		t.Errorf("4000 blobs went to %v, want about 3000 to /a and the rest to /b", got)
	}
}

func TestWaitersShareASyncThatStartedAfterTheirCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g groupSync
		var syncs int
		errSync := errors.New("sync failed")
		release := make(chan error)
		var wg sync.WaitGroup
		results := make([]error, 11)
		call := func(i int) {
			wg.Go(func() { results[i] = g.do(func() error { syncs++; return <-release }) })
			synctest.Wait()
		}
		for i := range results {
			call(i)
		}
		release <- nil     // the first caller's sync, which nobody else may trust
		release <- errSync // the one of the ten who called meanwhile
		wg.Wait()
		if syncs != 2 || results[0] != nil {
			t.Errorf("11 callers made %d syncs, the first with %v, want 2 and nil", syncs, results[0])
		}
		for i, err := range results[1:] {
			if err != errSync {
				t.Errorf("caller %d got %v, want %v", i+1, err, errSync)
			}
		}
	})
}

func TestAPanickingReaderLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // fails if a goroutine stays
		mem := vfs.NewMem()
		s := open(t, mem, "/data")
		func() {
			defer func() {
				if recover() == nil {
					t.Error("Put swallowed the panic of its reader")
				}
			}()
			_, _, _ = s.Put(t.Context(), &panicking{left: 2 * chunkBytes})
		}()
		for info := range s.List(t.Context(), "") {
			t.Errorf("List = %s, want nothing", info.Ref)
		}
	})
}

type panicking struct{ left int }

func (r *panicking) Read(p []byte) (int, error) {
	if r.left -= len(p); r.left < 0 {
		panic("reader")
	}
	return len(p), nil
}

func TestAnOpenBlobCanBeClosedOnce(t *testing.T) {
	s := open(t, vfs.NewMem(), "/data")
	b, err := s.Open(t.Context(), blobtest.Put(t, s, []byte("hello")))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	if err := b.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("second Close = %v, want %v", err, fs.ErrClosed)
	}
	if n, err := b.ReadAt(make([]byte, 1), 0); n != 0 || !errors.Is(err, fs.ErrClosed) {
		t.Errorf("ReadAt after Close = %d, %v, want %v", n, err, fs.ErrClosed)
	}
}

func TestABlobHasAMaximum(t *testing.T) {
	s := open(t, vfs.NewMem(), "/data")
	w, err := s.create()
	if err != nil {
		t.Fatal(err)
	}
	w.size = contentBytesMax - 1
	if err := w.write([]byte("xx")); err == nil || w.size != contentBytesMax-1 {
		t.Errorf("write beyond the maximum = %v, size %d", err, w.size)
	}
	w.abandon()
}

func readFile(t testing.TB, fs vfs.FS, path string) []byte {
	t.Helper()
	f, err := fs.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var p bytes.Buffer
	if _, err := p.ReadFrom(f); err != nil {
		t.Fatal(err)
	}
	return p.Bytes()
}

// writeFile replaces a file, its folder included if there is none.
func writeFile(t testing.TB, fs vfs.FS, path string, p []byte) {
	t.Helper()
	if err := fs.MkdirAll(fs.PathDir(path), dirPerm); err != nil {
		t.Fatal(err)
	}
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Clone(p)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, fs vfs.FS, path string) {
	t.Helper()
	if err := fs.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestRefsLeadNowhereElse has refs that are paths out of the store: what they lead to
// is neither opened nor deleted.
func TestRefsLeadNowhereElse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "blobs")
	s := openWith(t, Options{Dirs: []string{dir}, NoSync: true})
	id, _, _ := strings.Cut(string(blobtest.Put(t, s, []byte("x"))), "-")
	// Of a name's first letters the folder is made: ../ and then the name again.
	name := "../" + strings.Repeat("a", nameBytes-3)
	outside := s.path(s.disk(id), name)
	if strings.HasPrefix(outside, dir) {
		t.Fatalf("%s is inside of %s: this tests nothing", outside, dir)
	}
	if err := os.WriteFile(outside, []byte("of somebody else"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []blob.Ref{blob.Ref(id + "-" + name), blob.Ref(id + "-" + strings.Repeat("z", nameBytes)), blob.Ref(id + "-" + strings.Repeat("A", nameBytes)), blob.Ref(id + "-"), "-", ""} {
		if _, err := s.Open(t.Context(), ref); !errors.Is(err, blob.ErrNotFound) {
			t.Errorf("Open(%q) = %v, want ErrNotFound", ref, err)
		}
		_ = s.Delete(t.Context(), ref)
	}
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("a file outside after Delete: %v", err)
	}
}

func TestIdentityMakesNothing(t *testing.T) {
	mem := vfs.NewMem()
	opt := Options{FS: mem}
	s := open(t, mem, "/a")
	if id, err := Identity(opt, "/a"); err != nil || id != s.disks[0].id {
		t.Errorf("Identity of a disk = %q, %v, want %q", id, err, s.disks[0].id)
	}
	if id, err := Identity(opt, "/none"); err != nil || id != "" {
		t.Errorf("Identity of a folder that is missing = %q, %v, want none", id, err)
	}
	if _, err := mem.Stat("/none"); err == nil {
		t.Error("Identity made the folder")
	}
	remove(t, mem, "/a/identity")
	blobtest.Put(t, s, []byte("bytes"))
	if id, err := Identity(opt, "/a"); err == nil {
		t.Errorf("Identity of blobs without one = %q, want an error", id)
	}
}
