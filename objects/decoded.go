package objects

import (
	"bytes"
	"sync"

	"coffer"
	"coffer/meta"
)

// decodedMax bounds the buckets that are kept decoded; all are forgotten when there
// are more.
const decodedMax = 10_000

// decodedBuckets keeps buckets beside the records that they were decoded from. The
// record is read each time, which says whether it is still the same.
type decodedBuckets struct {
	mu   sync.RWMutex // guards kept
	kept map[coffer.BucketName]decodedBucket
}

type decodedBucket struct {
	record []byte
	bucket coffer.Bucket
}

// read is readBucket, which nearly every request does, some twice.
func (d *decodedBuckets) read(r meta.Reader, name coffer.BucketName) (coffer.Bucket, error) {
	record, err := r.Get(bucketKey(name))
	if err != nil {
		return coffer.Bucket{}, err
	}
	d.mu.RLock()
	kept := d.kept[name]
	d.mu.RUnlock()
	if kept.record != nil && bytes.Equal(kept.record, record) {
		return kept.bucket, nil
	}
	b, err := decodeBucket(record)
	if err != nil {
		return b, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil || len(d.kept) >= decodedMax {
		d.kept = map[coffer.BucketName]decodedBucket{}
	}
	d.kept[b.Name] = decodedBucket{bytes.Clone(record), b}
	return b, nil
}
