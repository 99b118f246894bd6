package objects

import (
	"context"

	"coffer"
	"coffer/meta"
)

// fieldTag is the field of a tag in the records of objects and uploads: the key
// ended by a NUL, then the value.
const fieldTag = 20

// ObjectTagging reads what is known of an object, with its tags in the order in
// which they were given.
func (s Session) ObjectTagging(ctx context.Context, bucket coffer.BucketName, key, version string) (*Content, error) {
	return s.Head(ctx, GetInput{Bucket: bucket, Key: key, Version: version, Action: coffer.GetObjectTagging})
}

// PutObjectTagging puts tags in the place of those that an object has. Nothing
// else of it changes, its time neither. The result is the version that has them;
// "" where the bucket has no versions.
func (s Session) PutObjectTagging(ctx context.Context, bucket coffer.BucketName, key, version string, tags []coffer.Tag) (string, error) {
	if err := coffer.CheckObjectTags(tags); err != nil {
		return "", err
	}
	if err := s.Writable(); err != nil {
		return "", err
	}
	return s.setTags(ctx, bucket, key, version, tags, coffer.PutObjectTagging)
}

// DeleteObjectTagging takes all tags from an object, as PutObjectTagging of none.
func (s Session) DeleteObjectTagging(ctx context.Context, bucket coffer.BucketName, key, version string) (string, error) {
	return s.setTags(ctx, bucket, key, version, nil, coffer.DeleteObjectTagging)
}

func (s Session) setTags(ctx context.Context, bucket coffer.BucketName, key, version string, tags []coffer.Tag, a coffer.Action) (of string, err error) {
	err = s.change(ctx, bucket, key, version, a, func(tx meta.Tx, b coffer.Bucket, o *row) error {
		of = versionIn(b, o)
		o.Tags = tags
		return s.tagged(tx, b, o)
	})
	return of, err
}

// versionIn is how an answer names the version that was changed; "" where the bucket
// has no versions.
func versionIn(b coffer.Bucket, o *row) string {
	if b.Versioning == coffer.VersioningUnset {
		return ""
	}
	return coffer.VersionName(o.VersionID)
}

// change rewrites what is known of a version in its place, and leaves its bytes and
// its time, for who may do a to it.
func (s Session) change(ctx context.Context, bucket coffer.BucketName, key, version string, a coffer.Action,
	fn func(meta.Tx, coffer.Bucket, *row) error) error {
	if err := coffer.CheckObjectKey(key); err != nil {
		return err
	}
	s = s.at(version)
	return s.Meta.Update(ctx, func(tx meta.Tx) error {
		b, err := s.bucket(tx, bucket, a.OfVersion(version), key)
		if err != nil {
			return err
		}
		o, err := findReadable(tx, b, key, version)
		if hidden := s.hide(tx, b, key, err); hidden != nil && (hidden != err || o == nil) {
			return hidden
		}
		if err := checkMarker(o.Object); err != nil {
			return err
		}
		if err := fn(tx, b, &o.row); err != nil {
			return err
		}
		return tx.Set(o.at, encodeRow(o.row))
	})
}

// admitTags refuses tags that an object to be written cannot have, or that the
// actor may not give it: that needs PutObjectTagging beside PutObject (AWS,
// "PutObject", Permissions).
func (s Session) admitTags(ctx context.Context, bucket coffer.BucketName, key string, tags []coffer.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	if err := coffer.CheckObjectTags(tags); err != nil {
		return err
	}
	return s.Meta.View(ctx, func(r meta.Reader) error {
		_, err := s.toMake().bucket(r, bucket, coffer.PutObjectTagging, key)
		return err
	})
}

// copiedTags are the tags of a copy of an object that has source. To keep them
// the actor must be allowed to read them there and to write them here (AWS,
// "CopyObject", Permissions).
func (s Session) copiedTags(r meta.Reader, from, to coffer.Bucket, in CopyInput, source []coffer.Tag) ([]coffer.Tag, error) {
	if in.ReplaceTags {
		return in.Tags, nil
	}
	if len(source) == 0 {
		return nil, nil
	}
	if err := s.at(in.SourceVersion).authorize(r, from, coffer.GetObjectTagging.OfVersion(in.SourceVersion), in.SourceKey); err != nil {
		return nil, err
	}
	return source, s.toMake().authorize(r, to, coffer.PutObjectTagging, in.Key)
}

// BucketTagging reads the tags of a bucket; the error is NoSuchTagSet if it has
// none.
func (s Session) BucketTagging(ctx context.Context, bucket coffer.BucketName) ([]coffer.Tag, error) {
	tags, err := getConfig[[]coffer.Tag](ctx, s, bucket, configTagging, coffer.GetBucketTagging, coffer.NoSuchTagSet)
	if err != nil {
		return nil, err
	}
	return *tags, nil
}

// PutBucketTagging puts tags in the place of those that a bucket has; none is as
// DeleteBucketTagging.
func (s Session) PutBucketTagging(ctx context.Context, bucket coffer.BucketName, tags []coffer.Tag) error {
	if err := coffer.CheckBucketTags(tags); err != nil {
		return err
	}
	if len(tags) == 0 {
		return s.DeleteBucketTagging(ctx, bucket)
	}
	return s.putConfig(ctx, bucket, configTagging, coffer.PutBucketTagging, tags)
}

// DeleteBucketTagging takes all tags from a bucket.
func (s Session) DeleteBucketTagging(ctx context.Context, bucket coffer.BucketName) error {
	return s.deleteConfig(ctx, bucket, configTagging, coffer.PutBucketTagging)
}

// admitBucketTags refuses tags that a bucket to be made cannot have, or that the
// actor may not give it.
func (s Session) admitBucketTags(bucket coffer.BucketName, tags []coffer.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	if err := coffer.CheckBucketTags(tags); err != nil {
		return err
	}
	return s.allow(coffer.PutBucketTagging, bucket)
}

// tagNewBucket writes the tags of a bucket that tx makes.
func (s Session) tagNewBucket(ctx context.Context, tx meta.Tx, b coffer.Bucket, tags []coffer.Tag) error {
	if len(tags) == 0 {
		return nil
	}
	return s.setConfig(ctx, tx, b, configTagging, tags)
}
