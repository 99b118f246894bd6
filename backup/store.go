package backup

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// ErrNotFound says that a store has no file of a name.
var ErrNotFound = errors.New("there is no such file")

// lockName is what a store may keep its lock in. List tells of it or not.
const lockName = "lock"

// Store is where backups are kept: files that are written once, in folders. Names
// are relative, with slashes. Its methods may be called at the same time.
type Store interface {
	// Get reads a file of at most fileBytesMax bytes; ErrNotFound if there is none.
	Get(ctx context.Context, name string) ([]byte, error)
	// Put stores a file, whole or not at all, and durably. It replaces one of the
	// same name.
	Put(ctx context.Context, name string, data []byte) error
	// Delete removes a file; removing a missing one is no error.
	Delete(ctx context.Context, name string) error
	// List tells the names of the files in a folder and below, sorted; a folder is
	// "" or ends in a slash. It ends after the first error.
	List(ctx context.Context, folder string) iter.Seq2[string, error]
	// Lock keeps all others from locking until release. It does not wait. The context
	// ends when ctx does, or when the lock is lost.
	Lock(ctx context.Context) (locked context.Context, release func(), err error)
	// String names the store for people.
	String() string
}

// At opens the store that a person named: a folder, or s3://BUCKET/PREFIX.
func At(dest string, getenv func(string) string) (Store, error) {
	scheme, _, ok := strings.Cut(dest, "://")
	switch {
	case dest == "":
		return nil, errors.New("name a folder, or s3://BUCKET/PREFIX")
	case !ok:
		return openFolder(dest)
	case scheme != "s3":
		return nil, fmt.Errorf("%q is no place for backups: name a folder, or s3://BUCKET/PREFIX?endpoint=URL", dest)
	}
	return openBucket(dest, getenv)
}
