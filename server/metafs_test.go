package server

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"golang.org/x/sys/unix"
)

func TestAFailedLogEndsTheProcess(t *testing.T) {
	tests := []struct {
		name, file string
		op         errorfs.OpKind
		err        error
		fatal      bool
	}{
		{"LogNotWritten", "000007.log", errorfs.OpFileWrite, unix.EIO, true},
		{"LogNotSynced", "000007.log", errorfs.OpFileSync, unix.EIO, true},
		{"LogNotMade", "000007.log", errorfs.OpCreate, unix.EIO, true},
		{"ManifestNotSynced", "MANIFEST-000001", errorfs.OpFileSync, unix.EIO, true},
		{"TableNotWritten", "000008.sst", errorfs.OpFileWrite, unix.EIO, false},
		{"LogOnAFullDisk", "000007.log", errorfs.OpFileWrite, unix.ENOSPC, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == tt.op {
					return tt.err
				}
				return nil
			})
			var fatal error
			fs := metaFS{errorfs.Wrap(vfs.NewMem(), inject), func() error { return nil }, func(err error) { fatal = err }}
			f, err := fs.Create(tt.file, vfs.WriteCategoryUnspecified)
			if err == nil {
				_, err = f.Write([]byte("x"))
			}
			if err == nil {
				err = f.Sync()
			}
			if !errors.Is(err, tt.err) {
				t.Errorf("the file failed with %v, want %v", err, tt.err)
			}
			if (fatal != nil) != tt.fatal || tt.fatal && !errors.Is(fatal, tt.err) {
				t.Errorf("fatal(%v), want a call: %t", fatal, tt.fatal)
			}
		})
	}
}

// TestAFolderThatIsNotSyncedEndsTheProcess: the name of a new log is in it.
func TestAFolderThatIsNotSyncedEndsTheProcess(t *testing.T) {
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileSync {
			return unix.EIO
		}
		return nil
	})
	var fatal error
	fs := metaFS{errorfs.Wrap(vfs.NewMem(), inject), func() error { return nil }, func(err error) { fatal = err }}
	dir, err := fs.OpenDir("")
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Sync(); !errors.Is(err, unix.EIO) || !errors.Is(fatal, unix.EIO) {
		t.Errorf("Sync of the folder = %v, and fatal(%v), want both to be told %v", err, fatal, unix.EIO)
	}
}

// noted is a file that notes whether space was taken in advance.
type noted struct {
	vfs.File
	taken *bool
}

func (n noted) Preallocate(int64, int64) error {
	*n.taken = true
	return nil
}

func TestNoSpaceIsTakenInAdvanceBelowTheFloor(t *testing.T) {
	for _, full := range []error{nil, unix.ENOSPC} {
		taken := false
		f := metaFile{File: noted{taken: &taken}, fs: metaFS{writable: func() error { return full }}}
		if err := f.Preallocate(0, 1<<20); err != nil || taken != (full == nil) {
			t.Errorf("Preallocate with Writable() = %v: %v, taken %t", full, err, taken)
		}
	}
}
