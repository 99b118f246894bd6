package disk

import (
	"context"
	"errors"
	"fmt"
	"io"

	"coffer/blob"
)

// Make makes the disk called id at dir, a folder that is missing or empty, for
// blobs that come back with their refs. Open then opens it.
func Make(opt Options, dir, id string) error {
	if !validID(id) {
		return fmt.Errorf("make blob disk %s: %.20q is no identity of a disk", dir, id)
	}
	s := newStore(opt)
	err := s.fs.MkdirAll(dir, dirPerm)
	if err == nil {
		var names []string
		if names, err = s.fs.List(dir); err == nil && len(names) > 0 {
			err = errors.New("it is not empty")
		}
	}
	if err == nil {
		err = s.writeIdentityOf(dir, id)
	}
	if err == nil {
		err = s.syncUp(dir)
	}
	if err != nil {
		return fmt.Errorf("make blob disk %s: %w", dir, err)
	}
	return nil
}

// Restore stores r until EOF as the blob that had ref, and is durable as Put is.
// The store must not have it.
func (s *Store) Restore(ctx context.Context, ref blob.Ref, r io.Reader) error {
	d, name, err := s.locate(ref)
	if err == nil {
		_, _, err = s.put(ctx, r, func() (*writer, error) { return s.createAs(d, name) })
	}
	if err != nil {
		return fmt.Errorf("restore blob %s: %w", ref, err)
	}
	return nil
}

func validID(id string) bool {
	if len(id) != idBytes {
		return false
	}
	for _, c := range []byte(id) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'v') {
			return false
		}
	}
	return true
}
