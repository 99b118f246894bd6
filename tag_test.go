package coffer_test

import (
	"strconv"
	"strings"
	"testing"

	"coffer"
)

func TestCheckTags(t *testing.T) {
	many := func(n int) []coffer.Tag {
		var tags []coffer.Tag
		for i := range n {
			tags = append(tags, coffer.Tag{Key: "k" + strconv.Itoa(i)})
		}
		return tags
	}
	one := func(key, value string) []coffer.Tag { return []coffer.Tag{{Key: key, Value: value}} }
	const ok = coffer.Internal
	tests := []struct {
		name           string
		tags           []coffer.Tag
		object, bucket coffer.Code
	}{
		{"None", nil, ok, ok},
		{"TenOfAnObject", many(10), ok, ok},
		{"ElevenAreForABucketOnly", many(11), coffer.BadRequest, ok},
		{"FiftyOne", many(51), coffer.BadRequest, coffer.BadRequest},
		{"LongestKeyAndValue", one(strings.Repeat("k", 128), strings.Repeat("v", 256)), ok, ok},
		{"KeyTooLong", one(strings.Repeat("k", 129), ""), coffer.InvalidTag, coffer.InvalidTag},
		{"ValueTooLong", one("k", strings.Repeat("v", 257)), coffer.InvalidTag, coffer.InvalidTag},
		{"LettersOutsideThePlaneCountTwice", one(strings.Repeat("\U00020000", 65), ""), coffer.InvalidTag, coffer.InvalidTag},
		{"AsManyOfThemAsFit", one(strings.Repeat("\U00020000", 64), ""), ok, ok},
		{"EmptyKey", one("", "v"), coffer.InvalidTag, coffer.InvalidTag},
		{"AllCharactersThatAreAllowed", one("Ключ 1+-=._:/@", "値 2+-=._:/@"), ok, ok},
		{"Control", one("te\tst", ""), coffer.InvalidTag, coffer.InvalidTag},
		{"Punctuation", one("k", "a,b"), coffer.InvalidTag, coffer.InvalidTag},
		{"NotUTF8", one("k", "\xff"), coffer.InvalidTag, coffer.InvalidTag},
		{"System", one("aws:x", ""), coffer.InvalidTag, coffer.InvalidTag},
		{"SystemInOtherCase", one("AWS:x", ""), coffer.InvalidTag, coffer.InvalidTag},
		{"Twice", append(one("k", "1"), one("k", "2")...), coffer.InvalidTag, coffer.InvalidTag},
		{"OtherCaseIsAnotherKey", append(one("k", "1"), one("K", "2")...), ok, ok},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check := func(call string, err error, want coffer.Code) {
				if (err == nil) != (want == ok) || coffer.CodeOf(err) != want {
					t.Errorf("%s = %v, want code %d", call, err, want)
				}
			}
			check("CheckObjectTags", coffer.CheckObjectTags(tt.tags), tt.object)
			check("CheckBucketTags", coffer.CheckBucketTags(tt.tags), tt.bucket)
		})
	}
}
