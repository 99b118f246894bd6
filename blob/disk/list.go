package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"coffer/blob"
)

// List tells of the files on all disks, with the names of one folder in memory
// at a time. What is not named like a blob is not told of. A folder that cannot
// be read ends the listing: it must not look as if it were empty.
func (s *Store) List(ctx context.Context, after blob.Ref) iter.Seq2[blob.Info, error] {
	return func(yield func(blob.Info, error) bool) {
		for _, d := range s.disks {
			for i := range folderCount {
				first := makeRef(d.id, folderName(i))
				if after > first && !strings.HasPrefix(string(after), string(first)) {
					continue
				}
				if !s.listFolder(ctx, d, folderName(i), after, yield) {
					return
				}
			}
		}
	}
}

// listFolder reports whether to go on.
func (s *Store) listFolder(ctx context.Context, d *disk, folder string, after blob.Ref, yield func(blob.Info, error) bool) bool {
	fail := func(err error) bool {
		yield(blob.Info{}, fmt.Errorf("list blobs: %w", err))
		return false
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	names, err := s.fs.List(s.fs.PathJoin(d.dir, folder))
	if err != nil {
		return fail(err)
	}
	slices.Sort(names)
	for _, name := range names {
		ref := makeRef(d.id, name)
		if ref <= after || !isName(name) || !strings.HasPrefix(name, folder) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		info, err := s.fs.Stat(s.path(d, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted since the folder was read
		}
		if err != nil {
			return fail(err)
		}
		if !yield(blob.Info{Ref: ref, Size: info.Size(), ModTime: info.ModTime()}, nil) {
			return false
		}
	}
	return true
}
