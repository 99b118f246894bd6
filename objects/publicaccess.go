package objects

import (
	"context"

	"coffer"
	"coffer/meta"
)

// publicAccessConfig is a bucket's public access block. A bucket without the
// record has all of it, as a new one does; one from which it was deleted has the
// record, marked so.
type publicAccessConfig struct {
	coffer.PublicAccessBlock
	Deleted bool `json:"deleted,omitempty"`
}

// publicAccess is the public access block of a bucket.
func (s *Service) publicAccess(r meta.Reader, b coffer.Bucket) (coffer.PublicAccessBlock, error) {
	c, err := readConfig[publicAccessConfig](s, r, b, configPublicAccess)
	if err != nil || c == nil {
		return coffer.AllPublicAccessBlocked(), err
	}
	return c.PublicAccessBlock, nil
}

// PublicAccess reads the public access block of a bucket; the error is
// NoSuchPublicAccessBlockConfiguration if it was deleted.
func (s Session) PublicAccess(ctx context.Context, bucket coffer.BucketName) (block coffer.PublicAccessBlock, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := s.bucket(r, bucket, coffer.GetBucketPublicAccessBlock, "")
		if err != nil {
			return err
		}
		c, err := readConfig[publicAccessConfig](s.Service, r, b, configPublicAccess)
		if err == nil && c != nil && c.Deleted {
			return (&coffer.Error{Code: coffer.NoSuchPublicAccessBlockConfiguration}).With("BucketName", string(bucket))
		}
		if err == nil {
			block, err = s.publicAccess(r, b)
		}
		return err
	})
	return block, err
}

// PutPublicAccess puts a public access block in the place of the one that there is.
func (s Session) PutPublicAccess(ctx context.Context, bucket coffer.BucketName, block coffer.PublicAccessBlock) error {
	return s.putConfig(ctx, bucket, configPublicAccess, coffer.PutBucketPublicAccessBlock, publicAccessConfig{PublicAccessBlock: block})
}

// DeletePublicAccess removes the public access block: nothing is blocked then.
func (s Session) DeletePublicAccess(ctx context.Context, bucket coffer.BucketName) error {
	return s.putConfig(ctx, bucket, configPublicAccess, coffer.PutBucketPublicAccessBlock, publicAccessConfig{Deleted: true})
}
