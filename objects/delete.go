package objects

import (
	"context"
	"errors"

	"coffer"
	"coffer/meta"
)

// Doomed names an object to delete, and the entity tag that it must have, if not
// "". Version is "" or null, the only one where versions are not kept.
type Doomed struct {
	Key     string
	IfMatch string
	Version string
}

// Delete removes an object; one that does not exist is no error, as in S3. When
// it returns without error the object is durably gone.
func (s Session) Delete(ctx context.Context, bucket coffer.BucketName, d Doomed) error {
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, bucket, coffer.GetBucketLocation, "")
		if err != nil {
			return err
		}
		return s.remove(tx, b, d)
	})
}

// DeleteMany removes objects and tells for each what became of it: nil, or why
// it is still there. The error is for the request as a whole; some of the objects
// may be gone then.
func (s Session) DeleteMany(ctx context.Context, bucket coffer.BucketName, doomed []Doomed) ([]error, error) {
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
func (s Session) deleteTogether(ctx context.Context, bucket coffer.BucketName, doomed []Doomed) ([]error, error) {
	results := make([]error, len(doomed))
	err := s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, bucket, coffer.GetBucketLocation, "")
		if err != nil {
			return err
		}
		for i, d := range doomed {
			results[i] = s.remove(tx, b, d)
			if results[i] != nil && coffer.CodeOf(results[i]) == coffer.Internal {
				return results[i]
			}
		}
		return nil
	})
	return results, err
}

// remove deletes the current version in tx. It is the one place where an object
// ends.
func (s Session) remove(tx meta.Tx, b coffer.Bucket, d Doomed) error {
	if err := coffer.CheckObjectKey(d.Key); err != nil {
		return err
	}
	if err := s.allow(coffer.DeleteObject, b.Name, d.Key); err != nil {
		return err
	}
	if d.Version != "" && d.Version != "null" {
		return (&coffer.Error{Code: coffer.NoSuchVersion}).With("Key", d.Key).With("VersionId", d.Version)
	}
	old, err := currentRow(tx, b.ID, d.Key)
	if err != nil {
		return err
	}
	if err := (Conditions{IfMatch: d.IfMatch}).checkWrite(old, d.Key); err != nil || old == nil {
		return err
	}
	if err := s.release(tx, old.body); err != nil {
		return err
	}
	if err := count(tx, b, -1, -old.Size); err != nil {
		return err
	}
	return tx.Delete(objectKey(b.ID, d.Key))
}
