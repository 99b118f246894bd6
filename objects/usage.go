package objects

import (
	"context"

	"coffer"
	"coffer/meta"
)

// BucketUsage is how much a bucket holds.
type BucketUsage struct {
	Bucket coffer.Bucket
	// Objects is how many there are, without the versions that are not current.
	Objects int64
	// Bytes is of all versions.
	Bytes int64
	// Versions is how many are not current, delete markers among them, and
	// VersionBytes what they hold of Bytes.
	Versions     int64
	VersionBytes int64
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
			for _, c := range []struct {
				which byte
				to    *int64
			}{{countObjects, &u.Objects}, {countBytes, &u.Bytes}, {countVersions, &u.Versions}, {countVersionBytes, &u.VersionBytes}} {
				if *c.to, err = readCount(r, b.ID, c.which); err != nil {
					return err
				}
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
	return meta.ReadCounter(r, countKey(id, which))
}
