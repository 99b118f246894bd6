package pebble

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	pebbledb "github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

var (
	// ErrLocked is returned by Open for a directory that is open already, in
	// this process or another one.
	ErrLocked = errors.New("another process holds the database")
	// ErrNewerFormat is returned by Open for a database that a newer version
	// wrote.
	ErrNewerFormat = errors.New("written by a newer version of coffer")
	// ErrDamaged is returned for bytes that are not what was once written. What
	// reads well is right: every block carries a checksum.
	ErrDamaged = errors.New("database is damaged")
	// ErrLostLog is an ErrDamaged that Options.AcceptLostLog gets over: the log does not
	// have all commits any more that were durable.
	ErrLostLog = fmt.Errorf("%w: durable commits are lost", ErrDamaged)
	// ErrFailed is returned by every call after the log could not be written or
	// synced.
	ErrFailed = errors.New("metadata log failed, the state on disk is unknown")

	// errConflict makes Update run fn again; nobody outside sees it.
	errConflict = errors.New("conflict with another transaction; fn runs again")
	errOver     = errors.New("transaction is over")
)

// openError finds out what an error of pebble's Open means.
func openError(fs vfs.FS, dir string, err error) error {
	switch {
	case isLocked(err):
		return fmt.Errorf("%w: %w", ErrLocked, err)
	case isNewer(fs, dir):
		return fmt.Errorf("%w: %w", ErrNewerFormat, err)
	case pebbledb.IsCorruptionError(err), errors.Is(err, pebbledb.ErrDBNotPristine), isIncomplete(fs, dir, err):
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// isIncomplete tells whether a file is missing that the database names.
func isIncomplete(fs vfs.FS, dir string, err error) bool {
	if !errors.Is(err, os.ErrNotExist) {
		return false
	}
	manifest, err := atomicfs.ReadMarker(fs, dir, "manifest")
	return err == nil && manifest != ""
}

// isLocked tells a held lock from a file that may not be opened: fcntl gives
// the bare number, opening a file gives a PathError. Within one process vfs
// has only a text.
func isLocked(err error) bool {
	var path *os.PathError
	if errors.As(err, &path) {
		return false
	}
	return errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) ||
		strings.Contains(err.Error(), "lock held by current process")
}

// isNewer reads the format version as Pebble does, which has no error for it.
func isNewer(fs vfs.FS, dir string) bool {
	mark, err := atomicfs.ReadMarker(fs, dir, "format-version")
	if err != nil {
		return false
	}
	version, err := strconv.ParseUint(mark, 10, 64)
	return err == nil && version > uint64(pebbledb.FormatNewest)
}
