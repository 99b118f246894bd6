package objects

import (
	"testing"

	"coffer"
)

// TestWhatAWSAlwaysSends are keys that policies count on to be there: a Deny of all
// that no service of AWS does has them beside the addresses that may.
func TestWhatAWSAlwaysSends(t *testing.T) {
	for _, tt := range []struct {
		key, value string
		nobody     bool // a request without a key has it too
	}{
		{"aws:ViaAWSService", "false", true},
		{"aws:PrincipalIsAWSService", "false", false},
		{"aws:RequestedRegion", "auto", true},
		{"aws:ResourceAccount", "111111111111", true},
	} {
		t.Run(tt.key, func(t *testing.T) {
			w := newOpenWorld(t)
			must(t, putAs(t, w.alice, "k", coffer.NewACL{Canned: coffer.CannedPublicRead}))
			must(t, w.alice.PutBucketPolicy(t.Context(), "bucket", statement("Deny", everybody, `"s3:GetObject"`,
				`,"Condition":{"StringEquals":{"`+tt.key+`":"`+tt.value+`"}}`)))
			_, err := w.alice.Head(t.Context(), GetInput{Bucket: "bucket", Key: "k"})
			wantCode(t, "the owner's key: Head()", err, coffer.AccessDenied)
			_, err = w.As(coffer.Actor{}).Head(t.Context(), GetInput{Bucket: "bucket", Key: "k"})
			if denied := coffer.CodeOf(err) == coffer.AccessDenied; denied != tt.nobody {
				t.Errorf("nobody: Head() = %v, want a denial: %t", err, tt.nobody)
			}
		})
	}
}

// TestAVersionIsTheOneThatIsAskedFor: in a batch of deletes and as the source of a
// copy, where the query of the request does not name it.
func TestAVersionIsTheOneThatIsAskedFor(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	must(t, w.alice.PutVersioning(ctx, "bucket", coffer.VersioningEnabled))
	kept, other := w.put(t, "k", []byte("kept")), w.put(t, "k", []byte("other"))
	must(t, w.alice.PutBucketPolicy(ctx, "bucket", statement("Deny", everybody, `"s3:DeleteObjectVersion","s3:GetObjectVersion"`,
		`,"Condition":{"StringEquals":{"s3:VersionId":"`+kept.VersionID+`"}}`)))
	s := w.alice.In(func(string) []string { return nil })
	_, err := s.Delete(ctx, "bucket", Doomed{Key: "k", Version: kept.VersionID})
	wantCode(t, "Delete() of the version", err, coffer.AccessDenied)
	_, err = s.Copy(ctx, CopyInput{SourceBucket: "bucket", SourceKey: "k", SourceVersion: kept.VersionID, Bucket: "bucket", Key: "copy"})
	wantCode(t, "Copy() of the version", err, coffer.AccessDenied)
	_, err = s.Copy(ctx, CopyInput{SourceBucket: "bucket", SourceKey: "k", SourceVersion: other.VersionID, Bucket: "bucket", Key: "copy"})
	must(t, err)
	_, err = s.Delete(ctx, "bucket", Doomed{Key: "k", Version: other.VersionID})
	must(t, err)
}
