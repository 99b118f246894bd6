package objects

import (
	"context"
	"errors"

	"coffer"
	"coffer/meta"
)

// BucketWebsite reads how a bucket is served as a website; the error is
// NoSuchWebsiteConfiguration if it is not.
func (s Session) BucketWebsite(ctx context.Context, bucket coffer.BucketName) (*coffer.Website, error) {
	return getConfig[coffer.Website](ctx, s, bucket, configWebsite, coffer.GetBucketWebsite, coffer.NoSuchWebsiteConfiguration)
}

// PutBucketWebsite lets a bucket be served as a website. Who may read what is in
// it does not change.
func (s Session) PutBucketWebsite(ctx context.Context, bucket coffer.BucketName, w coffer.Website) error {
	if err := coffer.CheckWebsite(w); err != nil {
		return err
	}
	return s.putConfig(ctx, bucket, configWebsite, coffer.PutBucketWebsite, w)
}

// DeleteBucketWebsite ends that.
func (s Session) DeleteBucketWebsite(ctx context.Context, bucket coffer.BucketName) error {
	return s.deleteConfig(ctx, bucket, configWebsite, coffer.DeleteBucketWebsite)
}

// Website is BucketWebsite for a visitor, who sees what it does anyway. The error
// is NoSuchBucket or NoSuchWebsiteConfiguration. Nobody may change what it returns.
func (s Session) Website(ctx context.Context, bucket coffer.BucketName) (w *coffer.Website, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := readBucket(r, bucket)
		if errors.Is(err, meta.ErrNotFound) {
			return (&coffer.Error{Code: coffer.NoSuchBucket}).With("BucketName", string(bucket))
		}
		if err != nil {
			return err
		}
		if w, err = readConfig[coffer.Website](s.Service, r, b, configWebsite); err == nil && w == nil {
			err = (&coffer.Error{Code: coffer.NoSuchWebsiteConfiguration}).With("BucketName", string(bucket))
		}
		return err
	})
	return w, err
}
