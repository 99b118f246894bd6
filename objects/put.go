package objects

import (
	"context"
	"errors"
	"io"

	"coffer"
	"coffer/meta"
)

// PutInput is what Put stores.
type PutInput struct {
	Bucket     coffer.BucketName
	Key        string
	Body       io.Reader
	Size       int64 // -1 if it is not known before the end of Body
	Attributes coffer.Attributes
	Tags       []coffer.Tag
	Lock       coffer.Lock
	ACL        coffer.NewACL
	If         Conditions
	Digests    Digests
	Encryption Encrypting
	// Form says that the object came as a browser's form.
	Form bool
}

// Put stores an object. Body is not read before all that can be refused without
// it was checked, so that a client that waits for 100 Continue sends nothing in
// vain. When Put returns without error the object is durable.
func (s Session) Put(ctx context.Context, in PutInput) (coffer.Object, error) {
	s.cause = causePut(in)
	b, err := s.admitPut(ctx, in.Bucket, in.Key, in.If, in.Size)
	if err != nil {
		return coffer.Object{}, err
	}
	acl, err := s.admitACL(ctx, in.Bucket, in.Key, in.ACL)
	if err != nil {
		return coffer.Object{}, err
	}
	if err := s.admitTags(ctx, in.Bucket, in.Key, in.Tags); err != nil {
		return coffer.Object{}, err
	}
	if err := s.admitLock(ctx, in.Bucket, in.Key, in.Lock); err != nil {
		return coffer.Object{}, err
	}
	if in.Size > coffer.PutSizeMax {
		return coffer.Object{}, tooLarge(in.Size, coffer.PutSizeMax)
	}
	e, key, err := s.newEncryption(ctx, b, in.Encryption)
	if err != nil {
		return coffer.Object{}, err
	}
	d := newDigester(in.Body, in.Digests.Checksum.Algorithm, coffer.PutSizeMax)
	st, err := s.store(ctx, d, in.Size, key)
	if err != nil {
		return coffer.Object{}, err
	}
	defer s.done(st)
	if err := d.verify(in.Digests, in.Size); err != nil {
		s.abandon(ctx, st, err)
		return coffer.Object{}, err
	}
	o := row{body: st.body, Object: coffer.Object{Key: in.Key, Size: st.size, ETag: d.etagOf(e, key),
		Attributes: in.Attributes, Tags: in.Tags, Lock: in.Lock, Checksum: d.checksum(), Encryption: e}}
	err = s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, in.Bucket, coffer.PutObject, in.Key)
		if err != nil {
			return err
		}
		if o.ACL, err = s.newACL(tx, b, in.Key, acl); err != nil {
			return err
		}
		if err := st.write(tx); err != nil {
			return err
		}
		return s.replace(tx, b, &o, in.If)
	})
	if err != nil {
		s.abandon(ctx, st, err)
		return coffer.Object{}, err
	}
	return o.Object, nil
}

// admitPut refuses a write that cannot succeed, before its bytes are sent. It
// returns the bucket as it is now.
func (s Session) admitPut(ctx context.Context, bucket coffer.BucketName, key string, cond Conditions, size int64) (b coffer.Bucket, err error) {
	if err := coffer.CheckObjectKey(key); err != nil {
		return b, err
	}
	err = s.Meta.View(ctx, func(r meta.Reader) (err error) {
		b, err = s.bucket(r, bucket, coffer.PutObject, key)
		if err == nil {
			err = s.admitQuota(r, b, key, size)
		}
		cond := s.atLeast(cond, bucket, key)
		if err != nil || cond == (Conditions{}) {
			return err
		}
		old, err := currentRow(r, b.ID, key)
		if err != nil {
			return err
		}
		return cond.checkWrite(old, key)
	})
	if err != nil {
		return b, err
	}
	return b, s.Writable()
}

// MayPut tells whether the actor may write an object: nil, or why not.
func (s Session) MayPut(ctx context.Context, bucket coffer.BucketName, key string) error {
	return s.Meta.View(ctx, func(r meta.Reader) error {
		_, err := s.bucket(r, bucket, coffer.PutObject, key)
		return err
	})
}

// atLeast adds to the conditions of a write that of a scope which only creates.
func (s Session) atLeast(cond Conditions, bucket coffer.BucketName, key string) Conditions {
	if s.actor.Scope.CreateOnly(bucket, key) {
		cond.IfNoneMatch = "*"
	}
	return cond
}

// createsOnly refuses a write by a scope which only creates that would end a version
// behind a delete marker: the one called null, where versioning is suspended.
func (s Session) createsOnly(r meta.Reader, b coffer.Bucket, key string) error {
	if b.Versioning != coffer.VersioningSuspended || !s.actor.Scope.CreateOnly(b.Name, key) {
		return nil
	}
	v, err := findVersion(r, b, key, coffer.NullVersion)
	if err != nil || v == nil || v.DeleteMarker {
		return err
	}
	return failed("If-None-Match")
}

// currentRow is readRow with nil for an object that does not exist.
func currentRow(r meta.Reader, id coffer.BucketID, key string) (*row, error) {
	o, err := readRow(r, id, key)
	if errors.Is(err, meta.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &o, nil
}

// replace makes o the current version of its key in tx if the conditions hold,
// and gives it its time. It is the one place where an object comes to be.
func (s Session) replace(tx meta.Tx, b coffer.Bucket, o *row, cond Conditions) error {
	old, err := currentRow(tx, b.ID, o.Key)
	if err != nil {
		return err
	}
	if err := s.atLeast(cond, b.Name, o.Key).checkWrite(old, o.Key); err != nil {
		return err
	}
	if err := s.createsOnly(tx, b, o.Key); err != nil {
		return err
	}
	// o may bear the time of an earlier run of the transaction, or of a copy's source.
	o.Modified = s.now()
	if err := s.planReplication(tx, b, o); err != nil {
		return err
	}
	objects, bytes := int64(1), o.Size
	if old != nil && old.VersionID == "" && b.Versioning != coffer.VersioningEnabled {
		objects, bytes = 0, bytes-old.Size // it takes the place of old
	}
	if err := s.withinQuota(tx, b, objects, bytes); err != nil {
		return err
	}
	if b.Versioning != coffer.VersioningUnset {
		err = s.addVersion(tx, b, o, old)
	} else {
		err = s.overwrite(tx, b, o, old)
	}
	if err == nil {
		o.Expiry, err = s.expiry(tx, b, o.Object)
	}
	return errors.Join(err, s.created(tx, b, o))
}

// overwrite puts o in the place of old, or of nothing, in a bucket that never kept
// versions.
func (s Session) overwrite(tx meta.Tx, b coffer.Bucket, o, old *row) error {
	o.VersionID = ""
	if err := s.lockNew(tx, b, o); err != nil {
		return err
	}
	objects, bytes := int64(1), o.Size
	if old != nil {
		o.Modified = s.nowAfter(old.Modified)
		objects, bytes = 0, bytes-old.Size
		if err := s.release(tx, old.body); err != nil {
			return err
		}
	}
	return errors.Join(
		count(tx, b, objects, bytes),
		tx.Set(objectKey(b.ID, o.Key), encodeRow(*o)))
}

// count adds to the counters of the bucket and its account in tx.
func count(tx meta.Tx, b coffer.Bucket, objects, bytes int64) error {
	return errors.Join(add(tx, b, countObjects, objects), add(tx, b, countBytes, bytes))
}

// add adds to one counter of the bucket, and of its account.
func add(tx meta.Tx, b coffer.Bucket, which byte, n int64) error {
	if n == 0 {
		return nil
	}
	return errors.Join(tx.Add(countKey(b.ID, which), n), tx.Add(accountCountKey(b.Account, which), n))
}
