package objects

import (
	"context"
	"errors"

	"coffer"
	"coffer/meta"
)

// Versioning reads what a bucket does with versions.
func (s Session) Versioning(ctx context.Context, name coffer.BucketName) (coffer.Versioning, error) {
	b, err := s.HeadBucket(ctx, name, coffer.GetBucketVersioning)
	return b.Versioning, err
}

// PutVersioning enables versioning or suspends it. The error is InvalidBucketState
// for a bucket with Object Lock, which cannot be without versions.
func (s Session) PutVersioning(ctx context.Context, name coffer.BucketName, v coffer.Versioning) error {
	if v == coffer.VersioningUnset {
		return coffer.Errorf(coffer.InvalidArgument, "Versioning can be suspended, and never unset.")
	}
	if err := s.Writable(); err != nil {
		return err
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, name, coffer.PutBucketVersioning, "")
		if err != nil {
			return err
		}
		if b.ObjectLock && v != coffer.VersioningEnabled {
			return coffer.Errorf(coffer.InvalidBucketState,
				"An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.")
		}
		if b.Configs&configReplication.bit() != 0 && v != coffer.VersioningEnabled {
			return coffer.Errorf(coffer.InvalidBucketState,
				"A replication configuration is present on this bucket, so you cannot change the versioning state. To change the versioning state, first delete the replication configuration.")
		}
		if b.Versioning == v {
			return nil
		}
		b.Versioning = v
		return errors.Join(
			tx.Set(bucketKey(b.Name), encodeBucket(b)),
			s.note(ctx, tx, b, "bucket.versioning.put"))
	})
}

// addVersion makes o the newest version of its key in a bucket that has versions,
// or had them; old is the current object, nil if there is none. Nothing is lost but
// the version called null where versioning is suspended.
func (s Session) addVersion(tx meta.Tx, b coffer.Bucket, o *row, old *row) error {
	newest := old
	if old == nil {
		marker, err := newestOther(tx, b.ID, o.Key)
		if err != nil {
			return err
		}
		if marker != nil {
			newest = &marker.row
		}
	}
	if newest != nil {
		o.Modified = s.nowAfter(newest.Modified)
	}
	if err := s.lockNew(tx, b, o); err != nil {
		return err
	}
	o.VersionID = ""
	if b.Versioning == coffer.VersioningEnabled {
		var err error
		if o.VersionID, err = s.newVersionID(o.Modified); err != nil {
			return err
		}
	} else if old != nil && old.VersionID == "" {
		if err := s.dropCurrent(tx, b, old); err != nil {
			return err
		}
		old = nil
	} else if err := s.dropNull(tx, b, o.Key); err != nil {
		return err
	}
	if old != nil {
		if err := retire(tx, b, old); err != nil {
			return err
		}
	}
	if o.DeleteMarker {
		return setOther(tx, b, *o)
	}
	return errors.Join(
		count(tx, b, 1, o.Size),
		tx.Set(objectKey(b.ID, o.Key), encodeRow(*o)))
}

// retire moves the current object to the versions that are not current.
func retire(tx meta.Tx, b coffer.Bucket, o *row) error {
	return errors.Join(
		setOther(tx, b, *o),
		count(tx, b, -1, -o.Size),
		tx.Delete(objectKey(b.ID, o.Key)))
}

// setOther writes a version that is not current, or a delete marker.
func setOther(tx meta.Tx, b coffer.Bucket, o row) error {
	var err error
	if o.VersionID == "" {
		err = tx.Set(nullVersionKey(b.ID, o.Key), []byte(o.position()))
	}
	return errors.Join(err,
		countOthers(tx, b, 1, o.Size),
		tx.Set(versionKey(b.ID, o.Key, o.position()), encodeRow(o)))
}

// deleteOther takes the record of a version that is not current away, and leaves
// its body.
func deleteOther(tx meta.Tx, b coffer.Bucket, o row) error {
	var err error
	if o.VersionID == "" {
		err = tx.Delete(nullVersionKey(b.ID, o.Key))
	}
	return errors.Join(err,
		countOthers(tx, b, -1, -o.Size),
		tx.Delete(versionKey(b.ID, o.Key, o.position())))
}

// dropCurrent ends the current object and its bytes.
func (s *Service) dropCurrent(tx meta.Tx, b coffer.Bucket, o *row) error {
	return errors.Join(
		s.release(tx, o.body),
		count(tx, b, -1, -o.Size),
		tx.Delete(objectKey(b.ID, o.Key)))
}

// dropNull ends the version called null, if it is not current.
func (s *Service) dropNull(tx meta.Tx, b coffer.Bucket, key string) error {
	position, err := nullPosition(tx, b.ID, key)
	if err != nil || position == "" {
		return err
	}
	value, err := tx.Get(versionKey(b.ID, key, position))
	if err != nil {
		return err
	}
	o, err := decodeRow(key, value)
	if err != nil {
		return err
	}
	return errors.Join(s.release(tx, o.body), deleteOther(tx, b, o))
}

// promote makes the newest version of key current again, if it is an object and
// there is no current one.
func promote(tx meta.Tx, b coffer.Bucket, key string) error {
	_, err := tx.Get(objectKey(b.ID, key))
	if !errors.Is(err, meta.ErrNotFound) {
		return err
	}
	o, err := newestOther(tx, b.ID, key)
	if err != nil || o == nil || o.DeleteMarker {
		return err
	}
	return errors.Join(
		deleteOther(tx, b, o.row),
		count(tx, b, 1, o.Size),
		tx.Set(objectKey(b.ID, key), encodeRow(o.row)))
}

// countOthers adds to the counters of what is not current, whose bytes count among
// those of the bucket as well.
func countOthers(tx meta.Tx, b coffer.Bucket, versions, bytes int64) error {
	err := errors.Join(add(tx, b, countVersions, versions), add(tx, b, countBytes, bytes))
	if bytes != 0 {
		err = errors.Join(err, tx.Add(countKey(b.ID, countVersionBytes), bytes))
	}
	return err
}

// checkMarker is the refusal to read or change a delete marker that is named by
// its version (AWS, "Working with delete markers").
func checkMarker(o coffer.Object) error {
	if !o.DeleteMarker {
		return nil
	}
	return (&coffer.Error{Code: coffer.MethodNotAllowed}).With("ResourceType", "DeleteMarker")
}

// noSuch says that a key, or the version of it that is named, does not exist.
func noSuch(key, version string) error {
	if version == "" {
		return noSuchObject(key)
	}
	return (&coffer.Error{Code: coffer.NoSuchVersion}).With("Key", key).With("VersionId", version)
}
