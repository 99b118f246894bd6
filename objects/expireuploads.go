package objects

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"coffer"
	"coffer/meta"
)

// expireUploads aborts the uploads that were abandoned.
func (s *Service) expireUploads(ctx context.Context, now time.Time) error {
	for b, err := range s.allBuckets(ctx) {
		if err != nil {
			return err
		}
		if _, err := s.expireUploadsOf(ctx, b, now); err != nil {
			return err
		}
	}
	return nil
}

// expireUploadsOf aborts the abandoned uploads of a bucket, and tells how many.
func (s *Service) expireUploadsOf(ctx context.Context, b coffer.Bucket, now time.Time) (n int64, err error) {
	var l *coffer.Lifecycle
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, ok, err := again(r, b)
		if ok {
			l, err = s.lifecycle(r, b)
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	low := meta.Key(meta.PrefixUpload, meta.KeyUint64(uint64(b.ID)))
	for after := low; ; {
		batch, err := s.uploadsOf(ctx, low, after)
		if err != nil || len(batch) == 0 {
			return n, err
		}
		after = append(slices.Clone(batch[len(batch)-1].key), 0)
		for _, o := range batch {
			if !s.abandoned(l, o.Upload, now) {
				continue
			}
			if err := s.abortOld(ctx, b, o.Upload, now); err != nil {
				return n, fmt.Errorf("abort upload %s: %w", o.ID, err)
			}
			n++
		}
	}
}

// abandoned tells whether an upload is to be aborted: as the first rule has it that
// is for its key, else after UploadAgeMax.
func (s *Service) abandoned(l *coffer.Lifecycle, u coffer.Upload, now time.Time) bool {
	if l != nil {
		if e := l.Aborts(u.Key, u.Initiated, s.LifecycleDay); e != nil {
			return !now.Before(e.Date)
		}
	}
	return !now.Before(u.Initiated.Add(UploadAgeMax))
}

// again reads a bucket that was found before; ok is false if it is gone.
func again(r meta.Reader, b coffer.Bucket) (now coffer.Bucket, ok bool, err error) {
	now, err = readBucket(r, b.Name)
	if errors.Is(err, meta.ErrNotFound) {
		return now, false, nil
	}
	return now, err == nil && now.ID == b.ID, err
}

// abortOld aborts an upload that was found abandoned, if it still is.
func (s *Service) abortOld(ctx context.Context, b coffer.Bucket, u coffer.Upload, now time.Time) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, ok, err := again(tx, b)
		if err != nil || !ok {
			return err // its uploads went with it
		}
		l, err := s.lifecycle(tx, b)
		if err != nil {
			return err
		}
		u, err := readUpload(tx, b.ID, u.Key, u.ID)
		if coffer.CodeOf(err) == coffer.NoSuchUpload {
			return nil
		}
		if err != nil || !s.abandoned(l, u.Upload, now) {
			return err
		}
		return s.abort(tx, b, u)
	})
}

type oldUpload struct {
	key []byte
	coffer.Upload
}

// uploadsOf reads a batch of the uploads below low, those of one bucket.
func (s *Service) uploadsOf(ctx context.Context, low, after []byte) (batch []oldUpload, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		it := r.Iter(after, meta.PrefixEnd(low))
		defer it.Close()
		for len(batch) < reclaimBatch && it.Next() {
			key, id, err := splitUploadKey(it.Key()[len(low):])
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
			batch = append(batch, oldUpload{slices.Clone(it.Key()), u.Upload})
		}
		return it.Err()
	})
	return batch, err
}

// allBuckets goes through all buckets of the store by name, each as it was when
// its batch was read.
func (s *Service) allBuckets(ctx context.Context) iter.Seq2[coffer.Bucket, error] {
	return func(yield func(coffer.Bucket, error) bool) {
		end := []byte{meta.PrefixBucket + 1}
		for after := []byte{meta.PrefixBucket}; ; {
			var batch []coffer.Bucket
			err := s.Meta.View(ctx, func(r meta.Reader) error {
				it := r.Iter(after, end)
				defer it.Close()
				for len(batch) < reclaimBatch && it.Next() {
					value, err := it.Value()
					if err != nil {
						return err
					}
					b, err := decodeBucket(value)
					if err != nil {
						return err
					}
					batch = append(batch, b)
				}
				return it.Err()
			})
			if err != nil {
				yield(coffer.Bucket{}, fmt.Errorf("list all buckets: %w", err))
				return
			}
			if len(batch) == 0 {
				return
			}
			after = append(bucketKey(batch[len(batch)-1].Name), 0)
			for _, b := range batch {
				if !yield(b, nil) {
					return
				}
			}
		}
	}
}
