package blob

import (
	"errors"
	"fmt"
)

// ErrNotFound says that the store is able to tell, and has no such blob.
var ErrNotFound = errors.New("blob not found")

// ErrUnreadable says that what the blob is on is missing, or does not read: asked again,
// it will most likely say the same. Whether the blob is there, the store cannot tell.
var ErrUnreadable = errors.New("it cannot be read now")

// WholeBlob is the Block of a DamagedError that is about no single block.
const WholeBlob = -1

// DamagedError says that the store has the blob, and that what it has is not
// what was put.
type DamagedError struct {
	Ref    Ref
	Block  int64  // the first damaged block, counted from 0, or WholeBlob
	Reason string // what does not match
}

func (e *DamagedError) Error() string {
	if e.Block == WholeBlob {
		return fmt.Sprintf("blob %s is damaged: %s", e.Ref, e.Reason)
	}
	return fmt.Sprintf("blob %s is damaged in block %d: %s", e.Ref, e.Block, e.Reason)
}

// ReaderError is an error of the reader that was given to Put: the source
// failed, not the store.
type ReaderError struct{ Err error }

func (e *ReaderError) Error() string { return "read what to store: " + e.Err.Error() }

// Unwrap returns the error as the reader returned it.
func (e *ReaderError) Unwrap() error { return e.Err }
