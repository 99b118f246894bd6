package objects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"coffer"
	"coffer/blob"
	"coffer/meta"
)

const (
	// garbageGrace is how long the blobs of a deleted object stay: as long as a
	// request may take from reading the record to pinning the body.
	garbageGrace = 10 * time.Second
	// orphanAge is how old a blob must be that no metadata names before it is
	// taken for the leftover of a crash: older than the longest upload.
	orphanAge = 24 * time.Hour
	// condemnedAge is how long a condemned blob cannot be named, though it is gone.
	condemnedAge = 24 * time.Hour
	// UploadAgeMax is how long an upload may lie abandoned.
	UploadAgeMax = 7 * 24 * time.Hour
	// finishedAge is how long after an upload was begun its Complete can be asked
	// again: a day at least, since it ended before UploadAgeMax.
	finishedAge = UploadAgeMax + 24*time.Hour

	reclaimBatch = 500
)

func garbageKey(t time.Time, ref blob.Ref) []byte {
	return meta.Key(meta.PrefixGarbage, meta.KeyUint64(nanoseconds(t)), []byte(ref))
}

// Reclaimed is what a round of reclaim removed.
type Reclaimed struct {
	// Garbage is how many blobs of deleted objects and parts were removed.
	Garbage int
	// Orphans is how many blobs were removed that no metadata had ever named, and
	// Bytes how much they held.
	Orphans int
	Bytes   int64
}

// Reclaim does all of it once: garbage, the orphans of 24 hours ago, uploads
// abandoned for 7 days, and the answers kept of finished ones. What fails does not
// keep the rest from being done.
func (s *Service) Reclaim(ctx context.Context) (Reclaimed, error) {
	now := s.Now()
	err := errors.Join(
		s.expireUploads(ctx, now),
		s.expireFinished(ctx, now.Add(-finishedAge)),
		s.redate(ctx, now))
	garbage, err2 := s.CollectGarbage(ctx)
	done, err3 := s.Sweep(ctx, now.Add(-orphanAge))
	done.Garbage = garbage.Garbage
	return done, errors.Join(err, err2, err3)
}

// CollectGarbage deletes the blobs of deleted objects that nobody reads any more.
// A blob that cannot be deleted stays for the next time; the error is of the first
// of them.
func (s *Service) CollectGarbage(ctx context.Context) (done Reclaimed, failed error) {
	for after := []byte{meta.PrefixGarbage}; after != nil; {
		n, next, err := s.collectBatch(ctx, after)
		done.Garbage += n
		if failed == nil || next == nil {
			failed = errors.Join(failed, err)
		}
		after = next
	}
	return done, failed
}

// collectBatch deletes some of the garbage from a key on, and returns how many
// blobs and where the next batch begins: nil after the last one, and after an error
// that is not of a single blob.
func (s *Service) collectBatch(ctx context.Context, after []byte) (n int, next []byte, failed error) {
	s.holds.mu.Lock()
	defer s.holds.mu.Unlock()
	if s.holds.n > 0 {
		return 0, nil, nil
	}
	batch, err := s.garbage(ctx, after)
	if err != nil || len(batch) == 0 {
		return 0, nil, err
	}
	next = append(slices.Clone(batch[len(batch)-1].key), 0)
	var gone []garbage
	for _, g := range batch {
		if s.readers.reading(g.body) {
			continue
		}
		if err := s.Blobs.Delete(ctx, g.ref); err != nil {
			// A disk that is missing is told of once, at the start, and may come back.
			if failed == nil && !errors.Is(err, blob.ErrUnreadable) {
				failed = fmt.Errorf("reclaim blob %s: %w", g.ref, err)
			}
			continue
		}
		gone = append(gone, g)
	}
	err = s.Meta.Update(ctx, func(tx meta.Tx) error {
		for _, g := range gone {
			if err := errors.Join(tx.Delete(g.key), tx.Delete(blobOwnerKey(g.ref))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, nil, errors.Join(failed, err)
	}
	for _, g := range gone {
		if !g.condemned {
			n++
		}
	}
	return n, next, failed
}

// redate dates back to now the garbage of a time that is not to come: a clock that was
// ahead noted it, and it would wait for that time.
func (s *Service) redate(ctx context.Context, now time.Time) error {
	for after := garbageKey(now.Add(condemnedAge+1), ""); ; {
		more := false
		err := s.Meta.Update(ctx, func(tx meta.Tx) error {
			it := tx.Iter(after, meta.PrefixEnd([]byte{meta.PrefixGarbage}))
			defer it.Close()
			n := 0
			for ; n < reclaimBatch && it.Next(); n++ {
				value, err := it.Value()
				if err != nil {
					return err
				}
				key, at := it.Key(), now
				if len(key) <= 9 {
					return fmt.Errorf("garbage record %x is damaged", key)
				}
				if len(value) == 0 {
					at = now.Add(condemnedAge)
				}
				if err := errors.Join(tx.Set(garbageKey(at, blob.Ref(key[9:])), value), tx.Delete(key)); err != nil {
					return err
				}
			}
			more = n == reclaimBatch
			return it.Err()
		})
		if err != nil || !more {
			return err
		}
	}
}

// garbage is a blob to delete.
type garbage struct {
	key       []byte
	ref       blob.Ref
	body      bodyID // whose readers may need it; zero for a part that was in no object
	condemned bool   // deleted before; only its mark is left to be removed
}

// garbage reads a batch of what may be deleted by now.
func (s *Service) garbage(ctx context.Context, after []byte) (batch []garbage, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(after, garbageKey(s.Now().Add(-garbageGrace), ""))
		defer it.Close()
		for len(batch) < reclaimBatch && it.Next() {
			value, err := it.Value()
			if err != nil {
				return err
			}
			g := garbage{key: slices.Clone(it.Key()), condemned: len(value) == 0}
			if len(g.key) > 9 {
				g.ref = blob.Ref(g.key[9:])
			}
			// A body that cannot be read here may be one that a request reads now.
			if n := copy(g.body[:], value); !g.ref.Valid() || n != len(value) || n != len(g.body) && !g.condemned {
				return fmt.Errorf("garbage record %x is damaged: %x", g.key, value)
			}
			batch = append(batch, g)
		}
		return it.Err()
	})
	return batch, err
}

// SweepEarlier deletes the orphans that earlier runs of the program left, at once:
// no request of theirs can still come to name them. It holds where one process has
// the stores to itself.
func (s *Service) SweepEarlier(ctx context.Context) (Reclaimed, error) { return s.Sweep(ctx, s.opened) }

// Sweep deletes blobs that no metadata names: what a crash between bytes and
// metadata leaves. Only those written before the given time count. Each is
// condemned in the metadata first, and stays so for a day, so that a request that
// took longer than anyone thought fails instead of naming a blob that is gone. A
// read that fails is never taken for "nobody names it".
func (s *Service) Sweep(ctx context.Context, before time.Time) (done Reclaimed, failed error) {
	for info, err := range s.Blobs.List(ctx, "") {
		if err != nil {
			return done, errors.Join(failed, fmt.Errorf("list blobs: %w", err))
		}
		if !info.ModTime.Before(before) {
			continue
		}
		orphan, err := s.condemn(ctx, info.Ref)
		if err != nil {
			return done, errors.Join(failed, err)
		}
		if !orphan {
			continue
		}
		if err := s.Blobs.Delete(ctx, info.Ref); err != nil {
			if failed == nil {
				failed = fmt.Errorf("reclaim blob %s: %w", info.Ref, err)
			}
			continue
		}
		done.Orphans++
		done.Bytes += info.Size
	}
	return done, failed
}

// condemn marks a blob that no metadata names; false if some does. The mark is
// garbage itself, to be collected when it is old.
func (s *Service) condemn(ctx context.Context, ref blob.Ref) (orphan bool, err error) {
	// Most blobs are named, which a snapshot tells without a transaction.
	err = s.Meta.View(ctx, func(r meta.Reader) (err error) {
		orphan, err = isOrphan(r, ref)
		return err
	})
	if err != nil || !orphan {
		return false, err
	}
	err = s.Meta.Update(ctx, func(tx meta.Tx) (err error) {
		if orphan, err = isOrphan(tx, ref); err != nil || !orphan {
			return err
		}
		return errors.Join(
			tx.Set(blobOwnerKey(ref), blobCondemned),
			tx.Set(garbageKey(s.Now().Add(condemnedAge), ref), nil))
	})
	return err == nil && orphan, err
}

func isOrphan(r meta.Reader, ref blob.Ref) (bool, error) {
	value, err := r.Get(blobOwnerKey(ref))
	if errors.Is(err, meta.ErrNotFound) {
		return true, nil
	}
	return err == nil && slices.Equal(value, blobCondemned), err
}

// expireFinished forgets the answers of uploads begun before a time, which their
// IDs tell.
func (s *Service) expireFinished(ctx context.Context, before time.Time) error {
	end := finishedKey(coffer.UploadID(fmt.Sprintf("%016x", nanoseconds(before))))
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		start := []byte{meta.PrefixFinished}
		it := tx.Iter(start, end)
		found := it.Next()
		if err := errors.Join(it.Err(), it.Close()); err != nil || !found {
			// An engine pays for the end of a range even if nothing was in it.
			return err
		}
		return tx.DeleteRange(start, end)
	})
}
