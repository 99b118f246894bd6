package server

import (
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// floorFS ends the writing of a file when the disk has come down to its floor,
// as a full disk would: a body that was let in while there was room must not
// take what deletes need.
type floorFS struct {
	vfs.FS
	writable func() error
}

func (f floorFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.writable(); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	return floorFile{file, f.writable}, nil
}

type floorFile struct {
	vfs.File
	writable func() error
}

func (f floorFile) Write(p []byte) (int, error) {
	if err := f.writable(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

// Chmod passes on what vfs.File does not name and the operating system's has.
func (f floorFile) Chmod(mode fs.FileMode) error {
	if c, ok := f.File.(interface{ Chmod(fs.FileMode) error }); ok {
		return c.Chmod(mode)
	}
	return nil
}

// thriftyFS takes no space in advance once the disk has come down to its floor:
// what is left is for deletes, not for a log that may never be filled.
type thriftyFS struct {
	vfs.FS
	writable func() error
}

func (t thriftyFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return t.wrap(t.FS.Create(name, category))
}

func (t thriftyFS) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	return t.wrap(t.FS.ReuseForWrite(old, name, category))
}

func (t thriftyFS) wrap(file vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return thriftyFile{file, t.writable}, nil
}

type thriftyFile struct {
	vfs.File
	writable func() error
}

// Preallocate is a wish, by its contract; not granting it costs speed only.
func (t thriftyFile) Preallocate(offset, length int64) error {
	if t.writable() != nil {
		return nil
	}
	return t.File.Preallocate(offset, length)
}
