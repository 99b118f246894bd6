package server

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

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

// size is how many bytes release gives back.
func (b *ballast) size() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, err := os.Stat(b.path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// release removes the file, and tells whether there was one.
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
	} else if errors.Is(err, unix.ENOSPC) {
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
