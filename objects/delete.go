package objects

import (
	"context"
	"errors"
	"slices"
	"time"

	"coffer"
	"coffer/meta"
)

// Doomed names an object to delete, and what must be true of it.
type Doomed struct {
	Key string
	// Version names the one to remove for good; "" is the current one, which a bucket
	// with versions keeps below a delete marker.
	Version string
	// IfMatch is the entity tag that it must have, IfModified the time to the second,
	// and IfSize the size in bytes; "", zero and nil ask for nothing.
	IfMatch    string
	IfModified time.Time
	IfSize     *int64
	// Bypass says that a governance retention is to be ended, which is a right of its
	// own.
	Bypass bool
}

// Deleted is what became of one Doomed.
type Deleted struct {
	// Err says why the object is still there; the rest is empty then.
	Err error
	// VersionID is the version that was removed or, if none was named, the delete
	// marker that was made; "" where the bucket has no versions.
	VersionID string
	// Marker says that VersionID is a delete marker.
	Marker bool
}

// Delete removes an object; one that does not exist is no error, as in S3. When
// it returns without error the object is durably gone.
func (s Session) Delete(ctx context.Context, bucket coffer.BucketName, d Doomed) (Deleted, error) {
	var done Deleted
	err := s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.enter(tx, bucket)
		if err != nil {
			return err
		}
		done, err = s.remove(tx, b, d)
		return err
	})
	return done, err
}

// DeleteMany removes objects and tells for each what became of it. The error is
// for the request as a whole; some of the objects may be gone then.
func (s Session) DeleteMany(ctx context.Context, bucket coffer.BucketName, doomed []Doomed) ([]Deleted, error) {
	results, err := s.deleteTogether(ctx, bucket, doomed)
	if half := len(doomed) / 2; half > 0 && errors.Is(err, meta.ErrTooLarge) {
		// Objects of thousands of parts each are more than one transaction holds.
		first, err := s.DeleteMany(ctx, bucket, doomed[:half])
		if err != nil {
			return nil, err
		}
		second, err := s.DeleteMany(ctx, bucket, doomed[half:])
		return append(first, second...), err
	}
	return results, err
}

// deleteTogether removes objects in one transaction.
func (s Session) deleteTogether(ctx context.Context, bucket coffer.BucketName, doomed []Doomed) ([]Deleted, error) {
	results := make([]Deleted, len(doomed))
	err := s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.enter(tx, bucket)
		if err != nil {
			return err
		}
		for i, d := range doomed {
			done, err := s.remove(tx, b, d)
			if err != nil && coffer.CodeOf(err) == coffer.Internal {
				return err
			}
			done.Err = err
			results[i] = done
		}
		return s.allDenied(b, results)
	})
	return results, err
}

// allDenied refuses a request of a stranger as a whole if it may delete nothing
// at all; others are told of each object.
func (s Session) allDenied(b coffer.Bucket, results []Deleted) error {
	allowed := func(d Deleted) bool { return coffer.CodeOf(d.Err) != coffer.AccessDenied }
	if len(results) == 0 || s.owns(b) || slices.ContainsFunc(results, allowed) {
		return nil
	}
	return results[0].Err
}

// remove deletes an object in tx: the version that d names, or the current one,
// which stays as a version where the bucket keeps them. It is the one place where
// a request ends an object.
func (s Session) remove(tx meta.Tx, b coffer.Bucket, d Doomed) (Deleted, error) {
	if err := coffer.CheckObjectKey(d.Key); err != nil {
		return Deleted{}, err
	}
	s = s.at(d.Version)
	if err := s.authorize(tx, b, coffer.DeleteObject.OfVersion(d.Version), d.Key); err != nil {
		return Deleted{}, err
	}
	if d.Version != "" && coffer.CheckVersionID(d.Version) != nil {
		return Deleted{}, noSuch(d.Key, d.Version)
	}
	old, err := findVersion(tx, b, d.Key, d.Version)
	if err != nil {
		return Deleted{}, err
	}
	if err := d.check(old); err != nil {
		return Deleted{}, err
	}
	if d.Version == "" && b.Versioning != coffer.VersioningUnset {
		return s.mark(tx, b, d.Key, old)
	}
	done := Deleted{VersionID: d.Version, Marker: old != nil && old.DeleteMarker}
	if b.Versioning == coffer.VersioningUnset {
		done.VersionID = ""
	}
	if old == nil {
		return done, nil
	}
	if err := s.MayRemove(tx, b, old.Object, d.Bypass); err != nil {
		return Deleted{}, err
	}
	return done, errors.Join(s.removeVersion(tx, b, old), s.removed(tx, b, &old.row))
}

// check applies the conditions to what would be deleted: nil if there is none
// (AWS, "How to perform conditional deletes").
func (d Doomed) check(old *version) error {
	var found *row
	if old != nil {
		found = &old.row
	}
	if err := (Conditions{IfMatch: d.IfMatch}).checkWrite(found, d.Key); err != nil {
		return err
	}
	switch {
	case d.IfModified.IsZero() && d.IfSize == nil:
	case old == nil:
		return noSuch(d.Key, d.Version)
	case !d.IfModified.IsZero() && !old.Modified.Truncate(time.Second).Equal(d.IfModified.Truncate(time.Second)):
		return failed("x-amz-if-match-last-modified-time")
	case d.IfSize != nil && *d.IfSize != old.Size:
		return failed("x-amz-if-match-size")
	}
	return nil
}

// mark puts a delete marker in front of the versions of key; current is the one
// that there was.
func (s Session) mark(tx meta.Tx, b coffer.Bucket, key string, current *version) (Deleted, error) {
	id, err := s.newBodyID()
	if err != nil {
		return Deleted{}, err
	}
	o := row{Object: coffer.Object{Key: key, DeleteMarker: true, Modified: s.now()}, body: body{id: id}}
	if err := s.planReplication(tx, b, &o); err != nil {
		return Deleted{}, err
	}
	var old *row
	if current != nil {
		old = &current.row
	} else if err := s.admitMarker(tx, b, key); err != nil {
		return Deleted{}, err
	}
	err = errors.Join(s.addVersion(tx, b, &o, old), s.marked(tx, b, &o))
	return Deleted{VersionID: coffer.VersionName(o.VersionID), Marker: true}, err
}

// admitMarker tells whether there is room for a delete marker that hides nothing: of
// those there can be any number, for keys that nobody ever wrote.
func (s Session) admitMarker(tx meta.Tx, b coffer.Bucket, key string) error {
	if b.Versioning != coffer.VersioningEnabled {
		if position, err := nullPosition(tx, b.ID, key); err != nil || position != "" {
			return err // it takes the place of the version called null
		}
	}
	if err := s.Writable(); err != nil {
		return err
	}
	return s.withinQuota(tx, b, 1, 0)
}

// removeVersion ends a version and its bytes; the one that was the newest before
// it is current again. Who may do so was found before.
func (s *Service) removeVersion(tx meta.Tx, b coffer.Bucket, v *version) error {
	if v.current() {
		if err := s.dropCurrent(tx, b, &v.row); err != nil {
			return err
		}
	} else if err := errors.Join(s.release(tx, v.body), deleteOther(tx, b, v.row)); err != nil {
		return err
	}
	if b.Versioning == coffer.VersioningUnset {
		return nil
	}
	return promote(tx, b, v.Key)
}
