package pebble

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer/meta"
)

// noRoomFS has no room for a floor.
type noRoomFS struct {
	vfs.FS
	full atomic.Bool
}

func (f *noRoomFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if f.full.Load() && strings.Contains(name, "marker."+floorMarker) {
		return nil, syscall.ENOSPC
	}
	return f.FS.Create(name, category)
}

// TestFloorNeverWantsMoreThanThereIs turns memtables over, so that logs are used again and
// tables compacted, with room for a floor and without, and opens what a crash leaves.
func TestFloorNeverWantsMoreThanThereIs(t *testing.T) {
	memory := vfs.NewCrashableMem()
	fs := &noRoomFS{FS: memory}
	s, err := Open("db", Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for i := range 30 {
		fs.full.Store(i/10 == 1)
		key := fmt.Appendf(nil, "key %d", i)
		if err := s.Update(t.Context(), func(tx meta.Tx) error { return tx.Set(key, key) }); err != nil {
			t.Fatal(err)
		}
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
		dir, err := memory.OpenDir("db")
		if err != nil {
			t.Fatal(err)
		}
		if err := dir.Sync(); err != nil {
			t.Fatal(err)
		}
		after, err := Open("db", Options{FS: memory.CrashClone(vfs.CrashCloneCfg{})})
		if err != nil {
			t.Fatalf("after %d flushes: Open() = %v", i+1, err)
		}
		if err := after.View(t.Context(), func(r meta.Reader) error { _, err := r.Get(key); return err }); err != nil {
			t.Errorf("after %d flushes: Get(%s) = %v", i+1, key, err)
		}
		if err := after.Close(); err != nil {
			t.Error(err)
		}
	}
}

// momentFS tells of each change of a folder.
type momentFS struct {
	vfs.FS
	changed func()
}

func (f momentFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.Create(name, category)
	f.changed()
	return file, err
}

func (f momentFS) Remove(name string) error {
	err := f.FS.Remove(name)
	f.changed()
	return err
}

func (f momentFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := f.FS.ReuseForWrite(old, name, category)
	f.changed()
	return file, err
}

// TestEachMomentOfAStartIsAStart kills a start that finds logs to replay, and work after
// it, after each change of the folder, and the start after that one as well.
func TestEachMomentOfAStartIsAStart(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s, err := Open("db", Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		key := fmt.Appendf(nil, "key %d", i)
		if err := s.Update(t.Context(), func(tx meta.Tx) error { return tx.Set(key, key) }); err != nil {
			t.Fatal(err)
		}
		if i > 0 {
			break // what is in the log is replayed
		}
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	killed := leftBy(t, fs)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	moments := momentsOf(t, killed, 4)
	if len(moments) < 20 {
		t.Errorf("a start and four flushes are %d changes, want more: nothing was killed", len(moments))
	}
	for n, fs := range moments {
		for m, fs := range momentsOf(t, fs, n%3) {
			if momentsOf(t, fs, 0); t.Failed() {
				t.Fatalf("killed after %d changes, and again after %d", n+1, m+1)
			}
		}
	}
}

// leftBy is what a process leaves in a folder that is killed: all of it.
func leftBy(t *testing.T, fs *vfs.MemFS) *vfs.MemFS {
	t.Helper()
	dir, err := fs.OpenDir("db")
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		t.Fatal(err)
	}
	return fs.CrashClone(vfs.CrashCloneCfg{})
}

// momentsOf opens a database, which must have what was written, flushes it, and returns
// what was in its folder after each change.
func momentsOf(t *testing.T, fs *vfs.MemFS, flushes int) (moments []*vfs.MemFS) {
	t.Helper()
	var mu sync.Mutex
	s, err := Open("db", Options{FS: momentFS{fs, func() {
		mu.Lock()
		defer mu.Unlock()
		moments = append(moments, leftBy(t, fs))
	}}})
	if err != nil {
		t.Errorf("Open() = %v", err)
		return nil
	}
	defer s.Close()
	for i := range 2 {
		key := fmt.Appendf(nil, "key %d", i)
		if err := s.View(t.Context(), func(r meta.Reader) error { _, err := r.Get(key); return err }); err != nil {
			t.Errorf("Get(%s) = %v", key, err)
		}
	}
	for range flushes {
		if err := s.db.Flush(); err != nil {
			t.Errorf("Flush() = %v", err)
		}
	}
	return moments
}
