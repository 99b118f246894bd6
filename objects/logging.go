package objects

import (
	"context"
	"errors"
	"sync"
	"time"

	"coffer"
	"coffer/meta"
)

// BucketLogging reads where the access log of a bucket goes; nil if none is kept.
func (s Session) BucketLogging(ctx context.Context, bucket coffer.BucketName) (*coffer.BucketLogging, error) {
	c, err := getConfig[coffer.BucketLogging](ctx, s, bucket, configLogging, coffer.GetBucketLogging, coffer.NoSuchConfiguration)
	if coffer.CodeOf(err) == coffer.NoSuchConfiguration {
		return nil, nil
	}
	return c, err
}

// PutBucketLogging lets the access log of a bucket go to another one of the same
// account; nil keeps none. The server writes there by itself, so the actor must be
// allowed to: a key cannot have written what it may not write.
func (s Session) PutBucketLogging(ctx context.Context, bucket coffer.BucketName, c *coffer.BucketLogging) error {
	defer s.logging.forget(bucket)
	if c == nil {
		return s.deleteConfig(ctx, bucket, configLogging, coffer.PutBucketLogging)
	}
	if err := s.Writable(); err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, bucket, coffer.PutBucketLogging, "")
		if err != nil {
			return err
		}
		c.Owner = b.Owner
		target, err := readBucket(tx, c.Target)
		if err != nil && !errors.Is(err, meta.ErrNotFound) {
			return err
		}
		if err != nil || target.Account != b.Account || s.authorize(tx, target, coffer.PutObject, c.Prefix+"2006") != nil {
			return (&coffer.Error{Code: coffer.InvalidTargetBucketForLogging}).With("TargetBucket", string(c.Target))
		}
		return s.setConfig(ctx, tx, b, configLogging, c)
	})
}

// loggingAge is how long it may take until a bucket that another node changed is
// logged as it says now; AWS may take an hour.
const (
	loggingAge = 5 * time.Second
	loggingMax = 10_000 // buckets whose logging is remembered
)

// logging remembers which buckets are logged, so that a request to one that is not
// costs no read.
type logging struct {
	mu   sync.RWMutex // guards kept
	kept map[coffer.BucketName]keptLogging
}

type keptLogging struct {
	read   time.Time
	logged *LoggedBucket
}

func (l *logging) forget(bucket coffer.BucketName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.kept, bucket)
}

// LoggedBucket is a bucket whose requests are logged, and to where.
type LoggedBucket struct {
	coffer.Bucket
	To coffer.BucketLogging
}

// Logged finds where requests to a bucket are logged; nil if they are not.
func (s *Service) Logged(ctx context.Context, bucket coffer.BucketName) (*LoggedBucket, error) {
	now := s.Now()
	s.logging.mu.RLock()
	kept, ok := s.logging.kept[bucket]
	s.logging.mu.RUnlock()
	if ok && now.Sub(kept.read) < loggingAge && !now.Before(kept.read) {
		return kept.logged, nil
	}
	var found *LoggedBucket
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := readBucket(r, bucket)
		if errors.Is(err, meta.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		c, err := readConfig[coffer.BucketLogging](s, r, b, configLogging)
		if c != nil {
			found = &LoggedBucket{b, *c}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	s.logging.mu.Lock()
	defer s.logging.mu.Unlock()
	if s.logging.kept == nil || len(s.logging.kept) >= loggingMax {
		s.logging.kept = map[coffer.BucketName]keptLogging{}
	}
	s.logging.kept[bucket] = keptLogging{now, found}
	return found, nil
}
