package objects

import (
	"errors"
	"fmt"

	"coffer"
	"coffer/meta"
)

const bucketTaggingVersion = 1

// encodeTags adds one field for each tag: the key, a NUL, the value. No key has a
// NUL in it, see coffer.CheckObjectTags.
func encodeTags(r *meta.Record, field int, tags []coffer.Tag) {
	for _, t := range tags {
		r.Text(field, t.Key+"\x00"+t.Value)
	}
}

func decodeTag(f meta.Field, field int, tags *[]coffer.Tag) bool {
	if f.Number != field {
		return false
	}
	key, value, ok := cutNUL(f.Text())
	if ok {
		*tags = append(*tags, coffer.Tag{Key: key, Value: value})
	}
	return ok
}

func encodeBucketTagging(tags []coffer.Tag) []byte {
	r := meta.NewRecord(bucketTaggingVersion)
	encodeTags(r, 1, tags)
	return r.Bytes()
}

func decodeBucketTagging(value []byte) ([]coffer.Tag, error) {
	var tags []coffer.Tag
	err := meta.ReadRecord(value, bucketTaggingVersion, func(f meta.Field) error {
		if !decodeTag(f, 1, &tags) {
			return f.Unknown()
		}
		return nil
	})
	if err == nil && len(tags) == 0 {
		err = errors.New("it has no tags")
	}
	if err != nil {
		return nil, fmt.Errorf("bucket tagging record: %w", err)
	}
	return tags, nil
}

// versionOf is the version of a record if it is one of those from oldest to
// newest, and newest for all others, which reading then refuses.
func versionOf(value []byte, oldest, newest byte) byte {
	if len(value) > 0 && oldest <= value[0] && value[0] < newest {
		return value[0]
	}
	return newest
}
