package objects

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"

	"coffer"
	"coffer/audit"
	"coffer/meta"
)

// BucketsMax is how many buckets an account can have, unless its quota says
// otherwise.
const BucketsMax = 10_000

// bucketSequence is the record of the highest bucket ID given out.
var bucketSequence = meta.Key(meta.PrefixInstance, []byte("bucket-sequence"))

// CreateBucketInput says what a new bucket is.
type CreateBucketInput struct {
	Name   coffer.BucketName
	Region string
	// Namespace is the global one if "".
	Namespace coffer.BucketNamespace
	Tags      []coffer.Tag
	// ObjectLock makes a bucket whose versions can be locked.
	ObjectLock bool
	// Ownership is the instance's setting if "".
	Ownership coffer.ObjectOwnership
	ACL       coffer.NewACL
}

// CreateBucket makes a bucket in a region, with all else as this instance sets it.
func (s Session) CreateBucket(ctx context.Context, name coffer.BucketName, region string) (coffer.Bucket, error) {
	return s.MakeBucket(ctx, CreateBucketInput{Name: name, Region: region})
}

// MakeBucket makes a bucket. The error is BucketAlreadyOwnedByYou or
// BucketAlreadyExists if the name is taken: names are global.
func (s Session) MakeBucket(ctx context.Context, in CreateBucketInput) (coffer.Bucket, error) {
	name := in.Name
	if err := s.allow(coffer.CreateBucket, name); err != nil {
		return coffer.Bucket{}, err
	}
	if err := s.inNamespace(in); err != nil {
		return coffer.Bucket{}, err
	}
	if err := s.admitBucketTags(name, in.Tags); err != nil {
		return coffer.Bucket{}, err
	}
	if err := s.Writable(); err != nil {
		return coffer.Bucket{}, err
	}
	b := coffer.Bucket{Name: name, Account: s.actor.Account, Owner: s.actor.Canonical, Region: in.Region, Created: s.now()}
	if in.ObjectLock {
		b.ObjectLock, b.Versioning = true, coffer.VersioningEnabled
		if err := s.allowLockedBucket(name); err != nil {
			return coffer.Bucket{}, err
		}
	}
	configs, err := s.firstConfigs(ctx, &b, in)
	if err != nil {
		return coffer.Bucket{}, err
	}
	err = s.Meta.Update(ctx, func(tx meta.Tx) error {
		old, err := readBucket(tx, name)
		switch {
		case err == nil && old.Account == s.actor.Account:
			return (&coffer.Error{Code: coffer.BucketAlreadyOwnedByYou}).With("BucketName", string(name))
		case err == nil:
			return (&coffer.Error{Code: coffer.BucketAlreadyExists}).With("BucketName", string(name))
		case !errors.Is(err, meta.ErrNotFound):
			return err
		}
		if err := s.checkBucketCount(tx); err != nil {
			return err
		}
		if b.ID, err = nextBucketID(tx); err != nil {
			return err
		}
		return errors.Join(
			tx.Set(bucketKey(name), encodeBucket(b)),
			tx.Set(accountBucketKey(b.Account, name), nil),
			configs.write(tx, b.ID),
			s.note(ctx, tx, b, "bucket.create"),
			s.tagNewBucket(ctx, tx, b, in.Tags))
	})
	return b, err
}

// inNamespace refuses a name that is reserved for another account, and one that is not
// reserved for this one though the request wants it to be. What regions there are is for
// the caller to know.
func (s Session) inNamespace(in CreateBucketInput) error {
	account, _ := in.Name.Reserved()
	switch {
	case account != "" && account != s.actor.Account:
		return coffer.Errorf(coffer.InvalidBucketNamespace, "The name of the bucket is reserved for the account %s.", account).
			With("BucketName", string(in.Name))
	case account == "" && in.Namespace == coffer.RegionalNamespace:
		return coffer.Errorf(coffer.InvalidBucketNamespace, "The name of a bucket in the namespace of its account and region ends in -%s-REGION-an.",
			s.actor.Account).With("BucketName", string(in.Name))
	}
	return nil
}

func (s Session) checkBucketCount(tx meta.Tx) error {
	limit, err := bucketsMax(tx, s.actor.Account)
	if err != nil {
		return err
	}
	n := int64(0)
	for _, err := range s.bucketNames(tx, "", "") {
		if err != nil {
			return err
		}
		if n++; n >= limit {
			return coffer.Errorf(coffer.TooManyBuckets, "You have attempted to create more buckets than allowed: this account may have %d", limit)
		}
	}
	return nil
}

func nextBucketID(tx meta.Tx) (coffer.BucketID, error) {
	var id uint64
	value, err := tx.Get(bucketSequence)
	switch {
	case err == nil && len(value) == 8:
		id = binary.BigEndian.Uint64(value)
	case err == nil:
		return 0, errors.New("the bucket sequence is damaged")
	case !errors.Is(err, meta.ErrNotFound):
		return 0, err
	}
	id++
	return coffer.BucketID(id), tx.Set(bucketSequence, binary.BigEndian.AppendUint64(nil, id))
}

// HeadBucket reads what is known of a bucket, for who may do a there.
func (s Session) HeadBucket(ctx context.Context, name coffer.BucketName, a coffer.Action) (b coffer.Bucket, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, err = s.bucket(r, name, a, "")
		return err
	})
	return b, err
}

// Exists reads what is known of a bucket, for HeadBucket: a key of its account must
// see it, others must be allowed to list it (AWS, "HeadBucket").
func (s Session) Exists(ctx context.Context, name coffer.BucketName) (b coffer.Bucket, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		if b, err = s.enter(r, name); err != nil {
			return err
		}
		if s.owns(b) {
			return s.authorize(r, b, coffer.GetBucketLocation, "")
		}
		return s.authorize(r, b, coffer.ListBucket, "")
	})
	return b, err
}

// AccountOf finds the account of a bucket, for who counts its requests; "" if there is
// no such bucket.
func (s *Service) AccountOf(ctx context.Context, name coffer.BucketName) (account coffer.AccountID, err error) {
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := readBucket(r, name)
		account = b.Account
		return err
	})
	if errors.Is(err, meta.ErrNotFound) {
		return "", nil
	}
	return account, err
}

// DeleteBucket removes an empty bucket; uploads in progress end with it, even if
// the bucket stays because an object was put meanwhile.
func (s Session) DeleteBucket(ctx context.Context, name coffer.BucketName) error {
	// The name may be another account's at once, whose requests are none of the log's.
	defer s.logging.forget(name)
	// More uploads than one transaction can hold end in several.
	for more := true; more; {
		err := s.Meta.Update(ctx, func(tx meta.Tx) (err error) {
			more, err = s.deleteBucket(ctx, tx, name)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// deleteBucket removes a bucket in tx, or so many of its uploads as fit.
func (s Session) deleteBucket(ctx context.Context, tx meta.Tx, name coffer.BucketName) (more bool, err error) {
	b, err := s.bucket(tx, name, coffer.DeleteBucket, "")
	if err != nil {
		return false, err
	}
	found, err := holdsAny(tx, objectKey(b.ID, ""))
	if err == nil && !found && b.Versioning != coffer.VersioningUnset {
		found, err = holdsAny(tx, versionsPrefix(b.ID))
	}
	if err != nil {
		return false, err
	}
	if found {
		refusal := &coffer.Error{Code: coffer.BucketNotEmpty}
		if b.Versioning != coffer.VersioningUnset {
			refusal.Message = "The bucket you tried to delete is not empty. You must delete all versions in the bucket."
		}
		return false, refusal.With("BucketName", string(name))
	}
	if more, err = s.abortSome(tx, b); err != nil || more {
		return more, err
	}
	return false, errors.Join(
		deleteConfigs(tx, b.ID),
		tx.Delete(bucketKey(name)),
		tx.Delete(accountBucketKey(b.Account, name)),
		tx.Delete(countKey(b.ID, countObjects)),
		tx.Delete(countKey(b.ID, countBytes)),
		tx.Delete(countKey(b.ID, countParts)),
		tx.Delete(countKey(b.ID, countUploads)),
		tx.DeleteRange(replicationCountKey(b.ID, 0), replicationCountKey(b.ID, 0xff)),
		tx.Delete(countKey(b.ID, countVersions)),
		tx.Delete(countKey(b.ID, countVersionBytes)),
		s.note(ctx, tx, b, "bucket.delete"))
}

// holdsAny tells whether any key begins with prefix.
func holdsAny(r meta.Reader, prefix []byte) (bool, error) {
	it := r.Iter(prefix, meta.PrefixEnd(prefix))
	found := it.Next()
	return found, it.Close()
}

// note writes into the audit log what is done to a bucket, and by whom.
func (s Session) note(ctx context.Context, tx meta.Tx, b coffer.Bucket, action string) error {
	return audit.Write(tx, audit.By(ctx, s.actor.Caller, s.now(), b.Account, action, string(b.Name)))
}

// ListBucketsInput says which buckets to list.
type ListBucketsInput struct {
	Prefix string
	// After is the name behind which the page begins.
	After string
	// Region keeps only the buckets of one region; "" keeps all.
	Region string
	// Max is the most that are returned; 0 for all.
	Max int
}

// ListBuckets reads the buckets that the actor may see, by name. next is what
// After must be for the next page, "" if this is the last.
func (s Session) ListBuckets(ctx context.Context, in ListBucketsInput) (list []coffer.Bucket, next string, err error) {
	if err := s.allow(coffer.ListAllMyBuckets, ""); err != nil {
		return nil, "", err
	}
	err = s.Meta.View(ctx, func(r meta.Reader) error {
		for name, err := range s.bucketNames(r, in.Prefix, in.After) {
			if err != nil {
				return err
			}
			if !s.actor.Scope.SeesBucket(name) {
				continue
			}
			b, err := readBucket(r, name)
			if err != nil {
				return err
			}
			if in.Region != "" && b.Region != in.Region {
				continue
			}
			if in.Max > 0 && len(list) == in.Max {
				next = string(list[len(list)-1].Name)
				return nil
			}
			list = append(list, b)
		}
		return nil
	})
	return list, next, err
}

// bucketNames goes through the names of the actor's buckets in order.
func (s Session) bucketNames(r meta.Reader, prefix, after string) func(func(coffer.BucketName, error) bool) {
	return func(yield func(coffer.BucketName, error) bool) {
		low := accountBucketKey(s.actor.Account, coffer.BucketName(prefix))
		base := len(low) - len(prefix)
		it := r.Iter(low, meta.PrefixEnd(low))
		defer it.Close()
		ok := false
		if after != "" && after >= prefix {
			ok = it.SeekGE(accountBucketKey(s.actor.Account, coffer.BucketName(after+"\x00")))
		} else {
			ok = it.Next()
		}
		for ; ok; ok = it.Next() {
			if !yield(coffer.BucketName(strings.Clone(string(it.Key()[base:]))), nil) {
				return
			}
		}
		if err := it.Err(); err != nil {
			yield("", err)
		}
	}
}
