package objects

import (
	"context"

	"coffer"
	"coffer/meta"
)

// firstConfigs are the configurations that a bucket is made with, encoded. Most
// have none: what is not there is as AWS makes a new bucket.
type firstConfigs map[configKind][]byte

func (c firstConfigs) write(tx meta.Tx, id coffer.BucketID) error {
	for kind, value := range c {
		if err := tx.Set(configKey(id, kind), value); err != nil {
			return err
		}
	}
	return nil
}

func (c firstConfigs) add(b *coffer.Bucket, kind configKind, v any) error {
	value, err := encodeConfig(v)
	c[kind] = value
	b.Configs |= kind.bit()
	return err
}

// firstConfigs settles who owns what is put into a new bucket, who may be let in,
// and its access control list, and marks them in b.
func (s Session) firstConfigs(ctx context.Context, b *coffer.Bucket, in CreateBucketInput) (firstConfigs, error) {
	c := firstConfigs{}
	ownership, open := in.Ownership, s.Ownership != "" && s.Ownership != coffer.BucketOwnerEnforced
	if ownership == "" {
		ownership = s.Ownership
	}
	if open {
		if err := c.add(b, configPublicAccess, publicAccessConfig{Deleted: true}); err != nil {
			return nil, err
		}
	}
	enforced := ownership == "" || ownership == coffer.BucketOwnerEnforced
	if !enforced {
		if err := c.add(b, configOwnership, ownershipConfig{ownership}); err != nil {
			return nil, err
		}
	}
	acl, err := s.resolve(ctx, in.ACL)
	if err != nil {
		return nil, err
	}
	list := acl.For(ownerOf(*b), b.Owner)
	switch {
	case list.Private():
		return c, nil
	case enforced:
		return nil, &coffer.Error{Code: coffer.InvalidBucketACLWithObjectOwnership}
	case list.Public() && !open:
		return nil, coffer.Errorf(coffer.AccessDenied, "Access Denied: the access control list is public, and the public access block of new buckets prevents that.")
	}
	return c, c.add(b, configACL, list)
}
