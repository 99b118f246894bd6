package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// flushBytes is after how many bytes the kernel is told to start writing, so
// that the disk does not idle until the sync at the end.
const flushBytes = 8 << 20

// writer writes one file, which has its final name from the start: nobody knows
// the name before Put returns it.
type writer struct {
	store *Store
	disk  *disk
	name  string
	path  string

	file    vfs.File // nil once closed
	table   []byte
	size    int64
	flushed int64 // how much the kernel was told to write
	direct  bool  // whole chunks go past the kernel's cache
	created int64 // nanoseconds since 1970

	named chan error // gives how the sync of the name ended, once
}

// create makes a file with a name that is not in use. FS.Create would replace a
// file, so a repeated random number must not reach it.
func (s *Store) create() (*writer, error) {
	d, name, err := s.newName()
	if err != nil {
		return nil, err
	}
	return s.createAs(d, name)
}

// createAs makes the file called name, which must not be there.
func (s *Store) createAs(d *disk, name string) (*writer, error) {
	path := s.path(d, name)
	if _, err := s.fs.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = errors.New("it exists: the source of randomness repeats itself")
		}
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	f, err := s.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	w := &writer{store: s, disk: d, name: name, path: path, file: f, created: s.now().UnixNano(), named: make(chan error, 1)}
	go w.syncName()
	if err := restrict(f); err != nil {
		w.abandon()
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return w, nil
}

// syncName makes the name of the file durable while its bytes still come, so that
// finish has one sync less to wait for.
func (w *writer) syncName() {
	dir := w.store.fs.PathDir(w.path)
	w.named <- w.disk.folders[w.name[:folderNameBytes]].do(func() error { return w.store.syncDir(dir) })
}

// write appends p, which is whole blocks unless it is the last. p may be changed.
func (w *writer) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if w.size+int64(len(p)) > contentBytesMax {
		return fmt.Errorf("it is larger than %d bytes", int64(contentBytesMax))
	}
	for at := 0; at < len(p); at += w.store.blockBytes {
		block := p[at:min(at+w.store.blockBytes, len(p))]
		w.table = binary.LittleEndian.AppendUint32(w.table, crc32.Checksum(block, castagnoli))
	}
	if err := w.put(p); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	w.size += int64(len(p))
	if !w.store.noSync && !w.direct && w.size-w.flushed >= flushBytes {
		w.flushed = w.size
		// It may report, once and for all, that earlier writes were lost.
		if _, err := w.file.SyncTo(w.size); err != nil {
			return fmt.Errorf("flush %s: %w", w.path, err)
		}
	}
	return nil
}

// goDirect writes whole chunks past the kernel's cache, if that is possible. To copy
// a large body into the cache costs more than its MD5, and pushes out what is
// read often.
func (w *writer) goDirect() { w.direct = !w.store.noSync && setDirect(w.file, true) }

// put writes p where the file ends. Direct writes must be aligned, in memory and in
// the file: chunks are, and what comes after the last whole one is not.
func (w *writer) put(p []byte) error {
	if w.direct && len(p) == chunkBytes {
		n, err := w.file.Write(p)
		if !errors.Is(err, syscall.EINVAL) {
			return whole(n, len(p), err)
		}
		// This file system wants another alignment, or wrote a part whose end has
		// none: what is left goes through the cache.
		p = p[n:]
	}
	if w.direct {
		w.direct = false
		if !setDirect(w.file, false) {
			return errors.New("the file does not go back to the kernel's cache")
		}
	}
	return writeAll(w.file, p)
}

// finish writes the table and the footer and makes file and name durable. No
// sync is tried twice: after a failed one the kernel may have dropped the bytes
// and report success.
func (w *writer) finish() error {
	end := footer{contentBytes: w.size, blockBytes: w.store.blockBytes, disk: w.disk.id, name: w.name, createdNanos: w.created}
	tail, err := end.appendTo(w.table)
	if err != nil {
		return err
	}
	if err := w.put(tail); err != nil {
		return fmt.Errorf("write %s: %w", w.path, err)
	}
	if !w.store.noSync {
		if err := w.file.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", w.path, err)
		}
	}
	f := w.file
	w.file = nil
	if err := f.Close(); err != nil {
		return fmt.Errorf("close %s: %w", w.path, err)
	}
	err = <-w.named
	w.named = nil
	return err
}

// abandon closes and removes the file as well as it can. What stays is for
// reclaim to find.
func (w *writer) abandon() {
	if w.named != nil {
		<-w.named // nothing of a Put goes on behind its end
	}
	var err error
	if w.file != nil {
		err = w.file.Close()
		w.file = nil
	}
	if err := errors.Join(err, w.store.fs.Remove(w.path)); err != nil {
		w.store.log.Warn("a failed put leaves a file for reclaim", "path", w.path, "error", err)
	}
}

func writeAll(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	return whole(n, len(p), err)
}

// whole is the error of a write, which a short one is as well.
func whole(n, want int, err error) error {
	if err == nil && n != want {
		err = io.ErrShortWrite
	}
	return err
}
