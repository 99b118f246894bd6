package server

import (
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"coffer"
)

// stallAfter is how long a sync may take before new writes are refused: far more
// than a busy disk needs, and less than clients wait.
const stallAfter = 10 * time.Second

// syncs knows which syncs are under way. A disk that hangs gives no error, and
// what was written before is still read from memory: only that a sync does not
// end tells of it.
type syncs struct {
	now func() time.Time

	mu    sync.Mutex // guards what follows
	last  uint64
	began map[uint64]time.Time // when each sync under way began
}

func newSyncs(now func() time.Time) *syncs {
	return &syncs{now: now, began: map[uint64]time.Time{}}
}

// watch runs a sync.
func (s *syncs) watch(sync func() error) error {
	s.mu.Lock()
	s.last++
	id := s.last
	s.began[id] = s.now()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.began, id)
		s.mu.Unlock()
	}()
	return sync()
}

// stalled returns nil, or a ServiceUnavailable error while a sync does not end:
// who wrote now would only wait too, each with a connection and a buffer.
func (s *syncs) stalled() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var longest time.Duration
	for _, began := range s.began {
		longest = max(longest, s.now().Sub(began))
	}
	if longest < stallAfter {
		return nil
	}
	return coffer.Errorf(coffer.ServiceUnavailable, "The server's disk does not answer. Try again later.").
		Wrap(fmt.Errorf("a sync of the disk has not ended for %s", longest.Round(time.Second)))
}

// stallFS has all syncs of files that are written, and of folders, watched.
type stallFS struct {
	vfs.FS
	syncs *syncs
}

func (f stallFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wrap(f.FS.Create(name, category))
}

func (f stallFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.wrap(f.FS.OpenReadWrite(name, category, opts...))
}

func (f stallFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return f.wrap(f.FS.ReuseForWrite(old, name, category))
}

func (f stallFS) OpenDir(name string) (vfs.File, error) { return f.wrap(f.FS.OpenDir(name)) }

func (f stallFS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return stallFile{file, f.syncs}, nil
}

type stallFile struct {
	vfs.File
	syncs *syncs
}

func (f stallFile) Sync() error     { return f.syncs.watch(f.File.Sync) }
func (f stallFile) SyncData() error { return f.syncs.watch(f.File.SyncData) }

func (f stallFile) SyncTo(length int64) (full bool, err error) {
	err = f.syncs.watch(func() error {
		full, err = f.File.SyncTo(length)
		return err
	})
	return full, err
}

// Chmod passes on what vfs.File does not name and the operating system's has.
func (f stallFile) Chmod(mode fs.FileMode) error {
	if c, ok := f.File.(interface{ Chmod(fs.FileMode) error }); ok {
		return c.Chmod(mode)
	}
	return nil
}
