package server

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"coffer"
)

func TestASyncThatDoesNotEndRefusesWrites(t *testing.T) {
	calls := []struct {
		name string
		sync func(fs vfs.FS) error
	}{
		{"File", func(fs vfs.FS) error { return created(fs, vfs.File.Sync) }},
		{"FileData", func(fs vfs.FS) error { return created(fs, vfs.File.SyncData) }},
		{"FileBegin", func(fs vfs.FS) error {
			return created(fs, func(f vfs.File) error { _, err := f.SyncTo(1); return err })
		}},
		{"Folder", func(fs vfs.FS) error {
			f, err := fs.OpenDir("")
			if err != nil {
				return err
			}
			return errors.Join(f.Sync(), f.Close())
		}},
	}
	for _, tt := range calls {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hang := make(chan struct{})
				disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
					switch op.Kind {
					case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
						<-hang
					}
					return nil
				}))
				s := newSyncs(time.Now)
				done := make(chan error)
				go func() { done <- tt.sync(stallFS{disk, s}) }()
				synctest.Wait()
				time.Sleep(stallAfter - 1)
				if err := s.stalled(); err != nil {
					t.Errorf("stalled() just before %s = %v, want nil", stallAfter, err)
				}
				time.Sleep(time.Nanosecond)
				if err := s.stalled(); coffer.CodeOf(err) != coffer.ServiceUnavailable {
					t.Errorf("stalled() after %s = %v, want ServiceUnavailable", stallAfter, err)
				}
				close(hang)
				if err := <-done; err != nil {
					t.Errorf("sync = %v", err)
				}
				if err := s.stalled(); err != nil {
					t.Errorf("stalled() after the sync has ended = %v, want nil", err)
				}
			})
		})
	}
}

// created syncs a new file.
func created(fs vfs.FS, sync func(vfs.File) error) error {
	f, err := fs.Create("file", vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	return errors.Join(sync(f), f.Close())
}
