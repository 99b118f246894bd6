package model_test

import "testing"

// TestFound plays what random operations once found.
func TestFound(t *testing.T) {
	for _, tt := range []struct {
		name string
		ops  []op
	}{
		{"APartIsNoCopyOfADeleteMarker", []op{
			{Do: "SetVersioning", As: "owner", Bucket: "plain", Value: "Enabled"},
			{Do: "Delete", As: "owner", Bucket: "plain", Key: "b"},
			{Do: "CreateUpload", As: "owner", Bucket: "plain", Key: "a"},
			{Do: "CopyPart", As: "owner", Bucket: "plain", FromBucket: "plain", FromKey: "b", FromVersion: 1, Upload: 1, Part: 1},
		}},
		{"WhoOwnsWhatIsOverwrittenDoesNotMatterToTags", []op{
			{Do: "SetPolicy", As: "owner", Bucket: "plain", Value: "not b"},
			{Do: "SetOwnership", As: "owner", Bucket: "plain", Value: "ObjectWriter"},
			{Do: "Put", As: "other", Bucket: "plain", Key: "a", Size: 100},
			{Do: "Put", As: "owner", Bucket: "plain", Key: "a", Size: 100, Tags: "t=1"},
			{Do: "Put", As: "other", Bucket: "plain", Key: "a", Size: 100},
			{Do: "Put", As: "owner", Bucket: "plain", Key: "a", Size: 100, ACL: "bucket-owner-full-control"},
		}},
		{"WhoBeganAnUploadMayEndItThoughThePolicyIsGone", []op{
			{Do: "SetPublicAccess", As: "owner", Bucket: "plain", Value: "open"},
			{Do: "SetPolicy", As: "owner", Bucket: "plain", Value: "account"},
			{Do: "CreateUpload", As: "other", Bucket: "plain", Key: "a/c"},
			{Do: "SetPolicy", As: "owner", Bucket: "plain", Value: "read"},
			{Do: "ListParts", As: "other", Bucket: "plain", Upload: 1},
			{Do: "Abort", As: "other", Bucket: "plain", Upload: 1},
			{Do: "Abort", As: "other", Bucket: "plain", Upload: 1},
		}},
		{"AScopeBindsWhoBeganAnUploadToo", []op{
			{Do: "SetPolicy", As: "other", Bucket: "theirs", Value: "account"},
			{Do: "CreateUpload", As: "owner", Bucket: "theirs", Key: "a"},
			{Do: "Abort", As: "scoped", Bucket: "theirs", Upload: 1},
		}},
		{"AnUploadWithIfNoneMatchConflictsWithADeleteSinceItBegan", []op{
			{Do: "CreateUpload", As: "owner", Bucket: "locked", Key: "a"},
			{Do: "UploadPart", As: "owner", Bucket: "locked", Size: 20, Upload: 1, Part: 1},
			{Do: "Delete", As: "owner", Bucket: "locked", Key: "a"},
			{Do: "Complete", As: "owner", Bucket: "locked", Match: "if-none-match *", Upload: 1, Parts: []int{1}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if differs := play(t, tt.ops); differs != "" {
				t.Error(differs)
			}
		})
	}
}
