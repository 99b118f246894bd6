package pebble

import (
	"errors"
	"fmt"
	"io"
	"os"

	pebbledb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/record"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// checkManifest returns ErrDamaged for a manifest that ends before the floor that was
// left, or says nothing at all.
func checkManifest(fs vfs.FS, dir string, left floor) error {
	name, err := atomicfs.ReadMarker(fs, dir, "manifest")
	if err != nil || name == "" && left.manifest == "" {
		return err // there is no database yet
	}
	if name == "" {
		return fmt.Errorf("%w: nothing says which manifest holds", ErrDamaged)
	}
	end, err := manifestEnd(fs, fs.PathJoin(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: %s is gone", ErrDamaged, name)
	}
	if err != nil {
		return err
	}
	atLeast := int64(1)
	if left.manifest == name {
		atLeast = left.bytes
	}
	if end < atLeast {
		return fmt.Errorf("%w: %s can be read to byte %d only, and was %d bytes long", ErrDamaged, name, end, atLeast)
	}
	return nil
}

// manifestEnd is the length of what of a manifest is whole.
func manifestEnd(fs vfs.FS, name string) (end int64, err error) {
	f, err := fs.Open(name, vfs.SequentialReadsOption)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	records := record.NewReader(f, 0)
	for {
		r, err := records.Next()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, record.ErrInvalidChunk) || errors.Is(err, record.ErrZeroedChunk) || errors.Is(err, record.ErrUnexpectedEOF) {
			return end, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		end = records.Offset()
	}
}

// checkValuesThere returns ErrDamaged if a file of values is gone or has another size than
// it had. Pebble looks after its tables only.
func checkValuesThere(fs vfs.FS, dir string, db *pebbledb.DB) error {
	for file := range db.DebugCurrentVersion().BlobFiles.All() {
		name := file.Physical.FileNum.String() + valuesSuffix
		info, err := fs.Stat(fs.PathJoin(dir, name))
		if errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%w: %s is gone", ErrDamaged, name)
		}
		if err != nil {
			return err
		}
		if info.Size() != int64(file.Physical.Size) {
			return fmt.Errorf("%w: %s is %d bytes long, and was %d", ErrDamaged, name, info.Size(), file.Physical.Size)
		}
	}
	return nil
}
