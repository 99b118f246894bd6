package s3

import (
	"net/http"
	"net/url"
	"testing"

	"coffer"
)

// FuzzCopySource holds that a source is read in one way: what was read, written
// again, is the same, and names a bucket and a key that can be.
func FuzzCopySource(f *testing.F) {
	for _, s := range []string{"/bucket/key", "bucket/a%2Fb?versionId=null", "%2Fbucket%2Fkey", "//bucket/key", "bucket/../x", "bucket/%00", "?versionId=", "arn:aws:s3:::b/k", "b%zz", "bucket/é%3FversionId=x", "bucket/a+b%2Bc", "bucket/key?versionId=n%75ll"} {
		f.Add(s)
	}
	read := func(header string) (source, error) {
		q := &request{r: &http.Request{Header: http.Header{"X-Amz-Copy-Source": {header}}}}
		return q.copySource()
	}
	f.Fuzz(func(t *testing.T, header string) {
		s, err := read(header)
		if err != nil {
			if coffer.CodeOf(err) == coffer.Internal {
				t.Errorf("copySource(%q) = %v, want a refusal with a code", header, err)
			}
			return
		}
		if _, err := coffer.ParseBucketName(string(s.bucket)); err != nil || coffer.CheckObjectKey(s.key) != nil {
			t.Fatalf("copySource(%q) = %+v, which cannot be", header, s)
		}
		again := "/" + string(s.bucket) + "/" + url.QueryEscape(s.key)
		if s.version != "" {
			again += "?versionId=" + s.version
		}
		if back, err := read(again); err != nil || back != s {
			t.Errorf("copySource(%q) = %+v, and %q = %+v, %v", header, s, again, back, err)
		}
	})
}
