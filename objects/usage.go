package objects

import (
	"context"
	"errors"

	"coffer"
	"coffer/meta"
)

// BucketUsage is how much a bucket holds.
type BucketUsage struct {
	Bucket  coffer.Bucket
	Objects int64
	Bytes   int64
}

// Usage reads what the buckets that the actor may see hold, by name.
func (s Session) Usage(ctx context.Context) ([]BucketUsage, error) {
	buckets, _, err := s.ListBuckets(ctx, ListBucketsInput{})
	if err != nil {
		return nil, err
	}
	all := make([]BucketUsage, 0, len(buckets))
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		all = all[:0]
		for _, b := range buckets {
			u := BucketUsage{Bucket: b}
			var err error
			if u.Objects, err = readCount(r, b.ID, countObjects); err != nil {
				return err
			}
			if u.Bytes, err = readCount(r, b.ID, countBytes); err != nil {
				return err
			}
			all = append(all, u)
		}
		return nil
	})
	return all, err
}

// readCount reads a counter of a bucket, which is not there before it first
// changed.
func readCount(r meta.Reader, id coffer.BucketID, which byte) (int64, error) {
	return readCounter(r, countKey(id, which))
}

func readCounter(r meta.Reader, key []byte) (int64, error) {
	value, err := r.Get(key)
	if errors.Is(err, meta.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return meta.Counter(value)
}
