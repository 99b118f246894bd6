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
	// finishedAge is how long a Complete can be asked again.
	finishedAge = 7 * 24 * time.Hour
	// UploadAgeMax is how long an upload may lie abandoned.
	UploadAgeMax = 7 * 24 * time.Hour

	reclaimBatch = 500
)

func garbageKey(t time.Time, ref blob.Ref) []byte {
	return meta.Key(meta.PrefixGarbage, meta.KeyUint64(uint64(t.UnixNano())), []byte(ref))
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

// CollectGarbage deletes the blobs of deleted objects that nobody reads any more.
func (s *Service) CollectGarbage(ctx context.Context) (done Reclaimed, err error) {
	for after := []byte(nil); ; {
		batch, err := s.garbage(ctx, after)
		if err != nil || len(batch) == 0 {
			return done, err
		}
		after = append(slices.Clone(batch[len(batch)-1].key), 0)
		batch = slices.DeleteFunc(batch, func(g garbage) bool { return s.readers.reading(g.body) })
		for _, g := range batch {
			if err := s.Blobs.Delete(ctx, g.ref); err != nil {
				return done, fmt.Errorf("reclaim blob %s: %w", g.ref, err)
			}
		}
		err = s.Meta.Update(ctx, func(tx meta.Tx) error {
			for _, g := range batch {
				if err := errors.Join(tx.Delete(g.key), tx.Delete(blobOwnerKey(g.ref))); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return done, err
		}
		done.Garbage += len(batch)
	}
}

type garbage struct {
	key  []byte
	ref  blob.Ref
	body bodyID
}

// garbage reads a batch of what may be deleted by now.
func (s *Service) garbage(ctx context.Context, after []byte) (batch []garbage, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		start := after
		if start == nil {
			start = []byte{meta.PrefixGarbage}
		}
		it := r.Iter(start, garbageKey(s.Now().Add(-garbageGrace), ""))
		defer it.Close()
		for it.Next() && len(batch) < reclaimBatch {
			value, err := it.Value()
			if err != nil {
				return err
			}
			if len(it.Key()) < 9 {
				return errors.New("garbage key is malformed")
			}
			g := garbage{key: slices.Clone(it.Key()), ref: blob.Ref(it.Key()[9:])}
			copy(g.body[:], value)
			batch = append(batch, g)
		}
		return it.Err()
	})
	return batch, err
}

// Sweep deletes blobs that no metadata names: what a crash between bytes and
// metadata leaves. Only those written before the given time count. Each is
// condemned in the metadata first, so that a request that took longer than anyone
// thought fails instead of naming a blob that is gone. A read that fails is never
// taken for "nobody names it".
func (s *Service) Sweep(ctx context.Context, before time.Time) (done Reclaimed, err error) {
	for info, err := range s.Blobs.List(ctx, "") {
		if err != nil {
			return done, fmt.Errorf("list blobs: %w", err)
		}
		if !info.ModTime.Before(before) {
			continue
		}
		orphan, err := s.condemn(ctx, info.Ref)
		if err != nil {
			return done, err
		}
		if !orphan {
			continue
		}
		if err := s.Blobs.Delete(ctx, info.Ref); err != nil {
			return done, fmt.Errorf("reclaim blob %s: %w", info.Ref, err)
		}
		err = s.Meta.Update(ctx, func(tx meta.Tx) error { return tx.Delete(blobOwnerKey(info.Ref)) })
		if err != nil {
			return done, err
		}
		done.Orphans++
		done.Bytes += info.Size
	}
	return done, nil
}

// condemn marks a blob that no metadata names; false if some does.
func (s *Service) condemn(ctx context.Context, ref blob.Ref) (orphan bool, err error) {
	owned := func(r meta.Reader) (bool, error) {
		value, err := r.Get(blobOwnerKey(ref))
		if errors.Is(err, meta.ErrNotFound) {
			return false, nil
		}
		return !slices.Equal(value, blobCondemned), err
	}
	var named bool
	err = s.Meta.View(ctx, func(r meta.Reader) (err error) {
		named, err = owned(r)
		return err
	})
	if err != nil || named {
		return false, err
	}
	err = s.Meta.Update(ctx, func(tx meta.Tx) error {
		var err error
		if named, err = owned(tx); err != nil || named {
			return err
		}
		return tx.Set(blobOwnerKey(ref), blobCondemned)
	})
	return err == nil && !named, err
}

// Reclaim does all of it once: garbage, the orphans of 24 hours ago, uploads
// abandoned for 7 days, and the answers kept of finished ones.
func (s *Service) Reclaim(ctx context.Context) (Reclaimed, error) {
	now := s.Now()
	err := errors.Join(
		s.expireUploads(ctx, now.Add(-UploadAgeMax)),
		s.expireFinished(ctx, now.Add(-finishedAge)))
	if err != nil {
		return Reclaimed{}, err
	}
	garbage, err := s.CollectGarbage(ctx)
	if err != nil {
		return garbage, err
	}
	orphans, err := s.Sweep(ctx, now.Add(-orphanAge))
	orphans.Garbage = garbage.Garbage
	return orphans, err
}

// expireUploads aborts the uploads begun before a time.
func (s *Service) expireUploads(ctx context.Context, before time.Time) error {
	type old struct {
		bucket coffer.BucketID
		upload coffer.Upload
	}
	var expired []old
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter([]byte{meta.PrefixUpload}, []byte{meta.PrefixUpload + 1})
		defer it.Close()
		for it.Next() {
			key, id, err := splitUploadKey(it.Key()[9:])
			if err != nil {
				return err
			}
			value, err := it.Value()
			if err != nil {
				return err
			}
			u, err := decodeUpload(key, id, value)
			if err != nil {
				return err
			}
			if u.Initiated.Before(before) {
				expired = append(expired, old{bucketIDOf(it.Key()), u})
			}
		}
		return it.Err()
	})
	for _, o := range expired {
		if err != nil {
			break
		}
		err = s.Meta.Update(ctx, func(tx meta.Tx) error {
			u, err := readUpload(tx, o.bucket, o.upload.Key, o.upload.ID)
			if coffer.CodeOf(err) == coffer.NoSuchUpload {
				return nil
			}
			if err != nil {
				return err
			}
			return s.abort(tx, o.bucket, u)
		})
	}
	return err
}

// expireFinished forgets the answers of uploads begun before a time, which their
// IDs tell.
func (s *Service) expireFinished(ctx context.Context, before time.Time) error {
	end := finishedKey(coffer.UploadID(fmt.Sprintf("%016x", before.UnixNano())))
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		return tx.DeleteRange([]byte{meta.PrefixFinished}, end)
	})
}
