package objects

import (
	"context"
	"fmt"
	"slices"

	"coffer"
	"coffer/meta"
)

// BucketACL reads the access control list of a bucket.
func (s Session) BucketACL(ctx context.Context, bucket coffer.BucketName) (list coffer.ACL, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := s.bucket(r, bucket, coffer.GetBucketACL, "")
		if err != nil {
			return err
		}
		kept, err := readConfig[coffer.ACL](s.Service, r, b, configACL)
		if err != nil {
			return err
		}
		list, err = s.effective(r, b, kept)
		return err
	})
	return list, err
}

// PutBucketACL puts an access control list in the place of the one that a bucket
// has. owner is what the request says of the owner, who cannot change; "" if it
// says nothing.
func (s Session) PutBucketACL(ctx context.Context, bucket coffer.BucketName, in coffer.NewACL, owner coffer.CanonicalID) error {
	in, err := s.admitGrants(ctx, bucket, coffer.PutBucketACL, "", in, owner)
	if err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, bucket, coffer.PutBucketACL, "")
		if err != nil {
			return err
		}
		list, err := s.changedACL(tx, b, ownerOf(b), in, owner)
		if err != nil {
			return err
		}
		if list == nil {
			return nil // where lists do not count, the one there is stays
		}
		return s.setConfig(ctx, tx, b, configACL, list)
	})
}

// ObjectACL reads the access control list of an object, and what is known of it.
func (s Session) ObjectACL(ctx context.Context, in GetInput) (list coffer.ACL, c *Content, err error) {
	in.Action = coffer.GetObjectACL
	if c, err = s.Head(ctx, in); err != nil {
		return list, c, err
	}
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		list, err = s.effective(r, c.Bucket, c.ACL)
		return err
	})
	return list, c, err
}

// PutObjectACL puts an access control list in the place of the one that a version
// of an object has, and returns which that is, "" where the bucket has no versions.
// Nothing else of it changes, its time neither.
func (s Session) PutObjectACL(ctx context.Context, bucket coffer.BucketName, key, version string, in coffer.NewACL, owner coffer.CanonicalID) (of string, err error) {
	if err := coffer.CheckObjectKey(key); err != nil {
		return "", err
	}
	if in, err = s.at(version).admitGrants(ctx, bucket, coffer.PutObjectACL.OfVersion(version), key, in, owner); err != nil {
		return "", err
	}
	err = s.change(ctx, bucket, key, version, coffer.PutObjectACL, func(tx meta.Tx, b coffer.Bucket, o *row) error {
		of = versionIn(b, o)
		current := ownerOf(b)
		if o.ACL != nil {
			current = o.ACL.Owner
		}
		list, err := s.changedACL(tx, b, current, in, owner)
		if err != nil || list == nil {
			return err
		}
		before, err := s.effective(tx, b, o.ACL)
		if err != nil {
			return err
		}
		if o.ACL = list; list.Owner.Account == b.Account && list.Private() {
			o.ACL = nil
		}
		if before.Owner == list.Owner && slices.Equal(before.Grants, list.Grants) {
			return nil // there is no event of what changes nothing (AWS, "Supported event types")
		}
		return s.listed(tx, b, o)
	})
	return of, err
}

// effective is the list that counts of what has kept in a bucket: where lists do
// not count, and where there is none, full control for the bucket's owner.
func (s Session) effective(r meta.Reader, b coffer.Bucket, kept *coffer.ACL) (coffer.ACL, error) {
	enforced, err := s.enforced(r, b)
	if err != nil {
		return coffer.ACL{}, err
	}
	if kept != nil && !enforced {
		return *kept, nil
	}
	return coffer.ACL{Owner: ownerOf(b), Grants: coffer.CannedPrivate.Grants(b.Owner, b.Owner)}, nil
}

// ownerOf is the owner of a bucket.
func ownerOf(b coffer.Bucket) coffer.Owner {
	return coffer.Owner{Account: b.Account, Canonical: b.Owner}
}

// changedACL is the list that a request makes of one whose owner is current; nil
// where lists do not count and the request changes nothing.
func (s Session) changedACL(r meta.Reader, b coffer.Bucket, current coffer.Owner, in coffer.NewACL, owner coffer.CanonicalID) (*coffer.ACL, error) {
	if owner != "" && owner != current.Canonical {
		return nil, &coffer.Error{Code: coffer.AccessDenied}
	}
	enforced, err := s.enforced(r, b)
	if err != nil {
		return nil, err
	}
	list := in.For(current, b.Owner)
	if enforced {
		if !in.Plain() && !list.Private() {
			return nil, &coffer.Error{Code: coffer.ACLNotSupported}
		}
		return nil, nil
	}
	return list, s.checkPublic(r, b, list)
}

// checkPublic refuses a list with public grants where these are blocked.
func (s Session) checkPublic(r meta.Reader, b coffer.Bucket, list *coffer.ACL) error {
	if !list.Public() {
		return nil
	}
	block, err := s.publicAccess(r, b)
	if err != nil || !block.BlockPublicACLs {
		return err
	}
	if !s.owns(b) {
		return &coffer.Error{Code: coffer.AccessDenied}
	}
	return coffer.Errorf(coffer.AccessDenied, "Access Denied: the access control list is public, and the BlockPublicAcls setting of the bucket's public access block prevents that. DeletePublicAccessBlock takes it away.")
}

// newACL is the list of an object that the actor writes, nil if it is that of a
// bucket without lists. To give more than that needs PutObjectACL as well (AWS,
// "PutObject", Permissions), but not on what the actor itself will own.
func (s Session) newACL(r meta.Reader, b coffer.Bucket, key string, in coffer.NewACL) (*coffer.ACL, error) {
	o, _, err := s.ownership(r, b)
	if err != nil {
		return nil, err
	}
	if o == coffer.BucketOwnerEnforced {
		if !in.Plain() && !in.For(ownerOf(b), b.Owner).Private() {
			return nil, &coffer.Error{Code: coffer.ACLNotSupported}
		}
		return nil, nil
	}
	if !in.Plain() {
		if err := s.toMake().forbidden(r, b, coffer.PutObjectACL, key); err != nil {
			return nil, err
		}
	}
	owner := s.actor.Owner()
	if s.owns(b) || o == coffer.BucketOwnerPreferred && in.Canned == coffer.CannedOwnerFull {
		owner = ownerOf(b)
	}
	list := in.For(owner, b.Owner)
	if owner.Account == b.Account && list.Private() {
		return nil, nil
	}
	return list, s.checkPublic(r, b, list)
}

// admitACL refuses the list of a write before its bytes are sent, and returns it
// with its grantees found.
func (s Session) admitACL(ctx context.Context, bucket coffer.BucketName, key string, in coffer.NewACL) (coffer.NewACL, error) {
	if in.Canned == "" && in.Grants == nil {
		return in, nil
	}
	in, err := s.resolve(ctx, in)
	if err != nil {
		return in, err
	}
	return in, s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := s.enter(r, bucket)
		if err == nil {
			_, err = s.newACL(r, b, key, in)
		}
		return err
	})
}

// admitGrants finds the grantees of a list, and the owner that it names, for who may
// write it: others are not told which accounts there are.
func (s Session) admitGrants(ctx context.Context, bucket coffer.BucketName, a coffer.Action, key string, in coffer.NewACL, owner coffer.CanonicalID) (coffer.NewACL, error) {
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		_, err := s.bucket(r, bucket, a, key)
		return err
	})
	if err == nil {
		err = s.Writable()
	}
	if err == nil && owner != "" {
		_, err = s.grantee(ctx, coffer.Grantee{Canonical: owner})
	}
	if err != nil {
		return in, err
	}
	return s.resolve(ctx, in)
}

// resolve checks grants and finds the accounts that they name.
func (s Session) resolve(ctx context.Context, in coffer.NewACL) (coffer.NewACL, error) {
	if err := coffer.CheckGrants(in.Grants); err != nil {
		return in, err
	}
	out := coffer.NewACL{Canned: in.Canned}
	if in.Grants != nil {
		out.Grants = make([]coffer.ACLGrant, 0, len(in.Grants))
	}
	for _, g := range in.Grants {
		var err error
		if g.Grantee, err = s.grantee(ctx, g.Grantee); err != nil {
			return in, err
		}
		out.Grants = append(out.Grants, g)
	}
	return out, nil
}

// grantee finds the account that is named, by its canonical ID from then on.
func (s Session) grantee(ctx context.Context, g coffer.Grantee) (coffer.Grantee, error) {
	if g.Group != "" || g.Canonical != "" && g.Canonical == s.actor.Canonical {
		return g, nil
	}
	if s.actor.Anonymous() {
		return g, &coffer.Error{Code: coffer.AccessDenied}
	}
	name := string(g.Canonical)
	if g.Email != "" {
		name = g.Email
	}
	a, err := s.account(ctx, name)
	switch {
	case coffer.CodeOf(err) == coffer.NoSuchAccount && g.Email != "":
		return g, &coffer.Error{Code: coffer.UnresolvableGrant}
	case coffer.CodeOf(err) == coffer.NoSuchAccount, err == nil && g.Email == "" && a.Canonical != g.Canonical:
		return g, coffer.Errorf(coffer.InvalidArgument, "Invalid id").With("ArgumentName", "CanonicalUser/ID").With("ArgumentValue", name)
	case err != nil:
		return g, fmt.Errorf("find the grantee %.100q: %w", name, err)
	}
	return coffer.Grantee{Canonical: a.Canonical}, nil
}

func (s *Service) account(ctx context.Context, handle string) (coffer.Account, error) {
	if s.Account == nil {
		return coffer.Account{}, &coffer.Error{Code: coffer.NoSuchAccount}
	}
	return s.Account(ctx, handle)
}

// DisplayName is what lists call the owner with a canonical ID; "" for one that
// is not known.
func (s Session) DisplayName(ctx context.Context, id coffer.CanonicalID) string {
	if !s.actor.Anonymous() && id == s.actor.Canonical {
		return s.actor.DisplayName
	}
	a, err := s.account(ctx, string(id))
	if err != nil || a.Canonical != id {
		return ""
	}
	return a.DisplayName()
}
