// Package blob is the data boundary: immutable byte strings named by the store
// that holds them. Drivers live below it and know nothing of buckets or objects.
// Package blobtest states the contract as tests.
package blob

import (
	"context"
	"io"
	"iter"
	"time"
)

// RefBytesMax is the length of the longest Ref that a driver may make, in bytes.
const RefBytesMax = 64

// Ref names one blob. The driver makes it and nobody else reads meaning into it:
// 1 to RefBytesMax bytes of [0-9a-z-]. A ref is never used again, also not after
// its blob is deleted.
type Ref string

// Valid reports whether r could have been made by a driver.
func (r Ref) Valid() bool {
	if len(r) == 0 || len(r) > RefBytesMax {
		return false
	}
	for _, c := range []byte(r) {
		if c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Info is what a listing tells of one blob.
type Info struct {
	Ref Ref
	// Size is what the blob takes in the store, in bytes. It is at least the
	// length of its content: a driver may keep checksums next to it.
	Size int64
	// ModTime is when the blob was last written to, by the store's clock.
	ModTime time.Time
}

// Store holds blobs. Its methods may be called at the same time.
type Store interface {
	// Put stores r until EOF. When it returns without error the blob is durable;
	// when it fails the blob may be left for reclaim to find. An error of r
	// comes back as a *ReaderError around it; every other error is the store's
	// or ctx's.
	Put(ctx context.Context, r io.Reader) (Ref, int64, error)

	// Open returns the blob for reading, until it is closed. The error is
	// ErrNotFound if the store has no such blob, and a *DamagedError if what it
	// has is not whole. A store that cannot tell returns another error: it is
	// ErrUnreadable if a disk is missing, or does not read.
	Open(ctx context.Context, ref Ref) (Blob, error)

	// Delete removes a blob; deleting a missing blob is no error, and of a missing
	// disk it is ErrUnreadable. After a crash
	// a deleted blob may be back. Blobs that are open stay readable, or their
	// reads fail.
	Delete(ctx context.Context, ref Ref) error

	// List tells of the blobs with a ref greater than after, in the order of
	// their refs, in bounded memory. It also tells of what failed Puts left and
	// of Puts under way, and may miss what is put or deleted meanwhile. It ends
	// after the first error.
	List(ctx context.Context, after Ref) iter.Seq2[Info, error]
}

// Blob is one open blob. No byte leaves it whose checksum was not verified:
// reads of damaged bytes fail with a *DamagedError, and those of a disk that does
// not read with ErrUnreadable. Its reads may run at the same time.
type Blob interface {
	io.ReaderAt
	io.Closer

	// Size is the length of the content, in bytes.
	Size() int64

	// CopyRange writes n bytes from off to w, block by block, and returns how
	// many it wrote. A range that is not inside the blob is an error before the
	// first byte.
	CopyRange(w io.Writer, off, n int64) (int64, error)
}
