package objects

import (
	"context"
	"errors"
	"time"

	"coffer"
	"coffer/meta"
)

// RenameInput names what Rename renames, and to what.
type RenameInput struct {
	Bucket    coffer.BucketName
	Key       string
	SourceKey string
	// If is about an object that has the new name already, SourceIf about the one
	// that is renamed.
	If, SourceIf Conditions
}

// Rename gives an object another name in its bucket, in the place of the one that
// has it (AWS, "RenameObject", there for directory buckets only). Nobody sees both
// or neither. To rename is to read and delete here what is written there, and the
// actor must be allowed each.
func (s Session) Rename(ctx context.Context, in RenameInput) error {
	if err := errors.Join(coffer.CheckObjectKey(in.Key), coffer.CheckObjectKey(in.SourceKey)); err != nil {
		return err
	}
	if in.Key == in.SourceKey {
		return coffer.Errorf(coffer.InvalidRequest, "The object has that name already.")
	}
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, in.Bucket, coffer.GetObject, in.SourceKey)
		if err != nil {
			return err
		}
		if err := s.authorize(tx, b, coffer.PutObject, in.Key); err != nil {
			return err
		}
		if err := s.Writable(); err != nil {
			return err
		}
		if b.Versioning != coffer.VersioningUnset {
			return coffer.Errorf(coffer.InvalidRequest, "Objects of a bucket that keeps versions cannot be renamed: copy the object, and delete it under its old name.")
		}
		source, err := currentRow(tx, b.ID, in.SourceKey)
		if err != nil {
			return err
		}
		if source == nil {
			return s.hide(tx, b, in.SourceKey, noSuchObject(in.SourceKey))
		}
		if err := in.SourceIf.checkOther(source.Object, "x-amz-rename-source-"); err != nil {
			return err
		}
		return s.rename(tx, b, in, *source)
	})
}

// rename ends the object under its old name before it makes it under the new one, so
// that it needs no room besides. duplicate has given its body a second owner then.
func (s Session) rename(tx meta.Tx, b coffer.Bucket, in RenameInput, made row) (err error) {
	if err := s.checkReplaced(tx, b, in); err != nil {
		return err
	}
	made.Key = in.Key
	made.Tags, err = s.copiedTags(tx, b, b, CopyInput{Bucket: in.Bucket, Key: in.Key, SourceBucket: in.Bucket, SourceKey: in.SourceKey}, made.Tags)
	if err != nil {
		return err
	}
	if made.body, err = s.duplicate(tx, made.body); err != nil {
		return err
	}
	if _, err := s.remove(tx, b, Doomed{Key: in.SourceKey}); err != nil {
		return err
	}
	return s.replace(tx, b, &made, in.If)
}

// checkReplaced applies the conditions on the times of the object that has the new
// name, which no other write has.
func (s Session) checkReplaced(tx meta.Tx, b coffer.Bucket, in RenameInput) error {
	if in.If.IfModifiedSince.IsZero() && in.If.IfUnmodifiedSince.IsZero() {
		return nil
	}
	old, err := currentRow(tx, b.ID, in.Key)
	if err != nil {
		return err
	}
	after := func(t time.Time) bool { return old != nil && old.Modified.Truncate(time.Second).After(t) }
	if t := in.If.IfModifiedSince; !t.IsZero() && !after(t) {
		return failed("If-Modified-Since")
	}
	if t := in.If.IfUnmodifiedSince; !t.IsZero() && after(t) {
		return failed("If-Unmodified-Since")
	}
	return nil
}
