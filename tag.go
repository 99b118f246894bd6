package coffer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Tag is a name and a value that a bucket or an object is marked with.
type Tag struct{ Key, Value string }

// How many tags there may be, and how long a key and a value may be in UTF-16
// code units (AWS, "Categorizing your objects using tags" and "Using cost
// allocation S3 bucket tags").
const (
	ObjectTagsMax = 10
	BucketTagsMax = 50

	tagKeyMax   = 128
	tagValueMax = 256
)

// CheckObjectTags tells whether an object can have these tags. The error is
// BadRequest if they are too many, and InvalidTag if one of them cannot be.
func CheckObjectTags(tags []Tag) error {
	if len(tags) > ObjectTagsMax {
		return Errorf(BadRequest, "Object tags cannot be greater than %d", ObjectTagsMax)
	}
	return checkTags(tags, "Your TagKey cannot be prefixed with aws:")
}

// CheckBucketTags is CheckObjectTags for a bucket.
func CheckBucketTags(tags []Tag) error {
	if len(tags) > BucketTagsMax {
		return Errorf(BadRequest, "Bucket tag count cannot be greater than %d", BucketTagsMax)
	}
	return checkTags(tags, systemTag)
}

const systemTag = "System tags cannot be added/updated by requester"

// checkTags checks each; system is what is said of one that only AWS may have.
func checkTags(tags []Tag, system string) error {
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		switch {
		case t.Key == "" || !isTagText(t.Key, tagKeyMax):
			return Errorf(InvalidTag, "The TagKey you have provided is invalid").With("TagKey", t.Key)
		case !isTagText(t.Value, tagValueMax):
			return Errorf(InvalidTag, "The TagValue you have provided is invalid").With("TagKey", t.Key).With("TagValue", t.Value)
		case len(t.Key) >= 4 && strings.EqualFold(t.Key[:4], "aws:"):
			return Errorf(InvalidTag, "%s", system).With("TagKey", t.Key)
		case seen[t.Key]:
			return Errorf(InvalidTag, "Cannot provide multiple Tags with the same key").With("TagKey", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}

// isTagText tells whether s is up to limit UTF-16 units of what AWS allows:
// letters, digits and spaces of any script, and + - = . _ : / @.
func isTagText(s string, limit int) bool {
	if !utf8.ValidString(s) || utf16Len(s) > limit {
		return false
	}
	for _, r := range s {
		if !unicode.In(r, unicode.L, unicode.N, unicode.Z) && !strings.ContainsRune("+-=._:/@", r) {
			return false
		}
	}
	return true
}

// utf16Len is the length of s in UTF-16 code units.
func utf16Len(s string) (units int) {
	for _, r := range s {
		units += utf16.RuneLen(r)
	}
	return units
}

// FindTag returns the tag that a condition key of a policy names, or nil. Case does not
// count in the names of condition keys, and in those of tags it does: of two tags that
// differ by nothing else the one that is written as in the policy is meant.
func FindTag(tags []Tag, name string) *Tag {
	if i := slices.IndexFunc(tags, func(t Tag) bool { return t.Key == name }); i >= 0 {
		return &tags[i]
	}
	if i := slices.IndexFunc(tags, func(t Tag) bool { return strings.EqualFold(t.Key, name) }); i >= 0 {
		return &tags[i]
	}
	return nil
}
