package objects

import (
	"context"
	"errors"
	"time"

	"coffer"
	"coffer/meta"
)

// The fields of a lock in the records of objects and uploads.
const (
	fieldLockMode  = 60
	fieldLockUntil = 61
	fieldLockHold  = 62
)

func encodeLock(r *meta.Record, l coffer.Lock) {
	r.Text(fieldLockMode, string(l.Retention.Mode))
	r.Time(fieldLockUntil, l.Retention.Until)
	r.Int(fieldLockHold, int64(l.Hold))
}

func decodeLock(f meta.Field, l *coffer.Lock) bool {
	switch f.Number {
	case fieldLockMode:
		l.Retention.Mode = coffer.LockMode(f.Text())
	case fieldLockUntil:
		l.Retention.Until = f.Time()
	case fieldLockHold:
		l.Hold = coffer.LegalHold(f.Int())
	default:
		return false
	}
	return true
}

// checkLock refuses a lock that was never written: taken for none, it would let go
// of what it keeps.
func checkLock(l coffer.Lock) bool {
	_, known := coffer.ParseLockMode(string(l.Retention.Mode))
	return (known || l.Retention.Mode == "") && known != l.Retention.Until.IsZero() && l.Hold <= coffer.HoldOff
}

// ObjectLock reads the Object Lock configuration of a bucket; the error is
// ObjectLockConfigurationNotFound if it has none.
func (s Session) ObjectLock(ctx context.Context, name coffer.BucketName) (coffer.ObjectLock, error) {
	var lock coffer.ObjectLock
	err := s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := s.bucket(r, name, coffer.GetBucketObjectLockConfiguration, "")
		if err != nil {
			return err
		}
		if !b.ObjectLock {
			return (&coffer.Error{Code: coffer.ObjectLockConfigurationNotFound}).With("BucketName", string(name))
		}
		kept, err := readConfig[coffer.ObjectLock](s.Service, r, b, configLock)
		if err == nil && kept != nil {
			lock = *kept
		}
		return err
	})
	return lock, err
}

// PutObjectLock turns Object Lock on, for good, and sets what new versions get. The
// error is InvalidBucketState for a bucket that does not keep versions.
func (s Session) PutObjectLock(ctx context.Context, name coffer.BucketName, lock coffer.ObjectLock) error {
	if lock.Default != (coffer.DefaultRetention{}) {
		if err := lock.Default.Check(); err != nil {
			return err
		}
	}
	if err := s.Writable(); err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, name, coffer.PutBucketObjectLockConfiguration, "")
		if err != nil {
			return err
		}
		if b.Versioning != coffer.VersioningEnabled {
			return coffer.Errorf(coffer.InvalidBucketState, "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")
		}
		b.ObjectLock = true
		return s.setConfig(ctx, tx, b, configLock, lock)
	})
}

func noObjectLock() error {
	return coffer.Errorf(coffer.InvalidRequest, "Bucket is missing Object Lock Configuration: PutObjectLockConfiguration turns Object Lock on, in a bucket with versioning.")
}

// admitLock refuses a lock that an object to be written cannot have, or that the
// actor may not give it (AWS, "PutObject", Permissions).
func (s Session) admitLock(ctx context.Context, bucket coffer.BucketName, key string, lock coffer.Lock) error {
	if lock == (coffer.Lock{}) {
		return nil
	}
	if lock.Retention.Mode != "" {
		if err := s.checkUntil(lock.Retention.Until); err != nil {
			return err
		}
	}
	return s.Meta.View(ctx, func(r meta.Reader) error {
		b, err := s.bucket(r, bucket, coffer.PutObject, key)
		if err == nil && lock.Retention.Mode != "" {
			err = s.authorize(r, b, coffer.PutObjectRetention, key)
		}
		if err == nil && lock.Hold != coffer.HoldUnset {
			err = s.authorize(r, b, coffer.PutObjectLegalHold, key)
		}
		if err == nil && !b.ObjectLock {
			err = noObjectLock()
		}
		return err
	})
}

func (s *Service) checkUntil(until time.Time) error {
	if s.Now().Before(until) {
		return nil
	}
	return coffer.Errorf(coffer.InvalidArgument, "The retain until date must be in the future!").
		With("ArgumentName", "RetainUntilDate").With("ArgumentValue", until.UTC().Format(time.RFC3339Nano))
}

// lockNew gives a new version the retention of its bucket, unless it has its own.
func (s *Service) lockNew(r meta.Reader, b coffer.Bucket, o *row) error {
	if !b.ObjectLock {
		if o.Lock != (coffer.Lock{}) {
			return noObjectLock()
		}
		return nil
	}
	if o.DeleteMarker || o.Lock.Retention.Mode != "" {
		return nil
	}
	lock, err := readConfig[coffer.ObjectLock](s, r, b, configLock)
	if err != nil || lock == nil || lock.Default.Mode == "" {
		return err
	}
	o.Lock.Retention = lock.Default.From(o.Modified)
	return nil
}

// MayRemove tells whether a version may be removed for good now: nil, or an error of
// code AccessDenied for one that is locked. With bypass an actor who has
// BypassGovernanceRetention may remove it before the end of a governance retention;
// without it the actor does not matter, so that the program itself may ask. It is the
// one place where a lock is looked at before bytes are let go of.
func (s Session) MayRemove(r meta.Reader, b coffer.Bucket, o coffer.Object, bypass bool) error {
	if o.Lock.Hold == coffer.HoldOn {
		return locked()
	}
	return s.mayLoosen(r, b, o, bypass)
}

// mayLoosen is MayRemove but for the legal hold, which keeps no retention from
// being changed.
func (s Session) mayLoosen(r meta.Reader, b coffer.Bucket, o coffer.Object, bypass bool) error {
	switch kept := o.Lock.Retention; {
	case !kept.Holds(s.Now()):
		return nil
	case kept.Mode == coffer.Governance && bypass:
		return s.authorize(r, b, coffer.BypassGovernanceRetention, o.Key)
	}
	return locked()
}

func locked() error {
	return coffer.Errorf(coffer.AccessDenied, "Access Denied because object protected by object lock.")
}

// noLock says that a version was never locked in the way that is asked for.
func noLock() error {
	return &coffer.Error{Code: coffer.NoSuchObjectLockConfiguration}
}

// Retention reads the retention of a version.
func (s Session) Retention(ctx context.Context, bucket coffer.BucketName, key, version string) (coffer.Retention, error) {
	c, err := s.headLocked(ctx, GetInput{Bucket: bucket, Key: key, Version: version, Action: coffer.GetObjectRetention})
	if err != nil {
		return coffer.Retention{}, err
	}
	if c.Lock.Retention.Mode == "" {
		return coffer.Retention{}, noLock()
	}
	return c.Lock.Retention, nil
}

// LegalHold reads the legal hold of a version.
func (s Session) LegalHold(ctx context.Context, bucket coffer.BucketName, key, version string) (coffer.LegalHold, error) {
	c, err := s.headLocked(ctx, GetInput{Bucket: bucket, Key: key, Version: version, Action: coffer.GetObjectLegalHold})
	if err != nil {
		return coffer.HoldUnset, err
	}
	if c.Lock.Hold == coffer.HoldUnset {
		return coffer.HoldUnset, noLock()
	}
	return c.Lock.Hold, nil
}

// headLocked is Head in a bucket whose objects can be locked.
func (s Session) headLocked(ctx context.Context, in GetInput) (*Content, error) {
	c, err := s.Head(ctx, in)
	if err == nil && !c.Bucket.ObjectLock {
		err = noObjectLock()
	}
	return c, err
}

// PutRetention puts a retention in the place of the one that a version has; one
// without a mode takes it away. What keeps the version longer is always allowed, the
// rest as a removal would be.
func (s Session) PutRetention(ctx context.Context, bucket coffer.BucketName, key, version string, next coffer.Retention, bypass bool) error {
	if next.Mode != "" {
		if err := s.checkUntil(next.Until); err != nil {
			return err
		}
	}
	return s.setLock(ctx, bucket, key, version, coffer.PutObjectRetention, replicateRetention, func(r meta.Reader, b coffer.Bucket, o *row) error {
		if o.Lock.Retention.Loosens(next) {
			if err := s.mayLoosen(r, b, o.Object, bypass); err != nil {
				return err
			}
		}
		o.Lock.Retention = next
		return nil
	})
}

// PutLegalHold sets the legal hold of a version.
func (s Session) PutLegalHold(ctx context.Context, bucket coffer.BucketName, key, version string, hold coffer.LegalHold) error {
	return s.setLock(ctx, bucket, key, version, coffer.PutObjectLegalHold, replicateHold, func(_ meta.Reader, _ coffer.Bucket, o *row) error {
		o.Lock.Hold = hold
		return nil
	})
}

func (s Session) setLock(ctx context.Context, bucket coffer.BucketName, key, version string, a coffer.Action, replicate int,
	fn func(meta.Reader, coffer.Bucket, *row) error) error {
	if err := s.Writable(); err != nil {
		return err
	}
	return s.change(ctx, bucket, key, version, a, func(tx meta.Tx, b coffer.Bucket, o *row) error {
		if !b.ObjectLock {
			return noObjectLock()
		}
		if err := fn(tx, b, o); err != nil {
			return err
		}
		return s.replicateChange(tx, b, o, replicate)
	})
}

// hideLock takes from what a reader is told what it may not know.
func (s Session) hideLock(r meta.Reader, b coffer.Bucket, o *coffer.Object) {
	if o.Lock == (coffer.Lock{}) {
		return
	}
	if s.authorize(r, b, coffer.GetObjectRetention, o.Key) != nil {
		o.Lock.Retention = coffer.Retention{}
	}
	if s.authorize(r, b, coffer.GetObjectLegalHold, o.Key) != nil {
		o.Lock.Hold = coffer.HoldUnset
	}
}

// allowLockedBucket refuses a bucket with Object Lock to who may not set it up (AWS,
// "CreateBucket", Permissions).
func (s Session) allowLockedBucket(name coffer.BucketName) error {
	return errors.Join(
		s.allow(coffer.PutBucketObjectLockConfiguration, name),
		s.allow(coffer.PutBucketVersioning, name))
}
