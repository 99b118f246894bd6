package objects

import (
	"coffer"
	"coffer/meta"
)

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
