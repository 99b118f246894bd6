package objects

import (
	"context"

	"coffer"
	"coffer/meta"
)

// ownershipConfig is a bucket's setting of object ownership. A bucket without the
// record has BucketOwnerEnforced, as a new one does; one from which the setting was
// deleted has the record, with nothing in it.
type ownershipConfig struct {
	Ownership coffer.ObjectOwnership `json:"ownership,omitempty"`
}

// ownership is the setting of a bucket. One that was deleted is as ObjectWriter
// (AWS, "DeleteBucketOwnershipControls").
func (s *Service) ownership(r meta.Reader, b coffer.Bucket) (o coffer.ObjectOwnership, set bool, err error) {
	c, err := readConfig[ownershipConfig](s, r, b, configOwnership)
	switch {
	case err != nil:
		return "", false, err
	case c == nil:
		return coffer.BucketOwnerEnforced, true, nil
	case c.Ownership == "":
		return coffer.ObjectWriter, false, nil
	}
	return c.Ownership, true, nil
}

// enforced tells whether access control lists do not count in a bucket.
func (s *Service) enforced(r meta.Reader, b coffer.Bucket) (bool, error) {
	o, _, err := s.ownership(r, b)
	return o == coffer.BucketOwnerEnforced, err
}

// BucketOwnership reads who owns the objects of a bucket; the error is
// OwnershipControlsNotFound if that was deleted.
func (s Session) BucketOwnership(ctx context.Context, bucket coffer.BucketName) (o coffer.ObjectOwnership, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := s.bucket(r, bucket, coffer.GetBucketOwnershipControls, "")
		if err != nil {
			return err
		}
		var set bool
		if o, set, err = s.ownership(r, b); err == nil && !set {
			err = (&coffer.Error{Code: coffer.OwnershipControlsNotFound}).With("BucketName", string(bucket))
		}
		return err
	})
	return o, err
}

// PutBucketOwnership settles who owns the objects of a bucket. The error is
// InvalidBucketACLWithObjectOwnership if access control lists shall not count and
// the bucket has one that lets somebody else in.
func (s Session) PutBucketOwnership(ctx context.Context, bucket coffer.BucketName, o coffer.ObjectOwnership) error {
	return s.setOwnership(ctx, bucket, o)
}

// DeleteBucketOwnership removes the setting; the bucket is then as with
// ObjectWriter.
func (s Session) DeleteBucketOwnership(ctx context.Context, bucket coffer.BucketName) error {
	return s.setOwnership(ctx, bucket, "")
}

func (s Session) setOwnership(ctx context.Context, bucket coffer.BucketName, o coffer.ObjectOwnership) error {
	if err := s.Writable(); err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, bucket, coffer.PutBucketOwnershipControls, "")
		if err != nil {
			return err
		}
		list, err := readConfig[coffer.ACL](s.Service, tx, b, configACL)
		if err != nil {
			return err
		}
		if o == coffer.BucketOwnerEnforced && list != nil && !list.Private() {
			return &coffer.Error{Code: coffer.InvalidBucketACLWithObjectOwnership}
		}
		return s.setConfig(ctx, tx, b, configOwnership, ownershipConfig{o})
	})
}
