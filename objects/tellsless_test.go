package objects

import (
	"strings"
	"testing"

	"coffer"
)

// TestWhoMayNotReadTagsIsNotToldOfThem: not even how many they are.
func TestWhoMayNotReadTagsIsNotToldOfThem(t *testing.T) {
	w := newOpenWorld(t)
	if _, err := w.alice.Put(t.Context(), PutInput{Bucket: "bucket", Key: "k", Body: strings.NewReader("x"), Size: 1, Tags: []coffer.Tag{{Key: "a", Value: "b"}}}); err != nil {
		t.Fatal(err)
	}
	for actions, want := range map[string]int{`"s3:GetObject"`: 0, `"s3:GetObject","s3:GetObjectTagging"`: 1} {
		must(t, w.alice.PutBucketPolicy(t.Context(), "bucket", statement("Allow", onlyBob, actions, "")))
		c, err := w.bob.Head(t.Context(), GetInput{Bucket: "bucket", Key: "k"})
		if err != nil || len(c.Tags) != want {
			t.Errorf("Head by who may %s = %v, %v, want %d tags", actions, c, err, want)
		}
	}
}

// TestWhoBeganAnUploadCanBeDeniedItsParts: having begun it is no right that a policy
// cannot take.
func TestWhoBeganAnUploadCanBeDeniedItsParts(t *testing.T) {
	w := newOpenWorld(t)
	must(t, w.alice.PutBucketPolicy(t.Context(), "bucket", statement("Allow", onlyBob, `"s3:PutObject"`, "")))
	u, err := w.bob.CreateUpload(t.Context(), UploadInput{Bucket: "bucket", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.bob.ListParts(t.Context(), "bucket", "k", u.ID, 0, 10); err != nil {
		t.Errorf("ListParts by who began the upload = %v, want nil", err)
	}
	must(t, w.alice.PutBucketPolicy(t.Context(), "bucket", statement("Deny", onlyBob, `"s3:ListMultipartUploadParts"`, "")))
	if _, err := w.bob.ListParts(t.Context(), "bucket", "k", u.ID, 0, 10); coffer.CodeOf(err) != coffer.AccessDenied {
		t.Errorf("ListParts by who began the upload and is denied it = %v, want AccessDenied", err)
	}
}
