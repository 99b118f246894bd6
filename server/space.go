package server

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"coffer"
)

// The sizes that auto chooses between, in bytes.
const (
	minFreeLeast  = 16 << 20
	minFreeMost   = 1 << 30
	ballastLeast  = 4 << 20
	ballastMost   = 64 << 20
	minFreeInodes = 1000
)

// How old a measurement may be. Near the floor one is taken far more often, so
// that writers cannot run through it between two.
const (
	measureEvery     = time.Second
	measureEveryNear = 20 * time.Millisecond
	nearBytes        = 2 << 30
)

// usage is how full a file system is. Inodes are 0 where it does not count them.
type usage struct {
	free, total        int64 // bytes that this process may use, and in all
	freeInodes, inodes int64
}

// space refuses writes before a disk is full, and keeps a ballast file to give
// up when it is full all the same: deletes need room too.
type space struct {
	dirs    []string // the data folder, and further disks
	minFree int64    // bytes, or MinFreeAuto
	measure func(dir string) (usage, error)
	now     func() time.Time
	logger  *slog.Logger

	mu      sync.Mutex // guards what follows
	taken   time.Time
	near    bool
	refused error // what Writable answers
	usages  []usage

	ballast ballast
}

func newSpace(cfg *Config) *space {
	return &space{
		dirs:    append([]string{cfg.Data}, cfg.DataDisks...),
		minFree: cfg.MinFree,
		measure: measureDisk,
		now:     cfg.Now,
		logger:  cfg.Logger,
		ballast: ballast{path: filepath.Join(cfg.Data, "ballast")},
	}
}

// Writable returns nil, or a StorageFull error when a disk has less free space
// than it must keep.
func (s *space) Writable() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	age := s.now().Sub(s.taken)
	if age >= measureEvery || age < 0 || s.near && age >= measureEveryNear {
		s.look()
	}
	return s.refused
}

// look measures every disk. A disk that cannot be measured refuses writes.
func (s *space) look() {
	s.taken, s.near = s.now(), false
	was := s.refused
	s.refused = nil
	s.usages = s.usages[:0]
	for _, dir := range s.dirs {
		u, err := s.measure(dir)
		s.usages = append(s.usages, u)
		if err != nil {
			s.refused = coffer.Errorf(coffer.StorageFull, "The free space of the server's disk cannot be read.").
				Wrap(fmt.Errorf("measure %s: %w", dir, err))
			continue
		}
		floor := s.floor(u)
		s.near = s.near || u.free < floor+nearBytes
		switch {
		case u.free < floor:
			s.refused = coffer.Errorf(coffer.StorageFull, "The server's disk is full. Delete objects, or ask its operator for more space.").
				Wrap(fmt.Errorf("%s has %d bytes free, and keeps %d: %w", dir, u.free, floor, unix.ENOSPC))
		case u.inodes > 0 && u.freeInodes < min(minFreeInodes, u.inodes/20):
			s.refused = coffer.Errorf(coffer.StorageFull, "The server's disk has no room for more files.").
				Wrap(fmt.Errorf("%s has %d inodes free: %w", dir, u.freeInodes, unix.ENOSPC))
		}
	}
	switch {
	case was == nil && s.refused != nil:
		s.logger.Warn("writes are refused until there is more free space; reads and deletes go on", "reason", s.refused)
	case was != nil && s.refused == nil:
		s.logger.Info("there is free space again: writes are accepted")
	}
}

func (s *space) floor(u usage) int64 {
	if s.minFree != MinFreeAuto {
		return s.minFree
	}
	return min(max(u.total/20, minFreeLeast), minFreeMost)
}

// Usages returns the last measurement of each folder, taken now if it is old.
func (s *space) Usages() []usage {
	_ = s.Writable()
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]usage(nil), s.usages...)
}

// upkeep makes the ballast when there is room for it above the floor. Without
// room it is left for another time.
func (s *space) upkeep() {
	u, err := s.measure(s.dirs[0])
	if err != nil {
		return
	}
	size := min(max(u.total/100, ballastLeast), ballastMost)
	if u.free < s.floor(u)+size {
		return
	}
	made, err := s.ballast.make(size)
	switch {
	case err != nil:
		s.logger.Warn("the ballast file cannot be made; deletes may fail when the disk is full", "error", err)
	case made:
		s.logger.Debug("ballast file made", "bytes", size)
	}
}

// release gives up the ballast: the disk is full, and something must be written.
func (s *space) release() {
	if s.ballast.release() {
		s.logger.Error("the disk is full: the ballast file was given up so that deletes go on; free some space", "data", s.dirs[0])
	}
	s.mu.Lock()
	s.taken = time.Time{}
	s.mu.Unlock()
}

// ballast is a file whose only use is to be removed.
type ballast struct {
	path string
	mu   sync.Mutex // held while the file is made or removed
}

// make makes the file with its space allocated, and tells whether it did.
func (b *ballast) make(size int64) (made bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if info, err := os.Stat(b.path); err == nil && info.Size() >= size {
		return false, nil
	}
	f, err := os.OpenFile(b.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	if err = allocate(f, size); err == nil {
		err = f.Sync()
	}
	if err2 := f.Close(); err == nil {
		err = err2
	}
	if err != nil {
		_ = os.Remove(b.path)
		return false, err
	}
	return true, nil
}

func (b *ballast) release() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return os.Remove(b.path) == nil
}

// allocate gives f real space up to size: fallocate where the file system has
// it, and where it does not, bytes that no file system can leave out.
func allocate(f *os.File, size int64) error {
	if err := fallocate(f, size); err == nil {
		return nil
	} else if err == unix.ENOSPC {
		return err
	}
	block := make([]byte, 1<<20)
	for i := range block {
		block[i] = byte(i*i>>3 + i) // not zeros, which may be stored as a hole
	}
	for off := int64(0); off < size; off += int64(len(block)) {
		if _, err := f.WriteAt(block[:min(size-off, int64(len(block)))], off); err != nil {
			return err
		}
	}
	return nil
}

func measureDisk(dir string) (usage, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return usage{}, err
	}
	block := int64(st.Bsize)
	return usage{
		free:       int64(st.Bavail) * block,
		total:      int64(st.Blocks) * block,
		freeInodes: int64(st.Ffree),
		inodes:     int64(st.Files),
	}, nil
}
