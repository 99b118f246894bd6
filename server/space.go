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
	startRoom     = 2 << 20 // beside what the metadata's log takes
	memtableLeast = 4 << 20
	memtableMost  = 32 << 20
	freeUnknown   = 1 << 60
)

// fullPause is how long a write to a full disk waits before it fails.
const fullPause = time.Second

// How old a measurement may be. Near the floor one is taken far more often, so
// that writers cannot run through it between two.
const (
	measureEvery     = time.Second
	measureEveryNear = 20 * time.Millisecond
	nearBytes        = 2 << 30
)

// usage is how full a file system is. Inodes are 0 where it does not count them; all
// but free is, which is freeUnknown, where it counts nothing.
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
	pause   func(time.Duration)
	logger  *slog.Logger
	syncs   *syncs

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
		pause:   time.Sleep,
		logger:  cfg.Logger,
		syncs:   newSyncs(cfg.Now),
		ballast: ballast{path: filepath.Join(cfg.Data, "ballast")},
	}
}

// Writable returns nil, a StorageFull error when a disk has less free space than
// it must keep, or a ServiceUnavailable one when a disk does not answer.
func (s *space) Writable() error {
	if err := s.syncs.stalled(); err != nil {
		return err
	}
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

// memtable is how much metadata may be in the log before it is written to a
// table: so little that there is room for both below the floor.
func (s *space) memtable() int64 {
	u, err := s.measure(s.dirs[0])
	if err != nil {
		return memtableMost
	}
	return min(max(u.total/64, memtableLeast), memtableMost)
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

// roomToStart makes sure that the metadata can be opened: that writes anew what
// its log holds. On a disk without that room the engine would try for ever, so
// the ballast is given up before, or the start is refused while nothing changed.
func (s *space) roomToStart(metaDir string) error {
	need := int64(startRoom)
	logs, err := filepath.Glob(filepath.Join(metaDir, "*.log"))
	if err != nil {
		return fmt.Errorf("look for the metadata's log: %w", err)
	}
	for _, name := range logs {
		if info, err := os.Stat(name); err == nil {
			need += info.Size()
		}
	}
	u, err := s.measure(s.dirs[0])
	if err == nil && u.free < need && u.free+s.ballast.size() >= need && s.ballast.release() {
		s.logger.Warn("the disk is full: the ballast file was given up to start; free some space", "data", s.dirs[0])
		u, err = s.measure(s.dirs[0])
	}
	if err != nil {
		return fmt.Errorf("measure the disk of %s: %w", s.dirs[0], err)
	}
	if u.free < need {
		return fmt.Errorf("no space is left on the disk of %s: make %d bytes free and start again; nothing was changed", s.dirs[0], need)
	}
	return nil
}

// release gives up the ballast: the disk is full, and something must be written.
// When it is gone already, nothing can be done but to wait: the engine tries
// what failed again at once, and would fill the log and a processor with it.
func (s *space) release() {
	if s.ballast.release() {
		s.logger.Error("the disk is full: the ballast file was given up so that deletes go on; free some space", "data", s.dirs[0])
	} else {
		s.pause(fullPause)
	}
	s.mu.Lock()
	s.taken = time.Time{}
	s.mu.Unlock()
}

func measureDisk(dir string) (usage, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return usage{}, err
	}
	return usageOf(&st), nil
}

// usageOf reads what a file system says of itself. One that says nothing, as some in
// user space and on other machines do, is not a full one.
func usageOf(st *unix.Statfs_t) usage {
	if st.Blocks == 0 {
		return usage{free: freeUnknown}
	}
	block := int64(st.Bsize)
	return usage{
		free:       int64(st.Bavail) * block,
		total:      int64(st.Blocks) * block,
		freeInodes: int64(st.Ffree),
		inodes:     int64(st.Files),
	}
}
