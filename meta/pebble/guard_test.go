package pebble

import (
	"fmt"
	"strings"
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
