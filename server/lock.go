package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dataFolder makes the data folder if it is missing, and checks that files can
// be made in it.
func dataFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		if errors.Is(err, unix.ENOTDIR) {
			return fmt.Errorf("the data folder %s cannot be made: something on its path is a file, not a folder: name another with --data", dir)
		}
		return fmt.Errorf("the data folder %s cannot be made: %w: make it, or name another with --data", dir, reason(err))
	}
	return nil
}

// lockFolder takes the lock of a data folder for as long as the process lives,
// or until release. The kernel drops it when the process ends in any way, so a
// lock is never stale. The file stays: to remove it would let two servers hold
// locks on two files of the same name.
func lockFolder(dir string) (release func() error, err error) {
	path := filepath.Join(dir, "LOCK")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, notWritable(dir, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w: the data folder must be on a file system with locks", path, err)
		}
		return nil, fmt.Errorf("another coffer is running on %s%s: stop it, or use another --data", dir, holder(f))
	}
	// The number is for people only, so a full disk does not stop the start.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f.Close, nil
}

// lockDisks takes the lock of each of the folders of blobs until release. A copy of a data
// folder knows the disks of the first: its server would find there what was written
// since, which none of its own records names, and remove it. The folder itself is
// locked, so nothing is written; where that is not possible it does without.
func lockDisks(cfg *Config, dirs []string) (release func() error, err error) {
	var held []*os.File
	release = func() error {
		var errs []error
		for _, f := range held {
			errs = append(errs, f.Close())
		}
		return errors.Join(errs...)
	}
	for _, dir := range dirs {
		f, err := os.Open(dir)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock the folder %s: %w", dir, reason(err)), release())
		}
		held = append(held, f)
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("another coffer uses the folder %s: each server needs disks of its own, a copy of a data folder too", dir), release())
		case err != nil:
			cfg.Logger.Warn("a folder of blobs cannot be locked: see to it that no other server uses it", "folder", dir, "error", err)
		}
	}
	return release, nil
}

// holder says who holds the lock, as a part of a sentence.
func holder(f *os.File) string {
	var b [32]byte
	n, _ := f.ReadAt(b[:], 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(b[:n])))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

// notWritable is the sentence for a folder in which no file can be made.
func notWritable(dir string, err error) error {
	switch {
	case errors.Is(err, unix.ENOSPC):
		return diskFull(dir, err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("the data folder %s is on a read-only file system: mount it writable, or use another --data", dir)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("the data folder %s is not writable for this user: change its owner, or use another --data", dir)
	}
	return fmt.Errorf("write in the data folder %s: %w", dir, reason(err))
}

// diskFull is the sentence for a start that found no room at all.
func diskFull(dir string, err error) error {
	return fmt.Errorf("no space is left on the disk of %s: free some and start again; nothing was changed: %w", dir, reason(err))
}

// reason is the last word of a path error, for sentences that name the path.
func reason(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

func writableDir(dir string) bool { return unix.Access(dir, unix.W_OK) == nil }
