package objects

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"

	"coffer"
	"coffer/meta"
)

// lifecycleIDRandom is how many random bytes the ID has of a rule that came
// without one.
const lifecycleIDRandom = 36

// BucketLifecycle reads the lifecycle of a bucket; the error is
// NoSuchLifecycleConfiguration if it has none. The result is shared: do not change
// it.
func (s Session) BucketLifecycle(ctx context.Context, bucket coffer.BucketName) (*coffer.Lifecycle, error) {
	return getConfig[coffer.Lifecycle](ctx, s, bucket, configLifecycle, coffer.GetLifecycleConfiguration, coffer.NoSuchLifecycleConfiguration)
}

// PutBucketLifecycle puts a lifecycle in the place of the one that a bucket has.
// Rules without an ID get one.
func (s Session) PutBucketLifecycle(ctx context.Context, bucket coffer.BucketName, l coffer.Lifecycle) error {
	for i := range l.Rules {
		if l.Rules[i].ID != "" {
			continue
		}
		var b [lifecycleIDRandom]byte
		if _, err := io.ReadFull(s.Rand, b[:]); err != nil {
			return fmt.Errorf("read randomness: %w", err)
		}
		l.Rules[i].ID = base64.RawURLEncoding.EncodeToString(b[:])
	}
	if err := l.Check(); err != nil {
		return err
	}
	err := s.putConfig(ctx, bucket, configLifecycle, coffer.PutLifecycleConfiguration, l)
	if err == nil {
		s.lifecycleChanged.Store(true)
	}
	return err
}

// DeleteBucketLifecycle removes the lifecycle of a bucket.
func (s Session) DeleteBucketLifecycle(ctx context.Context, bucket coffer.BucketName) error {
	return s.deleteConfig(ctx, bucket, configLifecycle, coffer.PutLifecycleConfiguration)
}

// lifecycle is that of b, which must have been read with r; nil if it has none.
func (s *Service) lifecycle(r meta.Reader, b coffer.Bucket) (*coffer.Lifecycle, error) {
	return readConfig[coffer.Lifecycle](s, r, b, configLifecycle)
}

// expiry says when o, the current version of its key, will end.
func (s *Service) expiry(r meta.Reader, b coffer.Bucket, o coffer.Object) (*coffer.Expiry, error) {
	l, err := s.lifecycle(r, b)
	if l == nil {
		return nil, err
	}
	return l.Expires(o, s.LifecycleDay), nil
}

// abortion says when an upload will be aborted by a rule.
func (s *Service) abortion(r meta.Reader, b coffer.Bucket, u coffer.Upload) (*coffer.Expiry, error) {
	l, err := s.lifecycle(r, b)
	if l == nil {
		return nil, err
	}
	return l.Aborts(u.Key, u.Initiated, s.LifecycleDay), nil
}
