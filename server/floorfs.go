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
