package objects

import (
	"context"
	"errors"

	"coffer"
	"coffer/meta"
)

// BucketQuota reads a bucket, its quota and how much of it is used, for who
// belongs to its account and for operators. To all others it does not exist.
func (s Session) BucketQuota(ctx context.Context, name coffer.BucketName) (b coffer.Bucket, q coffer.Quota, u coffer.Use, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) (err error) {
		if b, err = s.managed(r, name); err != nil {
			return err
		}
		if q, err = s.bucketQuota(r, b); err != nil {
			return err
		}
		u, err = readUse(func(which byte) (int64, error) { return readCount(r, b.ID, which) })
		return err
	})
	return b, q, u, err
}

// managed reads a bucket for who manages it, not what is in it: its account, or an
// operator.
func (s Session) managed(r meta.Reader, name coffer.BucketName) (coffer.Bucket, error) {
	b, err := readBucket(r, name)
	if errors.Is(err, meta.ErrNotFound) || err == nil && !s.actor.Caller.Operator && (s.actor.Anonymous() || b.Account != s.actor.Account) {
		return coffer.Bucket{}, (&coffer.Error{Code: coffer.NoSuchBucket}).With("BucketName", string(name))
	}
	return b, err
}

// ChangeBucketQuota changes the quota of a bucket. Operators do.
func (s Session) ChangeBucketQuota(ctx context.Context, name coffer.BucketName, c coffer.QuotaChange) error {
	if !s.actor.Caller.Operator {
		return coffer.Errorf(coffer.AccessDenied, "only operators of this instance change quotas")
	}
	if c.Buckets != nil || c.RequestsPerSecond != nil {
		return coffer.Errorf(coffer.InvalidArgument, "a bucket has limits of bytes and objects only: the others are its account's")
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.managed(tx, name)
		if err != nil {
			return err
		}
		old, err := s.bucketQuota(tx, b)
		if err != nil {
			return err
		}
		q := c.Apply(old)
		if err := q.Check(); err != nil || q == old {
			return err
		}
		return s.setConfig(ctx, tx, b, configQuota, q)
	})
}
