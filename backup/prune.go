package backup

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"coffer/blob"
)

// Pruned tells what Prune did.
type Pruned struct {
	// Removed are the IDs of the backups that are gone, Kept of those that are not.
	Removed []string `json:"removed"`
	Kept    []string `json:"kept"`
	// Files is how many files were deleted.
	Files int64 `json:"files"`
}

// Prune removes all but the latest backups, and then the files that none of these
// needs, those that cut backups left among them. A backup is gone with its manifest,
// so that a Prune which is cut leaves no backup that lacks something.
func (r *Repository) Prune(ctx context.Context, keep int) (Pruned, error) {
	out := Pruned{Removed: []string{}, Kept: []string{}}
	if keep < 1 {
		return out, fmt.Errorf("%d backups cannot be kept: it must be 1 or more", keep)
	}
	ctx, release, err := r.store.Lock(ctx)
	if err != nil {
		return out, err
	}
	defer release()
	ids, err := r.ids(ctx)
	if err != nil {
		return out, err
	}
	// Of those that go nothing is read: they may be damaged.
	removed := ids[:max(0, len(ids)-keep)]
	var kept []Manifest
	named := map[string]bool{}
	for _, id := range ids[len(removed):] {
		m, err := r.manifest(ctx, id)
		if err != nil {
			return out, fmt.Errorf("nothing was pruned, since a backup that is kept cannot be read; move it away to go on without it: %w", err)
		}
		kept, named[id] = append(kept, m), true
		out.Kept = append(out.Kept, id)
	}
	for _, id := range removed {
		if err := r.store.Delete(ctx, manifestName(id)); err != nil {
			return out, err
		}
		out.Removed = append(out.Removed, id)
		out.Files++
	}
	// Blobs come before records: while a record can be read, it was not the end.
	if err := r.pruneBlobs(ctx, kept, &out.Files); err != nil {
		return out, err
	}
	for name, err := range r.store.List(ctx, recordsFolder) {
		if err != nil {
			return out, err
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(name, recordsFolder), "/")
		if named[id] {
			continue
		}
		if err := r.store.Delete(ctx, name); err != nil {
			return out, err
		}
		out.Files++
	}
	return out, nil
}

// pruneBlobs deletes the blobs that no backup names. It reads the names of all
// backups and the list of what is there next to each other, all in order.
func (r *Repository) pruneBlobs(ctx context.Context, kept []Manifest, files *int64) error {
	var all []*refs
	for _, m := range kept {
		next, stop := iter.Pull2(r.refs(ctx, m))
		defer stop()
		all = append(all, &refs{next: next})
	}
	var at blob.Ref
	var doomed []string // the files of at, if no backup names it
	for name, err := range r.store.List(ctx, blobsFolder) {
		if err != nil {
			return err
		}
		ref, _, ok := parseBlobName(name)
		if !ok {
			continue
		}
		if ref != at {
			if err := r.deleteBlob(ctx, doomed, files); err != nil {
				return err
			}
			at, doomed = ref, nil
		}
		needed := false
		for _, s := range all {
			has, err := s.has(ref)
			if err != nil {
				return fmt.Errorf("nothing more was pruned, since a backup that is kept cannot be read: %w", err)
			}
			needed = needed || has
		}
		if !needed {
			doomed = append(doomed, name)
		}
	}
	return r.deleteBlob(ctx, doomed, files)
}

// deleteBlob deletes the files of a blob, in the order of their names, from the end:
// without the last one it is none, and the server may have it still. A Prune that is cut
// leaves nothing that the next backup would take for whole.
func (r *Repository) deleteBlob(ctx context.Context, names []string, files *int64) error {
	for _, name := range slices.Backward(names) {
		if err := r.store.Delete(ctx, name); err != nil {
			return err
		}
		*files++
	}
	return nil
}

// refs are the blobs of a backup, in order.
type refs struct {
	next func() (blob.Ref, error, bool)
	at   blob.Ref
	done bool
}

// has tells whether a blob is among them; it is asked in order.
func (s *refs) has(ref blob.Ref) (bool, error) {
	for !s.done && s.at < ref {
		next, err, ok := s.next()
		if err != nil {
			return false, err
		}
		if s.done = !ok; ok {
			s.at = next
		}
	}
	return !s.done && s.at == ref, nil
}

// refs yields the blobs that a backup names. Only the files with their names are
// read: where these begin is found by halving.
func (r *Repository) refs(ctx context.Context, m Manifest) iter.Seq2[blob.Ref, error] {
	return func(yield func(blob.Ref, error) bool) {
		first, err := r.firstRefs(ctx, m)
		if err != nil {
			yield("", err)
			return
		}
		for file := first; file < m.Files; file++ {
			more := r.pairsOf(ctx, m.ID, file, nil, func(p pair, err error) bool {
				if err != nil {
					yield("", err)
					return false
				}
				return isRef(p) && yield(refOf(p), nil)
			})
			if !more {
				return
			}
		}
	}
}

// firstRefs finds the first file whose first record is a blob's, or one after it.
func (r *Repository) firstRefs(ctx context.Context, m Manifest) (int, error) {
	low, high := 0, m.Files
	for low < high {
		mid := (low + high) / 2
		var before bool
		var failed error
		r.pairsOf(ctx, m.ID, mid, nil, func(p pair, err error) bool {
			before, failed = err == nil && p.key[0] < refPrefix, err
			return false
		})
		if failed != nil {
			return 0, failed
		}
		if before {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}
