package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sys/unix"
)

// metaFS is what the metadata engine writes through. It takes no space in advance
// once the disk has come down to its floor: what is left is for deletes, not for a
// log that may never be filled. And it ends the process at the first error of a log,
// a manifest or the folder that has their names, since the engine itself would panic
// over some of them.
type metaFS struct {
	vfs.FS
	writable func() error
	fatal    func(error)
}

func (m metaFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := m.FS.Create(name, category)
	return m.wrap(name, file, err)
}

func (m metaFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	file, err := m.FS.ReuseForWrite(old, name, category)
	return m.wrap(name, file, err)
}

func (m metaFS) OpenDir(name string) (vfs.File, error) {
	file, err := m.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return metaFile{File: file, fs: m, vital: "the folder of the metadata"}, nil
}

func (m metaFS) wrap(name string, file vfs.File, err error) (vfs.File, error) {
	f := metaFile{File: file, fs: m}
	if base := filepath.Base(name); strings.HasSuffix(base, ".log") || strings.HasPrefix(base, "MANIFEST-") {
		f.vital = "the metadata log"
	}
	if err = f.check("create", err); err != nil {
		return nil, err
	}
	return f, nil
}

// metaFile is a file of the engine, or its folder.
type metaFile struct {
	vfs.File
	fs    metaFS
	vital string // what it is, if it must not fail
}

// Preallocate is a wish, by its contract; not granting it costs speed only.
func (f metaFile) Preallocate(offset, length int64) error {
	if f.fs.writable() != nil {
		return nil
	}
	return f.File.Preallocate(offset, length)
}

func (f metaFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	return n, f.check("write", err)
}

func (f metaFile) Sync() error     { return f.check("sync", f.File.Sync()) }
func (f metaFile) SyncData() error { return f.check("sync", f.File.SyncData()) }
func (f metaFile) Close() error    { return f.check("close", f.File.Close()) }

func (f metaFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	return full, f.check("sync", err)
}

// check ends the process for an error after which nobody knows what is on disk. A
// full disk is another matter: there the ballast helps, and the write is repeated.
func (f metaFile) check(doing string, err error) error {
	if err != nil && f.vital != "" && !errors.Is(err, unix.ENOSPC) && f.fs.fatal != nil {
		f.fs.fatal(fmt.Errorf("%s %s: %w", doing, f.vital, err))
	}
	return err
}
